//! What holds for every text: planning is total, and never sends a write past the gate unseen.

#![allow(clippy::unwrap_used)]

mod common;

use proptest::prelude::*;
use sql_rewrite::{Charset, Plan, Value, explain};
use topology::Phase;

/// What statements on the sharded table are made of, dense in what the readers tell apart.
const PIECES: [&str; 74] = [
    "SELECT",
    "INSERT INTO",
    "REPLACE",
    "UPDATE",
    "DELETE FROM",
    "DELETE",
    "user",
    "app.user",
    "`user`",
    "user_2",
    "shunt.x",
    "orders",
    "AS",
    "u",
    "u.id",
    "user.id",
    "id",
    "name",
    "age",
    "*",
    "user.*",
    "=",
    "<=>",
    "IN",
    "(",
    ")",
    "(",
    ")",
    ",",
    "5",
    "-5",
    "'x'",
    "NULL",
    "DEFAULT",
    "?",
    "@x",
    ":=",
    "AND",
    "OR",
    "||",
    "XOR",
    "NOT",
    "BETWEEN",
    "CASE",
    "WHEN",
    "END",
    "WHERE",
    "SET",
    "VALUES",
    "FROM",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "USING",
    "NATURAL JOIN",
    "GROUP BY",
    "HAVING",
    "ORDER BY",
    "LIMIT",
    "FOR UPDATE",
    "LOCK IN SHARE MODE",
    "UNION",
    "WITH",
    "TABLE",
    "INTO",
    "ON DUPLICATE KEY UPDATE",
    "IGNORE",
    "ROW",
    "EXISTS",
    "/*! x",
    "*/",
    "--",
    ";",
    "RETURNING",
];

fn values() -> impl Strategy<Value = Vec<Value>> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<Vec<u8>>().prop_map(Value::Text),
        any::<f64>().prop_map(Value::Double),
        Just(Value::LongData),
    ];
    prop::collection::vec(value, 0..4)
}

fn soup() -> impl Strategy<Value = String> {
    let starts = prop::sample::select(vec![
        "SELECT * FROM user WHERE",
        "SELECT",
        "INSERT INTO user (id, name) VALUES",
        "INSERT INTO user",
        "UPDATE user SET name = 'x' WHERE",
        "UPDATE user SET",
        "DELETE FROM user WHERE",
        "",
    ]);
    (starts, prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24))
        .prop_map(|(start, pieces)| format!("{start} {}", pieces.join(" ")))
}

fn plan_all(sql: &[u8], params: Option<&[Value]>, charset: Charset) -> Vec<(Phase, Plan)> {
    let schemas = common::tables();
    let planner = common::planner(&schemas);
    let mut plans = Vec::new();
    for mariadb in [false, true] {
        let mut facts = common::facts(mariadb);
        facts.charset = charset;
        for statement in planner.read(sql, &facts) {
            for phase in common::PHASES {
                let plan = planner.plan(&statement, &facts, params, &common::view(&schemas, phase));
                let _ = explain(&plan, None);
                plans.push((phase, plan));
            }
        }
    }
    plans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn soup_is_planned(sql in soup(), params in prop::option::of(values())) {
        plan_all(sql.as_bytes(), params.as_deref(), Charset::Utf8);
    }

    #[test]
    fn bytes_are_planned(bytes in any::<Vec<u8>>(), charset in prop::sample::select(vec![
        Charset::Utf8, Charset::SingleByte, Charset::Gbk, Charset::Sjis, Charset::Unknown,
    ])) {
        let sql = [b"UPDATE user SET name = '".as_slice(), &bytes, b"' WHERE id = 5"].concat();
        plan_all(&sql, None, charset);
    }

    /// A write whose verb and table stand plainly at its start is never relayed, whatever follows.
    #[test]
    fn a_plain_write_is_never_relayed(start in prop::sample::select(vec![
        "INSERT INTO user", "REPLACE user", "UPDATE user SET name = 1", "DELETE FROM user WHERE id",
        "UPDATE IGNORE app.user SET", "TRUNCATE user", "LOAD DATA INFILE 'x' INTO TABLE user",
    ]), pieces in prop::collection::vec(prop::sample::select(&PIECES[..70]), 0..12)) {
        let sql = format!("{start} {}", pieces.join(" "));
        for (phase, plan) in plan_all(sql.as_bytes(), None, Charset::Utf8) {
            prop_assert!(!matches!(plan, Plan::Relay), "{} relayed in {}", sql, phase.flag());
        }
    }
}

/// Chains without parentheses become trees as deep as they are long. Threads of the runtime have 2 MiB of stack, as
/// those of tests.
#[test]
fn the_longest_chains_are_read_and_longer_ones_are_not_understood() {
    const LONGEST: usize = 5_900;
    let chains = [
        (" OR id=6", 1),
        (" OR 1", 1),
        ("+1", 2),
        (" AND NOT id", 1),
        (" IS NOT NULL", 3),
        (" UNION SELECT 1", 1),
    ];
    for (link, words) in chains {
        for links in [LONGEST / words, 20_000] {
            let sql = format!("SELECT 1 FROM user WHERE id=5{}", link.repeat(links));
            let plans = plan_all(sql.as_bytes(), None, Charset::Utf8);
            let refused = plans.iter().any(|(_, plan)| matches!(plan, Plan::Refuse(_)));
            assert_eq!(refused, links > LONGEST, "{links} times {link}");
        }
    }
}
