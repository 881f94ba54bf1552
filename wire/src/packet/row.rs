//! Rows. In the text protocol: one length-encoded string, or NULL, for each column. In the binary protocol: each value
//! in the form of its column's type.

use crate::{
    Malformed,
    packet::{Column, EOF, cell::put_binary, value::kind},
    reader::{Reader, put_lenenc_bytes},
};

/// How NULL is written.
const NULL: u8 = 0xfb;

/// Splits a text row of `columns` columns into its cells.
pub fn parse_text(payload: &[u8], columns: usize) -> Result<Vec<Option<&[u8]>>, Malformed> {
    let mut reader = Reader::new(payload);
    // A cell takes a byte at least, so a wrong count cannot make this large.
    let mut cells = Vec::with_capacity(columns.min(payload.len()));
    for _ in 0..columns {
        if reader.rest().first() == Some(&NULL) {
            reader.u8("cell")?;
            cells.push(None);
        } else {
            cells.push(Some(reader.lenenc_bytes("cell")?));
        }
    }
    if reader.is_empty() { Ok(cells) } else { Err(Malformed("more cells than columns")) }
}

/// The payload of a text row.
pub fn text_payload<'a>(cells: impl IntoIterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let mut out = Vec::new();
    for cell in cells {
        match cell {
            None => out.push(NULL),
            Some(bytes) => put_lenenc_bytes(&mut out, bytes),
        }
    }
    out
}

/// The payload of a binary row with these cells, in their text form. `None` where one has no binary form.
pub fn binary_payload<'a>(
    cells: impl IntoIterator<Item = Option<&'a [u8]>>,
    columns: &[Column],
) -> Option<Vec<u8>> {
    // The first byte, and the bitmap of NULLs, of which the first two bits are reserved.
    let mut out = vec![0; 1 + (columns.len() + 9) / 8];
    for (bit, (cell, column)) in (2..).zip(cells.into_iter().zip(columns)) {
        match cell {
            None => out[1 + bit / 8] |= 1 << (bit % 8),
            Some(text) => put_binary(&mut out, text, column.kind)?,
        }
    }
    Some(out)
}

/// How a value stands in a binary row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An integer of so many bytes.
    Integer { bytes: usize, unsigned: bool },
    /// FLOAT and DOUBLE, of so many bytes.
    Real(usize),
    /// DATE, DATETIME and TIMESTAMP: a byte with their length.
    Moment,
    /// TIME: likewise.
    Time,
    /// A length-encoded string.
    String,
    /// Only NULL.
    Null,
}

/// UNSIGNED_FLAG of a column definition.
const UNSIGNED: u16 = 32;

impl Form {
    fn of(column: &Column) -> Self {
        let integer = |bytes| Self::Integer { bytes, unsigned: column.flags & UNSIGNED != 0 };
        match column.kind {
            kind::TINY => integer(1),
            kind::SHORT | kind::YEAR => integer(2),
            kind::LONG | kind::INT24 => integer(4),
            kind::LONGLONG => integer(8),
            kind::FLOAT => Self::Real(4),
            kind::DOUBLE => Self::Real(8),
            kind::DATE | kind::DATETIME | kind::TIMESTAMP => Self::Moment,
            kind::TIME => Self::Time,
            kind::NULL => Self::Null,
            _ => Self::String,
        }
    }

    /// The next value of this form, as it stands there.
    fn take<'a>(self, reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
        let start = reader.rest();
        let before = reader.position();
        match self {
            Self::Integer { bytes, .. } | Self::Real(bytes) => {
                reader.take(bytes, "a number")?;
            }
            Self::Moment | Self::Time => {
                let length = reader.u8("a date's length")?;
                reader.take(length.into(), "a date")?;
            }
            Self::String => {
                reader.lenenc_bytes("cell")?;
            }
            Self::Null => {}
        }
        Ok(&start[..reader.position() - before])
    }
}

/// Binary rows whose integers have other widths than the definitions that their reader was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widths(Vec<(Form, Form)>);

impl Widths {
    /// From columns to those that the reader knows: `Ok(None)` if they are alike, the number of a column if it is
    /// another difference than that.
    pub fn new(from: &[Column], to: &[Column]) -> Result<Option<Self>, usize> {
        let forms: Vec<(Form, Form)> =
            from.iter().zip(to).map(|(from, to)| (Form::of(from), Form::of(to))).collect();
        let integer = |form: &Form| matches!(form, Form::Integer { .. });
        let odd = forms.iter().position(|(from, to)| from != to && !(integer(from) && integer(to)));
        match odd {
            Some(column) => Err(column),
            None => Ok(forms.iter().any(|(from, to)| from != to).then_some(Self(forms))),
        }
    }

    /// The row with the widths that its reader knows. An integer that does not fit is an error.
    pub fn apply(&self, payload: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(payload);
        // The first byte, and the bitmap of NULLs, of which the first two bits are reserved.
        let head = reader.take(1 + (self.0.len() + 9) / 8, "the NULLs of a row")?;
        let mut out = head.to_vec();
        for (i, (from, to)) in self.0.iter().enumerate() {
            let bit = i + 2;
            if head[1 + bit / 8] >> (bit % 8) & 1 == 1 {
                continue;
            }
            let value = from.take(&mut reader)?;
            match (from, to) {
                (Form::Integer { unsigned, .. }, Form::Integer { bytes, unsigned: wanted }) if from != to => {
                    let value = integer(value, *unsigned);
                    let resized = value.to_le_bytes();
                    let resized = &resized[..*bytes];
                    if integer(resized, *wanted) != value {
                        return Err(Malformed("an integer beyond its column"));
                    }
                    out.extend_from_slice(resized);
                }
                _ => out.extend_from_slice(value),
            }
        }
        if reader.is_empty() { Ok(out) } else { Err(Malformed("more cells than columns")) }
    }
}

/// The integer that these bytes are, little end first; at most eight.
fn integer(bytes: &[u8], unsigned: bool) -> i128 {
    let negative = !unsigned && bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut all = if negative { [0xff; 16] } else { [0; 16] };
    all[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(all)
}

/// Does a packet that starts with `first`, in a first frame of `len` bytes, end the rows?
///
/// A row may start with `0xFE` too, but only if its first cell has 16 MiB or more; then its frame is full.
pub fn ends_rows(first: u8, len: usize, deprecate_eof: bool) -> bool {
    first == EOF && if deprecate_eof { len < crate::frame::MAX_FRAME } else { len < 9 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_get_the_width_that_their_reader_knows() {
        let form = |bytes, unsigned| Form::Integer { bytes, unsigned };
        let widths = Widths(vec![
            (form(8, false), form(4, false)),
            (Form::String, Form::String),
            (form(4, true), form(8, false)),
            (Form::Time, Form::Time),
            (form(2, false), form(8, false)),
        ]);
        // The fourth one is NULL.
        let row = [
            &[0, 0b10_0000][..],
            &(-7_i64).to_le_bytes(),
            b"\x02ab",
            &u32::MAX.to_le_bytes(),
            &(-2_i16).to_le_bytes(),
        ];
        let wanted = [
            &[0, 0b10_0000][..],
            &(-7_i32).to_le_bytes(),
            b"\x02ab",
            &i64::from(u32::MAX).to_le_bytes(),
            &(-2_i64).to_le_bytes(),
        ];
        assert_eq!(widths.apply(&row.concat()), Ok(wanted.concat()));
        let beyond = Widths(vec![(form(8, true), form(8, false))]);
        let row = [&[0, 0][..], &u64::MAX.to_le_bytes()].concat();
        assert!(beyond.apply(&row).is_err());
    }

    proptest! {
        #[test]
        fn no_binary_row_makes_it_panic(bytes: Vec<u8>) {
            let widths = Widths(vec![
                (Form::Integer { bytes: 8, unsigned: true }, Form::Integer { bytes: 1, unsigned: false }),
                (Form::Moment, Form::Moment),
                (Form::String, Form::String),
                (Form::Real(8), Form::Real(8)),
            ]);
            let _ = widths.apply(&bytes);
        }

        #[test]
        fn a_row_comes_back(cells: Vec<Option<Vec<u8>>>) {
            let payload = text_payload(cells.iter().map(Option::as_deref));
            let back = parse_text(&payload, cells.len()).unwrap();
            prop_assert_eq!(back, cells.iter().map(Option::as_deref).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, columns: usize) {
            let _ = parse_text(&bytes, columns);
        }
    }
}
