//! The checkpoint of a copy, which is its progress too: one row a table and epoch in `shunt.copy`.

use std::time::Duration;

use flag_client::{HomeConn, HomeError};
use topology::{Epoch, TableId};

use crate::{db, keys::Key};

/// One row a copy. Times are UTC by the clock of home.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.copy (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, epoch BIGINT UNSIGNED NOT NULL, \
    position LONGTEXT NULL COMMENT 'last copied key; NULL before the first chunk', \
    rows_copied BIGINT UNSIGNED NOT NULL DEFAULT 0, rows_removed BIGINT UNSIGNED NOT NULL DEFAULT 0, \
    chunks BIGINT UNSIGNED NOT NULL DEFAULT 0, percent DOUBLE NULL, rows_per_second DOUBLE NULL, eta_seconds DOUBLE NULL, \
    detail TEXT NULL COMMENT 'why it waits or stopped', \
    started_at DATETIME(6) NOT NULL, updated_at DATETIME(6) NOT NULL, finished_at DATETIME(6) NULL, \
    PRIMARY KEY (table_id, epoch)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Legacy rows copied.
    pub rows: u64,
    /// Rows removed from shards because legacy did not have them.
    pub removed: u64,
    /// Chunks committed.
    pub chunks: u64,
    /// 0 to 100; absent before the first chunk.
    pub percent: Option<f64>,
    /// Over the last seconds.
    pub rows_per_second: Option<f64>,
    /// Time left at this rate.
    pub eta: Option<Duration>,
    /// Every row was copied.
    pub finished: bool,
    /// Why it waits or stopped, in words.
    pub detail: Option<String>,
    /// Since the row was last written: a running copy writes at least every few seconds.
    pub idle: Duration,
}

/// How far the copy of this epoch is; `None` if none was begun.
///
/// # Errors
/// [`HomeError`].
pub async fn progress(
    conn: &mut HomeConn,
    table: &TableId,
    epoch: Epoch,
) -> Result<Option<Progress>, HomeError> {
    let sql = format!(
        "SELECT rows_copied,rows_removed,chunks,percent,rows_per_second,eta_seconds,finished_at IS NOT NULL,detail,\
         TIMESTAMPDIFF(MICROSECOND,updated_at,UTC_TIMESTAMP(6)) FROM shunt.copy WHERE table_id='{table}' AND epoch={epoch}"
    );
    let results = db::packet(conn, "reading the copy's progress", &sql).await?;
    let row = results.first().and_then(|rows| rows.first());
    let float = |row, i| db::text(row, i).and_then(|text| text.parse::<f64>().ok());
    Ok(row.map(|row| Progress {
        rows: db::number(row, 0),
        removed: db::number(row, 1),
        chunks: db::number(row, 2),
        percent: float(row, 3),
        rows_per_second: float(row, 4),
        eta: float(row, 5).and_then(|s| Duration::try_from_secs_f64(s).ok()),
        finished: db::number::<u8>(row, 6) == 1,
        detail: db::text(row, 7),
        idle: Duration::from_micros(db::number(row, 8)),
    }))
}

/// Whether the copy of this epoch is complete.
///
/// # Errors
/// [`HomeError`].
pub async fn finished(conn: &mut HomeConn, table: &TableId, epoch: Epoch) -> Result<bool, HomeError> {
    let progress = progress(conn, table, epoch).await?;
    Ok(progress.is_some_and(|progress| progress.finished))
}

/// Figures that scale the progress and are measured by the running copy.
#[derive(Debug, Clone, Default)]
pub(super) struct Scale {
    /// First key and the one at which the copy will be done, where the key is one integer.
    pub ids: Option<(i128, i128)>,
    /// Estimated rows of the table, for other keys.
    pub rows: u64,
}

impl Scale {
    /// Percent done when `position` was reached after `copied` rows.
    pub fn percent(&self, position: Option<&Key>, copied: u64) -> f64 {
        let id = position.and_then(|key| key.0.first()?.parse::<i128>().ok());
        let part = match (self.ids, id) {
            (Some((low, high)), Some(id)) if high > low => (id - low) as f64 / (high - low) as f64,
            _ if self.rows > 0 => copied as f64 / self.rows as f64,
            _ => 0.0,
        };
        // 100 is said only by the last chunk.
        (part * 100.0).clamp(0.0, 99.9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_scaled_by_ids_where_there_are_ids() {
        let key = |id: &str| Some(Key(vec![id.to_owned()]));
        let ids = Scale { ids: Some((-100, 300)), rows: 10 };
        assert!((ids.percent(key("100").as_ref(), 1) - 50.0).abs() < 1e-9);
        assert!((ids.percent(key("900").as_ref(), 1) - 99.9).abs() < 1e-9);
        let rows = Scale { ids: None, rows: 10 };
        assert!((rows.percent(key("61").as_ref(), 5) - 50.0).abs() < 1e-9);
    }
}
