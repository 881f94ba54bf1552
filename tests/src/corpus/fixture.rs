//! A set of tables of the corpus on a server: an unsharded twin, the rows that statements begin with, and one schema for
//! each phase, whose tables stay in that phase.

use std::time::Duration;

use mysql_async::{Opts, prelude::Queryable};
use topology::{Phase, ShardedTable, Side, TableSchema, quote_ident};

use super::Definitions;
use crate::{
    Outcome,
    home::{self, Home},
    servers,
    shunt::{Moved, Setup, Sidecar},
    walk::{Flag, State},
};

/// A few dozen tables walk at once, on a slow machine two at a time.
const WALK_LIMIT: Duration = Duration::from_secs(300);

/// The shards of each table: two, so that most statements need both.
const LAST_SHARD: u32 = 1;

/// The schema of the twin. All schema names are equally long, so that nothing differs by it.
pub const TWIN: &str = "corpus_twin";
/// The schema of the rows that statements begin with.
const SEED: &str = "corpus_seed";

/// A sharded table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The first column of its primary key, which is its shard key.
    pub key: String,
    /// Whether the server generates its ids.
    pub generated: bool,
    number: usize,
}

/// Everything that a run needs on a server.
pub struct Fixture {
    /// The server.
    pub home: Home,
    /// The tables with a primary key.
    pub tables: Vec<Table>,
    /// Each table in each phase.
    flags: Vec<(Phase, Flag)>,
    sidecar: Option<Sidecar>,
}

/// The schema of a phase.
#[must_use]
pub fn real(phase: Phase) -> String {
    format!("corpus_{}", phase.flag())
}

/// Where a phase's shards are, out of sight of SHOW TABLES.
fn shards(phase: Phase) -> String {
    format!("shards_{}", phase.flag())
}

impl Table {
    fn moved(&self, phase: Phase, server: &str) -> Moved {
        let id = format!("corpus_{}_{}", self.number, phase.flag());
        Moved {
            flag_key: format!("migrate_{id}_{server}"),
            id,
            table: format!("{}.{}", real(phase), self.name),
            shard_key: self.key.clone(),
            shards: format!("{}.{}_{{0..{LAST_SHARD}}}", shards(phase), self.name),
        }
    }

    /// The table as a sidecar knows it.
    ///
    /// # Errors
    /// When its names are none.
    pub fn sharded(&self, phase: Phase) -> Outcome<ShardedTable> {
        let moved = self.moved(phase, "");
        Ok(ShardedTable::new(&moved.id, &moved.table, &moved.shard_key, &moved.shards)?)
    }

    /// The sides of a table that are written in a phase. Each is a series of `SELECT`s: all columns, and whether the
    /// row is where it belongs.
    ///
    /// # Errors
    /// As [`Table::sharded`].
    pub fn sides(&self, phase: Phase) -> Outcome<Vec<(Side, String)>> {
        let sharded = self.sharded(phase)?;
        let number = sharded.shard_sql(&quote_ident(sharded.shard_key()));
        let shards: Vec<String> = sharded
            .numbered_shards()
            .map(|(shard, name)| format!("SELECT *, {number} = {} FROM {}", shard.0, name.quoted()))
            .collect();
        let sides =
            [(Side::Legacy, rows_of(&sharded.legacy().quoted())), (Side::Shards, shards.join(" UNION ALL "))];
        Ok(sides.into_iter().filter(|(side, _)| phase.writes(*side)).collect())
    }

    /// The twin's rows in the form of [`Table::sides`].
    #[must_use]
    pub fn twin(&self) -> String {
        rows_of(&full(TWIN, &self.name))
    }

    /// The rows that statements begin with, likewise.
    #[must_use]
    pub fn seed(&self) -> String {
        rows_of(&full(SEED, &self.name))
    }
}

fn rows_of(table: &str) -> String {
    format!("SELECT *, 1 FROM {table}")
}

/// `` `schema`.`table` ``.
fn full(schema: &str, table: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(table))
}

impl Fixture {
    /// Makes the tables and walks each phase's to its phase.
    ///
    /// # Errors
    /// What the server says, and when a walk takes too long.
    pub async fn new(mut home: Home, definitions: &Definitions) -> Outcome<Self> {
        let phases = Phase::ALL.into_iter().flat_map(|phase| [real(phase), shards(phase)]);
        let schemas: Vec<String> = phases.chain([TWIN.to_owned(), SEED.to_owned()]).collect();
        home.clean(&schemas.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        home.root().query_drop("SET time_zone = '+00:00'").await?;
        for schema in &schemas {
            // The corpus has DDL.
            let grant = format!("GRANT ALL ON `{schema}`.* TO '{}'@'%'", home::APP_USER);
            home.root().query_drop(grant).await?;
        }
        let tables = create(&mut home, definitions).await?;
        let mut fixture = Self { home, tables, flags: Vec::new(), sidecar: None };
        fixture.walk().await?;
        Ok(fixture)
    }

    /// The tables that a block names.
    pub fn named<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter(|table| names.contains(&table.name))
    }

    /// Where a client of the application goes: directly, or through Shunt to a phase.
    ///
    /// # Errors
    /// When the server's URL makes no sense.
    pub fn opts(&self, phase: Option<Phase>) -> Outcome<Opts> {
        let Some(phase) = phase else { return self.home.app_opts(None, TWIN) };
        let through = self.sidecar.as_ref().map(|sidecar| ("127.0.0.1", sidecar.port()));
        self.home.app_opts(through, &real(phase))
    }

    /// Stops the sidecar and gives the server back.
    ///
    /// # Errors
    /// When it does not stop, or complains.
    pub async fn stop(mut self) -> Outcome<Home> {
        if let Some(mut sidecar) = self.sidecar.take() {
            sidecar.stop().await?;
        }
        Ok(self.home)
    }

    /// All tables of a phase, as their definitions are now.
    ///
    /// # Errors
    /// What the server says.
    pub async fn table_schemas(&self, phase: Phase) -> Outcome<Vec<TableSchema>> {
        let mut conn = home::control(self.home.url())?.connect().await?;
        let mut all = Vec::new();
        for table in &self.tables {
            all.push(flag_client::load_schema(&mut conn, &table.sharded(phase)?).await?);
        }
        Ok(all)
    }

    async fn walk(&mut self) -> Outcome {
        let redis = servers::redis_url()?;
        let server = self.home.kind().name();
        let mut all = Vec::new();
        for (table, phase) in self.tables.iter().flat_map(|it| Phase::ALL.map(|phase| (it, phase))) {
            let moved = table.moved(phase, server);
            for grant in home::log_grants(&moved.id) {
                self.home.root().query_drop(grant).await?;
            }
            let mut flag = Flag::connect(&redis, None, &moved.flag_key).await?;
            flag.forget().await?;
            self.flags.push((phase, flag));
            all.push(moved);
        }
        self.sidecar = Some(Sidecar::start(&Setup::new(&self.home, &redis, all)?, server).await?);
        for (phase, flag) in &mut self.flags {
            flag.until("1100", WALK_LIMIT, |state| state.phase == Some(Phase::Legacy)).await?;
            flag.set(*phase).await?;
        }
        self.settled().await
    }

    /// Waits until every table is in its phase and its copy certified: before that the shards are only on their way to
    /// being equal, after DDL once more.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn settled(&mut self) -> Outcome {
        for (phase, flag) in &mut self.flags {
            flag.until(phase.flag(), WALK_LIMIT, |state| state.phase == Some(*phase)).await?;
            if *phase == Phase::DualWrite {
                flag.until("a certified copy", WALK_LIMIT, State::certified).await?;
            }
        }
        Ok(())
    }

    /// Sets tables to the rows that statements begin with, on the twin and in every phase, in one transaction: a verify
    /// that looks meanwhile sees both sides equal.
    ///
    /// # Errors
    /// What the server says.
    pub async fn reset(&mut self, tables: &[String]) -> Outcome {
        let mut statements = vec!["SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'".to_owned(), "BEGIN".to_owned()];
        for table in self.named(tables) {
            let seed = full(SEED, &table.name);
            let mut fill = |name: &str, rows: &str| {
                statements.push(format!("DELETE FROM {name}"));
                statements.push(format!("INSERT INTO {name} SELECT * FROM {seed} WHERE {rows}"));
            };
            fill(&full(TWIN, &table.name), "TRUE");
            for phase in Phase::ALL {
                let sharded = table.sharded(phase)?;
                let number = sharded.shard_sql(&quote_ident(sharded.shard_key()));
                if phase.writes(Side::Legacy) {
                    fill(&sharded.legacy().quoted(), "TRUE");
                }
                let shards = sharded.numbered_shards().filter(|_| phase.writes(Side::Shards));
                shards.for_each(|(shard, name)| fill(&name.quoted(), &format!("{number} = {}", shard.0)));
            }
        }
        statements.push("COMMIT".to_owned());
        Ok(self.home.root().query_drop(statements.join(";")).await?)
    }
}

/// Makes the tables everywhere; fills legacy, twin and the rows to begin with.
async fn create(home: &mut Home, definitions: &Definitions) -> Outcome<Vec<Table>> {
    let maria = home.kind() == servers::Kind::MariaDb;
    let places = [TWIN.to_owned(), SEED.to_owned()].into_iter().chain(Phase::ALL.map(real));
    for place in places.collect::<Vec<_>>() {
        home.root().query_drop(format!("USE {place}")).await?;
        for sql in definitions.statements.iter().filter(|sql| maria || !sql.starts_with("/*M!")) {
            home.root().query_drop(sql).await.map_err(|error| format!("{error} in {sql}"))?;
        }
    }
    let keys: Vec<(String, String, String)> = home
        .root()
        .exec(
            "SELECT TABLE_NAME, COLUMN_NAME, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? \
             AND (TABLE_NAME, COLUMN_NAME) IN (SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = ? AND INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1) ORDER BY TABLE_NAME",
            (TWIN, TWIN),
        )
        .await?;
    let mut tables = Vec::new();
    for (number, (name, key, extra)) in keys.into_iter().enumerate() {
        let table = Table { name, key, generated: extra.contains("auto_increment"), number };
        for phase in Phase::ALL {
            let sharded = table.sharded(phase)?;
            for (_, shard) in sharded.numbered_shards() {
                let sql = format!("CREATE TABLE {} LIKE {}", shard.quoted(), sharded.legacy().quoted());
                home.root().query_drop(sql).await?;
            }
        }
        tables.push(table);
    }
    Ok(tables)
}
