//! The outcomes of passes: `shunt.verify`, one row a finished pass.

use flag_client::{HomeConn, HomeError};
use topology::{Epoch, Gate, TableId};

use super::{RowDifference, VerifyReport};
use crate::db;

/// One row a finished pass. Times are UTC by the clock of home.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.verify (\
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, epoch BIGINT UNSIGNED NOT NULL, \
    phase CHAR(4) CHARACTER SET ascii NOT NULL, begun_at DATETIME(6) NOT NULL, ended_at DATETIME(6) NOT NULL, \
    rows_compared BIGINT UNSIGNED NOT NULL, chunks BIGINT UNSIGNED NOT NULL, differing BIGINT UNSIGNED NOT NULL, \
    pending BIGINT UNSIGNED NOT NULL, \
    after_copy TINYINT NOT NULL COMMENT 'the copy of this epoch was complete when the pass began', \
    sample LONGTEXT NOT NULL COMMENT 'the first differing rows, JSON', \
    KEY by_table (table_id, epoch, id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// Outcomes are kept this long.
const KEEP_DAYS: u32 = 90;

/// The latest finished pass of an epoch.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LastPass {
    /// Legacy rows compared.
    pub rows: u64,
    /// Keys that differ.
    pub differing: u64,
    /// Keys on their way to legacy (`0011`).
    pub pending: u64,
    /// Whether the copy was complete when it began.
    pub after_copy: bool,
    /// When it began and ended, UTC.
    pub begun_at: String,
    /// When it ended, UTC.
    pub ended_at: String,
    /// The first differing rows.
    pub sample: Vec<RowDifference>,
}

pub(super) async fn now(conn: &mut HomeConn) -> Result<String, HomeError> {
    let sql = "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)";
    let rows: Vec<String> = conn.rows("reading home's clock", sql, ()).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

pub(super) async fn save(
    conn: &mut HomeConn,
    gate: &Gate,
    begun_at: &str,
    report: &VerifyReport,
) -> Result<(), HomeError> {
    let phase = gate.state;
    let sample = serde_json::to_string(&report.shown).unwrap_or_else(|_| "[]".to_owned());
    let sql = format!(
        "INSERT INTO shunt.verify (table_id,epoch,phase,begun_at,ended_at,rows_compared,chunks,differing,pending,after_copy,sample) \
         VALUES ('{}',{},'{phase}',{},UTC_TIMESTAMP(6),{},{},{},{},{},{});\
         DELETE FROM shunt.verify WHERE table_id='{}' AND ended_at<UTC_TIMESTAMP(6)-INTERVAL {KEEP_DAYS} DAY",
        gate.table,
        gate.epoch,
        db::quote(begun_at),
        report.rows,
        report.chunks,
        report.differing,
        report.pending,
        u8::from(report.after_copy),
        db::quote(&sample),
        gate.table,
    );
    db::packet(conn, "storing the outcome of verify", &sql).await?;
    Ok(())
}

/// How many clean passes of this epoch there are since the last one that was not; in 1101 only those that
/// began after the copy's end.
///
/// # Errors
/// [`HomeError`].
pub async fn clean_passes(conn: &mut HomeConn, table: &TableId, epoch: Epoch) -> Result<u64, HomeError> {
    let of = format!("table_id='{table}' AND epoch={epoch}");
    let sql = format!(
        "SELECT COUNT(*) FROM shunt.verify WHERE {of} AND differing=0 AND (phase<>'1101' OR after_copy=1) \
         AND id>(SELECT COALESCE(MAX(id),0) FROM shunt.verify WHERE {of} AND differing>0)"
    );
    let rows: Vec<u64> = conn.rows("counting clean passes", &sql, ()).await?;
    Ok(rows.first().copied().unwrap_or(0))
}

/// The latest finished pass of this epoch.
///
/// # Errors
/// [`HomeError`].
pub async fn last_pass(
    conn: &mut HomeConn,
    table: &TableId,
    epoch: Epoch,
) -> Result<Option<LastPass>, HomeError> {
    let sql = format!(
        "SELECT rows_compared,differing,pending,after_copy,CAST(begun_at AS CHAR),CAST(ended_at AS CHAR),sample \
         FROM shunt.verify WHERE table_id='{table}' AND epoch={epoch} ORDER BY id DESC LIMIT 1"
    );
    let results = db::packet(conn, "reading the last pass", &sql).await?;
    let row = results.first().and_then(|rows| rows.first());
    Ok(row.map(|row| LastPass {
        rows: db::number(row, 0),
        differing: db::number(row, 1),
        pending: db::number(row, 2),
        after_copy: db::number::<u8>(row, 3) == 1,
        begun_at: db::text(row, 4).unwrap_or_default(),
        ended_at: db::text(row, 5).unwrap_or_default(),
        sample: db::text(row, 6).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
    }))
}
