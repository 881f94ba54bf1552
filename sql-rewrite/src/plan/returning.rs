//! RETURNING (MariaDB): the rows of the client's answer come from the write itself.

use topology::Phase;

use super::{Context, Refusal, refusal};
use crate::syntax::Span;

/// Refuses what would answer with other rows, or under other names, than the unsharded table. `as_sent`: the client's
/// own statement runs.
pub(crate) fn check(cx: &Context<'_>, items: Option<&Span>, as_sent: bool) -> Result<(), Refusal> {
    let Some(items) = items else { return Ok(()) };
    if !cx.facts.server.mariadb {
        return cx.refuse(refusal::RETURNING, "RETURNING, which MySQL does not know");
    }
    if as_sent {
        return Ok(());
    }
    let renamed = |item: &Span| !keeps_name(cx, item);
    if cx.phase == Phase::Shards && cx.source.split_commas(items).iter().any(renamed) {
        return cx.refuse(refusal::RETURNING, "an expression over a qualified column in RETURNING");
    }
    Ok(())
}

/// Whether the result column keeps its name when the qualification of columns is respelled.
fn keeps_name(cx: &Context<'_>, item: &Span) -> bool {
    let source = cx.source;
    let column = || source.dotted(item.start).is_some_and(|(_, end)| end == item.end);
    let star = || source.op(item.end - 1, "*");
    let alias = || item.len() > 2 && source.word(item.end - 2, "AS");
    !item.clone().any(|i| source.op(i, ".")) || column() || star() || alias()
}
