//! When a copy or a verify pass waits: home is busy or slow, a replica lags, or somebody asked for a pause.
//!
//! Every input fails closed: what cannot be read is a reason to wait.

use std::time::{Duration, Instant};

use flag_client::{Home, HomeConfig, HomeConn, HomeError};
use mysql_async::{Row, prelude::Queryable};

use crate::db;

/// How often the load is looked at; a look costs home well under a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before looking again when told to pause.
const PAUSED_FOR: Duration = Duration::from_millis(250);
/// A replica that does not answer for so long lags.
const REPLICA_TIMEOUT: Duration = Duration::from_secs(2);

/// What is steered at run time from outside, for instance by keys in Redis.
pub trait Steering: Send + Sync {
    /// Why to pause now; `None` to go on. Must fail closed: a stale source is a reason to pause.
    fn paused(&self) -> Option<String>;
    /// The id of the first dual-written insert, once known: it scales the progress.
    fn end_id(&self) -> Option<i128>;
}

/// Never pauses, knows no end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsteered;

impl Steering for Unsteered {
    fn paused(&self) -> Option<String> {
        None
    }
    fn end_id(&self) -> Option<i128> {
        None
    }
}

/// Above which load work in the background waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Home's Threads_running; `None` never looks.
    pub threads_running: Option<u32>,
    /// How long home may take for a statement that does nothing but read a counter; `None`: any time.
    pub latency: Option<Duration>,
    /// Replicas of home, all of which must follow.
    pub replicas: Vec<HomeConfig>,
    /// How far a replica may be behind; the servers tell it in whole seconds.
    pub replica_lag: Duration,
}

impl Default for ThrottleLimits {
    /// 25 running threads and one second are gh-ost's and pt-online-schema-change's usual limits; a statement that
    /// takes a quarter of a second instead of half a millisecond says that home has no room at all.
    fn default() -> Self {
        Self {
            threads_running: Some(25),
            latency: Some(Duration::from_millis(250)),
            replicas: Vec::new(),
            replica_lag: Duration::from_secs(1),
        }
    }
}

impl ThrottleLimits {
    /// No limit at all.
    #[must_use]
    pub fn none() -> Self {
        Self { threads_running: None, latency: None, ..Self::default() }
    }
}

/// Looks at the load now and then.
pub struct Throttle {
    limits: ThrottleLimits,
    looked: Option<Instant>,
    reason: Option<String>,
    replicas: Vec<Replica>,
}

impl Throttle {
    /// Has not looked yet.
    #[must_use]
    pub fn new(limits: &ThrottleLimits) -> Self {
        let replicas = limits.replicas.iter().map(|config| Replica::new(config.clone())).collect();
        Self { limits: limits.clone(), looked: None, reason: None, replicas }
    }

    /// Why to pause, by load or from outside; `None` to go on.
    ///
    /// # Errors
    /// [`HomeError`] when home's load cannot be read.
    pub async fn reason(
        &mut self,
        conn: &mut HomeConn,
        steering: &dyn Steering,
    ) -> Result<Option<String>, HomeError> {
        if let Some(reason) = steering.paused() {
            return Ok(Some(reason));
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.reason = match self.home_is_busy(conn).await? {
                Some(reason) => Some(reason),
                None => self.replica_lags().await,
            };
            self.looked = Some(Instant::now());
        }
        Ok(self.reason.clone())
    }

    async fn home_is_busy(&self, conn: &mut HomeConn) -> Result<Option<String>, HomeError> {
        let began = Instant::now();
        let rows =
            db::packet(conn, "reading Threads_running", "SHOW GLOBAL STATUS LIKE 'Threads_running'").await?;
        let took = began.elapsed();
        let running: u32 =
            rows.first().and_then(|rows| rows.first()).map_or(u32::MAX, |row| db::number(row, 1));
        Ok(match (self.limits.threads_running, self.limits.latency) {
            (Some(limit), _) if running > limit => {
                Some(format!("home is busy: {running} threads running, the limit is {limit}"))
            }
            (_, Some(limit)) if took > limit => Some(format!(
                "home is slow: reading a counter took {} ms, the limit is {} ms",
                took.as_millis(),
                limit.as_millis()
            )),
            _ => None,
        })
    }

    async fn replica_lags(&mut self) -> Option<String> {
        for replica in &mut self.replicas {
            let lag = match tokio::time::timeout(REPLICA_TIMEOUT, replica.lag()).await {
                Ok(lag) => lag,
                Err(_) => Err(format!("it did not answer within {} s", REPLICA_TIMEOUT.as_secs())),
            };
            let address = replica.home.address();
            match lag {
                Ok(lag) if lag <= self.limits.replica_lag => {}
                Ok(lag) => {
                    return Some(format!(
                        "replica {address} is {} s behind, the limit is {} s",
                        lag.as_secs(),
                        self.limits.replica_lag.as_secs()
                    ));
                }
                Err(why) => {
                    replica.conn = None;
                    return Some(format!("how far replica {address} is behind is not known: {why}"));
                }
            }
        }
        None
    }

    /// How long to wait before asking again.
    #[must_use]
    pub fn pause() -> Duration {
        PAUSED_FOR
    }
}

/// One replica and the connection on which it is asked.
struct Replica {
    home: Home,
    conn: Option<HomeConn>,
}

impl Replica {
    fn new(config: HomeConfig) -> Self {
        Self { home: Home::new(config), conn: None }
    }

    /// How far it is behind; the largest of several channels. The error is why that is not known.
    async fn lag(&mut self) -> Result<Duration, String> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.home.connect().await.map_err(|error| error.to_string())?,
        };
        let (sql, column) = match conn.server().mariadb {
            true => ("SHOW ALL SLAVES STATUS", "Seconds_Behind_Master"),
            false => ("SHOW REPLICA STATUS", "Seconds_Behind_Source"),
        };
        let channels: Vec<Row> = conn.query(sql).await.map_err(|error| error.to_string())?;
        self.conn = Some(conn);
        let mut largest = None;
        for channel in &channels {
            let at = channel.columns_ref().iter().position(|known| known.name_str() == column);
            let seconds: Option<u64> =
                at.and_then(|at| db::text(channel, at)).and_then(|text| text.parse().ok());
            largest = largest.max(Some(seconds.ok_or("its replication does not run")?));
        }
        largest.map(Duration::from_secs).ok_or_else(|| "it is no replica".to_owned())
    }
}
