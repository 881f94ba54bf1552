//! How the servers carry out reads of several shards: EXPLAIN of the text that Shunt runs, for typical reads, over tables
//! large enough that the optimizer decides by indexes.
//!
//! `tests/explain/reads.sql` has the reads, `on_mysql.txt` and `on_mariadb.txt` beside it how the branches are read: table,
//! access, index. Estimates are left out. `UPDATE_GOLDEN=1` writes them anew; read the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fmt::Write as _, sync::Arc};

use mysql_async::{Row, prelude::Queryable};
use sql_rewrite::{Charset, Facts, Neighbour, Plan, Planner, Server, SqlMode, TableView, Views};
use tests::{
    Outcome,
    home::{self, Home},
    on_both_servers, servers,
    servers::Kind,
};
use topology::{Phase, QualifiedName, ShardedTable, TableId, TableSchema};

const SCHEMA: &str = "explained";

/// More rows than fit into a few pages of each shard.
const ROWS: u32 = 24_000;

const MEMBER: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, email VARCHAR(80) NULL, \
                      age TINYINT UNSIGNED NULL, votes INT NOT NULL DEFAULT 0, joined DATETIME NOT NULL, \
                      KEY name (name), KEY email (email), KEY age (age)) DEFAULT CHARSET utf8mb4";
const VISIT: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, member_id BIGINT NOT NULL, page VARCHAR(40) NOT NULL, \
                     KEY member_id (member_id)) DEFAULT CHARSET utf8mb4";
const ORDERS: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, member_id BIGINT NOT NULL, note VARCHAR(20) NULL, \
                      KEY member_id (member_id), KEY note (note)) DEFAULT CHARSET utf8mb4";

/// The rows of each table, by a number `i`.
const FILL: [(&str, &str, &str); 3] = [
    (
        "member",
        MEMBER,
        "i, CONCAT('name', i % 500), CONCAT('u', i, '@example.org'), 18 + i % 70, i % 10, \
         DATE_ADD('2024-01-01', INTERVAL i MINUTE)",
    ),
    ("visit", VISIT, "i, 1 + i * 7 % 24000, CONCAT('page', i % 90)"),
    ("orders", ORDERS, "i, 1 + i * 11 % 24000, CONCAT('note', i % 800)"),
];

fn tables() -> Vec<ShardedTable> {
    [("member", "id"), ("visit", "member_id")]
        .map(|(name, key)| {
            let pattern = format!("{SCHEMA}.{name}_{{0..3}}");
            ShardedTable::new(name, &format!("{SCHEMA}.{name}"), key, &pattern).unwrap()
        })
        .into()
}

async fn fill(home: &mut Home) -> Outcome {
    home.clean(&[SCHEMA]).await?;
    let root = home.root();
    root.query_drop(format!("USE {SCHEMA}")).await?;
    root.query_drop("CREATE TABLE numbers (i INT NOT NULL PRIMARY KEY)").await?;
    root.query_drop("INSERT INTO numbers VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)").await?;
    let digits = "numbers a, numbers b, numbers c, numbers d, numbers e";
    let number = "1 + a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i";
    root.query_drop(format!("CREATE TABLE i AS SELECT {number} AS i FROM {digits} HAVING i <= {ROWS}"))
        .await?;
    for (name, columns, row) in FILL {
        root.query_drop(format!("CREATE TABLE {name} {columns}")).await?;
        root.query_drop(format!("INSERT INTO {name} SELECT {row} FROM i ORDER BY i")).await?;
        root.query_drop(format!("ANALYZE TABLE {name}")).await?;
    }
    for table in tables() {
        for (shard, name) in table.numbered_shards() {
            let (name, legacy) = (name.quoted(), table.legacy().quoted());
            let here = format!("{} = {}", table.shard_sql(table.shard_key()), shard.0);
            root.query_drop(format!("CREATE TABLE {name} LIKE {legacy}")).await?;
            root.query_drop(format!("INSERT INTO {name} SELECT * FROM {legacy} WHERE {here} ORDER BY id"))
                .await?;
            root.query_drop(format!("ANALYZE TABLE {name}")).await?;
        }
    }
    Ok(())
}

async fn schemas(home: &Home) -> Outcome<Vec<Arc<TableSchema>>> {
    let mut conn = home::control(home.url())?.connect().await?;
    let mut all = Vec::new();
    for table in tables() {
        all.push(Arc::new(flag_client::load_schema(&mut conn, &table).await?));
    }
    Ok(all)
}

/// What a session knows of the tables.
struct Known {
    sharded: Vec<Arc<TableSchema>>,
    orders: Neighbour,
}

impl Known {
    async fn of(home: &mut Home) -> Outcome<Self> {
        let row: Option<Row> = home.root().query_first("SHOW CREATE TABLE orders").await?;
        let definition: Option<Vec<u8>> = row.and_then(|row| row.get(1));
        let orders = Neighbour::read(&definition.unwrap_or_default());
        Ok(Self { sharded: schemas(home).await?, orders })
    }
}

impl Views for Known {
    fn table(&self, id: &TableId) -> Option<TableView> {
        let schema = self.sharded.iter().find(|schema| schema.table.id() == id)?;
        Some(TableView { phase: Phase::Shards, schema: Arc::clone(schema), logs: true, locks: None })
    }

    fn neighbour(&self, name: &QualifiedName) -> Neighbour {
        if name.table == "orders" { self.orders.clone() } else { Neighbour::Unknown }
    }
}

/// The text that Shunt runs where the shards are read.
fn rewritten(sql: &str, kind: Kind, planner: &Planner, known: &Known) -> String {
    let mariadb = kind == Kind::MariaDb;
    let facts = Facts {
        database: Some(SCHEMA.to_owned()),
        sql_mode: SqlMode::default(),
        without_full_group_by: None,
        charset: Charset::Utf8,
        server: Server { mariadb, version: if mariadb { 101_100 } else { 90_000 } },
        lower_case_table_names: false,
        multi_statements: false,
        binary_rows: false,
        auto_increment_increment: 1,
        auto_increment_offset: 1,
        safe_updates: false,
    };
    let statement = planner.read(sql.as_bytes(), &facts).remove(0);
    match planner.plan(&statement, &facts, None, known) {
        Plan::ShardRead(read) => String::from_utf8(read.text.sql).unwrap(),
        other => panic!("{sql}: {other:?}"),
    }
}

/// Each table of the branches, with how often, how and by which index it is read.
async fn explained(home: &mut Home, sql: &str) -> Outcome<String> {
    // MySQL's own choice is a tree.
    let form = if home.kind() == Kind::MySql { "FORMAT=TRADITIONAL" } else { "" };
    let rows: Vec<Row> = home.root().query(format!("EXPLAIN {form} {sql}")).await?;
    let mut lines: Vec<(String, usize)> = Vec::new();
    for row in rows {
        let text = |name: &str| row.get::<Option<String>, _>(name).flatten();
        let table = text("table").unwrap_or_else(|| "nothing".to_owned());
        // How the rows of the branches meet each other and other tables is a matter of cost.
        if table.starts_with('<') || ["o", "orders"].contains(&table.as_str()) {
            continue;
        }
        let access = text("type").unwrap_or_else(|| text("Extra").unwrap_or_default());
        let index = text("key").map_or(String::new(), |key| format!(" by {key}"));
        let line = format!("{table}: {access}{index}");
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, times)) => *times += 1,
            None => lines.push((line, 1)),
        }
    }
    Ok(lines.into_iter().fold(String::new(), |mut out, (line, times)| {
        let _ = writeln!(out, "  {times} x {line}");
        out
    }))
}

async fn reads_of_shards_use_indexes(kind: Kind) -> Outcome {
    let mut home = Home::claim(kind).await?;
    fill(&mut home).await?;
    let known = Known::of(&mut home).await?;
    let planner = Planner::new(known.sharded.iter().map(|schema| Arc::new(schema.table.clone())).collect());
    let folder = servers::checkout().join("tests/explain");
    let reads = std::fs::read_to_string(folder.join("reads.sql"))?;
    let mut made = "How a server reads the shards for reads.sql: how often, what, how.\n".to_owned();
    for line in reads.lines().skip_while(|line| !line.is_empty()).filter(|line| !line.is_empty()) {
        made += &format!("{line}\n");
        if !line.starts_with("--") {
            made += &explained(&mut home, &rewritten(line, kind, &planner, &known)).await?;
        }
    }
    let path = folder.join(format!("on_{}.txt", kind.name()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made)?;
    }
    let kept = std::fs::read_to_string(&path)?;
    let differs = made.lines().zip(kept.lines()).find(|(a, b)| a != b);
    assert!(made == kept, "{}: made and kept differ first in {differs:?}", path.display());
    Ok(())
}

on_both_servers!(reads_of_shards_use_indexes);
