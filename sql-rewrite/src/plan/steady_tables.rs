//! The tables of a FROM that may be read more than once, with their columns.

use std::sync::Arc;

use topology::{ColumnKind, QualifiedName, ShardId, Side, quote_ident};

use super::{Context, derived::Derived, read::factors, restrict};
use crate::{
    Neighbour, SteadyTable, Text,
    resolve::same_name,
    splice::Edits,
    syntax::{Binding, Block, Span, TableRef},
};

/// Those of one block.
pub(crate) struct SteadyTables<'a> {
    cx: Context<'a>,
    block: Option<&'a Block>,
    tables: Vec<Steady<'a>>,
    /// Tables about which nobody has asked.
    pub(crate) unknown: Vec<QualifiedName>,
}

struct Steady<'a> {
    named: &'a TableRef,
    shape: Shape<'a>,
}

enum Shape<'a> {
    Sharded(Context<'a>),
    Other(Arc<SteadyTable>),
}

/// A column of one of them.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Number of the table.
    pub(crate) table: usize,
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
}

impl<'a> SteadyTables<'a> {
    /// Those of `block` but for the reference itself; none where two readings of any table may differ.
    pub(crate) fn of(cx: &Context<'a>, block: Option<usize>, all: &[Context<'a>]) -> Self {
        let found = block.and_then(|block| cx.parsed.blocks.get(block));
        let mut steady = Self { cx: *cx, block: found, tables: Vec::new(), unknown: Vec::new() };
        let twice = cx.views.reads_snapshots() && !cx.locked;
        let beside =
            |table: &&TableRef| table.block == block && *table != cx.target && table.partition.is_empty();
        for named in cx.parsed.tables.iter().filter(beside).filter(|_| twice) {
            if let Some(other) = all.iter().find(|other| other.target == named) {
                steady.tables.push(Steady { named, shape: Shape::Sharded(*other) });
                continue;
            }
            let schema = named.schema.as_ref().or(cx.facts.database.as_ref());
            let ascii = |name: &&String| name.is_ascii() && named.name.is_ascii();
            let is_table = cx.parsed.binding(named) == Binding::Table;
            let Some(schema) = schema.filter(ascii).filter(|_| is_table) else { continue };
            let name = QualifiedName::new(schema, &named.name);
            match cx.views.neighbour(&name) {
                Neighbour::Steady(table) => steady.tables.push(Steady { named, shape: Shape::Other(table) }),
                Neighbour::Unsteady => {}
                Neighbour::Unknown => steady.unknown.push(name),
            }
        }
        steady
    }

    /// How many of the factors of the block they are; `None` if it has others than tables.
    pub(crate) fn left_out(&self) -> Option<usize> {
        factors(&self.block?.tables).map(|tables| tables.len() - self.tables.len())
    }

    /// Whether one of them is read from shards.
    pub(crate) fn on_shards(&self) -> bool {
        self.tables.iter().any(|table| table.on_shards().is_some())
    }

    /// The column that is named at a token, if it can be no other table's of the block. Without a qualifier that is
    /// known if no more than `others` tables, which do not have it, are left out.
    pub(crate) fn column(&self, at: usize, others: usize) -> Option<Column> {
        let (parts, _) = self.cx.source.dotted(at)?;
        if !self.cx.columns.contains(&at) {
            return None;
        }
        let of = |table: usize, name: &str| {
            let kind = self.tables.get(table)?.kind(name)?;
            Some(Column { table, name: name.to_owned(), kind })
        };
        match parts.as_slice() {
            [name] => {
                self.block.filter(|block| !block.merges_columns)?;
                self.left_out().filter(|left| *left <= others)?;
                let mut owners = (0..self.tables.len()).filter_map(|table| of(table, name));
                owners.next().filter(|_| owners.next().is_none())
            }
            [table, name] => {
                let called = |it: &Steady<'_>| same_name(it.named.called(), table, self.cx.facts);
                of(self.tables.iter().position(called)?, name)
            }
            _ => None,
        }
    }

    /// `` `o`.`user_id` ``
    pub(crate) fn spelled(&self, column: &Column) -> Option<String> {
        let called = self.tables.get(column.table)?.named.called();
        Some(format!("{}.{}", quote_ident(called), quote_ident(&column.name)))
    }

    /// The table with its alias, for another FROM; `filters` are conditions on it. `None` if it is on more than so many
    /// shards.
    pub(crate) fn factor(
        &self,
        table: usize,
        filters: Vec<Span>,
        all: &[Context<'a>],
        edits: &Edits,
        shards_max: usize,
    ) -> Option<Text> {
        let steady = self.tables.get(table)?;
        let Some(other) = steady.on_shards() else {
            return Some(self.cx.text(&Edits::default(), &steady.named.factor));
        };
        let conditions = restrict::conditions(other);
        let every = || other.table().numbered_shards().map(|(shard, _)| shard).collect();
        let shards: Vec<ShardId> = restrict::shards(other, &conditions, all).unwrap_or_else(every);
        if shards.len() > shards_max {
            return None;
        }
        let mut derived = Derived::new(other, shards, edits);
        derived.filters = filters;
        derived.show_nameable();
        let mut factor = derived.factor();
        if let Some(alias) = &steady.named.alias {
            factor.push(format!(" AS {}", quote_ident(alias)));
        }
        Some(factor)
    }
}

impl<'a> Steady<'a> {
    fn kind(&self, column: &str) -> Option<ColumnKind> {
        match &self.shape {
            Shape::Sharded(cx) => cx.schema.column(column).map(|column| column.kind),
            Shape::Other(table) => table.kind(column),
        }
    }

    fn on_shards(&self) -> Option<&Context<'a>> {
        match &self.shape {
            Shape::Sharded(cx) if cx.phase.authority() == Side::Shards => Some(cx),
            _ => None,
        }
    }
}

/// Whether values of the two kinds are compared as what they are.
pub(crate) fn alike(a: ColumnKind, b: ColumnKind) -> bool {
    use ColumnKind::{Binary, Integer, Text};
    matches!((a, b), (Integer { .. }, Integer { .. }) | (Text, Text) | (Binary, Binary))
}
