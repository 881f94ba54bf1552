//! The planner: SQL bytes + session facts + topology + phase -> [`Plan`]. Pure: no I/O, no clock.
//!
//! A statement goes from left to right: [`Planner::mentions`] (prefilter) → [`lex`] → parse →
//! cross-check → plan. The client's own bytes are spliced, never printed from a syntax tree.

mod crosscheck;
mod cursor;
mod digest;
mod dynamic;
mod explain;
mod facts;
mod forms;
mod head;
mod inserted_rows;
pub mod lex;
mod literal;
mod names;
mod occurrences;
mod parse;
mod plan;
mod planner;
mod questions;
mod resolve;
mod splice;
mod split;
mod statement;
mod steady;
mod syntax;
#[cfg(test)]
mod testing;
mod value;
mod written;

pub use dynamic::executed;
pub use explain::{explain, how};
pub use facts::{Charset, Facts, Server, SqlMode};
pub use head::{Completion, DdlObject, DdlVerb, DynamicText, Head, head, may_change_session};
pub use literal::{exact_integer, limit_literal, literal};
pub use names::Names;
pub use occurrences::{Named, NotTable, Occurrence, Verdict, occurrences};
pub use plan::refusal::REASONS as REFUSALS;
pub use plan::{
    After, Cells, ColumnSource, Ddl, Duplicates, Effects, InsertSelect, Key, Learnt, LearntKeys, LockTables,
    Merge, Needs, Plan, Program, Ran, Refusal, ResultColumn, Run, SelectedRows, ServerError, ShardRead,
    ShardsOf, TableLock, TableView, Views, Write,
};
pub use planner::Planner;
pub use questions::{Answers, MayAsk, Question, Respelled, Show, Told, refuse_lost_answer, refuse_question};
pub use splice::Text;
pub use split::{Piece, split};
pub use statement::Statement;
pub use steady::{Neighbour, SteadyTable};
pub use value::Value;
