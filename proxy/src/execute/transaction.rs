//! Transactions of Shunt's own around a statement, savepoints within the client's, and the gate.
//!
//! Inside a client's transaction the gate is preceded by `SAVEPOINT p; RELEASE SAVEPOINT p`: if that
//! fails with 1305 no transaction is open, whatever the last status flags said, and nothing has run.
//! A COMMIT is never sent behind a command that may fail, and nothing behind the gate: a deadlock on it, which a
//! client's own GET_LOCK can cause, rolls the transaction back, and what was sent behind would be kept.

use flag_client::Snapshot;
use topology::{Epoch, TableId};
use wire::{own::Answer, packet::ErrInfo};

use super::{Snapshots, locks::NOT_LOCKED};
use crate::session::{Flow, Session};

/// ER_NO_SUCH_TABLE: on a gate, its epoch is over.
pub(super) const NO_SUCH_TABLE: u16 = 1146;
/// ER_SP_DOES_NOT_EXIST: on RELEASE SAVEPOINT, no transaction is open.
const NO_SUCH_SAVEPOINT: u16 = 1305;
/// ER_LOCK_DEADLOCK.
const DEADLOCK: u16 = 1213;
/// ER_TABLEACCESS_DENIED_ERROR.
const TABLE_ACCESS_DENIED: u16 = 1142;
/// ER_LOCK_WAIT_TIMEOUT, ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT: the client's own limits.
const TIMEOUTS: [u16; 3] = [1205, 3024, 1969];

/// What came of taking the gates.
#[derive(Debug)]
pub(super) enum Opened {
    /// They are held until the transaction ends.
    Held,
    /// One of them is gone.
    EpochOver(TableId, Epoch),
    /// No transaction of the client is open after all.
    NoTransaction,
    /// LOCK TABLES is in force, and the gate is not locked.
    NotLocked,
    /// Nothing has run, and the transaction is gone with it or never was: try again.
    Again,
    /// The client gets this error.
    Failed(ErrInfo),
}

impl Session {
    /// Whether the client's own transaction surrounds the next statement, as far as status flags tell.
    pub(crate) fn in_clients_transaction(&self) -> bool {
        self.relay.status.in_transaction() || !self.relay.status.autocommit()
    }

    /// Begins Shunt's own transaction and takes the gates in it.
    pub(super) async fn open_own(&mut self, snapshots: &Snapshots) -> Flow<Opened> {
        // START TRANSACTION would release the client's locks, and the gate with them.
        self.send(if self.locks.is_some() { "SET autocommit = 0" } else { "START TRANSACTION" });
        self.queue_gates(snapshots);
        self.flush().await?;
        let begun = self.answer().await?;
        let gates = self.read_gates(snapshots).await?;
        match begun {
            Answer::Err(error) => Ok(Opened::Failed(error)),
            _ => Ok(gates),
        }
    }

    pub(super) fn queue_gates(&mut self, snapshots: &Snapshots) {
        let mariadb = self.server.mariadb;
        self.diagnostics.lose_found_rows();
        for snapshot in snapshots {
            self.send(&snapshot.gate.probe_sql(mariadb));
        }
    }

    /// Looks at the gates without a transaction: no lock is kept.
    pub(super) async fn look_at_gates(&mut self, snapshots: &Snapshots) -> Flow<Opened> {
        self.queue_gates(snapshots);
        self.flush().await?;
        self.read_gates(snapshots).await
    }

    /// Reads the answers to [`Self::queue_gates`].
    pub(super) async fn read_gates(&mut self, snapshots: &Snapshots) -> Flow<Opened> {
        let mut opened = Opened::Held;
        for snapshot in snapshots {
            let answer = self.answer().await?;
            if let (Answer::Err(error), Opened::Held) = (answer, &opened) {
                opened = self.gate_failed(snapshot, error);
            }
        }
        Ok(opened)
    }

    pub(super) fn gate_failed(&self, snapshot: &Snapshot, error: ErrInfo) -> Opened {
        match error.code {
            NO_SUCH_TABLE => Opened::EpochOver(snapshot.gate.table.clone(), snapshot.epoch()),
            NOT_LOCKED => Opened::NotLocked,
            DEADLOCK if !self.in_clients_transaction() => Opened::Again,
            DEADLOCK => {
                tracing::warn!(table = %snapshot.gate.table, "flip_deadlock: a client's transaction was rolled back at the gate");
                Opened::Failed(error)
            }
            code if TIMEOUTS.contains(&code) => Opened::Again,
            TABLE_ACCESS_DENIED => Opened::Failed(self.grant_missing(&error)),
            _ => Opened::Failed(error),
        }
    }

    fn grant_missing(&self, error: &ErrInfo) -> ErrInfo {
        let user = String::from_utf8_lossy(&self.user);
        ErrInfo::new(
            error.code,
            b"42000",
            format!(
                "Shunt: the account of '{user}' may not read the gates, so nothing was run. Run on home: \
                 GRANT SELECT ON `shunt`.* TO '{user}'@'<host>'; and for phase 0011 also INSERT on the dirty \
                 log: `shunt check` prints all of it. ({})",
                String::from_utf8_lossy(&error.message)
            ),
        )
    }

    /// Takes the gates inside the client's transaction and sets the savepoint that a failing
    /// statement is undone to. Awaited: a command that follows would run whatever came of this one.
    pub(super) async fn gate_in_clients_transaction(&mut self, snapshots: &Snapshots) -> Flow<Opened> {
        let savepoint = self.savepoint.clone();
        self.send(&format!("SAVEPOINT {savepoint}"));
        self.send(&format!("RELEASE SAVEPOINT {savepoint}"));
        self.queue_gates(snapshots);
        self.send(&format!("SAVEPOINT {savepoint}"));
        self.flush().await?;
        let set = self.answer().await?;
        let released = self.answer().await?;
        let gates = self.read_gates(snapshots).await?;
        let second = self.answer().await?;
        match (set, released, second) {
            (_, Answer::Err(error), _) if error.code == NO_SUCH_SAVEPOINT => {
                // Autocommit is on, and the transaction was ended unseen.
                self.relay.status.0 &= !wire::StatusFlags::IN_TRANS;
                Ok(Opened::NoTransaction)
            }
            (Answer::Err(error), ..) | (_, Answer::Err(error), _) => Ok(Opened::Failed(error)),
            (.., Answer::Err(error)) if matches!(gates, Opened::Held) => Ok(Opened::Failed(error)),
            _ => Ok(gates),
        }
    }

    /// Whether an XA branch is open and active. A procedure may have begun it, so home is asked, by ending
    /// one that nobody has: in an active branch that is error 1397, anywhere else 1399, and nothing else
    /// happens.
    pub(super) async fn in_xa(&mut self) -> Flow<bool> {
        /// `ER_XAER_NOTA`.
        const UNKNOWN_XID: u16 = 1397;
        if self.maybe_xa {
            self.send(&format!("XA END '{}'", self.savepoint));
            self.flush().await?;
            self.maybe_xa = matches!(self.answer().await?, Answer::Err(error) if error.code == UNKNOWN_XID);
        }
        Ok(self.maybe_xa)
    }

    /// Ends Shunt's own transaction; the answer is the server's.
    pub(super) async fn commit(&mut self) -> Flow<Answer> {
        self.send("COMMIT AND NO CHAIN NO RELEASE");
        self.flush().await?;
        let mut answer = self.answer().await?;
        if self.locks.is_some() {
            match &mut answer {
                Answer::Ok(ok) => ok.status.0 |= wire::StatusFlags::AUTOCOMMIT,
                // Else SET autocommit = 1 would commit what this could not.
                _ => self.run_own("ROLLBACK AND NO CHAIN NO RELEASE").await?,
            }
            self.restore_autocommit().await?;
        }
        Ok(answer)
    }

    /// Undoes Shunt's own transaction.
    pub(super) async fn rollback(&mut self) -> Flow<()> {
        self.run_own("ROLLBACK AND NO CHAIN NO RELEASE").await?;
        if self.locks.is_some() { self.restore_autocommit().await } else { Ok(()) }
    }

    pub(super) async fn run_own(&mut self, sql: &str) -> Flow<()> {
        self.send(sql);
        self.flush().await?;
        self.answer().await.map(drop)
    }

    /// The end of a transaction that began by `SET autocommit = 0`. A KILL QUERY may hit it once; a session
    /// that stays in the wrong mode must not go on.
    async fn restore_autocommit(&mut self) -> Flow<()> {
        for _ in 0..3 {
            self.send("SET autocommit = 1");
            self.flush().await?;
            if let Answer::Ok(ok) = self.answer().await?
                && ok.status.autocommit()
            {
                return Ok(());
            }
        }
        Err(self.out_of_step())
    }

    /// Undoes one statement of the client's transaction. After a deadlock there is no transaction
    /// any more, and the savepoint's absence says so.
    pub(super) async fn rollback_to_savepoint(&mut self) -> Flow<()> {
        self.send(&format!("ROLLBACK TO SAVEPOINT {}", self.savepoint));
        self.flush().await?;
        self.answer().await.map(drop)
    }

    /// A one-shot `SET TRANSACTION` is used up by an attempt that met the end of an epoch.
    pub(crate) async fn reissue_one_shots(&mut self) -> Flow<()> {
        if self.in_clients_transaction() {
            return Ok(());
        }
        for text in self.one_shots.clone() {
            self.send_bytes(&text);
            self.flush().await?;
            self.answer().await?;
        }
        Ok(())
    }
}
