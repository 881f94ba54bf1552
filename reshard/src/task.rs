//! The work of one phase as a task: owned by the term, cancelled and joined by it, started again when it failed.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use topology::Gate;

use crate::work::{Work, WorkError};

/// Before work that failed is tried again.
const RESTART_PAUSE: Duration = Duration::from_secs(2);

/// How long work may take to end after it was told to; then it is aborted. What it was doing is gated, or
/// checked by a lock of its own.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The running work of one phase.
#[derive(Debug)]
pub(crate) struct PhaseTask {
    gate: Gate,
    cancel: CancellationToken,
    _cancel_on_drop: DropGuard,
    running: Option<JoinHandle<Result<(), WorkError>>>,
    /// When it last ended, and with which error.
    ended: Option<(Instant, Option<String>)>,
}

impl PhaseTask {
    pub(crate) fn start(work: &impl Work, gate: Gate) -> Self {
        let cancel = CancellationToken::new();
        let mut task =
            Self { gate, _cancel_on_drop: cancel.clone().drop_guard(), cancel, running: None, ended: None };
        task.spawn(work);
        task
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Notices the end of the work and starts it again after a pause. Returns why it failed last, until it runs again.
    pub(crate) fn keep_running(&mut self, work: &impl Work) -> Option<String> {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            let outcome = self.running.take().map(futures_util::FutureExt::now_or_never);
            let error = match outcome {
                Some(Some(Ok(Ok(())))) => None,
                Some(Some(Ok(Err(error)))) => Some(error.to_string()),
                Some(Some(Err(panic))) => Some(format!("the task failed: {panic}")),
                Some(None) | None => None,
            };
            if let Some(error) = &error {
                tracing::warn!(gate = %self.gate, error, "work of this phase stopped; it is started again");
            }
            self.ended = Some((Instant::now(), error));
        }
        if self.running.is_none() && self.ended.as_ref().is_none_or(|(at, _)| at.elapsed() >= RESTART_PAUSE) {
            self.spawn(work);
        }
        self.ended.as_ref().and_then(|(_, error)| error.clone())
    }

    fn spawn(&mut self, work: &impl Work) {
        let (work, gate, cancel) = (work.clone(), self.gate.clone(), self.cancel.clone());
        self.running = Some(tokio::spawn(async move { work.run(gate, cancel).await }));
    }

    /// Tells the work to end and waits for it.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(mut running) = self.running.take()
            && tokio::time::timeout(STOP_LIMIT, &mut running).await.is_err()
        {
            tracing::warn!(gate = %self.gate, "work of this phase did not end within {STOP_LIMIT:?}; aborted");
            running.abort();
            let _ = running.await;
        }
    }
}
