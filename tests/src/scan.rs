//! Both sides of a migration, read from the server itself in one snapshot.
//!
//! A dual write commits both sides in one transaction, so any one snapshot shows them equal once the copy is
//! certified, however busy the application is. Nothing has to be stopped for the comparison.

use std::{collections::HashMap, time::Duration};

use futures_util::TryStreamExt;
use mysql_async::{Conn, prelude::Queryable};
use tokio::time::sleep;
use topology::{Gate, GateState, Phase, ShardId, ShardedTable, Side};

use crate::{
    Outcome,
    history::{Clock, Difference, Image, Micros, Read, Scope},
    patience::until,
    sql,
};

/// More differences are counted, not told: a side that was never filled differs in every row.
const TOLD_DIFFERENCES: usize = 10_000;

/// A row and a checksum of its other columns.
type Full = (Image, u64);

/// What one snapshot shows.
#[derive(Debug)]
pub struct Snapshot {
    /// The side that is the authority.
    pub authority: Read,
    /// What differs, where the phase demands equality; rows in a wrong shard, always.
    pub differences: Vec<Difference>,
}

/// Reads both sides and compares them where the phase demands it. `equal` is false before the copy is certified.
/// The phase must not change while the snapshot is opened: [`Scanner`] sees to that.
///
/// # Errors
/// What the server says.
pub async fn scan(
    conn: &mut Conn,
    clock: Clock,
    table: &ShardedTable,
    phase: Phase,
    equal: bool,
) -> Outcome<Snapshot> {
    let time = open(conn, clock).await?;
    read(conn, time, table, phase, equal).await
}

/// Takes snapshots of a running migration.
#[derive(Debug)]
pub struct Scanner {
    conn: Conn,
    /// The gate is read here: inside a snapshot its old name would be seen for ever.
    gates: Conn,
    clock: Clock,
    table: ShardedTable,
}

impl Scanner {
    /// Connects with an account that may read everything.
    ///
    /// # Errors
    /// What the server says.
    pub async fn connect(url: &str, clock: Clock, table: ShardedTable) -> Outcome<Self> {
        Ok(Self { conn: Conn::from_url(url).await?, gates: Conn::from_url(url).await?, clock, table })
    }

    /// The gate that exists; `None` before the first sidecar.
    ///
    /// # Errors
    /// When there is more than one, or what the server says.
    pub async fn gate(&mut self) -> Outcome<Option<Gate>> {
        let names: Vec<String> = self
            .gates
            .query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'shunt'")
            .await?;
        let mut gates = Vec::new();
        for name in names {
            gates.extend(Gate::parse(&name)?.filter(|gate| gate.table == *self.table.id()));
        }
        match gates.len() {
            0 | 1 => Ok(gates.pop()),
            _ => Err(format!("{} gates: {gates:?}", gates.len()).into()),
        }
    }

    /// One snapshot and the phase it belongs to; `None` when a flip came between, or in `hold`.
    ///
    /// # Errors
    /// What the server says.
    pub async fn snapshot(&mut self, equal: bool) -> Outcome<Option<(Phase, Snapshot)>> {
        let before = self.gate().await?;
        let time = open(&mut self.conn, self.clock).await?;
        let phase = match (&before, before == self.gate().await?) {
            (None, true) => Phase::Legacy,
            (Some(Gate { state: GateState::Open(phase), .. }), true) => *phase,
            _ => {
                self.conn.query_drop("COMMIT").await?;
                return Ok(None);
            }
        };
        let snapshot = read(&mut self.conn, time, &self.table, phase, equal).await?;
        Ok(Some((phase, snapshot)))
    }

    /// Waits until no transaction of the application is open: connections that a killed sidecar left behind.
    ///
    /// # Errors
    /// What the server says.
    pub async fn quiet(&mut self) -> Outcome {
        let open = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0";
        until("the end of all transactions", async || {
            // The list is renewed only when nobody has looked for 0.1 s.
            sleep(Duration::from_millis(150)).await;
            Ok(self.gates.query_first(open).await? == Some(0))
        })
        .await
    }
}

/// Opens a snapshot. It shows what was committed at one moment between the two times.
async fn open(conn: &mut Conn, clock: Clock) -> Outcome<(Micros, Micros)> {
    conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    let began = clock.now();
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    Ok((began, clock.now()))
}

async fn read(
    conn: &mut Conn,
    (began, ended): (Micros, Micros),
    table: &ShardedTable,
    phase: Phase,
    equal: bool,
) -> Outcome<Snapshot> {
    let dual = phase.writes(Side::Legacy) && phase.writes(Side::Shards);
    let mut legacy = Vec::new();
    if dual || phase.authority() == Side::Legacy {
        legacy = read_table(conn, &table.legacy().to_string()).await?;
    }
    let mut shards = Vec::new();
    let mut differences = Vec::new();
    if phase.writes(Side::Shards) {
        for (number, name) in table.numbered_shards() {
            let rows = read_table(conn, &name.to_string()).await?;
            misplaced(table, number, &rows, &mut differences);
            shards.extend(rows);
        }
    }
    conn.query_drop("COMMIT").await?;
    if dual && equal {
        compare(&legacy, &shards, &mut differences);
    }
    let authority = if phase.authority() == Side::Legacy { legacy } else { shards };
    let rows = authority.into_iter().map(|(image, _)| image).collect();
    Ok(Snapshot { authority: Read { began, ended, scope: Scope::All, rows }, differences })
}

async fn read_table(conn: &mut Conn, name: &str) -> Outcome<Vec<Full>> {
    type Row = (u64, u64, u64, u32, u32, u64);
    let other = sql::OTHER_COLUMNS;
    let statement = format!(
        "SELECT id, token, version, changes, payload, CONV(LEFT(SHA2({other}, 224), 15), 16, 10) FROM {name}"
    );
    let mut rows = Vec::new();
    let mut result = conn.query_iter(statement).await?;
    if let Some(mut stream) = result.stream::<Row>().await? {
        while let Some((id, token, version, changes, payload, other)) = stream.try_next().await? {
            let intact = sql::payload(token, version) == payload;
            rows.push((Image { id, token, version, changes, intact }, other));
        }
    }
    drop(result);
    Ok(rows)
}

fn misplaced(table: &ShardedTable, shard: ShardId, rows: &[Full], found: &mut Vec<Difference>) {
    for (image, _) in rows {
        let right = table.shard_of(i128::from(image.id));
        if right != shard && found.len() < TOLD_DIFFERENCES {
            let what = format!("in shard {} instead of {}", shard.0, right.0);
            found.push(Difference { id: image.id, what });
        }
    }
}

fn compare(legacy: &[Full], shards: &[Full], found: &mut Vec<Difference>) {
    let mut rest: HashMap<u64, &Full> = HashMap::with_capacity(shards.len());
    for full in shards {
        if rest.insert(full.0.id, full).is_some() {
            let what = "twice in the shards".to_owned();
            found.push(Difference { id: full.0.id, what });
        }
    }
    for full in legacy {
        let what = match rest.remove(&full.0.id) {
            Some(other) if other == full => continue,
            Some(other) => format!("differs: legacy {full:?}, shards {other:?}"),
            None => "only in legacy".to_owned(),
        };
        if found.len() < TOLD_DIFFERENCES {
            found.push(Difference { id: full.0.id, what });
        }
    }
    for id in rest.into_keys().take(TOLD_DIFFERENCES.saturating_sub(found.len())) {
        found.push(Difference { id, what: "only in the shards".to_owned() });
    }
}
