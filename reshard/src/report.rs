//! `shunt.controller`: what the controller of each table last saw and did, and what it follows.
//!
//! It is written at each change and every few seconds, so that status can be read on any machine that
//! reaches home, and the next controller knows which request was being followed.

use flag_client::{HomeConn, HomeError};
use mysql_async::Row;
use serde::{Deserialize, Serialize};
use topology::{Phase, TableId};

use crate::{blockers::Blocker, snapshots::OldTransaction, work::Facts};

/// The table.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.controller (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
    name VARCHAR(128) NOT NULL COMMENT 'host and process', \
    accepted VARCHAR(8) CHARACTER SET ascii NOT NULL COMMENT 'the request that is followed', \
    report MEDIUMTEXT NOT NULL COMMENT 'JSON', \
    seen_at DATETIME(3) NOT NULL COMMENT 'UTC') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// What a controller reports about one table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The gate's phase, or `hold`.
    pub phase: String,
    /// The gate's epoch.
    pub epoch: u64,
    /// The value of the request key.
    pub requested: Option<String>,
    /// Why the table is not where the request asks it to be; exactly what is missing.
    pub waiting: Option<String>,
    /// Something the DBA must see although nothing waits for it (an ignored request, Redis away, …).
    pub notice: Option<String>,
    /// Connections that hold the gate and keep a flip waiting.
    pub blockers: Vec<Blocker>,
    /// Transactions that may hold an old snapshot.
    pub old_transactions: Vec<OldTransaction>,
    /// Why the work of this phase stopped, if it did; it is started again.
    pub work_error: Option<String>,
    /// How far copy, verify and reverse sync are.
    pub facts: Facts,
}

impl Report {
    /// The fields of the state hash in Redis.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let copy = self.facts.copy.as_ref();
        let verify = self.facts.verify.as_ref();
        let reverse = self.facts.reverse.as_ref();
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            ("phase", self.phase.clone()),
            ("epoch", self.epoch.to_string()),
            ("requested", or_empty(&self.requested)),
            ("refusal", or_empty(&self.waiting)),
            ("notice", or_empty(&self.notice)),
            ("copy_percent", copy.and_then(|c| c.percent).map_or_else(String::new, |p| format!("{p:.1}"))),
            ("copy_finished", copy.map_or_else(String::new, |c| c.finished.to_string())),
            (
                "verify_differences",
                verify.and_then(|v| v.differences).map_or_else(String::new, |d| d.to_string()),
            ),
            ("verify_clean_passes", verify.map_or_else(String::new, |v| v.clean_passes.to_string())),
            ("reverse_backlog", reverse.map_or_else(String::new, |r| r.backlog.to_string())),
        ]
    }
}

/// A stored report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The controller: host and process.
    pub name: String,
    /// The request it follows.
    pub accepted: Option<String>,
    /// Seconds since it was last heard of.
    pub age_s: f64,
    /// Its report.
    pub report: Report,
}

/// Stores a report.
///
/// # Errors
/// [`HomeError`].
pub async fn store(
    conn: &mut HomeConn,
    table: &TableId,
    name: &str,
    accepted: Option<Phase>,
    report: &Report,
) -> Result<(), HomeError> {
    let sql = "INSERT INTO shunt.controller (table_id, name, accepted, report, seen_at) \
               VALUES (?,?,?,?,UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE name=VALUES(name), \
               accepted=VALUES(accepted), report=VALUES(report), seen_at=VALUES(seen_at)";
    let json = serde_json::to_string(report).unwrap_or_default();
    let accepted = accepted.map(Phase::flag).unwrap_or_default();
    let name: String = name.chars().take(128).collect();
    conn.run_with("storing the controller's report", sql, (table.as_str(), name, accepted, json)).await
}

/// Reads the stored report of `table`.
///
/// # Errors
/// [`HomeError`].
pub async fn load(conn: &mut HomeConn, table: &TableId) -> Result<Option<Stored>, HomeError> {
    let sql = "SELECT name, accepted, report, \
               CAST(TIMESTAMPDIFF(MICROSECOND, seen_at, UTC_TIMESTAMP(3)) AS SIGNED) \
               FROM shunt.controller WHERE table_id=?";
    let rows: Vec<Row> = conn.rows("reading the controller's report", sql, (table.as_str(),)).await?;
    Ok(rows.into_iter().find_map(stored))
}

fn stored(row: Row) -> Option<Stored> {
    let (name, accepted, report, micros): (String, String, String, i64) =
        mysql_async::from_row_opt(row).ok()?;
    #[allow(clippy::cast_precision_loss)] // an age
    let age_s = micros.max(0) as f64 / 1e6;
    Some(Stored {
        name,
        accepted: Some(accepted).filter(|accepted| !accepted.is_empty()),
        age_s,
        report: serde_json::from_str(&report).unwrap_or_default(),
    })
}
