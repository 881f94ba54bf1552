//! From a name in a statement to what Shunt knows by it.

use std::sync::Arc;

use topology::{QualifiedName, ShardId, ShardedTable};

use crate::{Facts, syntax::TableRef};

/// The schema that holds gates, logs and sequences.
pub(crate) const SHUNT_SCHEMA: &str = "shunt";

/// What a table reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// The legacy table of the configured table with this index.
    Legacy(usize),
    /// One of its shard tables.
    Shard(usize, ShardId),
    /// Something in schema `shunt`.
    Shunt,
    /// Nothing that concerns Shunt.
    Other,
}

/// Compares names as the server does.
pub(crate) fn same_name(a: &str, b: &str, facts: &Facts) -> bool {
    if facts.lower_case_table_names {
        a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
    } else {
        a == b
    }
}

/// Whether a reference names this table.
pub(crate) fn is_table(table: &QualifiedName, reference: &TableRef, facts: &Facts) -> bool {
    let schema = reference.schema.as_deref().or(facts.database.as_deref());
    same_name(&table.table, &reference.name, facts)
        && schema.is_some_and(|schema| same_name(&table.schema, schema, facts))
}

/// Resolves a reference; one without a schema belongs to the session's database.
pub(crate) fn resolve(tables: &[Arc<ShardedTable>], table: &TableRef, facts: &Facts) -> Named {
    let Some(schema) = table.schema.as_deref().or(facts.database.as_deref()) else {
        return Named::Other;
    };
    let is = |name: &QualifiedName| is_table(name, table, facts);
    for (i, configured) in tables.iter().enumerate() {
        if is(configured.legacy()) {
            return Named::Legacy(i);
        }
        if let Some((shard, _)) = configured.numbered_shards().find(|(_, name)| is(name)) {
            return Named::Shard(i, shard);
        }
    }
    if same_name(schema, SHUNT_SCHEMA, facts) {
        return Named::Shunt;
    }
    Named::Other
}
