//! Waiting for what must come: a test goes on when it is there, and fails only when it never comes.
//!
//! Tests share two slow cores with each other, so the time that something took proves nothing.

use std::time::{Duration, Instant};

use mysql_async::{Conn, prelude::Queryable};
use tokio::time::sleep;

use crate::Outcome;

/// Longer than anything takes that comes at all.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `look` finds something, and returns it.
///
/// # Errors
/// The first of `look`, and when it never does.
pub async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("not within {PATIENCE:?}: {what}").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `seen` gives true.
///
/// # Errors
/// As [`found`].
pub async fn until(what: &str, mut seen: impl AsyncFnMut() -> Outcome<bool>) -> Outcome {
    found(what, async || Ok(seen().await?.then_some(()))).await
}

/// Waits until the server says that this connection waits: `%metadata lock%`, or `User lock`.
///
/// # Errors
/// As [`found`].
pub async fn until_waits(watcher: &mut Conn, id: u32, state: &str) -> Outcome {
    let sql =
        format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID={id} AND STATE LIKE '{state}'");
    let what = format!("connection {id} in state {state}");
    until(&what, async || Ok(watcher.query_first::<i64, _>(&sql).await? == Some(1))).await
}
