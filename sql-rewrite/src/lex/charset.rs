//! Characters of `character_set_client`, as far as they decide where tokens end.

use crate::Charset;

/// Bytes of the character at the start of `bytes`, as the server's `my_ismbchar` sees it; 0 if it is
/// malformed. 1 for every byte of a single-byte set and for 7-bit bytes of all.
#[must_use]
pub fn char_len(bytes: &[u8], charset: Charset) -> usize {
    let Some(&first) = bytes.first() else {
        return 0;
    };
    if first < 0x80 {
        return 1;
    }
    let second = bytes.get(1).copied().unwrap_or(0);
    match charset {
        Charset::Utf8 => utf8_len(bytes, first),
        Charset::SingleByte => 1,
        Charset::Big5 => pair(matches!(first, 0xA1..=0xF9) && matches!(second, 0x40..=0x7E | 0xA1..=0xFE)),
        Charset::Gbk => pair(matches!(first, 0x81..=0xFE) && matches!(second, 0x40..=0x7E | 0x80..=0xFE)),
        Charset::Gb18030 => gb18030_len(bytes, first, second),
        Charset::Sjis => sjis_len(first, second),
        // No second byte is anything but a letter or a high byte: no need to know the pairs.
        Charset::Euc | Charset::Unknown => 0,
    }
}

fn pair(valid: bool) -> usize {
    if valid { 2 } else { 0 }
}

fn utf8_len(bytes: &[u8], first: u8) -> usize {
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return 0,
    };
    match bytes.get(..len) {
        Some(char) if std::str::from_utf8(char).is_ok() => len,
        _ => 0,
    }
}

fn gb18030_len(bytes: &[u8], first: u8, second: u8) -> usize {
    if !matches!(first, 0x81..=0xFE) {
        return 0;
    }
    match second {
        0x40..=0x7E | 0x80..=0xFE => 2,
        0x30..=0x39 => match bytes.get(2..4) {
            Some([0x81..=0xFE, 0x30..=0x39]) => 4,
            _ => 0,
        },
        _ => 0,
    }
}

fn sjis_len(first: u8, second: u8) -> usize {
    match first {
        0xA1..=0xDF => 1,
        0x81..=0x9F | 0xE0..=0xFC => pair(matches!(second, 0x40..=0x7E | 0x80..=0xFC)),
        _ => 0,
    }
}

/// ASCII letters, digits, `_`, `$`: what a bare identifier is made of, besides multi-byte characters.
pub(super) fn is_ident_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// White space between tokens. Bytes from 0x80 on are white space in some single-byte sets:
/// [`is_ambiguous`].
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// `--` begins a comment before one of these.
pub(super) fn is_space_or_control(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7F
}

/// Bytes that some single-byte character set takes for white space (0xA0 in latin1, 0xFF in cp866)
/// where others see a letter; measured over all sets of both servers.
pub(super) fn is_ambiguous(byte: u8) -> bool {
    matches!(byte, 0xA0 | 0xFF)
}
