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
    Role, Row, Shape, TableRef, TargetName, Targets,
};

use query::Reader;

/// Why a text was not understood: the part, in words for the client.
pub(crate) type NotUnderstood = String;

/// Longer chains are not understood: `a OR b OR …` becomes a tree as deep as it is long in the parser, and walking
/// and freeing that recurses.
const MAX_CHAIN: usize = 6_000;

/// Reads one statement.
pub(crate) fn read(source: Source<'_>) -> Parsed {
    let mut reader = Reader::new(source);
    let shape = match longest_chain(source) {
        0..=MAX_CHAIN => reader.statement().unwrap_or_else(Shape::Unknown),
        chain => Shape::Unknown(format!("a chain of {chain} operators")),
    };
    reader.finish(shape)
}

/// How deep the tree of an expression can be, its parentheses apart: operators between two commas, but of those that
/// bind tighter than AND and OR only the ones of one operand. It may be too much, never too little.
fn longest_chain(source: Source<'_>) -> usize {
    let mut levels = vec![[0_usize; 4]];
    let mut longest = 0;
    for i in 0..source.len() {
        if source.op(i, "(") {
            levels.push([0; 4]);
        } else if source.op(i, ")") {
            levels.pop();
        } else if let Some(chain) = levels.last_mut() {
            let looseness = match () {
                () if source.any_word(i, &["UNION", "EXCEPT", "INTERSECT"]) => 0,
                () if source.any_word(i, &["OR", "XOR"]) => 1,
                () if source.word(i, "AND") => 2,
                () => 3,
            };
            let (counted, tighter) = chain.split_at_mut(looseness + 1);
            counted[looseness] += 1;
            tighter.fill(0);
            if source.op(i, ",") {
                chain.fill(0);
            }
            longest = longest.max(chain.iter().sum());
        }
    }
    longest
}
