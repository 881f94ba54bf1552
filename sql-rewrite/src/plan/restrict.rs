//! What the rows of one reference must meet to matter: the conditions of its WHERE and of its joins.
//!
//! ```text
//! FROM a LEFT JOIN u ON <on> WHERE <where>
//!   rows of u outside of <on>    match no row of a
//!   rows of u outside of <where> match one that then is left out, but without them it would stay, with NULLs in
//!                                the place of u: they may be left out if NULLs do not pass <where> either
//! ```

use topology::{ColumnKind, ShardId};

use super::Context;
use crate::syntax::{Conjunct, JoinKind, Joined, Source, Span, and_parts, column, conjunct};

/// An expression that is true of every row that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) span: Span,
    /// It is evaluated where NULLs may stand in the place of the row.
    pub(crate) nullable: bool,
}

/// The conditions on the rows of the reference; of the other tables' columns, too, that stand beside them.
pub(crate) fn conditions(cx: &Context<'_>) -> Vec<Condition> {
    let Some(block) = cx.block() else {
        return Vec::new();
    };
    let parts = |span: &Span| {
        and_parts(cx.source, span).into_iter().map(|span| Condition { span, nullable: false }).collect()
    };
    let filter = block.filter.as_ref().map_or_else(Vec::new, parts);
    let walk = Walk { parts: &parts, table: cx.target.tokens.start };
    walk.reach(&block.tables, filter).unwrap_or_default()
}

struct Walk<'w> {
    parts: &'w dyn Fn(&Span) -> Vec<Condition>,
    table: usize,
}

impl Walk<'_> {
    /// The conditions at the table, if it is in `joined`, to which `outer` apply.
    fn reach(&self, joined: &Joined, outer: Vec<Condition>) -> Option<Vec<Condition>> {
        match joined {
            Joined::Other => None,
            Joined::Table(at) => (*at == self.table).then_some(outer),
            Joined::Join(join) => {
                let on = join.on.as_ref().map_or_else(Vec::new, self.parts);
                let both = || outer.iter().chain(&on).cloned().collect();
                let optional = || {
                    let outer =
                        outer.iter().map(|condition| Condition { nullable: true, ..condition.clone() });
                    outer.chain(on.iter().cloned()).collect()
                };
                let (mut left, mut right) = match join.kind {
                    JoinKind::Inner => (both(), both()),
                    JoinKind::Left => (outer.clone(), optional()),
                    JoinKind::Right => (optional(), outer.clone()),
                };
                if join.kind != JoinKind::Left {
                    self.hold(&join.right, &mut left);
                }
                if join.kind != JoinKind::Right {
                    self.hold(&join.left, &mut right);
                }
                self.reach(&join.left, left).or_else(|| self.reach(&join.right, right))
            }
        }
    }
}

impl Walk<'_> {
    /// What is true of all rows of `joined`, by its own joins.
    fn hold(&self, joined: &Joined, conditions: &mut Vec<Condition>) {
        if let Joined::Join(join) = joined
            && join.kind == JoinKind::Inner
        {
            conditions.extend(join.on.iter().flat_map(self.parts));
            self.hold(&join.left, conditions);
            self.hold(&join.right, conditions);
        }
    }
}

/// The conditions that compare one column with constants.
pub(crate) fn comparisons(cx: &Context<'_>, conditions: &[Condition]) -> Vec<Conjunct> {
    conditions.iter().filter_map(|condition| conjunct(cx.source, &condition.span)).collect()
}

/// The shards that hold the rows that matter, `None` for all: the shard key is given, or a column that equals it.
pub(crate) fn shards(
    cx: &Context<'_>,
    conditions: &[Condition],
    references: &[Context<'_>],
) -> Option<Vec<ShardId>> {
    let given = comparisons(cx, conditions);
    let equal = equalities(cx, conditions);
    let mut seen = vec![(cx.target.tokens.start, cx.table().shard_key().to_lowercase())];
    let mut found = cx.shards(&given);
    let mut at = 0;
    while let Some((owner, column)) = seen.get(at).cloned() {
        at += 1;
        let Some(owner) = references.iter().find(|other| other.target.tokens.start == owner) else {
            continue;
        };
        let values = owner.operands(&given, &column);
        let lists = values.into_iter().filter_map(|list| cx.table_shards(list));
        found = found.into_iter().chain(lists).min_by_key(Vec::len);
        for (left, right) in &equal {
            for (this, that) in [(left, right), (right, left)] {
                let here = owner.own_column(this).is_some_and(|own| own.name.eq_ignore_ascii_case(&column));
                if here
                    && let Some(next) =
                        integer_column(cx, references, that).filter(|next| !seen.contains(next))
                {
                    seen.push(next);
                }
            }
        }
    }
    found
}

/// The pairs of names that a condition says are equal.
fn equalities(cx: &Context<'_>, conditions: &[Condition]) -> Vec<(Vec<String>, Vec<String>)> {
    let name = |at: usize| cx.source.dotted(at).map(|(parts, _)| parts);
    let both = |(left, right)| Some((name(left)?, name(right)?));
    conditions.iter().filter_map(|condition| equality(cx.source, &condition.span).and_then(both)).collect()
}

/// The tokens where the two names of `a = b` begin.
pub(crate) fn equality(source: Source<'_>, span: &Span) -> Option<(usize, usize)> {
    let (_, at) = column(source, span.start)?;
    let (_, end) = column(source, at + 1).filter(|_| source.op(at, "="))?;
    (end == span.end).then_some((span.start, at + 1))
}

/// The sharded table's column that `parts` names beside `cx`, if integers compare with it exactly.
fn integer_column(cx: &Context<'_>, references: &[Context<'_>], parts: &[String]) -> Option<(usize, String)> {
    let beside = references.iter().filter(|other| other.target.block == cx.target.block);
    let mut owners = beside.filter_map(|other| Some((other, other.own_column(parts)?)));
    let (owner, column) = owners.next()?;
    let exact = matches!(column.kind, ColumnKind::Integer { .. }) && owners.next().is_none();
    exact.then(|| (owner.target.tokens.start, column.name.to_lowercase()))
}
