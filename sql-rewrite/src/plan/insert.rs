//! INSERT and REPLACE in the dual phases: on legacy as sent, then mirrored.

use super::{
    After, Context, Effects, Key, Needs, Plan, Refusal,
    after::{Follow, HeldRows, Listed, TouchedBy},
    change::write,
    given::{RowKeys, Rows},
    keys::{BY_PRIMARY_KEY, Touched, restriction},
    mirror::Change,
    on_duplicate::check_assignments,
    program::{KeyColumns, Work},
    refusal, returning,
    unique::{Held, check_whole},
};
use crate::syntax::Insert;

/// Plans an INSERT in a dual phase.
pub(crate) fn insert(cx: &Context<'_>, insert: &Insert) -> Result<Plan, Refusal> {
    let rows = check(cx, insert)?;
    returning::check(cx, insert.returning.as_ref(), true)?;
    let keys = rows.keys(cx)?;
    let others = !cx.schema.unique_keys.is_empty();
    let effects = match () {
        () if insert.on_duplicate.is_some() && others => met(cx, insert, &rows, keys)?,
        () if insert.replace && others => replaced(cx, insert, keys)?,
        () => listed(cx, insert, keys)?,
    };
    Ok(write(cx, Needs::Nothing, Work::Sent(effects), true))
}

/// Refuses what no phase beyond 1100 can do, and reads the rows.
pub(crate) fn check(cx: &Context<'_>, insert: &Insert) -> Result<Rows, Refusal> {
    cx.check_key_types()?;
    check_assignments(cx, insert)?;
    Rows::new(cx, insert)
}

/// `LAST_INSERT_ID(x)` would take the place of the generated id in the OK packet. `new`: no row of a generated id can
/// be there already, so what ON DUPLICATE KEY UPDATE says is not evaluated.
pub(crate) fn check_last_insert_id(cx: &Context<'_>, insert: &Insert, new: bool) -> Result<(), Refusal> {
    let unread = insert.on_duplicate.iter().flatten().map(|assignment| &assignment.value);
    let unread: Vec<_> = unread.filter(|_| new).collect();
    if (0..cx.source.len()).any(|i| sets_last_id_at(cx, i) && !unread.iter().any(|span| span.contains(&i))) {
        return cx.refuse(refusal::LAST_INSERT_ID, "LAST_INSERT_ID(…) beside a generated id");
    }
    Ok(())
}

/// `LAST_INSERT_ID(x)` stands in it: the OK shows what it set.
pub(crate) fn sets_last_id(cx: &Context<'_>) -> bool {
    (0..cx.source.len()).any(|i| sets_last_id_at(cx, i))
}

fn sets_last_id_at(cx: &Context<'_>, i: usize) -> bool {
    let source = cx.source;
    source.word(i, "LAST_INSERT_ID") && source.op(i + 1, "(") && !source.op(i + 2, ")")
}

/// A row that is there already can be in another shard than the one that the new row names.
fn replaces_elsewhere(cx: &Context<'_>, insert: &Insert) -> bool {
    !cx.schema.in_primary_key(cx.table().shard_key()) && (insert.replace || insert.on_duplicate.is_some())
}

/// The touched rows are those that the statement lists.
fn listed(cx: &Context<'_>, insert: &Insert, mut keys: Vec<RowKeys>) -> Result<Effects, Refusal> {
    let elsewhere = replaces_elsewhere(cx, insert);
    if elsewhere {
        for row in &mut keys {
            row.shard = None;
        }
    }
    let change = if insert.replace && elsewhere { Change::Moved } else { Change::Kept };
    if !keys.iter().any(RowKeys::is_generated) {
        return Ok(Effects::Known(cx.mirror().statements(&given(&keys), change)));
    }
    // Those that can be met by other keys do not come here.
    check_last_insert_id(cx, insert, keys.iter().all(RowKeys::is_generated))?;
    if insert.returning.is_some() && (insert.ignore || !keys.iter().all(RowKeys::is_generated)) {
        return cx.refuse(refusal::RETURNING, "RETURNING of rows that may have no generated id");
    }
    let touched = TouchedBy::Listed(list(cx, insert, keys));
    Ok(Effects::After(Box::new(After { mirror: cx.mirror(), touched, follow: Follow::Mirror(change) })))
}

fn given(keys: &[RowKeys]) -> Vec<Touched> {
    let key = |row: &RowKeys| Key(row.key.iter().flatten().cloned().collect());
    keys.iter().map(|row| Touched { key: key(row), shard: row.shard }).collect()
}

fn list(cx: &Context<'_>, insert: &Insert, rows: Vec<RowKeys>) -> Listed {
    let auto = cx.schema.auto_increment().map_or("", |column| column.name.as_str());
    Listed {
        rows,
        increment: cx.facts.auto_increment_increment.max(1),
        id_is_shard_key: cx.schema.is_shard_key(auto),
        skips: insert.ignore,
        tells_id: insert.returning.is_none(),
    }
}

/// REPLACE where it may remove rows that it meets through another unique key.
fn replaced(cx: &Context<'_>, insert: &Insert, mut keys: Vec<RowKeys>) -> Result<Effects, Refusal> {
    if insert.returning.is_some() {
        // What it returns does not tell how many rows it removed.
        return cx.refuse(refusal::RETURNING, "RETURNING of REPLACE beside other unique keys");
    }
    for key in &cx.schema.unique_keys {
        check_whole(cx, key)?;
    }
    if keys.iter().any(RowKeys::is_generated) {
        check_last_insert_id(cx, insert, false)?;
    }
    // A row of the same key may be in any shard.
    let elsewhere = replaces_elsewhere(cx, insert);
    if elsewhere {
        for row in &mut keys {
            row.shard = None;
        }
    }
    let change = if elsewhere { Change::Moved } else { Change::Kept };
    let follow = Follow::MirrorReplaced(change, keys.len());
    let touched = TouchedBy::Listed(list(cx, insert, keys));
    Ok(Effects::After(Box::new(After { mirror: cx.mirror(), touched, follow })))
}

/// ON DUPLICATE KEY UPDATE where it may meet rows through another unique key: they are found by the
/// statement's own values, under the locks that it holds.
fn met(cx: &Context<'_>, insert: &Insert, rows: &Rows, keys: Vec<RowKeys>) -> Result<Effects, Refusal> {
    let held = Held::new(cx, rows)?;
    let unnamed = |(i, row): (usize, &RowKeys)| row.is_generated() && !held.names(i);
    let (unnamed, count) = (keys.iter().enumerate().filter(|row| unnamed(*row)).count(), keys.len());
    if unnamed == count {
        // Nothing in them can be there already.
        return listed(cx, insert, keys);
    }
    if unnamed > 0 {
        return cx.refuse(refusal::MIXED_IDS, "rows with a unique value beside rows without one");
    }
    let table = cx.mirror().legacy();
    let given = given(&keys.into_iter().filter(|row| !row.is_generated()).collect::<Vec<_>>());
    let mut conditions = Vec::new();
    if !given.is_empty() {
        let keys: Vec<&Key> = given.iter().map(|row| &row.key).collect();
        conditions.push((format!("{table} {BY_PRIMARY_KEY}"), restriction(cx.schema, "", &keys)));
    }
    conditions.extend(held.conditions(&table, &|_| true));
    let held = HeldRows { columns: KeyColumns::plain(cx), conditions, limit: count };
    let (touched, follow) = (TouchedBy::Select(held), Follow::Mirror(Change::Kept));
    Ok(Effects::After(Box::new(After { mirror: cx.mirror(), touched, follow })))
}
