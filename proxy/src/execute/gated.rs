//! The client's own statement under the gate: writes in `Legacy`, locking reads while legacy is
//! written, and what the planner does not understand in `Legacy`.

use wire::own::Answer;

use super::{Done, Origin, Snapshots, transaction::Opened};
use crate::{
    answer::{End, Shape},
    diagnostics::row_count,
    session::{Flow, Session},
};

impl Session {
    /// Runs the client's statement verbatim in a transaction that holds the gates.
    pub(super) async fn gated(&mut self, snapshots: &Snapshots, origin: Origin<'_>) -> Flow<Done> {
        if self.in_clients_transaction() {
            return match self.gate_in_clients_transaction(snapshots).await? {
                Opened::Held => self.relay_own(origin).await,
                other => self.not_opened(other, false).await,
            };
        }
        if self.locks.is_some() {
            // LOCK TABLES holds the gate, and one statement is a transaction by itself.
            return self.relay_own(origin).await;
        }
        match self.open_own(snapshots).await? {
            Opened::Held => {}
            other => return self.not_opened(other, true).await,
        }
        self.send_own(origin).await?;
        self.flush().await?;
        self.finish_own_transaction(origin, Shape::AsIs).await
    }

    /// Passes the answer of the statement that runs in Shunt's own transaction on to the client, all
    /// but its end; commits; then sends the end with the status that the commit left.
    pub(super) async fn finish_own_transaction(
        &mut self,
        origin: Origin<'_>,
        shape: Shape<'_>,
    ) -> Flow<Done> {
        let end = self.pass_answer(shape, origin).await?;
        // MariaDB keeps them over COMMIT and ROLLBACK; but in those of a shard table is its name.
        let overwritten = !self.server.mariadb || !matches!(shape, Shape::AsIs);
        if end.has_conditions() && overwritten {
            self.fetch_conditions(&end).await?;
        }
        match end {
            End::Err(error) => {
                self.rollback().await?;
                if overwritten {
                    let error = self.plane.with_legacy_names(error);
                    return self.fail(error).await;
                }
                self.diagnostics.overwritten(-1, false);
                self.reply(&error.payload());
                Ok(Done::Failed)
            }
            end => match self.commit().await? {
                Answer::Err(error) => self.fail_anew(error).await,
                Answer::Ok(committed) => {
                    self.diagnostics.overwritten(row_count(&end), matches!(end, End::Rows(_)));
                    self.reply_end(end, Some(&committed), origin.more);
                    Ok(Done::Answered)
                }
                Answer::Rows(_) => Err(self.out_of_step()),
            },
        }
    }

    /// A statement that commits implicitly (DDL in `Legacy`): the gate is looked at just before.
    pub(super) async fn gate_then_relay(&mut self, snapshots: &Snapshots, origin: Origin<'_>) -> Flow<Done> {
        match self.look_at_gates(snapshots).await? {
            Opened::Held => self.relay_own(origin).await,
            other => self.not_opened(other, false).await,
        }
    }

    /// The client's statement and its answer as they are.
    pub(super) async fn relay_own(&mut self, origin: Origin<'_>) -> Flow<Done> {
        self.send_own(origin).await?;
        self.flush().await?;
        let end = self.pass_answer(Shape::AsIs, origin).await?;
        let failed = matches!(end, End::Err(_));
        self.reply_end(end, None, origin.more);
        Ok(if failed { Done::Failed } else { Done::Answered })
    }

    /// The gates could not be taken; nothing of the statement is kept.
    pub(super) async fn not_opened(&mut self, opened: Opened, own_transaction: bool) -> Flow<Done> {
        if own_transaction {
            self.rollback().await?;
        }
        match opened {
            Opened::EpochOver(table, epoch) => Ok(Done::EpochOver(table, epoch)),
            Opened::Failed(error) => self.fail(error).await,
            Opened::NotLocked => {
                self.locks.get_or_insert_default();
                Ok(Done::Again)
            }
            Opened::Held | Opened::NoTransaction | Opened::Again => Ok(Done::Again),
        }
    }
}
