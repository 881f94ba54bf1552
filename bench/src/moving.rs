//! Copy and verify beside what a DBA would type.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reshard::{
    copy::{Copier, Pace, ThrottleLimits, Unsteered},
    verify::{Verifier, VerifyOptions},
};
use tests::{Outcome, rig::Rig, servers::Kind};
use tokio_util::sync::CancellationToken;
use topology::{GateState, Phase};

use crate::Measured;

const SHARDS: u32 = 10;
/// Five columns and two secondary keys.
const COLUMNS: &str = "id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, email VARCHAR(40) NOT NULL, \
    n INT NOT NULL DEFAULT 0, at TIMESTAMP(3) NULL, UNIQUE KEY email (email), KEY name (name)";
const COLUMN_LIST: [&str; 5] = ["id", "name", "email", "n", "at"];
/// The chunk of the server's own copy where Shunt chooses its own.
const PEERS_CHUNK: u32 = 10_000;

/// A filled table with its empty shards.
pub struct Table {
    rig: Rig,
    server: &'static str,
    rows: u32,
}

impl Table {
    /// Makes and fills it.
    pub async fn filled(server: Kind, rows: u32) -> Outcome<Self> {
        let name = format!("bench_{}", server.name());
        let mut rig = Rig::new(server, &name, COLUMNS, "id", SHARDS, Phase::DualWrite).await?;
        rig.run("INSERT INTO @.user (id,name,email,at) VALUES (1,'n1','e1',NOW(3))").await?;
        let mut have = 1;
        while have < rows {
            let sql = format!(
                "INSERT INTO @.user (id,name,email,at) SELECT id+{have},CONCAT('n',id+{have}),CONCAT('e',id+{have}),NOW(3) \
                 FROM @.user WHERE id<={}",
                rows - have
            );
            rig.run(&sql).await?;
            have = (have * 2).min(rows);
        }
        Ok(Self { rig, server: server.name(), rows })
    }

    /// The copy into empty shards, and the server's own.
    pub async fn copy(&mut self, chunk_rows: Option<u32>) -> Outcome<Measured> {
        self.empty().await?;
        let peer = self.copied_by_hand(chunk_rows.unwrap_or(PEERS_CHUNK)).await?;
        self.empty().await?;
        let ours = self.copied(chunk_rows).await?;
        let chunk = chunk_rows.map_or("adaptive".to_owned(), |rows| rows.to_string());
        Ok(self.rates(&format!("copy/{}/chunk-{chunk}", self.server), ours, peer))
    }

    /// A verify pass over equal sides, and the same checksums as one statement for each table.
    pub async fn verify(&mut self) -> Outcome<Measured> {
        self.empty().await?;
        self.copied(None).await?;
        let peer = self.hashed_by_hand().await?;
        let options = VerifyOptions { pace: pace(None), ..VerifyOptions::default() };
        let (home, table, gate) = (self.rig.home.clone(), self.rig.table.clone(), self.rig.gate.clone());
        let verifier = Verifier::new(home, table, gate, options, Arc::new(Unsteered));
        let began = Instant::now();
        let report = verifier.run(&CancellationToken::new()).await?;
        let ours = began.elapsed();
        if !report.clean() {
            return Err("the sides are not equal".into());
        }
        Ok(self.rates(&format!("verify/{}", self.server), ours, peer))
    }

    /// Leaves nothing on the server.
    pub async fn drop(mut self) -> Outcome {
        self.rig.run("DROP DATABASE @").await
    }

    fn rates(&self, name: &str, ours: Duration, peer: Duration) -> Measured {
        let rate = |took: Duration| f64::from(self.rows) / took.as_secs_f64();
        Measured::rates(name.to_owned(), "rows/s", rate(ours), rate(peer))
    }

    /// Empty shards, and an epoch in which nothing was copied.
    async fn empty(&mut self) -> Outcome {
        for i in 0..SHARDS {
            self.rig.run(&format!("TRUNCATE @.user_{i}")).await?;
        }
        self.rig.flip(GateState::Open(Phase::DualWrite)).await
    }

    async fn copied(&self, chunk_rows: Option<u32>) -> Outcome<Duration> {
        let (home, table, gate) = (self.rig.home.clone(), self.rig.table.clone(), self.rig.gate.clone());
        let copier = Copier::new(home, table, gate, pace(chunk_rows), Arc::new(Unsteered));
        let began = Instant::now();
        copier.run(&CancellationToken::new()).await?;
        Ok(began.elapsed())
    }

    async fn copied_by_hand(&mut self, chunk: u32) -> Outcome<Duration> {
        let began = Instant::now();
        for from in (0..self.rows).step_by(chunk as usize) {
            let upto = from + chunk;
            let inserts: Vec<String> = (0..SHARDS)
                .map(|i| {
                    format!(
                        "INSERT INTO @.user_{i} SELECT * FROM @.user WHERE id>{from} AND id<={upto} AND id%{SHARDS}={i}"
                    )
                })
                .collect();
            self.rig.run(&format!("START TRANSACTION;{};COMMIT", inserts.join(";"))).await?;
        }
        Ok(began.elapsed())
    }

    async fn hashed_by_hand(&mut self) -> Outcome<Duration> {
        let parts: Vec<String> = COLUMN_LIST
            .iter()
            .map(|c| format!("IFNULL(CONCAT(LENGTH(CAST({c} AS BINARY)),':',CAST({c} AS BINARY)),'N')"))
            .collect();
        let hash = format!("CAST(CONV(LEFT(SHA2(CONCAT({}),256),16),16,10) AS UNSIGNED)", parts.join(","));
        let began = Instant::now();
        self.rig.run(&format!("SELECT COUNT(*),SUM({hash}) FROM @.user")).await?;
        for i in 0..SHARDS {
            self.rig.run(&format!("SELECT COUNT(*),SUM({hash}) FROM @.user_{i}")).await?;
        }
        Ok(began.elapsed())
    }
}

/// Without a throttle: nothing else is on the server.
fn pace(chunk_rows: Option<u32>) -> Pace {
    Pace { chunk_rows: chunk_rows.map(u64::from), throttle: ThrottleLimits::none(), ..Pace::default() }
}
