//! What other sessions' rows do to a statement: rows that changed behind an old snapshot, rows that somebody holds, and
//! the rows that a read of shards locks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::{Conn, Error, prelude::Queryable};
use tests::{
    Outcome,
    bench::{Bench, refused},
    servers::Kind,
};
use topology::{Phase, Side};

/// Rows of the table, or of its shards: id, name, n.
type Rows = Vec<(i64, String, i64)>;

async fn rows(conn: &mut Conn, tables: &[String]) -> Outcome<Rows> {
    let each = tables.iter().map(|table| format!("SELECT id, name, n FROM {table}"));
    Ok(conn.query(format!("{} ORDER BY id", each.collect::<Vec<_>>().join(" UNION ALL "))).await?)
}

/// The rows of each side that is written in this phase.
async fn sides(bench: &Bench) -> Outcome<Vec<(Side, Rows)>> {
    let mut conn = bench.direct().await?;
    let shards = (0..10).map(|i| format!("user_{i}")).collect();
    let mut all = Vec::new();
    for (side, tables) in [(Side::Legacy, vec!["user".to_owned()]), (Side::Shards, shards)] {
        if bench.phase.writes(side) {
            all.push((side, rows(&mut conn, &tables).await?));
        }
    }
    Ok(all)
}

/// The code of the server's error, if it is one.
fn code(result: Result<(), Error>) -> Outcome<Option<u16>> {
    match result {
        Ok(()) => Ok(None),
        Err(Error::Server(error)) => Ok(Some(error.code)),
        Err(error) => Err(error.into()),
    }
}

/// `ER_CHECKREAD`: a row changed behind the snapshot; the transaction is rolled back.
const CHANGED: u16 = 1020;

/// `{k}` is a number that no id has reached, `{new}` the id of a row that came behind the snapshot.
const BEHIND_A_SNAPSHOT: [&str; 8] = [
    "UPDATE user SET n = n + 10 WHERE id = 1",
    "UPDATE user SET n = n + 10 WHERE name = 'changed'",
    "UPDATE user SET n = n + 10 WHERE id = {new}",
    "DELETE FROM user WHERE id = 2",
    "REPLACE INTO user (id, name, n) VALUES (1, 'replaced', 5), (2, 'replaced', 6)",
    "INSERT INTO user (id, name, n) SELECT id + {k}, name, n FROM user WHERE name = 'changed'",
    "INSERT INTO user (id, name) VALUES ({new}, 'x'), (1, 'x') ON DUPLICATE KEY UPDATE n = n + 100",
    "UPDATE user SET id = id + {k} WHERE id IN (1, {new})",
];

/// One session writes behind the snapshot of another, which then writes the same rows; what its write said.
async fn writes_behind_a_snapshot(a: &mut Conn, b: &mut Conn, write: &str, new: u64) -> Outcome<Option<u16>> {
    a.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    a.query_drop("UPDATE user SET n = n + 1 WHERE id = 30").await?;
    b.query_drop("UPDATE user SET name = 'changed', n = n + 1 WHERE id IN (1, 2)").await?;
    b.query_drop(format!("INSERT INTO user (id, name) VALUES ({new}, 'changed')")).await?;
    let said = code(a.query_drop(write).await)?;
    // Where that ended the transaction, this stands alone.
    a.query_drop("UPDATE user SET n = n + 1 WHERE id = 31").await?;
    a.query_drop("COMMIT").await?;
    b.query_drop("UPDATE user SET name = 'left' WHERE name = 'changed'").await?;
    Ok(said)
}

async fn a_mirror_inside_an_old_snapshot_takes_what_is_there_now(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "snapmirrordb").await?;
    let twin = format!("{}_twin", bench.schema);
    let mut known: Vec<(String, String)> =
        bench.home.root().query("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'").await?;
    let knows = known.pop().is_some();
    let mut serial = 0;
    for phase in [Phase::DualWrite, Phase::ShardRead] {
        bench.walk_to(phase).await?;
        for setting in ["DO 0", "SET innodb_snapshot_isolation = ON", "SET innodb_snapshot_isolation = OFF"] {
            if setting != "DO 0" && !knows {
                continue;
            }
            let mut ended = 0;
            for write in BEHIND_A_SNAPSHOT {
                serial += 1;
                let new = 1000 * serial;
                let write = write.replace("{new}", &new.to_string()).replace("{k}", &(new + 100).to_string());
                let (mut a, mut b) = (bench.conn().await?, bench.conn().await?);
                let (mut own_a, mut own_b) = (bench.direct().await?, bench.direct().await?);
                for conn in [&mut own_a, &mut own_b] {
                    conn.query_drop(format!("USE {twin}")).await?;
                }
                a.query_drop(setting).await?;
                own_a.query_drop(setting).await?;
                let what = format!("{phase} {setting}: {write}");
                let said = writes_behind_a_snapshot(&mut a, &mut b, &write, new)
                    .await
                    .map_err(|e| format!("{what}: {e}"))?;
                let own = writes_behind_a_snapshot(&mut own_a, &mut own_b, &write, new).await?;
                assert_eq!(said, own, "{what}");
                ended += usize::from(said == Some(CHANGED));
                let wanted = rows(&mut own_a, &["user".to_owned()]).await?;
                for (side, rows) in sides(&bench).await? {
                    assert!(rows == wanted, "{what}: {side:?} has {rows:?} instead of {wanted:?}");
                }
            }
            assert_eq!(ended > 0, setting.ends_with("ON"), "{phase} {setting}: {ended} transactions ended");
        }
    }
    Ok(())
}

/// Writes that meet row 5.
const MEET_ROW_5: [&str; 8] = [
    "UPDATE user SET n = n + 1 WHERE id = 5",
    "UPDATE user SET n = n + 1 WHERE id IN (4, 5, 6)",
    "UPDATE user SET n = n + 1 WHERE name IN ('n4', 'n5', 'n6')",
    "DELETE FROM user WHERE id IN (4, 5)",
    "REPLACE INTO user (id, name, n) VALUES (4, 'r', 9), (5, 'r', 9)",
    "INSERT INTO user (id, name) VALUES (4, 'o'), (5, 'o') ON DUPLICATE KEY UPDATE n = 9",
    "UPDATE user SET id = 502 WHERE id = 5",
    "INSERT INTO user (id, name, n) SELECT 600 + id, name, n FROM user WHERE id IN (4, 5)",
];

async fn a_row_that_is_held_undoes_one_statement(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "rowheldb").await?;
    for phase in [Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
        bench.walk_to(phase).await?;
        let legacy = phase.writes(Side::Legacy).then_some("user");
        for table in legacy.into_iter().chain(["user_5"]) {
            for write in MEET_ROW_5 {
                // A row that is only read is not met on the other side.
                if table != "user" && legacy.is_some() && write.contains("SELECT") {
                    continue;
                }
                let what = format!("{phase}, {table} is held: {write}");
                let before = sides(&bench).await?;
                let (mut holder, mut conn) = (bench.direct().await?, bench.conn().await?);
                conn.query_drop("SET innodb_lock_wait_timeout = 1").await?;
                conn.query_drop("BEGIN").await?;
                conn.query_drop("UPDATE user SET n = n + 1 WHERE id = 7").await?;
                holder.query_drop("BEGIN").await?;
                holder.query_drop(format!("SELECT * FROM {table} WHERE id = 5 FOR UPDATE")).await?;
                let (code, message) =
                    refused(conn.query_drop(write).await).map_err(|e| format!("{what}: {e}"))?;
                assert_eq!(code, 1205, "{what}: {message}");
                holder.query_drop("ROLLBACK").await?;
                conn.query_drop("UPDATE user SET n = n + 1 WHERE id = 8").await?;
                conn.query_drop("COMMIT").await?;
                let mut wanted = before;
                for (side, rows) in &mut wanted {
                    for row in rows.iter_mut().filter(|row| [7, 8].contains(&row.0)) {
                        row.2 += 1;
                    }
                    assert!(rows.len() >= 40, "{what}: {side:?}");
                }
                assert_eq!(sides(&bench).await?, wanted, "{what}");
            }
        }
    }
    Ok(())
}

/// Whether somebody who writes straight to the table is kept from this row.
async fn is_locked(bench: &Bench, table: &str, id: u64) -> Outcome<bool> {
    let mut conn = bench.direct().await?;
    let sql = format!("SELECT id FROM {table} WHERE id = {id} FOR UPDATE NOWAIT");
    match conn.query_drop(sql).await {
        Ok(()) => Ok(false),
        Err(Error::Server(error)) if [3572, 1205].contains(&error.code) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What is read, with a column that is in no index (shared locks do not go beyond an index that has all that is read), the rows that are then locked, and rows that are not.
type Locking = (&'static str, &'static [u64], &'static [u64]);

const LOCKING: [Locking; 9] = [
    ("SELECT * FROM user WHERE id = 5 FOR UPDATE", &[5], &[6, 15]),
    ("SELECT * FROM user WHERE id = 5 LOCK IN SHARE MODE", &[5], &[6, 15]),
    ("SELECT * FROM user WHERE id IN (5, 16) FOR UPDATE", &[5, 16], &[7, 27]),
    ("SELECT * FROM user WHERE name IN ('n5', 'n16') FOR UPDATE", &[5, 16], &[7]),
    ("SELECT * FROM user WHERE name IN ('n5', 'n16') LOCK IN SHARE MODE", &[5, 16], &[7]),
    ("SELECT id FROM user WHERE id > 3 ORDER BY id LIMIT 2 FOR UPDATE", &[4, 5], &[35]),
    ("SELECT id FROM user WHERE id > 3 ORDER BY id LIMIT 2 LOCK IN SHARE MODE", &[4, 5], &[35]),
    ("SELECT u.n FROM user u JOIN orders o ON o.id = u.id WHERE u.id = 5 FOR UPDATE", &[5], &[6]),
    (
        "SELECT u.n FROM user u JOIN orders o ON o.id = u.id WHERE u.name IN ('n5', 'n16') LOCK IN SHARE MODE",
        &[5, 16],
        &[7],
    ),
];

async fn reads_lock_the_rows_that_they_read(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "readlockdb").await?;
    bench.root("INSERT INTO orders SELECT id, 1 FROM user").await?;
    for phase in [Phase::DualWrite, Phase::ShardRead, Phase::Shards] {
        bench.walk_to(phase).await?;
        let table = |id: u64| match phase {
            Phase::Shards => format!("user_{}", id % 10),
            _ => "user".to_owned(),
        };
        for (sql, locked, free) in LOCKING {
            for prepared in [false, true] {
                let mut conn = bench.conn().await?;
                // Rows that are looked at and do not match stay free.
                conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                conn.query_drop("BEGIN").await?;
                if prepared {
                    conn.exec_drop(sql, ()).await?
                } else {
                    conn.query_drop(sql).await?
                }
                for (rows, wanted) in [(locked, true), (free, false)] {
                    for id in rows {
                        let found = is_locked(&bench, &table(*id), *id).await?;
                        assert_eq!(found, wanted, "{phase} {sql}: row {id}, prepared: {prepared}");
                    }
                }
                conn.query_drop("ROLLBACK").await?;
                assert!(
                    !is_locked(&bench, &table(locked[0]), locked[0]).await?,
                    "{phase} {sql}: after ROLLBACK"
                );
            }
        }
    }
    // The fact behind it: locks of the outer SELECT do not reach a UNION.
    let mut conn = bench.direct().await?;
    conn.query_drop("BEGIN").await?;
    conn.query_drop(
        "SELECT * FROM (SELECT * FROM user_5 UNION ALL SELECT * FROM user_6) u WHERE id = 5 FOR UPDATE",
    )
    .await?;
    assert!(!is_locked(&bench, "user_5", 5).await?);
    Ok(())
}

tests::on_both_servers!(
    a_mirror_inside_an_old_snapshot_takes_what_is_there_now,
    a_row_that_is_held_undoes_one_statement,
    reads_lock_the_rows_that_they_read,
);
