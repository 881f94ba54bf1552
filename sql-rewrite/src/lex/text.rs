//! What a token says: identifiers without quotes, strings without escapes.

use std::borrow::Cow;

use super::{Token, TokenKind, char_len};
use crate::Facts;

/// Character sets that can introduce a literal, on either server.
const INTRODUCERS: [&str; 42] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866",
    "cp932", "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8",
    "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7",
    "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4",
];

/// The name that an identifier token stands for, without quotes; the bytes are in the client's
/// character set. The bytes of any other token as they are.
#[must_use]
pub fn ident_text<'a>(sql: &'a [u8], token: &Token) -> Cow<'a, [u8]> {
    let bytes = token.bytes(sql);
    if token.kind != TokenKind::QuotedIdent {
        return Cow::Borrowed(bytes);
    }
    let quote = bytes.first().copied().unwrap_or(b'`');
    let inner = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains(&quote) {
        return Cow::Borrowed(inner);
    }
    // A second byte of a character may look like the quote only in pairs that the lexer skipped,
    // and then it is not doubled: drop a quote only if another one follows.
    let mut name = Vec::with_capacity(inner.len());
    let mut doubled = false;
    for &byte in inner {
        if byte == quote && doubled {
            doubled = false;
            continue;
        }
        doubled = byte == quote;
        name.push(byte);
    }
    Cow::Owned(name)
}

/// The token is this bare word, in any case.
#[must_use]
pub fn is_word(sql: &[u8], token: &Token, word: &str) -> bool {
    token.kind == TokenKind::Ident && token.bytes(sql).eq_ignore_ascii_case(word.as_bytes())
}

/// The token is one of these bare words, in any case.
#[must_use]
pub fn word_in(sql: &[u8], token: &Token, words: &[&str]) -> bool {
    words.iter().any(|word| is_word(sql, token, word))
}

/// The token is this operator or punctuation.
#[must_use]
pub fn is_op(sql: &[u8], token: &Token, op: &str) -> bool {
    token.kind == TokenKind::Operator && token.bytes(sql) == op.as_bytes()
}

/// The bytes that a [`TokenKind::String`] stands for, escapes and doubled quotes undone.
#[must_use]
pub fn string_value(sql: &[u8], token: &Token, facts: &Facts) -> Vec<u8> {
    let bytes = token.bytes(sql);
    let bytes = match bytes {
        [b'n' | b'N', rest @ ..] => rest,
        _ => bytes,
    };
    let Some((&quote, rest)) = bytes.split_first() else {
        return Vec::new();
    };
    let mut rest = rest.get(..rest.len().saturating_sub(1)).unwrap_or_default();
    let mut value = Vec::with_capacity(rest.len());
    while let Some(&byte) = rest.first() {
        let mut taken = 1;
        if byte >= 0x80 {
            taken = char_len(rest, facts.charset).clamp(1, rest.len());
            value.extend_from_slice(rest.get(..taken).unwrap_or_default());
        } else if byte == b'\\' && !facts.sql_mode.no_backslash_escapes && rest.len() > 1 {
            taken = 2;
            unescape(rest.get(1).copied().unwrap_or(b'\\'), &mut value);
        } else {
            value.push(byte);
            if byte == quote && rest.get(1) == Some(&quote) {
                taken = 2;
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    value
}

/// What `\` and this byte mean. `\%` and `\_` keep their backslash.
fn unescape(byte: u8, value: &mut Vec<u8>) {
    match byte {
        b'n' => value.push(b'\n'),
        b't' => value.push(b'\t'),
        b'r' => value.push(b'\r'),
        b'b' => value.push(8),
        b'0' => value.push(0),
        b'Z' => value.push(26),
        b'_' | b'%' => value.extend_from_slice(&[b'\\', byte]),
        _ => value.push(byte),
    }
}

/// `_utf8mb4` in front of a literal is no identifier.
pub(super) fn mark_introducers(sql: &[u8], tokens: &mut [Token]) {
    let mut literal_follows = false;
    for token in tokens.iter_mut().rev() {
        match token.kind {
            TokenKind::Comment => continue,
            TokenKind::String | TokenKind::Hex | TokenKind::Bit => {
                literal_follows = true;
                continue;
            }
            TokenKind::Ident if literal_follows => {
                if let [b'_', name @ ..] = token.bytes(sql)
                    && INTRODUCERS.iter().any(|set| name.eq_ignore_ascii_case(set.as_bytes()))
                {
                    token.kind = TokenKind::Introducer;
                }
            }
            _ => {}
        }
        literal_follows = false;
    }
}
