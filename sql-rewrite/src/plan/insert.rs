//! INSERT and REPLACE: what the rows say about their keys, and the plan of the dual phases.

use topology::{Column, ColumnKind, ShardId};

use super::{
    AfterInsert, Context, Effects, Key, Needs, Plan, Refusal,
    change::write,
    context::Exact,
    keys::{Touched, charset, integer_range},
    mirror::Change,
    program::Work,
    refusal::{self, Reason},
};
use crate::{
    Value,
    syntax::{Assignment, Insert, InsertSource, Operand, Span, operand},
};

/// What a row gives for a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// This value.
    Exact(Exact),
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

/// Plans an INSERT in a dual phase.
pub(crate) fn insert(cx: &Context<'_>, insert: &Insert) -> Result<Plan, Refusal> {
    let rows = check(cx, insert)?;
    let key_decides = cx.schema.in_primary_key(cx.table().shard_key());
    // A row that is there already can be in another shard than the one that the new row names.
    let replaces_elsewhere = !key_decides && (insert.replace || insert.on_duplicate.is_some());
    let shard = |row: &RowKeys| if replaces_elsewhere { None } else { row.shard };
    let generated = rows.iter().any(|row| row.key.iter().any(Option::is_none));
    let effects = if generated {
        let auto = cx.schema.auto_increment().map_or("", |column| column.name.as_str());
        Effects::AfterInsert(Box::new(AfterInsert {
            rows: rows.len() as u64,
            increment: cx.facts.auto_increment_increment.max(1),
            id_is_shard_key: cx.schema.is_shard_key(auto),
            shards: rows.iter().map(shard).collect(),
            keys: rows.into_iter().map(|row| row.key).collect(),
            mirror: cx.mirror(),
        }))
    } else {
        let touched: Vec<Touched> = rows
            .iter()
            .map(|row| Touched { key: Key(row.key.iter().flatten().cloned().collect()), shard: shard(row) })
            .collect();
        let change = if insert.replace && replaces_elsewhere { Change::Moved } else { Change::Kept };
        Effects::Known(cx.mirror().statements(&touched, change))
    };
    Ok(write(cx, Needs::Nothing, Work::Sent(effects), true))
}

/// Refuses what no phase beyond 1100 can do, and reads the rows' keys.
pub(crate) fn check(cx: &Context<'_>, insert: &Insert) -> Result<Vec<RowKeys>, Refusal> {
    cx.check_key_types()?;
    if insert.returning {
        return cx.refuse(refusal::RETURNING, "RETURNING");
    }
    if cx.target.qualified {
        return cx.refuse(refusal::PARTITION, "a PARTITION clause");
    }
    let resolves = insert.ignore || insert.replace || insert.on_duplicate.is_some();
    if resolves && !cx.schema.unique_keys.is_empty() {
        let key = cx.schema.unique_keys.first().map_or("", |key| key.name.as_str());
        return cx.refuse(refusal::OTHER_UNIQUE_KEY, &format!("unique key `{key}`"));
    }
    for assignment in insert.on_duplicate.iter().flatten() {
        check_on_duplicate(cx, assignment)?;
    }
    let rows = rows(cx, insert)?;
    let generated = rows.iter().filter(|row| row.id.is_none()).count();
    if cx.schema.auto_increment().is_some() && generated > 0 {
        if generated < rows.len() {
            return cx.refuse(refusal::MIXED_IDS, "rows with given ids beside rows with generated ones");
        }
        check_last_insert_id(cx)?;
    }
    Ok(rows)
}

fn check_on_duplicate(cx: &Context<'_>, assignment: &Assignment) -> Result<(), Refusal> {
    let name = &assignment.column;
    if !cx.schema.in_primary_key(name) && !cx.schema.is_shard_key(name) {
        return Ok(());
    }
    // `id = LAST_INSERT_ID(id)` keeps the key: the usual way to learn the id of the old row.
    let source = cx.source;
    let at = assignment.value.start;
    let call = source.word(at, "LAST_INSERT_ID") && source.op(at + 1, "(");
    let start = if call { at + 2 } else { at };
    let kept = source.dotted(start).is_some_and(|(parts, end)| {
        let end = if call { end + 1 } else { end };
        end == assignment.value.end && cx.is_column(&parts, name)
    });
    if kept {
        return Ok(());
    }
    cx.refuse(refusal::KEY_ASSIGNED, &format!("ON DUPLICATE KEY UPDATE `{name}`"))
}

/// `LAST_INSERT_ID(x)` would take the place of the generated id in the OK packet.
fn check_last_insert_id(cx: &Context<'_>) -> Result<(), Refusal> {
    if sets_last_id(cx) {
        return cx.refuse(refusal::LAST_INSERT_ID, "LAST_INSERT_ID(…) beside a generated id");
    }
    Ok(())
}

/// `LAST_INSERT_ID(x)` stands in it: the OK shows what it set.
pub(crate) fn sets_last_id(cx: &Context<'_>) -> bool {
    let source = cx.source;
    (0..source.len())
        .any(|i| source.word(i, "LAST_INSERT_ID") && source.op(i + 1, "(") && !source.op(i + 2, ")"))
}

/// The rows of VALUES or SET, each as pairs of column and value.
fn rows(cx: &Context<'_>, insert: &Insert) -> Result<Vec<RowKeys>, Refusal> {
    match &insert.source {
        InsertSource::Query => cx.refuse(refusal::INSERT_SELECT, "INSERT … SELECT"),
        InsertSource::Set(assignments, _) => {
            let value = |name: &str| {
                let found = assignments.iter().find(|a| a.column.eq_ignore_ascii_case(name));
                found.map(|assignment| assignment.value.clone())
            };
            Ok(vec![row_keys(cx, &value)?])
        }
        InsertSource::Rows(rows) => {
            let names = column_names(cx, insert);
            rows.iter()
                .map(|row| {
                    if !row.values.is_empty() && row.values.len() != names.len() {
                        let what = format!("{} values for {} columns", row.values.len(), names.len());
                        return cx.refuse(refusal::KEY_MISSING, &what);
                    }
                    let value = |name: &str| {
                        let at = names.iter().position(|column| column.eq_ignore_ascii_case(name))?;
                        row.values.get(at).cloned()
                    };
                    row_keys(cx, &value)
                })
                .collect()
        }
    }
}

/// The columns that the values of a row are for.
pub(crate) fn column_names(cx: &Context<'_>, insert: &Insert) -> Vec<String> {
    match &insert.columns {
        Some((names, _)) => names.clone(),
        None => {
            let visible = cx.schema.columns.iter().filter(|column| !column.invisible);
            visible.map(|column| column.name.clone()).collect()
        }
    }
}

fn row_keys(cx: &Context<'_>, value: &dyn Fn(&str) -> Option<Span>) -> Result<RowKeys, Refusal> {
    let mut key = Vec::new();
    for name in &cx.schema.primary_key {
        key.push(match given(cx, name, value(name))? {
            Given::Exact(exact) => Some(exact.sql),
            Given::Generated => None,
        });
    }
    let shard = match given(cx, cx.table().shard_key(), value(cx.table().shard_key()))? {
        Given::Exact(Exact { integer: Some(number), .. }) => Some(cx.table().shard_of(number)),
        _ => None,
    };
    let id = match cx.schema.auto_increment() {
        Some(column) => match given(cx, &column.name, value(&column.name))? {
            Given::Exact(exact) => exact.integer,
            Given::Generated => None,
        },
        None => None,
    };
    Ok(RowKeys { key, shard, id })
}

fn given(cx: &Context<'_>, name: &str, value: Option<Span>) -> Result<Given, Refusal> {
    let Some(column) = cx.schema.column(name) else {
        return cx.refuse(refusal::KEY_MISSING, &format!("column `{name}` is not in the table"));
    };
    let refuse = |reason: Reason, what: &str| cx.refuse(reason, &format!("{what} for key column `{name}`"));
    let Some(span) = value else {
        return if column.auto_increment {
            Ok(Given::Generated)
        } else {
            refuse(refusal::KEY_MISSING, "no value")
        };
    };
    let found =
        operand(cx.source, span.start).filter(|(_, end)| *end == span.end).map(|(operand, _)| operand);
    let Some(operand) = found else {
        return refuse(refusal::KEY_NOT_LITERAL, &format!("`{}`", cx.shown(&span)));
    };
    if column.auto_increment && generates(cx, &operand) {
        return Ok(Given::Generated);
    }
    let Some(exact) = cx.exact(column, &operand).or_else(|| stored_integer(cx, column, &operand)) else {
        return refuse(refusal::KEY_NOT_LITERAL, &format!("`{}`", cx.shown(&span)));
    };
    if !fits(column, &exact) {
        return refuse(refusal::KEY_RANGE, &format!("`{}`", cx.shown(&span)));
    }
    Ok(Given::Exact(exact))
}

/// The integer that an integer column stores for a string of digits. Comparisons convert otherwise
/// (by DOUBLE), so this is for values that are stored: drivers that bind everything as text.
fn stored_integer(cx: &Context<'_>, column: &Column, operand: &Operand) -> Option<Exact> {
    let text = String::from_utf8(cx.string(operand)?).ok()?;
    let integer: i128 = text.parse().ok()?;
    let plain = integer.to_string() == text && matches!(column.kind, ColumnKind::Integer { .. });
    plain.then_some(Exact { sql: text, integer: Some(integer) })
}

/// NULL, DEFAULT and, without NO_AUTO_VALUE_ON_ZERO, 0 let the server make an id.
fn generates(cx: &Context<'_>, operand: &Operand) -> bool {
    let zero = (cx.integer(operand) == Some(0) || cx.string(operand).is_some_and(|text| text == b"0"))
        && !cx.facts.sql_mode.no_auto_value_on_zero;
    let null = match operand {
        Operand::Literal(span) => cx.source.any_word(span.start, &["NULL", "DEFAULT"]),
        Operand::Param(_) => cx.value(operand) == Some(&Value::Null),
    };
    zero || null
}

/// Whether the column stores the value as it is. Without strict mode another one would be stored
/// clipped, and its row would not be found again by the value.
fn fits(column: &Column, exact: &Exact) -> bool {
    if let Some(number) = exact.integer {
        return integer_range(column).is_some_and(|range| range.contains(&number));
    }
    let (Some(open), Some(close)) = (column.column_type.find('('), column.column_type.find(')')) else {
        return false;
    };
    let Some(length) = column.column_type.get(open + 1..close).and_then(|text| text.parse::<usize>().ok())
    else {
        return false;
    };
    let Some(digits) = exact.sql.split('\'').nth(1) else {
        return false;
    };
    let bytes = digits.len() / 2;
    let kind = column.column_type.to_ascii_lowercase();
    match column.kind {
        ColumnKind::Binary if kind.starts_with("binary") => bytes == length,
        ColumnKind::Binary => bytes <= length,
        ColumnKind::Text => {
            let unicode = charset(column) == Some("utf8mb4");
            let ascii = !has_high_byte(digits);
            // Trailing spaces and padding compare as the collation says; shorter is enough here.
            (unicode || ascii) && characters(digits) <= length
        }
        _ => false,
    }
}

fn has_high_byte(digits: &str) -> bool {
    digits.as_bytes().iter().step_by(2).any(|digit| !digit.is_ascii_digit() || *digit >= b'8')
}

/// Characters of UTF-8 in hex: all bytes but continuation bytes 0x80–0xBF.
fn characters(digits: &str) -> usize {
    digits.as_bytes().iter().step_by(2).filter(|digit| !matches!(digit, b'8' | b'9' | b'A' | b'B')).count()
}
