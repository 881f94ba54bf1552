//! The forms of statements that were read before. An application sends the same few hundred, with other values.
//!
//! Two statements have the same form if all their tokens are equal but for the values of literals, under the same
//! facts. The reader and the cross-check look at the kind of a literal and never at its value, so what they found for
//! one holds for the other; `tests/forms.rs` shows it for every statement there is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use dashmap::DashMap;

use crate::{
    Facts, Head, Question, SqlMode,
    crosscheck::Verdict,
    lex::{Token, TokenKind},
    statement::Form,
};

/// So many forms are kept. An application with more of them is one that writes lists of values of every length.
const FORMS_MAX: usize = 4_096;

/// A longer form is not kept: it takes room, and reading it is a small part of what the statement costs.
const FORM_BYTES_MAX: usize = 4_096;

/// Forms by their [`key`].
#[derive(Debug, Default)]
pub(crate) struct Forms {
    known: DashMap<Box<[u8]>, Arc<Form>>,
    /// How many there are, as [`DashMap::len`] locks all of it.
    count: AtomicUsize,
}

impl Forms {
    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Form>> {
        self.known.get(key).map(|form| Arc::clone(&form))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Keeps a form, if nothing in it depends on values. When there are too many, all go: those in use are soon
    /// back.
    pub(crate) fn keep(&self, key: Vec<u8>, form: &Arc<Form>) {
        let dml =
            matches!(form.head, Head::Select | Head::Insert | Head::Replace | Head::Update | Head::Delete);
        let agreed = matches!(form.verdict, Verdict::Agreed(_));
        if !dml || !agreed || form.question != Question::Nothing {
            return;
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= FORMS_MAX {
            self.count.store(0, Ordering::Relaxed);
            self.known.clear();
        }
        self.known.insert(key.into_boxed_slice(), Arc::clone(form));
    }
}

/// All of a statement but the values of its literals, with all that its reading depends on. `None`: too long to keep.
pub(crate) fn key(text: &[u8], tokens: &[Token], facts: &Facts) -> Option<Vec<u8>> {
    if text.len() > FORM_BYTES_MAX {
        return None;
    }
    let mut key = Vec::with_capacity(2 * text.len() + 64);
    put_facts(&mut key, facts);
    let mut end = None;
    for token in tokens {
        let touches = end == Some(token.start);
        end = Some(token.end);
        let flags = u8::from(touches) | u8::from(token.in_version_comment) << 1;
        key.extend([token.kind as u8, flags]);
        if !is_literal(token.kind) {
            put(&mut key, token.bytes(text));
        }
    }
    Some(key)
}

/// What stands for itself and names nothing.
const fn is_literal(kind: TokenKind) -> bool {
    match kind {
        TokenKind::String
        | TokenKind::Hex
        | TokenKind::Bit
        | TokenKind::Integer
        | TokenKind::Decimal
        | TokenKind::Float => true,
        TokenKind::Ident
        | TokenKind::QuotedIdent
        | TokenKind::Introducer
        | TokenKind::Param
        | TokenKind::UserVar
        | TokenKind::SysVar
        | TokenKind::Operator
        | TokenKind::Hint
        | TokenKind::Comment => false,
    }
}

fn put_facts(key: &mut Vec<u8>, facts: &Facts) {
    let Facts {
        database,
        sql_mode,
        without_full_group_by: _, // planning alone asks for it
        charset,
        server,
        lower_case_table_names,
        multi_statements,
        auto_increment_increment: _, // likewise
        auto_increment_offset: _,    // likewise
        safe_updates: _,             // likewise
        binary_rows: _,              // likewise
    } = facts;
    let SqlMode {
        ansi_quotes,
        no_backslash_escapes,
        pipes_as_concat,
        ignore_space,
        high_not_precedence,
        no_auto_value_on_zero: _, // likewise
        oracle,
    } = sql_mode;
    let flags = [
        database.is_some(),
        *ansi_quotes,
        *no_backslash_escapes,
        *pipes_as_concat,
        *ignore_space,
        *high_not_precedence,
        *oracle,
        server.mariadb,
        *lower_case_table_names,
        *multi_statements,
    ];
    key.extend(flags.map(u8::from));
    key.push(*charset as u8);
    key.extend(server.version.to_le_bytes());
    put(key, database.as_deref().unwrap_or_default().as_bytes());
}

/// With its length, so that no two sequences of pieces make the same key.
fn put(key: &mut Vec<u8>, bytes: &[u8]) {
    key.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
    key.extend_from_slice(bytes);
}
