//! Schemas for unit tests.

use topology::{Column, ColumnKind, Generated, ShardedTable, TableSchema};

/// A NOT NULL column.
pub fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.to_owned(),
        column_type: "bigint".to_owned(),
        kind,
        nullable: false,
        null_by_default: false,
        auto_increment: false,
        generated: Generated::No,
        invisible: false,
        zerofill: false,
        collation: None,
    }
}

/// A VARCHAR in latin1.
pub fn text_column(name: &str) -> Column {
    Column {
        column_type: "varchar(20)".to_owned(),
        collation: Some("latin1_swedish_ci".to_owned()),
        ..column(name, ColumnKind::Text)
    }
}

/// `app.user`, sharded by `id` over ten tables, with a signed `id` and `more` columns.
pub fn schema(primary_key: &[&str], more: Vec<Column>) -> TableSchema {
    let mut columns = vec![column("id", ColumnKind::Integer { unsigned: false })];
    columns.extend(more);
    TableSchema {
        table: ShardedTable::new("user", "app.user", "id", "app.user_{0..9}").unwrap(),
        columns,
        primary_key: primary_key.iter().map(|name| (*name).to_owned()).collect(),
        unique_keys: vec![],
        partitioned_alike: false,
    }
}
