//! Reads that the shards answer: one shard by splice, several through a derived table.

use topology::ShardId;

use super::{ColumnSource, Context, Plan, Refusal, ShardRead, context::Renames, refusal, scatter};
use crate::syntax::conjuncts;

/// Plans a SELECT with one reference to the sharded table.
pub(crate) fn read(cx: &Context<'_>, locking: bool) -> Result<Plan, Refusal> {
    if cx.target.qualified {
        return cx.refuse(refusal::PARTITION, "a PARTITION clause");
    }
    let Some(block) = cx.target.block.and_then(|number| cx.parsed.blocks.get(number)) else {
        return cx.refuse(refusal::SCATTER_FORM, "TABLE");
    };
    let conditions = block.filter.as_ref().map_or_else(Vec::new, |filter| conjuncts(cx.source, filter));
    let all: Vec<ShardId> = cx.table().numbered_shards().map(|(id, _)| id).collect();
    let shards = cx.shards(&conditions).unwrap_or(all);
    // Under LOCK TABLES a shard cannot have the alias that lets the rest of the text stand.
    if let ([shard], false) = (shards.as_slice(), cx.locked) {
        let edits = cx.on_shard(cx.table().shard(*shard), Renames::ByAlias);
        return Ok(Plan::ShardRead(ShardRead {
            table: cx.table().id().clone(),
            sql: cx.rendered(&edits),
            inlined: false,
            shards,
            locking,
            columns: ColumnSource::Rename,
        }));
    }
    scatter::plan(cx, block, shards, locking)
}
