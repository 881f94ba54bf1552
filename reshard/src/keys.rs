//! Primary keys as values: read losslessly from the server and written back into SQL as literals
//! that keep the index usable.
//!
//! A key part travels as the text of [`KeyShape::select_list`] (decimal digits, `HEX` of the bytes, or a
//! date at UTC) and comes back as a literal of the column's own type: strings as `_charset X'…'`, so
//! that the comparison uses the *column's* collation, whatever the session's is, and binary
//! keys, negative ones and id 0 survive. Ranges are `(after, upto]`; either end may be open.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use topology::{ColumnKind, QualifiedName, TableSchema, quote_ident};

/// One primary key: a text a column, as [`KeyShape::select_list`] gives it. Never shown to users as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<String>);

/// A range of keys in primary key order: above `after`, up to and including `upto`; `None` is open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyRange {
    /// Exclusive lower end.
    pub after: Option<Key>,
    /// Inclusive upper end.
    pub upto: Option<Key>,
}

/// A key whose text does not fit its column: a checkpoint of another table, or one edited by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no value of key column `{column}`; nothing was changed with it")]
pub struct KeyError {
    column: String,
    text: String,
}

/// How one key column is read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Digits, with sign, point or exponent; also ENUM, SET and BIT as their number.
    Number,
    /// `HEX` of the bytes, and the character set's introducer (`_binary` for bytes).
    Bytes { introducer: String },
    /// Quoted text: dates, times, UUID, INET6.
    Quoted,
}

/// The primary key of one table: its columns and how each is read, compared and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShape {
    columns: Vec<(String, Part, ColumnKind)>,
}

impl KeyShape {
    /// The shape of `schema`'s primary key.
    #[must_use]
    pub fn new(schema: &TableSchema) -> Self {
        let columns = schema.primary_key.iter().map(|name| {
            let column = schema.column(name);
            let kind = column.map_or(ColumnKind::Other, |column| column.kind);
            let collation = column.and_then(|column| column.collation.as_deref());
            let decimal = column.is_some_and(|c| c.column_type.starts_with("decimal"));
            (name.clone(), part_of(kind, collation, decimal), kind)
        });
        Self { columns: columns.collect() }
    }

    /// How many columns the key has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The column's name, where the key is one integer column (then progress can be scaled by it).
    #[must_use]
    pub fn single_integer(&self) -> Option<&str> {
        match self.columns.as_slice() {
            [(name, _, ColumnKind::Integer { .. })] => Some(name),
            _ => None,
        }
    }

    /// Whether the key's columns keep type and order in a UNION: ENUM, SET and BIT do not.
    #[must_use]
    pub fn survives_union(&self) -> bool {
        let lost = |kind| matches!(kind, ColumnKind::Enum | ColumnKind::Set | ColumnKind::Bit);
        !self.columns.iter().any(|(_, _, kind)| lost(*kind))
    }

    /// SQL for the key of table `alias` as texts: `` CAST(`l`.`id` AS CHAR),… ``.
    #[must_use]
    pub fn select_list(&self, alias: &str) -> String {
        self.join(",", |name, part, kind| {
            let column = qualified(alias, name);
            match (part, kind) {
                (Part::Bytes { .. }, _) => format!("HEX({column})"),
                (_, ColumnKind::Enum | ColumnKind::Set | ColumnKind::Bit) => {
                    format!("CAST(CAST({column} AS UNSIGNED) AS CHAR)")
                }
                (_, ColumnKind::Float) => format!("CAST({column}*1e0 AS CHAR)"),
                _ => format!("CAST({column} AS CHAR)"),
            }
        })
    }

    /// `` `l`.`a`,`l`.`b` ``.
    #[must_use]
    pub fn column_list(&self, alias: &str) -> String {
        self.join(",", |name, _, _| qualified(alias, name))
    }

    /// The order of the primary key, with `direction` (`ASC` or `DESC`) on each column.
    #[must_use]
    pub fn order_by(&self, alias: &str, direction: &str) -> String {
        self.join(",", |name, _, _| format!("{} {direction}", qualified(alias, name)))
    }

    /// `` `s`.`a`=`l`.`a` AND … ``, by the columns' own collation.
    #[must_use]
    pub fn equal_columns(&self, left: &str, right: &str) -> String {
        self.join(" AND ", |name, _, _| format!("{}={}", qualified(left, name), qualified(right, name)))
    }

    /// The key's columns as literals: `1,_utf8mb4 X'61'`.
    ///
    /// # Errors
    /// [`KeyError`] when a text does not fit its column.
    pub fn literals(&self, key: &Key) -> Result<Vec<String>, KeyError> {
        if key.0.len() != self.columns.len() {
            return Err(KeyError {
                column: self.join(",", |name, _, _| name.to_owned()),
                text: key.0.join(","),
            });
        }
        let parts = self.columns.iter().zip(&key.0);
        parts.map(|((name, part, _), text)| literal(name, part, text)).collect()
    }

    /// A condition that is true for the rows of `alias` in `range`; `TRUE` for the open range.
    ///
    /// The leading `a >= x AND (a > x OR …)` is for the optimizer: both servers turn it into one
    /// range of the primary key, also where the first column has few values.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn in_range(&self, alias: &str, range: &KeyRange) -> Result<String, KeyError> {
        let mut terms = Vec::new();
        if let Some(after) = &range.after {
            terms.push(self.bound(alias, after, '>', false)?);
        }
        if let Some(upto) = &range.upto {
            terms.push(self.bound(alias, upto, '<', true)?);
        }
        if terms.is_empty() {
            return Ok("TRUE".to_owned());
        }
        Ok(terms.join(" AND "))
    }

    fn bound(&self, alias: &str, key: &Key, side: char, inclusive: bool) -> Result<String, KeyError> {
        let literals = self.literals(key)?;
        let mut sql = String::new();
        let mut close = 0;
        let last = self.columns.len() - 1;
        for (i, ((name, _, _), value)) in self.columns.iter().zip(&literals).enumerate() {
            let column = qualified(alias, name);
            if i == last {
                let or_equal = if inclusive { "=" } else { "" };
                let _ = write!(sql, "{column}{side}{or_equal}{value}");
            } else {
                let _ = write!(
                    sql,
                    "{column}{side}={value} AND ({column}{side}{value} OR ({column}={value} AND "
                );
                close += 2;
            }
        }
        sql.push_str(&")".repeat(close));
        Ok(format!("({sql})"))
    }

    /// A condition that is true for exactly these keys; `FALSE` for none.
    ///
    /// Callers keep lists at or below [`MAX_KEYS_A_LIST`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn any_of<'a>(
        &self,
        alias: &str,
        keys: impl IntoIterator<Item = &'a Key>,
    ) -> Result<String, KeyError> {
        let mut terms = Vec::new();
        for key in keys {
            let literals = self.literals(key)?;
            if let [only] = literals.as_slice() {
                terms.push(only.clone());
                continue;
            }
            let mut values = literals.iter();
            terms.push(format!(
                "({})",
                self.join(" AND ", |name, _, _| format!(
                    "{}={}",
                    qualified(alias, name),
                    values.next().map_or("NULL", String::as_str)
                ))
            ));
        }
        Ok(match (terms.is_empty(), self.columns.as_slice()) {
            (true, _) => "FALSE".to_owned(),
            (false, [(name, _, _)]) => {
                format!("{} IN ({})", qualified(alias, name), terms.join(","))
            }
            (false, _) => format!("({})", terms.join(" OR ")),
        })
    }

    /// Deletes exactly these keys from `table`, by the primary key whatever the optimizer thinks of the list.
    ///
    /// Only the multi-table form takes an index hint, and an alias in it needs a default database in MySQL (1046).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn delete_sql<'a>(
        &self,
        table: &QualifiedName,
        keys: impl IntoIterator<Item = &'a Key>,
    ) -> Result<String, KeyError> {
        let quoted = table.quoted();
        Ok(format!(
            "DELETE {quoted} FROM {quoted} FORCE INDEX (PRIMARY) WHERE {}",
            self.any_of(&table.table, keys)?
        ))
    }

    /// The key as a person reads it: `id=5`, `tenant='a', n=3`.
    #[must_use]
    pub fn show(&self, key: &Key) -> String {
        let parts = self.columns.iter().zip(&key.0);
        let shown = parts.map(|((name, part, _), text)| match part {
            Part::Bytes { .. } => format!("{name}={}", show_hex(text)),
            Part::Number => format!("{name}={text}"),
            Part::Quoted => format!("{name}='{text}'"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn join(&self, separator: &str, mut sql: impl FnMut(&str, &Part, ColumnKind) -> String) -> String {
        let parts = self.columns.iter().map(|(name, part, kind)| sql(name, part, *kind));
        parts.collect::<Vec<_>>().join(separator)
    }
}

/// The longest list of keys in one statement.
///
/// 500 equality ranges stay far below MySQL's `range_optimizer_max_mem_size` (8 MB, about 35,000 simple
/// ranges, fewer for composite keys) and below MariaDB's `in_predicate_conversion_threshold` (1,000):
/// beyond either the statement scans the whole index, with locks.
pub const MAX_KEYS_A_LIST: usize = 500;

fn part_of(kind: ColumnKind, collation: Option<&str>, decimal: bool) -> Part {
    match kind {
        ColumnKind::Integer { .. }
        | ColumnKind::Enum
        | ColumnKind::Set
        | ColumnKind::Bit
        | ColumnKind::Float
        | ColumnKind::Double => Part::Number,
        ColumnKind::Other if decimal => Part::Number,
        ColumnKind::Text | ColumnKind::Json => {
            // Every collation's name begins with its character set's.
            let charset = collation.unwrap_or("utf8mb4");
            let charset = charset.split('_').next().unwrap_or(charset);
            Part::Bytes { introducer: format!("_{charset}") }
        }
        ColumnKind::Binary => Part::Bytes { introducer: "_binary".to_owned() },
        ColumnKind::Temporal | ColumnKind::Timestamp | ColumnKind::Other => Part::Quoted,
    }
}

fn literal(name: &str, part: &Part, text: &str) -> Result<String, KeyError> {
    let fits = |allowed: fn(u8) -> bool| text.bytes().all(allowed);
    let good = match part {
        Part::Number => !text.is_empty() && fits(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)),
        Part::Bytes { .. } => text.len().is_multiple_of(2) && fits(|b| b.is_ascii_hexdigit()),
        Part::Quoted => fits(|b| b.is_ascii_alphanumeric() || b" :.-".contains(&b)),
    };
    if !good {
        return Err(KeyError { column: name.to_owned(), text: text.to_owned() });
    }
    Ok(match part {
        Part::Number => text.to_owned(),
        Part::Bytes { introducer } => format!("{introducer} X'{text}'"),
        Part::Quoted => format!("'{text}'"),
    })
}

fn qualified(alias: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(alias), quote_ident(name))
}

/// Text where the bytes are printable UTF-8, else `0x…`.
fn show_hex(hex: &str) -> String {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes: Vec<u8> =
        digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("'{text}'"),
        _ => format!("0x{hex}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{schema, text_column};

    fn key(parts: &[&str]) -> Key {
        Key(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    #[test]
    fn a_range_of_one_integer_is_two_comparisons() {
        let shape = KeyShape::new(&schema(&["id"], vec![]));
        let range = KeyRange { after: Some(key(&["-7"])), upto: Some(key(&["0"])) };
        assert_eq!(shape.in_range("l", &range).unwrap(), "(`l`.`id`>-7) AND (`l`.`id`<=0)");
        assert_eq!(shape.in_range("l", &KeyRange::default()).unwrap(), "TRUE");
    }

    #[test]
    fn composite_ranges_compare_in_key_order() {
        let shape = KeyShape::new(&schema(&["name", "id"], vec![text_column("name")]));
        let range = KeyRange { after: Some(key(&["C3A9", "5"])), upto: None };
        assert_eq!(
            shape.in_range("l", &range).unwrap(),
            "(`l`.`name`>=_latin1 X'C3A9' AND (`l`.`name`>_latin1 X'C3A9' OR \
             (`l`.`name`=_latin1 X'C3A9' AND `l`.`id`>5)))"
        );
        assert_eq!(
            shape.any_of("s", [&key(&["61", "1"]), &key(&["", "2"])]).unwrap(),
            "((`s`.`name`=_latin1 X'61' AND `s`.`id`=1) OR (`s`.`name`=_latin1 X'' AND `s`.`id`=2))"
        );
        assert_eq!(shape.show(&key(&["6162", "2"])), "name='ab', id=2");
        assert_eq!(shape.show(&key(&["FF", "2"])), "name=0xFF, id=2");
    }

    #[test]
    fn a_text_that_is_no_value_makes_no_sql() {
        let shape = KeyShape::new(&schema(&["name", "id"], vec![text_column("name")]));
        for bad in [["61", "1 OR 1"], ["6", "1"], ["x'", "1"], ["61", ""]] {
            assert!(shape.literals(&key(&bad)).is_err(), "{bad:?}");
        }
        assert!(shape.literals(&key(&["61"])).is_err());
    }
}
