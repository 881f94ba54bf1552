//! Expressions that need nothing but the rows of one reference, and so can be evaluated in the branches of its
//! derived table.
//!
//! Every word must be known to be a column of the reference, a literal, an operator or a function's name; with
//! any other word the expression stays where it is.

use topology::{Column, ColumnKind};

use super::{Context, change::VOLATILE, functions::AGGREGATES};
use crate::{
    Value,
    lex::{TokenKind, string_value},
    syntax::{Operand, Span, column, operand},
};

/// Words that are part of operators, or values of their own.
const KEYWORDS: [&str; 66] = [
    "AND",
    "OR",
    "XOR",
    "NOT",
    "IS",
    "NULL",
    "TRUE",
    "FALSE",
    "UNKNOWN",
    "LIKE",
    "RLIKE",
    "REGEXP",
    "IN",
    "BETWEEN",
    "DIV",
    "MOD",
    "ESCAPE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "BINARY",
    "INTERVAL",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "UTC_DATE",
    "UTC_TIME",
    "UTC_TIMESTAMP",
    "CURRENT_USER",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "DATETIME",
    "MICROSECOND",
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "WEEK",
    "MONTH",
    "QUARTER",
    "YEAR",
    "DAY_HOUR",
    "DAY_MINUTE",
    "DAY_SECOND",
    "HOUR_MINUTE",
    "HOUR_SECOND",
    "MINUTE_SECOND",
    "YEAR_MONTH",
    "AS",
    "UNSIGNED",
    "SIGNED",
    "INTEGER",
    "INT",
    "CHAR",
    "DECIMAL",
    "FLOAT",
    "DOUBLE",
    "REAL",
    "JSON",
    "FROM",
    "BOTH",
];

/// Words that look like functions and are none, or read more than their arguments.
const NOT_FUNCTIONS: [&str; 13] = [
    "SELECT",
    "TABLE",
    "VALUES",
    "WITH",
    "EXISTS",
    "ANY",
    "ALL",
    "SOME",
    "MATCH",
    "DEFAULT",
    "FOUND_ROWS",
    "ROW_COUNT",
    "OVER",
];

/// An expression over the columns of one reference.
pub(crate) struct Own<'a> {
    /// Its columns, in the order of the text.
    pub(crate) columns: Vec<&'a Column>,
    /// It compares a number or a date with a constant string, and may warn that it is none; or it has an operator of
    /// which MySQL warns wherever it stands.
    pub(crate) may_warn: bool,
}

/// Reads `span`; `None` if anything in it is another table's, or changes from one evaluation to the next.
pub(crate) fn own<'a>(cx: &Context<'a>, span: &Span) -> Option<Own<'a>> {
    let source = cx.source;
    let mut columns = Vec::new();
    let (mut strings, mut deprecated) = (false, false);
    let mut i = span.start;
    while i < span.end {
        let token = source.tokens().get(i)?;
        if token.in_version_comment {
            return None;
        }
        match token.kind {
            TokenKind::Ident | TokenKind::QuotedIdent if cx.columns.contains(&i) => {
                let (parts, end) = source.dotted(i)?;
                columns.push(cx.own_column(&parts)?);
                i = end;
                continue;
            }
            TokenKind::Ident if source.word(i, "LAST_INSERT_ID") && source.op(i + 2, ")") => {}
            TokenKind::Ident if source.op(i + 1, "(") => {
                let no = [&NOT_FUNCTIONS[..], &VOLATILE, &AGGREGATES].concat();
                if source.any_word(i, &no) || i > 0 && source.op(i - 1, ".") {
                    return None;
                }
            }
            TokenKind::Ident if source.any_word(i, &["COLLATE", "USING"]) => i += 1,
            TokenKind::Ident if source.any_word(i, &KEYWORDS) => deprecated |= is_deprecated(cx, i),
            TokenKind::Ident | TokenKind::QuotedIdent | TokenKind::Hint | TokenKind::Comment => return None,
            TokenKind::Operator if source.op(i, ":=") || source.op(i, "{") => return None,
            TokenKind::Operator => deprecated |= is_deprecated(cx, i),
            TokenKind::UserVar => strings = true,
            TokenKind::String | TokenKind::Param => strings |= !cx.reads_as_number(i),
            _ => {}
        }
        i += 1;
    }
    let may_warn = deprecated || strings && columns.iter().any(|column| !compares_with_strings(column.kind));
    Some(Own { columns, may_warn })
}

/// `!`, `&&`, `||` for OR, and BINARY as an operator (MySQL 8.0.17 and later, warning 1287).
fn is_deprecated(cx: &Context<'_>, i: usize) -> bool {
    let source = cx.source;
    let or = source.op(i, "||") && !cx.facts.sql_mode.pipes_as_concat;
    let to_binary = source.word(i.saturating_sub(1), "AS") || source.op(i.saturating_sub(1), ",");
    let binary = source.word(i, "BINARY") && !to_binary;
    !cx.facts.server.mariadb && (or || binary || source.op(i, "!") || source.op(i, "&&"))
}

fn compares_with_strings(kind: ColumnKind) -> bool {
    use ColumnKind::{Binary, Enum, Json, Set, Temporal, Text, Timestamp};
    matches!(kind, Text | Binary | Enum | Set | Json | Temporal | Timestamp)
}

/// A comparison of one column with constants that no NULL passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    /// The token where the column's name begins.
    pub(crate) at: usize,
    /// With a string that is no number.
    strings: bool,
}

impl Compared {
    /// Whether it gives no warning for a column of this kind.
    pub(crate) fn is_silent_for(self, kind: ColumnKind) -> bool {
        !self.strings || compares_with_strings(kind)
    }
}

/// Reads `span` as such a comparison.
pub(crate) fn compared(cx: &Context<'_>, span: &Span) -> Option<Compared> {
    let source = cx.source;
    let string = |i: usize| matches!(source.kind(i), Some(TokenKind::String | TokenKind::Param));
    let strings = span.clone().any(|i| string(i) && !cx.reads_as_number(i));
    let constant = |at: usize| operand(source, at).map(|(_, end)| end);
    let compares = |at: usize| ["=", "<", ">", "<=", ">=", "<>", "!="].iter().any(|op| source.op(at, op));
    let ends = |end: Option<usize>| end == Some(span.end);
    if let Some((_, at)) = column(source, span.start) {
        let (not, at) = (source.word(at, "NOT"), at);
        let verb = if not { at + 1 } else { at };
        let fits = match () {
            () if compares(at) => ends(constant(at + 1)),
            () if source.word(verb, "LIKE") => ends(constant(verb + 1)),
            () if source.word(verb, "BETWEEN") => constant(verb + 1)
                .filter(|and| source.word(*and, "AND"))
                .is_some_and(|and| ends(constant(and + 1))),
            () if source.word(verb, "IN") && source.op(verb + 1, "(") => {
                let close = source.close(verb + 1);
                let list = source.split_commas(&(verb + 2..close));
                close + 1 == span.end && list.iter().all(|item| constant(item.start) == Some(item.end))
            }
            () => false,
        };
        return fits.then_some(Compared { at: span.start, strings });
    }
    let at = constant(span.start).filter(|at| compares(*at))? + 1;
    let (_, end) = column(source, at)?;
    (end == span.end).then_some(Compared { at, strings })
}

/// Whether `span` is a comparison of one column with constants that no NULL passes.
pub(crate) fn rejects_null(cx: &Context<'_>, span: &Span) -> bool {
    compared(cx, span).is_some()
}

impl<'a> Context<'a> {
    /// The reference's column of this name, as the block that it stands in sees it.
    pub(crate) fn own_column(&self, parts: &[String]) -> Option<&'a Column> {
        let column = self.schema.column(parts.last()?)?;
        self.is_column(parts, &column.name).then_some(column)
    }

    /// Whether the string or parameter at this token is compared with a number without a warning.
    fn reads_as_number(&self, i: usize) -> bool {
        let digits = |bytes: &[u8]| {
            let number = bytes.strip_prefix(b"-").unwrap_or(bytes);
            !number.is_empty() && number.iter().all(u8::is_ascii_digit)
        };
        if self.source.kind(i) == Some(TokenKind::String) {
            let token = self.source.tokens().get(i);
            return token.is_some_and(|token| digits(&string_value(self.source.text(), token, self.facts)));
        }
        match self.value(&Operand::Param(i)) {
            Some(Value::Text(text) | Value::Blob(text)) => digits(text),
            value => value.is_some_and(|value| !value.is_hidden()),
        }
    }
}
