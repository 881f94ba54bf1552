//! A sidecar process: the real binary, with a configuration of its own.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::BuildHasher,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

use crate::{Failure, Outcome, home, patience::PATIENCE, servers};

/// A start reads the configuration, connects to home and Redis, and listens.
const START_TIMEOUT: Duration = PATIENCE;
/// A clean stop drains: longer than the `drain` that the configuration names.
const STOP_TIMEOUT: Duration = PATIENCE;

/// What a sidecar is told.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `mysql://HOST:PORT` of home.
    pub home: String,
    /// Redis.
    pub redis: String,
    /// The tables.
    pub tables: Vec<Moved>,
    /// Where configuration, socket and log are kept.
    pub dir: PathBuf,
}

/// A `[[table]]` of the configuration.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The table's id.
    pub id: String,
    /// The flag's key in Redis.
    pub flag_key: String,
    /// `schema.table`.
    pub table: String,
    /// Name of the shard key.
    pub shard_key: String,
    /// `schema.table_{0..9}`.
    pub shards: String,
}

/// A sidecar; killed when it is dropped.
#[derive(Debug)]
pub struct Sidecar {
    setup: Setup,
    name: String,
    port: u16,
    child: Option<Child>,
}

impl Setup {
    /// The table `<schema>.user` with its ten shards, for one home and the test Redis.
    ///
    /// # Errors
    /// When a server cannot be found or the directory not be made.
    pub fn user(home: &home::Home, schema: &str, redis: &str, flag_key: &str) -> Outcome<Self> {
        Self::new(home, redis, vec![Moved::user(schema, flag_key)])
    }

    /// These tables, for one home and the test Redis.
    ///
    /// # Errors
    /// As [`Setup::user`].
    pub fn new(home: &home::Home, redis: &str, tables: Vec<Moved>) -> Outcome<Self> {
        // The flag's key differs between tests that run side by side in one process; the schema may not.
        let flag_key = tables.first().map_or("no table", |table| table.flag_key.as_str());
        let dir = env::temp_dir().join(format!("shunt-{}-{flag_key}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self { home: home.address()?, redis: redis.to_owned(), tables, dir })
    }

    fn toml(&self, name: &str, port: u16) -> String {
        let tables: String = self.tables.iter().map(Moved::toml).collect();
        format!(
            "listen = [\"tcp://127.0.0.1:{port}\", \"unix://{socket}\"]\n\
             [home]\nurl = \"{}\"\nuser = \"{}\"\n\
             [redis]\nurl = \"{}\"\n\
             {tables}",
            self.home,
            home::CONTROL_USER,
            self.redis,
            socket = self.dir.join(format!("{name}.sock")).display(),
        )
    }
}

impl Moved {
    /// The table `<schema>.user` with its ten shards.
    #[must_use]
    pub fn user(schema: &str, flag_key: &str) -> Self {
        Self {
            id: "user".to_owned(),
            flag_key: flag_key.to_owned(),
            table: format!("{schema}.user"),
            shard_key: "id".to_owned(),
            shards: format!("{schema}.user_{{0..9}}"),
        }
    }

    fn toml(&self) -> String {
        let Self { id, flag_key, table, shard_key, shards } = self;
        format!(
            "[[table]]\nid = \"{id}\"\ntable = \"{table}\"\nshard_key = \"{shard_key}\"\n\
             shards = \"{shards}\"\nflag_key = \"{flag_key}\"\n"
        )
    }
}

impl Sidecar {
    /// Starts a sidecar on a free port and waits until it listens.
    ///
    /// # Errors
    /// When there is no binary, or it ends; the last lines of its log are in the message.
    pub async fn start(setup: &Setup, name: &str) -> Outcome<Self> {
        let port = free_port()?;
        fs::write(setup.dir.join(format!("{name}.toml")), setup.toml(name, port))?;
        let mut sidecar = Self { setup: setup.clone(), name: name.to_owned(), port, child: None };
        sidecar.launch().await?;
        Ok(sidecar)
    }

    /// Starts it again, on the same port. It must not run.
    ///
    /// # Errors
    /// As [`Sidecar::start`].
    pub async fn launch(&mut self) -> Outcome {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = Command::new(binary()?)
            .args(["run", "--config"])
            .arg(self.setup.dir.join(format!("{}.toml", self.name)))
            .env("SHUNT_HOME_PASSWORD", home::PASSWORD)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let child = self.child.insert(child);
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait()? {
                return Err(format!("the sidecar ended ({status}):\n{}", self.last_lines()).into());
            }
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("the sidecar does not listen:\n{}", self.last_lines()).into())
    }

    /// Runs `shunt SUBCOMMAND… --config …` with this sidecar's configuration. Blocks until it ends.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn command(&self, arguments: &[&str]) -> Outcome<Output> {
        let output = Command::new(binary()?)
            .args(arguments)
            .arg("--config")
            .arg(self.setup.dir.join(format!("{}.toml", self.name)))
            .env("SHUNT_HOME_PASSWORD", home::PASSWORD)
            .stdin(Stdio::null())
            .output()?;
        Ok(output)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill9(&mut self) -> Outcome {
        let mut child = self.child.take().ok_or("the sidecar does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGSTOP: it does nothing until [`Sidecar::thaw`], and its clocks go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Outcome {
        self.signal("-STOP")
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Outcome {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Outcome {
        let pid = self.pid().ok_or("the sidecar does not run")?;
        let sent = Command::new("kill").args([signal, &pid.to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("kill {signal} {pid}: {sent}").into()) }
    }

    /// SIGTERM; waits until it has drained and ended.
    ///
    /// # Errors
    /// When it does not end in time (it is killed then), or ends with an error.
    pub async fn stop(&mut self) -> Outcome {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Command::new("kill").arg(child.id().to_string()).status()?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let log = self.last_lines();
                    return Err(format!("the sidecar ended with {status}:\n{log}").into());
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        child.kill()?;
        child.wait()?;
        Err(format!("the sidecar did not end:\n{}", self.last_lines()).into())
    }

    /// Where it listens: 127.0.0.1 and this port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.setup.dir.join(format!("{}.log", self.name))
    }

    /// The end of its log.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A port that nothing listens on, below the range from which the kernel takes outgoing ports: no connection can sit
/// on it, also not while the sidecar is away.
fn free_port() -> Outcome<u16> {
    for _ in 0..100 {
        let port = 20_000 + u16::try_from(RandomState::new().hash_one(0) % 12_000)?;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port".into())
}

/// The `shunt` binary: `SHUNT_BIN`; where cargo runs the tests, the product of `cargo build` in the same profile;
/// else the one beside this executable, else the one on the `PATH`.
///
/// # Errors
/// When there is none.
pub fn binary() -> Outcome<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| find().map_err(|e| e.to_string())).clone().map_err(Failure::from)
}

fn find() -> Outcome<PathBuf> {
    if let Some(given) = env::var_os("SHUNT_BIN") {
        return Ok(given.into());
    }
    let exe = env::current_exe()?;
    let beside = exe.parent().map(|dir| {
        // Test executables are in `deps`.
        let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
        dir.join("shunt")
    });
    if let (Some(cargo), Some(beside)) = (env::var_os("CARGO"), &beside) {
        build(Path::new(&cargo), beside)?;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|dir| dir.join("shunt"));
    beside
        .into_iter()
        .chain(on_path)
        .find(|path| path.is_file())
        .ok_or_else(|| "no `shunt` binary: cargo build -p proxy, or set SHUNT_BIN".into())
}

/// A test of the crate `tests` does not make cargo build another crate's binary: without this it would test an old one.
fn build(cargo: &Path, product: &Path) -> Outcome {
    let mut command = Command::new(cargo);
    // As script/demo does: another selection of crates would select other features and build everything again.
    command.current_dir(servers::checkout()).args(["build", "--quiet", "--workspace", "--bins"]);
    if product.parent().is_some_and(|dir| dir.ends_with("release")) {
        command.arg("--release");
    }
    if command.status()?.success() { Ok(()) } else { Err("cargo build failed".into()) }
}
