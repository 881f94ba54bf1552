//! From a [`Write`] and what was learnt to its statements.

use std::sync::Arc;

use topology::{ColumnKind, Phase, ShardId, TableSchema, quote_ident};

use super::{
    Cells, Context, Effects, Key, Learnt, LearntKeys, Merge, Program, Refusal, Run, Write,
    change::Restricted,
    change_shards::ShardChange,
    dirty_log,
    elsewhere::Elsewhere,
    insert_shards::SplitInsert,
    keys::select_item,
    refusal::{self, refusal},
    several::ShardDelete,
};
use crate::Server;

/// How the statements of a write are made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// The client's own statement; its keys are known, or it waits for generated ids.
    Sent(Effects),
    /// The client's statement restricted to the keys that were learnt, then the mirror.
    Restricted(Box<Restricted>),
    /// One statement on one shard; its keys are known.
    OneShard {
        /// The text.
        text: Vec<u8>,
        /// For the dirty log.
        logged: Logged,
    },
    /// Statements on shards for the keys that were learnt.
    ShardChange(Box<ShardChange>),
    /// The same for a DELETE of several references.
    ShardDelete(Box<ShardDelete>),
    /// A statement that writes other tables or none, until its SELECTs are planned.
    Elsewhere(Box<Elsewhere>),
    /// One statement that writes other tables or none.
    OtherTable(Vec<u8>),
    /// An INSERT into shards.
    SplitInsert(Box<SplitInsert>),
}

/// Keys for the dirty log of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Logged {
    pub(crate) server: Server,
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) keys: Vec<Key>,
    /// There is a reverse sync.
    wanted: bool,
}

impl Logged {
    pub(crate) fn new(cx: &Context<'_>, keys: Vec<Key>) -> Self {
        Self { server: cx.facts.server, schema: Arc::clone(cx.schema), keys, wanted: cx.logs }
    }

    pub(crate) fn statements(&self, log: &mut dyn FnMut() -> (u64, u64)) -> Vec<Vec<u8>> {
        if !self.wanted {
            return Vec::new();
        }
        dirty_log::statements(self.server, &self.schema, &self.keys, log)
    }
}

/// What a learnt row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    /// The shard that it was found in (0011).
    pub(crate) shard: Option<ShardId>,
    /// Its key now.
    pub(crate) key: Key,
    /// The shard that its shard key names.
    pub(crate) home: Option<ShardId>,
    /// Key and shard after an UPDATE that changes them.
    pub(crate) becomes: Option<(Key, Option<ShardId>)>,
}

/// How the columns of a key SELECT are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyColumns {
    /// The table.
    pub(crate) schema: Arc<TableSchema>,
    /// Its phase, for messages.
    pub(crate) phase: Phase,
    /// The first column is the shard's number.
    pub(crate) numbered: bool,
    /// A row without a key is none of the table: an outer join has it.
    pub(crate) optional: bool,
    /// New values that follow the key and the shard key: the columns that they are for.
    pub(crate) changed: Vec<String>,
}

impl KeyColumns {
    /// The keys as they are.
    pub(crate) fn plain(cx: &Context<'_>) -> Self {
        let (schema, changed) = (Arc::clone(cx.schema), Vec::new());
        Self { schema, phase: cx.phase, numbered: false, optional: false, changed }
    }

    /// The select items of the keys.
    pub(crate) fn items(&self, qualifier: &str) -> Vec<String> {
        let names = self.names();
        let found = names.iter().filter_map(|name| self.schema.column(name));
        found
            .enumerate()
            .map(|(i, column)| select_item(column, &qualified(qualifier, &column.name), i))
            .collect()
    }

    /// The columns that a row carries: primary key, then the shard key if it is none of it.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.schema.primary_key.clone();
        let shard_key = self.schema.table.shard_key();
        if !self.schema.in_primary_key(shard_key) {
            names.push(shard_key.to_owned());
        }
        names
    }

    /// Reads the rows of the key SELECT.
    pub(crate) fn rows(&self, cells: &Cells) -> Result<Vec<KeyRow>, Refusal> {
        self.rows_from(0, cells)
    }

    /// The same where these columns begin at cell `from`: each key once, whatever else the rows have.
    pub(crate) fn rows_from(&self, from: usize, cells: &Cells) -> Result<Vec<KeyRow>, Refusal> {
        let key = usize::from(self.numbered);
        let own = cells.iter().map(|row| row.get(from..).unwrap_or_default());
        let rows = own.filter(|row| !(self.optional && row.get(key).is_some_and(Option::is_none)));
        let mut seen = std::collections::HashSet::new();
        let mut found = Vec::with_capacity(cells.len());
        for row in rows {
            let row = self.row(row).ok_or_else(|| self.unreadable())?;
            if seen.insert((row.shard, row.key.clone())) {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// How many cells of a row are theirs.
    pub(crate) fn width(&self) -> usize {
        usize::from(self.numbered) + self.names().len() + self.changed.len()
    }

    /// A row of the key SELECT as it could be.
    pub(crate) fn sample(&self) -> Vec<Option<Vec<u8>>> {
        let cell = |name: &String| {
            let kind = self.schema.column(name).map(|column| column.kind);
            Some(match kind {
                Some(ColumnKind::Text | ColumnKind::Binary) => b"61".to_vec(),
                Some(ColumnKind::Temporal) => b"2024-01-31".to_vec(),
                _ => b"7".to_vec(),
            })
        };
        let number = self.numbered.then(|| Some(b"1".to_vec()));
        let new = self.changed.iter().map(|_| Some(b"8".to_vec()));
        number.into_iter().chain(self.names().iter().map(cell)).chain(new).collect()
    }

    fn unreadable(&self) -> Refusal {
        let what = "a key that was read back is not what its column's type says";
        refusal(refusal::KEY_TYPE, what, &self.schema.table, self.phase)
    }

    fn row(&self, cells: &[Option<Vec<u8>>]) -> Option<KeyRow> {
        let mut cells = cells.iter();
        let mut shard = None;
        if self.numbered {
            let number = std::str::from_utf8(cells.next()?.as_deref()?).ok()?;
            shard = Some(ShardId(number.parse().ok()?));
        }
        let names = self.names();
        let mut values = Vec::new();
        for name in &names {
            let cell = cells.next()?.as_deref()?;
            values.push(super::keys::cell_literal(self.schema.column(name)?, cell)?);
        }
        let mut new = values.clone();
        for name in &self.changed {
            let cell = cells.next()?.as_deref()?;
            let column = self.schema.column(name)?;
            let value = super::keys::cell_literal(column, cell)?;
            super::keys::integer_range(column)?.contains(&value.parse().ok()?).then_some(())?;
            let at = names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
            *new.get_mut(at)? = value;
        }
        let becomes = (!self.changed.is_empty()).then(|| self.located(&names, &new));
        let (key, home) = self.located(&names, &values);
        Some(KeyRow { shard, key, home, becomes })
    }

    fn located(&self, names: &[String], values: &[String]) -> (Key, Option<ShardId>) {
        let at = names.iter().position(|name| self.schema.is_shard_key(name));
        let number = at.and_then(|at| values.get(at)).and_then(|value| value.parse().ok());
        let key = values.iter().take(self.schema.primary_key.len()).cloned().collect();
        (Key(key), number.map(|number: i128| self.schema.table.shard_of(number)))
    }
}

impl Write {
    /// How it is carried out, in a word.
    pub(crate) fn method(&self) -> &'static str {
        match &self.work {
            Work::Sent(_) => "as sent, mirrored",
            Work::Restricted(_) => "by keys, mirrored",
            Work::OneShard { .. } => "one shard",
            Work::ShardChange(_) | Work::ShardDelete(_) => "by keys on shards",
            Work::Elsewhere(_) | Work::OtherTable(_) => "to another table",
            Work::SplitInsert(_) => "split by shard",
        }
    }

    /// An answer to the needs, to show what would follow.
    pub(crate) fn sample(&self, id: u64) -> Learnt {
        let row = match &self.work {
            Work::Restricted(work) => work.sample(),
            Work::ShardChange(work) => work.columns.sample(),
            Work::ShardDelete(work) => work.sample(),
            _ => Vec::new(),
        };
        match (&self.needs, row) {
            (super::Needs::Keys { .. }, row) => Learnt::Keys(LearntKeys { rows: vec![row], warned: false }),
            (super::Needs::SequenceIds { .. }, _) => Learnt::FirstId(id),
            _ => Learnt::Nothing,
        }
    }

    /// Conditions warned where they were evaluated for the keys: what tells whether they warn of the rows that were found,
    /// where that matters. Its warnings take the place of the others.
    #[must_use]
    pub fn again(&self, learnt: &LearntKeys) -> Option<Vec<u8>> {
        match &self.work {
            Work::ShardDelete(work) if learnt.warned => work.again(learnt),
            _ => None,
        }
    }

    /// The statements, now that `learnt` answers the needs. `row_by_row`: rows of an INSERT that go to several shards are
    /// inserted each by itself, in their order, so that the first error is the one of the whole. `log` gives the ids of rows in the dirty
    /// log (0011): the sidecar's number and its counter, a new one at each call.
    ///
    /// # Errors
    /// Where what was learnt cannot be worked with.
    pub fn program(
        &self,
        learnt: &Learnt,
        row_by_row: bool,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Program, Refusal> {
        let mut program = self.program_of(learnt, row_by_row, log)?;
        if let Some(in_place) = &self.in_place {
            for run in &mut program.statements {
                if *run == Run::Client {
                    *run = Run::Text(in_place.text.clone());
                }
            }
            if let (Some(duplicates), Merge::Alone) = (in_place.one_row, &program.merge) {
                program.merge = Merge::Inserts { rows: vec![vec![1]], duplicates };
            }
            program.finds = in_place.finds.or(program.finds);
            if in_place.tells_no_id {
                program.insert_id = Some(0);
            }
        }
        Ok(program)
    }

    fn program_of(
        &self,
        learnt: &Learnt,
        row_by_row: bool,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Program, Refusal> {
        match (&self.work, learnt) {
            (Work::Sent(effects), _) => Ok(Program::alone(Run::Client, effects.clone())),
            (Work::OtherTable(text), _) => {
                Ok(Program::alone(Run::Text(text.clone()), Effects::Known(Vec::new())))
            }
            (Work::OneShard { text, logged }, _) => {
                Ok(Program::alone(Run::Text(text.clone()), Effects::Known(logged.statements(log))))
            }
            (Work::Restricted(work), Learnt::Keys(keys)) => work.program(keys),
            (Work::ShardChange(work), Learnt::Keys(keys)) => work.program(keys, log),
            (Work::ShardDelete(work), Learnt::Keys(keys)) => work.program(keys, log),
            (Work::SplitInsert(work), Learnt::FirstId(first)) => work.program(Some(*first), row_by_row, log),
            (Work::SplitInsert(work), Learnt::Nothing) => work.program(None, row_by_row, log),
            _ => Err(self.too_many.clone()),
        }
    }

    /// The refusal of a statement that touches more keys than [`super::Needs::Keys`] allows.
    #[must_use]
    pub fn too_many_keys(&self) -> Refusal {
        self.too_many.clone()
    }
}

/// `` `a`.`id` `` for each name.
fn qualified(qualifier: &str, name: &str) -> String {
    format!("{qualifier}{}", quote_ident(name))
}
