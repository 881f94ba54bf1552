//! A real replica of home, on a server of its own.

use flag_client::HomeConn;
use mysql_async::prelude::Queryable;

use crate::{
    Outcome, home,
    rig::Rig,
    servers::{Kind, OwnServer},
};

/// A replica of home that follows the rig's schema and its gate, and nothing else.
#[derive(Debug)]
pub struct Replica {
    kind: Kind,
    /// The server.
    pub server: OwnServer,
    /// A connection to it.
    pub conn: HomeConn,
}

impl Replica {
    /// Makes it, from the present on; it does not follow yet.
    ///
    /// # Errors
    /// What a server says.
    pub async fn of(rig: &mut Rig, kind: Kind) -> Outcome<Self> {
        let server = OwnServer::up(kind)?;
        let mut conn = home::control(&server.url)?.connect().await?;
        let home = rig.home.config();
        let (host, port, user) = (&home.host, home.port, &home.user);
        let password = home.password.clone().unwrap_or_default();
        let status = if kind == Kind::MySql { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" };
        let at: mysql_async::Row = rig.conn.query_first(status).await?.ok_or("home writes no binary log")?;
        let (file, position): (String, u64) = (at.get(0).ok_or("file")?, at.get(1).ok_or("position")?);
        let (db, gates) = (&rig.db, format!("shunt.gate\\_{}\\_%", rig.table.id()));
        let statements = match kind {
            Kind::MySql => vec![
                format!(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port}, SOURCE_USER='{user}', \
                     SOURCE_PASSWORD='{password}', SOURCE_SSL=1, SOURCE_LOG_FILE='{file}', SOURCE_LOG_POS={position}"
                ),
                format!("CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE=('{db}.%','{gates}')"),
            ],
            Kind::MariaDb => vec![
                format!(
                    "CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='{user}', \
                     MASTER_PASSWORD='{password}', MASTER_LOG_FILE='{file}', MASTER_LOG_POS={position}"
                ),
                format!("SET GLOBAL replicate_wild_do_table='{db}.%,{gates}'"),
            ],
        };
        conn.query_drop("SET GLOBAL server_id=2").await?;
        for schema in [db, "shunt"] {
            conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS {schema}")).await?;
        }
        for table in ["user", "user_0", "user_1"] {
            conn.query_drop(format!("CREATE TABLE {db}.{table} (id BIGINT PRIMARY KEY, n INT)")).await?;
        }
        conn.query_drop(format!("CREATE TABLE {} (one INT)", rig.gate.quoted())).await?;
        for statement in statements {
            conn.query_drop(statement).await?;
        }
        Ok(Self { kind, server, conn })
    }

    /// START and STOP, with the one word that the servers differ by.
    ///
    /// # Errors
    /// What the server says.
    pub async fn run(&mut self, verb: &str) -> Outcome {
        let noun = if self.kind == Kind::MySql { "REPLICA" } else { "SLAVE" };
        self.conn.query_drop(format!("{verb} {noun}")).await?;
        Ok(())
    }

    /// So many transactions are applied at once.
    ///
    /// # Errors
    /// What the server says.
    pub async fn appliers(&mut self, count: u32) -> Outcome {
        let settings = match self.kind {
            Kind::MySql => format!("SET GLOBAL replica_parallel_workers={count}"),
            Kind::MariaDb => {
                format!("SET GLOBAL slave_parallel_threads={count}, slave_parallel_mode='optimistic'")
            }
        };
        Ok(self.conn.query_drop(settings).await?)
    }

    /// Applies everything so many seconds late.
    ///
    /// # Errors
    /// What the server says.
    pub async fn delay(&mut self, seconds: u32) -> Outcome {
        self.run("STOP").await?;
        let sql = match self.kind {
            Kind::MySql => format!("CHANGE REPLICATION SOURCE TO SOURCE_DELAY={seconds}"),
            Kind::MariaDb => format!("CHANGE MASTER TO MASTER_DELAY={seconds}"),
        };
        self.conn.query_drop(sql).await?;
        self.run("START").await
    }
}
