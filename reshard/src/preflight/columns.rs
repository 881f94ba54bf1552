//! Shard tables have legacy's columns, types, collations, generated and invisible columns, and keys.

use flag_client::HomeError;

use super::Context;
use crate::shape;

const CHECK: &str = "columns";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let before = cx.report.findings.len();
    for sentence in shape::differences(&mut cx.conn, cx.table).await? {
        // Said by the check of the tables.
        if !sentence.ends_with("does not exist") {
            let fix =
                "ALTER the shard table to be equal, or drop it while it is empty and run shunt create-shards";
            cx.report.error(CHECK, sentence, fix);
        }
    }
    for (sentence, unique) in shape::key_differences(&mut cx.conn, cx.table).await? {
        let fix = "ALTER TABLE … ADD KEY or DROP KEY on the shard table";
        if unique {
            cx.report.error(CHECK, sentence, fix);
        } else {
            let sentence =
                format!("{sentence}; statements that use it will be slower or faster on the shards");
            cx.report.warn(CHECK, sentence, fix);
        }
    }
    if cx.report.findings.len() == before {
        cx.report.ok(CHECK, "columns and keys of all tables are equal");
    }
    Ok(())
}
