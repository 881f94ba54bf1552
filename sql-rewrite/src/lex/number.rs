//! Numbers, and identifiers that begin with a digit.

use super::charset::is_ident_byte;
use super::scanner::Scanner;
use super::{LexError, LexErrorKind, TokenKind};

impl Scanner<'_> {
    /// `12`, `0x1F`, `0b1`, `1.5`, `1e5`, or an identifier such as `2020_sales`.
    pub(super) fn number(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        if self.at(0) == Some(b'0')
            && let Some(prefix @ (b'x' | b'b')) = self.at(1)
        {
            return self.prefixed(prefix);
        }
        self.skip_digits();
        match self.at(0) {
            Some(b'e' | b'E') if self.exponent_len().is_some() => self.exponent(start),
            Some(byte) if is_ident_byte(byte) || byte >= 0x80 => {
                self.pos = start;
                self.word()
            }
            Some(b'.') => self.fraction(start),
            _ => {
                self.finish(TokenKind::Integer, start);
                Ok(())
            }
        }
    }

    /// From `start` on a number whose point is here.
    pub(super) fn fraction(&mut self, start: usize) -> Result<(), LexError> {
        self.pos += 1;
        self.skip_digits();
        match self.at(0) {
            Some(b'e' | b'E') if self.exponent_len().is_some() => self.exponent(start),
            Some(b'e' | b'E') => Err(self.error(LexErrorKind::MalformedNumber)),
            _ => {
                self.finish(TokenKind::Decimal, start);
                Ok(())
            }
        }
    }

    /// `0x1F` or `0b1`, or an identifier that begins so. An upper-case `0X` never is a number.
    fn prefixed(&mut self, prefix: u8) -> Result<(), LexError> {
        let start = self.pos;
        let (kind, is_digit): (_, fn(&u8) -> bool) = if prefix == b'x' {
            (TokenKind::Hex, u8::is_ascii_hexdigit)
        } else {
            (TokenKind::Bit, |byte| matches!(byte, b'0' | b'1'))
        };
        self.pos += 2;
        while self.at(0).is_some_and(|byte| is_digit(&byte)) {
            self.pos += 1;
        }
        if self.pos > start + 2 && !self.at(0).is_some_and(|b| is_ident_byte(b) || b >= 0x80) {
            self.finish(kind, start);
            return Ok(());
        }
        self.pos = start;
        self.word()
    }

    /// Bytes of `e`, sign and first digit, if they are an exponent.
    fn exponent_len(&self) -> Option<usize> {
        match (self.at(1), self.at(2)) {
            (Some(b'0'..=b'9'), _) => Some(2),
            (Some(b'+' | b'-'), Some(b'0'..=b'9')) => Some(3),
            _ => None,
        }
    }

    fn exponent(&mut self, start: usize) -> Result<(), LexError> {
        self.pos += self.exponent_len().unwrap_or(1);
        self.skip_digits();
        self.finish(TokenKind::Float, start);
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.at(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.pos += 1;
        }
    }
}
