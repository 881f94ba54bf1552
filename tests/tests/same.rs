//! The differential oracle, tried alone and then on Shunt.
//!
//! Alone: both ways lead to the server itself, so that nothing may differ; then the real table is doctored, and
//! each kind of difference must be found.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::prelude::Queryable;
use tests::{
    Outcome,
    home::Home,
    patience::PATIENCE,
    same::{
        Finding, Protocol, Same,
        case::{Case, parse},
        known::{by_the_servers_plan, known},
        told,
    },
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::Flag,
};
use topology::{Phase, ShardedTable};

// The same length, so that nothing differs by it.
const REAL: &str = "shopdb";
const TWIN: &str = "twindb";

/// Cases, and the tables that they are about.
struct Suite {
    /// The folder of the cases.
    folder: &'static str,
    /// What makes the tables others than the usual ones.
    alter: &'static [&'static str],
    /// Where they are run.
    phases: &'static [Phase],
}

const USUAL: Suite = Suite { folder: "tests/cases", alter: &[], phases: &Phase::ALL };

/// Other unique keys than the primary one, without the shard key: there is no way to 0011 but by force.
const UNIQUE: Suite = Suite {
    folder: "tests/cases/unique",
    alter: &["ALTER TABLE user ADD UNIQUE KEY email (email), ADD UNIQUE KEY place (born, level)"],
    phases: &[Phase::Legacy, Phase::DualWrite, Phase::ShardRead],
};

/// A column of a type that MySQL 9 advises against, and that is the only one of its kind.
const ZEROFILL: Suite = Suite {
    folder: "tests/cases/zerofill",
    alter: &["ALTER TABLE user ADD badge INT(6) UNSIGNED ZEROFILL NULL"],
    phases: &Phase::ALL,
};

/// A table with partitions, which its shards have, too.
const PARTITIONS: Suite = Suite {
    folder: "tests/cases/partitions",
    alter: &[
        "ALTER TABLE user PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION low VALUES LESS THAN (20), \
              PARTITION mid VALUES LESS THAN (40), PARTITION high VALUES LESS THAN MAXVALUE)",
    ],
    phases: &Phase::ALL,
};

fn cases(kind: Kind, suite: &Suite) -> Vec<Case> {
    let mut all = Vec::new();
    let dir = servers::checkout().join(suite.folder);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        all.extend(parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
    }
    let only = std::env::var("SHUNT_TEST_CASE").unwrap_or_default();
    all.retain(|case| case.only.is_none_or(|only| only == kind) && case.name.contains(&only));
    all
}

fn table() -> ShardedTable {
    ShardedTable::new("user", &format!("{REAL}.user"), "id", &format!("{REAL}.user_{{0..9}}")).unwrap()
}

async fn all(same: &mut Same, kind: Kind, suite: &Suite) -> Outcome<Vec<Finding>> {
    let mut found = Vec::new();
    for case in cases(kind, suite) {
        for protocol in [Protocol::Text, Protocol::Prepared] {
            found.extend(same.run(&case, protocol).await?);
        }
    }
    Ok(found)
}

async fn alone(kind: Kind) -> Outcome {
    let mut home = Home::claim(kind).await?;
    Same::prepare(&mut home, &table(), REAL, TWIN, USUAL.alter).await?;
    let mut same = Same::new(&home, table(), REAL, TWIN, None).await?;
    let mut found = all(&mut same, kind, &USUAL).await?;
    found.retain(|finding| !by_the_servers_plan(finding));
    assert!(found.is_empty(), "without Shunt: {}", told(&found));
    mutants(&mut home, &mut same).await
}

/// A real table that is not quite the twin: each is found by the statement beside it.
async fn mutants(home: &mut Home, same: &mut Same) -> Outcome {
    let mutants = [
        // A row that is missing, a value that differs.
        ("DELETE FROM seed_user WHERE id = 5", "SELECT id FROM user WHERE id < 9"),
        ("UPDATE seed_user SET name = 'x' WHERE id = 5", "SELECT id, name FROM user WHERE id = 5"),
        // A write that touches another row although its answer is the same.
        ("UPDATE seed_user SET ratio = 9 WHERE id = 5", "UPDATE user SET name = 'y' WHERE id = 6"),
        // Metadata only.
        (
            "ALTER TABLE user MODIFY active TINYINT(2) NOT NULL DEFAULT 1",
            "SELECT active FROM user WHERE id = 1",
        ),
        (
            "ALTER TABLE user MODIFY name VARCHAR(41) NOT NULL DEFAULT 'anon'",
            "SELECT name FROM user WHERE id = 1",
        ),
        (
            "ALTER TABLE user MODIFY email VARCHAR(80) NOT NULL DEFAULT ''",
            "SELECT email FROM user WHERE id = 1",
        ),
        ("ALTER TABLE user DROP KEY age", "SELECT age FROM user WHERE id = 1"),
        // Info, affected rows, warnings, errors, ids.
        (
            "UPDATE seed_user SET name = 'name3' WHERE id = 5",
            "UPDATE user SET name = 'name3' WHERE id IN (5, 6)",
        ),
        (
            "ALTER TABLE user MODIFY age SMALLINT UNSIGNED NULL",
            "UPDATE IGNORE user SET age = 300 WHERE id = 5",
        ),
        ("ALTER TABLE user MODIFY age SMALLINT UNSIGNED NULL", "UPDATE user SET age = 300 WHERE id = 5"),
        ("ALTER TABLE user MODIFY id BIGINT NOT NULL", "INSERT INTO user (id, name) VALUES (NULL, 'x')"),
        // Order.
        ("UPDATE seed_user SET score = 1000 WHERE id = 5", "SELECT id FROM user ORDER BY score, id LIMIT 5"),
    ];
    let root = home.root();
    root.query_drop(format!("USE {REAL}")).await?;
    root.query_drop("CREATE TABLE saved AS SELECT * FROM seed_user").await?;
    for (mutant, statement) in mutants {
        home.root().query_drop("SET sql_mode = ''").await?;
        home.root().query_drop(mutant).await?;
        let found = same.same(statement).await;
        assert!(found.as_ref().map_or(true, |found| !found.is_empty()), "not found: {mutant}; {statement}");
        let root = home.root();
        root.query_drop("DROP TABLE user").await?;
        root.query_drop(tests::same::TABLES[0]).await?;
        root.query_drop("DELETE FROM seed_user").await?;
        root.query_drop("INSERT INTO seed_user SELECT * FROM saved").await?;
    }
    let found = same.same("SELECT * FROM user").await?;
    assert!(found.is_empty(), "taken back: {}", told(&found));
    Ok(())
}

#[tokio::test]
async fn nothing_differs_without_shunt_and_mutants_are_found_on_mysql() {
    alone(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_without_shunt_and_mutants_are_found_on_mariadb() {
    alone(Kind::MariaDb).await.unwrap();
}

async fn through_shunt(kind: Kind, suite: &Suite) -> Outcome {
    let mut home = Home::claim(kind).await?;
    let redis = servers::redis_url()?;
    let key = format!("migrate_user_{}", kind.name());
    let mut flag = Flag::connect(&redis, None, &key).await?;
    flag.forget().await?;
    Same::prepare(&mut home, &table(), REAL, TWIN, suite.alter).await?;
    let mut sidecar = Sidecar::start(&Setup::user(&home, REAL, &redis, &key)?, kind.name()).await?;
    let through = Some(("127.0.0.1", sidecar.port()));
    let mut same = Same::new(&home, table(), REAL, TWIN, through).await?;
    let mut found = Vec::new();
    for &phase in suite.phases {
        if phase != Phase::Legacy {
            flag.set(phase).await?;
        }
        flag.until(phase.flag(), PATIENCE, |state| state.phase == Some(phase)).await?;
        if phase == Phase::DualWrite {
            // Before the copy is certified the shards are only on their way to being equal.
            flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
        }
        same.phase = phase;
        found.extend(all(&mut same, kind, suite).await?);
    }
    sidecar.stop().await?;
    found.retain(|finding| known(finding).is_none());
    assert!(found.is_empty(), "{} findings: {}", found.len(), told(&found));
    Ok(())
}

#[tokio::test]
async fn nothing_differs_through_shunt_in_all_phases_on_mysql() {
    through_shunt(Kind::MySql, &USUAL).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_in_all_phases_on_mariadb() {
    through_shunt(Kind::MariaDb, &USUAL).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_other_unique_keys_on_mysql() {
    through_shunt(Kind::MySql, &UNIQUE).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_other_unique_keys_on_mariadb() {
    through_shunt(Kind::MariaDb, &UNIQUE).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_a_zerofill_column_on_mysql() {
    through_shunt(Kind::MySql, &ZEROFILL).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_a_zerofill_column_on_mariadb() {
    through_shunt(Kind::MariaDb, &ZEROFILL).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_partitions_on_mysql() {
    through_shunt(Kind::MySql, &PARTITIONS).await.unwrap();
}

#[tokio::test]
async fn nothing_differs_through_shunt_with_partitions_on_mariadb() {
    through_shunt(Kind::MariaDb, &PARTITIONS).await.unwrap();
}
