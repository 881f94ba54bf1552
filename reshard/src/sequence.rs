//! Ids while only the shards are written: `shunt.sequence`, handed out in blocks.
//!
//! The first allocation of an epoch moves the sequence above the highest id in use on either side and above
//! legacy's AUTO_INCREMENT counter. The counter is read from SHOW CREATE TABLE, because
//! information_schema's is stale; MAX alone would hand out the ids of deleted rows again. No
//! AUTO_INCREMENT writer can be left by then: the gate of the epoch drained them. Blocks die with their epoch.
//!
//! On the way back legacy's counter is bumped before legacy hands out ids again ([`bump_legacy_counter`]).

use flag_client::{Home, HomeConn, HomeError};
use topology::{ColumnKind, Epoch, TableId, TableSchema, quote_ident};

use crate::db;

/// One row a table.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.sequence (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
    epoch BIGINT UNSIGNED NOT NULL COMMENT 'the epoch for which next was raised', \
    next DECIMAL(20,0) NOT NULL COMMENT 'the next id to hand out') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// Why no id was handed out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// Home did not answer or refused.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The table has no AUTO_INCREMENT column.
    #[error("{0} has no AUTO_INCREMENT column; no id was made up")]
    NoAutoIncrement(String),
    /// A later epoch has begun.
    #[error(
        "ids of {table} for epoch {asked} are over: epoch {current} has begun; none was handed out; plan the statement anew"
    )]
    EpochOver {
        /// The table's id.
        table: String,
        /// The epoch asked for.
        asked: u64,
        /// The epoch of the sequence.
        current: u64,
    },
    /// The column's type is used up.
    #[error(
        "the ids of {table} are used up: {next} does not fit {column_type}; none was handed out; widen the column"
    )]
    Exhausted {
        /// The legacy table.
        table: String,
        /// The id that would be next.
        next: u128,
        /// The column's type.
        column_type: String,
    },
    /// Legacy's counter could not be raised because somebody holds the table.
    #[error(
        "{0} is in use by another connection, so its AUTO_INCREMENT counter was not raised within 100 ms; try again"
    )]
    Busy(String),
}

/// Hands out `count` consecutive ids and returns the first. A short transaction of its own: never call it
/// on a connection that has one open.
///
/// # Errors
/// [`SequenceError`]; then nothing was handed out.
pub async fn allocate(
    conn: &mut HomeConn,
    schema: &TableSchema,
    epoch: Epoch,
    count: u64,
) -> Result<u64, SequenceError> {
    in_transaction(conn, schema, epoch, |next| next + u128::from(count)).await
}

/// Moves the sequence above an id that a client gave explicitly; before the row is written, so that
/// nobody is handed that id meanwhile.
///
/// # Errors
/// [`SequenceError`].
pub async fn push(
    conn: &mut HomeConn,
    schema: &TableSchema,
    epoch: Epoch,
    explicit_id: u64,
) -> Result<(), SequenceError> {
    let above = u128::from(explicit_id) + 1;
    in_transaction(conn, schema, epoch, |next| next.max(above)).await?;
    Ok(())
}

/// Raises the sequence for `epoch` if nothing was allocated in it yet; returns the next id.
///
/// # Errors
/// [`SequenceError`].
pub async fn raise_for_epoch(
    conn: &mut HomeConn,
    schema: &TableSchema,
    epoch: Epoch,
) -> Result<u64, SequenceError> {
    in_transaction(conn, schema, epoch, |next| next).await
}

/// All tables were emptied, while nobody writes: ids begin anew, from legacy's counter.
pub(crate) async fn forget(conn: &mut HomeConn, table: &TableId) -> Result<(), HomeError> {
    let sql = "DELETE FROM shunt.sequence WHERE table_id=?";
    conn.run_with("setting the sequence back", sql, (table.as_str(),)).await
}

/// Locks the row, raises it for the epoch if needed, and moves `next` on; returns the old one.
async fn in_transaction(
    conn: &mut HomeConn,
    schema: &TableSchema,
    epoch: Epoch,
    advance: impl Fn(u128) -> u128 + Send,
) -> Result<u64, SequenceError> {
    let result = locked(conn, schema, epoch, advance).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    conn.run("allocating ids", end).await?;
    result
}

async fn locked(
    conn: &mut HomeConn,
    schema: &TableSchema,
    epoch: Epoch,
    advance: impl Fn(u128) -> u128 + Send,
) -> Result<u64, SequenceError> {
    let id = schema.table.id();
    // The INSERT makes the row, so that two first allocations meet at its lock.
    let sql = format!(
        "START TRANSACTION;INSERT INTO shunt.sequence (table_id,epoch,next) VALUES ('{id}',0,1) \
         ON DUPLICATE KEY UPDATE next=next;SELECT epoch,next FROM shunt.sequence WHERE table_id='{id}' FOR UPDATE"
    );
    let results = db::packet(conn, "allocating ids", &sql).await?;
    let row = results.get(2).and_then(|rows| rows.first());
    let (current, mut next): (u64, u128) = row.map_or((0, 1), |row| (db::number(row, 0), db::number(row, 1)));
    if current > epoch.0 {
        return Err(SequenceError::EpochOver { table: id.to_string(), asked: epoch.0, current });
    }
    if current < epoch.0 {
        next = next.max(above_all_ids(conn, schema).await?);
    }
    let after = advance(next);
    // The first id may be the last that fits.
    let limit = largest_id(schema);
    if after > limit + 1 {
        return Err(exhausted(schema, next));
    }
    let sql = format!("UPDATE shunt.sequence SET epoch={epoch},next={after} WHERE table_id='{id}'");
    conn.run("allocating ids", sql).await?;
    u64::try_from(next).map_err(|_| exhausted(schema, next))
}

fn exhausted(schema: &TableSchema, next: u128) -> SequenceError {
    SequenceError::Exhausted {
        table: schema.table.legacy().to_string(),
        next,
        column_type: schema.auto_increment().map_or_else(String::new, |column| column.column_type.clone()),
    }
}

/// The smallest id that no row has or had on either side, as far as the server knows.
async fn above_all_ids(conn: &mut HomeConn, schema: &TableSchema) -> Result<u128, SequenceError> {
    let column = auto_column(schema)?;
    let mut next = legacy_counter(conn, schema).await?;
    let tables = std::iter::once(schema.table.legacy()).chain(schema.table.shards());
    // FOR SHARE reads what is committed now, not what this transaction's read view shows; one
    // look at the end of an index.
    let tops =
        tables.map(|table| format!("(SELECT CAST(MAX({column}) AS DECIMAL(20,0)) FROM {})", table.quoted()));
    let sql = format!("SELECT {}", tops.collect::<Vec<_>>().join(","));
    let results = db::packet(conn, "looking for the highest id in use", &sql).await?;
    if let Some(row) = results.first().and_then(|rows| rows.first()) {
        for i in 0..row.len() {
            // Negative ids and NULL (no rows) count as 0.
            next = next.max(db::number::<u128>(row, i) + 1);
        }
    }
    Ok(next)
}

/// Legacy's AUTO_INCREMENT counter: the next id it would hand out.
///
/// # Errors
/// [`HomeError`].
pub async fn legacy_counter(conn: &mut HomeConn, schema: &TableSchema) -> Result<u128, HomeError> {
    let sql = format!("SHOW CREATE TABLE {}", schema.table.legacy().quoted());
    let results = db::packet(conn, "reading legacy's AUTO_INCREMENT counter", &sql).await?;
    let ddl =
        results.first().and_then(|rows| rows.first()).and_then(|row| db::text(row, 1)).unwrap_or_default();
    Ok(counter_in(&ddl).unwrap_or(1))
}

/// `AUTO_INCREMENT=n` among the table options, which follow the last line that begins with `)`.
fn counter_in(ddl: &str) -> Option<u128> {
    let options = ddl.rsplit("\n) ").next()?;
    // The comment comes last and could hold anything.
    let options = options.split(" COMMENT=").next()?;
    let (_, rest) = options.split_once("AUTO_INCREMENT=")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn auto_column(schema: &TableSchema) -> Result<String, SequenceError> {
    schema
        .auto_increment()
        .map(|column| quote_ident(&column.name))
        .ok_or_else(|| SequenceError::NoAutoIncrement(schema.table.legacy().to_string()))
}

/// The largest id that the AUTO_INCREMENT column holds.
fn largest_id(schema: &TableSchema) -> u128 {
    let Some(column) = schema.auto_increment() else {
        return 0;
    };
    let bits = match column.column_type.to_ascii_lowercase() {
        name if name.starts_with("tinyint") => 8,
        name if name.starts_with("smallint") => 16,
        name if name.starts_with("mediumint") => 24,
        name if name.starts_with("bigint") => 64,
        name if name.starts_with("float") => 24,
        name if name.starts_with("double") => 53,
        _ => 32,
    };
    let unsigned = matches!(column.kind, ColumnKind::Integer { unsigned: true });
    let bits = if unsigned || bits == 53 { bits } else { bits - 1 };
    // The last value of an unsigned BIGINT is never handed out by the servers either.
    (1_u128 << bits) - if bits == 64 { 2 } else { 1 }
}

/// Raises legacy's AUTO_INCREMENT counter to at least the sequence's next id plus `headroom`.
///
/// By `ALTER TABLE … AUTO_INCREMENT = n`, which both servers do in place and which is durable when it returns.
/// (An INSERT that is rolled back raises it too, needs a valid row, and MariaDB forgets it in a crash
/// before the next commit.) The ALTER needs the table for itself for an instant, so the controller
/// calls this ahead of `hold`, with headroom for the ids handed out meanwhile, and again in `hold` with
/// none, where it has nothing left to do.
///
/// # Errors
/// [`SequenceError::Busy`] when somebody reads legacy in an open transaction; [`HomeError`].
pub async fn bump_legacy_counter(
    home: &Home,
    conn: &mut HomeConn,
    schema: &TableSchema,
    headroom: u64,
) -> Result<(), SequenceError> {
    if schema.auto_increment().is_none() {
        return Ok(());
    }
    let sql = format!("SELECT next FROM shunt.sequence WHERE table_id='{}'", schema.table.id());
    let results = db::packet(conn, "reading the sequence", &sql).await?;
    let Some(row) = results.first().and_then(|rows| rows.first()) else {
        return Ok(());
    };
    let next: u128 = db::number(row, 0);
    if legacy_counter(conn, schema).await? >= next.min(largest_id(schema)) {
        return Ok(());
    }
    // Headroom is ids that nobody gets: never more than a hundredth of what the type has left.
    let largest = largest_id(schema);
    let headroom = u128::from(headroom).min(largest.saturating_sub(next) / 100);
    let target = (next + headroom).min(largest);
    let legacy = schema.table.legacy();
    let sql =
        format!("ALTER TABLE {} AUTO_INCREMENT={target}, ALGORITHM=INPLACE, LOCK=NONE", legacy.quoted());
    if db::ddl_within_limit(home, conn, &sql).await? {
        Ok(())
    } else {
        Err(SequenceError::Busy(legacy.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::schema;

    #[test]
    fn the_counter_is_an_option_and_not_in_a_comment() {
        let ddl = "CREATE TABLE `user` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a` int COMMENT 'AUTO_INCREMENT=7',\n  \
                   PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4 COMMENT='AUTO_INCREMENT=9'";
        assert_eq!(counter_in(ddl), Some(42));
        assert_eq!(counter_in(&ddl.replace("AUTO_INCREMENT=42 ", "")), None);
    }

    #[test]
    fn ids_end_where_the_type_ends() {
        let mut schema = schema(&["id"], vec![]);
        schema.columns[0].auto_increment = true;
        for (name, unsigned, largest) in [
            ("tinyint(4)", false, 127),
            ("smallint unsigned", true, 65_535),
            ("mediumint", false, 8_388_607),
            ("int unsigned", true, u128::from(u32::MAX)),
            ("bigint", false, u128::from(i64::MAX.unsigned_abs())),
            ("bigint unsigned", true, u128::from(u64::MAX) - 1),
        ] {
            schema.columns[0].column_type = name.to_owned();
            schema.columns[0].kind = ColumnKind::Integer { unsigned };
            assert_eq!(largest_id(&schema), largest, "{name}");
        }
    }
}
