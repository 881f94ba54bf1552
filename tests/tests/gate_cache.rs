//! What one process knows of the gates: confirmed, refreshed, held, closed, away.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::time::{Duration, Instant};

use flag_client::{
    FlagStore, GateCache, GateTasks, GateUnavailable, Home, HomeConfig, HomeConn, LEASE, SchemaError,
};
use mysql_async::prelude::Queryable;
use tests::{
    Outcome, home,
    patience::{PATIENCE, until},
    servers::{self, Kind},
};
use tokio::time::{sleep, timeout};
use topology::{ColumnKind, Epoch, Gate, GateState, Generated, Phase, ShardedTable, TableId};

struct Rig {
    kind: Kind,
    _claim: home::Home,
    home: Home,
    conn: HomeConn,
    table: ShardedTable,
}

impl Rig {
    async fn new(kind: Kind, test: &str) -> Outcome<Self> {
        let mut claim = home::Home::claim(kind).await?;
        let schema = format!("cache_{test}");
        claim.clean(&[&schema]).await?;
        let ddl = format!("CREATE TABLE {schema}.user (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB");
        claim.root().query_drop(ddl).await?;
        let id: String = format!("{test}_u").chars().take(24).collect();
        let table =
            ShardedTable::new(&id, &format!("{schema}.user"), "id", &format!("{schema}.user_{{0..1}}"))?;
        let home = home::control(claim.url())?;
        let conn = home.connect().await?;
        Ok(Self { kind, _claim: claim, home, conn, table })
    }

    fn gate(&self, epoch: u64, state: GateState) -> Gate {
        Gate::new(self.table.id().clone(), Epoch(epoch), state, self.table.hash())
    }

    fn open(&self, epoch: u64, phase: Phase) -> Gate {
        self.gate(epoch, GateState::Open(phase))
    }

    async fn create(&mut self, gate: &Gate) -> Outcome {
        Ok(self.conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", gate.quoted())).await?)
    }

    async fn rename(&mut self, from: &Gate, to: &Gate) -> Outcome {
        Ok(self.conn.query_drop(format!("RENAME TABLE {} TO {}", from.quoted(), to.quoted())).await?)
    }

    fn start(&self) -> (GateCache, GateTasks) {
        GateCache::start(self.home.clone(), std::slice::from_ref(&self.table), None)
    }

    fn id(&self) -> &TableId {
        self.table.id()
    }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

async fn scenario(kind: Kind, name: &str, run: impl AsyncFnOnce(&mut Rig) -> Outcome) -> Outcome {
    run(&mut Rig::new(kind, name).await?).await
}

tests::on_both_servers!(
    scenario:
    confirmed_and_refreshed,
    a_hold_is_waited_for,
    not_one_gate,
    foreign,
    home_away,
    no_gate_yet,
    a_slow_flip,
    lookers,
    shapes,
    wake_up,
);

/// The hot path never asks; the poll keeps it fresh; after a flip a refresh gives the new epoch at once.
async fn confirmed_and_refreshed(rig: &mut Rig) -> Outcome {
    let (one, two) = (rig.open(1, Phase::Legacy), rig.open(2, Phase::DualWrite));
    rig.create(&one).await?;
    let (cache, tasks) = rig.start();
    let before = Instant::now();
    let first = cache.confirmed(rig.id()).await?;
    assert_eq!(first.gate, one);
    assert!(first.confirmed >= before || first.is_fresh());
    // Many reads cost home nothing: the poll looks once a second, whatever is read.
    let (looks, began) = (cache.looks(), Instant::now());
    for _ in 0..10_000 {
        cache.confirmed(rig.id()).await?;
    }
    let looks = cache.looks() - looks;
    assert!(looks <= 2 + began.elapsed().as_secs(), "{looks} looks for 10,000 reads");
    sleep(LEASE).await;
    until("the poll confirms", async || {
        let polled = cache.current(rig.id()).ok_or("nothing known")?;
        Ok(polled.is_fresh() && polled.confirmed > first.confirmed)
    })
    .await?;
    rig.rename(&one, &two).await?;
    // A hundred sessions met 1146 at once: one look, or two, for all of them.
    let (looks, began) = (cache.looks(), Instant::now());
    let all = (0..100).map(|_| cache.refresh(rig.id(), Epoch(1), soon()));
    for snapshot in futures_util::future::join_all(all).await {
        assert_eq!(snapshot?.gate, two);
    }
    let looks = cache.looks() - looks;
    assert!(looks <= 3 + began.elapsed().as_secs(), "{looks} looks");
    // Home still has the gate that the caller says is gone: another server.
    let error = cache.refresh(rig.id(), Epoch(2), soon()).await.unwrap_err();
    assert!(matches!(error, GateUnavailable::NotHere { .. }), "{error}");
    // A confirmation that begins now.
    let now = Instant::now();
    assert!(cache.confirm_now(rig.id()).await?.confirmed >= now);
    tasks.shutdown().await;
    Ok(())
}

/// Writers wait through a hold within their deadline, one poller for all; reads go on from the shards.
async fn a_hold_is_waited_for(rig: &mut Rig) -> Outcome {
    let (old, hold) = (rig.open(4, Phase::Shards), rig.gate(5, GateState::Hold));
    let new = rig.open(6, Phase::ShardRead);
    rig.create(&old).await?;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    rig.rename(&old, &hold).await?;
    cache.confirm_now(rig.id()).await?;
    let deadline = Instant::now() + Duration::from_millis(300);
    let refused = timeout(PATIENCE, cache.refresh(rig.id(), Epoch(4), deadline)).await?.unwrap_err();
    assert!(matches!(refused, GateUnavailable::Held { epoch: Epoch(5), .. }), "{refused}");
    let reading = cache.confirmed(rig.id()).await?;
    assert_eq!((reading.phase(), reading.read_phase()), (None, Phase::Shards));
    let (looks, began) = (cache.looks(), Instant::now());
    let id = rig.id().clone();
    let waiting = (0..50).map(|_| cache.refresh(&id, Epoch(4), soon()));
    let opening = async {
        until("five looks in 0.4 s of hold", async || {
            let looks = cache.looks();
            sleep(Duration::from_millis(400)).await;
            Ok(cache.looks() - looks >= 5)
        })
        .await?;
        rig.rename(&hold, &new).await
    };
    let (all, opened) = tokio::join!(futures_util::future::join_all(waiting), opening);
    opened?;
    for snapshot in all {
        assert_eq!(snapshot?.gate, new);
    }
    // Every 20 ms, however many wait.
    let looks = u128::from(cache.looks() - looks);
    assert!(looks <= 5 + began.elapsed().as_millis() / 20, "{looks} looks in {:?}", began.elapsed());
    tasks.shutdown().await;
    Ok(())
}

/// None or several: nothing is planned, and it never means 1100. One again: open again.
async fn not_one_gate(rig: &mut Rig) -> Outcome {
    let (one, two) = (rig.open(1, Phase::Legacy), rig.open(2, Phase::DualWrite));
    rig.create(&one).await?;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    rig.conn.query_drop(format!("DROP TABLE {}", one.quoted())).await?;
    let error = cache.refresh(rig.id(), Epoch(1), soon()).await.unwrap_err();
    assert!(error.to_string().contains("no gate"), "{error}");
    assert!(cache.current(rig.id()).is_none(), "a vanished gate is planned by");
    rig.create(&one).await?;
    rig.create(&two).await?;
    // The first of them may be found by its name, or by a look before the second one was made: a listing sees both.
    until("several gates", async || {
        let error = cache.refresh(rig.id(), Epoch(1), soon()).await.unwrap_err();
        Ok(error.to_string().contains("several gates"))
    })
    .await?;
    rig.conn.query_drop(format!("DROP TABLE {}", one.quoted())).await?;
    assert_eq!(cache.refresh(rig.id(), Epoch(1), soon()).await?.gate, two);
    tasks.shutdown().await;
    Ok(())
}

/// A sidecar with another topology refuses from 1101 on.
async fn foreign(rig: &mut Rig) -> Outcome {
    let (one, two) = (rig.open(1, Phase::Legacy), rig.open(2, Phase::DualWrite));
    rig.create(&one).await?;
    let shards = format!("{}.user_{{0..2}}", rig.table.legacy().schema);
    rig.table = ShardedTable::new(rig.id().as_str(), &rig.table.legacy().to_string(), "id", &shards)?;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    rig.rename(&one, &two).await?;
    let error = cache.refresh(rig.id(), Epoch(1), soon()).await.unwrap_err();
    assert!(matches!(error, GateUnavailable::ForeignTopology { .. }), "{error}");
    assert!(cache.current(rig.id()).is_none());
    tasks.shutdown().await;
    Ok(())
}

/// Home away: said at once, with its address; the old snapshot stays (writes are fenced by the gate anyway);
/// back: confirmed again, also on a connection that was killed.
async fn home_away(rig: &mut Rig) -> Outcome {
    let one = rig.open(1, Phase::Legacy);
    rig.create(&one).await?;
    let nowhere = Home::new(HomeConfig::new("127.0.0.1", 1, "root"));
    let (cache, tasks) = GateCache::start(nowhere, std::slice::from_ref(&rig.table), None);
    let began = Instant::now();
    let error = cache.confirmed(rig.id()).await.unwrap_err();
    assert!(error.to_string().contains("cannot reach home 127.0.0.1:1"), "{error}");
    // Not only when its time to be confirmed, 8 s, was over.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    tasks.shutdown().await;
    // With an account of its own, so that no other test's connection is killed.
    let mut config = rig.home.config().clone();
    (config.user, config.password) = (home::CONTROL_USER.to_owned(), Some(home::PASSWORD.to_owned()));
    let (cache, tasks) = GateCache::start(Home::new(config), std::slice::from_ref(&rig.table), None);
    cache.confirmed(rig.id()).await?;
    let sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER=?";
    let open: Vec<u64> = rig.conn.exec(sql, (home::CONTROL_USER,)).await?;
    assert!(!open.is_empty());
    for id in open {
        let _ = rig.conn.query_drop(format!("KILL {id}")).await;
    }
    assert_eq!(cache.confirm_now(rig.id()).await?.gate, one);
    tasks.shutdown().await;
    Ok(())
}

/// Before the first controller: statements wait a little for the first gate, then hear why.
async fn no_gate_yet(rig: &mut Rig) -> Outcome {
    let one = rig.open(1, Phase::Legacy);
    let (cache, tasks) = rig.start();
    let began = Instant::now();
    let error = cache.confirmed(rig.id()).await.unwrap_err();
    assert!(matches!(error, GateUnavailable::NoGateYet { .. }), "{error}");
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let making = async {
        sleep(Duration::from_millis(500)).await;
        rig.conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", one.quoted())).await
    };
    // It may be made after a statement's patience.
    let opened = until("the first gate", async || match cache.confirmed(rig.table.id()).await {
        Err(GateUnavailable::NoGateYet { .. }) => Ok(false),
        snapshot => Ok(snapshot?.gate == one),
    });
    let (opened, made) = tokio::join!(opened, making);
    made?;
    opened?;
    tasks.shutdown().await;
    Ok(())
}

/// A flip that waits in front of the gate for longer than one look is waited for, not told as an error.
async fn a_slow_flip(rig: &mut Rig) -> Outcome {
    let (one, two) = (rig.open(1, Phase::Legacy), rig.open(2, Phase::DualWrite));
    rig.create(&one).await?;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    let mut holder = rig.home.connect().await?;
    holder.query_drop("BEGIN").await?;
    holder.query_drop(one.probe_sql(rig.kind == Kind::MariaDb)).await?;
    let id = rig.id().clone();
    let reading = async {
        // Behind the flip.
        sleep(Duration::from_millis(500)).await;
        tokio::join!(cache.confirm_now(&id), cache.refresh(&id, Epoch(1), soon()))
    };
    let ending = async {
        sleep(Duration::from_secs(3)).await;
        holder.query_drop("COMMIT").await
    };
    let (flipped, (confirmed, refreshed), ended) = tokio::join!(rig.rename(&one, &two), reading, ending);
    flipped?;
    ended?;
    assert_eq!(confirmed?.gate, two);
    assert_eq!(refreshed?.gate, two);
    tasks.shutdown().await;
    Ok(())
}

/// What a look costs home: without a flip, one statement a second and no transaction left open.
async fn lookers(rig: &mut Rig) -> Outcome {
    let one = rig.open(1, Phase::Legacy);
    rig.create(&one).await?;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    until("three looks in 3.5 s", async || {
        let (looks, began) = (cache.looks(), Instant::now());
        sleep(Duration::from_millis(3500)).await;
        let looks = cache.looks() - looks;
        assert!(looks <= 2 + began.elapsed().as_secs(), "{looks} looks in {:?}", began.elapsed());
        Ok(looks >= 3)
    })
    .await?;
    // Between looks nothing of the cache's keeps a flip waiting.
    rig.conn.query_drop("SET SESSION lock_wait_timeout=1").await?;
    let two = rig.open(2, Phase::DualWrite);
    rig.rename(&one, &two).await?;
    tasks.shutdown().await;
    let left: Option<u64> = rig
        .conn
        .query_first("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%FROM `shunt`%LIMIT 0'")
        .await?;
    assert_eq!(left, Some(0));
    Ok(())
}

/// Whether the shards have the table's partitions.
async fn partitions(rig: &mut Rig) -> Outcome {
    let all: Vec<String> =
        std::iter::once(rig.table.legacy()).chain(rig.table.shards()).map(|name| name.quoted()).collect();
    let range = |bound: u8| {
        format!(
            "PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN ({bound}), PARTITION b VALUES LESS THAN MAXVALUE)"
        )
    };
    let key = || "PARTITION BY KEY (id) PARTITIONS 2".to_owned();
    let last = all.len() - 1;
    for (of_legacy, of_shards, of_the_last, alike) in [
        (String::new(), String::new(), String::new(), false),
        (range(5), String::new(), String::new(), false),
        (String::new(), range(5), range(5), false),
        (range(5), range(5), range(5), true),
        (range(5), range(5), range(6), false),
        (key(), key(), key(), false),
    ] {
        for (i, name) in all.iter().enumerate() {
            let partitions = if i == 0 {
                &of_legacy
            } else if i < last {
                &of_shards
            } else {
                &of_the_last
            };
            rig.conn.query_drop(format!("DROP TABLE IF EXISTS {name}")).await?;
            rig.conn.query_drop(format!("CREATE TABLE {name} (id INT PRIMARY KEY) {partitions}")).await?;
        }
        let shape = flag_client::load_schema(&mut rig.conn, &rig.table).await?;
        assert_eq!(shape.partitioned_alike, alike, "{of_legacy}; {of_shards}; {of_the_last}");
    }
    Ok(())
}

/// The shape as both servers tell it, and what is missing.
async fn shapes(rig: &mut Rig) -> Outcome {
    partitions(rig).await?;
    let schema = rig.table.legacy().schema.clone();
    let invisible = if rig.kind == Kind::MySql {
        "INT NOT NULL DEFAULT 5 INVISIBLE"
    } else {
        "INT INVISIBLE NOT NULL DEFAULT 5"
    };
    rig.conn.query_drop(format!("DROP TABLE {schema}.user")).await?;
    let missing = flag_client::load_schema(&mut rig.conn, &rig.table).await.unwrap_err();
    assert!(matches!(missing, SchemaError::NoTable(_)), "{missing}");
    rig.conn
        .query_drop(format!(
            "CREATE TABLE {schema}.user (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, z INT(6) ZEROFILL, hidden {invisible}, \
             virt INT GENERATED ALWAYS AS (z + 2) VIRTUAL, kept INT GENERATED ALWAYS AS (z + 1) STORED, \
             email VARCHAR(50) COLLATE utf8mb4_bin DEFAULT 'x', text VARCHAR(9) DEFAULT 'NULL', doc JSON, kind ENUM('a','b'), \
             at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id), UNIQUE KEY mail (email, id), UNIQUE KEY start (email(5)), KEY plain (z)) \
             ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        ))
        .await?;
    let shape = flag_client::load_schema(&mut rig.conn, &rig.table).await?;
    let column = |name: &str| shape.column(name).unwrap().clone();
    assert_eq!(column("id").kind, ColumnKind::Integer { unsigned: true });
    assert!(column("id").auto_increment && !column("id").nullable);
    assert!(column("z").null_by_default && !column("virt").null_by_default);
    assert!(!column("email").null_by_default && !column("id").null_by_default);
    assert!(!column("text").null_by_default, "the default is the string NULL");
    assert!(column("z").zerofill && column("hidden").invisible && !column("z").invisible);
    assert_eq!(column("virt").generated, Generated::Virtual);
    assert_eq!(column("kept").generated, Generated::Stored);
    assert_eq!(column("at").generated, Generated::No, "a default is no generation");
    assert_eq!(column("email").collation.as_deref(), Some("utf8mb4_bin"));
    let json = if rig.kind == Kind::MySql { ColumnKind::Json } else { ColumnKind::Text };
    assert_eq!(column("doc").kind, json);
    assert_eq!(column("kind").kind, ColumnKind::Enum);
    assert_eq!(shape.primary_key, ["id"]);
    assert_eq!(shape.unique_keys.len(), 2);
    assert_eq!(shape.unique_keys[0].columns, ["email", "id"]);
    assert!(!shape.unique_keys[0].partial && shape.unique_keys[1].partial);
    let before = flag_client::fingerprint(&mut rig.conn, rig.table.legacy()).await?;
    rig.conn.query_drop(format!("CREATE TABLE {schema}.twin LIKE {schema}.user")).await?;
    let twin = topology::QualifiedName::new(&schema, "twin");
    assert_eq!(flag_client::fingerprint(&mut rig.conn, &twin).await?, before);
    rig.conn
        .query_drop(format!(
            "ALTER TABLE {schema}.user MODIFY email VARCHAR(51) COLLATE utf8mb4_bin DEFAULT 'x'"
        ))
        .await?;
    assert_ne!(flag_client::fingerprint(&mut rig.conn, rig.table.legacy()).await?, before);
    rig.conn
        .query_drop(format!("DROP TABLE {schema}.user; CREATE TABLE {schema}.user (id INT, a INT)"))
        .await?;
    let error = flag_client::load_schema(&mut rig.conn, &rig.table).await.unwrap_err();
    assert!(matches!(error, SchemaError::NoPrimaryKey(_)), "{error}");
    rig.conn
        .query_drop(format!("DROP TABLE {schema}.user; CREATE TABLE {schema}.user (a INT PRIMARY KEY)"))
        .await?;
    let error = flag_client::load_schema(&mut rig.conn, &rig.table).await.unwrap_err();
    assert!(error.to_string().contains("no column `id`"), "{error}");
    // A gate whose table cannot be used says so.
    let one = rig.open(1, Phase::Legacy);
    rig.create(&one).await?;
    let (cache, tasks) = rig.start();
    let error = cache.confirmed(rig.id()).await.unwrap_err();
    assert!(error.to_string().contains("no column `id`"), "{error}");
    tasks.shutdown().await;
    Ok(())
}

/// A flip that is published in Redis is known long before the next poll.
async fn wake_up(rig: &mut Rig) -> Outcome {
    let mut gate = rig.open(1, Phase::Legacy);
    rig.create(&gate).await?;
    let flags = FlagStore::new(&servers::redis_url()?)?;
    let (cache, tasks) =
        GateCache::start(rig.home.clone(), std::slice::from_ref(&rig.table), Some(flags.clone()));
    cache.confirmed(rig.id()).await?;
    // The subscription is up.
    sleep(Duration::from_millis(700)).await;
    until("a flip is known before the next poll", async || {
        // The next poll is a second after this look.
        let began = Instant::now();
        cache.confirm_now(rig.id()).await?;
        let next = rig.open(gate.epoch.0 + 1, Phase::DualWrite);
        rig.rename(&gate, &next).await?;
        gate = next;
        // A Redis that did not answer in time has perhaps published it.
        drop(flags.wake(rig.id().as_str()).await);
        let mut known = false;
        while !known && began.elapsed() < Duration::from_millis(700) {
            known = cache.current(rig.id()).is_some_and(|snapshot| snapshot.epoch() == gate.epoch);
            sleep(Duration::from_millis(10)).await;
        }
        Ok(known)
    })
    .await?;
    tasks.shutdown().await;
    Ok(())
}
