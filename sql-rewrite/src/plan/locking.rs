//! Locking reads of several shards: an outer FOR UPDATE over a derived table locks nothing, so each branch has its
//! own. With the conditions of a SELECT from one table it locks the rows of the result; elsewhere it would lock all rows
//! that the conditions on this table alone leave, which is allowed to locks for sharing.

use super::{Context, Refusal, change::VOLATILE, derived::Derived, functions::AGGREGATES, refusal, top};
use crate::{
    splice::{Edits, Text},
    syntax::{Block, Role, Span},
};

/// How the rows of a reference are locked.
pub(crate) enum Locks {
    /// Not at all.
    None,
    /// Those of the result, see [`fill`].
    Result,
    /// By this clause in each branch.
    Branches(Text),
}

/// How the rows of the reference are locked. Refused where that cannot be done as the server does it.
pub(crate) fn locks(cx: &Context<'_>) -> Result<Locks, Refusal> {
    let Some(block) = cx.block() else {
        return cx.refuse(refusal::LOCKING_FORM, "a locking read in this form");
    };
    let Some(lock) = &block.lock else {
        // The clause of another query does not concern this one's tables.
        if matches!(block.role, Role::Whole | Role::Subquery) && !block.combined {
            return Ok(Locks::None);
        }
        return cx.refuse(refusal::LOCKING_FORM, "a lock beside a derived table or UNION");
    };
    let outermost = cx.parsed.blocks.iter().all(|other| other.span.start >= block.span.start);
    let sub = |part: &Span| part.clone().any(|i| cx.source.any_word(i, &["SELECT", "TABLE"]));
    let reads_more = [&block.filter, &block.order].into_iter().flatten().any(sub);
    let several = block.joined || !outermost || !cx.parsed.ctes.is_empty() || reads_more;
    cx.check_cut(lock)?;
    if cx.source.word(lock.start + 2, "OF") {
        return cx.refuse(refusal::LOCKING_FORM, "FOR UPDATE OF");
    }
    let shares = !cx.source.words(lock.start, &["FOR", "UPDATE"]);
    if shares && !block.combined && (several || limit(cx, block).is_err()) {
        return Ok(Locks::Branches(cx.text(&Edits::default(), lock)));
    }
    if several || block.combined {
        return cx
            .refuse(refusal::LOCKING_FORM, "a locking read of several shards in a join, UNION or subquery");
    }
    if let Some(filter) = &block.filter {
        cx.check_cut(filter)?;
        if let Some(i) =
            filter.clone().find(|i| cx.source.op(i + 1, "(") && cx.source.any_word(*i, &VOLATILE))
        {
            return cx.refuse(refusal::LOCKING_FORM, &format!("`{}` in WHERE", cx.shown(&(i..i + 1))));
        }
    }
    Ok(Locks::Result)
}

/// Moves conditions and lock into the branches, with ORDER BY and LIMIT where fewer rows than match are wanted.
pub(crate) fn fill(derived: &mut Derived<'_>, edits: &mut Edits) -> Result<(), Refusal> {
    let cx = derived.cx;
    let Some(block) = cx.block() else {
        return Ok(());
    };
    let limit = limit(&cx, block)?;
    if let Some(filter) = &block.filter {
        derived.filters.push(filter.clone());
        edits.replace(cx.source.byte_range(&(filter.start - 1..filter.end)), "");
        derived.moved.push(filter.clone());
    }
    if let Some(lock) = &block.lock {
        derived.lock = Some(cx.text(&Edits::default(), lock));
        edits.replace(cx.source.byte_range(lock), "");
    }
    derived.first = limit;
    derived.show_nameable();
    let keys = super::lossy::sort_keys(derived, edits);
    derived.moved.extend(keys);
    Ok(())
}

/// How many rows of each branch can matter, where the rows of the result are rows of the table, sorted by its
/// columns: those and no others are locked.
fn limit(cx: &Context<'_>, block: &Block) -> Result<Option<i128>, Refusal> {
    let source = cx.source;
    let Some(limit) = &block.limit else {
        return Ok(None);
    };
    let Some(rows) = top::rows(cx, limit) else {
        return cx.refuse(refusal::LIMIT_FORM, &format!("`LIMIT {}`", cx.shown(limit)));
    };
    let groups = (0..source.len()).any(|i| source.op(i + 1, "(") && source.any_word(i, &AGGREGATES));
    if groups || !top::keeps_rows(cx, block) || !top::sorts_by_columns(cx, block) {
        return cx.refuse(
            refusal::LOCKING_FORM,
            "a locking read of several shards with LIMIT and grouping, functions or sort expressions",
        );
    }
    Ok(Some(rows))
}
