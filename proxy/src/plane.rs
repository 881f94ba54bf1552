//! What all sessions of a process share: planner, gates, sequence blocks, log ids. No state of any client.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use flag_client::{FlagKeys, FlagStore, GateCache, Home, HomeConn, Snapshot};
use reshard::{seen::Plans, sequence};
use sql_rewrite::{Planner, Statement, TableView};
use tokio::sync::Mutex;
use topology::{Epoch, Phase, ShardedTable, TableId};
use wire::packet::ErrInfo;

use crate::{execute::Origin, seen::SeenStatements};

/// Ids taken from the sequence at once. A process that dies wastes what is left of its block, and
/// AUTO_INCREMENT has gaps as well; a hundred keep the sequence's row off the hot path.
const SEQUENCE_BLOCK: u64 = 100;

/// The data plane of one process.
#[derive(Debug)]
pub struct Plane {
    /// Plans statements.
    pub planner: Planner,
    /// Epoch, phase and shape of each table.
    pub gates: GateCache,
    /// What came while tables were in `Legacy`.
    pub seen: Arc<SeenStatements>,
    home: Home,
    flags: FlagStore,
    tables: HashMap<TableId, PerTable>,
    sidecar: u64,
    log_counter: AtomicU64,
}

#[derive(Debug)]
struct PerTable {
    table: Arc<ShardedTable>,
    keys: FlagKeys,
    block: Mutex<Block>,
    /// The epoch in which the first dual-written insert was already reported.
    end_epoch: AtomicU64,
    reporting: AtomicBool,
}

/// Ids that this process may hand out in one epoch.
#[derive(Debug, Default)]
struct Block {
    conn: Option<HomeConn>,
    epoch: Option<Epoch>,
    next: u64,
    end: u64,
}

impl Plane {
    /// Builds the data plane; `sidecar` must differ between processes (a random number does).
    #[must_use]
    pub fn new(
        home: Home,
        flags: FlagStore,
        gates: GateCache,
        tables: Vec<(Arc<ShardedTable>, FlagKeys)>,
        sidecar: u64,
    ) -> Self {
        let planner = Planner::new(tables.iter().map(|(table, _)| table.clone()).collect());
        let tables = tables
            .into_iter()
            .map(|(table, keys)| {
                let id = table.id().clone();
                let block = Mutex::new(Block::default());
                let end_epoch = AtomicU64::new(0);
                (id, PerTable { table, keys, block, end_epoch, reporting: AtomicBool::new(false) })
            })
            .collect();
        let (seen, log_counter) = (Arc::default(), AtomicU64::new(0));
        Self { planner, gates, seen, home, flags, tables, sidecar, log_counter }
    }

    /// Counts a statement for `shunt report` and plans it for the later phases, if all its tables are in `Legacy`.
    pub(crate) fn note_seen(&self, statement: &Statement, snapshots: &[Arc<Snapshot>], origin: Origin<'_>) {
        if !snapshots.iter().all(|snapshot| snapshot.phase() == Some(Phase::Legacy)) {
            return;
        }
        let digest = statement.digest();
        for snapshot in snapshots {
            let (table, shards) = (&snapshot.gate.table, snapshot.schema.table.shards().len());
            if !self.seen.count(table, &digest) {
                continue;
            }
            let mut plans = Plans::new();
            for phase in [Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
                let view = |id: &TableId| {
                    let of_it = snapshots.iter().find(|snapshot| snapshot.gate.table == *id)?;
                    Some(TableView { phase, schema: of_it.schema.clone(), logs: true, locks: None })
                };
                let plan = self.planner.plan(statement, origin.facts, origin.params, &view);
                plans.entry(phase).or_default().insert(sql_rewrite::how(&plan, shards));
            }
            self.seen.note(table, &digest, plans);
        }
    }

    /// Where control connections go.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The key of the next row of a dirty log: sidecar and counter, unique in the fleet.
    pub fn log_id(&self) -> (u64, u64) {
        (self.sidecar, self.log_counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Consecutive ids for an INSERT in `Shards`. `push` is the highest id that the statement gives
    /// itself. Ids of a block die with its epoch.
    ///
    /// # Errors
    /// What the client is told; no id was used.
    pub async fn sequence_ids(
        &self,
        snapshot: &Snapshot,
        count: u64,
        push: Option<u64>,
    ) -> Result<u64, ErrInfo> {
        let table = &snapshot.gate.table;
        let Some(per_table) = self.tables.get(table) else {
            return Err(ErrInfo::new(1105, b"HY000", format!("Shunt: table `{table}` is not configured")));
        };
        let mut block = per_table.block.lock().await;
        let taken = block.take(&self.home, snapshot, count, push).await;
        taken.map_err(|error| {
            // The connection may be broken or in a transaction: the next one begins afresh.
            *block = Block::default();
            ErrInfo::new(
                1105,
                b"HY000",
                format!("Shunt: no id for the new row: {error}; nothing was inserted: retry"),
            )
        })
    }

    /// Raises the sequence for the epoch of `snapshot`, so that no later allocation in it looks at the
    /// shards.
    ///
    /// # Errors
    /// What the client is told.
    pub async fn raise_sequence(&self, snapshot: &Snapshot) -> Result<(), ErrInfo> {
        let raised = async {
            let mut conn = self.home.connect().await.map_err(|error| error.to_string())?;
            let raised = sequence::raise_for_epoch(&mut conn, &snapshot.schema, snapshot.epoch()).await;
            raised.map_err(|error| error.to_string())
        };
        raised.await.map(drop).map_err(|error| {
            let message =
                format!("Shunt: the ids of new rows are not ready: {error}; nothing was done: retry");
            ErrInfo::new(1105, b"HY000", message)
        })
    }

    /// Drops what is left of a table's block: the next ids come from above every id that is in use.
    pub async fn forget_block(&self, table: &TableId) {
        if let Some(per_table) = self.tables.get(table) {
            *per_table.block.lock().await = Block::default();
        }
    }

    /// Marks `migrate_<name>_end` with the first row that was written to both sides. Off the hot
    /// path: once per epoch, in a task of its own that nothing waits for.
    pub fn note_insert(self: &Arc<Self>, snapshot: &Snapshot, id: u64) {
        let Some(per_table) = self.tables.get(&snapshot.gate.table) else { return };
        let epoch = snapshot.epoch().0;
        if snapshot.phase() != Some(Phase::DualWrite) || id == 0 {
            return;
        }
        if per_table.end_epoch.load(Ordering::Relaxed) == epoch
            || per_table.reporting.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let (plane, table) = (self.clone(), snapshot.gate.table.clone());
        tokio::spawn(async move {
            let Some(per_table) = plane.tables.get(&table) else { return };
            match plane.flags.set_end(&per_table.keys, &id.to_string()).await {
                Ok(_) => per_table.end_epoch.store(epoch, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%table, %error, "the first dual-written row was not marked yet")
                }
            }
            per_table.reporting.store(false, Ordering::Release);
        });
    }

    /// An error of a statement on shards, with the legacy table's name in it as the client knows it.
    #[must_use]
    pub fn with_legacy_names(&self, error: ErrInfo) -> ErrInfo {
        ErrInfo { message: self.legacy_names(error.message), ..error }
    }

    /// The same, of a message.
    #[must_use]
    pub fn legacy_names(&self, message: Vec<u8>) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(&message).into_owned();
        let before = text.clone();
        for per_table in self.tables.values() {
            let legacy = per_table.table.legacy();
            // The longest names first: `user_1` is the beginning of `user_10`.
            for shard in per_table.table.shards().iter().rev() {
                for (from, to) in [
                    (format!("'{}.", shard.table), format!("'{}.", legacy.table)),
                    (format!("'{}'", shard.table), format!("'{}'", legacy.table)),
                    (format!("'{shard}'"), format!("'{legacy}'")),
                    (shard.quoted(), legacy.quoted()),
                ] {
                    text = text.replace(&from, &to);
                }
            }
        }
        if text == before { message } else { text.into_bytes() }
    }
}

impl Block {
    async fn take(
        &mut self,
        home: &Home,
        snapshot: &Snapshot,
        count: u64,
        push: Option<u64>,
    ) -> Result<u64, String> {
        let epoch = snapshot.epoch();
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => home.connect().await.map_err(|error| error.to_string())?,
        };
        if self.epoch != Some(epoch) {
            (self.epoch, self.next, self.end) = (Some(epoch), 0, 0);
        }
        if let Some(explicit) = push {
            sequence::push(&mut conn, &snapshot.schema, epoch, explicit)
                .await
                .map_err(|error| error.to_string())?;
            if explicit >= self.next {
                self.next = self.end;
            }
        }
        if self.end - self.next < count {
            let size = count.max(SEQUENCE_BLOCK);
            self.next = sequence::allocate(&mut conn, &snapshot.schema, epoch, size)
                .await
                .map_err(|error| error.to_string())?;
            self.end = self.next + size;
        }
        self.conn = Some(conn);
        let first = self.next;
        self.next += count;
        Ok(first)
    }
}
