//! Writes to both sides, and to the shards alone: one transaction under the gate.
//!
//! Autocommit: `[BEGIN, gate, statements, effects]` in one write, then COMMIT or ROLLBACK once every
//! answer is in. In the client's transaction the gate is awaited first, and a failure is undone to a
//! savepoint. Where keys or ids must be learnt, that goes in between.

use sql_rewrite::{After, Cells, Effects, Learnt, Needs, Program, Ran, Run, Write};
use wire::{
    own::{Answer, Rows},
    packet::{ErrInfo, OkInfo, row},
};

use super::{Done, Origin, Snapshots, transaction::Opened};
use crate::{
    merge,
    session::{Flow, Session},
};

/// ER_DUP_ENTRY.
const DUPLICATE_KEY: u16 = 1062;

/// How far the transaction of a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Shunt's own, not begun.
    Unopened,
    /// Shunt's own.
    Own,
    /// The client's.
    Clients,
}

impl Session {
    /// Runs a write; see the module.
    pub(super) async fn write(
        &mut self,
        write: &Write,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        if self.tables_locked && self.locks_in_force(snapshots).await? {
            return self.relay_own(origin).await;
        }
        let mut stage = Stage::Unopened;
        if self.in_clients_transaction() {
            match self.gate_in_clients_transaction(snapshots).await? {
                Opened::Held => stage = Stage::Clients,
                other => return self.not_opened(other, false).await,
            }
        }
        let learnt = match &write.needs {
            Needs::Nothing => Learnt::Nothing,
            Needs::SequenceIds { count, push } => {
                match self.plane.sequence_ids(&snapshots[0], *count, *push).await {
                    Ok(first) => Learnt::FirstId(first),
                    Err(error) => return self.undo(stage, error).await,
                }
            }
            Needs::Keys { select, limit } => {
                if stage == Stage::Unopened {
                    self.queue_begin(snapshots);
                    self.flush().await?;
                    match self.read_begin(snapshots).await? {
                        Opened::Held => stage = Stage::Own,
                        other => return self.not_opened(other, true).await,
                    }
                }
                match self.learn_keys(write, select, *limit).await? {
                    Ok(keys) => Learnt::Keys(keys),
                    Err(error) => return self.undo(stage, error).await,
                }
            }
        };
        let plane = self.plane.clone();
        match write.program(&learnt, &mut || plane.log_id()) {
            Ok(program) => self.run_program(write, &program, stage, snapshots, origin).await,
            Err(refusal) => self.undo(stage, crate::session::refusal_error(&refusal)).await,
        }
    }

    /// What the rows are that the statement has touched, where only the server knows.
    async fn read_touched(&mut self, after: &After, ran: &Ran) -> Flow<Result<Cells, ErrInfo>> {
        let Some(select) = after.select(ran) else {
            return Ok(Ok(Vec::new()));
        };
        self.send_bytes(&select);
        self.flush().await?;
        Ok(match self.answer().await? {
            Answer::Rows(rows) => Ok(self.cells(&rows)?),
            Answer::Err(error) => Err(error),
            Answer::Ok(_) => return Err(self.out_of_step()),
        })
    }

    async fn learn_keys(
        &mut self,
        write: &Write,
        select: &[u8],
        limit: usize,
    ) -> Flow<Result<Cells, ErrInfo>> {
        self.send_bytes(select);
        self.flush().await?;
        Ok(match self.answer().await? {
            Answer::Rows(rows) if rows.rows.len() > limit => {
                Err(crate::session::refusal_error(&write.too_many_keys()))
            }
            Answer::Rows(rows) => Ok(self.cells(&rows)?),
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
        let begins = stage == Stage::Unopened;
        if begins {
            self.queue_begin(snapshots);
            stage = Stage::Own;
        }
        for run in &program.statements {
            match run {
                Run::Client => self.send_payload(origin.payload),
                Run::Text(text) => self.send_bytes(text),
            }
        }
        let known: &[Vec<u8>] = match &program.effects {
            Effects::Known(effects) => effects,
            Effects::After(_) => &[],
        };
        // What follows would overwrite the diagnostics that the client may ask for.
        self.send("SHOW WARNINGS");
        for effect in known {
            self.send_bytes(effect);
        }
        self.flush().await?;
        let opened = if begins { self.read_begin(snapshots).await? } else { Opened::Held };
        let visible = self.read_visible(program.statements.len()).await?;
        let warnings = self.answer().await?;
        let hidden = self.read_hidden(known.len()).await?;
        if !matches!(opened, Opened::Held) {
            return self.not_opened(opened, true).await;
        }
        self.keep_warnings(warnings);
        let mut ok = match (visible, hidden) {
            (Ok(ok), Ok(())) => ok,
            (Err(error), _) if self.id_was_taken(write, &error).await => {
                return self.undo_unseen(stage).await;
            }
            (Err(error), _) => return self.undo(stage, error).await,
            (_, Err(error)) => return self.effect_failed(write, stage, error).await,
        };
        if let Effects::After(after) = &program.effects {
            let ran = Ran { insert_id: ok.last_insert_id, affected_rows: ok.affected_rows };
            let cells = match self.read_touched(after, &ran).await? {
                Ok(cells) => cells,
                Err(error) => return self.effect_failed(write, stage, error).await,
            };
            let plane = self.plane.clone();
            let effects = match after.effects(&ran, &cells, &mut || plane.log_id()) {
                Ok(effects) => effects,
                Err(refusal) => return self.undo(stage, crate::session::refusal_error(&refusal)).await,
            };
            for effect in &effects {
                self.send_bytes(effect);
            }
            self.flush().await?;
            if let Err(error) = self.read_hidden(effects.len()).await? {
                return self.effect_failed(write, stage, error).await;
            }
        }
        if let Some(id) = program.insert_id.filter(|_| ok.affected_rows > 0) {
            ok.last_insert_id = id;
        }
        self.conclude(write, stage, ok, snapshots, origin).await
    }

    /// Commits Shunt's own transaction and answers the client.
    async fn conclude(
        &mut self,
        write: &Write,
        stage: Stage,
        ok: OkInfo,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let id = ok.last_insert_id;
        let affected = ok.affected_rows;
        if stage == Stage::Clients {
            self.reply_ok(ok, None, origin.more);
        } else {
            match self.commit().await? {
                Answer::Ok(committed) => self.reply_ok(ok, Some(&committed), origin.more),
                Answer::Err(error) => return self.fail(error).await,
                Answer::Rows(_) => return Err(self.out_of_step()),
            }
        }
        if write.inserts && affected > 0 {
            self.plane.note_insert(&snapshots[0], id);
        }
        Ok(Done::Answered)
    }

    /// The answers to the visible statements, added up; the first error wins.
    async fn read_visible(&mut self, statements: usize) -> Flow<Result<OkInfo, ErrInfo>> {
        let mut merged: Option<Result<OkInfo, ErrInfo>> = None;
        for _ in 0..statements {
            let answer = self.answer().await?;
            let next = match answer {
                Answer::Ok(ok) => Ok(ok),
                Answer::Err(error) => Err(error),
                Answer::Rows(_) => Err(ErrInfo::new(
                    1235,
                    b"42000",
                    "Shunt: a statement that changes both sides cannot return rows (RETURNING); nothing was changed",
                )),
            };
            merged = Some(match (merged, next) {
                (None, next) => next,
                (Some(Ok(sum)), Ok(ok)) => Ok(merge::add(sum, &ok)),
                (Some(Err(error)), _) | (Some(Ok(_)), Err(error)) => Err(error),
            });
        }
        merged.ok_or_else(|| self.out_of_step())
    }

    async fn read_hidden(&mut self, effects: usize) -> Flow<Result<(), ErrInfo>> {
        let mut result = Ok(());
        for _ in 0..effects {
            if let (Answer::Err(error), Ok(())) = (self.answer().await?, &result) {
                result = Err(error);
            }
        }
        Ok(result)
    }

    /// A mirror or a log entry failed: both sides are left as they were. Deadlocks and lock waits
    /// happen; anything else is worth an operator's attention.
    async fn effect_failed(&mut self, write: &Write, stage: Stage, error: ErrInfo) -> Flow<Done> {
        if !matches!(error.code, 1213 | 1205 | 1062 | 1317 | 3024 | 1969) {
            let message = String::from_utf8_lossy(&error.message).into_owned();
            tracing::error!(table = %write.table, code = error.code, message, "the other side could not follow a write; the statement was undone");
        }
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
    async fn undo(&mut self, stage: Stage, error: ErrInfo) -> Flow<Done> {
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
