//! A sidecar that relays everything, and accounts to log in with.

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use proxy::{
    config::{Limits, Listen},
    listener::{Entrance, Gateway, serve},
    login::HomeAddr,
    relay,
    tls::Tls,
};
use tests::{
    Outcome,
    servers::{self, Kind},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Password of the accounts that a test makes.
pub const PASSWORD: &str = "relay-Passw0rd";

/// A running sidecar.
pub struct Sidecar {
    pub port: u16,
    pub socket: PathBuf,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
    /// The server behind it, as `mysql://root:…`.
    pub home: String,
}

impl Sidecar {
    /// In front of the shared server of this kind.
    pub async fn start(kind: Kind) -> Outcome<Self> {
        Self::start_at(&servers::url(kind)?, Limits { connections: 100, drain: Duration::from_secs(20) })
            .await
    }

    /// In front of the server at `home`.
    pub async fn start_at(home: &str, limits: Limits) -> Outcome<Self> {
        Self::start_with(home, limits, Some(Tls::new(None, None)?)).await
    }

    /// In front of the server at `home`, with TLS on both legs or none.
    pub async fn start_with(home: &str, limits: Limits, tls: Option<Tls>) -> Outcome<Self> {
        let opts = Opts::from_url(home)?;
        let address = HomeAddr { host: opts.ip_or_hostname().to_owned(), port: opts.tcp_port() };
        let gateway = Gateway { home: address, tls, limits };
        let socket = std::env::temp_dir().join(format!("relay-{}.sock", unique()));
        let tcp = Entrance::open(&Listen::Tcp(([127, 0, 0, 1], 0).into())).await?;
        let port = tcp.address().rsplit(':').next().unwrap_or_default().parse()?;
        let unix = Entrance::open(&Listen::Unix(socket.clone())).await?;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(vec![tcp, unix], Arc::new(gateway), relay::run, shutdown.clone()));
        Ok(Self { port, socket, shutdown, task, home: home.to_owned() })
    }

    /// Options to log in through it as root.
    pub fn root(&self) -> Outcome<Opts> {
        let root = OptsBuilder::from_opts(Opts::from_url(&self.home)?);
        Ok(root.ip_or_hostname("127.0.0.1").tcp_port(self.port).prefer_socket(false).into())
    }

    /// Options to log in through it as `user`.
    pub fn user(&self, user: &str) -> OptsBuilder {
        OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(user))
            .pass(Some(PASSWORD))
    }

    /// Makes an account that nobody has logged in with, and says its name.
    pub async fn fresh_account(&self) -> Outcome<String> {
        let user = format!("fresh_{}", unique());
        let mut root = Conn::from_url(&self.home).await?;
        // The shared account database; the default plugin of either server.
        root.query_drop(format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")).await?;
        root.query_drop(format!("GRANT ALL ON *.* TO '{user}'@'%'")).await?;
        root.disconnect().await?;
        Ok(user)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A number that no other test has.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a program off the runtime's threads; standard output, or an error with all that it said.
pub async fn run(program: String, arguments: Vec<String>) -> Outcome<String> {
    let output = tokio::task::spawn_blocking(move || {
        Command::new(&program).args(&arguments).output().map_err(|e| format!("{program}: {e}"))
    })
    .await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{}{said}", String::from_utf8_lossy(&output.stderr)).into())
}

/// A variable that `script/servers up`, or another set-up script, prints.
pub fn program(variable: &str, script: &str, arguments: &[&str]) -> Outcome<String> {
    if let Ok(set) = std::env::var(variable) {
        return Ok(set);
    }
    let path = servers::checkout().join(script);
    let output = Command::new(&path).args(arguments).stderr(std::process::Stdio::inherit()).output()?;
    servers::export(&String::from_utf8(output.stdout)?, variable).ok_or_else(|| {
        format!("{script} {} printed no {variable}; it has said why", arguments.join(" ")).into()
    })
}
