//! The keys in Redis: what the DBA asks for and what Shunt publishes.
//!
//! Redis asks and wakes; it never decides. Every command runs under a timeout on a plain connection
//! that is replaced after any failure: the driver's client-side cache can serve stale values for
//! half an hour on a half-open connection, and its connection manager goes deaf as a passive subscriber.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::StreamExt;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError,
    aio::{MultiplexedConnection, PubSub},
};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use topology::{Epoch, Phase, ShardedTable};

/// Longest time for one command or one connect. Nothing but flips waits for Redis.
pub const REDIS_TIMEOUT: Duration = Duration::from_secs(1);
/// A subscriber that hears nothing sends a PING this often: a half-open connection is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Between attempts to subscribe again.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The channel of every flip; the message is the id of the table.
const CHANNEL: &str = "shunt_flips";

/// Why Redis did not do what was asked. Every phase keeps running; only flips wait.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FlagStoreError {
    /// The URL cannot be read.
    #[error("the Redis URL cannot be read: {0}; write it as redis://host:6379/0 or rediss://…")]
    Url(String),
    /// No answer.
    #[error(
        "Redis {address}: {doing} got no answer within {REDIS_TIMEOUT:?}; every table stays in its phase, no flips until it is back"
    )]
    Timeout {
        /// `host:port`.
        address: Arc<str>,
        /// What was being done.
        doing: &'static str,
    },
    /// An error.
    #[error(
        "Redis {address}: {doing} failed: {cause}; every table stays in its phase, no flips until it works again"
    )]
    Failed {
        /// `host:port`.
        address: Arc<str>,
        /// What was being done.
        doing: &'static str,
        /// The cause.
        cause: String,
    },
}

/// The keys of one table, made from its request key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlagKeys {
    /// The request: four digits, set by the DBA.
    pub request: String,
    /// Id of the first row that was written to both sides in this stay in `DualWrite`.
    pub end: String,
    /// Hash that Shunt publishes.
    pub state: String,
    /// Pauses the copy while it exists.
    pub throttle: String,
}

impl FlagKeys {
    /// The keys beside a configured request key.
    #[must_use]
    pub fn new(request: impl Into<String>) -> Self {
        let request = request.into();
        Self {
            end: format!("{request}_end"),
            state: format!("{request}_state"),
            throttle: format!("{request}_throttle"),
            request,
        }
    }

    /// `migrate_<legacy table>`, the key of a table that configures none.
    #[must_use]
    pub fn of(table: &ShardedTable) -> Self {
        Self::new(format!("migrate_{}", table.legacy().table))
    }
}

impl fmt::Display for FlagKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)
    }
}

/// The request as it stands, read in one step with the epoch that was last published there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The value of the request key, whatever it is.
    pub value: Option<String>,
    /// `epoch` of the state hash; `None` in a Redis that is new, wiped, or not Shunt's.
    pub published: Option<Epoch>,
}

/// Sets the state hash, and the request where it is missing or what the caller saw and distrusts.
/// One script, so that a request set by the DBA meanwhile is never overwritten.
///
/// KEYS: request, state. ARGV: flag, `1` if the value in ARGV[3] is to be replaced, that value,
/// channel, message, then field, value, …
const PUBLISH: &str = "
local now = redis.call('GET', KEYS[1])
if now == false or (ARGV[2] == '1' and now == ARGV[3]) then redis.call('SET', KEYS[1], ARGV[1]) end
for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return redis.call('GET', KEYS[1])";

/// Redis as Shunt uses it. Cheap to clone; commands of all clones share one connection.
#[derive(Clone)]
pub struct FlagStore {
    client: Client,
    address: Arc<str>,
    conn: Arc<Mutex<Option<MultiplexedConnection>>>,
}

impl fmt::Debug for FlagStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlagStore").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FlagStore {
    /// No connection is made yet.
    ///
    /// # Errors
    /// [`FlagStoreError::Url`].
    pub fn new(url: &str) -> Result<Self, FlagStoreError> {
        let client = Client::open(url).map_err(|error| FlagStoreError::Url(error.to_string()))?;
        let address = client.get_connection_info().addr().to_string();
        Ok(Self { client, address: address.into(), conn: Arc::default() })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The request and the epoch that was last published, read in one step.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn request(&self, keys: &FlagKeys) -> Result<Request, FlagStoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic().get(&keys.request).hget(&keys.state, "epoch");
        let (value, epoch): (Option<String>, Option<String>) =
            self.pipeline("reading the request", &pipe).await?;
        Ok(Request { value, published: epoch.and_then(|epoch| epoch.parse().ok()).map(Epoch) })
    }

    /// Asks for a phase, as `redis-cli SET` does.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn set_request(&self, keys: &FlagKeys, phase: Phase) -> Result<(), FlagStoreError> {
        let mut cmd = redis::cmd("SET");
        cmd.arg(&keys.request).arg(phase.flag());
        self.command("setting the request", &cmd).await
    }

    /// Publishes `fields` in the state hash and wakes every sidecar. The request key is set to
    /// `flag` if it is missing, or if it still holds `distrusted`. Returns the request as it stands then.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn publish(
        &self,
        keys: &FlagKeys,
        table: &str,
        flag: &str,
        distrusted: Option<&str>,
        fields: &[(&str, String)],
    ) -> Result<Option<String>, FlagStoreError> {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(PUBLISH).arg(2).arg(&keys.request).arg(&keys.state);
        cmd.arg(flag).arg(i32::from(distrusted.is_some())).arg(distrusted.unwrap_or_default());
        cmd.arg(CHANNEL).arg(table);
        for (field, value) in fields {
            cmd.arg(*field).arg(value);
        }
        self.command("publishing the state", &cmd).await
    }

    /// Wakes every sidecar without changing anything.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn wake(&self, table: &str) -> Result<(), FlagStoreError> {
        let mut cmd = redis::cmd("PUBLISH");
        cmd.arg(CHANNEL).arg(table);
        self.command("announcing a flip", &cmd).await
    }

    /// The published state hash; empty if there is none.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn state(&self, keys: &FlagKeys) -> Result<Vec<(String, String)>, FlagStoreError> {
        let mut cmd = redis::cmd("HGETALL");
        cmd.arg(&keys.state);
        self.command("reading the state", &cmd).await
    }

    /// SETNX of the first dual-written insert's id.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn set_end(&self, keys: &FlagKeys, id: &str) -> Result<bool, FlagStoreError> {
        let mut cmd = redis::cmd("SETNX");
        cmd.arg(&keys.end).arg(id);
        self.command("marking the first dual-written row", &cmd).await
    }

    /// The id that [`Self::set_end`] left.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn end(&self, keys: &FlagKeys) -> Result<Option<String>, FlagStoreError> {
        let mut cmd = redis::cmd("GET");
        cmd.arg(&keys.end);
        self.command("reading the first dual-written row", &cmd).await
    }

    /// Forgets the mark: a new stay in `DualWrite` begins.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn clear_end(&self, keys: &FlagKeys) -> Result<(), FlagStoreError> {
        let mut cmd = redis::cmd("DEL");
        cmd.arg(&keys.end);
        self.command("clearing the first dual-written row", &cmd).await
    }

    /// Whether the copy is paused from Redis.
    ///
    /// # Errors
    /// [`FlagStoreError`]; the copy treats it as paused no longer than its own rules say.
    pub async fn throttled(&self, keys: &FlagKeys) -> Result<bool, FlagStoreError> {
        let mut cmd = redis::cmd("EXISTS");
        cmd.arg(&keys.throttle);
        self.command("reading the throttle", &cmd).await
    }

    /// Sets or removes the throttle key.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn set_throttle(&self, keys: &FlagKeys, paused: bool) -> Result<(), FlagStoreError> {
        let mut cmd = redis::cmd(if paused { "SET" } else { "DEL" });
        cmd.arg(&keys.throttle);
        if paused {
            cmd.arg("1");
        }
        self.command("setting the throttle", &cmd).await
    }

    /// Whether Redis answers, and takes writes.
    ///
    /// # Errors
    /// [`FlagStoreError`].
    pub async fn ping(&self) -> Result<(), FlagStoreError> {
        let mut cmd = redis::cmd("SET");
        cmd.arg("shunt_ping").arg(1).arg("PX").arg(1000);
        self.command("a write", &cmd).await
    }

    async fn command<T: FromRedisValue>(&self, doing: &'static str, cmd: &Cmd) -> Result<T, FlagStoreError> {
        self.limited(doing, async |mut conn| cmd.query_async(&mut conn).await).await
    }

    async fn pipeline<T: FromRedisValue>(
        &self,
        doing: &'static str,
        pipe: &Pipeline,
    ) -> Result<T, FlagStoreError> {
        self.limited(doing, async |mut conn| pipe.query_async(&mut conn).await).await
    }

    /// Connects if need be and runs one command, all under one timeout; any failure drops the connection.
    async fn limited<T>(
        &self,
        doing: &'static str,
        run: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, FlagStoreError> {
        let work = async {
            let conn = self.connection().await?;
            run(conn).await
        };
        let result = match timeout(REDIS_TIMEOUT, work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => {
                FlagStoreError::Failed { address: self.address.clone(), doing, cause: error.to_string() }
            }
            Err(_) => FlagStoreError::Timeout { address: self.address.clone(), doing },
        };
        if let Ok(mut conn) = self.conn.try_lock() {
            *conn = None;
        }
        Err(result)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        // Held across the connect on purpose: one connect for all who wait, each under its own timeout.
        let mut slot = self.conn.lock().await;
        if let Some(conn) = slot.as_ref() {
            return Ok(conn.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        let conn = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *slot = Some(conn.clone());
        Ok(conn)
    }

    /// Calls `wake` at each published flip and after each new subscription (something may have been
    /// missed), until `stop`. Redis away: tries again for ever.
    pub(crate) async fn wake_on_publish(&self, stop: CancellationToken, wake: impl Fn()) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                end = self.listen(&wake) => {
                    tracing::debug!(redis = %self.address, ?end, "wake-ups stopped; subscribing again");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(RESUBSCRIBE_PAUSE) => {}
            }
        }
    }

    async fn listen(&self, wake: &impl Fn()) -> Result<(), RedisError> {
        let gone = || RedisError::from((redis::ErrorKind::Io, "no answer in time"));
        let mut pubsub = timeout(REDIS_TIMEOUT, self.subscribe()).await.map_err(|_| gone())??;
        wake();
        loop {
            let message = timeout(PING_INTERVAL, pubsub.on_message().next()).await;
            match message {
                Ok(Some(_)) => wake(),
                Ok(None) => return Err(gone()),
                Err(_) => {
                    let ping = pubsub.ping::<redis::Value>();
                    timeout(REDIS_TIMEOUT, ping).await.map_err(|_| gone())??;
                }
            }
        }
    }

    async fn subscribe(&self) -> Result<PubSub, RedisError> {
        let mut pubsub = self.client.get_async_pubsub().await?;
        pubsub.subscribe(CHANNEL).await?;
        Ok(pubsub)
    }
}
