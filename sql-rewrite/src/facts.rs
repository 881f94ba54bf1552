//! What must be known of a session to read its SQL as the server does.

/// The server that executes the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Server {
    /// MariaDB, not MySQL.
    pub mariadb: bool,
    /// As in version comments: 90700 for 9.7.0, 101119 for 10.11.19.
    pub version: u32,
}

/// The parts of `sql_mode` that change how text is read or what a write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SqlMode {
    /// `"x"` is an identifier.
    pub ansi_quotes: bool,
    /// `\` is an ordinary character in strings.
    pub no_backslash_escapes: bool,
    /// `||` concatenates.
    pub pipes_as_concat: bool,
    /// A space may stand between a function's name and `(`.
    pub ignore_space: bool,
    /// `NOT` binds like `!`.
    pub high_not_precedence: bool,
    /// 0 in an AUTO_INCREMENT column is stored as 0.
    pub no_auto_value_on_zero: bool,
    /// MariaDB's Oracle syntax: nothing is understood.
    pub oracle: bool,
}

/// `character_set_client`, as far as it decides where tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// UTF-8 (utf8mb3, utf8mb4).
    #[default]
    Utf8,
    /// One byte a character, ASCII below 0x80 (latin1, ascii, binary, cp125x …).
    SingleByte,
    /// Big5: second byte 0x40–0x7E, 0xA1–0xFE.
    Big5,
    /// GBK: second byte 0x40–0x7E, 0x80–0xFE.
    Gbk,
    /// GB18030: two or four bytes.
    Gb18030,
    /// Shift JIS and cp932.
    Sjis,
    /// EUC-JP, EUC-KR, GB2312: no ASCII byte is ever a second byte.
    Euc,
    /// Anything else: not understood, so nothing is pruned or rewritten.
    Unknown,
}

/// The facts of one session at the moment a statement arrives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Facts {
    /// `DATABASE()`.
    pub database: Option<String>,
    /// From `@@sql_mode`.
    pub sql_mode: SqlMode,
    /// What `@@sql_mode` would be without ONLY_FULL_GROUP_BY, if that is in it.
    pub without_full_group_by: Option<String>,
    /// From `@@character_set_client`.
    pub charset: Charset,
    /// MySQL's or MariaDB's dialect and version.
    pub server: Server,
    /// `@@lower_case_table_names` is not 0: table names compare without case.
    pub lower_case_table_names: bool,
    /// The client negotiated CLIENT_MULTI_STATEMENTS: `;` may separate statements.
    pub multi_statements: bool,
    /// `@@auto_increment_increment`, the distance between generated ids.
    pub auto_increment_increment: u64,
    /// `@@auto_increment_offset`, an id that generated ones lie multiples of that distance from.
    pub auto_increment_offset: u64,
    /// `@@sql_safe_updates`: an UPDATE or DELETE goes by a key, or has a LIMIT.
    pub safe_updates: bool,
    /// The client gets rows in the binary protocol.
    pub binary_rows: bool,
}
