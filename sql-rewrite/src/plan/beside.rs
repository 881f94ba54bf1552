//! Other sharded tables that a write reads when they are on their shards: each reference becomes the UNION
//! ALL of the shards, whose branches lock what they read.

use topology::{Phase, ShardId};

use super::{
    Context, Needs, Plan, Refusal,
    change::write,
    derived::{Derived, check_form},
    lossy,
    own::{own, rejects_null},
    program::Work,
    read::respelled,
    refusal,
    restrict::{Condition, conditions, shards},
    zero_dates,
};
use crate::{
    splice::Edits,
    syntax::{Shape, Span, and_parts},
};

/// How the statement reads them. `cx` is the reference that is written, `filter` the WHERE of the statement itself.
pub(crate) fn beside(
    cx: &Context<'_>,
    filter: Option<&Span>,
    others: &[Context<'_>],
) -> Result<Edits, Refusal> {
    let Some(first) = others.first() else { return Ok(Edits::default()) };
    if cx.locked {
        return cx.refuse(refusal::LOCK_TABLES, "a write that reads other sharded tables under LOCK TABLES");
    }
    let values = first.inlined()?;
    let mut edits = respelled(others)?;
    let mut all = Vec::new();
    for other in others {
        other.check_partition()?;
        check_form(other)?;
        let conditions = applying(other, filter);
        let every = || other.table().numbered_shards().map(|(id, _)| id).collect();
        let shards: Vec<ShardId> = shards(other, &conditions, &[]).unwrap_or_else(every);
        let mut derived = Derived::new(other, shards, &edits.with(&values));
        for condition in &conditions {
            let moves = own(other, &condition.span).is_some_and(|own| !own.may_warn);
            if moves && (!condition.nullable || rejects_null(other, &condition.span)) {
                derived.filters.push(condition.span.clone());
            }
        }
        derived.lock = Some("LOCK IN SHARE MODE".into());
        derived.show_nameable();
        edits.replace(other.source.byte_range(&other.target.rows()), derived.factor());
        edits.replace(other.source.byte_range(&other.target.index_hints), "");
        all.push(derived);
    }
    lossy::check(&all, others, &[])?;
    zero_dates::check(&all, &[])?;
    Ok(edits)
}

/// Plans a write to other tables that are not sharded, or not yet: it runs as one statement.
pub(crate) fn write_elsewhere(references: &[Context<'_>], shape: &Shape) -> Result<Plan, Refusal> {
    let on_shards: Vec<Context<'_>> =
        references.iter().filter(|other| other.phase == Phase::Shards).copied().collect();
    let Some(cx) = on_shards.first() else { return Ok(Plan::Relay) };
    let (filter, returning) = match shape {
        Shape::Update(change) | Shape::Delete(change) => (change.filter.as_ref(), &change.returning),
        Shape::Insert(insert) => (None, &insert.returning),
        _ => return cx.refuse(refusal::READ_IN_WRITE, "a write to another table that reads it"),
    };
    if returning.is_some() {
        return cx.refuse(refusal::RETURNING, "RETURNING of a write that reads shards");
    }
    let text = cx.rendered(&cx.inlined()?.with(&beside(cx, filter, &on_shards)?));
    Ok(write(cx, Needs::Nothing, Work::OtherTable(text), false))
}

/// What the rows of a reference must meet to matter. In the table list the condition may stand behind an outer join.
fn applying(cx: &Context<'_>, filter: Option<&Span>) -> Vec<Condition> {
    if cx.target.block.is_some() {
        return conditions(cx);
    }
    let parts = filter.map_or_else(Vec::new, |filter| and_parts(cx.source, filter));
    parts.into_iter().map(|span| Condition { span, nullable: true }).collect()
}
