//! Tables, sessions and cases for the planner's tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use sql_rewrite::{Charset, Facts, Neighbour, Server, SqlMode, TableLock, TableView, Value, Views};
use topology::{
    Column, ColumnKind, Generated, Phase, QualifiedName, ShardedTable, TableId, TableSchema, UniqueKey,
};

pub const PHASES: [Phase; 4] = [Phase::Legacy, Phase::DualWrite, Phase::ShardRead, Phase::Shards];

/// A column from its declaration: `id bigint unsigned auto_increment`.
fn column(declared: &str) -> Column {
    let mut words = declared.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = words.collect();
    let flags = ["auto_increment", "null", "invisible", "virtual"];
    let column_type = rest.iter().filter(|w| !flags.contains(w)).copied().collect::<Vec<_>>().join(" ");
    let base = column_type.split(['(', ' ']).next().unwrap_or_default();
    let kind = match base {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
            ColumnKind::Integer { unsigned: column_type.contains("unsigned") }
        }
        "enum" => ColumnKind::Enum,
        "set" => ColumnKind::Set,
        "varchar" | "char" | "text" => ColumnKind::Text,
        "varbinary" | "binary" | "blob" => ColumnKind::Binary,
        "datetime" | "date" => ColumnKind::Temporal,
        "timestamp" => ColumnKind::Timestamp,
        "json" => ColumnKind::Json,
        _ => ColumnKind::Other,
    };
    let has = |flag: &str| rest.contains(&flag);
    Column {
        name,
        kind,
        nullable: has("null"),
        null_by_default: has("null"),
        auto_increment: has("auto_increment"),
        generated: if has("virtual") { Generated::Virtual } else { Generated::No },
        invisible: has("invisible"),
        zerofill: column_type.contains("zerofill"),
        collation: (kind == ColumnKind::Text).then(|| "utf8mb4_bin".to_owned()),
        column_type,
    }
}

pub fn table(
    id: &str,
    key: &str,
    shards: &str,
    columns: &[&str],
    primary: &[&str],
    unique: &[&str],
) -> TableSchema {
    TableSchema {
        table: ShardedTable::new(id, &format!("app.{id}"), key, shards).unwrap(),
        columns: columns.iter().map(|declared| column(declared)).collect(),
        primary_key: primary.iter().map(|name| (*name).to_owned()).collect(),
        unique_keys: unique
            .iter()
            .map(|columns| UniqueKey {
                name: columns.replace('+', "_"),
                columns: columns.split('+').map(str::to_owned).collect(),
                partial: false,
            })
            .collect(),
        partitioned_alike: id == "page",
    }
}

/// The tables of the golden cases.
pub fn tables() -> Vec<TableSchema> {
    vec![
        // The common case: the key is generated and is the shard key.
        table(
            "user",
            "id",
            "app.user_{0..2}",
            &[
                "id bigint auto_increment",
                "name varchar(50) null",
                "email varchar(100) null",
                "age int null",
                "votes int",
            ],
            &["id"],
            &[],
        ),
        // A composite key that contains the shard key.
        table(
            "doc",
            "tenant",
            "doc_{0..1}.doc",
            &["tenant int unsigned", "no int unsigned", "title varchar(200) null"],
            &["tenant", "no"],
            &[],
        ),
        // The shard key is not in the primary key, and there is another unique key.
        table(
            "event",
            "uid",
            "app.event_{0..1}",
            &["id bigint auto_increment", "uid bigint", "slug varchar(40)", "at datetime"],
            &["id"],
            &["slug"],
        ),
        // Types that a UNION does not keep, invisible columns, a string key.
        table(
            "item",
            "owner",
            "app.item_{0..1}",
            &[
                "code varchar(36)",
                "owner int",
                "kind enum('b','a')",
                "flags set('x','y') null",
                "qty int",
                "hidden int null invisible",
                "twice int virtual null",
            ],
            &["code"],
            &[],
        ),
        // Other unique keys, which do not contain the shard key.
        table(
            "member",
            "id",
            "app.member_{0..2}",
            &["id bigint auto_increment", "email varchar(100) null", "phone varchar(20) null", "visits int"],
            &["id"],
            &["email", "phone"],
        ),
        // Another unique key, which contains the shard key.
        table(
            "page",
            "tenant",
            "app.page_{0..1}",
            &["tenant int", "no int", "slug varchar(50)", "hits int"],
            &["tenant", "no"],
            &["tenant+slug"],
        ),
    ]
}

pub fn facts(mariadb: bool) -> Facts {
    Facts {
        database: Some("app".to_owned()),
        sql_mode: SqlMode::default(),
        without_full_group_by: None,
        charset: Charset::Utf8,
        server: Server { mariadb, version: if mariadb { 101_119 } else { 90_700 } },
        lower_case_table_names: false,
        multi_statements: true,
        auto_increment_increment: 1,
        auto_increment_offset: 1,
        safe_updates: false,
        binary_rows: false,
    }
}

/// The facts of the session that a case is planned for.
pub fn facts_of(case: &Case) -> Facts {
    let mut facts = facts(option(&case.options, "mariadb").is_some());
    facts.without_full_group_by = option(&case.options, "sql_mode").map(str::to_owned);
    facts.safe_updates = option(&case.options, "safe_updates").is_some();
    if let Some((increment, offset)) = option(&case.options, "ids").and_then(|text| text.split_once(',')) {
        facts.auto_increment_increment = increment.parse().unwrap();
        facts.auto_increment_offset = offset.parse().unwrap();
    }
    facts
}

/// What a session with this `sql_mode` says of ONLY_FULL_GROUP_BY.
pub fn without_full_group_by(modes: &str) -> Option<String> {
    let others: Vec<&str> = modes.split(',').filter(|mode| *mode != "ONLY_FULL_GROUP_BY").collect();
    modes.contains("ONLY_FULL_GROUP_BY").then(|| others.join(","))
}

/// All tables in one phase.
pub fn view(schemas: &[TableSchema], phase: Phase) -> impl Fn(&TableId) -> Option<TableView> + use<> {
    locked_view(schemas, phase, None)
}

/// All tables in one phase, and under LOCK TABLES with this list.
pub fn locked_view(
    schemas: &[TableSchema],
    phase: Phase,
    locks: Option<Vec<TableLock>>,
) -> impl Fn(&TableId) -> Option<TableView> + use<> {
    let schemas: Vec<Arc<TableSchema>> = schemas.iter().cloned().map(Arc::new).collect();
    move |id| {
        let schema = schemas.iter().find(|schema| schema.table.id() == id)?;
        let mine = |lock: &&TableLock| lock.table == *id;
        let locks = locks.as_ref().map(|locks| locks.iter().filter(mine).cloned().collect());
        Some(TableView { phase, schema: Arc::clone(schema), logs: true, locks })
    }
}

/// All tables in one phase but for the one to which the case gives another.
pub fn view_of(case: &Case, schemas: &[TableSchema], phase: Phase) -> impl Views + use<> {
    let all = locked_view(schemas, phase, locks(case));
    let other = option(&case.options, "phase").and_then(|text| text.split_once(' '));
    let other = other.map(|(table, phase)| (table.to_owned(), phase.parse().unwrap()));
    let tables = move |id: &TableId| {
        let own = other.as_ref().filter(|(table, _)| table == id.as_str()).map(|(_, phase)| *phase);
        all(id).map(|view| TableView { phase: own.unwrap_or(view.phase), ..view })
    };
    BesideOrders { tables, uncommitted: option(&case.options, "uncommitted").is_some() }
}

/// The columns of `app.orders`, a table that is not sharded.
const ORDERS: [&str; 5] =
    ["id BIGINT NOT NULL", "user_id BIGINT", "total INT", "name VARCHAR(50)", "user INT"];

struct BesideOrders<F> {
    tables: F,
    uncommitted: bool,
}

impl<F: Fn(&TableId) -> Option<TableView>> Views for BesideOrders<F> {
    fn table(&self, id: &TableId) -> Option<TableView> {
        (self.tables)(id)
    }

    fn reads_snapshots(&self) -> bool {
        !self.uncommitted
    }

    fn neighbour(&self, name: &QualifiedName) -> Neighbour {
        let columns = ORDERS.map(|column| format!("  `{}", column.replacen(' ', "` ", 1))).join(",\n");
        let definition = format!("CREATE TABLE `orders` (\n{columns}\n) ENGINE=InnoDB");
        match name.to_string().as_str() {
            "app.orders" => Neighbour::read(definition.as_bytes()),
            _ => Neighbour::Unsteady,
        }
    }
}

pub fn planner(schemas: &[TableSchema]) -> sql_rewrite::Planner {
    sql_rewrite::Planner::new(schemas.iter().map(|schema| Arc::new(schema.table.clone())).collect())
}

/// One golden case.
pub struct Case {
    pub options: String,
    pub sql: String,
}

pub fn cases(text: &str) -> (String, Vec<Case>) {
    let mut parts = text.split("@@");
    let head = parts.next().unwrap_or_default().to_owned();
    let cases = parts
        .map(|part| {
            let (options, rest) = part.split_once('\n').unwrap_or((part, ""));
            let sql = rest.split("\n----").next().unwrap_or_default().trim_end().to_owned();
            Case { options: options.trim().to_owned(), sql }
        })
        .collect();
    (head, cases)
}

pub fn option<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    options.split('|').map(str::trim).find_map(|option| {
        let rest = option.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
    })
}

fn value(text: &str) -> Value {
    match text {
        "NULL" => Value::Null,
        "LONG" => Value::LongData,
        _ => match (text.parse(), text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))) {
            (Ok(number), _) => Value::Int(number),
            (_, Some(inner)) => Value::Text(inner.as_bytes().to_vec()),
            _ => Value::Double(text.parse().unwrap()),
        },
    }
}

/// `locks user WRITE, user u READ`: the table, its alias and how it is locked.
pub fn locks(case: &Case) -> Option<Vec<TableLock>> {
    let lock = |item: &str| {
        let mut words: Vec<&str> = item.split_whitespace().collect();
        let write = words.pop() == Some("WRITE");
        let table = TableId::new(words[0]).unwrap();
        TableLock { table, name: (*words.last().unwrap()).to_owned(), write }
    };
    option(&case.options, "locks").map(|list| list.split(',').map(lock).collect())
}

pub fn params(case: &Case) -> Option<Vec<Value>> {
    option(&case.options, "params").map(|list| list.split(',').map(|item| value(item.trim())).collect())
}
