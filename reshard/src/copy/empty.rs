//! Empties the shards before 1101 opens, so that in 1101 they are always a subset of legacy.
//!
//! Only in 1100, when nobody writes them. A shard that holds rows is emptied only if Shunt filled
//! it: that is remembered in `shunt.filled` from the moment Shunt found or made it empty, because from
//! then on Shunt is its only writer. Rows of unknown origin are left alone unless forced.

use flag_client::{Home, HomeConn, HomeError};
use topology::{QualifiedName, ShardedTable};

use crate::db;

/// The shards that Shunt found or made empty: what is in them since is a copy.
pub const FILLED_DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.filled (\
    shard_schema VARCHAR(64) NOT NULL, shard_table VARCHAR(64) NOT NULL, \
    legacy VARCHAR(129) NOT NULL COMMENT 'the table whose rows they are', since DATETIME(6) NOT NULL, \
    PRIMARY KEY (shard_schema, shard_table)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";

/// Why the shards are not empty.
#[derive(Debug, thiserror::Error)]
pub enum EmptyError {
    /// Home did not answer or refused.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Rows that Shunt did not write.
    #[error(
        "shard table {0} holds rows that Shunt did not write; no table was emptied; move them away, or go on with --force, \
         which deletes them"
    )]
    Foreign(QualifiedName),
    /// Somebody uses the table.
    #[error(
        "shard table {0} is in use by another connection, so it could not be emptied within 100 ms; tables before it are \
         empty already; it is tried again (see SHOW PROCESSLIST for who holds it)"
    )]
    Busy(QualifiedName),
}

/// Empties every shard and remembers that what comes into them now is Shunt's.
///
/// # Errors
/// [`EmptyError::Foreign`] before anything is emptied, unless `force`; [`EmptyError::Busy`] when a table is
/// in use (call again later); [`HomeError`]. Safe to repeat.
pub async fn empty_shards(
    home: &Home,
    conn: &mut HomeConn,
    table: &ShardedTable,
    force: bool,
) -> Result<(), EmptyError> {
    let mut full = Vec::new();
    for shard in table.shards() {
        if !holds_rows(conn, shard).await? {
            continue;
        }
        if !force && !is_ours(conn, table, shard).await? {
            return Err(EmptyError::Foreign(shard.clone()));
        }
        full.push(shard);
    }
    for shard in full {
        let sql = format!("TRUNCATE TABLE {}", shard.quoted());
        if !db::ddl_within_limit(home, conn, &sql).await? {
            return Err(EmptyError::Busy(shard.clone()));
        }
    }
    for shard in table.shards() {
        remember(conn, table, shard).await?;
    }
    Ok(())
}

async fn holds_rows(conn: &mut HomeConn, shard: &QualifiedName) -> Result<bool, HomeError> {
    let sql = format!("SELECT 1 FROM {} LIMIT 1", shard.quoted());
    let rows: Vec<u8> = conn.rows("looking into a shard table", &sql, ()).await?;
    Ok(!rows.is_empty())
}

async fn is_ours(
    conn: &mut HomeConn,
    table: &ShardedTable,
    shard: &QualifiedName,
) -> Result<bool, HomeError> {
    let sql = "SELECT legacy FROM shunt.filled WHERE shard_schema=? AND shard_table=?";
    let rows: Vec<String> = conn.rows("asking who filled a shard table", sql, db::name_params(shard)).await?;
    Ok(rows.first() == Some(&table.legacy().to_string()))
}

async fn remember(conn: &mut HomeConn, table: &ShardedTable, shard: &QualifiedName) -> Result<(), HomeError> {
    let sql =
        "REPLACE INTO shunt.filled (shard_schema,shard_table,legacy,since) VALUES (?,?,?,UTC_TIMESTAMP(6))";
    let params = (&shard.schema, &shard.table, table.legacy().to_string());
    conn.run_with("remembering that a shard table is empty", sql, params).await
}
