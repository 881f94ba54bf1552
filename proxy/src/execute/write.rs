//! Writes to both sides, and to the shards alone: one transaction under the gate.
//!
//! Autocommit: `[BEGIN, gate]`, the statements and effects one after the other, then COMMIT or ROLLBACK. In the client's
//! transaction a failure is undone to a savepoint. Where keys or ids must be learnt, that goes in between.
//!
//! Each is awaited before the next is sent: an error may have rolled back the whole transaction (a deadlock does), and
//! what is behind it would then run by itself, without the gate, and be kept.

use bytes::Bytes;
use sql_rewrite::{After, Cells, Effects, Learnt, LearntKeys, Needs, Program, Ran, Run, Write};
use wire::{
    own::{Answer, Rows},
    packet::{ErrInfo, OkInfo, row},
};

use flag_client::Snapshot;

use super::{Done, Origin, Snapshots, transaction::Opened};
use crate::{
    diagnostics::{Conditions, row_count_of},
    merge,
    session::{Flow, Session},
};

/// ER_DUP_ENTRY.
const DUPLICATE_KEY: u16 = 1062;

/// How far the transaction of a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Shunt's own, not begun.
    Unopened,
    /// Shunt's own.
    Own,
    /// The client's.
    Clients,
}

/// The snapshot of the table that is written; others may be read beside it.
fn written<'s>(write: &Write, snapshots: &'s Snapshots) -> &'s Snapshot {
    let of = |snapshot: &&std::sync::Arc<Snapshot>| snapshot.gate.table == write.table;
    snapshots.iter().find(of).unwrap_or(&snapshots[0])
}

impl Session {
    /// Runs a write; see the module.
    pub(super) async fn write(
        &mut self,
        write: &Write,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let mut stage = Stage::Unopened;
        if self.in_clients_transaction() {
            match self.gate_in_clients_transaction(snapshots).await? {
                Opened::Held => stage = Stage::Clients,
                other => return self.not_opened(other, false).await,
            }
        }
        self.write_from(stage, write, snapshots, origin).await
    }

    /// The same from a stage on.
    pub(super) async fn write_from(
        &mut self,
        mut stage: Stage,
        write: &Write,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let learnt = match &write.needs {
            Needs::Nothing => Learnt::Nothing,
            Needs::SequenceIds { count, push } => {
                match self.plane.sequence_ids(written(write, snapshots), *count, *push).await {
                    Ok(first) => Learnt::FirstId(first),
                    Err(error) => return self.undo(stage, error).await,
                }
            }
            Needs::Keys { select, limit } => {
                if stage == Stage::Unopened {
                    match self.open_own(snapshots).await? {
                        Opened::Held => stage = Stage::Own,
                        other => return self.not_opened(other, true).await,
                    }
                }
                let mut learnt = self.learn_keys(write, select, *limit).await?;
                if let Ok(keys) = &mut learnt
                    && let Some(select) = write.again(keys)
                {
                    match self.learn_keys(write, &select, *limit).await? {
                        Ok(again) => keys.warned = again.warned,
                        Err(error) => learnt = Err(error),
                    }
                }
                match learnt {
                    Ok(keys) => Learnt::Keys(keys),
                    Err(error) => return self.undo(stage, error).await,
                }
            }
        };
        let plane = self.plane.clone();
        match write.program(&learnt, self.row_by_row, &mut || plane.log_id()) {
            Ok(program) => self.run_program(write, &program, stage, snapshots, origin).await,
            Err(refusal) => self.undo(stage, crate::session::refusal_error(&refusal)).await,
        }
    }

    async fn learn_keys(
        &mut self,
        write: &Write,
        select: &[u8],
        limit: usize,
    ) -> Flow<Result<LearntKeys, ErrInfo>> {
        self.send_bytes(select);
        self.flush().await?;
        Ok(match self.answer().await? {
            Answer::Rows(rows) if rows.rows.len() > limit => {
                Err(crate::session::refusal_error(&write.too_many_keys()))
            }
            Answer::Rows(rows) => Ok(LearntKeys { rows: self.cells(&rows)?, warned: rows.end.warnings > 0 }),
            Answer::Err(error) => Err(error),
            Answer::Ok(_) => return Err(self.out_of_step()),
        })
    }

    /// The rows' cells as text.
    fn cells(&self, rows: &Rows) -> Flow<Cells> {
        rows.rows
            .iter()
            .map(|payload| {
                let cells = row::parse_text(payload, rows.columns.len()).map_err(|_| self.out_of_step())?;
                Ok(cells.into_iter().map(|cell| cell.map(<[u8]>::to_vec)).collect())
            })
            .collect()
    }

    async fn run_program(
        &mut self,
        write: &Write,
        program: &Program,
        mut stage: Stage,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        if stage == Stage::Unopened {
            match self.open_own(snapshots).await? {
                Opened::Held => stage = Stage::Own,
                other => return self.not_opened(other, true).await,
            }
        }
        let mut returned = None;
        let Some((visible, conditions)) = self.run_visible(program, origin, &mut returned).await? else {
            // The first row that fails is found by inserting them one after the other.
            self.row_by_row = true;
            return self.undo_unseen(stage).await;
        };
        self.diagnostics.fetched = Some(conditions);
        let mut ok = match visible {
            Ok(ok) => ok,
            Err(error) if self.id_was_taken(write, &error).await => return self.undo_unseen(stage).await,
            Err(error) => return self.undo(stage, error).await,
        };
        if program.finds.is_some_and(|finds| finds != merge::found(&ok)) {
            return self.undo_unseen(stage).await;
        }
        let hidden = match &program.effects {
            Effects::Known(effects) => self.run_hidden(effects).await?,
            Effects::After(after) => self.follow(after, &mut ok).await?,
        };
        let warned = match hidden {
            Ok(warned) => warned,
            Err(error) => return self.effect_failed(write, stage, error).await,
        };
        // No id: no row is new or changed, whatever counts as affected.
        if let Some(id) = program.insert_id.filter(|_| ok.affected_rows > 0 && ok.last_insert_id != 0) {
            ok.last_insert_id = id;
        }
        if self.diagnostics.fetched.as_ref().is_some_and(Conditions::is_empty) && !warned {
            // Home's list is empty, too.
            self.diagnostics.fetched = None;
        }
        self.conclude(write, program, stage, (ok, returned), snapshots, origin).await
    }

    /// Runs what only the answer to the statement tells; whether that left warnings.
    async fn follow(&mut self, after: &After, ok: &mut OkInfo) -> Flow<Result<bool, ErrInfo>> {
        let ran = Ran { insert_id: ok.last_insert_id, affected_rows: ok.affected_rows };
        let selects = after.selects(&ran);
        for select in &selects {
            self.send_bytes(select);
        }
        self.flush().await?;
        let touched = match self.read_touched(selects.len()).await? {
            Ok(touched) => touched,
            Err(error) => return Ok(Err(error)),
        };
        ok.last_insert_id = after.told(&ran, &touched).insert_id;
        let plane = self.plane.clone();
        let effects = match after.effects(&ran, &touched, &mut || plane.log_id()) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(crate::session::refusal_error(&refusal))),
        };
        let warned = self.run_hidden(&effects).await?;
        // A SELECT that nothing follows may have left some, too.
        Ok(warned.map(|warned| warned || effects.is_empty()))
    }

    /// The rows of the SELECTs together, or their first error.
    async fn read_touched(&mut self, selects: usize) -> Flow<Result<Cells, ErrInfo>> {
        let mut result = Ok(Cells::new());
        for _ in 0..selects {
            match (self.answer().await?, &mut result) {
                (Answer::Rows(rows), Ok(touched)) => touched.extend(self.cells(&rows)?),
                (Answer::Err(error), Ok(_)) => result = Err(error),
                (Answer::Ok(_), _) => return Err(self.out_of_step()),
                _ => {}
            }
        }
        Ok(result)
    }

    /// Commits Shunt's own transaction and answers the client.
    async fn conclude(
        &mut self,
        write: &Write,
        program: &Program,
        stage: Stage,
        (ok, returned): (OkInfo, Option<Rows>),
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let id = ok.last_insert_id;
        let affected = ok.affected_rows;
        if let Some(last) = program.last.as_ref().filter(|_| affected > 0) {
            self.send_bytes(last);
            self.flush().await?;
            self.answer().await?;
        }
        let committed = match stage {
            Stage::Clients => None,
            _ => match self.commit().await? {
                Answer::Ok(committed) => Some(committed),
                Answer::Err(error) => return self.fail_anew(error).await,
                Answer::Rows(_) => return Err(self.out_of_step()),
            },
        };
        let row_count = if returned.is_some() { -1 } else { row_count_of(&ok) };
        self.diagnostics.overwritten(row_count, false);
        self.mark().await?;
        match returned {
            Some(rows) => self.reply_returned(&rows, committed.as_ref(), snapshots, origin).await?,
            None => self.reply_ok(ok, committed.as_ref(), origin.more),
        }
        if write.inserts && affected > 0 {
            self.plane.note_insert(written(write, snapshots), id);
        }
        Ok(Done::Answered)
    }

    /// Runs the visible statements: the answer to them together, and the conditions that they left; `None` if it is not
    /// certain which error is the first. Of rows (RETURNING) the OK counts them; they come from one statement.
    async fn run_visible(
        &mut self,
        program: &Program,
        origin: Origin<'_>,
        returned: &mut Option<Rows>,
    ) -> Flow<Option<(Result<OkInfo, ErrInfo>, Conditions)>> {
        let max_error_count = self.diagnostics.max_error_count;
        let mut parts = Vec::with_capacity(program.statements.len());
        for run in &program.statements {
            match run {
                Run::Client => self.send_own(origin).await?,
                Run::Text(text) => self.send_bytes(text),
            }
            // What follows overwrites the conditions that the client may ask for.
            self.send("SHOW WARNINGS");
            self.flush().await?;
            let answer = match self.answer().await? {
                Answer::Ok(ok) => Ok(ok),
                Answer::Err(error) => Err(self.plane.with_legacy_names(error)),
                Answer::Rows(rows) => {
                    let ok = OkInfo { affected_rows: rows.rows.len() as u64, ..rows.end.clone() };
                    let rows = if *run == Run::Client { Ok(rows) } else { self.in_clients_protocol(rows) };
                    rows.map(|rows| {
                        *returned = Some(rows);
                        ok
                    })
                }
            };
            let (conditions, status) = self.listed_with_status().await?;
            match answer {
                Err(error) if !status.in_transaction() => {
                    let conditions = Conditions::of_failure(conditions, max_error_count);
                    return Ok(Some((Err(error), conditions)));
                }
                // The first error is not always the one that is told.
                answer => parts.push(merge::Part { answer, conditions }),
            }
        }
        let as_text = origin.params.is_some() && !program.statements.contains(&Run::Client);
        if merge::first_error_is_doubtful(&program.merge, &parts) {
            return Ok(None);
        }
        Ok(Some(merge::merge(&program.merge, parts, as_text, self.server.mariadb, max_error_count)))
    }

    /// The rows of a text, as the client reads rows.
    fn in_clients_protocol(&self, rows: Rows) -> Result<Rows, ErrInfo> {
        if !self.binary_rows {
            return Ok(rows);
        }
        let binary = |payload: &Bytes| {
            let cells = row::parse_text(payload, rows.columns.len()).ok()?;
            row::binary_payload(cells, &rows.columns).map(Bytes::from)
        };
        let payloads: Option<Vec<Bytes>> = rows.rows.iter().map(binary).collect();
        let unknown = || {
            ErrInfo::new(
                1235,
                b"42000",
                "Shunt: a FLOAT in RETURNING of a prepared statement that runs as \
            text would lose digits (returning); nothing was done. CAST it to DOUBLE, or send the statement as text",
            )
        };
        Ok(Rows { rows: payloads.ok_or_else(unknown)?, ..rows })
    }

    /// Runs statements that the client does not see, up to the first error; whether one left warnings.
    async fn run_hidden(&mut self, effects: &[Vec<u8>]) -> Flow<Result<bool, ErrInfo>> {
        let mut warned = false;
        for effect in effects {
            self.send_bytes(effect);
            self.flush().await?;
            match self.answer().await? {
                Answer::Err(error) => return Ok(Err(error)),
                Answer::Ok(ok) => warned |= ok.warnings > 0,
                Answer::Rows(_) => {}
            }
        }
        Ok(Ok(warned))
    }

    /// A mirror or a log entry failed: both sides are left as they were. Deadlocks, lock waits and Shunt's own
    /// refusals (1235) happen; anything else is worth an operator's attention.
    async fn effect_failed(&mut self, write: &Write, stage: Stage, error: ErrInfo) -> Flow<Done> {
        if !matches!(error.code, 1213 | 1205 | 1062 | 1235 | 1317 | 3024 | 1969) {
            let message = String::from_utf8_lossy(&error.message).into_owned();
            tracing::error!(table = %write.table, code = error.code, message, "the other side could not follow a write; the statement was undone");
        }
        self.diagnostics.fetched = None;
        self.undo(stage, error).await
    }

    /// A generated id may meet one that a client gave explicitly through another sidecar, because this
    /// one's block was taken before: once, the statement is run again with ids of a new block.
    async fn id_was_taken(&mut self, write: &Write, error: &ErrInfo) -> bool {
        let generated = matches!(write.needs, Needs::SequenceIds { count: 1.., .. });
        if !generated || error.code != DUPLICATE_KEY || self.tried_new_block {
            return false;
        }
        self.tried_new_block = true;
        self.plane.forget_block(&write.table).await;
        true
    }

    /// Undoes the statement on both sides and answers with the error.
    pub(super) async fn undo(&mut self, stage: Stage, error: ErrInfo) -> Flow<Done> {
        self.undo_unseen(stage).await?;
        let error = self.plane.with_legacy_names(error);
        self.fail(error).await
    }

    /// Undoes the statement on both sides, to be run again.
    async fn undo_unseen(&mut self, stage: Stage) -> Flow<Done> {
        match stage {
            Stage::Unopened => {}
            Stage::Own => self.rollback().await?,
            Stage::Clients => self.rollback_to_savepoint().await?,
        }
        Ok(Done::Again)
    }
}
