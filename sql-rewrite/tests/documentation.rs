//! docs/SQL.md is made from `testdata/docs/SQL.md`, its prose, and from what the tests know: what each phase makes of
//! each class of statements, every reason of a refusal with a statement of the golden cases, and the corpus as it fared
//! on both servers. `UPDATE_GOLDEN=1` writes it; read the difference.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::read_to_string,
    path::{Path, PathBuf},
};

use common::{Case, cases, params};
use sql_rewrite::{Plan, REFUSALS, how};

/// A statement that is shown beside a reason is no longer than this.
const EXAMPLE: usize = 100;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All cases of the golden plans.
fn golden() -> Vec<Case> {
    let mut files: Vec<PathBuf> =
        here("testdata/plans").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| cases(&read_to_string(file).unwrap()).1).collect()
}

/// The plans of a case, statement by statement, in each phase.
fn plans(case: &Case) -> Vec<(&'static str, Vec<Plan>)> {
    let schemas = common::tables();
    let planner = common::planner(&schemas);
    let facts = common::facts_of(case);
    let statements = planner.read(case.sql.as_bytes(), &facts);
    let plan = |phase| {
        let view = common::view_of(case, &schemas, phase);
        statements.iter().map(|it| planner.plan(it, &facts, params(case).as_deref(), &view)).collect()
    };
    common::PHASES.into_iter().map(|phase| (phase.flag(), plan(phase))).collect()
}

/// A cell of a table in Markdown: one line, and no `|` of its own.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// Code in Markdown, whatever quotes are in it.
fn code(sql: &str) -> String {
    let sql = cell(sql);
    if sql.contains('`') { format!("`` {sql} ``") } else { format!("`{sql}`") }
}

fn classes() -> String {
    let shards = common::tables()[0].table.shards().len();
    let mut out = "| statement on a sharded table | for instance | 1100 | 1101 | 0111 | 0011 |\n".to_owned();
    out += "|---|---|---|---|---|---|\n";
    let text = read_to_string(here("testdata/docs/classes.txt")).unwrap();
    for class in text.split("\n@@ ").skip(1) {
        let mut lines = class.lines().filter(|line| !line.is_empty());
        let title = lines.next().unwrap();
        let examples: Vec<&str> = lines.collect();
        let mut phases: Vec<Vec<String>> = vec![Vec::new(); common::PHASES.len()];
        for sql in &examples {
            let case = Case { options: String::new(), sql: (*sql).to_owned() };
            for ((_, plans), words) in plans(&case).iter().zip(&mut phases) {
                let word = how(&plans[0], shards);
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        let phases: Vec<String> = phases.iter().map(|words| words.join("; ")).collect();
        let _ = writeln!(out, "| {} | {} | {} |", cell(title), code(examples[0]), phases.join(" | "));
    }
    out.trim_end().to_owned()
}

/// Every reason, with its advice and the shortest statement of the golden cases that is refused for it.
fn refusals() -> String {
    let mut shortest: BTreeMap<&str, (Case, Vec<&str>)> = BTreeMap::new();
    for case in golden() {
        let mut phases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (phase, plans) in plans(&case) {
            for plan in plans {
                if let Plan::Refuse(refusal) = plan {
                    phases.entry(refusal.reason).or_default().push(phase);
                }
            }
        }
        for (reason, phases) in phases {
            let shorter = shortest.get(reason).is_none_or(|(other, _)| case.sql.len() < other.sql.len());
            if shorter && case.sql.len() <= EXAMPLE {
                let shown = Case { options: case.options.clone(), sql: case.sql.clone() };
                shortest.insert(reason, (shown, phases));
            }
        }
    }
    let mut out = "| reason | what to do | for instance |\n|---|---|---|\n".to_owned();
    for (reason, advice) in REFUSALS {
        let example = shortest.get(reason).map(|(case, phases)| {
            let options =
                if case.options.is_empty() { String::new() } else { format!(" ({})", case.options) };
            format!("{}{} in {}", code(&case.sql), cell(&options), phases.join(", "))
        });
        let _ = writeln!(out, "| `{reason}` | {} | {} |", cell(advice), example.unwrap_or_default());
    }
    out.trim_end().to_owned()
}

/// How the corpus fared on each server.
fn corpus() -> String {
    let mut out = String::new();
    for (server, file) in [("MySQL", "on_mysql.txt"), ("MariaDB", "on_mariadb.txt")] {
        let text = read_to_string(here("../tests/corpus").join(file)).unwrap();
        let mut blocks = text.split("\n@@ ");
        let _ = writeln!(out, "On {server}:\n");
        for figure in blocks.next().unwrap_or_default().lines().skip(1).filter(|line| !line.is_empty()) {
            let _ = writeln!(out, "- {figure}");
        }
        let refused: Vec<String> = blocks.filter_map(refused).collect();
        let _ = writeln!(
            out,
            "\nRefused of these:\n\n| statement | phases and reasons |\n|---|---|\n{}\n",
            refused.join("\n")
        );
    }
    out.trim_end().to_owned()
}

/// A row for a statement that is refused in some phase although the server runs it.
fn refused(block: &str) -> Option<String> {
    let mut lines = block.lines().skip(1).filter(|line| !line.is_empty());
    let sql = lines.next()?;
    let phases: Vec<&str> = lines.map(str::trim).collect();
    let runs = !phases.iter().any(|line| line.contains("as without Shunt") || line.starts_with("not run"));
    let refused: Vec<&str> = phases.into_iter().filter(|line| line.contains("refused: ")).collect();
    (runs && !refused.is_empty()).then(|| format!("| {} | {} |", code(sql), cell(&refused.join("; "))))
}

#[test]
fn the_documentation_says_what_the_data_say() {
    let prose = read_to_string(here("testdata/docs/SQL.md")).unwrap();
    let made = prose
        .replace("{{cases}}", &golden().len().to_string())
        .replace("{{classes}}", &classes())
        .replace("{{refusals}}", &refusals())
        .replace("{{corpus}}", &corpus());
    assert!(!made.contains("{{"), "an unknown name in testdata/docs/SQL.md");
    let path = here("../docs/SQL.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let text = read_to_string(&path).unwrap();
    let differs = made.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(
        made == text,
        "docs/SQL.md is not what the data make of it; first in {differs:?}. UPDATE_GOLDEN=1 writes it"
    );
}
