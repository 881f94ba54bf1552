//! What every other crate agrees on: which tables are sharded and how, what a flag, a phase,
//! an epoch and a gate are. Pure: no I/O, no clock, no SQL beyond names and the shard function.

mod gate;
mod name;
mod phase;
mod schema;
mod table;

pub use gate::{Gate, GateError, GateState, Standing};
pub use name::{NameError, QualifiedName, quote_ident};
pub use phase::{Epoch, FlagError, Phase, Side};
pub use schema::{Column, ColumnKind, Generated, TableSchema, UniqueKey};
pub use table::{ShardId, ShardedTable, TableId, TopologyError, TopologyHash};
