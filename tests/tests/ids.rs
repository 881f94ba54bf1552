//! Generated ids where `auto_increment_increment` and `auto_increment_offset` are not 1: in every phase they lie where
//! the server itself puts them, the client is told the first, and both sides have the same rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::{Conn, prelude::Queryable};
use tests::{Outcome, bench::Bench, servers::Kind};
use topology::{Phase, Side};

/// Increment and offset. An offset that is higher than the increment counts by what is left of it; beside an increment
/// of 1 it does not count.
const STEPS: [(u64, u64); 5] = [(10, 3), (10, 10), (10, 15), (2, 2), (1, 7)];

/// `@` is a name of the statement's own, by which its rows are found.
const INSERTS: [(&str, u64); 6] = [
    ("INSERT INTO user (name) VALUES ('@')", 1),
    ("INSERT INTO user (name) VALUES ('@'), ('@'), ('@')", 3),
    ("INSERT INTO user (id, name) VALUES (NULL, '@'), (0, '@'), (DEFAULT, '@')", 3),
    ("INSERT INTO user SET name = '@'", 1),
    ("INSERT IGNORE INTO user (name) VALUES ('@'), ('@')", 2),
    ("INSERT INTO user (name, n) SELECT '@', id FROM orders", 3),
];

/// Statements beside a unique key on `n`, of which the row with 5 is there.
const BESIDE_UNIQUE: [&str; 4] = [
    "INSERT IGNORE INTO user (name, n) VALUES ('@', ?1), ('@', 5), ('@', ?2)",
    "INSERT INTO user (name, n) VALUES ('@', ?1), ('@', 5), ('@', ?2) ON DUPLICATE KEY UPDATE name = '@'",
    "REPLACE INTO user (name, n) VALUES ('@', ?1), ('@', 5), ('@', ?2)",
    "INSERT INTO user (name, n) VALUES ('@', ?1), ('@', ?2), ('@', ?3)",
];

async fn ids(conn: &mut Conn, tables: &[String], name: &str) -> Outcome<Vec<u64>> {
    let each = tables.iter().map(|table| format!("SELECT id FROM {table} WHERE name = '{name}'"));
    let sql = format!("{} ORDER BY id", each.collect::<Vec<_>>().join(" UNION ALL "));
    Ok(conn.query(sql).await?)
}

/// The tables that are written in a phase, side by side.
fn sides(phase: Phase) -> Vec<Vec<String>> {
    let legacy = vec!["user".to_owned()];
    let shards = (0..10).map(|i| format!("user_{i}")).collect();
    let all = [(Side::Legacy, legacy), (Side::Shards, shards)];
    all.into_iter().filter(|(side, _)| phase.writes(*side)).map(|(_, tables)| tables).collect()
}

/// They are among those of the steps, and follow each other.
fn check_ids(ids: &[u64], (increment, offset): (u64, u64), what: &str) {
    assert!(ids.iter().all(|id| id % increment == offset % increment), "{what}: {ids:?}");
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + increment), "{what}: {ids:?}");
}

async fn ids_lie_where_the_server_puts_them(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "idsdb").await?;
    let twin = format!("{}_twin", bench.schema);
    for schema in [&twin, &bench.schema.clone()] {
        bench.root(&format!("INSERT INTO {schema}.orders VALUES (1, 0), (2, 0), (3, 0)")).await?;
    }
    let mut straight = bench.direct().await?;
    straight.query_drop(format!("USE {twin}")).await?;
    let mut serial = 0;
    for phase in [Phase::Legacy, Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
        if phase != Phase::Legacy {
            bench.walk_to(phase).await?;
        }
        let (mut conn, mut root) = (bench.conn().await?, bench.direct().await?);
        let mut last = 0;
        for steps in STEPS {
            let set =
                format!("SET auto_increment_increment = {}, auto_increment_offset = {}", steps.0, steps.1);
            conn.query_drop(&set).await?;
            straight.query_drop(&set).await?;
            for (insert, rows) in INSERTS {
                for prepared in [false, true] {
                    serial += 1;
                    let (name, what) = (format!("s{serial}"), format!("{phase} {steps:?} {insert}"));
                    let sql = insert.replace('@', &name);
                    if prepared {
                        conn.exec_drop(&sql, ()).await?
                    } else {
                        conn.query_drop(&sql).await?
                    }
                    let told = conn.last_insert_id();
                    let asked: Option<u64> = conn.query_first("SELECT LAST_INSERT_ID()").await?;
                    let mut found = Vec::new();
                    for tables in sides(phase) {
                        found.push(ids(&mut root, &tables, &name).await?);
                    }
                    assert!(found.iter().all(|side| *side == found[0]), "{what}: sides differ: {found:?}");
                    assert_eq!(found[0].len() as u64, rows, "{what}");
                    check_ids(&found[0], steps, &what);
                    assert_eq!((told, asked), (Some(found[0][0]), Some(found[0][0])), "{what}");
                    assert!(found[0][0] > last, "{what}: {found:?} behind {last}");
                    last = found[0][found[0].len() - 1];
                    // The fact itself: so does the server with the unsharded table.
                    straight.query_drop(&sql).await?;
                    let own = ids(&mut straight, &["user".to_owned()], &name).await?;
                    let consecutive = if insert.contains("SELECT") { &own[..1] } else { &own[..] };
                    check_ids(consecutive, steps, &format!("the server: {what}"));
                }
            }
        }
    }
    Ok(())
}

async fn ids_beside_a_unique_key_are_followed(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "idsuniquedb").await?;
    for table in std::iter::once("user".to_owned()).chain((0..10).map(|i| format!("user_{i}"))) {
        bench.root(&format!("UPDATE {table} SET n = id")).await?;
        bench.root(&format!("ALTER TABLE {table} ADD UNIQUE KEY n (n)")).await?;
    }
    let mut serial = 0;
    for phase in [Phase::DualWrite, Phase::ShardRead] {
        bench.walk_to(phase).await?;
        let (mut conn, mut root) = (bench.conn().await?, bench.direct().await?);
        for steps in STEPS {
            conn.query_drop(format!(
                "SET auto_increment_increment = {}, auto_increment_offset = {}",
                steps.0, steps.1
            ))
            .await?;
            for insert in BESIDE_UNIQUE {
                serial += 1;
                let numbered =
                    |sql: String, i: u64| sql.replace(&format!("?{i}"), &(1000 * serial + i).to_string());
                let sql = (1..=3).fold(insert.replace('@', &format!("s{serial}")), numbered);
                conn.query_drop(&sql).await.map_err(|error| format!("{sql}: {error}"))?;
                let mut found = Vec::new();
                for tables in sides(phase) {
                    let each = tables.iter().map(|table| format!("SELECT id, name, n FROM {table}"));
                    let all = format!("{} ORDER BY id", each.collect::<Vec<_>>().join(" UNION ALL "));
                    found.push(root.query::<(u64, String, i64), _>(all).await?);
                }
                assert!(found[0] == found[1], "{phase} {steps:?} {sql}: sides differ: {found:?}");
            }
        }
    }
    Ok(())
}

tests::on_both_servers!(ids_lie_where_the_server_puts_them, ids_beside_a_unique_key_are_followed);
