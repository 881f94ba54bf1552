//! COM_QUERY and COM_STMT_PREPARE: where the statement's text is.

use std::ops::Range;

use crate::{
    Capabilities, Command, Malformed,
    packet::execute::{Layout, read_parameters},
    reader::Reader,
};

/// Where the text of a COM_QUERY stands in its payload. Attributes before it are skipped as the server does.
pub fn query_text(payload: &[u8], caps: Capabilities) -> Result<Range<usize>, Malformed> {
    let mut reader = Reader::new(payload);
    if reader.u8("COM_QUERY")? != Command::QUERY.0 {
        return Err(Malformed("COM_QUERY"));
    }
    if caps.query_attributes() {
        read_parameters(&mut reader, Layout::Attributes, 0, &[], &[])?;
    }
    Ok(reader.position()..payload.len())
}

/// Where the text of a COM_STMT_PREPARE stands in its payload.
pub fn prepare_text(payload: &[u8]) -> Result<Range<usize>, Malformed> {
    match payload.first() {
        Some(first) if *first == Command::STMT_PREPARE.0 => Ok(1..payload.len()),
        _ => Err(Malformed("COM_STMT_PREPARE")),
    }
}

/// A COM_QUERY of Shunt's own: no attributes.
pub fn query_payload(sql: &[u8], caps: Capabilities) -> Vec<u8> {
    let mut out = Vec::with_capacity(sql.len() + 3);
    out.push(Command::QUERY.0);
    if caps.query_attributes() {
        out.extend_from_slice(&[0, 1]); // No parameters, in one set.
    }
    out.extend_from_slice(sql);
    out
}

/// A COM_STMT_PREPARE of Shunt's own.
pub fn prepare_payload(sql: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sql.len() + 1);
    out.push(Command::STMT_PREPARE.0);
    out.extend_from_slice(sql);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::bits;
    use proptest::prelude::*;

    const WITH: Capabilities = Capabilities { flags: bits::QUERY_ATTRIBUTES, extended: 0 };
    const WITHOUT: Capabilities = Capabilities { flags: 0, extended: 0 };

    #[test]
    fn the_text_stands_behind_the_attributes() {
        let mut payload = vec![3, 2, 1, 0b10, 1];
        payload.extend_from_slice(b"\xfe\x00\x05trace\x06\x00\x00\x04a;b'SELECT 1");
        let text = query_text(&payload, WITH).unwrap();
        assert_eq!(&payload[text], b"SELECT 1");
        assert_eq!(query_text(&payload, WITHOUT).unwrap(), 1..payload.len());
    }

    proptest! {
        #[test]
        fn own_statements_come_back(sql: Vec<u8>, attributes: bool) {
            let caps = if attributes { WITH } else { WITHOUT };
            let payload = query_payload(&sql, caps);
            prop_assert_eq!(&payload[query_text(&payload, caps).unwrap()], &sql[..]);
            let payload = prepare_payload(&sql);
            prop_assert_eq!(&payload[prepare_text(&payload).unwrap()], &sql[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, 3);
            let _ = query_text(&bytes, WITH);
            let _ = prepare_text(&bytes);
        }
    }
}
