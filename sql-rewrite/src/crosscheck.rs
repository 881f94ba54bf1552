//! Two readers, one reading: the reader of [`crate::syntax`] and sqlparser must see the same tables
//! at the same tokens. A statement on which they disagree, or which one of them does not accept, is
//! *not understood* (I8).

use crate::{
    parse::{Relations, parse},
    syntax::{Binding, Parsed, Shape, Source},
};

/// What the comparison gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both agree; where columns are, for pruning.
    Agreed(Relations),
    /// Not compared: the statement's kind is decided by its first words.
    NotNeeded,
    /// They disagree or sqlparser gives up, and about what.
    Doubtful(String),
}

/// Compares.
pub(crate) fn crosscheck(source: Source<'_>, parsed: &Parsed) -> Verdict {
    let compared =
        matches!(parsed.shape, Shape::Query | Shape::Insert(_) | Shape::Update(_) | Shape::Delete(_));
    if !compared {
        return Verdict::NotNeeded;
    }
    let Some(relations) = parse(source, parsed) else {
        return Verdict::Doubtful("syntax that Shunt's SQL parser does not know".to_owned());
    };
    let ours: Vec<usize> = parsed.tables.iter().map(|table| table.tokens.start).collect();
    if let Some(odd) = parsed.tables.iter().find(|table| parsed.binding(table) == Binding::Doubtful) {
        return Verdict::Doubtful(format!("whether `{}` is the table or a WITH clause", odd.name));
    }
    if let Some(odd) = ours.iter().find(|at| !relations.tables.contains(at)) {
        return Verdict::Doubtful(format!("the table at byte {}", source.byte(*odd)));
    }
    if let Some(odd) = relations.tables.iter().find(|at| !ours.contains(at)) {
        let byte = source.byte(*odd);
        return Verdict::Doubtful(format!("what stands at byte {byte}, where a table may be named"));
    }
    Verdict::Agreed(relations)
}
