//! The gate: an empty table whose *name* is the durable truth about a table's epoch and phase.
//!
//! `gate_<id>_<epoch>_<state>[_<hash>]`, parsed from the right, only `[0-9a-z_]`: with
//! other characters in it MySQL 9.7, killed during the RENAME, answered 1812 until a second restart.

use std::fmt;

use crate::{Epoch, Phase, QualifiedName, TableId, TopologyHash};

/// What a gate's name says the fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GateState {
    /// The fleet is in this phase.
    Open(Phase),
    /// Nobody writes, sidecars wait: the last keys of the reverse sync are applied.
    Hold,
    /// `0011` for good: the reverse sync was ended, nothing is logged for it, and there is no way back.
    Done,
    /// DDL is about to run: everything goes on as before, but reads of shards take the gate too, so that the
    /// next step waits for them as it waits for writers.
    Announced(Standing),
    /// DDL runs: nobody writes, nobody reads shards.
    Changing(Standing),
}

/// Where DDL on a table begins and ends: what its gate is before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// `1101`.
    DualWrite,
    /// `0111`.
    ShardRead,
    /// `0011`.
    Shards,
    /// `0011` for good.
    Done,
}

impl Standing {
    const ALL: [Self; 4] = [Self::DualWrite, Self::ShardRead, Self::Shards, Self::Done];

    /// Where DDL can begin: not in `1100`, where it concerns one table only, and not half way.
    #[must_use]
    pub fn of(state: GateState) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.state() == state)
    }

    /// The gate's state before and after.
    #[must_use]
    pub const fn state(self) -> GateState {
        match self {
            Self::Done => GateState::Done,
            other => GateState::Open(other.phase()),
        }
    }

    /// The phase that goes on.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::DualWrite => Phase::DualWrite,
            Self::ShardRead => Phase::ShardRead,
            Self::Shards | Self::Done => Phase::Shards,
        }
    }
}

impl GateState {
    /// The phase that writes run in; `None` while they wait.
    #[must_use]
    pub const fn phase(self) -> Option<Phase> {
        match self {
            Self::Open(phase) => Some(phase),
            Self::Hold | Self::Changing(_) => None,
            Self::Done => Some(Phase::Shards),
            Self::Announced(standing) => Some(standing.phase()),
        }
    }

    /// The phase that plain reads are planned for. A hold lies between `0011` and `0111`; both read the shards.
    #[must_use]
    pub const fn read_phase(self) -> Phase {
        match self {
            Self::Open(phase) => phase,
            Self::Hold | Self::Done => Phase::Shards,
            Self::Announced(standing) | Self::Changing(standing) => standing.phase(),
        }
    }

    /// Whether reads of shards take the gate.
    #[must_use]
    pub const fn gates_reads(self) -> bool {
        matches!(self, Self::Announced(_) | Self::Changing(_))
    }

    /// The reverse sync was ended for good: nothing is logged.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Announced(Standing::Done) | Self::Changing(Standing::Done))
    }

    /// What people are shown: the flag, `hold` or `ddl`.
    #[must_use]
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Open(phase) => phase.flag(),
            Self::Hold => "hold",
            Self::Done => Phase::Shards.flag(),
            Self::Announced(standing) => standing.phase().flag(),
            Self::Changing(_) => "ddl",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let standing = |word: &str| Standing::ALL.into_iter().find(|it| it.state().to_string() == word);
        Some(match word {
            "hold" => Self::Hold,
            "done" => Self::Done,
            word if word.starts_with(ANNOUNCED) => Self::Announced(standing(&word[ANNOUNCED.len()..])?),
            word if word.starts_with(CHANGING) => Self::Changing(standing(&word[CHANGING.len()..])?),
            flag => Self::Open(flag.parse().ok()?),
        })
    }
}

/// Before the state that DDL began in.
const ANNOUNCED: &str = "pre";
const CHANGING: &str = "ddl";

/// One gate, as its name tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gate {
    /// The configured table it stands for.
    pub table: TableId,
    /// Counts the changes of this table.
    pub epoch: Epoch,
    /// Phase, hold, or where DDL is.
    pub state: GateState,
    /// Hash of the topology; in the name from `1101` on, absent in `1100`.
    pub hash: Option<TopologyHash>,
}

/// A table in schema `shunt` that begins like a gate and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in schema shunt looks like a gate but cannot be read as one")]
pub struct GateError(pub String);

impl Gate {
    /// The schema of gates and of all of Shunt's own tables.
    pub const SCHEMA: &'static str = "shunt";
    /// How every gate's name begins.
    pub const PREFIX: &'static str = "gate_";

    /// The gate of `table` in `epoch`; the hash is put in by phase.
    #[must_use]
    pub fn new(table: TableId, epoch: Epoch, state: GateState, hash: TopologyHash) -> Self {
        let hash = (state != GateState::Open(Phase::Legacy)).then_some(hash);
        Self { table, epoch, state, hash }
    }

    /// The table name, without schema.
    #[must_use]
    pub fn name(&self) -> String {
        let base = format!("{}{}_{}_{}", Self::PREFIX, self.table, self.epoch, self.state);
        match self.hash {
            Some(hash) => format!("{base}_{hash}"),
            None => base,
        }
    }

    /// `` `shunt`.`gate_…` ``.
    #[must_use]
    pub fn quoted(&self) -> String {
        QualifiedName::new(Self::SCHEMA, self.name()).quoted()
    }

    /// The statement that takes the shared metadata lock and fails with 1146 when the epoch is over.
    ///
    /// `LIMIT 0` keeps it from opening a read view; `SQL_NO_CACHE` keeps MariaDB's query cache from
    /// answering without a lock (MySQL has no such cache and accepts the word up to 9.x with a
    /// warning, so it is left out there).
    #[must_use]
    pub fn probe_sql(&self, mariadb: bool) -> String {
        self.probe(mariadb, "")
    }

    /// The statement that fails with 1100 under LOCK TABLES, also where the gate is locked: a lock can be
    /// used by its own name only.
    #[must_use]
    pub fn beacon_sql(&self, mariadb: bool) -> String {
        self.probe(mariadb, " AS shunt_beacon")
    }

    fn probe(&self, mariadb: bool, alias: &str) -> String {
        let no_cache = if mariadb { "SQL_NO_CACHE " } else { "" };
        format!("SELECT {no_cache}1 FROM {}{alias} LIMIT 0", self.quoted())
    }

    /// Reads a gate's table name; `Ok(None)` when the name does not begin like a gate.
    ///
    /// # Errors
    /// [`GateError`] when it begins like one and does not parse: that fails closed.
    pub fn parse(name: &str) -> Result<Option<Self>, GateError> {
        let Some(rest) = name.strip_prefix(Self::PREFIX) else {
            return Ok(None);
        };
        let bad = || GateError(name.to_owned());
        let (rest, last) = rest.rsplit_once('_').ok_or_else(bad)?;
        let (rest, state, hash) = match TopologyHash::parse(last) {
            Some(hash) => {
                let (rest, state) = rest.rsplit_once('_').ok_or_else(bad)?;
                (rest, state, Some(hash))
            }
            None => (rest, last, None),
        };
        let state = GateState::parse(state).ok_or_else(bad)?;
        let (id, epoch) = rest.rsplit_once('_').ok_or_else(bad)?;
        let gate = Self {
            table: TableId::new(id).map_err(|_| bad())?,
            epoch: Epoch(epoch.parse().map_err(|_| bad())?),
            state,
            hash,
        };
        if gate.name() == name && hash.is_none() == (state == GateState::Open(Phase::Legacy)) {
            Ok(Some(gate))
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(phase) => phase.fmt(f),
            Self::Hold => f.write_str("hold"),
            Self::Done => f.write_str("done"),
            Self::Announced(standing) => write!(f, "{ANNOUNCED}{}", standing.state()),
            Self::Changing(standing) => write!(f, "{CHANGING}{}", standing.state()),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(id: &str, epoch: u64, state: GateState) -> Gate {
        Gate::new(TableId::new(id).unwrap(), Epoch(epoch), state, TopologyHash::parse("5f1c9a02").unwrap())
    }

    #[test]
    fn names_round_trip() {
        for id in ["user", "user_8", "a_1100", "x_0111_5f1c9a02"] {
            let open = Phase::ALL.map(GateState::Open);
            let announced = Standing::ALL.map(GateState::Announced);
            let changing = Standing::ALL.map(GateState::Changing);
            let others = [GateState::Hold, GateState::Done];
            for state in open.into_iter().chain(announced).chain(changing).chain(others) {
                let gate = gate(id, 8, state);
                assert_eq!(Gate::parse(&gate.name()), Ok(Some(gate.clone())), "{gate}");
            }
        }
        assert_eq!(gate("user", 8, GateState::Open(Phase::ShardRead)).name(), "gate_user_8_0111_5f1c9a02");
        assert_eq!(gate("user", 1, GateState::Open(Phase::Legacy)).name(), "gate_user_1_1100");
        let changing = gate("user", 9, GateState::Changing(Standing::Done));
        assert_eq!(changing.name(), "gate_user_9_ddldone_5f1c9a02");
    }

    #[test]
    fn what_only_looks_like_a_gate_fails_closed() {
        assert_eq!(Gate::parse("history"), Ok(None));
        for bad in [
            "gate_",
            "gate_user",
            "gate_user_1_1102",
            "gate_user_x_1100",
            "gate_user_1_0111",
            "gate_user_01_1100",
            "gate_user_1_1100_5f1c9a02",
            "gate_user_1_ddl1100_5f1c9a02",
            "gate_user_1_prehold_5f1c9a02",
            "gate_user_1_ddl0111",
        ] {
            assert!(Gate::parse(bad).is_err(), "{bad}");
        }
    }
}
