//! After `shunt finish` the dirty log is of no use, but sidecars go on appending to it until they learn of it: its
//! rows are taken away again and again, without ever standing in a writer's way.

use flag_client::{HomeConn, HomeError};
use topology::ShardedTable;

use crate::db;

/// Log rows in one transaction: a few milliseconds.
const BATCH_ROWS: usize = 500;
/// Batches in one call, so that the controller goes on with its other work.
const MAX_BATCHES: usize = 20;

/// Deletes committed rows of the log; returns how many. Rows that somebody holds are left for the next call: no
/// lock is waited for, and none is taken on the table or on gaps (a TRUNCATE would stop every writer behind the
/// oldest open transaction).
///
/// # Errors
/// [`HomeError`].
pub async fn forget(conn: &mut HomeConn, table: &ShardedTable) -> Result<usize, HomeError> {
    let log = table.dirty_log();
    let doing = "dropping the log of an ended reverse sync";
    let mut all = 0;
    for _ in 0..MAX_BATCHES {
        let sql = format!(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;START TRANSACTION;\
             SELECT sidecar,n FROM {log} LIMIT {BATCH_ROWS} FOR UPDATE SKIP LOCKED"
        );
        let results = db::packet(conn, doing, &sql).await?;
        let rows = results.into_iter().nth(2).unwrap_or_default();
        // One row a statement: a long list of keys makes the server scan, and lock what it scans.
        let deletes: String = rows
            .iter()
            .map(|row| {
                let (sidecar, n): (u64, u64) = (db::number(row, 0), db::number(row, 1));
                format!("DELETE FROM {log} WHERE sidecar={sidecar} AND n={n};")
            })
            .collect();
        let done = db::packet(conn, doing, &format!("{deletes}COMMIT")).await;
        if done.is_err() {
            conn.run(doing, "ROLLBACK").await?;
        }
        done?;
        all += rows.len();
        if rows.len() < BATCH_ROWS {
            break;
        }
    }
    Ok(all)
}
