//! `shunt run`: puts the parts together, waits for a signal, takes them apart again.

use std::{process, sync::Arc};

use flag_client::{FlagKeys, FlagStore, GateCache, Home, HomeTls};
use reshard::{controller, controller::ControllerConfig, copy::Pace, mover::Mover};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    config::{Config, TableConfig},
    listener::{self, Entrance, Gateway},
    login::HomeAddr,
    plane::Plane,
    random_u64, session,
    tls::Tls,
};

/// Runs the sidecar until SIGTERM or SIGINT.
///
/// # Errors
/// [`Failure`] if it cannot start; nothing was started then.
pub async fn run(config: Config) -> Result<(), Failure> {
    if config.listen.is_empty() {
        return Err(Failure::usage(
            "listen is empty; write for instance listen = [\"tcp://127.0.0.1:3307\"]",
        ));
    }
    let gateway = gateway(&config)?;
    let mut entrances = Vec::new();
    for address in &config.listen {
        let opened = Entrance::open(address).await;
        entrances
            .push(opened.map_err(|error| Failure::usage(format!("cannot listen on {address}: {error}")))?);
    }
    let home = Home::new(config.home.clone());
    let flags = FlagStore::new(&config.redis_url).map_err(|error| Failure::usage(error.to_string()))?;
    say_who_is_away(&home, &flags).await;

    let stop = CancellationToken::new();
    let tables: Vec<_> = config.tables.iter().map(|table| (*table.table).clone()).collect();
    let (gates, gate_tasks) = GateCache::start(home.clone(), &tables, Some(flags.clone()));
    let controllers: Vec<_> = config
        .tables
        .iter()
        .map(|table| start_controller(&config, table, &home, &flags, stop.child_token()))
        .collect();
    let keyed =
        config.tables.iter().map(|table| (table.table.clone(), FlagKeys::new(&table.flag_key))).collect();
    let plane = Arc::new(Plane::new(home.clone(), flags, gates, keyed, random_u64()));
    let (seen, kept) = (plane.seen.clone(), stop.child_token());
    let seen = tokio::spawn(async move { seen.keep(home, kept).await });
    for entrance in &entrances {
        tracing::info!(at = entrance.address(), home = %gateway.home, "listening");
    }
    let shutdown = CancellationToken::new();
    let serve_client = move |logged_in| session::run(logged_in, plane.clone());
    let serving = tokio::spawn(listener::serve(entrances, Arc::new(gateway), serve_client, shutdown.clone()));
    wait_for_signal().await?;
    tracing::info!(drain = ?config.limits.drain, "no new connections; running transactions may end");
    shutdown.cancel();
    let _ = serving.await;
    stop.cancel();
    let _ = seen.await;
    for controller in controllers {
        let _ = controller.await;
    }
    gate_tasks.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

fn gateway(config: &Config) -> Result<Gateway, Failure> {
    let ca = match &config.home.tls {
        HomeTls::Required { ca } => ca.as_deref(),
        HomeTls::Off | HomeTls::Preferred => None,
    };
    let tls = match config.home.tls {
        HomeTls::Off => None,
        _ => Some(
            Tls::new(config.certificate.as_ref(), ca).map_err(|error| Failure::usage(error.to_string()))?,
        ),
    };
    let home = HomeAddr { host: config.home.host.clone(), port: config.home.port };
    Ok(Gateway { home, tls, limits: config.limits })
}

/// Home and Redis may be away when a sidecar starts: it says so, and goes on.
async fn say_who_is_away(home: &Home, flags: &FlagStore) {
    if let Err(error) = home.connect().await {
        tracing::warn!(%error, "home is away; clients are refused and statements wait until it is back");
    }
    if let Err(error) = flags.ping().await {
        tracing::warn!(%error, "Redis is away; everything runs in its phase, nothing can be flipped until it is back");
    }
}

fn start_controller(
    config: &Config,
    table: &TableConfig,
    home: &Home,
    flags: &FlagStore,
    stop: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let keys = FlagKeys::new(&table.flag_key);
    let pace = Pace {
        chunk_rows: config.copy.chunk_rows,
        interval: config.copy.interval,
        chunk_time: config.copy.chunk_time,
        throttle: config.copy.throttle.clone(),
    };
    let mover = Mover::new(home.clone(), flags.clone(), keys.clone(), (*table.table).clone(), pace);
    let controller = ControllerConfig {
        home: home.clone(),
        flags: flags.clone(),
        keys,
        table: (*table.table).clone(),
        name: process_name(),
    };
    controller::spawn(controller, mover, stop)
}

/// Host and process, for history and status.
pub(super) fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), process::id())
}

async fn wait_for_signal() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
