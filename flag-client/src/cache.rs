//! The gate of each table, cached: one cache a process.
//!
//! The hot path is one atomic load ([`GateCache::current`]). One task (see `poll.rs`) reads the gates on a
//! control connection of its own, once a second, when woken and when asked; whoever needs an answer
//! waits for that task's next round, so any number of callers cost home one statement.
//!
//! A snapshot that is too old only ever costs a read of the gate: plain reads are confirmed within
//! [`LEASE`](crate::LEASE), writes take the gate itself and get error 1146 when it is gone.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use topology::{Epoch, GateState, ShardedTable, TableId};

use crate::{FlagStore, GateUnavailable, Home, Snapshot, poll};

/// How long a statement waits for the first gate of a table that has none yet: a controller that has
/// just started makes it within this.
const FIRST_GATE_WAIT: Duration = Duration::from_secs(3);

/// How long a plain read waits for a confirmation. More than one connect to home
/// ([`crate::CONNECT_TIMEOUT`]) and the statement after it.
const CONFIRM_WAIT: Duration = Duration::from_secs(8);

/// The outcome of the last look at one table's gate.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// When that look began.
    pub(crate) sent: Option<Instant>,
    /// What it found.
    pub(crate) found: Result<Arc<Snapshot>, GateUnavailable>,
}

/// One configured table in the cache.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) table: Arc<ShardedTable>,
    /// What statements are planned by; `None` when nothing may be planned.
    pub(crate) hot: ArcSwapOption<Snapshot>,
    /// For those who wait.
    pub(crate) view: watch::Sender<View>,
    /// Someone wants this table looked at now.
    pub(crate) asked: AtomicBool,
    /// Someone wants the schema read again.
    pub(crate) reload: AtomicBool,
    /// Who waits for a hold to end.
    pub(crate) held_waiters: AtomicUsize,
}

/// What the task and the callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) home: Home,
    pub(crate) entries: HashMap<TableId, Entry>,
    pub(crate) wake: Notify,
    /// Looks at gates since start, for tests and metrics.
    pub(crate) looks: AtomicU64,
}

/// The gates of all configured tables, as this process knows them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GateCache {
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

/// The tasks behind a [`GateCache`]; they end when told to, or when the last cache is dropped.
#[derive(Debug)]
pub struct GateTasks {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl GateTasks {
    /// Ends the tasks and waits for them.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for task in self.tasks {
            // A task that panicked has nothing left to wait for.
            let _ = task.await;
        }
    }
}

impl GateCache {
    /// Starts the cache and its tasks. Home may be away: the cache says so and keeps trying. With
    /// `flags` it also wakes at each flip that is published in Redis.
    #[must_use]
    pub fn start(home: Home, tables: &[ShardedTable], flags: Option<FlagStore>) -> (Self, GateTasks) {
        let stop = CancellationToken::new();
        let entries =
            tables.iter().map(|table| (table.id().clone(), Entry::new(table, home.address()))).collect();
        let shared = Arc::new(Shared { home, entries, wake: Notify::new(), looks: AtomicU64::new(0) });
        let mut tasks = vec![tokio::spawn(poll::run(shared.clone(), stop.clone()))];
        if let Some(flags) = flags {
            let woken = shared.clone();
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move {
                flags.wake_on_publish(stop, move || woken.ask_all()).await;
            }));
        }
        let cache = Self { shared, _stop: Arc::new(stop.clone().drop_guard()) };
        (cache, GateTasks { stop, tasks })
    }

    /// The configured tables.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<ShardedTable>> {
        self.shared.entries.values().map(|entry| &entry.table)
    }

    /// Looks at gates since start, all tables together: what this process costs home.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.shared.looks.load(Ordering::Relaxed)
    }

    /// What statements are planned by, without waiting: one atomic load. It may be old
    /// ([`Snapshot::is_fresh`]); `None` when nothing is known or the table is closed, and then
    /// [`Self::confirmed`] says why.
    #[must_use]
    pub fn current(&self, table: &TableId) -> Option<Arc<Snapshot>> {
        self.shared.entries.get(table)?.hot.load_full()
    }

    /// A snapshot that a plain read may go by: confirmed within the lease, by asking home first if
    /// need be.
    ///
    /// # Errors
    /// [`GateUnavailable`].
    pub async fn confirmed(&self, table: &TableId) -> Result<Arc<Snapshot>, GateUnavailable> {
        match self.current(table) {
            Some(snapshot) if snapshot.is_fresh() => Ok(snapshot),
            _ => self.confirmed_since(table, None, Instant::now() + CONFIRM_WAIT).await,
        }
    }

    /// A snapshot confirmed by a look that began after this call: for a read whose answer came
    /// later than the lease.
    ///
    /// # Errors
    /// [`GateUnavailable`].
    pub async fn confirm_now(&self, table: &TableId) -> Result<Arc<Snapshot>, GateUnavailable> {
        let now = Instant::now();
        self.confirmed_since(table, Some(now), now + CONFIRM_WAIT).await
    }

    async fn confirmed_since(
        &self,
        table: &TableId,
        since: Option<Instant>,
        deadline: Instant,
    ) -> Result<Arc<Snapshot>, GateUnavailable> {
        let called = Instant::now();
        let first_gate_deadline = called + FIRST_GATE_WAIT;
        let enough = |view: &View| match &view.found {
            Ok(snapshot) => match since {
                Some(since) => snapshot.confirmed >= since,
                None => snapshot.is_fresh(),
            },
            Err(GateUnavailable::NoGateYet { .. }) => Instant::now() >= first_gate_deadline,
            Err(GateUnavailable::Locked { .. }) => false,
            Err(_) => view.sent.is_some_and(|sent| sent >= called),
        };
        self.wait(table, deadline, enough).await
    }

    /// After error 1146 on the gate of epoch `stale`: reads the name again and returns the epoch
    /// that is open now; waits through a hold, until `deadline`.
    ///
    /// # Errors
    /// [`GateUnavailable`]; [`GateUnavailable::Held`] when the deadline passes in a hold, and
    /// [`GateUnavailable::NotHere`] when home still has the gate of `stale`.
    pub async fn refresh(
        &self,
        table: &TableId,
        stale: Epoch,
        deadline: Instant,
    ) -> Result<Arc<Snapshot>, GateUnavailable> {
        let called = Instant::now();
        let after_call = |view: &View| view.sent.is_some_and(|sent| sent >= called);
        let enough = |view: &View| match &view.found {
            Ok(snapshot) if snapshot.phase().is_none() => false,
            Ok(snapshot) => snapshot.epoch() > stale || after_call(view),
            Err(GateUnavailable::Locked { .. }) => false,
            Err(_) => after_call(view),
        };
        let snapshot = self.wait(table, deadline, enough).await?;
        // A lower epoch is a home that failed over to a replica without the last flips: its gate is
        // as old as its rows, and right.
        if snapshot.epoch() != stale {
            return Ok(snapshot);
        }
        Err(GateUnavailable::NotHere {
            table: table.clone(),
            epoch: stale,
            address: self.shared.home.address().to_owned(),
        })
    }

    /// Has the table's shape read again soon (a statement met a column that the snapshot lacks).
    pub fn reload_schema(&self, table: &TableId) {
        if let Some(entry) = self.shared.entries.get(table) {
            entry.reload.store(true, Ordering::Release);
            self.shared.ask(entry);
        }
    }

    /// Waits for a look whose outcome is `enough`. Cancellation-safe: a caller that goes away leaves
    /// nothing behind but a look that was asked for.
    async fn wait(
        &self,
        table: &TableId,
        deadline: Instant,
        enough: impl Fn(&View) -> bool,
    ) -> Result<Arc<Snapshot>, GateUnavailable> {
        let Some(entry) = self.shared.entries.get(table) else {
            return Err(GateUnavailable::NotConfigured(table.clone()));
        };
        let _waiting = Waiting::new(&entry.held_waiters);
        let mut views = entry.view.subscribe();
        loop {
            let view = views.borrow_and_update().clone();
            if enough(&view) {
                return view.found;
            }
            self.shared.ask_unless_paced(entry, &view);
            let changed = tokio::time::timeout_at(deadline.into(), views.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(self.late(entry));
            }
        }
    }

    /// The deadline passed.
    fn late(&self, entry: &Entry) -> GateUnavailable {
        let table = entry.table.id().clone();
        match &entry.view.borrow().found {
            Ok(snapshot) if snapshot.phase().is_none() => {
                let ddl = matches!(snapshot.gate.state, GateState::Changing(_));
                let why = if ddl { "DDL on it runs" } else { "its last changes are carried over" };
                GateUnavailable::Held { table, epoch: snapshot.epoch(), why }
            }
            Ok(_) => GateUnavailable::Late { table, address: self.shared.home.address().to_owned() },
            Err(error) => error.clone(),
        }
    }
}

impl Entry {
    fn new(table: &ShardedTable, address: &str) -> Self {
        let (view, _) = watch::channel(View {
            sent: None,
            found: Err(GateUnavailable::NotReadYet {
                table: table.id().clone(),
                address: address.to_owned(),
            }),
        });
        Self {
            table: Arc::new(table.clone()),
            hot: ArcSwapOption::empty(),
            view,
            asked: AtomicBool::new(true),
            reload: AtomicBool::new(false),
            held_waiters: AtomicUsize::new(0),
        }
    }

    /// Publishes what a look found: first for statements, then for those who wait.
    pub(crate) fn publish(&self, view: View) {
        match &view.found {
            Ok(snapshot) => self.hot.store(Some(snapshot.clone())),
            Err(error) if error.closes() => self.hot.store(None),
            // Home is out of reach: writes by the old snapshot are fenced by the gate, reads are
            // confirmed first.
            Err(_) => {}
        }
        self.view.send_replace(view);
    }
}

impl Shared {
    fn ask(&self, entry: &Entry) {
        entry.asked.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn ask_all(&self) {
        for entry in self.entries.values() {
            entry.asked.store(true, Ordering::Release);
        }
        self.wake.notify_one();
    }

    /// In a hold, and before the first gate, the task polls at its own pace.
    fn ask_unless_paced(&self, entry: &Entry, view: &View) {
        let paced = match &view.found {
            Ok(snapshot) => snapshot.phase().is_none() && snapshot.is_fresh(),
            Err(GateUnavailable::NoGateYet { .. }) => true,
            Err(_) => false,
        };
        if paced {
            self.wake.notify_one();
        } else {
            self.ask(entry);
        }
    }
}

/// Counts who waits, also when the waiting future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
