//! Statements that write other tables than sharded ones, or none, and whose SELECTs read shards: each SELECT is planned by
//! itself, and the rest stays the client's.
//!
//! ```text
//! INSERT INTO orders (user_id) SELECT id FROM user
//! SET @n = (SELECT COUNT(*) FROM user)
//! ```

use super::{
    Context, Needs, Plan, Refusal,
    change::write,
    insert_select::{around, assigned_names, lossy, reading, refuse_name},
    pins::no_full_group_by,
    program::Work,
    refusal,
};
use crate::{
    lex::TokenKind,
    syntax::{Insert, Source, Span},
};

/// Such a statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Elsewhere {
    /// Its SELECTs, and the refusal of one that reads several shards.
    pub(crate) selects: Vec<(Vec<u8>, Option<Refusal>)>,
    /// What stands before, between and behind them.
    around: Vec<Vec<u8>>,
    /// They are subqueries, in which no hint may stand.
    pub(crate) inner: bool,
}

impl Elsewhere {
    pub(crate) fn text(&self) -> Vec<u8> {
        let selects = self.selects.iter().map(|(select, _)| select.as_slice()).chain([&b""[..]]);
        self.around.iter().zip(selects).flat_map(|(before, select)| [before, select].concat()).collect()
    }
}

/// Plans the INSERT of rows of `references` into a table that is not sharded, or not yet.
pub(crate) fn insert_elsewhere(
    references: &[Context<'_>],
    insert: &Insert,
    query: &Span,
) -> Result<Plan, Refusal> {
    let Some(cx) = references.iter().find(|cx| query.contains(&cx.target.tokens.start)) else {
        return Ok(Plan::Relay);
    };
    if insert.returning.is_some() {
        return cx.refuse(refusal::RETURNING, "RETURNING of INSERT … SELECT");
    }
    if let Some(i) = assigned_names(cx, insert).next() {
        return refuse_name(cx, i);
    }
    let edits = cx.inlined()?;
    let (before, behind) = around(cx, query, &edits);
    let selects = vec![(reading(cx, query, &edits)?, lossy(references, query))];
    let work = Elsewhere { selects, around: vec![before, behind], inner: false };
    Ok(write(cx, Needs::Nothing, Work::Elsewhere(Box::new(work)), false))
}

/// Whether a SET sets nothing but user variables, or the statement is a DO.
pub(crate) fn sets_only_variables(source: Source<'_>) -> bool {
    let items = source.split_commas(&(1..source.len()));
    source.word(0, "DO")
        || source.word(0, "SET")
            && items.iter().all(|item| source.kind(item.start) == Some(TokenKind::UserVar))
}

/// Plans a SET of user variables, or a DO, with subqueries. The server locks what these read, as in a write.
pub(crate) fn expressions(references: &[Context<'_>]) -> Result<Plan, Refusal> {
    let Some(cx) = references.first() else { return Ok(Plan::Relay) };
    let source = cx.source;
    let edits = cx.inlined()?;
    let (mut selects, mut around) = (Vec::new(), Vec::new());
    let (mut at, mut done) = (0, 0);
    while at < source.len() {
        if !(source.op(at, "(") && source.any_word(at + 1, &["SELECT", "WITH", "TABLE", "VALUES"])) {
            at += 1;
            continue;
        }
        let query = at + 1..source.close(at);
        cx.check_cut(&query)?;
        let scattered = lossy(references, &query).or_else(|| groups(cx, &query));
        selects.push((cx.rendered_part(&edits, &query), scattered));
        let bytes = source.byte_range(&query);
        around.push(edits.render(source.text(), done..bytes.start));
        done = bytes.end;
        at = query.end;
    }
    around.push(edits.render(source.text(), done..source.text().len()));
    let work = Elsewhere { selects, around, inner: true };
    Ok(write(cx, Needs::Nothing, Work::Elsewhere(Box::new(work)), false))
}

/// The refusal of groups, which would need a hint: see [`Elsewhere::inner`].
fn groups(cx: &Context<'_>, query: &Span) -> Option<Refusal> {
    let group = query.clone().any(|i| cx.source.any_word(i, &["GROUP", "DISTINCT", "DISTINCTROW"]));
    let what = "GROUP BY or DISTINCT in a subquery";
    let refused = || refusal::refusal(refusal::READ_IN_EXPRESSION, what, cx.table(), cx.phase);
    (group && no_full_group_by(cx.facts).is_some()).then(refused)
}
