//! The task that reads the gates: one a process, on a control connection of its own.
//!
//! ```text
//! look at one table:  probe the known gate ──ok──────────────────────────► confirmed
//!                        │ 1146, or none known                                ▲
//!                        ▼                                                    │
//!                     SHOW TABLES ──exactly one──► probe it ──ok──► schema ───┘
//!                        │ else, three times                     (if the epoch is new)
//!                        ▼
//!                     closed: nothing is planned for the table
//! ```

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use topology::{Gate, ShardedTable, TableId, TableSchema};

use crate::{
    GateFault, GateNames, GateUnavailable, Home, HomeConn, HomeError, SchemaError, Snapshot,
    cache::{Entry, Shared, View},
    load_schema, probe,
};

/// How often each gate is read: three of these fit into the lease, so one lost round costs nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// In a hold with someone waiting. A hold lasts 0.2–0.4 s, and every process does this.
const HOLD_INTERVAL: Duration = Duration::from_millis(20);
/// While a table has no gate yet and someone waits.
const NO_GATE_INTERVAL: Duration = Duration::from_millis(100);
/// After a failed connect, callers get the same error for this long instead of one connect each.
const AWAY_INTERVAL: Duration = Duration::from_millis(100);
/// A look that takes longer is given up with its connection.
const LOOK_TIMEOUT: Duration = Duration::from_secs(4);
/// How often names are read before a number of gates other than one is believed: MariaDB lists a
/// directory, and a listing beside a rename may show both names or neither.
const READS: u32 = 3;
/// Between those.
const READ_PAUSE: Duration = Duration::from_millis(5);
/// The shape is read again after this long, for an ALTER that ran past Shunt.
const SCHEMA_AGE: Duration = Duration::from_secs(30);
/// MySQL errors 1044, 1045, 1142, 1227: the control user lacks a privilege.
const ACCESS_DENIED: [u16; 4] = [1044, 1045, 1142, 1227];
/// MySQL error 1205: the metadata lock was not granted in time.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// Reads gates until `stop`.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut reader = Reader {
        home: shared.home.clone(),
        conn: None,
        away: None,
        schemas: HashMap::new(),
        seen: HashSet::new(),
    };
    let mut looked: HashMap<TableId, Instant> = HashMap::new();
    loop {
        for (id, entry) in &shared.entries {
            let due = looked.get(id).is_none_or(|at| at.elapsed() >= interval(entry));
            if entry.asked.swap(false, Ordering::AcqRel) || due {
                shared.looks.fetch_add(1, Ordering::Relaxed);
                looked.insert(id.clone(), Instant::now());
                // Dropping a look half way drops the connection with it at worst.
                tokio::select! {
                    () = stop.cancelled() => return,
                    view = reader.look(entry) => entry.publish(view),
                }
            }
        }
        let next = shared.entries.iter().filter_map(|(id, entry)| Some(*looked.get(id)? + interval(entry)));
        let next = next.min().unwrap_or_else(|| Instant::now() + POLL_INTERVAL);
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.wake.notified() => {}
            () = sleep_until(next.into()) => {}
        }
    }
}

fn interval(entry: &Entry) -> Duration {
    if entry.held_waiters.load(Ordering::Acquire) == 0 {
        return POLL_INTERVAL;
    }
    match &entry.view.borrow().found {
        Ok(snapshot) if snapshot.phase().is_none() => HOLD_INTERVAL,
        Err(GateUnavailable::NoGateYet { .. }) => NO_GATE_INTERVAL,
        _ => POLL_INTERVAL,
    }
}

struct Reader {
    home: Home,
    conn: Option<HomeConn>,
    /// The last failed connect.
    away: Option<(Instant, HomeError)>,
    schemas: HashMap<TableId, (Instant, Arc<TableSchema>)>,
    /// Tables whose gate was seen: a missing one has vanished.
    seen: HashSet<TableId>,
}

/// A confirmed gate and when the confirming statement was sent.
type Confirmed = (Gate, Instant);

impl Reader {
    /// One look at one table. A broken connection is replaced once before it is reported.
    async fn look(&mut self, entry: &Entry) -> View {
        let sent = Instant::now();
        let reused = self.conn.is_some();
        let mut found = self.try_look(entry).await;
        if reused && matches!(found, Err(GateUnavailable::HomeAway { .. })) {
            found = self.try_look(entry).await;
        }
        if let Err(error) = &found {
            tracing::debug!(table = %entry.table.id(), %error, "gate not confirmed");
        }
        View { sent: Some(sent), found }
    }

    async fn try_look(&mut self, entry: &Entry) -> Result<Arc<Snapshot>, GateUnavailable> {
        let away = |error| GateUnavailable::HomeAway { table: entry.table.id().clone(), error };
        // Taken out, so that a look that is dropped or times out never leaves a connection in the
        // middle of an answer.
        let mut conn = self.connection().await.map_err(away)?;
        match timeout(LOOK_TIMEOUT, self.find(&mut conn, entry)).await {
            Err(_) => Err(away(HomeError::Unreachable {
                address: self.home.address().into(),
                cause: format!("no answer within {LOOK_TIMEOUT:?}"),
            })),
            Ok(Err(error @ GateUnavailable::HomeAway { .. })) => Err(error),
            Ok(found) => {
                self.conn = Some(conn);
                found
            }
        }
    }

    async fn connection(&mut self) -> Result<HomeConn, HomeError> {
        if let Some(conn) = self.conn.take() {
            return Ok(conn);
        }
        if let Some((at, error)) = &self.away
            && at.elapsed() < AWAY_INTERVAL
        {
            return Err(error.clone());
        }
        let connected = match self.home.connect().await {
            // Nothing but a flip may hold the gate, and a flip waits 100 ms at a time.
            Ok(mut conn) => {
                conn.run("limiting lock waits", "SET SESSION lock_wait_timeout=1").await.map(|()| conn)
            }
            Err(error) => Err(error),
        };
        self.away = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
        connected
    }

    async fn find(&mut self, conn: &mut HomeConn, entry: &Entry) -> Result<Arc<Snapshot>, GateUnavailable> {
        let known = entry.view.borrow().found.as_ref().ok().cloned();
        let seen = self.seen.contains(entry.table.id());
        let (gate, confirmed) = confirm(conn, &entry.table, known.as_deref(), seen).await?;
        if !seen {
            self.seen.insert(entry.table.id().clone());
        }
        check_topology(&gate, &entry.table)?;
        let same_epoch = known.is_some_and(|known| known.gate == gate);
        let schema = self.schema(conn, entry, same_epoch).await?;
        Ok(Arc::new(Snapshot { gate, confirmed, schema }))
    }

    /// The shape: read anew at each change of epoch, when asked, and when it is old.
    async fn schema(
        &mut self,
        conn: &mut HomeConn,
        entry: &Entry,
        same_epoch: bool,
    ) -> Result<Arc<TableSchema>, GateUnavailable> {
        let id = entry.table.id();
        let asked = entry.reload.swap(false, Ordering::AcqRel);
        if same_epoch
            && !asked
            && let Some((at, schema)) = self.schemas.get(id)
            && at.elapsed() < SCHEMA_AGE
        {
            return Ok(schema.clone());
        }
        let read = Instant::now();
        let schema = load_schema(conn, &entry.table).await.map_err(|error| match error {
            SchemaError::Home(error) if error.is_disconnect() => {
                GateUnavailable::HomeAway { table: id.clone(), error }
            }
            error => GateUnavailable::Schema { table: id.clone(), error },
        })?;
        // The same shape keeps its allocation, so that whoever caches plans by it can compare pointers.
        let schema = match self.schemas.get(id) {
            Some((_, old)) if **old == schema => old.clone(),
            _ => Arc::new(schema),
        };
        self.schemas.insert(id.clone(), (read, schema.clone()));
        Ok(schema)
    }
}

/// Finds the one gate and takes its lock once.
async fn confirm(
    conn: &mut HomeConn,
    table: &ShardedTable,
    known: Option<&Snapshot>,
    seen: bool,
) -> Result<Confirmed, GateUnavailable> {
    if let Some(known) = known {
        let sent = Instant::now();
        if try_probe(conn, table, &known.gate).await? {
            return Ok((known.gate.clone(), sent));
        }
    }
    let mut fault = GateFault::Missing;
    for _ in 0..READS {
        let names = GateNames::read(conn).await.map_err(|error| refused(table, error))?;
        match names.one(table.id()) {
            Ok(gate) => {
                let sent = Instant::now();
                if try_probe(conn, table, &gate).await? {
                    return Ok((gate, sent));
                }
            }
            Err(found) => {
                fault = found;
                sleep(READ_PAUSE).await;
            }
        }
    }
    let table = table.id().clone();
    Err(match fault {
        GateFault::Missing if !seen => GateUnavailable::NoGateYet { table },
        fault => GateUnavailable::Fault { table, fault },
    })
}

async fn try_probe(conn: &mut HomeConn, table: &ShardedTable, gate: &Gate) -> Result<bool, GateUnavailable> {
    probe(conn, gate).await.map_err(|error| {
        if error.code() == Some(LOCK_WAIT_TIMEOUT) {
            GateUnavailable::Locked { table: table.id().clone(), gate: gate.name(), error }
        } else {
            refused(table, error)
        }
    })
}

fn refused(table: &ShardedTable, error: HomeError) -> GateUnavailable {
    let table = table.id().clone();
    if error.code().is_some_and(|code| ACCESS_DENIED.contains(&code)) {
        GateUnavailable::Forbidden { table, error }
    } else {
        GateUnavailable::HomeAway { table, error }
    }
}

fn check_topology(gate: &Gate, table: &ShardedTable) -> Result<(), GateUnavailable> {
    let own = table.hash();
    match gate.hash {
        Some(theirs) if theirs != own => Err(GateUnavailable::ForeignTopology {
            table: table.id().clone(),
            gate: gate.name(),
            own,
            theirs,
        }),
        _ => Ok(()),
    }
}
