//! DDL that is under way: what has it, what lacks it, and what it waits for.

use flag_client::HomeError;

use super::Context;
use crate::{
    changing::explained,
    db,
    ddl::{self, Stage},
};

const CHECK: &str = "ddl";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let record = match ddl::load(&mut cx.conn, cx.table.id()).await {
        Ok(record) => record,
        // No controller has ever run here.
        Err(error) if matches!(error.code(), Some(1049 | db::code::NO_SUCH_TABLE)) => None,
        // Said by the check of the privileges.
        Err(error) if matches!(error.code(), Some(1044 | 1142)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Some(record) = record else {
        cx.report.ok(CHECK, "no DDL on the table is under way");
        return Ok(());
    };
    if !matches!(record.stage, Stage::Legacy | Stage::Shards) {
        cx.report.warn(CHECK, explained(&record), "wait for it");
        return Ok(());
    }
    let names: Vec<_> = cx.tables().cloned().collect();
    let (mut have, mut lack) = (Vec::new(), Vec::new());
    for (i, name) in names.iter().enumerate() {
        let same = ddl::mark(&mut cx.conn, name).await?.as_ref() == record.marks.get(i);
        if same { lack.push((i, name.to_string())) } else { have.push(name.to_string()) }
    }
    let lacking: Vec<&str> = lack.iter().map(|(_, name)| name.as_str()).collect();
    let message = format!(
        "{}; these tables have it: {}; these do not: {}",
        explained(&record),
        listed(have.iter().map(String::as_str)),
        listed(lacking.iter().copied())
    );
    let fix = match record.stage {
        Stage::Shards => {
            let own = lack.iter().filter_map(|(i, _)| record.change.shards.get(i.checked_sub(1)?));
            let own: Vec<String> = own.map(|sql| format!("{sql};")).collect();
            format!(
                "it goes on by itself as soon as what it waits for is gone and a sidecar runs; what the sidecars cannot do \
                 can be pasted:\n{}",
                own.join("\n")
            )
        }
        _ => "it is finished, or forgotten where legacy lacks it, by itself as soon as the client's session ends and a sidecar runs"
            .to_owned(),
    };
    cx.report.error(CHECK, message, fix);
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
