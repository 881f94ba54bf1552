//! One chunk: the shards made equal to a range of the legacy table, in one gated transaction.
//!
//! Three packets: the boundary (read without locks, before the transaction); gate, locks and a look at the
//! shards; the writes with the checkpoint and COMMIT. What each statement is for:
//!
//! - `SELECT SUM(1) … FORCE INDEX (PRIMARY) … FOR UPDATE` locks rows *and gaps* of the range (`COUNT(*)` could
//!   be answered without touching rows, another index would leave the primary key's gaps open).
//!   The first try is NOWAIT: waiting for one row would keep the rows before it locked meanwhile.
//! - Rows of the shards that are not a legacy row of that shard, byte for byte, are found by a consistent
//!   read, whose view opens after the locks are held, and deleted one by one by key: no
//!   gap of a shard is locked by looking.
//! - `REPLACE … SELECT` writes what is missing. After the deletion it can only meet a row that is equal, or one
//!   outside the range whose unique value is out of date; that row's own chunk restores it. A shard
//!   whose rows are all there is not written at all.

use std::time::{Duration, Instant};

use flag_client::{HomeConn, HomeError};
use topology::{Gate, ShardId, TableSchema};

use crate::{
    db, image,
    keys::{Key, KeyError, KeyRange, KeyShape, MAX_KEYS_A_LIST},
};

/// A chunk to be copied.
pub struct Chunk<'a> {
    pub schema: &'a TableSchema,
    pub shape: &'a KeyShape,
    pub gate: &'a Gate,
    pub range: &'a KeyRange,
    /// Give up at once when another transaction holds a row of the range.
    pub nowait: bool,
}

/// What a chunk did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkDone {
    /// Legacy rows in the range.
    pub rows: u64,
    /// Rows deleted from shards because legacy has no such row there.
    pub removed: u64,
    /// How long the range was locked.
    pub locked: Duration,
}

/// Why a chunk was not copied; its transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Makes the shards equal to legacy in `chunk.range` and commits, together with the statement that
/// `checkpoint` makes of what was done.
pub async fn make_shards_equal(
    conn: &mut HomeConn,
    chunk: &Chunk<'_>,
    checkpoint: impl Fn(ChunkDone) -> Option<String>,
) -> Result<ChunkDone, ChunkError> {
    let result = chunk.transaction(conn, checkpoint).await;
    if result.is_err() {
        // After 1213 there is none; on a broken connection the server has rolled back.
        let _ = conn.run("rolling back a chunk", "ROLLBACK").await;
    }
    result
}

impl Chunk<'_> {
    async fn transaction(
        &self,
        conn: &mut HomeConn,
        checkpoint: impl Fn(ChunkDone) -> Option<String>,
    ) -> Result<ChunkDone, ChunkError> {
        let begin = self.begin_sql(conn.mariadb())?;
        let results = db::packet(conn, "locking a chunk", &begin).await?;
        let locked = Instant::now();
        let row_of = |i: usize| results.get(i).and_then(|rows| rows.first());
        let mut done =
            ChunkDone { rows: row_of(2).map_or(0, |row| db::number(row, 0)), ..ChunkDone::default() };
        let occupied: Vec<bool> = (0..self.schema.table.shards().len())
            .map(|i| row_of(3).is_some_and(|row| db::number::<u8>(row, i) == 1))
            .collect();
        let mut complete = vec![done.rows == 0; occupied.len()];
        if occupied.contains(&true) {
            done.removed = self.delete_strangers(conn, &occupied, &mut complete).await?;
        }
        let mut sql = String::new();
        for (shard, _) in self.schema.table.numbered_shards() {
            if !complete[shard.0 as usize] {
                sql.push_str(&self.write_sql(shard)?);
                sql.push(';');
            }
        }
        done.locked = locked.elapsed();
        if let Some(checkpoint) = checkpoint(done) {
            sql.push_str(&checkpoint);
            sql.push(';');
        }
        sql.push_str("COMMIT");
        db::packet(conn, "copying a chunk", &sql).await?;
        done.locked = locked.elapsed();
        Ok(done)
    }

    fn legacy(&self) -> String {
        format!("{} `l` FORCE INDEX (PRIMARY)", self.schema.table.legacy().quoted())
    }

    fn shard(&self, shard: ShardId) -> String {
        format!("{} `s` FORCE INDEX (PRIMARY)", self.schema.table.shard(shard).quoted())
    }

    fn shard_sql(&self) -> String {
        let key = topology::quote_ident(self.schema.table.shard_key());
        self.schema.table.shard_sql(&format!("`l`.{key}"))
    }

    fn begin_sql(&self, mariadb: bool) -> Result<String, KeyError> {
        let in_shards = self.shape.in_range("s", self.range)?;
        let looks = self.schema.table.numbered_shards().map(|(shard, _)| {
            let table = self.shard(shard);
            format!("EXISTS(SELECT 1 FROM {table} WHERE {in_shards})")
        });
        Ok(format!(
            "START TRANSACTION;{};SELECT SUM(1) FROM {} WHERE {} FOR UPDATE{};SELECT {}",
            self.gate.probe_sql(mariadb),
            self.legacy(),
            self.shape.in_range("l", self.range)?,
            if self.nowait { " NOWAIT" } else { "" },
            looks.collect::<Vec<_>>().join(",")
        ))
    }

    fn write_sql(&self, shard: ShardId) -> Result<String, KeyError> {
        let columns = self.schema.stored_column_list();
        Ok(format!(
            "REPLACE INTO {} ({columns}) SELECT {columns} FROM {} WHERE {} AND {}={}",
            self.schema.table.shard(shard).quoted(),
            self.legacy(),
            self.shape.in_range("l", self.range)?,
            self.shard_sql(),
            shard.0
        ))
    }

    /// Deletes from the occupied shards what is not in legacy, and marks those that need nothing more.
    async fn delete_strangers(
        &self,
        conn: &mut HomeConn,
        occupied: &[bool],
        complete: &mut [bool],
    ) -> Result<u64, ChunkError> {
        let shards = || self.schema.table.numbered_shards();
        let occupied_ids: Vec<ShardId> =
            shards().filter(|(shard, _)| occupied[shard.0 as usize]).map(|(shard, _)| shard).collect();
        let mut sql = format!(
            "SELECT {} `shard`, COUNT(*) FROM {} WHERE {} GROUP BY `shard`",
            self.shard_sql(),
            self.legacy(),
            self.shape.in_range("l", self.range)?
        );
        for shard in &occupied_ids {
            sql.push(';');
            sql.push_str(&self.strangers_sql(*shard)?);
        }
        let results = db::packet(conn, "comparing a chunk", &sql).await?;
        let mut results = results.into_iter();
        let mut wanted = vec![0_u64; occupied.len()];
        for row in results.next().unwrap_or_default() {
            if let Some(count) = wanted.get_mut(db::number::<usize>(&row, 0)) {
                *count = db::number(&row, 1);
            }
        }
        for (shard, count) in wanted.iter().enumerate() {
            complete[shard] |= *count == 0;
        }
        let mut removed = 0;
        for (shard, rows) in occupied_ids.into_iter().zip(results) {
            let index = shard.0 as usize;
            let (equal, strangers) = split_strangers(&rows, self.shape.width());
            complete[index] |= equal == wanted[index];
            for keys in strangers.chunks(MAX_KEYS_A_LIST) {
                let name = self.schema.table.shard(shard);
                let sql = self.shape.delete_sql(name, keys)?;
                conn.run("removing rows that legacy does not have", sql).await?;
            }
            removed += strangers.len() as u64;
        }
        Ok(removed)
    }

    /// First row: how many rows of the shard are equal to legacy's. Then one row a stranger.
    fn strangers_sql(&self, shard: ShardId) -> Result<String, KeyError> {
        let same = format!(
            "(`l`.{first} IS NOT NULL AND {shard_sql}={number} AND {images})",
            first = topology::quote_ident(&self.schema.primary_key[0]),
            shard_sql = self.shard_sql(),
            number = shard.0,
            images = image::same_row(self.schema, "s", "l"),
        );
        let from = format!(
            "FROM {} LEFT JOIN {} `l` ON {} WHERE {}",
            self.shard(shard),
            self.schema.table.legacy().quoted(),
            self.shape.equal_columns("l", "s"),
            self.shape.in_range("s", self.range)?
        );
        let nulls = "NULL,".repeat(self.shape.width());
        Ok(format!(
            "SELECT {nulls}COUNT(*) {from} AND {same} UNION ALL SELECT {keys},NULL {from} AND NOT {same}",
            keys = self.shape.select_list("s"),
        ))
    }
}

/// The count of equal rows, and the keys of the others.
fn split_strangers(rows: &[mysql_async::Row], width: usize) -> (u64, Vec<Key>) {
    let mut equal = 0;
    let mut strangers = Vec::new();
    for row in rows {
        match db::text(row, width) {
            Some(count) => equal = count.parse().unwrap_or(0),
            None => strangers.push(read_key(row, 0, width)),
        }
    }
    (equal, strangers)
}

/// The key in `width` columns of `row` from `at` on.
pub fn read_key(row: &mysql_async::Row, at: usize, width: usize) -> Key {
    let parts = (at..at + width).map(|i| db::text(row, i).unwrap_or_default());
    Key(parts.collect())
}

/// The last key of a chunk of `rows` legacy rows after `after`; `None` when fewer are left, and
/// then the chunk is open-ended. Read without locks: it only divides the key space.
pub async fn boundary(
    conn: &mut HomeConn,
    schema: &TableSchema,
    shape: &KeyShape,
    after: Option<&Key>,
    rows: u64,
) -> Result<Option<Key>, ChunkError> {
    let range = KeyRange { after: after.cloned(), upto: None };
    let sql = format!(
        "SELECT {} FROM {} `l` FORCE INDEX (PRIMARY) WHERE {} ORDER BY {} LIMIT 1 OFFSET {}",
        shape.select_list("l"),
        schema.table.legacy().quoted(),
        shape.in_range("l", &range)?,
        shape.order_by("l", "ASC"),
        rows.saturating_sub(1)
    );
    let rows = db::packet(conn, "looking for the end of a chunk", &sql).await?;
    let row = rows.first().and_then(|rows| rows.first());
    Ok(row.map(|row| read_key(row, 0, shape.width())))
}
