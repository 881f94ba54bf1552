//! Columns whose type a UNION ALL does not keep: ENUM and SET turn into strings, ZEROFILL is lost.
//!
//! Such a column stays as it is wherever its text, or the number of a ZEROFILL column, is all that counts
//! ([`super::faces`]). Conditions on it are evaluated in the branches. Where the number of an ENUM counts, a column beside
//! it has that; where the text of a ZEROFILL column does, it is made of the number. Anything else could show, and is
//! refused.

use topology::{Column, ColumnKind, quote_ident};

use super::{
    Context, Refusal,
    derived::{Derived, stars},
    faces::{Face, face, innermost},
    refusal, top,
};
use crate::{
    lex::TokenKind,
    splice::Edits,
    syntax::{Binding, Block, Role, Shape, Span},
};

/// A SET has its number from a DOUBLE, in which more bits than that are not exact.
const MOST_MEMBERS: usize = 53;

pub(crate) fn loses_type(column: &Column) -> bool {
    column.zerofill || matches!(column.kind, ColumnKind::Enum | ColumnKind::Set)
}

/// What a UNION ALL keeps of it.
fn kept(column: &Column) -> Face {
    if column.zerofill { Face::Number } else { Face::Text }
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
            let Some(spelled) = number_of(derived, column) else { continue };
            let end = cx.source.dotted(key.start).map_or(key.end, |(_, end)| end);
            let range = cx.source.byte_range(&(key.start..end));
            if groups {
                // The column itself, too: it may be an item only if it is grouped by.
                edits.insert(range.start, format!("{spelled},"));
            } else {
                edits.replace(range, spelled);
            }
            settled.push(key);
        }
    }
    settled
}

fn number_name(column: &Column) -> String {
    format!("shunt_{}", column.name)
}

/// The column that has the number of an ENUM or SET, which it gets if it has none yet.
fn number_of(derived: &mut Derived<'_>, column: &Column) -> Option<String> {
    if column.column_type.split(',').count() > MOST_MEMBERS && column.kind == ColumnKind::Set {
        return None;
    }
    let number = number_name(column);
    let spelled = format!("{}{}", derived.cx.qualifier(), quote_ident(&number));
    if !derived.extra.iter().any(|(name, _)| *name == number) {
        derived.extra.push((number, format!("{}+0", quote_ident(&column.name))));
    }
    Some(spelled)
}

/// The text of a ZEROFILL integer.
fn text_of(cx: &Context<'_>, column: &Column) -> Option<String> {
    let spelled = format!("{}{}", cx.qualifier(), quote_ident(&column.name));
    let integer = matches!(column.kind, ColumnKind::Integer { .. });
    let (_, width) = column.column_type.split_once('(').filter(|_| integer)?;
    let width: u32 = width.split_once(')')?.0.parse().ok()?;
    // Of a number, as the column itself is one: its collation yields to any other.
    Some(format!("LPAD({spelled},GREATEST(LENGTH({spelled}),{width}),0)"))
}

/// What `*` shows of a column in the text protocol, if that is not what a UNION ALL keeps.
pub(crate) fn shown_by_star(cx: &Context<'_>, column: &Column) -> Option<String> {
    let shows = |block: &Block| block.role == Role::Whole && !block.combined && block.into.is_none();
    let as_text = column.zerofill && !cx.facts.binary_rows && cx.block().is_some_and(shows);
    as_text.then(|| text_of(cx, column)).flatten()
}

/// Gives each place that takes it what a UNION ALL does not keep of a column; the tokens that have it.
pub(crate) fn other_faces(
    derived: &mut Derived<'_>,
    all: &[Context<'_>],
    settled: &[Span],
    edits: &mut Edits,
) -> Vec<Span> {
    let cx = derived.cx;
    if derived.shards.len() < 2 {
        return Vec::new();
    }
    let mut given = Vec::new();
    for column in cx.schema.columns.iter().filter(|column| loses_type(column)) {
        for i in (0..cx.source.len()).filter(|i| names(&cx, *i, column)) {
            let at = whole_name(&cx, i);
            let moved = settled.iter().chain(&derived.moved).any(|span| span.contains(&i));
            if moved || !is_ours(&cx, &at) {
                continue;
            }
            // HAVING sees items and what is grouped by.
            let grouped = derived.extra.iter().any(|(name, _)| *name == number_name(column));
            let seen = grouped
                || !cx.parsed.blocks.iter().filter_map(|it| it.having.as_ref()).any(|it| it.contains(&i));
            let spelled = match face(&cx, all, &at, kept(column)) {
                Some(Face::Number) if seen => number_of(derived, column),
                Some(Face::Text) => text_of(&cx, column),
                _ => None,
            };
            if let Some(spelled) = spelled {
                edits.replace(cx.source.byte_range(&at), spelled);
                given.push(at);
            }
        }
    }
    given
}

/// The tokens of a name that ends at `last`.
fn whole_name(cx: &Context<'_>, last: usize) -> Span {
    let mut start = last;
    while start > 1 && cx.source.op(start - 1, ".") {
        start -= 2;
    }
    start..last + 1
}

/// Whether this is certainly a column of the reference.
fn is_ours(cx: &Context<'_>, at: &Span) -> bool {
    let qualified = at.len() > 1;
    let parts = cx.source.dotted(at.start).map(|(parts, _)| parts).unwrap_or_default();
    let beside = cx.parsed.tables.iter().any(|table| {
        table != cx.target && table.called().to_lowercase() == cx.target.called().to_lowercase()
    });
    let here = innermost(cx, at.start) == cx.target.block || qualified && !beside;
    here && cx.columns.contains(&at.start) && cx.own_column(&parts).is_some()
}

/// Refuses what would show that a column has lost its type. `settled`: tokens that are evaluated where it has it.
pub(crate) fn check(derived: &[Derived<'_>], all: &[Context<'_>], settled: &[Span]) -> Result<(), Refusal> {
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
        for column in lossy {
            let harmless = |i| face(cx, all, &whole_name(cx, i), kept(column)) == Some(Face::Either);
            let elsewhere = (0..cx.source.len()).find(|i| {
                names(cx, *i, column) && !settled.iter().any(|span| span.contains(i)) && !harmless(*i)
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
            let spelled = |column: &Column| {
                !handed_on && !cx.target.is_statement && matches!(column.kind, ColumnKind::Integer { .. })
            };
            let mut zerofill = derived.columns.iter().filter(|column| column.zerofill && !column.invisible);
            return zerofill.find(|column| !spelled(column)).map(|column| (*column, "`*` (ZEROFILL)"));
        }
        () => return None,
    };
    derived.columns.iter().find(|column| loses_type(column)).map(|column| (*column, place))
}

/// `ORDER BY 2`, `GROUP BY 2` where that is such a column or not known, or behind a TABLE statement. What set
/// operations give has lost its type anyway.
fn by_number(cx: &Context<'_>) -> bool {
    let source = cx.source;
    let lossy = |item: &Span| {
        let named = |i| cx.schema.columns.iter().any(|column| loses_type(column) && names(cx, i, column));
        source.op(item.end - 1, "*") || item.clone().any(named)
    };
    let shows = |block: &&Block| {
        let keys = [&block.order, &block.group].into_iter().flatten();
        let mut keys = keys.flat_map(|keys| source.split_commas(keys));
        let numbered = keys.any(|key| source.kind(key.start) == Some(TokenKind::Integer));
        numbered && !block.combined && source.split_commas(&block.items).iter().any(lossy)
    };
    let behind = cx.target.is_statement && (0..source.len()).any(|i| source.word(i, "ORDER"));
    behind || cx.parsed.blocks.iter().any(|block| shows(&block))
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
