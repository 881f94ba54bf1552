//! Keys that do not fit into legacy: another shard's row holds the same unique value.

use std::collections::BTreeMap;

use flag_client::{HomeConn, HomeError};
use topology::{TableId, TableSchema};

use crate::{
    db,
    keys::{Key, KeyShape},
};

/// One row a parked key. Its row is not in legacy.
pub const PARKED_DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.parked (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    key_sha BINARY(32) NOT NULL COMMENT 'SHA-256 of key_json', key_json LONGTEXT NOT NULL, key_shown TEXT NOT NULL, \
    reason TEXT NOT NULL, since DATETIME(6) NOT NULL, PRIMARY KEY (table_id, key_sha)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// Parked keys that are tried again at once; beyond, the oldest come first.
const MAX_RETRIED: usize = 500;

/// A parked key for a person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Parked {
    /// The primary key.
    pub key: String,
    /// What the server said.
    pub reason: String,
}

/// The parked keys of a table, the oldest first, at most 500: while there is one, the table cannot go back.
///
/// # Errors
/// [`HomeError`].
pub async fn parked(conn: &mut HomeConn, table: &TableId) -> Result<Vec<Parked>, HomeError> {
    let sql = format!(
        "SELECT key_shown,reason FROM shunt.parked WHERE table_id='{table}' ORDER BY since LIMIT {MAX_RETRIED}"
    );
    let rows: Vec<(String, String)> = conn.rows("reading parked keys", &sql, ()).await?;
    Ok(rows.into_iter().map(|(key, reason)| Parked { key, reason }).collect())
}

pub(super) async fn keys(conn: &mut HomeConn, schema: &TableSchema) -> Result<Vec<Key>, HomeError> {
    let sql = format!(
        "SELECT key_json FROM shunt.parked WHERE table_id='{}' ORDER BY since LIMIT {MAX_RETRIED}",
        schema.table.id()
    );
    let rows: Vec<String> = conn.rows("reading parked keys", &sql, ()).await?;
    Ok(rows.iter().filter_map(|json| serde_json::from_str(json).ok()).collect())
}

pub(super) async fn remember(
    conn: &mut HomeConn,
    schema: &TableSchema,
    parked: &BTreeMap<Key, String>,
) -> Result<(), HomeError> {
    let shape = KeyShape::new(schema);
    for (key, reason) in parked {
        let json = db::quote(&serde_json::to_string(key).unwrap_or_default());
        let sql = format!(
            "INSERT INTO shunt.parked (table_id,key_sha,key_json,key_shown,reason,since) \
             VALUES ('{}',UNHEX(SHA2({json},256)),{json},{},{reason},UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE reason={reason}",
            schema.table.id(),
            db::quote(&shape.show(key)),
            reason = db::quote(reason),
        );
        conn.run("parking a key", sql).await?;
    }
    Ok(())
}

pub(super) async fn forget(
    conn: &mut HomeConn,
    schema: &TableSchema,
    applied: &[Key],
) -> Result<(), HomeError> {
    let any = format!("SELECT 1 FROM shunt.parked WHERE table_id='{}' LIMIT 1", schema.table.id());
    let any: Vec<u8> = conn.rows("reading parked keys", &any, ()).await?;
    if any.is_empty() {
        return Ok(());
    }
    for keys in applied.chunks(crate::keys::MAX_KEYS_A_LIST) {
        let shas = keys.iter().map(|key| {
            let json = db::quote(&serde_json::to_string(key).unwrap_or_default());
            format!("UNHEX(SHA2({json},256))")
        });
        let sql = format!(
            "DELETE FROM shunt.parked WHERE table_id='{}' AND key_sha IN ({})",
            schema.table.id(),
            shas.collect::<Vec<_>>().join(",")
        );
        conn.run("taking keys out of the parking", sql).await?;
    }
    Ok(())
}
