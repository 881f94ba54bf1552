//! Comments: which are comments for this server, and which it executes.

use super::charset::is_space;
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
        let (mark, own) = match (self.at(2), self.at(3)) {
            (Some(b'!'), _) => (3, false),
            (Some(b'M'), Some(b'!')) if self.facts.server.mariadb => (4, true),
            (Some(b'+'), _) => return self.plain_comment(TokenKind::Hint),
            _ => return self.plain_comment(TokenKind::Comment),
        };
        if self.in_version_comment && !self.skips(mark, own)? {
            return Err(self.error(LexErrorKind::NestedVersionComment));
        }
        self.pos += mark;
        if self.version()?.is_some_and(|(version, _)| !executes(self.facts.server, version, own)) {
            self.skip_to_close(1)?;
        } else {
            self.pos += self.version()?.map_or(0, |(_, digits)| digits);
            self.in_version_comment = true;
        }
        self.finish(TokenKind::Comment, start);
        Ok(())
    }

    /// `/* … */` ends at the first `*/`, a hint too, whatever quotes are in it.
    fn plain_comment(&mut self, kind: TokenKind) -> Result<(), LexError> {
        let start = self.pos;
        self.pos += 2;
        self.skip_to_close(0)?;
        self.finish(kind, start);
        Ok(())
    }

    /// The version comment here, whose mark has `mark` bytes, is not executed.
    fn skips(&mut self, mark: usize, own: bool) -> Result<bool, LexError> {
        self.pos += mark;
        let version = self.version()?;
        self.pos -= mark;
        Ok(version.is_some_and(|(version, _)| !executes(self.facts.server, version, own)))
    }

    /// The version at this byte and how many digits it has: five or six. MySQL takes a sixth digit
    /// into account only before white space (9.7; older servers differ): else not understood.
    fn version(&self) -> Result<Option<(u32, usize)>, LexError> {
        let digit = |ahead| match self.at(ahead) {
            Some(byte @ b'0'..=b'9') => Some(u32::from(byte - b'0')),
            _ => None,
        };
        let Some(five) = (0..5).try_fold(0, |number, ahead| Some(number * 10 + digit(ahead)?)) else {
            return Ok(None);
        };
        let Some(sixth) = digit(5) else {
            return Ok(Some((five, 5)));
        };
        if !self.facts.server.mariadb && !self.at(6).is_some_and(is_space) {
            return Err(self.error(LexErrorKind::AmbiguousVersion));
        }
        Ok(Some((five * 10 + sixth, 6)))
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
}

/// Whether `/*!version` (`own`: `/*M!version`) is executed. In `/*!` MariaDB leaves out the versions
/// that only MySQL has: 5.7 to 9.99.
fn executes(server: Server, version: u32, own: bool) -> bool {
    let others = server.mariadb && !own && (50_700..=99_999).contains(&version);
    version <= server.version && !others
}
