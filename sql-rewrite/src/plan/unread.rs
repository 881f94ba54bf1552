//! What a statement tells of its columns when it runs: the client's own text, made to read no row.
//!
//! A `?` has the type of its value, and so has what is computed from it. A server tells these types when the
//! statement runs, and other ones when it is prepared.

use super::{ColumnSource, Context, Refusal, refusal};
use crate::{
    splice::Edits,
    syntax::{Block, Role},
};

/// Where the definitions of a read's columns come from, if a UNION ALL takes the place of one of its tables.
pub(crate) fn columns(cx: &Context<'_>) -> Result<ColumnSource, Refusal> {
    let gives_rows = !cx.parsed.blocks.iter().any(|block| block.into.is_some());
    if !gives_rows || !cx.placeholders.iter().any(|at| may_be_shown(cx, *at)) {
        return Ok(ColumnSource::Prepare);
    }
    if has_rows_without_select(cx) {
        return cx.refuse(refusal::SCATTER_FORM, "a `?` beside TABLE or VALUES");
    }
    let mut edits = Edits::default();
    for block in cx.parsed.blocks.iter().filter(|block| block.role == Role::Whole) {
        read_nothing(cx, block, &mut edits)?;
    }
    Ok(ColumnSource::Execute(cx.whole(&edits)))
}

/// Whether the value of the `?` at this token may reach a column of the result: not from a condition, a sort key or
/// a limit.
fn may_be_shown(cx: &Context<'_>, at: usize) -> bool {
    let blocks = &cx.parsed.blocks;
    has_rows_without_select(cx)
        || blocks.iter().any(|block| block.items.contains(&at))
        || !blocks.iter().any(|block| block.span.contains(&at))
}

fn has_rows_without_select(cx: &Context<'_>) -> bool {
    let values = |i: usize| cx.source.word(i, "VALUES");
    cx.parsed.tables.iter().any(|table| table.is_statement) || (0..cx.source.len()).any(values)
}

/// `LIMIT 0` takes the place of LIMIT and locks. In a set operation it must be an operand's own, and ORDER BY behind
/// the last operand is of the whole.
fn read_nothing(cx: &Context<'_>, block: &Block, edits: &mut Edits) -> Result<(), Refusal> {
    let source = cx.source;
    let order = block.order.as_ref().filter(|_| block.combined).map(|order| order.start - 2);
    let limit = block.limit.as_ref().map(|limit| limit.start - 1);
    let lock = block.lock.as_ref().map(|lock| lock.start);
    let end = block.span.end;
    let tail = [order, limit, lock].into_iter().flatten().min().unwrap_or(end);
    cx.check_cut(&(tail..end))?;
    let bytes = source.byte_range(&(tail - 1..tail)).end..source.byte_range(&(end - 1..end)).end;
    if block.combined {
        edits.insert(source.byte_range(&(block.span.start..block.span.start + 1)).start, "(");
    }
    edits.replace(bytes, if block.combined { " LIMIT 0)" } else { " LIMIT 0" });
    for option in block.options.clone().filter(|i| source.word(*i, "SQL_CALC_FOUND_ROWS")) {
        // It would count all rows.
        edits.replace(source.byte_range(&(option..option + 1)), "");
    }
    Ok(())
}
