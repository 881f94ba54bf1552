//! What the control user may do, and the grants of any account, read from information_schema.

use flag_client::HomeError;
use topology::QualifiedName;

use super::Context;
use crate::{bootstrap::account, db};

const CHECK: &str = "privileges";

/// What the control user needs on legacy: FOR UPDATE, the reverse sync, the AUTO_INCREMENT counter.
const ON_LEGACY: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "ALTER"];
/// On the shards: writing, TRUNCATE, creating, the application's DDL.
const ON_SHARDS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "INDEX"];
/// On schema `shunt`: gates and Shunt's own tables.
const ON_SHUNT: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP"];

/// The privileges of accounts: grantee as `'user'@'host'`, scope, privilege in capitals.
#[derive(Debug, Default)]
pub(super) struct Grants {
    global: Vec<(String, String)>,
    schema: Vec<(String, String, String)>,
    table: Vec<(String, String, String, String)>,
}

impl Grants {
    pub(super) async fn read(cx: &mut Context<'_>) -> Result<Self, HomeError> {
        let conn = &mut cx.conn;
        let doing = "reading the accounts' privileges";
        let sql = "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES";
        let global = conn.rows(doing, sql, ()).await?;
        let sql = "SELECT GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES";
        let schema = conn.rows(doing, sql, ()).await?;
        let sql = "SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES";
        let table = conn.rows(doing, sql, ()).await?;
        Ok(Self { global, schema, table })
    }

    /// Every account that can be seen.
    pub(super) fn accounts(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.global.iter().map(|(grantee, _)| grantee.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn has_global(&self, grantee: &str, privilege: &str) -> bool {
        self.global.iter().any(|(is, has)| is == grantee && has == privilege)
    }

    /// Whether `grantee` holds `privilege` on all of `schema`.
    pub(super) fn has_schema(&self, grantee: &str, schema: &str, privilege: &str) -> bool {
        self.has_global(grantee, privilege)
            || self
                .schema
                .iter()
                .any(|(is, pattern, has)| is == grantee && has == privilege && like(pattern, schema))
    }

    pub(super) fn has_table(&self, grantee: &str, name: &QualifiedName, privilege: &str) -> bool {
        self.has_schema(grantee, &name.schema, privilege)
            || self.table.iter().any(|(is, schema, table, has)| {
                is == grantee && has == privilege && *schema == name.schema && *table == name.table
            })
    }

    fn missing<'p>(&self, grantee: &str, name: &QualifiedName, needed: &[&'p str]) -> Vec<&'p str> {
        let missing = needed.iter().filter(|p| !self.has_table(grantee, name, p));
        missing.copied().collect()
    }
}

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let user = db::packet(&mut cx.conn, "asking who the control user is", "SELECT CURRENT_USER()").await?;
    let user = user.first().and_then(|rows| rows.first()).and_then(|row| db::text(row, 0));
    let user = user.unwrap_or_default();
    let grantee = account(&user);
    let grants = Grants::read(cx).await?;
    let before = cx.report.findings.len();
    if !grants.has_global(&grantee, "PROCESS") {
        cx.report.error(
            CHECK,
            "the control user lacks PROCESS: old snapshots and blocking connections cannot be seen, so reads are never switched",
            format!("GRANT PROCESS ON *.* TO {grantee};"),
        );
    }
    let shunt: Vec<&str> =
        ON_SHUNT.into_iter().filter(|privilege| !grants.has_schema(&grantee, "shunt", privilege)).collect();
    if !shunt.is_empty() {
        cx.report.error(
            CHECK,
            format!("the control user lacks {} on schema shunt", shunt.join(", ")),
            crate::bootstrap::control_grant(&user),
        );
    }
    let names: Vec<_> = cx.tables().cloned().collect();
    for (i, name) in names.iter().enumerate() {
        let needed: &[&str] = if i == 0 { &ON_LEGACY } else { &ON_SHARDS };
        let missing = grants.missing(&grantee, name, needed);
        if !missing.is_empty() {
            cx.report.error(
                CHECK,
                format!("the control user lacks {} on {name}", missing.join(", ")),
                format!("GRANT {} ON {} TO {grantee};", missing.join(", "), name.quoted()),
            );
        }
    }
    if cx.report.findings.len() == before {
        cx.report.ok(CHECK, format!("{grantee} may do all that Shunt needs"));
    }
    Ok(())
}

/// A schema name against a grant's pattern: `%` and `_` are wildcards unless escaped.
fn like(pattern: &str, name: &str) -> bool {
    fn matches(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['\\', escaped, rest @ ..] => name.first() == Some(escaped) && matches(rest, &name[1..]),
            ['%', rest @ ..] => (0..=name.len()).any(|i| matches(rest, &name[i..])),
            ['_', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
            [c, rest @ ..] => name.first() == Some(c) && matches(rest, &name[1..]),
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_on_patterns_count() {
        for (pattern, name, is) in [
            ("app", "app", true),
            ("app%", "app_2", true),
            ("app\\_2", "app_2", true),
            ("app\\_2", "appx2", false),
            ("app_2", "appx2", true),
            ("%", "anything", true),
            ("app", "app2", false),
        ] {
            assert_eq!(like(pattern, name), is, "{pattern} {name}");
        }
    }
}
