//! UPDATE and DELETE of a table list, of which an UPDATE writes one sharded table; a DELETE may name several references.
//!
//! ```text
//! UPDATE user u JOIN orders o ON o.user_id = u.id SET u.votes = o.total WHERE o.total > 5
//!   lock  SELECT DISTINCT u.id FROM user u JOIN orders o ON … WHERE … FOR UPDATE OF u FOR SHARE OF o
//!   run   the statement AND u.id IN (keys)
//! ```
//! All joined rows that have a row of `u` have one of the keys, so the restriction loses none of them. Those without
//! (an outer join's) concern the other tables alone, and stay.

use super::{Context, Refusal, refusal};
use crate::{
    splice::Edits,
    syntax::{Binding, Change, Span, TableRef, Targets},
    written::{Written, list},
};

/// What a statement does to the sharded table that it writes.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    /// The statement, with the assignments to this table only.
    pub(crate) change: Change,
    /// Further references that a DELETE names.
    pub(crate) also: Vec<Context<'a>>,
    /// It writes tables that are not sharded, too.
    pub(crate) others: bool,
    /// How it reads other sharded tables that are on their shards, and the tokens of their names.
    pub(crate) beside: (Edits, Vec<Span>),
}

impl<'a> Target<'a> {
    /// The tables at `places` among the references, the first one apart from `also`.
    pub(crate) fn new(change: &Change, written: &Written, places: &[usize], also: Vec<Context<'a>>) -> Self {
        let mut own = change.clone();
        if !written.assigned.is_empty() {
            let assigned = change.assignments.iter().zip(&written.assigned);
            let to_this = assigned.filter(|(_, table)| table.is_some_and(|table| places.contains(&table)));
            own.assignments = to_this.map(|(assignment, _)| assignment.clone()).collect();
        }
        Self { change: own, also, others: written.others(places), beside: (Edits::default(), Vec::new()) }
    }

    /// Every reference that it writes, `cx` being the first.
    pub(crate) fn written<'t>(&'t self, cx: &'t Context<'a>) -> impl Iterator<Item = &'t Context<'a>> {
        std::iter::once(cx).chain(&self.also)
    }

    /// Its list can have several tables.
    pub(crate) fn joins(&self) -> bool {
        self.change.targets != Targets::Alone
    }

    /// Parameters as literals, and what takes the place of other tables.
    pub(crate) fn edits(&self, cx: &Context<'_>) -> Result<Edits, Refusal> {
        Ok(cx.inlined()?.with(&self.beside.0))
    }

    /// `DISTINCT` for the key SELECT: a row can be joined several times.
    pub(crate) fn distinct(&self) -> &'static str {
        if self.joins() { "DISTINCT " } else { "" }
    }

    /// Refuses what a join does not have on every server.
    pub(crate) fn check(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let change = &self.change;
        if !self.joins() {
            return Ok(());
        }
        if change.order.is_some() || change.limit.is_some() {
            return cx.refuse(refusal::MULTI_TABLE, "ORDER BY or LIMIT in the form for several tables");
        }
        if change.returning.is_some() {
            return cx.refuse(refusal::RETURNING, "RETURNING in the form for several tables");
        }
        Ok(())
    }

    /// The locks of the key SELECT: those of the statement itself. Where the server cannot name tables there, the
    /// ones that are only read are locked as the written ones are.
    pub(crate) fn lock(&self, cx: &Context<'a>) -> String {
        // MySQL 8.0.1 (release notes).
        let names_tables = !cx.facts.server.mariadb && cx.facts.server.version >= 80_001;
        if cx.locked && self.joins() {
            // The tables are locked already, some perhaps only READ.
            return "LOCK IN SHARE MODE".to_owned();
        }
        if self.others || !self.joins() || !names_tables {
            return "FOR UPDATE".to_owned();
        }
        let tables = list(cx.parsed, &self.change).into_iter().filter_map(|at| cx.parsed.tables.get(at));
        // Those in derived tables have their own locks.
        let written: Vec<&TableRef> = self.written(cx).map(|cx| cx.target).collect();
        let locked = |table: &&TableRef| {
            let named = cx.parsed.binding(table) != Binding::Cte && !self.beside.1.contains(&table.tokens);
            named && !written.contains(table)
        };
        let others: Vec<&TableRef> = tables.filter(locked).collect();
        let quoted = |table: &TableRef| topology::quote_ident(table.called());
        let names: Vec<String> = written.iter().map(|table| quoted(table)).collect();
        let mut lock = format!("FOR UPDATE OF {}", names.join(", "));
        if !others.is_empty() {
            let names: Vec<String> = others.into_iter().map(quoted).collect();
            lock.push_str(&format!(" FOR SHARE OF {}", names.join(", ")));
        }
        lock
    }
}
