//! Comments: which are comments for this server, and which it executes.

use super::scanner::Scanner;
use super::{LexError, LexErrorKind, TokenKind};
use crate::Server;

impl Scanner<'_> {
    /// `# …` or `-- …`, up to the end of the line (or to a NUL byte, where the servers stop too).
    pub(super) fn line_comment(&mut self) -> Result<(), LexError> {
        let rest = self.sql.get(self.pos..).unwrap_or_default();
        let len = rest.iter().position(|&b| b == b'\n' || b == 0).unwrap_or(rest.len());
        self.push(TokenKind::Comment, len)
    }

    /// `/* … */`, `/*+ … */`, `/*! … */`, `/*M! … */`.
    pub(super) fn block_comment(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        let mark = match (self.at(2), self.at(3)) {
            (Some(b'!'), _) => 3,
            (Some(b'M'), Some(b'!')) if self.facts.server.mariadb => 4,
            (Some(b'+'), _) => return self.hint(),
            _ => {
                self.pos += 2;
                self.skip_to_close(0)?;
                self.finish(TokenKind::Comment, start);
                return Ok(());
            }
        };
        if self.in_version_comment {
            return Err(self.error(LexErrorKind::NestedVersionComment));
        }
        self.pos += mark;
        match self.version() {
            Some((version, digits)) if !executes(self.facts.server, version) => {
                self.pos += digits;
                self.skip_to_close(1)?;
            }
            version => {
                self.pos += version.map_or(0, |(_, digits)| digits);
                self.in_version_comment = true;
            }
        }
        self.finish(TokenKind::Comment, start);
        Ok(())
    }

    /// The version at this byte and how many digits it has: five or six.
    fn version(&self) -> Option<(u32, usize)> {
        let digit = |ahead| match self.at(ahead) {
            Some(byte @ b'0'..=b'9') => Some(u32::from(byte - b'0')),
            _ => None,
        };
        let five = (0..5).try_fold(0, |number, ahead| Some(number * 10 + digit(ahead)?))?;
        Some(digit(5).map_or((five, 5), |sixth| (five * 10 + sixth, 6)))
    }

    /// Skips to behind `*/`; comments within are skipped too, `nesting` deep.
    fn skip_to_close(&mut self, nesting: u32) -> Result<(), LexError> {
        loop {
            match (self.at(0), self.at(1)) {
                (None, _) => return Err(self.error(LexErrorKind::UnterminatedComment)),
                (Some(b'*'), Some(b'/')) => {
                    self.pos += 2;
                    return Ok(());
                }
                (Some(b'/'), Some(b'*')) if nesting > 0 => {
                    self.pos += 2;
                    self.skip_to_close(nesting - 1)?;
                }
                _ => self.pos += 1,
            }
        }
    }

    /// `/*+ … */`. Where quotes in it could hide its end, it is not understood.
    fn hint(&mut self) -> Result<(), LexError> {
        let start = self.pos;
        self.pos += 3;
        self.skip_to_close(0)?;
        let inner = self.sql.get(start..self.pos).unwrap_or_default();
        let unbalanced = [b'`', b'"', b'\'']
            .iter()
            .any(|quote| inner.iter().filter(|&byte| byte == quote).count() % 2 == 1);
        if unbalanced {
            return Err(LexError { kind: LexErrorKind::UnterminatedQuote, offset: start });
        }
        self.finish(TokenKind::Hint, start);
        Ok(())
    }
}

/// Whether `/*!version` is executed. MariaDB leaves out MySQL's own versions 5.7 to 9.99.
fn executes(server: Server, version: u32) -> bool {
    version <= server.version && !(server.mariadb && (50_700..=99_999).contains(&version))
}
