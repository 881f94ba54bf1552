//! Cursors (COM_STMT_EXECUTE that asks for one, COM_STMT_FETCH) on a sharded table, in every phase, with both forms in
//! which results end, compared with the unsharded twin.
//!
//! Where home runs the client's own statement the cursor is home's. Where the shards answer there is none: all rows come
//! at once, which servers may do to any cursor, and which clients therefore understand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tests::{
    Outcome,
    client::{Client, DEPRECATE_EOF, Done, Prepared, Reply, Value},
    same::{Finding, case, compare, told, walked::Walked},
    servers::Kind,
};
use topology::Phase;

tests::on_both_servers!(a_client_that_fetches_sees_what_the_server_would_give);

/// `SERVER_STATUS_LAST_ROW_SENT`.
const LAST_ROW_SENT: u16 = 0x80;

/// A statement and its values.
type Statement = (&'static str, &'static str);

const STATEMENTS: [Statement; 15] = [
    ("SELECT id, name, level FROM user WHERE id = ?", "5"),
    ("SELECT id, age, tags, born, active FROM user WHERE id < ? ORDER BY id", "9"),
    ("SELECT id, age + 1, level + 0, name FROM user WHERE id < ? ORDER BY id", "9"),
    ("SELECT id, ? AS given FROM user WHERE id < 9 ORDER BY id", "'x'"),
    ("SELECT name FROM user WHERE id < ?", "0"),
    ("SELECT COUNT(*), SUM(age) FROM user WHERE age > ?", "20"),
    (
        "SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id < ? ORDER BY u.id, o.id",
        "9",
    ),
    ("SELECT id, amount FROM orders WHERE id < ? ORDER BY id", "9"),
    ("SELECT id, name FROM user WHERE id = ? FOR UPDATE", "5"),
    ("SELECT id, name, score FROM user WHERE id < ? ORDER BY id FOR UPDATE", "9"),
    ("SELECT id, name FROM user WHERE id < ? ORDER BY id LOCK IN SHARE MODE", "9"),
    ("UPDATE user SET bio = 'cursor' WHERE id = ?", "5"),
    ("UPDATE user SET bio = 'cursor' WHERE name = ?", "'name3'"),
    ("INSERT INTO user (id, name) VALUES (?, 'cursor')", "7000"),
    ("DELETE FROM user WHERE id = ?", "5"),
];

/// What [`Use::Writes`] writes.
const BETWEEN: &str = "UPDATE user SET bio = 'between' WHERE id = 8";

/// What a client does with the statement.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// Fetches to the end.
    Fetches,
    /// In a transaction, which it commits in the middle of fetching.
    Commits,
    /// Writes in the middle of fetching.
    Writes,
    /// Closes the cursor in the middle by COM_STMT_RESET, tries to fetch on, and executes again.
    Resets,
}

/// What came of it.
struct Seen {
    replies: Vec<Reply>,
    cursor: bool,
}

async fn see(client: &mut Client, (sql, values): Statement, how: Use) -> Outcome<Seen> {
    let values = case::values(values).unwrap();
    let statement = match client.prepare(sql).await? {
        Ok(statement) => statement,
        Err(error) => return Ok(Seen { replies: vec![Reply::Refused(error)], cursor: false }),
    };
    if matches!(how, Use::Commits) {
        client.query("START TRANSACTION").await?;
    }
    let mut seen = fetched(client, &statement, &values, how).await?;
    if matches!(how, Use::Commits) {
        // A cursor that is not open has let it go on to the end already.
        seen.replies.extend(client.query("COMMIT").await?);
    }
    client.close(&statement).await?;
    seen.replies.extend(client.query("SELECT 'still in step'").await?);
    Ok(seen)
}

/// Executes and fetches all rows, as one answer.
async fn fetched(client: &mut Client, statement: &Prepared, values: &[Value], how: Use) -> Outcome<Seen> {
    let (columns, mut rows, mut end) = match client.open(statement, values).await? {
        Reply::Rows(columns, rows, end) => (columns, rows, end),
        other => return Ok(Seen { replies: vec![other], cursor: false }),
    };
    let cursor = end.cursor_exists();
    let mut replies = Vec::new();
    let mut counts = [2, 1].into_iter();
    while cursor && end.status & LAST_ROW_SENT == 0 {
        let count = counts.next().unwrap_or(1000);
        match client.fetch(statement, &columns, count).await? {
            Reply::Rows(_, more, now) => {
                assert!(more.len() <= count as usize, "{} rows for {count}", more.len());
                rows.extend(more);
                end = now;
            }
            other => return Ok(Seen { replies: vec![other], cursor }),
        }
        match how {
            Use::Resets => break,
            Use::Commits if count == 2 => drop(client.query("COMMIT").await?),
            Use::Writes if count == 2 => replies.extend(client.query(BETWEEN).await?),
            _ => {}
        }
    }
    if matches!(how, Use::Writes) && replies.is_empty() {
        // Everything came at once.
        replies.extend(client.query(BETWEEN).await?);
    }
    if let Use::Resets = how {
        replies.push(client.reset_statement(statement).await?);
        replies.push(client.fetch(statement, &columns, 1).await?);
        let again = Box::pin(fetched(client, statement, values, Use::Fetches)).await?;
        replies.extend(again.replies);
    } else {
        // Whether the transaction is still open at the end depends on whether there was anything to fetch.
        let end = if let Use::Commits = how { Done::default() } else { end };
        replies.push(Reply::Rows(columns, rows, end));
    }
    Ok(Seen { replies, cursor })
}

/// Home runs the client's own statement, so that there is a cursor if the twin has one.
fn as_sent(phase: Phase, sql: &str) -> bool {
    let locks = sql.contains(" FOR UPDATE") || sql.contains(" LOCK IN SHARE MODE");
    !sql.contains("FROM user")
        || match phase {
            Phase::Legacy | Phase::DualWrite => true,
            Phase::ShardRead => locks,
            Phase::Shards => false,
        }
}

async fn a_client_that_fetches_sees_what_the_server_would_give(kind: Kind) -> Outcome {
    let mut walked = Walked::start(kind, "migrate_cursors").await?;
    let mut found = Vec::new();
    for phase in Phase::ALL {
        walked.walk_to(phase).await?;
        for capabilities in [0, DEPRECATE_EOF] {
            for statement in STATEMENTS {
                for how in [Use::Fetches, Use::Commits, Use::Writes, Use::Resets] {
                    walked.same.reset().await?;
                    let [mut twin, mut real] = walked.sessions(capabilities).await?;
                    let there = see(&mut twin, statement, how).await?;
                    let here = see(&mut real, statement, how).await?;
                    let rows = case::Rows::Ordered.into();
                    let mut what = compare::replies(&there.replies, &here.replies, rows, &walked.names);
                    if here.cursor != there.cursor {
                        // The server fetches from a temporary table, whose columns have no keys.
                        what.retain(|text| {
                            !text.starts_with("key flags") && !text.starts_with("computed column")
                        });
                    }
                    if as_sent(phase, statement.0) && here.cursor != there.cursor {
                        what.push(format!("a cursor: {} instead of {}", here.cursor, there.cursor));
                    }
                    what.extend(walked.same.tables_differ().await?);
                    let way = format!("{phase}, capabilities {capabilities:#x}, {how:?}");
                    let finding =
                        |what| Finding { statement: statement.0.to_owned(), way: way.clone(), what };
                    found.extend(what.into_iter().map(finding));
                }
            }
        }
    }
    walked.stop().await?;
    assert!(found.is_empty(), "{} differ: {}", found.len(), told(&found));
    Ok(())
}
