//! UPDATE and DELETE of one table in the dual phases: on legacy as sent, then mirrored.
//!
//! With the whole primary key given literally the statement runs as sent. Otherwise its rows are
//! locked and their keys read first, and it runs restricted to them.

use super::{
    Context, Effects, Key, Needs, Plan, Program, Refusal, Run, Write,
    keys::{Touched, restriction},
    mirror::{Change as Kind, Mirror},
    pins,
    program::{KeyColumns, Work},
    refusal::{self, refusal},
    returning,
};
use crate::{
    lex::TokenKind,
    splice::Edits,
    syntax::{Assignment, Change, Conjunct, Operand, Span, conjuncts},
};

/// Rows that one statement may change by a predicate. Their keys pass through the sidecar's memory
/// and come back as an IN list; 10,000 stay below `range_optimizer_max_mem_size`.
pub(crate) const MAX_KEYS: usize = 10_000;

/// Functions that give another value each time, or do something: a WHERE that is evaluated twice
/// would not be the client's.
pub(crate) const VOLATILE: [&str; 14] = [
    "RAND",
    "UUID",
    "UUID_SHORT",
    "SLEEP",
    "BENCHMARK",
    "GET_LOCK",
    "RELEASE_LOCK",
    "RELEASE_ALL_LOCKS",
    "IS_FREE_LOCK",
    "LAST_INSERT_ID",
    "NEXTVAL",
    "SYSDATE",
    "RANDOM_BYTES",
    "SETVAL",
];

/// Plans an UPDATE.
pub(crate) fn update(cx: &Context<'_>, change: &Change) -> Result<Plan, Refusal> {
    let kind = if changed_keys(cx, change).is_empty() { Kind::Kept } else { Kind::Moved };
    plan(cx, change, kind)
}

/// Plans a DELETE.
pub(crate) fn delete(cx: &Context<'_>, change: &Change) -> Result<Plan, Refusal> {
    plan(cx, change, Kind::Removed)
}

fn plan(cx: &Context<'_>, change: &Change, kind: Kind) -> Result<Plan, Refusal> {
    check(cx)?;
    let conditions = filter_conjuncts(cx, change);
    if kind != Kind::Moved
        && let Some(row) = cx.row(&conditions)
    {
        returning::check(cx, change.returning.as_ref(), true)?;
        let effects = Effects::Known(cx.mirror().statements(&[row], kind));
        return Ok(write(cx, Needs::Nothing, Work::Sent(effects), false));
    }
    check_twice(cx, change)?;
    returning::check(cx, change.returning.as_ref(), false)?;
    let edits = cx.inlined()?;
    let columns = key_columns(cx, change, false);
    let mut items = columns.items(&cx.qualifier());
    items.extend(new_values(cx, change, &edits)?);
    let mut select = pins::keys_select(cx.facts.server).into_bytes();
    select.extend_from_slice(items.join(", ").as_bytes());
    select.extend_from_slice(b" FROM ");
    select.extend(cx.rendered_part(&edits, &cx.target.factor));
    select.extend(clauses(cx, change, &edits));
    select.extend(format!(" LIMIT {} FOR UPDATE", select_limit(cx, change)?).into_bytes());
    let work = Restricted {
        text: Restrictable::new(cx, change, edits),
        columns,
        mirror: cx.mirror(),
        kind,
        any_shard: kind != Kind::Kept && !cx.schema.in_primary_key(cx.table().shard_key()),
    };
    let needs = Needs::Keys { select, limit: MAX_KEYS };
    Ok(write(cx, needs, Work::Restricted(Box::new(work)), false))
}

/// A [`Plan::Write`].
pub(crate) fn write(cx: &Context<'_>, needs: Needs, work: Work, inserts: bool) -> Plan {
    let what = format!("it touches more than {MAX_KEYS} rows");
    Plan::Write(Box::new(Write {
        table: cx.table().id().clone(),
        needs,
        inserts,
        work,
        too_many: refusal(refusal::TOO_MANY_KEYS, &what, cx.table(), cx.phase),
    }))
}

/// What no phase beyond 1100 can do.
pub(crate) fn check(cx: &Context<'_>) -> Result<(), Refusal> {
    cx.check_key_types()?;
    if cx.target.qualified {
        return cx.refuse(refusal::PARTITION, "a PARTITION clause");
    }
    if !cx.target.index_hints.is_empty() {
        return cx.refuse(refusal::NOT_UNDERSTOOD, "an index hint in a write");
    }
    Ok(())
}

/// What cannot be evaluated twice, first for the keys and then for the rows.
pub(crate) fn check_twice(cx: &Context<'_>, change: &Change) -> Result<(), Refusal> {
    let source = cx.source;
    let spans = [&change.filter, &change.order, &change.limit];
    for span in spans.into_iter().flatten() {
        cx.check_cut(span)?;
        for i in span.clone() {
            if source.word(i, "SELECT") || source.word(i, "TABLE") {
                return cx.refuse(refusal::SUBQUERY, "a subquery in WHERE or ORDER BY");
            }
            // LAST_INSERT_ID() is the same both times; with an argument it sets the value.
            let constant = source.word(i, "LAST_INSERT_ID") && source.op(i + 2, ")");
            let call = source.op(i + 1, "(") && source.any_word(i, &VOLATILE) && !constant;
            if call || source.op(i, ":=") {
                return cx
                    .refuse(refusal::VOLATILE, &format!("`{}` in WHERE or ORDER BY", cx.shown(&(i..i + 1))));
            }
            check_auto_is_null(cx, i)?;
        }
    }
    cx.check_cut(&cx.target.factor)?;
    for part in change.order.iter().flat_map(|order| source.split_commas(order)) {
        if source.kind(part.start) == Some(TokenKind::Integer) {
            return cx.refuse(refusal::ORDINAL, "ORDER BY a number");
        }
    }
    Ok(())
}

/// `id IS NULL` means the last generated id under `sql_auto_is_null`, and only the first time.
fn check_auto_is_null(cx: &Context<'_>, i: usize) -> Result<(), Refusal> {
    let auto = cx.schema.auto_increment().map(|column| column.name.as_str());
    let named =
        cx.source.ident(i).is_some_and(|name| auto.is_some_and(|auto| auto.eq_ignore_ascii_case(&name)));
    if named && cx.source.words(i + 1, &["IS", "NULL"]) {
        return cx.refuse(refusal::VOLATILE, "`IS NULL` on the AUTO_INCREMENT column");
    }
    Ok(())
}

pub(crate) fn filter_conjuncts(cx: &Context<'_>, change: &Change) -> Vec<Conjunct> {
    change.filter.as_ref().map_or_else(Vec::new, |filter| conjuncts(cx.source, filter))
}

/// The assignments to primary key or shard key.
pub(crate) fn changed_keys<'c>(cx: &Context<'_>, change: &'c Change) -> Vec<&'c Assignment> {
    let is_key = |name: &str| cx.schema.in_primary_key(name) || cx.schema.is_shard_key(name);
    change.assignments.iter().filter(|assignment| is_key(&assignment.column)).collect()
}

pub(crate) fn key_columns(cx: &Context<'_>, change: &Change, numbered: bool) -> KeyColumns {
    let changed = changed_keys(cx, change).iter().map(|assignment| assignment.column.clone()).collect();
    KeyColumns { numbered, changed, ..KeyColumns::plain(cx) }
}

/// The values that primary key and shard key get, as select items.
pub(crate) fn new_values(cx: &Context<'_>, change: &Change, edits: &Edits) -> Result<Vec<String>, Refusal> {
    let mut items = Vec::new();
    for assignment in changed_keys(cx, change) {
        check_expression(cx, change, assignment)?;
        let value = cx.rendered_part(edits, &assignment.value);
        items.push(format!("({}) AS shunt_new_{}", String::from_utf8_lossy(&value), items.len()));
    }
    Ok(items)
}

/// The new value of a key must be an integer, or integer arithmetic over columns that still have
/// their old values when it is evaluated.
fn check_expression(cx: &Context<'_>, change: &Change, assignment: &Assignment) -> Result<(), Refusal> {
    let source = cx.source;
    cx.check_cut(&assignment.value)?;
    let is_integer = |name: &str| {
        cx.schema
            .column(name)
            .is_some_and(|column| matches!(column.kind, topology::ColumnKind::Integer { .. }))
    };
    let mut at = assignment.value.start;
    let mut fits = is_integer(&assignment.column);
    while at < assignment.value.end && fits {
        let operator = ["+", "-", "*", "(", ")"].iter().any(|op| source.op(at, op));
        let number = match source.kind(at) {
            Some(TokenKind::Integer) => true,
            Some(TokenKind::Param) => cx.integer(&Operand::Param(at)).is_some(),
            _ => false,
        };
        if operator || number {
            at += 1;
            continue;
        }
        let Some((parts, end)) = source.dotted(at) else {
            fits = false;
            break;
        };
        let name = parts.last().map_or("", String::as_str);
        let earlier = change
            .assignments
            .iter()
            .take_while(|other| other.target != assignment.target)
            .any(|other| other.column.eq_ignore_ascii_case(name));
        fits = is_integer(name) && !earlier && cx.is_column(&parts, name) && !source.op(end, "(");
        at = end;
    }
    if fits {
        return Ok(());
    }
    cx.refuse(refusal::KEY_EXPRESSION, &format!("`{} = {}`", assignment.column, cx.shown(&assignment.value)))
}

/// ` WHERE … ORDER BY …` of the client, for a key SELECT.
pub(crate) fn clauses(cx: &Context<'_>, change: &Change, edits: &Edits) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(filter) = &change.filter {
        out.extend_from_slice(b" WHERE ");
        out.extend(cx.rendered_part(edits, filter));
    }
    if let Some(order) = &change.order {
        out.extend_from_slice(b" ORDER BY ");
        out.extend(cx.rendered_part(edits, order));
    }
    out
}

/// The client's LIMIT; one row more than the most that are allowed where it is higher or missing,
/// which also overrides `sql_select_limit`.
pub(crate) fn select_limit(cx: &Context<'_>, change: &Change) -> Result<usize, Refusal> {
    let Some(limit) = &change.limit else {
        return Ok(MAX_KEYS + 1);
    };
    let operand = match cx.source.kind(limit.start) {
        Some(TokenKind::Param) => Operand::Param(limit.start),
        _ => Operand::Literal(limit.clone()),
    };
    let value = if limit.len() == 1 { cx.integer(&operand) } else { None };
    match value.and_then(|value| usize::try_from(value).ok()) {
        Some(value) => Ok(value.min(MAX_KEYS + 1)),
        None => cx.refuse(refusal::LIMIT_FORM, &format!("`LIMIT {}`", cx.shown(limit))),
    }
}

/// The client's UPDATE or DELETE, to which a restriction to keys can be added.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restrictable {
    text: Vec<u8>,
    edits: Edits,
    filter: Option<std::ops::Range<usize>>,
    place: usize,
    qualifier: String,
}

impl Restrictable {
    pub(crate) fn new(cx: &Context<'_>, change: &Change, edits: Edits) -> Self {
        Self {
            text: cx.source.text().to_vec(),
            edits,
            filter: change.filter.as_ref().map(|filter: &Span| cx.source.byte_range(filter)),
            place: cx.end_before(change.where_place),
            qualifier: cx.qualifier(),
        }
    }

    /// The text with `more` edits and the restriction.
    pub(crate) fn restricted(&self, more: &Edits, restriction: &str) -> Vec<u8> {
        let mut edits = Edits::default();
        match &self.filter {
            Some(filter) => {
                edits.insert(filter.start, "(");
                edits = edits.with(&self.edits).with(more);
                edits.insert(filter.end, format!("\n) AND {restriction}"));
            }
            None => {
                edits = self.edits.with(more);
                edits.insert(self.place, format!(" WHERE {restriction}"));
            }
        }
        edits.render(&self.text, 0..self.text.len())
    }
}

/// An UPDATE or DELETE in a dual phase that waits for its keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Restricted {
    text: Restrictable,
    pub(crate) columns: KeyColumns,
    mirror: Mirror,
    kind: Kind,
    /// Rows can be in other shards than their shard key says now.
    any_shard: bool,
}

impl Restricted {
    pub(crate) fn program(&self, cells: &[Vec<Option<Vec<u8>>>]) -> Result<Program, Refusal> {
        let rows = self.columns.rows(cells)?;
        let keys: Vec<&Key> = rows.iter().map(|row| &row.key).collect();
        let restriction = restriction(&self.mirror.schema, &self.text.qualifier, &keys);
        let mut touched: Vec<Touched> = Vec::new();
        for row in &rows {
            let all = self.any_shard && self.kind == Kind::Moved;
            touched.push(Touched { key: row.key.clone(), shard: if all { None } else { row.home } });
            if let Some((key, shard)) = &row.becomes {
                touched.push(Touched { key: key.clone(), shard: if all { None } else { *shard } });
            }
        }
        let mut distinct: Vec<Touched> = Vec::with_capacity(touched.len());
        let mut seen = std::collections::HashSet::new();
        for row in touched {
            if seen.insert((row.key.clone(), row.shard)) {
                distinct.push(row);
            }
        }
        let effects = self.mirror.statements(&distinct, self.kind);
        let run = Run::Text(self.text.restricted(&Edits::default(), &restriction));
        Ok(Program::alone(run, Effects::Known(effects)))
    }
}
