//! The way back from `0011`: a hold of a fraction of a second, in which legacy gets the last keys.
//!
//! ```text
//! 0011 ──► hold ──drained and bumped within 400 ms──► 0111   (both sides equal)
//!            └────────────else──────────────────────► 0011   (nothing lost; tried again later)
//! ```
//! Writers wait meanwhile. A controller that takes over in a hold does the same from the drain on.

use std::time::{Duration, Instant};

use flag_client::HomeError;
use tokio::time::timeout;
use topology::{Gate, GateState, Phase};

use crate::{
    term::Term,
    work::{Work, WorkError},
};

/// A hold is given up after this.
pub const HOLD_LIMIT: Duration = Duration::from_millis(400);

/// Between attempts to open a gate that nobody but readers' probes can hold.
const OPEN_PAUSE: Duration = Duration::from_millis(10);

impl<W: Work> Term<W> {
    /// `0011` → hold → `0111` or back.
    pub(crate) async fn go_back_through_hold(
        &mut self,
        gate: &Gate,
        cause: &str,
        guards: &[String],
    ) -> Result<(), HomeError> {
        if let Err(error) = self.work.before_hold(self.ballot.conn()).await {
            self.retry.later();
            return self.put_off(error);
        }
        // The applier pauses before the RENAME: its own transactions hold the gate.
        self.end().await;
        if !self.flip(gate, GateState::Hold, cause, guards).await? {
            return Ok(());
        }
        let Some((hold, _)) = self.seen.clone() else {
            return Ok(());
        };
        self.resolve_hold(&hold).await
    }

    fn put_off(&mut self, error: WorkError) -> Result<(), HomeError> {
        match error {
            WorkError::Home(error) if error.is_disconnect() => Err(error),
            error => {
                self.report.waiting = Some(format!("hold put off: {error}"));
                Ok(())
            }
        }
    }

    /// Ends a hold, one way or the other. Does not return before the gate is open, or home is lost.
    pub(crate) async fn resolve_hold(&mut self, hold: &Gate) -> Result<(), HomeError> {
        let started = Instant::now();
        let (home, work) = (self.config.home.clone(), self.work.clone());
        let mut connection = None;
        let drained = timeout(HOLD_LIMIT, async {
            // On a connection of its own: when it is dropped half way, the controller's stays whole.
            let mut conn = home.connect().await?;
            connection = Some(conn.id());
            work.drain_in_hold(&mut conn, hold).await
        })
        .await;
        if let (Err(_), Some(id)) = (&drained, connection) {
            // Its transaction holds the gate: without this the hold would last as long as its statement.
            let killed = self.ballot.conn().run("ending a drain that took too long", format!("KILL {id}"));
            if let Err(error) = killed.await
                && error.is_disconnect()
            {
                return Err(error);
            }
        }
        let (to, why) = match drained {
            Ok(Ok(())) => (Phase::ShardRead, format!("legacy caught up in {:?}", started.elapsed())),
            Ok(Err(error)) => (Phase::Shards, format!("hold given up: {error}")),
            Err(_) => (Phase::Shards, format!("hold given up after {HOLD_LIMIT:?}; tried again later")),
        };
        self.open(hold, to, &why, started).await
    }

    async fn open(
        &mut self,
        hold: &Gate,
        mut to: Phase,
        why: &str,
        started: Instant,
    ) -> Result<(), HomeError> {
        loop {
            let seen = [why.to_owned()];
            if self.flip(hold, GateState::Open(to), "end of hold", &seen).await? {
                if to == Phase::Shards {
                    self.report.waiting = Some(why.to_owned());
                    self.retry.later();
                }
                return Ok(());
            }
            // Too late to be worth it: whoever holds the gate now is not known to be gone soon.
            if started.elapsed() > HOLD_LIMIT && to == Phase::ShardRead {
                tracing::warn!(%hold, "hold took too long to open; reopening as 0011");
                to = Phase::Shards;
            }
            tokio::time::sleep(OPEN_PAUSE).await;
        }
    }
}
