//! The shape of a sharded table, as far as routing, mirroring and copying need it.
//!
//! It is read from home by `flag-client` and used by the planner, the copy and the checks.

use crate::{ShardedTable, quote_ident};

/// What a column's type means for Shunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// TINYINT to BIGINT.
    Integer {
        /// UNSIGNED.
        unsigned: bool,
    },
    /// ENUM: sorts by number and loses that in a UNION.
    Enum,
    /// SET: a bit mask, likewise.
    Set,
    /// BIT.
    Bit,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// JSON (in MariaDB an alias of LONGTEXT and therefore [`ColumnKind::Text`]).
    Json,
    /// CHAR to LONGTEXT.
    Text,
    /// BINARY to LONGBLOB.
    Binary,
    /// DATE, TIME, DATETIME, YEAR.
    Temporal,
    /// TIMESTAMP: stored in UTC, shown in the session's time zone.
    Timestamp,
    /// DECIMAL, GEOMETRY and whatever else.
    Other,
}

impl ColumnKind {
    /// The kind of a type as servers write it: `bigint(20) unsigned`. MariaDB shows its JSON alias as `longtext`: there
    /// it is text, as the server treats it.
    #[must_use]
    pub fn of(column_type: &str) -> Self {
        let lower = column_type.to_ascii_lowercase();
        let word = lower.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                Self::Integer { unsigned: lower.contains("unsigned") }
            }
            "enum" => Self::Enum,
            "set" => Self::Set,
            "bit" => Self::Bit,
            "float" => Self::Float,
            "double" => Self::Double,
            "json" => Self::Json,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Self::Text,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Binary,
            "date" | "time" | "datetime" | "year" => Self::Temporal,
            "timestamp" => Self::Timestamp,
            _ => Self::Other,
        }
    }
}

/// Whether a column is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generated {
    /// An ordinary column.
    No,
    /// Computed when read.
    Virtual,
    /// Computed when written.
    Stored,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Name as declared.
    pub name: String,
    /// `COLUMN_TYPE` of information_schema, for instance `int(10) unsigned zerofill`.
    pub column_type: String,
    /// The type's meaning.
    pub kind: ColumnKind,
    /// NULL is allowed.
    pub nullable: bool,
    /// A row that does not give it gets NULL.
    pub null_by_default: bool,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// Computed columns are never written.
    pub generated: Generated,
    /// Not in `*`.
    pub invisible: bool,
    /// ZEROFILL is lost in a UNION.
    pub zerofill: bool,
    /// Collation of a character column.
    pub collation: Option<String>,
}

impl Column {
    /// Whether a value of it can be read back and written as a literal that compares equal, as a part of a primary key
    /// must. TIMESTAMP depends on the session's time zone, FLOAT and DOUBLE do not survive as text, ENUM, SET and BIT
    /// are compared as something else than they show.
    #[must_use]
    pub fn can_identify_rows(&self) -> bool {
        match self.kind {
            ColumnKind::Integer { .. } | ColumnKind::Binary | ColumnKind::Temporal => true,
            ColumnKind::Text => self.collation.is_some(),
            ColumnKind::Other => self.column_type.to_ascii_lowercase().starts_with("decimal"),
            _ => false,
        }
    }
}

/// A unique key other than the primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UniqueKey {
    /// Index name.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<String>,
    /// A part of it is the beginning of a column, or an expression: equal columns are not what it forbids.
    pub partial: bool,
}

/// The shape of a legacy table, with its topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    /// Names, shard key, shards.
    pub table: ShardedTable,
    /// All columns in order.
    pub columns: Vec<Column>,
    /// The primary key's columns in order; empty if there is none (then `shunt check` refuses).
    pub primary_key: Vec<String>,
    /// Every other unique key.
    pub unique_keys: Vec<UniqueKey>,
    /// It is partitioned and its shards have the same partitions, so that `PARTITION (p)` means the same there.
    pub partitioned_alike: bool,
}

impl TableSchema {
    /// Finds a column as MySQL does: without regard to case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether `name` is part of the primary key.
    #[must_use]
    pub fn in_primary_key(&self, name: &str) -> bool {
        self.primary_key.iter().any(|column| column.eq_ignore_ascii_case(name))
    }

    /// Whether `name` is the shard key.
    #[must_use]
    pub fn is_shard_key(&self, name: &str) -> bool {
        self.table.shard_key().eq_ignore_ascii_case(name)
    }

    /// The AUTO_INCREMENT column.
    #[must_use]
    pub fn auto_increment(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.auto_increment)
    }

    /// The columns that a copy writes: all but the generated ones, INVISIBLE included.
    pub fn stored_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.generated == Generated::No)
    }

    /// `` `a`,`b`,… `` of [`Self::stored_columns`].
    #[must_use]
    pub fn stored_column_list(&self) -> String {
        list(self.stored_columns().map(|column| column.name.as_str()))
    }

    /// `` `id`,… `` of the primary key.
    #[must_use]
    pub fn primary_key_list(&self) -> String {
        list(self.primary_key.iter().map(String::as_str))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quote_ident).collect::<Vec<_>>().join(",")
}
