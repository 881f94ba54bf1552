//! INSERT … SELECT and REPLACE … SELECT: the rows are read first, and then inserted by VALUES.
//!
//! ```text
//! INSERT INTO user (id, name) SELECT user_id, note FROM orders WHERE total > 5
//!   read  SELECT user_id, note FROM orders WHERE total > 5 LIMIT 10001 LOCK IN SHARE MODE
//!   run   INSERT INTO user (id, name) VALUES (1,'a'),(2,'b')    planned like any other
//! ```
//! Run as sent, nothing would tell which rows it wrote: generated ids of one INSERT … SELECT are not consecutive where
//! others insert meanwhile (`innodb_autoinc_lock_mode` 2), and at READ COMMITTED a second reading finds other rows. The
//! locks are those that the statement itself takes at REPEATABLE READ.

use std::{ops::Range, sync::Arc};

use topology::{Phase, TableSchema};

use super::{
    Cells, Context, Duplicates, Effects, Needs, Plan, Refusal, Write,
    change::{MAX_KEYS, write},
    context::Renames,
    derived::shows_all,
    given::column_names,
    insert::sets_last_id,
    insert_shards::duplicates,
    lossy::{loses_type, names},
    program::Work,
    refusal::{self, refusal},
    selected::{ResultColumn, selected_literal},
    subquery,
    top::rows,
};
use crate::{
    Facts,
    splice::Edits,
    syntax::{Block, Insert, Role, Span},
};

/// Bytes of the rows together. As literals they may double, which stays below the smallest usual
/// `max_allowed_packet` (MariaDB's, 16 MiB).
const MAX_BYTES: usize = 4 << 20;

/// An INSERT or REPLACE whose rows come from a SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertSelect {
    /// Reads the rows and locks them; runs under the gate, in the transaction of the INSERT.
    pub select: Vec<u8>,
    /// Columns that it reads and that lose their types where it reads several shards.
    pub(crate) lossy: Option<Refusal>,
    /// More rows than this, or more bytes of them, are not needed: they are refused.
    pub limit: (usize, usize),
    becomes: Becomes,
    schema: Arc<TableSchema>,
    phase: Phase,
    facts: Facts,
    /// Inserts no row.
    pub(crate) none: Write,
}

/// What is made of the answer to the SELECT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Becomes {
    /// The rows of VALUES.
    Rows(Box<RowsOfValues>),
    /// Values in the client's own text: its one row has one for each place, which is for this column.
    Keys { text: Vec<u8>, edits: Edits, places: Vec<(Range<usize>, String)> },
}

/// What an INSERT … SELECT is, beyond its rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowsOfValues {
    /// What stands before and behind the SELECT.
    around: (Vec<u8>, Vec<u8>),
    /// The same, where no row is inserted.
    around_none: (Vec<u8>, Vec<u8>),
    /// The columns that are given.
    names: Vec<String>,
    duplicates: Duplicates,
    sets_last_id: bool,
}

/// What the SELECT of an [`InsertSelect`] answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectedRows {
    /// The columns of the result.
    pub columns: Vec<ResultColumn>,
    /// The rows, cell by cell as in the text protocol, NULL as `None`.
    pub rows: Cells,
    /// There were more rows or bytes than [`InsertSelect::limit`], and the rest is missing.
    pub cut: bool,
    /// It gave warnings.
    pub warned: bool,
}

/// What an [`InsertSelect`] becomes.
pub(crate) enum Inserted {
    /// No row: this.
    Nothing(Write),
    /// The text of an INSERT … VALUES, to be planned.
    Values(Vec<u8>),
}

/// What runs in the place of an INSERT … SELECT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InPlace {
    /// Where the client's own statement would run, this does.
    pub(crate) text: Vec<u8>,
    /// It has one row. An INSERT of one row by VALUES has no info text, one by SELECT has.
    pub(crate) one_row: Option<Duplicates>,
    /// How many rows the server must find: those of a text that inserts none. Where there were some, the text is an
    /// error, or the table's columns are not those that are known of it.
    pub(crate) finds: Option<u64>,
    /// With ON DUPLICATE KEY UPDATE an INSERT … SELECT does not tell the ids that it is given.
    pub(crate) tells_no_id: bool,
}

/// Plans an INSERT … SELECT in any phase beyond 1100. The SELECT is as the client wrote it: it is still to be planned.
pub(crate) fn insert_select(
    cx: &Context<'_>,
    references: &[Context<'_>],
    insert: &Insert,
    query: &Span,
) -> Result<Plan, Refusal> {
    cx.check_key_types()?;
    if insert.returning.is_some() {
        return cx.refuse(refusal::RETURNING, "RETURNING of INSERT … SELECT");
    }
    let edits = cx.inlined()?;
    let select = reading(cx, query, &limited(cx, query, &edits)?)?;
    check_assigned(cx, insert, query)?;
    let around = around(cx, query, &edits);
    let around_none = match cx.table().numbered_shards().next().filter(|_| cx.phase == Phase::Shards) {
        Some((_, shard)) => {
            cx.check_partition()?;
            let named = cx.naming(Renames::ByRespelling).edits(&shard.quoted());
            self::around(cx, query, &edits.with(&named))
        }
        None => around.clone(),
    };
    let rows = RowsOfValues {
        around,
        around_none,
        names: column_names(cx, insert),
        duplicates: duplicates(cx, insert),
        sets_last_id: sets_last_id(cx),
    };
    InsertSelect::plan(cx, select, lossy(references, query), Becomes::Rows(Box::new(rows)))
}

/// The refusal of a column in `query` that a UNION ALL of shards shows as one of another type.
pub(crate) fn lossy(references: &[Context<'_>], query: &Span) -> Option<Refusal> {
    let mut found = references.iter().filter(|cx| query.contains(&cx.target.tokens.start));
    found.find_map(|cx| {
        let mut lossy = cx.schema.columns.iter().filter(|column| loses_type(column));
        let column = lossy.find(|column| shows_all(cx) || query.clone().any(|i| names(cx, i, column)))?;
        let what = format!("column `{}` in the SELECT of another statement", column.name);
        Some(refusal(refusal::COLUMN_TYPE, &what, cx.table(), cx.phase))
    })
}

/// What stands before and behind the SELECT.
pub(crate) fn around(cx: &Context<'_>, query: &Span, edits: &Edits) -> (Vec<u8>, Vec<u8>) {
    let text = cx.source.text();
    let Range { start, end } = cx.source.byte_range(query);
    let (mut before, mut behind) = (edits.render(text, 0..start), edits.render(text, end..text.len()));
    if !before.last().is_some_and(u8::is_ascii_whitespace) {
        before.push(b' ');
    }
    if behind.first().is_some_and(|first| !first.is_ascii_whitespace()) {
        behind.insert(0, b' ');
    }
    (before, behind)
}

/// The SELECT with locks on all that it reads.
pub(crate) fn reading(cx: &Context<'_>, query: &Span, edits: &Edits) -> Result<Vec<u8>, Refusal> {
    cx.check_cut(query)?;
    let mut edits = edits.clone();
    subquery::share(cx, query, &mut edits)?;
    Ok(cx.rendered_part(&edits, query))
}

/// `edits`, and a LIMIT of one row more than is allowed.
fn limited(cx: &Context<'_>, query: &Span, edits: &Edits) -> Result<Edits, Refusal> {
    let block = only_block(cx, query)?;
    let mut edits = edits.clone();
    match &block.limit {
        None => {
            let place = block.lock.as_ref().map_or(block.span.end, |lock| lock.start);
            edits.insert(cx.end_before(place), format!(" LIMIT {}", MAX_KEYS + 1));
        }
        Some(limit) => match rows(cx, limit) {
            None => return cx.refuse(refusal::LIMIT_FORM, &format!("`LIMIT {}`", cx.shown(limit))),
            Some(rows) if rows > MAX_KEYS as i128 => {
                let what = format!("`LIMIT {}`: it may insert more than {MAX_KEYS} rows", cx.shown(limit));
                return cx.refuse(refusal::TOO_MANY_KEYS, &what);
            }
            Some(_) => {}
        },
    }
    Ok(edits)
}

/// The one SELECT that gives the rows.
fn only_block<'c>(cx: &Context<'c>, query: &Span) -> Result<&'c Block, Refusal> {
    let whole = |block: &&Block| block.role == Role::Whole && query.contains(&block.span.start);
    let mut blocks = cx.parsed.blocks.iter().filter(whole);
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        return cx.refuse(refusal::INSERT_SELECT, "INSERT of anything but one SELECT");
    };
    let closes = |i: usize| cx.source.op(i, ")");
    if block.combined || block.into.is_some() || !(block.span.end..query.end).all(closes) {
        return cx.refuse(refusal::INSERT_SELECT, "INSERT of a UNION, or of a SELECT with INTO");
    }
    Ok(block)
}

/// Behind a SELECT a name in ON DUPLICATE KEY UPDATE can be a column of its tables; behind VALUES it is the table's.
fn check_assigned(cx: &Context<'_>, insert: &Insert, query: &Span) -> Result<(), Refusal> {
    let block = only_block(cx, query)?;
    let dual = block.from.len() == 1 && cx.source.word(block.from.start, "DUAL");
    // Those of groups cannot be named there.
    let reads_tables = !(block.from.is_empty() || dual || block.group.is_some());
    let same = |name: &str| name.eq_ignore_ascii_case(cx.target.called());
    let beside = cx.parsed.tables.iter().filter(|table| *table != cx.target).map(|table| table.called());
    let named_twice = beside.chain(cx.parsed.aliases.iter().map(String::as_str)).any(same);
    let of_the_table = |i: usize| {
        let parts = cx.source.dotted(i).map(|(parts, _)| parts).unwrap_or_default();
        parts.len() > 1 && !named_twice && cx.own_column(&parts).is_some()
    };
    match assigned_names(cx, insert).find(|i| reads_tables && !of_the_table(*i)) {
        Some(i) => refuse_name(cx, i),
        None => Ok(()),
    }
}

/// The tokens that name columns in the values of ON DUPLICATE KEY UPDATE, but for those of the new row.
pub(crate) fn assigned_names<'c>(
    cx: &'c Context<'_>,
    insert: &'c Insert,
) -> impl Iterator<Item = usize> + 'c {
    let source = cx.source;
    let of_the_row =
        move |i: usize| i > 1 && source.op(i - 1, "(") && source.any_word(i - 2, &["VALUES", "VALUE"]);
    let values = insert.on_duplicate.iter().flatten().flat_map(|assignment| assignment.value.clone());
    values.filter(move |i| cx.columns.contains(i) && !of_the_row(*i))
}

pub(crate) fn refuse_name<T>(cx: &Context<'_>, i: usize) -> Result<T, Refusal> {
    let what =
        format!("`{}` in ON DUPLICATE KEY UPDATE can be a column of the SELECT", cx.shown(&(i..i + 1)));
    cx.refuse(refusal::INSERT_SELECT, &what)
}

impl InsertSelect {
    /// The plan of an INSERT into `cx` that makes this of the answer to `select`.
    pub(crate) fn plan(
        cx: &Context<'_>,
        select: Vec<u8>,
        lossy: Option<Refusal>,
        becomes: Becomes,
    ) -> Result<Plan, Refusal> {
        let nothing = Work::Sent(Effects::Known(Vec::new()));
        let Plan::Write(none) = write(cx, Needs::Nothing, nothing, true) else {
            return cx.refuse(refusal::INSERT_SELECT, "INSERT … SELECT");
        };
        Ok(Plan::InsertSelect(Box::new(Self {
            select,
            lossy,
            limit: (MAX_KEYS, MAX_BYTES),
            becomes,
            schema: Arc::clone(cx.schema),
            phase: cx.phase,
            facts: cx.facts.clone(),
            none: *none,
        })))
    }

    /// It is an INSERT of rows that it lists, of which keys are expressions.
    pub(crate) fn evaluates_keys(&self) -> bool {
        matches!(self.becomes, Becomes::Keys { .. })
    }

    /// The refusal of a value for a key that has no literal: a negative DECIMAL is an expression.
    pub(crate) fn without_literal(&self) -> Refusal {
        refusal(refusal::KEY_NOT_LITERAL, "a key that has no literal", &self.schema.table, self.phase)
    }

    /// What the rows become.
    pub(crate) fn inserted(&self, selected: &SelectedRows) -> Result<(Inserted, InPlace), Refusal> {
        if selected.cut {
            let what = format!("it inserts more than {MAX_KEYS} rows, or more than {} MiB", MAX_BYTES >> 20);
            return Err(refusal(refusal::TOO_MANY_KEYS, &what, &self.schema.table, self.phase));
        }
        if selected.warned {
            return self.refuse("what is read gives warnings, which can be errors in an INSERT");
        }
        match &self.becomes {
            Becomes::Rows(rows) => self.with_rows(rows, selected),
            Becomes::Keys { text, edits, places } => {
                let mut edits = edits.clone();
                let cells = selected.rows.iter().flatten().zip(&selected.columns);
                for ((cell, column), (range, name)) in cells.zip(places) {
                    edits.replace(range.clone(), self.literal(column, name, cell.as_deref())?);
                }
                let text = edits.render(text, 0..text.len());
                let in_place = InPlace { text: text.clone(), one_row: None, finds: None, tells_no_id: false };
                Ok((Inserted::Values(text), in_place))
            }
        }
    }

    /// A cell as a literal that column `name` stores as it would store the cell itself.
    fn literal(&self, column: &ResultColumn, name: &str, cell: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        selected_literal(&self.facts, column, self.schema.column(name), cell)
            .or_else(|what| self.refuse(&format!("{what} is read for column `{name}`")))
    }

    fn with_rows(&self, of: &RowsOfValues, selected: &SelectedRows) -> Result<(Inserted, InPlace), Refusal> {
        let (rows, columns) = (&selected.rows, &selected.columns);
        if rows.is_empty() || columns.len() != of.names.len() {
            // The server itself says what is wrong with that many columns.
            let list = vec!["NULL"; columns.len()].join(",");
            let (before, behind) = &of.around_none;
            let text = [&before[..], b"SELECT ", list.as_bytes(), b" FROM DUAL WHERE 1=0", behind].concat();
            return Ok((
                Inserted::Nothing(self.none.clone()),
                InPlace { text, one_row: None, finds: Some(rows.len() as u64), tells_no_id: false },
            ));
        }
        let (before, behind) = &of.around;
        let mut text = [&before[..], b"VALUES "].concat();
        for (i, row) in rows.iter().enumerate() {
            text.extend_from_slice(if i > 0 { b",(" } else { b"(" });
            for (n, ((cell, column), name)) in row.iter().zip(columns).zip(&of.names).enumerate() {
                text.extend_from_slice(if n > 0 { b"," } else { b"" });
                text.extend(self.literal(column, name, cell.as_deref())?);
            }
            text.push(b')');
        }
        text.extend_from_slice(behind);
        let in_place = InPlace {
            text: text.clone(),
            one_row: (rows.len() == 1).then_some(of.duplicates),
            finds: None,
            tells_no_id: self.gives_ids(&of.names, rows)
                && matches!(of.duplicates, Duplicates::Changed { .. })
                && !of.sets_last_id,
        };
        Ok((Inserted::Values(text), in_place))
    }

    /// A row gives a value for the AUTO_INCREMENT column.
    fn gives_ids(&self, names: &[String], rows: &Cells) -> bool {
        let auto = self.schema.auto_increment().map_or("", |column| column.name.as_str());
        let at = names.iter().position(|name| name.eq_ignore_ascii_case(auto));
        let given = |row: &Vec<Option<Vec<u8>>>| {
            let cell = at.and_then(|at| row.get(at)).and_then(Option::as_deref);
            cell.is_some_and(|cell| cell != b"0" || self.facts.sql_mode.no_auto_value_on_zero)
        };
        rows.iter().any(given)
    }

    fn refuse<T>(&self, what: &str) -> Result<T, Refusal> {
        let (reason, of) = match self.becomes {
            Becomes::Rows(_) => (refusal::INSERT_SELECT, "INSERT … SELECT"),
            Becomes::Keys { .. } => (refusal::KEY_NOT_LITERAL, "a key that is an expression"),
        };
        Err(refusal(reason, &format!("{of}: {what}"), &self.schema.table, self.phase))
    }
}
