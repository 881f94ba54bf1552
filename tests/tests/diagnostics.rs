//! What a client sees about its last statement: ROW_COUNT(), FOUND_ROWS(), SHOW WARNINGS, info texts and counts,
//! in every phase, as text and prepared, on both servers, compared with the unsharded twin.
//!
//! A script is a list of lines, each sent on both sessions:
//! ```text
//! SELECT ROW_COUNT()                     COM_QUERY
//! prepare a: SELECT ROW_COUNT()          COM_STMT_PREPARE under a name
//! execute a: 5, 'x'                      COM_STMT_EXECUTE with values
//! ping | use                             COM_PING | COM_INIT_DB
//! refused: GET DIAGNOSTICS …             Shunt refuses it by name, in every phase
//! refused 0011: INSERT …                 in these phases
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "diagnostics/scripts.rs"]
mod scripts;

use std::collections::HashMap;

use mysql_async::Opts;
use scripts::{Only, Script};
use tests::{
    Outcome,
    client::{Client, DEPRECATE_EOF, FOUND_ROWS, MULTI_STATEMENTS, Prepared, Reply, Typed, Value},
    home::Home,
    patience::PATIENCE,
    same::{
        Finding, Same,
        case::Rows,
        compare::{self, How, Naming, Warnings},
        told,
    },
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::Flag,
};
use topology::{Phase, ShardedTable};

// The same length, so that nothing differs by it.
const REAL: &str = "shopdb";
const TWIN: &str = "twindb";

/// Which clients run each script.
const CLIENTS: [u32; 3] = [MULTI_STATEMENTS, MULTI_STATEMENTS | DEPRECATE_EOF, MULTI_STATEMENTS | FOUND_ROWS];

struct Session {
    client: Client,
    statements: HashMap<String, Prepared>,
}

impl Session {
    async fn open(opts: &Opts, capabilities: u32) -> Outcome<Self> {
        Ok(Self { client: Client::connect_with(opts, capabilities).await?, statements: HashMap::new() })
    }

    async fn run(&mut self, line: &str, schema: &str) -> Outcome<Vec<Reply>> {
        let line = line.replace(REAL, schema);
        if let Some((name, sql)) = line.strip_prefix("prepare ").and_then(|rest| rest.split_once(": ")) {
            return Ok(match self.client.prepare(sql).await? {
                Err(error) => vec![Reply::Refused(error)],
                Ok(prepared) => {
                    let columns = prepared.columns.clone();
                    self.statements.insert(name.to_owned(), prepared);
                    vec![Reply::Rows(columns, Vec::new(), tests::client::Done::default())]
                }
            });
        }
        if let Some((name, values)) = line.strip_prefix("execute ").and_then(|rest| rest.split_once(':')) {
            let Some(statement) = self.statements.get(name) else { return Ok(Vec::new()) };
            let replies = self.client.execute(statement, &self::values(values)).await?;
            return Ok(replies);
        }
        match line.as_str() {
            "ping" => self.simple(0x0e, b"").await,
            "use" => self.simple(0x02, schema.as_bytes()).await,
            sql => self.client.query(sql).await,
        }
    }

    async fn simple(&mut self, command: u8, body: &[u8]) -> Outcome<Vec<Reply>> {
        self.client.command(command, body).await?;
        assert_eq!(self.client.read().await?.first(), Some(&0));
        Ok(Vec::new())
    }
}

fn values(text: &str) -> Vec<Value> {
    let words = text.split(", ").map(str::trim).filter(|word| !word.is_empty());
    let value = |word: &str| match word.strip_prefix('\'') {
        Some(quoted) => Value::Text(quoted.trim_end_matches('\'').to_owned()),
        None => Value::Int(word.parse().unwrap()),
    };
    words.map(value).collect()
}

/// The phases in which a line is refused, and the line.
fn refused(line: &str) -> (Vec<Phase>, &str) {
    let Some((phases, sql)) = line.strip_prefix("refused").and_then(|rest| rest.split_once(": ")) else {
        return (Vec::new(), line);
    };
    let phases: Vec<Phase> = phases.split_whitespace().map(|phase| phase.parse().unwrap()).collect();
    (if phases.is_empty() { Phase::ALL.to_vec() } else { phases }, sql)
}

/// Everything must be the same: messages to the last letter, but for the twin's schema.
fn differences(twin: &[Reply], real: &[Reply], names: &Naming) -> Vec<String> {
    let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) => text.replace(REAL, TWIN).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let normal: Vec<Reply> = real
        .iter()
        .cloned()
        .map(|reply| match reply {
            Reply::Rows(columns, rows, done) => {
                let cells = |row: Vec<Option<Vec<u8>>>| row.into_iter().map(|cell| cell.map(text)).collect();
                Reply::Rows(columns, rows.into_iter().map(cells).collect(), done)
            }
            other => other,
        })
        .collect();
    let mut found = compare::replies(twin, &normal, Rows::Ordered.into(), names);
    for (twin, real) in twin.iter().zip(real) {
        if let (Reply::Refused(twin), Reply::Refused(real)) = (twin, real)
            && twin.message != real.message.replace(REAL, TWIN)
        {
            found.push(format!("message `{}` instead of `{}`", real.message, twin.message));
        }
    }
    found
}

struct Ways {
    twin: Opts,
    real: Opts,
    names: Naming,
}

/// One script on one kind of client: what differs.
async fn run(script: &Script, ways: &Ways, phase: Phase, capabilities: u32) -> Outcome<Vec<Finding>> {
    let mut twin = Session::open(&ways.twin, capabilities).await?;
    let mut real = Session::open(&ways.real, capabilities).await?;
    let mut found = Vec::new();
    for line in script.lines {
        let (refused_in, line) = refused(line);
        let here = real.run(line, REAL).await?;
        let by_name =
            matches!(here.last(), Some(Reply::Refused(error)) if error.message.starts_with("Shunt: "));
        let what = if refused_in.contains(&phase) {
            if by_name { continue } else { vec![format!("{here:?} instead of a refusal")] }
        } else {
            let there = twin.run(line, TWIN).await?;
            differences(&there, &here, &ways.names)
        };
        let (statement, way) = (format!("[{}] {line}", script.name), format!("{phase} {capabilities:#x}"));
        let finding = |what| Finding { statement: statement.clone(), way: way.clone(), what };
        found.extend(what.into_iter().map(finding));
    }
    Ok(found)
}

/// UPDATEs that match no row. What is told of those is compared here only: elsewhere the server may see beforehand
/// that there is none, and say nothing.
const MATCHING_NOTHING: [&str; 5] = [
    "UPDATE user SET name = 'x' WHERE id = 9999",
    "UPDATE user SET name = 'x' WHERE id IN (9998, 9999)",
    "UPDATE user SET name = 'x' WHERE name = 'nobody'",
    "UPDATE user SET id = id + 1 WHERE name = 'nobody'",
    "UPDATE user SET name = 'x' WHERE name = 'nobody' ORDER BY age LIMIT 2",
];

async fn matching_nothing(ways: &Ways, phase: Phase) -> Outcome<Vec<Finding>> {
    let mut twin = Session::open(&ways.twin, MULTI_STATEMENTS).await?;
    let mut real = Session::open(&ways.real, MULTI_STATEMENTS).await?;
    let mut found = Vec::new();
    for sql in MATCHING_NOTHING {
        let (there, here) = (twin.run(sql, TWIN).await?, real.run(sql, REAL).await?);
        if there != here {
            let what = format!("{here:?} instead of {there:?}");
            found.push(Finding { statement: sql.to_owned(), way: phase.to_string(), what });
        }
    }
    Ok(found)
}

/// Parameters of every type number, known or not, of which some cannot be read.
async fn parameter_types(ways: &Ways, phase: Phase) -> Outcome<Vec<Finding>> {
    const SQL: [&str; 2] = [
        "UPDATE user SET bio = CONCAT('x', ?) WHERE name = 'name5'",
        "SELECT COUNT(*) FROM user WHERE name <> ?",
    ];
    let mut found = Vec::new();
    for sql in SQL {
        found.extend(parameter_types_in(ways, phase, sql).await?);
    }
    Ok(found)
}

async fn parameter_types_in(ways: &Ways, phase: Phase, sql: &str) -> Outcome<Vec<Finding>> {
    let mut twin = Client::connect_with(&ways.twin, MULTI_STATEMENTS).await?;
    let mut real = Client::connect_with(&ways.real, MULTI_STATEMENTS).await?;
    let (Ok(on_twin), Ok(on_real)) = (twin.prepare(sql).await?, real.prepare(sql).await?) else {
        return Err("not prepared".into());
    };
    let mut found = Vec::new();
    for kind in 0..=u8::MAX {
        // As a string it is empty, as a date or time zero.
        let value =
            [Value::Typed(Typed { kind, unsigned: false, bytes: vec![0; 8], literal: String::new() })];
        let mut replies = Vec::new();
        for (client, statement) in [(&mut twin, &on_twin), (&mut real, &on_real)] {
            client.query("BEGIN").await?;
            replies.push(client.execute(statement, &value).await?);
            client.query("ROLLBACK").await?;
        }
        let (there, here) = (&replies[0], &replies[1]);
        let by_name = matches!(&here[..], [Reply::Refused(error)] if error.message.starts_with("Shunt: "));
        // A constant in a condition may be warned of once for each shard.
        let how = How { warnings: Warnings::Codes, ..Rows::Ordered.into() };
        let what = compare::replies(there, here, how, &ways.names).join("; ");
        if !what.is_empty() && !by_name {
            let (statement, way) = (sql.to_owned(), format!("{phase}, type {kind}"));
            found.push(Finding { statement, way, what });
        }
    }
    Ok(found)
}

async fn through_shunt(kind: Kind) -> Outcome {
    let mut home = Home::claim(kind).await?;
    let table = ShardedTable::new("user", &format!("{REAL}.user"), "id", &format!("{REAL}.user_{{0..9}}"))?;
    let redis = servers::redis_url()?;
    let key = format!("migrate_diagnostics_{}", kind.name());
    let mut flag = Flag::connect(&redis, None, &key).await?;
    flag.forget().await?;
    Same::prepare(&mut home, &table, REAL, TWIN, &[]).await?;
    let mut sidecar = Sidecar::start(&Setup::user(&home, REAL, &redis, &key)?, kind.name()).await?;
    let through = Some(("127.0.0.1", sidecar.port()));
    let mut same = Same::new(&home, table, REAL, TWIN, through).await?;
    let ways = Ways {
        twin: home.app_opts(None, TWIN)?,
        real: home.app_opts(through, REAL)?,
        names: Naming { real: REAL.to_owned(), twin: TWIN.to_owned(), tables: vec!["user".to_owned()] },
    };
    let only = std::env::var("SHUNT_TEST_CASE").unwrap_or_default();
    let mut found = Vec::new();
    for phase in Phase::ALL {
        if phase != Phase::Legacy {
            flag.set(phase).await?;
        }
        flag.until(phase.flag(), PATIENCE, |state| state.phase == Some(phase)).await?;
        if phase == Phase::DualWrite {
            // Before the copy is certified the shards are only on their way to being equal.
            flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
        }
        same.phase = phase;
        found.extend(matching_nothing(&ways, phase).await?);
        found.extend(parameter_types(&ways, phase).await?);
        for script in scripts::ALL {
            let wanted = match script.only {
                Only::Both => true,
                Only::Server(only) => only == kind,
            };
            if !wanted || !script.name.contains(&only) {
                continue;
            }
            for capabilities in CLIENTS {
                same.reset().await?;
                same.align_ids().await?;
                found.extend(run(script, &ways, phase, capabilities).await?);
            }
        }
    }
    sidecar.stop().await?;
    assert!(found.is_empty(), "{} differ: {}", found.len(), told(&found));
    Ok(())
}

#[tokio::test]
async fn the_last_statement_is_seen_as_it_is_on_mysql() {
    through_shunt(Kind::MySql).await.unwrap();
}

#[tokio::test]
async fn the_last_statement_is_seen_as_it_is_on_mariadb() {
    through_shunt(Kind::MariaDb).await.unwrap();
}
