//! Where the test servers are: `SHUNT_TEST_MYSQL`, `SHUNT_TEST_MARIADB` and `SHUNT_TEST_REDIS` where they are
//! set, else the private servers that `script/servers` starts for this checkout.
//!
//! A missing server is a failure with what to do about it, never a skipped test.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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
    match kind {
        Kind::MySql => setting("SHUNT_TEST_MYSQL", "mysql"),
        Kind::MariaDb => setting("SHUNT_TEST_MARIADB", "mariadb"),
    }
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
