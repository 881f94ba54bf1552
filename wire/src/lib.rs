//! The MySQL wire protocol, as far as a relay needs it.
//!
//! Frames are passed on as they are: a header is read, the payload goes through in slices. What a packet holds
//! is looked at only where something depends on it: where an answer ends, what its status flags say, what a
//! statement's text and parameters are. The crate knows nothing of SQL and nothing of the other crates.
//!
//! | module | what it is for |
//! |---|---|
//! | [`capabilities`] | which protocol features are offered, and what a connection has agreed on |
//! | [`frame`] | headers, packets of more than one frame, sequence ids |
//! | [`leg`] | one side of a session: a buffered packet stream over TCP or a Unix socket, with or without TLS |
//! | [`handshake`] | the greeting, the client's answer, the authentication exchange |
//! | [`response`] | follows an answer through its bytes until it ends |
//! | [`packet`] | the packets that are read or built: OK, ERR, columns, rows, statements, parameters |
//! | [`own`] | Shunt's own statements on a leg |
//!
//! Everything from outside is checked: a packet that makes no sense is a [`Malformed`], never a panic.

pub mod capabilities;
pub mod command;
pub mod frame;
pub mod handshake;
pub mod leg;
pub mod own;
pub mod packet;
pub mod reader;
pub mod response;
mod socket;

pub use capabilities::Capabilities;
pub use command::Command;
pub use frame::{FrameError, Packet};
pub use leg::Leg;
pub use packet::status::StatusFlags;
pub use reader::Malformed;
pub use rustls;
