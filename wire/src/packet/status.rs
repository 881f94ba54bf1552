//! Status flags: what an OK or EOF packet tells of the session.

/// The status flags of an OK or EOF packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusFlags(pub u16);

#[allow(missing_docs)] // The names are the protocol's own (without `SERVER_STATUS_`).
impl StatusFlags {
    pub const IN_TRANS: u16 = 0x0001;
    pub const AUTOCOMMIT: u16 = 0x0002;
    pub const MORE_RESULTS_EXISTS: u16 = 0x0008;
    pub const NO_GOOD_INDEX_USED: u16 = 0x0010;
    pub const NO_INDEX_USED: u16 = 0x0020;
    pub const CURSOR_EXISTS: u16 = 0x0040;
    pub const LAST_ROW_SENT: u16 = 0x0080;
    pub const DB_DROPPED: u16 = 0x0100;
    pub const NO_BACKSLASH_ESCAPES: u16 = 0x0200;
    pub const METADATA_CHANGED: u16 = 0x0400;
    pub const QUERY_WAS_SLOW: u16 = 0x0800;
    pub const PS_OUT_PARAMS: u16 = 0x1000;
    pub const IN_TRANS_READONLY: u16 = 0x2000;
    pub const SESSION_STATE_CHANGED: u16 = 0x4000;

    pub fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    pub fn in_transaction(self) -> bool {
        self.has(Self::IN_TRANS)
    }

    pub fn autocommit(self) -> bool {
        self.has(Self::AUTOCOMMIT)
    }

    pub fn more_results(self) -> bool {
        self.has(Self::MORE_RESULTS_EXISTS)
    }

    pub fn cursor_exists(self) -> bool {
        self.has(Self::CURSOR_EXISTS)
    }

    /// Without what is said of one statement's cursor.
    pub fn without_cursor(self) -> Self {
        Self(self.0 & !(Self::CURSOR_EXISTS | Self::LAST_ROW_SENT))
    }

    pub fn no_backslash_escapes(self) -> bool {
        self.has(Self::NO_BACKSLASH_ESCAPES)
    }

    pub fn session_state_changed(self) -> bool {
        self.has(Self::SESSION_STATE_CHANGED)
    }
}
