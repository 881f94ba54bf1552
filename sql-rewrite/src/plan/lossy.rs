//! Columns whose type a UNION ALL does not keep: ENUM and SET turn into strings, ZEROFILL is lost.
//!
//! Such a column may be put out as it is (its definition comes from the client's own statement), and compared
//! with strings, which the server does by its text. Conditions on it are evaluated in the branches, and a column
//! beside it has its number for sorting and grouping. Anything else could show, and is refused.

use topology::{Column, ColumnKind, quote_ident};

use super::{
    Context, Refusal,
    derived::{Derived, stars},
    refusal, top,
};
use crate::{
    Value,
    lex::TokenKind,
    splice::Edits,
    syntax::{Binding, Block, Operand, Role, Shape, Span, operand},
};

pub(crate) fn loses_type(column: &Column) -> bool {
    column.zerofill || matches!(column.kind, ColumnKind::Enum | ColumnKind::Set)
}

/// Lets ORDER BY and GROUP BY go by the numbers of such columns; the keys that do.
pub(crate) fn sort_keys(derived: &mut Derived<'_>, edits: &mut Edits) -> Vec<Span> {
    let cx = derived.cx;
    let several = derived.shards.len() > 1;
    let Some(block) = cx.block().filter(|block| several && !block.combined) else {
        return Vec::new();
    };
    let rolls_up = |keys: &Span| keys.clone().any(|i| cx.source.any_word(i, &["ROLLUP", "CUBE"]));
    let mut settled = Vec::new();
    for (keys, groups) in [(&block.group, true), (&block.order, false)] {
        let keys = keys.as_ref().filter(|keys| !rolls_up(keys));
        for key in keys.map_or_else(Vec::new, |keys| cx.source.split_commas(keys)) {
            let column = top::sort_column(&cx, block, &key);
            let Some(column) = column.filter(|column| loses_type(column) && !column.zerofill) else {
                continue;
            };
            let number = format!("shunt_{}", column.name);
            let spelled = format!("{}{}", cx.qualifier(), quote_ident(&number));
            let end = cx.source.dotted(key.start).map_or(key.end, |(_, end)| end);
            let range = cx.source.byte_range(&(key.start..end));
            if groups {
                // The column itself, too: it may be an item only if it is grouped by.
                edits.insert(range.start, format!("{spelled},"));
            } else {
                edits.replace(range, spelled);
            }
            if !derived.extra.iter().any(|(name, _)| *name == number) {
                derived.extra.push((number, format!("{}+0", quote_ident(&column.name))));
            }
            settled.push(key);
        }
    }
    settled
}

/// Refuses what would show that a column has lost its type. `settled`: tokens that are evaluated where it has it.
pub(crate) fn check(derived: &[Derived<'_>], settled: &[Span]) -> Result<(), Refusal> {
    // One SELECT alone keeps all types.
    for derived in derived.iter().filter(|derived| derived.shards.len() > 1) {
        let mut lossy = derived.columns.iter().copied().filter(|column| loses_type(column)).peekable();
        if lossy.peek().is_none() {
            continue;
        }
        let cx = &derived.cx;
        if let Some((column, place)) = shown_by_place(derived) {
            return refuse(cx, column, place);
        }
        let plain = plain_items(cx)?;
        for column in lossy {
            let elsewhere = (0..cx.source.len()).find(|i| {
                names(cx, *i, column)
                    && !plain.iter().chain(settled).any(|span| span.contains(i))
                    && !is_harmless(cx, *i, column)
            });
            if elsewhere.is_some() {
                return refuse(cx, column, "a function, sort, join or subquery");
            }
        }
    }
    Ok(())
}

/// Refuses token `i` if it names a column whose type a UNION ALL does not keep.
pub(crate) fn check_plain_column(cx: &Context<'_>, i: usize, place: &str) -> Result<(), Refusal> {
    let column = cx.source.ident(i).and_then(|name| cx.schema.column(&name));
    match column {
        Some(column) if loses_type(column) => refuse(cx, column, place),
        _ => Ok(()),
    }
}

fn refuse<T>(cx: &Context<'_>, column: &Column, place: &str) -> Result<T, Refusal> {
    cx.refuse(refusal::COLUMN_TYPE, &format!("column `{}` ({}) in {place}", column.name, column.column_type))
}

/// A column that shows without being named, and where.
fn shown_by_place<'d>(derived: &Derived<'d>) -> Option<(&'d Column, &'static str)> {
    let cx = &derived.cx;
    let (source, block) = (cx.source, cx.block());
    let by_star = cx.target.is_statement || !stars(cx).is_empty();
    let exists = |block: &Block| {
        block.role == Role::Subquery && source.word(block.span.start.saturating_sub(2), "EXISTS")
    };
    let compares = |block: &Block| block.role == Role::Subquery && !exists(block);
    let has_star = |block: &Block| {
        source.split_commas(&block.items).iter().any(|item| source.op(item.end.saturating_sub(1), "*"))
    };
    let handed_on = block.is_some_and(|block| matches!(block.role, Role::Derived | Role::Cte));
    let place = match () {
        () if cx.parsed.blocks.iter().any(|block| block.natural) => "a NATURAL JOIN",
        () if by_number(cx) => "a table that is sorted or grouped by a number",
        () if by_star && cx.parsed.shape != Shape::Query => "the rows of a statement that is no SELECT",
        () if by_star && handed_on && cx.parsed.renames_columns => "a list of column names",
        () if by_star && block.is_some_and(compares) => "a subquery",
        () if handed_on && cx.parsed.blocks.iter().any(|block| compares(block) && has_star(block)) => {
            "a subquery"
        }
        () if by_star => {
            let column = derived.columns.iter().find(|column| column.zerofill && !column.invisible);
            return column.map(|column| (*column, "`*` (ZEROFILL)"));
        }
        () => return None,
    };
    derived.columns.iter().find(|column| loses_type(column)).map(|column| (*column, place))
}

/// `ORDER BY 2`, `GROUP BY 2` in any SELECT, or behind a TABLE statement.
fn by_number(cx: &Context<'_>) -> bool {
    let source = cx.source;
    let sorts = cx.parsed.blocks.iter().flat_map(|block| [&block.order, &block.group]);
    let mut keys = sorts.flatten().flat_map(|keys| source.split_commas(keys));
    let behind = cx.target.is_statement && (0..source.len()).any(|i| source.word(i, "ORDER"));
    behind || keys.any(|key| source.kind(key.start) == Some(TokenKind::Integer))
}

/// Whether token `i` is the last part of a name that may be this column.
pub(crate) fn names(cx: &Context<'_>, i: usize, column: &Column) -> bool {
    let source = cx.source;
    let named = source.ident(i).is_some_and(|name| name.eq_ignore_ascii_case(&column.name));
    if !named || source.op(i + 1, ".") {
        return false;
    }
    let qualifier = if i > 1 && source.op(i - 1, ".") { source.ident(i - 2) } else { None };
    let Some(qualifier) = qualifier.map(|name| name.to_lowercase()) else {
        return true;
    };
    // Another table's column, if nothing else goes by that name.
    let mut tables =
        cx.parsed.tables.iter().filter(|table| table.called().to_lowercase() == qualifier).peekable();
    tables.peek().is_none()
        || cx.parsed.aliases.iter().any(|alias| alias.to_lowercase() == qualifier)
        || tables.any(|table| table == cx.target || cx.parsed.binding(table) != Binding::Table)
}

/// The items that are nothing but a column that loses its type, where they are put out under its name or reach
/// the client.
fn plain_items(cx: &Context<'_>) -> Result<Vec<Span>, Refusal> {
    let mut plain = Vec::new();
    for block in &cx.parsed.blocks {
        let handed_on = block.role != Role::Whole;
        let seen_as_is = match block.role {
            Role::Whole => cx.parsed.shape == Shape::Query,
            Role::Derived | Role::Cte => !cx.parsed.renames_columns,
            Role::Subquery => false,
        };
        for item in cx.source.split_commas(&block.items) {
            if seen_as_is && let Some(item) = plain_item(cx, &item, handed_on)? {
                plain.push(item);
            }
        }
    }
    Ok(plain)
}

fn plain_item(cx: &Context<'_>, item: &Span, handed_on: bool) -> Result<Option<Span>, Refusal> {
    let source = cx.source;
    let Some((parts, end)) = source.dotted(item.start) else {
        return Ok(None);
    };
    let column = parts.last().and_then(|name| cx.schema.column(name));
    let Some(column) = column.filter(|column| loses_type(column)) else {
        return Ok(None);
    };
    if column.zerofill {
        return refuse(cx, column, "the select list (ZEROFILL)");
    }
    let alias = match () {
        () if end == item.end => None,
        () if handed_on => return Ok(None),
        () if source.word(end, "AS") && end + 2 == item.end => Some(end + 1),
        () if end + 1 == item.end => Some(end),
        () => return Ok(None),
    };
    let name = alias.and_then(|at| source.ident(at)).map(|name| name.to_lowercase());
    let again = (0..source.len()).any(|i| {
        Some(i) != alias
            && !item.contains(&i)
            && name.is_some()
            && source.ident(i).map(|other| other.to_lowercase()) == name
    });
    if again {
        return refuse(cx, column, "an item that is used through its alias");
    }
    Ok(Some(item.clone()))
}

/// Whether the column is used here as its text would be: compared with strings, counted, looked at for NULL.
fn is_harmless(cx: &Context<'_>, last: usize, column: &Column) -> bool {
    let source = cx.source;
    let mut start = last;
    while start > 1 && source.op(start - 1, ".") {
        start -= 2;
    }
    let distinct = usize::from(source.word(start.saturating_sub(1), "DISTINCT"));
    if source.op(last + 1, ")") && counts(cx, start - distinct) {
        return true;
    }
    if !begins_operand(cx, start) {
        return compared_from_the_left(cx, start, last, column);
    }
    let not = usize::from(source.any_word(last + 1, &["NOT"]));
    let at = last + 1 + not;
    let end = match () {
        () if source.word(at, "IS") => {
            let not = usize::from(source.word(at + 1, "NOT"));
            source.word(at + 1 + not, "NULL").then_some(at + 2 + not)
        }
        () if column.zerofill => None,
        () if source.word(at, "LIKE") || not == 0 && is_comparison(cx, at) => string(cx, at + 1),
        () if source.word(at, "IN") && source.op(at + 1, "(") => {
            let close = source.close(at + 1);
            let strings = source.split_commas(&(at + 2..close));
            strings.iter().all(|item| string(cx, item.start) == Some(item.end)).then_some(close + 1)
        }
        () => None,
    };
    end.is_some_and(|end| ends_operand(cx, end))
}

/// `COUNT(` stands before `at`.
fn counts(cx: &Context<'_>, at: usize) -> bool {
    at > 1 && cx.source.op(at - 1, "(") && cx.source.word(at - 2, "COUNT")
}

/// `'x' = level`.
fn compared_from_the_left(cx: &Context<'_>, start: usize, last: usize, column: &Column) -> bool {
    start > 1
        && !column.zerofill
        && is_comparison(cx, start - 1)
        && string(cx, start - 2) == Some(start - 1)
        && begins_operand(cx, start - 2)
        && ends_operand(cx, last + 1)
}

fn is_comparison(cx: &Context<'_>, at: usize) -> bool {
    ["=", "<=>", "<", ">", "<=", ">=", "<>", "!="].iter().any(|op| cx.source.op(at, op))
}

/// The token behind a string at `at`.
fn string(cx: &Context<'_>, at: usize) -> Option<usize> {
    let (found, end) = operand(cx.source, at)?;
    let is_string = match &found {
        Operand::Param(_) => matches!(cx.value(&found), Some(Value::Text(_))),
        Operand::Literal(span) => cx.source.kind(span.start) == Some(TokenKind::String),
    };
    is_string.then_some(end)
}

/// Whether a comparison can begin at `at`, so that no operator before it takes its first operand.
fn begins_operand(cx: &Context<'_>, at: usize) -> bool {
    let source = cx.source;
    let between = (0..at).any(|i| source.word(i, "BETWEEN"));
    let words = ["WHERE", "ON", "HAVING", "SELECT", "DISTINCT", "WHEN", "THEN", "ELSE", "OR"];
    at > 0
        && (source.op(at - 1, "(")
            || source.op(at - 1, ",")
            || source.any_word(at - 1, &words)
            || source.word(at - 1, "AND") && !between)
}

/// Whether nothing at `at` takes the comparison before it, or its last operand, for its own first one.
fn ends_operand(cx: &Context<'_>, at: usize) -> bool {
    let source = cx.source;
    let words = [
        "AND", "OR", "THEN", "ELSE", "WHEN", "END", "AS", "FROM", "GROUP", "HAVING", "ORDER", "LIMIT",
        "UNION", "FOR", "LOCK", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS", "WHERE", "INTO", "WINDOW",
    ];
    at >= source.len() || source.op(at, ")") || source.op(at, ",") || source.any_word(at, &words)
}
