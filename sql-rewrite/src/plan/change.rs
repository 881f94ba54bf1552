//! UPDATE and DELETE in the dual phases: on legacy as sent, then mirrored.
//!
//! With the whole primary key given literally the statement runs as sent. Otherwise its rows are
//! locked and their keys read first, and it runs restricted to them.

use std::{collections::HashSet, ops::Range};

use topology::{ShardId, TableSchema, quote_ident};

use super::{
    Context, Effects, Key, LearntKeys, Needs, Plan, Program, Refusal, Run, Target, Write,
    keys::{Touched, restriction},
    mirror::{Change as Kind, Mirror},
    pins,
    program::{KeyColumns, KeyRow, Work},
    refusal::{self, refusal},
    returning, subquery,
};
use crate::{
    lex::TokenKind,
    splice::Edits,
    syntax::{Assignment, Change, Conjunct, Operand, Shape, Span, conjuncts},
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

/// Plans an UPDATE or DELETE in a dual phase.
pub(crate) fn change<'a>(cx: &Context<'a>, target: &Target<'a>) -> Result<Plan, Refusal> {
    let change = &target.change;
    for written in target.written(cx) {
        written.check_key_types()?;
    }
    let kind = match &cx.parsed.shape {
        Shape::Delete(_) => Kind::Removed,
        _ if changed_keys(cx, change).is_empty() => Kind::Kept,
        _ => Kind::Moved,
    };
    if kind != Kind::Moved
        && target.also.is_empty()
        && target.beside.1.is_empty()
        && let Some(row) = cx.row(&filter_conjuncts(cx, change))
    {
        returning::check(cx, change.returning.as_ref(), true)?;
        let effects = Effects::Known(cx.mirror().statements(&[row], kind));
        return Ok(write(cx, Needs::Nothing, Work::Sent(effects), false));
    }
    check_safe(cx, change)?;
    check_twice(cx, target)?;
    returning::check(cx, change.returning.as_ref(), false)?;
    let edits = target.edits(cx)?;
    let reading = locked(cx, change, &edits)?;
    let (mut items, mut parts) = (Vec::new(), Vec::new());
    for written in target.written(cx) {
        let (columns, qualifier) = (key_columns(written, target, false), written.qualifier());
        items.extend(columns.items(&qualifier));
        parts.push(Part { columns, qualifier, mirror: written.mirror() });
    }
    items.extend(new_values(cx, change, &edits)?);
    let mut select = pins::keys_prefix(cx.facts.server).as_bytes().to_vec();
    select.extend(with(cx, change, &reading));
    select.extend_from_slice(pins::keys_word(cx.facts.server).as_bytes());
    select.extend_from_slice(target.distinct().as_bytes());
    select.extend_from_slice(items.join(", ").as_bytes());
    select.extend_from_slice(b" FROM ");
    select.extend(cx.rendered_part(&reading, &change.from));
    select.extend(clauses(cx, change, &reading));
    select.extend(format!(" LIMIT {} {}", select_limit(cx, change)?, target.lock(cx)).into_bytes());
    let work = Restricted {
        text: Restrictable::new(cx, target, edits),
        parts,
        kind,
        any_shard: kind != Kind::Kept && !cx.schema.in_primary_key(cx.table().shard_key()),
    };
    let needs = Needs::Keys { select, limit: MAX_KEYS };
    Ok(write(cx, needs, Work::Restricted(Box::new(work)), false))
}

/// `edits`, and locks for what WITH, the conditions and the table list read in subqueries.
pub(crate) fn locked(cx: &Context<'_>, change: &Change, edits: &Edits) -> Result<Edits, Refusal> {
    let mut locked = edits.clone();
    for span in [&change.with, &change.from].into_iter().chain(&change.filter) {
        subquery::lock(cx, span, &mut locked)?;
    }
    Ok(locked)
}

/// The client's `WITH … `, for a key SELECT.
pub(crate) fn with(cx: &Context<'_>, change: &Change, edits: &Edits) -> Vec<u8> {
    let mut with = cx.rendered_part(edits, &change.with);
    if !with.is_empty() {
        with.push(b' ');
    }
    with
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
        in_place: None,
    }))
}

/// Under `sql_safe_updates` the server refuses a write that goes by no key (error 1175). Which keys it would go by is
/// the optimizer's choice for the client's own text, and restricted to keys it is never refused.
pub(crate) fn check_safe(cx: &Context<'_>, change: &Change) -> Result<(), Refusal> {
    let safe = || change.limit.is_some() || cx.row(&filter_conjuncts(cx, change)).is_some();
    if cx.facts.safe_updates && !safe() {
        return cx.refuse(refusal::SAFE_UPDATES, "a write by a condition under `sql_safe_updates`");
    }
    Ok(())
}

/// What cannot be evaluated twice, first for the keys and then for the rows.
pub(crate) fn check_twice<'a>(cx: &Context<'a>, target: &Target<'a>) -> Result<(), Refusal> {
    let (source, change) = (cx.source, &target.change);
    target.check(cx)?;
    let spans = [&change.filter, &change.order, &change.limit];
    for span in spans.into_iter().flatten().chain([&change.with, &change.from]) {
        cx.check_cut(span)?;
        for i in span.clone() {
            // LAST_INSERT_ID() is the same both times; with an argument it sets the value.
            let constant = source.word(i, "LAST_INSERT_ID") && source.op(i + 2, ")");
            let call = source.op(i + 1, "(") && source.any_word(i, &VOLATILE) && !constant;
            if call || source.op(i, ":=") {
                let what = format!("`{}` in a condition, ORDER BY or LIMIT", cx.shown(&(i..i + 1)));
                return cx.refuse(refusal::VOLATILE, &what);
            }
            for written in target.written(cx) {
                check_auto_is_null(written, i)?;
            }
        }
    }
    let order = || change.order.clone().into_iter().flatten();
    if order().any(|i| source.any_word(i, &["SELECT", "TABLE"])) {
        return cx.refuse(refusal::SUBQUERY, "a subquery in ORDER BY");
    }
    for part in change.order.iter().flat_map(|order| source.split_commas(order)) {
        if source.kind(part.start) == Some(TokenKind::Integer) {
            return cx.refuse(refusal::ORDINAL, "ORDER BY a number");
        }
    }
    Ok(())
}

/// `id IS NULL` means the last generated id under `sql_auto_is_null`, and only the first time.
fn check_auto_is_null(cx: &Context<'_>, i: usize) -> Result<(), Refusal> {
    let source = cx.source;
    if source.op(i.wrapping_sub(1), ".") {
        return Ok(());
    }
    let Some((parts, end)) = source.dotted(i) else { return Ok(()) };
    let auto = cx.schema.auto_increment().map_or("", |column| column.name.as_str());
    let alone = parts.len() == 1 && parts[0].eq_ignore_ascii_case(auto);
    if (alone || cx.is_column(&parts, auto)) && source.words(end, &["IS", "NULL"]) {
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

pub(crate) fn key_columns(cx: &Context<'_>, target: &Target<'_>, numbered: bool) -> KeyColumns {
    let assignments = changed_keys(cx, &target.change);
    let changed = assignments.iter().map(|assignment| assignment.column.clone()).collect();
    KeyColumns { numbered, optional: target.joins(), changed, ..KeyColumns::plain(cx) }
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
    filter: Option<Range<usize>>,
    /// Conditions that are known to be true of the keys' rows.
    settled: Vec<Range<usize>>,
    place: usize,
    /// Rows of another table that have no partner are written, too.
    unless_null: bool,
    /// The statement finds a row for each key, or what it joins has changed meanwhile.
    finds_all: bool,
}

impl Restrictable {
    pub(crate) fn new(cx: &Context<'_>, target: &Target<'_>, edits: Edits) -> Self {
        let change = &target.change;
        // What is joined to a row depends on all conditions.
        let settled = change.filter.as_ref().filter(|_| !target.joins());
        Self {
            text: cx.source.text().to_vec(),
            edits,
            filter: change.filter.as_ref().map(|filter: &Span| cx.source.byte_range(filter)),
            settled: settled.map_or_else(Vec::new, |filter| subquery::conditions(cx, filter)),
            place: cx.end_before(change.where_place),
            unless_null: target.others || !target.also.is_empty(),
            finds_all: target.joins() && !target.others && !change.ignore,
        }
    }

    /// How many rows the statements find for that many keys, where they must find them.
    pub(crate) fn finds(&self, keys: usize) -> Option<u64> {
        self.finds_all.then_some(keys as u64)
    }

    /// The restriction to the rows of `keys`, and to rows that are none of the table where those are written, too.
    pub(crate) fn restriction(&self, schema: &TableSchema, qualifier: &str, keys: &[&Key]) -> String {
        let rows = restriction(schema, qualifier, keys);
        match schema.primary_key.first() {
            // Not IS NULL, which means the last generated id under `sql_auto_is_null`.
            Some(column) if self.unless_null => {
                format!("({rows} OR {qualifier}{} <=> NULL)", quote_ident(column))
            }
            _ => rows,
        }
    }

    /// The text with `more` edits and a restriction. `warned`: the conditions warned where
    /// they were evaluated for the keys; in an UPDATE or DELETE that may be an error, so they are evaluated again.
    pub(crate) fn restricted(&self, more: &Edits, restriction: &str, warned: bool) -> Vec<u8> {
        let mut edits = Edits::default();
        match &self.filter {
            Some(filter) => {
                edits.insert(filter.start, "(");
                let settled = self.settled.iter().filter(|_| !warned);
                for at in settled.clone() {
                    edits.insert(at.start, "(TRUE OR (");
                }
                edits = edits.with(&self.edits).with(more);
                for at in settled {
                    edits.insert(at.end, "\n))");
                }
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
    /// The references that it writes.
    parts: Vec<Part>,
    kind: Kind,
    /// Rows can be in other shards than their shard key says now.
    any_shard: bool,
}

/// A reference that is written.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    columns: KeyColumns,
    qualifier: String,
    mirror: Mirror,
}

impl Restricted {
    pub(crate) fn sample(&self) -> Vec<Option<Vec<u8>>> {
        self.parts.iter().flat_map(|part| part.columns.sample()).collect()
    }

    pub(crate) fn program(&self, learnt: &LearntKeys) -> Result<Program, Refusal> {
        let (mut restrictions, mut effects) = (Vec::new(), Vec::new());
        let (mut from, mut found) = (0, HashSet::new());
        for part in &self.parts {
            let rows = part.columns.rows_from(from, &learnt.rows)?;
            from += part.columns.width();
            let (schema, keys) = (&part.mirror.schema, rows.iter().map(|row| &row.key));
            restrictions.push(self.text.restriction(schema, &part.qualifier, &keys.collect::<Vec<_>>()));
            effects.extend(part.mirror.statements(&self.touched(&rows), self.kind));
            found.extend(rows.into_iter().map(|row| (schema.table.id(), row.key)));
        }
        let text = self.text.restricted(&Edits::default(), &restrictions.join(" AND "), learnt.warned);
        let program = Program::alone(Run::Text(text), Effects::Known(effects));
        Ok(Program { finds: self.text.finds(found.len()), ..program })
    }

    /// Where rows were and will be, each place once.
    fn touched(&self, rows: &[KeyRow]) -> Vec<Touched> {
        let all = self.any_shard && self.kind == Kind::Moved;
        let place = |key: &Key, shard: Option<ShardId>| Touched {
            key: key.clone(),
            shard: if all { None } else { shard },
        };
        let mut touched = Vec::with_capacity(rows.len());
        let mut seen = HashSet::new();
        for row in rows {
            let becomes = row.becomes.iter().map(|(key, shard)| place(key, *shard));
            for row in std::iter::once(place(&row.key, row.home)).chain(becomes) {
                if seen.insert((row.key.clone(), row.shard)) {
                    touched.push(row);
                }
            }
        }
        touched
    }
}
