//! Creates the schema `shunt` and Shunt's own tables in it. Idempotent; every start runs it.
//!
//! The DDL of a table lives next to the code that uses it; this module only lists them.

use flag_client::{HomeConn, HomeError};
use topology::{Column, TableSchema, quote_ident};

use crate::{controller, copy, own_tables, reverse, seen, sequence, verify};

/// Why schema `shunt` could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Home did not answer, or said something unexpected.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A privilege is missing.
    #[error(
        "the control user may not create Shunt's own tables: {cause}; nothing was changed; paste:\n  {grant}"
    )]
    Privilege {
        /// The server's words.
        cause: String,
        /// The GRANT to paste.
        grant: String,
    },
    /// The dirty log has another key than the table, and rows in it.
    #[error(
        "{log} holds keys of another shape than the primary key of {table} and is not empty: the table was changed while \
         only the shards were written; nothing was changed; take the table back to 0111 under its old shape, or copy again"
    )]
    DirtyLogShape {
        /// The dirty log.
        log: String,
        /// The legacy table.
        table: String,
    },
}

/// The tables that are there once per home, whatever is configured.
pub(crate) const TABLES: [&str; 8] = [
    copy::DDL,
    copy::FILLED_DDL,
    verify::DDL,
    sequence::DDL,
    reverse::FENCE_DDL,
    reverse::PARKED_DDL,
    seen::DDL,
    seen::PLANS_DDL,
];

/// Makes schema `shunt`, its tables, and for each configured table its dirty log and fence row.
///
/// # Errors
/// [`BootstrapError`]; what was created stays and does no harm.
pub async fn ensure(conn: &mut HomeConn, schemas: &[TableSchema]) -> Result<(), BootstrapError> {
    make(conn, &TABLES).await?;
    make(conn, &controller::TABLES).await?;
    for schema in schemas {
        dirty_log(conn, schema).await?;
        fence(conn, schema).await?;
    }
    Ok(())
}

/// Looked for first: an INSERT would wait for the batch of whoever holds the fence now.
async fn fence(conn: &mut HomeConn, schema: &TableSchema) -> Result<(), BootstrapError> {
    let id = schema.table.id();
    let sql = "SELECT 1 FROM shunt.fence WHERE table_id=?";
    let there: Vec<u8> = conn.rows("looking for the fence", sql, (id.as_str(),)).await?;
    if there.is_empty() {
        run(conn, &format!("INSERT IGNORE INTO shunt.fence (table_id) VALUES ('{id}')")).await?;
    }
    Ok(())
}

async fn make(conn: &mut HomeConn, ddl: &[&str]) -> Result<(), BootstrapError> {
    let made = own_tables::ensure(conn, ddl).await;
    explain(conn, made).await
}

/// DDL of the dirty log: the primary key's columns with exactly legacy's types and collations.
///
/// The log's own key is given by the sidecar (its id and a counter): AUTO_INCREMENT would change the
/// client's LAST_INSERT_ID(). No column of it is AUTO_INCREMENT.
#[must_use]
pub fn dirty_log_ddl(schema: &TableSchema) -> String {
    let keys = schema.primary_key.iter().filter_map(|name| schema.column(name));
    let columns: Vec<String> = keys.map(dirty_column).collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {} (sidecar BIGINT UNSIGNED NOT NULL, n BIGINT UNSIGNED NOT NULL, {}, \
         PRIMARY KEY (sidecar, n)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        schema.table.dirty_log(),
        columns.join(", ")
    )
}

fn dirty_column(column: &Column) -> String {
    let collation = column.collation.as_ref().map_or_else(String::new, |collation| {
        let charset = collation.split('_').next().unwrap_or(collation);
        format!(" CHARACTER SET {charset} COLLATE {collation}")
    });
    format!("{} {}{collation} NOT NULL", quote_ident(&column.name), column.column_type)
}

async fn dirty_log(conn: &mut HomeConn, schema: &TableSchema) -> Result<(), BootstrapError> {
    make(conn, &[&dirty_log_ddl(schema)]).await?;
    if dirty_log_fits(conn, schema).await? {
        return Ok(());
    }
    let log = schema.table.dirty_log();
    let sql = format!("SELECT 1 FROM {log} LIMIT 1");
    let rows: Vec<u8> = conn.rows("looking into the dirty log", &sql, ()).await?;
    if !rows.is_empty() {
        return Err(BootstrapError::DirtyLogShape { log, table: schema.table.legacy().to_string() });
    }
    run(conn, &format!("DROP TABLE {log}")).await?;
    run(conn, &dirty_log_ddl(schema)).await
}

async fn dirty_log_fits(conn: &mut HomeConn, schema: &TableSchema) -> Result<bool, BootstrapError> {
    let sql = "SELECT COLUMN_NAME, COLUMN_TYPE, COALESCE(COLLATION_NAME,'') FROM information_schema.COLUMNS \
               WHERE TABLE_SCHEMA='shunt' AND TABLE_NAME=? ORDER BY ORDINAL_POSITION";
    let name = format!("dirty_{}", schema.table.id());
    let is: Vec<(String, String, String)> =
        conn.rows("reading the dirty log's columns", sql, (name,)).await?;
    let keys = schema.primary_key.iter().filter_map(|name| schema.column(name));
    let should: Vec<_> =
        keys.map(|c| (&c.name, &c.column_type, c.collation.clone().unwrap_or_default())).collect();
    let is = is.get(2..).unwrap_or_default();
    Ok(is.len() == should.len()
        && is.iter().zip(should).all(|((name, kind, collation), key)| {
            name.eq_ignore_ascii_case(key.0) && kind == key.1 && *collation == key.2
        }))
}

async fn run(conn: &mut HomeConn, sql: &str) -> Result<(), BootstrapError> {
    let done = conn.run("preparing schema shunt", sql).await;
    explain(conn, done).await
}

/// Turns a missing privilege into the GRANT to paste.
async fn explain(conn: &mut HomeConn, done: Result<(), HomeError>) -> Result<(), BootstrapError> {
    match done {
        Ok(()) => Ok(()),
        // 1044 database, 1142 table, 1227 global privilege.
        Err(error) if matches!(error.code(), Some(1044 | 1142 | 1227)) => {
            let sql = "SELECT CURRENT_USER()";
            let users: Vec<String> = conn.rows("asking who the control user is", sql, ()).await?;
            Err(BootstrapError::Privilege {
                cause: error.to_string(),
                grant: control_grant(users.first().map_or("shunt@%", String::as_str)),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The GRANT on schema `shunt` for a control user given as `user@host`.
#[must_use]
pub fn control_grant(user: &str) -> String {
    format!("GRANT ALL PRIVILEGES ON `shunt`.* TO {};", account(user))
}

/// `'user'@'host'` of CURRENT_USER()'s `user@host`.
#[must_use]
pub fn account(user: &str) -> String {
    let (name, host) = user.rsplit_once('@').unwrap_or((user, "%"));
    let quote = |part: &str| format!("'{}'", part.replace('\\', "\\\\").replace('\'', "''"));
    format!("{}@{}", quote(name), quote(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{schema, text_column};

    #[test]
    fn the_dirty_log_has_exactly_the_keys_types_and_no_auto_increment() {
        let mut schema = schema(&["name", "id"], vec![text_column("name")]);
        schema.columns[0].auto_increment = true;
        assert_eq!(
            dirty_log_ddl(&schema),
            "CREATE TABLE IF NOT EXISTS `shunt`.`dirty_user` (sidecar BIGINT UNSIGNED NOT NULL, n BIGINT UNSIGNED NOT NULL, \
             `name` varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL, `id` bigint NOT NULL, \
             PRIMARY KEY (sidecar, n)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        );
    }

    #[test]
    fn accounts_are_quoted() {
        assert_eq!(account("o'neil@10.%"), "'o''neil'@'10.%'");
    }
}
