//! Aggregates of a whole table: each branch gives one row, its own COUNT, SUM, MIN or MAX, which its indexes may answer;
//! outside they are put together.
//!
//! ```text
//! SELECT COUNT(*), MAX(age) FROM user
//! SELECT CAST(SUM(user.n1) AS SIGNED), MAX(user.n2)
//!   FROM (SELECT COUNT(*) AS n1, MAX(age) AS n2 FROM user_0 UNION ALL …) AS user
//! ```

use topology::{Column, ColumnKind, quote_ident};

use super::{Context, derived::Derived, lossy::loses_type};
use crate::{
    lex::TokenKind,
    splice::Edits,
    syntax::{Block, Role, Shape, Span},
};

/// An item that is such an aggregate.
struct Partial {
    /// From its name to its parenthesis.
    call: Span,
    /// What the branches put out.
    inner: String,
    /// How their values become one: `CAST(SUM(`, `) AS SIGNED)`.
    outer: (&'static str, &'static str),
}

/// Lets the branches aggregate, if the block is of that form. All its conditions must have been moved into them.
pub(crate) fn aggregate(derived: &mut Derived<'_>, edits: &mut Edits) {
    let cx = derived.cx;
    let Some(items) =
        cx.block().filter(|block| aggregates_all(&cx, block)).and_then(|block| partials(&cx, block))
    else {
        return;
    };
    derived.columns.clear();
    for (number, item) in items.into_iter().enumerate() {
        let name = format!("shunt_{number}");
        let (before, behind) = item.outer;
        let spelled = format!("{before}{}{}{behind}", cx.qualifier(), quote_ident(&name));
        edits.replace(cx.source.byte_range(&item.call), spelled);
        derived.moved.push(item.call);
        derived.extra.push((name, item.inner));
    }
}

/// Whether the rows of the block are those of one table, and its result is one row over all of them.
fn aggregates_all(cx: &Context<'_>, block: &Block) -> bool {
    let clauses = [&block.group, &block.having, &block.order, &block.lock, &block.into];
    let alone = cx.parsed.shape == Shape::Query && cx.parsed.blocks.len() == 1 && block.role == Role::Whole;
    let plain = !block.joined && !block.combined && clauses.iter().all(|clause| clause.is_none());
    let counts = ["DISTINCT", "DISTINCTROW", "SQL_CALC_FOUND_ROWS"];
    alone && plain && !block.options.clone().any(|i| cx.source.any_word(i, &counts))
}

fn partials(cx: &Context<'_>, block: &Block) -> Option<Vec<Partial>> {
    cx.source.split_commas(&block.items).iter().map(|item| partial(cx, item)).collect()
}

/// `COUNT(*)`, `SUM(votes) AS n`, `MAX(u.age) n`.
fn partial(cx: &Context<'_>, item: &Span) -> Option<Partial> {
    let source = cx.source;
    let open = item.start + 1;
    // A space before the parenthesis is an error to the server.
    let adjacent = source.byte_range(&(item.start..open)).end == source.byte(open);
    if !source.op(open, "(") || !adjacent || cx.check_cut(item).is_err() {
        return None;
    }
    let close = source.close(open);
    let alias = close + 1..item.end;
    let named = alias.len() == 1 || alias.len() == 2 && source.word(alias.start, "AS");
    if !alias.is_empty() && !named {
        return None;
    }
    let inside = open + 1..close;
    let column = || {
        let (parts, end) = source.dotted(inside.start)?;
        cx.own_column(&parts).filter(|_| end == inside.end)
    };
    let rows = inside.len() == 1
        && (source.op(inside.start, "*") || source.kind(inside.start) == Some(TokenKind::Integer));
    let spelled = |verb: &str, column: &Column| format!("{verb}({})", quote_ident(&column.name));
    let (inner, outer) = match () {
        () if source.word(item.start, "COUNT") => {
            let inner = if rows { "COUNT(*)".to_owned() } else { spelled("COUNT", column()?) };
            (inner, ("CAST(SUM(", ") AS SIGNED)"))
        }
        () if source.word(item.start, "SUM") => {
            (spelled("SUM", column().filter(|it| is_exact(it))?), ("SUM(", ")"))
        }
        () if source.word(item.start, "MIN") => {
            (spelled("MIN", column().filter(|it| sorts(it))?), ("MIN(", ")"))
        }
        () if source.word(item.start, "MAX") => {
            (spelled("MAX", column().filter(|it| sorts(it))?), ("MAX(", ")"))
        }
        () => return None,
    };
    Some(Partial { call: item.start..close + 1, inner, outer })
}

/// Whether sums of its values do not depend on their order.
fn is_exact(column: &Column) -> bool {
    let decimal = column.column_type.to_ascii_lowercase().starts_with("decimal");
    !loses_type(column) && (decimal || matches!(column.kind, ColumnKind::Integer { .. }))
}

/// Whether its least value has the column's own type.
fn sorts(column: &Column) -> bool {
    let dated = column.column_type.to_ascii_lowercase().starts_with("date");
    let kind = matches!(column.kind, ColumnKind::Integer { .. } | ColumnKind::Text | ColumnKind::Timestamp);
    !loses_type(column) && (kind || dated || is_exact(column))
}
