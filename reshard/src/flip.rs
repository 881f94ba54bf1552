//! One attempt at a flip: `RENAME TABLE <gate e> TO <gate e+1>`, waiting at most 100 ms.
//!
//! The RENAME waits until every transaction that holds the old gate has ended and lets no new one in
//! meanwhile: so while it waits, writers wait. With `lock_wait_timeout` (whole seconds) retries beside a
//! long transaction stalled writers 4.6 of 6 s. So an attempt is cut off after [`FLIP_WAIT`], and the
//! pause between attempts is several times that.

use std::time::{Duration, Instant};

use flag_client::{Home, HomeConn, HomeError};
use mysql_async::prelude::Queryable;
use topology::Gate;

use crate::{
    blockers::{self, Blocker},
    election::Ballot,
};

/// The longest time for which a RENAME keeps writers waiting.
pub const FLIP_WAIT: Duration = Duration::from_millis(100);

/// MySQL 1317 (KILL QUERY), MariaDB 1969 (max_statement_time), 1205 (lock wait), 3024.
const CUT_OFF: [u16; 4] = [1205, 1317, 1969, 3024];

/// What became of one attempt.
#[derive(Debug)]
pub enum Attempt {
    /// The gate has its new name.
    Done {
        /// How long the RENAME took.
        took: Duration,
    },
    /// Transactions hold the old gate; it still has its old name.
    Blocked {
        /// Who, as far as the server tells.
        by: Vec<Blocker>,
    },
    /// Another table is being flipped.
    Busy,
}

/// Renames `from` to `to` on the ballot's connection, within [`FLIP_WAIT`].
///
/// # Errors
/// [`HomeError`]. When the connection broke, the gate has one of the two names: read it again.
pub async fn attempt(ballot: &mut Ballot, home: &Home, from: &Gate, to: &Gate) -> Result<Attempt, HomeError> {
    if !ballot.may_flip().await? {
        return Ok(Attempt::Busy);
    }
    let outcome = rename(ballot.conn(), home, from, to).await;
    if outcome.as_ref().is_err_and(HomeError::is_disconnect) {
        return outcome;
    }
    ballot.end_flip().await?;
    outcome
}

async fn rename(conn: &mut HomeConn, home: &Home, from: &Gate, to: &Gate) -> Result<Attempt, HomeError> {
    let sql = format!("RENAME TABLE {} TO {}", from.quoted(), to.quoted());
    // Made before the RENAME: a connect while it waits would be paid by the writers.
    let mut second = home.connect().await?;
    let started = Instant::now();
    let result = if conn.mariadb() {
        let limit = FLIP_WAIT.as_secs_f64();
        conn.query_drop(format!("SET STATEMENT max_statement_time={limit} FOR {sql}")).await
    } else {
        cut_off(conn, &mut second, &sql).await
    };
    match result {
        Ok(()) => Ok(Attempt::Done { took: started.elapsed() }),
        Err(mysql_async::Error::Server(error)) if CUT_OFF.contains(&error.code) => {
            // Its own wait is over, so only those who really hold the gate are left.
            let by = blockers::of(&mut second, from).await;
            Ok(Attempt::Blocked { by })
        }
        Err(error) => Err(conn.statement_error(&format!("renaming {from} to {to}"), &error)),
    }
}

/// MySQL: the second connection ends the statement. The KILL is answered before this returns, so it
/// can only have hit the RENAME, or found the connection idle, which ignores it.
async fn cut_off(conn: &mut HomeConn, second: &mut HomeConn, sql: &str) -> Result<(), mysql_async::Error> {
    let id = conn.id();
    let renaming = conn.query_drop(sql);
    tokio::pin!(renaming);
    tokio::select! {
        result = &mut renaming => return result,
        () = tokio::time::sleep(FLIP_WAIT) => {}
    }
    let kill = second.query_drop(format!("KILL QUERY {id}"));
    let (result, killed) = tokio::join!(renaming, kill);
    if let (Err(_), Err(error)) = (&result, killed) {
        tracing::warn!(%error, "could not cut off a waiting RENAME; writers waited longer than {FLIP_WAIT:?}");
    }
    result
}
