//! What a column stores for a literal or parameter, as SQL that compares equal to it.
//!
//! Only what is stored as it is given counts: without strict mode another value would be stored
//! clipped or rounded, and its row would not be found again by the value.

use topology::{Column, ColumnKind};

use super::{
    Context,
    context::{Exact, hex},
    keys::{charset, integer_range},
    refusal::{self, Reason},
};
use crate::{Value, syntax::Operand};

/// The value that `column` stores for `operand`; else why that is not certain.
pub(crate) fn stored(cx: &Context<'_>, column: &Column, operand: &Operand) -> Result<Exact, Reason> {
    let exact = match column.kind {
        ColumnKind::Integer { .. } => cx.exact(column, operand).or_else(|| digits(cx, operand)),
        ColumnKind::Text => text(cx, column, operand),
        ColumnKind::Binary => cx.exact(column, operand),
        ColumnKind::Temporal => temporal(cx, column, operand),
        ColumnKind::Enum => member(cx, column, operand),
        ColumnKind::Other => decimal(cx, column, operand),
        _ => None,
    };
    let exact = exact.ok_or(refusal::KEY_NOT_LITERAL)?;
    if fits(column, &exact) { Ok(exact) } else { Err(refusal::KEY_RANGE) }
}

fn string(cx: &Context<'_>, operand: &Operand) -> Option<String> {
    String::from_utf8(cx.string(operand)?).ok()
}

/// The integer that an integer column stores for a string of digits. Comparisons convert otherwise
/// (by DOUBLE), so this is for values that are stored: drivers that bind everything as text.
fn digits(cx: &Context<'_>, operand: &Operand) -> Option<Exact> {
    let text = string(cx, operand)?;
    let integer: i128 = text.parse().ok()?;
    (integer.to_string() == text).then_some(Exact { sql: text, integer: Some(integer) })
}

fn text(cx: &Context<'_>, column: &Column, operand: &Operand) -> Option<Exact> {
    if let Some(number) = cx.integer(operand) {
        let sql = format!("_utf8mb4 x'{}'", hex(number.to_string().as_bytes()));
        return Some(Exact { sql, integer: None });
    }
    // CHAR loses trailing spaces, and not every collation ignores them.
    let padded = column.column_type.to_ascii_lowercase().starts_with("char");
    if padded && cx.string(operand)?.last() == Some(&b' ') {
        return None;
    }
    cx.exact(column, operand)
}

/// A date or time as the column shows it.
fn temporal(cx: &Context<'_>, column: &Column, operand: &Operand) -> Option<Exact> {
    let given = match cx.value(operand) {
        Some(Value::Date(text) | Value::DateTime(text)) => text.clone(),
        _ => string(cx, operand)?,
    };
    let kind = column.column_type.to_ascii_lowercase();
    let (kind, precision) = kind.split_once('(').unwrap_or((&kind, "0)"));
    let precision: usize = precision.trim_end_matches(')').parse().ok()?;
    let form = match kind {
        "date" => "dddd-dd-dd",
        "datetime" => "dddd-dd-dd dd:dd:dd",
        _ => return None,
    };
    let (whole, fraction) = given.split_once('.').unwrap_or((&given, ""));
    let fraction = fraction.trim_end_matches('0');
    let same = |(have, want): (u8, u8)| if want == b'd' { have.is_ascii_digit() } else { have == want };
    let fits = whole.len() == form.len()
        && whole.bytes().zip(form.bytes()).all(same)
        && fraction.len() <= precision
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let point = if fraction.is_empty() { "" } else { "." };
    fits.then(|| Exact { sql: format!("'{whole}{point}{fraction}'"), integer: None })
}

/// One of the column's own strings.
fn member(cx: &Context<'_>, column: &Column, operand: &Operand) -> Option<Exact> {
    let given = string(cx, operand)?;
    let simple =
        !given.is_empty() && given.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b));
    let listed = column.column_type.contains(&format!("'{given}'"));
    (simple && listed).then(|| Exact { sql: format!("_utf8mb4 x'{}'", hex(given.as_bytes())), integer: None })
}

/// Digits that fit DECIMAL(p,s) without rounding.
fn decimal(cx: &Context<'_>, column: &Column, operand: &Operand) -> Option<Exact> {
    let kind = column.column_type.to_ascii_lowercase();
    let (precision, scale) = kind.strip_prefix("decimal(")?.split_once(')')?.0.split_once(',')?;
    let (precision, scale): (usize, usize) = (precision.parse().ok()?, scale.parse().ok()?);
    let given = match (cx.integer(operand), cx.value(operand)) {
        (Some(number), _) => number.to_string(),
        (None, Some(Value::Decimal(digits))) => String::from_utf8(digits.clone()).ok()?,
        (None, _) => cx.decimal(operand).or_else(|| string(cx, operand))?,
    };
    let digits = given.strip_prefix('-').unwrap_or(&given);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let signed = given.len() == digits.len() || !kind.contains("unsigned");
    let fits = fraction.trim_end_matches('0').len() <= scale
        && whole.trim_start_matches('0').len() <= precision.saturating_sub(scale);
    (number && signed && fits).then_some(Exact { sql: given, integer: None })
}

fn fits(column: &Column, exact: &Exact) -> bool {
    if let Some(number) = exact.integer {
        return integer_range(column).is_some_and(|range| range.contains(&number));
    }
    if !matches!(column.kind, ColumnKind::Text | ColumnKind::Binary) {
        return true;
    }
    let kind = column.column_type.to_ascii_lowercase();
    let length = kind.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(length, _)| length);
    let (Some(length), Some(digits)) =
        (length.and_then(|text| text.parse::<usize>().ok()), exact.sql.split('\'').nth(1))
    else {
        return false;
    };
    let bytes = digits.len() / 2;
    match column.kind {
        ColumnKind::Binary if kind.starts_with("binary") => bytes == length,
        ColumnKind::Binary => bytes <= length,
        _ => {
            let unicode = charset(column) == Some("utf8mb4");
            let ascii = !has_high_byte(digits);
            // Trailing spaces and padding compare as the collation says; shorter is enough here.
            (unicode || ascii) && characters(digits) <= length
        }
    }
}

fn has_high_byte(digits: &str) -> bool {
    digits.as_bytes().iter().step_by(2).any(|digit| !digit.is_ascii_digit() || *digit >= b'8')
}

/// Characters of UTF-8 in hex: all bytes but continuation bytes 0x80–0xBF.
fn characters(digits: &str) -> usize {
    digits.as_bytes().iter().step_by(2).filter(|digit| !matches!(digit, b'8' | b'9' | b'A' | b'B')).count()
}
