//! A statement that was read, but not planned: nothing in it depends on a phase.

use std::{ops::Range, sync::Arc};

use topology::TableId;

use crate::{
    Head,
    crosscheck::Verdict,
    lex::Token,
    questions::Question,
    resolve::Named,
    syntax::{Parsed, Shape, Source},
};

/// One statement of a text.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) text: Vec<u8>,
    pub(crate) range: Range<usize>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) form: Arc<Form>,
}

/// What reading finds in a statement. It knows tokens by their index, and no value: where it asks nothing of the
/// statement before it, it is the same for all statements of the same form.
#[derive(Debug, PartialEq)]
pub(crate) struct Form {
    pub(crate) head: Head,
    /// By [`crate::syntax::match_parentheses`].
    pub(crate) partner: Vec<usize>,
    /// The tokens that are `?`.
    pub(crate) placeholders: Vec<usize>,
    pub(crate) parsed: Parsed,
    pub(crate) verdict: Verdict,
    /// What each of [`Parsed::tables`] names.
    pub(crate) named: Vec<Named>,
    /// The configured tables that it may touch.
    pub(crate) tables: Vec<TableId>,
    /// It may write what Shunt keeps in schema `shunt`.
    pub(crate) control: bool,
    pub(crate) question: Question,
}

impl Statement {
    /// Its text, without the `;` that ends it.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its tokens; none where its text is not understood.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Where it stands in what was read.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What it does to its session, by the lexer alone.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.form.head
    }

    /// What it asks about the statement before it.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.form.question
    }

    /// The configured tables that it may touch.
    #[must_use]
    pub fn tables(&self) -> &[TableId] {
        &self.form.tables
    }

    /// A locking clause stands anywhere in it, also behind a parenthesised UNION.
    pub(crate) fn locks(&self) -> bool {
        let source = self.source();
        (0..source.len()).any(|i| {
            source.word(i, "FOR") && source.any_word(i + 1, &["UPDATE", "SHARE"])
                || source.words(i, &["LOCK", "IN"])
        })
    }

    pub(crate) fn may_write(&self) -> bool {
        let reads = match self.form.parsed.shape {
            Shape::Query | Shape::Expressions(_) => {
                self.form.parsed.blocks.iter().all(|block| block.lock.is_none())
            }
            Shape::Shows | Shape::Harmless | Shape::TextPrepare => true,
            _ => false,
        };
        !reads
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source::new(&self.text, &self.tokens, &self.form.partner)
    }
}
