//! The tables on a server: an unsharded copy that statements reach directly, and one schema for each way that is
//! tried. All phases are there at once: each is a schema of its own whose tables stay in that phase, so that one
//! answer of the copy serves all comparisons.

use std::time::Duration;

use mysql_async::{Opts, prelude::Queryable};
use topology::{Phase, ShardedTable, Side};

use super::schema::{Schema, Table, quoted};
use crate::{
    Outcome,
    home::{self, Home},
    servers,
    shunt::{Moved, Setup, Sidecar},
    walk::{Flag, State},
};

/// The schema of the copy. All schema names are equally long, so that nothing differs by it.
pub const TWIN: &str = "dif_twin";
/// The schema of the rows that cases begin with.
const SEED: &str = "dif_seed";
/// The schema of a second copy, to try the generator itself.
const CONTROL: &str = "dif_ctrl";

/// All tables of all phases walk at once, two at a time on a slow machine.
const WALK_LIMIT: Duration = Duration::from_secs(300);

/// A way on which statements are tried.
#[derive(Debug, Clone)]
pub struct Way {
    /// The schema that it leads to.
    pub schema: String,
    /// Through Shunt in this phase; `None`: directly, to a second copy.
    pub phase: Option<Phase>,
}

/// One of the tables that hold a table's rows in a schema.
#[derive(Debug, Clone)]
pub struct Part {
    /// `schema.table`.
    pub name: String,
    /// Legacy, or the shards; the copy counts as legacy.
    pub side: Side,
    /// Which rows belong here, as a condition; for a shard its number, too.
    pub shard: Option<(u32, String)>,
}

/// Everything that a run needs on a server.
pub struct Fixture {
    /// What the tables look like.
    pub schema: Schema,
    /// The server.
    pub home: Home,
    /// The ways that are tried.
    pub ways: Vec<Way>,
    sidecar: Option<Sidecar>,
}

impl Way {
    /// The way through Shunt in a phase.
    #[must_use]
    pub fn through(phase: Phase) -> Self {
        Self { schema: format!("dif_{}", phase.flag()), phase: Some(phase) }
    }

    /// The way to a second copy, without Shunt.
    #[must_use]
    pub fn control() -> Self {
        Self { schema: CONTROL.to_owned(), phase: None }
    }

    /// For a person.
    #[must_use]
    pub fn label(&self) -> &str {
        self.phase.map_or("directly", Phase::flag)
    }

    /// The parts of a table that statements on this way write.
    #[must_use]
    pub fn parts(&self, table: &Table) -> Vec<Part> {
        let legacy =
            Part { name: format!("{}.{}", self.schema, table.name), side: Side::Legacy, shard: None };
        let (Some(phase), Some(sharded)) = (self.phase, sharded(&self.schema, table)) else {
            return vec![legacy];
        };
        let mut all = Vec::new();
        if phase.writes(Side::Legacy) {
            all.push(legacy);
        }
        if phase.writes(Side::Shards) {
            let number = sharded.shard_sql(&quoted(sharded.shard_key()));
            all.extend(sharded.numbered_shards().map(|(id, name)| Part {
                name: name.to_string(),
                side: Side::Shards,
                shard: Some((id.0, number.clone())),
            }));
        }
        all
    }
}

/// The table as a sidecar knows it.
fn sharded(schema: &str, table: &Table) -> Option<ShardedTable> {
    let moved = moved(schema, table, "")?;
    ShardedTable::new(&moved.id, &moved.table, &moved.shard_key, &moved.shards).ok()
}

fn moved(schema: &str, table: &Table, server: &str) -> Option<Moved> {
    let sharding = table.sharding.as_ref()?;
    let id = format!("{}_{}", table.name, schema.trim_start_matches("dif_"));
    Some(Moved {
        flag_key: format!("migrate_{id}_{server}"),
        id,
        table: format!("{schema}.{}", table.name),
        shard_key: table.columns[sharding.key].name.clone(),
        shards: format!("{schema}.{}_{{0..{}}}", table.name, sharding.shards - 1),
    })
}

impl Fixture {
    /// Makes the tables and walks each phase's to its phase.
    ///
    /// # Errors
    /// What the server says, and when a walk takes too long.
    pub async fn new(mut home: Home, schema: Schema, ways: Vec<Way>) -> Outcome<Self> {
        let mut names = vec![TWIN, SEED];
        names.extend(ways.iter().map(|way| way.schema.as_str()));
        home.clean(&names).await?;
        // Ids are given here, 0 among them.
        home.root().query_drop("SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')").await?;
        home.root().query_drop("SET time_zone = '+00:00'").await?;
        for name in names {
            for table in &schema.tables {
                create(&mut home, &schema, name, table).await?;
            }
        }
        let mut fixture = Self { schema, home, ways, sidecar: None };
        if fixture.ways.iter().any(|way| way.phase.is_some()) {
            fixture.walk().await?;
        }
        Ok(fixture)
    }

    /// Where statements of this way go.
    ///
    /// # Errors
    /// When the server's URL makes no sense.
    pub fn opts(&self, way: &Way) -> Outcome<Opts> {
        let through = self.sidecar.as_ref().filter(|_| way.phase.is_some());
        self.home.app_opts(through.map(|sidecar| ("127.0.0.1", sidecar.port())), &way.schema)
    }

    /// Stops the sidecar.
    ///
    /// # Errors
    /// When it does not stop, or complains.
    pub async fn stop(&mut self) -> Outcome {
        match &mut self.sidecar {
            Some(sidecar) => sidecar.stop().await,
            None => Ok(()),
        }
    }

    async fn walk(&mut self) -> Outcome {
        let redis = servers::redis_url()?;
        let server = self.home.kind().name();
        let (mut all, mut flags) = (Vec::new(), Vec::new());
        for way in &self.ways {
            let Some(phase) = way.phase else { continue };
            for moved in self.schema.tables.iter().filter_map(|table| moved(&way.schema, table, server)) {
                for grant in home::log_grants(&moved.id) {
                    self.home.root().query_drop(grant).await?;
                }
                let mut flag = Flag::connect(&redis, None, &moved.flag_key).await?;
                flag.forget().await?;
                flags.push((flag, phase));
                all.push(moved);
            }
        }
        self.sidecar = Some(Sidecar::start(&Setup::new(&self.home, &redis, all)?, server).await?);
        for (flag, phase) in &mut flags {
            flag.until("1100", WALK_LIMIT, |state| state.phase == Some(Phase::Legacy)).await?;
            flag.set(*phase).await?;
        }
        for (flag, phase) in &mut flags {
            flag.until(phase.flag(), WALK_LIMIT, |state| state.phase == Some(*phase)).await?;
            if *phase == Phase::DualWrite {
                // Before the copy is certified the shards are only on their way to being equal.
                flag.until("a certified copy", WALK_LIMIT, State::certified).await?;
            }
        }
        Ok(())
    }

    /// Sets the parts of a table that `wanted` takes by their names to the rows that cases begin with, in one
    /// transaction: a verify that looks meanwhile sees both sides equal.
    ///
    /// # Errors
    /// What the server says.
    pub async fn reset(&mut self, index: usize, wanted: impl Fn(&str) -> bool) -> Outcome {
        let table = &self.schema.tables[index];
        let names = table.given_names();
        let copy = Way { schema: TWIN.to_owned(), phase: None };
        let mut statements = vec!["BEGIN".to_owned()];
        let parts = std::iter::once(&copy).chain(&self.ways).flat_map(|way| way.parts(table));
        for part in parts.filter(|part| wanted(&part.name)) {
            let rows = part.shard.map_or("TRUE".to_owned(), |(id, number)| format!("{number} = {id}"));
            statements.push(format!("DELETE FROM {}", part.name));
            statements.push(format!(
                "INSERT INTO {} ({names}) SELECT {names} FROM {SEED}.{} WHERE {rows}",
                part.name, table.name
            ));
        }
        statements.push("COMMIT".to_owned());
        self.home.root().query_drop(statements.join(";")).await?;
        Ok(())
    }

    /// Replaces the rows that cases begin with by those of `table`.
    ///
    /// # Errors
    /// What the server says.
    pub async fn seed(&mut self, index: usize, rows: Vec<Vec<String>>) -> Outcome {
        let table = &mut self.schema.tables[index];
        table.rows = rows;
        let name = format!("{SEED}.{}", table.name);
        let fill = table.fill(&name);
        let root = self.home.root();
        root.query_drop(format!("DELETE FROM {name}")).await?;
        if !fill.is_empty() {
            root.query_drop(fill).await?;
        }
        self.reset(index, |_| true).await
    }
}

async fn create(home: &mut Home, schema: &Schema, name: &str, table: &Table) -> Outcome {
    let full = format!("{name}.{}", table.name);
    let ddl = match name {
        CONTROL => table.partitioned_ddl(&full, schema.server),
        _ => table.ddl(&full, schema.server),
    };
    for sql in [ddl, table.fill(&full)] {
        home.root().query_drop(&sql).await.map_err(|error| format!("{error} in {sql}"))?;
    }
    let shards = sharded(name, table).filter(|_| name != TWIN && name != SEED);
    for (_, shard) in shards.iter().flat_map(ShardedTable::numbered_shards) {
        home.root().query_drop(format!("CREATE TABLE {shard} LIKE {full}")).await?;
    }
    Ok(())
}
