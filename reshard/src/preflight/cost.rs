//! What the migration will cost: disk, binary log, time.

use flag_client::HomeError;

use super::Context;
use crate::db;

const CHECK: &str = "cost";

/// Rows a second that a copy reaches on modest hardware; only for the estimate.
const ROWS_PER_SECOND: u64 = 50_000;

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let sql = "SELECT COALESCE(TABLE_ROWS,0),COALESCE(DATA_LENGTH,0),COALESCE(INDEX_LENGTH,0) \
               FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
    let params = db::name_params(cx.table.legacy());
    let rows: Vec<(u64, u64, u64)> = cx.conn.rows("asking how large the table is", sql, params).await?;
    let (rows, data, index) = rows.first().copied().unwrap_or_default();
    let sql = "SELECT @@log_bin,@@max_allowed_packet";
    let settings = db::packet(&mut cx.conn, "reading home's settings", sql).await?;
    let setting = settings.first().and_then(|rows| rows.first());
    let binlog = setting.is_some_and(|row| db::number::<u8>(row, 0) == 1);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    cx.report.ok(
        CHECK,
        format!(
            "about {rows} rows: {} MiB more on disk for the shards, {} of binary log, at least {} s of copying; writes change two \
             tables until 0011",
            mib(data + index),
            if binlog { format!("{} MiB", mib(data)) } else { "nothing".to_owned() },
            rows.div_ceil(ROWS_PER_SECOND)
        ),
    );
    Ok(())
}
