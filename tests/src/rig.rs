//! One sharded table on a real server without any sidecar: for tests of copy, verify, reverse sync and ids,
//! which play the part of the data plane themselves.

use flag_client::{Home, HomeConn};
use mysql_async::{Conn, prelude::Queryable};
use topology::{Epoch, Gate, GateState, Phase, ShardedTable, TableSchema};

use crate::{
    Outcome, home,
    servers::{self, Kind},
};

/// A legacy table `rig_<name>.user`, its shards, schema `shunt` and a gate.
pub struct Rig {
    /// Home, with the account that may do everything.
    pub home: Home,
    /// A control connection.
    pub conn: HomeConn,
    /// The table; its id is the rig's name.
    pub table: ShardedTable,
    /// The gate that exists.
    pub gate: Gate,
    /// `rig_<name>`.
    pub db: String,
}

impl Rig {
    /// Makes the tables. `columns` is what stands between the parentheses of CREATE TABLE; `name` is unique per test.
    ///
    /// # Errors
    /// What the server says.
    pub async fn new(
        kind: Kind,
        name: &str,
        columns: &str,
        shard_key: &str,
        shards: u32,
        phase: Phase,
    ) -> Outcome<Self> {
        let home = home::control(&servers::url(kind)?)?;
        let mut conn = home.connect().await?;
        let db = format!("rig_{name}");
        for sql in [
            format!("DROP DATABASE IF EXISTS {db}"),
            format!("CREATE DATABASE {db}"),
            format!("CREATE TABLE {db}.user ({columns})"),
        ] {
            conn.query_drop(sql).await?;
        }
        for i in 0..shards {
            conn.query_drop(format!("CREATE TABLE {db}.user_{i} LIKE {db}.user")).await?;
        }
        let pattern = format!("{db}.user_{{0..{}}}", shards - 1);
        let table = ShardedTable::new(name, &format!("{db}.user"), shard_key, &pattern)?;
        let mut rig = Self { gate: gate(&table, 1, GateState::Open(phase)), home, conn, table, db };
        rig.prepare_shunt().await?;
        Ok(rig)
    }

    async fn prepare_shunt(&mut self) -> Outcome {
        let id = self.table.id().to_string();
        self.conn.query_drop("CREATE SCHEMA IF NOT EXISTS shunt").await?;
        self.conn.query_drop(format!("DROP TABLE IF EXISTS shunt.dirty_{id}")).await?;
        let schema = self.schema().await?;
        reshard::bootstrap::ensure(&mut self.conn, &[schema]).await?;
        for table in ["copy", "verify", "sequence", "parked"] {
            let sql = format!("DELETE FROM shunt.{table} WHERE table_id='{id}'");
            self.conn.query_drop(sql).await?;
        }
        let sql = format!("DELETE FROM shunt.filled WHERE shard_schema='{}'", self.db);
        self.conn.query_drop(sql).await?;
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='shunt' AND TABLE_NAME LIKE 'gate\\_{id}\\_%'"
        );
        let old: Vec<String> = self.conn.query(sql).await?;
        for name in old {
            self.conn.query_drop(format!("DROP TABLE shunt.`{name}`")).await?;
        }
        let sql = format!("CREATE TABLE {} (one INT) ENGINE=InnoDB", self.gate.quoted());
        self.conn.query_drop(sql).await?;
        Ok(())
    }

    /// The table's shape as the server has it now.
    ///
    /// # Errors
    /// What the server says.
    pub async fn schema(&mut self) -> Outcome<TableSchema> {
        Ok(flag_client::load_schema(&mut self.conn, &self.table).await?)
    }

    /// Renames the gate, as a flip does.
    ///
    /// # Errors
    /// What the server says.
    pub async fn flip(&mut self, state: GateState) -> Outcome {
        let next = gate(&self.table, self.gate.epoch.0 + 1, state);
        let sql = format!("RENAME TABLE {} TO {}", self.gate.quoted(), next.quoted());
        self.conn.query_drop(sql).await?;
        self.gate = next;
        Ok(())
    }

    /// Runs a statement; `@` stands for the rig's schema.
    ///
    /// # Errors
    /// What the server says.
    pub async fn run(&mut self, sql: &str) -> Outcome {
        let sql = sql.replace('@', &self.db);
        self.conn.query_drop(&sql).await.map_err(|error| format!("{sql}: {error}"))?;
        Ok(())
    }

    /// One number; `@` stands for the rig's schema.
    ///
    /// # Errors
    /// What the server says.
    pub async fn number(&mut self, sql: &str) -> Outcome<i64> {
        let sql = sql.replace('@', &self.db);
        let number: Option<i64> = self.conn.query_first(sql).await?;
        Ok(number.unwrap_or(0))
    }

    /// A connection as an application has one: the driver's, with the server's defaults.
    ///
    /// # Errors
    /// What the server says.
    pub async fn application(&self, kind: Kind) -> Outcome<Conn> {
        let mut conn = Conn::from_url(servers::url(kind)?).await?;
        conn.query_drop(format!("USE {}", self.db)).await?;
        Ok(conn)
    }

    /// Rows that are in legacy and not, byte for byte in `columns`, in the shard their key names, or the other
    /// way round. Counted by a full comparison that shares nothing with verify. `columns` come as one list.
    ///
    /// # Errors
    /// What the server says.
    pub async fn diverged(&mut self, columns: &str) -> Outcome<i64> {
        let n = self.table.modulus();
        let key = self.table.shard_key().to_owned();
        let images: Vec<String> =
            columns.split(',').map(|column| format!("COALESCE(HEX({column}),'NULL')")).collect();
        let images = images.join(",'|',");
        let shards: Vec<String> =
            (0..n).map(|i| format!("SELECT {i} place,CONCAT({images}) image FROM @.user_{i}")).collect();
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT place,image,SUM(side) s,COUNT(*) c FROM (\
             SELECT MOD(MOD({key},{n})+{n},{n}) place,CONCAT({images}) image,1 side FROM @.user \
             UNION ALL SELECT place,image,2 side FROM ({}) shards) both_sides GROUP BY place,image \
             HAVING s<>3 OR c<>2) wrong",
            shards.join(" UNION ALL ")
        );
        self.number(&sql).await
    }
}

fn gate(table: &ShardedTable, epoch: u64, state: GateState) -> Gate {
    Gate::new(table.id().clone(), Epoch(epoch), state, table.hash())
}
