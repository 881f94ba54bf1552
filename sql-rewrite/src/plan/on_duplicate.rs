//! ON DUPLICATE KEY UPDATE: which columns it may assign.

use super::{Context, Refusal, given::column_names, refusal};
use crate::syntax::{Assignment, Insert};

/// Refuses assignments after which the row could not be found again: to the primary key or shard
/// key, and to a column of another unique key unless it takes the value that the statement gives for it.
pub(crate) fn check_assignments(cx: &Context<'_>, insert: &Insert) -> Result<(), Refusal> {
    for assignment in insert.on_duplicate.iter().flatten() {
        let name = &assignment.column;
        let key = cx.schema.in_primary_key(name) || cx.schema.is_shard_key(name);
        let unique = cx
            .schema
            .unique_keys
            .iter()
            .any(|key| key.columns.iter().any(|column| column.eq_ignore_ascii_case(name)));
        let findable = keeps(cx, assignment) || !key && (!unique || takes_given(cx, insert, assignment));
        if !findable {
            return cx.refuse(refusal::KEY_ASSIGNED, &format!("ON DUPLICATE KEY UPDATE `{name}`"));
        }
    }
    Ok(())
}

/// `id = id`, and `id = LAST_INSERT_ID(id)`: the usual way to learn the id of the old row.
fn keeps(cx: &Context<'_>, assignment: &Assignment) -> bool {
    let source = cx.source;
    let at = assignment.value.start;
    let call = source.word(at, "LAST_INSERT_ID") && source.op(at + 1, "(");
    let start = if call { at + 2 } else { at };
    source.dotted(start).is_some_and(|(parts, end)| {
        let end = if call { end + 1 } else { end };
        end == assignment.value.end && cx.is_column(&parts, &assignment.column)
    })
}

/// `u = VALUES(u)`, and `u = new.u` behind a row alias.
fn takes_given(cx: &Context<'_>, insert: &Insert, assignment: &Assignment) -> bool {
    let source = cx.source;
    let at = assignment.value.start;
    // MariaDB has VALUE() for it, too.
    let call = source.any_word(at, &["VALUES", "VALUE"]) && source.op(at + 1, "(");
    let start = if call { at + 2 } else { at };
    let Some((parts, end)) = source.dotted(start) else {
        return false;
    };
    let end = if call { end + 1 } else { end };
    let given = match (parts.as_slice(), &insert.row_alias) {
        ([.., name], _) if call => Some(name.clone()),
        ([alias, name], Some(row)) if alias.eq_ignore_ascii_case(&row.name) => {
            original(cx, insert, &row.columns, name)
        }
        _ => None,
    };
    end == assignment.value.end && given.is_some_and(|name| name.eq_ignore_ascii_case(&assignment.column))
}

/// The column behind a name of the row alias.
fn original(cx: &Context<'_>, insert: &Insert, aliases: &[String], name: &str) -> Option<String> {
    if aliases.is_empty() {
        return Some(name.to_owned());
    }
    let at = aliases.iter().position(|alias| alias.eq_ignore_ascii_case(name))?;
    column_names(cx, insert).into_iter().nth(at)
}
