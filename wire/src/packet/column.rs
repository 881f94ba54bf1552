//! Column definitions, as they come since protocol 4.1: read, and given the names of another table.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    Capabilities, Malformed,
    reader::{Reader, put_lenenc_bytes},
};

/// One column of a result set, over the payload it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    payload: Bytes,
    schema: Range<usize>,
    table: Range<usize>,
    org_table: Range<usize>,
    name: Range<usize>,
    org_name: Range<usize>,
    /// Character set and collation of the values.
    pub charset: u16,
    /// Largest width of a value, in bytes.
    pub length: u32,
    /// The type's number, as in [`crate::packet::value`].
    pub kind: u8,
    /// NOT NULL, PRI_KEY, UNSIGNED, BINARY, ….
    pub flags: u16,
    /// Digits behind the point.
    pub decimals: u8,
}

impl Column {
    /// Reads a column definition.
    pub fn parse(payload: impl Into<Bytes>, caps: Capabilities) -> Result<Self, Malformed> {
        let payload = payload.into();
        let mut reader = Reader::new(&payload);
        reader.lenenc_bytes("catalog")?;
        let schema = text(&mut reader, "schema")?;
        let table = text(&mut reader, "table")?;
        let org_table = text(&mut reader, "original table")?;
        let name = text(&mut reader, "column name")?;
        let org_name = text(&mut reader, "original column name")?;
        if caps.extended_metadata() {
            reader.lenenc_bytes("extended metadata")?;
        }
        reader.lenenc("length of a column's fixed part")?;
        let charset = reader.u16("charset")?;
        let length = reader.u32("column length")?;
        let kind = reader.u8("column type")?;
        let flags = reader.u16("column flags")?;
        let decimals = reader.u8("decimals")?;
        Ok(Self { schema, table, org_table, name, org_name, charset, length, kind, flags, decimals, payload })
    }

    /// The packet's payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The database; empty for a computed column.
    pub fn schema(&self) -> &[u8] {
        &self.payload[self.schema.clone()]
    }

    /// The table, or its alias.
    pub fn table(&self) -> &[u8] {
        &self.payload[self.table.clone()]
    }

    /// The table's own name.
    pub fn org_table(&self) -> &[u8] {
        &self.payload[self.org_table.clone()]
    }

    /// The column, or its alias.
    pub fn name(&self) -> &[u8] {
        &self.payload[self.name.clone()]
    }

    /// The column's own name.
    pub fn org_name(&self) -> &[u8] {
        &self.payload[self.org_name.clone()]
    }

    /// The payload with other names for the column and the original column; all else stays byte for byte.
    pub fn with_names(&self, name: &[u8], org_name: &[u8]) -> Vec<u8> {
        let before = self.name.start - lenenc_width(self.name.len());
        let mut out = Vec::with_capacity(self.payload.len() + name.len() + org_name.len());
        out.extend_from_slice(&self.payload[..before]);
        put_lenenc_bytes(&mut out, name);
        put_lenenc_bytes(&mut out, org_name);
        out.extend_from_slice(&self.payload[self.org_name.end..]);
        out
    }

    /// The payload with other names for schema, table and original table; all else stays byte for byte.
    pub fn renamed(&self, schema: &[u8], table: &[u8], org_table: &[u8]) -> Vec<u8> {
        let before = self.schema.start - lenenc_width(self.schema.len());
        let mut out = Vec::with_capacity(self.payload.len() + schema.len() + table.len() + org_table.len());
        out.extend_from_slice(&self.payload[..before]);
        put_lenenc_bytes(&mut out, schema);
        put_lenenc_bytes(&mut out, table);
        put_lenenc_bytes(&mut out, org_table);
        out.extend_from_slice(&self.payload[self.org_table.end..]);
        out
    }
}

/// Reads a length-encoded string whose length is written in the shortest way, so that its start is known.
fn text(reader: &mut Reader<'_>, what: &'static str) -> Result<Range<usize>, Malformed> {
    let start = reader.position();
    let len = reader.lenenc_bytes(what)?.len();
    let end = reader.position();
    if end - start != lenenc_width(len) + len {
        return Err(Malformed(what));
    }
    Ok(end - len..end)
}

/// How many bytes a length takes in its shortest form.
fn lenenc_width(len: usize) -> usize {
    match len {
        0..=0xfa => 1,
        0xfb..=0xffff => 3,
        0x1_0000..=0xff_ffff => 4,
        _ => 9,
    }
}

/// Reads the packet that starts a result set: how many columns there are.
pub fn parse_count(payload: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(payload);
    let count = reader.lenenc("column count")?;
    // The server allows 4096 columns; the protocol's field for prepared statements 65535.
    if count == 0 || count > 0xffff || !reader.is_empty() {
        return Err(Malformed("column count"));
    }
    Ok(count as usize)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::capabilities::bits;
    use proptest::prelude::*;

    /// A column definition with these names.
    pub(crate) fn definition(
        schema: &[u8],
        table: &[u8],
        org_table: &[u8],
        name: &[u8],
        extended: bool,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        for text in [b"def", schema, table, org_table, name, name] {
            put_lenenc_bytes(&mut out, text);
        }
        if extended {
            put_lenenc_bytes(&mut out, b"\x00\x04uuid");
        }
        out.extend_from_slice(&[0x0c, 45, 0, 255, 0, 0, 0, 3, 1, 0x10, 7, 0, 0]);
        out
    }

    proptest! {
        #[test]
        fn names_are_replaced_and_nothing_else(
            old in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..300)),
            new in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..300)),
            extended: bool,
        ) {
            let caps = Capabilities { flags: 0, extended: if extended { bits::MARIADB_EXTENDED_METADATA } else { 0 } };
            let column = Column::parse(definition(&old[0], &old[1], &old[2], &old[3], extended), caps).unwrap();
            prop_assert_eq!((column.table(), column.name()), (&old[1][..], &old[3][..]));
            prop_assert_eq!((column.charset, column.length, column.kind, column.decimals), (45, 255, 3, 7));
            let patched = column.renamed(&new[0], &new[1], &new[2]);
            prop_assert_eq!(patched, definition(&new[0], &new[1], &new[2], &old[3], extended));
            let named = column.with_names(&new[0], &new[0]);
            prop_assert_eq!(named, definition(&old[0], &old[1], &old[2], &new[0], extended));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, extended: u32) {
            let _ = parse_count(&bytes);
            if let Ok(column) = Column::parse(bytes, Capabilities { flags: 0, extended }) {
                let _ = column.renamed(b"a", b"b", b"c");
            }
        }
    }
}
