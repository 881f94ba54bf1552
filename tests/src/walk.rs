//! The flag, set as a DBA sets it, and the phases that follow.

use std::{
    collections::HashMap,
    process::Command,
    time::{Duration, Instant},
};

use redis::{AsyncCommands, AsyncConnectionConfig, aio::MultiplexedConnection};
use tokio::time::sleep;
use topology::Phase;

use crate::Outcome;

/// How often the published state is looked at: a flip takes milliseconds.
const POLL: Duration = Duration::from_millis(5);

/// The flag of one table.
#[derive(Debug)]
pub struct Flag {
    url: String,
    /// `None`: the driver sets the key, where no `redis-cli` is installed.
    cli: Option<String>,
    key: String,
    redis: MultiplexedConnection,
}

/// What the controller has published in `<key>_state`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The fleet's phase; `None` before the first gate and in `hold`.
    pub phase: Option<Phase>,
    /// Its epoch.
    pub epoch: u64,
    /// Why the request is not fulfilled yet.
    pub refusal: String,
    /// How far the copy is, `""` or `63.1`.
    pub copy_percent: String,
    /// Whether the copy of this stay is complete.
    pub copy_finished: bool,
    /// Passes of verify without a difference since the copy's end.
    pub clean_passes: u64,
    /// Keys that the reverse sync has not applied yet.
    pub reverse_backlog: String,
}

/// Connects to Redis. Not its client's own half a second: what starves beside a few dozen servers is not to be taken for an
/// error.
///
/// # Errors
/// When Redis is away.
pub async fn connect_to_redis(url: &str) -> Outcome<MultiplexedConnection> {
    let limit = Some(Duration::from_secs(20));
    let config = AsyncConnectionConfig::new().set_connection_timeout(limit).set_response_timeout(limit);
    Ok(redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?)
}

impl Flag {
    /// Connects. `cli` is a `redis-cli`; `key` is the flag, `migrate_user` unless configured otherwise.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn connect(url: &str, cli: Option<String>, key: &str) -> Outcome<Self> {
        let redis = connect_to_redis(url).await?;
        Ok(Self { url: url.to_owned(), cli, key: key.to_owned(), redis })
    }

    /// Forgets everything: a Redis that has never heard of this table.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn forget(&mut self) -> Outcome {
        let keys = ["", "_end", "_state"].map(|suffix| format!("{}{suffix}", self.key));
        self.redis.del::<_, ()>(&keys[..]).await?;
        Ok(())
    }

    /// The command that a DBA types.
    #[must_use]
    pub fn command(&self, target: Phase) -> String {
        format!("redis-cli SET {} {target}", self.key)
    }

    /// Types it.
    ///
    /// # Errors
    /// When Redis does not take it.
    pub async fn set(&mut self, target: Phase) -> Outcome {
        let Some(cli) = self.cli.clone() else {
            self.redis.set::<_, _, ()>(&self.key, target.flag()).await?;
            return Ok(());
        };
        let (url, key) = (self.url.clone(), self.key.clone());
        let run = move || Command::new(cli).args(["-u", &url, "SET", &key, target.flag()]).output();
        let output = tokio::task::spawn_blocking(run).await??;
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if answer == "OK" { Ok(()) } else { Err(format!("redis-cli: {answer}").into()) }
    }

    /// `<key>_end`, if it is set.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn end(&mut self) -> Outcome<Option<String>> {
        Ok(self.redis.get(format!("{}_end", self.key)).await?)
    }

    /// What is published now.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn state(&mut self) -> Outcome<State> {
        let fields: HashMap<String, String> = self.redis.hgetall(format!("{}_state", self.key)).await?;
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let number = |name: &str| text(name).parse().unwrap_or(0);
        Ok(State {
            phase: text("phase").parse().ok(),
            epoch: number("epoch"),
            refusal: text("refusal"),
            copy_percent: text("copy_percent"),
            copy_finished: text("copy_finished") == "true",
            clean_passes: number("verify_clean_passes"),
            reverse_backlog: text("reverse_backlog"),
        })
    }

    /// Waits until the state is as wanted, and returns it.
    ///
    /// # Errors
    /// When that takes longer than `limit`: the last state is in the message.
    pub async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&State) -> bool,
    ) -> Outcome<State> {
        let deadline = Instant::now() + limit;
        loop {
            let state = self.state().await?;
            if wanted(&state) {
                return Ok(state);
            }
            if Instant::now() > deadline {
                return Err(format!("not within {} s: {what}; {state:?}", limit.as_secs()).into());
            }
            sleep(POLL).await;
        }
    }

    /// Sets the flag and waits until the fleet is there; how long that took, waits for guards included.
    ///
    /// # Errors
    /// When it takes longer than `limit`.
    pub async fn walk_to(&mut self, target: Phase, limit: Duration) -> Outcome<Duration> {
        let start = Instant::now();
        self.set(target).await?;
        self.until(&format!("phase {target}"), limit, |state| state.phase == Some(target)).await?;
        Ok(start.elapsed())
    }
}

impl State {
    /// The copy of this stay is complete, and verify has passed twice since.
    #[must_use]
    pub const fn certified(&self) -> bool {
        self.copy_finished && self.clean_passes >= 2
    }
}
