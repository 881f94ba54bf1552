//! LOCK TABLES on the sharded table through a sidecar, in every phase: what `same(sql)` does not see.
//!
//! The locks last as long as direct ones and no longer, a flip waits for them, and no write comes through
//! under locks that the gate is not among.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::{ChangeUserOpts, Conn, Error, prelude::Queryable};
use tests::{
    Outcome,
    bench::{Bench, ROWS, refused},
    client::Client,
    patience::{PATIENCE, until},
    servers::Kind,
};
use topology::Phase;

/// Whether somebody else's write has to wait.
async fn others_wait(bench: &Bench) -> bool {
    let mut other = bench.conn().await.unwrap();
    other.query_drop("SET SESSION lock_wait_timeout = 1").await.unwrap();
    match other.query_drop("UPDATE user SET name = name WHERE id = 9").await {
        Ok(()) => false,
        Err(Error::Server(error)) if error.code == 1205 => true,
        Err(error) => panic!("{}: {error}", bench.phase),
    }
}

async fn name_of(conn: &mut Conn, id: u64) -> String {
    conn.query_first(format!("SELECT name FROM user WHERE id = {id}")).await.unwrap().unwrap()
}

/// After every kind of write the locks are still there.
async fn the_locks_outlast_every_write(bench: &mut Bench) {
    let mut conn = bench.conn().await.unwrap();
    for sql in [
        "UPDATE user SET name = 'a' WHERE id = 1",
        "UPDATE user SET name = 'b' WHERE name = 'a'",
        "INSERT INTO user (name) VALUES ('new')",
        "INSERT INTO user (id) VALUES (1)",
        "SELECT * FROM user WHERE id = 1 FOR UPDATE",
        "DELETE FROM user WHERE name = 'new'",
    ] {
        conn.query_drop("LOCK TABLES user WRITE").await.unwrap();
        let _ = conn.query_drop(sql).await;
        assert!(others_wait(bench).await, "{} {sql}", bench.phase);
    }
    conn.query_drop("UNLOCK TABLES").await.unwrap();
    assert!(!others_wait(bench).await, "{}", bench.phase);
}

/// Whatever ends the locks on the server ends them through Shunt: nobody waits, the session writes on.
async fn what_ends_locks(bench: &mut Bench) {
    for end in [
        "UNLOCK TABLES",
        "BEGIN",
        "START TRANSACTION READ WRITE",
        "LOCK TABLES orders READ",
        "reset",
        "user",
        "quit",
    ] {
        let mut conn = bench.conn().await.unwrap();
        conn.query_drop("LOCK TABLES user WRITE").await.unwrap();
        conn.query_drop("UPDATE user SET name = 'held' WHERE id = 2").await.unwrap();
        match end {
            "reset" => assert!(conn.reset().await.unwrap()),
            "user" => conn.change_user(ChangeUserOpts::default()).await.unwrap(),
            "quit" => {
                conn.disconnect().await.unwrap();
                conn = bench.conn().await.unwrap();
                // Home ends the session when it comes to it.
                until("the end of the locks", async || Ok(!others_wait(bench).await)).await.unwrap();
            }
            sql => conn.query_drop(sql).await.unwrap(),
        }
        if end == "quit" || end == "reset" || end == "user" {
            conn.query_drop(format!("USE {}", bench.schema)).await.unwrap();
        }
        assert!(!others_wait(bench).await, "{} {end}", bench.phase);
        let write = conn.query_drop("UPDATE user SET name = 'on' WHERE id = 2").await;
        if end == "LOCK TABLES orders READ" {
            assert_eq!(
                refused(write).unwrap(),
                (1100, "Table 'user' was not locked with LOCK TABLES".to_owned())
            );
            conn.query_drop("UNLOCK TABLES").await.unwrap();
        } else {
            write.unwrap_or_else(|error| panic!("{} {end}: {error}", bench.phase));
            conn.query_drop("COMMIT").await.unwrap();
            assert_eq!(name_of(&mut conn, 2).await, "on", "{} {end}", bench.phase);
        }
    }
}

/// A write that fails half way leaves nothing, and the session is as it was.
async fn a_failing_write_is_undone(bench: &mut Bench) {
    let fails = "BEFORE UPDATE ON user_4 FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'";
    let mirrored = "BEFORE INSERT ON user_4 FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'";
    bench.root(&format!("CREATE TRIGGER fails {fails}")).await.unwrap();
    bench.root(&format!("CREATE TRIGGER mirrored {mirrored}")).await.unwrap();
    let mut conn = bench.conn().await.unwrap();
    conn.query_drop("LOCK TABLES user WRITE, orders WRITE").await.unwrap();
    conn.query_drop("UPDATE user SET name = 'before' WHERE id = 3").await.unwrap();
    for sql in
        ["UPDATE user SET name = 'bad' WHERE id IN (3, 4)", "UPDATE user SET name = 'bad' WHERE id = 4"]
    {
        let (code, message) = refused(conn.query_drop(sql).await).unwrap();
        assert_eq!((code, message.as_str()), (1644, "no"), "{}", bench.phase);
    }
    assert_eq!(name_of(&mut conn, 3).await, "before");
    assert_eq!(name_of(&mut conn, 4).await, "n4");
    let autocommit: Option<u8> = conn.query_first("SELECT @@autocommit").await.unwrap();
    assert_eq!(autocommit, Some(1));
    assert!(others_wait(bench).await, "{}", bench.phase);
    conn.query_drop("INSERT INTO orders VALUES (1, 1)").await.unwrap();
    conn.query_drop("UNLOCK TABLES").await.unwrap();
    conn.query_drop("DELETE FROM orders").await.unwrap();
    for trigger in ["fails", "mirrored"] {
        bench.root(&format!("DROP TRIGGER {trigger}")).await.unwrap();
    }
}

/// OK packets to the last byte as the server's own, for a client that is told of every change of session
/// state: it must not hear of the autocommit mode that Shunt switches.
async fn nothing_of_autocommit_is_told(bench: &mut Bench) {
    let twin = format!("{}_twin", bench.schema);
    let mut real = Client::tracking(&bench.opts(0).unwrap()).await.unwrap();
    let mut direct = Client::tracking(&bench.home.app_opts(None, &twin).unwrap()).await.unwrap();
    for sql in [
        "SET session_track_system_variables = 'autocommit'",
        "LOCK TABLES user WRITE",
        "UPDATE user SET name = 'tracked' WHERE id = 5",
        "UPDATE user SET name = 'tracked again' WHERE name = 'tracked'",
        "UPDATE user SET name = 'nobody' WHERE id = 99",
        "UNLOCK TABLES",
        "SET autocommit = 0",
        "LOCK TABLES user WRITE",
        "UPDATE user SET name = 'n5' WHERE id = 5",
        "COMMIT",
        "UNLOCK TABLES",
    ] {
        let mut answers = Vec::new();
        for client in [&mut real, &mut direct] {
            client.command(0x03, sql.as_bytes()).await.unwrap();
            answers.push(client.read().await.unwrap());
        }
        assert_eq!(answers[0], answers[1], "{} {sql}", bench.phase);
    }
}

/// Locks that Shunt did not see: through a view, or by a procedure. Reads of legacy are home's business;
/// nothing is written.
async fn unseen_locks_let_no_write_through(bench: &mut Bench) {
    let schema = bench.schema.clone();
    for sql in [
        "CREATE OR REPLACE VIEW peep AS SELECT * FROM user",
        "DROP PROCEDURE IF EXISTS lock_it",
        "CREATE PROCEDURE lock_it() BEGIN PREPARE s FROM 'FLUSH TABLES user WITH READ LOCK'; EXECUTE s; END",
        &format!("GRANT EXECUTE ON {schema}.* TO 'app'@'%'"),
    ] {
        bench.root(sql).await.unwrap();
    }
    let mut conn = bench.conn().await.unwrap();
    for way in ["LOCK TABLES peep WRITE, orders WRITE", "CALL lock_it()"] {
        conn.query_drop(way).await.unwrap();
        for sql in [
            "UPDATE user SET name = 'lost' WHERE id = 6",
            "UPDATE user SET name = 'lost' WHERE name = 'n6'",
            "DELETE FROM user WHERE id = 6",
            "INSERT INTO user (name) VALUES ('lost')",
            "SELECT name FROM user WHERE id = 6 FOR UPDATE",
        ] {
            let (code, message) = refused(conn.query_drop(sql).await).unwrap();
            assert_eq!(code, 1235, "{} {way}; {sql}: {message}", bench.phase);
            assert!(message.contains("not by a LOCK TABLES that Shunt has seen"), "{message}");
        }
        conn.query_drop("UNLOCK TABLES").await.unwrap();
    }
    assert_eq!(name_of(&mut conn, 6).await, "n6");
    bench.root("DROP VIEW peep").await.unwrap();
    bench.root("DROP PROCEDURE lock_it").await.unwrap();
}

/// A LOCK TABLES that meets the end of an epoch, and whose list has a table that does not exist.
async fn a_new_epoch_is_not_noticed(bench: &mut Bench) {
    let mut conn = bench.conn().await.unwrap();
    conn.query_drop("UPDATE user SET name = name WHERE id = 1").await.unwrap();
    assert!(bench.flip_by_hand(Phase::Legacy).await.unwrap());
    conn.query_drop("LOCK TABLES user WRITE").await.unwrap();
    conn.query_drop("UPDATE user SET name = 'anew' WHERE id = 1").await.unwrap();
    let (code, message) = refused(conn.query_drop("LOCK TABLES user WRITE, nosuch READ").await).unwrap();
    assert_eq!((code, message), (1146, format!("Table '{}.nosuch' doesn't exist", bench.schema)));
    conn.query_drop("UPDATE user SET name = 'unlocked' WHERE id = 1").await.unwrap();
}

/// The gate is held as long as the locks are: a flip waits, and names the connection.
async fn a_flip_waits_for_the_locks(bench: &mut Bench, next: Phase, lock: &str) {
    let mut conn = bench.conn().await.unwrap();
    conn.query_drop(lock).await.unwrap();
    bench.flag.set(next).await.unwrap();
    let what = "a flip that is held up by the locks";
    let state =
        bench.flag.until(what, PATIENCE, |state| state.refusal.contains("LOCK TABLES")).await.unwrap();
    if bench.kind == Kind::MySql {
        assert!(state.refusal.contains(&format!("connection {} ", conn.id())), "{state:?}");
    }
    let count: Option<u64> = conn.query_first("SELECT COUNT(*) FROM user").await.unwrap();
    assert_eq!((state.phase, count), (Some(bench.phase), Some(u64::from(ROWS))));
    conn.query_drop("UNLOCK TABLES").await.unwrap();
    bench.walk_to(next).await.unwrap();
}

async fn in_every_phase(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "lockdb").await?;
    a_new_epoch_is_not_noticed(&mut bench).await;
    for next in [Some(Phase::DualWrite), Some(Phase::ShardRead), Some(Phase::Shards), None] {
        the_locks_outlast_every_write(&mut bench).await;
        what_ends_locks(&mut bench).await;
        if bench.phase != Phase::Legacy {
            a_failing_write_is_undone(&mut bench).await;
        }
        nothing_of_autocommit_is_told(&mut bench).await;
        unseen_locks_let_no_write_through(&mut bench).await;
        let Some(next) = next else { continue };
        let lock = if next == Phase::ShardRead {
            "LOCK TABLES user AS u READ, user READ"
        } else {
            "LOCK TABLES user WRITE"
        };
        a_flip_waits_for_the_locks(&mut bench, next, lock).await;
    }
    bench.sidecars[0].stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_hold_in_every_phase_on_mysql() {
    in_every_phase(Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_hold_in_every_phase_on_mariadb() {
    in_every_phase(Kind::MariaDb).await.unwrap();
}

async fn a_missing_grant_is_named(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "lockgrantdb").await?;
    bench.root("REVOKE LOCK TABLES ON shunt.* FROM 'app'@'%'").await?;
    let mut conn = bench.conn().await.unwrap();
    let (code, message) = refused(conn.query_drop("LOCK TABLES user READ").await).unwrap();
    assert_eq!(code, 1044, "{message}");
    assert!(message.contains("GRANT SELECT, LOCK TABLES ON `shunt`.* TO 'app'@"), "{message}");
    assert!(!others_wait(&bench).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_named_on_mysql() {
    a_missing_grant_is_named(Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_named_on_mariadb() {
    a_missing_grant_is_named(Kind::MariaDb).await.unwrap();
}
