//! The application's table and its statements.

use mysql_async::{Conn, Error, Params, Value, prelude::Queryable};

use crate::{
    Outcome,
    history::{Image, Token},
};

/// Every read of the application. The payload is checked where it arrives.
pub const SELECT: &str = "SELECT id, token, version, changes, payload FROM user";

/// The application's table. No unique key but the primary one: ids that shards hand out cannot keep another unique.
pub const TABLE: &str = "CREATE TABLE user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  token BIGINT UNSIGNED NOT NULL,
  version BIGINT UNSIGNED NOT NULL,
  changes INT UNSIGNED NOT NULL DEFAULT 0,
  payload INT UNSIGNED NOT NULL,
  name VARCHAR(60) NOT NULL,
  email VARCHAR(120) NULL,
  balance DECIMAL(12,2) NOT NULL DEFAULT 0,
  state ENUM('new','active','gone') NOT NULL DEFAULT 'new',
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  KEY token (token), KEY name (name)
) DEFAULT CHARSET utf8mb4";

/// All columns but the four that [`SELECT`] names, as one string, for the comparison of both sides.
pub const OTHER_COLUMNS: &str =
    "CONCAT_WS('|', name, IFNULL(email, '~'), balance, state, created_at, updated_at)";

/// What the answers to writes said.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told {
    /// Affected rows, summed.
    pub affected: u64,
    /// The first generated id.
    pub first_id: Option<u64>,
}

impl Told {
    /// One more statement of a transaction.
    pub fn add(&mut self, other: &Self) {
        self.affected += other.affected;
        self.first_id = self.first_id.or(other.first_id);
    }
}

/// Makes the table and its shards, empty, and fills the table with `rows` rows of `owners` owners.
/// Row `i` (from 1) has the id `i` and belongs to owner `1 + i % owners`.
///
/// # Errors
/// What the server says.
pub async fn fill(conn: &mut Conn, schema: &str, shards: u32, rows: u64, owners: u64) -> Outcome {
    conn.query_drop(format!("USE `{schema}`")).await?;
    conn.query_drop(TABLE).await?;
    for shard in 0..shards {
        conn.query_drop(format!("CREATE TABLE user_{shard} LIKE user")).await?;
    }
    fill_rows(conn, rows, owners).await
}

/// Fills the empty table, as [`fill`] does.
///
/// # Errors
/// What the server says.
pub async fn fill_rows(conn: &mut Conn, rows: u64, owners: u64) -> Outcome {
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + 20_000);
        conn.query_drop("SET SESSION cte_max_recursion_depth = 1000000").await.ok();
        conn.query_drop("SET SESSION max_recursive_iterations = 1000000").await.ok();
        conn.query_drop(format!(
            "INSERT INTO user (id, token, version, payload, name, email, balance, state)
             WITH RECURSIVE n (i) AS (SELECT {from} + 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to}),
             s AS (SELECT i, ((1 + i % {owners}) << 32) + i AS token FROM n)
             SELECT i, token, 0, CRC32(CONCAT(token, ':', 0)), CONCAT('user ', i),
                    IF(i % 7 = 0, NULL, CONCAT('u', i, '@example.org')), i / 100, 1 + i % 3 FROM s"
        ))
        .await?;
        from = to;
    }
    Ok(())
}

/// The payload that belongs to a row and an attempt: CRC-32 of `token:version`, as the server's `CRC32()`.
#[must_use]
pub fn payload(token: Token, version: u64) -> u32 {
    let mut crc = u32::MAX;
    for byte in format!("{token}:{version}").bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// An INSERT that leaves the ids to the server.
#[must_use]
pub fn insert(tokens: &[Token], version: u64) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    for token in tokens {
        let name = format!("user é {token}");
        values.extend([Value::from(*token), version.into(), payload(*token, version).into()]);
        values.push(name.into());
    }
    let rows = vec!["(?, ?, ?, ?)"; tokens.len()].join(", ");
    (format!("INSERT INTO user (token, version, payload, name) VALUES {rows}"), values)
}

/// Updates one row by its key.
///
/// # Errors
/// What the server or the network says.
pub async fn update(
    conn: &mut Conn,
    prepared: bool,
    token: Token,
    id: u64,
    version: u64,
) -> Result<Told, Error> {
    let sql = "UPDATE user SET version = ?, payload = ?, changes = changes + 1, \
               balance = balance + 1.25, state = 'active' WHERE id = ?";
    let values = vec![version.into(), payload(token, version).into(), id.into()];
    run(conn, prepared, sql, values).await
}

/// Updates rows by a column that is not the shard key.
///
/// # Errors
/// What the server or the network says.
pub async fn update_range(
    conn: &mut Conn,
    prepared: bool,
    from: Token,
    to: Token,
    version: u64,
) -> Result<Told, Error> {
    let sql = "UPDATE user SET version = ?, payload = CRC32(CONCAT(token, ':', version)), \
               changes = changes + 1 WHERE token BETWEEN ? AND ?";
    run(conn, prepared, sql, vec![version.into(), from.into(), to.into()]).await
}

/// Runs a statement without rows, prepared or as text.
///
/// # Errors
/// What the server or the network says.
pub async fn run(conn: &mut Conn, prepared: bool, sql: &str, values: Vec<Value>) -> Result<Told, Error> {
    if prepared {
        conn.exec_drop(sql, Params::Positional(values)).await?;
    } else {
        conn.query_drop(literal(sql, &values)).await?;
    }
    Ok(Told { affected: conn.affected_rows(), first_id: conn.last_insert_id() })
}

/// Runs one of the application's SELECTs, prepared or as text.
///
/// # Errors
/// What the server or the network says.
pub async fn rows(
    conn: &mut Conn,
    prepared: bool,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<Image>, Error> {
    type Row = (u64, u64, u64, u32, u32);
    let rows: Vec<Row> = if prepared {
        conn.exec(sql, Params::Positional(values)).await?
    } else {
        conn.query(literal(sql, &values)).await?
    };
    let image = |(id, token, version, changes, found)| Image {
        id,
        token,
        version,
        changes,
        intact: payload(token, version) == found,
    };
    Ok(rows.into_iter().map(image).collect())
}

/// The statement with its values in place of the question marks.
fn literal(sql: &str, values: &[Value]) -> String {
    let mut values = values.iter();
    sql.split_inclusive('?')
        .map(|part| match (part.strip_suffix('?'), values.as_slice().first()) {
            (Some(head), Some(value)) => {
                values.next();
                format!("{head}{}", value.as_sql(false))
            }
            _ => part.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_the_servers_crc32() {
        // SELECT CRC32('4294967297:0'), CRC32('7:12345');
        assert_eq!(payload(4_294_967_297, 0), 3_340_742_595);
        assert_eq!(payload(7, 12_345), 1_486_794_088);
    }

    #[test]
    fn literals_take_the_place_of_question_marks() {
        let values = [Value::from(7_u64), "it's".into()];
        assert_eq!(literal("a = ? AND b = ? ", &values), r"a = 7 AND b = 'it\'s' ");
    }
}
