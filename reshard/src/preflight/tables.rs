//! The tables exist, are InnoDB base tables, and are not partitioned in a way that a TRUNCATE or a copy minds.

use flag_client::HomeError;

use super::Context;
use crate::db;

const CHECK: &str = "tables";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let names: Vec<_> = cx.tables().cloned().collect();
    let before = cx.report.findings.len();
    for (i, name) in names.iter().enumerate() {
        let sql = "SELECT TABLE_TYPE, COALESCE(ENGINE,''), COALESCE(CREATE_OPTIONS,'') \
                   FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
        let rows: Vec<(String, String, String)> =
            cx.conn.rows("looking at the tables", sql, db::name_params(name)).await?;
        let Some((kind, engine, options)) = rows.into_iter().next() else {
            // A missing legacy table is said by the one who loads its shape.
            if i > 0 {
                let fix = format!(
                    "shunt create-shards {}, or paste: CREATE TABLE {} LIKE {};",
                    cx.table.id(),
                    name.quoted(),
                    cx.table.legacy().quoted()
                );
                cx.report.error(CHECK, format!("shard table {name} does not exist"), fix);
            }
            continue;
        };
        if kind != "BASE TABLE" {
            cx.report.error(
                CHECK,
                format!("{name} is no ordinary table but: {kind}"),
                "name a base table in the configuration",
            );
        } else if !engine.eq_ignore_ascii_case("InnoDB") {
            cx.report.error(
                CHECK,
                format!("{name} has engine {engine}; without transactions both sides cannot change together"),
                format!("ALTER TABLE {} ENGINE=InnoDB;", name.quoted()),
            );
        }
        if options.contains("partitioned") {
            cx.report.warn(
                CHECK,
                format!("{name} is partitioned; Shunt treats it as one table, and nobody may TRUNCATE or EXCHANGE a partition"),
                "shards usually need no partitions: leave them out of the shard tables, unless statements have a PARTITION clause",
            );
        }
    }
    if cx.report.findings.len() == before {
        cx.report.ok(CHECK, format!("{} tables are there and InnoDB", names.len()));
    }
    Ok(())
}
