//! Every statement of the corpus is planned in every phase, with the tables that it names sharded.
//!
//! `testdata/corpus_plans.txt` has one line a statement: what 1100, 1101, 0111 and 0011 make of it.
//! `UPDATE_GOLDEN=1` writes it anew; read the difference. What ORMs send must all be planned.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fmt::Write as _, sync::Arc};

use sql_rewrite::{Plan, Planner, Value, explain};
use topology::TableSchema;

/// `group | tables | origin` and the statement, its placeholders for long lists filled in.
fn blocks(text: &str) -> Vec<(Vec<String>, String)> {
    let list = |join: &str, each: fn(u32) -> String| (0..2000).map(each).collect::<Vec<_>>().join(join);
    let parse = |block: &str| {
        let (tags, sql) = block.split_once('\n')?;
        let sql = sql.trim_end_matches('\n').replace("@@BIGIN@@", &list(", ", |n| n.to_string()));
        let sql = sql.replace("@@BIGOR@@", &list(" OR ", |n| format!("a = {n}")));
        Some((tags.split('|').map(|tag| tag.trim().to_owned()).collect(), sql))
    };
    text.split("\n@@ ").skip(1).filter_map(parse).collect()
}

/// A table of this name: `id` generated, and the columns that the corpus uses.
fn schema(number: usize, name: &str) -> TableSchema {
    let mut schema = common::table(
        &format!("t{number}"),
        "id",
        "app.x_{0..1}",
        &["id bigint auto_increment", "a int null", "b varchar(50) null", "email varchar(50) null"],
        &["id"],
        &[],
    );
    schema.table = topology::ShardedTable::new(
        &format!("t{number}"),
        &format!("app.{name}"),
        "id",
        &format!("app.{name}_{{0..1}}"),
    )
    .unwrap();
    schema
}

/// The plan in a word.
fn word(plan: &Plan) -> String {
    match plan {
        Plan::Refuse(refusal) => format!("refused:{}", refusal.reason),
        other => {
            let text = explain(other, None);
            text.split(['\n', ','])
                .next()
                .unwrap_or_default()
                .split(" to ")
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

fn planned(tags: &[String], sql: &str) -> String {
    let names = tags.get(1).map_or("", String::as_str);
    let origin = tags.get(2).map_or("", String::as_str);
    let schemas: Vec<TableSchema> = names
        .split(',')
        .filter(|name| !name.is_empty() && *name != "-")
        .enumerate()
        .map(|(i, name)| schema(i, name))
        .collect();
    let mariadb = origin.contains("mariadb");
    let mut facts = common::facts(mariadb);
    facts.sql_mode.ansi_quotes = origin == "drupal";
    if sql.contains("db.") || sql.contains("`db`") {
        facts.database = Some("db".to_owned());
    }
    let schemas: Vec<TableSchema> = schemas
        .into_iter()
        .map(|mut schema| {
            if facts.database.as_deref() == Some("db") {
                let legacy = schema.table.legacy().table.clone();
                let id = schema.table.id().to_string();
                let shards = format!("db.{legacy}_{{0..1}}");
                schema.table =
                    topology::ShardedTable::new(&id, &format!("db.{legacy}"), "id", &shards).unwrap();
            }
            schema
        })
        .collect();
    let planner = Planner::new(schemas.iter().map(|schema| Arc::new(schema.table.clone())).collect());
    let params: Vec<Value> = sql.bytes().filter(|byte| *byte == b'?').map(|_| Value::Int(7)).collect();
    let mut words: Vec<String> = Vec::new();
    for phase in common::PHASES {
        let plans: Vec<String> = planner
            .read(sql.as_bytes(), &facts)
            .iter()
            .map(|statement| {
                word(&planner.plan(statement, &facts, Some(&params), &common::view(&schemas, phase)))
            })
            .collect();
        words.push(plans.join("; "));
    }
    words.join(" | ")
}

const ORMS: [&str; 12] = [
    "django",
    "rails",
    "hibernate",
    "sequelize",
    "gorm",
    "laravel",
    "sqlalchemy",
    "prisma",
    "jdbc",
    "typeorm",
    "sqlcommenter",
    "doctrine",
];

#[test]
fn corpus_is_planned() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/statements.txt");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/corpus_plans.txt");
    let blocks = blocks(&std::fs::read_to_string(corpus).unwrap());
    assert!(blocks.len() > 250);
    let mut made = String::new();
    for (tags, sql) in &blocks {
        let short: String = sql.chars().take(90).map(|c| if c == '\n' { ' ' } else { c }).collect();
        let orm = ORMS.iter().any(|orm| tags.get(2).is_some_and(|origin| origin.starts_with(orm)));
        let mark = if orm { "ORM " } else { "" };
        let _ = writeln!(made, "{mark}{short}\n    {}", planned(tags, sql));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &made).unwrap();
    }
    let text = std::fs::read_to_string(golden).unwrap();
    let differs = made.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(made == text, "made and golden differ first in {differs:?}; UPDATE_GOLDEN=1 rewrites the file");
}
