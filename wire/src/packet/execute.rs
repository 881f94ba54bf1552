//! COM_STMT_EXECUTE: the parameters' types and values. Query attributes share the form.

use crate::{
    Capabilities, Command, Malformed,
    packet::value::{self, ParamValue},
    reader::Reader,
};

/// Flag of COM_STMT_EXECUTE: the number of parameters is in the packet (MySQL 8.0.23, with query attributes).
const PARAMETER_COUNT_AVAILABLE: u8 = 8;

/// More parameters than this the server refuses too.
const PARAMS_MAX: u64 = 0xffff;

/// A parameter's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamType {
    /// The type's number, as in [`value::kind`].
    pub kind: u8,
    /// Is an integer unsigned?
    pub unsigned: bool,
}

/// What a COM_STMT_EXECUTE says.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute<'a> {
    /// The statement's id on this connection.
    pub statement_id: u32,
    /// What cursor is wanted, without other flags; 0 for none.
    pub cursor: u8,
    /// The parameters' types, if the packet tells them: to be remembered for later executions.
    pub types: Option<Vec<ParamType>>,
    /// The parameters' values, one for each `?`.
    pub values: Vec<ParamValue<'a>>,
}

/// Which variant of the parameters' block is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// COM_QUERY's attributes: count, number of sets, names.
    Attributes,
    /// COM_STMT_EXECUTE with query attributes: count, names.
    NamedParams,
    /// COM_STMT_EXECUTE without: neither.
    Params,
}

/// Types, if they were told, and values of a block of parameters.
pub(crate) type Parameters<'a> = (Option<Vec<ParamType>>, Vec<ParamValue<'a>>);

impl<'a> Execute<'a> {
    /// Reads a COM_STMT_EXECUTE of a statement with `params` parameters. `remembered` are the types of its last
    /// execution, `long` the numbers of the parameters whose values came ahead.
    pub fn parse(
        payload: &'a [u8],
        caps: Capabilities,
        params: usize,
        remembered: &[ParamType],
        long: &[u16],
    ) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if reader.u8("COM_STMT_EXECUTE")? != Command::STMT_EXECUTE.0 {
            return Err(Malformed("COM_STMT_EXECUTE"));
        }
        let statement_id = reader.u32("statement id")?;
        let flags = reader.u8("flags")?;
        reader.u32("iteration count")?;
        let counted = caps.query_attributes() && flags & PARAMETER_COUNT_AVAILABLE != 0;
        let (types, mut values) = if params == 0 && !counted {
            (None, Vec::new())
        } else {
            let layout = if caps.query_attributes() { Layout::NamedParams } else { Layout::Params };
            read_parameters(&mut reader, layout, params, remembered, long)?
        };
        if values.len() < params {
            return Err(Malformed("fewer values than parameters"));
        }
        values.truncate(params); // Further ones are query attributes.
        Ok(Self { statement_id, cursor: flags & !PARAMETER_COUNT_AVAILABLE, types, values })
    }
}

/// Reads a block of parameters or attributes.
pub(crate) fn read_parameters<'a>(
    reader: &mut Reader<'a>,
    layout: Layout,
    params: usize,
    remembered: &[ParamType],
    long: &[u16],
) -> Result<Parameters<'a>, Malformed> {
    let mut count = params;
    if layout != Layout::Params {
        let told = reader.lenenc("parameter count")?;
        if told > PARAMS_MAX {
            return Err(Malformed("parameter count"));
        }
        count = told as usize;
    }
    if layout == Layout::Attributes && reader.lenenc("parameter sets")? != 1 {
        return Err(Malformed("parameter sets"));
    }
    if count == 0 {
        return Ok((None, Vec::new()));
    }
    let nulls = reader.take(count.div_ceil(8), "NULL bitmap")?;
    let told = match reader.u8("flag for new types")? {
        0 if layout == Layout::Attributes => return Err(Malformed("attributes without types")),
        0 => None,
        _ => Some(read_types(reader, count, layout)?),
    };
    let types = told.as_deref().unwrap_or(remembered);
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        if nulls[index / 8] >> (index % 8) & 1 == 1 {
            values.push(ParamValue::Null);
            continue;
        }
        let kind = types.get(index).ok_or(Malformed("parameter without a type"))?;
        values.push(if long.iter().any(|param| usize::from(*param) == index) {
            ParamValue::Long
        } else {
            value::read(reader, kind.kind, kind.unsigned)?
        });
    }
    Ok((told, values))
}

fn read_types(reader: &mut Reader<'_>, count: usize, layout: Layout) -> Result<Vec<ParamType>, Malformed> {
    // Each type takes two bytes: a wrong count cannot make this large.
    let mut types = Vec::with_capacity(count.min(reader.rest().len() / 2));
    for _ in 0..count {
        let kind = reader.u8("parameter type")?;
        let unsigned = reader.u8("parameter flags")? & 0x80 != 0;
        types.push(ParamType { kind, unsigned });
        if layout != Layout::Params {
            reader.lenenc_bytes("parameter name")?;
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capabilities::bits, packet::value::kind};
    use proptest::prelude::*;

    const PLAIN: Capabilities = Capabilities { flags: 0, extended: 0 };
    const ATTRIBUTES: Capabilities = Capabilities { flags: bits::QUERY_ATTRIBUTES, extended: 0 };

    fn head(flags: u8) -> Vec<u8> {
        vec![0x17, 9, 0, 0, 0, flags, 1, 0, 0, 0]
    }

    #[test]
    fn types_are_told_once_and_remembered() {
        let mut first = head(1);
        first.extend_from_slice(&[0b10, 1, kind::LONGLONG, 0x80, kind::STRING, 0]);
        first.extend_from_slice(&7u64.to_le_bytes());
        let first = Execute::parse(&first, PLAIN, 2, &[], &[]).unwrap();
        assert_eq!((first.statement_id, first.cursor), (9, 1));
        assert_eq!(first.values, [ParamValue::UInt(7), ParamValue::Null]);

        let mut again = head(0);
        again.extend_from_slice(&[0, 0]);
        again.extend_from_slice(&8u64.to_le_bytes());
        again.extend_from_slice(b"\x01x");
        assert!(Execute::parse(&again, PLAIN, 2, &[], &[]).is_err());
        let again = Execute::parse(&again, PLAIN, 2, &first.types.unwrap(), &[]).unwrap();
        assert_eq!(again.values, [ParamValue::UInt(8), ParamValue::Bytes { binary: false, data: b"x" }]);
    }

    #[test]
    fn attributes_behind_the_parameters_are_left_out() {
        let mut bytes = head(8);
        bytes.extend_from_slice(&[2, 0, 1, kind::TINY, 0, 0, kind::STRING, 0]);
        bytes.extend_from_slice(b"\x05trace\x2a\x03abc");
        let execute = Execute::parse(&bytes, ATTRIBUTES, 1, &[], &[]).unwrap();
        assert_eq!(execute.values, [ParamValue::Int(42)]);
        let mut none = head(8);
        none.push(0);
        assert_eq!(Execute::parse(&none, ATTRIBUTES, 0, &[], &[]).unwrap().values, []);
    }

    #[test]
    fn a_value_that_came_ahead_is_not_in_the_packet() {
        let mut bytes = head(0);
        bytes.extend_from_slice(&[0, 1, kind::BLOB, 0, kind::TINY, 0, 5]);
        let execute = Execute::parse(&bytes, PLAIN, 2, &[], &[0]).unwrap();
        assert_eq!(execute.values, [ParamValue::Long, ParamValue::Int(5)]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, attributes: bool, params in 0usize..70_000, long: Vec<u16>) {
            bytes.insert(0, 0x17);
            let caps = if attributes { ATTRIBUTES } else { PLAIN };
            let _ = Execute::parse(&bytes, caps, params, &[ParamType { kind: 3, unsigned: true }], &long);
        }
    }
}
