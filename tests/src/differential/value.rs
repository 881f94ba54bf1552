//! Values as parameters: of every type of the protocol.

use super::kind::Kind;
use crate::client::{Typed, Value};

/// The number of each integer type and of its bytes, in the order of [`Kind::Integer`]. MariaDB takes no MEDIUMINT.
const INTEGERS: [(u8, usize); 5] = [(0x01, 1), (0x02, 2), (0x03, 4), (0x03, 4), (0x08, 8)];
const FLOAT: u8 = 0x04;
const DOUBLE: u8 = 0x05;
const TIMESTAMP: u8 = 0x07;
const DATE: u8 = 0x0a;
const TIME: u8 = 0x0b;
const DATETIME: u8 = 0x0c;
const DECIMAL: u8 = 0xf6;
const BLOB: u8 = 0xfc;
const VAR_STRING: u8 = 0xfd;
const STRING: u8 = 0xfe;

/// The value of a literal as a parameter of the column's own type; `None` where the literal is too odd.
#[must_use]
pub fn typed(kind: Kind, literal: &str) -> Option<Value> {
    let (number, unsigned, bytes) = match kind {
        Kind::Integer { size, unsigned } => integer(size, unsigned, literal)?,
        Kind::Bool => integer(0, false, literal)?,
        Kind::Zerofill => integer(3, true, literal)?,
        // MySQL takes no YEAR and no BIT as parameter.
        Kind::Year => integer(1, true, literal)?,
        Kind::Decimal(..) => (DECIMAL, false, with_length(literal.as_bytes())?),
        Kind::Float => (FLOAT, false, literal.parse::<f32>().ok()?.to_le_bytes().to_vec()),
        Kind::Double => (DOUBLE, false, literal.parse::<f64>().ok()?.to_le_bytes().to_vec()),
        Kind::Char(..) | Kind::Enum | Kind::Set => {
            (STRING, false, with_length(unquoted(literal)?.as_bytes())?)
        }
        Kind::VarChar(..) => (VAR_STRING, false, with_length(unquoted(literal)?.as_bytes())?),
        Kind::LongText(_) => (BLOB, false, with_length(unquoted(literal)?.as_bytes())?),
        // MariaDB takes no JSON.
        Kind::Json => (BLOB, false, with_length(unquoted(literal)?.as_bytes())?),
        Kind::Binary(_) | Kind::VarBinary(_) | Kind::Blob => (BLOB, false, with_length(&hex(literal)?)?),
        Kind::Bit(_) => (INTEGERS[4].0, true, bits(literal)?),
        Kind::Date => (DATE, false, date(unquoted(literal)?.as_str())?),
        Kind::DateTime(_) => (DATETIME, false, date(unquoted(literal)?.as_str())?),
        Kind::Timestamp(_) => (TIMESTAMP, false, date(unquoted(literal)?.as_str())?),
        Kind::Time(_) => (TIME, false, time(unquoted(literal)?.as_str())?),
    };
    Some(Value::Typed(Typed { kind: number, unsigned, bytes, literal: literal.to_owned() }))
}

fn integer(size: usize, unsigned: bool, literal: &str) -> Option<(u8, bool, Vec<u8>)> {
    let value: i128 = literal.parse().ok()?;
    let (number, length) = INTEGERS[size];
    Some((number, unsigned, value.to_le_bytes()[..length].to_vec()))
}

fn unquoted(literal: &str) -> Option<String> {
    Some(literal.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

fn with_length(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut all = vec![0xfc];
    all.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_le_bytes());
    all.extend_from_slice(bytes);
    Some(all)
}

/// `x'…'`.
fn hex(literal: &str) -> Option<Vec<u8>> {
    let digits = literal.strip_prefix("x'")?.strip_suffix('\'')?;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// `b'…'`.
fn bits(literal: &str) -> Option<Vec<u8>> {
    let value = u64::from_str_radix(literal.strip_prefix("b'")?.strip_suffix('\'')?, 2).ok()?;
    Some(value.to_le_bytes().to_vec())
}

/// `YYYY-MM-DD[ hh:mm:ss[.ffffff]]`.
fn date(text: &str) -> Option<Vec<u8>> {
    let (date, time) = text.split_once(' ').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let mut bytes = vec![4];
    bytes.extend_from_slice(&parts.next()?.parse::<u16>().ok()?.to_le_bytes());
    bytes.extend([parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<u8>().ok()?]);
    if let Some(time) = time {
        let (hours, minutes, seconds, micros) = clock(time)?;
        bytes[0] = 11;
        bytes.extend([u8::try_from(hours).ok()?, minutes, seconds]);
        bytes.extend_from_slice(&micros.to_le_bytes());
    }
    Some(bytes)
}

/// `[-]hhh:mm:ss[.ffffff]`.
fn time(text: &str) -> Option<Vec<u8>> {
    let (negative, text) = text.strip_prefix('-').map_or((0, text), |rest| (1, rest));
    let (hours, minutes, seconds, micros) = clock(text)?;
    let mut bytes = vec![12, negative];
    bytes.extend_from_slice(&(hours / 24).to_le_bytes());
    bytes.extend([u8::try_from(hours % 24).ok()?, minutes, seconds]);
    bytes.extend_from_slice(&micros.to_le_bytes());
    Some(bytes)
}

fn clock(text: &str) -> Option<(u32, u8, u8, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let hours = parts.next()?.parse().ok()?;
    let (minutes, seconds) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((hours, minutes, seconds, format!("{fraction:0<6}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kind: Kind, literal: &str) -> Vec<u8> {
        match typed(kind, literal) {
            Some(Value::Typed(typed)) => typed.bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_type_has_its_own_bytes() {
        assert_eq!(bytes(Kind::Integer { size: 1, unsigned: false }, "-2"), [0xfe, 0xff]);
        assert_eq!(bytes(Kind::Integer { size: 4, unsigned: true }, "18446744073709551615"), [0xff; 8]);
        assert_eq!(bytes(Kind::Date, "'2024-02-29'"), [4, 0xe8, 7, 2, 29]);
        assert_eq!(
            bytes(Kind::DateTime(3), "'2024-02-29 01:02:03.5'"),
            [11, 0xe8, 7, 2, 29, 1, 2, 3, 0x20, 0xa1, 7, 0]
        );
        assert_eq!(bytes(Kind::Time(0), "'-838:59:59'"), [12, 1, 34, 0, 0, 0, 22, 59, 59, 0, 0, 0, 0]);
        assert_eq!(bytes(Kind::Bit(11), "b'11'"), [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(Kind::Blob, "x'ff00'"), [0xfc, 2, 0, 0xff, 0]);
    }

    #[test]
    fn every_value_of_every_type_can_be_a_parameter() {
        for kind in
            [Kind::Bool, Kind::Year, Kind::Decimal(10, 2), Kind::Json, Kind::Time(6), Kind::Timestamp(3)]
        {
            for literal in kind.values() {
                assert!(typed(kind, &literal).is_some(), "{kind:?} {literal}");
            }
        }
    }
}
