//! One server prepared for a migration: an exclusive claim, clean schemas, and the two accounts of a deployment.
//!
//! Schema `shunt` is one for the whole server and is made anew for each test, so two tests that run sidecars on one
//! server would disturb each other: whoever starts sidecars claims the server first.

use flag_client::HomeConfig;
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};

use crate::{
    Outcome,
    patience::PATIENCE,
    servers::{self, Kind},
};

/// The application's password, and the control user's. Test servers listen on loopback only.
pub const PASSWORD: &str = "demo-Passw0rd";
/// An ordinary account: what an application has, and what Shunt's documentation asks to be granted to it.
pub const APP_USER: &str = "app";
/// The account of the sidecars' own connections.
pub const CONTROL_USER: &str = "shunt";
/// How long a test waits for another one to give the server back.
const CLAIM_TIMEOUT_S: u32 = 1_800;

/// Home as the program's own parts know it, by the URL of an account. A login may take its time: the program's limit
/// is for a home that is away.
///
/// # Errors
/// When the URL makes no sense.
pub fn control(url: &str) -> Outcome<flag_client::Home> {
    let mut config = HomeConfig::from_url(url)?;
    config.connect_timeout = PATIENCE;
    Ok(flag_client::Home::new(config))
}

/// A server that nobody else migrates on as long as this lives.
#[derive(Debug)]
pub struct Home {
    kind: Kind,
    url: String,
    /// Holds the claim; it ends with the connection.
    root: Conn,
}

impl Home {
    /// Claims the test server of this kind.
    ///
    /// # Errors
    /// When it cannot be reached, or is not given back within half an hour.
    pub async fn claim(kind: Kind) -> Outcome<Self> {
        Self::claim_url(kind, &servers::url(kind)?).await
    }

    /// Claims the server at `url`, an account that may do everything.
    ///
    /// # Errors
    /// As [`Home::claim`].
    pub async fn claim_url(kind: Kind, url: &str) -> Outcome<Self> {
        let mut root = Conn::from_url(url).await?;
        let got: Option<i64> =
            root.exec_first("SELECT GET_LOCK('shunt_test_home', ?)", (CLAIM_TIMEOUT_S,)).await?;
        if got != Some(1) {
            return Err(format!("another test kept {url} for {CLAIM_TIMEOUT_S} s").into());
        }
        root.query_drop("SET SESSION wait_timeout = 86400").await?;
        Ok(Self { kind, url: url.to_owned(), root })
    }

    /// Which kind of server it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The connection that holds the claim, for set-up work.
    pub const fn root(&mut self) -> &mut Conn {
        &mut self.root
    }

    /// The URL of the account that may do everything.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address without any account: `mysql://HOST:PORT`, as a sidecar's configuration wants it.
    ///
    /// # Errors
    /// When the server's URL makes no sense.
    pub fn address(&self) -> Outcome<String> {
        let opts = Opts::from_url(&self.url)?;
        Ok(format!("mysql://{}:{}", opts.ip_or_hostname(), opts.tcp_port()))
    }

    /// The options of a connection of the application: directly, or through a sidecar at `through` (host, port).
    ///
    /// # Errors
    /// When the server's URL makes no sense.
    pub fn app_opts(&self, through: Option<(&str, u16)>, schema: &str) -> Outcome<Opts> {
        let opts = Opts::from_url(&self.url)?;
        let (host, port) = through.unwrap_or((opts.ip_or_hostname(), opts.tcp_port()));
        let builder = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .user(Some(APP_USER))
            .pass(Some(PASSWORD))
            .db_name(Some(schema))
            .prefer_socket(false);
        Ok(builder.into())
    }

    /// Drops `schemas` and Shunt's own, and makes the former again, empty. The accounts get exactly the
    /// grants that the documentation asks for.
    ///
    /// # Errors
    /// What the server says.
    pub async fn clean(&mut self, schemas: &[&str]) -> Outcome {
        self.root.query_drop("DROP DATABASE IF EXISTS shunt").await?;
        for schema in schemas {
            self.root.query_drop(format!("DROP DATABASE IF EXISTS `{schema}`")).await?;
            self.root.query_drop(format!("CREATE DATABASE `{schema}`")).await?;
        }
        for statement in accounts(self.kind, schemas) {
            self.root.query_drop(&statement).await.map_err(|e| format!("{statement}: {e}"))?;
        }
        Ok(())
    }
}

/// The statements that let the application append to the log of the reverse sync of the table with this id. The log
/// does not exist yet: a grant on it is possible together with CREATE only.
#[must_use]
pub fn log_grants(id: &str) -> [String; 2] {
    [
        format!("GRANT CREATE, INSERT ON shunt.dirty_{id} TO '{APP_USER}'@'%'"),
        format!("REVOKE CREATE ON shunt.dirty_{id} FROM '{APP_USER}'@'%'"),
    ]
}

/// The statements that make the two accounts.
fn accounts(kind: Kind, schemas: &[&str]) -> Vec<String> {
    let mut all = vec![
        // Gates and logs are made here by the control user; the application needs the schema to exist for its grants.
        "CREATE DATABASE shunt".to_owned(),
    ];
    for user in [APP_USER, CONTROL_USER] {
        all.push(format!("DROP USER IF EXISTS '{user}'@'%'"));
        all.push(format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'"));
    }
    for schema in schemas {
        all.push(format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE, LOCK TABLES ON `{schema}`.* TO '{APP_USER}'@'%'"
        ));
        all.push(format!("GRANT ALL ON `{schema}`.* TO '{CONTROL_USER}'@'%'"));
    }
    all.push(format!("GRANT SELECT, LOCK TABLES ON shunt.* TO '{APP_USER}'@'%'"));
    all.extend(log_grants("user"));
    all.push(format!("GRANT ALL ON shunt.* TO '{CONTROL_USER}'@'%'"));
    all.push(format!("GRANT SELECT ON performance_schema.* TO '{CONTROL_USER}'@'%'"));
    all.push(match kind {
        Kind::MySql => format!("GRANT PROCESS, CONNECTION_ADMIN ON *.* TO '{CONTROL_USER}'@'%'"),
        Kind::MariaDb => format!("GRANT PROCESS, CONNECTION ADMIN ON *.* TO '{CONTROL_USER}'@'%'"),
    });
    all
}
