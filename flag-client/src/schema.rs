//! Reads the shape of a table from home's `information_schema`, on MySQL and MariaDB alike.

use mysql_async::{Row, from_value_opt, prelude::FromValue};
use topology::{Column, ColumnKind, Generated, QualifiedName, ShardedTable, TableSchema, UniqueKey};

use crate::{HomeConn, HomeError};

/// Why a table's shape cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SchemaError {
    /// Home did not answer.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No such table, or the control user may not see it.
    #[error(
        "table {0} does not exist on home, or the control user may not see it; correct its name in the configuration, create it, or GRANT SELECT ON {quoted}.* to the control user", quoted = topology::quote_ident(&.0.schema)
    )]
    NoTable(QualifiedName),
    /// The name is a view.
    #[error("{0} is a view; Shunt can only move a base table: configure the table behind it")]
    View(QualifiedName),
    /// The shard key is no column.
    #[error("table {table} has no column `{column}`, its configured shard key; it has: {has}")]
    NoShardKey {
        /// The legacy table.
        table: QualifiedName,
        /// The configured shard key.
        column: String,
        /// The columns it has.
        has: String,
    },
    /// Rows cannot be addressed.
    #[error(
        "table {0} has no primary key; Shunt addresses rows by it: add one (ALTER TABLE … ADD PRIMARY KEY …)"
    )]
    NoPrimaryKey(QualifiedName),
}

/// Reads the shape of the legacy table and checks what every statement of Shunt's depends on.
///
/// # Errors
/// [`SchemaError`] for a missing table, shard key or primary key, and when home does not answer.
pub async fn load(conn: &mut HomeConn, table: &ShardedTable) -> Result<TableSchema, SchemaError> {
    let name = table.legacy();
    let columns = columns(conn, name).await?;
    let partitioned_alike = partitioned_alike(conn, table).await?;
    let schema = TableSchema { columns, partitioned_alike, ..keys(conn, table).await? };
    if schema.column(table.shard_key()).is_none() {
        let has: Vec<_> = schema.columns.iter().map(|c| c.name.as_str()).collect();
        return Err(SchemaError::NoShardKey {
            table: name.clone(),
            column: table.shard_key().to_owned(),
            has: has.join(", "),
        });
    }
    if schema.primary_key.is_empty() {
        return Err(SchemaError::NoPrimaryKey(name.clone()));
    }
    Ok(schema)
}

/// A number that changes with any column or key of `name`: type, collation, default, order,
/// visibility, generation, key parts. Two tables with the same columns and keys have the same one.
///
/// # Errors
/// [`SchemaError::NoTable`], and when home does not answer.
pub async fn fingerprint(conn: &mut HomeConn, name: &QualifiedName) -> Result<u64, SchemaError> {
    let mut hash = Fnv::new();
    for row in column_rows(conn, name).await? {
        for index in 0..row.len() {
            hash.add(&text(&row, index));
        }
    }
    for row in key_rows(conn, name).await? {
        for index in 0..row.len() {
            hash.add(&text(&row, index));
        }
    }
    Ok(hash.0)
}

/// FNV-1a over length-prefixed parts: nothing secret, only change has to be seen.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, part: &str) {
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.into_iter().chain(part.bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

// One list for load and fingerprint: what is read is also what is watched.
const COLUMN_NAME: usize = 0;
const COLUMN_TYPE: usize = 1;
const NULLABLE: usize = 2;
const COLLATION: usize = 3;
const EXTRA: usize = 4;
const GENERATION: usize = 5;
const NO_DEFAULT: usize = 6;
/// MariaDB shows defaults as SQL: the string 'NULL' in quotes, NULL without.
const COLUMNS_SQL: &str = "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, \
     COALESCE(COLLATION_NAME, ''), EXTRA, COALESCE(GENERATION_EXPRESSION, ''), \
     COLUMN_DEFAULT IS NULL OR VERSION() LIKE '%MariaDB%' AND COLUMN_DEFAULT = 'NULL', COALESCE(COLUMN_DEFAULT, '') \
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
     ORDER BY ORDINAL_POSITION";

const KEY_NAME: usize = 0;
const KEY_COLUMN: usize = 1;
const NON_UNIQUE: usize = 2;
const SUB_PART: usize = 3;
const KEYS_SQL: &str = "SELECT INDEX_NAME, COALESCE(COLUMN_NAME, ''), NON_UNIQUE, \
     COALESCE(SUB_PART, 0), SEQ_IN_INDEX, INDEX_TYPE \
     FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
     ORDER BY INDEX_NAME, SEQ_IN_INDEX";

async fn column_rows(conn: &mut HomeConn, name: &QualifiedName) -> Result<Vec<Row>, SchemaError> {
    let doing = format!("reading the columns of {name}");
    let rows: Vec<Row> = conn.rows(&doing, COLUMNS_SQL, (&name.schema, &name.table)).await?;
    if rows.is_empty() {
        return Err(SchemaError::NoTable(name.clone()));
    }
    Ok(rows)
}

async fn key_rows(conn: &mut HomeConn, name: &QualifiedName) -> Result<Vec<Row>, SchemaError> {
    let doing = format!("reading the keys of {name}");
    Ok(conn.rows(&doing, KEYS_SQL, (&name.schema, &name.table)).await?)
}

async fn columns(conn: &mut HomeConn, name: &QualifiedName) -> Result<Vec<Column>, SchemaError> {
    let doing = format!("looking for {name}");
    let kinds: Vec<String> = conn
        .rows(
            &doing,
            "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&name.schema, &name.table),
        )
        .await?;
    match kinds.first().map(String::as_str) {
        None => return Err(SchemaError::NoTable(name.clone())),
        Some(kind) if kind.contains("VIEW") => return Err(SchemaError::View(name.clone())),
        Some(_) => {}
    }
    let rows = column_rows(conn, name).await?;
    Ok(rows.iter().map(column).collect())
}

fn column(row: &Row) -> Column {
    let column_type = text(row, COLUMN_TYPE);
    let lower = column_type.to_ascii_lowercase();
    let extra = text(row, EXTRA).to_ascii_uppercase();
    let generated = if extra.contains("VIRTUAL GENERATED") {
        Generated::Virtual
    } else if extra.contains("STORED GENERATED") || extra.contains("PERSISTENT") {
        Generated::Stored
    } else if extra.contains("DEFAULT_GENERATED") || text(row, GENERATION).is_empty() {
        Generated::No
    } else {
        Generated::Virtual
    };
    let nullable = text(row, NULLABLE).eq_ignore_ascii_case("YES");
    Column {
        name: text(row, COLUMN_NAME),
        kind: ColumnKind::of(&column_type),
        nullable,
        null_by_default: nullable && generated == Generated::No && text(row, NO_DEFAULT) == "1",
        auto_increment: extra.contains("AUTO_INCREMENT"),
        generated,
        invisible: extra.contains("INVISIBLE"),
        zerofill: lower.ends_with("zerofill"),
        collation: Some(text(row, COLLATION)).filter(|collation| !collation.is_empty()),
        column_type,
    }
}

/// The keys as a schema without columns.
async fn keys(conn: &mut HomeConn, table: &ShardedTable) -> Result<TableSchema, SchemaError> {
    let mut schema = TableSchema {
        table: table.clone(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        unique_keys: Vec::new(),
        partitioned_alike: false,
    };
    for row in key_rows(conn, table.legacy()).await? {
        let (name, column) = (text(&row, KEY_NAME), text(&row, KEY_COLUMN));
        if text(&row, NON_UNIQUE) != "0" {
            continue;
        }
        if name == "PRIMARY" {
            schema.primary_key.push(column);
            continue;
        }
        let partial = column.is_empty() || text(&row, SUB_PART) != "0";
        if let Some(key) = schema.unique_keys.iter_mut().find(|key| key.name == name) {
            key.columns.push(column);
            key.partial |= partial;
        } else {
            schema.unique_keys.push(UniqueKey { name, columns: vec![column], partial });
        }
    }
    Ok(schema)
}

/// KEY and SYSTEM_TIME tell no more of themselves here: which rows a partition has is not certain.
const PARTITIONS_SQL: &str = "SELECT PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, SUBPARTITION_METHOD, \
     PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS \
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND CONCAT_WS(' ', PARTITION_METHOD, SUBPARTITION_METHOD) \
     NOT REGEXP 'KEY|SYSTEM' AND PARTITION_NAME IS NOT NULL \
     ORDER BY PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION";

/// Whether the table is partitioned by values of its rows, and each of its shards alike.
async fn partitioned_alike(conn: &mut HomeConn, table: &ShardedTable) -> Result<bool, SchemaError> {
    let mut own = None;
    for name in std::iter::once(table.legacy()).chain(table.shards()) {
        let doing = format!("reading the partitions of {name}");
        let rows: Vec<Row> = conn.rows(&doing, PARTITIONS_SQL, (&name.schema, &name.table)).await?;
        let partitions: Vec<Vec<String>> =
            rows.iter().map(|row| (0..row.len()).map(|index| text(row, index)).collect()).collect();
        if partitions.is_empty() || *own.get_or_insert_with(|| partitions.clone()) != partitions {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A value as text; information_schema gives bytes or numbers depending on server and column.
fn text(row: &Row, index: usize) -> String {
    let Some(value) = row.as_ref(index) else {
        return String::new();
    };
    let bytes = from_value_opt::<Vec<u8>>(value.clone());
    match bytes {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => i64::from_value_opt(value.clone())
            .map_or_else(|_| format!("{value:?}"), |number| number.to_string()),
    }
}
