//! Accepts clients, lets them log in, and owns the task of each until it ends.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, UnixListener, UnixStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::{Leg, Packet, packet::ErrInfo};

use crate::{
    config::{Limits, Listen},
    login::{HomeAddr, Login, STALL, login},
    tls::Tls,
};

/// Connections that wait to be accepted; the kernel cuts it to its own limit. MySQL's own `back_log` is smaller, but
/// all clients of a machine come back at once when a sidecar was started anew.
const BACKLOG: u32 = 4096;

/// After an accept failed for want of file descriptors or memory: so long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What each client's login needs.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Where home is.
    pub home: HomeAddr,
    /// TLS on both legs, if it is to be offered where home does.
    pub tls: Option<Tls>,
    /// Bounds.
    pub limits: Limits,
}

/// A client that is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The client's leg.
    pub client: Leg,
    /// The leg to home.
    pub home: Leg,
    /// What the login has found out.
    pub login: Login,
    /// Cancelled when the process shuts down: the session ends at the next good moment.
    pub shutdown: CancellationToken,
}

/// A place where clients come in.
#[derive(Debug)]
pub enum Entrance {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket; its file is removed at the end.
    Unix(UnixListener, SocketFile),
}

/// A Unix socket's file, removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Entrance {
    /// Opens a port or a socket. A socket's file that a killed process left behind is replaced.
    ///
    /// # Errors
    /// What the system says; also when another process listens there.
    pub async fn open(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                // Accepted connections inherit both; a client's machine that vanished is noticed some day.
                socket.set_keepalive(true)?;
                socket.set_nodelay(true)?;
                socket.bind(*address)?;
                Ok(Self::Tcp(socket.listen(BACKLOG)?))
            }
            Listen::Unix(path) => open_unix(path).await,
        }
    }

    /// Where it is, for people and for tests that asked for any port.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string()),
            Self::Unix(_, file) => file.0.display().to_string(),
        }
    }

    async fn accept(&self) -> io::Result<Leg> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Leg::tcp(stream, STALL))
            }
            Self::Unix(listener, _) => Ok(Leg::unix(listener.accept().await?.0, STALL)),
        }
    }
}

async fn open_unix(path: &Path) -> io::Result<Entrance> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    let file = SocketFile(path.to_path_buf());
    // As the server's own socket: who may come in is decided by the login.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
    Ok(Entrance::Unix(listener, file))
}

/// Serves clients at `entrances` until `shutdown`: then no more come in, and running sessions get
/// [`Limits::drain`] to come to an end before they are cut. `session` is what a client gets after its login.
pub async fn serve<S, F>(
    entrances: Vec<Entrance>,
    gateway: Arc<Gateway>,
    session: S,
    shutdown: CancellationToken,
) where
    S: Fn(LoggedIn) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(gateway.limits.connections));
    let all = entrances.into_iter().map(|entrance| {
        let clients = Clients {
            gateway: Arc::clone(&gateway),
            slots: Arc::clone(&slots),
            session: session.clone(),
            shutdown: shutdown.clone(),
        };
        clients.serve(entrance)
    });
    futures_util::future::join_all(all).await;
}

/// The clients of one entrance.
struct Clients<S> {
    gateway: Arc<Gateway>,
    slots: Arc<Semaphore>,
    session: S,
    shutdown: CancellationToken,
}

impl<S, F> Clients<S>
where
    S: Fn(LoggedIn) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    async fn serve(self, entrance: Entrance) {
        let mut tasks = JoinSet::new();
        loop {
            select! {
                () = self.shutdown.cancelled() => break,
                accepted = entrance.accept() => match accepted {
                    Ok(client) => self.welcome(client, &mut tasks),
                    Err(error) => {
                        tracing::warn!(%error, at = entrance.address(), "cannot accept a client");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop(entrance); // Who comes now is refused by the system and goes elsewhere.
        let drained = async { while tasks.join_next().await.is_some() {} };
        if timeout(self.gateway.limits.drain, drained).await.is_err() {
            tracing::warn!(sessions = tasks.len(), "still busy at the end of the grace period: they are cut");
            tasks.shutdown().await;
        }
    }

    fn welcome(&self, client: Leg, tasks: &mut JoinSet<()>) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            tasks.spawn(refuse(client, self.gateway.limits.connections));
            return;
        };
        let (gateway, session) = (Arc::clone(&self.gateway), self.session.clone());
        tasks.spawn(attend(client, gateway, session, self.shutdown.child_token(), slot));
    }
}

/// One client from its first byte to its last.
async fn attend<S, F>(
    mut client: Leg,
    gateway: Arc<Gateway>,
    session: S,
    shutdown: CancellationToken,
    slot: OwnedSemaphorePermit,
) where
    S: Fn(LoggedIn) -> F,
    F: Future<Output = ()>,
{
    // Boxed: a login's state is large, and gone when the session waits for commands.
    let logged_in = Box::pin(async {
        select! {
            done = login(&mut client, &gateway.home, gateway.tls.as_ref()) => Some(done),
            () = shutdown.cancelled() => None,
        }
    })
    .await;
    match logged_in {
        Some(Ok((home, login))) => session(LoggedIn { client, home, login, shutdown }).await,
        Some(Err(failure)) => {
            tracing::debug!(%failure, "a client did not get in");
            client.close().await;
        }
        None => client.close().await,
    }
    drop(slot);
}

async fn refuse(mut client: Leg, limit: usize) {
    let message = format!("Shunt: too many connections: this sidecar's limit is {limit}");
    let error = ErrInfo::new(1040, b"08004", message);
    let packet = Packet::new(0, &error.payload_before_greeting());
    // Nobody waits long for a client that has no slot.
    let _ = timeout(Duration::from_secs(1), async {
        let _ = client.write_packet(&packet).await;
        client.close().await;
    })
    .await;
}
