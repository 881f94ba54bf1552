//! A checked cursor over bytes from outside. Every read says what it wanted, so that an error names it.

/// A packet that does not hold what its kind must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed packet: {0}")]
pub struct Malformed(pub &'static str);

/// Reads the protocol's basic types from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `all`.
    pub fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// How many bytes were read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Is nothing left?
    pub fn is_empty(&self) -> bool {
        self.at >= self.all.len()
    }

    /// What is left, without reading it.
    pub fn rest(&self) -> &'a [u8] {
        self.all.get(self.at..).unwrap_or_default()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(n).ok_or(Malformed(what))?;
        let taken = self.all.get(self.at..end).ok_or(Malformed(what))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        self.take(N, what)?.try_into().map_err(|_| Malformed(what))
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Two bytes, little end first.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    /// Four bytes, little end first.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// Eight bytes, little end first.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A length-encoded integer. `0xFB` (NULL in a row) and `0xFF` (ERR) are not integers.
    pub fn lenenc(&mut self, what: &'static str) -> Result<u64, Malformed> {
        match self.u8(what)? {
            small @ 0..=0xfa => Ok(u64::from(small)),
            0xfc => Ok(u64::from(self.u16(what)?)),
            0xfd => {
                let three: [u8; 3] = self.array(what)?;
                Ok(u64::from(u32::from_le_bytes([three[0], three[1], three[2], 0])))
            }
            0xfe => self.u64(what),
            _ => Err(Malformed(what)),
        }
    }

    /// A length-encoded string.
    pub fn lenenc_bytes(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.lenenc(what)?;
        self.take(usize::try_from(len).map_err(|_| Malformed(what))?, what)
    }

    /// A string that ends in a zero byte, which is read too.
    pub fn until_nul(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.rest().iter().position(|b| *b == 0).ok_or(Malformed(what))?;
        let text = self.take(len, what)?;
        self.at += 1;
        Ok(text)
    }

    /// A string that ends in a zero byte or where the packet ends; clients of old are careless here.
    pub fn until_nul_or_end(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
        self.at = (self.at + len + 1).min(self.all.len());
        &rest[..len]
    }
}

/// Appends a length-encoded integer.
pub fn put_lenenc(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_le_bytes();
    match value {
        0..=0xfa => out.push(bytes[0]),
        0xfb..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&bytes[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends a length-encoded string.
pub fn put_lenenc_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_lenenc(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_length_encoded_integer_comes_back(value: u64) {
            let mut bytes = Vec::new();
            put_lenenc(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.lenenc("value"), Ok(value));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.lenenc_bytes("a");
            let _ = reader.until_nul("b");
            let _ = reader.until_nul_or_end();
            let _ = reader.take(usize::MAX, "c");
            prop_assert!(reader.position() <= bytes.len());
        }
    }
}
