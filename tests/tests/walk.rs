//! The controller with its real work: a table is copied, verified, moved and brought back by requests alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use flag_client::{FlagKeys, FlagStore, GateNames, HomeConn};
use mysql_async::prelude::Queryable;
use reshard::{
    controller::{self, ControllerConfig},
    copy::Pace,
    mover::Mover,
    report,
};
use tests::{
    Outcome, home,
    patience::found,
    servers::{self, Kind},
    walk::Flag,
};
use tokio_util::sync::CancellationToken;
use topology::{Gate, Phase, ShardedTable};

const ROWS: i64 = 5_000;

async fn reached(conn: &mut HomeConn, table: &ShardedTable, flag: &str) -> Outcome<Gate> {
    let reached = found(flag, async || {
        let gate = GateNames::read(conn).await?.one(table.id()).ok();
        Ok(gate.filter(|gate| gate.state.to_string() == flag))
    });
    match reached.await {
        Ok(gate) => Ok(gate),
        Err(error) => Err(format!("{error}; {:?}", report::load(conn, table.id()).await?).into()),
    }
}

async fn difference(conn: &mut HomeConn) -> Outcome<u64> {
    let shards =
        "(SELECT * FROM walk.user_0 UNION ALL SELECT * FROM walk.user_1 UNION ALL SELECT * FROM walk.user_2)";
    let sql = format!(
        "SELECT (SELECT COUNT(*) FROM walk.user l LEFT JOIN {shards} s ON s.id=l.id AND s.name<=>l.name WHERE s.id IS NULL) \
         + (SELECT COUNT(*) FROM {shards} s LEFT JOIN walk.user l ON s.id=l.id AND s.name<=>l.name WHERE l.id IS NULL)"
    );
    Ok(conn.query_first(sql).await?.unwrap_or(u64::MAX))
}

async fn walk(kind: Kind) -> Outcome {
    let mut claim = home::Home::claim(kind).await?;
    claim.clean(&["walk"]).await?;
    let home = home::control(claim.url())?;
    let mut conn = home.connect().await?;
    for name in ["user", "user_0", "user_1", "user_2"] {
        conn.query_drop(format!(
            "CREATE TABLE walk.{name} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB"
        ))
        .await?;
    }
    let rows: Vec<String> = (1..=ROWS).map(|id| format!("({id},'n{id}')")).collect();
    conn.query_drop(format!("INSERT INTO walk.user VALUES {}", rows.join(","))).await?;
    let table = ShardedTable::new("user", "walk.user", "id", "walk.user_{0..2}")?;
    let flags = FlagStore::new(&servers::redis_url()?)?;
    let keys = FlagKeys::new(format!("migrate_walk_{}", kind.name()));
    let mut flag = Flag::connect(&servers::redis_url()?, None, &keys.request).await?;
    flag.forget().await?;
    let mover = Mover::new(home.clone(), flags.clone(), keys.clone(), table.clone(), Pace::default());
    let config = ControllerConfig { home, flags, keys, table: table.clone(), name: "walk".into() };
    let stop = CancellationToken::new();
    let task = controller::spawn(config, mover, stop.clone());
    let outcome = steps(&mut conn, &table, &mut flag).await;
    stop.cancel();
    task.await?;
    outcome
}

async fn steps(conn: &mut HomeConn, table: &ShardedTable, flag: &mut Flag) -> Outcome {
    reached(conn, table, "1100").await?;
    flag.set(Phase::ShardRead).await?;
    reached(conn, table, "0111").await?;
    assert_eq!(difference(conn).await?, 0, "reads were switched to unequal shards");
    flag.set(Phase::Shards).await?;
    let gate = reached(conn, table, "0011").await?;
    // What a sidecar does: gate, write, log of keys, in one transaction.
    conn.query_drop("BEGIN").await?;
    let probe = gate.probe_sql(conn.mariadb());
    conn.query_drop(probe).await?;
    conn.query_drop("INSERT INTO walk.user_1 VALUES (7000, 'born in 0011')").await?;
    conn.query_drop("DELETE FROM walk.user_0 WHERE id=3").await?;
    conn.query_drop("UPDATE walk.user_2 SET name=NULL WHERE id=5").await?;
    let log = table.dirty_log();
    conn.query_drop(format!("INSERT INTO {log} VALUES (9,1,7000),(9,2,3),(9,3,5)")).await?;
    conn.query_drop("COMMIT").await?;
    flag.set(Phase::ShardRead).await?;
    reached(conn, table, "0111").await?;
    assert_eq!(difference(conn).await?, 0, "0111 opened with legacy behind");
    let kept: Option<u64> = conn.query_first("SELECT COUNT(*) FROM walk.user WHERE id IN (3, 7000)").await?;
    assert_eq!(kept, Some(1));
    flag.set(Phase::Legacy).await?;
    reached(conn, table, "1100").await?;
    conn.query_drop("INSERT INTO walk.user (name) VALUES ('after')").await?;
    let id: Option<u64> = conn.query_first("SELECT LAST_INSERT_ID()").await?;
    assert!(id > Some(7000), "an id was handed out again: {id:?}");
    Ok(())
}

#[tokio::test]
async fn mysql() {
    walk(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn mariadb() {
    walk(Kind::MariaDb).await.unwrap();
}
