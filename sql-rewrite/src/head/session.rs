//! SET, USE, prepared statements, SHOW and the rest of what concerns the session itself.

use super::{DynamicText, Head};
use crate::cursor::Cursor;
use crate::lex::{TokenKind, is_op, is_word, text_end};
use crate::{Charset, Facts};

/// The head of a statement whose first word, already stepped over, is `word`.
pub(super) fn head(word: &[u8], cursor: &mut Cursor<'_>, facts: &Facts) -> Option<Head> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    Some(if is("SET") {
        set(cursor, facts)
    } else if is("USE") {
        Head::Use(cursor.ident()?.into_owned())
    } else if is("PREPARE") {
        prepare(cursor, facts)?
    } else if is("EXECUTE") {
        execute(cursor, facts)?
    } else if is("DEALLOCATE") {
        cursor.eat("PREPARE");
        Head::Deallocate { name: cursor.ident()?.into_owned() }
    } else if is("SHOW") {
        show(cursor)
    } else if is("GET") {
        Head::GetDiagnostics
    } else if is("LOAD") {
        if cursor.eat_any(&["DATA", "XML"]) { Head::LoadData } else { Head::Admin }
    } else {
        return None;
    })
}

/// A variable without a scope that SET changes for the next transaction only.
const ONE_SHOT: [&str; 4] =
    ["@@transaction_isolation", "@@transaction_read_only", "@@tx_isolation", "@@tx_read_only"];

fn set(cursor: &mut Cursor<'_>, facts: &Facts) -> Head {
    if cursor.at("TRANSACTION") {
        return Head::SetTransaction;
    }
    if cursor.eat("STATEMENT") {
        return set_statement(*cursor, facts).unwrap_or(Head::Other);
    }
    if cursor.eat("PASSWORD") || cursor.eat_all(&["DEFAULT", "ROLE"]) || cursor.at("ROLE") {
        return Head::Account;
    }
    let is_one_shot = |name: &[u8]| ONE_SHOT.iter().any(|var| name.eq_ignore_ascii_case(var.as_bytes()));
    match cursor.peek() {
        Some(token) if token.kind == TokenKind::SysVar && is_one_shot(token.bytes(cursor.sql)) => {
            Head::SetTransaction
        }
        _ => Head::Set,
    }
}

/// Behind `SET STATEMENT`: assignments, then `FOR` and the statement.
fn set_statement(cursor: Cursor<'_>, facts: &Facts) -> Option<Head> {
    let mut depth = 0_usize;
    let tokens = cursor.rest();
    let at = tokens.iter().position(|token| {
        if is_op(cursor.sql, token, "(") {
            depth += 1;
        } else if is_op(cursor.sql, token, ")") {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && is_word(cursor.sql, token, "FOR")
    })?;
    let inner = super::head(cursor.sql, tokens.get(at + 1..)?, facts);
    Some(Head::SetStatement(Box::new(inner)))
}

fn prepare(cursor: &mut Cursor<'_>, facts: &Facts) -> Option<Head> {
    let name = cursor.ident()?.into_owned();
    if !cursor.eat("FROM") {
        return None;
    }
    Some(Head::Prepare { name, text: dynamic_text(*cursor, facts) })
}

fn execute(cursor: &mut Cursor<'_>, facts: &Facts) -> Option<Head> {
    let mut ahead = *cursor;
    if facts.server.mariadb && ahead.eat("IMMEDIATE") && !ahead.at_end() && !ahead.at("USING") {
        return Some(Head::ExecuteImmediate { text: immediate_text(ahead, facts) });
    }
    Some(Head::Execute { name: cursor.ident()?.into_owned() })
}

/// The text of EXECUTE IMMEDIATE goes up to the end or to USING.
fn immediate_text(cursor: Cursor<'_>, facts: &Facts) -> DynamicText {
    let tokens = cursor.rest();
    let using = tokens.iter().position(|token| is_word(cursor.sql, token, "USING"));
    let text = tokens.get(..using.unwrap_or(tokens.len())).unwrap_or(tokens);
    dynamic_text(Cursor::new(cursor.sql, text), facts)
}

fn dynamic_text(cursor: Cursor<'_>, facts: &Facts) -> DynamicText {
    match (cursor.only_string(facts), cursor.rest()) {
        (Some(text), _) if facts.server.mariadb || facts.charset != Charset::Utf8 => {
            DynamicText::Literal(text)
        }
        (Some(text), _) => DynamicText::Literal(in_utf8mb3(text)),
        (None, [variable]) if variable.kind == TokenKind::UserVar => {
            DynamicText::Variable(variable.bytes(cursor.sql).to_vec())
        }
        _ => DynamicText::Expression,
    }
}

/// MySQL brings a literal that is prepared into its own utf8mb3, which has no character of four bytes.
fn in_utf8mb3(text: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(text) {
        Ok(text) => text.replace(|c: char| c.len_utf8() == 4, "?").into_bytes(),
        Err(other) => other.into_bytes(),
    }
}

fn show(cursor: &mut Cursor<'_>) -> Head {
    if cursor.eat("COUNT") {
        while cursor.eat_op("(") || cursor.eat_op("*") || cursor.eat_op(")") {}
    }
    if cursor.eat_any(&["WARNINGS", "ERRORS"]) { Head::ShowDiagnostics } else { Head::Show }
}

/// First words of statements that change no fact of the session and hide no other statement.
const HARMLESS: [&str; 15] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "SHOW",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "START",
    "WITH",
    "VALUES",
    "DESC",
    "DESCRIBE",
];

/// Whether this text could change session facts (`sql_mode`, character set, database …) or hide a
/// statement that does. Cheap, and usable on text that names no configured table: `false` only where the first
/// word is known to be harmless and the text has no `;` before its end and no `/*! … */`.
///
/// A stored function that changes such a variable is beyond it, as of any proxy.
#[must_use]
pub fn may_change_session(sql: &[u8]) -> bool {
    let text = sql.get(..text_end(sql)).unwrap_or_default();
    if text.is_empty() {
        return false;
    }
    if text.contains(&b';') || has_version_comment(text) {
        return true;
    }
    let Some(text) = skip_blanks(text) else {
        return true;
    };
    let text = text.iter().position(|&byte| byte != b'(').map_or(text, |at| text.get(at..).unwrap_or(text));
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.eq_ignore_ascii_case(b"BEGIN") {
        let rest = rest.trim_ascii();
        return !(rest.is_empty() || rest.eq_ignore_ascii_case(b"WORK"));
    }
    !HARMLESS.iter().any(|harmless| word.eq_ignore_ascii_case(harmless.as_bytes()))
}

fn has_version_comment(text: &[u8]) -> bool {
    text.contains(&b'!')
        && text.windows(4).any(|window| window.starts_with(b"/*!") || window.eq_ignore_ascii_case(b"/*M!"))
}

/// Behind white space and comments; `None` where a comment does not end.
fn skip_blanks(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = text.trim_ascii_start();
        let (mark, end): (usize, &[u8]) = match text {
            [b'/', b'*', ..] => (2, b"*/"),
            [b'-', b'-', ..] | [b'#', ..] => (1, b"\n"),
            _ => return Some(text),
        };
        let body = text.get(mark..)?;
        let at = body.windows(end.len()).position(|window| window == end)?;
        text = body.get(at + end.len()..)?;
    }
}
