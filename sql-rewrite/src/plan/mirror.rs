//! The mirror: after a write on legacy, the shards get the row images.
//!
//! It is right for every superset of the touched keys, because it asks legacy what is there now:
//! keys that legacy does not have (in that shard) are deleted, keys that it has are replaced. The
//! reads of legacy lock, so that they see the current rows also at READ COMMITTED and in a
//! transaction with an old snapshot.

use std::sync::Arc;

use topology::{Phase, QualifiedName, ShardId, TableSchema, quote_ident};

use super::{
    Key,
    keys::{BY_PRIMARY_KEY, Touched, restriction, same_key},
    pins,
};
use crate::Server;

/// Legacy's name in these statements. Under LOCK TABLES a table can be read by the name that it is
/// locked by, and the client may have locked it by any other.
pub(crate) const LEGACY_ALIAS: &str = "shunt_legacy";

/// Keys in one mirror statement: its text stays far below the smallest usual `max_allowed_packet`.
const KEYS_PER_STATEMENT: usize = 500;

/// What a statement may have done to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Rows came or changed: images are copied.
    Kept,
    /// Rows went: images are deleted.
    Removed,
    /// Both, or rows moved.
    Moved,
}

/// Makes mirror statements for one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mirror {
    /// The dialect.
    pub(crate) server: Server,
    /// The table.
    pub(crate) schema: Arc<TableSchema>,
    /// Its phase, for messages.
    pub(crate) phase: Phase,
}

impl Mirror {
    /// The statements that make the shards equal to legacy for these rows.
    pub(crate) fn statements(&self, touched: &[Touched], change: Change) -> Vec<Vec<u8>> {
        let shards: Vec<(ShardId, &QualifiedName)> = self.schema.table.numbered_shards().collect();
        let mut out = Vec::new();
        if change != Change::Kept {
            for &(id, name) in &shards {
                self.each_part(touched, id, |keys| out.push(self.delete(id, name, keys)));
            }
        }
        if change != Change::Removed {
            for &(id, name) in &shards {
                self.each_part(touched, id, |keys| out.push(self.replace(id, name, keys)));
            }
        }
        out
    }

    fn each_part(&self, touched: &[Touched], id: ShardId, mut make: impl FnMut(&[&Key])) {
        let keys: Vec<&Key> = touched
            .iter()
            .filter(|row| row.shard.is_none_or(|shard| shard == id))
            .map(|row| &row.key)
            .collect();
        for part in keys.chunks(KEYS_PER_STATEMENT) {
            make(part);
        }
    }

    /// Legacy, as these statements read it.
    pub(crate) fn legacy(&self) -> String {
        format!("{} AS {LEGACY_ALIAS}", self.schema.table.legacy().quoted())
    }

    fn belongs(&self, qualifier: &str, id: ShardId) -> String {
        let key = format!("{qualifier}{}", quote_ident(self.schema.table.shard_key()));
        format!("{}={}", self.schema.table.shard_sql(&key), id.0)
    }

    fn delete(&self, id: ShardId, shard: &QualifiedName, keys: &[&Key]) -> Vec<u8> {
        let name = shard.quoted();
        let rest = format!(
            "FROM {name} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} WHERE {} AND {} LOCK IN SHARE MODE)",
            restriction(&self.schema, "", keys),
            self.legacy(),
            same_key(&self.schema, LEGACY_ALIAS, &name),
            self.belongs(&format!("{LEGACY_ALIAS}."), id),
        );
        pins::own(self.server, "DELETE", &rest)
    }

    fn replace(&self, id: ShardId, shard: &QualifiedName, keys: &[&Key]) -> Vec<u8> {
        let columns = self.schema.stored_column_list();
        let rest = format!(
            "INTO {} ({columns}) SELECT {columns} FROM {} {BY_PRIMARY_KEY} WHERE {} AND {} LOCK IN SHARE MODE",
            shard.quoted(),
            self.legacy(),
            restriction(&self.schema, "", keys),
            self.belongs("", id),
        );
        pins::own(self.server, "REPLACE", &rest)
    }
}
