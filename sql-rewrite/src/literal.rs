//! Bound values as SQL literals, and literals as exact integers.
//!
//! A statement that is sent as text in the place of an EXECUTE carries its parameters as literals. They have
//! the value of the bound parameter, and its type as far as SQL can say it; what cannot be said is `None`, and
//! the statement is refused.
//!
//! Measured on MySQL 9.7 and MariaDB 10.11 (`tests/tests/lexer_facts.rs`): on MariaDB every assignment to and
//! comparison with a column does the same either way. MySQL types a parameter by its context, and so differs
//! - where a column of a temporal type is compared with anything but a well-formed date or time;
//! - where a DATETIME with a fraction is assigned to a string column (the parameter loses the fraction);
//! - for an empty string as a number in strict mode (an error only as a parameter), and for an unsigned
//!   integer above `i64::MAX` assigned to a TIME column.
//!
//! On both, the *type of a result column* that shows a parameter differs (INT for BIGINT, VARCHAR for TEXT),
//! and on MySQL the decimals of a DECIMAL parameter that is itself divided (it is bound as DECIMAL(65,30)).

use std::fmt::Write as _;

use crate::lex::{Token, TokenKind, char_len, is_op};
use crate::{Charset, Facts, Value};

/// An expression that means `value` in the client's session. Not for LIMIT: see [`limit_literal`].
///
/// `None` for what no literal expresses: long data, NaN and infinity, text that is malformed in
/// the client's character set, dates with a zero in them (an error in MySQL's strict mode).
#[must_use]
pub fn literal(value: &Value, facts: &Facts) -> Option<Vec<u8>> {
    let text = match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => signed(*number < 0, number.to_string()),
        // Plain `5` is signed: `5 - 10` would be -5 where the parameter overflows.
        Value::UInt(number) if i64::try_from(*number).is_ok() => format!("CAST({number} AS UNSIGNED)"),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => double(f64::from(*number))?,
        Value::Double(number) => double(*number)?,
        Value::Decimal(digits) => decimal(digits)?,
        Value::Text(bytes) => return quoted(bytes, facts),
        Value::Blob(bytes) => blob(bytes),
        Value::Date(text) => date(text).then(|| format!("DATE'{text}'"))?,
        Value::DateTime(text) => date_time(text)?,
        Value::Time(text) => time(text)?,
        Value::LongData | Value::Foreign => return None,
    };
    Some(text.into_bytes())
}

/// What may stand in LIMIT and OFFSET for `value`: digits only.
#[must_use]
pub fn limit_literal(value: &Value) -> Option<Vec<u8>> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok()?,
        Value::UInt(number) => *number,
        _ => return None,
    };
    Some(number.to_string().into_bytes())
}

/// The value of an exact integer literal, with one sign or none, that fits a BIGINT, signed or
/// unsigned. `'123'`, `12.0`, `1e2`, `0x10`, `- -5` are none.
#[must_use]
pub fn exact_integer(sql: &[u8], tokens: &[Token]) -> Option<i128> {
    let (negative, digits) = match tokens {
        [digits] => (false, digits),
        [sign, digits] if is_op(sql, sign, "-") => (true, digits),
        [sign, digits] if is_op(sql, sign, "+") => (false, digits),
        _ => return None,
    };
    if digits.kind != TokenKind::Integer {
        return None;
    }
    let digits = std::str::from_utf8(digits.bytes(sql)).ok()?;
    let number: i128 = digits.trim_start_matches('0').parse().or_else(|_| zero(digits)).ok()?;
    let number = if negative { -number } else { number };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
}

/// `0`, `000`: nothing is left without the zeros.
fn zero(digits: &str) -> Result<i128, std::num::ParseIntError> {
    digits.parse::<u8>().map(i128::from)
}

/// In parentheses, so that no sign in front of it makes `--`.
fn signed(negative: bool, text: String) -> String {
    if negative { format!("({text})") } else { text }
}

/// Seventeen digits at most, which read back as the same double.
fn double(number: f64) -> Option<String> {
    number.is_finite().then(|| signed(number.is_sign_negative(), format!("{number:e}")))
}

/// With a point even where there are no decimals: `12` would be an integer.
fn decimal(digits: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(digits).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative { "-" } else { "" };
    Some(signed(negative, format!("{sign}{whole}.{fraction}")))
}

/// The introducer makes it a string in every context: a bare `x'31' + 0` is 49 on MySQL, 1 on MariaDB.
fn blob(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 12);
    text.push_str("_binary x'");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\'');
    text
}

/// `'…'`, such that the server's lexer reads the same bytes back.
fn quoted(bytes: &[u8], facts: &Facts) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() + 2);
    text.push(b'\'');
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        let len = match (byte, facts.charset) {
            (_, Charset::Unknown) => return None,
            // No byte of their pairs is a quote or a backslash.
            (0x80.., Charset::Euc) => 1,
            // A malformed character would make MySQL warn (1300) where the parameter does not.
            (0x80.., charset) => Some(char_len(rest, charset)).filter(|&len| len > 0)?,
            _ => 1,
        };
        let (char, tail) = rest.split_at(len);
        match byte {
            b'\'' => text.push(b'\''),
            b'\\' if !facts.sql_mode.no_backslash_escapes => text.push(b'\\'),
            _ => {}
        }
        text.extend_from_slice(char);
        rest = tail;
    }
    text.push(b'\'');
    Some(text)
}

/// `2024-01-31` without zeros; the server checks the rest.
fn date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let number = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit()) && part.bytes().any(|b| b != b'0')
    };
    number(year, 4) && number(month, 2) && number(day, 2)
}

fn date_time(text: &str) -> Option<String> {
    let (day, clock) = text.split_once(' ')?;
    let (hours, _) = clock.split_once(':')?;
    let fits = date(day) && hours.len() == 2 && is_clock(clock);
    fits.then(|| format!("TIMESTAMP'{text}'"))
}

fn time(text: &str) -> Option<String> {
    let clock = text.strip_prefix('-').unwrap_or(text);
    is_clock(clock).then(|| format!("TIME'{text}'"))
}

/// `HH:MM:SS` or `HHH:MM:SS`, with up to six decimals.
fn is_clock(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = clock.split(':').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts[..], [h, m, s] if (2..=3).contains(&h.len()) && m.len() == 2 && s.len() == 2)
        && parts.iter().all(|part| digits(part))
        && digits(fraction)
        && fraction.len() <= 6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlMode;
    use crate::lex::{lex, string_value};
    use crate::testing::mysql;

    fn check(value: Value, expected: Option<&str>) {
        let text = literal(&value, &mysql()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(text.as_deref(), expected, "{value:?}");
    }

    #[test]
    fn numbers() {
        check(Value::Int(-5), Some("(-5)"));
        check(Value::Int(i64::MIN), Some("(-9223372036854775808)"));
        check(Value::UInt(5), Some("CAST(5 AS UNSIGNED)"));
        check(Value::UInt(u64::MAX), Some("18446744073709551615"));
        check(Value::Double(1.5), Some("1.5e0"));
        check(Value::Double(-0.0), Some("(-0e0)"));
        check(Value::Double(f64::NAN), None);
        check(Value::Float(0.1), Some("1.0000000149011612e-1"));
        check(Value::Decimal(b"12".to_vec()), Some("12."));
        check(Value::Decimal(b"-.50".to_vec()), Some("(-0.50)"));
        check(Value::Decimal(b"1e5".to_vec()), None);
        assert_eq!(limit_literal(&Value::UInt(5)), Some(b"5".to_vec()));
        assert_eq!(limit_literal(&Value::Int(-5)), None);
    }

    #[test]
    fn times_and_bytes() {
        check(Value::Date("2024-01-31".to_owned()), Some("DATE'2024-01-31'"));
        check(Value::Date("2024-00-31".to_owned()), None);
        check(Value::DateTime("2024-01-31 10:00:00".to_owned()), Some("TIMESTAMP'2024-01-31 10:00:00'"));
        check(Value::DateTime("0000-00-00 00:00:00".to_owned()), None);
        check(Value::Time("-838:59:59.5".to_owned()), Some("TIME'-838:59:59.5'"));
        check(Value::Time("x'".to_owned()), None);
        check(Value::Blob(vec![0, 0xFF]), Some("_binary x'00FF'"));
        check(Value::Text(b"it's \\ \0".to_vec()), Some("'it''s \\\\ \0'"));
        check(Value::Text(vec![0xFF]), None);
        check(Value::LongData, None);
        check(Value::Foreign, None);
    }

    #[test]
    fn text_reads_back_in_every_character_set() {
        let no_escapes = SqlMode { no_backslash_escapes: true, ..SqlMode::default() };
        let samples: [(Charset, &[u8]); 6] = [
            (Charset::Gbk, b"\xBF\\' \\ \xBF'"),
            (Charset::Gbk, b"\xBF\\' \\ ''"),
            (Charset::Sjis, b"\x95\\'\xB1'"),
            (Charset::Big5, b"\xA5\\\\'"),
            (Charset::SingleByte, b"\xE9\\'\xA0"),
            (Charset::Euc, b"\xA4\xA2\\'"),
        ];
        for (charset, bytes) in samples {
            for sql_mode in [SqlMode::default(), no_escapes] {
                let facts = Facts { charset, sql_mode, ..mysql() };
                let Some(sql) = literal(&Value::Text(bytes.to_vec()), &facts) else {
                    assert!(bytes.ends_with(b"\xBF'"), "{bytes:?}");
                    continue;
                };
                let tokens = lex(&sql, &facts).unwrap();
                assert_eq!(tokens.len(), 1, "{sql:?}");
                assert_eq!(string_value(&sql, &tokens[0], &facts), bytes);
            }
        }
    }

    #[test]
    fn exact_integers() {
        for (sql, expected) in [
            ("5", Some(5)),
            ("-5", Some(-5)),
            ("- 5", Some(-5)),
            ("+5", Some(5)),
            ("007", Some(7)),
            ("0", Some(0)),
            ("18446744073709551615", Some(i128::from(u64::MAX))),
            ("18446744073709551616", None),
            ("-9223372036854775809", None),
            ("'5'", None),
            ("5.0", None),
            ("5e0", None),
            ("0x5", None),
            ("- -5", None),
            ("5 5", None),
            ("NULL", None),
        ] {
            let tokens = lex(sql.as_bytes(), &mysql()).unwrap();
            assert_eq!(exact_integer(sql.as_bytes(), &tokens), expected, "{sql}");
        }
    }
}
