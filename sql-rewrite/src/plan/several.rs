//! DELETE of rows of several references to sharded tables, in 0011: rows of any shard of one may be joined to rows of
//! any shard of another, so the keys are read of all combinations, and then each shard loses its rows.
//!
//! ```text
//! DELETE t, u FROM t JOIN u ON u.id = t.id WHERE t.a = 1
//!   lock  (SELECT DISTINCT 0, t.id, 0, u.id FROM t_0 AS t JOIN u_0 AS u ON … WHERE … FOR UPDATE)
//!         UNION ALL (SELECT DISTINCT 0, t.id, 1, u.id FROM t_0 AS t JOIN u_1 AS u …) …
//!   run   DELETE FROM t_0 WHERE id IN (…); DELETE FROM u_1 WHERE id IN (…)
//! ```

use std::collections::HashSet;

use topology::ShardId;

use super::{
    Cells, Context, Effects, Key, LearntKeys, Merge, Needs, Plan, Program, Refusal, Run, Target,
    change::{MAX_KEYS, filter_conjuncts, key_columns, locked, with, write},
    change_shards::{shards, union},
    context::Renames,
    keys::restriction,
    pins,
    program::{KeyColumns, Logged, Work},
    refusal::{self, refusal},
};
use crate::{Server, splice::Edits};

/// Combinations of shards, each a SELECT of its own: those of two tables of ten shards, and some more.
const MAX_COMBINATIONS: usize = 128;

/// Plans it. `edits` are those of the statement.
pub(crate) fn delete<'a>(cx: &Context<'a>, target: &Target<'a>, edits: &Edits) -> Result<Plan, Refusal> {
    let (change, source) = (&target.change, cx.source);
    let outer = |i: usize| source.any_word(i, &["LEFT", "RIGHT"]) && !source.op(i + 1, "(");
    if change.from.clone().any(outer) {
        // Whether a row has no partner is seen in all shards together.
        return cx.refuse(refusal::MULTI_TABLE, "an outer join whose sharded tables are written");
    }
    let conditions = filter_conjuncts(cx, change);
    let mut combinations: Vec<Vec<ShardId>> = vec![Vec::new()];
    for written in target.written(cx) {
        let shards = shards(written, &conditions);
        if combinations.len() * shards.len() > MAX_COMBINATIONS {
            let what = format!("more than {MAX_COMBINATIONS} combinations of shards");
            return cx.refuse(refusal::MULTI_TABLE, &what);
        }
        let with = |places: &Vec<ShardId>| {
            let places = places.clone();
            shards.iter().map(move |shard| [&places[..], &[*shard]].concat()).collect::<Vec<_>>()
        };
        combinations = combinations.iter().flat_map(with).collect();
    }
    let (mut parts, mut from) = (Vec::new(), 0);
    for cx in target.written(cx) {
        let columns = key_columns(cx, target, true);
        let width = columns.width();
        parts.push(Part { from, columns, logged: Logged::new(cx, Vec::new()) });
        from += width;
    }
    let reading = locked(cx, change, edits)?;
    let (mut reads, mut branches) = (Vec::new(), Vec::new());
    for places in combinations {
        let (mut items, mut edits, mut qualifiers) = (Vec::new(), reading.clone(), Vec::new());
        for ((written, part), shard) in target.written(cx).zip(&parts).zip(&places) {
            let (naming, name) = (written.naming(Renames::ByAlias), written.table().shard(*shard).quoted());
            qualifiers.push(naming.qualifier(&name));
            items.push(format!("{} AS shunt_shard", shard.0));
            items.extend(part.columns.items(&naming.qualifier(&name)));
            edits = edits.with(&naming.edits(&name));
        }
        let (distinct, list) = (target.distinct(), items.join(", "));
        let from = cx.rendered_part(&edits, &change.from);
        let mut select = [format!("{distinct}{list} FROM ").as_bytes(), &from, b" WHERE "].concat();
        if let Some(filter) = &change.filter {
            select.extend([b"(", cx.rendered_part(&edits, filter).as_slice(), b"\n) AND "].concat());
        }
        branches.push(Branch { places, select, qualifiers });
        reads.push((items, edits));
    }
    let server = cx.facts.server;
    let before = [pins::keys_prefix(server).as_bytes(), &with(cx, change, &reading)].concat();
    let needs = Needs::Keys { select: union(cx, target, &reading, &reads, &[])?, limit: MAX_KEYS };
    let work = ShardDelete { parts, server, before, branches, lock: target.lock(cx) };
    Ok(write(cx, needs, Work::ShardDelete(Box::new(work)), false))
}

/// A DELETE of several references that waits for their keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardDelete {
    /// The references, in the order of their columns.
    parts: Vec<Part>,
    server: Server,
    /// What stands before the first SELECT.
    before: Vec<u8>,
    branches: Vec<Branch>,
    lock: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Part {
    /// The first cell of its columns.
    from: usize,
    columns: KeyColumns,
    /// For the dirty log.
    logged: Logged,
}

/// The references in one combination of shards.
#[derive(Debug, Clone, PartialEq)]
struct Branch {
    places: Vec<ShardId>,
    /// Behind SELECT, up to where conditions on the keys go.
    select: Vec<u8>,
    qualifiers: Vec<String>,
}

impl Part {
    /// A row of the key SELECT is of this shard.
    fn is_in(&self, shard: ShardId, row: &[Option<Vec<u8>>]) -> bool {
        row.get(self.from).and_then(Option::as_deref) == Some(shard.0.to_string().as_bytes())
    }
}

impl ShardDelete {
    /// The key SELECT once more, of the rows that were found: whether the conditions warn of those.
    pub(crate) fn again(&self, learnt: &LearntKeys) -> Option<Vec<u8>> {
        let mut selects: Vec<Vec<u8>> = Vec::new();
        for branch in &self.branches {
            let all = || self.parts.iter().zip(&branch.places);
            let here = |row: &&Vec<_>| all().all(|(part, shard)| part.is_in(*shard, row));
            let rows: Cells = learnt.rows.iter().filter(here).cloned().collect();
            if rows.is_empty() {
                continue;
            }
            let mut restrictions = Vec::new();
            for (part, qualifier) in self.parts.iter().zip(&branch.qualifiers) {
                let found = part.columns.rows_from(part.from, &rows).ok()?;
                let keys: Vec<&Key> = found.iter().map(|row| &row.key).collect();
                restrictions.push(restriction(&part.columns.schema, qualifier, &keys));
            }
            let word = if selects.is_empty() { pins::keys_word(self.server) } else { "SELECT " };
            let end = format!("{} LIMIT {} {}", restrictions.join(" AND "), MAX_KEYS + 1, self.lock);
            selects.push([word.as_bytes(), &branch.select, end.as_bytes()].concat());
        }
        let limit = format!(") LIMIT {}", MAX_KEYS + 1);
        match selects.as_slice() {
            [] => None,
            [one] => Some([&self.before[..], one].concat()),
            all => {
                let union = all.join(&b") UNION ALL ("[..]);
                Some([&self.before[..], b"(", &union, limit.as_bytes()].concat())
            }
        }
    }

    pub(crate) fn sample(&self) -> Vec<Option<Vec<u8>>> {
        self.parts.iter().flat_map(|part| part.columns.sample()).collect()
    }

    pub(crate) fn program(
        &self,
        learnt: &LearntKeys,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Program, Refusal> {
        let (mut statements, mut effects) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for (i, Part { from, columns, logged }) in self.parts.iter().enumerate() {
            let table = &columns.schema.table;
            if learnt.warned && !learnt.rows.is_empty() {
                let what = "its conditions give warnings, which can be errors in a DELETE";
                return Err(refusal(refusal::MULTI_TABLE, what, table, columns.phase));
            }
            // A row that two references name goes once.
            let mut rows = columns.rows_from(*from, &learnt.rows)?;
            rows.retain(|row| seen.insert((table.id(), row.shard, row.key.clone())));
            for (shard, name) in table.numbered_shards() {
                let here = rows.iter().filter(|row| row.shard == Some(shard));
                let keys: Vec<&Key> = here.map(|row| &row.key).collect();
                // Where nothing is found, one statement says so.
                let says_so = i == 0 && statements.is_empty() && learnt.rows.is_empty();
                if says_so || !keys.is_empty() {
                    let rows = restriction(&columns.schema, "", &keys);
                    let rest = format!("FROM {} WHERE {rows}", name.quoted());
                    statements.push(Run::Text(pins::own(logged.server, "DELETE", &rest)));
                }
            }
            let mut logged = logged.clone();
            logged.keys = rows.into_iter().map(|row| row.key).collect();
            effects.extend(logged.statements(log));
        }
        let merge = match statements.len() {
            1 => Merge::Alone,
            count => Merge::Changes { rows: vec![Vec::new(); count] },
        };
        let effects = Effects::Known(effects);
        Ok(Program { statements, finds: None, effects, insert_id: None, last: None, merge })
    }
}
