//! The demo's walk, shorter: a whole migration and back under load on each server, with one sidecar killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use tests::{
    Outcome,
    demo::{self, Options},
    home::Home,
    observer::Screen,
    servers::{self, Kind},
};
use topology::Phase;

/// 1100, 1101, 0111, 0011, 0111, 1101, 1100.
const FLIPS: u64 = 6;

async fn walk(kind: Kind, kill_in: Phase) -> Outcome {
    let mut home = Home::claim(kind).await?;
    // A key of its own: both servers' tests run at once and share Redis.
    let flag_key = format!("migrate_user_{}", kind.name());
    let options = Options { seconds: 40, rows: 20_000, kill_in, schema: "app".to_owned(), flag_key };
    let screen: Screen = Arc::new(|line: &str| eprintln!("{line}"));
    let redis = servers::redis_url()?;
    let cli = Some(servers::redis_cli());
    let summary = Box::pin(demo::run(&mut home, &redis, cli, &options, screen)).await?;
    assert!(summary.is_good(), "{}", summary.text());
    assert_eq!(summary.totals.flips, FLIPS, "{}", summary.text());
    assert!(summary.totals.acknowledged_writes > 1_000, "{}", summary.text());
    Ok(())
}

// The two differ in where the sidecar dies: while both sides are written, and while only the shards are.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_and_back_on_mysql() {
    walk(Kind::MySql, Phase::ShardRead).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_and_back_on_mariadb() {
    walk(Kind::MariaDb, Phase::Shards).await.unwrap();
}
