//! What clients did and saw: the only thing that the judge believes.
//!
//! Every row has one owner, a writer that alone changes it, one statement or transaction after the other. Each
//! attempt to write has a version number of its own, and the row carries it, so a row says which attempt it
//! shows. Times are microseconds of one clock in one process: before is before.

use std::time::Instant;

/// Microseconds since the clock started.
pub type Micros = u64;
/// A row's identity, given by its owner (`owner << 32 | counter`), because an unanswered INSERT has no id.
pub type Token = u64;
/// The number of one attempt to write; unique over all writers.
pub type Version = u64;

/// One clock for all clients.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at 0.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    #[must_use]
    pub fn now(self) -> Micros {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What a write does to one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Makes it; `id` as the server's answer named it, `None` where there was no answer.
    Insert {
        /// The row.
        token: Token,
        /// The id that the client was told.
        id: Option<u64>,
    },
    /// Changes it.
    Update(Token),
    /// Removes it.
    Delete(Token),
}

impl Effect {
    /// The row.
    #[must_use]
    pub const fn token(self) -> Token {
        match self {
            Self::Insert { token, .. } | Self::Update(token) | Self::Delete(token) => token,
        }
    }
}

/// What the client was told of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was told OK: of the statement, or of the COMMIT.
    Acknowledged,
    /// It was told an error, or has rolled back itself: nothing may be left of it.
    Failed,
    /// The connection ended before an answer: all of it or nothing. The owner never touches these rows again.
    Unknown,
}

/// One statement or transaction that writes. It touches a row at most once.
#[derive(Debug, Clone)]
pub struct Write {
    /// Its number, which the rows carry.
    pub version: Version,
    /// Before the first byte was sent.
    pub began: Micros,
    /// After the last answer.
    pub ended: Micros,
    /// What the client was told.
    pub fate: Fate,
    /// What it does.
    pub effects: Vec<Effect>,
}

/// A row as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Primary and shard key.
    pub id: u64,
    /// Identity.
    pub token: Token,
    /// The attempt that wrote it.
    pub version: Version,
    /// Number of updates since its INSERT, counted by the server (`changes = changes + 1`).
    pub changes: u32,
    /// Whether the payload is the one that belongs to token and version.
    pub intact: bool,
}

/// Which rows a read must show if they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Ids from … to, inclusive.
    Ids(u64, u64),
    /// Tokens from … to, inclusive.
    Tokens(Token, Token),
    /// The whole table.
    All,
}

/// One read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Before it was sent; inside a transaction: before that transaction's first read, which makes its snapshot.
    pub began: Micros,
    /// After its last row.
    pub ended: Micros,
    /// Which rows it asked for.
    pub scope: Scope,
    /// What it got.
    pub rows: Vec<Image>,
}

/// Something that a client got and did not ask for.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// When.
    pub at: Micros,
    /// Which sidecar it was connected to; `None` for a direct connection.
    pub sidecar: Option<usize>,
    /// What it was doing.
    pub doing: &'static str,
    /// What it got.
    pub what: What,
}

/// Kinds of trouble.
#[derive(Debug, Clone)]
pub enum What {
    /// An ERR packet.
    Refused {
        /// Error code.
        code: u16,
        /// Its text.
        message: String,
    },
    /// The connection ended, could not be made, or nothing came for too long.
    Disconnected(String),
    /// An answer that cannot be: a wrong number of affected rows, no generated id.
    Wrong(String),
}

/// The time in which a sidecar was killed on purpose, until it served again.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// Which one.
    pub sidecar: usize,
    /// Before the kill.
    pub began: Micros,
    /// After it listened again.
    pub ended: Micros,
}

/// A difference between the two sides in one snapshot of a phase that demands equality, or a row in a shard
/// that its key does not name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Difference {
    /// The row's id.
    pub id: u64,
    /// What is wrong, for a person.
    pub what: String,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct History {
    /// Rows that were there at the start.
    pub seeds: Vec<Image>,
    /// All writes. Those of one owner are in their order.
    pub writes: Vec<Write>,
    /// All reads through Shunt.
    pub reads: Vec<Read>,
    /// Whole snapshots of the side that is the authority, read from the server directly.
    pub snapshots: Vec<Read>,
    /// The authority after everything has ended.
    pub end: Option<Read>,
    /// What comparisons of the two sides found.
    pub differences: Vec<Difference>,
    /// Errors and wrong answers.
    pub troubles: Vec<Trouble>,
    /// Kills on purpose.
    pub outages: Vec<Outage>,
}

impl History {
    /// Adds another client's part.
    pub fn append(&mut self, mut other: Self) {
        self.seeds.append(&mut other.seeds);
        self.writes.append(&mut other.writes);
        self.reads.append(&mut other.reads);
        self.snapshots.append(&mut other.snapshots);
        self.end = self.end.take().or(other.end);
        self.differences.append(&mut other.differences);
        self.troubles.append(&mut other.troubles);
        self.outages.append(&mut other.outages);
    }
}
