//! Parameter values of the binary protocol, as the planner sees them.

/// One parameter of an EXECUTE.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    UInt(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL in text.
    Decimal(Vec<u8>),
    /// A string in `character_set_client`.
    Text(Vec<u8>),
    /// A BLOB: bytes of charset binary.
    Blob(Vec<u8>),
    /// DATE in text: `2024-01-31`.
    Date(String),
    /// DATETIME or TIMESTAMP in text: `2024-01-31 10:00:00.000000`.
    DateTime(String),
    /// TIME in text: `-838:59:59.000000`.
    Time(String),
    /// Sent by COM_STMT_SEND_LONG_DATA for a type that is neither text nor bytes: only home knows what it makes of it.
    LongData,
    /// Of a type that only home can read.
    Foreign,
}

impl Value {
    /// Only home knows it.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self, Self::LongData | Self::Foreign)
    }
}
