//! The facts of a session that change how its SQL reads, asked of home itself.
//!
//! Trackers are no substitute: clients without SESSION_TRACK get none, and the default set of MySQL
//! leaves sql_mode out.

use std::time::Duration;

use sql_rewrite::{Charset, Facts, Server, SqlMode};

use crate::diagnostics::LastStatement;

/// What Shunt knows of a session until something may have changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// What the planner needs.
    pub facts: Facts,
    /// `@@max_error_count`: so many conditions of a statement are listed at most.
    pub max_error_count: usize,
    /// `@@lock_wait_timeout`: so long the client waits for a table, and so for a gate that is closed.
    pub lock_wait: Duration,
    /// `SERIALIZABLE`: plain reads in a transaction take locks, so they are gated.
    pub serializable: bool,
    /// `READ UNCOMMITTED`: a statement may see a row at one moment and not at another.
    pub uncommitted: bool,
}

/// The statement whose one cell [`SessionFacts::parse`] reads. CAST AS BINARY keeps
/// `character_set_results` out of it; the only names in it are system variables. It overwrites what home
/// knows of the statement before it, and so asks for that, too. LIMIT stands above `sql_select_limit`, which may be 0.
#[must_use]
pub fn query(server: Server) -> String {
    let isolation = if server.mariadb { "@@tx_isolation" } else { "@@transaction_isolation" };
    format!(
        "SELECT CAST(CONCAT_WS('|',IFNULL(HEX(CONVERT(DATABASE() USING utf8mb4)),'-'),@@sql_mode,\
         @@character_set_client,@@lower_case_table_names,@@auto_increment_increment,\
         @@auto_increment_offset,@@sql_safe_updates+0,{isolation},\
         @@max_error_count,@@lock_wait_timeout,ROW_COUNT(),FOUND_ROWS(),@@warning_count,@@error_count) AS BINARY) LIMIT 1"
    )
}

impl SessionFacts {
    /// Reads the cell; `None` if it is not of that form.
    #[must_use]
    pub fn parse(cell: &[u8], server: Server, multi_statements: bool) -> Option<(Self, LastStatement)> {
        let text = std::str::from_utf8(cell).ok()?;
        let parts: Vec<&str> = text.split('|').collect();
        let (facts, last) = parts.split_at_checked(10)?;
        let [
            database,
            sql_mode,
            charset,
            lower_case,
            increment,
            offset,
            safe_updates,
            isolation,
            max_error_count,
            lock_wait,
        ] = facts[..]
        else {
            return None;
        };
        let [row_count, found_rows, warnings, errors] = last[..] else { return None };
        let facts = Facts {
            database: match database {
                "-" => None,
                hex => Some(String::from_utf8(unhex(hex)?).ok()?),
            },
            sql_mode: sql_mode_of(sql_mode),
            without_full_group_by: without_full_group_by(sql_mode),
            charset: charset_of(charset),
            server,
            lower_case_table_names: lower_case != "0",
            multi_statements,
            auto_increment_increment: increment.parse().ok()?,
            auto_increment_offset: offset.parse().ok()?,
            safe_updates: safe_updates != "0",
            binary_rows: false,
        };
        let last = LastStatement {
            row_count: row_count.parse().ok()?,
            found_rows: found_rows.parse().ok()?,
            warnings: warnings.parse().ok()?,
            errors: errors.parse().ok()?,
        };
        let (serializable, uncommitted) = (isolation == "SERIALIZABLE", isolation == "READ-UNCOMMITTED");
        let max_error_count = max_error_count.parse().ok()?;
        let lock_wait = Duration::from_secs(lock_wait.parse().ok()?);
        Some((Self { facts, max_error_count, lock_wait, serializable, uncommitted }, last))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// Source: manual, "Server SQL Modes". MySQL reports combination modes with their parts.
fn sql_mode_of(text: &str) -> SqlMode {
    let has = |mode: &str| text.split(',').any(|part| part.eq_ignore_ascii_case(mode));
    SqlMode {
        ansi_quotes: has("ANSI_QUOTES"),
        no_backslash_escapes: has("NO_BACKSLASH_ESCAPES"),
        pipes_as_concat: has("PIPES_AS_CONCAT"),
        ignore_space: has("IGNORE_SPACE"),
        high_not_precedence: has("HIGH_NOT_PRECEDENCE"),
        no_auto_value_on_zero: has("NO_AUTO_VALUE_ON_ZERO"),
        oracle: has("ORACLE"),
    }
}

fn without_full_group_by(text: &str) -> Option<String> {
    let (full, others): (Vec<&str>, Vec<&str>) =
        text.split(',').partition(|mode| mode.eq_ignore_ascii_case("ONLY_FULL_GROUP_BY"));
    (!full.is_empty()).then(|| others.join(","))
}

/// Source: `SHOW CHARACTER SET` of MySQL 9.7 and MariaDB 10.11; `Maxlen` = 1 is one byte a character.
fn charset_of(name: &str) -> Charset {
    match name {
        "utf8mb4" | "utf8mb3" | "utf8" => Charset::Utf8,
        "big5" => Charset::Big5,
        "gbk" => Charset::Gbk,
        "gb18030" => Charset::Gb18030,
        "sjis" | "cp932" => Charset::Sjis,
        "ujis" | "eucjpms" | "euckr" | "gb2312" => Charset::Euc,
        "armscii8" | "ascii" | "binary" | "cp1250" | "cp1251" | "cp1256" | "cp1257" | "cp850" | "cp852"
        | "cp866" | "dec8" | "geostd8" | "greek" | "hebrew" | "hp8" | "keybcs2" | "koi8r" | "koi8u"
        | "latin1" | "latin2" | "latin5" | "latin7" | "macce" | "macroman" | "tis620" => Charset::SingleByte,
        _ => Charset::Unknown,
    }
}

/// The server behind a greeting's version text: `9.7.0`, `5.5.5-10.11.19-MariaDB-log`.
#[must_use]
pub fn server_of(version: &str) -> Server {
    let mariadb = version.contains("MariaDB");
    let version = version.strip_prefix("5.5.5-").filter(|_| mariadb).unwrap_or(version);
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    Server { mariadb, version: major * 10_000 + minor * 100 + patch }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_servers() {
        assert_eq!(server_of("9.7.0"), Server { mariadb: false, version: 90_700 });
        assert_eq!(
            server_of("5.5.5-10.11.19-MariaDB-0+deb12u1-log"),
            Server { mariadb: true, version: 101_119 }
        );
        assert_eq!(server_of("8.0.36-28.1"), Server { mariadb: false, version: 80_036 });
    }

    #[test]
    fn a_row_of_facts_is_read_whole_or_not_at_all() {
        let server = server_of("9.7.0");
        let cell = b"617070|ANSI_QUOTES,NO_BACKSLASH_ESCAPES|gbk|0|10|3|1|SERIALIZABLE|64|9|-1|5|2|1";
        let (read, last) = SessionFacts::parse(cell, server, true).unwrap();
        assert_eq!(last, LastStatement { row_count: -1, found_rows: 5, warnings: 2, errors: 1 });
        assert_eq!((read.max_error_count, read.lock_wait), (64, Duration::from_secs(9)));
        assert_eq!(read.facts.database.as_deref(), Some("app"));
        assert!(read.facts.sql_mode.ansi_quotes && read.facts.sql_mode.no_backslash_escapes);
        assert!(!read.facts.sql_mode.oracle && read.serializable);
        assert_eq!(read.facts.without_full_group_by, None);
        assert_eq!((read.facts.auto_increment_increment, read.facts.auto_increment_offset), (10, 3));
        assert!(read.facts.safe_updates);
        let full = b"-|A,ONLY_FULL_GROUP_BY,B|utf8mb4|0|1|1|0|X|0|0|0|0|0|0";
        let (full, _) = SessionFacts::parse(full, server, false).unwrap();
        assert_eq!(full.facts.without_full_group_by.as_deref(), Some("A,B"));
        assert_eq!(read.facts.charset, Charset::Gbk);
        let (read, _) = SessionFacts::parse(b"-||utf8mb4|0|1|1|0|X|0|0|0|0|0|0", server, false).unwrap();
        assert_eq!(read.facts.database, None);
        for bad in
            [&b""[..], b"a|b", b"zz||utf8mb4|0|1|1|0|X|0|0|0|0|0|0", b"-||utf8mb4|0|x|1|0|X|0|0|0|0|0|0"]
        {
            assert_eq!(SessionFacts::parse(bad, server, false), None);
        }
    }
}
