//! Cases as data: `tests/cases/*.sql`.
//!
//! ```text
//! -- case update by key              a new case; its statements run in one session
//! -- params 5, 'x', NULL             values of the next statement's question marks
//! -- ordered                         the next statement orders its rows totally: compare them in order
//! -- count                           it does not, and has a LIMIT: compare only the number of rows
//! -- refused 1101 0111 0011          the next statement may be refused by name in these phases; else it is the same
//! -- only mysql                      (or mariadb) the whole case, where the other server lacks the syntax
//! UPDATE user SET name = 'x' WHERE id = 5;
//! ```
//! A statement ends with `;` at the end of a line. Other lines that begin with `-- ` are comments.

use topology::Phase;

use crate::{Failure, Outcome, client::Value, servers::Kind};

/// How a result is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// As a multiset: the statement leaves the order open.
    #[default]
    AnyOrder,
    /// In order.
    Ordered,
    /// Only how many.
    Count,
}

/// One statement.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Its text.
    pub sql: String,
    /// Values of its question marks.
    pub values: Vec<Value>,
    /// How its rows are compared.
    pub rows: Rows,
    /// Phases in which it may be refused by name.
    pub refused: Vec<Phase>,
}

/// A few statements of one session.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// For a person.
    pub name: String,
    /// The only kind of server that has this syntax.
    pub only: Option<Kind>,
    /// The statements.
    pub steps: Vec<Step>,
}

impl Step {
    /// Whether it can change rows: then both tables are compared after it.
    #[must_use]
    pub fn may_write(&self) -> bool {
        let sql = self.sql.trim_start().to_ascii_lowercase();
        let read = ["select", "show", "set", "(", "table", "values", "explain", "desc"];
        !read.iter().any(|word| sql.starts_with(word))
    }

    /// Statements that frame others run as text also in the prepared run: servers do not prepare all of them.
    #[must_use]
    pub fn text_only(&self) -> bool {
        let sql = self.sql.trim_start().to_ascii_lowercase();
        let words = [
            "start",
            "begin",
            "commit",
            "rollback",
            "savepoint",
            "release",
            "set ",
            "show",
            "lock",
            "unlock",
            "prepare",
            "execute",
            "deallocate",
        ];
        words.iter().any(|word| sql.starts_with(word))
    }

    /// Whether LOCK TABLES is in force after it, if it changes that.
    #[must_use]
    pub fn locks_tables(&self) -> Option<bool> {
        let sql = self.sql.trim_start().to_ascii_lowercase();
        let ends = ["unlock", "start transaction", "begin"].iter().any(|word| sql.starts_with(word));
        if ends { Some(false) } else { sql.starts_with("lock table").then_some(true) }
    }

    /// The text with its values in place of the question marks.
    #[must_use]
    pub fn literal(&self) -> String {
        self.with_literals(&self.sql)
    }

    /// `sql`, which has the same question marks, likewise.
    #[must_use]
    pub fn with_literals(&self, sql: &str) -> String {
        let mut values = self.values.iter();
        let put = |part: &str| match part.strip_suffix('?') {
            Some(head) => format!("{head}{}", values.next().map_or("?".to_owned(), literal)),
            None => part.to_owned(),
        };
        if self.values.is_empty() {
            return sql.to_owned();
        }
        sql.split_inclusive('?').map(put).collect()
    }
}

/// As it stands in SQL text.
#[must_use]
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null | Value::NullOf(_) => "NULL".to_owned(),
        Value::Ahead(_) => "?".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::UInt(v) => v.to_string(),
        Value::Double(v) => format!("{v:e}"),
        Value::Text(v) => format!("'{}'", v.replace('\\', "\\\\").replace('\'', "''")),
        Value::Typed(v) => v.literal.clone(),
    }
}

/// Reads a file of cases.
///
/// # Errors
/// The line that makes no sense.
pub fn parse(text: &str) -> Outcome<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut step = Step::default();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| Failure::from(format!("line {}: {what}: {line}", number + 1));
        if let Some(name) = line.strip_prefix("-- case ") {
            cases.push(Case { name: name.trim().to_owned(), ..Case::default() });
            continue;
        }
        let inside = !step.sql.is_empty();
        let Some(case) = cases.last_mut() else { continue };
        if let (Some(directive), false) = (line.strip_prefix("-- "), inside) {
            let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            match word {
                "params" => step.values = values(rest).ok_or_else(|| wrong("bad value"))?,
                "ordered" => step.rows = Rows::Ordered,
                "count" => step.rows = Rows::Count,
                "refused" => {
                    step.refused = rest.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
                }
                "only" => case.only = Kind::ALL.into_iter().find(|kind| kind.name() == rest.trim()),
                _ => {}
            }
        } else if inside || !line.trim().is_empty() {
            step.sql.push_str(line);
            if let Some(sql) = step.sql.trim_end().strip_suffix(';') {
                step.sql = sql.to_owned();
                case.steps.push(std::mem::take(&mut step));
            } else {
                step.sql.push('\n');
            }
        }
    }
    if step.sql.is_empty() { Ok(cases) } else { Err(format!("no end: {}", step.sql).into()) }
}

/// Values, parted by a comma and a space: `5, 'x', NULL`.
pub fn values(text: &str) -> Option<Vec<Value>> {
    text.split(", ")
        .map(|word| {
            let word = word.trim();
            if word == "NULL" {
                return Some(Value::Null);
            }
            if let Some(quoted) = word.strip_prefix('\'') {
                return Some(Value::Text(quoted.strip_suffix('\'')?.to_owned()));
            }
            let int = word.parse().map(Value::Int).ok();
            int.or_else(|| word.parse().map(Value::UInt).ok())
                .or_else(|| word.parse().map(Value::Double).ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_cases() {
        let text = "-- case one\n-- a comment\n-- params 5, 'a b', NULL\nSELECT ?,\n ?, ?;\n-- ordered\n-- refused 1101 0011\n\
                    SELECT 1 -- ;\n;\n-- case two\n-- only mysql\nBEGIN;\n";
        let cases = parse(text).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[0].steps[0].literal(), "SELECT 5,\n 'a b', NULL");
        assert_eq!(cases[0].steps[1].rows, Rows::Ordered);
        assert_eq!(cases[0].steps[1].refused, [Phase::DualWrite, Phase::Shards]);
        assert_eq!(cases[1].only, Some(Kind::MySql));
        assert!(cases[1].steps[0].text_only() && cases[1].steps[0].may_write());
        assert!(parse("-- case x\nSELECT 1\n").is_err());
    }
}
