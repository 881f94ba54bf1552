//! Looks on while the application works: which phase the fleet is in, how fast it is, and both sides in snapshots.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use topology::Phase;

use crate::{
    Outcome,
    history::{History, Micros},
    load::{Class, Sample, Shared, percentile},
    scan::Scanner,
    walk::{Flag, State},
};

/// How often the state is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Between two lines on the screen.
const LINE: Duration = Duration::from_secs(1);
/// A snapshot is taken so long after a phase was entered, when everyone works in it …
const FIRST_SNAPSHOT: Duration = Duration::from_millis(1_200);
/// … and again so often: a scan of 200,000 rows on both sides takes a second of one core.
const NEXT_SNAPSHOT: Duration = Duration::from_secs(6);

/// A phase was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When it was seen.
    pub at: Micros,
    /// Into which phase.
    pub phase: Phase,
    /// Its epoch.
    pub epoch: u64,
}

/// What has been seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The state now.
    pub state: State,
    /// Every phase that was entered, the first one included.
    pub changes: Vec<Change>,
    /// The epoch of the last snapshot, with both sides compared where the phase demands it.
    pub checked: u64,
}

/// Where lines for a person go.
pub type Screen = Arc<dyn Fn(&str) + Send + Sync>;

/// The tasks that look on.
pub struct Observer {
    seen: watch::Receiver<Seen>,
    /// Held while a snapshot is open: a flip that changes the side that is read waits for old transactions.
    scanning: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
    ticker: JoinHandle<()>,
    scans: JoinHandle<Outcome<(Scanner, History)>>,
}

impl Observer {
    /// Starts looking on.
    #[must_use]
    pub fn start(flag: Flag, scanner: Scanner, shared: Arc<Shared>, screen: Screen) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        let stop = Arc::new(AtomicBool::new(false));
        let scanning = Arc::new(Mutex::new(()));
        let ticker = Ticker {
            flag,
            shared: Arc::clone(&shared),
            screen,
            seen: Arc::clone(&sender),
            stop: Arc::clone(&stop),
            told: shared.samples(0).len(),
            acknowledged: shared.acknowledged_so_far(),
        };
        let scans = Scans {
            scanner,
            seen: sender,
            stop: Arc::clone(&stop),
            scanning: Arc::clone(&scanning),
            history: History::default(),
        };
        Self { seen, scanning, stop, ticker: tokio::spawn(ticker.run()), scans: tokio::spawn(scans.run()) }
    }

    /// What has been seen.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Keeps snapshots away for as long as the guard lives.
    pub async fn no_snapshot(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.scanning.lock().await
    }

    /// Waits until something is seen.
    ///
    /// # Errors
    /// When that takes longer than `limit`.
    pub async fn until(&self, what: &str, limit: Duration, wanted: impl Fn(&Seen) -> bool) -> Outcome<Seen> {
        let mut seen = self.seen.clone();
        let result = tokio::time::timeout(limit, seen.wait_for(wanted)).await;
        match result {
            Ok(Ok(seen)) => Ok(seen.clone()),
            Ok(Err(_)) => Err("the observer has ended".into()),
            Err(_) => {
                Err(format!("not within {} s: {what}; {:?}", limit.as_secs(), self.seen().state).into())
            }
        }
    }

    /// Stops. The scanner, for the last look, and the snapshots.
    ///
    /// # Errors
    /// When a snapshot could not be taken.
    pub async fn stop(self) -> Outcome<(Scanner, History)> {
        self.stop.store(true, Ordering::Relaxed);
        self.ticker.await?;
        self.scans.await?
    }
}

/// Whether both sides must be equal in the phase that was entered last.
#[must_use]
pub fn demands_equality(seen: &Seen) -> bool {
    let before = seen.changes.iter().rev().nth(1).map(|change| change.phase);
    match seen.changes.last().map(|change| change.phase) {
        Some(Phase::ShardRead) => true,
        // From above it comes with its certificate, from below only with copy and verify.
        Some(Phase::DualWrite) => before == Some(Phase::ShardRead) || seen.state.certified(),
        _ => false,
    }
}

struct Ticker {
    flag: Flag,
    shared: Arc<Shared>,
    screen: Screen,
    seen: Arc<watch::Sender<Seen>>,
    stop: Arc<AtomicBool>,
    /// Samples that were told.
    told: usize,
    acknowledged: u64,
}

impl Ticker {
    async fn run(mut self) {
        let mut line = Instant::now() + LINE;
        while !self.stop.load(Ordering::Relaxed) {
            // Redis may be away: the fleet goes on, and so does this.
            if let Ok(state) = self.flag.state().await {
                self.look(state);
            }
            if Instant::now() >= line {
                line += LINE;
                self.line();
            }
            sleep(POLL).await;
        }
    }

    fn look(&self, state: State) {
        let at = self.shared.clock.now();
        self.seen.send_modify(|seen| {
            if let Some(phase) = state.phase
                && seen.changes.last().is_none_or(|last| last.phase != phase)
            {
                seen.changes.push(Change { at, phase, epoch: state.epoch });
            }
            seen.state = state;
        });
    }

    fn line(&mut self) {
        let samples = self.shared.samples(self.told);
        self.told += samples.len();
        let acknowledged = self.shared.acknowledged_so_far();
        let writes = acknowledged - std::mem::replace(&mut self.acknowledged, acknowledged);
        let state = &self.seen.borrow().state;
        let phase = state.phase.map_or("----".to_owned(), |phase| phase.to_string());
        let mut line = format!(
            "{:>4} s  {phase}  {writes:>5} writes/s  reads {}  writes {}",
            self.shared.clock.now() / 1_000_000,
            milliseconds(&samples, Class::Read),
            milliseconds(&samples, Class::Write),
        );
        if state.phase == Some(Phase::DualWrite) && !state.copy_percent.is_empty() {
            line += &format!("  copy {} %", state.copy_percent);
            if state.copy_finished {
                line += &format!(", {} clean verify passes", state.clean_passes);
            }
        }
        if !state.reverse_backlog.is_empty() && state.reverse_backlog != "0" {
            line += &format!("  reverse sync: {} keys behind", state.reverse_backlog);
        }
        if !state.refusal.is_empty() {
            line += &format!("  waiting: {}", state.refusal);
        }
        (self.screen)(&line);
    }
}

/// `p50 1.2 p99 3.4 ms`.
#[must_use]
pub fn milliseconds(samples: &[Sample], class: Class) -> String {
    let percent = |percent| {
        let took = percentile(samples.iter().filter(|s| s.class == class).copied(), percent);
        format!("{}.{:02}", took / 1000, took % 1000 / 10)
    };
    format!("p50 {} p99 {} ms", percent(50), percent(99))
}

struct Scans {
    scanner: Scanner,
    seen: Arc<watch::Sender<Seen>>,
    stop: Arc<AtomicBool>,
    scanning: Arc<Mutex<()>>,
    history: History,
}

impl Scans {
    async fn run(mut self) -> Outcome<(Scanner, History)> {
        let mut epoch = 0;
        let mut due = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            sleep(POLL).await;
            let now = self.seen.borrow().state.epoch;
            if now != epoch {
                epoch = now;
                due = Instant::now() + FIRST_SNAPSHOT;
            } else if epoch != 0 && Instant::now() >= due && self.scan().await? {
                due = Instant::now() + NEXT_SNAPSHOT;
            }
        }
        Ok((self.scanner, self.history))
    }

    /// False when it has to be tried again soon.
    async fn scan(&mut self) -> Outcome<bool> {
        let (equal, phase, epoch) = {
            let seen = self.seen.borrow();
            (demands_equality(&seen), seen.state.phase, seen.state.epoch)
        };
        // Before the certificate there is nothing to compare yet.
        if phase == Some(Phase::DualWrite) && !equal {
            return Ok(false);
        }
        let guard = self.scanning.lock().await;
        let found = self.scanner.snapshot(equal).await?;
        drop(guard);
        let Some((seen_phase, snapshot)) = found.filter(|(seen, _)| Some(*seen) == phase) else {
            return Ok(false);
        };
        self.history.snapshots.push(snapshot.authority);
        self.history.differences.extend(snapshot.differences);
        self.seen.send_modify(|seen| {
            if seen.state.phase == Some(seen_phase) && seen.state.epoch == epoch {
                seen.checked = epoch;
            }
        });
        Ok(true)
    }
}
