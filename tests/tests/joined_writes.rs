//! Writes that read another table, while somebody changes that table: what they read for the keys and what they read
//! for the rows is one reading, and both sides are equal afterwards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mysql_async::{Conn, Error, prelude::Queryable};
use tests::{Outcome, bench::Bench, servers::Kind};
use topology::Phase;

const SCHEMA: &str = "joined";

/// Each writes exactly one row, whatever the highest number in `orders` is.
const OF_THE_HIGHEST: [&str; 3] = [
    "UPDATE user SET n = n + 1 WHERE id = (SELECT MAX(n) FROM orders)",
    "UPDATE user u JOIN (SELECT MAX(n) m FROM orders) v ON u.id = v.m SET u.n = u.n + 1",
    "UPDATE user SET n = n + 1 WHERE id IN (SELECT * FROM (SELECT n FROM orders ORDER BY n DESC LIMIT 1) highest)",
];

/// Writes that meet some rows.
const OF_SOME: [&str; 10] = [
    "UPDATE user u JOIN orders o ON o.n = u.id SET u.name = o.id, u.n = o.n",
    "UPDATE user SET name = 'without' WHERE id NOT IN (SELECT n FROM orders)",
    "DELETE u FROM user u LEFT JOIN orders o ON o.n = u.id WHERE o.id IS NULL AND u.id > 20",
    "DELETE a, b FROM user a JOIN user b ON b.id = a.id + 1 JOIN orders o ON o.n = a.id WHERE a.id > 20",
    "DELETE FROM user WHERE EXISTS (SELECT 1 FROM orders o WHERE o.n = user.id) AND id > 30",
    "INSERT INTO user (id, name) VALUES (21, 'a'), (32, 'b'), (33, 'c') ON DUPLICATE KEY UPDATE name = VALUES(name)",
    "INSERT INTO user (name, n) SELECT id, n FROM orders",
    "INSERT INTO user (id, name) SELECT n + 30, id FROM orders ON DUPLICATE KEY UPDATE name = VALUES(name)",
    "REPLACE INTO user (id, name) SELECT n + 31, id FROM orders WHERE n > 10",
    "INSERT IGNORE INTO user (id, name, n) SELECT u.id + 1, o.id, u.n FROM user u JOIN orders o ON o.n = u.id",
];

/// Raises the highest number in `orders` and takes it back, over and over, and lets rows with new ids come.
async fn change(mut conn: Conn, stop: Arc<AtomicBool>) -> Outcome {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number = number % 30 + 1;
        for sql in [
            format!("INSERT INTO orders VALUES ({}, {})", 1000 + number, 5 + number),
            format!("DELETE FROM orders WHERE id = {}", 1000 + number - 1),
            "INSERT INTO user (name) VALUES ('beside'), ('beside')".to_owned(),
            // In the next round's beginning.
            format!("DELETE FROM orders WHERE id = 1030 AND {number} = 1"),
        ] {
            match conn.query_drop(sql).await {
                // Deadlocks, and a row that was left behind by one.
                Err(Error::Server(error)) if [1213, 1205, 1062].contains(&error.code) => {}
                other => other?,
            }
        }
    }
    Ok(conn.disconnect().await?)
}

async fn write(bench: &Bench, isolation: &str, statements: &[&str], one: bool) -> Outcome {
    let mut conn = bench.conn().await?;
    conn.query_drop(format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")).await?;
    for round in 0..60 {
        for sql in statements {
            let alone = round % 2 == 0;
            if !alone {
                conn.query_drop("START TRANSACTION").await?;
            }
            match conn.query_drop(*sql).await {
                Ok(()) if one => {
                    assert_eq!(conn.affected_rows(), 1, "{} {isolation} {sql}", bench.phase);
                }
                Err(Error::Server(error)) if [1213, 1205].contains(&error.code) => {}
                other => other.map_err(|error| format!("{sql}: {error}"))?,
            }
            conn.query_drop("COMMIT").await?;
        }
    }
    Ok(conn.disconnect().await?)
}

async fn rows(conn: &mut Conn, sql: &str) -> Outcome<Vec<(i64, String, i64)>> {
    Ok(conn.query(sql).await?)
}

async fn both_sides_equal(bench: &Bench) -> Outcome {
    let mut root = bench.direct().await?;
    let legacy = rows(&mut root, &format!("SELECT id, name, n FROM {SCHEMA}.user ORDER BY id")).await?;
    let shards: Vec<String> = (0..10)
        .map(|i| format!("SELECT id, name, n FROM {SCHEMA}.user_{i} WHERE MOD(id, 10) = {i}"))
        .collect();
    let union = format!("{} ORDER BY id", shards.join(" UNION ALL "));
    assert_eq!(legacy, rows(&mut root, &union).await?, "{}", bench.phase);
    let everywhere = union.replace(" WHERE MOD(id, 10) = ", " WHERE 0 <= ");
    assert_eq!(legacy.len(), rows(&mut root, &everywhere).await?.len(), "rows in a wrong shard");
    Ok(())
}

async fn joined_writes(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, SCHEMA).await?;
    bench.root(&format!("INSERT INTO {SCHEMA}.orders VALUES (1, 3)")).await?;
    for phase in [Phase::DualWrite, Phase::ShardRead] {
        bench.walk_to(phase).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let changer = tokio::spawn(change(bench.conn().await?, stop.clone()));
        for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
            write(&bench, isolation, &OF_THE_HIGHEST, true).await?;
            write(&bench, isolation, &OF_SOME, false).await?;
            // The rows that OF_THE_HIGHEST needs.
            let mut conn = bench.conn().await?;
            for id in 1..=40 {
                conn.query_drop(format!("INSERT IGNORE INTO user (id) VALUES ({id})")).await?;
            }
        }
        stop.store(true, Ordering::Relaxed);
        changer.await??;
        both_sides_equal(&bench).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_equal_while_others_change_what_is_joined_on_mysql() {
    joined_writes(Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_equal_while_others_change_what_is_joined_on_mariadb() {
    joined_writes(Kind::MariaDb).await.unwrap();
}
