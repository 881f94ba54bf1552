//! The planner: SQL bytes + session facts + topology + phase -> [`Plan`]. Pure: no I/O, no clock.
//!
//! A statement goes from left to right: [`Planner::mentions`] (prefilter) → [`lex`] → [`parse`] →
//! cross-check → [`plan`]. The client's own bytes are spliced, never printed from a syntax tree.

mod cursor;
mod facts;
mod head;
pub mod lex;
mod literal;
mod names;
mod occurrences;
mod plan;
mod split;
#[cfg(test)]
mod testing;
mod value;

pub use facts::{Charset, Facts, Server, SqlMode};
pub use head::{Completion, DdlObject, DdlVerb, Head, LockKind, LockedTable, head, may_change_session};
pub use literal::{exact_integer, limit_literal, literal};
pub use names::Names;
pub use occurrences::{Named, NotTable, Occurrence, Verdict, occurrences};
pub use plan::{
    ColumnSource, Effects, Key, Learnt, Needs, Plan, Program, Refusal, Run, ShardRead, TableView, Write,
};
pub use split::{Piece, split};
pub use value::Value;
