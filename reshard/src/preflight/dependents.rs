//! Triggers, foreign keys, views, routines and events: what changes or reads the table where no proxy sees it.

use flag_client::HomeError;
use topology::QualifiedName;

use super::Context;

const CHECK: &str = "dependents";

pub(super) async fn check(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let before = cx.report.findings.len();
    triggers(cx).await?;
    foreign_keys(cx).await?;
    views(cx).await?;
    bodies(
        cx,
        "trigger",
        "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, COALESCE(ACTION_STATEMENT,'') FROM information_schema.TRIGGERS",
    )
    .await?;
    bodies(cx, "routine", "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, COALESCE(ROUTINE_DEFINITION,'') FROM information_schema.ROUTINES \
        WHERE ROUTINE_SCHEMA NOT IN ('sys','mysql')").await?;
    bodies(
        cx,
        "event",
        "SELECT EVENT_SCHEMA, EVENT_NAME, COALESCE(EVENT_DEFINITION,'') FROM information_schema.EVENTS",
    )
    .await?;
    if cx.report.findings.len() == before {
        cx.report
            .ok(CHECK, "no trigger, foreign key, view, routine or event that can be seen touches the table");
    }
    Ok(())
}

async fn triggers(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let names: Vec<_> = cx.tables().cloned().collect();
    for name in names {
        let sql = "SELECT CONCAT(TRIGGER_SCHEMA,'.',TRIGGER_NAME) FROM information_schema.TRIGGERS \
                   WHERE EVENT_OBJECT_SCHEMA=? AND EVENT_OBJECT_TABLE=?";
        let params = (&name.schema, &name.table);
        let found: Vec<String> = cx.conn.rows("looking for triggers", sql, params).await?;
        for trigger in found {
            cx.report.error(
                CHECK,
                format!("trigger {trigger} on {name}: what it does is invisible to a proxy, and would run once too often or never"),
                format!("move its work into the application, then DROP TRIGGER {trigger};"),
            );
        }
    }
    Ok(())
}

async fn foreign_keys(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let names: Vec<_> = cx.tables().cloned().collect();
    for name in names {
        let sql = "SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME \
                   FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND ORDINAL_POSITION=1 \
                   AND ((TABLE_SCHEMA=? AND TABLE_NAME=?) OR (REFERENCED_TABLE_SCHEMA=? AND REFERENCED_TABLE_NAME=?))";
        let params = (&name.schema, &name.table, &name.schema, &name.table);
        let found: Vec<(String, String, String, String, String)> =
            cx.conn.rows("looking for foreign keys", sql, params).await?;
        for (key, schema, table, to_schema, to_table) in found {
            let from = QualifiedName::new(schema, table);
            cx.report.error(
                CHECK,
                format!(
                    "foreign key {key} from {from} to {to_schema}.{to_table}: its cascades are invisible to a proxy, and no key can \
                     reach from or to ten tables"
                ),
                format!("ALTER TABLE {} DROP FOREIGN KEY {};", from.quoted(), topology::quote_ident(&key)),
            );
        }
    }
    Ok(())
}

async fn views(cx: &mut Context<'_>) -> Result<(), HomeError> {
    let legacy = cx.table.legacy().clone();
    // The server stores the definition with every name qualified and quoted.
    let sql =
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE INSTR(VIEW_DEFINITION, ?) > 0";
    let found: Vec<(String, String)> = cx.conn.rows("looking for views", sql, (legacy.quoted(),)).await?;
    for (schema, name) in found {
        let view = QualifiedName::new(schema, name);
        cx.report.error(
            CHECK,
            format!("view {view} uses {legacy}: a statement on the view does not name the table, so it would read and write legacy only"),
            format!("let the application use the table itself, then DROP VIEW {};", view.quoted()),
        );
    }
    Ok(())
}

/// Stored programs whose text names the table.
async fn bodies(cx: &mut Context<'_>, kind: &str, sql: &str) -> Result<(), HomeError> {
    let found: Vec<(String, String, String)> = cx.conn.rows("looking for stored programs", sql, ()).await?;
    let mut unreadable = Vec::new();
    for (schema, name, body) in found {
        let name = format!("{schema}.{name}");
        if body.is_empty() {
            unreadable.push(name);
            continue;
        }
        match uses(&body, &schema, cx.table.legacy()) {
            Use::No => {}
            Use::Maybe => cx.report.warn(
                CHECK,
                format!(
                    "{kind} {name} has the word `{}`; if that is the table, it bypasses Shunt",
                    cx.table.legacy().table
                ),
                format!(
                    "read it: SHOW CREATE {} {name};",
                    kind.to_uppercase().replace("ROUTINE", "PROCEDURE")
                ),
            ),
            Use::Yes => cx.report.error(
                CHECK,
                format!("{kind} {name} uses {}: what it does is invisible to a proxy", cx.table.legacy()),
                format!("move its work into the application and drop the {kind}"),
            ),
        }
    }
    if !unreadable.is_empty() {
        cx.report.warn(
            CHECK,
            format!(
                "the text of {kind} {} cannot be read by the control user, so it was not checked",
                unreadable.join(", ")
            ),
            "GRANT SHOW_ROUTINE ON *.* (MySQL) or SELECT ON mysql.* to the control user, or read it yourself",
        );
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Use {
    No,
    Maybe,
    Yes,
}

/// Whether a program of `schema` uses the table: `Yes` where the name stands behind FROM, JOIN, INTO and the like.
fn uses(body: &str, schema: &str, table: &QualifiedName) -> Use {
    let words = words(body);
    let is = |word: Option<&String>, name: &str| word.is_some_and(|w| w.eq_ignore_ascii_case(name));
    let mut verdict = Use::No;
    for (i, _) in words.iter().enumerate().filter(|(_, word)| word.eq_ignore_ascii_case(&table.table)) {
        let qualified = i >= 2 && words[i - 1] == ".";
        if qualified && !is(words.get(i - 2), &table.schema) {
            continue;
        }
        if !qualified && !schema.eq_ignore_ascii_case(&table.schema) {
            continue;
        }
        let before = if qualified { i.checked_sub(3) } else { i.checked_sub(1) };
        let before = before.and_then(|i| words.get(i));
        let verb = ["from", "join", "into", "update", "table", "replace", "insert", "ignore"];
        if qualified || verb.iter().any(|verb| is(before, verb)) {
            return Use::Yes;
        }
        verdict = Use::Maybe;
    }
    verdict
}

/// Identifiers and dots; quotes and everything else only separate.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' || c == '$' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c == '.' || c == ',' || c == '(' || c == '=' {
            words.push(c.to_string());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_uses_the_table_is_told_from_one_that_has_the_word() {
        let table = QualifiedName::new("app", "user");
        for (body, schema, verdict) in [
            ("BEGIN DELETE FROM user WHERE id=1; END", "app", Use::Yes),
            ("INSERT INTO `app`.`user` VALUES (1)", "other", Use::Yes),
            ("UPDATE `User` SET a=1", "app", Use::Yes),
            ("SELECT * FROM a JOIN user u ON 1", "app", Use::Yes),
            ("SELECT * FROM a, user", "app", Use::Maybe),
            ("SET user = 1", "app", Use::Maybe),
            ("SELECT * FROM users", "app", Use::No),
            ("SELECT * FROM user", "other", Use::No),
            ("SELECT * FROM crm.user", "app", Use::No),
        ] {
            assert_eq!(uses(body, schema, &table), verdict, "{body}");
        }
    }
}
