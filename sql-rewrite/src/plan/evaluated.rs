//! An INSERT whose keys are expressions: these are evaluated first, by the server, and stand in it as literals then.
//!
//! ```text
//! INSERT INTO profile (user_id, name) VALUES (LAST_INSERT_ID(), UPPER('x'))
//!   read  SELECT LAST_INSERT_ID() LIMIT 1
//!   run   INSERT INTO profile (user_id, name) VALUES (7, UPPER('x'))    planned like any other
//! ```

use super::{
    Context, Plan, Refusal,
    given::{Rows, constant},
    insert_select::{Becomes, InsertSelect},
    refusal,
};
use crate::syntax::{Insert, Span};

/// Columns that a result can have are 4,096 (both servers' `MAX_FIELDS`).
const MOST_EXPRESSIONS: usize = 4_000;

/// Plans an INSERT that was refused because a key is no literal. `refused` again, where that is not an expression that
/// can be evaluated before the statement.
pub(crate) fn evaluated(cx: &Context<'_>, insert: &Insert, refused: Refusal) -> Result<Plan, Refusal> {
    if refused.reason != refusal::KEY_NOT_LITERAL.name {
        return Err(refused);
    }
    let values = Rows::new(cx, insert)?.key_values(cx);
    let (constants, expressions): (Vec<_>, Vec<_>) =
        values.into_iter().partition(|(span, _)| constant(cx, span).is_some());
    let counts = (1..=MOST_EXPRESSIONS).contains(&expressions.len());
    let alone = counts && expressions.iter().all(|(span, _)| stands_alone(cx, span));
    // A variable that is set there could be read here, or the other way round.
    let assigns = (0..cx.source.len()).any(|i| cx.source.op(i, ":="));
    if !alone || assigns || insert.returning.is_some() {
        return Err(refused);
    }
    let mut edits = cx.inlined()?;
    for (span, _) in constants {
        // In whatever type it is bound: as a literal it could be an expression, too.
        if let Some(integer) = constant(cx, &span).and_then(|operand| cx.integer(&operand)) {
            edits.replace(cx.source.byte_range(&span), integer.to_string());
        }
    }
    let items: Vec<Vec<u8>> = expressions.iter().map(|(span, _)| cx.rendered_part(&edits, span)).collect();
    let select = [b"SELECT ", items.join(&b", "[..]).as_slice(), b" LIMIT 1"].concat();
    let places = expressions.into_iter().map(|(span, name)| (cx.source.byte_range(&span), name)).collect();
    InsertSelect::plan(cx, select, None, Becomes::Keys { text: cx.source.text().to_vec(), edits, places })
}

/// Whether it needs nothing but itself, and has the same value once as in the statement.
fn stands_alone(cx: &Context<'_>, span: &Span) -> bool {
    let source = cx.source;
    let no_value = ["SELECT", "TABLE", "VALUES", "VALUE", "DEFAULT", "WITH"];
    let column = |i: usize| source.is_ident(i) && cx.columns.contains(&i);
    let sets_last_id =
        |i: usize| source.word(i, "LAST_INSERT_ID") && source.op(i + 1, "(") && !source.op(i + 2, ")");
    let stands = |i: usize| !source.any_word(i, &no_value) && !column(i) && !sets_last_id(i);
    span.clone().all(stands) && cx.check_cut(span).is_ok()
}
