//! The judge judged: a real application on a real server without any sidecar, and faults made by hand. It must find
//! nothing where nothing is wrong, and each fault that is made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};
use tests::{
    Outcome,
    history::{Clock, Effect, Fate, History, Read, Scope},
    home::Home,
    judge::{Kind, Verdict, judge},
    load::{Class, Load, Plan, Routes},
    patience::until,
    scan::{Snapshot, scan},
    servers, sql,
};
use topology::{Phase, ShardedTable};

const ROWS: u64 = 3_000;
const WORKERS: u64 = 5;
const SCHEMA: &str = "judged";

struct Bench {
    home: Home,
    direct: Conn,
    table: ShardedTable,
    clock: Clock,
    load: Option<Load>,
}

impl Bench {
    async fn start(kind: servers::Kind) -> Outcome<Self> {
        let mut home = Home::claim(kind).await?;
        home.clean(&[SCHEMA]).await?;
        sql::fill(home.root(), SCHEMA, 10, ROWS, WORKERS).await?;
        let routes = Routes { opts: vec![home.app_opts(None, SCHEMA)?], through: false };
        let clock = Clock::start();
        let mut direct = Conn::from_url(home.url()).await?;
        direct.query_drop(format!("USE {SCHEMA}")).await?;
        let seeds = sql::rows(&mut direct, false, sql::SELECT, vec![]).await?;
        let plan = Plan { seeds, workers: WORKERS, think: Duration::from_micros(500), routes };
        let table =
            ShardedTable::new("user", &format!("{SCHEMA}.user"), "id", &format!("{SCHEMA}.user_{{0..9}}"))?;
        Ok(Self { home, direct, table, clock, load: Some(Load::start(clock, plan)) })
    }

    async fn scan(&mut self, phase: Phase) -> Outcome<Snapshot> {
        scan(&mut self.direct, self.clock, &self.table, phase, true).await
    }

    /// The history with the end as it is on the server now.
    async fn end(&mut self, history: &mut History) -> Outcome<Verdict> {
        history.end = Some(self.scan(Phase::Legacy).await?.authority);
        Ok(judge(history))
    }
}

fn assert_found(verdict: &Verdict, what: &str, kinds: &[(Kind, u64)]) {
    let all = [Kind::Lost, Kind::Phantom, Kind::Diverged, Kind::StaleRead, Kind::FlipError];
    for kind in all {
        let expected = kinds.iter().find(|(k, _)| *k == kind).map_or(0, |(_, n)| *n);
        let told: Vec<&str> = verdict.findings(kind).take(10).collect();
        assert_eq!(verdict.count(kind), expected, "{what}: {kind:?} {told:#?}");
    }
}

async fn judge_on(kind: servers::Kind) -> Outcome {
    let mut bench = Bench::start(kind).await?;
    let load = bench.load.take().unwrap();
    // A lossy client: it reads in a snapshot from before a hundred writes.
    let mut old = Conn::from_url(bench.home.url()).await?;
    old.query_drop(format!("USE {SCHEMA}")).await?;
    old.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let later = load.shared.acknowledged_so_far() + 100;
    until("writes", async || Ok(load.shared.acknowledged_so_far() > later)).await?;
    let snapshot = bench.scan(Phase::Legacy).await?.authority;
    let began = bench.clock.now();
    let rows = sql::rows(&mut old, false, sql::SELECT, vec![]).await?;
    let stale = Read { began, ended: bench.clock.now(), scope: Scope::All, rows };
    let reads = || load.shared.samples(0).iter().filter(|one| one.class == Class::Read).count();
    until("enough to judge", async || Ok(load.shared.acknowledged_so_far() > 300 && reads() > 300)).await?;
    let mut history = load.stop().await?;
    history.snapshots.push(snapshot);
    let verdict = bench.end(&mut history).await?;
    assert_found(&verdict, "nothing is wrong", &[]);
    assert!(verdict.acknowledged_writes > 200, "{verdict:?}");
    assert!(verdict.reads > 200, "{verdict:?}");

    history.reads.push(stale);
    let verdict = judge(&history);
    assert!(verdict.count(Kind::StaleRead) > 0, "an old snapshot went unnoticed");
    history.reads.pop();

    by_hand(&mut bench, &mut history).await?;
    sides(&mut bench).await
}

/// Faults in the table, each made and taken back.
async fn by_hand(bench: &mut Bench, history: &mut History) -> Outcome {
    let root = "SET autocommit = 0";
    bench.direct.query_drop(root).await?;
    let id = last_insert(history);
    let faults = [
        (format!("DELETE FROM user WHERE id = {id}"), Kind::Lost),
        (format!("UPDATE user SET changes = changes + 1 WHERE id = {id}"), Kind::Lost),
        (format!("UPDATE user SET payload = payload ^ 1 WHERE id = {id}"), Kind::Diverged),
        (format!("UPDATE user SET version = 0 WHERE id = {id}"), Kind::Phantom),
        (format!("UPDATE user SET id = 99000000 WHERE id = {id}"), Kind::Lost),
        ("INSERT INTO user (token, version, payload, name) VALUES (5, 1, 1, 'x')".to_owned(), Kind::Phantom),
        (
            format!(
                "INSERT INTO user (token, version, changes, payload, name)
                 SELECT token, version, changes, payload, name FROM user WHERE id = {id}"
            ),
            Kind::Phantom,
        ),
    ];
    for (fault, kind) in faults {
        bench.direct.query_drop(&fault).await?;
        // In this very transaction, whose own changes its snapshot shows.
        let rows = sql::rows(&mut bench.direct, false, sql::SELECT, vec![]).await?;
        bench.direct.query_drop("ROLLBACK").await?;
        let at = bench.clock.now();
        history.end = Some(Read { began: at, ended: at, scope: Scope::All, rows });
        let verdict = judge(history);
        assert!(verdict.count(kind) > 0, "unnoticed: {fault}: {verdict:?}");
    }
    bench.direct.query_drop("SET autocommit = 1").await?;
    assert_found(&bench.end(history).await?, "all is taken back", &[]);
    Ok(())
}

/// The id of a row that was inserted with an answer, never touched again, and is there.
fn last_insert(history: &History) -> u64 {
    let end = history.end.as_ref().unwrap();
    let inserted = history.writes.iter().rev().filter(|w| w.fate == Fate::Acknowledged);
    let mut ids = inserted.flat_map(|w| &w.effects).filter_map(|effect| match effect {
        Effect::Insert { id, .. } => *id,
        _ => None,
    });
    ids.find(|id| end.rows.iter().any(|row| row.id == *id && row.changes == 0)).unwrap()
}

/// Both sides: equal when the shards are filled by hand, and each kind of difference is found.
async fn sides(bench: &mut Bench) -> Outcome {
    for shard in 0..10 {
        let fill = format!("INSERT INTO user_{shard} SELECT * FROM user WHERE id % 10 = {shard}");
        bench.direct.query_drop(fill).await?;
    }
    let found = bench.scan(Phase::ShardRead).await?.differences;
    assert_eq!(found, [], "filled by hand");
    let faults = [
        ("DELETE FROM user_3 ORDER BY id LIMIT 2", 2, "only in legacy"),
        ("DELETE FROM user WHERE id % 10 = 4 ORDER BY id LIMIT 1", 1, "only in the shards"),
        ("UPDATE user_5 SET email = 'x' ORDER BY id LIMIT 1", 1, "differs"),
        ("INSERT INTO user_6 SELECT * FROM user_7 ORDER BY id LIMIT 1", 2, "in shard 6"),
    ];
    let mut all = 0;
    for (fault, count, what) in faults {
        bench.direct.query_drop(fault).await?;
        all += count;
        let found = bench.scan(Phase::DualWrite).await?.differences;
        assert_eq!(found.len(), all, "{fault}: {found:?}");
        assert!(found.iter().any(|d| d.what.contains(what)), "{fault}: {found:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_each_fault_on_mysql() {
    judge_on(servers::Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_each_fault_on_mariadb() {
    judge_on(servers::Kind::MariaDb).await.unwrap();
}
