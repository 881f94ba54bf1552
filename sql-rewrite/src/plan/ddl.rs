//! DDL on a sharded table beyond 1100: legacy gets the client's own statement, each shard one of its own.

use topology::{QualifiedName, ShardedTable, TableId};

/// DDL on legacy and on every shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ddl {
    /// The table.
    pub table: TableId,
    /// The client's statement, for people.
    pub statement: String,
    /// What each shard gets, in their order.
    pub shards: Vec<String>,
    /// It empties the table: ids begin anew.
    pub empties: bool,
}

/// TRUNCATE TABLE.
pub(crate) fn truncate(text: &[u8], table: &ShardedTable) -> Ddl {
    let sql = |shard: &QualifiedName| format!("TRUNCATE TABLE {}", shard.quoted());
    Ddl {
        table: table.id().clone(),
        statement: String::from_utf8_lossy(text).into_owned(),
        shards: table.shards().iter().map(sql).collect(),
        empties: true,
    }
}
