//! The copier: walks the table chunk by chunk, gives way, measures and writes its checkpoint.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flag_client::{Home, HomeConn, HomeError, SchemaError, fingerprint, load_schema};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use topology::{Gate, ShardedTable, TableSchema};

use super::{
    ChunkSize, Pace, Steering, Throttle,
    chunk::{self, Chunk, ChunkDone, ChunkError},
    progress::Scale,
};
use crate::{
    db,
    keys::{Key, KeyError, KeyRange, KeyShape},
    shape,
};

/// The columns are looked at this often (and before the first and the last chunk): an ALTER that
/// went past Shunt is noticed within this time. For eleven tables a look takes 20 to 40 ms, too much before each chunk.
const FINGERPRINT_EVERY: Duration = Duration::from_secs(2);
/// How long the copy waits for a row lock once a chunk has shrunk to that one row, in seconds (the least that both
/// servers take). Larger chunks never wait: they would keep the rows before the lock locked meanwhile. (MariaDB
/// locks the first row behind a range too, so there one neighbour may have to wait.)
const LOCK_WAIT_S: u32 = 1;
/// Longest pause after the application stood in the way.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// Why a copy stopped. What was copied before stays and is certain; a later copy of the epoch goes on there.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Home did not answer or refused a statement.
    #[error(
        "copy of {table} stopped: {source}; copied chunks are kept, the copy goes on there when started again"
    )]
    Home {
        /// The table's id.
        table: String,
        /// The cause.
        source: HomeError,
    },
    /// The table cannot be read as a sharded table.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The gate has another name: the phase changed.
    #[error("copy of {0} ended: its epoch is over; nothing more was written")]
    EpochOver(String),
    /// Somebody else copies this table now.
    #[error(
        "a copy of {0} is already running on another connection; this one did nothing: follow it with `shunt backfill`"
    )]
    AlreadyRunning(String),
    /// Columns or keys changed, or legacy and shards do not agree.
    #[error(
        "copy of {table} stopped: {what}; nothing was copied since; make the tables equal again (shunt check), then go \
         back to 1100 and begin anew"
    )]
    ColumnsChanged {
        /// The table's id.
        table: String,
        /// Which table, and how.
        what: String,
    },
    /// The checkpoint does not fit the key.
    #[error(
        "copy of {table} cannot go on from its checkpoint: {source}; delete its row in shunt.copy to begin anew"
    )]
    Checkpoint {
        /// The table's id.
        table: String,
        /// The cause.
        source: KeyError,
    },
    /// Told to stop.
    #[error("copy of {0} was told to stop; copied chunks are kept")]
    Cancelled(String),
}

/// What a finished copy did, over all its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Legacy rows seen.
    pub rows: u64,
    /// Rows removed from shards.
    pub removed: u64,
    /// Chunks committed.
    pub chunks: u64,
}

/// Copies one table under one gate.
pub struct Copier {
    home: Home,
    table: ShardedTable,
    gate: Gate,
    pace: Pace,
    steering: Arc<dyn Steering>,
}

/// A run in progress: its connection, and what it has learnt.
struct Run<'a> {
    copier: &'a Copier,
    conn: HomeConn,
    schema: TableSchema,
    shape: KeyShape,
    prints: Vec<u64>,
    printed: Instant,
    size: ChunkSize,
    throttle: Throttle,
    scale: Scale,
    done: Copied,
    position: Option<Key>,
    rate: Rate,
}

impl Copier {
    /// A copier of `table` under `gate`, which must be the gate of a `DualWrite` epoch.
    #[must_use]
    pub fn new(home: Home, table: ShardedTable, gate: Gate, pace: Pace, steering: Arc<dyn Steering>) -> Self {
        Self { home, table, gate, pace, steering }
    }

    /// Copies until every row is copied. Resumes the epoch's checkpoint; returns at once if it is finished.
    ///
    /// Cancellation takes effect between chunks; dropping the future rolls the running chunk back.
    ///
    /// # Errors
    /// [`CopyError`]; copied chunks are kept.
    pub async fn run(&self, cancel: &CancellationToken) -> Result<Copied, CopyError> {
        let mut run = Run::start(self).await?;
        let result = run.until_finished(cancel).await;
        if let Err(error) = &result
            && !matches!(error, CopyError::Cancelled(_))
        {
            run.note(Some(&error.to_string())).await;
        }
        // The lock that keeps a second copy out dies with the connection.
        let _ = run.conn.run("ending the copy", "DO RELEASE_ALL_LOCKS()").await;
        result
    }

    fn id(&self) -> String {
        self.table.id().to_string()
    }

    fn home_error(&self, source: HomeError) -> CopyError {
        if db::is_gate_gone(&source, &self.gate) {
            return CopyError::EpochOver(self.id());
        }
        CopyError::Home { table: self.id(), source }
    }

    fn chunk_error(&self, error: ChunkError) -> CopyError {
        match error {
            ChunkError::Home(source) => self.home_error(source),
            ChunkError::Key(source) => CopyError::Checkpoint { table: self.id(), source },
        }
    }

    fn where_row(&self) -> String {
        format!("table_id='{}' AND epoch={}", self.table.id(), self.gate.epoch)
    }
}

impl<'a> Run<'a> {
    async fn start(copier: &'a Copier) -> Result<Self, CopyError> {
        let home_error = |source| copier.home_error(source);
        let mut conn = copier.home.connect().await.map_err(home_error)?;
        let lock = format!("SELECT GET_LOCK('shunt.copy.{}',0)", copier.table.id());
        let got: Vec<Option<u8>> =
            conn.rows("taking the copy's lock", &lock, ()).await.map_err(home_error)?;
        if got.first() != Some(&Some(1)) {
            return Err(CopyError::AlreadyRunning(copier.id()));
        }
        let sql = format!("SET SESSION innodb_lock_wait_timeout={LOCK_WAIT_S}");
        conn.run("setting up the copy", sql).await.map_err(home_error)?;
        let prints = fingerprints(&mut conn, &copier.table).await?;
        let schema = load_schema(&mut conn, &copier.table).await?;
        let different = shape::differences(&mut conn, &copier.table).await.map_err(home_error)?;
        if let Some(what) = different.into_iter().next() {
            return Err(CopyError::ColumnsChanged { table: copier.id(), what });
        }
        let mut run = Self {
            copier,
            conn,
            shape: KeyShape::new(&schema),
            schema,
            prints,
            printed: Instant::now(),
            size: ChunkSize::new(&copier.pace),
            throttle: Throttle::new(&copier.pace.throttle),
            scale: Scale::default(),
            done: Copied { rows: 0, removed: 0, chunks: 0 },
            position: None,
            rate: Rate::default(),
        };
        run.load_scale().await.map_err(home_error)?;
        Ok(run)
    }

    async fn until_finished(&mut self, cancel: &CancellationToken) -> Result<Copied, CopyError> {
        if self.resume().await? {
            return Ok(self.done);
        }
        loop {
            let began = Instant::now();
            if cancel.is_cancelled() {
                return Err(CopyError::Cancelled(self.copier.id()));
            }
            if self.paused().await? {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = sleep(Throttle::pause()) => {}
                }
                continue;
            }
            self.check_columns(FINGERPRINT_EVERY).await?;
            if self.one_chunk(cancel).await? {
                return Ok(self.done);
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sleep_until((began + self.copier.pace.interval).into()) => {}
            }
        }
    }

    /// Reads the checkpoint, or makes the first; `true` if this epoch's copy is finished.
    async fn resume(&mut self) -> Result<bool, CopyError> {
        let copier = self.copier;
        let sql = format!(
            "INSERT IGNORE INTO shunt.copy (table_id,epoch,started_at,updated_at) VALUES ('{}',{},UTC_TIMESTAMP(6),UTC_TIMESTAMP(6));\
             SELECT position,rows_copied,rows_removed,chunks,finished_at IS NOT NULL FROM shunt.copy WHERE {}",
            copier.table.id(),
            copier.gate.epoch,
            copier.where_row()
        );
        let results = db::packet(&mut self.conn, "reading the copy's checkpoint", &sql)
            .await
            .map_err(|source| copier.home_error(source))?;
        let Some(row) = results.get(1).and_then(|rows| rows.first()) else {
            return Ok(false);
        };
        self.position = db::text(row, 0).and_then(|json| serde_json::from_str(&json).ok());
        self.done =
            Copied { rows: db::number(row, 1), removed: db::number(row, 2), chunks: db::number(row, 3) };
        Ok(db::number::<u8>(row, 4) == 1)
    }

    async fn paused(&mut self) -> Result<bool, CopyError> {
        let copier = self.copier;
        let steering = copier.steering.as_ref();
        let reason = self
            .throttle
            .reason(&mut self.conn, steering)
            .await
            .map_err(|source| copier.home_error(source))?;
        if reason.is_some() {
            self.note(reason.as_deref()).await;
        }
        Ok(reason.is_some())
    }

    /// Stops when a column or key of any of the tables is another than at the start.
    async fn check_columns(&mut self, every: Duration) -> Result<(), CopyError> {
        if self.printed.elapsed() < every {
            return Ok(());
        }
        let prints = fingerprints(&mut self.conn, &self.copier.table).await?;
        let names = std::iter::once(self.copier.table.legacy()).chain(self.copier.table.shards());
        for ((was, is), name) in self.prints.iter().zip(&prints).zip(names) {
            if was != is {
                return Err(CopyError::ColumnsChanged {
                    table: self.copier.id(),
                    what: format!("columns or keys of {name} changed while it was copied"),
                });
            }
        }
        self.printed = Instant::now();
        Ok(())
    }

    /// Copies the next chunk, giving way as often as needed; `true` when it was the last.
    async fn one_chunk(&mut self, cancel: &CancellationToken) -> Result<bool, CopyError> {
        let mut tries = 0;
        loop {
            let range = self.next_range().await?;
            let last = range.upto.is_none();
            if last {
                self.check_columns(Duration::ZERO).await?;
            }
            let nowait = self.size.rows() > 1;
            match self.copy_range(&range, nowait).await {
                Ok(done) => {
                    self.learn(done, range.upto);
                    return Ok(last);
                }
                Err(ChunkError::Home(error)) if db::is_contention(&error) => {
                    tries += 1;
                    self.size.shrink();
                    let pause = BACKOFF_MAX.min(Duration::from_millis(2 << tries.min(8)));
                    tokio::select! {
                        () = cancel.cancelled() => return Err(CopyError::Cancelled(self.copier.id())),
                        () = sleep(pause.mul_f64(0.5 + 0.5 * db::jitter())) => {}
                    }
                }
                Err(error) => return Err(self.copier.chunk_error(error)),
            }
        }
    }

    async fn next_range(&mut self) -> Result<KeyRange, CopyError> {
        let (after, rows) = (self.position.as_ref(), self.size.rows());
        let upto = chunk::boundary(&mut self.conn, &self.schema, &self.shape, after, rows)
            .await
            .map_err(|error| self.copier.chunk_error(error))?;
        Ok(KeyRange { after: self.position.clone(), upto })
    }

    async fn copy_range(&mut self, range: &KeyRange, nowait: bool) -> Result<ChunkDone, ChunkError> {
        let chunk =
            Chunk { schema: &self.schema, shape: &self.shape, gate: &self.copier.gate, range, nowait };
        let (scale, rate, done, copier) = (&self.scale, &self.rate, self.done, self.copier);
        let checkpoint = |chunk: ChunkDone| {
            let rows = done.rows + chunk.rows;
            let percent = range.upto.as_ref().map_or(100.0, |key| scale.percent(Some(key), rows));
            let position = range.upto.as_ref().and_then(|key| serde_json::to_string(key).ok());
            Some(format!(
                "UPDATE shunt.copy SET position=COALESCE({position},position),rows_copied={rows},rows_removed={removed},\
                 chunks={chunks},percent={percent},rows_per_second={rate},eta_seconds={eta},detail=NULL,\
                 updated_at=UTC_TIMESTAMP(6),finished_at={finished} WHERE {row}",
                position = position.map_or("NULL".to_owned(), |json| db::quote(&json)),
                removed = done.removed + chunk.removed,
                chunks = done.chunks + 1,
                rate = rate.sql(),
                eta = rate.eta_sql(percent),
                finished = if range.upto.is_none() { "UTC_TIMESTAMP(6)" } else { "NULL" },
                row = copier.where_row(),
            ))
        };
        chunk::make_shards_equal(&mut self.conn, &chunk, checkpoint).await
    }

    fn learn(&mut self, chunk: ChunkDone, upto: Option<Key>) {
        self.size.restore(&self.copier.pace);
        self.size.learn(chunk.rows, chunk.locked);
        self.done.rows += chunk.rows;
        self.done.removed += chunk.removed;
        self.done.chunks += 1;
        let percent = self.scale.percent(upto.as_ref(), self.done.rows);
        self.rate.add(self.done.rows, percent);
        self.scale_by_end();
        if upto.is_some() {
            self.position = upto;
        }
    }

    fn scale_by_end(&mut self) {
        if let (Some((low, _)), Some(end)) = (self.scale.ids, self.copier.steering.end_id()) {
            self.scale.ids = Some((low, end));
        }
    }

    async fn load_scale(&mut self) -> Result<(), HomeError> {
        let legacy = self.copier.table.legacy();
        let sql = match self.shape.single_integer() {
            Some(column) => {
                let column = topology::quote_ident(column);
                format!("SELECT MIN({column}),MAX({column}) FROM {}", legacy.quoted())
            }
            None => format!(
                "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA={} AND TABLE_NAME={}",
                db::quote(&legacy.schema),
                db::quote(&legacy.table)
            ),
        };
        let results = db::packet(&mut self.conn, "looking how large the table is", &sql).await?;
        let row = results.first().and_then(|rows| rows.first());
        if let Some(row) = row {
            let id = |i| db::text(row, i).and_then(|text| text.parse().ok());
            if self.shape.single_integer().is_some() {
                self.scale.ids = id(0).zip(id(1));
            } else {
                self.scale.rows = db::number(row, 0);
            }
        }
        self.scale_by_end();
        Ok(())
    }

    /// Writes why the copy waits or stopped; best effort, the copy does not depend on it.
    async fn note(&mut self, detail: Option<&str>) {
        let sql = format!(
            "UPDATE shunt.copy SET detail={},updated_at=UTC_TIMESTAMP(6) WHERE {}",
            detail.map_or("NULL".to_owned(), db::quote),
            self.copier.where_row()
        );
        let _ = self.conn.run("noting the copy's state", sql).await;
    }
}

async fn fingerprints(conn: &mut HomeConn, table: &ShardedTable) -> Result<Vec<u64>, CopyError> {
    let mut prints = Vec::new();
    for name in std::iter::once(table.legacy()).chain(table.shards()) {
        prints.push(fingerprint(conn, name).await?);
    }
    Ok(prints)
}

/// Rows and percent a second over about the last ten seconds.
#[derive(Debug, Default)]
struct Rate {
    samples: std::collections::VecDeque<(Instant, u64, f64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(10);

    fn add(&mut self, rows: u64, percent: f64) {
        let now = Instant::now();
        self.samples.push_back((now, rows, percent));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|s| now - s.0 > Self::WINDOW) {
            self.samples.pop_front();
        }
    }

    fn per_second(&self) -> Option<(f64, f64)> {
        let (first, last) = self.samples.front().zip(self.samples.back())?;
        let seconds = (last.0 - first.0).as_secs_f64();
        let rows = last.1.saturating_sub(first.1) as f64;
        (seconds > 0.0).then(|| (rows / seconds, (last.2 - first.2) / seconds))
    }

    fn sql(&self) -> String {
        self.per_second().map_or("rows_per_second".to_owned(), |(rows, _)| format!("{rows:.1}"))
    }

    fn eta_sql(&self, percent: f64) -> String {
        match self.per_second() {
            _ if percent >= 100.0 => "0".to_owned(),
            Some((_, rate)) if rate > 0.0 => format!("{:.1}", (100.0 - percent) / rate),
            _ => "NULL".to_owned(),
        }
    }
}
