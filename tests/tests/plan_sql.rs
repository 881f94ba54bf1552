//! The SQL that plans are made of, on both servers, against an oracle: the client's own statement on the
//! unsharded table.
//!
//! Every golden case of `sql-rewrite/testdata/plans` is planned and carried out by hand, in a transaction that
//! is rolled back, on a legacy table and shards that are equal before:
//! - a read of the shards gives the rows of the client's own statement on legacy;
//! - after a dual write the shards are equal to legacy again;
//! - after a write to the shards alone they hold what the client's own statement makes of legacy, and as many
//!   rows were affected.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "../../sql-rewrite/tests/common/mod.rs"]
mod common;

use common::Case;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Row, Value as SqlValue, prelude::Queryable};
use sql_rewrite::{
    Cells, ColumnSource, Effects, Learnt, LearntKeys, Needs, Plan, Planner, Program, Ran, Run, ShardRead,
    Value, Write,
};
use tests::{home::Home, servers::Kind};
use topology::{Phase, TableSchema};

const USER: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), email VARCHAR(100), \
                    age INT, votes INT NOT NULL DEFAULT 0)";
const DOC: &str = "(tenant INT UNSIGNED NOT NULL, no INT UNSIGNED NOT NULL, title VARCHAR(200), \
                   PRIMARY KEY (tenant, no))";
const EVENT: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uid BIGINT NOT NULL, \
                     slug VARCHAR(40) NOT NULL, at DATETIME NOT NULL, UNIQUE KEY slug (slug))";
const ITEM: &str = "(code VARCHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
                    owner INT NOT NULL, kind ENUM('b','a') NOT NULL DEFAULT 'a', flags SET('x','y'), \
                    qty INT NOT NULL DEFAULT 0, hidden INT INVISIBLE, twice INT AS (qty * 2) VIRTUAL)";
const MEMBER: &str = "(id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) CHARACTER SET utf8mb4 COLLATE \
                      utf8mb4_bin, phone VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, \
                      visits INT NOT NULL DEFAULT 0, UNIQUE KEY email (email), UNIQUE KEY phone (phone))";
const PAGE: &str = "(tenant INT NOT NULL, no INT NOT NULL, slug VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin \
                    NOT NULL, hits INT NOT NULL DEFAULT 0, PRIMARY KEY (tenant, no), \
                    UNIQUE KEY tenant_slug (tenant, slug)) \
                    PARTITION BY RANGE (tenant) (PARTITION p0 VALUES LESS THAN (2), \
                    PARTITION p1 VALUES LESS THAN MAXVALUE)";
const ORDERS: &str =
    "(id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT, total INT, name VARCHAR(50), user INT)";

/// A server with the tables of the golden cases, both sides equal.
struct Bench {
    kind: Kind,
    home: Home,
    conn: Conn,
    schemas: Vec<TableSchema>,
    planner: Planner,
}

impl Bench {
    async fn new(kind: Kind) -> Self {
        let mut home = Home::claim(kind).await.unwrap();
        home.clean(&["app", "doc_0", "doc_1", "other"]).await.unwrap();
        let opts = OptsBuilder::from_opts(Opts::from_url(home.url()).unwrap())
            .db_name(Some("app"))
            .client_found_rows(false);
        let conn = Conn::new(opts).await.unwrap();
        let schemas = common::tables();
        let planner = common::planner(&schemas);
        let mut bench = Self { kind, home, conn, schemas, planner };
        bench.fill().await;
        bench
    }

    async fn fill(&mut self) {
        for (schema, columns) in self.schemas.iter().zip([USER, DOC, EVENT, ITEM, MEMBER, PAGE]) {
            let root = self.home.root();
            let all = std::iter::once(schema.table.legacy()).chain(schema.table.shards());
            for name in all {
                root.query_drop(format!("CREATE TABLE {} {columns}", name.quoted())).await.unwrap();
            }
            let keys: Vec<String> = schema
                .primary_key
                .iter()
                .map(|name| {
                    let column = schema.column(name).unwrap();
                    let collation =
                        column.collation.as_ref().map_or(String::new(), |name| format!(" COLLATE {name}"));
                    format!("`{name}` {}{collation} NOT NULL", column.column_type)
                })
                .collect();
            let log = format!(
                "CREATE TABLE {} (sidecar BIGINT UNSIGNED NOT NULL, n BIGINT UNSIGNED NOT NULL, {}, \
                 PRIMARY KEY (sidecar, n)) CHARSET=utf8mb4",
                schema.table.dirty_log(),
                keys.join(",")
            );
            root.query_drop(log).await.unwrap();
        }
        let root = self.home.root();
        root.query_drop(format!("CREATE TABLE app.orders {ORDERS}")).await.unwrap();
        let rows: Vec<String> =
            (1..=12).map(|i| format!("({i},'n{}','e{i}',{},{})", i % 5, i % 4, i % 3)).collect();
        let series = |row: &dyn Fn(u32) -> String| (1..=12).map(row).collect::<Vec<_>>().join(",");
        for sql in [
            format!("INSERT INTO app.user VALUES {}", rows.join(",")),
            format!(
                "INSERT INTO app.doc VALUES {}",
                series(&|i| format!("({},{},'{}')", i % 4, i, ["x", "y"][i as usize % 2]))
            ),
            format!(
                "INSERT INTO app.event VALUES {}",
                series(&|i| format!("({i},{},'s{i}','2024-01-{i:02}')", i % 5))
            ),
            format!(
                "INSERT INTO app.member VALUES {}",
                series(&|i| format!("({i},'m{i}','p{i}',{})", i % 3))
            ),
            format!("INSERT INTO app.page VALUES {}", series(&|i| format!("({},{i},'s{i}',0)", i % 4))),
            format!(
                "INSERT INTO app.item (code,owner,kind,flags,qty,hidden) VALUES {}",
                series(&|i| format!(
                    "('c{i}',{},{},{},{},{i})",
                    i % 4,
                    1 + i % 2,
                    i % 4,
                    i32::try_from(i).unwrap() - 6
                ))
            ),
            "INSERT INTO app.item (code,owner,qty) VALUES ('it''s',3,1)".to_owned(),
            format!(
                "INSERT INTO app.orders VALUES {}",
                series(&|i| format!("({i},{i},{},'n{i}',{i})", i * 10))
            ),
        ] {
            root.query_drop(sql).await.unwrap();
        }
        root.query_drop("CREATE TABLE app.seed_orders AS SELECT * FROM app.orders").await.unwrap();
        self.fill_shards().await;
    }

    async fn fill_shards(&mut self) {
        let root = self.home.root();
        for schema in &self.schemas {
            let columns = schema.stored_column_list();
            for (id, shard) in schema.table.numbered_shards() {
                let number = schema.table.shard_sql(&topology::quote_ident(schema.table.shard_key()));
                let sql = format!(
                    "INSERT INTO {} ({columns}) SELECT {columns} FROM {} WHERE {number}={}",
                    shard.quoted(),
                    schema.table.legacy().quoted(),
                    id.0
                );
                root.query_drop(sql).await.unwrap();
            }
        }
    }

    /// All rows of both sides, sorted.
    async fn sides(&mut self, schema: &TableSchema) -> (Vec<Row>, Vec<Row>) {
        let columns = schema.stored_column_list();
        let key = schema.primary_key_list();
        let legacy = format!("SELECT {columns} FROM {} ORDER BY {key}", schema.table.legacy().quoted());
        let branches: Vec<String> = schema
            .table
            .numbered_shards()
            .map(|(id, shard)| {
                let number = schema.table.shard_sql(&topology::quote_ident(schema.table.shard_key()));
                format!("SELECT {columns} FROM {} WHERE {number}={}", shard.quoted(), id.0)
            })
            .collect();
        let shards = format!("{} ORDER BY {key}", branches.join(" UNION ALL "));
        (self.conn.query(legacy).await.unwrap(), self.conn.query(shards).await.unwrap())
    }

    /// Runs a statement with its parameters; the rows and how many were affected.
    async fn run(&mut self, sql: &[u8], params: &[Value]) -> mysql_async::Result<(Vec<Row>, u64, u64)> {
        let sql = String::from_utf8(sql.to_vec()).unwrap();
        let returning = sql.contains(" RETURNING ");
        let rows: Vec<Row> = if params.is_empty() {
            self.conn.query(sql).await?
        } else {
            let statement = self.conn.prep(sql).await?;
            self.conn.exec(statement, Params::Positional(params.iter().map(bound).collect())).await?
        };
        if returning {
            let id: Option<u64> = self.conn.query_first("SELECT LAST_INSERT_ID()").await?;
            let affected = rows.len() as u64;
            return Ok((rows, affected, id.unwrap_or_default()));
        }
        Ok((rows, self.conn.affected_rows(), self.conn.last_insert_id().unwrap_or_default()))
    }

    async fn must(&mut self, sql: &[u8]) {
        let shown = String::from_utf8_lossy(sql).into_owned();
        self.run(sql, &[]).await.unwrap_or_else(|error| panic!("{:?}: {shown}: {error}", self.kind));
    }

    async fn check(&mut self, case: &Case, phase: Phase) -> bool {
        let mut facts = common::facts(self.kind == Kind::MariaDb);
        let modes: Option<String> = self.conn.query_first("SELECT @@sql_mode").await.unwrap();
        facts.without_full_group_by = common::without_full_group_by(&modes.unwrap_or_default());
        let params = common::params(case);
        let view = common::view_of(case, &self.schemas, phase);
        let statements = self.planner.read(case.sql.as_bytes(), &facts);
        let Some(statement) = statements.first() else {
            return false;
        };
        let plan = self.planner.plan(statement, &facts, params.as_deref(), &view);
        let params = params.unwrap_or_default();
        if params.contains(&Value::LongData) || statements.len() > 1 {
            return false;
        }
        self.conn.query_drop("START TRANSACTION").await.unwrap();
        let what = format!("{:?} {} {}", self.kind, phase.flag(), case.sql);
        let checked = match plan {
            Plan::ShardRead(read) => self.read(case, &params, &read, &what).await,
            Plan::Write(write) if phase == Phase::Shards => {
                self.shard_write(case, &params, &write, &what).await
            }
            Plan::Write(write) => self.dual_write(case, &params, &write, &what).await,
            _ => false,
        };
        self.conn.query_drop("ROLLBACK").await.unwrap_or_else(|error| panic!("{what}: {error}"));
        checked
    }

    async fn read(&mut self, case: &Case, params: &[Value], read: &ShardRead, what: &str) -> bool {
        let Ok((mut direct, ..)) = self.run(case.sql.as_bytes(), params).await else {
            return false;
        };
        let own: Vec<Value> = read.text.params.iter().map(|number| params[*number].clone()).collect();
        let sql = String::from_utf8_lossy(&read.text.sql).into_owned();
        let (mut sharded, ..) =
            self.run(&read.text.sql, &own).await.unwrap_or_else(|error| panic!("{what}: {sql}: {error}"));
        let names = |rows: &[Row]| {
            rows.first()
                .map(|row| row.columns_ref().iter().map(|c| c.name_str().into_owned()).collect::<Vec<_>>())
        };
        // Otherwise the client is told the names of its own text.
        if read.columns == ColumnSource::Rename {
            assert_eq!(names(&direct), names(&sharded), "{what}: {sql}");
        }
        let limited = case.sql.to_uppercase().contains("LIMIT") || case.sql.contains("ROW_NUMBER");
        if limited {
            assert_eq!(direct.len(), sharded.len(), "{what}: {sql}");
        } else {
            direct.sort_by_key(|row| format!("{row:?}"));
            sharded.sort_by_key(|row| format!("{row:?}"));
            let values = |rows: Vec<Row>| rows.into_iter().map(Row::unwrap).collect::<Vec<_>>();
            assert_eq!(values(direct), values(sharded), "{what}: {sql}");
        }
        true
    }

    /// What the executor learns: the keys, read by the locking SELECT. `None` where that fails as the client's own
    /// statement does.
    async fn learn(&mut self, case: &Case, params: &[Value], write: &Write, what: &str) -> Option<Learnt> {
        match &write.needs {
            Needs::Nothing => Some(Learnt::Nothing),
            Needs::SequenceIds { .. } => Some(Learnt::FirstId(0)),
            Needs::Keys { select, .. } => match self.run(select, &[]).await {
                Ok((rows, ..)) => {
                    let warned = self.conn.get_warnings() > 0;
                    Some(Learnt::Keys(LearntKeys { rows: cells(rows), warned }))
                }
                Err(error) => {
                    self.fails_alike(case, params, &error, what, select).await;
                    None
                }
            },
        }
    }

    /// An error is the client's if its own statement gives the same.
    async fn fails_alike(
        &mut self,
        case: &Case,
        params: &[Value],
        error: &mysql_async::Error,
        what: &str,
        sql: &[u8],
    ) {
        let own = self.run(case.sql.as_bytes(), params).await.map(|_| ());
        let code = |error: &mysql_async::Error| error.to_string().chars().take(26).collect::<String>();
        let shown = String::from_utf8_lossy(sql);
        assert_eq!(own.map_err(|own| code(&own)), Err(code(error)), "{what}: {shown}");
    }

    async fn cells(&mut self, sql: String, what: &str) -> Cells {
        let rows: Vec<Row> =
            self.conn.query(sql.clone()).await.unwrap_or_else(|error| panic!("{what}: {sql}: {error}"));
        cells(rows)
    }

    /// What follows the visible statements; `None` where it is refused.
    async fn effects(&mut self, program: &Program, ran: &Ran, what: &str) -> Option<Vec<Vec<u8>>> {
        let after = match &program.effects {
            Effects::Known(effects) => return Some(effects.clone()),
            Effects::After(after) => after,
        };
        let mut cells = Cells::new();
        for select in after.selects(ran) {
            cells.extend(self.cells(String::from_utf8_lossy(&select).into_owned(), what).await);
        }
        let mut n = 0;
        let mut log = || {
            n += 1;
            (1, n)
        };
        after.effects(ran, &cells, &mut log).ok()
    }

    fn program(write: &Write, learnt: &Learnt) -> Option<Program> {
        let mut n = 0;
        let mut log = || {
            n += 1;
            (1, n)
        };
        write.program(learnt, false, &mut log).ok()
    }

    async fn dual_write(&mut self, case: &Case, params: &[Value], write: &Write, what: &str) -> bool {
        let Some(learnt) = self.learn(case, params, write, what).await else {
            return false;
        };
        let program = Self::program(write, &learnt).unwrap();
        let mut ran = Ran { insert_id: 0, affected_rows: 0 };
        for run in &program.statements {
            let (sql, own) = match run {
                Run::Client => (case.sql.as_bytes(), params),
                Run::Text(text) => (text.as_slice(), &[][..]),
            };
            match self.run(sql, own).await {
                Ok((_, affected_rows, insert_id)) => ran = Ran { insert_id, affected_rows },
                Err(error) => {
                    self.fails_alike(case, params, &error, what, sql).await;
                    return false;
                }
            }
        }
        let Some(effects) = self.effects(&program, &ran, what).await else {
            return false;
        };
        for effect in effects {
            self.must(&effect).await;
        }
        self.assert_equal(write, what).await;
        true
    }

    async fn assert_equal(&mut self, write: &Write, what: &str) {
        let schema = self.schemas.iter().find(|schema| *schema.table.id() == write.table).unwrap().clone();
        let (legacy, shards) = self.sides(&schema).await;
        let values = |rows: Vec<Row>| rows.into_iter().map(Row::unwrap).collect::<Vec<_>>();
        assert_eq!(values(legacy), values(shards), "{what}");
    }

    async fn shard_write(&mut self, case: &Case, params: &[Value], write: &Write, what: &str) -> bool {
        // The keys are read before the oracle has its turn.
        let mut learnt = match &write.needs {
            Needs::Keys { .. } => match self.learn(case, params, write, what).await {
                Some(learnt) => learnt,
                None => return false,
            },
            _ => Learnt::Nothing,
        };
        let direct = self.run(case.sql.as_bytes(), params).await;
        let (affected, id) = match direct {
            Ok((_, affected, id)) => (affected, id),
            // The client's own statement fails: nothing to compare with.
            Err(_) => return false,
        };
        if case.sql.contains("orders") {
            // What it did to tables that stay as they are is to be done again.
            self.must(b"DELETE FROM app.orders").await;
            self.must(b"INSERT INTO app.orders SELECT * FROM app.seed_orders").await;
        }
        if matches!(write.needs, Needs::SequenceIds { .. }) {
            learnt = Learnt::FirstId(id);
        }
        let Some(program) = Self::program(write, &learnt) else {
            return false;
        };
        let mut sum = 0;
        let mut first_id = 0;
        for (i, run) in program.statements.iter().enumerate() {
            let Run::Text(text) = run else {
                panic!("{what}: the client's own statement in 0011");
            };
            let sql = String::from_utf8_lossy(text).into_owned();
            let (_, affected, last) =
                self.run(text, &[]).await.unwrap_or_else(|error| panic!("{what}: {sql}: {error}"));
            sum += affected;
            if i == 0 {
                first_id = last;
            }
        }
        assert_eq!(affected, sum, "{what}: affected rows");
        if affected > 0 && !case.sql.to_uppercase().contains("DUPLICATE") {
            assert_eq!(id, program.insert_id.unwrap_or(first_id), "{what}: last insert id");
        }
        let ran = Ran { insert_id: first_id, affected_rows: sum };
        for effect in self.effects(&program, &ran, what).await.unwrap_or_default() {
            self.must(&effect).await;
        }
        // What is another value each time cannot be compared.
        if !case.sql.contains("UUID()") && !case.sql.contains("NOW()") {
            self.assert_equal(write, what).await;
        }
        true
    }
}

fn bound(value: &Value) -> SqlValue {
    match value {
        Value::Int(number) => SqlValue::Int(*number),
        Value::Text(bytes) => SqlValue::Bytes(bytes.clone()),
        Value::Double(number) => SqlValue::Double(*number),
        _ => SqlValue::NULL,
    }
}

/// Rows as the text protocol has them.
fn cells(rows: Vec<Row>) -> Cells {
    rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
}

/// A cell as the text protocol has it.
fn text(value: SqlValue) -> Option<Vec<u8>> {
    match value {
        SqlValue::NULL => None,
        SqlValue::Bytes(bytes) => Some(bytes),
        other => Some(other.as_sql(true).trim_matches('\'').as_bytes().to_vec()),
    }
}

async fn golden_plans_on(kind: Kind) {
    let mut bench = Bench::new(kind).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sql-rewrite/testdata/plans");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for case in common::cases(&text).1 {
            for phase in common::PHASES {
                checked += u32::from(bench.check(&case, phase).await);
            }
        }
    }
    println!("{kind:?}: {checked} plans carried out");
    assert!(checked > 200, "only {checked} plans could be carried out");
}

#[tokio::test]
async fn golden_plans_on_mysql() {
    golden_plans_on(Kind::MySql).await;
}

#[tokio::test]
async fn golden_plans_on_mariadb() {
    golden_plans_on(Kind::MariaDb).await;
}
