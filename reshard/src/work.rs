//! What the controller has done by others: emptying, copying, verifying, reversing, checking. It only
//! decides when each may run; each says here how far it is.

use std::future::Future;

use flag_client::{HomeConn, HomeError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use topology::Gate;

/// Why work was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkError {
    /// Home did not answer, or refused a statement.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// In words for the DBA: what happened, what was not done, what to do.
    #[error("{0}")]
    Said(String),
}

/// How far the copy is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CopyFacts {
    /// Every row has been copied in this stay.
    pub finished: bool,
    /// 0–100, if it can be told.
    pub percent: Option<f64>,
    /// Rows copied.
    pub rows: u64,
    /// Speed.
    pub rows_per_second: Option<f64>,
    /// Seconds to go.
    pub eta_s: Option<u64>,
    /// Why it stands still, or what else there is to say.
    pub detail: Option<String>,
}

/// What the comparison of both sides says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VerifyFacts {
    /// Passes in a row without a difference, begun after the copy's end, in this epoch.
    pub clean_passes: u32,
    /// Differences in the last finished pass; `None` before there is one.
    pub differences: Option<u64>,
    /// A sentence about the last pass.
    pub detail: Option<String>,
    /// How far the running pass is.
    #[serde(default)]
    pub running: Option<String>,
}

/// How far legacy follows while only the shards are written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReverseFacts {
    /// Log rows not applied yet.
    pub backlog: u64,
    /// Log rows applied in a second, measured; `None` before there is a measurement.
    pub rate: Option<f64>,
    /// Rows that cannot go back (two shards hold the same value of a unique key).
    pub parked: Vec<String>,
}

/// All of it, for guards and status.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Copy, in `1101`.
    pub copy: Option<CopyFacts>,
    /// Verify, in `1101` and `0111`.
    pub verify: Option<VerifyFacts>,
    /// Reverse sync, in `0011`.
    pub reverse: Option<ReverseFacts>,
}

/// What the preflight found that a flip depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Errors, each with its fix.
    pub errors: Vec<String>,
    /// Unique keys whose uniqueness is lost when only the shards are written.
    pub keys_not_unique: Vec<String>,
    /// Why generated ids cannot come from the sequence, if they cannot.
    pub no_sequence: Option<String>,
}

/// The work on one table. Every write of it is gated, or runs on the controller's connection.
pub trait Work: Clone + Send + Sync + 'static {
    /// Makes schema `shunt` and its tables; idempotent.
    fn prepare(&self, conn: &mut HomeConn) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// What stands against leaving `1100` or `0111`.
    fn readiness(&self) -> impl Future<Output = Result<Readiness, WorkError>> + Send;

    /// Empties the shards in `1100`, on the controller's connection: a TRUNCATE takes no gate, so it must not
    /// be able to run once that connection is gone. Refuses rows that Shunt did not put there, unless `force`.
    fn empty_shards(
        &self,
        conn: &mut HomeConn,
        force: bool,
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// The task of a phase, until `cancel` or its end: `1101` copy then verify, `0111` verify, `0011` reverse sync.
    /// It must end soon after `cancel`; started again under the same gate it goes on.
    fn run(
        &self,
        gate: Gate,
        cancel: CancellationToken,
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// How far it is. Cheap: asked several times a second.
    fn facts(
        &self,
        conn: &mut HomeConn,
        gate: &Gate,
    ) -> impl Future<Output = Result<Facts, WorkError>> + Send;

    /// Before a hold, with writers running: whatever can be done ahead (legacy's AUTO_INCREMENT counter).
    fn before_hold(&self, conn: &mut HomeConn) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// In a hold: applies the last keys to legacy and bumps its AUTO_INCREMENT counter. Idempotent. The caller
    /// drops it after a time limit.
    fn drain_in_hold(
        &self,
        conn: &mut HomeConn,
        hold: &Gate,
    ) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// The reverse sync was ended for good: its log goes, which nobody writes any more. On the controller's
    /// connection: a TRUNCATE takes no gate.
    fn forget_log(&self, conn: &mut HomeConn) -> impl Future<Output = Result<(), WorkError>> + Send;
}
