//! The planner: SQL bytes + session facts + topology + phase -> [`Plan`]. Pure: no I/O, no clock.
//!
//! A statement goes from left to right: [`Planner::mentions`] (prefilter) → [`lex`] → [`parse`] →
//! cross-check → [`plan`]. The client's own bytes are spliced, never printed from a syntax tree.

mod facts;
pub mod lex;
mod plan;
mod value;

pub use facts::{Charset, Facts, Server, SqlMode};
pub use plan::{
    ColumnSource, Effects, Key, Learnt, Needs, Plan, Program, Refusal, Run, ShardRead, TableView, Write,
};
pub use value::Value;
