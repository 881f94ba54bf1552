//! `shunt check`: what stands in the way of a migration, each finding with a fix to paste. One file a check.
//!
//! The controller runs it before `1100 → 1101` and again before `0111 → 0011`; an error refuses the step.

mod applications;
mod columns;
mod cost;
mod ddl;
mod dependents;
mod keys;
mod privileges;
mod redis;
mod server;
mod statements;
mod tables;
mod unique_keys;
mod writers;

use flag_client::{FlagStore, Home, HomeConn, HomeError, SchemaError, load_schema};
use serde::Serialize;
use topology::{QualifiedName, ShardedTable, TableSchema};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Looked at and right, or for information.
    Ok,
    /// Works, but the DBA should know.
    Warning,
    /// Refuses 1101.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name: the file in this folder.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what it means.
    pub message: String,
    /// What to paste or do.
    pub fix: Option<String>,
}

/// All findings about one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// Unique keys whose uniqueness is lost in `0011`; going there acknowledges it.
    pub keys_not_unique: Vec<String>,
    /// Why generated ids cannot come from the sequence, if they cannot.
    pub no_sequence: Option<String>,
}

impl Report {
    /// The findings that refuse 1101.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Error)
    }

    fn add(&mut self, check: &'static str, severity: Severity, message: String, fix: Option<String>) {
        self.findings.push(Finding { check, severity, message, fix });
    }

    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Severity::Ok, message.into(), None);
    }

    fn warn(&mut self, check: &'static str, message: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Severity::Warning, message.into(), Some(fix.into()));
    }

    fn error(&mut self, check: &'static str, message: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Severity::Error, message.into(), Some(fix.into()));
    }
}

/// What every check works with.
struct Context<'a> {
    conn: HomeConn,
    table: &'a ShardedTable,
    report: Report,
}

impl Context<'_> {
    fn tables(&self) -> impl Iterator<Item = &QualifiedName> {
        std::iter::once(self.table.legacy()).chain(self.table.shards())
    }
}

/// Looks at everything. `flags` is `None` where Redis is not configured, for instance in a test.
///
/// # Errors
/// [`HomeError`] only when home cannot be asked at all; what is wrong with the tables is a finding.
pub async fn run(home: &Home, table: &ShardedTable, flags: Option<&FlagStore>) -> Result<Report, HomeError> {
    let mut cx = Context { conn: home.connect().await?, table, report: Report::default() };
    server::check(&mut cx).await?;
    redis::check(&mut cx, flags).await;
    privileges::check(&mut cx).await?;
    ddl::check(&mut cx).await?;
    tables::check(&mut cx).await?;
    if let Some(schema) = shape_of(&mut cx).await? {
        columns::check(&mut cx).await?;
        keys::check(&mut cx, &schema).await?;
        unique_keys::check(&mut cx, &schema).await?;
        dependents::check(&mut cx).await?;
        applications::check(&mut cx).await?;
        writers::check(&mut cx).await?;
        statements::check(&mut cx).await?;
        cost::check(&mut cx).await?;
    }
    Ok(cx.report)
}

/// The table's shape; without it most checks mean nothing, and why is a finding.
async fn shape_of(cx: &mut Context<'_>) -> Result<Option<TableSchema>, HomeError> {
    match load_schema(&mut cx.conn, cx.table).await {
        Ok(schema) => Ok(Some(schema)),
        Err(SchemaError::Home(error)) => Err(error),
        Err(error) => {
            let fix = "see the message";
            cx.report.error("tables", error.to_string(), fix);
            Ok(None)
        }
    }
}
