//! Runs batches all the time, measures its speed, and drains the log in `hold`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use flag_client::{Home, HomeConn, HomeError, SchemaError, load_schema};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use topology::{Gate, ShardedTable, TableSchema};

use super::{
    batch::{self, Batch, BatchError, Context},
    park,
};
use crate::{
    db,
    keys::{KeyError, KeyShape},
    shape,
};

/// Log rows a batch: one list of keys, some milliseconds of work.
const BATCH_ROWS: usize = 500;
/// How often an empty log is looked at: legacy follows within a fraction of a second.
const IDLE: Duration = Duration::from_millis(100);
/// How often parked keys are tried again.
const RETRY_PARKED: Duration = Duration::from_secs(5);
/// Counting stops here: nobody waits for a log that long.
const MAX_BACKLOG: u64 = 1_000_000;
/// Assumed before anything was measured, in keys a second; the slowest seen on two cores was several thousand.
const RATE_AT_START: u64 = 2_000;

/// Why the reverse sync stopped. What it applied stays; nothing in the log is lost.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError {
    /// Home did not answer or refused.
    #[error(
        "reverse sync stopped: {0}; the dirty log keeps what is not yet in legacy; it goes on when started again"
    )]
    Home(#[from] HomeError),
    /// The table cannot be read as a sharded table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The log's keys do not fit the primary key.
    #[error("reverse sync stopped: {0}")]
    Key(#[from] KeyError),
    /// The tables do not have the same columns.
    #[error(
        "reverse sync of {table} stopped: {what}; nothing was applied since; make the columns equal again (shunt check)"
    )]
    Columns {
        /// The table's id.
        table: String,
        /// Which column, and how.
        what: String,
    },
    /// The phase changed.
    #[error("reverse sync of {0} ended: its epoch is over")]
    EpochOver(String),
}

/// What draining in `hold` came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drained {
    /// Legacy is equal to the shards.
    Equal,
    /// Out of time: this many log rows are left. Reopen as `0011` and try later.
    TimeOut {
        /// Log rows left.
        left: u64,
    },
    /// These keys do not fit into legacy: cannot go back until the application changes them.
    Parked(Vec<park::Parked>),
}

/// Applies one table's dirty log to legacy.
pub struct Applier {
    home: Home,
    table: ShardedTable,
    gate: Gate,
    keys_per_second: AtomicU64,
}

/// How many rows the dirty log has (counted up to a million).
///
/// # Errors
/// [`HomeError`].
pub async fn backlog(conn: &mut HomeConn, table: &ShardedTable) -> Result<u64, HomeError> {
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT {MAX_BACKLOG}) `q`", table.dirty_log());
    let rows: Vec<u64> = conn.rows("counting the dirty log", &sql, ()).await?;
    Ok(rows.first().copied().unwrap_or(0))
}

impl Applier {
    /// An applier of `table` under the gate of a `0011` epoch.
    #[must_use]
    pub fn new(home: Home, table: ShardedTable, gate: Gate) -> Self {
        Self { home, table, gate, keys_per_second: AtomicU64::new(RATE_AT_START) }
    }

    /// Keys a second that it applies when it has work.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.keys_per_second.load(Ordering::Relaxed).max(1)
    }

    /// Applies until cancelled (between batches) or until the epoch is over.
    ///
    /// # Errors
    /// [`ReverseError`]; nothing of the log is lost.
    pub async fn run(&self, cancel: &CancellationToken) -> Result<(), ReverseError> {
        let (mut conn, schema) = self.connect().await?;
        let shape = KeyShape::new(&schema);
        let context = Context { schema: &schema, shape: &shape, gate: &self.gate };
        let mut from = 0;
        let mut parked_tried: Option<Instant> = None;
        while !cancel.is_cancelled() {
            let retry = parked_tried.is_none_or(|tried| tried.elapsed() > RETRY_PARKED);
            if retry {
                parked_tried = Some(Instant::now());
            }
            let batch = self.batch(&mut conn, &context, from, retry).await?;
            let idle = batch.is_none_or(|batch| batch.log_rows < BATCH_ROWS && batch.next_sidecar == from);
            from = batch.map_or(0, |batch| batch.next_sidecar);
            if idle {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = sleep(IDLE) => {}
                }
            }
        }
        Ok(())
    }

    /// Applies what is left under the gate of `hold`, when nobody writes, until the log is empty or `limit` is over.
    ///
    /// # Errors
    /// [`ReverseError`].
    pub async fn drain_in_hold(&self, hold: &Gate, limit: Duration) -> Result<Drained, ReverseError> {
        let until = Instant::now() + limit;
        let (mut conn, schema) = self.connect().await?;
        let shape = KeyShape::new(&schema);
        let context = Context { schema: &schema, shape: &shape, gate: hold };
        let mut from = 0;
        loop {
            let batch = self.batch(&mut conn, &context, from, from == 0).await?;
            from = batch.map_or(0, |batch| batch.next_sidecar);
            let left = backlog(&mut conn, &self.table).await?;
            if left == 0 {
                let parked = park::parked(&mut conn, self.table.id()).await?;
                return Ok(if parked.is_empty() { Drained::Equal } else { Drained::Parked(parked) });
            }
            if Instant::now() >= until {
                return Ok(Drained::TimeOut { left });
            }
        }
    }

    async fn connect(&self) -> Result<(HomeConn, TableSchema), ReverseError> {
        let mut conn = self.home.connect().await?;
        let schema = load_schema(&mut conn, &self.table).await?;
        if let Some(what) = shape::differences(&mut conn, &self.table).await?.into_iter().next() {
            return Err(ReverseError::Columns { table: self.table.id().to_string(), what });
        }
        // Not strict: ENUM's error value, written as number 0, is what strict mode refuses.
        let sql = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;\
                   SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES',innodb_lock_wait_timeout=1";
        db::packet(&mut conn, "setting up the reverse sync", sql).await?;
        Ok((conn, schema))
    }

    /// One batch; `None` when another transaction was in the way and it is to be tried again.
    async fn batch(
        &self,
        conn: &mut HomeConn,
        context: &Context<'_>,
        from: u64,
        retry_parked: bool,
    ) -> Result<Option<Batch>, ReverseError> {
        let began = Instant::now();
        match batch::apply(conn, context, from, BATCH_ROWS, retry_parked).await {
            Ok(batch) => {
                self.measure(batch.keys, began.elapsed());
                Ok(Some(batch))
            }
            Err(BatchError::Home(error)) if db::is_contention(&error) => Ok(None),
            Err(BatchError::Home(error)) if db::is_gate_gone(&error, context.gate) => {
                Err(ReverseError::EpochOver(self.table.id().to_string()))
            }
            Err(BatchError::Home(error)) => Err(error.into()),
            Err(BatchError::Key(error)) => Err(error.into()),
        }
    }

    /// A moving average over batches that are large enough to say something.
    fn measure(&self, keys: usize, took: Duration) {
        if keys < 20 {
            return;
        }
        let now = keys as f64 / took.as_secs_f64().max(1e-3);
        let old = self.keys_per_second.load(Ordering::Relaxed) as f64;
        let new = (old * 0.8 + now * 0.2).max(1.0) as u64;
        self.keys_per_second.store(new, Ordering::Relaxed);
    }
}
