//! The image of a row: an exact, collation-free form of each stored column, and a hash over them.
//!
//! Two values have the same image if and only if they are the same value of the column's type. What
//! each choice is for:
//! - every part goes through `CAST(… AS BINARY)`: by collation 'a' = 'A ' would be equal;
//! - a part is its length, a colon and the bytes, NULL is `N`: `CONCAT_WS` drops NULLs and merges
//!   `'a#b','c'` with `'a','b#c'`;
//! - FLOAT goes through DOUBLE: distinct floats share their six-digit text;
//! - ENUM, SET and BIT are their number: ENUM's error value and a member `''` share their text;
//! - long columns (BLOB, TEXT, JSON) are hashed alone: a CONCAT beyond `max_allowed_packet` is NULL;
//! - generated columns are left out, they follow from the others;
//! - TIMESTAMPs are read at UTC, which every control session is pinned to.

use topology::{Column, ColumnKind, TableSchema, quote_ident};

/// SQL for the exact image of a column of table `alias`: a binary string, NULL for NULL.
#[must_use]
pub fn column_image(alias: &str, column: &Column) -> String {
    let name = format!("`{alias}`.{}", quote_ident(&column.name));
    match column.kind {
        ColumnKind::Float | ColumnKind::Double => format!("CAST({name}*1e0 AS BINARY)"),
        ColumnKind::Enum | ColumnKind::Set | ColumnKind::Bit => {
            format!("CAST(CAST({name} AS UNSIGNED) AS BINARY)")
        }
        _ => format!("CAST({name} AS BINARY)"),
    }
}

/// SQL that is true when every stored column of `left` and `right` is the same value.
#[must_use]
pub fn same_row(schema: &TableSchema, left: &str, right: &str) -> String {
    let columns = schema
        .stored_columns()
        .map(|column| format!("{}<=>{}", column_image(left, column), column_image(right, column)));
    columns.collect::<Vec<_>>().join(" AND ")
}

/// SQL for the hash of a row: the first 64 bits of SHA-256 as BIGINT UNSIGNED.
///
/// It is NULL only if the server could not build it (`max_allowed_packet`); callers count that.
#[must_use]
pub fn row_hash(schema: &TableSchema, alias: &str) -> String {
    let parts = schema.stored_columns().map(|column| {
        let image = column_image(alias, column);
        if is_long(column) {
            format!("IFNULL(SHA2({image},256),'N')")
        } else {
            format!("IFNULL(CONCAT(LENGTH({image}),':',{image}),'N')")
        }
    });
    let parts = parts.collect::<Vec<_>>().join(",");
    format!("CAST(CONV(LEFT(SHA2(CONCAT({parts}),256),16),16,10) AS UNSIGNED)")
}

/// Types whose values may be larger than a packet.
fn is_long(column: &Column) -> bool {
    let name = column.column_type.to_ascii_lowercase();
    column.kind == ColumnKind::Json
        || ["text", "blob", "geometry", "point", "polygon", "linestring", "vector"]
            .iter()
            .any(|long| name.contains(long))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{column, schema, text_column};

    #[test]
    fn the_hash_reads_each_kind_exactly() {
        let mut float = column("f", ColumnKind::Float);
        float.column_type = "float".to_owned();
        let mut body = text_column("body");
        body.column_type = "longtext".to_owned();
        let schema = schema(&["id"], vec![float, body]);
        assert_eq!(
            row_hash(&schema, "t"),
            "CAST(CONV(LEFT(SHA2(CONCAT(\
             IFNULL(CONCAT(LENGTH(CAST(`t`.`id` AS BINARY)),':',CAST(`t`.`id` AS BINARY)),'N'),\
             IFNULL(CONCAT(LENGTH(CAST(`t`.`f`*1e0 AS BINARY)),':',CAST(`t`.`f`*1e0 AS BINARY)),'N'),\
             IFNULL(SHA2(CAST(`t`.`body` AS BINARY),256),'N')),256),16),16,10) AS UNSIGNED)"
        );
    }
}
