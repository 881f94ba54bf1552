//! Which protocol features Shunt lets the two sides agree on. Every decision about a capability bit is here.
//!
//! Shunt speaks for neither side: what it offers is what home offers, less what cannot be relayed. A client's
//! bits go to home unchanged, so both legs speak the same dialect and frames can pass as they are.

/// The bits both servers know, by the protocol's own names (without `CLIENT_`).
#[allow(missing_docs)]
pub mod bits {
    pub const LONG_PASSWORD: u32 = 1;
    pub const FOUND_ROWS: u32 = 1 << 1;
    pub const LONG_FLAG: u32 = 1 << 2;
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    pub const NO_SCHEMA: u32 = 1 << 4;
    pub const COMPRESS: u32 = 1 << 5;
    pub const ODBC: u32 = 1 << 6;
    pub const LOCAL_FILES: u32 = 1 << 7;
    pub const IGNORE_SPACE: u32 = 1 << 8;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const INTERACTIVE: u32 = 1 << 10;
    pub const SSL: u32 = 1 << 11;
    pub const IGNORE_SIGPIPE: u32 = 1 << 12;
    pub const TRANSACTIONS: u32 = 1 << 13;
    pub const RESERVED: u32 = 1 << 14;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const MULTI_STATEMENTS: u32 = 1 << 16;
    pub const MULTI_RESULTS: u32 = 1 << 17;
    pub const PS_MULTI_RESULTS: u32 = 1 << 18;
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    pub const CONNECT_ATTRS: u32 = 1 << 20;
    pub const PLUGIN_AUTH_LENENC_DATA: u32 = 1 << 21;
    pub const CAN_HANDLE_EXPIRED_PASSWORDS: u32 = 1 << 22;
    pub const SESSION_TRACK: u32 = 1 << 23;
    pub const DEPRECATE_EOF: u32 = 1 << 24;
    pub const OPTIONAL_RESULTSET_METADATA: u32 = 1 << 25;
    pub const ZSTD_COMPRESSION: u32 = 1 << 26;
    pub const QUERY_ATTRIBUTES: u32 = 1 << 27;
    /// Several factors in one login: one more round of packets, which pass like the others.
    pub const MULTI_FACTOR_AUTHENTICATION: u32 = 1 << 28;
    pub const PROGRESS_OBSOLETE: u32 = 1 << 29;

    /// MariaDB's further bits: column definitions carry a string more (`uuid`, `json`, …).
    pub const MARIADB_EXTENDED_METADATA: u32 = 1 << 3;
}

use bits::*;

/// Features that pass through a relay of frames. What is missing here, known or not, is not offered:
/// - `COMPRESS`, `ZSTD_COMPRESSION_ALGORITHM`: frames would have to be unpacked to be followed.
/// - `OPTIONAL_RESULTSET_METADATA`: a result set without columns could not be merged.
/// - `PROGRESS_OBSOLETE`: its reports come as ERR packets in the middle of an answer.
const RELAYABLE: u32 = LONG_PASSWORD
    | FOUND_ROWS
    | LONG_FLAG
    | CONNECT_WITH_DB
    | NO_SCHEMA
    | ODBC
    | LOCAL_FILES
    | IGNORE_SPACE
    | PROTOCOL_41
    | INTERACTIVE
    | IGNORE_SIGPIPE
    | TRANSACTIONS
    | RESERVED
    | SECURE_CONNECTION
    | MULTI_STATEMENTS
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | CONNECT_ATTRS
    | PLUGIN_AUTH_LENENC_DATA
    | CAN_HANDLE_EXPIRED_PASSWORDS
    | SESSION_TRACK
    | DEPRECATE_EOF
    | QUERY_ATTRIBUTES
    | MULTI_FACTOR_AUTHENTICATION;

/// MariaDB's further features that pass. Progress reports, bulk execution, cached metadata and unit results are
/// not offered: each changes what an answer looks like, and clients do without when it is not there.
const RELAYABLE_EXTENDED: u32 = MARIADB_EXTENDED_METADATA;

/// Bits that a client may set and that change the stream if the other side believes them.
const NEVER: u32 = COMPRESS | ZSTD_COMPRESSION | OPTIONAL_RESULTSET_METADATA | PROGRESS_OBSOLETE;

/// The capability bits of one side, or those that both have agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The bits both servers know.
    pub flags: u32,
    /// MariaDB's further bits; empty with MySQL.
    pub extended: u32,
}

impl Capabilities {
    /// What Shunt offers a client whose home offers `self`. TLS only if `tls`: home and Shunt must both have it.
    #[must_use]
    pub fn offered(self, tls: bool) -> Self {
        let relayable = if tls { RELAYABLE | SSL } else { RELAYABLE };
        Self { flags: self.flags & relayable, extended: self.extended & RELAYABLE_EXTENDED }
    }

    /// What goes to home of a client's answer `self`. MariaDB's further bits are cut to what was offered.
    #[must_use]
    pub fn forwarded(self, offered: Self) -> Self {
        Self { flags: self.flags & !NEVER, extended: self.extended & offered.extended }
    }

    /// What both sides have agreed on, from a client's answer `self`.
    #[must_use]
    pub fn negotiated(self, offered: Self) -> Self {
        Self { flags: self.flags & offered.flags, extended: self.extended & offered.extended }
    }

    /// Is this one of [`bits`] set?
    pub fn has(self, bit: u32) -> bool {
        self.flags & bit != 0
    }

    /// Did the client insist on compression, which was not offered? Nothing it sends later could be read.
    pub fn wants_compression(self) -> bool {
        self.has(COMPRESS) || self.has(ZSTD_COMPRESSION)
    }

    /// Is TLS among the bits?
    pub fn tls(self) -> bool {
        self.has(SSL)
    }

    /// The protocol since 4.1: SQLSTATE in errors, status flags in OK packets.
    pub fn protocol_41(self) -> bool {
        self.has(PROTOCOL_41)
    }

    /// Rows end in an OK packet, and columns in nothing, instead of EOF packets.
    pub fn deprecate_eof(self) -> bool {
        self.has(DEPRECATE_EOF)
    }

    /// OK packets tell changes of the session's state.
    pub fn session_track(self) -> bool {
        self.has(SESSION_TRACK)
    }

    /// COM_QUERY starts with a block of attributes.
    pub fn query_attributes(self) -> bool {
        self.has(QUERY_ATTRIBUTES)
    }

    /// The client's text may hold several statements.
    pub fn multi_statements(self) -> bool {
        self.has(MULTI_STATEMENTS)
    }

    /// Affected rows count rows found, not rows changed.
    pub fn found_rows(self) -> bool {
        self.has(FOUND_ROWS)
    }

    /// MariaDB's column definitions carry one string more.
    pub fn extended_metadata(self) -> bool {
        self.extended & MARIADB_EXTENDED_METADATA != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_added_and_nothing_unknown_passes(flags: u32, extended: u32, client: u32, tls: bool) {
            let home = Capabilities { flags, extended };
            let offered = home.offered(tls);
            prop_assert_eq!(offered.flags & !flags, 0);
            prop_assert_eq!(offered.extended & !extended, 0);
            prop_assert_eq!(offered.flags & NEVER, 0);
            prop_assert!(tls || !offered.tls());
            let client = Capabilities { flags: client, extended: client };
            let agreed = client.negotiated(offered);
            prop_assert_eq!(agreed.flags & !offered.flags, 0);
            prop_assert_eq!(client.forwarded(offered).flags & NEVER, 0);
        }
    }
}
