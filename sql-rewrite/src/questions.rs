//! What a statement asks about the one before it: ROW_COUNT(), FOUND_ROWS(), @@warning_count,
//! @@error_count, SHOW WARNINGS, SHOW ERRORS, GET DIAGNOSTICS.
//!
//! Home answers for *its* last statement. Where that was one of Shunt's own, the answer for the
//! client's is put into the text: `ROW_COUNT()` becomes `IF(TRUE,5,ROW_COUNT())`. That has the value
//! of the constant, and on both servers the type, length and flags of what it replaces; the
//! function is still named, so MySQL still warns that FOUND_ROWS() is deprecated. Only the name of a
//! column without an alias differs, which [`Respelled::names`] undoes.

mod answers;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};

use crate::{
    DdlObject, DynamicText, Head,
    cursor::Cursor,
    lex::{Token, TokenKind, ident_text, is_op, is_word, word_in},
    literal::exact_integer,
};

pub use answers::{Answers, Respelled, Told, refuse_lost_answer, refuse_question};

/// The words without which a text asks nothing.
const WORDS: [&str; 7] =
    ["row_count", "found_rows", "warning_count", "error_count", "warnings", "errors", "diagnostics"];

/// The first so many of them stand for values.
const VALUES: usize = 4;

/// `None` cannot be: seven words fit any automaton. Then every text may ask.
static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasickBuilder::new().ascii_case_insensitive(true).build(WORDS).ok());

/// What a text may ask about the statement before it; each `false` is certain, in every
/// ASCII-compatible character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MayAsk {
    /// ROW_COUNT(), GET DIAGNOSTICS
    pub row_count: bool,
    /// FOUND_ROWS()
    pub found_rows: bool,
    /// @@warning_count, @@error_count, SHOW WARNINGS, SHOW ERRORS, GET DIAGNOSTICS
    pub conditions: bool,
}

impl MayAsk {
    /// Looks through a text.
    #[must_use]
    pub fn of(sql: &[u8]) -> Self {
        let Some(finder) = FINDER.as_ref() else {
            return Self { row_count: true, found_rows: true, conditions: true };
        };
        finder.find_iter(sql).fold(Self::default(), |may, found| match WORDS[found.pattern().as_usize()] {
            "row_count" => Self { row_count: true, ..may },
            "found_rows" => Self { found_rows: true, ..may },
            "diagnostics" => Self { row_count: true, conditions: true, ..may },
            _ => Self { conditions: true, ..may },
        })
    }

    /// Anything.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// What a statement asks about the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Nothing.
    Nothing,
    /// SHOW WARNINGS and its like.
    Show(Show),
    /// GET DIAGNOSTICS.
    Diagnostics,
    /// Values in its expressions.
    Values(Vec<Place>),
    /// Values, where none can be put: a statement that is not understood, or runs another text.
    Hidden,
}

/// SHOW [COUNT(*)] WARNINGS or ERRORS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Show {
    /// ERRORS: only conditions of that level.
    pub errors: bool,
    /// COUNT(*).
    pub count: bool,
    /// Which rows: how many are left out, and how many follow. `None`: the LIMIT is not two integers.
    pub rows: Option<(u64, u64)>,
}

/// Where a value is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which one.
    pub asked: Asked,
    range: Range<usize>,
}

/// A value that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// ROW_COUNT()
    RowCount,
    /// FOUND_ROWS()
    FoundRows,
    /// @@warning_count
    Warnings,
    /// @@error_count
    Errors,
}

/// What a statement asks. `tokens` are those of `text`.
pub(crate) fn question(text: &[u8], tokens: &[Token], head: &Head) -> Question {
    match head {
        Head::ShowDiagnostics => Question::Show(show(text, tokens)),
        Head::GetDiagnostics => Question::Diagnostics,
        Head::ExecuteImmediate { text: DynamicText::Literal(inner) } if may_name_value(inner) => {
            Question::Hidden
        }
        _ => match (places(text, tokens), use_of(head)) {
            (places, Use::Evaluates) if !places.is_empty() => Question::Values(places),
            (places, Use::Hides) if !places.is_empty() => Question::Hidden,
            _ => Question::Nothing,
        },
    }
}

/// What a statement asks whose tokens are not known.
pub(crate) fn question_of_unknown(text: &[u8], head: &Head) -> Question {
    if use_of(head) != Use::Leaves && may_name_value(text) { Question::Hidden } else { Question::Nothing }
}

fn may_name_value(text: &[u8]) -> bool {
    FINDER
        .as_ref()
        .is_none_or(|finder| finder.find_iter(text).any(|found| found.pattern().as_usize() < VALUES))
}

/// What a statement does with a value in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Evaluates it once, in place.
    Evaluates,
    /// Keeps it as text, or only explains it.
    Leaves,
    /// Evaluates it where no answer can be put, or gives a column its name.
    Hides,
}

fn use_of(head: &Head) -> Use {
    match head {
        Head::Select
        | Head::Insert
        | Head::Replace
        | Head::Update
        | Head::Delete
        | Head::Set
        | Head::Do
        | Head::Call => Use::Evaluates,
        Head::SetStatement(inner) => use_of(inner),
        Head::Explain { analyze: true, inner: Some(inner) } if **inner != Head::Select => Use::Hides,
        Head::Ddl { object: DdlObject::View | DdlObject::Routine, .. }
        | Head::Prepare { .. }
        | Head::Explain { .. }
        | Head::Empty => Use::Leaves,
        _ => Use::Hides,
    }
}

fn places(text: &[u8], tokens: &[Token]) -> Vec<Place> {
    (0..tokens.len()).filter_map(|i| place(text, tokens, i)).collect()
}

fn place(text: &[u8], tokens: &[Token], i: usize) -> Option<Place> {
    let token = tokens.get(i)?;
    match token.kind {
        TokenKind::SysVar => variable(text, tokens, i),
        TokenKind::Ident | TokenKind::QuotedIdent => call(text, tokens, i),
        _ => None,
    }
}

/// `ROW_COUNT()`, with any white space; not `db.row_count()`.
fn call(text: &[u8], tokens: &[Token], i: usize) -> Option<Place> {
    let name = ident_text(text, tokens.get(i)?);
    let asked = match () {
        () if name.eq_ignore_ascii_case(b"ROW_COUNT") => Asked::RowCount,
        () if name.eq_ignore_ascii_case(b"FOUND_ROWS") => Asked::FoundRows,
        () => return None,
    };
    let close = tokens.get(i + 2)?;
    let called = is_op(text, tokens.get(i + 1)?, "(") && is_op(text, close, ")");
    let before = i.checked_sub(1).and_then(|at| tokens.get(at));
    let named = before.is_some_and(|before| is_op(text, before, ".") || is_word(text, before, "CALL"));
    (called && !named).then_some(Place { asked, range: tokens[i].start..close.end })
}

/// `@@warning_count`, `@@session.warning_count`, `@@local . error_count`.
fn variable(text: &[u8], tokens: &[Token], i: usize) -> Option<Place> {
    let token = tokens.get(i)?;
    let spelled: Vec<u8> = token.bytes(text).iter().copied().filter(|byte| *byte != b'`').collect();
    let mut parts = spelled.get(2..)?.split(|byte| *byte == b'.');
    let is_scope = |part: &[u8]| part.eq_ignore_ascii_case(b"session") || part.eq_ignore_ascii_case(b"local");
    let (first, second) = (parts.next()?, parts.next());
    let apart = || is_op(text, tokens.get(i + 1)?, ".").then(|| tokens.get(i + 2))?;
    let (name, end) = match second {
        Some(name) if is_scope(first) => (name.to_vec(), token.end),
        Some(_) => return None,
        None if is_scope(first) => {
            let name = apart()?;
            (ident_text(text, name).into_owned(), name.end)
        }
        None => (first.to_vec(), token.end),
    };
    let asked = match () {
        () if name.eq_ignore_ascii_case(b"warning_count") => Asked::Warnings,
        () if name.eq_ignore_ascii_case(b"error_count") => Asked::Errors,
        () => return None,
    };
    Some(Place { asked, range: token.start..end })
}

fn show(text: &[u8], tokens: &[Token]) -> Show {
    let count = tokens.iter().any(|token| is_word(text, token, "COUNT"));
    let errors = tokens.iter().any(|token| is_word(text, token, "ERRORS"));
    let kind = tokens.iter().position(|token| word_in(text, token, &["WARNINGS", "ERRORS"]));
    let rest = kind.and_then(|at| tokens.get(at + 1..)).unwrap_or_default();
    Show { errors, count, rows: limit(text, rest) }
}

/// Nothing, `LIMIT n`, `LIMIT offset, n`, `LIMIT n OFFSET offset`.
fn limit(text: &[u8], tokens: &[Token]) -> Option<(u64, u64)> {
    let mut cursor = Cursor::new(text, tokens);
    if cursor.at_end() {
        return Some((0, u64::MAX));
    }
    let number = |cursor: &mut Cursor<'_>| {
        let token = cursor.next()?;
        exact_integer(text, std::slice::from_ref(token)).and_then(|number| u64::try_from(number).ok())
    };
    if !cursor.eat("LIMIT") {
        return None;
    }
    let first = number(&mut cursor)?;
    let rows = match () {
        () if cursor.eat_op(",") => (first, number(&mut cursor)?),
        () if cursor.eat("OFFSET") => (number(&mut cursor)?, first),
        () => (0, first),
    };
    cursor.at_end().then_some(rows)
}
