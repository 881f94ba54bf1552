//! What a WHERE demands of single columns, read from tokens.
//!
//! Only conditions that every row must meet count: those joined by AND at the top. OR, XOR, `||`
//! (OR or concatenation, by sql_mode) and `:=` bind less than AND, so with one of them at that level
//! nothing is concluded. A condition counts only if it is wholly `column = value` or
//! `column IN (value, …)`: any other operator in it and it is passed over.

use super::source::{Source, Span};
use crate::lex::TokenKind;

/// One operand of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A literal, with its sign.
    Literal(Span),
    /// The `?` at this token.
    Param(usize),
}

/// `column = value` or `column IN (values)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conjunct {
    /// The parts of the column's name: `user`, `id`.
    pub(crate) column: Vec<String>,
    /// The token at which the name begins.
    pub(crate) at: usize,
    /// One for `=`, one or more for IN.
    pub(crate) values: Vec<Operand>,
}

/// The conditions of `filter` that every row must meet.
pub(crate) fn conjuncts(source: Source<'_>, filter: &Span) -> Vec<Conjunct> {
    and_parts(source, filter).iter().filter_map(|part| conjunct(source, part)).collect()
}

/// The expressions that AND joins at the top of `span`, out of their parentheses; it alone if no AND does.
pub(crate) fn and_parts(source: Source<'_>, span: &Span) -> Vec<Span> {
    let mut found = Vec::new();
    collect(source, span, &mut found);
    found
}

fn collect(source: Source<'_>, span: &Span, found: &mut Vec<Span>) {
    for part in split_and(source, span).unwrap_or_else(|| vec![span.clone()]) {
        let inner = part.start + 1..part.end.saturating_sub(1);
        let wrapped = source.op(part.start, "(") && source.close(part.start) + 1 == part.end;
        if wrapped && split_and(source, &inner).is_some() {
            collect(source, &inner, found);
        } else {
            found.push(part);
        }
    }
}

/// The operands of AND at this level; `None` if an operator that binds less is there.
fn split_and(source: Source<'_>, span: &Span) -> Option<Vec<Span>> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (span.start, span.start);
    let (mut betweens, mut cases) = (0_u32, 0_u32);
    while at < span.end {
        match () {
            () if source.word(at, "CASE") => cases += 1,
            () if source.word(at, "END") => cases = cases.checked_sub(1)?,
            () if cases > 0 => {}
            () if source.any_word(at, &["OR", "XOR", "SELECT"]) => return None,
            () if source.op(at, "||") || source.op(at, ":=") || source.op(at, ",") => return None,
            () if source.word(at, "BETWEEN") => betweens += 1,
            () if source.word(at, "AND") || source.op(at, "&&") => {
                if betweens > 0 {
                    betweens -= 1;
                } else {
                    parts.push(start..at);
                    start = at + 1;
                }
            }
            () => {}
        }
        at = source.next(at);
    }
    if cases > 0 || betweens > 0 {
        return None;
    }
    parts.push(start..span.end);
    Some(parts)
}

/// `column = value` or `column IN (values)`, if that is all of `part`.
pub(crate) fn conjunct(source: Source<'_>, part: &Span) -> Option<Conjunct> {
    if let Some((column, at)) = column(source, part.start) {
        if source.op(at, "=") || source.op(at, "<=>") {
            let (value, end) = operand(source, at + 1)?;
            return (end == part.end).then(|| Conjunct { column, at: part.start, values: vec![value] });
        }
        let list = source.word(at, "IN") && source.op(at + 1, "(");
        if !list || source.close(at + 1) + 1 != part.end {
            return None;
        }
        let values = source
            .split_commas(&(at + 2..part.end - 1))
            .into_iter()
            .map(|item| operand(source, item.start).filter(|(_, end)| *end == item.end))
            .map(|found| found.map(|(value, _)| value))
            .collect::<Option<Vec<_>>>()?;
        return (!values.is_empty()).then_some(Conjunct { column, at: part.start, values });
    }
    let (value, at) = operand(source, part.start)?;
    if !source.op(at, "=") {
        return None;
    }
    let (column, end) = column(source, at + 1)?;
    (end == part.end).then(|| Conjunct { column, at: at + 1, values: vec![value] })
}

/// A name that can be a column's at `at`, and the token behind it.
pub(crate) fn column(source: Source<'_>, at: usize) -> Option<(Vec<String>, usize)> {
    let not_a_name = source.any_word(at, &["NOT", "BINARY", "TRUE", "FALSE", "NULL", "DEFAULT"]);
    if not_a_name {
        return None;
    }
    source.dotted(at)
}

/// A literal or a placeholder at `at`, and the token behind it.
pub(crate) fn operand(source: Source<'_>, at: usize) -> Option<(Operand, usize)> {
    match source.kind(at)? {
        TokenKind::Param => Some((Operand::Param(at), at + 1)),
        TokenKind::Integer | TokenKind::Hex | TokenKind::Bit | TokenKind::Decimal | TokenKind::Float => {
            Some((Operand::Literal(at..at + 1), at + 1))
        }
        // Adjacent strings are one literal: two of them match no pattern here.
        TokenKind::String if source.kind(at + 1) != Some(TokenKind::String) => {
            Some((Operand::Literal(at..at + 1), at + 1))
        }
        TokenKind::Operator if source.op(at, "-") && source.kind(at + 1) == Some(TokenKind::Integer) => {
            Some((Operand::Literal(at..at + 2), at + 2))
        }
        TokenKind::Ident if source.any_word(at, &["NULL", "DEFAULT"]) => {
            Some((Operand::Literal(at..at + 1), at + 1))
        }
        _ => None,
    }
}
