//! Taking away the log of an ended reverse sync never stands in anybody's way.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use reshard::reverse::{PARKED_DDL, forget, parked};
use tests::{Outcome, home, servers::Kind};
use topology::ShardedTable;

tests::on_both_servers!(beside_a_reader);

async fn beside_a_reader(kind: Kind) -> Outcome {
    let mut claim = home::Home::claim(kind).await?;
    claim.clean(&[]).await?;
    let table = ShardedTable::new("user", "app.user", "id", "app.user_{0..1}")?;
    let home = home::control(claim.url())?;
    let (mut conn, mut reader) = (home.connect().await?, home.connect().await?);
    let log = table.dirty_log();
    let ddl = format!(
        "CREATE TABLE {log} (sidecar BIGINT UNSIGNED, n BIGINT UNSIGNED, id BIGINT, PRIMARY KEY (sidecar, n))"
    );
    conn.query_drop(format!("{ddl};{PARKED_DDL};INSERT INTO {log} VALUES (1,1,1),(1,2,2)")).await?;
    let park = "INSERT INTO shunt.parked VALUES ('user',UNHEX(SHA2('1',256)),'1','1','taken',NOW(6))";
    conn.query_drop(park).await?;
    reader.query_drop(format!("BEGIN;SELECT * FROM {log}")).await?;
    let began = Instant::now();
    assert!(!forget(&home, &mut conn, &table).await?);
    // Who waits for the reader waits 50 s: its own limit.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    reader.query_drop("COMMIT").await?;
    assert!(forget(&home, &mut conn, &table).await?);
    let left: Option<u64> = conn.query_first(format!("SELECT COUNT(*) FROM {log}")).await?;
    assert_eq!(left, Some(0));
    assert!(parked(&mut conn, table.id()).await?.is_empty());
    Ok(())
}
