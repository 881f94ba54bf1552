//! A client's login: its home connection is made, and the two are brought together.
//!
//! ```text
//! client                     Shunt                         home
//!   │                          │── connect ────────────────►│
//!   │◄── greeting, bits cut ───│◄── greeting ───────────────│
//!   │── request for TLS ──────►│── request for TLS ────────►│   (TLS client; for a client on the Unix
//!   │◄══ TLS with Shunt ══════►│◄══ TLS with home ═════════►│    socket Shunt asks by itself)
//!   │── answer ───────────────►│── answer, bits cut ───────►│
//!   │◄── what the plugin wants, to and fro, until OK or ERR ►│
//! ```
//!
//! Both legs are equally secure: a client behaves by what its own leg is, and home by its own.

use std::{io, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use wire::{
    Capabilities, FrameError, Leg, Malformed, Packet, StatusFlags,
    handshake::{
        Exchange, Greeting, HandshakeResponse, LoginError, Outcome, PACKET_MAX, TlsRequest, authenticate,
    },
    packet::{ERR, ErrInfo},
};

use crate::tls::Tls;

/// A login takes no longer than this in all: MySQL's own `connect_timeout`.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// So long the connection to home may take, so that enough of the login's time is left to tell the client.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// So long a write, or the rest of a packet, may stand still. A server's `net_write_timeout` is 60 s and can be raised
/// for slow readers; Shunt must not be the stricter one.
pub const STALL: Duration = Duration::from_secs(600);

/// Where home is. The name is looked up at each connect: after a failover it means another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeAddr {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for HomeAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What the login has found out.
#[derive(Debug, Clone)]
pub struct Login {
    /// What client and home have agreed on.
    pub caps: Capabilities,
    /// The client's character set and collation.
    pub charset: u8,
    /// The client's name.
    pub user: Vec<u8>,
    /// The database it asked for.
    pub database: Option<Vec<u8>>,
    /// The connection's id on home.
    pub thread_id: u32,
    /// Home's version text.
    pub version: String,
    /// Is home a MariaDB server?
    pub mariadb: bool,
    /// The session's state.
    pub status: StatusFlags,
}

/// Why a client did not get in. It was told, if it could be.
#[derive(Debug, thiserror::Error)]
pub enum LoginFailure {
    /// Home cannot be reached.
    #[error("cannot connect to home at {address}: {error}")]
    Unreachable {
        /// Where home should be.
        address: HomeAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Home refused: a wrong password, too many connections, ….
    #[error("home refused: {0}")]
    Refused(ErrInfo),
    /// The client has left before it said anything: a health check, for instance.
    #[error("the client left without a word")]
    Left,
    /// The exchange broke.
    #[error(transparent)]
    Broken(#[from] LoginError),
    /// It took too long.
    #[error("the login was not finished within {} s", LOGIN_TIMEOUT.as_secs())]
    TimedOut(#[from] Elapsed),
}

impl LoginFailure {
    /// What the client is told; `None` if it has been told, or cannot be.
    ///
    /// Codes of the server's range only: newer clients of MariaDB take one of their own (2003, 2013) for an attack.
    fn error(&self, home: &HomeAddr) -> Option<ErrInfo> {
        let (code, sqlstate, message) = match self {
            Self::Refused(_) | Self::Left => return None,
            Self::Unreachable { address, error } => (
                1053,
                b"08S01",
                format!("cannot connect to home at {address}: {error}. Nothing was executed"),
            ),
            Self::Broken(LoginError::Client(FrameError::TooLarge { .. })) => {
                (1153, b"08S01", "a packet before the end of the login is too large".into())
            }
            Self::Broken(error @ (LoginError::Client(_) | LoginError::Unsupported(_))) => {
                (1043, b"08S01", format!("bad handshake: {error}"))
            }
            Self::Broken(error @ LoginError::Home(_)) => (
                1053,
                b"08S01",
                format!("lost home at {home} during the login: {error}. Nothing was executed"),
            ),
            Self::Broken(error @ LoginError::ClearText { .. }) => {
                (3159, b"HY000", format!("{error}. Enable TLS on home at {home}"))
            }
            Self::Broken(LoginError::TooLong) | Self::TimedOut(_) => (1159, b"08S01", self.to_string()),
        };
        Some(ErrInfo::new(code, sqlstate, format!("Shunt: {message}")))
    }
}

/// Connects to home and lets the client log in there. Without `tls` none is offered.
///
/// # Errors
/// Why the client did not get in; it has been told then, and both connections are to be closed.
pub async fn login(
    client: &mut Leg,
    home: &HomeAddr,
    tls: Option<&Tls>,
) -> Result<(Leg, Login), LoginFailure> {
    let mut relay = Relay { client, address: home, tls, next_seq: 0 };
    let result = match timeout(LOGIN_TIMEOUT, relay.run()).await {
        Ok(result) => result,
        Err(elapsed) => Err(elapsed.into()),
    };
    if let Err(failure) = &result
        && let Some(error) = failure.error(home)
    {
        relay.tell(&error).await;
    }
    result
}

/// A login under way.
struct Relay<'a> {
    client: &'a mut Leg,
    address: &'a HomeAddr,
    tls: Option<&'a Tls>,
    /// Sequence id of the next packet to the client; 0 before the greeting.
    next_seq: u8,
}

impl Relay<'_> {
    async fn run(&mut self) -> Result<(Leg, Login), LoginFailure> {
        let mut home = connect(self.address).await?;
        let mut greeting = self.greeting(&mut home).await?;
        let offered = greeting.offer(self.tls.is_some());
        self.client.write_packet(greeting.packet()).await.map_err(client_io)?;
        self.next_seq = 1;
        let (mut packet, ahead) = self.first_reply(&mut home, offered).await?;
        let response = HandshakeResponse::parse(packet.payload()).map_err(client_malformed)?;
        if response.capabilities.wants_compression() {
            return Err(LoginError::Unsupported("compression, which was not offered").into());
        }
        let plugin =
            if response.plugin.is_empty() { greeting.plugin.clone() } else { response.plugin.clone() };
        let caps = response.capabilities.negotiated(offered);
        let has_secret = response.has_secret;
        let mut exchange = Exchange { caps, ahead, plugin, has_secret, next_seq: self.next_seq };
        exchange.check_first(self.client, &home)?;
        HandshakeResponse::patch(&mut packet, offered, home.is_tls());
        packet.set_seq(packet.seq().wrapping_add(ahead));
        home.write_packet(&packet).await.map_err(home_io)?;
        let outcome = authenticate(self.client, &mut home, &mut exchange).await;
        self.next_seq = exchange.next_seq;
        let ok = match outcome? {
            Outcome::In(ok) => ok,
            Outcome::Refused(error) => return Err(LoginFailure::Refused(error)),
        };
        let login = Login {
            caps,
            charset: response.charset,
            user: response.user,
            database: response.database,
            thread_id: greeting.thread_id,
            mariadb: greeting.is_mariadb(),
            version: greeting.version,
            status: ok.status,
        };
        Ok((home, login))
    }

    /// Home's greeting. In its place home may refuse, with too many connections for instance.
    async fn greeting(&mut self, home: &mut Leg) -> Result<Greeting, LoginFailure> {
        let packet = home.read_packet(PACKET_MAX).await.map_err(LoginError::Home)?;
        let packet = packet.ok_or(LoginError::Home(FrameError::Cut))?;
        if packet.payload().first() == Some(&ERR) {
            self.client.write_packet(&packet).await.map_err(client_io)?;
            let error = ErrInfo::parse(packet.payload()).map_err(|e| LoginError::Home(e.into()))?;
            return Err(LoginFailure::Refused(error));
        }
        Ok(Greeting::parse(packet).map_err(|e| LoginError::Home(e.into()))?)
    }

    /// The client's answer to the greeting, with TLS started on both legs if it is to be, and how far home's
    /// sequence ids are ahead of the client's.
    async fn first_reply(
        &mut self,
        home: &mut Leg,
        offered: Capabilities,
    ) -> Result<(Packet, u8), LoginFailure> {
        let packet = self.client.read_packet(PACKET_MAX).await.map_err(LoginError::Client)?;
        let packet = packet.ok_or(LoginFailure::Left)?;
        self.next_seq = packet.last_seq().wrapping_add(1);
        if !TlsRequest::is(packet.payload()) {
            // A client on the Unix socket takes that for secure and does not ask for TLS; over the net it is needed.
            return match self.tls.filter(|_| self.client.is_secure() && offered.tls()) {
                Some(tls) => self.home_tls(home, tls, &packet, offered).await.map(|()| (packet, 1)),
                None => Ok((packet, 0)),
            };
        }
        let Some(tls) = self.tls.filter(|_| offered.tls()) else {
            return Err(LoginError::Unsupported("TLS, which was not offered").into());
        };
        self.client.accept_tls(Arc::clone(&tls.server)).await.map_err(client_io)?;
        // The client sends its answer at once: it must be read before the client can be told of an error.
        let answer = self.client.read_packet(PACKET_MAX).await.map_err(LoginError::Client)?;
        let answer = answer.ok_or(LoginError::Client(FrameError::Cut))?;
        self.next_seq = answer.last_seq().wrapping_add(1);
        self.home_tls(home, tls, &packet, offered).await?;
        Ok((answer, 0))
    }

    /// Asks home for TLS as the client's `packet` would.
    async fn home_tls(
        &self,
        home: &mut Leg,
        tls: &Tls,
        packet: &Packet,
        offered: Capabilities,
    ) -> Result<(), LoginFailure> {
        let request = TlsRequest::of(packet, offered).map_err(client_malformed)?;
        home.write_packet(&request.packet(packet.seq())).await.map_err(home_io)?;
        let name = ServerName::try_from(self.address.host.clone()).map_err(|_| {
            home_io(io::Error::new(io::ErrorKind::InvalidInput, "its name does not suit TLS"))
        })?;
        Ok(home.connect_tls(Arc::clone(&tls.client), name).await.map_err(home_io)?)
    }

    /// Tells the client why it does not get in, as well as it goes.
    async fn tell(&mut self, error: &ErrInfo) {
        let payload = if self.next_seq == 0 { error.payload_before_greeting() } else { error.payload() };
        let _ = self.client.write_packet(&Packet::new(self.next_seq, &payload)).await;
    }
}

/// Connects to home.
async fn connect(address: &HomeAddr) -> Result<Leg, LoginFailure> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((address.host.as_str(), address.port))).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let stream = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    match stream {
        Ok(stream) => Ok(Leg::tcp(stream, STALL)),
        Err(error) => Err(LoginFailure::Unreachable { address: address.clone(), error }),
    }
}

fn client_io(error: io::Error) -> LoginError {
    LoginError::Client(error.into())
}

fn client_malformed(error: Malformed) -> LoginError {
    LoginError::Client(error.into())
}

fn home_io(error: io::Error) -> LoginError {
    LoginError::Home(error.into())
}
