//! One batch of the reverse sync, in one gated transaction at READ COMMITTED.
//!
//! 1. the gate, then the fence row FOR UPDATE: one applier at a time;
//! 2. log rows, read without locks;
//! 3. DELETE their keys in legacy;
//! 4. *one* `INSERT … SELECT … UNION ALL` of these keys over all shards: one snapshot, so a row that moves between shards
//!    is seen once. At READ COMMITTED the shards are not locked (locking them gave the application deadlocks);
//!    what commits later brings its own log row;
//! 5. delete exactly the log rows that were read, by equality: a range or watermark would lose the rows of
//!    transactions that take their number early and commit late.
//!
//! 1062 in step 4: legacy still holds the value under another key, whose own change is in the log or
//! was just committed. That owner joins the batch, and 3 and 4 run again, until the chain is closed. What collides
//! even then is written row by row, and the rows that do not fit are parked.

use std::collections::{BTreeMap, BTreeSet};

use flag_client::{HomeConn, HomeError};
use topology::{ColumnKind, Gate, TableSchema, quote_ident};

use super::park;
use crate::{
    copy::read_key,
    db,
    keys::{Key, KeyError, KeyShape, MAX_KEYS_A_LIST},
};

/// Rounds in which owners of conflicting values may join a batch; each closes one link of every chain.
const MAX_ROUNDS: u32 = 32;
/// Keys a batch may grow to through owners; beyond, it goes row by row.
const MAX_KEYS: usize = 5_000;

/// What the applier works with.
pub(super) struct Context<'a> {
    pub schema: &'a TableSchema,
    pub shape: &'a KeyShape,
    pub gate: &'a Gate,
}

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Log rows taken off.
    pub log_rows: usize,
    /// Keys written in legacy.
    pub keys: usize,
    /// Keys parked by this batch.
    pub parked: usize,
    /// The sidecar after which the next batch should begin to look.
    pub next_sidecar: u64,
}

/// A batch's error; the transaction has to be rolled back.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Applies at most `limit` log rows, beginning with those of `from_sidecar`; parked keys too if asked.
pub(super) async fn apply(
    conn: &mut HomeConn,
    context: &Context<'_>,
    from_sidecar: u64,
    limit: usize,
    retry_parked: bool,
) -> Result<Batch, BatchError> {
    let result = transaction(conn, context, from_sidecar, limit, retry_parked).await;
    if result.is_err() {
        let _ = conn.run("rolling back a reverse batch", "ROLLBACK").await;
    }
    result
}

async fn transaction(
    conn: &mut HomeConn,
    context: &Context<'_>,
    from_sidecar: u64,
    limit: usize,
    retry_parked: bool,
) -> Result<Batch, BatchError> {
    let width = context.shape.width();
    let begin = format!(
        "START TRANSACTION;{};SELECT 1 FROM shunt.fence WHERE table_id='{}' FOR UPDATE;\
         SELECT sidecar,n,{} FROM {} `d` FORCE INDEX (PRIMARY) WHERE sidecar>={from_sidecar} ORDER BY sidecar,n LIMIT {limit}",
        context.gate.probe_sql(conn.mariadb()),
        context.schema.table.id(),
        context.shape.select_list("d"),
        context.schema.table.dirty_log(),
    );
    let results = db::packet(conn, "reading the dirty log", &begin).await?;
    let rows = results.get(3).map_or(&[][..], Vec::as_slice);
    let mut log: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for row in rows {
        log.entry(db::number(row, 0)).or_default().push(db::number(row, 1));
        keys.insert(read_key(row, 2, width));
    }
    let were_parked = if retry_parked { park::keys(conn, context.schema).await? } else { Vec::new() };
    keys.extend(were_parked.iter().cloned());
    let parked = write(conn, context, &mut keys).await?;
    let applied: Vec<Key> = keys.iter().filter(|key| !parked.contains_key(*key)).cloned().collect();
    park::forget(conn, context.schema, &applied).await?;
    park::remember(conn, context.schema, &parked).await?;
    delete_log_rows(conn, context, &log).await?;
    conn.run("applying a reverse batch", "COMMIT").await?;
    let last = log.keys().next_back().copied().unwrap_or(0);
    Ok(Batch {
        log_rows: rows.len(),
        keys: applied.len(),
        parked: parked.keys().filter(|key| !were_parked.contains(key)).count(),
        next_sidecar: if rows.len() < limit { 0 } else { last.saturating_add(1) },
    })
}

/// Makes legacy equal to the shards for `keys`, which grow by the owners of conflicting values; returns the
/// keys that do not fit, with the server's words.
async fn write(
    conn: &mut HomeConn,
    context: &Context<'_>,
    keys: &mut BTreeSet<Key>,
) -> Result<BTreeMap<Key, String>, BatchError> {
    for _ in 0..MAX_ROUNDS {
        let list: Vec<Key> = keys.iter().cloned().collect();
        delete(conn, context, &list).await?;
        if insert(conn, context, &list).await? {
            return Ok(BTreeMap::new());
        }
        let owners = owners(conn, context, &list).await?;
        let before = keys.len();
        keys.extend(owners);
        if keys.len() == before || keys.len() > MAX_KEYS {
            break;
        }
    }
    let list: Vec<Key> = keys.iter().cloned().collect();
    delete(conn, context, &list).await?;
    let mut parked = BTreeMap::new();
    for key in list {
        let sql = insert_sql(context.schema, context.shape, std::slice::from_ref(&key))?;
        match conn.run("applying one key to legacy", sql).await {
            Ok(()) => {}
            Err(error) if error.code() == Some(db::code::DUPLICATE) => {
                parked.insert(key, error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(parked)
}

async fn delete(conn: &mut HomeConn, context: &Context<'_>, keys: &[Key]) -> Result<(), BatchError> {
    for keys in keys.chunks(MAX_KEYS_A_LIST) {
        let sql = context.shape.delete_sql(context.schema.table.legacy(), keys)?;
        conn.run("applying keys to legacy", sql).await?;
    }
    Ok(())
}

/// `false` when a value is taken by another row of legacy.
async fn insert(conn: &mut HomeConn, context: &Context<'_>, keys: &[Key]) -> Result<bool, BatchError> {
    for keys in keys.chunks(MAX_KEYS_A_LIST) {
        let sql = insert_sql(context.schema, context.shape, keys)?;
        match conn.run("applying keys to legacy", sql).await {
            Ok(()) => {}
            Err(error) if error.code() == Some(db::code::DUPLICATE) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Copies the rows of `keys` from all shards into legacy.
///
/// ENUM, SET and BIT travel as numbers: a UNION makes text of them, and ENUM's error value has none.
pub(crate) fn insert_sql(schema: &TableSchema, shape: &KeyShape, keys: &[Key]) -> Result<String, KeyError> {
    let condition = shape.any_of("s", keys)?;
    let columns = schema.stored_columns().map(|column| {
        let name = format!("`s`.{}", quote_ident(&column.name));
        match column.kind {
            ColumnKind::Enum | ColumnKind::Set | ColumnKind::Bit => {
                format!("CAST({name} AS UNSIGNED)")
            }
            _ => name,
        }
    });
    let columns = columns.collect::<Vec<_>>().join(",");
    let shards = schema.table.shards().iter().map(|shard| {
        format!("SELECT {columns} FROM {} `s` FORCE INDEX (PRIMARY) WHERE {condition}", shard.quoted())
    });
    Ok(format!(
        "INSERT INTO {} ({}) {}",
        schema.table.legacy().quoted(),
        schema.stored_column_list(),
        shards.collect::<Vec<_>>().join(" UNION ALL ")
    ))
}

/// The keys under which legacy holds a unique value that a row of `keys` has in the shards.
async fn owners(
    conn: &mut HomeConn,
    context: &Context<'_>,
    keys: &[Key],
) -> Result<BTreeSet<Key>, BatchError> {
    let (schema, shape) = (context.schema, context.shape);
    let mut found = BTreeSet::new();
    for unique in &schema.unique_keys {
        let columns: Vec<String> = unique.columns.iter().map(|name| quote_ident(name)).collect();
        let equal: Vec<String> = columns.iter().map(|c| format!("`l`.{c}=`x`.{c}")).collect();
        for keys in keys.chunks(MAX_KEYS_A_LIST) {
            let condition = shape.any_of("s", keys)?;
            let shards = schema.table.shards().iter().map(|shard| {
                format!(
                    "SELECT {} FROM {} `s` FORCE INDEX (PRIMARY) WHERE {condition}",
                    columns.join(","),
                    shard.quoted()
                )
            });
            let sql = format!(
                "SELECT DISTINCT {} FROM ({}) `x` JOIN {} `l` ON {}",
                shape.select_list("l"),
                shards.collect::<Vec<_>>().join(" UNION ALL "),
                schema.table.legacy().quoted(),
                equal.join(" AND ")
            );
            let results = db::packet(conn, "looking who owns a value in legacy", &sql).await?;
            let rows = results.first().map_or(&[][..], Vec::as_slice);
            found.extend(rows.iter().map(|row| read_key(row, 0, shape.width())));
        }
    }
    Ok(found)
}

/// Each by equality: for a list the servers read all rows of the sidecar, and wait for those of open transactions.
async fn delete_log_rows(
    conn: &mut HomeConn,
    context: &Context<'_>,
    log: &BTreeMap<u64, Vec<u64>>,
) -> Result<(), BatchError> {
    for (sidecar, numbers) in log {
        for numbers in numbers.chunks(MAX_KEYS_A_LIST) {
            let delete = |n: &u64| {
                format!("DELETE FROM {} WHERE sidecar={sidecar} AND n={n}", context.schema.table.dirty_log())
            };
            let sql = numbers.iter().map(delete).collect::<Vec<_>>().join(";");
            db::packet(conn, "taking applied keys off the dirty log", &sql).await?;
        }
    }
    Ok(())
}

/// Puts keys into the dirty log by hand (a repair), under the sidecar id 0, which no sidecar has.
pub(crate) async fn mark_dirty(
    conn: &mut HomeConn,
    schema: &TableSchema,
    gate: &Gate,
    keys: &[Key],
) -> Result<(), crate::verify::VerifyError> {
    let shape = KeyShape::new(schema);
    for keys in keys.chunks(MAX_KEYS_A_LIST) {
        let mut values = Vec::new();
        for key in keys {
            values.push(format!("(0,UUID_SHORT(),{})", shape.literals(key)?.join(",")));
        }
        let sql = format!(
            "START TRANSACTION;{};INSERT INTO {} (sidecar,n,{}) VALUES {};COMMIT",
            gate.probe_sql(conn.mariadb()),
            schema.table.dirty_log(),
            schema.primary_key_list(),
            values.join(",")
        );
        if let Err(error) = db::packet(conn, "marking keys for the reverse sync", &sql).await {
            let _ = conn.run("rolling back", "ROLLBACK").await;
            return Err(error.into());
        }
    }
    Ok(())
}
