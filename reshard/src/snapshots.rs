//! The old-snapshot rule: the side that is read changes only when no transaction is left whose snapshot
//! may be older than the moment both sides became equal.
//!
//! A REPEATABLE READ transaction opened before the copy finished sees none of the copied rows in the
//! shards, also if it had only read another table, or nothing yet (`WITH CONSISTENT SNAPSHOT`).
//!
//! After that moment the *set* of open transactions is remembered, by connection and start, and the flip
//! waits until none of them is left. Not by transaction id: InnoDB gives a transaction that has only
//! read another id at its first write, so an old snapshot would seem gone (docs/adr/old-snapshots.md).
//! A connection that ends its transaction and begins another within the same second (`trx_started` has
//! whole seconds) is waited for a second longer: harmless.
//!
//! `innodb_trx` may be a cached picture (renewed only when nobody has read it for 0.1 s), and without the
//! privilege PROCESS it is empty, without an error. So each look opens a transaction of its own first and
//! counts only if it shows that one, and all controllers on a home look one after the other: a few tables
//! that look on their own would read so often that the picture is never renewed.

use std::time::Duration;

use flag_client::{Home, HomeConn, HomeError};
use mysql_async::{Row, prelude::Queryable};
use serde::{Deserialize, Serialize};

use crate::election::SESSION_TIMEOUT_S;

/// A transaction whose snapshot may be too old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldTransaction {
    /// Connection id on home.
    pub connection: u64,
    /// `trx_started` as home shows it.
    pub started: String,
    /// `user@host`, or empty if unknown.
    pub who: String,
    /// The statement to paste.
    pub kill: String,
}

/// Why the open transactions are not known. The flip does not go on: fails closed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Home did not answer.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No PROCESS, or a picture that is never renewed.
    #[error(
        "open transactions cannot be seen: information_schema.innodb_trx does not list Shunt's own; the side that is read is not switched without it. Run on home: GRANT PROCESS ON *.* TO the control user (or stop whatever reads innodb_trx many times a second)"
    )]
    Blind,
    /// Other controllers look, one after the other.
    #[error("the controllers of other tables are looking at open transactions; it is tried again")]
    Busy,
}

/// Between looks while the server shows an old picture: above InnoDB's 0.1 s.
const LOOK_PAUSE: Duration = Duration::from_millis(130);
/// After this many old pictures the look is given up.
const LOOKS: u32 = 6;
/// Held while one looks, and how long it is waited for. Nothing else is locked meanwhile.
const LOOK_LOCK: &str = "shunt.look";
const LOOK_WAIT_S: u32 = 10;

/// The transactions that were open at a moment after both sides became equal, and are still.
#[derive(Debug, Clone)]
pub struct OldSnapshots {
    left: Vec<OldTransaction>,
}

impl OldSnapshots {
    /// Remembers everything open now. Taken later than needed it holds newer transactions too, which
    /// only makes the flip wait longer: so a controller that takes over simply takes it anew.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn take(home: &Home) -> Result<Self, SnapshotError> {
        let left = open_transactions(home).await?;
        Ok(Self { left })
    }

    /// Looks again; returns those that are left.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn look(&mut self, home: &Home) -> Result<&[OldTransaction], SnapshotError> {
        if !self.left.is_empty() {
            let open = open_transactions(home).await?;
            self.left.retain(|old| {
                open.iter().any(|now| now.connection == old.connection && now.started == old.started)
            });
        }
        Ok(&self.left)
    }

    /// Those that were left at the last look.
    #[must_use]
    pub fn left(&self) -> &[OldTransaction] {
        &self.left
    }
}

async fn open_transactions(home: &Home) -> Result<Vec<OldTransaction>, SnapshotError> {
    let mut conn = home.connect().await?;
    // One that is cut off must not keep the others from looking.
    let limit = format!("SET SESSION wait_timeout={SESSION_TIMEOUT_S}");
    conn.run("limiting the session that looks at open transactions", limit).await?;
    let turn = format!("SELECT GET_LOCK('{LOOK_LOCK}', {LOOK_WAIT_S})");
    let got: Vec<Option<i64>> = conn.rows("waiting to look at open transactions", &turn, ()).await?;
    if got.first() != Some(&Some(1)) {
        return Err(SnapshotError::Busy);
    }
    let open = look(home, &mut conn).await;
    // Else freed only when home notices that the connection is gone.
    conn.run("letting others look", format!("DO RELEASE_LOCK('{LOOK_LOCK}')")).await?;
    open
}

async fn look(home: &Home, conn: &mut HomeConn) -> Result<Vec<OldTransaction>, SnapshotError> {
    let mut marker = home.connect().await?;
    marker.run("opening a transaction to look by", "START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let found = look_until_shown(conn, u64::from(marker.id())).await;
    // Ended at once: an open snapshot holds up purge.
    let _ = marker.query_drop("ROLLBACK").await;
    found
}

/// All but the transaction of `marker`, once it is shown.
async fn look_until_shown(conn: &mut HomeConn, marker: u64) -> Result<Vec<OldTransaction>, SnapshotError> {
    let sql = "SELECT t.trx_mysql_thread_id, CAST(t.trx_started AS CHAR), \
               COALESCE(CONCAT(p.USER, '@', p.HOST), '') \
               FROM information_schema.INNODB_TRX t \
               LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id";
    for _ in 0..LOOKS {
        let rows: Vec<Row> = conn.rows("looking at open transactions", sql, ()).await?;
        let mut open: Vec<OldTransaction> = rows.into_iter().filter_map(transaction).collect();
        let all = open.len();
        open.retain(|transaction| transaction.connection != marker);
        if open.len() < all {
            return Ok(open);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(SnapshotError::Blind)
}

fn transaction(row: Row) -> Option<OldTransaction> {
    let (connection, started, who) = mysql_async::from_row_opt::<(u64, String, String)>(row).ok()?;
    Some(OldTransaction { kill: format!("KILL {connection}"), connection, started, who })
}
