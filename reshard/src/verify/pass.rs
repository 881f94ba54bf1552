//! One pass over the whole table.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use flag_client::{Home, HomeConn, HomeError, SchemaError, fingerprint, load_schema};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use topology::{Gate, Phase, ShardedTable, TableSchema};

use super::{RowDifference, narrow, store};
use crate::{
    copy::{self, ChunkSize, Pace, Steering, Throttle},
    db, image,
    keys::{Key, KeyError, KeyRange, KeyShape},
    shape,
};

/// Stands for a hash that could not be built: above any sum of 64-bit hashes, and 1e8 of them still fit 128 bits.
const UNHASHED: u128 = 1_000_000_000_000_000_000_000_000_000_000;

/// Keys that a report holds; beyond them it only counts.
const MAX_KEYS: usize = 10_000;

/// Why a pass did not come to its end. Nothing was changed, and nothing of it counts.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Home did not answer or refused.
    #[error("verify stopped: {0}; nothing was changed; run it again")]
    Home(#[from] HomeError),
    /// The table cannot be read as a sharded table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A key of a report from another shape of the table.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The phase changed meanwhile.
    #[error("verify of {0} ended: its epoch is over; run it again in the new phase")]
    EpochOver(String),
    /// The tables do not have the same columns.
    #[error("verify of {table} cannot compare: {what}; make the columns equal first (shunt check)")]
    Columns {
        /// The table's id.
        table: String,
        /// Which column, and how.
        what: String,
    },
    /// The server returned NULL for a row's hash.
    #[error(
        "verify of {0} cannot compare: the server could not put together a row for hashing; raise max_allowed_packet on home \
         above the longest row and run it again"
    )]
    Unhashed(String),
    /// Told to stop.
    #[error("verify of {0} was told to stop; nothing of the pass counts")]
    Cancelled(String),
}

/// Settings of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyOptions {
    /// Chunk size and throttle; a chunk takes no locks.
    pub pace: Pace,
    /// After a chunk of `t`, rest `rest × t`: 0 is full speed, 9 a tenth of it.
    pub rest: f64,
    /// How many differing rows are shown with their values.
    pub show: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { pace: Pace { chunk_time: Duration::from_millis(100), ..Pace::default() }, rest: 0.0, show: 20 }
    }
}

/// What a pass found.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct VerifyReport {
    /// Legacy rows compared.
    pub rows: u64,
    /// Chunks compared.
    pub chunks: u64,
    /// Keys that differ, misplaced rows included.
    pub differing: u64,
    /// Keys that differ and are on their way to legacy by the reverse sync (only in `0011`).
    pub pending: u64,
    /// The first differing rows, with values.
    pub shown: Vec<RowDifference>,
    /// The first 10,000 differing keys, for [`super::repair`].
    #[serde(skip)]
    pub keys: Vec<Key>,
    /// The chunks in which they are.
    #[serde(skip)]
    pub ranges: Vec<KeyRange>,
    /// Whether this epoch's copy was complete when the pass began.
    pub after_copy: bool,
    /// How long the pass took.
    pub seconds: f64,
}

impl VerifyReport {
    /// Nothing differs but what is pending.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.differing == 0
    }
}

/// How far a running pass is, for whoever wants to show it.
#[derive(Debug, Default)]
pub struct PassProgress {
    now: Mutex<Option<Now>>,
}

#[derive(Debug)]
struct Now {
    rows: u64,
    /// The server's estimate of all rows.
    of: u64,
    waiting: Option<String>,
}

impl PassProgress {
    /// `63 % of about 200000 rows`, and why it waits if it does; `None` while no pass runs.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Now { rows, of, waiting } = now.as_ref()?;
        // An estimate may be too low; at 100 % the pass would have ended.
        let percent = (rows * 100).checked_div(*of).unwrap_or(0).min(99);
        let waiting = waiting.as_ref().map(|why| format!("; it waits: {why}")).unwrap_or_default();
        Some(format!("{percent} % of about {of} rows{waiting}"))
    }

    fn set(&self, now: Option<Now>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// Verifies one table under one gate.
pub struct Verifier {
    home: Home,
    table: ShardedTable,
    gate: Gate,
    options: VerifyOptions,
    steering: Arc<dyn Steering>,
    progress: Arc<PassProgress>,
}

/// What is needed to compare a chunk.
pub(super) struct Context<'a> {
    pub schema: &'a TableSchema,
    pub shape: &'a KeyShape,
    pub gate: &'a Gate,
    pub show: usize,
}

impl Verifier {
    /// A verifier of `table` in the epoch of `gate`.
    #[must_use]
    pub fn new(
        home: Home,
        table: ShardedTable,
        gate: Gate,
        options: VerifyOptions,
        steering: Arc<dyn Steering>,
    ) -> Self {
        Self { home, table, gate, options, steering, progress: Arc::default() }
    }

    /// Tells `progress` how far its passes are.
    #[must_use]
    pub fn telling(self, progress: Arc<PassProgress>) -> Self {
        Self { progress, ..self }
    }

    /// Compares every row once and stores the outcome in `shunt.verify`.
    ///
    /// Dropping the future ends the pass without a trace.
    ///
    /// # Errors
    /// [`VerifyError`]; then nothing is stored.
    pub async fn run(&self, cancel: &CancellationToken) -> Result<VerifyReport, VerifyError> {
        let began = Instant::now();
        let result = self.pass(cancel).await;
        self.progress.set(None);
        let (mut conn, mut report, begun_at) = result.map_err(|error| match error {
            VerifyError::Home(cause) if db::is_gate_gone(&cause, &self.gate) => {
                VerifyError::EpochOver(self.id())
            }
            error => error,
        })?;
        report.seconds = began.elapsed().as_secs_f64();
        store::save(&mut conn, &self.gate, &begun_at, &report).await?;
        Ok(report)
    }

    fn id(&self) -> String {
        self.table.id().to_string()
    }

    async fn pass(
        &self,
        cancel: &CancellationToken,
    ) -> Result<(HomeConn, VerifyReport, String), VerifyError> {
        let mut conn = self.home.connect().await?;
        let begun_at = store::now(&mut conn).await?;
        let mut report = VerifyReport {
            after_copy: copy::finished(&mut conn, self.table.id(), self.gate.epoch).await?,
            ..VerifyReport::default()
        };
        let print = fingerprint(&mut conn, self.table.legacy()).await?;
        let schema = load_schema(&mut conn, &self.table).await?;
        self.check_columns(&mut conn).await?;
        let shape = KeyShape::new(&schema);
        let context = Context { schema: &schema, shape: &shape, gate: &self.gate, show: self.options.show };
        self.chunks(&mut conn, &context, &mut report, cancel).await?;
        self.check_columns(&mut conn).await?;
        if fingerprint(&mut conn, self.table.legacy()).await? != print {
            return Err(self.columns(format!("{} was altered meanwhile", self.table.legacy())));
        }
        Ok((conn, report, begun_at))
    }

    fn columns(&self, what: String) -> VerifyError {
        VerifyError::Columns { table: self.id(), what }
    }

    async fn check_columns(&self, conn: &mut HomeConn) -> Result<(), VerifyError> {
        let different = shape::differences(conn, &self.table).await?;
        match different.into_iter().next() {
            Some(what) => Err(self.columns(what)),
            None => Ok(()),
        }
    }

    async fn chunks(
        &self,
        conn: &mut HomeConn,
        context: &Context<'_>,
        report: &mut VerifyReport,
        cancel: &CancellationToken,
    ) -> Result<(), VerifyError> {
        let mut size = ChunkSize::new(&self.options.pace);
        let mut throttle = Throttle::new(&self.options.pace.throttle);
        let mut after = None;
        let of = estimated_rows(conn, &self.table).await?;
        loop {
            if cancel.is_cancelled() {
                return Err(VerifyError::Cancelled(self.id()));
            }
            let waiting = throttle.reason(conn, self.steering.as_ref()).await?;
            let paused = waiting.is_some();
            self.progress.set(Some(Now { rows: report.rows, of, waiting }));
            if paused {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = sleep(Throttle::pause()) => {}
                }
                continue;
            }
            let began = Instant::now();
            let upto = boundary(conn, context, after.as_ref(), size.rows()).await?;
            let range = KeyRange { after, upto };
            let rows = chunk(conn, context, &range, report).await?;
            let took = began.elapsed();
            size.learn(rows.max(1), took);
            match range.upto {
                None => return Ok(()),
                upto => after = upto,
            }
            let rest = took.mul_f64(self.options.rest.max(0.0)).max(self.options.pace.interval);
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sleep(rest) => {}
            }
        }
    }
}

async fn estimated_rows(conn: &mut HomeConn, table: &ShardedTable) -> Result<u64, HomeError> {
    let sql = "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
    let rows: Vec<Option<u64>> =
        conn.rows("asking how large the table is", sql, db::name_params(table.legacy())).await?;
    Ok(rows.into_iter().flatten().next().unwrap_or(0))
}

/// Compares one chunk in one snapshot and adds what differs to the report; returns legacy's rows.
async fn chunk(
    conn: &mut HomeConn,
    context: &Context<'_>,
    range: &KeyRange,
    report: &mut VerifyReport,
) -> Result<u64, VerifyError> {
    let result = in_snapshot(conn, context, range, report).await;
    // Nothing was written; the end only closes the read view and lets the gate go.
    let ended = conn.run("ending a compared chunk", "COMMIT").await;
    let rows = result?;
    ended?;
    report.rows += rows;
    report.chunks += 1;
    Ok(rows)
}

async fn in_snapshot(
    conn: &mut HomeConn,
    context: &Context<'_>,
    range: &KeyRange,
    report: &mut VerifyReport,
) -> Result<u64, VerifyError> {
    let begin = format!(
        "START TRANSACTION READ ONLY;{};{}",
        context.gate.probe_sql(conn.mariadb()),
        sums_sql(context.schema, context.shape, range)?
    );
    let results = db::packet(conn, "comparing a chunk", &begin).await?;
    let rows = results.get(2).map_or(&[][..], Vec::as_slice);
    let mut legacy = (0, 0);
    let mut shards = (0, 0);
    let mut misplaced = 0;
    for (i, row) in rows.iter().enumerate() {
        let (count, sum): (u64, u128) = (db::number(row, 0), db::number(row, 1));
        if sum >= UNHASHED {
            return Err(VerifyError::Unhashed(context.schema.table.id().to_string()));
        }
        let side = if i == 0 { &mut legacy } else { &mut shards };
        *side = (side.0 + count, side.1 + sum);
        misplaced += db::number::<u64>(row, 2);
    }
    // One row a table came back, or the comparison means nothing.
    let complete = rows.len() == context.schema.table.shards().len() + 1;
    if legacy == shards && misplaced == 0 && complete {
        return Ok(legacy.0);
    }
    let found = narrow::narrow(conn, context, range).await?;
    report.pending += found.pending;
    if !found.keys.is_empty() {
        report.differing += found.keys.len() as u64;
        let room = MAX_KEYS.saturating_sub(report.keys.len());
        report.keys.extend(found.keys.into_iter().take(room));
        report.ranges.push(range.clone());
        let room = context.show.saturating_sub(report.shown.len());
        report.shown.extend(found.shown.into_iter().take(room));
    }
    Ok(legacy.0)
}

/// One row a table, legacy first: rows, sum of hashes, misplaced rows.
///
/// # Errors
/// [`KeyError`].
pub(super) fn sums_sql(schema: &TableSchema, shape: &KeyShape, range: &KeyRange) -> Result<String, KeyError> {
    let key = topology::quote_ident(schema.table.shard_key());
    let shard_sql = schema.table.shard_sql(&format!("`t`.{key}"));
    let hash = image::row_hash(schema, "t");
    let condition = shape.in_range("t", range)?;
    let legacy = (schema.table.legacy(), "0".to_owned());
    let shards =
        schema.table.numbered_shards().map(|(shard, name)| (name, format!("SUM({shard_sql}<>{})", shard.0)));
    let tables = std::iter::once(legacy).chain(shards).map(|(name, misplaced)| {
        format!(
            "SELECT COUNT(*),SUM(IFNULL({hash},{UNHASHED})),{misplaced} FROM {} `t` FORCE INDEX (PRIMARY) WHERE {condition}",
            name.quoted()
        )
    });
    Ok(tables.collect::<Vec<_>>().join(" UNION ALL "))
}

/// Where the next chunk ends: after `rows` rows of legacy, or earlier where a shard has more than twice its share.
async fn boundary(
    conn: &mut HomeConn,
    context: &Context<'_>,
    after: Option<&Key>,
    rows: u64,
) -> Result<Option<Key>, VerifyError> {
    let shape = context.shape;
    let range = KeyRange { after: after.cloned(), upto: None };
    let table = &context.schema.table;
    let share = (2 * rows / u64::from(table.modulus())).max(rows.min(100));
    let legacy = (table.legacy(), rows);
    // A UNION turns ENUM into text; such keys are divided by legacy alone.
    let shards = table.shards().iter().map(|shard| (shard, share));
    let tables = std::iter::once(legacy).chain(shards.filter(|_| shape.survives_union()));
    let condition = shape.in_range("t", &range)?;
    let parts = tables.map(|(name, rows)| {
        format!(
            "(SELECT {} FROM {} `t` FORCE INDEX (PRIMARY) WHERE {condition} ORDER BY {} LIMIT 1 OFFSET {})",
            shape.column_list("t"),
            name.quoted(),
            shape.order_by("t", "ASC"),
            rows.saturating_sub(1)
        )
    });
    let sql = format!(
        "SELECT {} FROM ({}) `b` ORDER BY {} LIMIT 1",
        shape.select_list("b"),
        parts.collect::<Vec<_>>().join(" UNION ALL "),
        shape.order_by("b", "ASC")
    );
    let results = db::packet(conn, "looking for the end of a chunk", &sql).await?;
    let row = results.first().and_then(|rows| rows.first());
    Ok(row.map(|row| copy::read_key(row, 0, shape.width())))
}

/// Whether differing keys may be on their way to legacy.
pub(super) fn legacy_follows(gate: &Gate) -> bool {
    gate.state.read_phase() == Phase::Shards && !gate.state.is_done()
}
