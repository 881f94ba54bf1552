//! Conditions on one reference that hold a subquery: `id IN (SELECT …)`, `NOT EXISTS (SELECT …)`.
//!
//! In the branches they are evaluated once a shard, and find its indexes. So the subquery must give the same rows each
//! time ([`crate::SteadyTable`]) and no warnings, and name nothing but its own tables and the reference.

use topology::{ColumnKind, QualifiedName};

use super::{
    Context,
    own::compared,
    restrict::equality,
    steady_tables::{SteadyTables, alike},
};
use crate::{
    lex::TokenKind,
    syntax::{Block, Joined, Span, and_parts},
};

/// Whether a condition can be evaluated in the branches. The error is what should be known first.
pub(crate) fn own_subquery(
    cx: &Context<'_>,
    span: &Span,
    all: &[Context<'_>],
) -> Result<bool, Vec<QualifiedName>> {
    let Some((block, open)) = subquery(cx, span) else { return Ok(false) };
    let mut tables = SteadyTables::of(cx, Some(block), all);
    let unknown = std::mem::take(&mut tables.unknown);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let plain = tables.left_out() == Some(0) && !tables.on_shards();
    let inner = Inner { cx, tables };
    Ok(plain && cx.parsed.blocks.get(block).is_some_and(|block| inner.fits(block, &(span.start..open))))
}

/// The one SELECT in the condition, and the parenthesis before it. It is all that the condition is about.
fn subquery(cx: &Context<'_>, span: &Span) -> Option<(usize, usize)> {
    let blocks = cx.parsed.blocks.iter().enumerate();
    let mut inside = blocks.filter(|(_, block)| span.contains(&block.span.start));
    let (number, block) = inside.next().filter(|_| inside.next().is_none())?;
    let odd = |i: usize| {
        let special = matches!(cx.source.kind(i), Some(TokenKind::Hint | TokenKind::Comment));
        special || cx.source.op(i, ":=")
    };
    let open = block.span.start.checked_sub(1).filter(|open| cx.source.op(*open, "("))?;
    let whole = cx.source.close(open) + 1 == span.end && span.start < open;
    (whole && cx.check_cut(span).is_ok() && !span.clone().any(odd)).then_some((number, open))
}

struct Inner<'i, 'a> {
    cx: &'i Context<'a>,
    tables: SteadyTables<'a>,
}

impl Inner<'_, '_> {
    /// `verb`: what stands before the subquery.
    fn fits(&self, block: &Block, verb: &Span) -> bool {
        let clauses = [&block.group, &block.having, &block.order, &block.limit, &block.lock, &block.into];
        let plain =
            clauses.iter().all(|clause| clause.is_none()) && !block.combined && block.options.is_empty();
        let mut conditions = block.filter.iter().cloned().collect();
        ons(&block.tables, &mut conditions);
        let mut parts = conditions.iter().flat_map(|span| and_parts(self.cx.source, span));
        plain && self.compares(block, verb) && parts.all(|part| self.condition(&part))
    }

    /// `EXISTS`, or `column IN` of the reference and one column alike.
    fn compares(&self, block: &Block, verb: &Span) -> bool {
        let source = self.cx.source;
        let items = source.split_commas(&block.items);
        let not = |at: usize| if source.word(at, "NOT") { at + 1 } else { at };
        let exists = not(verb.start);
        if source.word(exists, "EXISTS") && exists + 1 == verb.end {
            let star = |item: &Span| item.len() == 1 && source.op(item.start, "*");
            let number = |item: &Span| item.len() == 1 && source.kind(item.start) == Some(TokenKind::Integer);
            return items.iter().all(|item| star(item) || number(item) || self.item(item).is_some());
        }
        let Some((parts, end)) = source.dotted(verb.start) else { return false };
        let verb_fits = source.word(not(end), "IN") && not(end) + 1 == verb.end;
        let outer = self.cx.own_column(&parts).filter(|_| self.cx.columns.contains(&verb.start));
        match (items.as_slice(), outer) {
            ([item], Some(outer)) => verb_fits && self.item(item).is_some_and(|kind| alike(kind, outer.kind)),
            _ => false,
        }
    }

    /// The kind of an item that is a column.
    fn item(&self, item: &Span) -> Option<ColumnKind> {
        let (_, end) = self.cx.source.dotted(item.start)?;
        self.kind(item.start).filter(|_| end == item.end)
    }

    fn condition(&self, part: &Span) -> bool {
        if let Some((a, b)) = equality(self.cx.source, part) {
            return self.kind(a).zip(self.kind(b)).is_some_and(|(a, b)| alike(a, b));
        }
        compared(self.cx, part)
            .is_some_and(|compared| self.kind(compared.at).is_some_and(|kind| compared.is_silent_for(kind)))
    }

    /// The kind of the column that is named at a token: the subquery's own, or else the reference's.
    fn kind(&self, at: usize) -> Option<ColumnKind> {
        if let Some(column) = self.tables.column(at, 0) {
            return Some(column.kind);
        }
        let (parts, _) = self.cx.source.dotted(at)?;
        let joined = self.cx.block().is_none_or(|block| block.joined);
        let certain = self.cx.columns.contains(&at) && (parts.len() > 1 || !joined);
        self.cx.own_column(&parts).filter(|_| certain).map(|column| column.kind)
    }
}

/// What stands behind each ON.
fn ons(joined: &Joined, found: &mut Vec<Span>) {
    if let Joined::Join(join) = joined {
        found.extend(join.on.clone());
        ons(&join.left, found);
        ons(&join.right, found);
    }
}
