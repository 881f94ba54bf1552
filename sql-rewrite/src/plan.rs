//! What will be executed for one statement: the closed vocabulary between planner and executor.
//!
//! The executor takes no decision and makes no SQL. Where a plan depends on what only the server
//! knows (which keys a predicate hits, which ids were generated) it says so in [`Needs`], and the
//! rest is made here from the answer: [`Write::program`], [`After::effects`].

mod after;
mod alter;
mod beside;
mod change;
mod change_shards;
mod context;
mod ddl;
mod derived;
mod dirty_log;
mod elsewhere;
mod evaluated;
mod faces;
mod functions;
mod given;
mod insert;
mod insert_select;
mod insert_shards;
mod join_keys;
mod keys;
mod lock_tables;
mod locking;
mod lossy;
mod mirror;
mod multi;
mod on_duplicate;
mod own;
mod own_subquery;
mod partial;
mod pins;
mod program;
mod read;
pub(crate) mod refusal;
mod restrict;
mod returning;
mod selected;
mod several;
mod steady_tables;
mod stored;
mod subquery;
mod top;
mod unique;
mod unread;
mod zero_dates;

use std::sync::Arc;

use topology::{Phase, QualifiedName, ShardId, TableId, TableSchema};

pub use after::{After, Cells, Ran};
pub(crate) use beside::{beside, write_elsewhere};
pub(crate) use change::change as dual_change;
pub(crate) use change_shards::change as shard_change;
pub(crate) use context::Context;
pub use ddl::Ddl;
pub(crate) use ddl::{definition, truncate};
pub(crate) use elsewhere::{expressions, insert_elsewhere, sets_only_variables};
pub(crate) use evaluated::evaluated;
pub(crate) use insert::insert as dual_insert;
pub(crate) use insert_select::{InPlace, Inserted, insert_select};
pub use insert_select::{InsertSelect, SelectedRows};
pub(crate) use insert_shards::insert as shard_insert;
pub use lock_tables::{LockTables, TableLock};
pub(crate) use lock_tables::{Locking, check as check_locks};
pub(crate) use multi::Target;
pub(crate) use pins::sets_more_than_the_optimizer;
pub(crate) use program::Work;
pub(crate) use read::read as shard_read;
pub use selected::ResultColumn;

use crate::{Neighbour, Text};

/// The phase and shape of one configured table at the moment of planning.
#[derive(Debug, Clone)]
pub struct TableView {
    /// The phase of the epoch under which the statement will run.
    pub phase: Phase,
    /// Columns and keys, as loaded in that epoch.
    pub schema: Arc<TableSchema>,
    /// In `Shards`: what is written is logged for the reverse sync, unless that was ended for good.
    pub logs: bool,
    /// LOCK TABLES is in force and holds the gate: what the client locked of this table.
    pub locks: Option<Vec<TableLock>>,
}

/// What is known of tables at the moment of planning.
pub trait Views {
    /// A configured table; `None`: its phase is not known.
    fn table(&self, id: &TableId) -> Option<TableView>;

    /// All that a statement reads is of one moment: not at READ UNCOMMITTED.
    fn reads_snapshots(&self) -> bool {
        true
    }

    /// Another table.
    fn neighbour(&self, _name: &QualifiedName) -> Neighbour {
        Neighbour::Unsteady
    }
}

impl<F: Fn(&TableId) -> Option<TableView>> Views for F {
    fn table(&self, id: &TableId) -> Option<TableView> {
        self(id)
    }
}

/// The plan of one statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The client's own statement, no gate: it names no configured table after all, or is a plain
    /// read of the legacy side.
    Relay,
    /// The client's own statement under the gates of these tables.
    Gated {
        /// In the order in which the gates are taken.
        tables: Vec<TableId>,
        /// The statement commits implicitly (DDL in `Legacy`): the gate is only looked at.
        implicit_commit: bool,
    },
    /// One statement over shard tables instead of the client's.
    ShardRead(ShardRead),
    /// A write to both sides (1101, 0111) or to shards alone (0011).
    Write(Box<Write>),
    /// An INSERT of rows that are read first: [`crate::Planner::plan_rows`] makes a [`Plan::Write`] of them.
    InsertSelect(Box<InsertSelect>),
    /// DDL: the client's own on legacy, the same on the shards, while nobody writes.
    Ddl(Box<Ddl>),
    /// LOCK TABLES with Shunt's own tables added to the list.
    LockTables(Box<LockTables>),
    /// Nothing runs; the client gets the server's own error, which the shards would not give or would
    /// give under another name.
    Fail(ServerError),
    /// Nothing runs.
    Refuse(Refusal),
}

/// An error as the server words it for the unsharded table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// Its number.
    pub code: u16,
    /// Its text.
    pub message: String,
}

/// A statement that reads shard tables in the place of the client's, and writes none of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardRead {
    /// What it reads, a reference each, in the order of the text.
    pub reads: Vec<ShardsOf>,
    /// What runs.
    pub text: Text,
    /// It locks what it reads: it runs under the gate, in a transaction.
    pub locking: bool,
    /// Where the column definitions that the client sees come from.
    pub columns: ColumnSource,
    /// Prepared, it may be executed more than once. MariaDB's second execution of a derived table beside subqueries
    /// takes outer references for unknown columns, or gives other rows (MDEV-30073 and its like).
    pub reusable: bool,
    /// Tables of which [`Views::neighbour`] should know more: planned again, the branches may read less.
    pub ask: Vec<QualifiedName>,
}

/// The shards that one reference reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardsOf {
    /// The sharded table.
    pub table: TableId,
    /// In ascending order.
    pub shards: Vec<ShardId>,
}

/// How column definitions become those of the unsharded table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSource {
    /// Each table is one shard in the place of legacy: the shard's schema and table names are put right.
    Rename,
    /// A derived table loses flags and names, and a column may be called by a text that was changed: the definitions
    /// are those of COM_STMT_PREPARE of the client's own text; refused where a value's binary encoding would differ.
    Prepare,
    /// They depend on the parameters: the definitions are those of COM_STMT_EXECUTE of this, the client's own text
    /// made to read nothing.
    Execute(Text),
}

/// A statement that is not run, and why. Sent to the client as an ERR packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A short stable name of the reason, for counting: `other-unique-key`, `not-understood`.
    pub reason: &'static str,
    /// What is refused, in which phase, and what to do instead.
    pub message: String,
}

impl Refusal {
    /// The server may not be able to parse the statement either.
    #[must_use]
    pub fn may_be_syntax(&self) -> bool {
        [refusal::NOT_UNDERSTOOD.name, refusal::RETURNING.name].contains(&self.reason)
    }
}

/// A write, to be carried out in one transaction under the gate of `table`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The sharded table.
    pub table: TableId,
    /// What the executor must learn first.
    pub needs: Needs,
    /// It is an INSERT or REPLACE (the first one of a dual phase marks `migrate_<name>_end`).
    pub inserts: bool,
    /// How the statements are made once the needs are met.
    pub(crate) work: program::Work,
    /// The refusal of more keys than [`Needs::Keys`] allows.
    pub(crate) too_many: Refusal,
    /// The client's own statement was an INSERT … SELECT.
    pub(crate) in_place: Option<InPlace>,
}

/// What must be known before the statements of a [`Write`] can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: [`Write::program`] can be called with [`Learnt::Nothing`].
    Nothing,
    /// The rows of this locking SELECT, run under the gate.
    Keys {
        /// Locks the rows that the statement will touch.
        select: Vec<u8>,
        /// More rows than this are refused ([`Write::too_many_keys`]).
        limit: usize,
    },
    /// That many consecutive ids from the sequence (0011 only).
    SequenceIds {
        /// How many ids.
        count: u64,
        /// The highest id that the statement itself gives: the sequence is pushed above it first.
        push: Option<u64>,
    },
}

/// The answer to [`Needs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learnt {
    /// To [`Needs::Nothing`].
    Nothing,
    /// To [`Needs::Keys`].
    Keys(LearntKeys),
    /// To [`Needs::SequenceIds`]: the first id.
    FirstId(u64),
}

/// What the locking SELECT of [`Needs::Keys`] answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LearntKeys {
    /// The rows, cell by cell as in the text protocol, NULL as `None`.
    pub rows: Cells,
    /// It gave warnings.
    pub warned: bool,
}

/// The statements of a [`Write`], in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// What the client's statement becomes; never empty. Their answers are the client's answer:
    /// one alone is passed on, of several the counts are added up.
    pub statements: Vec<Run>,
    /// How many rows an UPDATE matches, a DELETE removes or an INSERT … SELECT reads: with another number, what it joins
    /// or the table itself has changed since that was read, and all of it is to be undone and tried again.
    pub finds: Option<u64>,
    /// What follows in the same transaction and is not seen: mirror or dirty log.
    pub effects: Effects,
    /// The last insert id that the client's OK packet shows if any row was affected; `None`: the
    /// first statement's own.
    pub insert_id: Option<u64>,
    /// Runs behind it all if any row was affected, and is not seen: sets LAST_INSERT_ID() where the
    /// statements could not.
    pub last: Option<Vec<u8>>,
    /// How the answers of [`Self::statements`] become one.
    pub merge: Merge,
}

/// How the answers of several statements become the one of the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// There is one statement, and its answer is the client's.
    Alone,
    /// Each is a part of an UPDATE or DELETE.
    Changes {
        /// Which of the client's rows each statement has, from 1, in its own order.
        rows: Vec<Vec<u64>>,
    },
    /// Each is a part of an INSERT or REPLACE.
    Inserts {
        /// Which of the client's rows each statement has, from 1, in its own order.
        rows: Vec<Vec<u64>>,
        /// What happens to a row whose key is there already.
        duplicates: Duplicates,
    },
}

/// What an INSERT does to a row whose key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// It fails.
    Fail,
    /// IGNORE: the row is left out.
    LeftOut,
    /// REPLACE: the old row is replaced, and counts as well.
    Replaced,
    /// ON DUPLICATE KEY UPDATE: the old row is changed, and counts as well.
    Changed {
        /// The OK of a new row shows its id, that of an old one does not unless it changed.
        id_tells: bool,
        /// With IGNORE the info text counts the rows that had no effect, and not those that changed one.
        ignore: bool,
    },
}

impl Program {
    /// One statement, whose answer is the client's.
    pub(crate) fn alone(run: Run, effects: Effects) -> Self {
        let statements = vec![run];
        Self { statements, finds: None, effects, insert_id: None, last: None, merge: Merge::Alone }
    }
}

/// One visible statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// The client's own bytes: its COM_QUERY text or its COM_STMT_EXECUTE.
    Client,
    /// This text; parameters are in it as literals.
    Text(Vec<u8>),
}

/// The unseen statements of a [`Program`].
#[derive(Debug, Clone, PartialEq)]
pub enum Effects {
    /// Known now: they can be pipelined behind the statements.
    Known(Vec<Vec<u8>>),
    /// What the statement did is known from its answer: [`After`] makes them from the OK packet.
    After(Box<After>),
}

/// A primary key, as SQL literals, in the order of the key's columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(pub Vec<String>);
