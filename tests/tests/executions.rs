//! Executions of one prepared statement, one after the other, on a sharded table: without types from the second one on,
//! as libmysql, mysqlnd and JDBC send them; in every phase, and over all flips to 0011 and back; compared with the
//! unsharded twin.
//!
//! A script's steps:
//! ```text
//! types 5, 'x'        COM_STMT_EXECUTE with types; NULL of a type is `bigint` or `varchar`
//! again 6, varchar    without
//! query UPDATE …      COM_QUERY on the same session
//! ```

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tests::{
    Outcome,
    client::{Client, DEPRECATE_EOF, Prepared, Reply, Typed, Value},
    same::{Finding, case, compare, told, walked::Walked},
    servers::Kind,
};
use topology::Phase;

tests::on_both_servers!(executions_without_types_have_those_of_the_last);

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

const BIGINT: u8 = 0x08;
const VARCHAR: u8 = 0xfd;

fn values(text: &str) -> Vec<Value> {
    let unsigned = |digits: &str| {
        let bytes = digits.parse::<u64>().ok()?.to_le_bytes().to_vec();
        Some(Value::Typed(Typed { kind: BIGINT, unsigned: true, bytes, literal: digits.to_owned() }))
    };
    let value = |word: &str| match word {
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
