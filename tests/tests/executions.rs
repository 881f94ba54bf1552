//! Executions of one prepared statement, one after the other, on a sharded table: without types from the second one on,
//! as libmysql, mysqlnd and JDBC send them; in every phase, and over all flips to 0011 and back; compared with the
//! unsharded twin.
//!
//! A script's steps:
//! ```text
//! types 5, 'x'        COM_STMT_EXECUTE with types; NULL of a type is `bigint` or `varchar`
//! again 6, varchar    without
//! query UPDATE …      COM_QUERY on the same session
//! ahead 0: text       COM_STMT_SEND_LONG_DATA: a piece for the first parameter; in the execution it is `longtext` or `long`
//! reset               COM_STMT_RESET
//! ```

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tests::{
    Outcome,
    bench::Bench,
    client::{Client, DEPRECATE_EOF, Prepared, Reply, Typed, Value},
    same::{Finding, case, compare, told, walked::Walked},
    servers::Kind,
};
use topology::Phase;

tests::on_both_servers!(
    executions_without_types_have_those_of_the_last,
    values_that_come_ahead,
    values_that_come_ahead_outlive_the_end_of_an_epoch
);

/// A statement, and what is done with it.
struct Script {
    sql: &'static str,
    steps: &'static [&'static str],
    /// It changes rows.
    writes: bool,
}

const fn reads(sql: &'static str, steps: &'static [&'static str]) -> Script {
    Script { sql, steps, writes: false }
}

const fn writes(sql: &'static str, steps: &'static [&'static str]) -> Script {
    Script { sql, steps, writes: true }
}

const SCRIPTS: [Script; 17] = [
    // One shard after the other, also by a key that is no integer, or none.
    reads(
        "SELECT id, name, born FROM user WHERE id = ?",
        &["types 5", "again 6", "again bigint", "again 7", "types '5'", "again '16'", "types u6", "again u7"],
    ),
    reads(
        "SELECT id, name FROM user WHERE id = ? FOR UPDATE",
        &["types 5", "again 6", "again bigint", "again 7"],
    ),
    reads(
        "SELECT id, name FROM user WHERE id < ? AND name = ? ORDER BY id",
        &["types 30, 'name3'", "again 50, 'name4'", "again 50, varchar", "again 60, 'name5'"],
    ),
    // MySQL itself gives a `?` that is shown a wrong type when a string follows a number.
    reads("SELECT id, ? AS given FROM user WHERE age > ? ORDER BY id", &["types 1.5, 30", "again 2.5, 35"]),
    reads("SELECT id, ? AS given FROM user WHERE age > ? ORDER BY id", &["types 'x', 40", "again 'y', 41"]),
    reads("SELECT id FROM user ORDER BY id LIMIT ?", &["types 3", "again 2", "again 7"]),
    // Behind a statement that Shunt surrounds with its own, another text takes this one's place.
    writes(
        "SELECT ROW_COUNT(), ?",
        &[
            "types 5",
            "query UPDATE user SET bio = 'q' WHERE id = 3",
            "again 6",
            "again 7",
            "query DELETE FROM user WHERE id = 3",
            "again 8",
        ],
    ),
    writes(
        "UPDATE user SET bio = ? WHERE id = ?",
        &["types varchar, 5", "again 'y', 6", "again varchar, 8", "again 'z', bigint", "again 'é', 9"],
    ),
    writes(
        "UPDATE user SET age = ? WHERE name = ?",
        &["types bigint, 'name3'", "again 20, 'name4'", "types '21', 'name5'", "again '22', 'name6'"],
    ),
    writes("UPDATE user SET id = ? WHERE id = ?", &["types 7005, 5", "again 7007, 8"]),
    writes(
        "INSERT INTO user (id, name, email, score) VALUES (?, ?, ?, ?)",
        &[
            "types 7001, 'a', varchar, 1.5",
            "again 7002, 'b', 'b@example.org', 2.5",
            "again 7003, '', varchar, 0.25",
            "again 7003, 'c', varchar, 1.5",
        ],
    ),
    writes("INSERT INTO user (name, age) VALUES (?, ?)", &["types 'a', bigint", "again 'b', 20"]),
    writes("REPLACE INTO user (id, name) VALUES (?, ?)", &["types 5, 'a'", "again 6, 'b'"]),
    writes(
        "INSERT INTO user (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE bio = ?",
        &["types 5, 'a', varchar", "again 6, 'b', 'c'"],
    ),
    writes(
        "INSERT INTO user (id, name, age) SELECT id + ?, note, ? FROM orders WHERE id < 4 AND note IS NOT NULL",
        &["types 7100, bigint", "again 7200, 20"],
    ),
    writes("DELETE FROM user WHERE id = ?", &["types 5", "again 6", "again bigint"]),
    writes(
        "DELETE FROM user WHERE age = ? AND name <> ?",
        &["types 20, 'name3'", "again 21, varchar", "again 22, 'name4'"],
    ),
];

/// Values in pieces, of no bytes, again and without types, beside others, and forgotten.
const AHEAD: [Script; 12] = [
    writes(
        "UPDATE user SET bio = ? WHERE id = ?",
        &[
            "ahead 0: abc",
            "ahead 0: ",
            "ahead 0: d'é\\ f",
            "types longtext, 5",
            "again 'plain', 6",
            "ahead 0: again",
            "again longtext, 8",
            "ahead 0: ",
            "again longtext, 9",
            "ahead 0: although it is NULL",
            "again varchar, 5",
            "ahead 0: dropped",
            "reset",
            "again 'kept', 6",
        ],
    ),
    writes("UPDATE user SET bio = ? WHERE id = ?", &["ahead 7: x", "types 'y', 5", "reset", "types 'z', 6"]),
    writes(
        "UPDATE user SET raw = ? WHERE name = ?",
        &["ahead 0: \0\u{7f}", "ahead 1: name", "ahead 1: 3", "types long, longtext"],
    ),
    writes(
        "UPDATE user SET bio = ? WHERE name = ? ORDER BY id LIMIT ?",
        &["ahead 1: name3", "types 'x', longtext, 2"],
    ),
    writes(
        "INSERT INTO user (id, name, bio, raw) VALUES (?, ?, ?, ?)",
        &[
            "ahead 1: na",
            "ahead 1: me",
            "ahead 2: ",
            "types 7001, longtext, longtext, varchar",
            "ahead 3: bytes",
            "types 7002, 'b', varchar, long",
            "ahead 1: twice",
            "types 7002, longtext, varchar, varchar",
        ],
    ),
    writes(
        "INSERT INTO user (name, bio) VALUES (?, ?), ('other', ?)",
        &["ahead 2: c", "ahead 0: a", "types longtext, 'b', longtext"],
    ),
    writes(
        "INSERT INTO user (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE bio = ?",
        &["ahead 2: changed", "types 5, 'a', longtext"],
    ),
    writes(
        "INSERT INTO user (id, name) SELECT id + 7000, ? FROM orders WHERE id < 4",
        &["ahead 0: selected", "types longtext"],
    ),
    writes(
        "DELETE FROM user WHERE name = ? AND id > ?",
        &["ahead 0: name", "ahead 0: 3", "types longtext, 20"],
    ),
    reads(
        "SELECT id, name FROM user WHERE name = ? AND id < ? ORDER BY id",
        &[
            "ahead 0: na",
            "ahead 0: me",
            "ahead 0: 3",
            "types longtext, 50",
            "again 'name4', 50",
            "ahead 0: name5",
            "again longtext, 60",
            "ahead 0: dropped",
            "reset",
            "again 'name6', 60",
        ],
    ),
    reads(
        "SELECT id, name FROM user WHERE id = ? AND name <> ?",
        &["ahead 1: x", "types 5, longtext", "ahead 1: name6", "again 6, longtext"],
    ),
    reads(
        "SELECT id, CONCAT(name, ?) AS more FROM user WHERE name = ? ORDER BY id FOR UPDATE",
        &["ahead 1: name", "ahead 0: -", "ahead 1: 2", "types longtext, longtext"],
    ),
];

const BIGINT: u8 = 0x08;
const VARCHAR: u8 = 0xfd;
const BLOB: u8 = 0xfc;

fn values(text: &str) -> Vec<Value> {
    let unsigned = |digits: &str| {
        let bytes = digits.parse::<u64>().ok()?.to_le_bytes().to_vec();
        Some(Value::Typed(Typed { kind: BIGINT, unsigned: true, bytes, literal: digits.to_owned() }))
    };
    let value = |word: &str| match word {
        "longtext" => Value::Ahead(VARCHAR),
        "long" => Value::Ahead(BLOB),
        "bigint" => Value::NullOf(BIGINT),
        "varchar" => Value::NullOf(VARCHAR),
        _ => {
            word.strip_prefix('u').and_then(unsigned).unwrap_or_else(|| case::values(word).unwrap().remove(0))
        }
    };
    text.split(", ").map(value).collect()
}

/// One statement of one session.
async fn step(client: &mut Client, statement: &Prepared, step: &str) -> Outcome<Vec<Reply>> {
    let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
    match word {
        "types" => client.execute(statement, &values(rest)).await,
        "again" => client.execute_again(statement, &values(rest)).await,
        "query" => client.query(rest).await,
        "ahead" => {
            let (number, piece) = rest.split_once(": ").unwrap();
            client.send_ahead(statement, number.parse()?, piece.as_bytes()).await?;
            Ok(Vec::new())
        }
        "reset" => Ok(vec![client.reset_statement(statement).await?]),
        other => Err(format!("no such step: {other}").into()),
    }
}

/// A script's statement, prepared on the twin and through the sidecar.
struct Pair {
    script: &'static Script,
    clients: [Client; 2],
    statements: [Prepared; 2],
    since: Phase,
}

impl Pair {
    async fn prepare(walked: &Walked, script: &'static Script, capabilities: u32) -> Outcome<Self> {
        let mut clients = walked.sessions(capabilities).await?;
        let [twin, real] = &mut clients;
        let statements = [twin.prepare(script.sql).await??, real.prepare(script.sql).await??];
        Ok(Self { script, clients, statements, since: walked.same.phase })
    }

    /// Runs some steps on both: what differs.
    async fn run(&mut self, walked: &mut Walked, steps: &[&str]) -> Outcome<Vec<Finding>> {
        let mut found = Vec::new();
        let phase = walked.same.phase;
        for text in steps {
            let mut answers = Vec::new();
            for (client, statement) in self.clients.iter_mut().zip(&self.statements) {
                answers.push(step(client, statement, text).await?);
            }
            let mut what =
                compare::replies(&answers[0], &answers[1], case::Rows::Ordered.into(), &walked.names);
            if self.script.writes {
                what.extend(walked.same.tables_differ().await?);
            }
            found.extend(what.into_iter().map(|what| Finding {
                statement: format!("{}: {text}", self.script.sql),
                way: format!("{phase}, prepared in {}", self.since),
                what,
            }));
        }
        Ok(found)
    }
}

/// To the end and back.
const WAY: [Phase; 7] = [
    Phase::Legacy,
    Phase::DualWrite,
    Phase::ShardRead,
    Phase::Shards,
    Phase::ShardRead,
    Phase::DualWrite,
    Phase::Legacy,
];

async fn executions_without_types_have_those_of_the_last(kind: Kind) -> Outcome {
    let mut walked = Walked::start(kind, "migrate_executions").await?;
    let mut found = Vec::new();
    let mut kept: Vec<Pair> = Vec::new();
    for phase in WAY {
        walked.walk_to(phase).await?;
        // The types were told in another phase, to whatever ran then.
        for pair in &mut kept {
            walked.same.reset().await?;
            walked.same.align_ids().await?;
            let last_types =
                pair.script.steps.iter().rposition(|step| step.starts_with("types")).unwrap_or(0);
            found.extend(pair.run(&mut walked, &pair.script.steps[last_types + 1..]).await?);
        }
        for script in &SCRIPTS {
            walked.same.reset().await?;
            walked.same.align_ids().await?;
            let mut pair = Pair::prepare(&walked, script, DEPRECATE_EOF).await?;
            found.extend(pair.run(&mut walked, script.steps).await?);
            kept.push(pair);
        }
    }
    walked.stop().await?;
    assert!(found.is_empty(), "{} differ: {}", found.len(), told(&found));
    Ok(())
}

async fn values_that_come_ahead(kind: Kind) -> Outcome {
    const CARRIED: Script = writes("UPDATE user SET bio = ? WHERE name = ?", &[]);
    let mut walked = Walked::start(kind, "migrate_ahead").await?;
    let mut found = Vec::new();
    let mut carried = Pair::prepare(&walked, &CARRIED, 0).await?;
    for phase in WAY {
        // What runs is found out only when they have come.
        found.extend(carried.run(&mut walked, &["ahead 0: from one phase", "ahead 0:  to the next"]).await?);
        walked.walk_to(phase).await?;
        found.extend(carried.run(&mut walked, &["types longtext, 'name3'"]).await?);
        for script in &AHEAD {
            walked.same.reset().await?;
            walked.same.align_ids().await?;
            let mut pair = Pair::prepare(&walked, script, 0).await?;
            found.extend(pair.run(&mut walked, script.steps).await?);
        }
    }
    walked.stop().await?;
    assert!(found.is_empty(), "{} differ: {}", found.len(), told(&found));
    Ok(())
}

/// The gate is renamed without a word to the sidecar between the pieces and the execution, whose first attempt is in vain.
async fn values_that_come_ahead_outlive_the_end_of_an_epoch(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "aheaddb").await?;
    bench.fill_shards().await?;
    let mut client = Client::connect(&bench.opts(0)?, true).await?;
    let write = client.prepare("UPDATE user SET name = ? WHERE id = ?").await??;
    let read = client.prepare("SELECT id FROM user WHERE name = ? AND id < ?").await??;
    for (row, phase) in [(1, Phase::Legacy), (2, Phase::DualWrite), (3, Phase::Shards)] {
        client.query("UPDATE user SET name = name WHERE id = 40").await?;
        let name = format!("new {row}");
        for statement in [&write, &read] {
            client.send_ahead(statement, 0, b"new ").await?;
            client.send_ahead(statement, 0, &name.as_bytes()[4..]).await?;
        }
        assert!(bench.flip_by_hand(phase).await?);
        let written = client.execute(&write, &[Value::Ahead(VARCHAR), Value::Int(row)]).await?;
        assert!(matches!(&written[..], [Reply::Done(done)] if done.affected == 1), "{phase}: {written:?}");
        let found = client.execute(&read, &[Value::Ahead(VARCHAR), Value::Int(40)]).await?;
        let id = Some(row.to_string().into_bytes());
        assert!(matches!(&found[..], [Reply::Rows(_, rows, _)] if *rows == [[id]]), "{phase}: {found:?}");
    }
    Ok(())
}
