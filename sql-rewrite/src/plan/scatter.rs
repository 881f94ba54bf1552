//! Reads over several shards: the table becomes a derived table, the UNION ALL of its shards.
//!
//! What a UNION ALL does not keep is refused where it could show: ENUM and SET turn into strings,
//! ZEROFILL is lost, `*` would show INVISIBLE columns. An outer FOR UPDATE over a derived table
//! locks nothing, so each branch of a locking read has its own, with the conditions.

use topology::{Column, ColumnKind, ShardId, quote_ident};

use super::{ColumnSource, Context, Plan, Refusal, ShardRead, context::Renames, refusal};
use crate::{
    lex::TokenKind,
    splice::Edits,
    syntax::{Block, Span},
};

/// Words that do not work on a derived table, or not alike.
const NOT_ON_DERIVED: [&str; 3] = ["MATCH", "DEFAULT", "VALUES"];

/// Plans the read.
pub(crate) fn plan(
    cx: &Context<'_>,
    block: &Block,
    shards: Vec<ShardId>,
    locking: bool,
) -> Result<Plan, Refusal> {
    check_form(cx)?;
    if locking {
        check_locking(cx, block)?;
    }
    let lossy = shards.len() > 1 && filter_needs_types(cx, block);
    let pushed = if locking || lossy { block.filter.clone() } else { None };
    if shards.len() > 1 {
        check_types(cx, pushed.as_ref())?;
    }
    let branches = Branches { cx, block, columns: columns(cx)?, pushed, locking };
    let inlined = branches.duplicates() && cx.has_params(&(0..cx.source.len()));
    let params = if inlined { cx.inlined()? } else { Edits::default() };
    let mut edits = cx.on_factor(&branches.derived(&shards, &params)?).with(&params);
    edits.replace(cx.source.byte_range(&cx.target.index_hints), "");
    if let Some(lock) = block.lock.as_ref().filter(|_| locking) {
        edits.replace(cx.source.byte_range(lock), "");
    }
    if let Some(filter) = branches.pushed.as_ref().filter(|_| !locking) {
        edits = cut_filter(cx, filter, &edits);
    }
    Ok(Plan::ShardRead(ShardRead {
        table: cx.table().id().clone(),
        sql: cx.rendered(&edits),
        inlined,
        shards,
        locking,
        columns: ColumnSource::Prepare,
    }))
}

/// The conditions stand in the branches, on the base tables, and no longer outside.
fn cut_filter(cx: &Context<'_>, filter: &Span, edits: &Edits) -> Edits {
    let mut cut = Edits::default();
    cut.replace(cx.source.byte_range(&(filter.start - 1..filter.end)), "");
    cut.with(edits)
}

/// Whether the conditions are on columns whose type a UNION does not keep, and can be put into the
/// branches: the one table of the whole statement.
fn filter_needs_types(cx: &Context<'_>, block: &Block) -> bool {
    let alone = cx.parsed.blocks.len() == 1 && !block.joined && cx.parsed.ctes.is_empty();
    let Some(filter) = block.filter.as_ref().filter(|_| alone) else {
        return false;
    };
    cx.check_cut(filter).is_ok() && filter.clone().any(|i| check_plain_column(cx, i, "").is_err())
}

fn check_form(cx: &Context<'_>) -> Result<(), Refusal> {
    let source = cx.source;
    for i in 0..source.len() {
        let call = source.op(i + 1, "(") && source.any_word(i, &NOT_ON_DERIVED);
        if call || source.op(i, ":=") || source.word(i, "PROCEDURE") {
            return cx.refuse(
                refusal::SCATTER_FORM,
                &format!("`{}` in a read of several shards", cx.shown(&(i..i + 1))),
            );
        }
    }
    Ok(())
}

fn loses_type(column: &Column) -> bool {
    column.zerofill || matches!(column.kind, ColumnKind::Enum | ColumnKind::Set)
}

/// Refuses token `i` if it names a column whose type a UNION ALL does not keep.
pub(crate) fn check_plain_column(cx: &Context<'_>, i: usize, place: &str) -> Result<(), Refusal> {
    let column = cx.source.ident(i).and_then(|name| cx.schema.column(&name).cloned());
    match column {
        Some(column) if loses_type(&column) => cx.refuse(
            refusal::COLUMN_TYPE,
            &format!("column `{}` ({}) in {place}", column.name, column.column_type),
        ),
        _ => Ok(()),
    }
}

/// ENUM, SET and ZEROFILL columns may only be put out as they are: their definitions come from the
/// client's own statement.
fn check_types(cx: &Context<'_>, pushed: Option<&Span>) -> Result<(), Refusal> {
    let Some(lossy) = cx.schema.columns.iter().find(|column| loses_type(column)) else {
        return Ok(());
    };
    let outer = cx.parsed.blocks.iter().min_by_key(|block| block.span.start);
    let Some(outer) = outer else {
        return Ok(());
    };
    let source = cx.source;
    let stars = star_items(cx);
    let refuse = |what: &str| {
        cx.refuse(refusal::COLUMN_TYPE, &format!("column `{}` ({}) in {what}", lossy.name, lossy.column_type))
    };
    if stars && cx.schema.columns.iter().any(|column| column.zerofill && !column.invisible) {
        return refuse("`*` (ZEROFILL)");
    }
    if cx.parsed.blocks.iter().any(|block| block.merges_columns) {
        return refuse("a join with USING or NATURAL");
    }
    let mut plain: Vec<Span> = Vec::new();
    for item in source.split_commas(&outer.items) {
        plain.extend(plain_item(cx, &item)?);
    }
    for block in &cx.parsed.blocks {
        let sorts = [&block.order, &block.group];
        let mut parts = sorts.into_iter().flatten().flat_map(|span| source.split_commas(span));
        if parts.any(|part| source.kind(part.start) == Some(TokenKind::Integer)) {
            return refuse("a table that is sorted or grouped by a number");
        }
    }
    for i in 0..source.len() {
        let elsewhere = !plain.iter().chain(pushed).any(|span| span.contains(&i));
        if elsewhere && !source.op(i + 1, ".") {
            check_plain_column(cx, i, "a condition, function, sort or subquery")?;
        }
    }
    Ok(())
}

/// The item if it is nothing but a column that loses its type, with or without an alias that is
/// used nowhere else.
fn plain_item(cx: &Context<'_>, item: &Span) -> Result<Option<Span>, Refusal> {
    let source = cx.source;
    let Some((parts, end)) = source.dotted(item.start) else {
        return Ok(None);
    };
    let column = parts.last().and_then(|name| cx.schema.column(name));
    let Some(column) = column.filter(|column| loses_type(column)) else {
        return Ok(None);
    };
    if column.zerofill {
        return cx.refuse(refusal::COLUMN_TYPE, &format!("column `{}` (ZEROFILL)", column.name));
    }
    let alias = match () {
        () if end == item.end => None,
        () if source.word(end, "AS") && end + 2 == item.end => Some(end + 1),
        () if end + 1 == item.end => Some(end),
        () => return Ok(None),
    };
    let name = alias.and_then(|at| source.ident(at));
    let again = (0..source.len()).any(|i| {
        Some(i) != alias
            && !item.contains(&i)
            && name.is_some()
            && source.ident(i).map(|other| other.to_lowercase())
                == name.as_ref().map(|name| name.to_lowercase())
    });
    if again {
        return cx.refuse(refusal::COLUMN_TYPE, &format!("column `{}` used through its alias", column.name));
    }
    Ok(Some(item.clone()))
}

/// `*`, `user.*` in any select list.
fn star_items(cx: &Context<'_>) -> bool {
    let source = cx.source;
    cx.parsed.blocks.iter().any(|block| {
        source.split_commas(&block.items).iter().any(|item| {
            source.op(item.start, "*")
                || item.end > item.start && source.op(item.end - 1, "*") && item.len() <= 5
        })
    })
}

/// The columns of the derived table: all visible ones, and the invisible ones that are named.
fn columns(cx: &Context<'_>) -> Result<String, Refusal> {
    let named = |column: &Column| {
        let is = |name: String| name.eq_ignore_ascii_case(&column.name);
        (0..cx.source.len()).any(|i| cx.source.ident(i).is_some_and(is))
    };
    let mut names = Vec::new();
    for column in &cx.schema.columns {
        if column.invisible && named(column) {
            if star_items(cx) {
                return cx.refuse(
                    refusal::INVISIBLE_COLUMN,
                    &format!("`*` beside invisible column `{}`", column.name),
                );
            }
        } else if column.invisible {
            continue;
        }
        names.push(quote_ident(&column.name));
    }
    Ok(names.join(","))
}

fn check_locking(cx: &Context<'_>, block: &Block) -> Result<(), Refusal> {
    let source = cx.source;
    let whole = cx.parsed.blocks.iter().all(|other| other.span.start >= block.span.start);
    if block.joined || block.combined || !whole || cx.parsed.ctes.iter().any(|_| true) {
        return cx
            .refuse(refusal::LOCKING_FORM, "a locking read of several shards in a join, UNION or subquery");
    }
    let Some(lock) = &block.lock else {
        return cx.refuse(refusal::LOCKING_FORM, "a lock in a subquery");
    };
    cx.check_cut(lock)?;
    if let Some(filter) = &block.filter {
        cx.check_cut(filter)?;
    }
    if source.word(lock.start + 2, "OF") {
        return cx.refuse(refusal::LOCKING_FORM, "FOR UPDATE OF");
    }
    Ok(())
}

/// The branches of the derived table.
struct Branches<'a, 'c> {
    cx: &'a Context<'c>,
    block: &'a Block,
    columns: String,
    /// Conditions that are evaluated in them.
    pushed: Option<Span>,
    locking: bool,
}

impl Branches<'_, '_> {
    /// Whether text of the client's stands in each branch.
    fn duplicates(&self) -> bool {
        self.locking || self.pushed.is_some()
    }

    /// `(SELECT … UNION ALL SELECT …)`; those of a locking read in parentheses, each with its lock, and
    /// with ORDER BY and LIMIT where fewer rows than match are wanted.
    fn derived(&self, shards: &[ShardId], params: &Edits) -> Result<String, Refusal> {
        let limit = if self.locking { branch_limit(self.cx, self.block)? } else { None };
        let mut branches = Vec::new();
        for shard in shards {
            match String::from_utf8(self.branch(*shard, params, limit)) {
                Ok(text) if self.locking => branches.push(format!("({text})")),
                Ok(text) => branches.push(text),
                Err(_) => return self.cx.refuse(refusal::SCATTER_FORM, "text that is not UTF-8"),
            }
        }
        Ok(format!("({})", branches.join(" UNION ALL ")))
    }

    fn branch(&self, shard: ShardId, params: &Edits, limit: Option<i128>) -> Vec<u8> {
        let cx = self.cx;
        let name = cx.table().shard(shard);
        let mut branch = format!("SELECT {} FROM ", self.columns).into_bytes();
        if !self.duplicates() {
            branch.extend(name.quoted().into_bytes());
            if !cx.target.index_hints.is_empty() {
                branch.push(b' ');
                branch.extend(cx.rendered_part(&Edits::default(), &cx.target.index_hints));
            }
            return branch;
        }
        let edits = cx.on_shard(name, Renames::ByAlias).with(params);
        branch.extend(cx.rendered_part(&edits, &cx.target.factor));
        let mut clause = |word: &str, span: &Option<Span>| {
            if let Some(span) = span {
                branch.extend_from_slice(word.as_bytes());
                branch.extend(cx.rendered_part(&edits, span));
            }
        };
        clause(" WHERE ", &self.pushed);
        if let Some(rows) = limit {
            clause(" ORDER BY ", &self.block.order);
            branch.extend(format!(" LIMIT {rows}").into_bytes());
        }
        if let Some(lock) = self.block.lock.as_ref().filter(|_| self.locking) {
            branch.push(b' ');
            branch.extend(cx.rendered_part(&edits, lock));
        }
        branch
    }
}

/// How many rows of each branch can matter: offset + limit, where the rows of the result are rows of
/// the table, sorted by its columns.
fn branch_limit(cx: &Context<'_>, block: &Block) -> Result<Option<i128>, Refusal> {
    let source = cx.source;
    let Some(limit) = &block.limit else {
        return Ok(None);
    };
    let numbers: Vec<i128> = limit
        .clone()
        .filter_map(|i| super::super::syntax::operand(source, i))
        .filter_map(|(operand, _)| cx.integer(&operand))
        .collect();
    let separators = limit.clone().filter(|i| source.op(*i, ",") || source.word(*i, "OFFSET")).count();
    if numbers.len() + separators != limit.len() || !(1..=2).contains(&numbers.len()) {
        return cx.refuse(refusal::LIMIT_FORM, &format!("`LIMIT {}`", cx.shown(limit)));
    }
    let distinct = block.options.clone().any(|i| source.any_word(i, &["DISTINCT", "DISTINCTROW"]));
    let calls = (block.items.start..block.items.end).any(|i| source.op(i, "("));
    let sorted_by_columns = block.order.as_ref().is_none_or(|order| {
        source.split_commas(order).iter().all(|part| {
            source
                .dotted(part.start)
                .is_some_and(|(parts, _)| parts.last().is_some_and(|name| cx.schema.column(name).is_some()))
        })
    });
    if block.group.is_some() || block.having.is_some() || distinct || calls || !sorted_by_columns {
        return cx.refuse(
            refusal::LOCKING_FORM,
            "a locking read of several shards with LIMIT and grouping, functions or sort expressions",
        );
    }
    Ok(Some(numbers.iter().sum()))
}
