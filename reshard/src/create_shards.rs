//! `shunt create-shards`: makes the shard tables like legacy, in whatever schema they are configured.
//!
//! `CREATE TABLE … LIKE` keeps columns (INVISIBLE and generated ones too), keys, character sets, options and partitions,
//! gives CHECK constraints names of their own, and begins AUTO_INCREMENT anew: all that is wanted here. It drops
//! foreign keys, which the preflight refuses anyhow.

use flag_client::{HomeConn, HomeError};
use topology::{QualifiedName, ShardedTable, quote_ident};

use crate::{db, shape};

/// Why shard tables were not made. Tables made before stay; run it again.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Home did not answer or refused.
    #[error("{0}; tables made before it are kept, run it again")]
    Home(#[from] HomeError),
    /// A shard table is there and different.
    #[error("{0}; nothing was created: ALTER it to be equal, or drop it if it is not needed")]
    Different(String),
    /// The legacy table is not there.
    #[error("table {0} does not exist on home; nothing was created")]
    NoLegacy(QualifiedName),
}

/// The statements that are missing, in order; none if every shard table is there and equal.
///
/// # Errors
/// [`CreateError`].
pub async fn plan(conn: &mut HomeConn, table: &ShardedTable) -> Result<Vec<String>, CreateError> {
    if !exists(conn, table.legacy()).await? {
        return Err(CreateError::NoLegacy(table.legacy().clone()));
    }
    let mut statements = Vec::new();
    let mut schemas: Vec<&str> = Vec::new();
    for shard in table.shards() {
        if exists(conn, shard).await? {
            continue;
        }
        if !schemas.contains(&shard.schema.as_str()) {
            schemas.push(&shard.schema);
            let sql = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME=?";
            let there: Vec<u8> = conn.rows("looking for a schema", sql, (&shard.schema,)).await?;
            if there.is_empty() {
                statements.push(format!("CREATE SCHEMA {}", quote_ident(&shard.schema)));
            }
        }
        statements.push(format!("CREATE TABLE {} LIKE {}", shard.quoted(), table.legacy().quoted()));
    }
    let different = shape::differences(conn, table).await?;
    match different.into_iter().find(|sentence| !sentence.ends_with("does not exist")) {
        Some(sentence) => Err(CreateError::Different(sentence)),
        None => Ok(statements),
    }
}

/// Runs [`plan`] and returns what was run.
///
/// # Errors
/// [`CreateError`]; statements before the failing one have been run.
pub async fn create(conn: &mut HomeConn, table: &ShardedTable) -> Result<Vec<String>, CreateError> {
    let statements = plan(conn, table).await?;
    for sql in &statements {
        conn.run("creating a shard table", sql).await?;
    }
    Ok(statements)
}

async fn exists(conn: &mut HomeConn, name: &QualifiedName) -> Result<bool, HomeError> {
    let sql = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
    let rows: Vec<u8> = conn.rows("looking for a table", sql, db::name_params(name)).await?;
    Ok(!rows.is_empty())
}
