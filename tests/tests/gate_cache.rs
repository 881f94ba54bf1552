//! What one process knows of the gates: confirmed, refreshed, held, closed, away.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::time::{Duration, Instant};

use flag_client::{
    FlagStore, GateCache, GateTasks, GateUnavailable, Home, HomeConfig, HomeConn, LEASE, SchemaError,
};
use mysql_async::prelude::Queryable;
use tests::{
    Outcome, home,
    servers::{self, Kind},
};
use tokio::time::sleep;
use topology::{ColumnKind, Epoch, Gate, GateState, Generated, Phase, ShardedTable, TableId};

struct Rig {
    kind: Kind,
    claim: home::Home,
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
        let home = Home::new(HomeConfig::from_url(claim.url())?);
        let conn = home.connect().await?;
        Ok(Self { kind, claim, home, conn, table })
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
    Instant::now() + Duration::from_secs(5)
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
    // Many reads cost home nothing.
    let looks = cache.looks();
    for _ in 0..10_000 {
        cache.confirmed(rig.id()).await?;
    }
    assert!(cache.looks() - looks <= 2, "{} looks for 10,000 reads", cache.looks() - looks);
    sleep(LEASE + Duration::from_millis(500)).await;
    let polled = cache.current(rig.id()).ok_or("nothing known")?;
    assert!(polled.is_fresh(), "the poll did not confirm");
    assert!(polled.confirmed > first.confirmed);
    rig.rename(&one, &two).await?;
    assert_eq!(cache.current(rig.id()).map(|s| s.epoch()), Some(Epoch(1)), "writes try the old gate: fenced");
    // A hundred sessions met 1146 at once: one look, or two, for all of them.
    let looks = cache.looks();
    let began = Instant::now();
    let all = (0..100).map(|_| cache.refresh(rig.id(), Epoch(1), soon()));
    for snapshot in futures_util::future::join_all(all).await {
        assert_eq!(snapshot?.gate, two);
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(cache.looks() - looks <= 3, "{} looks", cache.looks() - looks);
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
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = cache.refresh(rig.id(), Epoch(4), deadline).await.unwrap_err();
    assert!(matches!(error, GateUnavailable::Held { epoch: Epoch(5), .. }), "{error}");
    assert!(deadline.elapsed() < Duration::from_millis(100));
    let reading = cache.confirmed(rig.id()).await?;
    assert_eq!((reading.phase(), reading.read_phase()), (None, Phase::Shards));
    let looks = cache.looks();
    let id = rig.id().clone();
    let waiting = (0..50).map(|_| cache.refresh(&id, Epoch(4), soon()));
    let opening = async {
        sleep(Duration::from_millis(400)).await;
        rig.rename(&hold, &new).await.unwrap();
        Instant::now()
    };
    let (all, opened) = tokio::join!(futures_util::future::join_all(waiting), opening);
    assert!(opened.elapsed() < Duration::from_millis(200), "{:?} after the gate opened", opened.elapsed());
    for snapshot in all {
        assert_eq!(snapshot?.gate, new);
    }
    let looks = cache.looks() - looks;
    assert!((5..40).contains(&looks), "{looks} looks in 0.4 s of hold");
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
    let until = soon();
    loop {
        let error = cache.refresh(rig.id(), Epoch(1), soon()).await.unwrap_err();
        if error.to_string().contains("several gates") {
            break;
        }
        assert!(Instant::now() < until, "{error}");
    }
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
    assert!(began.elapsed() < Duration::from_secs(2));
    tasks.shutdown().await;
    let (cache, tasks) = rig.start();
    cache.confirmed(rig.id()).await?;
    let own = rig.claim.root().id();
    let me = rig.conn.id();
    let others: Vec<u64> = rig
        .conn
        .query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER='root' AND COMMAND='Sleep'")
        .await?;
    for id in others.into_iter().filter(|id| *id != u64::from(own) && *id != u64::from(me)) {
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
    assert!((2..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let making = async {
        sleep(Duration::from_millis(500)).await;
        rig.conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", one.quoted())).await
    };
    let (snapshot, made) = tokio::join!(cache.confirmed(rig.table.id()), making);
    made?;
    assert_eq!(snapshot?.gate, one);
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
    let looks = cache.looks();
    sleep(Duration::from_millis(3500)).await;
    assert!((3..=5).contains(&(cache.looks() - looks)), "{}", cache.looks() - looks);
    // Between looks nothing of the cache's keeps a flip waiting.
    let began = Instant::now();
    let two = rig.open(2, Phase::DualWrite);
    rig.rename(&one, &two).await?;
    assert!(began.elapsed() < Duration::from_millis(500));
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
    let (one, two) = (rig.open(1, Phase::Legacy), rig.open(2, Phase::DualWrite));
    rig.create(&one).await?;
    let flags = FlagStore::new(&servers::redis_url()?)?;
    let (cache, tasks) =
        GateCache::start(rig.home.clone(), std::slice::from_ref(&rig.table), Some(flags.clone()));
    cache.confirmed(rig.id()).await?;
    // The subscription is up, and a look has just been made.
    sleep(Duration::from_millis(700)).await;
    cache.confirm_now(rig.id()).await?;
    rig.rename(&one, &two).await?;
    flags.wake(rig.id().as_str()).await?;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(cache.current(rig.id()).map(|s| s.epoch()), Some(Epoch(2)));
    tasks.shutdown().await;
    Ok(())
}
