//! Reading tokens one after the other by their words, for what needs no parser.

use std::borrow::Cow;

use crate::Facts;
use crate::lex::{Token, TokenKind, ident_text, is_op, is_word, string_value, word_in};

/// A place in a statement's tokens; optimizer hints are stepped over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) sql: &'a [u8],
    tokens: &'a [Token],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(sql: &'a [u8], tokens: &'a [Token]) -> Self {
        Self { sql, tokens }
    }

    /// The token here.
    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.iter().find(|token| token.kind != TokenKind::Hint)
    }

    /// Steps over the token here and returns it.
    pub(crate) fn next(&mut self) -> Option<&'a Token> {
        let at = self.tokens.iter().position(|token| token.kind != TokenKind::Hint)?;
        let (token, rest) = self.tokens.get(at..)?.split_first()?;
        self.tokens = rest;
        Some(token)
    }

    /// Nothing is left.
    pub(crate) fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// The tokens that are left.
    pub(crate) fn rest(&self) -> &'a [Token] {
        self.tokens
    }

    /// The token here is this word.
    pub(crate) fn at(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| is_word(self.sql, token, word))
    }

    /// Steps over this word if it is here.
    pub(crate) fn eat(&mut self, word: &str) -> bool {
        self.eat_if(|sql, token| is_word(sql, token, word))
    }

    /// Steps over one of these words if it is here.
    pub(crate) fn eat_any(&mut self, words: &[&str]) -> bool {
        self.eat_if(|sql, token| word_in(sql, token, words))
    }

    /// Steps over this operator if it is here.
    pub(crate) fn eat_op(&mut self, op: &str) -> bool {
        self.eat_if(|sql, token| is_op(sql, token, op))
    }

    fn eat_if(&mut self, wanted: impl Fn(&[u8], &Token) -> bool) -> bool {
        let found = self.peek().is_some_and(|token| wanted(self.sql, token));
        if found {
            self.next();
        }
        found
    }

    /// Steps over these words if all are here, in order.
    pub(crate) fn eat_all(&mut self, words: &[&str]) -> bool {
        let mut ahead = *self;
        let found = words.iter().all(|word| ahead.eat(word));
        if found {
            *self = ahead;
        }
        found
    }

    /// Steps over an identifier and returns its name.
    pub(crate) fn ident(&mut self) -> Option<Cow<'a, [u8]>> {
        let token = self.peek()?;
        if !matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent) {
            return None;
        }
        self.next();
        Some(ident_text(self.sql, token))
    }

    /// The rest is one string (adjacent literals are joined) and nothing else: its bytes.
    pub(crate) fn only_string(&self, facts: &Facts) -> Option<Vec<u8>> {
        let mut ahead = *self;
        let mut text = Vec::new();
        let mut any = false;
        while let Some(token) = ahead.next() {
            // `N'…'` is converted from utf8 whatever the client's character set is.
            if token.kind != TokenKind::String || token.bytes(self.sql).starts_with(b"N") {
                return None;
            }
            text.extend_from_slice(&string_value(self.sql, token, facts));
            any = true;
        }
        any.then_some(text)
    }
}
