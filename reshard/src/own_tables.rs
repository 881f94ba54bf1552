//! Makes schema `shunt` and tables in it, touching only what is missing.
//!
//! `CREATE SCHEMA IF NOT EXISTS` is not harmless where the schema exists: on MySQL it asks for an exclusive
//! metadata lock on the schema's name, waits for every transaction that holds a gate, and keeps all
//! writers waiting behind it. A controller that takes over beside one long transaction would stop the
//! application. So what exists is looked at first, and no DDL is sent for it.

use flag_client::{HomeConn, HomeError};
use topology::Gate;

/// Creates the schema if there is none, and each table of `ddl` (`CREATE TABLE IF NOT EXISTS shunt.…`) that is
/// missing.
///
/// # Errors
/// [`HomeError`]; what was made before stays.
pub async fn ensure(conn: &mut HomeConn, ddl: &[&str]) -> Result<(), HomeError> {
    let sql = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME=?";
    let schema: Vec<String> = conn.rows("looking for schema shunt", sql, (Gate::SCHEMA,)).await?;
    if schema.is_empty() {
        conn.run("making schema shunt", "CREATE SCHEMA IF NOT EXISTS `shunt`").await?;
    }
    let there: Vec<String> = conn.rows("reading Shunt's own tables", "SHOW TABLES FROM `shunt`", ()).await?;
    for ddl in ddl {
        if !there.iter().any(|table| Some(table.as_str()) == name(ddl)) {
            conn.run("making Shunt's own tables", ddl).await?;
        }
    }
    Ok(())
}

/// The table that a `CREATE TABLE IF NOT EXISTS shunt.…` makes.
fn name(ddl: &str) -> Option<&str> {
    let (head, _) = ddl.split_once(" (")?;
    let (_, name) = head.rsplit_once('.')?;
    Some(name.trim_matches('`'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bootstrap, controller, testing::schema};

    #[test]
    fn every_table_of_shunts_own_is_recognised() {
        for ddl in bootstrap::TABLES.into_iter().chain(controller::TABLES) {
            let name = name(ddl).unwrap();
            assert!(ddl.starts_with(&format!("CREATE TABLE IF NOT EXISTS shunt.{name} (")), "{ddl}");
        }
        let log = bootstrap::dirty_log_ddl(&schema(&["id"], vec![]));
        assert_eq!(name(&log), Some("dirty_user"));
    }
}
