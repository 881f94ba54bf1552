//! LOCK TABLES and UNLOCK TABLES.

use super::Head;
use crate::cursor::Cursor;

/// One table of LOCK TABLES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedTable {
    /// Its schema, if it is named.
    pub schema: Option<Vec<u8>>,
    /// Its name.
    pub table: Vec<u8>,
    /// The name under which the lock can be used.
    pub alias: Option<Vec<u8>>,
    /// How it is locked.
    pub kind: LockKind,
}

/// How a table is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// READ.
    Read,
    /// READ LOCAL.
    ReadLocal,
    /// WRITE, also LOW_PRIORITY and CONCURRENT.
    Write,
}

/// The head of a statement whose first word, already stepped over, is `word`.
pub(super) fn head(word: &[u8], cursor: &mut Cursor<'_>) -> Option<Head> {
    if word.eq_ignore_ascii_case(b"UNLOCK") {
        return Some(if cursor.eat_any(&["TABLES", "TABLE"]) { Head::UnlockTables } else { Head::Admin });
    }
    if !word.eq_ignore_ascii_case(b"LOCK") {
        return None;
    }
    if !cursor.eat_any(&["TABLES", "TABLE"]) {
        // LOCK INSTANCE FOR BACKUP
        return Some(Head::Admin);
    }
    Some(Head::LockTables(tables(cursor)))
}

fn tables(cursor: &mut Cursor<'_>) -> Option<Vec<LockedTable>> {
    let mut tables = Vec::new();
    loop {
        tables.push(table(cursor)?);
        if !cursor.eat_op(",") {
            break;
        }
    }
    // MariaDB: WAIT n, NOWAIT
    if cursor.eat("WAIT") {
        cursor.next();
    } else {
        cursor.eat("NOWAIT");
    }
    cursor.at_end().then_some(tables)
}

fn table(cursor: &mut Cursor<'_>) -> Option<LockedTable> {
    let mut table = cursor.ident()?.into_owned();
    let mut schema = None;
    if cursor.eat_op(".") {
        schema = Some(std::mem::replace(&mut table, cursor.ident()?.into_owned()));
    }
    let mut alias = None;
    if cursor.eat("AS") || !is_kind(cursor) {
        alias = Some(cursor.ident()?.into_owned());
    }
    let kind = if cursor.eat("READ") {
        if cursor.eat("LOCAL") { LockKind::ReadLocal } else { LockKind::Read }
    } else {
        cursor.eat("LOW_PRIORITY");
        if !cursor.eat("WRITE") {
            return None;
        }
        cursor.eat("CONCURRENT");
        LockKind::Write
    };
    Some(LockedTable { schema, table, alias, kind })
}

/// READ, WRITE and LOW_PRIORITY are reserved: no alias is called so without quotes.
fn is_kind(cursor: &Cursor<'_>) -> bool {
    cursor.at("READ") || cursor.at("WRITE") || cursor.at("LOW_PRIORITY")
}
