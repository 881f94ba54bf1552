//! The reader: tokens into clauses and table references.
//!
//! MySQL's clause keywords are reserved words, so a bare one outside parentheses and not behind a
//! dot is the clause and never a name. That is all this reader relies on; what stands between the
//! keywords it only searches for subqueries. [`crate::parse`] reads the same tokens with sqlparser,
//! and [`crate::crosscheck`] compares what both found.

mod conjuncts;
mod ddl;
mod dml;
mod from;
mod lock;
mod query;
mod source;
mod tree;

pub(crate) use conjuncts::{Conjunct, Operand, and_parts, column, conjunct, conjuncts, operand};
pub(crate) use source::{Source, Span, match_parentheses};
pub(crate) use tree::{
    Assignment, Binding, Block, Change, Insert, InsertSource, JoinKind, Joined, LockItem, LockKind, Parsed,
    Role, Row, Shape, TableRef,
};

use query::Reader;

/// Why a text was not understood: the part, in words for the client.
pub(crate) type NotUnderstood = String;

/// Reads one statement.
pub(crate) fn read(source: Source<'_>) -> Parsed {
    let mut reader = Reader::new(source);
    let shape = reader.statement().unwrap_or_else(Shape::Unknown);
    reader.finish(shape)
}
