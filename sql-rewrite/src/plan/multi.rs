//! UPDATE and DELETE of a table list of which one sharded table is written.
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
    syntax::{Change, Span, TableRef, Targets},
    written::{Written, list},
};

/// What a statement does to its one sharded table.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The statement, with the assignments to this table only.
    pub(crate) change: Change,
    /// It writes other tables, too.
    pub(crate) others: bool,
    /// How it reads other sharded tables that are on their shards, and the tokens of their names.
    pub(crate) beside: (Edits, Vec<Span>),
}

impl Target {
    /// The table at `place` among the references.
    pub(crate) fn new(change: &Change, written: &Written, place: usize) -> Self {
        let mut own = change.clone();
        if !written.assigned.is_empty() {
            let assigned = change.assignments.iter().zip(&written.assigned);
            let to_this = assigned.filter(|(_, table)| **table == Some(place));
            own.assignments = to_this.map(|(assignment, _)| assignment.clone()).collect();
        }
        Self { change: own, others: written.others(place), beside: (Edits::default(), Vec::new()) }
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
    pub(crate) fn lock(&self, cx: &Context<'_>) -> String {
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
        let locked = |table: &&TableRef| *table != cx.target && !self.beside.1.contains(&table.tokens);
        let others: Vec<&TableRef> = tables.filter(locked).collect();
        let quoted = |table: &TableRef| topology::quote_ident(table.called());
        let mut lock = format!("FOR UPDATE OF {}", quoted(cx.target));
        if !others.is_empty() {
            let names: Vec<String> = others.into_iter().map(quoted).collect();
            lock.push_str(&format!(" FOR SHARE OF {}", names.join(", ")));
        }
        lock
    }
}
