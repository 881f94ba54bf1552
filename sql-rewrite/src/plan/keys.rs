//! Primary keys as SQL: literals out of values and cells, conditions that name rows.

use std::fmt::Write as _;

use topology::{Column, ColumnKind, ShardId, TableSchema, quote_ident};

use super::Key;

/// Longest IN list: MariaDB turns one of 1,000 (`in_predicate_conversion_threshold`) into a join
/// with a temporary table, which scans and locks the whole table.
const IN_LIST_MAX: usize = 500;

/// Reads that lock go by the index that their condition is on: of a small table the server would rather scan another
/// one that holds all columns it needs, and lock every row of it.
pub(crate) const BY_PRIMARY_KEY: &str = "FORCE INDEX (PRIMARY)";

/// The same for another key. The shards' keys have the names of legacy's (`shunt check`).
pub(crate) fn by_key(name: &str) -> String {
    format!("FORCE INDEX ({})", quote_ident(name))
}

/// A row that a statement touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Its primary key.
    pub(crate) key: Key,
    /// Its shard, where that is known: else any.
    pub(crate) shard: Option<ShardId>,
}

/// The select item that reads a key column, `name` being its qualified name.
pub(crate) fn select_item(column: &Column, name: &str, number: usize) -> String {
    match column.kind {
        ColumnKind::Text | ColumnKind::Binary => format!("HEX(CAST({name} AS BINARY)) AS shunt_key_{number}"),
        _ => name.to_owned(),
    }
}

/// The literal of a cell that [`select_item`] read. `None` if the cell is not what it must be.
pub(crate) fn cell_literal(column: &Column, cell: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(cell).ok()?;
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.')) && !text.is_empty();
    let time = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':' | b' '));
    match column.kind {
        ColumnKind::Integer { .. } | ColumnKind::Other if number => Some(text.to_owned()),
        ColumnKind::Binary if hex => Some(format!("x'{text}'")),
        ColumnKind::Text if hex => Some(format!("_{} x'{text}'", charset(column)?)),
        ColumnKind::Temporal if time => Some(format!("'{text}'")),
        _ => None,
    }
}

/// The character set of a column, out of its collation's name: `utf8mb4_bin` -> `utf8mb4`.
pub(crate) fn charset(column: &Column) -> Option<&str> {
    let collation = column.collation.as_deref()?;
    Some(collation.split('_').next().unwrap_or(collation))
}

/// A condition that holds for exactly these keys, and for no row if there are none. In that case it is
/// one that the server evaluates row by row: where it sees beforehand that no row can match, it does not
/// look at the client's own condition, which may be an error, and MariaDB leaves out the info text.
///
/// Composite keys are ORed ANDs: MariaDB does not use an index for `(a,b) IN ((1,2),…)`.
pub(crate) fn restriction(schema: &TableSchema, qualifier: &str, keys: &[&Key]) -> String {
    let columns: Vec<String> =
        schema.primary_key.iter().map(|name| format!("{qualifier}{}", quote_ident(name))).collect();
    let mut out = String::new();
    match columns.as_slice() {
        [column, ..] if keys.is_empty() => {
            let _ = write!(out, "LENGTH({column})<0");
        }
        [column] => {
            for (i, part) in keys.chunks(IN_LIST_MAX).enumerate() {
                let list: Vec<&str> =
                    part.iter().map(|key| key.0.first().map_or("NULL", String::as_str)).collect();
                let or = if i > 0 { " OR " } else { "" };
                let _ = write!(out, "{or}{column} IN ({})", list.join(","));
            }
            if keys.len() > IN_LIST_MAX {
                out = format!("({out})");
            }
        }
        _ => {
            let rows: Vec<String> = keys.iter().map(|key| one_row(&columns, key)).collect();
            out = format!("({})", rows.join(" OR "));
        }
    }
    out
}

fn one_row(columns: &[String], key: &Key) -> String {
    let parts: Vec<String> =
        columns.iter().zip(&key.0).map(|(column, value)| format!("{column}={value}")).collect();
    format!("({})", parts.join(" AND "))
}

/// `` `a`.`id`=`b`.`id` AND … `` over the primary key.
pub(crate) fn same_key(schema: &TableSchema, left: &str, right: &str) -> String {
    let parts: Vec<String> = schema
        .primary_key
        .iter()
        .map(|name| {
            let column = quote_ident(name);
            format!("{left}.{column}={right}.{column}")
        })
        .collect();
    parts.join(" AND ")
}

/// The range of an integer column, from its type's name.
pub(crate) fn integer_range(column: &Column) -> Option<std::ops::RangeInclusive<i128>> {
    let ColumnKind::Integer { unsigned } = column.kind else {
        return None;
    };
    let name = column.column_type.to_ascii_lowercase();
    let bits = match () {
        () if name.starts_with("tinyint") || name.starts_with("bool") => 8,
        () if name.starts_with("smallint") => 16,
        () if name.starts_with("mediumint") => 24,
        () if name.starts_with("bigint") => 64,
        () => 32,
    };
    let span = 1_i128 << bits;
    Some(if unsigned { 0..=span - 1 } else { -span / 2..=span / 2 - 1 })
}
