//! `shunt ping`: greets a sidecar as a client does. Home's greeting comes through only if home is there.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, net::UnixStream, time::timeout};
use wire::{Leg, handshake::Greeting};

use super::{Failure, out};
use crate::config::{Config, Listen};

/// How long a sidecar may take to pass home's greeting on.
const LIMIT: Duration = Duration::from_secs(5);

/// Largest greeting.
const GREETING_MAX: usize = 4096;

/// Probes the sidecar of this configuration.
pub(super) async fn ping(config: &Config, address: Option<String>) -> Result<(), Failure> {
    let listen = match address {
        Some(address) => Listen::parse(&address).map_err(Failure::usage)?,
        None => config.listen.first().cloned().ok_or_else(|| Failure::usage("listen is empty"))?,
    };
    let version = timeout(LIMIT, greet(&listen))
        .await
        .map_err(|_| Failure::unavailable(format!("{listen} did not answer within {LIMIT:?}")))?
        .map_err(|reason| Failure::unavailable(format!("{listen}: {reason}")))?;
    out(format_args!("{listen} is up; home is {version}"));
    Ok(())
}

async fn greet(listen: &Listen) -> Result<String, String> {
    let mut leg = match listen {
        Listen::Tcp(address) => {
            // A sidecar that listens on every address is probed on this machine's own.
            let ip = if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() };
            let address = SocketAddr::new(ip, address.port());
            Leg::tcp(TcpStream::connect(address).await.map_err(|error| error.to_string())?, LIMIT)
        }
        Listen::Unix(path) => {
            Leg::unix(UnixStream::connect(path).await.map_err(|error| error.to_string())?, LIMIT)
        }
    };
    let packet = leg.read_packet(GREETING_MAX).await.map_err(|error| error.to_string())?;
    let packet = packet.ok_or("it closed the connection at once")?;
    if packet.payload().first() == Some(&wire::packet::ERR) {
        let message = packet.payload().get(3..).unwrap_or_default();
        return Err(String::from_utf8_lossy(message).into_owned());
    }
    let version = Greeting::parse(packet).map_err(|error| error.to_string())?.version;
    leg.close().await;
    Ok(version)
}
