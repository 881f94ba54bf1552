//! Plain reads, and reads that the shards answer.
//!
//! A plain read goes by the cached snapshot and takes no gate. If the first bytes of its answer come
//! later than the lease (this process was frozen, or home is slow), the gate is looked at again before
//! anything goes to the client: the side that was read must still be written; else it is read again.

use sql_rewrite::{ColumnSource, ShardRead, Statement};
use wire::{own, packet::ErrInfo};

use super::{Done, Origin, Snapshots, read_side_still_written, transaction::Opened};
use crate::{
    answer::{End, Shape},
    session::{Flow, Session},
};

impl Session {
    /// The client's own statement, as a plain read of legacy or something that reads no rows of the
    /// table at all.
    pub(super) async fn plain_read(&mut self, snapshots: &Snapshots, origin: Origin<'_>) -> Flow<Done> {
        self.send_own(origin).await?;
        self.flush().await?;
        if !self.answer_is_in_time(snapshots).await? {
            self.discard_answer().await?;
            return Ok(Done::Again);
        }
        self.pass_own_answer(origin).await
    }

    /// Runs a read over shard tables; `under_gate` although it has no locking clause.
    pub(super) async fn shard_read(
        &mut self,
        statement: &Statement,
        read: &ShardRead,
        under_gate: bool,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let clients = self.in_clients_transaction();
        // LOCK TABLES holds the gate, and one statement is a transaction by itself.
        let locked = self.locks.is_some() && !clients;
        let gated = (read.locking && !locked) || under_gate;
        if gated {
            let opened = if clients {
                self.gate_in_clients_transaction(snapshots).await?
            } else {
                self.open_own(snapshots).await?
            };
            if !matches!(opened, Opened::Held) {
                return self.not_opened(opened, !clients).await;
            }
        }
        let columns = match self.send_shard_read(statement, read, snapshots, origin).await? {
            Ok(columns) => columns,
            Err(error) => {
                if gated && !clients {
                    self.rollback().await?;
                } else if self.may_read_otherwise(&error) {
                    return Ok(Done::Again);
                }
                let error = self.plane.with_legacy_names(error);
                return self.fail(error).await;
            }
        };
        if !gated && !self.answer_is_in_time(snapshots).await? {
            self.discard_answer().await?;
            return Ok(Done::Again);
        }
        let shape = match (&columns, &read.columns) {
            (Some(columns), _) => Shape::Columns(columns),
            (None, ColumnSource::Rename) => Shape::Rename(snapshots),
            (None, _) => return Err(self.out_of_step()),
        };
        if gated && !clients {
            return self.finish_own_transaction(origin, shape).await;
        }
        let end = self.pass_answer(shape, origin).await?;
        if end.has_conditions() {
            // A shard table's name is in them.
            self.fetch_conditions(&end).await?;
        }
        match end {
            End::Err(error) if self.may_read_otherwise(&error) => Ok(Done::Again),
            End::Err(error) => {
                let error = self.plane.with_legacy_names(error);
                self.fail(error).await
            }
            end => {
                self.reply_end(end, None, origin.more);
                if self.diagnostics.fetched.is_some() {
                    self.diagnostics.overwritten(-1, true);
                }
                Ok(Done::Answered)
            }
        }
    }

    /// Whether the error says that a table cannot be read twice, which was read twice.
    fn may_read_otherwise(&mut self, error: &ErrInfo) -> bool {
        /// `ER_CANT_REOPEN_TABLE`.
        const CANNOT_REOPEN: u16 = 1137;
        error.code == CANNOT_REOPEN && self.neighbours.distrust()
    }

    /// Sends the read in the client's protocol. `Ok(Some(columns))`: the definitions that the client
    /// must see.
    async fn send_shard_read(
        &mut self,
        statement: &Statement,
        read: &ShardRead,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Result<Option<Vec<Vec<u8>>>, ErrInfo>> {
        if let Some(id) = origin.prepared {
            return self.send_variant(id, read, snapshots, origin).await;
        }
        if !origin.arguments.is_empty() {
            return self.send_executed(statement, read, origin).await;
        }
        if read.columns == ColumnSource::Rename {
            self.send_bytes(&read.text.sql);
            self.flush().await?;
            return Ok(Ok(None));
        }
        own::queue_prepare(&mut self.relay.home, statement.text());
        self.send_bytes(&read.text.sql);
        self.flush().await?;
        match self.prepared_answer().await? {
            Ok(prepared) => {
                own::queue_close(&mut self.relay.home, prepared.ok.statement_id);
                Ok(Ok(Some(prepared.columns.iter().map(|column| column.payload().to_vec()).collect())))
            }
            Err(error) => {
                self.discard_answer().await?;
                Ok(Err(error))
            }
        }
    }

    /// Waits for the first bytes of home's answer and says whether they may go to the client.
    async fn answer_is_in_time(&mut self, snapshots: &Snapshots) -> Flow<bool> {
        self.first_bytes().await?;
        for snapshot in snapshots {
            if snapshot.is_fresh() {
                continue;
            }
            match self.plane.gates.confirm_now(&snapshot.gate.table).await {
                Ok(now) if read_side_still_written(snapshot.read_phase(), now.read_phase()) => {}
                // Planning again says why the table is closed, or which side is to be read now.
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}
