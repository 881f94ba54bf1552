//! What the client says to a greeting: a request for TLS, or its answer; and COM_CHANGE_USER, which is like it.

use crate::{Capabilities, Malformed, Packet, capabilities::bits, reader::Reader};

/// Bytes of a request for TLS, and of the fixed part with which an answer starts.
const FIXED: usize = 32;

/// Where MariaDB's further capabilities stand in the fixed part.
const EXTENDED_AT: usize = 28;

/// A client's request to start TLS: the fixed part of its answer, which it repeats inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsRequest {
    fixed: [u8; FIXED],
}

impl TlsRequest {
    /// Is `payload` a request for TLS rather than an answer?
    pub fn is(payload: &[u8]) -> bool {
        payload.len() == FIXED
            && payload.first_chunk().is_some_and(|low| u32::from_le_bytes(*low) & bits::SSL != 0)
    }

    /// The request that goes with a client's packet, be that a request or an answer.
    pub fn of(packet: &Packet, offered: Capabilities) -> Result<Self, Malformed> {
        let fixed = packet.payload().first_chunk::<FIXED>().ok_or(Malformed("request for TLS"))?;
        let mut request = Self { fixed: *fixed };
        patch(&mut request.fixed, offered, true);
        Ok(request)
    }

    /// The packet for home.
    pub fn packet(&self, seq: u8) -> Packet {
        Packet::new(seq, &self.fixed)
    }
}

/// Cuts the capabilities of a fixed part to what was offered, and sets or clears TLS.
fn patch(payload: &mut [u8], offered: Capabilities, tls: bool) {
    let Some(fixed) = payload.first_chunk_mut::<FIXED>() else { return };
    let mut caps = capabilities(fixed).forwarded(offered);
    caps.flags = if tls { caps.flags | bits::SSL } else { caps.flags & !bits::SSL };
    fixed[..4].copy_from_slice(&caps.flags.to_le_bytes());
    if caps.flags & bits::LONG_PASSWORD == 0 {
        fixed[EXTENDED_AT..].copy_from_slice(&caps.extended.to_le_bytes());
    }
}

fn capabilities(fixed: &[u8; FIXED]) -> Capabilities {
    let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let flags = word(0);
    // MySQL's clients set this bit and leave the filler empty; MariaDB's clear it towards a MariaDB server.
    let extended = if flags & bits::LONG_PASSWORD == 0 { word(EXTENDED_AT) } else { 0 };
    Capabilities { flags, extended }
}

/// A client's answer to the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeResponse {
    /// What the client wants.
    pub capabilities: Capabilities,
    /// The largest packet that the client takes.
    pub max_packet: u32,
    /// Its character set and collation.
    pub charset: u8,
    /// Its name.
    pub user: Vec<u8>,
    /// The database it wants first, if it names one.
    pub database: Option<Vec<u8>>,
    /// The plugin whose data it sends; empty if it does not say.
    pub plugin: Vec<u8>,
    /// Does it send a password, or what proves one?
    pub has_secret: bool,
}

impl HandshakeResponse {
    /// Reads an answer. The secret is not kept.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let fixed = reader.take(FIXED, "answer to the greeting")?;
        let fixed: &[u8; FIXED] = fixed.first_chunk().ok_or(Malformed("answer to the greeting"))?;
        let caps = capabilities(fixed);
        if !caps.protocol_41() {
            return Err(Malformed("answer to the greeting in the protocol before 4.1"));
        }
        let max_packet = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        let user = reader.until_nul("user name")?.to_vec();
        let secret = if caps.has(bits::PLUGIN_AUTH_LENENC_DATA) {
            reader.lenenc_bytes("authentication data")?
        } else if caps.has(bits::SECURE_CONNECTION) {
            let len = usize::from(reader.u8("authentication data")?);
            reader.take(len, "authentication data")?
        } else {
            reader.until_nul("authentication data")?
        };
        let has_secret = !secret.is_empty() && secret != [0];
        let database = caps.has(bits::CONNECT_WITH_DB).then(|| reader.until_nul_or_end().to_vec());
        let database = database.filter(|name| !name.is_empty());
        let plugin =
            if caps.has(bits::PLUGIN_AUTH) { reader.until_nul_or_end().to_vec() } else { Vec::new() };
        Ok(Self { capabilities: caps, max_packet, charset: fixed[8], user, database, plugin, has_secret })
    }

    /// Makes the answer's packet fit for home: the capabilities cut to what was offered, TLS as home's leg has it.
    pub fn patch(packet: &mut Packet, offered: Capabilities, tls: bool) {
        patch(packet.payload_mut(), offered, tls);
    }
}

/// A COM_CHANGE_USER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeUser {
    /// The new user's name.
    pub user: Vec<u8>,
    /// The database it wants, if it names one; otherwise there is none afterwards.
    pub database: Option<Vec<u8>>,
    /// Character set and collation, if told.
    pub charset: Option<u16>,
    /// The plugin whose data it sends; empty if it does not say.
    pub plugin: Vec<u8>,
    /// Does it send a password, or what proves one?
    pub has_secret: bool,
}

impl ChangeUser {
    /// Reads a COM_CHANGE_USER. The secret is not kept.
    pub fn parse(payload: &[u8], caps: Capabilities) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.u8("COM_CHANGE_USER")?;
        let user = reader.until_nul("user name")?.to_vec();
        let secret = if caps.has(bits::SECURE_CONNECTION) {
            let len = usize::from(reader.u8("authentication data")?);
            reader.take(len, "authentication data")?
        } else {
            reader.until_nul("authentication data")?
        };
        let has_secret = !secret.is_empty() && secret != [0];
        let database = Some(reader.until_nul_or_end().to_vec()).filter(|name| !name.is_empty());
        let charset = if reader.is_empty() { None } else { Some(reader.u16("charset")?) };
        let plugin =
            if caps.has(bits::PLUGIN_AUTH) { reader.until_nul_or_end().to_vec() } else { Vec::new() };
        Ok(Self { user, database, charset, plugin, has_secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(flags: u32) -> Vec<u8> {
        let mut payload = flags.to_le_bytes().to_vec();
        payload.extend_from_slice(&(1u32 << 24).to_le_bytes());
        payload.push(255);
        payload.extend_from_slice(&[0; 19]);
        payload.extend_from_slice(&0xffu32.to_le_bytes());
        payload.extend_from_slice(b"app\0\x03abcshop\0mysql_native_password\0");
        payload
    }

    const FLAGS: u32 = bits::PROTOCOL_41
        | bits::SECURE_CONNECTION
        | bits::PLUGIN_AUTH
        | bits::PLUGIN_AUTH_LENENC_DATA
        | bits::CONNECT_WITH_DB;

    #[test]
    fn an_answer_is_read() {
        let response = HandshakeResponse::parse(&answer(FLAGS)).unwrap();
        assert_eq!(response.user, b"app");
        assert_eq!(response.database.as_deref(), Some(&b"shop"[..]));
        assert_eq!(response.plugin, b"mysql_native_password");
        assert_eq!((response.charset, response.max_packet, response.has_secret), (255, 1 << 24, true));
        assert_eq!(response.capabilities.extended, 0xff);
        assert!(HandshakeResponse::parse(&answer(FLAGS & !bits::PROTOCOL_41)).is_err());
    }

    #[test]
    fn nothing_that_was_not_offered_goes_to_home() {
        let mut packet = Packet::new(1, &answer(FLAGS | bits::COMPRESS | bits::SSL));
        let offered = Capabilities { flags: FLAGS, extended: bits::MARIADB_EXTENDED_METADATA };
        let request = TlsRequest::of(&packet, offered).unwrap().packet(1);
        assert!(TlsRequest::is(request.payload()));
        HandshakeResponse::patch(&mut packet, offered, false);
        let response = HandshakeResponse::parse(packet.payload()).unwrap();
        assert_eq!(response.capabilities, offered);
        assert!(!TlsRequest::is(packet.payload()));
    }

    #[test]
    fn a_change_of_user_is_read() {
        let caps = Capabilities { flags: FLAGS, extended: 0 };
        let change = ChangeUser::parse(b"\x11app\0\x00shop\0\x2d\x00mysql_native_password\0", caps).unwrap();
        assert_eq!(
            (change.user.as_slice(), change.charset, change.has_secret),
            (&b"app"[..], Some(45), false)
        );
        assert_eq!(change.plugin, b"mysql_native_password");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, flags: u32) {
            let caps = Capabilities { flags, extended: 0 };
            let _ = ChangeUser::parse(&bytes, caps);
            let mut payload = answer(flags)[..FIXED].to_vec();
            payload.extend_from_slice(&bytes);
            for payload in [bytes, payload] {
                let _ = HandshakeResponse::parse(&payload);
                let _ = TlsRequest::is(&payload);
                let mut packet = Packet::new(1, &payload);
                let _ = TlsRequest::of(&packet, caps);
                HandshakeResponse::patch(&mut packet, caps, true);
            }
        }
    }
}
