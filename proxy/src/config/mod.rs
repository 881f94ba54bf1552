//! The configuration: one file, read whole at start, typed, every problem named with its line.
//!
//! The environment overrides what containers need: `SHUNT_LISTEN`, `SHUNT_HOME_URL`,
//! `SHUNT_HOME_USER`, `SHUNT_HOME_PASSWORD` (or `…_FILE`), `SHUNT_REDIS_URL`, `SHUNT_REDIS_PASSWORD`
//! (or `…_FILE`). Passwords never have to stand in the file.

mod reader;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flag_client::{HomeConfig, HomeTls};
use reshard::copy::ThrottleLimits;
use toml::de::DeTable;
use topology::ShardedTable;

pub use reader::Problem;
use reader::{Placed, Problems, Section};

/// Where Shunt listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `tcp://host:port`.
    Tcp(SocketAddr),
    /// `unix:///path/to.sock`.
    Unix(PathBuf),
}

/// What `shunt run` and the other subcommands work with.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one for `shunt run`.
    pub listen: Vec<Listen>,
    /// The server that holds the tables, and the control user there.
    pub home: HomeConfig,
    /// URL of Redis, with the password in it if there is one.
    pub redis_url: String,
    /// Certificate and key for clients; a self-signed one is made without.
    pub certificate: Option<Certificate>,
    /// The tables that move.
    pub tables: Vec<TableConfig>,
    /// Bounds of the data plane.
    pub limits: Limits,
    /// How the copy runs.
    pub copy: CopyConfig,
}

/// PEM files of the certificate that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Certificate chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// One `[[table]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableConfig {
    /// Names, shard key and shards.
    pub table: Arc<ShardedTable>,
    /// The Redis key that is the request; `migrate_<id>` unless given.
    pub flag_key: String,
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at once; one more gets error 1040.
    pub connections: usize,
    /// How long a shutdown waits for running transactions.
    pub drain: Duration,
}

/// `[copy]`: the defaults run at full speed under the throttle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyConfig {
    /// A fixed number of rows per chunk instead of the adaptive one.
    pub chunk_rows: Option<u64>,
    /// What one chunk should take.
    pub chunk_time: Duration,
    /// A pause between chunks.
    pub interval: Duration,
    /// When copy and verify wait.
    pub throttle: ThrottleLimits,
}

/// The file cannot be used; exit code 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// Everything that is wrong with it.
    #[error("{}", list(.0, .1))]
    Problems(PathBuf, Vec<Problem>),
}

fn list(path: &Path, problems: &[Problem]) -> String {
    let mut text = format!("{} has {} problem(s), nothing was started:", path.display(), problems.len());
    for problem in problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}

/// Variables by name: the process's environment, or a test's.
pub type Environment = BTreeMap<String, String>;

impl Config {
    /// Reads the file and this process's environment.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read(path.into(), error))?;
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("SHUNT_")).collect();
        Self::parse(&text, &environment).map_err(|problems| ConfigError::Problems(path.into(), problems))
    }

    /// Reads a text with an environment.
    ///
    /// # Errors
    /// Every problem found, in the order of the lines.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            problems.at(error.span().map_or(0, |span| span.start), error.message());
        }
        let mut root = Section::root(&root);
        let mut env = Env { environment, problems: &mut problems };
        let overrides = Overrides::read(&mut env);
        let listen = read_listen(&mut root, overrides.listen.as_deref(), &mut problems);
        let home = read_home(&mut root, &overrides, &mut problems);
        let redis_url = read_redis(&mut root, &overrides, &mut problems);
        let certificate = read_certificate(&mut root, &mut problems);
        let tables = read_tables(&mut root, &mut problems);
        let limits = read_limits(&mut root, &mut problems);
        let copy = read_copy(&mut root, home.as_ref(), &mut problems);
        root.finish(&mut problems);
        let problems = problems.into_vec();
        match (home, redis_url) {
            (Some(home), Some(redis_url)) if problems.is_empty() => {
                Ok(Self { listen, home, redis_url, certificate, tables, limits, copy })
            }
            _ => Err(problems),
        }
    }

    /// The configured table with this id, or the only one.
    #[must_use]
    pub fn table(&self, id: Option<&str>) -> Option<&TableConfig> {
        match id {
            Some(id) => self.tables.iter().find(|table| table.table.id().as_str() == id),
            None if self.tables.len() == 1 => self.tables.first(),
            None => None,
        }
    }
}

/// Reads variables, and the files that `…_FILE` names.
struct Env<'e, 'p, 't> {
    environment: &'e Environment,
    problems: &'p mut Problems<'t>,
}

impl Env<'_, '_, '_> {
    fn get(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn secret(&mut self, name: &str) -> Option<String> {
        if let Some(value) = self.get(name) {
            return Some(value);
        }
        let file_variable = format!("{name}_FILE");
        let path = self.get(&file_variable)?;
        match read_secret(Path::new(&path)) {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.problems.environment(format!("{file_variable}: cannot read {path}: {error}"));
                None
            }
        }
    }
}

struct Overrides {
    listen: Option<String>,
    home_url: Option<String>,
    home_user: Option<String>,
    home_password: Option<String>,
    redis_url: Option<String>,
    redis_password: Option<String>,
}

impl Overrides {
    fn read(env: &mut Env<'_, '_, '_>) -> Self {
        Self {
            listen: env.get("SHUNT_LISTEN"),
            home_url: env.get("SHUNT_HOME_URL"),
            home_user: env.get("SHUNT_HOME_USER"),
            home_password: env.secret("SHUNT_HOME_PASSWORD"),
            redis_url: env.get("SHUNT_REDIS_URL"),
            redis_password: env.secret("SHUNT_REDIS_PASSWORD"),
        }
    }
}

fn read_secret(path: &Path) -> std::io::Result<String> {
    Ok(std::fs::read_to_string(path)?.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_listen(root: &mut Section<'_, '_>, over: Option<&str>, problems: &mut Problems<'_>) -> Vec<Listen> {
    let written = root.texts("listen", problems);
    if let Some(over) = over {
        let parse = |item: &str| parse_listen(item.trim());
        let (good, bad): (Vec<_>, Vec<_>) = over.split(',').map(parse).partition(Result::is_ok);
        for message in bad.into_iter().filter_map(Result::err) {
            problems.environment(format!("SHUNT_LISTEN: {message}"));
        }
        return good.into_iter().flatten().collect();
    }
    let mut listen = Vec::new();
    for item in written.into_iter().flatten() {
        match parse_listen(&item.value) {
            Ok(address) => listen.push(address),
            Err(message) => problems.at(item.offset, message),
        }
    }
    listen
}

impl Listen {
    /// Reads `tcp://address:port` or `unix:///path`.
    ///
    /// # Errors
    /// What is legal.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_listen(text)
    }
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(address) = text.strip_prefix("tcp://") {
        let address = address.replace("localhost", "127.0.0.1");
        return address.parse().map(Listen::Tcp).map_err(|_| {
            format!("`{text}` needs an IP address and a port: tcp://0.0.0.0:3306 or tcp://[::]:3306")
        });
    }
    match text.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(Listen::Unix(path.into())),
        _ => Err(format!(
            "`{text}` is no address to listen on; write tcp://0.0.0.0:3306 or unix:///run/shunt.sock"
        )),
    }
}

fn read_home(
    root: &mut Section<'_, '_>,
    over: &Overrides,
    problems: &mut Problems<'_>,
) -> Option<HomeConfig> {
    let mut home = root.section("home", problems);
    let offset = home.offset();
    let url = match &over.home_url {
        Some(url) => {
            let _ = home.text("url", problems);
            Some(Placed { value: url.clone(), offset })
        }
        None => home.required("url", "mysql://127.0.0.1:3306", problems),
    };
    let user = home.text("user", problems);
    let password_file = home.text("password_file", problems);
    let tls = read_home_tls(&mut home, problems);
    home.finish(problems);
    let url = url?;
    let mut config = match HomeConfig::from_url(&url.value) {
        Ok(config) => config,
        Err(error) => {
            problems.at(url.offset, format!("{error}; write mysql://host:port"));
            return None;
        }
    };
    if let Some(user) = over.home_user.clone().or(user.map(|user| user.value)) {
        config.user = user;
    }
    if let Some(file) = password_file {
        match read_secret(Path::new(&file.value)) {
            Ok(secret) => config.password = Some(secret),
            Err(error) => {
                problems.at(file.offset, format!("cannot read password_file {}: {error}", file.value))
            }
        }
    }
    if over.home_password.is_some() {
        config.password.clone_from(&over.home_password);
    }
    config.tls = tls;
    Some(config)
}

fn read_home_tls(home: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> HomeTls {
    let ca = home.text("tls_ca", problems).map(|ca| PathBuf::from(ca.value));
    let Some(mode) = home.text("tls", problems) else {
        return if ca.is_some() { HomeTls::Required { ca } } else { HomeTls::Preferred };
    };
    match mode.value.as_str() {
        "off" => HomeTls::Off,
        "preferred" => HomeTls::Preferred,
        "required" => HomeTls::Required { ca },
        other => {
            problems.at(
                mode.offset,
                format!("tls = \"{other}\" is not known; legal are off, preferred and required"),
            );
            HomeTls::Preferred
        }
    }
}

fn read_redis(root: &mut Section<'_, '_>, over: &Overrides, problems: &mut Problems<'_>) -> Option<String> {
    let mut redis = root.section("redis", problems);
    let offset = redis.offset();
    let url = match &over.redis_url {
        Some(url) => {
            let _ = redis.text("url", problems);
            Some(Placed { value: url.clone(), offset })
        }
        None => redis.required("url", "redis://127.0.0.1:6379", problems),
    };
    let password_file = redis.text("password_file", problems);
    redis.finish(problems);
    let url = url?;
    if let Err(message) = flag_client::check_redis_url(&url.value) {
        problems.at(url.offset, message);
        return None;
    }
    let from_file = password_file.and_then(|file| match read_secret(Path::new(&file.value)) {
        Ok(secret) => Some(secret),
        Err(error) => {
            problems.at(file.offset, format!("cannot read password_file {}: {error}", file.value));
            None
        }
    });
    Some(match over.redis_password.clone().or(from_file) {
        Some(password) => flag_client::with_redis_password(&url.value, &password),
        None => url.value,
    })
}

fn read_certificate(root: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Certificate> {
    let mut tls = root.section("tls", problems);
    let offset = tls.offset();
    let certificate = tls.text("certificate", problems);
    let key = tls.text("key", problems);
    tls.finish(problems);
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            for file in [&certificate, &key] {
                if let Err(error) = std::fs::File::open(&file.value) {
                    problems.at(file.offset, format!("cannot read {}: {error}", file.value));
                }
            }
            Some(Certificate { certificate: certificate.value.into(), key: key.value.into() })
        }
        (None, None) => None,
        _ => {
            problems.at(offset, "[tls] needs both `certificate` and `key`, or neither");
            None
        }
    }
}

fn read_tables(root: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Vec<TableConfig> {
    let sections = root.sections("table", problems);
    if sections.is_empty() {
        problems.at(0, "no [[table]]: name at least one table that is to be sharded");
    }
    let mut tables: Vec<TableConfig> = Vec::new();
    for section in sections {
        let offset = section.offset();
        let Some(table) = read_table(section, problems) else { continue };
        for other in &tables {
            if let Some(message) = conflict(&table, other) {
                problems.at(offset, message);
            }
        }
        tables.push(table);
    }
    tables
}

fn read_table(mut section: Section<'_, '_>, problems: &mut Problems<'_>) -> Option<TableConfig> {
    let offset = section.offset();
    let legacy = section.required("table", "app.user", problems);
    let shard_key = section.required("shard_key", "id", problems);
    let shards = section.required("shards", "app.user_{0..9}", problems);
    let id = section.text("id", problems);
    let flag_key = section.text("flag_key", problems);
    section.finish(problems);
    let (legacy, shard_key, shards) = (legacy?, shard_key?, shards?);
    let id =
        id.map_or_else(|| legacy.value.rsplit('.').next().unwrap_or_default().to_lowercase(), |id| id.value);
    match ShardedTable::new(&id, &legacy.value, &shard_key.value, &shards.value) {
        Ok(table) => Some(TableConfig {
            table: Arc::new(table),
            flag_key: flag_key.map_or_else(|| format!("migrate_{id}"), |key| key.value),
        }),
        Err(error) => {
            problems.at(offset, error.to_string());
            None
        }
    }
}

/// Why two tables cannot be configured side by side.
fn conflict(a: &TableConfig, b: &TableConfig) -> Option<String> {
    if a.table.id() == b.table.id() {
        return Some(format!("two tables have the id `{}`; give one of them another `id`", a.table.id()));
    }
    if a.flag_key == b.flag_key {
        return Some(format!(
            "two tables share the Redis key `{}`; give one of them another `flag_key`",
            a.flag_key
        ));
    }
    let names = |table: &TableConfig| {
        let table = &table.table;
        table
            .shards()
            .iter()
            .chain([table.legacy()])
            .map(|name| name.to_string().to_lowercase())
            .collect::<Vec<_>>()
    };
    let theirs = names(b);
    let shared = names(a).into_iter().find(|name| theirs.contains(name))?;
    Some(format!("table {shared} is named by two [[table]] sections"))
}

fn read_limits(root: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Limits {
    let mut limits = root.section("limits", problems);
    let connections = limits.number("connections", 1..=100_000, problems).unwrap_or(10_000);
    let drain = limits.duration("drain", problems).unwrap_or(Duration::from_secs(20));
    limits.finish(problems);
    Limits { connections: usize::try_from(connections).unwrap_or(10_000), drain }
}

fn read_copy(
    root: &mut Section<'_, '_>,
    home: Option<&HomeConfig>,
    problems: &mut Problems<'_>,
) -> CopyConfig {
    let mut copy = root.section("copy", problems);
    let config = CopyConfig {
        chunk_rows: copy.number("chunk_rows", 1..=100_000, problems),
        chunk_time: copy.duration("chunk_time", problems).unwrap_or(Duration::from_millis(50)),
        interval: copy.duration("interval", problems).unwrap_or_default(),
        throttle: read_throttle(&mut copy, home, problems),
    };
    copy.finish(problems);
    config
}

fn read_throttle(
    copy: &mut Section<'_, '_>,
    home: Option<&HomeConfig>,
    problems: &mut Problems<'_>,
) -> ThrottleLimits {
    let default = ThrottleLimits::default();
    let threads = copy.number("max_threads_running", 1..=100_000, problems);
    let mut replicas = Vec::new();
    for url in copy.texts("replicas", problems).unwrap_or_default() {
        match HomeConfig::from_url(&url.value) {
            // Whoever Shunt is on home it is there.
            Ok(replica) => replicas.extend(home.map(|home| HomeConfig {
                host: replica.host,
                port: replica.port,
                ..home.clone()
            })),
            Err(error) => problems.at(url.offset, format!("{error}; write mysql://host:port")),
        }
    }
    ThrottleLimits {
        threads_running: threads.and_then(|n| u32::try_from(n).ok()).or(default.threads_running),
        latency: copy.duration("max_latency", problems).or(default.latency),
        replicas,
        replica_lag: copy.duration("max_replica_lag", problems).unwrap_or(default.replica_lag),
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
listen = ["tcp://127.0.0.1:3307", "unix:///tmp/shunt.sock"]
[home]
url = "mysql://127.0.0.1:3306"
user = "shunt"
[redis]
url = "redis://127.0.0.1:6379"
[[table]]
table = "app.user"
shard_key = "id"
shards = "app.user_{0..9}"
"#;

    fn lines(text: &str) -> Vec<(usize, String)> {
        match Config::parse(text, &Environment::new()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|problem| (problem.line, problem.message)).collect(),
        }
    }

    #[test]
    fn a_good_file_needs_no_password() {
        let config = Config::parse(GOOD, &Environment::new()).unwrap();
        assert_eq!(config.tables[0].flag_key, "migrate_user");
        assert_eq!(config.home.user, "shunt");
        assert_eq!(config.listen.len(), 2);
        assert_eq!(config.copy.interval, Duration::ZERO);
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = GOOD
            .replace("tcp://127.0.0.1:3307", "127.0.0.1:3307")
            .replace("user = \"shunt\"", "usr = \"shunt\"")
            .replace("app.user_{0..9}", "app.user")
            .replace("redis://", "http://");
        let problems = lines(&text);
        let numbers: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(numbers, [2, 5, 7, 8], "{problems:?}");
        assert!(problems[1].1.contains("unknown key `usr` in [home]"), "{problems:?}");
    }

    #[test]
    fn missing_parts_are_all_named() {
        let problems = lines("[[table]]\ntable = \"user\"\nshard_key = 5\n");
        let text = format!("{problems:?}");
        for part in ["needs `url`", "`shard_key` must be a string", "needs `shards`"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!lines("listen = [").is_empty());
    }

    #[test]
    fn replicas_are_asked_as_the_user_of_home() {
        let copy = "[copy]\nreplicas = [\"mysql://10.0.0.7:3310\"]\nmax_replica_lag = \"3s\"\nmax_latency = \"1s\"\n";
        let throttle = Config::parse(&format!("{GOOD}{copy}"), &Environment::new()).unwrap().copy.throttle;
        let replica = &throttle.replicas[0];
        assert_eq!((replica.host.as_str(), replica.port, replica.user.as_str()), ("10.0.0.7", 3310, "shunt"));
        assert_eq!(throttle.replica_lag, Duration::from_secs(3));
        assert_eq!(throttle.latency, Some(Duration::from_secs(1)));
        assert_eq!(throttle.threads_running, ThrottleLimits::default().threads_running);
        let wrong = lines(&format!("{GOOD}[copy]\nreplicas = [\"10.0.0.7\"]\n"));
        assert!(wrong.len() == 1 && wrong[0].1.contains("mysql://host:port"), "{wrong:?}");
    }

    #[test]
    fn two_tables_cannot_share_a_key_or_a_shard() {
        let second = "[[table]]\nid = \"crm\"\ntable = \"crm.user\"\nshard_key = \"id\"\nshards = \"crm.user_{0..9}\"\n";
        assert!(lines(&format!("{GOOD}{second}")).is_empty());
        for (from, to) in [
            ("id = \"crm\"", "id = \"user\""),
            ("id = \"crm\"", "id = \"crm\"\nflag_key = \"migrate_user\""),
            ("crm.user_{0..9}", "app.user_{0..3}"),
        ] {
            assert_eq!(lines(&format!("{GOOD}{}", second.replace(from, to))).len(), 1, "{to}");
        }
    }

    #[test]
    fn the_environment_overrides_what_containers_need() {
        let env = [
            ("SHUNT_LISTEN", "tcp://0.0.0.0:1"),
            ("SHUNT_HOME_URL", "mysql://db:2"),
            ("SHUNT_HOME_USER", "u"),
            ("SHUNT_HOME_PASSWORD", "p w"),
            ("SHUNT_REDIS_URL", "redis://r:3"),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let config = Config::parse(GOOD, &env).unwrap();
        assert_eq!((config.home.host.as_str(), config.home.port), ("db", 2));
        assert_eq!(config.home.password.as_deref(), Some("p w"));
        assert_eq!(config.redis_url, "redis://r:3");
        assert_eq!(config.listen, [Listen::Tcp("0.0.0.0:1".parse().unwrap())]);
    }
}
