//! The controller of one table: every proxy runs one, the holder of the lock on home acts.
//!
//! ```text
//! standby ──GET_LOCK──► term: take over ──► every 250 ms: gate? request? guards? flip ──┐
//!    ▲                        (term.rs)         ▲────────────────────────────────────────┘
//!    └── session lost: back off ◄───────────────┘
//! ```
//! Each step is idempotent and leaves either the old gate or the new one, so it can be taken over anywhere.

use std::{sync::Arc, time::Duration};

use flag_client::{FlagKeys, FlagStore, Home, HomeError};
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use topology::ShardedTable;

use crate::{command, ddl, election::Ballot, history, report, term::Term, work::Work};

/// How often a standby asks for the lock, and waits after a lost session.
const STANDBY_INTERVAL: Duration = Duration::from_secs(1);

/// How often the request key is read.
pub const REQUEST_INTERVAL: Duration = Duration::from_millis(250);

/// The tables that controllers keep in schema `shunt`.
pub(crate) const TABLES: [&str; 4] = [history::DDL, report::DDL, command::DDL, ddl::DDL];

/// What a controller needs to know.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// Home.
    pub home: Home,
    /// Redis.
    pub flags: FlagStore,
    /// The table's keys there.
    pub keys: FlagKeys,
    /// The table.
    pub table: ShardedTable,
    /// Who this is, for history and status: host and process.
    pub name: String,
}

/// Starts the controller of one table; it ends after `stop`.
pub fn spawn(config: ControllerConfig, work: impl Work, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(run(Arc::new(config), work, stop))
}

async fn run(config: Arc<ControllerConfig>, work: impl Work, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = candidate(&config, &work, &stop).await {
            tracing::warn!(table = %config.table.id(), %error, "controller lost home; flips wait until it is back");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(STANDBY_INTERVAL) => {}
        }
    }
}

/// Stands by on one connection, and serves a term once elected. Ends when the connection does.
async fn candidate(
    config: &Arc<ControllerConfig>,
    work: &impl Work,
    stop: &CancellationToken,
) -> Result<(), HomeError> {
    let mut ballot = Ballot::connect(&config.home, config.table.id()).await?;
    while !ballot.elected().await? {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(STANDBY_INTERVAL) => {}
        }
    }
    tracing::info!(table = %config.table.id(), controller = %config.name, "controls this table now");
    let mut term = Term::new(config.clone(), work.clone(), ballot);
    let end = serve(&mut term, stop).await;
    // Copy, verify and reverse of this term end before anyone else's begin, as far as that is in our hands;
    // the gate and their own locks keep them apart where it is not.
    term.end().await;
    end
}

async fn serve(term: &mut Term<impl Work>, stop: &CancellationToken) -> Result<(), HomeError> {
    while !stop.is_cancelled() {
        // Not raced against `stop`: a tick is short, and a step is not left half way on purpose.
        let pause = term.tick().await?;
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }
    Ok(())
}
