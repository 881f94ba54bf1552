//! Who holds a gate and so keeps a flip waiting.

use flag_client::{HomeConn, HomeError};
use serde::{Deserialize, Serialize};
use topology::Gate;

/// A connection that holds the gate, with what the DBA needs to find and end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Connection id on home.
    pub connection: u64,
    /// Who: `user@host`.
    pub who: String,
    /// What it runs, or `idle`.
    pub doing: String,
    /// Age of its transaction in seconds.
    pub seconds: Option<u64>,
    /// The statement to paste.
    pub kill: String,
}

/// At most this many are named: the DBA needs to see the oldest, not a thousand.
const MAX_NAMED: u32 = 10;

/// The connections that hold `gate`, oldest first; empty when the server does not tell.
pub async fn of(conn: &mut HomeConn, gate: &Gate) -> Vec<Blocker> {
    match try_of(conn, gate).await {
        Ok(blockers) => blockers,
        Err(error) => {
            tracing::debug!(%error, "cannot tell who holds the gate");
            Vec::new()
        }
    }
}

/// What status says when nobody could be named.
#[must_use]
pub fn unnamed(mariadb: bool) -> &'static str {
    if mariadb {
        "transactions or LOCK TABLES hold the gate; to have them named: INSTALL SONAME 'metadata_lock_info' on home"
    } else {
        "transactions or LOCK TABLES hold the gate; to have them named: GRANT SELECT ON performance_schema.* and PROCESS to the control user"
    }
}

async fn try_of(conn: &mut HomeConn, gate: &Gate) -> Result<Vec<Blocker>, HomeError> {
    let holders = if conn.mariadb() {
        "SELECT THREAD_ID id FROM information_schema.METADATA_LOCK_INFO \
         WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?"
    } else {
        "SELECT t.PROCESSLIST_ID id FROM performance_schema.metadata_locks m \
         JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
         WHERE m.OBJECT_TYPE = 'TABLE' AND m.LOCK_STATUS = 'GRANTED' AND m.OBJECT_SCHEMA = ? AND m.OBJECT_NAME = ?"
    };
    let sql = format!(
        "SELECT p.ID, CONCAT(p.USER, '@', p.HOST), COALESCE(LEFT(p.INFO, 200), 'idle'), \
         CAST(TIMESTAMPDIFF(SECOND, t.trx_started, @@timestamp_now) AS SIGNED) \
         FROM (SELECT DISTINCT h.id FROM ({holders}) h) g \
         JOIN information_schema.PROCESSLIST p ON p.ID = g.id \
         LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = g.id \
         ORDER BY t.trx_started IS NULL, t.trx_started LIMIT {MAX_NAMED}"
    )
    // trx_started is in the server's own time zone, whatever this session's is.
    .replace("@@timestamp_now", SERVER_NOW);
    let rows: Vec<(u64, String, String, Option<i64>)> =
        conn.rows("asking who holds the gate", &sql, (Gate::SCHEMA, gate.name())).await?;
    Ok(rows
        .into_iter()
        .map(|(connection, who, doing, seconds)| Blocker {
            connection,
            who,
            doing,
            seconds: seconds.and_then(|s| u64::try_from(s).ok()),
            kill: format!("KILL {connection}"),
        })
        .collect())
}

/// Now, in the time zone of `innodb_trx.trx_started`.
pub(crate) const SERVER_NOW: &str = "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')";
