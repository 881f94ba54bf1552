//! Repairs what a pass found, on request only, from the authority, gated.
//!
//! - `DualWrite`: the differing chunks are copied again from legacy.
//! - `ShardRead`: the differing keys are written again in legacy from the shards, under legacy's row locks,
//!   which every writer takes first.
//! - `Shards`: the keys are put into the dirty log; the reverse sync applies them.

use flag_client::{Home, HomeConn, HomeError, load_schema};
use topology::{Gate, GateState, Phase, ShardedTable, TableSchema};

use super::{VerifyError, VerifyReport};
use crate::{
    copy::{Chunk, ChunkError, make_shards_equal},
    db,
    keys::{Key, KeyShape, MAX_KEYS_A_LIST},
    reverse,
};

/// What was repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct RepairReport {
    /// Keys of the report that were written again.
    pub keys: u64,
    /// What could not be repaired, in words.
    pub left: Vec<String>,
}

/// Tries of one chunk against other transactions.
const TRIES: u32 = 20;

/// Repairs the differences of `report` under `gate`. Verify again afterwards.
///
/// # Errors
/// [`VerifyError`]; chunks repaired before it stay repaired.
pub async fn repair(
    home: &Home,
    table: &ShardedTable,
    gate: &Gate,
    report: &VerifyReport,
) -> Result<RepairReport, VerifyError> {
    let mut conn = home.connect().await?;
    let schema = load_schema(&mut conn, table).await?;
    let shape = KeyShape::new(&schema);
    let done = match gate.state {
        GateState::Open(Phase::DualWrite) => from_legacy(&mut conn, &schema, &shape, gate, report).await,
        GateState::Open(Phase::ShardRead) => from_shards(&mut conn, &schema, &shape, gate, report).await,
        GateState::Open(Phase::Shards) => {
            let marked = reverse::mark_dirty(&mut conn, &schema, gate, &report.keys).await;
            marked.map(|()| RepairReport { keys: report.keys.len() as u64, left: Vec::new() })
        }
        _ => Ok(RepairReport {
            keys: 0,
            left: vec![
                "nothing was repaired: in 1100 the shards are filled anew when 1101 opens, in hold the reverse \
                 sync is at work, while DDL runs nobody writes, and after `shunt finish` legacy no longer follows"
                    .to_owned(),
            ],
        }),
    };
    done.map_err(|error| match error {
        VerifyError::Home(cause) if db::is_gate_gone(&cause, gate) => {
            VerifyError::EpochOver(table.id().to_string())
        }
        error => error,
    })
}

async fn from_legacy(
    conn: &mut HomeConn,
    schema: &TableSchema,
    shape: &KeyShape,
    gate: &Gate,
    report: &VerifyReport,
) -> Result<RepairReport, VerifyError> {
    for range in &report.ranges {
        let mut tries = 0;
        loop {
            let chunk = Chunk { schema, shape, gate, range, nowait: false };
            match make_shards_equal(conn, &chunk, |_| None).await {
                Ok(_) => break,
                Err(ChunkError::Home(error)) if db::is_contention(&error) && tries < TRIES => {
                    tries += 1;
                    give_way(tries).await;
                }
                Err(ChunkError::Home(error)) => return Err(error.into()),
                Err(ChunkError::Key(error)) => return Err(error.into()),
            }
        }
    }
    Ok(RepairReport { keys: report.differing, left: Vec::new() })
}

async fn give_way(tries: u32) {
    let pause = std::time::Duration::from_millis(5 << tries.min(6));
    tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * db::jitter())).await;
}

async fn from_shards(
    conn: &mut HomeConn,
    schema: &TableSchema,
    shape: &KeyShape,
    gate: &Gate,
    report: &VerifyReport,
) -> Result<RepairReport, VerifyError> {
    let mut done = RepairReport::default();
    for keys in report.keys.chunks(MAX_KEYS_A_LIST) {
        let mut tries = 0;
        loop {
            let result = keys_from_shards(conn, schema, shape, gate, keys).await;
            let Err(error) = result else {
                done.keys += keys.len() as u64;
                break;
            };
            conn.run("rolling back a repair", "ROLLBACK").await?;
            match error {
                VerifyError::Home(cause) if db::is_contention(&cause) && tries < TRIES => {
                    tries += 1;
                    give_way(tries).await;
                }
                VerifyError::Home(cause) if cause.code() == Some(db::code::DUPLICATE) => {
                    done.left.push(format!(
                        "{} keys were not repaired: {cause}; a row is in two shards, or two shards hold one unique value: \
                         decide by hand which row is right",
                        keys.len()
                    ));
                    break;
                }
                error => return Err(error),
            }
        }
    }
    Ok(done)
}

async fn keys_from_shards(
    conn: &mut HomeConn,
    schema: &TableSchema,
    shape: &KeyShape,
    gate: &Gate,
    keys: &[Key],
) -> Result<(), VerifyError> {
    let legacy = schema.table.legacy().quoted();
    let in_legacy = shape.any_of("l", keys)?;
    let sql = format!(
        "START TRANSACTION;{};SELECT SUM(1) FROM {legacy} `l` FORCE INDEX (PRIMARY) WHERE {in_legacy} FOR UPDATE;\
         {};{};COMMIT",
        gate.probe_sql(conn.mariadb()),
        shape.delete_sql(schema.table.legacy(), keys)?,
        reverse::insert_sql(schema, shape, keys)?
    );
    let result: Result<_, HomeError> = db::packet(conn, "repairing legacy", &sql).await;
    result?;
    Ok(())
}
