//! Reverse sync: while only the shards are written, legacy follows, row image by row image.
//!
//! Each transaction of the application appends the primary keys it touched to the dirty log
//! (`shunt.dirty_<id>`) as its own work. The [`Applier`] takes batches of keys from it and makes legacy equal to the
//! shards for them, all the time in `0011`, so that going back is a matter of milliseconds (`batch.rs`).
//!
//! Keys whose unique values collide with another shard's row (uniqueness across shards is lost in 0011) are
//! parked: their rows are taken out of legacy, they are tried again now and then, and until they fit the table
//! cannot go back ([`parked`]).

mod applier;
mod batch;
mod forget;
mod park;

pub use applier::{Applier, Drained, ReverseError, backlog};
pub use forget::forget;
pub use park::{PARKED_DDL, Parked, parked};

pub(crate) use batch::{insert_sql, mark_dirty};

/// One row a table: who applies holds it. Two appliers at once left a ghost row in legacy.
pub const FENCE_DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.fence (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY) ENGINE=InnoDB";
