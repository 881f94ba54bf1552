//! What the application's accounts may do: the gate, the dirty log and the shard tables are used under them.

use flag_client::HomeError;
use topology::{QualifiedName, quote_ident};

use super::{Context, privileges::Grants};

const CHECK: &str = "applications";

const DML: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let grants = Grants::read(cx).await?;
    let accounts = users_of(&grants, cx.table.legacy());
    if grants.accounts().len() <= 1 {
        cx.report.warn(
            CHECK,
            "the control user sees no account but its own, so the application's were not checked",
            format!("for each application account:\n{}", all_grants(cx, "'app'@'%'").join("\n")),
        );
        return Ok(());
    }
    let before = cx.report.findings.len();
    for account in &accounts {
        let locks = missing_locks(cx, &grants, account);
        if !locks.is_empty() {
            cx.report.warn(
                CHECK,
                format!(
                    "{account} may lock {}, but not the tables that Shunt adds: its LOCK TABLES would fail",
                    cx.table.legacy()
                ),
                locks.join("\n"),
            );
        }
        let fixes = missing(cx, &grants, account);
        if !fixes.is_empty() {
            cx.report.error(
                CHECK,
                format!("{account} uses {} and would fail at its first statement through Shunt: grants are missing", cx.table.legacy()),
                fixes.join("\n"),
            );
        }
    }
    if cx.report.findings.len() == before {
        cx.report
            .ok(CHECK, format!("{} accounts that use the table have the grants they need", accounts.len()));
    }
    Ok(())
}

/// Accounts with a right on the table that is not a right on everything.
fn users_of(grants: &Grants, legacy: &QualifiedName) -> Vec<String> {
    let accounts = grants.accounts().into_iter();
    let users = accounts.filter(|account| {
        DML.iter().any(|p| grants.has_table(account, legacy, p))
            && !DML.iter().all(|p| grants.has_global(account, p))
    });
    users.map(ToOwned::to_owned).collect()
}

fn missing(cx: &Context<'_>, grants: &Grants, account: &str) -> Vec<String> {
    let mut fixes = Vec::new();
    if !grants.has_schema(account, "shunt", "SELECT") {
        fixes.push(format!("GRANT SELECT ON `shunt`.* TO {account};"));
    }
    let legacy = cx.table.legacy();
    let held: Vec<&str> = DML.into_iter().filter(|p| grants.has_table(account, legacy, p)).collect();
    let writes = held.iter().any(|p| *p != "SELECT");
    let log = QualifiedName::new("shunt", format!("dirty_{}", cx.table.id()));
    if writes && !grants.has_table(account, &log, "INSERT") {
        fixes.push(format!("GRANT INSERT ON {} TO {account};", log.quoted()));
    }
    // Whoever writes mirrors by REPLACE, which needs SELECT, INSERT and DELETE whatever the statement was.
    let needed: &[&str] = if writes { &DML } else { &["SELECT"] };
    for name in cx.table.shards() {
        let lacks: Vec<&str> =
            needed.iter().copied().filter(|p| !grants.has_table(account, name, p)).collect();
        if !lacks.is_empty() {
            fixes.push(format!("GRANT {} ON {} TO {account};", lacks.join(", "), name.quoted()));
        }
    }
    if writes && !grants.has_table(account, legacy, "SELECT") {
        fixes.push(format!("GRANT SELECT ON {} TO {account};", legacy.quoted()));
    }
    fixes
}

/// LOCK TABLES is granted on schemas only.
fn missing_locks(cx: &Context<'_>, grants: &Grants, account: &str) -> Vec<String> {
    let lacks = |schema: &&str| !grants.has_schema(account, schema, "LOCK TABLES");
    if lacks(&cx.table.legacy().schema.as_str()) {
        return Vec::new();
    }
    let mut schemas: Vec<&str> = cx.table.shards().iter().map(|name| name.schema.as_str()).collect();
    schemas.push("shunt");
    schemas.sort_unstable();
    schemas.dedup();
    let missing = schemas.into_iter().filter(lacks);
    missing.map(|schema| format!("GRANT LOCK TABLES ON {}.* TO {account};", quote_ident(schema))).collect()
}

fn all_grants(cx: &Context<'_>, account: &str) -> Vec<String> {
    let on_shards = cx.table.shards().iter();
    let on_shards =
        on_shards.map(|name| format!("GRANT {} ON {} TO {account};", DML.join(", "), name.quoted()));
    let mut all = vec![
        format!("GRANT SELECT ON `shunt`.* TO {account};"),
        format!("GRANT INSERT ON {} TO {account};", cx.table.dirty_log()),
    ];
    all.extend(on_shards);
    all
}
