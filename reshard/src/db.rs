//! Small things that every statement of this crate needs: packets of several statements, bounded DDL.

use std::time::Duration;

use flag_client::{Home, HomeConn, HomeError};
use mysql_async::{Row, Value, from_value_opt, prelude::Queryable};
use topology::{Gate, QualifiedName};

/// MySQL's and MariaDB's error numbers that this crate acts upon.
pub mod code {
    /// No such table: the gate has another name now.
    pub const NO_SUCH_TABLE: u16 = 1146;
    /// Duplicate entry.
    pub const DUPLICATE: u16 = 1062;
    /// Lock wait timeout; MariaDB's NOWAIT too.
    pub const LOCK_WAIT: u16 = 1205;
    /// Deadlock: the transaction was rolled back.
    pub const DEADLOCK: u16 = 1213;
    /// KILL QUERY.
    pub const INTERRUPTED: u16 = 1317;
    /// MySQL's NOWAIT.
    pub const NOWAIT: u16 = 3572;
    /// MariaDB: record has changed since last read (`innodb_snapshot_isolation`).
    pub const CHANGED: u16 = 1020;
}

/// Runs a packet of statements and returns the rows of each; at the first error the rest does not run.
///
/// # Errors
/// [`HomeError::Statement`].
pub async fn packet(conn: &mut HomeConn, doing: &str, sql: &str) -> Result<Vec<Vec<Row>>, HomeError> {
    let result = collect(conn, sql).await;
    result.map_err(|error| conn.statement_error(doing, &error))
}

async fn collect(conn: &mut HomeConn, sql: &str) -> Result<Vec<Vec<Row>>, mysql_async::Error> {
    let mut results = Vec::new();
    let mut answer = conn.query_iter(sql).await?;
    while !answer.is_empty() {
        results.push(answer.collect::<Row>().await?);
    }
    // An error of any statement but the first ends the loop and is told only here.
    answer.drop_result().await?;
    Ok(results)
}

/// A column as text, whatever protocol type it came in; `None` is NULL or no such column.
#[must_use]
pub fn text(row: &Row, index: usize) -> Option<String> {
    match row.as_ref(index)? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        value => from_value_opt::<i128>(value.clone()).ok().map(|number| number.to_string()),
    }
}

/// A column as a number; 0 where it is NULL or no number.
#[must_use]
pub fn number<T: std::str::FromStr + Default>(row: &Row, index: usize) -> T {
    text(row, index).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// `'…'` for text that goes into a statement, whatever it holds.
#[must_use]
pub fn quote(text: &str) -> String {
    // Hex has no escapes that a sql_mode could change.
    let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    format!("_utf8mb4 X'{hex}'")
}

/// Whether `error` says that the gate of this epoch is gone. 1146 for another table is another error.
#[must_use]
pub fn is_gate_gone(error: &HomeError, gate: &Gate) -> bool {
    let HomeError::Statement { code, cause, .. } = error else {
        return false;
    };
    *code == Some(code::NO_SUCH_TABLE) && cause.contains(&gate.name())
}

/// Whether another transaction stood in the way: roll back, give way, try again.
#[must_use]
pub fn is_contention(error: &HomeError) -> bool {
    matches!(error.code(), Some(code::LOCK_WAIT | code::DEADLOCK | code::NOWAIT | code::CHANGED))
}

/// The longest time that DDL may stand in the queue for a table: while it waits, nobody else gets in.
pub const DDL_WAIT: Duration = Duration::from_millis(100);

/// How often waiting DDL is looked at.
const DDL_POLL: Duration = Duration::from_millis(20);

/// Runs DDL that waits for other users of the table at most [`DDL_WAIT`]; `false` when they did not go.
///
/// MySQL's `lock_wait_timeout` counts whole seconds, so a second connection kills the statement; it does so
/// only while the statement still waits for its metadata lock, never while it works.
///
/// # Errors
/// [`HomeError`] for everything but the wait.
pub async fn ddl_within_limit(home: &Home, conn: &mut HomeConn, sql: &str) -> Result<bool, HomeError> {
    let mut killer = home.connect().await?;
    let id = conn.id();
    let result = {
        let ddl = conn.query_drop(sql);
        tokio::pin!(ddl);
        loop {
            tokio::select! {
                result = &mut ddl => break result,
                () = tokio::time::sleep(DDL_WAIT) => kill_if_waiting(&mut killer, id).await?,
            }
        }
    };
    // A KILL that came too late would hit the next statement: let it hit this one.
    let _ = conn.query_drop("DO 0").await;
    tokio::time::sleep(DDL_POLL).await;
    match result {
        Ok(()) => Ok(true),
        Err(mysql_async::Error::Server(error))
            if matches!(error.code, code::INTERRUPTED | code::LOCK_WAIT | 1969 | 3024) =>
        {
            Ok(false)
        }
        Err(error) => Err(conn.statement_error(sql, &error)),
    }
}

async fn kill_if_waiting(killer: &mut HomeConn, id: u32) -> Result<(), HomeError> {
    let sql = format!("SELECT COALESCE(STATE,'') FROM information_schema.PROCESSLIST WHERE ID={id}");
    let states: Vec<String> = killer.rows("looking at waiting DDL", &sql, ()).await?;
    if states.iter().any(|state| state.contains("metadata lock")) {
        // The statement may have ended meanwhile; then there is nothing to kill.
        let _ = killer.query_drop(format!("KILL QUERY {id}")).await;
    }
    Ok(())
}

/// `('app','user')` for information_schema.
#[must_use]
pub fn name_params(name: &QualifiedName) -> (String, String) {
    (name.schema.clone(), name.table.clone())
}

/// A number in 0..1 for jitter: nothing secret, only apart from other processes' ones.
#[must_use]
pub fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
