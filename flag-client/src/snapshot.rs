//! What one process believes about one table, and why it may believe nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use topology::{Epoch, Gate, GateError, Phase, QualifiedName, TableId, TableSchema, TopologyHash};

use crate::{HomeError, SchemaError};

/// How long a confirmation of the gate lets plain reads go by the cached snapshot.
///
/// Reads do not take the gate. Adjacent phases have both sides equal where either is read, so a read
/// may be one epoch late but not two: the controller stays in each phase for longer than this.
pub const LEASE: Duration = Duration::from_secs(3);

/// Epoch, phase and shape of one table, as of one confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The gate whose existence was confirmed.
    pub gate: Gate,
    /// When the statement that confirmed it was *sent*: it existed at some time after this.
    pub confirmed: Instant,
    /// The legacy table's shape; read again at each change of epoch.
    pub schema: Arc<TableSchema>,
}

impl Snapshot {
    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.gate.epoch
    }

    /// The phase that writes run in; `None` when nobody writes and sidecars wait
    /// ([`crate::GateCache::refresh`]).
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.gate.state.phase()
    }

    /// The phase that plain reads are planned for.
    #[must_use]
    pub fn read_phase(&self) -> Phase {
        self.gate.state.read_phase()
    }

    /// Whether what is written to the shards alone is logged, so that legacy can follow.
    #[must_use]
    pub fn logs(&self) -> bool {
        !self.gate.state.is_done()
    }

    /// Whether a plain read may go by this snapshot without confirming it first.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.confirmed.elapsed() < LEASE
    }
}

/// What is wrong with the gates of one table. All of these fail closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateFault {
    /// There is none.
    #[error("schema shunt on home holds no gate for it")]
    Missing,
    /// There are several.
    #[error("schema shunt on home holds several gates for it ({}); exactly one must exist", .0.join(", "))]
    Many(Vec<String>),
    /// There is one whose name cannot be read.
    #[error(transparent)]
    Unreadable(#[from] GateError),
}

/// Why a statement on a configured table cannot run now. Nothing of it was run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GateUnavailable {
    /// The id is not in this sidecar's configuration.
    #[error("table id `{0}` is not configured")]
    NotConfigured(TableId),
    /// Nothing is known yet: the process has just started.
    #[error("the gate of table `{table}` has not been read from home {address} yet; nothing was run: retry")]
    NotReadYet {
        /// The table.
        table: TableId,
        /// `host:port`.
        address: String,
    },
    /// Home does not answer.
    #[error("the phase of table `{table}` cannot be confirmed: {error}")]
    HomeAway {
        /// The table.
        table: TableId,
        /// What happened.
        error: HomeError,
    },
    /// The control user may not read the gates.
    #[error(
        "the control user may not read the gate of table `{table}`: {error}; nothing was run; run on home: GRANT ALL ON `shunt`.* TO <control user>"
    )]
    Forbidden {
        /// The table.
        table: TableId,
        /// What the server said.
        error: HomeError,
    },
    /// No controller has made the first gate.
    #[error(
        "table `{table}` has no gate on home yet; nothing was run: retry. The first controller that reaches home and Redis makes it; if it does not come, see `shunt status`"
    )]
    NoGateYet {
        /// The table.
        table: TableId,
    },
    /// The number of gates is not one, or the name is unreadable.
    #[error(
        "table `{table}` is closed: {fault}; nothing was run. Nothing may be written until its phase is known: see `shunt status` and `shunt history`"
    )]
    Fault {
        /// The table.
        table: TableId,
        /// What is wrong.
        fault: GateFault,
    },
    /// The gate carries another topology.
    #[error(
        "table `{table}` is refused by this sidecar: its configuration (database, table, shard key, shard list) has hash {own}, the fleet's gate `{gate}` has {theirs}; two topologies would misplace rows. Nothing was run; give this sidecar the fleet's configuration"
    )]
    ForeignTopology {
        /// The table.
        table: TableId,
        /// The gate's name.
        gate: String,
        /// This process's hash.
        own: TopologyHash,
        /// The gate's hash.
        theirs: TopologyHash,
    },
    /// The table's shape cannot be read.
    #[error("table `{table}` cannot be used: {error}; nothing was run")]
    Schema {
        /// The table.
        table: TableId,
        /// What is wrong.
        error: SchemaError,
    },
    /// The gate stayed locked for as long as the statement may wait: by something else than a flip, or by a flip
    /// on a home that writes to its disk very slowly.
    #[error(
        "the gate `{gate}` of table `{table}` is locked by another connection: {error}; nothing was run: retry"
    )]
    Locked {
        /// The table.
        table: TableId,
        /// The gate's name.
        gate: String,
        /// What the server said.
        error: HomeError,
    },
    /// The deadline passed while the gate kept writers waiting.
    #[error(
        "table `{table}` is held ({why}, epoch {epoch}), and the wait was longer than this statement may wait; nothing was run: retry, and see `shunt status`"
    )]
    Held {
        /// The table.
        table: TableId,
        /// The epoch of the hold.
        epoch: Epoch,
        /// What it is held for.
        why: &'static str,
    },
    /// The caller's server says the gate is gone, the control connection finds it.
    #[error(
        "the gate of table `{table}` (epoch {epoch}) exists on home {address} but not where this statement ran; nothing was run. Is the session on another server than home, or on a replica that lags?"
    )]
    NotHere {
        /// The table.
        table: TableId,
        /// The epoch both mean.
        epoch: Epoch,
        /// `host:port` of home.
        address: String,
    },
    /// The deadline passed before home answered.
    #[error("home {address} did not confirm the phase of table `{table}` in time; nothing was run: retry")]
    Late {
        /// The table.
        table: TableId,
        /// `host:port`.
        address: String,
    },
}

impl GateUnavailable {
    /// Whether what was known before must not be used any more: the gate itself is wrong, not just
    /// out of reach. (Writes by an old snapshot stay safe while home is out of reach: the gate
    /// fences them.)
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Self::Fault { .. }
                | Self::NoGateYet { .. }
                | Self::ForeignTopology { .. }
                | Self::Schema { .. }
                | Self::Forbidden { .. }
        )
    }

    /// A missing table or key, for a caller that wants to tell it from trouble with the gate.
    #[must_use]
    pub fn missing_table(&self) -> Option<&QualifiedName> {
        match self {
            Self::Schema { error: SchemaError::NoTable(name), .. } => Some(name),
            _ => None,
        }
    }
}
