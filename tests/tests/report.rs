//! `shunt report`: what sidecars have seen in 1100, added up over statements, sidecars and restarts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use mysql_async::{Conn, prelude::Queryable};
use serde_json::Value;
use tests::{
    Outcome,
    home::Home,
    patience::{PATIENCE, found},
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::Flag,
};
use topology::Phase;

/// The report once `statement` was called so often, and its exit code. Sidecars tell home every five seconds.
async fn until(sidecar: &Sidecar, statement: &str, calls: u64) -> Outcome<(Vec<Value>, i32)> {
    found(&format!("{calls} calls of {statement}"), async || {
        let output = sidecar.command(&["report", "--json"])?;
        let report: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let told = report.iter().any(|one| one["statement"] == statement && one["calls"] == calls);
        Ok(told.then(|| (report, output.status.code().unwrap_or(-1))))
    })
    .await
}

fn plans<'a>(report: &'a [Value], statement: &str) -> &'a Value {
    &report.iter().find(|one| one["statement"] == statement).unwrap()["plans"]
}

async fn application(home: &Home, sidecar: &Sidecar, schema: &str) -> Outcome<Conn> {
    Ok(Conn::new(home.app_opts(Some(("127.0.0.1", sidecar.port())), schema)?).await?)
}

async fn statements_are_counted_and_planned(kind: Kind) -> Outcome {
    let schema = "reportdb";
    let mut home = Home::claim(kind).await?;
    home.clean(&[schema]).await?;
    home.root().query_drop(format!("USE {schema}")).await?;
    let columns = "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT ''";
    home.root().query_drop(format!("CREATE TABLE user ({columns})")).await?;
    for i in 0..10 {
        home.root().query_drop(format!("CREATE TABLE user_{i} LIKE user")).await?;
    }
    let (redis, key) = (servers::redis_url()?, format!("migrate_{schema}_{}", kind.name()));
    let mut flag = Flag::connect(&redis, None, &key).await?;
    flag.forget().await?;
    let setup = Setup::user(&home, schema, &redis, &key)?;
    let (mut one, two) = (Sidecar::start(&setup, "one").await?, Sidecar::start(&setup, "two").await?);
    flag.until("a gate", PATIENCE, |state| state.phase == Some(Phase::Legacy)).await?;

    let by_key = "SELECT name FROM user WHERE id = ?";
    let mut conn = application(&home, &one, schema).await?;
    for id in [1, 2, 3] {
        conn.query_drop(format!("SELECT name FROM user WHERE id = {id}")).await?;
    }
    conn.exec_drop(by_key, (4,)).await?;
    conn.query_drop("SELECT name FROM user WHERE name = 'a secret'").await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('x'), ('y')").await?;
    conn.query_drop("DROP TABLE user").await.unwrap_err();
    conn.query_drop("SELECT 1").await?;
    // The last of them: what came before it has been told by then.
    let (report, code) = until(&one, "DROP TABLE user", 1).await?;
    assert_eq!(report.len(), 4, "{report:#?}");
    assert_eq!((&report[0]["statement"], &report[0]["calls"]), (&by_key.into(), &4.into()));
    assert_eq!(plans(&report, by_key)["0111"][0], "one shard");
    assert_eq!(plans(&report, "SELECT name FROM user WHERE name = ?")["0111"][0], "all shards");
    let insert = plans(&report, "INSERT INTO user (name) VALUES (?)");
    assert_eq!(
        (&insert["1101"][0], &insert["0011"][0]),
        (&"as sent, mirrored".into(), &"split by shard".into())
    );
    let dropped = plans(&report, "DROP TABLE user");
    assert_eq!(dropped["1101"][0], "refused: ddl");
    assert_eq!(code, 1, "a statement would be refused");
    let text = String::from_utf8_lossy(&one.command(&["report"])?.stdout).into_owned();
    assert!(text.contains("go back to 1100") && !text.contains("a secret"), "{text}");

    // Another sidecar adds to it; a clean stop tells what is left; a restart goes on.
    application(&home, &two, schema).await?.exec_drop(by_key, (5,)).await?;
    until(&one, by_key, 5).await?;
    conn.exec_drop(by_key, (6,)).await?;
    drop(conn);
    one.stop().await?;
    one.launch().await?;
    application(&home, &one, schema).await?.exec_drop(by_key, (7,)).await?;
    let (report, _) = until(&one, by_key, 7).await?;
    assert_eq!(report.len(), 4, "{report:#?}");

    let check = String::from_utf8_lossy(&one.command(&["check"])?.stdout).into_owned();
    assert!(check.contains("1 of 4 different statements that were seen would be refused"), "{check}");
    assert!(one.command(&["report", "--reset"])?.status.success());
    let report = one.command(&["report", "--json"])?;
    assert_eq!(report.stdout.trim_ascii(), b"[]");
    assert_eq!(report.status.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_counted_and_planned_on_mysql() {
    statements_are_counted_and_planned(Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_counted_and_planned_on_mariadb() {
    statements_are_counted_and_planned(Kind::MariaDb).await.unwrap();
}
