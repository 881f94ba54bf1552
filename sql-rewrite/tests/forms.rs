//! A statement reads the same whether or not one of the same form, with other values, was read before it.

#![allow(clippy::unwrap_used)]

mod common;

use proptest::prelude::*;
use sql_rewrite::{
    Facts, Planner,
    lex::{TokenKind, lex_all},
};

/// The golden cases' statements.
fn statements() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/plans");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        all.extend(common::cases(&text).1.into_iter().map(|case| case.sql));
    }
    all
}

/// The text with other values; one of them spells a table's name.
fn with_other_values(sql: &str, facts: &Facts) -> String {
    let Ok(tokens) = lex_all(sql.as_bytes(), facts) else { return sql.to_owned() };
    let mut other = sql.to_owned();
    for token in tokens.iter().rev() {
        let value = match token.kind {
            TokenKind::String => "'it''s `user`'",
            TokenKind::Hex => "0xFEDCBA",
            TokenKind::Bit => "0b1011",
            TokenKind::Integer => "9007199254740993",
            TokenKind::Decimal => "7.125",
            TokenKind::Float => "25e-3",
            _ => continue,
        };
        other.replace_range(token.start..token.end, value);
    }
    other
}

fn fresh() -> Planner {
    common::planner(&common::tables())
}

/// Reads `first` and then `second`, and `second` alone; says whether the second found its form.
fn check(first: &str, second: &str, facts: &Facts) -> bool {
    let planner = fresh();
    let _ = planner.read(first.as_bytes(), facts);
    let kept = planner.forms_kept();
    let after = planner.read(second.as_bytes(), facts);
    assert_eq!(
        format!("{after:?}"),
        format!("{:?}", fresh().read(second.as_bytes(), facts)),
        "{first}\n{second}"
    );
    kept > 0 && planner.forms_kept() == kept
}

#[test]
fn golden_statements_read_the_same() {
    for mariadb in [false, true] {
        let facts = common::facts(mariadb);
        let all = statements();
        let found = all.iter().filter(|sql| check(sql, &with_other_values(sql, &facts), &facts)).count();
        // The others are not understood, or no DML.
        assert!(found * 10 > all.len() * 8, "only {found} of {} found their form", all.len());
    }
}

#[test]
fn what_is_not_a_value_makes_another_form() {
    let facts = common::facts(false);
    let sql = "SELECT COUNT(*) FROM user WHERE name = 'x'";
    assert!(check(sql, "SELECT COUNT(*) FROM user WHERE name = 'a longer one'", &facts));
    for other in [
        "SELECT COUNT(*) FROM user WHERE name = 1",
        "SELECT COUNT(*) FROM user WHERE name = ?",
        "SELECT COUNT(*) FROM user WHERE name = _latin1'x'",
        "SELECT COUNT(*) FROM user WHERE name = 'x' 'y'",
        "SELECT COUNT (*) FROM user WHERE name = 'x'",
        "SELECT COUNT(*) FROM user_1 WHERE name = 'x'",
        "SELECT COUNT(*) FROM `user` WHERE name = 'x'",
        "SELECT COUNT(*) FROM /*! user */ WHERE name = 'x'",
        "SELECT /*+ NO_MERGE() */ COUNT(*) FROM user WHERE name = 'x'",
        "SELECT COUNT(*) FROM user WHERE name > 'x'",
    ] {
        assert!(!check(sql, other, &facts), "{other}");
    }
}

#[test]
fn other_facts_make_another_form() {
    let facts = common::facts(false);
    let base = common::facts(false);
    let ansi = sql_rewrite::SqlMode { ansi_quotes: true, ..base.sql_mode };
    let others = [
        Facts { database: Some("other".to_owned()), ..facts.clone() },
        Facts { database: None, ..facts.clone() },
        Facts { sql_mode: ansi, ..facts.clone() },
        Facts { lower_case_table_names: true, ..facts.clone() },
        Facts { charset: sql_rewrite::Charset::Gbk, ..facts.clone() },
        common::facts(true),
    ];
    let sql = b"SELECT name FROM user WHERE id = 5";
    let planner = fresh();
    let _ = planner.read(sql, &facts);
    for (i, other) in others.iter().enumerate() {
        let read = planner.read(sql, other);
        assert_eq!(planner.forms_kept(), i + 2, "{other:?}");
        assert_eq!(format!("{read:?}"), format!("{:?}", fresh().read(sql, other)));
    }
}

#[test]
fn forms_without_end_do_not_fill_the_memory() {
    let (planner, facts) = (fresh(), common::facts(false));
    for n in 0..10_000 {
        let _ = planner.read(format!("SELECT name AS n{n} FROM user").as_bytes(), &facts);
    }
    assert!(planner.forms_kept() <= 4_096, "{}", planner.forms_kept());
    let long = format!("SELECT name FROM user WHERE id IN ({})", vec!["1"; 10_000].join(","));
    let kept = planner.forms_kept();
    let _ = planner.read(long.as_bytes(), &facts);
    assert_eq!(planner.forms_kept(), kept);
}

proptest! {
    #[test]
    fn any_two_statements_side_by_side(first in "[a-c0-9'`\"(),.=?@ ]{0,12}", second in "[a-c0-9'`\"(),.=?@ ]{0,12}") {
        let facts = common::facts(false);
        let sql = |rest: &str| format!("SELECT * FROM user WHERE {rest}");
        check(&sql(&first), &sql(&second), &facts);
    }
}
