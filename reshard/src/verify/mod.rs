//! Compares legacy with the shards, chunk by chunk, each chunk in one snapshot.
//!
//! Both sides change in one transaction, so in one read view they are equal or have diverged: writers
//! cause no false positive. Each chunk is one gated, read-only transaction at REPEATABLE READ: the gate,
//! then *one* statement over all tables that compares row count, an order-independent sum of row hashes
//! (`image.rs`) and placement (the shard that the key names). Only where these differ are rows listed,
//! in the same snapshot, down to column and values (`narrow.rs`).
//!
//! In `Shards` legacy follows by the reverse sync: there, keys that are in the dirty log (or parked) of the same
//! snapshot may differ and are counted as pending.
//!
//! # What it cannot catch
//! - A row that was wrong on *both* sides: verify compares the sides, not with the application's intent.
//! - A difference that arises after its chunk was read and before the pass ends: hence two clean passes, and passes
//!   that go on in 1101 and 0111.
//! - A difference that was healed before its chunk was read.
//! - Two different rows with the same 64 bits of SHA-256: one chance in 1.8e19 a row.
//! - What has no image: generated columns, the AUTO_INCREMENT counter, comments, the order of rows in a heap; in MySQL
//!   the type of a JSON scalar that prints alike (a date and a string); in MariaDB the sign of a zero.
//! - Values of types that a server cannot CAST to BINARY exactly, if a future version adds such.
//! - Rows in tables that are not configured: a shard list that changed outside of Shunt.

mod narrow;
mod pass;
mod repair;
mod show;
mod store;

pub use narrow::{ColumnDifference, Problem, RowDifference};
pub use pass::{PassProgress, Verifier, VerifyError, VerifyOptions, VerifyReport};
pub use repair::{RepairReport, repair};
pub use store::{DDL, LastPass, clean_passes, last_pass};
