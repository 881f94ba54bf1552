//! The first rows in some order: each branch need not give more of them than the whole.

use super::{Context, functions::SCALARS};
use crate::syntax::{Block, Span, operand};

/// How many rows of each branch can matter, where a row of the result is a row of the table, and the conditions are
/// evaluated in the branches.
pub(crate) fn first(cx: &Context<'_>) -> Option<i128> {
    let block = cx.block()?;
    let rows = rows(cx, block.limit.as_ref()?)?;
    let plain = !block.joined && !block.combined && keeps_rows(cx, block) && sorts_by_columns(cx, block);
    plain.then_some(rows)
}

/// Offset and limit together, if both are known.
pub(crate) fn rows(cx: &Context<'_>, limit: &Span) -> Option<i128> {
    let source = cx.source;
    let numbers: Vec<i128> = limit
        .clone()
        .filter_map(|i| operand(source, i))
        .filter_map(|(operand, _)| cx.integer(&operand))
        .collect();
    let separators = limit.clone().filter(|i| source.op(*i, ",") || source.word(*i, "OFFSET")).count();
    let known = numbers.len() + separators == limit.len() && (1..=2).contains(&numbers.len());
    let version_comment = cx.check_cut(limit).is_err();
    (known && !version_comment).then(|| numbers.iter().sum())
}

/// Whether each row of the block is one row of its table: nothing groups, and no other row is counted.
pub(crate) fn keeps_rows(cx: &Context<'_>, block: &Block) -> bool {
    let source = cx.source;
    let counts = ["DISTINCT", "DISTINCTROW", "SQL_CALC_FOUND_ROWS"];
    let groups = block.group.is_some()
        || block.having.is_some()
        || block.options.clone().any(|i| source.any_word(i, &counts));
    // A name before a parenthesis may be an aggregate of the client's own.
    let known = |i: usize| {
        let called = source.op(i + 1, "(") && source.ident(i).is_some();
        !called || source.any_word(i, &SCALARS)
    };
    !groups && block.items.clone().all(known) && !block.items.clone().any(|i| source.word(i, "OVER"))
}

/// Whether the sort keys are columns of the table, and not items that go by a column's name.
pub(crate) fn sorts_by_columns(cx: &Context<'_>, block: &Block) -> bool {
    let keys = block.order.as_ref().map_or_else(Vec::new, |order| cx.source.split_commas(order));
    keys.iter().all(|key| sort_column(cx, block, key).is_some())
}

/// The column of the table that a sort key is, if it is nothing else.
pub(crate) fn sort_column<'a>(cx: &Context<'a>, block: &Block, key: &Span) -> Option<&'a topology::Column> {
    let source = cx.source;
    let (parts, end) = source.dotted(key.start)?;
    let directed = end + 1 == key.end && source.any_word(end, &["ASC", "DESC"]);
    if end != key.end && !directed || cx.check_cut(key).is_err() {
        return None;
    }
    let aliased = parts.len() == 1 && is_alias(cx, block, parts.first()?);
    cx.own_column(&parts).filter(|_| !aliased)
}

/// Whether an item of the block has this name without being the column.
fn is_alias(cx: &Context<'_>, block: &Block, name: &str) -> bool {
    let source = cx.source;
    source.split_commas(&block.items).iter().any(|item| {
        let last = item.end.saturating_sub(1);
        // Behind a dot it is the column itself, and alone too.
        let alias = item.len() > 1 && !source.op(last.saturating_sub(1), ".");
        alias && names(cx, last).is_some_and(|given| given.to_lowercase() == name.to_lowercase())
    })
}

/// The alias that a token at the end of an item spells: a name, or a string.
fn names(cx: &Context<'_>, at: usize) -> Option<String> {
    let string = cx.source.kind(at) == Some(crate::lex::TokenKind::String);
    let text = || {
        let token = cx.source.tokens().get(at)?;
        String::from_utf8(crate::lex::string_value(cx.source.text(), token, cx.facts)).ok()
    };
    if string { text() } else { cx.source.ident(at) }
}
