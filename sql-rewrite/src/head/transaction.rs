//! BEGIN, COMMIT, ROLLBACK, savepoints.

use super::{Completion, Head};
use crate::cursor::Cursor;

/// The head of a statement whose first word, already stepped over, is `word`.
pub(super) fn head(word: &[u8], cursor: &mut Cursor<'_>) -> Option<Head> {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let head = if is("BEGIN") {
        begin(cursor)
    } else if is("START") {
        start(cursor)
    } else if is("COMMIT") {
        cursor.eat("WORK");
        Head::Commit(completion(cursor))
    } else if is("ROLLBACK") {
        rollback(cursor)
    } else if is("SAVEPOINT") {
        Head::Savepoint(cursor.ident()?.into_owned())
    } else if is("RELEASE") {
        if !cursor.eat("SAVEPOINT") {
            return Some(Head::Other);
        }
        Head::Release(cursor.ident()?.into_owned())
    } else {
        return None;
    };
    let open_ended = matches!(head, Head::BeginNotAtomic | Head::Admin);
    Some(if open_ended || cursor.at_end() { head } else { Head::Other })
}

fn begin(cursor: &mut Cursor<'_>) -> Head {
    if cursor.at("NOT") {
        return Head::BeginNotAtomic;
    }
    cursor.eat("WORK");
    Head::Begin { read_only: false, with_snapshot: false }
}

fn start(cursor: &mut Cursor<'_>) -> Head {
    if !cursor.eat("TRANSACTION") {
        // START REPLICA, START SLAVE, START GROUP_REPLICATION
        return Head::Admin;
    }
    let (mut read_only, mut with_snapshot) = (false, false);
    loop {
        if cursor.eat_all(&["WITH", "CONSISTENT", "SNAPSHOT"]) {
            with_snapshot = true;
        } else if cursor.eat_all(&["READ", "ONLY"]) {
            read_only = true;
        } else if !cursor.eat_all(&["READ", "WRITE"]) {
            break;
        }
        if !cursor.eat_op(",") {
            break;
        }
    }
    Head::Begin { read_only, with_snapshot }
}

fn rollback(cursor: &mut Cursor<'_>) -> Head {
    cursor.eat("WORK");
    if !cursor.eat("TO") {
        return Head::Rollback(completion(cursor));
    }
    let mut ahead = *cursor;
    // `ROLLBACK TO savepoint` names a savepoint called so.
    if ahead.eat("SAVEPOINT") && !ahead.at_end() {
        *cursor = ahead;
    }
    cursor.ident().map_or(Head::Other, |name| Head::RollbackTo(name.into_owned()))
}

/// `[AND [NO] CHAIN] [[NO] RELEASE]`
fn completion(cursor: &mut Cursor<'_>) -> Completion {
    let mut completion = Completion::default();
    if cursor.eat_all(&["AND", "NO", "CHAIN"]) {
        completion.chain = Some(false);
    } else if cursor.eat_all(&["AND", "CHAIN"]) {
        completion.chain = Some(true);
    }
    if cursor.eat_all(&["NO", "RELEASE"]) {
        completion.release = Some(false);
    } else if cursor.eat("RELEASE") {
        completion.release = Some(true);
    }
    completion
}
