//! INSERT and REPLACE in 0011: the rows go to their shards, one statement a shard in the order of
//! first rows, and generated ids come from the sequence.
//!
//! The first generated id is written as `LAST_INSERT_ID(id)`, which gives session and OK packet the
//! value that they have after an insert with AUTO_INCREMENT; where the rows themselves read
//! LAST_INSERT_ID(), it is set behind them.

use std::ops::Range;

use topology::{Phase, ShardId, quote_ident};

use super::{
    After, Context, Duplicates, Effects, Key, Merge, Needs, Plan, Program, Refusal, Run,
    after::{Follow, HeldRows, TouchedBy},
    change::write,
    context::{Naming, Renames},
    given::{RowKeys, Rows, column_names},
    insert::{check, check_last_insert_id, sets_last_id},
    keys::{BY_PRIMARY_KEY, restriction},
    mirror::Mirror,
    program::{KeyColumns, Logged, Work},
    refusal, returning,
    unique::{Held, without_shard_key},
};
use crate::{
    Facts,
    lex::TokenKind,
    splice::Edits,
    syntax::{Insert, InsertSource},
};

/// An INSERT that is split by shard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SplitInsert {
    text: Vec<u8>,
    /// Parameters.
    edits: Edits,
    /// What makes the text name a shard.
    naming: Naming,
    rows: Vec<SplitRow>,
    /// Which ids are generated, if any are.
    ids: Option<Steps>,
    id_is_shard_key: bool,
    /// The OK packet shows the last given id, where the table has an AUTO_INCREMENT column.
    shows_given_id: bool,
    /// LAST_INSERT_ID() stands in it: the id of the statement before it.
    reads_last_id: bool,
    duplicates: Duplicates,
    returning: bool,
    /// ON DUPLICATE KEY UPDATE beside another unique key.
    met: Option<Met>,
    logged: Logged,
}

/// How the rows are found that may have been met through another unique key than the primary one.
#[derive(Debug, Clone, PartialEq)]
struct Met {
    mirror: Mirror,
    columns: KeyColumns,
    /// How the shards that take the rows are read by their values, and the conditions.
    conditions: Vec<(String, String)>,
}

/// The ids that a session generates: `auto_increment_increment` apart, `auto_increment_offset` among them. An offset
/// that is higher than the increment counts by what is left of it (`compute_next_insert_id` of both servers).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Steps {
    increment: u64,
    offset: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct SplitRow {
    /// The row in the text; the whole list for SET.
    range: Range<usize>,
    /// Where the generated id goes, and what surrounds it.
    id: Option<IdPlace>,
    keys: RowKeys,
}

#[derive(Debug, Clone, PartialEq)]
struct IdPlace {
    range: Range<usize>,
    before: String,
    after: &'static str,
}

/// Plans an INSERT in 0011.
pub(crate) fn insert(cx: &Context<'_>, insert: &Insert) -> Result<Plan, Refusal> {
    let rows = check(cx, insert)?;
    cx.check_partition()?;
    let keys = rows.keys(cx)?;
    check_resolves(cx, insert)?;
    if keys.len() > 1 && (0..cx.source.len()).any(|i| cx.source.op(i, ":=")) {
        // A variable that is set for one row is read for the next one: in the order of the rows, not of their shards.
        return cx.refuse(refusal::VOLATILE, "`:=` in an INSERT of several rows");
    }
    returning::check(cx, insert.returning.as_ref(), false)?;
    let mut edits = cx.inlined()?;
    let generates = cx.schema.auto_increment().is_some() && keys.iter().any(|row| row.id.is_none());
    if generates {
        check_generated(cx, insert, &keys)?;
    }
    let places = if generates { id_places(cx, insert, &mut edits)? } else { vec![None; keys.len()] };
    let ranges = row_ranges(cx, insert)?;
    let push = keys.iter().filter_map(|row| row.id).filter_map(|id| u64::try_from(id).ok()).max();
    let steps = Steps::of(cx.facts);
    let needs = match (cx.schema.auto_increment(), generates) {
        (None, _) => Needs::Nothing,
        (Some(_), true) => Needs::SequenceIds { count: steps.reserved(keys.len()), push: None },
        (Some(_), false) if push.is_some() => Needs::SequenceIds { count: 0, push },
        (Some(_), false) => Needs::Nothing,
    };
    let auto = cx.schema.auto_increment().map_or("", |column| column.name.as_str());
    let met = met(cx, insert, &rows, &keys)?;
    let rows = ranges.into_iter().zip(places).zip(keys);
    let work = SplitInsert {
        text: cx.source.text().to_vec(),
        edits,
        naming: cx.naming(Renames::ByRespelling),
        rows: rows.map(|((range, id), keys)| SplitRow { range, id, keys }).collect(),
        ids: generates.then_some(steps),
        id_is_shard_key: cx.schema.is_shard_key(auto),
        shows_given_id: cx.schema.auto_increment().is_some() && !sets_last_id(cx),
        reads_last_id: reads_last_id(cx),
        duplicates: duplicates(cx, insert),
        returning: insert.returning.is_some(),
        met,
        logged: Logged::new(cx, Vec::new()),
    };
    Ok(write(cx, needs, Work::SplitInsert(Box::new(work)), true))
}

/// What happens to rows whose key is there already.
pub(crate) fn duplicates(cx: &Context<'_>, insert: &Insert) -> Duplicates {
    match () {
        () if insert.replace => Duplicates::Replaced,
        () if insert.on_duplicate.is_some() => {
            Duplicates::Changed { id_tells: cx.schema.auto_increment().is_some(), ignore: insert.ignore }
        }
        () if insert.ignore => Duplicates::LeftOut,
        () => Duplicates::Fail,
    }
}

/// Whether the statement reads the id that the one before it generated.
fn reads_last_id(cx: &Context<'_>) -> bool {
    (0..cx.source.len()).any(|i| {
        let variable = || {
            let name = cx.source.bytes(i).to_ascii_lowercase();
            name.ends_with(b"last_insert_id") || name.ends_with(b"identity")
        };
        cx.source.word(i, "LAST_INSERT_ID") || cx.source.kind(i) == Some(TokenKind::SysVar) && variable()
    })
}

/// Conflicts are seen by the shard that takes the row, so the shard key must decide them.
fn check_resolves(cx: &Context<'_>, insert: &Insert) -> Result<(), Refusal> {
    let resolves = insert.ignore || insert.replace || insert.on_duplicate.is_some();
    if let Some(key) = without_shard_key(cx.schema).filter(|_| resolves) {
        let what = format!("unique key `{key}` does not contain the shard key");
        return cx.refuse(refusal::OTHER_UNIQUE_KEY, &what);
    }
    if insert.replace && !cx.schema.unique_keys.is_empty() {
        return cx.refuse(refusal::OTHER_UNIQUE_KEY, "REPLACE beside another unique key");
    }
    Ok(())
}

fn met(cx: &Context<'_>, insert: &Insert, rows: &Rows, keys: &[RowKeys]) -> Result<Option<Met>, Refusal> {
    if insert.on_duplicate.is_none() || cx.schema.unique_keys.is_empty() {
        return Ok(None);
    }
    let held = Held::new(cx, rows)?;
    let mut conditions = Vec::new();
    for (shard, name) in cx.table().numbered_shards() {
        let here = |row: usize| keys.get(row).is_some_and(|keys| keys.shard == Some(shard));
        conditions.extend(held.conditions(&name.quoted(), &here));
    }
    Ok(Some(Met { mirror: cx.mirror(), columns: KeyColumns::plain(cx), conditions }))
}

fn check_generated(cx: &Context<'_>, insert: &Insert, keys: &[RowKeys]) -> Result<(), Refusal> {
    if keys.iter().any(|row| row.id.is_some()) {
        return cx.refuse(refusal::MIXED_IDS, "rows with given ids beside rows with generated ones");
    }
    let auto = cx.schema.auto_increment().is_some_and(|column| cx.schema.in_primary_key(&column.name));
    check_last_insert_id(cx, insert, auto && cx.schema.unique_keys.is_empty())
}

fn row_ranges(cx: &Context<'_>, insert: &Insert) -> Result<Vec<Range<usize>>, Refusal> {
    match &insert.source {
        InsertSource::Rows(rows) => {
            for row in rows {
                cx.check_cut(&row.span)?;
            }
            Ok(rows.iter().map(|row| cx.source.byte_range(&row.span)).collect())
        }
        InsertSource::Set(_, list) => Ok(vec![cx.source.byte_range(list)]),
        InsertSource::Query(_) => cx.refuse(refusal::INSERT_SELECT, "INSERT … SELECT"),
    }
}

/// Where each row takes its generated id; names the column in the column list if it is missing.
fn id_places(cx: &Context<'_>, insert: &Insert, edits: &mut Edits) -> Result<Vec<Option<IdPlace>>, Refusal> {
    let auto = cx.schema.auto_increment().map_or("", |column| column.name.as_str());
    let quoted = quote_ident(auto);
    let is_auto = |name: &String| name.eq_ignore_ascii_case(auto);
    let source = cx.source;
    let rows = match &insert.source {
        InsertSource::Set(assignments, list) => {
            let given = assignments.iter().find(|assignment| is_auto(&assignment.column));
            let start = source.byte_range(list).start;
            return Ok(vec![Some(match given {
                Some(given) => IdPlace::instead(source.byte_range(&given.value)),
                None => IdPlace { range: start..start, before: format!("{quoted}="), after: ", " },
            })]);
        }
        InsertSource::Rows(rows) => rows,
        InsertSource::Query(_) => return cx.refuse(refusal::INSERT_SELECT, "INSERT … SELECT"),
    };
    let names = column_names(cx, insert);
    let listed = names.iter().position(is_auto);
    let empty = rows.iter().all(|row| row.values.is_empty());
    match (&insert.columns, listed) {
        (None, _) if empty => edits.insert(cx.end_before(cx.target.factor.end), format!(" ({quoted})")),
        (None, None) => {
            return cx.refuse(refusal::INVISIBLE_COLUMN, "the AUTO_INCREMENT column is invisible");
        }
        (Some((list, span)), None) => {
            let comma = if list.is_empty() { "" } else { ", " };
            edits.insert(source.byte_range(span).start, format!("{quoted}{comma}"));
            // `AS new (a, b)` names the columns of the list.
            if let Some(alias) = insert.row_alias.as_ref().filter(|alias| !alias.columns.is_empty()) {
                edits.insert(source.byte_range(&alias.list).start, "shunt_id, ");
            }
        }
        _ => {}
    }
    let place = |row: &crate::syntax::Row| {
        let value = listed.and_then(|at| row.values.get(at));
        let inside = source.byte_range(&(row.open..row.open + 1)).end;
        let after = if row.values.is_empty() { "" } else { ", " };
        Some(match value {
            Some(value) => IdPlace::instead(source.byte_range(value)),
            None => IdPlace { range: inside..inside, before: String::new(), after },
        })
    };
    Ok(rows.iter().map(place).collect())
}

impl Met {
    /// Logs the rows that are there now under the statement's own keys and values.
    /// `placed` is the shard of each row.
    fn effects(&self, keys: &[Key], placed: &[ShardId]) -> Effects {
        let schema = &self.mirror.schema;
        let name = |shard: ShardId| schema.table.shard(shard).quoted();
        let mut conditions = Vec::new();
        for (shard, _) in schema.table.numbered_shards() {
            let here: Vec<&Key> =
                keys.iter().zip(placed).filter(|(_, at)| **at == shard).map(|(key, _)| key).collect();
            if !here.is_empty() {
                let table = format!("{} {BY_PRIMARY_KEY}", name(shard));
                conditions.push((table, restriction(schema, "", &here)));
            }
        }
        conditions.extend(self.conditions.iter().cloned());
        let held = HeldRows { columns: self.columns.clone(), conditions, limit: keys.len() };
        let touched = TouchedBy::Select(held);
        Effects::After(Box::new(After { mirror: self.mirror.clone(), touched, follow: Follow::Log }))
    }
}

impl Steps {
    fn of(facts: &Facts) -> Self {
        Self { increment: facts.auto_increment_increment.max(1), offset: facts.auto_increment_offset }
    }

    /// How many numbers of the sequence hold the ids of so many rows, wherever they begin.
    fn reserved(self, rows: usize) -> u64 {
        self.increment.saturating_mul(rows as u64)
    }

    /// The first id among the numbers from `from` on.
    fn first(self, from: u64) -> u64 {
        let above = (from % self.increment + self.increment - self.offset % self.increment) % self.increment;
        from.saturating_add((self.increment - above) % self.increment)
    }

    /// The id of row `i`.
    fn nth(self, first: u64, i: u64) -> u64 {
        first.saturating_add(i.saturating_mul(self.increment))
    }
}

impl IdPlace {
    fn instead(range: Range<usize>) -> Self {
        Self { range, before: String::new(), after: "" }
    }
}

impl SplitInsert {
    pub(crate) fn program(
        &self,
        first: Option<u64>,
        row_by_row: bool,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Program, Refusal> {
        let mut edits = Edits::default();
        let mut order: Vec<(ShardId, Vec<&SplitRow>, Vec<u64>)> = Vec::new();
        let mut logged = self.logged.clone();
        let mut placed = Vec::new();
        let first = self.ids.and_then(|steps| Some(steps.first(first?)));
        for (i, row) in (0_u64..).zip(&self.rows) {
            let id = self.ids.and_then(|steps| Some(steps.nth(first?, i)));
            if let (Some(place), Some(id)) = (&row.id, id) {
                let sets = i == 0 && !self.reads_last_id;
                let literal = if sets { format!("LAST_INSERT_ID({id})") } else { id.to_string() };
                edits.replace(place.range.clone(), format!("{}{literal}{}", place.before, place.after));
            }
            let shard = self.shard(row, id);
            placed.push(shard);
            match order.iter_mut().find(|(known, ..)| *known == shard && !row_by_row) {
                Some((_, rows, numbers)) => {
                    rows.push(row);
                    numbers.push(i + 1);
                }
                None => order.push((shard, vec![row], vec![i + 1])),
            }
            let part = |part: &Option<String>| {
                part.clone().or_else(|| id.map(|id| id.to_string())).unwrap_or_else(|| "NULL".to_owned())
            };
            logged.keys.push(Key(row.keys.key.iter().map(part).collect()));
        }
        if self.returning && order.len() > 1 {
            let (what, table) = ("RETURNING of rows in several shards", &self.logged.schema.table);
            return Err(refusal::refusal(refusal::RETURNING, what, table, Phase::Shards));
        }
        // A parameter in the place of an id (`VALUES (?)` with NULL) gives way to the id.
        let edits = edits.with(&self.edits);
        let statements =
            order.iter().map(|(shard, rows, _)| Run::Text(self.text(&edits, *shard, rows))).collect();
        let given = self.rows.last().and_then(|row| row.keys.id).and_then(|id| u64::try_from(id).ok());
        let insert_id = match self.ids {
            Some(_) => first,
            None if order.len() > 1 && self.shows_given_id => given,
            None => None,
        };
        let effects = match &self.met {
            Some(met) => met.effects(&logged.keys, &placed),
            None => Effects::Known(logged.statements(log)),
        };
        let generated = insert_id.filter(|_| self.ids.is_some() && self.reads_last_id);
        let rows: Vec<Vec<u64>> = order.into_iter().map(|(.., numbers)| numbers).collect();
        Ok(Program {
            statements,
            finds: None,
            effects,
            insert_id,
            last: generated.map(|id| format!("DO LAST_INSERT_ID({id})").into_bytes()),
            merge: if rows.len() == 1 {
                Merge::Alone
            } else {
                Merge::Inserts { rows, duplicates: self.duplicates }
            },
        })
    }

    fn shard(&self, row: &SplitRow, id: Option<u64>) -> ShardId {
        let table = &self.logged.schema.table;
        match (row.keys.shard, id) {
            (Some(shard), _) => shard,
            (None, Some(id)) if self.id_is_shard_key => table.shard_of(i128::from(id)),
            // Not reached: `check` refuses rows without a shard key.
            _ => ShardId(0),
        }
    }

    fn text(&self, edits: &Edits, shard: ShardId, rows: &[&SplitRow]) -> Vec<u8> {
        let name = self.logged.schema.table.shard(shard).quoted();
        let edits = edits.with(&self.naming.edits(&name));
        let ([first, .., last], false) = (self.rows.as_slice(), rows.len() == self.rows.len()) else {
            return edits.render(&self.text, 0..self.text.len());
        };
        let mut out = edits.render(&self.text, 0..first.range.start);
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend(edits.render(&self.text, row.range.clone()));
        }
        out.extend(edits.render(&self.text, last.range.end..self.text.len()));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_the_servers_would_generate() {
        for (increment, offset, from, first) in [
            (1, 1, 62, 62),
            (1, 5, 62, 62),
            (10, 3, 62, 63),
            (10, 3, 63, 63),
            (10, 3, 64, 73),
            (10, 15, 62, 65),
            (2, 2, 1, 2),
        ] {
            let steps = Steps { increment, offset };
            assert_eq!(steps.first(from), first, "{steps:?} from {from}");
            // All of them are among those that were reserved.
            assert!(steps.nth(first, 2) < from + steps.reserved(3), "{steps:?} from {from}");
            // The next rows' ids follow without a gap.
            assert_eq!(steps.first(from + steps.reserved(3)), steps.nth(first, 3), "{steps:?} from {from}");
        }
    }
}
