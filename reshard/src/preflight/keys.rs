//! Primary key and shard key can be used: present, NOT NULL, of a type that Shunt shards by.

use flag_client::HomeError;
use topology::{ColumnKind, TableSchema};

use super::Context;
use crate::db;

const CHECK: &str = "keys";

pub(super) async fn check(cx: &mut Context<'_>, schema: &TableSchema) -> Result<(), HomeError> {
    let before = cx.report.findings.len();
    shard_key(cx, schema);
    primary_key(cx, schema);
    let sql = "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA=? AND TABLE_NAME=? \
               AND INDEX_NAME='PRIMARY' AND SUB_PART IS NOT NULL";
    let prefixes: Vec<u64> =
        cx.conn.rows("looking at the primary key", sql, db::name_params(cx.table.legacy())).await?;
    if prefixes.first() != Some(&0) {
        cx.report.error(
            CHECK,
            "the primary key indexes only the beginning of a column: two rows could not be told apart by it",
            "make the primary key of whole columns",
        );
    }
    if schema.auto_increment().is_some_and(|column| !matches!(column.kind, ColumnKind::Integer { .. })) {
        cx.report.no_sequence = Some("the AUTO_INCREMENT column is no integer; make it BIGINT".to_owned());
    }
    if cx.report.findings.len() == before {
        cx.report.ok(
            CHECK,
            format!(
                "primary key ({}), shard key {}",
                schema.primary_key.join(", "),
                schema.table.shard_key()
            ),
        );
    }
    Ok(())
}

fn shard_key(cx: &mut Context<'_>, schema: &TableSchema) {
    let Some(column) = schema.column(schema.table.shard_key()) else {
        return;
    };
    let name = topology::quote_ident(&column.name);
    let table = schema.table.legacy().quoted();
    if !matches!(column.kind, ColumnKind::Integer { .. }) {
        cx.report.error(
            CHECK,
            format!("shard key {name} is {}; only integer columns are supported", column.column_type),
            "configure an integer column as shard key",
        );
    }
    if column.nullable {
        cx.report.error(
            CHECK,
            format!("shard key {name} may be NULL, which belongs into no shard"),
            format!("ALTER TABLE {table} MODIFY {name} {} NOT NULL;", column.column_type),
        );
    }
    if column.generated != topology::Generated::No {
        cx.report.error(
            CHECK,
            format!("shard key {name} is a generated column; a statement does not name its value"),
            "configure an ordinary column as shard key",
        );
    }
}

fn primary_key(cx: &mut Context<'_>, schema: &TableSchema) {
    for column in schema.primary_key.iter().filter_map(|name| schema.column(name)) {
        let name = topology::quote_ident(&column.name);
        if !column.can_identify_rows() {
            cx.report.error(
                CHECK,
                format!(
                    "{name} in the primary key is {}: its values cannot be named exactly in another statement, so every \
                     write would be refused",
                    column.column_type
                ),
                "use an integer, DECIMAL, text, binary or DATETIME column there",
            );
        }
        if ["sidecar", "n"].contains(&column.name.to_lowercase().as_str()) {
            cx.report.error(
                CHECK,
                format!("primary key column {name} has a name that Shunt's dirty log needs"),
                "rename the column",
            );
        }
    }
}
