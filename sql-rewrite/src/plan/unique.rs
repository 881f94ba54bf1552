//! Unique keys other than the primary key: the rows that a statement may meet through them.

use topology::{TableSchema, UniqueKey, quote_ident};

use super::{
    Context, Refusal,
    given::{Given, Rows},
    keys::by_key,
    refusal,
};

/// For each unique key, conditions that name the rows which hold a value that the statement gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// The key's name, indices of the rows that the conditions are of, and one for each row: `(u=5 AND v=7)`.
    by_key: Vec<(String, Vec<(usize, String)>)>,
}

impl Held {
    /// Reads the values; refuses where it is not certain what is stored.
    pub(crate) fn new(cx: &Context<'_>, rows: &Rows) -> Result<Self, Refusal> {
        let mut by_key = Vec::new();
        for key in &cx.schema.unique_keys {
            check_whole(cx, key)?;
            let mut conditions = Vec::new();
            for row in 0..rows.len() {
                conditions.extend(condition(cx, key, rows, row)?.map(|condition| (row, condition)));
            }
            by_key.push((key.name.clone(), conditions));
        }
        Ok(Self { by_key })
    }

    /// For each unique key of which one of the rows gives a value, how `table` is read by it, and the condition.
    pub(crate) fn conditions(&self, table: &str, of: &dyn Fn(usize) -> bool) -> Vec<(String, String)> {
        let all = |(key, conditions): &(String, Vec<(usize, String)>)| {
            let given = conditions.iter().filter(|(row, _)| of(*row));
            let given: Vec<&str> = given.map(|(_, condition)| condition.as_str()).collect();
            (format!("{table} {}", by_key(key)), given.join(" OR "))
        };
        self.by_key.iter().map(all).filter(|(_, condition)| !condition.is_empty()).collect()
    }

    /// Whether a row gives a value for some unique key: it is found by that, whatever its id is.
    pub(crate) fn names(&self, row: usize) -> bool {
        self.by_key.iter().flat_map(|(_, conditions)| conditions).any(|(named, _)| *named == row)
    }
}

/// Refuses a key of which equal columns are not what it forbids.
pub(crate) fn check_whole(cx: &Context<'_>, key: &UniqueKey) -> Result<(), Refusal> {
    if key.partial {
        let what = format!("unique key `{}` is over an expression or the beginning of a column", key.name);
        return cx.refuse(refusal::OTHER_UNIQUE_KEY, &what);
    }
    Ok(())
}

/// `None` where a part is NULL: such rows meet no other.
fn condition(cx: &Context<'_>, key: &UniqueKey, rows: &Rows, row: usize) -> Result<Option<String>, Refusal> {
    let mut parts = Vec::new();
    for name in &key.columns {
        match rows.given(cx, row, name)? {
            Given::Exact(exact) => parts.push(format!("{}={}", quote_ident(name), exact.sql)),
            // A new id is nobody's yet.
            Given::Null | Given::Generated => return Ok(None),
        }
    }
    Ok(Some(format!("({})", parts.join(" AND "))))
}

/// `` `l`.`u`=`s`.`u` AND … `` over the key's columns.
pub(crate) fn same_values(key: &UniqueKey, left: &str, right: &str) -> String {
    let parts: Vec<String> = key
        .columns
        .iter()
        .map(|name| {
            let column = quote_ident(name);
            format!("{left}.{column}={right}.{column}")
        })
        .collect();
    parts.join(" AND ")
}

/// Rows that hold the same values of such a key are in one shard.
pub(crate) fn contains_shard_key(schema: &TableSchema, columns: &[String]) -> bool {
    columns.iter().any(|name| schema.is_shard_key(name))
}

/// The unique key of which rows of several shards can hold the same value.
pub(crate) fn without_shard_key(schema: &TableSchema) -> Option<&str> {
    if !contains_shard_key(schema, &schema.primary_key) {
        return Some("PRIMARY");
    }
    let mut keys = schema.unique_keys.iter();
    keys.find(|key| !contains_shard_key(schema, &key.columns)).map(|key| key.name.as_str())
}
