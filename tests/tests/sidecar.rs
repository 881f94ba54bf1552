//! What a sidecar promises besides its statements: errors that say what to do, and starting while others are away.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    process::{Command, Output},
};

use mysql_async::{Conn, Error, prelude::Queryable};
use tests::{
    Outcome,
    home::Home,
    patience::until,
    servers::{self, Kind},
    shunt::{self, Moved, Setup, Sidecar},
};

const CREATE: &str =
    "CREATE TABLE user (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT '')";

async fn rig(kind: Kind, schema: &str) -> Outcome<(Home, Setup)> {
    let mut home = Home::claim(kind).await?;
    home.clean(&[schema]).await?;
    home.root().query_drop(format!("USE {schema}")).await?;
    home.root().query_drop(CREATE).await?;
    for i in 0..10 {
        home.root().query_drop(format!("CREATE TABLE user_{i} LIKE user")).await?;
    }
    let setup =
        Setup::user(&home, schema, &servers::redis_url()?, &format!("migrate_{schema}_{}", kind.name()))?;
    Ok((home, setup))
}

async fn application(home: &Home, sidecar: &Sidecar, schema: &str) -> Outcome<Conn> {
    let opts = home.app_opts(Some(("127.0.0.1", sidecar.port())), schema)?;
    Ok(Conn::new(opts).await?)
}

/// Waits until a write goes through, that is until the first gate is there.
async fn until_gated(conn: &mut Conn) -> Outcome {
    let write = "UPDATE user SET name = name WHERE id = 0";
    until("the first gate", async || Ok(conn.query_drop(write).await.is_ok())).await
}

fn server_error(result: Result<(), Error>) -> (u16, String) {
    match result {
        Err(Error::Server(error)) => (error.code, error.message),
        other => panic!("an error of the server was expected: {other:?}"),
    }
}

async fn a_missing_grant_is_named_at_the_first_write(kind: Kind) -> Outcome {
    let schema = "grantdb";
    let (mut home, setup) = rig(kind, schema).await?;
    let sidecar = Sidecar::start(&setup, "grant").await?;
    until_gated(&mut application(&home, &sidecar, schema).await?).await?;
    home.root().query_drop("REVOKE SELECT ON shunt.* FROM 'app'@'%'").await?;

    let mut conn = application(&home, &sidecar, schema).await?;
    let (code, message) = server_error(conn.query_drop("INSERT INTO user (name) VALUES ('lost?')").await);
    assert_eq!(code, 1142, "{message}");
    assert!(message.contains("GRANT SELECT ON `shunt`.* TO 'app'@"), "{message}");
    let rows: Option<i64> = conn.query_first("SELECT COUNT(*) FROM user WHERE name = 'lost?'").await?;
    assert_eq!(rows, Some(0), "a plain read needs no gate, and nothing was written");
    Ok(())
}

async fn xa_branches_do_not_write_the_table(kind: Kind) -> Outcome {
    let schema = "xadb";
    let (home, setup) = rig(kind, schema).await?;
    let sidecar = Sidecar::start(&setup, "xa").await?;
    let mut conn = application(&home, &sidecar, schema).await?;
    until_gated(&mut conn).await?;

    conn.query_drop("XA START 'shunt-test'").await?;
    let (code, message) = server_error(conn.query_drop("INSERT INTO user (name) VALUES ('x')").await);
    assert_eq!(code, 1235, "{message}");
    conn.query_drop("XA END 'shunt-test'").await?;
    conn.query_drop("XA ROLLBACK 'shunt-test'").await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('x')").await?;
    Ok(())
}

async fn statements_behind_use_in_one_packet_are_read_anew(kind: Kind) -> Outcome {
    let schema = "usedb";
    let (mut home, setup) = rig(kind, schema).await?;
    home.root().query_drop("DROP DATABASE IF EXISTS usedb_other").await?;
    home.root().query_drop("CREATE DATABASE usedb_other").await?;
    home.root().query_drop("GRANT ALL ON usedb_other.* TO 'app'@'%'").await?;
    let sidecar = Sidecar::start(&setup, "use").await?;
    let mut conn = application(&home, &sidecar, schema).await?;
    until_gated(&mut conn).await?;
    conn.query_drop("CREATE TABLE usedb_other.user (id INT PRIMARY KEY)").await?;

    // The same word is another table behind the USE, and the configured one again behind the second.
    conn.query_drop(
        "USE usedb_other; INSERT INTO user VALUES (1); USE usedb; INSERT INTO user (name) VALUES ('a')",
    )
    .await?;
    let others: Option<i64> = conn.query_first("SELECT COUNT(*) FROM usedb_other.user").await?;
    let own: Option<i64> = conn.query_first("SELECT COUNT(*) FROM usedb.user").await?;
    assert_eq!((others, own), (Some(1), Some(1)));
    Ok(())
}

tests::on_both_servers!(
    a_missing_grant_is_named_at_the_first_write,
    xa_branches_do_not_write_the_table,
    statements_behind_use_in_one_packet_are_read_anew,
);

fn run(arguments: &[&str]) -> Output {
    Command::new(shunt::binary().unwrap()).args(arguments).env_remove("SHUNT_LISTEN").output().unwrap()
}

#[test]
fn a_bad_configuration_is_named_line_by_line_and_exits_with_64() {
    let file = std::env::temp_dir().join(format!("shunt-bad-{}.toml", std::process::id()));
    fs::write(
        &file,
        "listen = [\"nowhere\"]\n[home]\nurl = \"mysql://h:1\"\nusr = \"x\"\n[[table]]\ntable = \"user\"\n",
    )
    .unwrap();
    let output = run(&["run", "--config", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    for part in ["line 1:", "line 4: unknown key `usr`", "line 5:", "needs `shards`", "nothing was started"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn help_teaches() {
    let output = run(&["run", "--help"]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success());
    for part in ["[[table]]", "SHUNT_HOME_PASSWORD", "SIGTERM"] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
    assert_eq!(run(&["fly"]).status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_starts_while_home_and_redis_are_away_and_says_so() {
    let dir = std::env::temp_dir().join(format!("shunt-away-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let setup = Setup {
        home: "mysql://127.0.0.1:1".to_owned(),
        redis: "redis://127.0.0.1:2".to_owned(),
        tables: vec![Moved::user("app", "migrate_user")],
        dir,
    };
    let mut sidecar = Sidecar::start(&setup, "away").await.unwrap();
    let url = format!("mysql://app:app@127.0.0.1:{}/app?prefer_socket=false", sidecar.port());
    let (_, message) = server_error(Conn::from_url(&url).await.map(drop));
    assert!(message.contains("cannot connect to home at 127.0.0.1:1"), "{message}");
    let log = fs::read_to_string(sidecar.log()).unwrap();
    assert!(log.contains("home is away") && log.contains("Redis is away"), "{log}");
    sidecar.stop().await.unwrap();
}
