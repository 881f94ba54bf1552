//! Parameter values of the binary protocol.

use crate::{Malformed, reader::Reader};

/// Type numbers of values and columns, by the protocol's own names (without `MYSQL_TYPE_`).
#[allow(missing_docs)]
pub mod kind {
    pub const DECIMAL: u8 = 0;
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const VECTOR: u8 = 242;
    pub const BOOL: u8 = 244;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// A parameter's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamValue<'a> {
    /// NULL.
    Null,
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    UInt(u64),
    /// A single-precision number.
    Float(f32),
    /// A double-precision number.
    Double(f64),
    /// A decimal number, as text.
    Decimal(&'a [u8]),
    /// A calendar date.
    Date {
        /// 0 to 9999.
        year: u16,
        /// 0 to 12, not checked.
        month: u8,
        /// 0 to 31, not checked.
        day: u8,
    },
    /// A date with a time of day (DATETIME and TIMESTAMP).
    DateTime {
        /// 0 to 9999.
        year: u16,
        /// 0 to 12, not checked.
        month: u8,
        /// 0 to 31, not checked.
        day: u8,
        /// 0 to 23, not checked.
        hour: u8,
        /// 0 to 59, not checked.
        minute: u8,
        /// 0 to 59, not checked.
        second: u8,
        /// Millionths of a second.
        micros: u32,
    },
    /// A span of time.
    Time {
        /// Does it count backwards?
        negative: bool,
        /// Whole days.
        days: u32,
        /// 0 to 23, not checked.
        hours: u8,
        /// 0 to 59, not checked.
        minutes: u8,
        /// 0 to 59, not checked.
        seconds: u8,
        /// Millionths of a second.
        micros: u32,
    },
    /// A string.
    Bytes {
        /// Is it bytes rather than text in the connection's character set?
        binary: bool,
        /// The string.
        data: &'a [u8],
    },
    /// The value came before, in pieces (COM_STMT_SEND_LONG_DATA); it is not in this packet.
    Long,
    /// Of a type that servers do not read alike. Measured: MySQL 9.7 takes it for bytes with a length before them
    /// and then refuses it (1210); MariaDB 10.11 reads some as strings, and of INT24, YEAR and BIT no byte: they are
    /// NULL.
    Foreign,
}

/// A NULL of type `kind`. MySQL refuses types even then, but for INT24.
pub(crate) fn null<'a>(kind: u8) -> ParamValue<'a> {
    match kind {
        kind::DECIMAL..=kind::DATETIME
        | kind::VARCHAR
        | kind::VECTOR
        | kind::JSON
        | kind::NEWDECIMAL
        | kind::TINY_BLOB..=kind::STRING => ParamValue::Null,
        _ => ParamValue::Foreign,
    }
}

/// Reads a value of type `kind`.
pub(crate) fn read<'a>(
    reader: &mut Reader<'a>,
    kind: u8,
    unsigned: bool,
) -> Result<ParamValue<'a>, Malformed> {
    const WHAT: &str = "parameter value";
    Ok(match kind {
        kind::TINY => integer(u64::from(reader.u8(WHAT)?), 8, unsigned),
        kind::SHORT => integer(u64::from(reader.u16(WHAT)?), 16, unsigned),
        kind::LONG => integer(u64::from(reader.u32(WHAT)?), 32, unsigned),
        kind::LONGLONG => integer(reader.u64(WHAT)?, 64, unsigned),
        kind::FLOAT => ParamValue::Float(f32::from_bits(reader.u32(WHAT)?)),
        kind::DOUBLE => ParamValue::Double(f64::from_bits(reader.u64(WHAT)?)),
        kind::DECIMAL | kind::NEWDECIMAL => ParamValue::Decimal(reader.lenenc_bytes(WHAT)?),
        kind::DATE => date(reader.lenenc_bytes(WHAT)?)?,
        kind::DATETIME | kind::TIMESTAMP => date_time(reader.lenenc_bytes(WHAT)?)?,
        kind::TIME => time(reader.lenenc_bytes(WHAT)?)?,
        kind::VARCHAR | kind::VAR_STRING | kind::STRING | kind::JSON => {
            ParamValue::Bytes { binary: false, data: reader.lenenc_bytes(WHAT)? }
        }
        kind::TINY_BLOB | kind::MEDIUM_BLOB | kind::LONG_BLOB | kind::BLOB | kind::VECTOR => {
            ParamValue::Bytes { binary: true, data: reader.lenenc_bytes(WHAT)? }
        }
        kind::BOOL => return Err(Malformed(WHAT)),
        _ => {
            reader.lenenc_bytes(WHAT)?;
            ParamValue::Foreign
        }
    })
}

/// An integer of `width` bits, the sign carried on if it has one.
fn integer<'a>(raw: u64, width: u32, unsigned: bool) -> ParamValue<'a> {
    if unsigned {
        return ParamValue::UInt(raw);
    }
    let shift = 64 - width;
    ParamValue::Int((raw << shift) as i64 >> shift)
}

/// A date may come with a time of day, which the type then drops, as the server does.
fn date<'a>(bytes: &[u8]) -> Result<ParamValue<'a>, Malformed> {
    match date_time(bytes)? {
        ParamValue::DateTime { year, month, day, .. } => Ok(ParamValue::Date { year, month, day }),
        other => Ok(other),
    }
}

fn date_time<'a>(bytes: &[u8]) -> Result<ParamValue<'a>, Malformed> {
    const WHAT: &str = "date";
    if !matches!(bytes.len(), 0 | 4 | 7 | 11) {
        return Err(Malformed(WHAT));
    }
    let mut whole = [0; 11]; // What is left out is zero.
    whole[..bytes.len()].copy_from_slice(bytes);
    let mut reader = Reader::new(&whole);
    Ok(ParamValue::DateTime {
        year: reader.u16(WHAT)?,
        month: reader.u8(WHAT)?,
        day: reader.u8(WHAT)?,
        hour: reader.u8(WHAT)?,
        minute: reader.u8(WHAT)?,
        second: reader.u8(WHAT)?,
        micros: reader.u32(WHAT)?,
    })
}

fn time<'a>(bytes: &[u8]) -> Result<ParamValue<'a>, Malformed> {
    const WHAT: &str = "time";
    if !matches!(bytes.len(), 0 | 8 | 12) {
        return Err(Malformed(WHAT));
    }
    let mut whole = [0; 12]; // What is left out is zero.
    whole[..bytes.len()].copy_from_slice(bytes);
    let mut reader = Reader::new(&whole);
    Ok(ParamValue::Time {
        negative: reader.u8(WHAT)? != 0,
        days: reader.u32(WHAT)?,
        hours: reader.u8(WHAT)?,
        minutes: reader.u8(WHAT)?,
        seconds: reader.u8(WHAT)?,
        micros: reader.u32(WHAT)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(kind: u8, unsigned: bool, bytes: &[u8], expected: ParamValue<'_>) {
        let mut reader = Reader::new(bytes);
        assert_eq!(read(&mut reader, kind, unsigned), Ok(expected));
        assert!(reader.is_empty(), "bytes left over");
    }

    #[test]
    fn values_of_each_type() {
        check(kind::TINY, false, &[0xff], ParamValue::Int(-1));
        check(kind::TINY, true, &[0xff], ParamValue::UInt(255));
        check(kind::SHORT, false, &[0, 0x80], ParamValue::Int(-32768));
        check(kind::LONG, true, &[255; 4], ParamValue::UInt(u64::from(u32::MAX)));
        check(kind::LONGLONG, false, &[0xfe, 255, 255, 255, 255, 255, 255, 255], ParamValue::Int(-2));
        check(kind::DOUBLE, false, &1.5f64.to_le_bytes(), ParamValue::Double(1.5));
        check(kind::NEWDECIMAL, false, b"\x041.50", ParamValue::Decimal(b"1.50"));
        check(kind::BIT, false, b"\x011", ParamValue::Foreign);
        check(kind::BLOB, false, b"\x02ab", ParamValue::Bytes { binary: true, data: b"ab" });
        check(kind::VAR_STRING, false, b"\x00", ParamValue::Bytes { binary: false, data: b"" });
        check(kind::DATE, false, &[4, 0xe8, 7, 2, 29], ParamValue::Date { year: 2024, month: 2, day: 29 });
        let noon =
            ParamValue::DateTime { year: 2024, month: 2, day: 29, hour: 12, minute: 1, second: 2, micros: 3 };
        check(kind::DATETIME, false, &[11, 0xe8, 7, 2, 29, 12, 1, 2, 3, 0, 0, 0], noon);
        let span = ParamValue::Time { negative: true, days: 1, hours: 2, minutes: 3, seconds: 4, micros: 0 };
        check(kind::TIME, false, &[8, 1, 1, 0, 0, 0, 2, 3, 4], span);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, kind: u8, unsigned: bool) {
            let _ = read(&mut Reader::new(&bytes), kind, unsigned);
        }
    }
}
