//! `IS NULL` on a DATE or DATETIME column that is NOT NULL: in WHERE servers find zero dates by it, as ODBC wants it,
//! and not in the ON of an outer join. Of the rows of a UNION ALL MariaDB never finds them, and strict MySQL may fail
//! with error 1525. So it is evaluated in the branches or refused.

use topology::{Column, ColumnKind};

use super::{Context, Refusal, derived::Derived, lossy::names, refusal, restrict};
use crate::syntax::{Role, Shape, Span};

/// DATE or DATETIME.
fn is_date(column: &Column) -> bool {
    column.kind == ColumnKind::Temporal && column.column_type.to_ascii_lowercase().starts_with("date")
}

/// Whether zero dates of this column count as NULL in WHERE.
fn counts_as_null(column: &Column) -> bool {
    !column.nullable && is_date(column)
}

/// Refuses conditions that could tell the difference. `settled`: tokens that are evaluated in the branches.
pub(crate) fn check(derived: &[Derived<'_>], settled: &[Span]) -> Result<(), Refusal> {
    // The rows of one SELECT alone are those of its table.
    for cx in derived.iter().filter(|derived| derived.shards.len() > 1).map(|derived| &derived.cx) {
        check_truth(cx, settled)?;
        let conditions = restrict::conditions(cx);
        // MySQL does not look for zero dates where an outer join may have put NULLs.
        let as_in_table = |i: usize| {
            let nullable =
                conditions.iter().any(|condition| condition.nullable && condition.span.contains(&i));
            settled.iter().any(|span| span.contains(&i)) || nullable && !cx.facts.server.mariadb
        };
        let could_differ = |i: usize| match place(cx, i) {
            Place::Where => !as_in_table(i),
            Place::Join => true,
            Place::Other => false,
        };
        for column in cx.schema.columns.iter().filter(|column| counts_as_null(column)) {
            let aliases = handed_on(cx, column);
            let inside = cx.block().is_some_and(|block| matches!(block.role, Role::Derived | Role::Cte));
            let renamed = |i| cx.source.ident(i).is_some_and(|name| aliases.contains(&name.to_lowercase()));
            let found = (0..cx.source.len()).find(|i| {
                let named = names(cx, *i, column) || renamed(*i) || inside && cx.parsed.renames_columns;
                named && is_asked_for_null(cx, *i) && could_differ(*i)
            });
            if found.is_some() {
                let what = format!("`{}` (NOT NULL) compared with NULL or TRUE in this place", column.name);
                return cx.refuse(refusal::SCATTER_FORM, &what);
            }
        }
    }
    Ok(())
}

/// MySQL compares a date that is asked for truth with 0. Pushed into the branches of a UNION that is an error (1525)
/// where dates must not be 0, and not in the table itself.
fn check_truth(cx: &Context<'_>, settled: &[Span]) -> Result<(), Refusal> {
    let source = cx.source;
    let asked = |i: usize| {
        let not = usize::from(source.word(i + 2, "NOT"));
        source.word(i + 1, "IS") && source.any_word(i + 2 + not, &["TRUE", "FALSE"])
    };
    let moments = |column: &&Column| is_date(column) || column.kind == ColumnKind::Timestamp;
    let dates = cx.schema.columns.iter().filter(moments);
    let dates: Vec<(&Column, Vec<String>)> = dates.map(|column| (column, handed_on(cx, column))).collect();
    for i in (0..source.len()).filter(|i| asked(*i) && !settled.iter().any(|span| span.contains(i))) {
        let alias = source.ident(i).map(|name| name.to_lowercase());
        let is_it = |(column, aliases): &&(&Column, Vec<String>)| {
            names(cx, i, column) || alias.as_ref().is_some_and(|alias| aliases.contains(alias))
        };
        if !cx.facts.server.mariadb
            && !matches!(place(cx, i), Place::Other)
            && let Some((column, _)) = dates.iter().find(is_it)
        {
            let what = format!("`{}` compared with TRUE or FALSE in this place", column.name);
            return cx.refuse(refusal::SCATTER_FORM, &what);
        }
    }
    Ok(())
}

/// The names under which derived tables and common table expressions give the column to what is around them: it is
/// still a date that is NOT NULL, where the server merges them.
fn handed_on(cx: &Context<'_>, column: &Column) -> Vec<String> {
    let source = cx.source;
    let inner = cx.parsed.blocks.iter().filter(|block| matches!(block.role, Role::Derived | Role::Cte));
    let items: Vec<Span> = inner.flat_map(|block| source.split_commas(&block.items)).collect();
    let mut found: Vec<String> = vec![column.name.to_lowercase()];
    let mut at = 0;
    while let Some(name) = found.get(at).cloned() {
        at += 1;
        for item in &items {
            let Some((parts, end)) = source.dotted(item.start) else { continue };
            let is_it = parts.last().is_some_and(|last| last.to_lowercase() == name);
            let alias = source.ident(item.end - 1).map(|alias| alias.to_lowercase());
            if let Some(alias) = alias.filter(|alias| is_it && end < item.end && !found.contains(alias)) {
                found.push(alias);
            }
        }
    }
    found.split_off(1)
}

/// `created IS NULL`, `created IS TRUE` and so on, `ISNULL(created)`; the name ends at token `i`.
fn is_asked_for_null(cx: &Context<'_>, i: usize) -> bool {
    let source = cx.source;
    let mut start = i;
    while start > 1 && source.op(start - 1, ".") {
        start -= 2;
    }
    let behind = source.word(i + 1, "IS") && !source.words(i + 2, &["NOT", "NULL"]);
    behind || start > 1 && source.op(start - 1, "(") && source.word(start - 2, "ISNULL")
}

/// Which part of a SELECT a token is in.
enum Place {
    Where,
    /// The table list, with its ON.
    Join,
    Other,
}

fn place(cx: &Context<'_>, i: usize) -> Place {
    let around = cx.parsed.blocks.iter().filter(|block| block.span.contains(&i));
    match around.min_by_key(|block| block.span.len()) {
        Some(block) if block.filter.as_ref().is_some_and(|filter| filter.contains(&i)) => Place::Where,
        Some(block) if block.from.contains(&i) => Place::Join,
        None if cx.parsed.shape != Shape::Query => Place::Join,
        _ => Place::Other,
    }
}
