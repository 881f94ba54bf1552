//! The first byte of what a client sends.

/// A command, known by its first byte. Bytes without a name here are still relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Command(pub u8);

#[allow(missing_docs)] // The names are the protocol's own.
impl Command {
    pub const SLEEP: Self = Self(0x00);
    pub const QUIT: Self = Self(0x01);
    pub const INIT_DB: Self = Self(0x02);
    pub const QUERY: Self = Self(0x03);
    pub const FIELD_LIST: Self = Self(0x04);
    pub const CREATE_DB: Self = Self(0x05);
    pub const DROP_DB: Self = Self(0x06);
    pub const REFRESH: Self = Self(0x07);
    pub const SHUTDOWN: Self = Self(0x08);
    pub const STATISTICS: Self = Self(0x09);
    pub const PROCESS_INFO: Self = Self(0x0a);
    pub const PROCESS_KILL: Self = Self(0x0c);
    pub const DEBUG: Self = Self(0x0d);
    pub const PING: Self = Self(0x0e);
    pub const CHANGE_USER: Self = Self(0x11);
    pub const BINLOG_DUMP: Self = Self(0x12);
    pub const TABLE_DUMP: Self = Self(0x13);
    pub const REGISTER_SLAVE: Self = Self(0x15);
    pub const STMT_PREPARE: Self = Self(0x16);
    pub const STMT_EXECUTE: Self = Self(0x17);
    pub const STMT_SEND_LONG_DATA: Self = Self(0x18);
    pub const STMT_CLOSE: Self = Self(0x19);
    pub const STMT_RESET: Self = Self(0x1a);
    pub const SET_OPTION: Self = Self(0x1b);
    pub const STMT_FETCH: Self = Self(0x1c);
    pub const BINLOG_DUMP_GTID: Self = Self(0x1e);
    pub const RESET_CONNECTION: Self = Self(0x1f);
    pub const SUBSCRIBE_GROUP_REPLICATION: Self = Self(0x21);
    pub const STMT_BULK_EXECUTE: Self = Self(0xfa);

    /// Does home say nothing to it?
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::QUIT | Self::STMT_SEND_LONG_DATA | Self::STMT_CLOSE)
    }

    /// Does it start a stream of events that ends in EOF or ERR, if ever?
    pub fn is_stream(self) -> bool {
        matches!(
            self,
            Self::BINLOG_DUMP | Self::BINLOG_DUMP_GTID | Self::TABLE_DUMP | Self::SUBSCRIBE_GROUP_REPLICATION
        )
    }
}
