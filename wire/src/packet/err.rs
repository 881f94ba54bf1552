//! ERR packets.

use crate::{Malformed, packet::ERR, reader::Reader};

/// What an ERR packet says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({}): {}", String::from_utf8_lossy(.sqlstate), String::from_utf8_lossy(.message))]
pub struct ErrInfo {
    /// The server's error number.
    pub code: u16,
    /// SQLSTATE; `HY000` where the packet has none (before the login).
    pub sqlstate: [u8; 5],
    /// The text, in the connection's character set.
    pub message: Vec<u8>,
}

impl ErrInfo {
    /// An error of Shunt's own.
    pub fn new(code: u16, sqlstate: &[u8; 5], message: impl Into<Vec<u8>>) -> Self {
        Self { code, sqlstate: *sqlstate, message: message.into() }
    }

    /// Reads an ERR packet.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if reader.u8("ERR packet")? != ERR {
            return Err(Malformed("ERR packet"));
        }
        let code = reader.u16("error code")?;
        let mut sqlstate = *b"HY000";
        if let [b'#', state @ ..] = reader.rest()
            && let Some(state) = state.first_chunk::<5>()
        {
            sqlstate = *state;
            reader.take(6, "SQLSTATE")?;
        }
        Ok(Self { code, sqlstate, message: reader.rest().to_vec() })
    }

    /// The packet's payload, as it is after the login.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = self.head();
        out.push(b'#');
        out.extend_from_slice(&self.sqlstate);
        out.extend_from_slice(&self.message);
        out
    }

    /// The packet's payload in place of a greeting: clients do not look for a SQLSTATE that early.
    pub fn payload_before_greeting(&self) -> Vec<u8> {
        let mut out = self.head();
        out.extend_from_slice(&self.message);
        out
    }

    fn head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(9 + self.message.len());
        out.push(ERR);
        out.extend_from_slice(&self.code.to_le_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_error_comes_back(code: u16, sqlstate: [u8; 5], message: Vec<u8>) {
            let error = ErrInfo { code, sqlstate, message };
            prop_assert_eq!(ErrInfo::parse(&error.payload()), Ok(error));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = ErrInfo::parse(&bytes);
        }
    }
}
