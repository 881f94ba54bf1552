//! Client settings must not reach Shunt's own statements: they are pinned statement by statement.
//!
//! Measured: `sql_select_limit` truncates, id 0 becomes a new id without NO_AUTO_VALUE_ON_ZERO,
//! NO_ZERO_DATE rejects old rows, a time zone with a repeated hour shifts TIMESTAMPs in
//! INSERT … SELECT, `max_join_size` and `sql_safe_updates` refuse.

use crate::{Facts, Server};

/// `SET_VAR` hints of MySQL for a statement that is wholly Shunt's.
const MYSQL_OWN: &str = "/*+ SET_VAR(sql_mode='NO_AUTO_VALUE_ON_ZERO') SET_VAR(time_zone='+00:00') \
     SET_VAR(sql_select_limit=18446744073709551615) SET_VAR(sql_big_selects=1) SET_VAR(sql_safe_updates=0) */";

/// The same for MariaDB, without what only some versions know.
const MARIADB_OWN: &str = "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO',time_zone='+00:00',\
     sql_select_limit=18446744073709551615,sql_big_selects=1,sql_safe_updates=0";

/// For a key SELECT: its conditions are the client's and keep the client's `sql_mode` and time zone.
const MYSQL_KEYS: &str = "SELECT /*+ SET_VAR(sql_big_selects=1) */ ";
const MARIADB_KEYS: &str = "SET STATEMENT sql_big_selects=1 FOR ";

/// Pins everything. `verb` is the first word of the statement, `rest` what follows it.
pub(crate) fn own(server: Server, verb: &str, rest: &str) -> Vec<u8> {
    if server.mariadb {
        let snapshot =
            if knows_snapshot_isolation(server.version) { ",innodb_snapshot_isolation=OFF" } else { "" };
        format!("{MARIADB_OWN}{snapshot} FOR {verb} {rest}").into_bytes()
    } else {
        format!("{verb} {MYSQL_OWN} {rest}").into_bytes()
    }
}

/// What stands before a key SELECT, MariaDB's way.
pub(crate) fn keys_prefix(server: Server) -> &'static str {
    if server.mariadb { MARIADB_KEYS } else { "" }
}

/// The first word of a key SELECT, which may stand behind WITH, and the settings behind it, MySQL's way.
pub(crate) fn keys_word(server: Server) -> &'static str {
    if server.mariadb { "SELECT " } else { MYSQL_KEYS }
}

/// Begins a key SELECT: everything up to its select list.
fn keys_select(server: Server) -> String {
    format!("{}{}", keys_prefix(server), keys_word(server))
}

/// A SELECT of rows that this transaction has just locked, `rest` being what follows the word. It waits for nobody,
/// because a row that somebody else holds is none of them.
///
/// It locks for sharing: under LOCK TABLES it reads a name that is locked READ.
pub(crate) fn held_rows(server: Server, rest: &str) -> Vec<u8> {
    // MySQL 8.0.1, MariaDB 10.6.0 (release notes).
    let lock = match (server.mariadb, server.version) {
        (false, 80_001..) => "FOR SHARE SKIP LOCKED",
        (true, 100_600..) => "LOCK IN SHARE MODE SKIP LOCKED",
        _ => "LOCK IN SHARE MODE",
    };
    format!("{}{rest} {lock}", keys_select(server)).into_bytes()
}

/// The hint with which MySQL does not ask whether what is selected depends on what is grouped by: it knows the keys of
/// a table, and not of a derived table. The client's own text is prepared beside it and is refused where it must be.
pub(crate) fn no_full_group_by(facts: &Facts) -> Option<String> {
    let modes = facts.without_full_group_by.as_deref().filter(|_| !facts.server.mariadb)?;
    // An empty value is ignored.
    let modes = if modes.is_empty() { "NO_ENGINE_SUBSTITUTION" } else { modes };
    Some(format!("SET_VAR(sql_mode='{}')", modes.replace('\'', "")))
}

/// Whether a hint has a `SET_VAR` of anything but what says how, and not what, the optimizer does.
pub(crate) fn sets_more_than_the_optimizer(hint: &[u8]) -> bool {
    const HOW: [&str; 3] = ["optimizer_", "sort_buffer_size", "join_buffer_size"];
    let text = String::from_utf8_lossy(hint).to_ascii_lowercase();
    let mut variables = text.split("set_var").skip(1);
    let harmless = |rest: &str| {
        let name = rest.trim_start().strip_prefix('(').unwrap_or_default().trim_start();
        HOW.iter().any(|known| name.starts_with(known))
    };
    variables.any(|rest| !harmless(rest))
}

/// `innodb_snapshot_isolation` came in 10.6.18, 10.11.8, 11.0.6, 11.1.5, 11.2.4 and 11.4.2 (MariaDB manual,
/// "System Variables Added in …"; it is ON from 11.6.2 on, MDEV-35124): naming it elsewhere is error 1193.
fn knows_snapshot_isolation(version: u32) -> bool {
    match version / 100 {
        1006 => version >= 100_618,
        1011 => version >= 101_108,
        1100 => version >= 110_006,
        1101 => version >= 110_105,
        1102 => version >= 110_204,
        1104 => version >= 110_402,
        series => series > 1104,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_that_set_what_a_write_means() {
        let sets = |hint: &str| sets_more_than_the_optimizer(hint.as_bytes());
        assert!(sets("/*+ SET_VAR(auto_increment_increment=10) */"));
        assert!(sets("/*+ NO_ICP(t) set_var ( `optimizer_switch`='x') */"));
        assert!(sets("/*+ SET_VAR(optimizer_switch='a=on') SET_VAR(time_zone='+05:00') */"));
        assert!(!sets("/*+ SET_VAR( optimizer_switch='a=on') SET_VAR(sort_buffer_size=16M) */"));
        assert!(!sets("/*+ MAX_EXECUTION_TIME(1000) */"));
    }
}
