//! Unique keys that do not contain the shard key: while only the shards are written, nobody enforces them.

use flag_client::HomeError;
use topology::TableSchema;

use super::Context;
use crate::db;

const CHECK: &str = "unique_keys";

pub(super) async fn check(cx: &mut Context<'_>, schema: &TableSchema) -> Result<(), HomeError> {
    let primary = ("PRIMARY", &schema.primary_key);
    let others = schema.unique_keys.iter().map(|key| (key.name.as_str(), &key.columns));
    for (name, columns) in std::iter::once(primary).chain(others) {
        if columns.iter().any(|column| schema.is_shard_key(column)) {
            continue;
        }
        let key = format!("`{name}` ({})", columns.join(", "));
        cx.report.keys_not_unique.push(key.clone());
        cx.report.warn(
            CHECK,
            format!(
                "unique key {key} does not contain the shard key {}: in 0011 two shards can hold the same value, and such rows \
                 cannot go back",
                schema.table.shard_key()
            ),
            "accept it when you go to 0011 (shunt flip --force), or make the values unique in the application",
        );
    }
    let sql = "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA=? AND TABLE_NAME=? \
               AND NON_UNIQUE=0 AND INDEX_NAME<>'PRIMARY' AND (SUB_PART IS NOT NULL OR COLUMN_NAME IS NULL)";
    let odd: Vec<String> =
        cx.conn.rows("looking at unique keys", sql, db::name_params(cx.table.legacy())).await?;
    for name in odd {
        cx.report.warn(
            CHECK,
            format!(
                "unique key `{name}` is over an expression or the beginning of a column: in 0011 a value that moves from one \
                 row to another reaches legacy more slowly"
            ),
            "nothing, unless such values move often",
        );
    }
    if cx.report.keys_not_unique.is_empty() {
        cx.report.ok(CHECK, "every unique key contains the shard key");
    }
    Ok(())
}
