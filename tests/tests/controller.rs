//! The controller on real servers: who may flip, when, what stands against it, and what a crash leaves behind.
//!
//! Copy, verify and reverse sync are played by [`Play`], so that each guard can be opened and shut at will.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use flag_client::{FlagKeys, FlagStore, GateNames, Home, HomeConn};
use futures_util::StreamExt;
use mysql_async::prelude::Queryable;
use redis::AsyncCommands;
use reshard::{
    MIN_STAY,
    command::{self, CommandError},
    controller::{self, ControllerConfig},
    history, report,
    report::Report,
    snapshots::{OldSnapshots, SnapshotError},
    status,
    work::{CopyFacts, Facts, Readiness, ReverseFacts, VerifyFacts, Work, WorkError},
};
use tests::{
    Outcome, home,
    patience::{PATIENCE, found, until},
    servers::{self, Kind},
    walk::connect_to_redis,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use topology::{Epoch, Gate, GateState, Phase, ShardedTable, TableId};

/// What the played work says and does.
#[derive(Debug, Clone)]
struct Script {
    facts: Facts,
    readiness: Readiness,
    drain: Duration,
    drain_fails: bool,
    emptied: u32,
    forgot: u32,
    /// Gates under which the work of a phase was started, and whether it was told to end.
    ran: Vec<(String, bool)>,
}

#[derive(Debug, Clone)]
struct Play(Arc<Mutex<Script>>);

impl Play {
    /// Everything is ready.
    fn ready() -> Self {
        Self(Arc::new(Mutex::new(Script {
            facts: Facts {
                copy: Some(CopyFacts { finished: true, rows: 3, ..CopyFacts::default() }),
                verify: Some(VerifyFacts { clean_passes: 2, differences: Some(0), ..VerifyFacts::default() }),
                reverse: Some(ReverseFacts { backlog: 0, rate: Some(1000.0), parked: vec![] }),
            },
            readiness: Readiness::default(),
            drain: Duration::from_millis(20),
            drain_fails: false,
            emptied: 0,
            forgot: 0,
            ran: Vec::new(),
        })))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl Work for Play {
    async fn prepare(&self, _: &mut HomeConn) -> Result<(), WorkError> {
        Ok(())
    }

    async fn readiness(&self) -> Result<Readiness, WorkError> {
        Ok(self.with(|script| script.readiness.clone()))
    }

    async fn empty_shards(&self, conn: &mut HomeConn, _: bool) -> Result<(), WorkError> {
        conn.run("playing", "DO 0").await?;
        self.with(|script| script.emptied += 1);
        Ok(())
    }

    async fn run(&self, gate: Gate, cancel: CancellationToken) -> Result<(), WorkError> {
        let at = self.with(|script| {
            script.ran.push((gate.name(), false));
            script.ran.len() - 1
        });
        cancel.cancelled().await;
        self.with(|script| script.ran[at].1 = true);
        Ok(())
    }

    async fn facts(&self, _: &mut HomeConn, _: &Gate) -> Result<Facts, WorkError> {
        Ok(self.with(|script| script.facts.clone()))
    }

    async fn before_hold(&self, _: &mut HomeConn) -> Result<(), WorkError> {
        Ok(())
    }

    async fn drain_in_hold(&self, conn: &mut HomeConn, hold: &Gate) -> Result<(), WorkError> {
        let (drain, fails) = self.with(|script| (script.drain, script.drain_fails));
        // A real drain is gated, and takes its time on the server.
        conn.run("playing", "START TRANSACTION").await?;
        conn.run("playing", hold.probe_sql(conn.mariadb())).await?;
        conn.run("playing", format!("DO SLEEP({})", drain.as_secs_f64())).await?;
        conn.run("playing", "COMMIT").await?;
        if fails { Err(WorkError::Said("played failure".into())) } else { Ok(()) }
    }

    async fn forget_log(&self, _: &mut HomeConn) -> Result<(), WorkError> {
        self.with(|script| script.forgot += 1);
        Ok(())
    }
}

/// A claimed server with one table, and its controllers.
struct Rig {
    claim: home::Home,
    home: Home,
    flags: FlagStore,
    keys: FlagKeys,
    table: ShardedTable,
    play: Play,
    controllers: Vec<(CancellationToken, JoinHandle<()>)>,
}

impl Rig {
    async fn new(kind: Kind, test: &str) -> Outcome<Self> {
        let mut claim = home::Home::claim(kind).await?;
        let schema = format!("ctl_{test}");
        claim.clean(&[&schema]).await?;
        for table in ["user", "user_0", "user_1"] {
            let ddl = format!("CREATE TABLE {schema}.{table} (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB");
            claim.root().query_drop(ddl).await?;
        }
        let table = ShardedTable::new(
            &format!("{test}_user"),
            &format!("{schema}.user"),
            "id",
            &format!("{schema}.user_{{0..1}}"),
        )?;
        let flags = FlagStore::new(&servers::redis_url()?)?;
        let keys = FlagKeys::new(format!("migrate_{test}_{}", kind.name()));
        let rig = Self {
            home: home::control(claim.url())?,
            claim,
            flags,
            keys,
            table,
            play: Play::ready(),
            controllers: Vec::new(),
        };
        rig.wipe_redis().await?;
        Ok(rig)
    }

    async fn redis(&self) -> Outcome<redis::aio::MultiplexedConnection> {
        connect_to_redis(&servers::redis_url()?).await
    }

    async fn wipe_redis(&self) -> Outcome {
        let keys = [&self.keys.request, &self.keys.state, &self.keys.end];
        Ok(self.redis().await?.del(&keys).await?)
    }

    async fn set(&self, value: &str) -> Outcome {
        Ok(self.redis().await?.set(&self.keys.request, value).await?)
    }

    fn start(&mut self, name: &str) {
        let flags = self.flags.clone();
        self.start_with(name, flags);
    }

    fn start_with(&mut self, name: &str, flags: FlagStore) {
        let config = ControllerConfig {
            home: self.home.clone(),
            flags,
            keys: self.keys.clone(),
            table: self.table.clone(),
            name: name.to_owned(),
        };
        let stop = CancellationToken::new();
        let task = controller::spawn(config, self.play.clone(), stop.clone());
        self.controllers.push((stop, task));
    }

    async fn stop(&mut self) {
        for (stop, task) in self.controllers.drain(..) {
            stop.cancel();
            task.await.unwrap();
        }
    }

    async fn gate(&self) -> Outcome<Gate> {
        let mut conn = self.home.connect().await?;
        Ok(GateNames::read(&mut conn).await?.one(self.table.id())?)
    }

    async fn report(&self) -> Outcome<Report> {
        let mut conn = self.home.connect().await?;
        Ok(report::load(&mut conn, self.table.id()).await?.map(|stored| stored.report).unwrap_or_default())
    }

    /// Waits until the gate fits, and returns it.
    async fn gate_that(&self, what: &str, fits: impl Fn(&Gate) -> bool) -> Outcome<Gate> {
        match found(what, async || Ok(self.gate().await.ok().filter(&fits))).await {
            Ok(gate) => Ok(gate),
            Err(error) => Err(format!("{error}; {:?}; {:?}", self.gate().await, self.report().await?).into()),
        }
    }

    /// Waits until the gate is in `state`, and returns it.
    async fn reached(&self, state: &str) -> Outcome<Gate> {
        self.gate_that(state, |gate| gate.state.to_string() == state).await
    }

    /// Waits until the report fits, and returns it.
    async fn reports(&self, what: &str, fits: impl Fn(&Report) -> bool) -> Outcome<Report> {
        match found(what, async || Ok(self.report().await.ok().filter(&fits))).await {
            Ok(report) => Ok(report),
            Err(error) => Err(format!("{error}; {:?}", self.report().await?).into()),
        }
    }

    async fn waiting(&self, text: &str) -> Outcome<Report> {
        self.reports(text, |report| report.waiting.as_ref().is_some_and(|waiting| waiting.contains(text)))
            .await
    }

    async fn notice(&self, text: &str) -> Outcome<Report> {
        self.reports(text, |report| report.notice.as_ref().is_some_and(|notice| notice.contains(text))).await
    }

    // Not by the program's own client: it gives Redis a second.
    async fn request(&self) -> Outcome<Option<String>> {
        Ok(self.redis().await?.get(&self.keys.request).await?)
    }

    /// Waits until `field` of the published state begins with `text`.
    async fn published(&self, field: &str, text: &str) -> Outcome {
        let mut redis = self.redis().await?;
        until(&format!("{field} is {text}"), async || {
            let value: Option<String> = redis.hget(&self.keys.state, field).await?;
            Ok(value.is_some_and(|value| value.starts_with(text)))
        })
        .await
    }

    /// Puts the table into a phase as an earlier controller would have left it.
    async fn begin_in(&self, epoch: u64, state: GateState) -> Outcome<Gate> {
        let gate = Gate::new(self.table.id().clone(), Epoch(epoch), state, self.table.hash());
        let mut conn = self.home.connect().await?;
        conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", gate.quoted())).await?;
        let flag = if let GateState::Open(phase) = state { phase } else { Phase::Shards }.flag();
        self.set(flag).await?;
        let () = self.redis().await?.hset(&self.keys.state, "epoch", epoch).await?;
        Ok(gate)
    }

    /// Renames the gate to a hold, as a controller does that then dies.
    async fn hold(&self, gate: &Gate) -> Outcome<Gate> {
        let hold = Gate::new(gate.table.clone(), gate.epoch.next(), GateState::Hold, self.table.hash());
        let sql = format!("RENAME TABLE {} TO {}", gate.quoted(), hold.quoted());
        self.home.connect().await?.query_drop(sql).await?;
        Ok(hold)
    }
}

/// Longer than a plain read may go by an old snapshot; written out, so that a shorter constant is noticed.
const STAY: Duration = Duration::from_secs(4);

/// Runs one scenario on one server and stops its controllers, whatever comes of it.
async fn scenario(kind: Kind, name: &str, run: impl AsyncFnOnce(&mut Rig) -> Outcome) -> Outcome {
    let name: String = name.chars().take(16).collect();
    let mut rig = Rig::new(kind, &name).await?;
    let outcome = run(&mut rig).await;
    rig.stop().await;
    rig.wipe_redis().await?;
    outcome
}

tests::on_both_servers!(
    scenario:
    first_gate_and_missing_request,
    the_whole_walk_and_back,
    requests_that_are_not_followed,
    a_long_transaction_is_named_and_stalls_nobody,
    takeover,
    a_hold_is_taken_over,
    a_slow_hold_reopens,
    not_one_gate_closes_the_table,
    old_snapshots_keep_reads_where_they_are,
    many_controllers_see_the_open_transactions,
    force_goes_past_what_may_be_forced,
    redis_away_harms_nothing_but_flips,
    a_foreign_topology_is_not_controlled,
    finished_for_good,
    each_step_asks_its_guards,
    flips_of_different_tables_never_overlap,
    a_flip_is_published,
    without_process_the_side_that_is_read_stays,
);

/// No gate, no key: both are made. A wiped Redis afterwards never means 1100.
async fn first_gate_and_missing_request(rig: &mut Rig) -> Outcome {
    rig.start("one");
    let gate = rig.reached("1100").await?;
    assert_eq!(gate.epoch, Epoch::FIRST);
    until("the request key", async || Ok(rig.request().await?.as_deref() == Some("1100"))).await?;
    rig.set("1101").await?;
    rig.reached("1101").await?;
    rig.wipe_redis().await?;
    let again = found("the request key, made again", async || rig.request().await).await?;
    assert_eq!(again, "1101", "the present phase is published again");
    rig.published("epoch", "2").await?;
    assert_eq!(rig.gate().await?.epoch, Epoch(2));
    Ok(())
}

/// One request walks all phases, each for at least the minimal stay; the way back goes through hold; at any
/// time there is exactly one gate; history tells it all.
async fn the_whole_walk_and_back(rig: &mut Rig) -> Outcome {
    rig.start("walker");
    rig.reached("1100").await?;
    let stop = CancellationToken::new();
    let watch = tokio::spawn(watch_gates(rig.home.connect().await?, rig.table.clone(), stop.clone()));
    rig.set("0011").await?;
    let began = Instant::now();
    rig.reached("0011").await?;
    assert!(began.elapsed() > 2 * STAY, "stays were cut short: {:?}", began.elapsed());
    rig.set("1100").await?;
    rig.reached("1100").await?;
    stop.cancel();
    let seen = watch.await??;
    assert!(seen.len() > 1, "{seen:?}");
    // An epoch is marked as opened when its RENAME is over.
    rig.reports("the end", |report| report.phase == "1100" && report.epoch > 1).await?;
    let mut conn = rig.home.connect().await?;
    let mut entries = history::list(&mut conn, rig.table.id(), 100).await?;
    entries.reverse();
    // On a machine that does not drain it in 0.4 s a hold is rightly given up, and tried again.
    let mut kept: Vec<&history::Entry> = Vec::new();
    for entry in &entries {
        if entry.from == "hold" && entry.to == "0011" {
            kept.pop();
        } else {
            kept.push(entry);
        }
    }
    let given_up = (entries.len() - kept.len()) / 2;
    let states: Vec<_> = kept.iter().map(|entry| entry.to.as_str()).collect();
    assert_eq!(states, ["1100", "1101", "0111", "0011", "hold", "0111", "1101", "1100"]);
    for (i, entry) in entries.iter().enumerate() {
        assert_eq!(entry.epoch, i as u64 + 1);
        assert!(entry.opened.is_some(), "{entry:?}");
    }
    assert!(entries[1].cause.contains("request 0011"), "{:?}", entries[1]);
    assert!(entries[1].guards.iter().any(|seen| seen.contains("preflight")), "{:?}", entries[1]);
    assert!(entries[2].guards.iter().any(|seen| seen.contains("clean verify")), "{:?}", entries[2]);
    // The work of 1101 ends at the first look after the flip.
    let all_ended = || rig.play.with(|script| script.ran.iter().all(|(_, ended)| *ended));
    until("the end of all work", async || Ok(all_ended())).await?;
    rig.play.with(|script| {
        assert_eq!(script.emptied, 1);
        // Work ran under 1101, 0111, 0011, 0111 and 1101; again under the same gate where a flip was put off.
        let gates: BTreeSet<&String> = script.ran.iter().map(|(gate, _)| gate).collect();
        assert_eq!(gates.len(), 5 + given_up, "{:?}", script.ran);
    });
    let tables = [(rig.table.clone(), rig.keys.clone())];
    let shown = found("a status with the request", async || {
        let shown = status::collect(&rig.home, Some(&rig.flags), &tables).await;
        Ok(shown.tables[0].requested.is_some().then_some(shown))
    })
    .await?;
    assert_eq!(shown.tables[0].phase.as_deref(), Some("1100"));
    assert_eq!(shown.tables[0].requested.as_deref(), Some("1100"));
    assert!(!shown.tables[0].no_controller);
    Ok(())
}

/// Every listing of schema shunt shows exactly one gate.
async fn watch_gates(
    mut conn: HomeConn,
    table: ShardedTable,
    stop: CancellationToken,
) -> Outcome<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    let mut off = 0;
    while !stop.is_cancelled() {
        match GateNames::read(&mut conn).await?.one(table.id()) {
            Ok(gate) => {
                off = 0;
                if seen.last() != Some(&gate.state.to_string()) {
                    seen.push(gate.state.to_string());
                }
            }
            // MariaDB lists a directory: beside a rename one listing may be off, the next is not.
            Err(fault) => {
                off += 1;
                assert!(off < 3, "{fault}");
            }
        }
        sleep(Duration::from_millis(3)).await;
    }
    Ok(seen)
}

/// Illegal values, and a Redis that lost the last epochs.
async fn requests_that_are_not_followed(rig: &mut Rig) -> Outcome {
    rig.begin_in(5, GateState::Open(Phase::ShardRead)).await?;
    rig.start("one");
    rig.set("1111").await?;
    rig.notice("legal are 1100, 1101, 0111 and 0011").await?;
    assert_eq!(rig.request().await?.as_deref(), Some("1111"), "left as it is");
    rig.published("notice", "request ignored: `1111` is not a flag").await?;
    // A replica with an old value is promoted: it knows epoch 3 and asks for 1101.
    let mut pipe = redis::pipe();
    pipe.atomic().set(&rig.keys.request, "1101").hset(&rig.keys.state, "epoch", "3");
    let () = pipe.query_async(&mut rig.redis().await?).await?;
    rig.notice("does not know epoch 5").await?;
    sleep(MIN_STAY + Duration::from_secs(1)).await;
    assert_eq!(rig.gate().await?.epoch, Epoch(5), "a promoted replica moved the fleet");
    until("the present phase", async || Ok(rig.request().await?.as_deref() == Some("0111"))).await?;
    rig.published("epoch", "5").await?;
    // The DBA asks in earnest: the request arrives after epoch 5 was published.
    rig.set("1101").await?;
    let gate = rig.reached("1101").await?;
    assert_eq!(gate.epoch, Epoch(6));
    Ok(())
}

/// The flip waits 100 ms at a time, names who holds the gate, and comes through when the transaction ends.
async fn a_long_transaction_is_named_and_stalls_nobody(rig: &mut Rig) -> Outcome {
    rig.begin_in(1, GateState::Open(Phase::Legacy)).await?;
    let gate = rig.gate().await?;
    let mut long = rig.home.connect().await?;
    long.query_drop("BEGIN").await?;
    let probe = gate.probe_sql(long.mariadb());
    long.query_drop(&probe).await?;
    let mut writer = rig.home.connect().await?;
    if long.mariadb() {
        // Installed once in a server's life; a second time is an error.
        drop(writer.query_drop("INSTALL SONAME 'metadata_lock_info'").await);
    }
    rig.start("one");
    rig.set("1101").await?;
    // From the first attempt on.
    let report = rig.reports("who holds the gate", |report| !report.blockers.is_empty()).await?;
    assert!(report.waiting.as_ref().is_some_and(|waiting| waiting.contains("hold the gate")), "{report:?}");
    assert_eq!(report.blockers[0].connection, u64::from(long.id()), "{report:?}");
    assert_eq!(report.blockers[0].kill, format!("KILL {}", long.id()));
    // In some of them nothing but the attempts keeps the writer waiting.
    until("5 s in which attempts were made and stalled nobody", async || {
        let watch = tokio::spawn(renames(rig.home.clone(), rig.table.id().clone()));
        let (mut worst, mut stalled, began) = (Duration::ZERO, Duration::ZERO, Instant::now());
        while began.elapsed() < Duration::from_secs(5) {
            let one = Instant::now();
            writer.query_drop(&probe).await?;
            worst = worst.max(one.elapsed());
            if one.elapsed() > Duration::from_millis(20) {
                stalled += one.elapsed();
            }
            sleep(Duration::from_millis(5)).await;
        }
        let (by_the_holder, by_others) = watch.await??;
        eprintln!(
            "a writer waited {worst:?} at once and {stalled:?} of 5 s; \
             renames by the lock's holder {by_the_holder}, by others {by_others}"
        );
        let attempts = stalled > Duration::from_millis(80) && by_the_holder > 0;
        let stall = worst > Duration::from_millis(400) || stalled > Duration::from_millis(1500);
        Ok(attempts && !stall && by_others == 0)
    })
    .await?;
    long.query_drop("COMMIT").await?;
    rig.reached("1101").await?;
    Ok(())
}

/// How often a waiting RENAME was seen on the connection that holds the controller's lock, and on others.
async fn renames(home: Home, id: TableId) -> Outcome<(u32, u32)> {
    let mut conn = home.connect().await?;
    let sql = format!(
        "SELECT IFNULL(ID = IS_USED_LOCK('shunt:{id}'), 0) FROM information_schema.PROCESSLIST \
         WHERE INFO LIKE '%RENAME TABLE `shunt`%' AND ID <> CONNECTION_ID()"
    );
    let (mut by_the_holder, mut by_others) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        for holder in conn.rows::<bool>("watching", &sql, ()).await? {
            if holder { by_the_holder += 1 } else { by_others += 1 }
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok((by_the_holder, by_others))
}

/// The standby takes over when the leader's session dies; the stay is counted anew.
async fn takeover(rig: &mut Rig) -> Outcome {
    rig.start("one");
    rig.reached("1100").await?;
    rig.start("two");
    rig.set("1101").await?;
    rig.reached("1101").await?;
    sleep(MIN_STAY - Duration::from_secs(1)).await;
    let mut conn = rig.home.connect().await?;
    let lock = format!("shunt:{}", rig.table.id());
    let holder: Vec<Option<u64>> = conn.rows("asking", "SELECT IS_USED_LOCK(?)", (lock.as_str(),)).await?;
    let holder = holder.into_iter().flatten().next().ok_or("nobody holds the lock")?;
    let killed = Instant::now();
    conn.query_drop(format!("KILL {holder}")).await?;
    rig.set("0111").await?;
    rig.reached("0111").await?;
    assert!(killed.elapsed() > STAY, "the stay was not counted anew: {:?}", killed.elapsed());
    let now: Vec<Option<u64>> = conn.rows("asking", "SELECT IS_USED_LOCK(?)", (lock.as_str(),)).await?;
    assert_ne!(now.into_iter().flatten().next(), Some(holder));
    Ok(())
}

/// A controller that finds a hold finishes it.
async fn a_hold_is_taken_over(rig: &mut Rig) -> Outcome {
    let mut hold = rig.begin_in(7, GateState::Hold).await?;
    // Where it ends: it would walk on else.
    rig.set("0111").await?;
    // On a machine that does not drain it in 0.4 s it is rightly given up.
    until("a hold that ends as 0111", async || {
        rig.start("one");
        rig.gate_that("the hold's end", |gate| gate.epoch > hold.epoch).await?;
        rig.stop().await;
        let gate = rig.gate().await?;
        let finished = gate.state == GateState::Open(Phase::ShardRead) && gate.epoch == hold.epoch.next();
        hold = rig.hold(&gate).await?;
        Ok(finished)
    })
    .await?;
    // And reopens it when legacy cannot be made equal.
    rig.set("0011").await?;
    rig.play.with(|script| script.drain_fails = true);
    rig.start("two");
    let gate = rig.reached("0011").await?;
    assert_eq!(gate.epoch, hold.epoch.next());
    Ok(())
}

/// A hold that takes too long is reopened as 0011, long before its drain would end.
async fn a_slow_hold_reopens(rig: &mut Rig) -> Outcome {
    let gate = rig.begin_in(3, GateState::Open(Phase::Shards)).await?;
    rig.play.with(|script| script.drain = 5 * PATIENCE);
    rig.start("one");
    rig.set("0111").await?;
    let open = |now: &Gate| now.state == gate.state && now.epoch > gate.epoch;
    let reopened = rig.gate_that("0011 again", open).await?;
    rig.play.with(|script| script.drain = Duration::from_millis(10));
    let opened = rig.reached("0111").await?;
    // A hold and its end are two epochs, as often as it is tried.
    for epoch in [reopened.epoch, opened.epoch] {
        assert_eq!((epoch.0 - gate.epoch.0) % 2, 0, "{gate} {reopened} {opened}");
    }
    // A log that is too long is not even tried.
    rig.set("0011").await?;
    rig.reached("0011").await?;
    rig.play.with(|script| {
        script.facts.reverse = Some(ReverseFacts { backlog: 900, rate: Some(1000.0), parked: vec![] });
    });
    rig.set("0111").await?;
    rig.waiting("900 keys left").await?;
    Ok(())
}

/// A gate that vanished is not made again, two gates are as bad as none.
async fn not_one_gate_closes_the_table(rig: &mut Rig) -> Outcome {
    rig.start("one");
    let gate = rig.reached("1100").await?;
    // A gate was there once when history says that it was opened.
    rig.reports("the first gate", |report| report.epoch == 1).await?;
    let mut conn = rig.home.connect().await?;
    let second =
        Gate::new(rig.table.id().clone(), Epoch(2), GateState::Open(Phase::DualWrite), rig.table.hash());
    conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", second.quoted())).await?;
    rig.notice("several gates").await?;
    conn.query_drop(format!("DROP TABLE {}, {}", gate.quoted(), second.quoted())).await?;
    rig.notice("no gate").await?;
    rig.stop().await;
    rig.start("two");
    sleep(Duration::from_secs(2)).await;
    assert!(rig.gate().await.is_err(), "a vanished gate was made again");
    Ok(())
}

/// Reads move only when no snapshot is left from before both sides were equal, also one whose transaction
/// has only read so far and gets another transaction id when it writes.
async fn old_snapshots_keep_reads_where_they_are(rig: &mut Rig) -> Outcome {
    rig.begin_in(2, GateState::Open(Phase::DualWrite)).await?;
    rig.play
        .with(|script| script.facts.copy = Some(CopyFacts { percent: Some(63.0), ..CopyFacts::default() }));
    rig.start("one");
    rig.set("0111").await?;
    rig.waiting("copy at 63 %").await?;
    let mut old = rig.home.connect().await?;
    old.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    rig.play.with(|script| {
        script.facts.copy = Some(CopyFacts { finished: true, rows: 9, ..CopyFacts::default() });
    });
    let report = rig.waiting("may hold a snapshot").await?;
    assert!(
        report.old_transactions.iter().any(|t| t.connection == u64::from(old.id())),
        "{:?}",
        report.old_transactions
    );
    let mut young = rig.home.connect().await?;
    young.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    // Its first write changes its transaction id; its snapshot is as old as before.
    old.query_drop(format!("INSERT INTO {} VALUES (1, 1)", rig.table.legacy().quoted())).await?;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(rig.gate().await?.epoch, Epoch(2), "reads moved past an old snapshot");
    old.query_drop("ROLLBACK").await?;
    // A transaction that began after that moment does not stand against it.
    rig.reached("0111").await?;
    // The other direction: it began before this 0111, so it does now.
    rig.set("1101").await?;
    let report = rig.waiting("may hold a snapshot").await?;
    assert!(report.old_transactions.iter().any(|t| t.connection == u64::from(young.id())), "{report:?}");
    young.query_drop("ROLLBACK").await?;
    rig.reached("1101").await?;
    Ok(())
}

/// InnoDB renews its picture of transactions only when nobody has looked for 0.1 s: the controllers of many tables must
/// not keep each other from seeing a new one.
async fn many_controllers_see_the_open_transactions(rig: &mut Rig) -> Outcome {
    const CONTROLLERS: u32 = 16;
    let mut old = rig.home.connect().await?;
    old.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let looks = (0..CONTROLLERS).map(async |number| {
        // Spread over the time between two looks of one.
        sleep(Duration::from_millis(8) * number).await;
        // They look one after the other, each for as long as that takes.
        found("a turn", async || match OldSnapshots::take(&rig.home).await {
            Err(SnapshotError::Busy) => Ok(None),
            taken => Ok(Some(taken?)),
        })
        .await
    });
    for taken in futures_util::future::join_all(looks).await {
        assert!(taken?.left().iter().any(|open| open.connection == u64::from(old.id())), "not seen");
    }
    Ok(())
}

/// Force is for the next step of its epoch only, and never past what would lose rows.
async fn force_goes_past_what_may_be_forced(rig: &mut Rig) -> Outcome {
    rig.begin_in(2, GateState::Open(Phase::DualWrite)).await?;
    rig.play.with(|script| {
        script.facts.verify = None;
        script.facts.copy = Some(CopyFacts::default());
    });
    rig.start("one");
    let id = rig.table.id().clone();
    // The command's table is made by the controller.
    rig.reports("anything", |report| report.epoch == 2).await?;
    // It gives Redis a second.
    until("the command", async || {
        match command::force(&rig.home, &rig.flags, &rig.keys, &id, Phase::ShardRead, "the test").await {
            Err(CommandError::Redis(_)) => Ok(false),
            given => {
                given?;
                Ok(true)
            }
        }
    })
    .await?;
    rig.waiting("copy not begun").await?;
    rig.play.with(|script| script.facts.copy = Some(CopyFacts { finished: true, ..CopyFacts::default() }));
    rig.reached("0111").await?;
    let mut conn = rig.home.connect().await?;
    let entry = &history::list(&mut conn, &id, 1).await?[0];
    assert_eq!(entry.cause, "forced by the test");
    assert!(entry.guards.iter().any(|seen| seen.contains("FORCED past: 0 of 2 clean")), "{entry:?}");
    rig.set("0011").await?;
    rig.waiting("0 of 1 clean verify passes").await?;
    Ok(())
}

/// Without Redis the first gate is made and everything stays; when it is back, the request is read.
async fn redis_away_harms_nothing_but_flips(rig: &mut Rig) -> Outcome {
    rig.start_with("lonely", FlagStore::new("redis://127.0.0.1:1")?);
    rig.reached("1100").await?;
    rig.notice("127.0.0.1:1").await?;
    rig.stop().await;
    rig.set("1101").await?;
    rig.start("connected");
    rig.reached("1101").await?;
    Ok(())
}

/// A controller with another topology gives the lock away.
async fn a_foreign_topology_is_not_controlled(rig: &mut Rig) -> Outcome {
    let gate = rig.begin_in(4, GateState::Open(Phase::DualWrite)).await?;
    let right = rig.table.clone();
    let shards = format!("{}.other_{{0..2}}", right.legacy().schema);
    rig.table = ShardedTable::new(right.id().as_str(), &right.legacy().to_string(), "id", &shards)?;
    rig.start("foreign");
    rig.set("1100").await?;
    sleep(MIN_STAY + Duration::from_secs(1)).await;
    assert_eq!(rig.gate().await?, gate, "a foreign controller flipped");
    rig.table = right;
    rig.start("right");
    rig.reached("1100").await?;
    Ok(())
}

/// `shunt finish` ends the way back: an epoch in which nothing is logged, for good.
async fn finished_for_good(rig: &mut Rig) -> Outcome {
    rig.begin_in(6, GateState::Open(Phase::Shards)).await?;
    rig.start("one");
    rig.reports("anything", |report| report.epoch == 6).await?;
    command::finish(&rig.home, rig.table.id(), "the test").await?;
    rig.set("0111").await?;
    let gate = rig.reached("done").await?;
    assert_eq!(gate.epoch, Epoch(7));
    rig.waiting("shunt finish").await?;
    rig.stop().await;
    rig.start("two");
    until("the second one's turn", async || Ok(rig.play.with(|script| script.forgot == 2))).await?;
    sleep(MIN_STAY + Duration::from_secs(1)).await;
    assert_eq!(rig.gate().await?, gate, "a table went back without a reverse sync");
    rig.play.with(|script| {
        assert!(script.ran.iter().all(|(_, ended)| *ended), "the reverse sync runs on");
        assert_eq!(script.forgot, 2, "once for each controller");
    });
    Ok(())
}

/// What each step waits for, and that it goes on when that is there; the request stays pending meanwhile.
async fn each_step_asks_its_guards(rig: &mut Rig) -> Outcome {
    rig.begin_in(1, GateState::Open(Phase::Legacy)).await?;
    rig.play.with(|script| script.readiness.errors = vec!["no primary key".into()]);
    rig.start("one");
    rig.set("0011").await?;
    rig.waiting("preflight: no primary key").await?;
    rig.play.with(|script| {
        assert_eq!(script.emptied, 0, "the shards were emptied for a table that is not ready");
        script.readiness.errors.clear();
        script.facts.copy = Some(CopyFacts::default());
    });
    // A preflight is believed for a while.
    rig.reached("1101").await?;
    rig.waiting("copy not begun").await?;
    rig.play.with(|script| script.readiness.errors = vec!["a trigger has come".into()]);
    rig.waiting("preflight: a trigger has come").await?;
    rig.play.with(|script| {
        script.readiness.errors.clear();
        script.facts.copy = Some(CopyFacts { finished: true, ..CopyFacts::default() });
        script.facts.verify = Some(VerifyFacts { clean_passes: 1, ..VerifyFacts::default() });
    });
    rig.waiting("1 of 2 clean verify passes").await?;
    rig.play.with(|script| {
        script.facts.verify =
            Some(VerifyFacts { clean_passes: 2, differences: Some(412), ..VerifyFacts::default() });
    });
    rig.waiting("412 rows differ").await?;
    let clean = VerifyFacts { clean_passes: 2, differences: Some(0), ..VerifyFacts::default() };
    rig.play.with(|script| {
        script.facts.verify = Some(clean.clone());
        script.readiness.no_sequence = Some("id is a CHAR".into());
        script.readiness.keys_not_unique = vec!["email".into()];
    });
    rig.reached("0111").await?;
    let report = rig.waiting("ids cannot come from the sequence: id is a CHAR").await?;
    let waiting = report.waiting.unwrap_or_default();
    assert!(waiting.contains("unique key `email` does not contain the shard key"), "{waiting}");
    rig.play.with(|script| script.readiness = Readiness::default());
    rig.reached("0011").await?;
    rig.play.with(|script| {
        script.facts.reverse =
            Some(ReverseFacts { backlog: 0, rate: Some(9.0), parked: vec!["5: taken".into()] });
    });
    rig.set("0111").await?;
    rig.waiting("cannot go back: 1 rows break a unique key of legacy: 5: taken").await?;
    Ok(())
}

/// Rule 7: the second table's flip does not even try while the first one's is under way.
async fn flips_of_different_tables_never_overlap(rig: &mut Rig) -> Outcome {
    rig.begin_in(1, GateState::Open(Phase::Legacy)).await?;
    let mut other = rig.home.connect().await?;
    other.query_drop("DO GET_LOCK('shunt', 0)").await?;
    rig.start("one");
    rig.set("1101").await?;
    rig.waiting("another table is being flipped").await?;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.gate().await?.epoch, Epoch(1));
    other.query_drop("DO RELEASE_LOCK('shunt')").await?;
    rig.reached("1101").await?;
    Ok(())
}

/// The state hash tells where the table is and what is missing, and each change is announced.
async fn a_flip_is_published(rig: &mut Rig) -> Outcome {
    rig.begin_in(1, GateState::Open(Phase::Legacy)).await?;
    rig.play.with(|script| {
        script.facts.copy = Some(CopyFacts { percent: Some(63.1), ..CopyFacts::default() });
        script.facts.verify = Some(VerifyFacts { differences: Some(2), ..VerifyFacts::default() });
    });
    rig.start("one");
    rig.reports("anything", |report| report.epoch == 1).await?;
    let mut heard = redis::Client::open(servers::redis_url()?)?.get_async_pubsub().await?;
    heard.subscribe("shunt_flips").await?;
    rig.set("0111").await?;
    rig.reached("1101").await?;
    for (name, wanted) in [
        ("phase", "1101"),
        ("epoch", "2"),
        ("requested", "0111"),
        ("copy_percent", "63.1"),
        ("verify_differences", "2"),
        ("refusal", "copy at 63 %; 2 rows differ; see `shunt verify`, repair with `shunt verify --repair`"),
    ] {
        rig.published(name, wanted).await?;
    }
    // Those of other tables, too.
    let mut flips = heard.on_message();
    until("the flip is announced", async || {
        let message = timeout(PATIENCE, flips.next()).await?.ok_or("no message")?;
        Ok(message.get_payload::<String>()? == rig.table.id().as_str())
    })
    .await
}

/// An account that does not see open transactions must not take that for "there are none".
async fn without_process_the_side_that_is_read_stays(rig: &mut Rig) -> Outcome {
    let mut root = rig.home.connect().await?;
    let schema = rig.table.legacy().schema.clone();
    for sql in [
        "DROP USER IF EXISTS blind@'%'",
        &format!("CREATE USER blind@'%' IDENTIFIED BY '{}'", home::PASSWORD),
        "GRANT ALL ON shunt.* TO blind@'%'",
        &format!("GRANT ALL ON {schema}.* TO blind@'%'"),
    ] {
        root.query_drop(sql).await?;
    }
    rig.begin_in(2, GateState::Open(Phase::DualWrite)).await?;
    let seeing = rig.home.clone();
    let url = rig.claim.url().replacen("root:shunt@", &format!("blind:{}@", home::PASSWORD), 1);
    rig.home = home::control(&url)?;
    rig.start("blind");
    rig.set("0111").await?;
    rig.waiting("open transactions").await?;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(rig.gate().await?.epoch, Epoch(2), "reads moved without a look at open transactions");
    rig.home = seeing;
    root.query_drop("GRANT PROCESS ON *.* TO blind@'%'").await?;
    rig.reached("0111").await?;
    rig.stop().await;
    root.query_drop("DROP USER blind@'%'").await?;
    Ok(())
}
