//! The scanner's main loop: which kind of token begins at a byte.

use super::charset::{char_len, is_ambiguous, is_ident_byte, is_space, is_space_or_control};
use super::{LexError, LexErrorKind, Token, TokenKind, text, text_end};
use crate::{Charset, Facts};

/// Operators of more than one byte, longest first.
const OPERATORS: [&[u8]; 12] =
    [b"<=>", b"->>", b"->", b"<=", b">=", b"<>", b"!=", b"<<", b">>", b":=", b"||", b"&&"];

/// The state of one run over a text.
pub(super) struct Scanner<'a> {
    pub(super) sql: &'a [u8],
    pub(super) facts: &'a Facts,
    pub(super) pos: usize,
    /// Within an executed `/*! … */`.
    pub(super) in_version_comment: bool,
    /// The next byte begins an identifier whatever it is: `1b` in `a.1b`.
    ident_next: bool,
    tokens: Vec<Token>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(sql: &'a [u8], facts: &'a Facts) -> Result<Self, LexError> {
        let refuse = |kind| Err(LexError { kind, offset: 0 });
        if facts.charset == Charset::Unknown {
            return refuse(LexErrorKind::UnknownCharset);
        }
        if facts.sql_mode.oracle {
            return refuse(LexErrorKind::OracleMode);
        }
        Ok(Self {
            sql: sql.get(..text_end(sql)).unwrap_or(sql),
            facts,
            pos: 0,
            in_version_comment: false,
            ident_next: false,
            // A token is rarely shorter than four bytes with the white space around it.
            tokens: Vec::with_capacity(sql.len() / 4 + 8),
        })
    }

    pub(super) fn run(mut self) -> Result<Vec<Token>, LexError> {
        while let Some(byte) = self.at(0) {
            self.step(byte)?;
        }
        if self.in_version_comment {
            return Err(self.error(LexErrorKind::UnterminatedComment));
        }
        text::mark_introducers(self.sql, &mut self.tokens);
        Ok(self.tokens)
    }

    /// Reads one token, or the white space at this byte.
    fn step(&mut self, byte: u8) -> Result<(), LexError> {
        let start = self.pos;
        if std::mem::take(&mut self.ident_next) {
            return self.word();
        }
        match byte {
            _ if is_space(byte) => {
                self.pos += 1;
                Ok(())
            }
            b'\'' => self.string(start),
            b'"' if self.facts.sql_mode.ansi_quotes => self.quoted_ident(),
            b'"' => self.string(start),
            b'`' => self.quoted_ident(),
            b'n' | b'N' if self.at(1) == Some(b'\'') => {
                self.pos += 1;
                self.string(start)
            }
            b'x' | b'X' if self.at(1) == Some(b'\'') => self.quoted_digits(TokenKind::Hex),
            b'b' | b'B' if self.at(1) == Some(b'\'') => self.quoted_digits(TokenKind::Bit),
            b'0'..=b'9' => self.number(),
            b'.' => self.dot(),
            b'#' => self.line_comment(),
            b'-' if self.at(1) == Some(b'-') && self.at(2).is_none_or(is_space_or_control) => {
                self.line_comment()
            }
            b'/' if self.at(1) == Some(b'*') => self.block_comment(),
            b'*' if self.in_version_comment && self.at(1) == Some(b'/') => {
                self.in_version_comment = false;
                self.push(TokenKind::Comment, 2)
            }
            b'@' => self.variable(),
            b'?' => self.push(TokenKind::Param, 1),
            0 => Err(self.error(LexErrorKind::AmbiguousCharacter)),
            _ if is_ident_byte(byte) || byte >= 0x80 => self.word(),
            _ => self.operator(),
        }
    }

    /// A bare identifier or keyword.
    pub(super) fn word(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        self.skip_word()?;
        if self.at_dollar_quote(start) {
            return Err(LexError { kind: LexErrorKind::DollarQuote, offset: start });
        }
        self.finish(TokenKind::Ident, start);
        self.ident_next = false;
        self.dot_after_ident()
    }

    /// Skips the bytes of a bare identifier.
    pub(super) fn skip_word(&mut self) -> Result<(), LexError> {
        while let Some(byte) = self.at(0) {
            if is_ident_byte(byte) {
                self.pos += 1;
            } else if byte >= 0x80 {
                self.pos += self.high_char()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Bytes of the multi-byte character here, which must be certain.
    pub(super) fn high_char(&self) -> Result<usize, LexError> {
        let rest = self.sql.get(self.pos..).unwrap_or_default();
        let len = char_len(rest, self.facts.charset);
        let ambiguous =
            self.facts.charset == Charset::SingleByte && rest.first().copied().is_some_and(is_ambiguous);
        if len == 0 || ambiguous {
            return Err(self.error(LexErrorKind::AmbiguousCharacter));
        }
        Ok(len)
    }

    /// Directly behind a bare identifier a point and what follows belong to a qualified name, even
    /// if it begins with a digit: `a.1b`, `2020_sales.2`.
    fn dot_after_ident(&mut self) -> Result<(), LexError> {
        if self.at(0) == Some(b'.') && self.at(1).is_some_and(|b| is_ident_byte(b) || b >= 0x80) {
            self.ident_next = true;
            self.push(TokenKind::Operator, 1)?;
        }
        Ok(())
    }

    /// A point that follows no bare identifier: `.5` is a number, else the next is an identifier.
    fn dot(&mut self) -> Result<(), LexError> {
        match self.at(1) {
            Some(b'0'..=b'9') => self.fraction(self.pos),
            Some(next) => {
                self.ident_next = is_ident_byte(next) || next >= 0x80;
                self.push(TokenKind::Operator, 1)
            }
            None => self.push(TokenKind::Operator, 1),
        }
    }

    fn operator(&mut self) -> Result<(), LexError> {
        let rest = self.sql.get(self.pos..).unwrap_or_default();
        let alone = matches!(rest.first(), Some(b',' | b'(' | b')' | b';' | b'+' | b'*' | b'/' | b'='));
        let len = match alone {
            true => 1,
            false => OPERATORS.iter().find(|op| rest.starts_with(op)).map_or(1, |op| op.len()),
        };
        self.push(TokenKind::Operator, len)
    }

    /// MySQL 9 reads `$tag$ … $tag$` as a string (the body of a JavaScript routine).
    fn at_dollar_quote(&self, start: usize) -> bool {
        let word = self.sql.get(start..self.pos).unwrap_or_default();
        !self.facts.server.mariadb
            && word.first() == Some(&b'$')
            && word.iter().skip(1).any(|&byte| byte == b'$')
    }

    /// The byte `ahead` of here.
    pub(super) fn at(&self, ahead: usize) -> Option<u8> {
        self.sql.get(self.pos + ahead).copied()
    }

    /// Takes the next `len` bytes as a token.
    #[allow(clippy::unnecessary_wraps)] // so that it ends a branch of `step`
    pub(super) fn push(&mut self, kind: TokenKind, len: usize) -> Result<(), LexError> {
        let start = self.pos;
        self.pos += len;
        self.finish(kind, start);
        Ok(())
    }

    /// Takes the bytes from `start` to here as a token.
    pub(super) fn finish(&mut self, kind: TokenKind, start: usize) {
        let in_version_comment = self.in_version_comment && kind != TokenKind::Comment;
        self.tokens.push(Token { kind, start, end: self.pos, in_version_comment });
    }

    pub(super) fn error(&self, kind: LexErrorKind) -> LexError {
        LexError { kind, offset: self.pos }
    }
}
