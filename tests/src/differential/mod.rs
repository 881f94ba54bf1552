//! The differential oracle with statements made by chance: schemas, rows and statements from a seed, each run on an
//! unsharded copy directly and through Shunt in each phase.
//!
//! | module | what it is for |
//! |---|---|
//! | [`random`] | numbers from a seed |
//! | [`kind`], [`schema`] | column types and their values, tables, rows |
//! | [`node`] | a statement as a tree whose parts can be left out |
//! | [`scope`], `expr`, `functions`, `condition`, `from`, [`block`], `aggregate`, `query` | the generator: SELECT |
//! | `insert`, `change`, `session` | the generator: what writes, and what a session keeps |
//! | [`value`] | parameters of every type |
//! | [`case`] | a few statements of one session |
//! | [`fixture`] | the tables on a server, all phases side by side |
//! | [`runner`], `contents`, [`tally`] | runs cases, compares answers and tables, counts |
//! | [`campaign`] | a whole run |
//! | [`shrink`] | makes a failing case short |

mod aggregate;
pub mod block;
pub mod campaign;
pub mod case;
mod change;
mod condition;
mod contents;
mod expr;
pub mod fixture;
mod from;
mod functions;
mod insert;
pub mod kind;
pub mod node;
mod query;
pub mod random;
pub mod runner;
pub mod schema;
pub mod scope;
mod session;
pub mod shrink;
pub mod tally;
pub mod value;
