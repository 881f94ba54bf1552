//! LOCK TABLES, and statements under it.
//!
//! Shunt adds the gate to the client's list ([`sql_rewrite::LockTables`]), so a flip waits until the locks
//! are released. A START TRANSACTION would release them: there a write of several statements is framed by
//! `SET autocommit = 0` and `SET autocommit = 1` instead (see [`super::transaction`]).
//!
//! What Shunt remembers of locks is never trusted to say that they are in force, or that the gate is among
//! them: home is asked before each statement, without a table of its own, by a name of the gate that
//! nobody locks.
//!
//! ```text
//! gate AS shunt_beacon   gate    
//! found, or gone (1146)  any     no locks are in force: what was remembered is forgotten
//! not locked (1100)      found   the last LOCK TABLES was Shunt's: what was remembered holds
//! not locked             1100    the table is not locked, or not by a LOCK TABLES that Shunt has seen
//! ```

use sql_rewrite::{LockTables, Statement};
use wire::{
    own::{self, Answer},
    packet::ErrInfo,
};

use super::{
    Done, Origin, Snapshots,
    transaction::{NO_SUCH_TABLE, Opened},
};
use crate::{
    answer::End,
    session::{Flow, Session},
};

/// `ER_TABLE_NOT_LOCKED`.
pub(super) const NOT_LOCKED: u16 = 1100;
/// `ER_DBACCESS_DENIED_ERROR`, `ER_TABLEACCESS_DENIED_ERROR`.
const ACCESS_DENIED: [u16; 2] = [1044, 1142];

/// Whether LOCK TABLES is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Locked {
    /// No.
    No,
    /// Yes, and the gates of the statement's tables are locked too.
    WithGate,
    /// Yes, without the gates.
    WithoutGate,
}

impl Session {
    /// Asks home, if LOCK TABLES may be in force. `Err`: what became of asking.
    pub(super) async fn locked(&mut self, snapshots: &Snapshots) -> Flow<Result<Locked, Opened>> {
        let Some(first) = snapshots.first().filter(|_| self.locks.is_some()) else {
            return Ok(Ok(Locked::No));
        };
        self.send(&first.gate.beacon_sql(self.server.mariadb));
        self.queue_gates(snapshots);
        self.flush().await?;
        let beacon = self.answer().await?;
        let gates = self.read_gates(snapshots).await?;
        // In autocommit mode they have used one up.
        self.reissue_one_shots().await?;
        Ok(match (beacon, gates) {
            (Answer::Err(error), Opened::Held) if error.code == NOT_LOCKED => Ok(Locked::WithGate),
            (Answer::Err(error), Opened::NotLocked) if error.code == NOT_LOCKED => Ok(Locked::WithoutGate),
            (Answer::Err(error), opened) if error.code == NOT_LOCKED => Err(opened),
            (Answer::Err(error), _) if error.code != NO_SUCH_TABLE => Err(self.gate_failed(first, error)),
            _ => {
                self.locks = None;
                Ok(Locked::No)
            }
        })
    }

    /// LOCK TABLES with Shunt's own tables in the list.
    pub(super) async fn lock_tables(
        &mut self,
        lock: &LockTables,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        for snapshot in snapshots.iter().filter(|snapshot| lock.raises.contains(&snapshot.gate.table)) {
            if let Err(error) = self.plane.raise_sequence(snapshot).await {
                return self.fail(error).await;
            }
        }
        let gates: Vec<String> = snapshots.iter().map(|snapshot| snapshot.gate.quoted()).collect();
        self.send_bytes(&lock.sql(gates.iter().map(String::as_str)));
        self.flush().await?;
        match self.answer().await? {
            Answer::Ok(ok) => {
                self.locks = Some(lock.locks.clone());
                self.reply_end(End::Ok(ok), None, origin.more);
                Ok(Done::Answered)
            }
            Answer::Err(error) => {
                // Earlier locks are released by now; any that are left would be without the gate.
                self.locks = Some(Vec::new());
                self.lock_failed(error, snapshots).await
            }
            Answer::Rows(_) => Err(self.out_of_step()),
        }
    }

    async fn lock_failed(&mut self, error: ErrInfo, snapshots: &Snapshots) -> Flow<Done> {
        let text = String::from_utf8_lossy(&error.message);
        let of_shunt = ["'shunt'", "`shunt`", "'gate_", "'dirty_"].iter().any(|name| text.contains(name));
        if error.code == NO_SUCH_TABLE
            && let over @ Opened::EpochOver(..) = self.look_at_gates(snapshots).await?
        {
            return self.not_opened(over, false).await;
        }
        if ACCESS_DENIED.contains(&error.code) && of_shunt {
            let error = self.lock_grant_missing(&error);
            return self.fail(error).await;
        }
        let error = self.plane.with_legacy_names(error);
        self.fail(error).await
    }

    fn lock_grant_missing(&self, error: &ErrInfo) -> ErrInfo {
        let user = String::from_utf8_lossy(&self.user);
        ErrInfo::new(
            error.code,
            b"42000",
            format!(
                "Shunt: the account of '{user}' may not lock the gate, so no table is locked. Run on home: \
                 GRANT SELECT, LOCK TABLES ON `shunt`.* TO '{user}'@'<host>'; `shunt check` prints all of it. ({})",
                String::from_utf8_lossy(&error.message)
            ),
        )
    }

    /// A statement on a table whose gate is not among the locks: home says which table is not locked, and
    /// by preparing the statement says it without running it.
    pub(super) async fn not_locked(&mut self, statement: &Statement) -> Flow<Done> {
        /// `ER_UNSUPPORTED_PS`.
        const NOT_PREPARABLE: u16 = 1295;
        own::queue_prepare(&mut self.relay.home, statement.text());
        self.flush().await?;
        let error = match self.prepared_answer().await? {
            Err(error) if error.code != NOT_PREPARABLE => error,
            Ok(prepared) => {
                own::queue_close(&mut self.relay.home, prepared.ok.statement_id);
                locked_unseen()
            }
            Err(_) => locked_unseen(),
        };
        self.fail(error).await
    }
}

fn locked_unseen() -> ErrInfo {
    ErrInfo::new(
        1235,
        b"42000",
        "Shunt: tables are locked, but this one not by a LOCK TABLES that Shunt has seen, so a change of phase \
         could come between; nothing was done. What to do: UNLOCK TABLES, and lock it by a LOCK TABLES of its own",
    )
}
