//! After `shunt finish` nothing is logged any more, and what was is of no use.

use flag_client::{Home, HomeConn, HomeError};
use topology::ShardedTable;

use crate::db;

/// Empties the dirty log and forgets the parked keys, in an epoch in which no sidecar logs. `false` if somebody
/// uses the log: it is tried again.
///
/// # Errors
/// [`HomeError`].
pub async fn forget(home: &Home, conn: &mut HomeConn, table: &ShardedTable) -> Result<bool, HomeError> {
    let parked = format!("DELETE FROM shunt.parked WHERE table_id='{}'", table.id());
    conn.run("forgetting the parked keys of an ended reverse sync", parked).await?;
    db::ddl_within_limit(home, conn, &format!("TRUNCATE TABLE {}", table.dirty_log())).await
}
