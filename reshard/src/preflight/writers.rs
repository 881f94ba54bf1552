//! Who else could write: accounts with rights on the table, and connections that are there now.

use flag_client::HomeError;

use super::{Context, privileges::Grants};
use crate::db;

const CHECK: &str = "writers";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let grants = Grants::read(cx).await?;
    let legacy = cx.table.legacy().clone();
    let writers: Vec<&str> = grants
        .accounts()
        .into_iter()
        .filter(|account| {
            ["INSERT", "UPDATE", "DELETE"].iter().any(|p| grants.has_table(account, &legacy, p))
        })
        .collect();
    cx.report.ok(
        CHECK,
        format!(
            "accounts that may write {legacy}: {}; each must come through Shunt from 1101 on: cron jobs, shells and services that \
             nobody remembers are the commonest loss",
            writers.join(", ")
        ),
    );
    let sql = format!(
        "SELECT CONCAT(USER,'@',SUBSTRING_INDEX(HOST,':',1)),COUNT(*) FROM information_schema.PROCESSLIST \
         WHERE ID<>CONNECTION_ID() AND DB={} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
        db::quote(&legacy.schema)
    );
    let results = db::packet(&mut cx.conn, "looking who is connected", &sql).await?;
    let present: Vec<String> = results
        .iter()
        .flatten()
        .map(|row| format!("{} ({})", db::text(row, 0).unwrap_or_default(), db::number::<u64>(row, 1)))
        .collect();
    if !present.is_empty() {
        cx.report.ok(
            CHECK,
            format!(
                "connected now in schema {}: {}; is each of them a sidecar or a reader?",
                legacy.schema,
                present.join(", ")
            ),
        );
    }
    Ok(())
}
