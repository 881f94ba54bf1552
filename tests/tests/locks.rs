//! LOCK TABLES on the sharded table through a sidecar, in every phase: what `same(sql)` does not see.
//!
//! The locks last as long as direct ones and no longer, a flip waits for them, and no write comes through
//! under locks that the gate is not among.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use mysql_async::{ChangeUserOpts, Conn, Error, Opts, prelude::Queryable};
use tests::{
    Outcome,
    client::Client,
    home::Home,
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::Flag,
};
use topology::Phase;

/// A step of the walk with its guards: the tables are small.
const STEP_LIMIT: Duration = Duration::from_secs(60);

const TABLES: [&str; 2] = [
    "CREATE TABLE user (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT '', KEY name (name))",
    "CREATE TABLE orders (id INT PRIMARY KEY, n INT)",
];

struct Bench {
    kind: Kind,
    home: Home,
    flag: Flag,
    sidecar: Sidecar,
    schema: String,
    phase: Phase,
}

impl Bench {
    /// `user` with the rows 1 to 9, through a sidecar in 1100; the same tables in `<schema>_twin`.
    async fn new(kind: Kind, schema: &str) -> Outcome<Self> {
        let mut home = Home::claim(kind).await?;
        let twin = format!("{schema}_twin");
        home.clean(&[schema, &twin]).await?;
        for schema in [schema, &twin] {
            home.root().query_drop(format!("USE {schema}")).await?;
            for table in TABLES {
                home.root().query_drop(table).await?;
            }
            let rows: Vec<String> = (1..10).map(|i| format!("({i},'n{i}')")).collect();
            home.root().query_drop(format!("INSERT INTO user VALUES {}", rows.join(","))).await?;
        }
        home.root().query_drop(format!("USE {schema}")).await?;
        for i in 0..10 {
            home.root().query_drop(format!("CREATE TABLE user_{i} LIKE user")).await?;
        }
        let (redis, key) = (servers::redis_url()?, format!("migrate_{schema}_{}", kind.name()));
        let mut flag = Flag::connect(&redis, None, &key).await?;
        flag.forget().await?;
        let sidecar = Sidecar::start(&Setup::user(&home, schema, &redis, &key)?, "locks").await?;
        flag.until("a gate", STEP_LIMIT, |state| state.phase == Some(Phase::Legacy)).await?;
        Ok(Self { kind, home, flag, sidecar, schema: schema.to_owned(), phase: Phase::Legacy })
    }

    async fn walk_to(&mut self, phase: Phase) -> Outcome {
        self.flag.walk_to(phase, STEP_LIMIT).await?;
        self.phase = phase;
        if phase == Phase::DualWrite {
            self.flag.until("a certified copy", STEP_LIMIT, tests::walk::State::certified).await?;
        }
        Ok(())
    }

    fn opts(&self) -> Opts {
        self.home.app_opts(Some(("127.0.0.1", self.sidecar.port())), &self.schema).unwrap()
    }

    async fn conn(&self) -> Conn {
        Conn::new(self.opts()).await.unwrap()
    }

    async fn root(&mut self, sql: &str) -> Outcome {
        Ok(self.home.root().query_drop(sql).await?)
    }

    /// Whether somebody else's write has to wait.
    async fn others_wait(&self) -> bool {
        let mut other = self.conn().await;
        other.query_drop("SET SESSION lock_wait_timeout = 1").await.unwrap();
        match other.query_drop("UPDATE user SET name = name WHERE id = 9").await {
            Ok(()) => false,
            Err(Error::Server(error)) if error.code == 1205 => true,
            Err(error) => panic!("{}: {error}", self.phase),
        }
    }
}

async fn name_of(conn: &mut Conn, id: u64) -> String {
    conn.query_first(format!("SELECT name FROM user WHERE id = {id}")).await.unwrap().unwrap()
}

fn refused(result: Result<(), Error>) -> (u16, String) {
    match result {
        Err(Error::Server(error)) => (error.code, error.message),
        other => panic!("an error of the server was expected: {other:?}"),
    }
}

/// After every kind of write the locks are still there.
async fn the_locks_outlast_every_write(bench: &mut Bench) {
    let mut conn = bench.conn().await;
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
        assert!(bench.others_wait().await, "{} {sql}", bench.phase);
    }
    conn.query_drop("UNLOCK TABLES").await.unwrap();
    assert!(!bench.others_wait().await, "{}", bench.phase);
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
        let mut conn = bench.conn().await;
        conn.query_drop("LOCK TABLES user WRITE").await.unwrap();
        conn.query_drop("UPDATE user SET name = 'held' WHERE id = 2").await.unwrap();
        match end {
            "reset" => assert!(conn.reset().await.unwrap()),
            "user" => conn.change_user(ChangeUserOpts::default()).await.unwrap(),
            "quit" => {
                conn.disconnect().await.unwrap();
                conn = bench.conn().await;
            }
            sql => conn.query_drop(sql).await.unwrap(),
        }
        if end == "quit" || end == "reset" || end == "user" {
            conn.query_drop(format!("USE {}", bench.schema)).await.unwrap();
        }
        assert!(!bench.others_wait().await, "{} {end}", bench.phase);
        let write = conn.query_drop("UPDATE user SET name = 'on' WHERE id = 2").await;
        if end == "LOCK TABLES orders READ" {
            assert_eq!(refused(write), (1100, "Table 'user' was not locked with LOCK TABLES".to_owned()));
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
    let mut conn = bench.conn().await;
    conn.query_drop("LOCK TABLES user WRITE, orders WRITE").await.unwrap();
    conn.query_drop("UPDATE user SET name = 'before' WHERE id = 3").await.unwrap();
    for sql in
        ["UPDATE user SET name = 'bad' WHERE id IN (3, 4)", "UPDATE user SET name = 'bad' WHERE id = 4"]
    {
        let (code, message) = refused(conn.query_drop(sql).await);
        assert_eq!((code, message.as_str()), (1644, "no"), "{}", bench.phase);
    }
    assert_eq!(name_of(&mut conn, 3).await, "before");
    assert_eq!(name_of(&mut conn, 4).await, "n4");
    let autocommit: Option<u8> = conn.query_first("SELECT @@autocommit").await.unwrap();
    assert_eq!(autocommit, Some(1));
    assert!(bench.others_wait().await, "{}", bench.phase);
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
    let mut real = Client::tracking(&bench.opts()).await.unwrap();
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
    let mut ways = vec!["LOCK TABLES peep WRITE, orders WRITE", "CALL lock_it()"];
    if bench.kind == Kind::MariaDb && bench.phase == Phase::Legacy {
        ways.push("EXECUTE IMMEDIATE 'LOCK TABLES user WRITE'");
    }
    let mut conn = bench.conn().await;
    for way in ways {
        conn.query_drop(way).await.unwrap();
        for sql in [
            "UPDATE user SET name = 'lost' WHERE id = 6",
            "UPDATE user SET name = 'lost' WHERE name = 'n6'",
            "DELETE FROM user WHERE id = 6",
            "INSERT INTO user (name) VALUES ('lost')",
            "SELECT name FROM user WHERE id = 6 FOR UPDATE",
        ] {
            let (code, message) = refused(conn.query_drop(sql).await);
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
    let gate = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shunt' \
                AND TABLE_NAME LIKE 'gate%'";
    let mut conn = bench.conn().await;
    conn.query_drop("UPDATE user SET name = name WHERE id = 1").await.unwrap();
    let old: String = bench.home.root().query_first(gate).await.unwrap().unwrap();
    let (head, rest) = old.strip_prefix("gate_user_").map(|rest| rest.split_once('_').unwrap()).unwrap();
    let new = format!("gate_user_{}_{rest}", head.parse::<u64>().unwrap() + 1);
    bench.root(&format!("RENAME TABLE shunt.{old} TO shunt.{new}")).await.unwrap();
    conn.query_drop("LOCK TABLES user WRITE").await.unwrap();
    conn.query_drop("UPDATE user SET name = 'anew' WHERE id = 1").await.unwrap();
    let (code, message) = refused(conn.query_drop("LOCK TABLES user WRITE, nosuch READ").await);
    assert_eq!((code, message), (1146, format!("Table '{}.nosuch' doesn't exist", bench.schema)));
    conn.query_drop("UPDATE user SET name = 'unlocked' WHERE id = 1").await.unwrap();
}

/// The gate is held as long as the locks are: a flip waits, and names the connection.
async fn a_flip_waits_for_the_locks(bench: &mut Bench, next: Phase, lock: &str) {
    let mut conn = bench.conn().await;
    conn.query_drop(lock).await.unwrap();
    bench.flag.set(next).await.unwrap();
    let what = "a flip that is held up by the locks";
    let state =
        bench.flag.until(what, STEP_LIMIT, |state| state.refusal.contains("LOCK TABLES")).await.unwrap();
    if bench.kind == Kind::MySql {
        assert!(state.refusal.contains(&format!("connection {} ", conn.id())), "{state:?}");
    }
    let count: Option<u64> = conn.query_first("SELECT COUNT(*) FROM user").await.unwrap();
    assert_eq!((state.phase, count), (Some(bench.phase), Some(9)));
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
    bench.sidecar.stop().await
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
    let mut conn = bench.conn().await;
    let (code, message) = refused(conn.query_drop("LOCK TABLES user READ").await);
    assert_eq!(code, 1044, "{message}");
    assert!(message.contains("GRANT SELECT, LOCK TABLES ON `shunt`.* TO 'app'@"), "{message}");
    assert!(!bench.others_wait().await);
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
