//! The packets that are read or built. Each is parsed from a payload, without its header.

mod cell;
pub mod column;
pub mod err;
pub mod execute;
pub mod ok;
pub mod prepare;
pub mod query;
pub mod row;
pub mod status;
pub mod value;

pub use column::Column;
pub use err::ErrInfo;
pub use execute::{Execute, ParamType};
pub use ok::{OkInfo, StateChange};
pub use prepare::PrepareOk;
pub use value::ParamValue;

/// First byte of an OK packet.
pub const OK: u8 = 0x00;
/// First byte of home's request for a file, at the start of an answer.
pub const LOCAL_INFILE: u8 = 0xfb;
/// First byte of an EOF packet, and of the OK packet that stands in its place.
pub const EOF: u8 = 0xfe;
/// First byte of an ERR packet.
pub const ERR: u8 = 0xff;
