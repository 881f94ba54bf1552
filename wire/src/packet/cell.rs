//! Cells of the text protocol in the form of the binary one.

use crate::{packet::value::kind, reader::put_lenenc_bytes};

/// Appends a cell of a column of type `kind`. `None` where its text does not hold the whole value (FLOAT, of which a
/// server prints six digits) or is none of that type.
pub(crate) fn put_binary(out: &mut Vec<u8>, text: &[u8], kind: u8) -> Option<()> {
    let words = || std::str::from_utf8(text).ok();
    let integer = || words()?.parse::<i128>().ok().map(i128::to_le_bytes);
    match kind {
        kind::TINY => out.extend_from_slice(&integer()?[..1]),
        kind::SHORT | kind::YEAR => out.extend_from_slice(&integer()?[..2]),
        kind::LONG | kind::INT24 => out.extend_from_slice(&integer()?[..4]),
        kind::LONGLONG => out.extend_from_slice(&integer()?[..8]),
        kind::DOUBLE => out.extend_from_slice(&words()?.parse::<f64>().ok()?.to_le_bytes()),
        kind::DATE | kind::DATETIME | kind::TIMESTAMP => put_date(out, words()?)?,
        kind::TIME => put_time(out, words()?)?,
        kind::FLOAT | kind::NULL => return None,
        _ => put_lenenc_bytes(out, text),
    }
    Some(())
}

/// `2024-01-02`, `2024-01-02 03:04:05.5`: as short as it can be.
fn put_date(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-');
    let year: u16 = parts.next()?.parse().ok()?;
    let (month, day): (u8, u8) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (hours, minutes, seconds, micros) = clock(time)?;
    let hour = u8::try_from(hours).ok()?;
    let mut bytes = year.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[month, day, hour, minutes, seconds]);
    bytes.extend_from_slice(&micros.to_le_bytes());
    put_shortest(out, &bytes, &[11, 7, 4]);
    Some(())
}

/// `-838:59:59.000001`.
fn put_time(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let (negative, text) = text.strip_prefix('-').map_or((0, text), |rest| (1, rest));
    let (hours, minutes, seconds, micros) = clock(text)?;
    let hour = u8::try_from(hours % 24).ok()?;
    let mut bytes = vec![negative];
    bytes.extend_from_slice(&(hours / 24).to_le_bytes());
    bytes.extend_from_slice(&[hour, minutes, seconds]);
    bytes.extend_from_slice(&micros.to_le_bytes());
    put_shortest(out, &bytes, &[12, 8]);
    Some(())
}

/// `03:04:05.25`: hours, minutes, seconds, millionths.
fn clock(text: &str) -> Option<(u32, u8, u8, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let micros = format!("{fraction:0<6}").parse().ok()?;
    Some((hours.parse().ok()?, minutes.parse().ok()?, seconds.parse().ok()?, micros))
}

/// The length and so many of the bytes that only zeros are left out; nothing of a value that is all zeros.
fn put_shortest(out: &mut Vec<u8>, bytes: &[u8], lengths: &[usize]) {
    let shorter = lengths.iter().copied().skip(1).chain([0]);
    let needed =
        lengths.iter().zip(shorter).find(|(_, shorter)| bytes[*shorter..].iter().any(|byte| *byte != 0));
    put_lenenc_bytes(out, &bytes[..needed.map_or(0, |(length, _)| *length)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(text: &str, kind: u8) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        put_binary(&mut out, text.as_bytes(), kind).map(|()| out)
    }

    #[test]
    fn cells_of_each_type() {
        for (text, kind, bytes) in [
            ("-1", kind::TINY, &[0xff][..]),
            ("255", kind::TINY, &[0xff]),
            ("2024", kind::YEAR, &[0xe8, 0x07]),
            ("-2", kind::LONG, &[0xfe, 0xff, 0xff, 0xff]),
            ("0007", kind::INT24, &[7, 0, 0, 0]),
            ("18446744073709551615", kind::LONGLONG, &[0xff; 8]),
            ("0.5", kind::DOUBLE, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f]),
            ("0.50", kind::NEWDECIMAL, b"\x040.50"),
            ("ab", kind::VAR_STRING, b"\x02ab"),
            ("2024-02-03", kind::DATE, &[4, 0xe8, 0x07, 2, 3]),
            ("0000-00-00", kind::DATE, &[0]),
            ("2024-02-03 00:00:00", kind::DATETIME, &[4, 0xe8, 0x07, 2, 3]),
            ("2024-02-03 04:05:06", kind::DATETIME, &[7, 0xe8, 0x07, 2, 3, 4, 5, 6]),
            ("2024-02-03 00:00:00.5", kind::TIMESTAMP, &[11, 0xe8, 0x07, 2, 3, 0, 0, 0, 0x20, 0xa1, 7, 0]),
            ("-25:00:01", kind::TIME, &[8, 1, 1, 0, 0, 0, 1, 0, 1]),
            ("00:00:00.000001", kind::TIME, &[12, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
            ("00:00:00", kind::TIME, &[0]),
        ] {
            assert_eq!(binary(text, kind).as_deref(), Some(bytes), "{text} {kind}");
        }
    }

    #[test]
    fn what_is_not_of_the_type_has_no_form() {
        for (text, kind) in
            [("1.1", kind::FLOAT), ("x", kind::LONG), ("2024-02", kind::DATE), ("1:2", kind::TIME)]
        {
            assert_eq!(binary(text, kind), None, "{text}");
        }
    }
}
