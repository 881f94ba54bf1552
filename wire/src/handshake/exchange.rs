//! The exchange of authentication packets, passed between the legs until home says OK or ERR.
//!
//! Who speaks next depends on the plugin, so both sides are listened to, and each packet goes to the other side.

use tokio::select;

use super::{LoginError, PACKET_MAX, ROUNDS_MAX};
use crate::{
    Capabilities, FrameError, Leg, Packet,
    packet::{EOF, ERR, ErrInfo, OK, OkInfo},
    reader::Reader,
};

/// First byte of a packet with more data for the plugin.
const MORE_DATA: u8 = 0x01;
/// First byte of a packet that asks for the next factor; a plugin's name follows.
const NEXT_FACTOR: u8 = 0x02;
/// What caching_sha2_password says when it needs the password itself.
const FULL_AUTHENTICATION: &[u8] = &[MORE_DATA, 0x04];

/// What is known when the exchange starts.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What both sides have agreed on.
    pub caps: Capabilities,
    /// How far home's sequence ids are ahead of the client's: 1 where Shunt asked home for TLS by itself.
    pub ahead: u8,
    /// The plugin in use so far.
    pub plugin: Vec<u8>,
    /// Does the client's first packet already hold a secret?
    pub has_secret: bool,
    /// Sequence id of the next packet to the client.
    pub next_seq: u8,
}

/// How home decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client is in. It has been told.
    In(OkInfo),
    /// The client is refused. It has been told.
    Refused(ErrInfo),
}

impl Exchange {
    /// Would the client's first packet give away a password? Ask before it is passed on.
    pub fn check_first(&self, client: &Leg, home: &Leg) -> Result<(), LoginError> {
        if self.has_secret { self.check(client, home, false) } else { Ok(()) }
    }

    /// Would the plugin, at this point, make the client send its password in clear text, over a plain leg?
    fn check(&self, client: &Leg, home: &Leg, full: bool) -> Result<(), LoginError> {
        // A client that takes its own leg for secure does not encrypt the password by itself.
        let clear = match self.plugin.as_slice() {
            b"mysql_clear_password" | b"dialog" => true,
            b"sha256_password" => client.is_secure(),
            b"caching_sha2_password" => client.is_secure() && full,
            _ => false,
        };
        if clear && !home.is_tls() {
            return Err(LoginError::ClearText { plugin: String::from_utf8_lossy(&self.plugin).into_owned() });
        }
        Ok(())
    }

    /// Looks at a packet of home's before the client gets it.
    fn home_says(&mut self, payload: &[u8], client: &Leg, home: &Leg) -> Result<Option<Outcome>, LoginError> {
        match payload.first() {
            Some(&OK) => {
                let ok = OkInfo::parse(payload, self.caps).map_err(|e| LoginError::Home(e.into()))?;
                return Ok(Some(Outcome::In(ok)));
            }
            Some(&ERR) => {
                let error = ErrInfo::parse(payload).map_err(|e| LoginError::Home(e.into()))?;
                return Ok(Some(Outcome::Refused(error)));
            }
            Some(&(EOF | NEXT_FACTOR)) => {
                self.plugin = Reader::new(&payload[1..]).until_nul_or_end().to_vec();
                self.check(client, home, false)?;
            }
            _ if payload == FULL_AUTHENTICATION => self.check(client, home, true)?,
            _ => {}
        }
        Ok(None)
    }
}

/// Passes packets until home decides. The client's first packet must have gone to home before.
///
/// Not limited in time: the caller puts it under the login's limit. After an error the client can be told so in a
/// packet with sequence id [`Exchange::next_seq`].
pub async fn authenticate(
    client: &mut Leg,
    home: &mut Leg,
    exchange: &mut Exchange,
) -> Result<Outcome, LoginError> {
    for _ in 0..ROUNDS_MAX {
        select! {
            biased;
            packet = home.read_packet(PACKET_MAX) => {
                let mut packet = taken(packet).map_err(LoginError::Home)?;
                exchange.next_seq = packet.seq().wrapping_sub(exchange.ahead);
                let outcome = exchange.home_says(packet.payload(), client, home)?;
                packet.set_seq(exchange.next_seq);
                exchange.next_seq = exchange.next_seq.wrapping_add(1);
                client.write_packet(&packet).await.map_err(|e| LoginError::Client(e.into()))?;
                if let Some(outcome) = outcome {
                    return Ok(outcome);
                }
            }
            packet = client.read_packet(PACKET_MAX) => {
                let mut packet = taken(packet).map_err(LoginError::Client)?;
                exchange.next_seq = packet.last_seq().wrapping_add(1);
                packet.set_seq(packet.seq().wrapping_add(exchange.ahead));
                home.write_packet(&packet).await.map_err(|e| LoginError::Home(e.into()))?;
            }
        }
    }
    Err(LoginError::TooLong)
}

/// In the middle of an exchange the end of a stream is an error.
fn taken(packet: Result<Option<Packet>, FrameError>) -> Result<Packet, FrameError> {
    packet?.ok_or(FrameError::Cut)
}
