//! Carries out plans. It takes no decision and makes no SQL beyond BEGIN, SAVEPOINT, COMMIT and ROLLBACK.
//!
//! ```text
//! statement ─ plan under the cached epoch ─┬─ Relay      verbatim, no gate
//!      ▲                                   ├─ Gated      [gate] verbatim
//!      │ the gate is gone (1146):          ├─ ShardRead  one other text, the client's columns
//!      │ read its name, plan again         ├─ Write      [gate, keys] statements, effects, COMMIT
//!      │                                   ├─ InsertSelect [gate] a SELECT, then a Write of its rows
//!      │                                   ├─ Ddl        [closed gate] verbatim, the same on the shards
//!      │                                   ├─ LockTables the client's list and Shunt's own
//!      └───────────────────────────────────┴─ Fail, Refuse  ERR
//! ```

mod ddl;
mod gated;
mod insert_select;
mod locks;
mod read;
mod transaction;
mod write;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flag_client::{GateUnavailable, Snapshot};
use sql_rewrite::{
    Facts, Head, Neighbour, Plan, Refusal, Respelled, Statement, TableLock, TableView, Value, Views,
};
use topology::{Epoch, Phase, QualifiedName, TableId};
use wire::{own, packet::ErrInfo};

use crate::{
    neighbours::Neighbours,
    sent_ahead::SentAhead,
    session::{Flow, Session},
};
use locks::Locked;

/// How long a statement waits for a gate to open again. A hold lasts 400 ms at most, and a home
/// that fails over some seconds; a driver's own timeout is rarely shorter.
const EPOCH_WAIT: Duration = Duration::from_secs(20);

/// How often one statement is planned anew. Each time an epoch has ended or the gate's lock was
/// refused; the controller stays in each phase for seconds, so more than a few mean a fault.
const MAX_TRIES: u32 = 20;

/// Where a statement came from, and how home gets the client's own form of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// Payload of the COM_QUERY or COM_STMT_EXECUTE that runs the statement as the client sent it.
    pub payload: &'a [u8],
    /// The binary protocol's statement.
    pub prepared: Option<u32>,
    /// Parameter values, if it has parameters.
    pub params: Option<&'a [Value]>,
    /// How an EXECUTE … USING spells them.
    pub arguments: &'a [Vec<u8>],
    /// What came ahead of it (COM_STMT_SEND_LONG_DATA).
    pub ahead: Option<&'a SentAhead>,
    /// The facts that its text was read under.
    pub facts: &'a Facts,
    /// Another statement of the same packet follows: the answer says "more results".
    pub more: bool,
    /// The text is not quite the client's: how columns are named all the same.
    pub respelled: Option<&'a Respelled>,
}

/// Before a statement is tried again because nothing of it has run: so much longer each time. A flip stands in the
/// way, and makes deadlocks, for 100 ms at a time.
const AGAIN_PAUSE: Duration = Duration::from_millis(5);

/// What became of one attempt at a statement.
#[derive(Debug)]
pub(crate) enum Done {
    /// The client has its answer, which was not an error.
    Answered,
    /// The client has an error; what follows in the same packet is not run.
    Failed,
    /// The gate of this epoch is gone: nothing was kept of the attempt.
    EpochOver(TableId, Epoch),
    /// Nothing has run; it may be tried again at once.
    Again,
}

/// The snapshots a statement was planned under.
pub(crate) type Snapshots = Vec<Arc<Snapshot>>;

impl Session {
    /// Plans and runs one statement, however often the epoch ends under it.
    pub(crate) async fn statement(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        let deadline = Instant::now() + EPOCH_WAIT;
        self.tried_new_block = false;
        self.row_by_row = false;
        for attempt in 0..MAX_TRIES {
            let snapshots = match self.snapshots(statement).await {
                Ok(snapshots) => snapshots,
                Err(error) => return self.unavailable(&error).await,
            };
            if attempt == 0 {
                self.plane.note_seen(statement, &snapshots, origin);
            }
            self.diagnostics.fetched = None;
            match self.attempt(statement, &snapshots, origin, deadline).await? {
                Done::EpochOver(table, epoch) => {
                    if let Err(error) = self.wait_for_epoch(&table, epoch, deadline).await {
                        return self.unavailable(&error).await;
                    }
                    self.reissue_one_shots().await?;
                }
                Done::Again => {
                    tokio::time::sleep(AGAIN_PAUSE * attempt).await;
                    self.reissue_one_shots().await?;
                }
                done => return Ok(done),
            }
        }
        self.fail(ErrInfo::new(
            1205,
            b"HY000",
            format!("Shunt: its gate or what it reads changed in each of {MAX_TRIES} tries; nothing was done: retry"),
        ))
        .await
    }

    async fn attempt(
        &mut self,
        statement: &Statement,
        snapshots: &Snapshots,
        origin: Origin<'_>,
        deadline: Instant,
    ) -> Flow<Done> {
        let locked = match self.locked(snapshots).await? {
            Ok(locked) => locked,
            Err(opened) => return self.not_opened(opened, false).await,
        };
        let mut plan = self.plan(statement, snapshots, origin, locked);
        if let Plan::ShardRead(read) = &plan
            && !read.ask.is_empty()
        {
            // Known or not, it is not asked again for this statement.
            self.ask_about(&read.ask).await?;
            plan = self.plan(statement, snapshots, origin, locked);
        }
        let takes_gate = takes_gate(&plan) || self.reads_under_gate(statement, &plan, snapshots);
        if takes_gate && self.in_xa().await? {
            return self.refuse(&refused_in_xa()).await;
        }
        if locked == Locked::WithoutGate && reads_or_writes(&plan) {
            return self.not_locked(statement).await;
        }
        // In `hold` writes wait, plain reads do not; while DDL runs both do.
        if let Some(held) = snapshots.iter().find(|snapshot| takes_gate && snapshot.phase().is_none()) {
            return match self.wait_for_epoch(&held.gate.table, held.epoch(), deadline).await {
                Ok(()) => Ok(Done::Again),
                Err(error) => self.unavailable(&error).await,
            };
        }
        self.carry_out(statement, &plan, snapshots, origin).await
    }

    async fn carry_out(
        &mut self,
        statement: &Statement,
        plan: &Plan,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        match plan {
            Plan::Relay if self.reads_under_gate(statement, plan, snapshots) => {
                self.gated(snapshots, origin).await
            }
            Plan::Relay => self.plain_read(snapshots, origin).await,
            Plan::Gated { implicit_commit: true, .. } => self.gate_then_relay(snapshots, origin).await,
            Plan::Gated { .. } => self.gated(snapshots, origin).await,
            Plan::ShardRead(read) => {
                let gated = self.reads_under_gate(statement, plan, snapshots);
                self.shard_read(statement, read, gated, snapshots, origin).await
            }
            Plan::Write(write) => self.write(write, snapshots, origin).await,
            Plan::InsertSelect(insert) => self.insert_select(insert, snapshots, origin).await,
            Plan::Ddl(ddl) => self.ddl(ddl, snapshots, origin).await,
            Plan::LockTables(lock) => self.lock_tables(lock, snapshots, origin).await,
            Plan::Fail(error) => self.fail(ErrInfo::new(error.code, b"HY000", error.message.clone())).await,
            Plan::Refuse(refusal) if refusal.may_be_syntax() && origin.prepared.is_none() => {
                self.refuse_what_home_parses(statement, refusal).await
            }
            Plan::Refuse(refusal) => self.refuse(refusal).await,
        }
    }

    /// Refuses a statement, unless home cannot parse it either: then home's own error tells more. Preparing a text runs
    /// nothing of it.
    async fn refuse_what_home_parses(&mut self, statement: &Statement, refusal: &Refusal) -> Flow<Done> {
        /// ER_PARSE_ERROR.
        const SYNTAX_ERROR: u16 = 1064;
        if statement.text().contains(&b';') {
            // As a query it may be several statements, of which the first ones run.
            return self.refuse(refusal).await;
        }
        own::queue_prepare(&mut self.relay.home, statement.text());
        self.flush().await?;
        match self.prepared_answer().await? {
            Err(error) if error.code == SYNTAX_ERROR => return self.fail(error).await,
            Err(_) => {}
            Ok(prepared) => own::queue_close(&mut self.relay.home, prepared.ok.statement_id),
        }
        self.refuse(refusal).await
    }

    /// Whether a plain read takes row locks that the transaction keeps (SERIALIZABLE, and SET and DO always): a later
    /// phase's writers would not meet them. Or DDL on the shards is about to run, and has to wait for it.
    fn reads_under_gate(&self, statement: &Statement, plan: &Plan, snapshots: &Snapshots) -> bool {
        let announced = snapshots.iter().any(|snapshot| snapshot.gate.state.gates_reads());
        if announced && self.locks.is_none() && matches!(plan, Plan::ShardRead(_)) {
            return true;
        }
        let locks = match (plan, statement.head()) {
            (Plan::Relay, Head::Set | Head::Do) => true,
            (Plan::ShardRead(_), _) | (Plan::Relay, Head::Select) => self.reads_lock(),
            _ => false,
        };
        locks && !statement.tables().is_empty() && self.in_clients_transaction()
    }

    /// What each table of the statement is planned by; confirmed within the lease, so that a plain
    /// read may go by it.
    async fn snapshots(&self, statement: &Statement) -> Result<Snapshots, GateUnavailable> {
        let mut snapshots = Vec::with_capacity(statement.tables().len());
        for table in statement.tables() {
            snapshots.push(self.plane.gates.confirmed(table).await?);
        }
        Ok(snapshots)
    }

    fn plan(&self, statement: &Statement, snapshots: &Snapshots, origin: Origin<'_>, locked: Locked) -> Plan {
        let locks = self.locks.as_ref().filter(|_| locked == Locked::WithGate);
        let known = self.known(snapshots, locks);
        self.plane.planner.plan(statement, origin.facts, origin.params, &known)
    }

    /// What the planner is told of tables. `locks`: those of the client that are in force.
    fn known<'s>(&'s self, snapshots: &'s Snapshots, locks: Option<&'s Vec<TableLock>>) -> Known<'s> {
        let committed = self.facts.as_ref().is_some_and(|known| !known.uncommitted);
        let reads_snapshots = committed && self.one_shots.is_empty();
        Known { snapshots, locks, neighbours: &self.neighbours, reads_snapshots }
    }

    async fn wait_for_epoch(
        &self,
        table: &TableId,
        stale: Epoch,
        deadline: Instant,
    ) -> Result<(), GateUnavailable> {
        let lock_wait = self.facts.as_ref().map_or(EPOCH_WAIT, |known| known.lock_wait);
        let deadline = deadline.min(Instant::now() + lock_wait.min(EPOCH_WAIT));
        self.plane.gates.refresh(table, stale, deadline).await.map(drop)
    }

    /// Refuses a statement by name.
    pub(crate) async fn refuse(&mut self, refusal: &Refusal) -> Flow<Done> {
        tracing::debug!(reason = refusal.reason, "refused");
        self.fail(ErrInfo::new(1235, b"42000", format!("Shunt: {}", refusal.message))).await
    }

    async fn unavailable(&mut self, error: &GateUnavailable) -> Flow<Done> {
        /// `ER_LOCK_WAIT_TIMEOUT`, which applications try again after.
        const LOCK_WAIT_TIMEOUT: u16 = 1205;
        /// `ER_UNKNOWN_ERROR`.
        const UNKNOWN: u16 = 1105;
        tracing::warn!(%error, "statement not run");
        let held = matches!(error, GateUnavailable::Held { .. });
        let code = if held { LOCK_WAIT_TIMEOUT } else { UNKNOWN };
        self.fail(ErrInfo::new(code, b"HY000", format!("Shunt: {error}"))).await
    }

    /// Sends an error as the statement's answer. Its conditions are those that were fetched, or else this one.
    pub(crate) async fn fail(&mut self, error: ErrInfo) -> Flow<Done> {
        self.diagnostics.failed(&error);
        self.mark().await?;
        self.reply(&error.payload());
        Ok(Done::Failed)
    }

    /// The same, where what was fetched is of a statement that had gone well.
    pub(crate) async fn fail_anew(&mut self, error: ErrInfo) -> Flow<Done> {
        self.diagnostics.fetched = None;
        self.fail(error).await
    }
}

/// See [`Session::known`].
struct Known<'s> {
    snapshots: &'s Snapshots,
    locks: Option<&'s Vec<TableLock>>,
    neighbours: &'s Neighbours,
    reads_snapshots: bool,
}

impl Views for Known<'_> {
    fn table(&self, table: &TableId) -> Option<TableView> {
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.gate.table == *table)?;
        let own =
            |locks: &Vec<TableLock>| locks.iter().filter(|lock| lock.table == *table).cloned().collect();
        let schema = snapshot.schema.clone();
        let logs = snapshot.logs();
        Some(TableView { phase: snapshot.read_phase(), schema, logs, locks: self.locks.map(own) })
    }

    fn reads_snapshots(&self) -> bool {
        self.reads_snapshots
    }

    fn neighbour(&self, name: &QualifiedName) -> Neighbour {
        self.neighbours.get(name)
    }
}

/// Whether a plan runs under the gate: it writes or locks.
fn takes_gate(plan: &Plan) -> bool {
    match plan {
        Plan::Relay | Plan::Fail(_) | Plan::Refuse(_) => false,
        Plan::ShardRead(read) => read.locking,
        Plan::Gated { .. } | Plan::Write(_) | Plan::InsertSelect(_) | Plan::Ddl(_) | Plan::LockTables(_) => {
            true
        }
    }
}

/// Whether a plan reaches the table under the locks that are in force.
fn reads_or_writes(plan: &Plan) -> bool {
    matches!(
        plan,
        Plan::Gated { .. } | Plan::Write(_) | Plan::InsertSelect(_) | Plan::Ddl(_) | Plan::ShardRead(_)
    )
}

/// A prepared branch outlives its connection, and on MariaDB loses its gate with it.
fn refused_in_xa() -> Refusal {
    Refusal {
        reason: "xa",
        message: "an XA transaction cannot write or lock a sharded table; nothing was done: use an ordinary transaction"
            .to_owned(),
    }
}

/// Whether the side that was read under `before` is still written under `now`; if so a read that
/// came late is right all the same.
pub(crate) fn read_side_still_written(before: Phase, now: Phase) -> bool {
    now.writes(before.authority())
}
