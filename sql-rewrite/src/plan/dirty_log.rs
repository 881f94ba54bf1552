//! The dirty log of 0011: the primary keys that a transaction touched, for the reverse sync.

use topology::{TableSchema, quote_ident};

use super::{Key, pins};
use crate::Server;

/// Rows in one INSERT into the log.
const ROWS_PER_STATEMENT: usize = 500;

/// The statements that log `keys`, each with an id of its own from `next`.
///
/// The log has no AUTO_INCREMENT column, so the client's LAST_INSERT_ID() stays.
pub(crate) fn statements(
    server: Server,
    schema: &TableSchema,
    keys: &[Key],
    next: &mut dyn FnMut() -> (u64, u64),
) -> Vec<Vec<u8>> {
    let mut columns = vec!["sidecar".to_owned(), "n".to_owned()];
    columns.extend(schema.primary_key.iter().map(|name| quote_ident(name)));
    let mut distinct: Vec<&Key> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for key in keys {
        if seen.insert(key) {
            distinct.push(key);
        }
    }
    distinct
        .chunks(ROWS_PER_STATEMENT)
        .map(|part| {
            let rows: Vec<String> = part
                .iter()
                .map(|key| {
                    let (sidecar, n) = next();
                    format!("({sidecar},{n},{})", key.0.join(","))
                })
                .collect();
            let rest = format!(
                "INTO {} ({}) VALUES {}",
                schema.table.dirty_log(),
                columns.join(","),
                rows.join(",")
            );
            pins::own(server, "INSERT", &rest)
        })
        .collect()
}
