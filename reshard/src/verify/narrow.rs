//! From a chunk whose sums differ to the rows, columns and values that differ, in the chunk's own snapshot.

use std::collections::{BTreeMap, BTreeSet};

use flag_client::HomeConn;
use mysql_async::{Row, Value};
use topology::{QualifiedName, TableSchema};

use super::pass::{Context, VerifyError, legacy_follows};
use crate::{
    copy::read_key,
    db, image,
    keys::{Key, KeyError, KeyRange},
};

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 64;

/// A column whose value is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// Legacy's value, truncated; `NULL` for NULL.
    pub legacy: String,
    /// The shard's value, truncated.
    pub shard: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum Problem {
    /// Legacy has it, no shard does.
    MissingInShards,
    /// A shard has it, legacy does not.
    MissingInLegacy {
        /// The shard table.
        shard: String,
    },
    /// Both have it, with other values.
    Differs {
        /// The shard table.
        shard: String,
        /// The columns.
        columns: Vec<ColumnDifference>,
    },
    /// It is in a shard that its key does not name, or in several.
    Misplaced {
        /// Where it is.
        found_in: Vec<String>,
        /// Where it should be.
        belongs_in: String,
    },
}

/// A row that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowDifference {
    /// The primary key as a person reads it.
    pub key: String,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
}

/// What a chunk's narrowing found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub keys: Vec<Key>,
    pub pending: u64,
    pub shown: Vec<RowDifference>,
}

/// Where one key was seen: index of the table (0 legacy, then the shards), hash, shard its key names.
type Seen = (usize, String, usize);

/// Lists the rows of the chunk on both sides and finds those that differ.
pub(super) async fn narrow(
    conn: &mut HomeConn,
    context: &Context<'_>,
    range: &KeyRange,
) -> Result<Found, VerifyError> {
    let width = context.shape.width();
    let results = db::packet(conn, "listing a chunk's rows", &rows_sql(context, range)?).await?;
    let mut rows: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    for row in results.into_iter().flatten() {
        let seen = (db::number(&row, 0), db::text(&row, 1).unwrap_or_default(), db::number(&row, 2));
        rows.entry(read_key(&row, 3, width)).or_default().push(seen);
    }
    rows.retain(|_, seen| !agrees(seen));
    let mut found = Found::default();
    if legacy_follows(context.gate) && !rows.is_empty() {
        let on_the_way = keys_on_the_way(conn, context, range).await?;
        let all = rows.len();
        rows.retain(|key, _| !on_the_way.contains(key));
        found.pending = (all - rows.len()) as u64;
    }
    for (key, seen) in &rows {
        if found.shown.len() < context.show {
            let problem = explain(conn, context, key, seen).await?;
            found.shown.push(RowDifference { key: context.shape.show(key), problem });
        }
    }
    found.keys = rows.into_keys().collect();
    Ok(found)
}

/// One row in legacy, one in the shard that the key names, the same hash.
fn agrees(seen: &[Seen]) -> bool {
    let mut seen: Vec<_> = seen.iter().collect();
    seen.sort_by_key(|seen| seen.0);
    matches!(seen.as_slice(), [(0, legacy, _), (shard, hash, named)]
        if *shard > 0 && *shard == named + 1 && legacy == hash)
}

fn tables(schema: &TableSchema) -> impl Iterator<Item = (usize, &QualifiedName)> {
    std::iter::once(schema.table.legacy()).chain(schema.table.shards()).enumerate()
}

fn rows_sql(context: &Context<'_>, range: &KeyRange) -> Result<String, KeyError> {
    let key = topology::quote_ident(context.schema.table.shard_key());
    let shard_sql = context.schema.table.shard_sql(&format!("`t`.{key}"));
    let condition = context.shape.in_range("t", range)?;
    let parts = tables(context.schema).map(|(i, name)| {
        format!(
            "SELECT {i},{hash},{shard_sql},{keys} FROM {table} `t` FORCE INDEX (PRIMARY) WHERE {condition}",
            hash = image::row_hash(context.schema, "t"),
            keys = context.shape.select_list("t"),
            table = name.quoted(),
        )
    });
    // Not a UNION: the texts of the keys keep their own character set.
    Ok(parts.collect::<Vec<_>>().join(";"))
}

/// The keys of the range in the dirty log, and all that are parked.
async fn keys_on_the_way(
    conn: &mut HomeConn,
    context: &Context<'_>,
    range: &KeyRange,
) -> Result<BTreeSet<Key>, VerifyError> {
    let sql = format!(
        "SELECT {} FROM {} `d` WHERE {};SELECT key_json FROM shunt.parked WHERE table_id='{}'",
        context.shape.select_list("d"),
        context.schema.table.dirty_log(),
        context.shape.in_range("d", range)?,
        context.schema.table.id()
    );
    let mut results = db::packet(conn, "reading the dirty log", &sql).await?.into_iter();
    let width = context.shape.width();
    let logged = results.next().unwrap_or_default();
    let parked = results.next().unwrap_or_default();
    let parked = parked.iter().filter_map(|row| {
        let json = db::text(row, 0)?;
        serde_json::from_str(&json).ok()
    });
    Ok(logged.iter().map(|row| read_key(row, 0, width)).chain(parked).collect())
}

async fn explain(
    conn: &mut HomeConn,
    context: &Context<'_>,
    key: &Key,
    seen: &[Seen],
) -> Result<Problem, VerifyError> {
    let schema = context.schema;
    let name = |table: usize| {
        let name = tables(schema).nth(table).map(|(_, name)| name.to_string());
        name.unwrap_or_default()
    };
    let in_legacy = seen.iter().any(|seen| seen.0 == 0);
    let in_shards: Vec<&Seen> = seen.iter().filter(|seen| seen.0 > 0).collect();
    Ok(match in_shards.as_slice() {
        [] => Problem::MissingInShards,
        [(shard, _, named)] if *shard == named + 1 && !in_legacy => {
            Problem::MissingInLegacy { shard: name(*shard) }
        }
        [(shard, _, named)] if *shard == named + 1 => Problem::Differs {
            shard: name(*shard),
            columns: differing_columns(conn, context, key, *shard).await?,
        },
        [first, ..] => Problem::Misplaced {
            found_in: in_shards.iter().map(|seen| name(seen.0)).collect(),
            belongs_in: name(first.2 + 1),
        },
    })
}

async fn differing_columns(
    conn: &mut HomeConn,
    context: &Context<'_>,
    key: &Key,
    shard: usize,
) -> Result<Vec<ColumnDifference>, VerifyError> {
    let condition = context.shape.any_of("t", [key])?;
    let columns = context.schema.stored_columns().map(|column| {
        let image = image::column_image("t", column);
        format!("LEFT({image},256),SHA2({image},256)")
    });
    let columns = columns.collect::<Vec<_>>().join(",");
    let selects = tables(context.schema)
        .filter(|(table, _)| *table == 0 || *table == shard)
        .map(|(_, name)| format!("SELECT {columns} FROM {} `t` WHERE {condition}", name.quoted()));
    let sql = selects.collect::<Vec<_>>().join(";");
    let results = db::packet(conn, "reading a differing row", &sql).await?;
    let row = |side: usize| results.get(side).and_then(|rows| rows.first());
    let (Some(legacy), Some(shard)) = (row(0), row(1)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (i, column) in context.schema.stored_columns().enumerate() {
        if db::text(legacy, 2 * i + 1) != db::text(shard, 2 * i + 1) {
            found.push(ColumnDifference {
                column: column.name.clone(),
                legacy: show(legacy, 2 * i),
                shard: show(shard, 2 * i),
            });
        }
    }
    Ok(found)
}

/// A value for a person: text where it is text, else hex, truncated.
fn show(row: &Row, index: usize) -> String {
    let bytes = match row.as_ref(index) {
        None | Some(Value::NULL) => return "NULL".to_owned(),
        Some(Value::Bytes(bytes)) => bytes,
        Some(value) => return value.as_sql(true),
    };
    let text = String::from_utf8_lossy(bytes);
    let printable = !text.contains('\u{fffd}') && !text.chars().any(char::is_control);
    let text = if printable {
        format!("'{text}'")
    } else {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("0x{hex}")
    };
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(table: usize, hash: &str, named: usize) -> Seen {
        (table, hash.to_owned(), named)
    }

    #[test]
    fn only_one_row_on_each_side_in_the_right_shard_agrees() {
        assert!(agrees(&[seen(0, "1", 3), seen(4, "1", 3)]));
        assert!(agrees(&[seen(4, "1", 3), seen(0, "1", 3)]));
        for wrong in [
            vec![seen(0, "1", 3)],
            vec![seen(4, "1", 3)],
            vec![seen(0, "1", 3), seen(4, "2", 3)],
            vec![seen(0, "1", 3), seen(5, "1", 3)],
            vec![seen(0, "1", 3), seen(4, "1", 3), seen(5, "1", 3)],
            vec![seen(0, "1", 3), seen(0, "1", 3)],
        ] {
            assert!(!agrees(&wrong), "{wrong:?}");
        }
    }
}
