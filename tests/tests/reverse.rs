//! The reverse sync on real servers: legacy follows whatever the application does to the shards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use reshard::reverse::{Applier, Drained, ReverseError, backlog, parked};
use tests::{
    Failure, Outcome,
    patience::{PATIENCE, until},
    rig::Rig,
    servers::Kind,
};
use tokio_util::sync::CancellationToken;
use topology::{Gate, GateState, Phase};

const BOTH: [(Kind, &str); 2] = [(Kind::MySql, "my"), (Kind::MariaDb, "ma")];
const USER: &str = "id BIGINT PRIMARY KEY, n INT NOT NULL DEFAULT 0, email VARCHAR(40) NOT NULL, \
    e ENUM('a','') NULL, s SET('x','y') NULL, b BIT(64) NULL, at TIMESTAMP(3) NULL, UNIQUE KEY email (email)";
const COLUMNS: &str = "id,n,email,e+0,s+0,b+0,at";

fn applier(rig: &Rig) -> Arc<Applier> {
    Arc::new(Applier::new(rig.home.clone(), rig.table.clone(), rig.gate.clone()))
}

/// Runs the applier until the log is empty. It never waits for an open transaction of the application.
async fn settle(rig: &mut Rig) -> Outcome {
    let applier = applier(rig);
    let cancel = CancellationToken::new();
    let task = {
        let cancel = cancel.clone();
        tokio::spawn(async move { applier.run(&cancel).await })
    };
    let empty = async || Ok(backlog(&mut rig.conn, &rig.table).await? == 0);
    let emptied = until("an empty log", empty).await;
    cancel.cancel();
    task.await??;
    emptied
}

/// A sidecar's part: the statement on a shard and the keys into the log, in one transaction.
struct Sidecar {
    conn: Conn,
    id: u64,
    n: u64,
    log: String,
    gate: String,
}

impl Sidecar {
    async fn new(rig: &Rig, kind: Kind, id: u64) -> Outcome<Self> {
        Ok(Self {
            conn: rig.application(kind).await?,
            id,
            n: 0,
            log: rig.table.dirty_log(),
            gate: rig.gate.probe_sql(kind == Kind::MariaDb),
        })
    }

    fn packet(&mut self, sql: &str, keys: &[i64]) -> String {
        let rows: Vec<String> = keys
            .iter()
            .map(|key| {
                self.n += 1;
                format!("({},{},{key})", self.id, self.n)
            })
            .collect();
        format!("{};{sql};INSERT INTO {} (sidecar,n,id) VALUES {}", self.gate, self.log, rows.join(","))
    }

    async fn write(&mut self, sql: &str, keys: &[i64]) -> Result<(), mysql_async::Error> {
        let packet = self.packet(sql, keys);
        let result = self.conn.query_drop(format!("START TRANSACTION;{packet};COMMIT")).await;
        if result.is_err() {
            self.conn.query_drop("ROLLBACK").await?;
        }
        result
    }
}

async fn rig(kind: Kind, name: &str) -> Outcome<Rig> {
    Rig::new(kind, name, USER, "id", 4, Phase::Shards).await
}

#[tokio::test]
async fn inserts_updates_deletes_and_moves_arrive() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_basic_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 7).await?;
        app.conn.query_drop("SET SESSION sql_mode=''").await?;
        app.write("INSERT INTO user_1 VALUES (1,0,'a','nonsense','x,y',18446744073709551615,'2021-10-31 01:30:00.5'),(5,0,'b','',NULL,NULL,NULL)", &[1, 5]).await?;
        app.write("INSERT INTO user_0 (id,email) VALUES (0,'zero'),(-4,'minus')", &[0, -4]).await?;
        settle(&mut rig).await?;
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 4);
        app.write("UPDATE user_1 SET n=9 WHERE id=1", &[1]).await?;
        app.write("DELETE FROM user_0 WHERE id=0", &[0]).await?;
        // The shard key changes: the row moves from one shard to another.
        app.write("INSERT INTO user_2 (id,n,email) SELECT 6,n,email FROM user_1 WHERE id=5;DELETE FROM user_1 WHERE id=5", &[5, 6]).await?;
        settle(&mut rig).await?;
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 3);
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_lost() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_late_{short}")).await?;
        let mut late = Sidecar::new(&rig, kind, 1).await?;
        let mut early = Sidecar::new(&rig, kind, 1).await?;
        early.n = 100;
        // Takes the lower numbers, commits after the higher ones were applied; and touches the same row.
        early.write("INSERT INTO user_1 (id,n,email) VALUES (1,1,'a')", &[1]).await?;
        let packet = late.packet(
            "UPDATE user_1 SET n=2 WHERE id=1;INSERT INTO user_2 (id,email) VALUES (2,'late')",
            &[1, 2],
        );
        late.conn.query_drop(format!("START TRANSACTION;{packet}")).await?;
        settle(&mut rig).await?;
        assert_eq!(rig.number("SELECT n FROM @.user WHERE id=1").await?, 1, "{kind:?}");
        late.conn.query_drop("COMMIT").await?;
        settle(&mut rig).await?;
        assert_eq!(rig.number("SELECT n FROM @.user WHERE id=1").await?, 2, "{kind:?}");
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
    }
    Ok(())
}

/// The numbers on both sides of an open one are taken off the log by a long list, which must not scan into it.
#[tokio::test]
async fn a_long_list_leaves_the_log_past_an_open_transaction() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_long_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 1).await?;
        let mut late = Sidecar::new(&rig, kind, 1).await?;
        for ids in [1..400, 401..800] {
            let ids: Vec<i64> = ids.map(|id| id * 4).collect();
            let rows: Vec<String> = ids.iter().map(|id| format!("({id},'e{id}')")).collect();
            app.write(&format!("INSERT INTO user_0 (id,email) VALUES {}", rows.join(",")), &ids).await?;
            if app.n < 400 {
                late.n = app.n;
                let packet = late.packet("INSERT INTO user_1 (id,email) VALUES (1,'late')", &[1]);
                late.conn.query_drop(format!("START TRANSACTION;{packet}")).await?;
                app.n = late.n;
            }
        }
        settle(&mut rig).await?;
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 798, "{kind:?}");
        late.conn.query_drop("COMMIT").await?;
        settle(&mut rig).await?;
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unique_values_that_move_along_a_chain_arrive() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_chain_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 1).await?;
        for id in 0..8 {
            app.write(&format!("INSERT INTO user_{} (id,email) VALUES ({id},'e{id}')", id % 4), &[id])
                .await?;
        }
        settle(&mut rig).await?;
        // Each takes the next one's value. Only the last step is seen first: the log is read by sidecar.
        let mut first = Sidecar::new(&rig, kind, 9).await?;
        let mut second = Sidecar::new(&rig, kind, 8).await?;
        let mut third = Sidecar::new(&rig, kind, 2).await?;
        first.write("UPDATE user_3 SET email='free' WHERE id=3", &[3]).await?;
        second.write("UPDATE user_2 SET email='e3' WHERE id=2", &[2]).await?;
        third.write("UPDATE user_1 SET email='e2' WHERE id=1", &[1]).await?;
        settle(&mut rig).await?;
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
        // Two rows exchange their values in one transaction.
        app.write("UPDATE user_0 SET email='t' WHERE id=0;UPDATE user_1 SET email='e0' WHERE id=5;UPDATE user_0 SET email='e5' WHERE id=0", &[0, 5]).await?;
        settle(&mut rig).await?;
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
        assert!(parked(&mut rig.conn, rig.table.id()).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn lost_uniqueness_parks_the_rows_and_says_so() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_park_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 1).await?;
        app.write("INSERT INTO user_1 (id,email) VALUES (1,'same')", &[1]).await?;
        app.write("INSERT INTO user_2 (id,email) VALUES (2,'same')", &[2]).await?;
        app.write("INSERT INTO user_3 (id,email) VALUES (3,'other')", &[3]).await?;
        settle(&mut rig).await?;
        let stuck = parked(&mut rig.conn, rig.table.id()).await?;
        assert_eq!(stuck.len(), 1, "{kind:?}: {stuck:?}");
        assert!(stuck[0].reason.contains("same"), "{stuck:?}");
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 2, "the others go on");
        let open = rig.gate.clone();
        rig.flip(GateState::Hold).await?;
        let drained = applier(&rig).drain_in_hold(&rig.gate, PATIENCE).await?;
        assert_eq!(drained, Drained::Parked(stuck), "{kind:?}");
        // The old epoch's applier has no say any more.
        let over = Applier::new(rig.home.clone(), rig.table.clone(), open);
        let over = over.run(&CancellationToken::new()).await;
        assert!(matches!(over, Err(ReverseError::EpochOver(_))), "{kind:?}: {over:?}");
        // The application sets it right: the parked row fits again.
        rig.flip(GateState::Open(Phase::Shards)).await?;
        let mut app = Sidecar::new(&rig, kind, 3).await?;
        app.write("UPDATE user_1 SET email='mine';UPDATE user_2 SET email='yours'", &[1]).await?;
        settle(&mut rig).await?;
        rig.flip(GateState::Hold).await?;
        let drained = applier(&rig).drain_in_hold(&rig.gate, PATIENCE).await?;
        assert_eq!(drained, Drained::Equal, "{kind:?}");
        assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
    }
    Ok(())
}

/// Four writers that update, move and delete, and two appliers at once: legacy is equal in the end.
async fn busy(kind: Kind, name: &str) -> Outcome {
    let mut rig = rig(kind, name).await?;
    let (stop, written) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for id in 1..=4 {
        let app = Sidecar::new(&rig, kind, id).await?;
        writers.push(tokio::spawn(write_until(app, stop.clone(), written.clone())));
    }
    let appliers = CancellationToken::new();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (applier, cancel) = (applier(&rig), appliers.clone());
        tasks.push(tokio::spawn(async move { applier.run(&cancel).await.map(|()| applier.rate()) }));
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Fewer would prove nothing.
    until("many writes", async || Ok(written.load(Ordering::Relaxed) > 100)).await?;
    stop.cancel();
    let mut deadlocks = 0;
    for writer in writers {
        deadlocks += writer.await??;
    }
    let left = backlog(&mut rig.conn, &rig.table).await?;
    appliers.cancel();
    let mut rate = 0;
    for task in tasks {
        rate = rate.max(task.await??);
    }
    rig.flip(GateState::Hold).await?;
    let began = Instant::now();
    let drained = applier(&rig).drain_in_hold(&rig.gate, PATIENCE).await?;
    eprintln!(
        "{kind:?}: {written:?} writes, {deadlocks} deadlocks, rate {rate}/s, backlog {left} drained in {:?}",
        began.elapsed()
    );
    assert_eq!(drained, Drained::Equal, "{kind:?}");
    assert_eq!(rig.diverged(COLUMNS).await?, 0, "{kind:?}");
    Ok(())
}

/// Writes, counting, until `stop`; returns how many deadlocks there were.
async fn write_until(mut app: Sidecar, stop: CancellationToken, all: Arc<AtomicU64>) -> Result<u64, Failure> {
    let mut random = app.id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (mut written, mut deadlocks) = (0, 0);
    while !stop.is_cancelled() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let id = i64::try_from(random % 400)?;
        let (shard, value) = (id % 4, written);
        let sidecar = app.id;
        let sql = match random >> 60 {
            0..=3 => format!("DELETE FROM user_{shard} WHERE id={id}"),
            _ => format!(
                "REPLACE INTO user_{shard} (id,n,email) VALUES ({id},{value},'{sidecar}-{value}-{id}')"
            ),
        };
        match app.write(&sql, &[id]).await {
            Ok(()) => {
                written += 1;
                all.fetch_add(1, Ordering::Relaxed);
            }
            Err(mysql_async::Error::Server(error)) if error.code == 1213 => deadlocks += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(deadlocks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_appliers_under_writers_leave_legacy_equal() -> Outcome {
    for (kind, short) in BOTH {
        busy(kind, &format!("rev_busy_{short}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_gate_of_another_epoch_stops_a_batch_before_it_writes() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_gate_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 1).await?;
        app.write("INSERT INTO user_1 (id,email) VALUES (1,'a')", &[1]).await?;
        let old: Gate = rig.gate.clone();
        rig.flip(GateState::Open(Phase::ShardRead)).await?;
        let applier = Applier::new(rig.home.clone(), rig.table.clone(), old);
        let ended = applier.run(&CancellationToken::new()).await;
        assert!(matches!(ended, Err(ReverseError::EpochOver(_))), "{kind:?}: {ended:?}");
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 0);
        assert_eq!(backlog(&mut rig.conn, &rig.table).await?, 1);
    }
    Ok(())
}

/// Without it two appliers left a ghost row: one inserts what the other has just found deleted.
#[tokio::test]
async fn nothing_is_applied_while_another_holds_the_fence() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = rig(kind, &format!("rev_fence_{short}")).await?;
        let mut app = Sidecar::new(&rig, kind, 1).await?;
        app.write("INSERT INTO user_1 (id,email) VALUES (1,'a')", &[1]).await?;
        let mut other = rig.application(kind).await?;
        let fence = format!("SELECT 1 FROM shunt.fence WHERE table_id='{}' FOR UPDATE", rig.table.id());
        other.query_drop(format!("START TRANSACTION;{fence}")).await?;
        let applier = applier(&rig);
        let cancel = CancellationToken::new();
        let task = {
            let cancel = cancel.clone();
            tokio::spawn(async move { applier.run(&cancel).await })
        };
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 0, "{kind:?}");
        other.query_drop("COMMIT").await?;
        until("the row", async || Ok(rig.number("SELECT COUNT(*) FROM @.user").await? == 1)).await?;
        cancel.cancel();
        task.await??;
    }
    Ok(())
}
