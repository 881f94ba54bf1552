//! DDL on a sharded table beyond 1100: legacy gets the client's own statement, each shard one of its own.

use topology::{QualifiedName, ShardedTable, TableId, TableSchema};

use super::alter::{Cost, Reader};
use crate::{
    Charset, Facts,
    splice::Edits,
    syntax::{Source, TableRef},
};

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
    /// It may read or write every row, so that it takes long where there are many.
    pub rows: bool,
}

/// TRUNCATE TABLE.
pub(crate) fn truncate(text: &[u8], table: &ShardedTable) -> Ddl {
    let sql = |shard: &QualifiedName| format!("TRUNCATE TABLE {}", shard.quoted());
    Ddl {
        table: table.id().clone(),
        statement: String::from_utf8_lossy(text).into_owned(),
        shards: table.shards().iter().map(sql).collect(),
        empties: true,
        rows: false,
    }
}

/// ALTER TABLE, CREATE INDEX, DROP INDEX: the client's text with each shard's name in it. `Err` says in words what is
/// not understood.
pub(crate) fn definition(
    source: Source<'_>,
    target: &TableRef,
    schema: &TableSchema,
    facts: &Facts,
) -> Result<Ddl, String> {
    let text = source.text();
    let readable = facts.charset == Charset::Utf8 || text.is_ascii();
    let Some(statement) = std::str::from_utf8(text).ok().filter(|_| readable) else {
        return Err("DDL in another character set than UTF-8".to_owned());
    };
    let cost = Reader { source, target, schema }.statement()?;
    let table = &schema.table;
    let sql = |shard: &QualifiedName| {
        let mut edits = Edits::default();
        edits.replace(source.byte_range(&target.tokens), shard.quoted());
        String::from_utf8_lossy(&edits.render(text, 0..text.len())).into_owned()
    };
    Ok(Ddl {
        table: table.id().clone(),
        statement: statement.to_owned(),
        shards: table.shards().iter().map(sql).collect(),
        empties: false,
        rows: cost == Cost::Rows,
    })
}
