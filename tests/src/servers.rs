//! Where the test servers are: `SHUNT_TEST_MYSQL`, `SHUNT_TEST_MARIADB` and `SHUNT_TEST_REDIS` where they are
//! set, else the private servers that `script/servers` starts for this checkout.
//!
//! A missing server is a failure with what to do about it, never a skipped test.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Failure, Outcome};

/// The two kinds of database server that every test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MySQL 9.
    MySql,
    /// MariaDB 10.11.
    MariaDb,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::MySql, Self::MariaDb];

    /// The name that `script/servers` knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    /// The variable with its URL.
    fn variable(self) -> String {
        format!("SHUNT_TEST_{}", self.name().to_uppercase())
    }
}

/// The root of the checkout.
#[must_use]
pub fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A URL with an account that may do everything: `mysql://root:…@127.0.0.1:PORT`.
///
/// # Errors
/// When the server can neither be found nor started.
pub fn url(kind: Kind) -> Outcome<String> {
    setting(&kind.variable(), kind.name())
}

/// The URL of Redis.
///
/// # Errors
/// When it can neither be found nor started.
pub fn redis_url() -> Outcome<String> {
    setting("SHUNT_TEST_REDIS", "redis")
}

/// A `redis-cli`: the one of `script/servers`, else the one on the `PATH`.
#[must_use]
pub fn redis_cli() -> String {
    env::var("SHUNT_TEST_REDIS_CLI").unwrap_or_else(|_| {
        let exports = script_servers(&["up", "redis"], None).unwrap_or_default();
        export(&exports, "SHUNT_TEST_REDIS_CLI").unwrap_or_else(|| "redis-cli".to_owned())
    })
}

fn setting(variable: &str, server: &str) -> Outcome<String> {
    if let Ok(url) = env::var(variable) {
        return Ok(url);
    }
    let exports = script_servers(&["up", server], None)?;
    export(&exports, variable)
        .ok_or_else(|| Failure::from(format!("script/servers up {server} printed no {variable}")))
}

/// The value of one `export NAME=VALUE` line of `script/servers up`.
#[must_use]
pub fn export(exports: &str, variable: &str) -> Option<String> {
    exports.lines().find_map(|line| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        (name == variable).then(|| value.to_owned())
    })
}

/// Runs `script/servers`; `dir` makes it a set of servers of its own. Blocks until the servers answer.
///
/// # Errors
/// When the script fails; it has then said why on standard error.
pub fn script_servers(arguments: &[&str], dir: Option<&Path>) -> Outcome<String> {
    let script = checkout().join("script/servers");
    let mut command = Command::new(&script);
    command.args(arguments).stderr(Stdio::inherit());
    if let Some(dir) = dir {
        command.env("SHUNT_SERVERS_DIR", dir);
    }
    let output = command.output().map_err(|e| format!("{}: {e}", script.display()))?;
    if !output.status.success() {
        return Err(
            format!("{} {} failed; the lines above say why", script.display(), arguments.join(" ")).into()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A server of a test's own, gone when this is dropped.
#[derive(Debug)]
pub struct OwnServer {
    kind: Kind,
    dir: PathBuf,
    /// `mysql://root:…@127.0.0.1:PORT`.
    pub url: String,
}

impl OwnServer {
    /// Makes and starts it. Blocks until it answers.
    ///
    /// # Errors
    /// When the script fails.
    pub fn up(kind: Kind) -> Outcome<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("own-{}-{number}", std::process::id()));
        let exports = script_servers(&["up", kind.name()], Some(&dir))?;
        let url = export(&exports, &kind.variable()).ok_or("script/servers printed no URL")?;
        Ok(Self { kind, dir, url })
    }

    /// `kill -9`; the data stays.
    ///
    /// # Errors
    /// When the script fails.
    pub fn kill9(&self) -> Outcome {
        script_servers(&["kill9", self.kind.name()], Some(&self.dir)).map(drop)
    }

    /// Starts it again on the same port and data.
    ///
    /// # Errors
    /// When the script fails.
    pub fn restart(&self) -> Outcome {
        script_servers(&["restart", self.kind.name()], Some(&self.dir)).map(drop)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = script_servers(&["down"], Some(&self.dir));
    }
}
