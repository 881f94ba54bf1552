//! The login: home's greeting, the client's answer to it, and the authentication exchange.
//!
//! Shunt takes no part in it. Packets are patched where a capability has to go, and otherwise passed on, so every
//! plugin works and no password is known here. What Shunt looks at: where the exchange ends, and whether a
//! password is about to go out in clear text where it must not.

mod exchange;
mod greeting;
mod reply;

pub use exchange::{Exchange, Outcome, authenticate};
pub use greeting::Greeting;
pub use reply::{ChangeUser, HandshakeResponse, TlsRequest};

use crate::FrameError;

/// The largest packet before the login is done. A client's answer holds at most 64 KiB of connection attributes,
/// then names and a token; the server's own limit is near.
pub const PACKET_MAX: usize = 72 * 1024;

/// The packets of one login. Three factors with several rounds each stay far below.
pub const ROUNDS_MAX: usize = 64;

/// Why a login did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The client closed, stood still, or spoke something else.
    #[error("client: {0}")]
    Client(#[source] FrameError),
    /// Home closed, stood still, or spoke something else.
    #[error("home: {0}")]
    Home(#[source] FrameError),
    /// The client uses a feature that was not offered, or a protocol that is too old.
    #[error("client: {0}")]
    Unsupported(&'static str),
    /// A password would have gone out in clear text over a connection that anyone can read.
    #[error(
        "authentication plugin {plugin} sends the password in clear text, and the connection to home is not encrypted"
    )]
    ClearText {
        /// The plugin.
        plugin: String,
    },
    /// The exchange did not end.
    #[error("the authentication took more than {ROUNDS_MAX} packets")]
    TooLong,
}
