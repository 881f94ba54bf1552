//! Strings, quoted identifiers, `x'…'`, `b'…'` and variables.

use super::charset::{char_len, is_ident_byte};
use super::scanner::Scanner;
use super::{LexError, LexErrorKind, TokenKind};
use crate::Charset;

impl Scanner<'_> {
    /// A string whose quote is here; the token begins at `start` (the `N` of `N'…'`).
    pub(super) fn string(&mut self, start: usize) -> Result<(), LexError> {
        self.skip_string()?;
        self.finish(TokenKind::String, start);
        Ok(())
    }

    /// As the servers' `get_text`: a well-formed multi-byte character is skipped whole, a malformed
    /// one byte by byte; a backslash takes one *byte* with it.
    fn skip_string(&mut self) -> Result<(), LexError> {
        let opened = self.pos;
        let unterminated = LexError { kind: LexErrorKind::UnterminatedQuote, offset: opened };
        let quote = self.at(0);
        let escapes = !self.facts.sql_mode.no_backslash_escapes;
        self.pos += 1;
        while let Some(byte) = self.at(0) {
            if byte >= 0x80 {
                let rest = self.sql.get(self.pos..).unwrap_or_default();
                self.pos += char_len(rest, self.facts.charset).max(1);
            } else if byte == b'\\' && escapes {
                if self.at(1).is_none() {
                    return Err(unterminated);
                }
                self.pos += 2;
            } else if Some(byte) == quote {
                self.pos += 1;
                if self.at(0) != quote {
                    return Ok(());
                }
                self.pos += 1;
            } else {
                self.pos += 1;
            }
        }
        Err(unterminated)
    }

    /// `` `a``b` `` or, under ANSI_QUOTES, `"a""b"`. Backslashes mean nothing in it.
    pub(super) fn quoted_ident(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        self.skip_quoted_ident()?;
        self.finish(TokenKind::QuotedIdent, start);
        Ok(())
    }

    fn skip_quoted_ident(&mut self) -> Result<(), LexError> {
        let opened = self.pos;
        let unterminated = LexError { kind: LexErrorKind::UnterminatedQuote, offset: opened };
        let quote = self.at(0);
        self.pos += 1;
        loop {
            match self.at(0) {
                // The servers stop at a NUL byte, and skip what a malformed first byte announces.
                None | Some(0) => return Err(unterminated),
                Some(0x80..) => self.pos += self.known_char()?,
                byte if byte == quote => {
                    self.pos += 1;
                    if self.at(0) != quote {
                        return Ok(());
                    }
                    self.pos += 1;
                }
                Some(_) => self.pos += 1,
            }
        }
    }

    fn known_char(&self) -> Result<usize, LexError> {
        let rest = self.sql.get(self.pos..).unwrap_or_default();
        match char_len(rest, self.facts.charset) {
            0 => Err(self.error(LexErrorKind::AmbiguousCharacter)),
            len => Ok(len),
        }
    }

    /// `x'1F'` or `b'101'`.
    pub(super) fn quoted_digits(&mut self, kind: TokenKind) -> Result<(), LexError> {
        let start = self.pos;
        self.pos += 2;
        let digits = self.pos;
        while let Some(byte) = self.at(0) {
            let is_digit = match kind {
                TokenKind::Hex => byte.is_ascii_hexdigit(),
                _ => matches!(byte, b'0' | b'1'),
            };
            if !is_digit {
                break;
            }
            self.pos += 1;
        }
        let odd = kind == TokenKind::Hex && (self.pos - digits) % 2 == 1;
        if self.at(0) != Some(b'\'') || odd {
            return Err(self.error(LexErrorKind::MalformedLiteral));
        }
        self.pos += 1;
        self.finish(kind, start);
        Ok(())
    }

    /// `@a`, `` @`a` ``, `@'a'`, `@@a`, `@@session.a`.
    pub(super) fn variable(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        self.pos += 1;
        match self.at(0) {
            Some(b'@') => return self.system_variable(start),
            Some(b'`') => self.skip_quoted_ident()?,
            Some(b'"') if self.facts.sql_mode.ansi_quotes => self.skip_quoted_ident()?,
            Some(b'\'' | b'"') => self.skip_string()?,
            _ => {
                while let Some(byte) = self.at(0) {
                    match byte {
                        b'.' => self.pos += 1,
                        _ if is_ident_byte(byte) => self.pos += 1,
                        // Elsewhere whether it goes on depends on the character set.
                        0x80.. if self.facts.charset != Charset::Utf8 => {
                            return Err(self.error(LexErrorKind::AmbiguousCharacter));
                        }
                        0x80.. => self.pos += self.high_char()?,
                        _ => break,
                    }
                }
            }
        }
        self.finish(TokenKind::UserVar, start);
        Ok(())
    }

    /// The second `@` is here. Takes `@@session.a` whole.
    fn system_variable(&mut self, start: usize) -> Result<(), LexError> {
        self.pos += 1;
        loop {
            let name = self.pos;
            match self.at(0) {
                Some(b'`') => self.skip_quoted_ident()?,
                _ => self.skip_word()?,
            }
            if self.pos == name {
                return Err(self.error(LexErrorKind::MalformedVariable));
            }
            let more = self.at(1).is_some_and(|b| is_ident_byte(b) || b >= 0x80 || b == b'`');
            if self.at(0) != Some(b'.') || !more {
                break;
            }
            self.pos += 1;
        }
        self.finish(TokenKind::SysVar, start);
        Ok(())
    }
}
