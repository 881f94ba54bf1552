//! Statements that the application already sent and that a later phase would refuse.

use flag_client::HomeError;

use super::Context;
use crate::seen;

const CHECK: &str = "statements";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let sql =
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='shunt' AND TABLE_NAME='seen'";
    let there: Vec<u64> = cx.conn.rows("looking for the statements that were seen", sql, ()).await?;
    let statements = match there.first() {
        Some(1) => seen::list(&mut cx.conn, cx.table.id()).await?,
        _ => Vec::new(),
    };
    let refused = statements.iter().filter(|statement| !statement.refusals().is_empty()).count();
    match (statements.len(), refused) {
        (0, _) => cx.report.warn(
            CHECK,
            "no statement of the application was seen yet, so nobody knows whether all of them work in the later phases",
            "point the application at a sidecar in 1100, then look at `shunt report`",
        ),
        (all, 0) => cx.report.ok(CHECK, format!("{all} different statements were seen; every phase runs each of them")),
        (all, _) => cx.report.warn(
            CHECK,
            format!("{refused} of {all} different statements that were seen would be refused in a later phase"),
            "`shunt report` lists them, with what to do",
        ),
    }
    Ok(())
}
