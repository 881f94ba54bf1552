//! Settings of the client's session that would reach the statements that Shunt runs for it, on real servers: each
//! setting with each kind of write, compared with the unsharded twin, and both sides with each other.
//!
//! The rows are those that some settings do not let pass: id 0, dates that never were, and the same local time twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use mysql_async::prelude::Queryable;
use tests::{
    Outcome,
    home::Home,
    same::{
        Protocol, Same,
        case::{Case, Step, parse},
        known::known,
        told,
    },
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::{Flag, State},
};
use topology::{Phase, ShardedTable};

// The same length, so that nothing differs by it.
const REAL: &str = "setreal";
const TWIN: &str = "settwin";

/// A step of the walk with its guards: the tables are small.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Rows beside the usual ones. 62 and 63 are the same time in `Shunt/Repeated`, an hour apart.
const ROWS: &str = "INSERT INTO seed_user (id, name, born, seen, created) VALUES
    (0, 'zero', NULL, NULL, '2024-01-01 00:00:00'),
    (61, 'never', '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'),
    (62, 'first', '2024-10-27', NULL, '2024-10-27 00:30:00'),
    (63, 'second', '2024-10-27', NULL, '2024-10-27 01:30:00'),
    (64, 'month', '2024-00-00', NULL, '2024-01-01 00:00:00')";

/// Central European time in 2024: the hour from 02:00 on comes twice on 27 October.
const ZONE: [&str; 4] = [
    "REPLACE INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (60001, 'N')",
    "REPLACE INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Shunt/Repeated', 60001)",
    "REPLACE INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation) \
     VALUES (60001, 0, 3600, 0, 'CET'), (60001, 1, 7200, 1, 'CEST')",
    "REPLACE INTO mysql.time_zone_transition (Time_zone_id, Transition_time, Transition_type_id) \
     VALUES (60001, 1711846800, 1), (60001, 1729990800, 0), (60001, 1743296400, 1), (60001, 1761440400, 0)",
];

/// What the client sets, one setting a line.
const SETTINGS: [&str; 9] = [
    "SET sql_mode = DEFAULT",
    "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET sql_select_limit = 1",
    "SET time_zone = 'Shunt/Repeated'",
    "SET sql_big_selects = 0, max_join_size = 1",
    "SET completion_type = 1",
    "SET completion_type = 2",
    "SET innodb_snapshot_isolation = ON",
];

/// What it does then, each in a session of its own.
const STATEMENTS: [&[&str]; 16] = [
    &["UPDATE user SET name = 'by key' WHERE id = 0", "UPDATE user SET name = 'by key' WHERE id = 61"],
    &["UPDATE user SET name = 'by key' WHERE id = 62", "UPDATE user SET name = 'by key' WHERE id = 63"],
    &["UPDATE user SET age = 77 WHERE name IN ('zero', 'never', 'first', 'second', 'name3')"],
    &["UPDATE user SET age = 77, born = NULL WHERE score = 0 ORDER BY id LIMIT 4"],
    &["DELETE FROM user WHERE name IN ('zero', 'never', 'second')"],
    &[
        "INSERT INTO user (id, name, created) VALUES (301, 'a', '2024-10-27 02:30:00'), (302, 'b', '2024-10-27 03:30:00')",
    ],
    &["INSERT INTO user (name) VALUES ('a'), ('b'), ('c')", "SELECT LAST_INSERT_ID()"],
    &["REPLACE INTO user (id, name) VALUES (62, 'replaced'), (1, 'replaced'), (303, 'new')"],
    &[
        "INSERT INTO user (id, name) VALUES (61, 'x'), (64, 'x'), (304, 'new') ON DUPLICATE KEY UPDATE name = 'met'",
    ],
    &["INSERT INTO user (id, name) VALUES (62, 'x'), (63, 'x') ON DUPLICATE KEY UPDATE name = 'met'"],
    &["UPDATE user SET id = 173 WHERE id = 62", "UPDATE user SET id = 174 WHERE id = 63"],
    &["UPDATE user SET id = 178 WHERE id = 61", "UPDATE user SET id = 179 WHERE id = 64"],
    &["UPDATE user SET age = 77 WHERE name IN ('first', 'second')"],
    &["UPDATE user SET id = id + 1001 WHERE name IN ('zero', 'first', 'second') ORDER BY id DESC"],
    &["INSERT INTO user (name, age) SELECT note, 33 FROM orders WHERE user_id = 4"],
    &[
        "BEGIN",
        "UPDATE user SET age = 78 WHERE id = 63",
        "UPDATE user SET age = 77 WHERE name IN ('zero', 'never', 'first')",
        "UPDATE user SET id = 171 WHERE id = 0",
        "SELECT id, name FROM user WHERE id = 63",
        "COMMIT AND NO CHAIN NO RELEASE",
    ],
];

fn each_setting_with_each_statement(kind: Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for setting in SETTINGS {
        let only = setting.contains("innodb_snapshot_isolation").then_some(Kind::MariaDb);
        for statements in STATEMENTS {
            let refused = |sql: &str| match sql.contains("SET id = id") {
                // Primary keys of several rows (docs/SQL.md).
                true => vec![Phase::Shards],
                false => Vec::new(),
            };
            let step = |sql: &&str| Step { sql: (*sql).to_owned(), refused: refused(sql), ..Step::default() };
            let steps = std::iter::once(&setting).chain(statements).map(step).collect();
            cases.push(Case { name: setting.to_owned(), only, steps });
        }
    }
    let dir = servers::checkout().join("tests/cases/settings");
    for file in dir.read_dir().unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        cases.extend(parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
    }
    let asked = std::env::var("SHUNT_TEST_CASE").unwrap_or_default();
    cases.retain(|case| case.only.is_none_or(|only| only == kind) && case.name.contains(&asked));
    cases
}

/// The tables, the rows and the time zone.
async fn prepare(home: &mut Home, table: &ShardedTable) -> Outcome {
    Same::prepare(home, table, REAL, TWIN, &[]).await?;
    let root = home.root();
    root.query_drop("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'").await?;
    for schema in [REAL, TWIN] {
        root.query_drop(format!("USE {schema}")).await?;
        root.query_drop(ROWS).await?;
    }
    for sql in ZONE {
        root.query_drop(sql).await?;
    }
    let twice = "SELECT COUNT(DISTINCT created) FROM seed_user WHERE id IN (62, 63)";
    root.query_drop("SET time_zone = 'Shunt/Repeated'").await?;
    let shown: Option<String> = root
        .query_first(
            "SELECT GROUP_CONCAT(DISTINCT CAST(created AS CHAR)) FROM seed_user WHERE id IN (62, 63)",
        )
        .await?;
    assert_eq!(shown.as_deref(), Some("2024-10-27 02:30:00"), "the hour does not come twice");
    root.query_drop("SET time_zone = '+00:00'").await?;
    assert_eq!(root.query_first::<i64, _>(twice).await?, Some(2));
    Ok(())
}

async fn settings_do_not_reach_shunts_statements(kind: Kind) -> Outcome {
    let mut home = Home::claim(kind).await?;
    let redis = servers::redis_url()?;
    let key = format!("migrate_settings_{}", kind.name());
    let mut flag = Flag::connect(&redis, None, &key).await?;
    flag.forget().await?;
    let table = ShardedTable::new("user", &format!("{REAL}.user"), "id", &format!("{REAL}.user_{{0..9}}"))?;
    prepare(&mut home, &table).await?;
    let mut sidecar = Sidecar::start(&Setup::user(&home, REAL, &redis, &key)?, kind.name()).await?;
    let through = Some(("127.0.0.1", sidecar.port()));
    let mut same = Same::new(&home, table, REAL, TWIN, through).await?;
    flag.until("1100", STEP_LIMIT, |state| state.phase == Some(Phase::Legacy)).await?;
    // The copy meets the same rows.
    same.reset().await?;
    let cases = each_setting_with_each_statement(kind);
    let mut found = Vec::new();
    for phase in [Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
        flag.walk_to(phase, STEP_LIMIT).await?;
        if phase == Phase::DualWrite {
            flag.until("a certified copy", STEP_LIMIT, State::certified).await?;
        }
        same.phase = phase;
        for case in &cases {
            for protocol in [Protocol::Text, Protocol::Prepared] {
                found.extend(same.run(case, protocol).await?);
            }
        }
    }
    sidecar.stop().await?;
    found.retain(|finding| known(finding).is_none());
    assert!(found.is_empty(), "{} findings: {}", found.len(), told(&found));
    Ok(())
}

tests::on_both_servers!(settings_do_not_reach_shunts_statements);
