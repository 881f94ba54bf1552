//! What a statement does to its session, by its first words and without a parser.
//!
//! Every statement has a [`Head`], understood by the parser or not. What the server would reject
//! for its grammar may be [`Head::Other`].

mod ddl;
mod lock;
mod session;
mod transaction;

use crate::Facts;
use crate::cursor::Cursor;
use crate::lex::{Token, TokenKind, is_op, is_word, word_in};

pub use ddl::{DdlObject, DdlVerb};
pub use session::may_change_session;

/// The text of a statement that another statement prepares or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamicText {
    /// A literal, unescaped.
    Literal(Vec<u8>),
    /// What a user variable holds; its name as it is written, with the `@`.
    Variable(Vec<u8>),
    /// MariaDB: anything else.
    Expression,
}

/// The kinds of statements. Names are the bytes that the client sent, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// Nothing but comments and white space.
    Empty,
    /// BEGIN, START TRANSACTION.
    Begin {
        /// READ ONLY.
        read_only: bool,
        /// WITH CONSISTENT SNAPSHOT.
        with_snapshot: bool,
    },
    /// COMMIT.
    Commit(Completion),
    /// ROLLBACK of the transaction.
    Rollback(Completion),
    /// SAVEPOINT.
    Savepoint(Vec<u8>),
    /// ROLLBACK TO.
    RollbackTo(Vec<u8>),
    /// RELEASE SAVEPOINT.
    Release(Vec<u8>),
    /// For the next transaction only: SET TRANSACTION, `SET @@transaction_isolation = …`.
    SetTransaction,
    /// Any other SET.
    Set,
    /// USE.
    Use(Vec<u8>),
    /// LOCK TABLES.
    LockTables,
    /// UNLOCK TABLES.
    UnlockTables,
    /// PREPARE.
    Prepare {
        /// The statement's name, which compares without case.
        name: Vec<u8>,
        /// The text that is prepared.
        text: DynamicText,
    },
    /// EXECUTE.
    Execute {
        /// The statement's name.
        name: Vec<u8>,
    },
    /// MariaDB's EXECUTE IMMEDIATE.
    ExecuteImmediate {
        /// The text that is run.
        text: DynamicText,
    },
    /// DEALLOCATE PREPARE, DROP PREPARE.
    Deallocate {
        /// The statement's name.
        name: Vec<u8>,
    },
    /// CALL.
    Call,
    /// XA.
    Xa,
    /// CREATE, ALTER, DROP, RENAME, TRUNCATE and the like; commits implicitly unless temporary.
    Ddl {
        /// The first word.
        verb: DdlVerb,
        /// What it is about.
        object: DdlObject,
        /// TEMPORARY.
        temporary: bool,
    },
    /// ANALYZE, CHECK, OPTIMIZE or REPAIR TABLE, FLUSH, RESET, replication, plug-ins, backups.
    Admin,
    /// SHOW WARNINGS or ERRORS, also their COUNT(*).
    ShowDiagnostics,
    /// Any other SHOW.
    Show,
    /// EXPLAIN, DESCRIBE, MariaDB's ANALYZE statement.
    Explain {
        /// It runs the statement: `EXPLAIN ANALYZE`, MariaDB's `ANALYZE UPDATE …`.
        analyze: bool,
        /// The explained statement; `None` where a table is described, or a connection explained.
        inner: Option<Box<Head>>,
    },
    /// GET DIAGNOSTICS.
    GetDiagnostics,
    /// HANDLER.
    Handler,
    /// LOAD DATA, LOAD XML.
    LoadData,
    /// DO.
    Do,
    /// KILL.
    Kill,
    /// MariaDB's BEGIN NOT ATOMIC and other compound statements outside of routines.
    BeginNotAtomic,
    /// MariaDB's SET STATEMENT … FOR, around this.
    SetStatement(Box<Head>),
    /// SELECT, `(SELECT …)`, WITH … SELECT, VALUES, TABLE.
    Select,
    /// INSERT.
    Insert,
    /// REPLACE.
    Replace,
    /// UPDATE, also behind WITH.
    Update,
    /// DELETE, also behind WITH.
    Delete,
    /// Accounts, roles and rights: CREATE USER, GRANT, SET PASSWORD, SET ROLE …
    Account,
    /// Anything else.
    Other,
}

/// `AND [NO] CHAIN`, `[NO] RELEASE`; `None` where nothing is said: `completion_type` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Completion {
    /// Begin a new transaction at once.
    pub chain: Option<bool>,
    /// Disconnect.
    pub release: Option<bool>,
}

/// Reads the head of one statement, the tokens of one [`crate::Piece`].
#[must_use]
pub fn head(sql: &[u8], tokens: &[Token], facts: &Facts) -> Head {
    let mut cursor = Cursor::new(sql, tokens);
    let Some(first) = cursor.peek() else {
        return Head::Empty;
    };
    let found = verb(&mut cursor, facts, first);
    let several = tokens.iter().any(|token| is_op(sql, token, ";"));
    match found {
        // What follows a `;` that did not split is not known.
        Head::Ddl { .. } | Head::BeginNotAtomic | Head::SetStatement(_) => found,
        _ if several => Head::Other,
        _ => found,
    }
}

/// Every first word whose statement says no more about itself.
const PLAIN: [(&str, Head); 38] = [
    ("SELECT", Head::Select),
    ("INSERT", Head::Insert),
    ("UPDATE", Head::Update),
    ("DELETE", Head::Delete),
    ("REPLACE", Head::Replace),
    ("VALUES", Head::Select),
    ("TABLE", Head::Select),
    ("GRANT", Head::Account),
    ("REVOKE", Head::Account),
    ("XA", Head::Xa),
    ("CALL", Head::Call),
    ("HANDLER", Head::Handler),
    ("DO", Head::Do),
    ("KILL", Head::Kill),
    ("IF", Head::BeginNotAtomic),
    ("CASE", Head::BeginNotAtomic),
    ("LOOP", Head::BeginNotAtomic),
    ("WHILE", Head::BeginNotAtomic),
    ("REPEAT", Head::BeginNotAtomic),
    ("FOR", Head::BeginNotAtomic),
    ("CHECK", Head::Admin),
    ("CHECKSUM", Head::Admin),
    ("OPTIMIZE", Head::Admin),
    ("REPAIR", Head::Admin),
    ("FLUSH", Head::Admin),
    ("RESET", Head::Admin),
    ("PURGE", Head::Admin),
    ("CHANGE", Head::Admin),
    ("STOP", Head::Admin),
    ("INSTALL", Head::Admin),
    ("UNINSTALL", Head::Admin),
    ("CACHE", Head::Admin),
    ("CLONE", Head::Admin),
    ("BACKUP", Head::Admin),
    ("BINLOG", Head::Admin),
    ("SHUTDOWN", Head::Admin),
    ("RESTART", Head::Admin),
    ("IMPORT", Head::Ddl { verb: DdlVerb::Create, object: DdlObject::Table, temporary: false }),
];

fn verb(cursor: &mut Cursor<'_>, facts: &Facts, first: &Token) -> Head {
    if is_op(cursor.sql, first, "(") {
        return parenthesised(*cursor);
    }
    if first.kind != TokenKind::Ident {
        return label(*cursor);
    }
    let word = first.bytes(cursor.sql);
    if let Some((_, head)) = PLAIN.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())) {
        return head.clone();
    }
    let start = *cursor;
    cursor.next();
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is("WITH") {
        return with(*cursor);
    }
    transaction::head(word, cursor)
        .or_else(|| session::head(word, cursor, facts))
        .or_else(|| ddl::head(word, cursor))
        .or_else(|| lock::head(word, cursor))
        .or_else(|| explain(word, cursor, facts))
        .unwrap_or_else(|| label(start))
}

/// `name: LOOP …` or nothing known.
fn label(mut cursor: Cursor<'_>) -> Head {
    let labelled = cursor.ident().is_some() && cursor.eat_op(":");
    if labelled { Head::BeginNotAtomic } else { Head::Other }
}

fn parenthesised(mut cursor: Cursor<'_>) -> Head {
    while cursor.eat_op("(") {}
    if cursor.eat_any(&["SELECT", "WITH", "VALUES", "TABLE"]) { Head::Select } else { Head::Other }
}

/// The main verb behind `WITH`: the first one outside of all parentheses.
fn with(cursor: Cursor<'_>) -> Head {
    let sql = cursor.sql;
    let mut depth = 0_usize;
    let mut closed = false;
    for token in cursor.rest() {
        if is_op(sql, token, "(") {
            // `WITH c AS (…) (SELECT …)`
            if depth == 0 && closed {
                return Head::Select;
            }
            depth += 1;
        } else if is_op(sql, token, ")") {
            depth = depth.saturating_sub(1);
            closed = true;
            continue;
        } else if depth == 0 {
            let verbs = PLAIN.iter().take(7);
            if let Some((_, head)) = verbs.into_iter().find(|(name, _)| is_word(sql, token, name)) {
                return head.clone();
            }
        }
        closed = false;
    }
    Head::Other
}

fn explain(word: &[u8], cursor: &mut Cursor<'_>, facts: &Facts) -> Option<Head> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let mut analyze = false;
    if is("ANALYZE") {
        let table = ["TABLE", "TABLES", "NO_WRITE_TO_BINLOG", "LOCAL"];
        if cursor.peek().is_some_and(|token| word_in(cursor.sql, token, &table)) {
            return Some(Head::Admin);
        }
        analyze = true;
    } else if !is("EXPLAIN") && !is("DESCRIBE") && !is("DESC") {
        return None;
    }
    loop {
        if cursor.eat("ANALYZE") {
            analyze = true;
        } else if cursor.eat_any(&["FORMAT", "INTO"]) {
            // FORMAT = JSON, INTO @variable
            cursor.eat_op("=");
            cursor.next();
        } else if cursor.eat_any(&["SCHEMA", "DATABASE"]) {
            // FOR SCHEMA name statement
            cursor.next();
        } else if !cursor.eat_any(&["EXTENDED", "PARTITIONS", "FOR"]) {
            break;
        }
    }
    let inner = match head(cursor.sql, cursor.rest(), facts) {
        inner @ (Head::Select | Head::Insert | Head::Replace | Head::Update | Head::Delete) => Some(inner),
        _ => None,
    };
    Some(Head::Explain { analyze, inner: inner.map(Box::new) })
}

#[cfg(test)]
mod tests;
