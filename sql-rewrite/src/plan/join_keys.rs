//! The rows that a join looks up in a sharded table, as a condition in the branches (docs/adr/join-keys.md).
//!
//! ```text
//! FROM orders o JOIN user u ON u.id = o.user_id WHERE o.note = 'x'
//!   branches: … WHERE u.id IN (SELECT o.user_id FROM orders o WHERE o.note = 'x')
//! ```
//! The condition leaves out only rows that no row of the other tables meets, so the statement's own ones stay.

use std::collections::BTreeSet;

use topology::{QualifiedName, quote_ident};

use super::{
    Context,
    own::compared,
    restrict::{Condition, equality},
    steady_tables::{Column, SteadyTables, alike},
};
use crate::{Text, splice::Edits, syntax::Span};

/// What the branches of a reference can be restricted by.
#[derive(Debug, Default)]
pub(crate) struct JoinKeys {
    /// Conditions on it.
    pub(crate) conditions: Vec<Text>,
    /// Tables that are to be asked about before more can be said.
    pub(crate) unknown: Vec<QualifiedName>,
}

/// In all branches together so many shards of another table are read at most: beyond that the text is what costs.
const READINGS_MAX: usize = 256;

/// The keys by which the reference is joined, where constants say which rows of the other tables matter. `conditions`
/// are those of the reference on `shards` shards, `edits` how the statement is respelled.
pub(crate) fn join_keys(
    cx: &Context<'_>,
    conditions: &[Condition],
    shards: usize,
    all: &[Context<'_>],
    edits: &Edits,
) -> JoinKeys {
    let joined = cx.block().is_some_and(|block| block.joined);
    let own = |at: usize| cx.source.dotted(at).is_some_and(|(parts, _)| cx.own_column(&parts).is_some());
    let equal = |it: &Condition| equality(cx.source, &it.span).is_some_and(|(a, b)| own(a) != own(b));
    let others = |it: &Condition| compared(cx, &it.span).is_some_and(|column| !own(column.at));
    if !joined || !conditions.iter().any(equal) || !conditions.iter().any(others) {
        return JoinKeys::default();
    }
    let mut beside = SteadyTables::of(cx, cx.target.block, all);
    let unknown = std::mem::take(&mut beside.unknown);
    if !unknown.is_empty() {
        return JoinKeys { unknown, ..JoinKeys::default() };
    }
    let mut join = Join { cx, all, beside, edits, shards, constant: Vec::new(), equal: Vec::new() };
    join.read(conditions);
    let key = |it: &Condition| {
        let (a, b) = equality(cx.source, &it.span)?;
        join.key(a, b).or_else(|| join.key(b, a))
    };
    JoinKeys { conditions: conditions.iter().filter_map(key).collect(), unknown }
}

/// The reference and what it is joined with.
struct Join<'j, 'a> {
    cx: &'j Context<'a>,
    all: &'j [Context<'a>],
    beside: SteadyTables<'a>,
    edits: &'j Edits,
    /// How many branches there are.
    shards: usize,
    /// Comparisons of a column with constants, and its table.
    constant: Vec<(usize, Span)>,
    /// Columns of two tables that are equal.
    equal: Vec<([Column; 2], Span)>,
}

impl Join<'_, '_> {
    /// Takes what the conditions say of the other tables. NULLs in the place of a row pass none of it.
    fn read(&mut self, conditions: &[Condition]) {
        for Condition { span, .. } in conditions {
            if let Some((a, b)) = equality(self.cx.source, span) {
                let both = self.column(a).zip(self.column(b));
                let both = both.filter(|(a, b)| a.table != b.table && alike(a.kind, b.kind));
                self.equal.extend(both.map(|(a, b)| ([a, b], span.clone())));
            } else if let Some(compared) = compared(self.cx, span) {
                let column = self.column(compared.at);
                let column = column.filter(|column| compared.is_silent_for(column.kind));
                self.constant.extend(column.map(|column| (column.table, span.clone())));
            }
        }
    }

    /// The column of another table that is named at a token.
    fn column(&self, at: usize) -> Option<Column> {
        let (parts, _) = self.cx.source.dotted(at)?;
        self.beside.column(at, 1).filter(|_| self.cx.own_column(&parts).is_none())
    }

    /// `own IN (SELECT other …)`, where the name at `own` is the reference's and that at `other` is not.
    fn key(&self, own: usize, other: usize) -> Option<Text> {
        let (parts, _) = self.cx.source.dotted(own)?;
        let column = self.cx.own_column(&parts).filter(|_| self.cx.columns.contains(&own))?;
        let other = self.column(other).filter(|other| alike(other.kind, column.kind))?;
        let tables = self.tables(other.table)?;
        let within = |table: &usize| tables.contains(table);
        let of =
            |table: usize| self.constant.iter().filter(move |(it, _)| *it == table).map(|(_, span)| span);
        let factor = |table: &usize| {
            let filters = of(*table).cloned().collect();
            self.beside.factor(*table, filters, self.all, self.edits, READINGS_MAX / self.shards)
        };
        let factors: Option<Vec<Text>> = tables.iter().map(factor).collect();
        let constant = tables.iter().flat_map(|table| of(*table));
        let equal = self.equal.iter().filter(|(both, _)| both.iter().all(|it| within(&it.table)));
        let spans = constant.chain(equal.map(|(_, span)| span));
        let (called, name) = (self.cx.qualifier(), quote_ident(&column.name));
        let mut text =
            Text::from(format!("{called}{name} IN (SELECT {} FROM ", self.beside.spelled(&other)?));
        text.push(Text::join(factors?, ","));
        text.push(" WHERE ");
        text.push(Text::join(spans.map(|span| self.cx.text(self.edits, span)), " AND "));
        text.push(")");
        Some(text)
    }

    /// The table and those by which constants restrict it; `None` if none do.
    fn tables(&self, first: usize) -> Option<Vec<usize>> {
        let links = |table: usize| {
            self.equal.iter().filter_map(move |([a, b], _)| match table {
                _ if a.table == table => Some(b.table),
                _ if b.table == table => Some(a.table),
                _ => None,
            })
        };
        let mut tables = vec![first];
        let mut at = 0;
        while let Some(table) = tables.get(at).copied() {
            at += 1;
            for next in links(table) {
                if !tables.contains(&next) {
                    tables.push(next);
                }
            }
        }
        let constant = |table: &usize| self.constant.iter().any(|(it, _)| it == table);
        // One at the end of the chain that nothing restricts adds nothing.
        let idle = |tables: &[usize], table: usize| {
            let linked: BTreeSet<usize> = links(table).filter(|end| tables.contains(end)).collect();
            table != first && !constant(&table) && linked.len() < 2
        };
        while let Some(place) = tables.iter().position(|table| idle(&tables, *table)) {
            tables.remove(place);
        }
        tables.iter().any(constant).then_some(tables)
    }
}
