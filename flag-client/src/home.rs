//! Home: the MySQL or MariaDB server that holds the legacy table and the schema `shunt`.
//!
//! Every control connection of Shunt is opened here, so that all of them resolve the address anew,
//! give up in bounded time and run in the same pinned session, whatever the server's defaults are.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use mysql_async::{
    Conn, DriverError, Error as MyError, Opts, OptsBuilder, Params, SslOpts,
    prelude::{FromRow, Queryable},
};
use tokio::time::timeout;

/// A connect that takes longer is given up: home is away, and its address may have changed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Control connections read rows of any size that the server itself can hold (MySQL's own maximum).
const MAX_PACKET_BYTES: usize = 1 << 30;

/// `wait_timeout` of a control connection in seconds: MySQL's default, pinned because a DBA may have
/// set a short one for applications.
const WAIT_TIMEOUT_S: usize = 28_800;

/// What a control session is set to, whatever the server's defaults are.
///
/// Zero and invalid dates and id 0 exist in old tables and must be copied as they are, while
/// anything that would truncate a value must fail. `+00:00`: TIMESTAMPs are copied without a
/// repeated hour.
const SESSION: &[&str] = &[
    "SET NAMES utf8mb4",
    "SET SESSION time_zone='+00:00', autocommit=1, completion_type=0, \
     sql_select_limit=DEFAULT, sql_safe_updates=0, sql_big_selects=1, \
     sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION', \
     group_concat_max_len=1048576, lock_wait_timeout=50, innodb_lock_wait_timeout=50, \
     foreign_key_checks=1, unique_checks=1",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ WRITE",
];

/// Whether control connections use TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HomeTls {
    /// Never.
    Off,
    /// If the server offers it and it works, without checking its certificate: what MySQL's own clients do.
    #[default]
    Preferred,
    /// Always, and the certificate is checked.
    Required {
        /// PEM file of the authority that signed the server's certificate; the built-in roots if absent.
        ca: Option<PathBuf>,
    },
}

/// Where home is and who Shunt is there.
#[derive(Clone, PartialEq, Eq)]
pub struct HomeConfig {
    /// Host name or address; a name is resolved at each connect.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The control user.
    pub user: String,
    /// Its password.
    pub password: Option<String>,
    /// TLS.
    pub tls: HomeTls,
    /// Longest time for one connect, TLS and login included.
    pub connect_timeout: Duration,
}

impl fmt::Debug for HomeConfig {
    /// Without the password: configurations end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl HomeConfig {
    /// A configuration with the defaults of everything but the address and the user.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            password: None,
            tls: HomeTls::default(),
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// Reads `mysql://user:password@host:port`; a path and parameters are ignored.
    ///
    /// # Errors
    /// [`HomeError::Url`], which never repeats the password.
    pub fn from_url(url: &str) -> Result<Self, HomeError> {
        let opts = Opts::from_url(url).map_err(|error| HomeError::Url(error.to_string()))?;
        let mut config = Self::new(opts.ip_or_hostname(), opts.tcp_port(), opts.user().unwrap_or("root"));
        config.password = opts.pass().map(ToOwned::to_owned);
        Ok(config)
    }
}

/// Which of the two servers home is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// MariaDB, else MySQL.
    pub mariadb: bool,
    /// Major, minor and patch level.
    pub version: (u16, u16, u16),
    /// The answer to `SELECT VERSION()`.
    pub text: String,
}

impl Server {
    /// Reads the answer to `SELECT VERSION()`, for instance `10.11.19-MariaDB-0+deb12u1` or `9.7.0`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            mariadb: text.to_ascii_lowercase().contains("mariadb"),
            version: (next(), next(), next()),
            text: text.to_owned(),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.mariadb { "MariaDB" } else { "MySQL" };
        write!(f, "{name} {}", self.text)
    }
}

/// Why something on home did not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HomeError {
    /// The URL cannot be read.
    #[error(
        "home's URL cannot be read: {0}; write it as mysql://user@host:3306 and give the password by environment or file"
    )]
    Url(String),
    /// Nothing was sent to the server.
    #[error(
        "cannot reach home {address}: {cause}; nothing was run; check that the server is up and that host, port and firewall are right"
    )]
    Unreachable {
        /// `host:port`.
        address: Arc<str>,
        /// The cause.
        cause: String,
    },
    /// Login was refused.
    #[error(
        "home {address} refuses the control user `{user}`: {cause}; check user and password in Shunt's configuration, and that the account may log in from this host"
    )]
    Denied {
        /// `host:port`.
        address: Arc<str>,
        /// The control user.
        user: String,
        /// The server's words.
        cause: String,
    },
    /// A statement of Shunt's own failed; `doing` says what it was for.
    #[error("home {address}: {doing} failed: {cause}")]
    Statement {
        /// `host:port`.
        address: Arc<str>,
        /// What Shunt was doing.
        doing: String,
        /// The server's error number; `None` when the connection broke.
        code: Option<u16>,
        /// The server's words.
        cause: String,
    },
}

impl HomeError {
    /// The server's error number, if the server answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Statement { code, .. } => *code,
            _ => None,
        }
    }

    /// Whether the connection is unusable now (the server did not answer with an error of its own).
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        self.code().is_none()
    }
}

/// The home server: knows how to open control connections.
#[derive(Debug, Clone)]
pub struct Home {
    config: Arc<HomeConfig>,
    address: Arc<str>,
}

impl Home {
    /// No connection is made yet.
    #[must_use]
    pub fn new(config: HomeConfig) -> Self {
        Self { address: format!("{}:{}", config.host, config.port).into(), config: Arc::new(config) }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &HomeConfig {
        &self.config
    }

    /// Opens a control connection: resolves the address, logs in, pins the session.
    ///
    /// # Errors
    /// [`HomeError`]; at the latest after the configured connect timeout.
    pub async fn connect(&self) -> Result<HomeConn, HomeError> {
        let limit = self.config.connect_timeout;
        match timeout(limit, self.login()).await {
            Ok(result) => result,
            Err(_) => Err(self.unreachable(format!("no answer within {limit:?}"))),
        }
    }

    async fn login(&self) -> Result<HomeConn, HomeError> {
        let mut result = Conn::new(self.opts(self.config.tls != HomeTls::Off)).await;
        if let Err(error) = &result
            && self.config.tls == HomeTls::Preferred
            && tls_failed(error)
        {
            tracing::debug!(home = %self.address, %error, "no TLS to home");
            result = Conn::new(self.opts(false)).await;
        }
        let mut conn = result.map_err(|error| self.login_error(error))?;
        let text: Option<String> =
            conn.query_first("SELECT VERSION()").await.map_err(|error| self.login_error(error))?;
        let mut conn = HomeConn {
            conn,
            server: Server::parse(&text.unwrap_or_default()),
            address: self.address.clone(),
        };
        conn.pin_session().await?;
        Ok(conn)
    }

    fn opts(&self, tls: bool) -> OptsBuilder {
        let ssl = tls.then(|| match &self.config.tls {
            HomeTls::Required { ca } => SslOpts::default()
                .with_root_certs(ca.iter().map(|path| path.clone().into()).collect::<Vec<_>>()),
            HomeTls::Preferred | HomeTls::Off => SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
        });
        OptsBuilder::default()
            .ip_or_hostname(self.config.host.clone())
            .tcp_port(self.config.port)
            .user(Some(self.config.user.clone()))
            .pass(self.config.password.clone())
            .ssl_opts(ssl)
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(10)))
            .max_allowed_packet(Some(MAX_PACKET_BYTES))
            .wait_timeout(Some(WAIT_TIMEOUT_S))
            .connect_attribute("program_name", "shunt")
    }

    fn unreachable(&self, cause: String) -> HomeError {
        HomeError::Unreachable { address: self.address.clone(), cause }
    }

    fn login_error(&self, error: MyError) -> HomeError {
        match error {
            // 1044, 1045, 1698: access denied; 1130: host not allowed; 3118: account locked; 1862: password expired.
            MyError::Server(error) if matches!(error.code, 1044 | 1045 | 1130 | 1698 | 1862 | 3118) => {
                HomeError::Denied {
                    address: self.address.clone(),
                    user: self.config.user.clone(),
                    cause: error.message,
                }
            }
            error => self.unreachable(error.to_string()),
        }
    }
}

/// Whether a login ended before TLS was up. A certificate of version 1, as many servers have, is refused by
/// the TLS library even unchecked; who only prefers TLS is as well off without (an attacker could as well have
/// taken it off the greeting).
fn tls_failed(error: &MyError) -> bool {
    matches!(
        error,
        MyError::Driver(DriverError::NoClientSslFlagFromServer) | MyError::Io(mysql_async::IoError::Tls(_))
    ) || error.to_string().contains("invalid peer certificate")
}

/// A control connection with a pinned session. It derefs to the driver's connection.
#[derive(Debug)]
pub struct HomeConn {
    conn: Conn,
    server: Server,
    address: Arc<str>,
}

impl Deref for HomeConn {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for HomeConn {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl HomeConn {
    /// MySQL or MariaDB, and its version.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether home is MariaDB.
    #[must_use]
    pub fn mariadb(&self) -> bool {
        self.server.mariadb
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement whose rows do not matter; `doing` is what an error says it was for.
    ///
    /// # Errors
    /// [`HomeError::Statement`].
    pub async fn run(&mut self, doing: &str, sql: impl AsRef<str>) -> Result<(), HomeError> {
        let result = self.conn.query_drop(sql.as_ref()).await;
        result.map_err(|error| self.statement_error(doing, &error))
    }

    /// Runs a statement with parameters whose rows do not matter.
    ///
    /// # Errors
    /// [`HomeError::Statement`].
    pub async fn run_with(
        &mut self,
        doing: &str,
        sql: &str,
        params: impl Into<Params> + Send,
    ) -> Result<(), HomeError> {
        let result = self.conn.exec_drop(sql, params.into()).await;
        result.map_err(|error| self.statement_error(doing, &error))
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// [`HomeError::Statement`].
    pub async fn rows<T: FromRow + Send + 'static>(
        &mut self,
        doing: &str,
        sql: &str,
        params: impl Into<Params> + Send,
    ) -> Result<Vec<T>, HomeError> {
        let params = params.into();
        let result = if matches!(params, Params::Empty) {
            self.conn.query(sql).await
        } else {
            self.conn.exec(sql, params).await
        };
        result.map_err(|error| self.statement_error(doing, &error))
    }

    /// Wraps a driver error: which home, what for.
    #[must_use]
    pub fn statement_error(&self, doing: &str, error: &MyError) -> HomeError {
        let (code, cause) = match error {
            MyError::Server(error) => {
                (Some(error.code), format!("{} ({}, {})", error.message, error.code, error.state))
            }
            error => (None, error.to_string()),
        };
        HomeError::Statement { address: self.address.clone(), doing: doing.to_owned(), code, cause }
    }

    async fn pin_session(&mut self) -> Result<(), HomeError> {
        for sql in SESSION {
            self.run("setting up the control session", sql).await?;
        }
        // A global limit for applications must not end a copy; the name differs.
        let (limit, snapshot) = if self.server.mariadb {
            ("SET SESSION max_statement_time=0", Some("SET SESSION innodb_snapshot_isolation=OFF"))
        } else {
            ("SET SESSION max_execution_time=0", None)
        };
        self.run("setting up the control session", limit).await?;
        if let Some(sql) = snapshot {
            // MariaDB before 10.11.8 has no such variable and never raises its error 1020.
            let _ = self.conn.query_drop(sql).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_versions_parse() {
        let mariadb = Server::parse("10.11.19-MariaDB-0+deb12u1");
        assert!(mariadb.mariadb);
        assert_eq!(mariadb.version, (10, 11, 19));
        let mysql = Server::parse("9.7.0-commercial");
        assert!(!mysql.mariadb);
        assert_eq!(mysql.version, (9, 7, 0));
    }

    #[test]
    fn a_configuration_in_a_log_shows_no_password() {
        let config = HomeConfig::from_url("mysql://root:s3cret@127.0.0.1:3307").unwrap();
        assert_eq!(config.port, 3307);
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn an_unreachable_home_is_named_with_its_address() {
        let home = Home::new(HomeConfig::new("127.0.0.1", 1, "root"));
        let error = home.connect().await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:1"), "{error}");
        assert!(error.contains("nothing was run"), "{error}");
    }
}
