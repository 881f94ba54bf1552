//! COM_STMT_EXECUTE: the parameters' types and values. Query attributes share the form.

use crate::{
    Capabilities, Command, Malformed,
    packet::value::{self, ParamValue},
    reader::{Reader, put_lenenc, put_lenenc_bytes},
};

/// Flag of COM_STMT_EXECUTE: the number of parameters is in the packet (MySQL 8.0.23, with query attributes).
pub const PARAMETER_COUNT_AVAILABLE: u8 = 8;

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
    /// The same values as they were sent, and the query attributes behind them.
    sent: Vec<Sent<'a>>,
}

/// One parameter or attribute as it was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sent<'a> {
    kind: ParamType,
    name: &'a [u8],
    /// `None`: NULL.
    bytes: Option<&'a [u8]>,
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

/// A block of parameters.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    /// Types, if they were told.
    types: Option<Vec<ParamType>>,
    values: Vec<ParamValue<'a>>,
    sent: Vec<Sent<'a>>,
}

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
        let Parameters { types, mut values, sent } = if params == 0 && !counted {
            Parameters::default()
        } else {
            let layout = if caps.query_attributes() { Layout::NamedParams } else { Layout::Params };
            read_parameters(&mut reader, layout, params, remembered, long)?
        };
        if values.len() < params {
            return Err(Malformed("fewer values than parameters"));
        }
        values.truncate(params); // Further ones are query attributes.
        Ok(Self { statement_id, cursor: flags & !PARAMETER_COUNT_AVAILABLE, types, values, sent })
    }

    /// The same, with the types in it.
    ///
    /// # Errors
    /// None: these are its own parameters.
    pub fn with_types(&self, caps: Capabilities) -> Result<Vec<u8>, Malformed> {
        let all: Vec<usize> = (0..self.values.len()).collect();
        self.rewritten((self.statement_id, self.cursor), &all, caps)
    }

    /// COM_STMT_EXECUTE of another statement, without a cursor: its parameters are this one's of the numbers
    /// `params`, with their types; query attributes stay. A value that came ahead is not in it either.
    ///
    /// # Errors
    /// A number that is none of this one's parameters.
    pub fn with_params(&self, id: u32, params: &[usize], caps: Capabilities) -> Result<Vec<u8>, Malformed> {
        self.rewritten((id, 0), params, caps)
    }

    fn rewritten(
        &self,
        (id, cursor): (u32, u8),
        params: &[usize],
        caps: Capabilities,
    ) -> Result<Vec<u8>, Malformed> {
        let attributes = self.sent.get(self.values.len()..).unwrap_or_default();
        let chosen: Option<Vec<&Sent<'_>>> = params
            .iter()
            .map(|number| self.sent.get(*number).filter(|_| *number < self.values.len()))
            .chain(attributes.iter().map(Some))
            .collect();
        let chosen = chosen.ok_or(Malformed("number of a parameter"))?;
        let named = caps.query_attributes();
        let mut bytes = vec![Command::STMT_EXECUTE.0];
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.push(cursor | if named { PARAMETER_COUNT_AVAILABLE } else { 0 });
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        if named {
            put_lenenc(&mut bytes, chosen.len() as u64);
        }
        if chosen.is_empty() {
            return Ok(bytes);
        }
        let nulls = bytes.len();
        bytes.resize(nulls + chosen.len().div_ceil(8), 0);
        for (i, _) in chosen.iter().enumerate().filter(|(_, sent)| sent.bytes.is_none()) {
            bytes[nulls + i / 8] |= 1 << (i % 8);
        }
        bytes.push(1);
        for sent in &chosen {
            bytes.extend_from_slice(&[sent.kind.kind, if sent.kind.unsigned { 0x80 } else { 0 }]);
            if named {
                put_lenenc_bytes(&mut bytes, sent.name);
            }
        }
        for value in chosen.iter().filter_map(|sent| sent.bytes) {
            bytes.extend_from_slice(value);
        }
        Ok(bytes)
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
        return Ok(Parameters::default());
    }
    let nulls = reader.take(count.div_ceil(8), "NULL bitmap")?;
    let told = match reader.u8("flag for new types")? {
        0 if layout == Layout::Attributes => return Err(Malformed("attributes without types")),
        0 => None,
        _ => Some(read_types(reader, count, layout)?),
    };
    let (types, names) = told.map_or((None, Vec::new()), |(types, names)| (Some(types), names));
    let known = types.as_deref().unwrap_or(remembered);
    let mut values = Vec::with_capacity(count);
    let mut sent = Vec::with_capacity(count);
    for index in 0..count {
        let name = names.get(index).copied().unwrap_or_default();
        // Servers look at the NULL bitmap only where nothing came ahead.
        let came_ahead = long.iter().any(|param| usize::from(*param) == index);
        if nulls[index / 8] >> (index % 8) & 1 == 1 && !came_ahead {
            let kind =
                known.get(index).copied().unwrap_or(ParamType { kind: value::kind::NULL, unsigned: false });
            values.push(value::null(kind.kind));
            sent.push(Sent { kind, name, bytes: None });
            continue;
        }
        let kind = *known.get(index).ok_or(Malformed("parameter without a type"))?;
        let rest = reader.rest();
        values.push(if came_ahead {
            ParamValue::Long
        } else {
            value::read(reader, kind.kind, kind.unsigned)?
        });
        let length = rest.len() - reader.rest().len();
        sent.push(Sent { kind, name, bytes: rest.get(..length) });
    }
    Ok(Parameters { types, values, sent })
}

/// Types and names.
type Told<'a> = (Vec<ParamType>, Vec<&'a [u8]>);

fn read_types<'a>(reader: &mut Reader<'a>, count: usize, layout: Layout) -> Result<Told<'a>, Malformed> {
    // Each type takes two bytes: a wrong count cannot make this large.
    let mut types = Vec::with_capacity(count.min(reader.rest().len() / 2));
    let mut names = Vec::new();
    for _ in 0..count {
        let kind = reader.u8("parameter type")?;
        let unsigned = reader.u8("parameter flags")? & 0x80 != 0;
        types.push(ParamType { kind, unsigned });
        if layout != Layout::Params {
            names.push(reader.lenenc_bytes("parameter name")?);
        }
    }
    Ok((types, names))
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
        let twice = execute.with_params(7, &[0, 1, 0], PLAIN).unwrap();
        let twice = Execute::parse(&twice, PLAIN, 3, &[], &[0, 2]).unwrap();
        assert_eq!(twice.values, [ParamValue::Long, ParamValue::Int(5), ParamValue::Long]);
        let mut null = bytes.clone();
        null[10] = 1;
        let null = Execute::parse(&null, PLAIN, 2, &[], &[0]).unwrap();
        assert_eq!(null.values, execute.values, "the NULL bitmap is not for it");
    }

    #[test]
    fn types_that_were_told_before_are_put_in() {
        let types = [
            ParamType { kind: kind::LONGLONG, unsigned: true },
            ParamType { kind: kind::STRING, unsigned: false },
        ];
        let mut again = head(1);
        again.extend_from_slice(&[0b10, 0]);
        again.extend_from_slice(&8u64.to_le_bytes());
        let told = Execute::parse(&again, PLAIN, 2, &types, &[]).unwrap().with_types(PLAIN).unwrap();
        let told = Execute::parse(&told, PLAIN, 2, &[], &[]).unwrap();
        assert_eq!((told.statement_id, told.cursor, told.types.as_deref()), (9, 1, Some(&types[..])));
        assert_eq!(told.values, [ParamValue::UInt(8), ParamValue::Null]);
    }

    #[test]
    fn another_statement_gets_chosen_parameters() {
        let mut bytes = head(9);
        bytes.extend_from_slice(&[4, 0b10, 1]);
        bytes.extend_from_slice(&[kind::TINY, 0x80, 0, kind::TINY, 0, 0, kind::STRING, 0, 0]);
        bytes.extend_from_slice(&[kind::STRING, 0]);
        bytes.extend_from_slice(b"\x05trace\x2a\x02ab\x03abc");
        let execute = Execute::parse(&bytes, ATTRIBUTES, 3, &[], &[]).unwrap();
        let other = execute.with_params(7, &[2, 1, 0, 2], ATTRIBUTES).unwrap();
        let read = Execute::parse(&other, ATTRIBUTES, 4, &[], &[]).unwrap();
        let text = ParamValue::Bytes { binary: false, data: b"ab" };
        assert_eq!((read.statement_id, read.cursor), (7, 0));
        assert_eq!(read.values, [text, ParamValue::Null, ParamValue::UInt(42), text]);
        assert!(other.ends_with(b"\x03abc") && other.windows(5).any(|name| name == b"trace"));
        assert!(execute.with_params(7, &[3], ATTRIBUTES).is_err(), "an attribute is no parameter");

        let mut plain = head(0);
        plain.extend_from_slice(&[0, 1, kind::TINY, 0, 5]);
        let plain = Execute::parse(&plain, PLAIN, 1, &[], &[]).unwrap();
        let none = plain.with_params(7, &[], PLAIN).unwrap();
        assert_eq!(none, [0x17, 7, 0, 0, 0, 0, 1, 0, 0, 0]);
        let twice = plain.with_params(7, &[0, 0], PLAIN).unwrap();
        assert_eq!(Execute::parse(&twice, PLAIN, 2, &[], &[]).unwrap().values, [ParamValue::Int(5); 2]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, attributes: bool, params in 0usize..70_000, long: Vec<u16>) {
            bytes.insert(0, 0x17);
            let caps = if attributes { ATTRIBUTES } else { PLAIN };
            if let Ok(execute) = Execute::parse(&bytes, caps, params, &[ParamType { kind: 3, unsigned: true }], &long) {
                let all: Vec<usize> = (0..params).collect();
                let again = execute.with_params(3, &all, caps).unwrap();
                prop_assert_eq!(again.first(), Some(&Command::STMT_EXECUTE.0));
            }
        }
    }
}
