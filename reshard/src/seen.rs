//! The statements that the sidecars have seen while a table was in `Legacy`, and what each would become in the
//! later phases: `shunt report`, and a finding of `shunt check`.
//!
//! Kept on home, added up over all sidecars and restarts; values are never kept, only digests. Plans belong to the
//! version of Shunt that made them: a newer one may refuse less.

use std::collections::{BTreeMap, BTreeSet};

use flag_client::{HomeConn, HomeError};
use mysql_async::prelude::Queryable;
use serde::Serialize;
use topology::{Phase, TableId};

/// The statements.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.seen (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    digest CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    statement TEXT NOT NULL COMMENT 'without values', \
    calls BIGINT UNSIGNED NOT NULL, \
    first_seen DATETIME NOT NULL COMMENT 'UTC', \
    last_seen DATETIME NOT NULL COMMENT 'UTC', \
    PRIMARY KEY (table_id, digest)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// What they become.
pub const PLANS_DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.seen_plan (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    digest CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    version VARCHAR(24) CHARACTER SET ascii NOT NULL COMMENT 'of Shunt', \
    phase CHAR(4) CHARACTER SET ascii NOT NULL, \
    how VARCHAR(80) CHARACTER SET utf8mb4 NOT NULL, \
    PRIMARY KEY (table_id, digest, version, phase, how)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of a statement that are kept.
const STATEMENT_MAX: usize = 2_000;

/// What a statement becomes, by phase: one way, or several where it depends on its values.
pub type Plans = BTreeMap<Phase, BTreeSet<String>>;

/// A statement without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its text, `?` for values.
    pub statement: String,
    /// How often it came.
    pub calls: u64,
    /// What it becomes.
    pub plans: Plans,
}

/// A statement of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenStatement {
    /// Its text, `?` for values.
    pub statement: String,
    /// How often it came, through all sidecars.
    pub calls: u64,
    /// UTC.
    pub first_seen: String,
    /// UTC.
    pub last_seen: String,
    /// What it becomes, by flag (`1101`): one way, or several where it depends on its values.
    pub plans: BTreeMap<String, BTreeSet<String>>,
}

impl SeenStatement {
    /// The reasons for which a phase would refuse it, with the flags of those phases.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (phase, ways) in &self.plans {
            for reason in ways.iter().filter_map(|how| how.strip_prefix("refused: ")) {
                found.entry(reason).or_default().push(phase);
            }
        }
        found
    }
}

/// Adds what a sidecar has seen since it added last.
///
/// # Errors
/// [`HomeError`]; then none of it was added.
pub async fn add(conn: &mut HomeConn, table: &TableId, seen: &[Seen]) -> Result<(), HomeError> {
    let doing = "keeping the statements that were seen";
    conn.run(doing, "START TRANSACTION").await?;
    let added = add_all(conn, table, seen).await.map_err(|error| conn.statement_error(doing, &error));
    conn.run(doing, if added.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    added
}

async fn add_all(conn: &mut HomeConn, table: &TableId, seen: &[Seen]) -> Result<(), mysql_async::Error> {
    let mut statements = Vec::new();
    let mut plans = Vec::new();
    for one in seen {
        let digest = format!("{:016x}", hash(one.statement.as_bytes()));
        for (phase, how) in
            one.plans.iter().flat_map(|(phase, ways)| ways.iter().map(move |how| (phase, how)))
        {
            plans.push((table.as_str(), digest.clone(), VERSION, phase.flag(), how));
        }
        statements.push((table.as_str(), digest, cut(&one.statement), one.calls));
    }
    // In the order of the key, so that two sidecars never wait for each other in a circle.
    statements.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    plans.sort_unstable();
    conn.exec_batch(
        "INSERT INTO shunt.seen (table_id, digest, statement, calls, first_seen, last_seen) \
         VALUES (?,?,?,?,UTC_TIMESTAMP(),UTC_TIMESTAMP()) \
         ON DUPLICATE KEY UPDATE calls=calls+VALUES(calls), last_seen=VALUES(last_seen)",
        statements,
    )
    .await?;
    conn.exec_batch(
        "INSERT IGNORE INTO shunt.seen_plan (table_id, digest, version, phase, how) VALUES (?,?,?,?,?)",
        plans,
    )
    .await
}

/// Everything that was seen of a table, the most frequent first.
///
/// # Errors
/// [`HomeError`]; among them that there is no table yet, because no sidecar has run.
pub async fn list(conn: &mut HomeConn, table: &TableId) -> Result<Vec<SeenStatement>, HomeError> {
    let doing = "reading the statements that were seen";
    let sql = "SELECT digest, statement, calls, CAST(first_seen AS CHAR), CAST(last_seen AS CHAR) \
               FROM shunt.seen WHERE table_id=? ORDER BY calls DESC, digest";
    let seen: Vec<(String, String, u64, String, String)> = conn.rows(doing, sql, (table.as_str(),)).await?;
    // Behind the statements: a sidecar that adds both in between would leave a statement without its plans.
    let sql = "SELECT digest, phase, how FROM shunt.seen_plan WHERE table_id=? AND version=?";
    let rows: Vec<(String, String, String)> = conn.rows(doing, sql, (table.as_str(), VERSION)).await?;
    let mut plans: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (digest, phase, how) in rows {
        plans.entry(digest).or_default().entry(phase).or_default().insert(how);
    }
    let statements =
        seen.into_iter().map(|(digest, statement, calls, first_seen, last_seen)| SeenStatement {
            statement,
            calls,
            first_seen,
            last_seen,
            plans: plans.remove(&digest).unwrap_or_default(),
        });
    Ok(statements.collect())
}

/// Forgets everything that was seen of a table; the sidecars begin anew.
///
/// # Errors
/// [`HomeError`].
pub async fn forget(conn: &mut HomeConn, table: &TableId) -> Result<(), HomeError> {
    for name in ["seen_plan", "seen"] {
        let sql = format!("DELETE FROM shunt.{name} WHERE table_id=?");
        conn.run_with("forgetting the statements that were seen", &sql, (table.as_str(),)).await?;
    }
    Ok(())
}

fn cut(statement: &str) -> &str {
    let mut end = statement.len().min(STATEMENT_MAX);
    while !statement.is_char_boundary(end) {
        end -= 1;
    }
    &statement[..end]
}

/// FNV-1a: the same in every version and process, unlike the standard library's.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
