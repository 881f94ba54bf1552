//! Answers to COM_STMT_PREPARE, and the statement ids that other commands carry.

use crate::{Command, Malformed, packet::OK, reader::Reader};

/// In the place of an id: the statement that the connection prepared last (MariaDB, whose clients send it behind a
/// COM_STMT_PREPARE without waiting for the answer).
pub const LAST_PREPARED: u32 = u32::MAX;

/// The first packet of the answer to COM_STMT_PREPARE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepareOk {
    /// The statement's id on this connection.
    pub statement_id: u32,
    /// How many columns its result has; as many definitions come behind those of the parameters.
    pub columns: u16,
    /// How many parameters it takes; as many definitions follow.
    pub params: u16,
    /// How many warnings there are.
    pub warnings: u16,
}

impl PrepareOk {
    /// Reads the first packet of the answer.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if reader.u8("answer to COM_STMT_PREPARE")? != OK {
            return Err(Malformed("answer to COM_STMT_PREPARE"));
        }
        let statement_id = reader.u32("statement id")?;
        let columns = reader.u16("column count")?;
        let params = reader.u16("parameter count")?;
        reader.u8("filler")?;
        Ok(Self { statement_id, columns, params, warnings: reader.u16("warnings")? })
    }

    /// The packet's payload.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12);
        out.push(OK);
        out.extend_from_slice(&self.statement_id.to_le_bytes());
        out.extend_from_slice(&self.columns.to_le_bytes());
        out.extend_from_slice(&self.params.to_le_bytes());
        out.push(0);
        out.extend_from_slice(&self.warnings.to_le_bytes());
        out
    }
}

/// The statement id of a COM_STMT_EXECUTE, FETCH, RESET, CLOSE or SEND_LONG_DATA.
pub fn statement_id(payload: &[u8]) -> Result<u32, Malformed> {
    let mut reader = Reader::new(payload);
    reader.u8("command")?;
    reader.u32("statement id")
}

/// Replaces the statement id in one of those commands, or in the answer to COM_STMT_PREPARE.
pub fn patch_statement_id(payload: &mut [u8], id: u32) -> Result<(), Malformed> {
    let bytes = payload.get_mut(1..5).ok_or(Malformed("statement id"))?;
    bytes.copy_from_slice(&id.to_le_bytes());
    Ok(())
}

/// A piece of a parameter's value, sent ahead of COM_STMT_EXECUTE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongData<'a> {
    /// The statement it is for.
    pub statement_id: u32,
    /// Which of its parameters, counted from 0.
    pub param: u16,
    /// The piece; several are put together.
    pub data: &'a [u8],
}

impl<'a> LongData<'a> {
    /// Reads a COM_STMT_SEND_LONG_DATA.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?;
        let statement_id = reader.u32("statement id")?;
        let param = reader.u16("parameter number")?;
        Ok(Self { statement_id, param, data: reader.rest() })
    }

    /// The command's payload.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(7 + self.data.len());
        out.push(Command::STMT_SEND_LONG_DATA.0);
        out.extend_from_slice(&self.statement_id.to_le_bytes());
        out.extend_from_slice(&self.param.to_le_bytes());
        out.extend_from_slice(self.data);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_answer_comes_back_with_another_id(statement_id: u32, columns: u16, params: u16, warnings: u16, id: u32) {
            let ok = PrepareOk { statement_id, columns, params, warnings };
            let mut payload = ok.payload();
            prop_assert_eq!(PrepareOk::parse(&payload), Ok(ok));
            patch_statement_id(&mut payload, id).unwrap();
            prop_assert_eq!(PrepareOk::parse(&payload), Ok(PrepareOk { statement_id: id, ..ok }));
        }

        #[test]
        fn a_piece_is_read_back(statement_id: u32, param: u16, data: Vec<u8>) {
            let piece = LongData { statement_id, param, data: &data };
            let payload = piece.payload();
            prop_assert_eq!(LongData::parse(&payload), Ok(piece));
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>) {
            let _ = PrepareOk::parse(&bytes);
            let _ = statement_id(&bytes);
            let _ = LongData::parse(&bytes);
            let _ = patch_statement_id(&mut bytes, 1);
        }
    }
}
