//! Who controls a table: the holder of a named lock on home, which dies with its connection.
//!
//! Two locks, both on the one connection that renames gates:
//! - `shunt:<id>` elects the controller of one table. One lock a table, not one a home: two services with
//!   sidecars of their own may keep their tables on the same home, and neither could flip while the
//!   other's sidecars held a common one (docs/adr/election-lock.md).
//! - `shunt` is taken for one attempt to rename, so that flips of different tables never overlap: two at
//!   once make the metadata locks' deadlock detection kill an application's transaction.
//!
//! Both are asked for with a timeout of 0 and never waited for: a waiting GET_LOCK takes part in
//! deadlock detection.

use std::time::Duration;

use flag_client::{Home, HomeConn, HomeError};
use topology::TableId;

/// A controller that is frozen or cut off loses its lock after this: the server closes its session. One
/// that dies loses it at once.
pub const SESSION_TIMEOUT_S: u64 = 30;

/// How often the session is used at least, while guards run on other connections.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// The lock that is held during a rename.
const FLIP_LOCK: &str = "shunt";

/// The connection that holds, or may come to hold, the locks. Everything that changes something without
/// taking a gate (a rename, a TRUNCATE) runs on it: once its session is over, none of it can still run.
#[derive(Debug)]
pub struct Ballot {
    conn: HomeConn,
    lock: String,
}

impl Ballot {
    /// Connects; holds nothing yet.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn connect(home: &Home, table: &TableId) -> Result<Self, HomeError> {
        let mut conn = home.connect().await?;
        // No statement on this connection may keep others waiting behind it for longer than MySQL's least.
        let sql = format!("SET SESSION wait_timeout={SESSION_TIMEOUT_S}, lock_wait_timeout=1");
        conn.run("limiting the controller's session", sql).await?;
        Ok(Self { conn, lock: format!("shunt:{table}") })
    }

    /// Asks for the table; `true` if this connection controls it now.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn elected(&mut self) -> Result<bool, HomeError> {
        let lock = self.lock.clone();
        self.get_lock(&lock).await
    }

    /// Asks for the right to rename.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn may_flip(&mut self) -> Result<bool, HomeError> {
        self.get_lock(FLIP_LOCK).await
    }

    /// Lets other tables flip.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn end_flip(&mut self) -> Result<(), HomeError> {
        let sql = "DO RELEASE_LOCK(?)";
        self.conn.run_with("releasing the flip lock", sql, (FLIP_LOCK,)).await
    }

    async fn get_lock(&mut self, name: &str) -> Result<bool, HomeError> {
        let got: Vec<Option<i64>> =
            self.conn.rows("asking for the controller's lock", "SELECT GET_LOCK(?, 0)", (name,)).await?;
        Ok(got.first() == Some(&Some(1)))
    }

    /// The connection.
    pub fn conn(&mut self) -> &mut HomeConn {
        &mut self.conn
    }

    /// Runs `work`, which uses other connections, and keeps this session alive meanwhile.
    ///
    /// # Errors
    /// [`HomeError`] when the session is lost; `work` is dropped then.
    pub async fn alive_during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, HomeError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                // The heartbeat runs in the arm's body, so it is never dropped half way.
                () = tokio::time::sleep(HEARTBEAT) => {
                    self.conn.run("keeping the controller's session", "DO 0").await?;
                }
            }
        }
    }
}
