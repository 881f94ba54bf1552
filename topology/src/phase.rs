//! Flags, phases and epochs.
//!
//! ```text
//! Legacy 1100 <-> DualWrite 1101 <-> ShardRead 0111 <-> Shards 0011
//! ```
//! A flag further than one step away is walked one phase at a time.

use std::{fmt, str::FromStr};

/// What the whole fleet does with one table now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// `1100`: reads and writes go to the legacy table.
    Legacy,
    /// `1101`: reads go to legacy, writes to both sides.
    DualWrite,
    /// `0111`: reads go to the shards, writes to both sides.
    ShardRead,
    /// `0011`: reads and writes go to the shards.
    Shards,
}

/// The two places a row can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The table that the application names.
    Legacy,
    /// The shard tables.
    Shards,
}

/// A Redis value that is not a flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a flag; legal are 1100, 1101, 0111 and 0011")]
pub struct FlagError(pub String);

impl Phase {
    /// All phases in the order of a migration.
    pub const ALL: [Self; 4] = [Self::Legacy, Self::DualWrite, Self::ShardRead, Self::Shards];

    /// The four digits: legacy-read, legacy-write, shard-read, shard-write.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Legacy => "1100",
            Self::DualWrite => "1101",
            Self::ShardRead => "0111",
            Self::Shards => "0011",
        }
    }

    /// The side that plain reads see: the authority.
    #[must_use]
    pub const fn authority(self) -> Side {
        match self {
            Self::Legacy | Self::DualWrite => Side::Legacy,
            Self::ShardRead | Self::Shards => Side::Shards,
        }
    }

    /// Whether a write changes this side.
    #[must_use]
    pub const fn writes(self, side: Side) -> bool {
        match side {
            Side::Legacy => !matches!(self, Self::Shards),
            Side::Shards => !matches!(self, Self::Legacy),
        }
    }

    /// The next phase on the way to `target`; `None` when there.
    #[must_use]
    pub fn step_towards(self, target: Self) -> Option<Self> {
        let here = self as usize;
        match here.cmp(&(target as usize)) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => Some(Self::ALL[here + 1]),
            std::cmp::Ordering::Greater => Some(Self::ALL[here - 1]),
        }
    }
}

impl FromStr for Phase {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.flag() == text)
            .ok_or_else(|| FlagError(text.chars().take(32).collect()))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flag())
    }
}

/// A counter with one value per change of phase of one table; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The first epoch of a table.
    pub const FIRST: Self = Self(1);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_round_trip_and_nothing_else_parses() {
        for phase in Phase::ALL {
            assert_eq!(phase.flag().parse(), Ok(phase));
        }
        for bad in ["", "0000", "1111", "1101 ", "11010", "abcd", "0110"] {
            assert!(bad.parse::<Phase>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digits_say_what_is_read_and_written() {
        for phase in Phase::ALL {
            let digit = |i: usize| phase.flag().as_bytes()[i] == b'1';
            assert_eq!(phase.authority() == Side::Legacy, digit(0));
            assert_eq!(phase.writes(Side::Legacy), digit(1));
            assert_eq!(phase.authority() == Side::Shards, digit(2));
            assert_eq!(phase.writes(Side::Shards), digit(3));
        }
    }

    #[test]
    fn jumps_are_walked_one_phase_at_a_time() {
        assert_eq!(Phase::Legacy.step_towards(Phase::Shards), Some(Phase::DualWrite));
        assert_eq!(Phase::Shards.step_towards(Phase::DualWrite), Some(Phase::ShardRead));
        assert_eq!(Phase::DualWrite.step_towards(Phase::DualWrite), None);
    }
}
