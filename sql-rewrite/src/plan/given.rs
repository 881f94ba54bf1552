//! What the rows of an INSERT give for columns, and their keys.

use topology::ShardId;

use super::{
    Context, Refusal,
    context::Exact,
    refusal::{self, Reason},
    stored::stored,
};
use crate::{
    Value,
    syntax::{Insert, InsertSource, Operand, Span, operand},
};

/// The rows that a statement lists.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// The columns that are given.
    names: Vec<String>,
    /// For each row its values, one for each name; none for `()`.
    values: Vec<Vec<Span>>,
}

/// What a row gives for a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// This value.
    Exact(Exact),
    /// NULL.
    Null,
    /// The server, or the sequence, makes an id.
    Generated,
}

/// The keys of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowKeys {
    /// The primary key's literals; `None` where the id is generated.
    pub(crate) key: Vec<Option<String>>,
    /// The shard, unless the id that is generated decides it.
    pub(crate) shard: Option<ShardId>,
    /// The value of the AUTO_INCREMENT column, if the row gives one.
    pub(crate) id: Option<i128>,
}

impl RowKeys {
    /// The primary key holds an id that the server makes.
    pub(crate) fn is_generated(&self) -> bool {
        self.key.iter().any(Option::is_none)
    }
}

impl Rows {
    /// The rows of VALUES or SET.
    pub(crate) fn new(cx: &Context<'_>, insert: &Insert) -> Result<Self, Refusal> {
        match &insert.source {
            InsertSource::Query(_) => cx.refuse(refusal::INSERT_SELECT, "INSERT … SELECT"),
            InsertSource::Set(assignments, _) => Ok(Self {
                names: column_names(cx, insert),
                values: vec![assignments.iter().map(|assignment| assignment.value.clone()).collect()],
            }),
            InsertSource::Rows(rows) => {
                let names = column_names(cx, insert);
                let odd =
                    |row: &&crate::syntax::Row| !row.values.is_empty() && row.values.len() != names.len();
                if let Some(row) = rows.iter().find(odd) {
                    let what = format!("{} values for {} columns", row.values.len(), names.len());
                    return cx.refuse(refusal::KEY_MISSING, &what);
                }
                Ok(Self { names, values: rows.iter().map(|row| row.values.clone()).collect() })
            }
        }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// What row `row` gives for a column.
    fn value(&self, row: usize, column: &str) -> Option<&Span> {
        let at = self.names.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.values.get(row)?.get(at)
    }

    /// The values for columns in any key, each with its column.
    pub(crate) fn key_values(&self, cx: &Context<'_>) -> Vec<(Span, String)> {
        let schema = cx.schema;
        let in_key = |name: &String| {
            let mut unique = schema.unique_keys.iter().flat_map(|key| &key.columns);
            schema.in_primary_key(name)
                || schema.is_shard_key(name)
                || schema.column(name).is_some_and(|column| column.auto_increment)
                || unique.any(|column| column.eq_ignore_ascii_case(name))
        };
        let cells = self.values.iter().flat_map(|row| row.iter().zip(&self.names));
        let found = cells.filter(|(_, name)| in_key(name));
        found.map(|(span, name)| (span.clone(), name.clone())).collect()
    }

    /// The keys of each row.
    pub(crate) fn keys(&self, cx: &Context<'_>) -> Result<Vec<RowKeys>, Refusal> {
        (0..self.len()).map(|row| self.row_keys(cx, row)).collect()
    }

    fn row_keys(&self, cx: &Context<'_>, row: usize) -> Result<RowKeys, Refusal> {
        let mut key = Vec::new();
        for name in &cx.schema.primary_key {
            key.push(match self.given(cx, row, name)? {
                Given::Exact(exact) => Some(exact.sql),
                Given::Generated => None,
                Given::Null => return refuse(cx, refusal::KEY_NOT_LITERAL, "NULL", name),
            });
        }
        let shard = match self.given(cx, row, cx.table().shard_key())? {
            Given::Exact(Exact { integer: Some(number), .. }) => Some(cx.table().shard_of(number)),
            Given::Null => return refuse(cx, refusal::KEY_NOT_LITERAL, "NULL", cx.table().shard_key()),
            _ => None,
        };
        let id = match cx.schema.auto_increment() {
            Some(column) => match self.given(cx, row, &column.name)? {
                Given::Exact(exact) => exact.integer,
                Given::Generated | Given::Null => None,
            },
            None => None,
        };
        Ok(RowKeys { key, shard, id })
    }

    /// What row `row` gives for a key column, as it is stored.
    pub(crate) fn given(&self, cx: &Context<'_>, row: usize, name: &str) -> Result<Given, Refusal> {
        let Some(column) = cx.schema.column(name) else {
            return cx.refuse(refusal::KEY_MISSING, &format!("column `{name}` is not in the table"));
        };
        let Some(span) = self.value(row, name) else {
            return match () {
                () if column.auto_increment => Ok(Given::Generated),
                () if column.null_by_default => Ok(Given::Null),
                () => refuse(cx, refusal::KEY_MISSING, "no value", name),
            };
        };
        let shown = || format!("`{}`", cx.shown(span));
        let Some(operand) = constant(cx, span) else {
            return refuse(cx, refusal::KEY_NOT_LITERAL, &shown(), name);
        };
        if column.auto_increment && generates(cx, &operand) {
            return Ok(Given::Generated);
        }
        let null = is_word(cx, &operand, "NULL") && column.nullable
            || is_word(cx, &operand, "DEFAULT") && column.null_by_default;
        if null {
            return Ok(Given::Null);
        }
        match stored(cx, column, &operand) {
            Ok(exact) => Ok(Given::Exact(exact)),
            Err(reason) => refuse(cx, reason, &shown(), name),
        }
    }
}

/// The literal or parameter that a value is, perhaps in parentheses.
pub(crate) fn constant(cx: &Context<'_>, span: &Span) -> Option<Operand> {
    if cx.source.op(span.start, "(") && cx.source.close(span.start) + 1 == span.end {
        return constant(cx, &(span.start + 1..span.end - 1));
    }
    operand(cx.source, span.start).filter(|(_, end)| *end == span.end).map(|(operand, _)| operand)
}

fn refuse<T>(cx: &Context<'_>, reason: Reason, what: &str, column: &str) -> Result<T, Refusal> {
    cx.refuse(reason, &format!("{what} for key column `{column}`"))
}

/// The columns that the values of a row are for.
pub(crate) fn column_names(cx: &Context<'_>, insert: &Insert) -> Vec<String> {
    match (&insert.source, &insert.columns) {
        (InsertSource::Set(assignments, _), _) => {
            assignments.iter().map(|assignment| assignment.column.clone()).collect()
        }
        (_, Some((names, _))) => names.clone(),
        (_, None) => {
            let visible = cx.schema.columns.iter().filter(|column| !column.invisible);
            visible.map(|column| column.name.clone()).collect()
        }
    }
}

/// NULL, DEFAULT and, without NO_AUTO_VALUE_ON_ZERO, 0 let the server make an id.
fn generates(cx: &Context<'_>, operand: &Operand) -> bool {
    let zero = (cx.integer(operand) == Some(0) || cx.string(operand).is_some_and(|text| text == b"0"))
        && !cx.facts.sql_mode.no_auto_value_on_zero;
    zero || is_word(cx, operand, "NULL") || is_word(cx, operand, "DEFAULT")
}

/// A bare NULL or DEFAULT; for NULL also a parameter.
fn is_word(cx: &Context<'_>, operand: &Operand, word: &str) -> bool {
    match operand {
        Operand::Literal(span) => cx.source.word(span.start, word),
        Operand::Param(_) => word == "NULL" && cx.value(operand) == Some(&Value::Null),
    }
}
