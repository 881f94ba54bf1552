//! The controller's [`Work`] on a real table: copy and verify, reverse sync, what `hold` needs.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use flag_client::{FlagKeys, FlagStore, Home, HomeConn, load_schema};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use topology::{Gate, GateState, Phase, ShardedTable, TableSchema};

use crate::{
    bootstrap,
    copy::{self, Copier, CopyError, Pace, Steering},
    preflight,
    reverse::{self, Applier, Drained},
    sequence,
    verify::{self, PassProgress, Verifier, VerifyError, VerifyOptions},
    work::{CopyFacts, Facts, Readiness, ReverseFacts, VerifyFacts, Work, WorkError},
};

/// How often the throttle key and the end key are read.
const STEER_EVERY: Duration = Duration::from_secs(1);
/// A throttle that was not read for so long counts as "pause": it fails closed.
const STEER_STALE: Duration = Duration::from_secs(10);
/// Passes at full speed when a phase begins: the guard wants two.
const FAST_PASSES: u32 = 2;
/// Later passes rest nine times as long as they work, and begin at most this often.
const SLOW_PASS_EVERY: Duration = Duration::from_secs(60);
const SLOW_REST: f64 = 9.0;
/// Ids that are handed out between the bump ahead of a hold and the hold: a second of many sidecars' blocks.
const COUNTER_HEADROOM: u64 = 100_000;
/// The controller gives a hold 400 ms in all; renaming twice and bumping the counter take the rest.
const DRAIN_LIMIT: Duration = Duration::from_millis(300);
/// A pass or applier that failed is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Moves one table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mover {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    home: Home,
    flags: FlagStore,
    keys: FlagKeys,
    table: ShardedTable,
    pace: Pace,
    steered: Arc<Steered>,
    passes: Arc<PassProgress>,
    /// Keys a second of the running reverse sync; 0 before it was measured.
    reverse_rate: AtomicU64,
}

/// What Redis said last about pausing, and about the first dual-written row.
#[derive(Debug, Default)]
struct Steered {
    seen: Mutex<Option<(Instant, bool, Option<i128>)>>,
}

impl Steering for Steered {
    fn paused(&self) -> Option<String> {
        let seen = self.seen.lock().ok().and_then(|seen| *seen);
        match seen {
            Some((at, ..)) if at.elapsed() > STEER_STALE => {
                Some("Redis cannot be read, so a pause might have been asked for".to_owned())
            }
            Some((_, true, _)) => Some("paused by `shunt backfill --pause`".to_owned()),
            Some(_) => None,
            None => Some("the throttle has not been read from Redis yet".to_owned()),
        }
    }

    fn end_id(&self) -> Option<i128> {
        self.seen.lock().ok().and_then(|seen| seen.and_then(|(_, _, end)| end))
    }
}

impl Mover {
    /// Work on one table.
    #[must_use]
    pub fn new(home: Home, flags: FlagStore, keys: FlagKeys, table: ShardedTable, pace: Pace) -> Self {
        let inner = Inner {
            home,
            flags,
            keys,
            table,
            pace,
            steered: Arc::new(Steered::default()),
            passes: Arc::default(),
            reverse_rate: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    async fn schema(&self, conn: &mut HomeConn) -> Result<TableSchema, WorkError> {
        load_schema(conn, &self.inner.table).await.map_err(said)
    }

    /// Reads Redis until dropped.
    async fn steer(&self) {
        let inner = &self.inner;
        loop {
            if let Ok(paused) = inner.flags.throttled(&inner.keys).await {
                let end = inner.flags.end(&inner.keys).await.ok().flatten().and_then(|id| id.parse().ok());
                if let Ok(mut seen) = inner.steered.seen.lock() {
                    *seen = Some((Instant::now(), paused, end));
                }
            }
            sleep(STEER_EVERY).await;
        }
    }

    async fn copy(&self, gate: &Gate, cancel: &CancellationToken) -> Result<(), WorkError> {
        let inner = &self.inner;
        let copier = Copier::new(
            inner.home.clone(),
            inner.table.clone(),
            gate.clone(),
            inner.pace.clone(),
            inner.steered.clone(),
        );
        match copier.run(cancel).await {
            Ok(_) | Err(CopyError::Cancelled(_) | CopyError::EpochOver(_)) => Ok(()),
            Err(error) => Err(said(error)),
        }
    }

    /// Verifies again and again: twice at once, then slowly.
    async fn verify(&self, gate: &Gate, cancel: &CancellationToken) -> Result<(), WorkError> {
        let inner = &self.inner;
        let mut passes = 0;
        while !cancel.is_cancelled() {
            let fast = passes < FAST_PASSES;
            let began = Instant::now();
            let mut options =
                VerifyOptions { rest: if fast { 0.0 } else { SLOW_REST }, ..VerifyOptions::default() };
            options.pace.throttle.clone_from(&inner.pace.throttle);
            let verifier = Verifier::new(
                inner.home.clone(),
                inner.table.clone(),
                gate.clone(),
                options,
                inner.steered.clone(),
            )
            .telling(inner.passes.clone());
            match verifier.run(cancel).await {
                Ok(report) => report_pass(inner.table.id().as_str(), &report),
                Err(VerifyError::Cancelled(_) | VerifyError::EpochOver(_)) => return Ok(()),
                Err(error) => return Err(said(error)),
            }
            passes += 1;
            let pause = if passes < FAST_PASSES {
                Duration::ZERO
            } else {
                SLOW_PASS_EVERY.saturating_sub(began.elapsed())
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        Ok(())
    }

    async fn apply(&self, gate: &Gate, cancel: &CancellationToken) -> Result<(), WorkError> {
        let inner = &self.inner;
        let applier = Applier::new(inner.home.clone(), inner.table.clone(), gate.clone());
        let measure = async {
            loop {
                inner.reverse_rate.store(applier.rate(), Ordering::Relaxed);
                sleep(STEER_EVERY).await;
            }
        };
        tokio::select! {
            applied = applier.run(cancel) => match applied {
                Ok(()) | Err(reverse::ReverseError::EpochOver(_)) => Ok(()),
                Err(error) => Err(said(error)),
            },
            () = measure => Ok(()),
        }
    }
}

fn report_pass(table: &str, report: &verify::VerifyReport) {
    if report.clean() {
        tracing::info!(table, rows = report.rows, seconds = report.seconds, "verify: both sides are equal");
        return;
    }
    for row in &report.shown {
        tracing::error!(table, %row, "verify: a row differs");
    }
    tracing::error!(
        table,
        differing = report.differing,
        "verify: the sides differ; did a writer go past Shunt?"
    );
}

fn said(error: impl std::fmt::Display) -> WorkError {
    WorkError::Said(error.to_string())
}

impl Work for Mover {
    async fn prepare(&self, conn: &mut HomeConn) -> Result<(), WorkError> {
        let schema = self.schema(conn).await?;
        bootstrap::ensure(conn, &[schema]).await.map_err(said)
    }

    async fn readiness(&self) -> Result<Readiness, WorkError> {
        let inner = &self.inner;
        let report = preflight::run(&inner.home, &inner.table, Some(&inner.flags)).await?;
        let errors = report.errors().map(|finding| match &finding.fix {
            Some(fix) => format!("{} (fix: {fix})", finding.message),
            None => finding.message.clone(),
        });
        Ok(Readiness {
            errors: errors.collect(),
            keys_not_unique: report.keys_not_unique.clone(),
            no_sequence: report.no_sequence.clone(),
        })
    }

    async fn empty_shards(&self, conn: &mut HomeConn, force: bool) -> Result<(), WorkError> {
        copy::empty_shards(&self.inner.home, conn, &self.inner.table, force).await.map_err(said)
    }

    async fn run(&self, gate: Gate, cancel: CancellationToken) -> Result<(), WorkError> {
        let work = async {
            match gate.state {
                GateState::Open(Phase::DualWrite) => {
                    self.copy(&gate, &cancel).await?;
                    self.verify(&gate, &cancel).await
                }
                GateState::Open(Phase::ShardRead) => self.verify(&gate, &cancel).await,
                GateState::Open(Phase::Shards) => self.apply(&gate, &cancel).await,
                _ => Ok(()),
            }
        };
        tokio::select! {
            done = work => {
                if done.is_err() {
                    sleep(RETRY_AFTER).await;
                }
                done
            }
            () = self.steer() => Ok(()),
        }
    }

    async fn facts(&self, conn: &mut HomeConn, gate: &Gate) -> Result<Facts, WorkError> {
        let (table, epoch) = (self.inner.table.id(), gate.epoch);
        let mut facts = Facts::default();
        let GateState::Open(phase) = gate.state else { return Ok(facts) };
        if phase == Phase::DualWrite
            && let Some(progress) = copy::progress(conn, table, epoch).await?
        {
            facts.copy = Some(CopyFacts {
                finished: progress.finished,
                percent: progress.percent,
                rows: progress.rows,
                rows_per_second: progress.rows_per_second,
                eta_s: progress.eta.map(|eta| eta.as_secs()),
                detail: progress.detail,
            });
        }
        if matches!(phase, Phase::DualWrite | Phase::ShardRead) {
            let clean = verify::clean_passes(conn, table, epoch).await?;
            let last = verify::last_pass(conn, table, epoch).await?;
            facts.verify = Some(VerifyFacts {
                clean_passes: u32::try_from(clean).unwrap_or(u32::MAX),
                differences: last.as_ref().map(|pass| pass.differing),
                detail: last.as_ref().and_then(|pass| pass.sample.first()).map(ToString::to_string),
                running: self.inner.passes.line(),
            });
        }
        if phase == Phase::Shards {
            let rate = self.inner.reverse_rate.load(Ordering::Relaxed);
            let parked = reverse::parked(conn, table).await?;
            facts.reverse = Some(ReverseFacts {
                backlog: reverse::backlog(conn, &self.inner.table).await?,
                rate: (rate > 0).then_some(rate as f64),
                parked: parked.into_iter().map(|row| format!("{}: {}", row.key, row.reason)).collect(),
            });
        }
        Ok(facts)
    }

    async fn before_hold(&self, conn: &mut HomeConn) -> Result<(), WorkError> {
        let schema = self.schema(conn).await?;
        sequence::bump_legacy_counter(&self.inner.home, conn, &schema, COUNTER_HEADROOM).await.map_err(said)
    }

    async fn drain_in_hold(&self, conn: &mut HomeConn, hold: &Gate) -> Result<(), WorkError> {
        let inner = &self.inner;
        let applier = Applier::new(inner.home.clone(), inner.table.clone(), hold.clone());
        match applier.drain_in_hold(hold, DRAIN_LIMIT).await.map_err(said)? {
            Drained::Equal => {}
            Drained::TimeOut { left } => {
                return Err(said(format!("{left} log rows were not in legacy in time")));
            }
            Drained::Parked(rows) => {
                return Err(said(format!(
                    "{} rows cannot go back to legacy; see `shunt status`",
                    rows.len()
                )));
            }
        }
        let schema = self.schema(conn).await?;
        sequence::bump_legacy_counter(&inner.home, conn, &schema, 0).await.map_err(said)
    }

    async fn forget_log(&self, conn: &mut HomeConn) -> Result<(), WorkError> {
        match reverse::forget(&self.inner.home, conn, &self.inner.table).await? {
            true => Ok(()),
            false => Err(said("it is in use by another connection")),
        }
    }
}
