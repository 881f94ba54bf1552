//! UPDATE and DELETE in 0011: on one shard by splice, or restricted to the keys that a locking
//! SELECT over the shards found. Rows whose shard key changes are updated in place and then moved.

use topology::{QualifiedName, ShardId, quote_ident};

use super::{
    Context, Effects, Key, LearntKeys, Merge, Needs, Plan, Program, Refusal, Run, Target,
    change::{
        MAX_KEYS, Restrictable, changed_keys, check_safe, check_twice, clauses, filter_conjuncts,
        key_columns, locked, new_values, select_limit, with, write,
    },
    context::{Naming, Renames},
    keys::restriction,
    pins,
    program::{KeyColumns, KeyRow, Logged, Work},
    refusal::{self, refusal},
    returning, several,
    unique::contains_shard_key,
};
use crate::{
    splice::Edits,
    syntax::{Change, Conjunct, Span},
};

/// Plans an UPDATE or DELETE in 0011.
pub(crate) fn change<'a>(cx: &Context<'a>, target: &Target<'a>) -> Result<Plan, Refusal> {
    let change = &target.change;
    for written in target.written(cx) {
        written.check_key_types()?;
        written.check_partition()?;
    }
    if target.joins() && cx.locked {
        return cx.refuse(refusal::LOCK_TABLES, "the form for several tables under LOCK TABLES");
    }
    check_ignore(cx, change)?;
    let conditions = filter_conjuncts(cx, change);
    let edits = target.edits(cx)?;
    let renames = renames(target);
    let moves = !changed_keys(cx, change).is_empty();
    if !moves
        && target.also.is_empty()
        && let Some(row) = cx.row(&conditions)
        && let Some(shard) = row.shard
    {
        returning::check(cx, change.returning.as_ref(), false)?;
        let text = cx.rendered(&edits.with(&cx.on_shard(cx.table().shard(shard), renames)));
        let logged = Logged::new(cx, vec![row.key]);
        return Ok(write(cx, Needs::Nothing, Work::OneShard { text, logged }, false));
    }
    check_safe(cx, change)?;
    check_twice(cx, target)?;
    if target.others {
        // A row of another table may be joined to rows of several shards.
        return cx.refuse(refusal::MULTI_TABLE, "it writes other tables beside rows of several shards");
    }
    if !target.also.is_empty() {
        return several::delete(cx, target, &edits);
    }
    let shards = shards(cx, &conditions);
    returning::check(cx, change.returning.as_ref(), false)?;
    if change.returning.is_some() && shards.len() > 1 && select_limit(cx, change)? > 1 {
        return cx.refuse(refusal::RETURNING, "RETURNING of rows in several shards");
    }
    check_assigned_variables(cx, change, &shards)?;
    let columns = key_columns(cx, target, true);
    let select = key_select(cx, target, &columns, &edits, &shards)?;
    let work = ShardChange {
        text: Restrictable::new(cx, target, edits),
        columns,
        naming: cx.naming(renames),
        changes_primary_key: changed_keys(cx, change).iter().any(|a| cx.schema.in_primary_key(&a.column)),
        ordered: change.order.is_some(),
        first: shards.first().copied().unwrap_or(ShardId(0)),
        logged: Logged::new(cx, Vec::new()),
    };
    let needs = Needs::Keys { select, limit: MAX_KEYS };
    Ok(write(cx, needs, Work::ShardChange(Box::new(work)), false))
}

/// The shards that may hold rows that meet `conditions`.
pub(crate) fn shards(cx: &Context<'_>, conditions: &[Conjunct]) -> Vec<ShardId> {
    let all = || cx.table().numbered_shards().map(|(id, _)| id).collect();
    cx.shards(conditions).unwrap_or_else(all)
}

/// A variable that is set for one row is read for the next one: in the order of the rows, not of their shards.
fn check_assigned_variables(cx: &Context<'_>, change: &Change, shards: &[ShardId]) -> Result<(), Refusal> {
    let sets = |value: &Span| value.clone().any(|i| cx.source.op(i, ":="));
    if shards.len() > 1 && change.assignments.iter().any(|assignment| sets(&assignment.value)) {
        return cx.refuse(refusal::VOLATILE, "`:=` in SET, over rows of several shards");
    }
    Ok(())
}

/// Which rows IGNORE leaves out is seen by the shard that they are in, and by no other.
fn check_ignore(cx: &Context<'_>, change: &Change) -> Result<(), Refusal> {
    if !change.ignore || change.assignments.is_empty() {
        return Ok(());
    }
    if !changed_keys(cx, change).is_empty() {
        return cx.refuse(refusal::KEY_CHANGE_IGNORE, "IGNORE");
    }
    let assigned = |name: &String| {
        change.assignments.iter().any(|assignment| assignment.column.eq_ignore_ascii_case(name))
    };
    let mut keys = cx.schema.unique_keys.iter();
    let across = keys.find(|key| {
        !contains_shard_key(cx.schema, &key.columns) && (key.partial || key.columns.iter().any(assigned))
    });
    match across {
        Some(key) => {
            cx.refuse(refusal::OTHER_UNIQUE_KEY, &format!("UPDATE IGNORE of unique key `{}`", key.name))
        }
        None => Ok(()),
    }
}

/// MariaDB's single-table DELETE knows no alias before 11.6.
fn renames(target: &Target<'_>) -> Renames {
    let alone = !target.joins() && target.change.assignments.is_empty();
    if alone { Renames::ByRespelling } else { Renames::ByAlias }
}

/// Locks the rows in all of `shards` and reads their shard, key and new values.
fn key_select<'a>(
    cx: &Context<'a>,
    target: &Target<'a>,
    columns: &KeyColumns,
    edits: &Edits,
    shards: &[ShardId],
) -> Result<Vec<u8>, Refusal> {
    let change = &target.change;
    let reading = locked(cx, change, edits)?;
    let order = if shards.len() == 1 { Vec::new() } else { order_items(cx, change)? };
    let mut branches = Vec::new();
    for &shard in shards {
        let (naming, name) = (cx.naming(Renames::ByAlias), cx.table().shard(shard).quoted());
        let edits = reading.with(&naming.edits(&name));
        let mut items = vec![format!("{} AS shunt_shard", shard.0)];
        items.extend(columns.items(&naming.qualifier(&name)));
        items.extend(new_values(cx, change, &edits)?);
        items.extend(order.iter().enumerate().map(|(i, (expression, _))| {
            let text = cx.rendered_part(&edits, expression);
            format!("({}) AS shunt_order_{i}", String::from_utf8_lossy(&text))
        }));
        branches.push((items, edits));
    }
    let sorts: Vec<String> =
        order.iter().enumerate().map(|(i, (_, down))| format!("shunt_order_{i}{down}")).collect();
    union(cx, target, &reading, &branches, &sorts)
}

/// One key SELECT of what each branch gives: its select items, and how it reads the statement.
pub(crate) fn union<'a>(
    cx: &Context<'a>,
    target: &Target<'a>,
    reading: &Edits,
    branches: &[(Vec<String>, Edits)],
    sorts: &[String],
) -> Result<Vec<u8>, Refusal> {
    let (change, server) = (&target.change, cx.facts.server);
    let limit = select_limit(cx, change)?;
    let alone = branches.len() == 1;
    let (open, close) = if alone { ("", "") } else { ("(", ")") };
    let mut out = pins::keys_prefix(server).as_bytes().to_vec();
    out.extend(with(cx, change, reading));
    for (i, (items, edits)) in branches.iter().enumerate() {
        // Settings are pinned once, in front of the first SELECT.
        let (between, select) =
            if i == 0 { ("", pins::keys_word(server)) } else { (" UNION ALL ", "SELECT ") };
        let (distinct, items) = (target.distinct(), items.join(", "));
        out.extend(format!("{between}{open}{select}{distinct}{items} FROM ").into_bytes());
        out.extend(cx.rendered_part(edits, &change.from));
        out.extend(clauses(cx, change, edits));
        out.extend(format!(" LIMIT {limit} {}{close}", target.lock(cx)).into_bytes());
    }
    if !alone {
        if !sorts.is_empty() {
            out.extend(format!(" ORDER BY {}", sorts.join(", ")).into_bytes());
        }
        out.extend(format!(" LIMIT {limit}").into_bytes());
    }
    Ok(out)
}

/// The sort expressions with their direction.
fn order_items(cx: &Context<'_>, change: &Change) -> Result<Vec<(Span, &'static str)>, Refusal> {
    let Some(order) = &change.order else {
        return Ok(Vec::new());
    };
    let mut items = Vec::new();
    for part in cx.source.split_commas(order) {
        let last = part.end - 1;
        let (end, direction) = match () {
            () if cx.source.word(last, "DESC") => (last, " DESC"),
            () if cx.source.word(last, "ASC") => (last, ""),
            () => (part.end, ""),
        };
        for i in part.start..end {
            super::lossy::check_plain_column(cx, i, "ORDER BY")?;
        }
        items.push((part.start..end, direction));
    }
    Ok(items)
}

/// An UPDATE or DELETE in 0011 that waits for its keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardChange {
    text: Restrictable,
    pub(crate) columns: KeyColumns,
    naming: Naming,
    changes_primary_key: bool,
    /// It has an ORDER BY, in which its keys are read.
    ordered: bool,
    /// Where the statement runs if no row is found.
    first: ShardId,
    logged: Logged,
}

impl ShardChange {
    pub(crate) fn program(
        &self,
        learnt: &LearntKeys,
        log: &mut dyn FnMut() -> (u64, u64),
    ) -> Result<Program, Refusal> {
        let rows = self.columns.rows(&learnt.rows)?;
        if self.changes_primary_key && rows.len() > 1 {
            let what = format!("it changes {} primary keys", rows.len());
            let schema = &self.columns.schema;
            return Err(refusal(refusal::KEY_CHANGE_ROWS, &what, &schema.table, self.columns.phase));
        }
        let mut order: Vec<(ShardId, Vec<&KeyRow>)> = Vec::new();
        for row in &rows {
            let shard = row.shard.unwrap_or(self.first);
            match order.iter_mut().find(|(known, _)| *known == shard) {
                Some((_, rows)) => rows.push(row),
                None => order.push((shard, vec![row])),
            }
        }
        if order.is_empty() {
            order.push((self.first, Vec::new()));
        }
        let text = |(shard, rows): &(ShardId, Vec<&KeyRow>)| self.text(*shard, rows, learnt.warned);
        let statements = order.iter().map(|part| Run::Text(text(part))).collect();
        let mut effects: Vec<Vec<u8>> = Vec::new();
        for (shard, rows) in &order {
            self.moves(*shard, rows, &mut effects);
        }
        let mut logged = self.logged.clone();
        for row in &rows {
            logged.keys.push(row.key.clone());
            logged.keys.extend(row.becomes.iter().map(|(key, _)| key.clone()));
        }
        effects.extend(logged.statements(log));
        let merge = if order.len() == 1 {
            Merge::Alone
        } else {
            Merge::Changes { rows: self.numbers(&rows, &order) }
        };
        let (finds, effects) = (self.text.finds(rows.len()), Effects::Known(effects));
        Ok(Program { statements, finds, effects, insert_id: None, last: None, merge })
    }

    /// The place of each statement's rows among all: by ORDER BY, in which they were read; else by
    /// primary key, in which a scan of the unsharded table finds them.
    fn numbers(&self, rows: &[KeyRow], order: &[(ShardId, Vec<&KeyRow>)]) -> Vec<Vec<u64>> {
        let mut all: Vec<&Key> = rows.iter().map(|row| &row.key).collect();
        if !self.ordered {
            all.sort_by_cached_key(|key| {
                let parts = key.0.iter().map(|part| (part.parse::<i128>().ok(), part.clone()));
                parts.collect::<Vec<_>>()
            });
        }
        let places: std::collections::HashMap<&Key, u64> = all.into_iter().zip(1..).collect();
        let numbers = |rows: &Vec<&KeyRow>| {
            let mut numbers: Vec<u64> = rows.iter().filter_map(|row| places.get(&row.key).copied()).collect();
            numbers.sort_unstable();
            numbers
        };
        order.iter().map(|(_, rows)| numbers(rows)).collect()
    }

    fn shard_name(&self, shard: ShardId) -> &QualifiedName {
        self.columns.schema.table.shard(shard)
    }

    fn text(&self, shard: ShardId, rows: &[&KeyRow], warned: bool) -> Vec<u8> {
        let keys: Vec<&Key> = rows.iter().map(|row| &row.key).collect();
        let name = self.shard_name(shard).quoted();
        let qualifier = self.naming.qualifier(&name);
        let restriction = self.text.restriction(&self.columns.schema, &qualifier, &keys);
        self.text.restricted(&self.naming.edits(&name), &restriction, warned)
    }

    /// Copies the rows that now belong elsewhere and deletes them here.
    fn moves(&self, from: ShardId, rows: &[&KeyRow], effects: &mut Vec<Vec<u8>>) {
        let schema = &self.columns.schema;
        let server = self.logged.server;
        let columns = schema.stored_column_list();
        for (to, target) in schema.table.numbered_shards().filter(|(to, _)| *to != from) {
            let keys: Vec<&Key> = rows
                .iter()
                .filter_map(|row| row.becomes.as_ref())
                .filter(|(_, shard)| *shard == Some(to))
                .map(|(key, _)| key)
                .collect();
            if keys.is_empty() {
                continue;
            }
            let number = schema.table.shard_sql(&quote_ident(schema.table.shard_key()));
            let rows = format!("{} AND {number}={}", restriction(schema, "", &keys), to.0);
            let source = self.shard_name(from).quoted();
            let insert = format!(
                "INTO {} ({columns}) SELECT {columns} FROM {source} WHERE {rows} LOCK IN SHARE MODE",
                target.quoted()
            );
            effects.push(pins::own(server, "INSERT", &insert));
            effects.push(pins::own(server, "DELETE", &format!("FROM {source} WHERE {rows}")));
        }
    }
}
