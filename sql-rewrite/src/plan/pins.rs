//! Client settings must not reach Shunt's own statements: they are pinned statement by statement.
//!
//! Measured: `sql_select_limit` truncates, id 0 becomes a new id without NO_AUTO_VALUE_ON_ZERO,
//! NO_ZERO_DATE rejects old rows, a time zone with a repeated hour shifts TIMESTAMPs in
//! INSERT … SELECT, `max_join_size` and `sql_safe_updates` refuse.

use crate::Server;

/// `SET_VAR` hints of MySQL for a statement that is wholly Shunt's.
const MYSQL_OWN: &str = "/*+ SET_VAR(sql_mode='NO_AUTO_VALUE_ON_ZERO') SET_VAR(time_zone='+00:00') \
     SET_VAR(sql_select_limit=18446744073709551615) SET_VAR(sql_big_selects=1) SET_VAR(sql_safe_updates=0) */";

/// The same for MariaDB, without what only some versions know.
const MARIADB_OWN: &str = "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO',time_zone='+00:00',\
     sql_select_limit=18446744073709551615,sql_big_selects=1,sql_safe_updates=0";

/// For a key SELECT: its conditions are the client's and keep the client's `sql_mode` and time zone.
const MYSQL_KEYS: &str = "/*+ SET_VAR(sql_big_selects=1) */";
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
pub(crate) fn keys_prefix(server: Server) -> String {
    if server.mariadb { MARIADB_KEYS.to_owned() } else { String::new() }
}

/// Begins a key SELECT: everything up to its select list.
pub(crate) fn keys_select(server: Server) -> String {
    if server.mariadb { format!("{MARIADB_KEYS}SELECT ") } else { format!("SELECT {MYSQL_KEYS} ") }
}

/// Several key SELECTs as one. `branches` are their texts behind SELECT. Settings are pinned once, in front of the
/// first.
pub(crate) fn keys_union(server: Server, branches: &[String]) -> Vec<u8> {
    let prefix = keys_prefix(server);
    let hint = if server.mariadb { String::new() } else { format!("{MYSQL_KEYS} ") };
    let (open, close) = if branches.len() > 1 { ("(", ")") } else { ("", "") };
    let texts: Vec<String> = branches
        .iter()
        .enumerate()
        .map(|(i, branch)| {
            let hint = if i == 0 { hint.as_str() } else { "" };
            format!("{open}SELECT {hint}{branch}{close}")
        })
        .collect();
    format!("{prefix}{}", texts.join(" UNION ALL ")).into_bytes()
}

/// The locking clause of a SELECT over rows that this transaction has locked already: it waits for nobody.
pub(crate) fn lock_own(server: Server) -> &'static str {
    // MySQL 8.0.1, MariaDB 10.6.0 (release notes).
    let skips = server.version >= if server.mariadb { 100_600 } else { 80_001 };
    if skips { "FOR UPDATE SKIP LOCKED" } else { "FOR UPDATE" }
}

/// `innodb_snapshot_isolation` came in 10.6.18, 10.11.8, 11.0.6, 11.1.5, 11.2.4 and 11.4.2 (MariaDB
/// release notes, MDEV-35124): naming it elsewhere is error 1193.
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
