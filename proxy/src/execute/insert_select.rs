//! INSERT … SELECT: its rows are read under the gate, and written in the same transaction.

use sql_rewrite::{InsertSelect, Plan, ResultColumn, SelectedRows};
use wire::{
    own::{self, Start, Step},
    packet::{ErrInfo, column::Column, row},
};

use super::{Done, Origin, Snapshots, transaction::Opened, write::Stage};
use crate::{
    relay::Fault,
    session::{Flow, OWN_ANSWER_MAX, Session, refusal_error},
};

impl Session {
    /// Reads the rows and writes them; see the module.
    pub(super) async fn insert_select(
        &mut self,
        insert: &InsertSelect,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Done> {
        let clients = self.in_clients_transaction();
        let opened = if clients {
            self.gate_in_clients_transaction(snapshots).await?
        } else {
            self.open_own(snapshots).await?
        };
        let stage = if clients { Stage::Clients } else { Stage::Own };
        match opened {
            Opened::Held => {}
            other => return self.not_opened(other, !clients).await,
        }
        let selected = match self.selected(insert).await? {
            Ok(selected) => selected,
            Err(error) => return self.undo(stage, error).await,
        };
        let plan = {
            let known = self.known(snapshots, self.locks.as_ref());
            self.plane.planner.plan_rows(insert, &selected, origin.facts, &known)
        };
        match plan {
            Plan::Write(write) => self.write_from(stage, &write, snapshots, origin).await,
            Plan::Refuse(refusal) => self.undo(stage, refusal_error(&refusal)).await,
            Plan::Fail(error) => {
                self.undo(stage, ErrInfo::new(error.code, b"HY000", error.message.clone())).await
            }
            _ => Err(self.out_of_step()),
        }
    }

    /// The rows of the SELECT, as many as may be inserted.
    async fn selected(&mut self, insert: &InsertSelect) -> Flow<Result<SelectedRows, ErrInfo>> {
        self.send_bytes(&insert.select);
        self.flush().await?;
        let (home, caps) = (&mut self.relay.home, self.relay.caps);
        let columns = match own::read_start(home, caps, OWN_ANSWER_MAX).await.map_err(Fault::Home)? {
            Start::Columns { columns, .. } => columns,
            Start::Err(error) => return Ok(Err(error)),
            Start::Ok(_) => return Err(self.out_of_step()),
        };
        let told = |column: &Column| ResultColumn {
            kind: column.kind,
            charset: column.charset,
            flags: column.flags,
            decimals: column.decimals,
        };
        let mut selected =
            SelectedRows { columns: columns.iter().map(told).collect(), ..SelectedRows::default() };
        let (max_rows, max_bytes) = insert.limit;
        let mut bytes = 0;
        loop {
            let home = &mut self.relay.home;
            match own::next_row(home, caps, OWN_ANSWER_MAX).await.map_err(Fault::Home)? {
                Step::Row(payload) => {
                    bytes += payload.len();
                    selected.cut |= selected.rows.len() >= max_rows || bytes > max_bytes;
                    if !selected.cut {
                        let cells =
                            row::parse_text(&payload, columns.len()).map_err(|_| self.out_of_step())?;
                        selected.rows.push(cells.into_iter().map(|cell| cell.map(<[u8]>::to_vec)).collect());
                    }
                }
                Step::End(end) => {
                    selected.warned = end.warnings > 0;
                    return Ok(Ok(selected));
                }
                Step::Err(error) => return Ok(Err(error)),
            }
        }
    }
}
