//! The demo: a whole migration and back, under load, with a kill on the way, judged by its clients' history.

use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};
use topology::{Phase, ShardedTable};

use crate::{
    Outcome,
    history::{Clock, History, Micros, Outage},
    home::Home,
    judge::judge,
    load::{Load, Plan, Routes},
    observer::{Observer, Screen, demands_equality},
    scan::Scanner,
    shunt::{Setup, Sidecar},
    sql,
    summary::{Summary, stretches},
    walk::Flag,
};

/// Clients of the application.
pub const WORKERS: u64 = 8;
/// Clients pause between statements, as applications do; without it two cores measure nothing but themselves.
const THINK: Duration = Duration::from_millis(2);
/// The controller stays in each phase at least 4 s; asking earlier would only wait.
const MIN_STAY: Duration = Duration::from_millis(4_500);
/// How long the application works directly first, as the measure for the rest.
const DIRECT: Duration = Duration::from_secs(5);
/// A step with all its guards; a copy of 200,000 rows takes seconds. Longer means stuck.
const STEP_LIMIT: Duration = Duration::from_secs(180);
/// How long the killed sidecar stays away.
const AWAY: Duration = Duration::from_millis(1_500);
/// The flag of a table with the id `user`.
pub const FLAG_KEY: &str = "migrate_user";
/// Shards of the demo's table.
const SHARDS: u32 = 10;

/// What is to be shown.
#[derive(Debug, Clone)]
pub struct Options {
    /// Length; the walk needs about 45 s at least.
    pub seconds: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Where the sidecar that is killed is killed.
    pub kill_in: Phase,
    /// Schema of the application.
    pub schema: String,
    /// The flag's key in Redis.
    pub flag_key: String,
}

/// A migration in progress.
struct Demo<'a> {
    options: &'a Options,
    screen: Screen,
    clock: Clock,
    flag: Flag,
    sidecars: Vec<Sidecar>,
    observer: Observer,
    outages: Vec<Outage>,
    deadline: Instant,
    stays_left: u32,
}

/// Walks through all phases and back on a claimed home. Findings are in the summary; so is a walk that got stuck.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(
    home: &mut Home,
    redis: &str,
    redis_cli: Option<String>,
    options: &Options,
    screen: Screen,
) -> Outcome<Summary> {
    let schema = &options.schema;
    let mut flag = Flag::connect(redis, redis_cli.clone(), &options.flag_key).await?;
    flag.forget().await?;
    screen(&format!("filling {schema}.user with {} rows", options.rows));
    home.clean(&[schema]).await?;
    sql::fill(home.root(), schema, SHARDS, options.rows, WORKERS).await?;
    let seeds = sql::rows(home.root(), false, sql::SELECT, vec![]).await?;

    let clock = Clock::start();
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let direct = Routes { opts: vec![home.app_opts(None, schema)?], through: false };
    let load = Load::start(clock, Plan { seeds, workers: WORKERS, think: THINK, routes: direct });
    screen(&format!("the application works directly for {} s, as the measure", DIRECT.as_secs()));
    sleep(DIRECT).await;

    let setup = Setup::user(home, schema, redis, &options.flag_key)?;
    let mut sidecars = Vec::new();
    for name in ["sidecar-1", "sidecar-2"] {
        let sidecar = Sidecar::start(&setup, name).await?;
        screen(&format!("{name} listens on port {} (pid {:?})", sidecar.port(), sidecar.pid()));
        sidecars.push(sidecar);
    }
    flag.until("the first gate", STEP_LIMIT, |state| state.phase == Some(Phase::Legacy)).await?;
    let opts = sidecars.iter().map(|sidecar| home.app_opts(Some(("127.0.0.1", sidecar.port())), schema));
    let through = Routes { opts: opts.collect::<Outcome<_>>()?, through: true };
    load.reroute(through);
    let direct_until = clock.now();
    screen("the application's connections now go through the sidecars; it changed nothing but the port");

    let table = user_table(schema)?;
    let scanner = Scanner::connect(home.url(), clock, table).await?;
    let watched = Flag::connect(redis, redis_cli, &options.flag_key).await?;
    let observer = Observer::start(watched, scanner, std::sync::Arc::clone(&load.shared), screen.clone());
    let outages = Vec::new();
    let mut demo =
        Demo { options, screen, clock, flag, sidecars, observer, outages, deadline, stays_left: 6 };
    let failure = demo.walk().await.err().map(|failure| failure.to_string());
    let Demo { observer, outages, mut sidecars, screen, .. } = demo;
    let mut summary = finish(load, observer, outages, Some(direct_until)).await?;
    summary.failure = failure;
    for sidecar in &mut sidecars {
        if let Err(error) = sidecar.stop().await {
            summary.failure.get_or_insert(error.to_string());
        }
    }
    if !summary.is_good() {
        let logs: Vec<String> = sidecars.iter().map(|sidecar| sidecar.log().display().to_string()).collect();
        screen(&format!("the sidecars' logs: {}", logs.join(" ")));
    }
    Ok(summary)
}

/// Ends the application, takes the last look and judges.
async fn finish(
    load: Load,
    observer: Observer,
    outages: Vec<Outage>,
    direct_until: Option<Micros>,
) -> Outcome<Summary> {
    let shared = std::sync::Arc::clone(&load.shared);
    let mut history = load.stop().await?;
    let ended = shared.clock.now();
    let seen = observer.seen();
    let (mut scanner, looked) = observer.stop().await?;
    history.append(looked);
    history.outages = outages;
    scanner.quiet().await?;
    last_look(&mut scanner, &mut history, demands_equality(&seen)).await?;
    let verdict = judge(&history);
    let stretches = stretches(direct_until, &seen.changes, ended);
    Ok(Summary::new(verdict, &history, &seen.changes, &stretches, &shared.samples(0), ended))
}

async fn last_look(scanner: &mut Scanner, history: &mut History, equal: bool) -> Outcome {
    for _ in 0..100 {
        if let Some((_, snapshot)) = scanner.snapshot(equal).await? {
            history.differences.extend(snapshot.differences);
            history.end = Some(snapshot.authority);
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err("no phase stays long enough for a last look".into())
}

impl Demo<'_> {
    async fn walk(&mut self) -> Outcome {
        self.stay(Phase::Legacy).await?;
        for target in [Phase::DualWrite, Phase::ShardRead, Phase::Shards, Phase::DualWrite, Phase::Legacy] {
            self.step(target).await?;
            if target == self.options.kill_in && self.outages.is_empty() {
                self.kill().await?;
            }
            self.stay(target).await?;
        }
        Ok(())
    }

    /// Types the flag when the guards can be met, so that the flip follows at once.
    async fn step(&mut self, target: Phase) -> Outcome {
        let no_snapshot = self.observer.no_snapshot().await;
        (self.screen)(&format!("$ {}", self.flag.command(target)));
        let took = self.flag.walk_to(target, STEP_LIMIT).await?;
        drop(no_snapshot);
        (self.screen)(&format!("  the fleet is in {target} after {} ms", took.as_millis()));
        Ok(())
    }

    /// Works in a phase until its share of the time is over, it is certified and was looked at.
    async fn stay(&mut self, phase: Phase) -> Outcome {
        let rest = self.deadline.saturating_duration_since(Instant::now());
        let share = rest.checked_div(self.stays_left).unwrap_or_default().max(MIN_STAY);
        self.stays_left = self.stays_left.saturating_sub(1);
        let end = Instant::now() + share;
        let what = format!("a look at both sides in {phase}");
        let entered = self.observer.until(&what, STEP_LIMIT, |seen| seen.state.phase == Some(phase)).await?;
        let epoch = entered.state.epoch;
        self.observer.until(&what, STEP_LIMIT, |seen| seen.checked >= epoch).await?;
        tokio::time::sleep_until(end).await;
        Ok(())
    }

    /// `kill -9` of the first sidecar, the one that was elected; it comes back a little later.
    async fn kill(&mut self) -> Outcome {
        sleep(Duration::from_secs(1)).await;
        let began = self.clock.now();
        let Some(sidecar) = self.sidecars.first_mut() else { return Ok(()) };
        (self.screen)(&format!("$ kill -9 {}    # sidecar-1", sidecar.pid().unwrap_or_default()));
        sidecar.kill9()?;
        sleep(AWAY).await;
        sidecar.launch().await?;
        (self.screen)("  sidecar-1 is back");
        self.outages.push(Outage { sidecar: 0, began, ended: self.clock.now() });
        Ok(())
    }
}

/// `<schema>.user` with its ten shards.
///
/// # Errors
/// When the schema's name makes no table.
pub fn user_table(schema: &str) -> Outcome<ShardedTable> {
    let shards = format!("{schema}.user_{{0..{}}}", SHARDS - 1);
    Ok(ShardedTable::new("user", &format!("{schema}.user"), "id", &shards)?)
}

/// What an application for somebody else's sidecars is told.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// URLs of sidecars, with the application's account.
    pub through: Vec<String>,
    /// URL of the server, with an account that may read everything.
    pub direct: String,
    /// URL of Redis.
    pub redis: String,
    /// How long it works, unless SIGTERM or SIGINT ends it before.
    pub seconds: u64,
    /// Rows that an empty table is filled with first.
    pub rows: u64,
    /// Whether it also walks the flag through all phases and back.
    pub walk: bool,
}

/// Loads running sidecars and judges. Somebody else flips and kills; every lost connection is taken for a kill.
///
/// # Errors
/// When it cannot begin.
pub async fn load(options: &LoadOptions, redis_cli: Option<String>, screen: Screen) -> Outcome<Summary> {
    let opts = Opts::from_url(&options.direct)?;
    let schema = opts.db_name().unwrap_or("app").to_owned();
    let clock = Clock::start();
    let mut scanner = Scanner::connect(&options.direct, clock, user_table(&schema)?).await?;
    let seeds = rows_of_before(&mut scanner, options, &schema, &screen).await?;
    let through = options.through.iter().map(|url| sidecar(url)).collect::<Outcome<Vec<_>>>()?;
    let routes = Routes { opts: through, through: true };
    let load = Load::start(clock, Plan { seeds, workers: WORKERS, think: THINK, routes });
    let watched = Flag::connect(&options.redis, None, FLAG_KEY).await?;
    let observer = Observer::start(watched, scanner, std::sync::Arc::clone(&load.shared), screen.clone());
    let forever = |sidecar| Outage { sidecar, began: 0, ended: Micros::MAX };
    let outages = (0..options.through.len()).map(forever).collect();
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    if options.walk {
        let walked = Options {
            seconds: options.seconds,
            rows: 0,
            kill_in: Phase::Legacy,
            schema,
            flag_key: FLAG_KEY.to_owned(),
        };
        let flag = Flag::connect(&options.redis, redis_cli, FLAG_KEY).await?;
        let mut demo = Demo {
            options: &walked,
            screen,
            clock,
            flag,
            sidecars: Vec::new(),
            observer,
            // Not empty: nobody is killed here.
            outages,
            deadline,
            stays_left: 6,
        };
        let failure = demo.walk().await.err().map(|failure| failure.to_string());
        let mut summary = finish(load, demo.observer, demo.outages, None).await?;
        summary.failure = failure;
        return Ok(summary);
    }
    tokio::select! {
        () = tokio::time::sleep_until(deadline) => {}
        told = told_to_end() => told?,
    }
    finish(load, observer, outages, None).await
}

/// SIGTERM or SIGINT: the verdict comes all the same.
async fn told_to_end() -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Options of a connection through a sidecar. On loopback the driver would ask the server for its Unix socket and
/// go on there, past the sidecar.
fn sidecar(url: &str) -> Outcome<Opts> {
    Ok(OptsBuilder::from_opts(Opts::from_url(url)?).prefer_socket(false).into())
}

/// The rows that are there, whoever wrote them; an empty table is filled where that is safe: before any migration.
async fn rows_of_before(
    scanner: &mut Scanner,
    options: &LoadOptions,
    schema: &str,
    screen: &Screen,
) -> Outcome<Vec<crate::history::Image>> {
    let Some((phase, snapshot)) = scanner.snapshot(false).await? else {
        return Err("a flip is under way: try again".into());
    };
    if !snapshot.authority.rows.is_empty() || phase != Phase::Legacy {
        return Ok(snapshot.authority.rows);
    }
    screen(&format!("filling {schema}.user with {} rows", options.rows));
    let mut conn = Conn::from_url(&options.direct).await?;
    conn.query_drop(format!("USE `{schema}`")).await?;
    sql::fill_rows(&mut conn, options.rows, WORKERS).await?;
    Ok(sql::rows(&mut conn, false, sql::SELECT, vec![]).await?)
}
