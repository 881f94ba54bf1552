//! Home's greeting: read, and its capability bits cut to what Shunt can relay.

use crate::{Capabilities, Malformed, Packet, StatusFlags, capabilities::bits, reader::Reader};

/// The one protocol version in use since 2003.
const PROTOCOL_VERSION: u8 = 10;

/// Home's first packet, kept as it came.
#[derive(Debug, Clone)]
pub struct Greeting {
    packet: Packet,
    /// The server's version, as it names itself: `9.7.0`, `5.5.5-10.11.19-MariaDB-…`.
    pub version: String,
    /// The connection's id on home, which KILL takes.
    pub thread_id: u32,
    /// What home offers.
    pub capabilities: Capabilities,
    /// Home's default character set.
    pub charset: u8,
    /// The session's state.
    pub status: StatusFlags,
    /// The plugin that home proposes.
    pub plugin: Vec<u8>,
    /// Where the capabilities' low half, high half and MariaDB's further word stand in the payload.
    at: [usize; 3],
}

impl Greeting {
    /// Reads a greeting.
    pub fn parse(packet: Packet) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet.payload());
        if reader.u8("protocol version")? != PROTOCOL_VERSION {
            return Err(Malformed("protocol version"));
        }
        let version = String::from_utf8_lossy(reader.until_nul("server version")?).into_owned();
        let thread_id = reader.u32("thread id")?;
        reader.take(9, "scramble")?;
        let low_at = reader.position();
        let low = reader.u16("capabilities")?;
        let charset = reader.u8("charset")?;
        let status = StatusFlags(reader.u16("status flags")?);
        let high_at = reader.position();
        let high = reader.u16("capabilities")?;
        let scramble = usize::from(reader.u8("scramble's length")?);
        reader.take(6, "filler")?;
        let extended_at = reader.position();
        let extended = reader.u32("filler")?;
        let flags = u32::from(low) | u32::from(high) << 16;
        if flags & bits::SECURE_CONNECTION != 0 {
            reader.take(scramble.saturating_sub(8).max(13), "scramble")?;
        }
        let plugin = reader.until_nul_or_end().to_vec();
        // MariaDB says by the absence of this bit that the filler's end holds its further capabilities.
        let mariadb = flags & bits::LONG_PASSWORD == 0;
        let capabilities = Capabilities { flags, extended: if mariadb { extended } else { 0 } };
        let at = [low_at, high_at, extended_at];
        Ok(Self { version, thread_id, capabilities, charset, status, plugin, at, packet })
    }

    /// Is home a MariaDB server?
    pub fn is_mariadb(&self) -> bool {
        self.version.to_ascii_lowercase().contains("mariadb")
    }

    /// Cuts the capabilities to what Shunt can relay, TLS among them only if `tls`, and says what is left.
    pub fn offer(&mut self, tls: bool) -> Capabilities {
        let had_extended = self.capabilities.flags & bits::LONG_PASSWORD == 0;
        let offered = self.capabilities.offered(tls);
        let [low, high, extended] = self.at;
        let payload = self.packet.payload_mut();
        let flags = offered.flags.to_le_bytes();
        payload[low..low + 2].copy_from_slice(&flags[..2]);
        payload[high..high + 2].copy_from_slice(&flags[2..]);
        if had_extended {
            payload[extended..extended + 4].copy_from_slice(&offered.extended.to_le_bytes());
        }
        self.capabilities = offered;
        offered
    }

    /// The packet, for the client.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn greeting(version: &[u8], flags: u32, extended: u32) -> Packet {
        let mut payload = vec![PROTOCOL_VERSION];
        payload.extend_from_slice(version);
        payload.push(0);
        payload.extend_from_slice(&77u32.to_le_bytes());
        payload.extend_from_slice(b"12345678\0");
        payload.extend_from_slice(&flags.to_le_bytes()[..2]);
        payload.extend_from_slice(&[45, 2, 0]);
        payload.extend_from_slice(&flags.to_le_bytes()[2..]);
        payload.push(21);
        payload.extend_from_slice(&[0; 6]);
        payload.extend_from_slice(&extended.to_le_bytes());
        payload.extend_from_slice(b"123456789012\0caching_sha2_password\0");
        Packet::new(0, &payload)
    }

    #[test]
    fn compression_and_what_is_unknown_is_not_offered() {
        let mut mysql = Greeting::parse(greeting(b"9.7.0", u32::MAX, 0)).unwrap();
        assert_eq!((mysql.thread_id, mysql.charset, mysql.is_mariadb()), (77, 45, false));
        assert_eq!(mysql.plugin, b"caching_sha2_password");
        let offered = mysql.offer(false);
        assert!(!offered.wants_compression() && !offered.tls() && offered.deprecate_eof());
        let again = Greeting::parse(mysql.packet().clone()).unwrap();
        assert_eq!(again.capabilities, offered);

        let mariadb = greeting(b"5.5.5-10.11.19-MariaDB", !bits::LONG_PASSWORD, 0x1f);
        let mut mariadb = Greeting::parse(mariadb).unwrap();
        assert!(mariadb.is_mariadb());
        assert_eq!(mariadb.offer(true).extended, bits::MARIADB_EXTENDED_METADATA);
        assert!(mariadb.capabilities.tls());
        let again = Greeting::parse(mariadb.packet().clone()).unwrap();
        assert_eq!(again.capabilities, mariadb.capabilities);
    }

    proptest! {
        #[test]
        fn only_capabilities_are_patched(flags: u32, extended: u32, tls: bool) {
            let before = greeting(b"9.7.0", flags | bits::SECURE_CONNECTION, extended);
            let mut greeting = Greeting::parse(before.clone()).unwrap();
            greeting.offer(tls);
            let [low, high, further] = greeting.at;
            for (index, (old, new)) in before.payload().iter().zip(greeting.packet().payload()).enumerate() {
                let patched = [low..low + 2, high..high + 2, further..further + 4];
                prop_assert!(old == new || patched.iter().any(|at| at.contains(&index)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, tls: bool) {
            bytes.insert(0, PROTOCOL_VERSION);
            if let Ok(mut greeting) = Greeting::parse(Packet::new(0, &bytes)) {
                greeting.offer(tls);
            }
        }
    }
}
