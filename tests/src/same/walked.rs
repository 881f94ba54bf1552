//! The twin beside a table that is walked through the phases by a sidecar, for tests that drive sessions themselves.

use std::time::Duration;

use mysql_async::Opts;
use topology::{Phase, ShardedTable};

use super::{Same, compare::Naming};
use crate::{
    Outcome,
    client::Client,
    home::Home,
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::{Flag, State},
};

/// The schema that is reached through the sidecar.
pub const REAL: &str = "shopdb";
/// The unsharded twin's: the same length, so that nothing differs by it.
pub const TWIN: &str = "twindb";

/// A step of the walk with its guards: the tables are small.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Twin, table and sidecar.
#[derive(Debug)]
pub struct Walked {
    /// Compares the tables, and sets them to the rows that cases begin with.
    pub same: Same,
    /// What is one in the other.
    pub names: Naming,
    twin: Opts,
    real: Opts,
    flag: Flag,
    sidecar: Sidecar,
    // Holds its claim.
    _home: Home,
}

impl Walked {
    /// Makes the tables and starts a sidecar; the phase is [`Phase::Legacy`].
    ///
    /// # Errors
    /// What the server says, or the sidecar.
    pub async fn start(kind: Kind, flag_key: &str) -> Outcome<Self> {
        let mut home = Home::claim(kind).await?;
        let table =
            ShardedTable::new("user", &format!("{REAL}.user"), "id", &format!("{REAL}.user_{{0..9}}"))?;
        let redis = servers::redis_url()?;
        let key = format!("{flag_key}_{}", kind.name());
        let mut flag = Flag::connect(&redis, None, &key).await?;
        flag.forget().await?;
        Same::prepare(&mut home, &table, REAL, TWIN, &[]).await?;
        let sidecar = Sidecar::start(&Setup::user(&home, REAL, &redis, &key)?, kind.name()).await?;
        let through = Some(("127.0.0.1", sidecar.port()));
        let mut walked = Self {
            same: Same::new(&home, table, REAL, TWIN, through).await?,
            names: Naming { real: REAL.to_owned(), twin: TWIN.to_owned(), tables: vec!["user".to_owned()] },
            twin: home.app_opts(None, TWIN)?,
            real: home.app_opts(through, REAL)?,
            flag,
            sidecar,
            _home: home,
        };
        walked.until(Phase::Legacy).await?;
        Ok(walked)
    }

    /// Goes to a phase beside the present one, or stays. Both ways lead from the rows that cases begin with: the log of
    /// the reverse sync knows nothing of how they got there.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn walk_to(&mut self, phase: Phase) -> Outcome {
        self.same.reset().await?;
        if phase != self.same.phase {
            self.flag.set(phase).await?;
        }
        self.until(phase).await?;
        self.same.reset().await
    }

    async fn until(&mut self, phase: Phase) -> Outcome {
        self.flag.until(phase.flag(), STEP_LIMIT, |state| state.phase == Some(phase)).await?;
        if phase == Phase::DualWrite {
            // Before the copy is certified the shards are only on their way to being equal.
            self.flag.until("a certified copy", STEP_LIMIT, State::certified).await?;
        }
        self.same.phase = phase;
        Ok(())
    }

    /// A session on the twin and one through the sidecar.
    ///
    /// # Errors
    /// When a login fails.
    pub async fn sessions(&self, capabilities: u32) -> Outcome<[Client; 2]> {
        Ok([
            Client::connect_with(&self.twin, capabilities).await?,
            Client::connect_with(&self.real, capabilities).await?,
        ])
    }

    /// Stops the sidecar.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(mut self) -> Outcome {
        self.sidecar.stop().await
    }
}
