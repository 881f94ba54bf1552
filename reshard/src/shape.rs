//! Whether the shard tables have the shape of the legacy table, said in words.

use std::collections::BTreeMap;

use flag_client::{HomeConn, HomeError};
use topology::{QualifiedName, ShardedTable};

use crate::db;

/// A column as information_schema shows it: name, type, nullable, character set, collation, extra, expression.
type ColumnRow = (String, String, String, String, String, String, String);

const COLUMNS: &str = "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COALESCE(CHARACTER_SET_NAME,''), \
    COALESCE(COLLATION_NAME,''), EXTRA, COALESCE(GENERATION_EXPRESSION,'') FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA=? AND TABLE_NAME=? ORDER BY ORDINAL_POSITION";

/// Index name, unique or not, its parts in order.
const KEYS: &str = "SELECT INDEX_NAME, CAST(NON_UNIQUE AS CHAR), CAST(COALESCE(COLUMN_NAME,'(expression)') AS CHAR), \
    CAST(COALESCE(SUB_PART,0) AS CHAR), INDEX_TYPE FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA=? AND TABLE_NAME=? ORDER BY INDEX_NAME, SEQ_IN_INDEX";

type KeyRow = (String, String, String, String, String);

/// Every difference between legacy's columns and a shard's that would make copies unequal; one sentence
/// each, empty if there is none. Keys are compared by [`key_differences`].
///
/// # Errors
/// [`HomeError`].
pub async fn differences(conn: &mut HomeConn, table: &ShardedTable) -> Result<Vec<String>, HomeError> {
    let legacy = columns(conn, table.legacy()).await?;
    let mut found = Vec::new();
    for shard in table.shards() {
        let is = columns(conn, shard).await?;
        if is.is_empty() {
            found.push(format!("shard table {shard} does not exist"));
            continue;
        }
        found.extend(compare(table.legacy(), &legacy, shard, &is));
    }
    Ok(found)
}

/// Differences between legacy's keys and a shard's: `(sentence, concerns a unique key)`.
///
/// # Errors
/// [`HomeError`].
pub async fn key_differences(
    conn: &mut HomeConn,
    table: &ShardedTable,
) -> Result<Vec<(String, bool)>, HomeError> {
    let legacy = keys(conn, table.legacy()).await?;
    let mut found = Vec::new();
    for shard in table.shards() {
        let is = keys(conn, shard).await?;
        if is.is_empty() && columns(conn, shard).await?.is_empty() {
            continue;
        }
        for (name, (unique, definition)) in &legacy {
            match is.get(name) {
                Some(key) if key == &(*unique, definition.clone()) => {}
                Some((_, other)) => found.push((
                    format!("key `{name}` is {definition} in {} and {other} in {shard}", table.legacy()),
                    *unique,
                )),
                None => found.push((format!("{shard} lacks key `{name}` {definition}"), *unique)),
            }
        }
        for (name, (unique, definition)) in &is {
            if !legacy.contains_key(name) {
                found.push((
                    format!("{shard} has key `{name}` {definition}, {} has not", table.legacy()),
                    *unique,
                ));
            }
        }
    }
    Ok(found)
}

async fn columns(conn: &mut HomeConn, name: &QualifiedName) -> Result<Vec<ColumnRow>, HomeError> {
    let doing = format!("reading the columns of {name}");
    conn.rows(&doing, COLUMNS, db::name_params(name)).await
}

async fn keys(
    conn: &mut HomeConn,
    name: &QualifiedName,
) -> Result<BTreeMap<String, (bool, String)>, HomeError> {
    let doing = format!("reading the keys of {name}");
    let rows: Vec<KeyRow> = conn.rows(&doing, KEYS, db::name_params(name)).await?;
    let mut keys: BTreeMap<String, (bool, Vec<String>, String)> = BTreeMap::new();
    for (key, non_unique, column, prefix, kind) in rows {
        let entry = keys.entry(key).or_insert_with(|| (non_unique == "0", Vec::new(), kind));
        let prefix = if prefix == "0" { String::new() } else { format!("({prefix})") };
        entry.1.push(format!("{column}{prefix}"));
    }
    Ok(keys
        .into_iter()
        .map(|(name, (unique, columns, kind))| {
            let word = if unique { "UNIQUE " } else { "" };
            (name, (unique, format!("{word}{kind} ({})", columns.join(", "))))
        })
        .collect())
}

fn compare(
    legacy_name: &QualifiedName,
    legacy: &[ColumnRow],
    shard_name: &QualifiedName,
    shard: &[ColumnRow],
) -> Vec<String> {
    let find =
        |columns: &[ColumnRow], name: &str| columns.iter().find(|c| c.0.eq_ignore_ascii_case(name)).cloned();
    let mut found = Vec::new();
    for column in legacy {
        let Some(other) = find(shard, &column.0) else {
            found.push(format!("shard table {shard_name} lacks column `{}`", column.0));
            continue;
        };
        let (is, should) = (describe(&other), describe(column));
        if is != should {
            found.push(format!(
                "column `{}` is `{should}` in {legacy_name} and `{is}` in {shard_name}",
                column.0
            ));
        }
    }
    for column in shard {
        if find(legacy, &column.0).is_none() {
            found.push(format!(
                "shard table {shard_name} has column `{}`, which {legacy_name} has not",
                column.0
            ));
        }
    }
    let order =
        |columns: &[ColumnRow]| -> Vec<String> { columns.iter().map(|c| c.0.to_lowercase()).collect() };
    if found.is_empty() && order(legacy) != order(shard) {
        found.push(format!("the columns of {shard_name} are in another order than those of {legacy_name}"));
    }
    found
}

fn describe(column: &ColumnRow) -> String {
    let (_, kind, nullable, charset, collation, extra, expression) = column;
    let null = if nullable == "YES" { "NULL" } else { "NOT NULL" };
    // A shard's ids are always given, so it may lack AUTO_INCREMENT.
    let extra = extra.to_lowercase().replace("auto_increment", "");
    let words = [kind, charset, collation, null, extra.trim(), expression];
    let words: Vec<&str> = words.into_iter().map(AsRef::as_ref).filter(|w: &&str| !w.is_empty()).collect();
    words.join(" ")
}
