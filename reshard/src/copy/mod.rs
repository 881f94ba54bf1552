//! Copies the old rows of a table into its shards while the application keeps writing both sides.
//!
//! Only in `DualWrite`, after the gate drained the last 1100 transaction. In primary key order, and for
//! each chunk in one gated transaction at REPEATABLE READ: lock the legacy range, **make the shards
//! equal to it**, write the checkpoint, commit (`chunk.rs`). Every writer changes legacy first, under
//! its row locks, so nobody else changes the range on either side meanwhile; and since the result
//! does not depend on what was in the shards before, a chunk can run again at any time.
//!
//! ```text
//! start -> lock (one copy a table) -> checkpoint -> [pause? fingerprint? chunk]* -> finished
//!                                                     |-> epoch over, columns changed, cancelled: stop
//! ```
//! The checkpoint is committed with the chunk, so `kill -9` at any point loses nothing: the next copy of the
//! same epoch goes on after the last committed chunk. Another epoch begins anew.

mod chunk;
mod empty;
mod pace;
mod progress;
mod run;
mod throttle;

pub use empty::{EmptyError, FILLED_DDL, empty_shards};
pub use pace::Pace;
pub use progress::{DDL, Progress, finished, progress};
pub use run::{Copied, Copier, CopyError};
pub use throttle::{Steering, ThrottleLimits, Unsteered};

pub(crate) use chunk::{Chunk, ChunkError, make_shards_equal, read_key};
pub(crate) use pace::ChunkSize;
pub(crate) use throttle::Throttle;
