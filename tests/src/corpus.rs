//! The corpus: statements that ORMs, frameworks and people send, and the tables that they are run on. All of it is
//! data, in `tests/corpus`; [`runner`] runs it, [`report`] tells what came out.

use crate::{
    Failure, Outcome,
    same::case::{Rows, Step, values},
    servers,
};

pub mod fixture;
pub mod plans;
pub mod report;
pub mod runner;

/// The tables of a block that names none.
const USUAL: &str = "usual";

/// Who writes SQL for an application, in the origins of `statements.txt`: the beginning of one is enough.
const FRAMEWORKS: [&str; 17] = [
    "django",
    "doctrine",
    "drupal",
    "efcore",
    "gorm",
    "hibernate",
    "jdbc",
    "laravel",
    "magento",
    "prisma",
    "rails",
    "sequelize",
    "sqlalchemy",
    "sqlcommenter",
    "typeorm",
    "wordpress",
    "mysqldump",
];

/// One statement, or a few in one text.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The tables that it names.
    pub tables: Vec<String>,
    /// Who writes such.
    pub origin: String,
    /// The set of tables that it is run on.
    pub schema: String,
    /// Its text, values and how its rows are compared.
    pub step: Step,
    /// The order within each value is the server's choice.
    pub bags: bool,
    /// The parser gives the warnings: once for each text that is run, and to PREPARE.
    pub codes: bool,
    /// A name in it that stands for the database.
    pub database: Option<String>,
    /// What its session is told before.
    pub first: Option<String>,
    /// What takes it back, where it changes more than rows.
    pub undo: Option<String>,
    /// Why no server can run it in a comparison.
    pub not_run: Option<String>,
}

/// A set of tables: the statements that make and fill them.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// Its name.
    pub name: String,
    /// SQL.
    pub statements: Vec<String>,
}

impl Block {
    /// Whether an ORM or a framework writes such.
    #[must_use]
    pub fn of_a_framework(&self) -> bool {
        FRAMEWORKS.iter().any(|name| self.origin.starts_with(name))
    }

    /// Its text where the database is called `schema`.
    #[must_use]
    pub fn sql(&self, schema: &str) -> String {
        self.database.as_ref().map_or(self.step.sql.clone(), |name| renamed(&self.step.sql, name, schema))
    }

    /// Its first words, for a person.
    #[must_use]
    pub fn short(&self, characters: usize) -> String {
        self.step.sql.chars().take(characters).map(|c| if c == '\n' { ' ' } else { c }).collect()
    }
}

/// `sql` with the identifier `name`, in backticks or a word of its own before or behind a dot, FROM or DATABASE, replaced.
fn renamed(sql: &str, name: &str, new: &str) -> String {
    let mut out = sql.replace(&format!("`{name}`"), &format!("`{new}`"));
    for (before, behind) in [("", "."), ("DATABASE ", ""), ("FROM ", " WHERE")] {
        let part = |name: &str| format!(" {before}{name}{behind}");
        out = out.replace(&part(name), &part(new));
    }
    out
}

/// The statements.
///
/// # Errors
/// The block that makes no sense.
pub fn blocks() -> Outcome<Vec<Block>> {
    let text = std::fs::read_to_string(servers::checkout().join("tests/corpus/statements.txt"))?;
    text.split("\n@@ ").skip(1).map(block).collect()
}

fn block(text: &str) -> Outcome<Block> {
    let wrong = |what: &str| Failure::from(format!("{what}: {text}"));
    let (header, sql) = text.split_once('\n').ok_or_else(|| wrong("no statement"))?;
    let mut fields = header.split(" | ").skip(1);
    let (Some(tables), Some(origin)) = (fields.next(), fields.next()) else {
        return Err(wrong("group | tables | origin is needed"));
    };
    let mut block = Block {
        tables: tables.split(',').filter(|name| *name != "-").map(str::to_owned).collect(),
        origin: origin.to_owned(),
        schema: USUAL.to_owned(),
        step: Step { sql: filled_in(sql.trim_end_matches('\n')), ..Step::default() },
        ..Block::default()
    };
    for field in fields {
        let (word, rest) = field.split_once(' ').unwrap_or((field, ""));
        let rest_owned = || Some(rest.to_owned());
        match word {
            "in" => rest.clone_into(&mut block.schema),
            "params" => block.step.values = values(rest).ok_or_else(|| wrong("bad value"))?,
            "db" => block.database = rest_owned(),
            "first" => block.first = rest_owned(),
            "undo" => block.undo = rest_owned(),
            "ordered" => block.step.rows = Rows::Ordered,
            "bags" => block.bags = true,
            "codes" => block.codes = true,
            "count" => block.step.rows = Rows::Count,
            "not" => block.not_run = rest.strip_prefix("run: ").map(str::to_owned),
            _ => return Err(wrong("unknown field")),
        }
    }
    Ok(block)
}

/// Long lists are not written out.
fn filled_in(sql: &str) -> String {
    let list = |join: &str, each: fn(u32) -> String| (0..2000).map(each).collect::<Vec<_>>().join(join);
    sql.replace("@@BIGIN@@", &list(", ", |n| n.to_string()))
        .replace("@@BIGOR@@", &list(" OR ", |n| format!("a = {n}")))
}

/// The sets of tables.
///
/// # Errors
/// When the file cannot be read.
pub fn schemas() -> Outcome<Vec<Definitions>> {
    let text = std::fs::read_to_string(servers::checkout().join("tests/corpus/schemas.sql"))?;
    Ok(text.split("\n-- schema ").skip(1).filter_map(definitions).collect())
}

fn definitions(text: &str) -> Option<Definitions> {
    let (name, sql) = text.split_once('\n')?;
    let statements = sql.split(";\n").map(str::trim).filter(|sql| !sql.is_empty());
    Some(Definitions {
        name: name.split(':').next()?.to_owned(),
        statements: statements.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_its_tables_and_its_values() {
        let (blocks, schemas) = (blocks().unwrap(), schemas().unwrap());
        assert_eq!(blocks.len(), 261);
        for block in &blocks {
            assert!(schemas.iter().any(|schema| schema.name == block.schema), "{block:?}");
            let marks = block.step.sql.bytes().filter(|byte| *byte == b'?').count();
            assert_eq!(marks, block.step.values.len(), "{block:?}");
        }
        for schema in &schemas {
            assert!(blocks.iter().any(|block| block.schema == schema.name), "nothing runs on {schema:?}");
        }
    }

    #[test]
    fn the_database_has_another_name_wherever_it_is_named() {
        for (sql, new) in [
            ("SELECT `db`.`t`.`x`, db FROM db.t", "SELECT `it`.`t`.`x`, db FROM it.t"),
            ("SHOW INDEX FROM t FROM db WHERE a", "SHOW INDEX FROM t FROM it WHERE a"),
            ("SHOW CREATE DATABASE db", "SHOW CREATE DATABASE it"),
            ("UPDATE t SET db.t.a = 1", "UPDATE t SET it.t.a = 1"),
        ] {
            assert_eq!(renamed(sql, "db", "it"), new);
        }
    }
}
