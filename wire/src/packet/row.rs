//! Rows of the text protocol: one length-encoded string, or NULL, for each column.

use crate::{
    Malformed,
    packet::{Column, EOF, value::kind},
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

/// The payload of a binary row with these cells, none of them NULL, in their text form. `None` where a column
/// is neither a string nor an integer that the text is.
pub fn binary_payload<'a>(
    cells: impl IntoIterator<Item = Option<&'a [u8]>>,
    columns: &[Column],
) -> Option<Vec<u8>> {
    // The first byte, and the bitmap of NULLs, of which the first two bits are reserved.
    let mut out = vec![0; 1 + (columns.len() + 9) / 8];
    for (cell, column) in cells.into_iter().zip(columns) {
        let text = cell?;
        let integer = || std::str::from_utf8(text).ok()?.parse::<i128>().ok().map(i128::to_le_bytes);
        match column.kind {
            kind::VAR_STRING | kind::STRING | kind::VARCHAR => put_lenenc_bytes(&mut out, text),
            kind::LONG => out.extend_from_slice(&integer()?[..4]),
            kind::LONGLONG => out.extend_from_slice(&integer()?[..8]),
            _ => return None,
        }
    }
    Some(out)
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

    proptest! {
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
