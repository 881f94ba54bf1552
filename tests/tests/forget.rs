//! Taking away the log of an ended reverse sync never stands in a writer's way.

use std::time::{Duration, Instant};

use flag_client::{Home, HomeConfig};
use mysql_async::prelude::Queryable;
use reshard::reverse::forget;
use tests::{Outcome, home, servers::Kind};
use topology::ShardedTable;

async fn beside_writers(kind: Kind) -> Outcome {
    let mut claim = home::Home::claim(kind).await?;
    claim.clean(&[]).await?;
    let table = ShardedTable::new("user", "app.user", "id", "app.user_{0..1}")?;
    let home = Home::new(HomeConfig::from_url(claim.url())?);
    let (mut conn, mut writer) = (home.connect().await?, home.connect().await?);
    let log = table.dirty_log();
    let ddl = format!(
        "CREATE TABLE {log} (sidecar BIGINT UNSIGNED, n BIGINT UNSIGNED, id BIGINT, PRIMARY KEY (sidecar, n))"
    );
    conn.query_drop(ddl).await?;
    let rows: Vec<String> = (0..1200).map(|n| format!("(1,{n},{n})")).collect();
    conn.query_drop(format!("INSERT INTO {log} VALUES {}", rows.join(","))).await?;
    writer.query_drop("BEGIN").await?;
    writer.query_drop(format!("INSERT INTO {log} VALUES (1,5000,1)")).await?;
    writer.query_drop(format!("SELECT * FROM {log} WHERE sidecar=1 AND n=7 FOR UPDATE")).await?;
    let began = Instant::now();
    assert_eq!(forget(&mut conn, &table).await?, 1199);
    writer.query_drop(format!("INSERT INTO {log} VALUES (1,5001,1)")).await?;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    writer.query_drop("COMMIT").await?;
    assert_eq!(forget(&mut conn, &table).await?, 3);
    Ok(())
}

#[tokio::test]
async fn mysql() {
    beside_writers(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn mariadb() {
    beside_writers(Kind::MariaDb).await.unwrap();
}
