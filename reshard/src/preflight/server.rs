//! Version and settings of home that Shunt depends on.

use flag_client::HomeError;

use super::Context;
use crate::db;

const CHECK: &str = "server";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let server = cx.conn.server().clone();
    let least = if server.mariadb { (10, 6, 0) } else { (8, 0, 19) };
    if server.version < least {
        let (major, minor, patch) = least;
        cx.report.error(
            CHECK,
            format!("home is {server}; Shunt needs at least {major}.{minor}.{patch}"),
            "upgrade the server (tested: MySQL 9.7, MariaDB 10.11)",
        );
    } else {
        cx.report.ok(CHECK, format!("home is {server}"));
    }
    let settings = settings(cx).await?;
    let on =
        |name: &str| settings.iter().any(|(is, value)| is == name && matches!(value.as_str(), "ON" | "1"));
    if on("wsrep_on") {
        cx.report.error(
            CHECK,
            "home is a Galera node: its DDL would abort gated transactions",
            "move the table to a server with a single writer first",
        );
    }
    if on("read_only") || on("super_read_only") {
        cx.report.error(
            CHECK,
            "home is read-only",
            "point home at the primary; there: SET GLOBAL read_only=OFF;",
        );
    }
    let number = |name: &str| {
        let value = settings.iter().find(|(is, _)| is == name);
        value.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    if number("max_prepared_stmt_count").is_some_and(|count| count < 1_000) {
        cx.report.warn(
            CHECK,
            "max_prepared_stmt_count is low; prepared statements need one more on home for each shard variant",
            "SET GLOBAL max_prepared_stmt_count=16382;",
        );
    }
    Ok(())
}

async fn settings(cx: &mut Context<'_>) -> Result<Vec<(String, String)>, HomeError> {
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('wsrep_on','read_only','super_read_only','max_prepared_stmt_count')";
    let results = db::packet(&mut cx.conn, "reading home's settings", sql).await?;
    let rows = results.into_iter().flatten();
    Ok(rows
        .map(|row| (db::text(&row, 0).unwrap_or_default(), db::text(&row, 1).unwrap_or_default()))
        .collect())
}
