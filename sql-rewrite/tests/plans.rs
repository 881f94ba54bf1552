//! Golden plans: statement × phase -> plan, as data in `testdata/plans`. `UPDATE_GOLDEN=1` rewrites
//! the files; read the difference.
//!
//! A case is `@@ options`, the statement, and below `----` what each phase makes of it. Options,
//! split by `|`: `mariadb`; `params 5, 'x', NULL`; `locks user WRITE, user u READ` (under LOCK
//! TABLES); `sql_mode …` (what stands beside ONLY_FULL_GROUP_BY); `uncommitted` (READ UNCOMMITTED);
//! `safe_updates`; `ids 10,3` (auto_increment_increment and auto_increment_offset); `phase doc 1101` (that table's,
//! whatever the others'); `rows 0,5 ; 1,6` (what the key SELECT answers, where the example that is
//! shown otherwise is not enough); `warned` (it gave warnings); `selected 5,'x' ; 6,NULL` (what the SELECT of
//! an INSERT answers). Settings that are pinned in front of
//! Shunt's own statements are shown as `/*own*/` and `/*keys*/`; `pins.txt` shows them.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;

use common::{Case, cases, option, params};
use sql_rewrite::{Learnt, LearntKeys, Plan, ResultColumn, SelectedRows, TableLock, explain};
use topology::Phase;

fn rows(text: &str, warned: bool) -> Learnt {
    let cell = |cell: &str| (cell != "NULL").then(|| cell.as_bytes().to_vec());
    let rows = text.split(';').map(str::trim).filter(|row| !row.is_empty());
    let rows = rows.map(|row| row.split(',').map(str::trim).map(cell).collect()).collect();
    Learnt::Keys(LearntKeys { rows, warned })
}

/// Numbers are BIGINT, strings VARCHAR in utf8mb4.
fn selected(text: &str, warned: bool) -> SelectedRows {
    let rows: Vec<Vec<&str>> =
        text.split(';').map(|row| row.trim().split(',').map(str::trim).collect()).collect();
    let cell = |cell: &&str| (*cell != "NULL").then(|| cell.trim_matches('\'').as_bytes().to_vec());
    let column = |cell: &&str| match cell.starts_with('\'') {
        true => ResultColumn { kind: 253, charset: 255, ..ResultColumn::default() },
        false => ResultColumn { kind: 8, charset: 63, ..ResultColumn::default() },
    };
    let columns = rows.first().map_or_else(Vec::new, |row| row.iter().map(column).collect());
    let rows = rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty()));
    SelectedRows {
        columns,
        rows: rows.map(|row| row.iter().map(cell).collect()).collect(),
        cut: false,
        warned,
    }
}

fn planned(case: &Case, keep_pins: bool) -> String {
    let schemas = common::tables();
    let planner = common::planner(&schemas);
    let facts = common::facts_of(case);
    let params = params(case);
    let warned = option(&case.options, "warned").is_some();
    let learnt = option(&case.options, "rows").map(|text| rows(text, warned));
    let mut shown: Vec<(String, String)> = Vec::new();
    for phase in common::PHASES {
        let mut text = String::new();
        for statement in planner.read(case.sql.as_bytes(), &facts) {
            let view = common::view_of(case, &schemas, phase);
            let plan = planner.plan(&statement, &facts, params.as_deref(), &view);
            let learnt = learnt.as_ref().filter(|learnt| fits(&plan, learnt, phase));
            text += &explain(&plan, learnt);
            if let (Plan::InsertSelect(insert), Some(answer)) = (&plan, option(&case.options, "selected")) {
                let rows = selected(answer, warned);
                text += &explain(&planner.plan_rows(insert, &rows, &facts, &view), None);
            }
        }
        let text = short(&text, phase, keep_pins);
        match shown.last_mut() {
            Some((phases, last)) if *last == text => *phases += &format!(" {}", phase.flag()),
            _ => shown.push((phase.flag().to_owned(), text)),
        }
    }
    shown.into_iter().fold(String::new(), |mut out, (phases, text)| {
        let _ = write!(out, "{phases}: {text}");
        out
    })
}

/// `rows` are those of 0011, where the first cell is the shard; without it they are those of the
/// dual phases.
fn fits(plan: &sql_rewrite::Plan, _: &Learnt, phase: Phase) -> bool {
    let needs_keys = matches!(plan, sql_rewrite::Plan::Write(write)
        if matches!(write.needs, sql_rewrite::Needs::Keys { .. }));
    needs_keys && phase == Phase::Shards
}

fn short(text: &str, phase: Phase, keep_pins: bool) -> String {
    let text = text.replace(&format!(" in phase {}", phase.flag()), "");
    if keep_pins {
        return text;
    }
    let mut out = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (begin, end, name) in [
            ("/*+ SET_VAR(sql_mode=", "*/", "/*own*/"),
            ("/*+ SET_VAR(sql_big_selects=1) */", "*/", "/*keys*/"),
            ("SET STATEMENT sql_mode=", " FOR", "/*own*/"),
            ("SET STATEMENT sql_big_selects=1 FOR", " FOR", "/*keys*/"),
        ] {
            while let Some(at) = line.find(begin) {
                let stop = line[at..].find(end).map_or(line.len(), |stop| at + stop + end.len());
                line.replace_range(at..stop, name);
            }
        }
        out += &line;
        out.push('\n');
    }
    out
}

#[test]
fn golden_plans() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/plans");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let keep_pins = path.ends_with("pins.txt");
        let (mut made, cases) = cases(&text);
        for case in &cases {
            seen += 1;
            let _ = write!(made, "@@ {}\n{}\n----\n{}\n", case.options, case.sql, planned(case, keep_pins));
        }
        let made = format!("{}\n", made.trim_end());
        if update {
            std::fs::write(&path, &made).unwrap();
        } else if made != text {
            let differs = made.lines().zip(text.lines()).find(|(a, b)| a != b);
            wrong.push(format!("{}: made and golden differ first in {differs:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 rewrites the files", wrong.join("\n"));
    assert!(seen > 30, "only {seen} cases");
}

/// Such a write runs between `SET autocommit = 0` and `SET autocommit = 1`. (`@@` parts the golden cases.)
#[test]
fn a_write_under_lock_tables_does_not_read_autocommit() {
    let schemas = common::tables();
    let planner = common::planner(&schemas);
    let facts = common::facts(false);
    let user = TableLock { table: schemas[0].table.id().clone(), name: "user".to_owned(), write: true };
    for (locks, refused) in [(None, false), (Some(vec![user]), true)] {
        for variable in ["@@autocommit", "@@session.AUTOCOMMIT", "@@local.`autocommit`"] {
            let sql = format!("UPDATE user SET age = {variable} WHERE id = 5");
            for phase in [Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
                let view = common::locked_view(&schemas, phase, locks.clone());
                let plan = planner.plan(&planner.read(sql.as_bytes(), &facts)[0], &facts, None, &view);
                let names_it = matches!(&plan, Plan::Refuse(refusal) if refusal.reason == "lock-tables");
                assert_eq!(names_it, refused, "{sql}: {}", explain(&plan, None));
            }
        }
    }
}
