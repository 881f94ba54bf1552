//! `shunt.history`: every change of every table's gate, with its reason.
//!
//! The row is written before the RENAME and marked as opened after it, so a controller that dies between
//! the two loses nothing: the next one finds the gate's epoch in a row that is not marked yet.

use flag_client::{HomeConn, HomeError};
use mysql_async::Row;
use serde::{Deserialize, Serialize};
use topology::{Epoch, Gate, TableId};

/// The table. `guards` is a JSON list of what the guards saw.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.history (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    epoch BIGINT UNSIGNED NOT NULL, \
    from_state VARCHAR(8) CHARACTER SET ascii NOT NULL, \
    to_state VARCHAR(8) CHARACTER SET ascii NOT NULL, \
    cause VARCHAR(255) NOT NULL, \
    guards TEXT NOT NULL, \
    controller VARCHAR(128) NOT NULL, \
    written_at DATETIME(3) NOT NULL COMMENT 'UTC', \
    opened_at DATETIME(3) NULL COMMENT 'UTC; NULL: the gate was never seen in this epoch', \
    PRIMARY KEY (table_id, epoch)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The table's id.
    pub table: String,
    /// The epoch that began.
    pub epoch: u64,
    /// Phase or `hold` before; empty for the first gate.
    pub from: String,
    /// Phase or `hold` after.
    pub to: String,
    /// Request, force, hold, first gate, …
    pub cause: String,
    /// What the guards saw.
    pub guards: Vec<String>,
    /// The controller: host and process.
    pub controller: String,
    /// When it opened (UTC), `YYYY-MM-DD hh:mm:ss.mmm`; `None` if the attempt never succeeded.
    pub opened: Option<String>,
}

/// Writes what is about to be done. An attempt that failed before is replaced, a change that was made never.
///
/// # Errors
/// [`HomeError`].
pub async fn intend(
    conn: &mut HomeConn,
    from: Option<&Gate>,
    to: &Gate,
    cause: &str,
    guards: &[String],
    controller: &str,
) -> Result<(), HomeError> {
    let sql = "INSERT INTO shunt.history (table_id, epoch, from_state, to_state, cause, guards, controller, written_at) \
               VALUES (?,?,?,?,?,?,?,UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE \
               from_state=IF(opened_at IS NULL, VALUES(from_state), from_state), \
               to_state=IF(opened_at IS NULL, VALUES(to_state), to_state), \
               cause=IF(opened_at IS NULL, VALUES(cause), cause), \
               guards=IF(opened_at IS NULL, VALUES(guards), guards), \
               controller=IF(opened_at IS NULL, VALUES(controller), controller), \
               written_at=IF(opened_at IS NULL, VALUES(written_at), written_at)";
    let from = from.map(|gate| gate.state.to_string()).unwrap_or_default();
    let guards = serde_json::to_string(guards).unwrap_or_default();
    let params = (
        to.table.as_str(),
        to.epoch.0,
        from,
        to.state.to_string(),
        limited(cause, 255),
        guards,
        limited(controller, 128),
    );
    conn.run_with("writing history", sql, params).await
}

/// Marks the gate's epoch as opened; a change that nobody wrote down is recorded as such.
///
/// # Errors
/// [`HomeError`].
pub async fn opened(conn: &mut HomeConn, gate: &Gate, controller: &str) -> Result<(), HomeError> {
    let sql = "INSERT INTO shunt.history \
               (table_id, epoch, from_state, to_state, cause, guards, controller, written_at, opened_at) \
               VALUES (?,?,'',?,'found by a controller that took over','[]',?,UTC_TIMESTAMP(3),UTC_TIMESTAMP(3)) \
               ON DUPLICATE KEY UPDATE opened_at=COALESCE(opened_at, UTC_TIMESTAMP(3))";
    let params = (gate.table.as_str(), gate.epoch.0, gate.state.to_string(), limited(controller, 128));
    conn.run_with("writing history", sql, params).await
}

/// The highest epoch that was ever opened for `table`: a gate that is missing now was there once.
///
/// # Errors
/// [`HomeError`].
pub async fn last_epoch(conn: &mut HomeConn, table: &TableId) -> Result<Option<Epoch>, HomeError> {
    let sql = "SELECT MAX(epoch) FROM shunt.history WHERE table_id=? AND opened_at IS NOT NULL";
    let rows: Vec<Option<u64>> = conn.rows("reading history", sql, (table.as_str(),)).await?;
    Ok(rows.into_iter().flatten().next().map(Epoch))
}

/// The last `limit` entries of `table`, newest first.
///
/// # Errors
/// [`HomeError`].
pub async fn list(conn: &mut HomeConn, table: &TableId, limit: u32) -> Result<Vec<Entry>, HomeError> {
    let sql = format!(
        "SELECT epoch, from_state, to_state, cause, guards, controller, CAST(opened_at AS CHAR) \
         FROM shunt.history WHERE table_id=? ORDER BY epoch DESC LIMIT {limit}"
    );
    let rows: Vec<Row> = conn.rows("reading history", &sql, (table.as_str(),)).await?;
    Ok(rows.into_iter().filter_map(|row| entry(table, row)).collect())
}

fn entry(table: &TableId, row: Row) -> Option<Entry> {
    type Columns = (u64, String, String, String, String, String, Option<String>);
    let (epoch, from, to, cause, guards, controller, opened): Columns =
        mysql_async::from_row_opt(row).ok()?;
    Some(Entry {
        table: table.to_string(),
        epoch,
        from,
        to,
        cause,
        guards: serde_json::from_str(&guards).unwrap_or_default(),
        controller,
        opened,
    })
}

fn limited(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
