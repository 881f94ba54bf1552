//! The tables of a run: some sharded, with keys of different shapes, some not.

use std::collections::BTreeSet;

use super::{
    kind::{Class, Collation, Kind},
    random::Random,
};
use crate::servers::Kind as Server;

/// The stream of numbers that the schema comes from; cases have theirs by index.
const STREAM: u64 = u64::MAX;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, without quotes.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// May be NULL.
    pub nullable: bool,
    /// The literal of its default.
    pub default: Option<String>,
    /// What it is computed from, and `VIRTUAL` or `STORED`.
    pub generated: Option<String>,
    /// Left out of `*`.
    pub invisible: bool,
    /// Values that are in the table, or could be.
    pub values: Vec<String>,
}

/// How a table is sharded.
#[derive(Debug, Clone)]
pub struct Sharding {
    /// The index of the shard key's column.
    pub key: usize,
    /// How many shards.
    pub shards: u32,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Indexes of the columns of the primary key.
    pub primary: Vec<usize>,
    /// The first column of the primary key is AUTO_INCREMENT.
    pub auto: bool,
    /// `None`: it stays as it is.
    pub sharding: Option<Sharding>,
    /// Rows at the beginning of each case: literals of the columns that are not computed.
    pub rows: Vec<Vec<String>>,
}

/// All tables.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The server's dialect.
    pub server: Server,
    /// The tables.
    pub tables: Vec<Table>,
}

impl Table {
    /// Columns that a statement can give values to.
    pub fn given(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.generated.is_none())
    }

    /// Those of them that `*` shows.
    pub fn visible(&self) -> impl Iterator<Item = &Column> {
        self.given().filter(|column| !column.invisible)
    }

    /// Their names in quotes, separated by commas.
    #[must_use]
    pub fn given_names(&self) -> String {
        names(self.given())
    }

    /// The names of all columns in quotes, separated by commas.
    #[must_use]
    pub fn all_names(&self) -> String {
        names(self.columns.iter())
    }

    /// `CREATE TABLE name (…)`.
    #[must_use]
    pub fn ddl(&self, name: &str, server: Server) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(|column| column.ddl(server)).collect();
        if self.auto {
            parts[self.primary[0]].push_str(" AUTO_INCREMENT");
        }
        let primary: Vec<_> = self.primary.iter().map(|at| quoted(&self.columns[*at].name)).collect();
        if !primary.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", primary.join(", ")));
        }
        for column in self.columns.iter().filter(|column| column.has_key()) {
            parts.push(format!("KEY ({})", quoted(&column.name)));
        }
        format!("CREATE TABLE {name} (\n  {}\n) DEFAULT CHARSET utf8mb4", parts.join(",\n  "))
    }

    /// The same table with its rows in another order on disk, as shards have them.
    #[must_use]
    pub fn partitioned_ddl(&self, name: &str, server: Server) -> String {
        let key = quoted(&self.columns[self.sharding.as_ref().map_or(self.primary[0], |it| it.key)].name);
        format!("{} PARTITION BY HASH({key}) PARTITIONS 5", self.ddl(name, server))
    }

    /// `INSERT INTO name (…) VALUES (…)` with the rows; empty without rows.
    #[must_use]
    pub fn fill(&self, name: &str) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let rows: Vec<String> = self.rows.iter().map(|row| format!("({})", row.join(", "))).collect();
        format!("INSERT INTO {name} ({}) VALUES\n  {}", self.given_names(), rows.join(",\n  "))
    }

    /// The quoted name of a column of the primary key, where there is exactly one.
    #[must_use]
    pub fn single_key(&self) -> Option<&Column> {
        match self.primary.as_slice() {
            [only] => Some(&self.columns[*only]),
            _ => None,
        }
    }

    fn add_rows(&mut self, random: &mut Random, count: usize) {
        let mut taken = BTreeSet::new();
        for _ in 0..count * 3 {
            if self.rows.len() == count {
                break;
            }
            let row: Vec<String> = self.given().map(|column| column.value(random)).collect();
            let key: Vec<&String> = self.primary.iter().map(|at| &row[*at]).collect();
            if self.primary.is_empty() || taken.insert(key.into_iter().cloned().collect::<Vec<_>>()) {
                self.rows.push(row);
            }
        }
    }
}

impl Column {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            nullable: false,
            default: None,
            generated: None,
            invisible: false,
            values: kind.values(),
        }
    }

    /// The literal of a value of it, NULL at times where that is allowed.
    #[must_use]
    pub fn value(&self, random: &mut Random) -> String {
        if self.nullable && random.chance(20) { "NULL".to_owned() } else { random.pick(&self.values).clone() }
    }

    /// Whether there is a key on it.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.name.ends_with('k')
    }

    fn ddl(&self, server: Server) -> String {
        let mut all = format!("{} {}", quoted(&self.name), self.kind.sql(server));
        if let Some(generated) = &self.generated {
            all.push_str(&format!(" GENERATED ALWAYS AS {generated}"));
            return all;
        }
        all.push_str(if self.nullable { " NULL" } else { " NOT NULL" });
        if let Some(default) = &self.default {
            all.push_str(&format!(" DEFAULT {default}"));
        }
        if self.invisible {
            all.push_str(" INVISIBLE");
        }
        all
    }
}

/// A name in backticks.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("`{name}`")
}

fn names<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

impl Schema {
    /// The schema of a seed.
    #[must_use]
    pub fn new(server: Server, seed: u64) -> Self {
        let mut random = Random::new(seed, STREAM);
        let mut kinds = all_kinds(&mut random);
        let mut tables = vec![account(&mut random), item(), event(), plain(), note()];
        random.shuffle(&mut kinds);
        for (number, kind) in kinds.into_iter().enumerate() {
            let at = number % tables.len();
            let column = ordinary(&mut random, number, kind);
            tables[at].columns.push(column);
        }
        for table in &mut tables {
            computed(table, &mut random);
            let rows = random.range(20, 45);
            table.add_rows(&mut random, rows);
        }
        Self { server, tables }
    }

    /// The tables that are sharded, with their indexes.
    pub fn sharded(&self) -> impl Iterator<Item = (usize, &Table, &Sharding)> {
        let all = self.tables.iter().enumerate();
        all.filter_map(|(index, table)| Some((index, table, table.sharding.as_ref()?)))
    }
}

const BIGINT: Kind = Kind::Integer { size: 4, unsigned: false };

fn keys(from: i64, to: i64) -> Vec<String> {
    (from..=to).map(|key| key.to_string()).collect()
}

/// A generated id that is also the shard key.
fn account(random: &mut Random) -> Table {
    let unsigned = random.chance(50);
    let mut id = Column::new("id", Kind::Integer { size: 4, unsigned });
    id.values = keys(1, 60);
    table("acct", vec![id], vec![0], Some(Sharding { key: 0, shards: 4 }), true)
}

/// Two columns of a key, sharded as `acct` by the first one.
fn item() -> Table {
    let mut owner = Column::new("owner", Kind::Integer { size: 3, unsigned: false });
    owner.values = keys(-2, 12);
    let mut line = Column::new("line", Kind::Integer { size: 1, unsigned: true });
    line.values = keys(1, 6);
    table("item", vec![owner, line], vec![0, 1], Some(Sharding { key: 0, shards: 4 }), false)
}

/// The shard key is the last column of the key, unsigned to the last bit; the key begins with a string.
fn event() -> Table {
    let code = Column::new("code", Kind::VarChar(12, Collation::Ascii));
    let mut region = Column::new("region", Kind::Integer { size: 4, unsigned: true });
    region.values.extend(["18446744073709551614".to_owned(), "9223372036854775808".to_owned()]);
    table("event", vec![code, region], vec![0, 1], Some(Sharding { key: 1, shards: 3 }), false)
}

/// Unsharded, with an id.
fn plain() -> Table {
    let mut id = Column::new("id", Kind::Integer { size: 3, unsigned: false });
    id.values = keys(1, 50);
    table("plain", vec![id], vec![0], None, true)
}

/// Unsharded, with a reference to `acct`.
fn note() -> Table {
    let mut acct = Column::new("acct", BIGINT);
    acct.values = keys(-1, 20);
    let mut seq = Column::new("seq", Kind::Integer { size: 0, unsigned: false });
    seq.values = keys(0, 4);
    table("note", vec![acct, seq], vec![0, 1], None, false)
}

fn table(
    name: &str,
    columns: Vec<Column>,
    primary: Vec<usize>,
    sharding: Option<Sharding>,
    auto: bool,
) -> Table {
    Table { name: name.to_owned(), columns, primary, auto, sharding, rows: Vec::new() }
}

/// Every type once, the commonest ones several times.
fn all_kinds(random: &mut Random) -> Vec<Kind> {
    let mut all = vec![
        Kind::Bool,
        Kind::Zerofill,
        Kind::Decimal(10, 2),
        Kind::Decimal(30, 10),
        Kind::Float,
        Kind::Double,
        Kind::Char(8, Collation::General),
        Kind::VarChar(20, Collation::General),
        Kind::VarChar(20, Collation::General),
        Kind::VarChar(10, Collation::Bin),
        Kind::VarChar(10, Collation::Latin),
        Kind::VarChar(20, Collation::NoPad),
        Kind::LongText(Collation::General),
        Kind::Binary(4),
        Kind::VarBinary(8),
        Kind::Blob,
        Kind::Json,
        Kind::Bit(1),
        Kind::Bit(11),
        Kind::Year,
        Kind::Date,
        Kind::Date,
        Kind::Time(0),
        Kind::Time(6),
        Kind::DateTime(0),
        Kind::DateTime(3),
        Kind::Timestamp(0),
        Kind::Timestamp(6),
        Kind::Enum,
        Kind::Enum,
        Kind::Set,
    ];
    for size in 0..5 {
        all.push(Kind::Integer { size, unsigned: random.chance(50) });
    }
    all
}

fn ordinary(random: &mut Random, number: usize, kind: Kind) -> Column {
    // A name that ends with k has a key on it.
    let with_key = random.chance(30) && !matches!(kind, Kind::LongText(_) | Kind::Blob | Kind::Json);
    let name = format!("c{number}{}", if with_key { "k" } else { "" });
    let mut column = Column::new(&name, kind);
    column.nullable = random.chance(60);
    let default = !matches!(kind, Kind::LongText(_) | Kind::Blob | Kind::Json);
    if !column.nullable && !default {
        // A NOT NULL column without any default would make most INSERTs fail.
        column.nullable = true;
    } else if !column.nullable || (default && random.chance(30)) {
        column.default = Some(column.values[0].clone());
    }
    column.invisible = random.chance(5);
    column
}

/// At times a column that is computed from another.
fn computed(table: &mut Table, random: &mut Random) {
    if !random.chance(70) {
        return;
    }
    // The text of a date depends on the session, so that no column may be computed from it.
    let plain = |class| matches!(class, Class::Int | Class::Text | Class::Binary | Class::Decimal);
    let sources = table.columns[table.primary.len()..].iter().filter(|column| plain(column.kind.class()));
    let sources: Vec<&Column> = sources.collect();
    if sources.is_empty() {
        return;
    }
    let source = *random.pick(&sources);
    let name = quoted(&source.name);
    let how = if random.chance(50) { "VIRTUAL" } else { "STORED" };
    let mut column = Column::new("gen", Kind::Integer { size: 3, unsigned: false });
    column.values = keys(0, 9);
    column.nullable = true;
    column.generated = Some(format!("(LENGTH({name})) {how}"));
    table.columns.push(column);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_schema_and_rows_with_different_keys() {
        let a = Schema::new(Server::MySql, 3);
        let b = Schema::new(Server::MySql, 3);
        for (a, b) in a.tables.iter().zip(&b.tables) {
            assert_eq!(a.ddl("t", Server::MySql), b.ddl("t", Server::MySql));
            assert_eq!(a.fill("t"), b.fill("t"));
            assert!(a.rows.len() >= 15, "{}: {} rows", a.name, a.rows.len());
        }
        let other = Schema::new(Server::MySql, 4);
        assert_ne!(a.tables[0].fill("t"), other.tables[0].fill("t"));
    }
}
