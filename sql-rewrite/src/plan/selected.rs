//! Cells of a result as literals that a column stores as it would store the cells themselves.
//!
//! A text row does not tell all that the server knows of a value: a FLOAT has lost digits, a string was converted to
//! `character_set_results`, a date has become a string, which another type of column converts by other rules. What
//! could be stored as something else is refused.

use topology::{Column, ColumnKind};

use crate::{Charset, Facts, Value, literal};

/// What the protocol says of a result's column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its type: `MYSQL_TYPE_LONGLONG` is 8.
    pub kind: u8,
    /// Its character set, by the number of a collation; 63 is binary.
    pub charset: u16,
    /// `ZEROFILL_FLAG` and so on.
    pub flags: u16,
    /// Digits behind the point; 31 where a number has no fixed ones.
    pub decimals: u8,
}

const ZEROFILL: u16 = 64;
const ENUM: u16 = 256;
const SET: u16 = 2048;
const BINARY: u16 = 63;
/// `DECIMAL_NOT_SPECIFIED`.
const NOT_FIXED: u8 = 31;

/// What a column of a result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Integer,
    Decimal,
    Double,
    Date,
    Time,
    DateTime,
    Timestamp,
    Year,
    Bit,
    Enum,
    Set,
    Bytes,
    Utf8mb4,
    Utf8mb3,
}

impl ResultColumn {
    fn holds(self) -> Result<Holds, &'static str> {
        Ok(match self.kind {
            1 | 2 | 3 | 8 | 9 => Holds::Integer,
            0 | 246 => Holds::Decimal,
            4 => return Err("a FLOAT, whose digits a result does not show,"),
            5 if self.decimals >= NOT_FIXED => Holds::Double,
            5 => return Err("a DOUBLE of fixed decimals, whose digits a result does not show,"),
            6 => Holds::Integer,
            7 | 17 => Holds::Timestamp,
            10 | 14 => Holds::Date,
            11 | 19 => Holds::Time,
            12 | 18 => Holds::DateTime,
            13 => Holds::Year,
            16 => Holds::Bit,
            15 | 247..=254 if self.flags & ENUM > 0 => Holds::Enum,
            15 | 247..=254 if self.flags & SET > 0 => Holds::Set,
            15 | 249..=254 if self.charset == BINARY => Holds::Bytes,
            15 | 249..=254 if is_utf8mb4(self.charset) => Holds::Utf8mb4,
            15 | 249..=254 if is_utf8mb3(self.charset) => Holds::Utf8mb3,
            15 | 249..=254 => return Err("a string in another character_set_results than utf8mb4"),
            245 => return Err("a JSON value, whose types a result does not show,"),
            _ => return Err("a value of a type that a result does not show"),
        })
    }
}

/// By their numbers in `information_schema.COLLATIONS`.
fn is_utf8mb4(collation: u16) -> bool {
    matches!(collation, 45 | 46 | 224..=247 | 255..=323 | 608..=637 | 1069 | 1070 | 1248 | 1270 | 2304..=2559)
}

fn is_utf8mb3(collation: u16) -> bool {
    matches!(collation, 33 | 76 | 83 | 192..=215 | 223 | 576..=605 | 1057 | 1107 | 1216 | 1238 | 2048..=2303)
}

/// The literal of a cell. `target`: the column that takes it, if the table has one of that name.
///
/// # Errors
/// What it is that no literal can be made of.
pub(crate) fn selected_literal(
    facts: &Facts,
    column: &ResultColumn,
    target: Option<&Column>,
    cell: Option<&[u8]>,
) -> Result<Vec<u8>, &'static str> {
    let Some(cell) = cell else { return Ok(b"NULL".to_vec()) };
    let holds = column.holds()?;
    if let Some(target) = target {
        check_stored_alike(facts, column, holds, target, cell)?;
    }
    let value = match holds {
        Holds::Integer | Holds::Year => {
            let digits = cell.strip_prefix(b"-").unwrap_or(cell);
            let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            return if number { Ok(cell.to_vec()) } else { Err("a malformed number") };
        }
        Holds::Decimal => Value::Decimal(cell.to_vec()),
        Holds::Double => {
            let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok());
            Value::Double(number.ok_or("a malformed number")?)
        }
        Holds::Bit | Holds::Bytes => Value::Blob(cell.to_vec()),
        _ => return string(facts, holds, cell),
    };
    literal(&value, facts).ok_or("a value without a literal")
}

/// Whether a column stores the literal of a cell as it stores the cell's own value.
fn check_stored_alike(
    facts: &Facts,
    column: &ResultColumn,
    holds: Holds,
    target: &Column,
    cell: &[u8],
) -> Result<(), &'static str> {
    use ColumnKind::{Binary, Bit, Enum, Integer, Json, Set, Temporal, Text, Timestamp};
    let kind = target.kind;
    let name = target.column_type.to_ascii_lowercase();
    let is = |wanted: &str| name.split('(').next() == Some(wanted);
    let alike = match holds {
        Holds::Integer => kind != Text || column.flags & ZEROFILL == 0,
        Holds::Decimal => true,
        Holds::Double => kind != Text,
        Holds::Year => matches!(kind, Integer { .. }) || is("year"),
        Holds::Bit => kind == Bit,
        Holds::Enum => kind == Text || kind == Enum && !cell.is_empty(),
        Holds::Set => matches!(kind, Text | Set),
        Holds::Bytes => kind != Json,
        Holds::Utf8mb4 | Holds::Utf8mb3 => !matches!(kind, Binary | Bit),
        Holds::Date | Holds::Time | Holds::DateTime | Holds::Timestamp if kind == Text => true,
        _ if !matches!(kind, Temporal | Timestamp) || !is_whole(cell, &name) => false,
        // What does not fit is an error that shows the value as its own type has it.
        Holds::Date | Holds::DateTime if kind == Timestamp && !fits_timestamp(cell) => false,
        Holds::Date => !is("time") && !is("year"),
        Holds::Time => is("time"),
        Holds::DateTime => is("datetime") || is("timestamp"),
        // MySQL itself takes the way over the session's time zone, in which an hour can come twice.
        Holds::Timestamp => is("timestamp") && !facts.server.mariadb,
    };
    if alike { Ok(()) } else { Err("a value of another type") }
}

/// No part of a date is zero, and the column has room for its fraction.
fn is_whole(cell: &[u8], column_type: &str) -> bool {
    let text = String::from_utf8_lossy(cell);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let precision = column_type.split_once('(').and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
    let zero = whole.starts_with("0000") || whole.contains("-00");
    !zero && fraction.len() <= precision.unwrap_or(0)
}

/// Whether the year is one that a TIMESTAMP holds in any time zone.
fn fits_timestamp(cell: &[u8]) -> bool {
    let year = cell.get(..4).and_then(|year| std::str::from_utf8(year).ok()?.parse::<u16>().ok());
    year.is_some_and(|year| (1971..=2037).contains(&year))
}

fn string(facts: &Facts, holds: Holds, cell: &[u8]) -> Result<Vec<u8>, &'static str> {
    if holds == Holds::Utf8mb3 && cell.contains(&b'?') {
        // It may stand for a character that utf8mb3 does not have.
        return Err("a string with `?` in character_set_results utf8mb3");
    }
    if facts.charset != Charset::Utf8 && !cell.is_ascii() {
        return Err("a string in another character_set_client than utf8mb4");
    }
    let quoted = literal(&Value::Text(cell.to_vec()), facts).ok_or("malformed text")?;
    // Without it the string takes the way over character_set_connection.
    let introducer: &[u8] = if cell.is_ascii() { b"" } else { b"_utf8mb4 " };
    Ok([introducer, &quoted].concat())
}

#[cfg(test)]
mod tests {
    use topology::{Column, ColumnKind, Generated};

    use super::{ResultColumn, selected_literal};
    use crate::testing::{mariadb, mysql};

    fn target(column_type: &str, kind: ColumnKind) -> Column {
        Column {
            name: "a".to_owned(),
            column_type: column_type.to_owned(),
            kind,
            nullable: true,
            null_by_default: true,
            auto_increment: false,
            generated: Generated::No,
            invisible: false,
            zerofill: false,
            collation: None,
        }
    }

    /// A cell of a type, flags and decimals, for a column.
    fn stored(of: (u8, u16, u8), charset: u16, into: (&str, ColumnKind), cell: &str) -> Option<String> {
        let (kind, flags, decimals) = of;
        let column = ResultColumn { kind, charset, flags, decimals };
        let literal =
            selected_literal(&mysql(), &column, Some(&target(into.0, into.1)), Some(cell.as_bytes()));
        literal.ok().map(|literal| String::from_utf8(literal).unwrap())
    }

    const INT: (&str, ColumnKind) = ("int", ColumnKind::Integer { unsigned: false });
    const TEXT: (&str, ColumnKind) = ("varchar(20)", ColumnKind::Text);
    const BINARY: (&str, ColumnKind) = ("varbinary(20)", ColumnKind::Binary);
    const DATETIME: (&str, ColumnKind) = ("datetime(3)", ColumnKind::Temporal);
    const STAMP: (&str, ColumnKind) = ("timestamp", ColumnKind::Timestamp);

    #[test]
    fn what_is_stored_alike_becomes_a_literal() {
        for (of, charset, into, cell, literal) in [
            ((8, 0, 0), 63, INT, "-7", "-7"),
            ((8, 0, 0), 63, TEXT, "7", "7"),
            ((8, 32, 0), 63, INT, "18446744073709551615", "18446744073709551615"),
            ((246, 0, 2), 63, INT, "-7.50", "(-7.50)"),
            ((5, 0, 31), 63, INT, "0.1", "1e-1"),
            ((253, 0, 0), 255, TEXT, "it's", "'it''s'"),
            ((253, 0, 0), 45, TEXT, "é", "_utf8mb4 'é'"),
            ((253, 0, 0), 33, TEXT, "é", "_utf8mb4 'é'"),
            ((253, 0, 0), 63, BINARY, "a?", "_binary x'613F'"),
            ((254, 256, 0), 255, TEXT, "low", "'low'"),
            ((12, 0, 3), 63, DATETIME, "2024-02-29 10:11:12.125", "'2024-02-29 10:11:12.125'"),
            ((12, 0, 0), 63, STAMP, "2024-02-29 10:11:12", "'2024-02-29 10:11:12'"),
            ((7, 0, 0), 63, STAMP, "2024-02-29 10:11:12", "'2024-02-29 10:11:12'"),
            ((10, 0, 0), 63, TEXT, "0000-00-00", "'0000-00-00'"),
        ] {
            assert_eq!(
                stored(of, charset, into, cell).as_deref(),
                Some(literal),
                "{of:?} {cell} into {}",
                into.0
            );
        }
    }

    #[test]
    fn what_could_be_stored_as_something_else_does_not() {
        for (of, charset, into, cell) in [
            ((4, 0, 31), 63, ("float", ColumnKind::Float), "0.1"),
            ((5, 0, 2), 63, INT, "0.10"),
            ((5, 0, 31), 63, TEXT, "0.1"),
            ((8, 64, 0), 63, TEXT, "0007"),
            ((245, 0, 0), 63, ("json", ColumnKind::Json), "1"),
            ((253, 0, 0), 63, ("json", ColumnKind::Json), "1"),
            ((253, 0, 0), 8, TEXT, "a"),
            ((253, 0, 0), 33, TEXT, "a?"),
            ((253, 0, 0), 255, BINARY, "a"),
            ((254, 256, 0), 255, INT, "low"),
            ((254, 256, 0), 255, ("enum('a')", ColumnKind::Enum), ""),
            ((12, 0, 6), 63, DATETIME, "2024-02-29 10:11:12.123456"),
            ((12, 0, 0), 63, DATETIME, "2024-00-29 10:11:12"),
            ((12, 0, 0), 63, ("date", ColumnKind::Temporal), "2024-02-29 10:11:12"),
            ((12, 0, 3), 63, STAMP, "9999-12-31 23:59:59"),
            ((10, 0, 0), 63, STAMP, "1970-01-01"),
            ((13, 0, 0), 63, TEXT, "2024"),
            ((16, 0, 0), 63, INT, "a"),
            ((255, 0, 0), 63, BINARY, "a"),
        ] {
            assert_eq!(stored(of, charset, into, cell), None, "{of:?} {cell} into {}", into.0);
        }
        let stamp = ResultColumn { kind: 7, charset: 63, ..ResultColumn::default() };
        let into = target(STAMP.0, STAMP.1);
        let cell = Some(&b"2024-02-29 10:11:12"[..]);
        assert!(selected_literal(&mariadb(), &stamp, Some(&into), cell).is_err());
        assert_eq!(selected_literal(&mysql(), &stamp, Some(&into), None), Ok(b"NULL".to_vec()));
    }
}
