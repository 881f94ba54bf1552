//! The lexer: the client's bytes into tokens with byte offsets, where the server would put them.
//!
//! It works on bytes because `character_set_client` decides where a string ends (in GBK the bytes
//! `0xBF5C` are one character and the quote after them closes the string), and it follows the
//! servers' own lexer (`sql/sql_lex.cc`, the same in MySQL and MariaDB but for what is named here)
//! rather than the manual. What the servers would read in a way that cannot be known from
//! [`Facts`], or only reject, is a [`LexError`]: such a text is *not understood* (I8).

mod charset;
mod comment;
mod number;
mod quoted;
mod scanner;
mod text;
mod token;

use crate::Facts;

pub use charset::char_len;
pub use text::{ident_text, is_op, is_word, string_value, word_in};
pub use token::{LexError, LexErrorKind, Token, TokenKind};

/// The tokens of `sql` without comments: between two of them, and before and behind, is nothing
/// but white space, comments and, at the end, `;` ([`text_end`]). Optimizer hints are tokens ([`TokenKind::Hint`]); what stands in
/// a version comment that this server executes is marked [`Token::in_version_comment`].
///
/// # Errors
/// Where the server's reading of the text is not known for sure, or is a syntax error.
pub fn lex(sql: &[u8], facts: &Facts) -> Result<Vec<Token>, LexError> {
    let mut tokens = lex_all(sql, facts)?;
    tokens.retain(|token| token.kind != TokenKind::Comment);
    Ok(tokens)
}

/// Like [`lex`], with a token for each comment: a whole one, or the opening (`/*!40101`) and the
/// closing (`*/`) of an executed version comment.
///
/// # Errors
/// As [`lex`].
pub fn lex_all(sql: &[u8], facts: &Facts) -> Result<Vec<Token>, LexError> {
    scanner::Scanner::new(sql, facts)?.run()
}

/// The end of the text for the servers, who drop `;` and white space at the end of a packet before
/// they look at it: `SELECT 1 --;` ends in a comment.
#[must_use]
pub fn text_end(sql: &[u8]) -> usize {
    let is_dropped = |byte: &u8| matches!(byte, b';' | b'\t'..=b'\r' | b' ');
    sql.iter().rposition(|byte| !is_dropped(byte)).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests;
