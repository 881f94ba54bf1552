//! Subqueries in the conditions of an UPDATE or DELETE, which are evaluated before it, for its keys.
//!
//! There each gets the lock that it has in an UPDATE or DELETE of its own accord, and that a SELECT … FOR UPDATE does
//! not give it; so it reads current rows, and what it read stays as it is. The conditions that hold it are then true
//! of exactly these rows, which are locked, and are not evaluated again: at READ COMMITTED new rows can come meanwhile,
//! and a second reading of `MAX(…)` need not agree with the first one on any row.

use std::ops::Range;

use topology::Phase;

use super::{Context, Refusal, refusal};
use crate::{
    splice::Edits,
    syntax::{Block, Span, and_parts},
};

/// Locks what the subqueries and derived tables in `span` read.
pub(crate) fn lock(cx: &Context<'_>, span: &Span, edits: &mut Edits) -> Result<(), Refusal> {
    let limited = |block: &&Block| inside(span, &block.span) && block.limit.is_some();
    if cx.phase == Phase::Shards && cx.parsed.blocks.iter().any(|block| limited(&block)) {
        // It is evaluated beside each shard, and may pick other rows each time.
        return cx.refuse(refusal::SUBQUERY, "a subquery with LIMIT");
    }
    share(cx, span, edits)
}

fn inside(span: &Span, tokens: &Span) -> bool {
    span.start <= tokens.start && tokens.end <= span.end
}

/// The same for SELECTs that are evaluated once.
pub(crate) fn share(cx: &Context<'_>, span: &Span, edits: &mut Edits) -> Result<(), Refusal> {
    if cx.parsed.tables.iter().any(|table| inside(span, &table.tokens) && table.is_statement) {
        return cx.refuse(refusal::SUBQUERY, "`TABLE …` as a subquery");
    }
    for block in cx.parsed.blocks.iter().filter(|block| inside(span, &block.span)) {
        if block.combined {
            return cx.refuse(refusal::SUBQUERY, "a subquery with UNION, EXCEPT or INTERSECT");
        }
        if block.lock.is_none() && !block.from.is_empty() {
            edits.insert(cx.end_before(block.span.end), " LOCK IN SHARE MODE");
        }
    }
    Ok(())
}

/// The conditions of `filter` that hold a subquery.
pub(crate) fn conditions(cx: &Context<'_>, filter: &Span) -> Vec<Range<usize>> {
    let holds = |part: &Span| part.clone().any(|i| cx.source.word(i, "SELECT"));
    let parts = and_parts(cx.source, filter).into_iter();
    parts.filter(holds).map(|part| cx.source.byte_range(&part)).collect()
}
