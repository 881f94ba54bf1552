//! The application as a whole: its clients, where they connect to, and what they share.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use mysql_async::Opts;
use tokio::task::JoinSet;

use crate::{
    Outcome,
    app::Worker,
    history::{Clock, History, Image, Micros, Token, What},
};

/// So many ids that were written last are offered to readers: enough for all clients to meet, few enough to be fresh.
const RECENT_IDS: usize = 64;
/// So many of the last complaints are kept for the screen.
const COMPLAINTS: usize = 8;

/// Kinds of statements whose time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A point read or a listing.
    Read,
    /// An autocommit write.
    Write,
}

/// How long one statement took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it began.
    pub began: Micros,
    /// How long it took.
    pub took: Micros,
    /// What it was.
    pub class: Class,
}

/// Where clients connect to: client `n` to the `n mod length`th.
#[derive(Debug, Clone)]
pub struct Routes {
    /// One for each sidecar, or a single one: the server itself.
    pub opts: Vec<Opts>,
    /// Whether they are sidecars.
    pub through: bool,
}

/// What the clients share.
#[derive(Debug)]
pub struct Shared {
    /// The one clock.
    pub clock: Clock,
    workers: u64,
    think: Duration,
    stop: AtomicBool,
    version: AtomicU64,
    highest_id: AtomicU64,
    acknowledged: AtomicU64,
    routes: Mutex<(u64, Routes)>,
    recent: Mutex<VecDeque<u64>>,
    samples: Mutex<Vec<Sample>>,
    complaints: Mutex<VecDeque<String>>,
}

/// A mutex whose holder has panicked still holds good data here: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Whether clients should end.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The pause between two statements of a client.
    #[must_use]
    pub const fn think(&self) -> Duration {
        self.think
    }

    /// How many clients there are; they are numbered from 1.
    #[must_use]
    pub const fn workers(&self) -> u64 {
        self.workers
    }

    /// A number for an attempt to write.
    pub fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed)
    }

    /// The highest id that anybody has written.
    #[must_use]
    pub fn highest_id(&self) -> u64 {
        self.highest_id.load(Ordering::Relaxed)
    }

    /// One of the ids that were written last.
    #[must_use]
    pub fn recent(&self, pick: u64) -> Option<u64> {
        let recent = lock(&self.recent);
        let index = usize::try_from(pick).unwrap_or_default() % recent.len().max(1);
        recent.get(index).copied()
    }

    /// A row with this id was inserted, changed or deleted.
    pub fn wrote(&self, id: u64) {
        self.highest_id.fetch_max(id, Ordering::Relaxed);
        let mut recent = lock(&self.recent);
        recent.truncate(RECENT_IDS - 1);
        recent.push_front(id);
    }

    /// A write was acknowledged.
    pub fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// How many writes were acknowledged so far.
    #[must_use]
    pub fn acknowledged_so_far(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// A statement that began then has just been answered.
    pub fn sample(&self, class: Class, began: Micros) {
        let took = self.clock.now().saturating_sub(began);
        lock(&self.samples).push(Sample { began, took, class });
    }

    /// The samples from the `from`th on.
    #[must_use]
    pub fn samples(&self, from: usize) -> Vec<Sample> {
        lock(&self.samples).get(from..).unwrap_or_default().to_vec()
    }

    /// Something for the screen.
    pub fn complain(&self, doing: &str, what: &What) {
        let mut complaints = lock(&self.complaints);
        complaints.truncate(COMPLAINTS - 1);
        complaints.push_front(format!("{doing}: {what:?}"));
    }

    /// The last complaints, the newest first.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).iter().cloned().collect()
    }

    /// Where this client connects to, and the number of changes of routes so far.
    #[must_use]
    pub fn route(&self, worker: u64) -> (u64, Opts) {
        let routes = lock(&self.routes);
        (routes.0, routes.1.opts[index(worker, &routes.1)].clone())
    }

    /// Which sidecar this client uses.
    #[must_use]
    pub fn sidecar(&self, worker: u64) -> Option<usize> {
        let routes = lock(&self.routes);
        routes.1.through.then(|| index(worker, &routes.1))
    }
}

fn index(worker: u64, routes: &Routes) -> usize {
    usize::try_from(worker).unwrap_or_default() % routes.opts.len()
}

/// The clients at work.
#[derive(Debug)]
pub struct Load {
    /// What they share.
    pub shared: Arc<Shared>,
    workers: JoinSet<History>,
    seeds: Vec<Image>,
}

/// How the application is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rows that are there. Those with `token >> 32` = `n` belong to client `n`, others to nobody.
    pub seeds: Vec<Image>,
    /// How many clients.
    pub workers: u64,
    /// The pause between two statements of a client.
    pub think: Duration,
    /// Where they connect to at first. Not empty.
    pub routes: Routes,
}

impl Load {
    /// Starts the clients.
    #[must_use]
    pub fn start(clock: Clock, plan: Plan) -> Self {
        let highest = plan.seeds.iter().map(|seed| seed.id).max().unwrap_or(1);
        let version = plan.seeds.iter().map(|seed| seed.version).max().unwrap_or(0);
        let shared = Arc::new(Shared {
            clock,
            workers: plan.workers,
            think: plan.think,
            stop: AtomicBool::new(false),
            version: AtomicU64::new(version + 1),
            highest_id: AtomicU64::new(highest),
            acknowledged: AtomicU64::new(0),
            routes: Mutex::new((0, plan.routes)),
            recent: Mutex::default(),
            samples: Mutex::default(),
            complaints: Mutex::default(),
        });
        let mut owned: BTreeMap<u64, BTreeMap<Token, u64>> = BTreeMap::new();
        for seed in &plan.seeds {
            owned.entry(seed.token >> 32).or_default().insert(seed.token, seed.id);
        }
        let mut workers = JoinSet::new();
        for number in 1..=plan.workers {
            let rows = owned.remove(&number).unwrap_or_default();
            workers.spawn(Worker::new(number, Arc::clone(&shared), rows).run());
        }
        Self { shared, workers, seeds: plan.seeds }
    }

    /// Sends the clients elsewhere: each ends what it is doing and reconnects.
    pub fn reroute(&self, routes: Routes) {
        let mut current = lock(&self.shared.routes);
        *current = (current.0 + 1, routes);
    }

    /// Ends the clients; what they did and saw.
    ///
    /// # Errors
    /// When one of them has panicked.
    pub async fn stop(mut self) -> Outcome<History> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut history = History { seeds: self.seeds, ..History::default() };
        while let Some(part) = self.workers.join_next().await {
            history.append(part?);
        }
        Ok(history)
    }
}

/// The `percent`th percentile of the samples, 0 where there are none.
#[must_use]
pub fn percentile(samples: impl Iterator<Item = Sample>, percent: usize) -> Micros {
    let mut took: Vec<Micros> = samples.map(|sample| sample.took).collect();
    took.sort_unstable();
    let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
    took.get(at).copied().unwrap_or_default()
}
