//! The differential oracle: a statement on an unsharded twin, directly, and on the real table through Shunt;
//! everything that a client can see is compared, and after each write the whole tables.
//!
//! The twin is the same tables with the same rows in another schema. Before each case both are set to the same
//! rows, so a case that differs does not make the next one differ.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::{Conn, Opts, prelude::Queryable};
use topology::{Phase, ShardedTable, Side};

use crate::{
    Outcome,
    client::{Client, Reply, Row},
    home::Home,
};

pub mod answer;
pub mod case;
pub mod compare;
pub mod known;
pub mod walked;

use answer::Answer;
pub use answer::Protocol;
use case::{Case, Step};
use compare::Naming;

/// The tables of the cases: `user` is the one that moves, `orders` stays. Made in both schemas.
pub const TABLES: [&str; 2] = [
    "CREATE TABLE user (
       id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
       name VARCHAR(40) NOT NULL DEFAULT 'anon',
       email VARCHAR(80) NULL,
       age TINYINT UNSIGNED NULL,
       score DECIMAL(10,2) NOT NULL DEFAULT 0.00,
       level ENUM('low','mid','high') NOT NULL DEFAULT 'low',
       tags SET('a','b','c') NOT NULL DEFAULT '',
       active TINYINT(1) NOT NULL DEFAULT 1,
       bio TEXT NULL,
       born DATE NULL,
       seen DATETIME(3) NULL,
       created TIMESTAMP NOT NULL DEFAULT '2024-01-01 00:00:00',
       ratio DOUBLE NULL,
       raw VARBINARY(16) NULL,
       joined DATETIME NOT NULL DEFAULT '2024-01-01 00:00:00',
       KEY name (name), KEY age (age)
     ) DEFAULT CHARSET utf8mb4",
    "CREATE TABLE orders (
       id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
       user_id BIGINT NOT NULL,
       amount DECIMAL(8,2) NOT NULL,
       note VARCHAR(20) NULL,
       KEY user_id (user_id)
     ) DEFAULT CHARSET utf8mb4",
];

/// The rows that each case begins with: users 1..60, three orders for every second one.
const SEED: [&str; 2] = [
    "INSERT INTO user (id, name, email, age, score, level, tags, active, bio, born, seen, ratio, raw)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
     SELECT i, CONCAT('name', i % 7), IF(i % 5 = 0, NULL, CONCAT('u', i, '@example.org')), IF(i % 9 = 0, NULL, 18 + i % 30),
            i * 1.25, 1 + i % 3, i % 8, i % 2, IF(i % 4 = 0, NULL, REPEAT('é', i % 6)),
            DATE_ADD('1980-02-28', INTERVAL i * 31 DAY), DATE_ADD('2020-01-01 00:00:00', INTERVAL i * 3601 SECOND),
            IF(i % 6 = 0, NULL, i / 8), IF(i % 7 = 0, NULL, CHAR(i, 0, 255 - i)) FROM n",
    "INSERT INTO orders (id, user_id, amount, note)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
     SELECT i, 2 * (1 + i % 30), i * 0.5, IF(i % 3 = 0, NULL, CONCAT('note', i % 4)) FROM n",
];

/// Something that is not the same.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Case and statement.
    pub statement: String,
    /// Phase and protocol.
    pub way: String,
    /// What differs.
    pub what: String,
}

/// Findings for a person: each statement once, with what differs and in which phases and protocols.
#[must_use]
pub fn told(found: &[Finding]) -> String {
    let mut all: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for finding in found {
        all.entry((&finding.statement, &finding.what)).or_default().insert(&finding.way);
    }
    let ways = |ways: BTreeSet<&str>| ways.into_iter().collect::<Vec<_>>().join(", ");
    all.into_iter()
        .map(|((statement, what), way)| format!("\n{statement}\n    {what}\n    in {}", ways(way)))
        .collect()
}

/// The twin, the real table and the way through Shunt.
#[derive(Debug)]
pub struct Same {
    names: Naming,
    table: ShardedTable,
    twin: Opts,
    real: Opts,
    root: Conn,
    /// The phase of the fleet: which tables hold what.
    pub phase: Phase,
}

/// A pair of sessions.
struct Pair {
    twin: Client,
    real: Client,
    /// LOCK TABLES is in force: nobody else can look at the tables.
    locked: bool,
}

impl Same {
    /// Makes both schemas, the tables and the shards. `table` is the sharded one in `real`; `alter` is what makes
    /// the tables others than [`TABLES`].
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(
        home: &mut Home,
        table: &ShardedTable,
        real: &str,
        twin: &str,
        alter: &[&str],
    ) -> Outcome {
        home.clean(&[real, twin]).await?;
        for schema in [real, twin] {
            home.root().query_drop(format!("USE {schema}")).await?;
            for ddl in TABLES.iter().chain(alter) {
                home.root().query_drop(*ddl).await?;
            }
            // The rows that each case begins with.
            for (name, rows) in ["user", "orders"].into_iter().zip(SEED) {
                home.root().query_drop(rows).await?;
                home.root().query_drop(format!("CREATE TABLE seed_{name} AS SELECT * FROM {name}")).await?;
            }
        }
        for (_, shard) in table.numbered_shards() {
            home.root().query_drop(format!("CREATE TABLE {shard} LIKE {}", table.legacy())).await?;
        }
        Ok(())
    }

    /// `through`: where the real schema is reached; a sidecar, or the server itself to try the oracle alone.
    ///
    /// # Errors
    /// What the server says.
    pub async fn new(
        home: &Home,
        table: ShardedTable,
        real: &str,
        twin: &str,
        through: Option<(&str, u16)>,
    ) -> Outcome<Self> {
        Ok(Self {
            names: Naming {
                real: real.to_owned(),
                twin: twin.to_owned(),
                tables: vec![table.legacy().table.clone()],
            },
            table,
            twin: home.app_opts(None, twin)?,
            real: home.app_opts(through, real)?,
            root: Conn::from_url(home.url()).await?,
            phase: Phase::Legacy,
        })
    }

    /// One statement, as text and prepared: what differs.
    ///
    /// # Errors
    /// When a connection fails.
    pub async fn same(&mut self, sql: &str) -> Outcome<Vec<Finding>> {
        let step = Step { sql: sql.to_owned(), ..Step::default() };
        let case = Case { name: "same".to_owned(), steps: vec![step], ..Case::default() };
        let mut found = self.run(&case, Protocol::Text).await?;
        found.extend(self.run(&case, Protocol::Prepared).await?);
        Ok(found)
    }

    /// One case in one protocol: what differs.
    ///
    /// # Errors
    /// When a connection cannot be made. One that ends in the case is a finding.
    pub async fn run(&mut self, case: &Case, protocol: Protocol) -> Outcome<Vec<Finding>> {
        let found = self.run_once(case, protocol).await?;
        // The sequence is handed out in blocks: where several rows do not fit into the rest of one, ids are left
        // out, as other sessions' inserts leave them out. The next block is long enough.
        let gap = found.iter().any(|finding| finding.what.starts_with("last insert id"));
        if gap && self.phase == Phase::Shards { self.run_once(case, protocol).await } else { Ok(found) }
    }

    async fn run_once(&mut self, case: &Case, protocol: Protocol) -> Outcome<Vec<Finding>> {
        self.reset().await?;
        self.align_ids().await?;
        let mut pair = Pair {
            twin: Client::connect(&self.twin, protocol == Protocol::Text).await?,
            real: Client::connect(&self.real, protocol == Protocol::Text).await?,
            locked: false,
        };
        let mut found = Vec::new();
        for step in &case.steps {
            pair.locked = step.locks_tables().unwrap_or(pair.locked);
            let differences = match self.step(&mut pair, step, protocol).await {
                Ok(differences) => differences,
                Err(failure) => vec![format!("the connection failed: {failure}")],
            };
            // After a statement that did not run, what follows would differ because of it.
            let stop =
                differences.iter().any(|what| what.contains(" instead of OK") || what.contains("connection"));
            found.extend(differences.into_iter().map(|what| Finding {
                statement: format!("[{}] {}", case.name, step.literal()),
                way: format!("{} {protocol:?}", self.phase),
                what,
            }));
            if stop {
                break;
            }
        }
        Ok(found)
    }

    async fn step(&mut self, pair: &mut Pair, step: &Step, protocol: Protocol) -> Outcome<Vec<String>> {
        let here = answer(&mut pair.real, step, protocol, &step.sql).await?;
        if here.refused() && step.refused.contains(&self.phase) {
            // By name, which is right here; it must have changed nothing, and the twin does not run it.
            return self.tables(pair).await;
        }
        let sql = step.sql.replace(&self.names.real, &self.names.twin);
        let there = answer(&mut pair.twin, step, protocol, &sql).await?;
        if here.refused()
            && self.phase != Phase::Legacy
            && there.error_code().is_some_and(|code| !compare::names_table(code))
        {
            // The server refuses it, too: a reason of its own is as good.
            return self.tables(pair).await;
        }
        let mut found = compare::answers(&there, &here, step.rows.into(), &self.names);
        if step.may_write() && !here.refused() && !there.in_transaction() {
            found.extend(self.tables(pair).await?);
        }
        Ok(found)
    }

    // ---- tables ---------------------------------------------------------------------------------------------

    /// The sides that are written in this phase, each as one query over its tables.
    fn sides(&self) -> Vec<(Side, Vec<String>)> {
        let legacy = vec![self.table.legacy().to_string()];
        let shards = self.table.shards().iter().map(ToString::to_string).collect();
        [(Side::Legacy, legacy), (Side::Shards, shards)]
            .into_iter()
            .filter(|(side, _)| self.phase.writes(*side))
            .collect()
    }

    async fn tables(&mut self, pair: &Pair) -> Outcome<Vec<String>> {
        if pair.locked { Ok(Vec::new()) } else { self.tables_differ().await }
    }

    /// Differences of the whole tables, and rows in a wrong shard.
    ///
    /// # Errors
    /// What the server says.
    pub async fn tables_differ(&mut self) -> Outcome<Vec<String>> {
        let (real, twin) = (self.names.real.clone(), self.names.twin.clone());
        // A UNION of one table, too, because it shows a ZEROFILL column without zeros.
        let rows_of = |tables: &[String]| {
            let all: Vec<String> = tables.iter().map(|table| format!("SELECT * FROM {table}")).collect();
            format!(
                "{} UNION ALL SELECT * FROM {} WHERE FALSE ORDER BY id",
                all.join(" UNION ALL "),
                tables[0]
            )
        };
        let wanted = self.rows(&rows_of(&[format!("{twin}.user")])).await?;
        let mut found = Vec::new();
        for (side, tables) in self.sides() {
            let rows = self.rows(&rows_of(&tables)).await?;
            found.extend(compare::tables(&format!("{side:?}"), &wanted, &rows));
        }
        if self.phase.writes(Side::Shards) {
            for (shard, name) in self.table.clone().numbered_shards() {
                let wrong = self.table.shard_sql(self.table.shard_key());
                let sql = format!("SELECT id FROM {name} WHERE {wrong} <> {}", shard.0);
                let rows = self.rows(&sql).await?;
                found
                    .extend(rows.iter().map(|row| format!("{} is in shard {}", compare::show(row), shard.0)));
            }
        }
        let wanted = self.rows(&format!("SELECT * FROM {twin}.orders ORDER BY id")).await?;
        let rows = self.rows(&format!("SELECT * FROM {real}.orders ORDER BY id")).await?;
        found.extend(compare::tables("orders", &wanted, &rows));
        Ok(found)
    }

    async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        let rows: Vec<mysql_async::Row> = self.root.query(sql).await?;
        let bytes = |value: mysql_async::Value| match value {
            mysql_async::Value::NULL => None,
            mysql_async::Value::Bytes(bytes) => Some(bytes),
            other => Some(format!("{other:?}").into_bytes()),
        };
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(bytes).collect()).collect())
    }

    /// Sets every table to the rows that cases begin with, in one transaction: a verify that looks meanwhile sees
    /// both sides equal.
    ///
    /// # Errors
    /// What the server says.
    pub async fn reset(&mut self) -> Outcome {
        let (real, twin) = (self.names.real.clone(), self.names.twin.clone());
        let mut statements = vec![
            "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'".to_owned(),
            "BEGIN".to_owned(),
        ];
        let mut fill = |table: &str, seed: &str, rows: &str| {
            statements.push(format!("DELETE FROM {table}"));
            statements.push(format!("INSERT INTO {table} SELECT * FROM {seed} WHERE {rows}"));
        };
        for schema in [&real, &twin] {
            fill(&format!("{schema}.orders"), &format!("{schema}.seed_orders"), "TRUE");
        }
        fill(&format!("{twin}.user"), &format!("{twin}.seed_user"), "TRUE");
        let shard = self.table.shard_sql(self.table.shard_key());
        for (side, tables) in self.sides() {
            for (number, table) in tables.iter().enumerate() {
                let rows =
                    if side == Side::Legacy { "TRUE".to_owned() } else { format!("{shard} = {number}") };
                fill(table, &format!("{real}.seed_user"), &rows);
            }
        }
        statements.push("COMMIT".to_owned());
        self.root.query_drop(statements.join(";")).await?;
        Ok(())
    }

    /// Lets the next generated id be the same on both: what a row inserted now gets, and the one after it.
    ///
    /// # Errors
    /// When a plain INSERT or DELETE does not go through.
    pub async fn align_ids(&mut self) -> Outcome {
        let twin = self.names.twin.clone();
        let mut real = Client::connect(&self.real, true).await?;
        let id = match real.query("INSERT INTO user (name) VALUES ('probe')").await?.pop() {
            Some(Reply::Done(done)) => done.last_insert_id,
            other => return Err(format!("a plain INSERT: {other:?}").into()),
        };
        match real.query(&format!("DELETE FROM user WHERE id = {id}")).await?.pop() {
            Some(Reply::Done(done)) if done.affected == 1 => {}
            other => return Err(format!("a plain DELETE: {other:?}").into()),
        }
        self.root.query_drop(format!("ALTER TABLE {twin}.user AUTO_INCREMENT = {}", id + 1)).await?;
        // The unsharded table is not planned for: its counter follows the twin's by itself, failed statements included.
        Ok(())
    }
}

/// A case's statement on one side, as `sql` names the tables there. What only reads is executed twice.
///
/// # Errors
/// When the connection fails.
pub async fn answer(client: &mut Client, step: &Step, protocol: Protocol, sql: &str) -> Outcome<Answer> {
    if protocol == Protocol::Text || step.text_only() {
        return Answer::text(client, &step.with_literals(sql)).await?.with_warnings(client).await;
    }
    let times = if step.may_write() { 1 } else { 2 };
    Answer::prepared(client, sql, &step.values, times).await?.with_warnings(client).await
}
