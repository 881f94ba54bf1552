//! What follows a statement whose effect only its own answer tells: ids that were generated, rows
//! that were met through a unique key, rows that a REPLACE removed.
//!
//! Whatever is read here is read after the statement, under the row locks that it holds: at READ
//! COMMITTED keys that are locked beforehand miss rows that others commit meanwhile.

use super::{
    Key, Refusal, dirty_log,
    given::RowKeys,
    keys::{BY_PRIMARY_KEY, Touched, by_key, restriction},
    mirror::{Change, LEGACY_ALIAS, Mirror},
    pins,
    program::KeyColumns,
    refusal::{self, Reason, refusal},
    unique::{contains_shard_key, same_values},
};
use crate::Server;

/// Cells of the rows that a SELECT of Shunt's own answers, as in the text protocol.
pub type Cells = Vec<Vec<Option<Vec<u8>>>>;

/// What the OK packet of the client's statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// The last insert id: the first id that was generated, 0 for none.
    pub insert_id: u64,
    /// Affected rows.
    pub affected_rows: u64,
}

/// What waits for the answer to the statement.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    pub(crate) mirror: Mirror,
    pub(crate) touched: TouchedBy,
    pub(crate) follow: Follow,
}

/// How the touched rows are found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TouchedBy {
    /// By the keys that the statement gives and the ids that the answer tells.
    Listed(Listed),
    /// By a SELECT after the statement.
    Select(HeldRows),
}

/// What is done for the touched rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// The shards get their images.
    Mirror(Change),
    /// The same after a REPLACE of that many rows, which removes those that it meets through another unique key.
    MirrorReplaced(Change, usize),
    /// The dirty log gets their keys (0011).
    Log,
}

/// The rows that the statement lists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) rows: Vec<RowKeys>,
    /// Distance between generated ids.
    pub(crate) increment: u64,
    /// The generated id is the shard key.
    pub(crate) id_is_shard_key: bool,
    /// Rows may be left out (IGNORE), so that ids belong to later rows than they would.
    pub(crate) skips: bool,
    /// The answer tells the first id. Rows (RETURNING) do not, LAST_INSERT_ID() does.
    pub(crate) tells_id: bool,
}

/// The rows that the statement has locked, by values that it gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldRows {
    /// What is read of them.
    pub(crate) columns: KeyColumns,
    /// Tables with the index to use, and for each a condition that it answers.
    pub(crate) conditions: Vec<(String, String)>,
    /// The most rows that a condition can hold for.
    pub(crate) limit: usize,
}

impl After {
    /// The SELECTs whose rows [`Self::effects`] needs, one behind the other.
    #[must_use]
    pub fn selects(&self, ran: &Ran) -> Vec<Vec<u8>> {
        match &self.touched {
            TouchedBy::Select(held) => held.selects(self.mirror.server),
            TouchedBy::Listed(listed) if self.removed(ran) > 0 && listed.rows.len() > 1 => {
                // A row that a later one of the statement replaced took the rows that it met with it.
                let Ok(touched) = listed.touched(&self.mirror, ran) else { return Vec::new() };
                let keys: Vec<&Key> = touched.iter().map(|row| &row.key).collect();
                let table = self.mirror.legacy();
                let condition = restriction(&self.mirror.schema, "", &keys);
                let rest =
                    format!("1 FROM {table} {BY_PRIMARY_KEY} WHERE {condition} LIMIT {}", listed.rows.len());
                vec![pins::held_rows(self.mirror.server, &rest)]
            }
            TouchedBy::Listed(listed) if listed.asks_id(ran) => {
                vec![b"SELECT LAST_INSERT_ID() LIMIT 1".to_vec()]
            }
            TouchedBy::Listed(_) => Vec::new(),
        }
    }

    /// What the statement told, with the id that was asked for.
    #[must_use]
    pub fn told(&self, ran: &Ran, cells: &Cells) -> Ran {
        let id = || std::str::from_utf8(cells.first()?.first()?.as_deref()?).ok()?.parse().ok();
        match &self.touched {
            TouchedBy::Listed(listed) if listed.asks_id(ran) => {
                Ran { insert_id: id().unwrap_or(ran.insert_id), ..*ran }
            }
            _ => *ran,
        }
    }

    /// An answer to [`Self::selects`], to show what would follow.
    pub(crate) fn sample(&self) -> Cells {
        match &self.touched {
            TouchedBy::Select(held) => vec![held.columns.sample()],
            TouchedBy::Listed(listed) => vec![vec![Some(b"1".to_vec())]; listed.rows.len()],
        }
    }

    /// The statements that follow. `log` gives the ids of rows in the dirty log, as for [`super::Write::program`].
    ///
    /// # Errors
    /// Where what was done cannot be followed: it must be undone.
    pub fn effects(
        &self,
        ran: &Ran,
        cells: &Cells,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let ran = &self.told(ran, cells);
        let touched = match &self.touched {
            TouchedBy::Select(held) => held.touched(cells)?,
            TouchedBy::Listed(listed) => {
                listed.touched(&self.mirror, ran).map_err(|reason| self.refused(reason))?
            }
        };
        let mut effects = Vec::new();
        match self.follow {
            Follow::Log => {
                let keys: Vec<Key> = touched.into_iter().map(|row| row.key).collect();
                effects.extend(dirty_log::statements(self.mirror.server, &self.mirror.schema, &keys, log));
            }
            Follow::Mirror(change) => effects.extend(self.mirror.statements(&touched, change)),
            Follow::MirrorReplaced(change, _) => {
                if self.removed(ran) > 0 {
                    if touched.len() > 1 && cells.len() < touched.len() {
                        return Err(self.refused((refusal::REPLACES_ITSELF, "rows of it replace each other")));
                    }
                    effects.extend(self.orphans(&touched));
                }
                effects.extend(self.mirror.statements(&touched, change));
            }
        }
        Ok(effects)
    }

    /// How many rows a REPLACE removed.
    fn removed(&self, ran: &Ran) -> u64 {
        match self.follow {
            Follow::MirrorReplaced(_, rows) => ran.affected_rows.saturating_sub(rows as u64),
            _ => 0,
        }
    }

    fn refused(&self, (reason, what): (Reason, &str)) -> Refusal {
        refusal(reason, what, &self.mirror.schema.table, self.mirror.phase)
    }

    /// Deletes from the shards the rows that the new ones of a REPLACE removed from legacy: those that hold a
    /// unique value of theirs. In the shard that takes the new row, REPLACE removes them itself.
    fn orphans(&self, touched: &[Touched]) -> Vec<Vec<u8>> {
        let schema = &self.mirror.schema;
        let target = match touched.split_first() {
            Some((first, rest)) if rest.iter().all(|row| row.shard == first.shard) => first.shard,
            _ => None,
        };
        let keys: Vec<&Key> = touched.iter().map(|row| &row.key).collect();
        let rows = restriction(schema, &format!("{LEGACY_ALIAS}."), &keys);
        let legacy = self.mirror.legacy();
        let mut effects = Vec::new();
        for (_, shard) in schema.table.numbered_shards().filter(|(id, _)| Some(*id) != target) {
            let name = shard.quoted();
            for key in schema.unique_keys.iter().filter(|key| !contains_shard_key(schema, &key.columns)) {
                let rest = format!(
                    "{name} FROM {legacy} {BY_PRIMARY_KEY} STRAIGHT_JOIN {name} {} ON {} WHERE {rows}",
                    by_key(&key.name),
                    same_values(key, &name, LEGACY_ALIAS),
                );
                effects.push(pins::own(self.mirror.server, "DELETE", &rest));
            }
        }
        effects
    }
}

impl HeldRows {
    /// One for each index: a condition over several makes the server scan the table, and lock it. And none of
    /// several branches: under LOCK TABLES a statement can name each locked table once.
    fn selects(&self, server: Server) -> Vec<Vec<u8>> {
        let items = self.columns.items("").join(", ");
        let select = |(table, condition): &(String, String)| {
            pins::held_rows(server, &format!("{items} FROM {table} WHERE {condition} LIMIT {}", self.limit))
        };
        self.conditions.iter().map(select).collect()
    }

    /// A row that meets several conditions comes once.
    fn touched(&self, cells: &Cells) -> Result<Vec<Touched>, Refusal> {
        let mut touched: Vec<Touched> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for row in self.columns.rows(cells)? {
            if seen.insert(row.key.clone()) {
                touched.push(Touched { key: row.key, shard: row.home });
            }
        }
        Ok(touched)
    }
}

impl Listed {
    fn asks_id(&self, ran: &Ran) -> bool {
        !self.tells_id && ran.affected_rows > 0 && self.rows.iter().any(RowKeys::is_generated)
    }

    /// The keys of all rows.
    ///
    /// Ids of one INSERT … VALUES are consecutive steps of `auto_increment_increment` from the first
    /// that was stored, in every `innodb_autoinc_lock_mode` (manual, "AUTO_INCREMENT Handling in
    /// InnoDB": simple inserts), as long as no given id lies ahead of them. Rows that IGNORE left out
    /// give their ids to the next, so that these are rather too many than too few, which the mirror allows.
    fn touched(&self, mirror: &Mirror, ran: &Ran) -> Result<Vec<Touched>, (Reason, &'static str)> {
        let generated = self.rows.iter().filter(|row| row.is_generated()).count();
        let stored = if generated == self.rows.len() { ran.affected_rows } else { u64::MAX };
        let mut next = u128::from(ran.insert_id);
        let mut left = if ran.insert_id == 0 { 0 } else { generated as u64 };
        let mut touched = Vec::new();
        for row in &self.rows {
            let begun = left < generated as u64;
            if begun && left > 0 && row.id.and_then(|id| u128::try_from(id).ok()).is_some_and(|id| id >= next)
            {
                return Err((refusal::MIXED_IDS, "a given id is higher than one that is generated after it"));
            }
            if !row.is_generated() {
                touched.push(self.row(mirror, row, next));
            } else if left > 0 && (!self.skips || (touched.len() as u64) < stored) {
                touched.push(self.row(mirror, row, next));
                next += u128::from(self.increment);
                left -= 1;
            }
        }
        Ok(touched)
    }

    fn row(&self, mirror: &Mirror, row: &RowKeys, id: u128) -> Touched {
        let key = row.key.iter().map(|part| part.clone().unwrap_or_else(|| id.to_string())).collect();
        let by_id = || i128::try_from(id).ok().map(|id| mirror.schema.table.shard_of(id));
        let shard = match () {
            () if !row.is_generated() => row.shard,
            () if self.id_is_shard_key => by_id(),
            () if self.skips => None,
            () => row.shard,
        };
        Touched { key: Key(key), shard }
    }
}
