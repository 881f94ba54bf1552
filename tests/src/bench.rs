//! Real sidecars in front of one small table, and the gate in the test's own hand: for what a sidecar does
//! under the gate.

use mysql_async::{Conn, Error, Opts, prelude::Queryable};
use topology::{Epoch, Gate, GateState, Phase, ShardedTable};

use crate::{
    Outcome,
    home::Home,
    patience::PATIENCE,
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::{Flag, State},
};

const TABLES: [&str; 2] = [
    "CREATE TABLE user (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT '', \
     n INT NOT NULL DEFAULT 0, KEY name (name))",
    "CREATE TABLE orders (id INT PRIMARY KEY, n INT)",
];

/// Rows of `user`: ids 1 to this.
pub const ROWS: u32 = 40;

/// A server, the flag and the sidecars.
#[derive(Debug)]
pub struct Bench {
    /// The server's kind.
    pub kind: Kind,
    /// The server, claimed for this test.
    pub home: Home,
    /// The flag.
    pub flag: Flag,
    /// The first is there from the start.
    pub sidecars: Vec<Sidecar>,
    /// What they are told.
    pub setup: Setup,
    /// `user`, `orders` and the shards; `<schema>_twin` has the former two.
    pub schema: String,
    /// The phase that [`Bench::walk_to`] left.
    pub phase: Phase,
}

impl Bench {
    /// The tables (row 5: name `n5`, n 0), the shards empty, and a sidecar in 1100.
    ///
    /// # Errors
    /// What a server says.
    pub async fn new(kind: Kind, schema: &str) -> Outcome<Self> {
        let mut home = Home::claim(kind).await?;
        let twin = format!("{schema}_twin");
        home.clean(&[schema, &twin]).await?;
        let rows: Vec<String> = (1..=ROWS).map(|i| format!("({i},'n{i}',0)")).collect();
        for schema in [&twin, schema] {
            home.root().query_drop(format!("USE {schema}")).await?;
            for table in TABLES {
                home.root().query_drop(table).await?;
            }
            home.root().query_drop(format!("INSERT INTO user VALUES {}", rows.join(","))).await?;
        }
        for i in 0..10 {
            home.root().query_drop(format!("CREATE TABLE user_{i} LIKE user")).await?;
        }
        let (redis, key) = (servers::redis_url()?, format!("migrate_{schema}_{}", kind.name()));
        let mut flag = Flag::connect(&redis, None, &key).await?;
        flag.forget().await?;
        let setup = Setup::user(&home, schema, &redis, &key)?;
        let sidecars = vec![Sidecar::start(&setup, "first").await?];
        flag.until("a gate", PATIENCE, |state| state.phase == Some(Phase::Legacy)).await?;
        Ok(Self { kind, home, flag, sidecars, setup, schema: schema.to_owned(), phase: Phase::Legacy })
    }

    /// Sets the flag and waits until the fleet is there; in 1101 also until the copy is certified.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn walk_to(&mut self, phase: Phase) -> Outcome {
        self.flag.walk_to(phase, PATIENCE).await?;
        self.phase = phase;
        if phase == Phase::DualWrite {
            self.flag.until("a certified copy", PATIENCE, State::certified).await?;
        }
        Ok(())
    }

    /// The application through the sidecar with this number.
    ///
    /// # Errors
    /// When the server's URL makes no sense.
    pub fn opts(&self, sidecar: usize) -> Outcome<Opts> {
        self.home.app_opts(Some(("127.0.0.1", self.sidecars[sidecar].port())), &self.schema)
    }

    /// A connection of the application through the first sidecar.
    ///
    /// # Errors
    /// What the login says.
    pub async fn conn(&self) -> Outcome<Conn> {
        Ok(Conn::new(self.opts(0)?).await?)
    }

    /// A connection of the account that may do everything, straight to the server.
    ///
    /// # Errors
    /// What the login says.
    pub async fn direct(&self) -> Outcome<Conn> {
        let mut conn = Conn::from_url(self.home.url()).await?;
        conn.query_drop(format!("USE {}", self.schema)).await?;
        Ok(conn)
    }

    /// Runs a statement as that account.
    ///
    /// # Errors
    /// What the server says.
    pub async fn root(&mut self, sql: &str) -> Outcome {
        self.home.root().query_drop(sql).await.map_err(|error| format!("{sql}: {error}"))?;
        Ok(())
    }

    /// The gate that there is.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub async fn gate(&mut self) -> Outcome<Gate> {
        let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shunt'";
        let names: Vec<String> = self.home.root().query(sql).await?;
        let gates = names.iter().filter_map(|name| Gate::parse(name).transpose());
        let mut gates = gates.collect::<Result<Vec<Gate>, _>>()?;
        match (gates.pop(), gates.is_empty()) {
            (Some(gate), true) => Ok(gate),
            _ => Err(format!("not one gate: {names:?}").into()),
        }
    }

    /// Renames the gate to `phase` in the next epoch, without a word to any sidecar: for a moment their snapshots are
    /// stale. False if somebody holds it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn flip_by_hand(&mut self, phase: Phase) -> Outcome<bool> {
        self.rename_gate(GateState::Open(phase)).await
    }

    /// The same, also to `hold`.
    ///
    /// # Errors
    /// What the server says.
    pub async fn rename_gate(&mut self, state: GateState) -> Outcome<bool> {
        let gate = self.gate().await?;
        let moved = self.setup.tables.first().ok_or("no table is configured")?;
        let table = ShardedTable::new(&moved.id, &moved.table, &moved.shard_key, &moved.shards)?;
        let next = Gate::new(gate.table.clone(), Epoch(gate.epoch.0 + 1), state, table.hash());
        let mut conn = self.direct().await?;
        conn.query_drop("SET SESSION lock_wait_timeout = 1").await?;
        match conn.query_drop(format!("RENAME TABLE {} TO {}", gate.quoted(), next.quoted())).await {
            Ok(()) => {
                // Else the controller would walk back to what was asked for before, a few seconds later.
                if let GateState::Open(phase) = state {
                    self.flag.set(phase).await?;
                }
                Ok(true)
            }
            Err(Error::Server(error)) if error.code == 1205 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The connections that hold the gate.
    ///
    /// # Errors
    /// What the server says.
    pub async fn holders(&mut self) -> Outcome<Vec<u32>> {
        let gate = self.gate().await?.name();
        if self.kind == Kind::MariaDb {
            // Installed once in a server's life; a second time is an error.
            drop(self.home.root().query_drop("INSTALL SONAME 'metadata_lock_info'").await);
        }
        let sql = match self.kind {
            Kind::MySql => {
                "SELECT DISTINCT t.PROCESSLIST_ID FROM performance_schema.metadata_locks m \
                 JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
                 WHERE m.LOCK_STATUS = 'GRANTED' AND m.OBJECT_NAME = ?"
            }
            Kind::MariaDb => {
                "SELECT DISTINCT CAST(THREAD_ID AS UNSIGNED) FROM information_schema.METADATA_LOCK_INFO \
                 WHERE TABLE_NAME = ?"
            }
        };
        Ok(self.home.root().exec(sql, (gate,)).await?)
    }

    /// Copies legacy's rows to the shards, in 1100.
    ///
    /// # Errors
    /// What the server says.
    pub async fn fill_shards(&mut self) -> Outcome {
        for i in 0..10 {
            self.root(&format!("INSERT INTO user_{i} SELECT * FROM user WHERE id % 10 = {i}")).await?;
        }
        Ok(())
    }

    /// `n` of a row in legacy and in its shard.
    ///
    /// # Errors
    /// What the server says.
    pub async fn both_sides(&mut self, id: usize) -> Outcome<(Option<i64>, Option<i64>)> {
        let root = self.home.root();
        let legacy = root.query_first(format!("SELECT n FROM user WHERE id = {id}")).await?;
        let shard = root.query_first(format!("SELECT n FROM user_{} WHERE id = {id}", id % 10)).await?;
        Ok((legacy, shard))
    }
}

/// The error of a statement that the server, or Shunt, refuses.
///
/// # Errors
/// When it was not refused.
pub fn refused(result: Result<(), Error>) -> Outcome<(u16, String)> {
    match result {
        Err(Error::Server(error)) => Ok((error.code, error.message)),
        other => Err(format!("an error of the server was expected: {other:?}").into()),
    }
}
