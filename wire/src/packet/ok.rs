//! OK packets, the EOF packets that came before them, and the session state they track.

use crate::{
    Capabilities, Malformed, StatusFlags,
    packet::{EOF, OK},
    reader::{Reader, put_lenenc, put_lenenc_bytes},
};

/// What an OK or EOF packet says. An EOF packet has only status flags and warnings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OkInfo {
    /// Rows changed (or found, with FOUND_ROWS).
    pub affected_rows: u64,
    /// The first generated AUTO_INCREMENT value.
    pub last_insert_id: u64,
    /// The session's state after the statement.
    pub status: StatusFlags,
    /// How many warnings there are.
    pub warnings: u16,
    /// Text for people: `Records: 3  Duplicates: 0  Warnings: 0`.
    pub info: Vec<u8>,
    /// Raw session-track data; see [`OkInfo::state_changes`].
    pub state: Vec<u8>,
}

/// One change of the session's state that an OK packet tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// A system variable has a new value.
    Variable {
        /// Its name.
        name: Vec<u8>,
        /// Its value, as `SHOW VARIABLES` writes it.
        value: Vec<u8>,
    },
    /// The current database changed; empty when there is none any more.
    Schema(Vec<u8>),
    /// Something changed that is not tracked by name (a user variable, a temporary table, …).
    Other,
    /// Something else that is tracked, by its type: GTIDs (3), transaction characteristics (4) and state (5).
    Data {
        /// The type's number.
        kind: u8,
        /// Its data, not looked into.
        data: Vec<u8>,
    },
}

impl OkInfo {
    /// Reads an OK packet (first byte `0x00`, or `0xFE` where EOF is deprecated).
    pub fn parse(payload: &[u8], caps: Capabilities) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if !matches!(reader.u8("OK packet")?, OK | EOF) {
            return Err(Malformed("OK packet"));
        }
        let mut ok = Self {
            affected_rows: reader.lenenc("affected rows")?,
            last_insert_id: reader.lenenc("last insert id")?,
            ..Self::default()
        };
        ok.status = StatusFlags(reader.u16("status flags")?);
        ok.warnings = reader.u16("warnings")?;
        if !caps.session_track() {
            // The manual says that the text goes up to the packet's end; both servers put its length before it.
            let rest = reader.rest();
            let mut told = Reader::new(rest);
            let text = told.lenenc_bytes("info").ok().filter(|_| told.is_empty());
            ok.info = text.unwrap_or(rest).to_vec();
            return Ok(ok);
        }
        if !reader.is_empty() {
            ok.info = reader.lenenc_bytes("info")?.to_vec();
        }
        if ok.status.session_state_changed() && !reader.is_empty() {
            ok.state = reader.lenenc_bytes("session state")?.to_vec();
        }
        Ok(ok)
    }

    /// Reads an EOF packet of five bytes.
    pub fn parse_eof(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        if reader.u8("EOF packet")? != EOF {
            return Err(Malformed("EOF packet"));
        }
        let warnings = reader.u16("warnings")?;
        Ok(Self { warnings, status: StatusFlags(reader.u16("status flags")?), ..Self::default() })
    }

    /// Reads the packet that ends a result set's rows, in the format agreed on.
    pub fn parse_end_of_rows(payload: &[u8], caps: Capabilities) -> Result<Self, Malformed> {
        if caps.deprecate_eof() { Self::parse(payload, caps) } else { Self::parse_eof(payload) }
    }

    /// The OK packet's payload, in the format agreed on.
    pub fn payload(&self, caps: Capabilities) -> Vec<u8> {
        self.payload_with(OK, caps)
    }

    /// The payload of the packet that ends a result set's rows, in the format agreed on.
    pub fn end_of_rows(&self, caps: Capabilities) -> Vec<u8> {
        if caps.deprecate_eof() { self.payload_with(EOF, caps) } else { self.eof_payload() }
    }

    /// An EOF packet's payload of five bytes.
    pub fn eof_payload(&self) -> Vec<u8> {
        let ([w, x], [s, t]) = (self.warnings.to_le_bytes(), self.status.0.to_le_bytes());
        vec![EOF, w, x, s, t]
    }

    fn payload_with(&self, first: u8, caps: Capabilities) -> Vec<u8> {
        let mut status = self.status.0;
        if !caps.session_track() || self.state.is_empty() {
            status &= !StatusFlags::SESSION_STATE_CHANGED;
        }
        let mut out = Vec::with_capacity(16 + self.info.len() + self.state.len());
        out.push(first);
        put_lenenc(&mut out, self.affected_rows);
        put_lenenc(&mut out, self.last_insert_id);
        out.extend_from_slice(&status.to_le_bytes());
        out.extend_from_slice(&self.warnings.to_le_bytes());
        let tells_state = status & StatusFlags::SESSION_STATE_CHANGED != 0;
        if !self.info.is_empty() || tells_state {
            put_lenenc_bytes(&mut out, &self.info);
        }
        if tells_state {
            put_lenenc_bytes(&mut out, &self.state);
        }
        out
    }

    /// `self`'s counts, id, warnings and text with the session state of `last`: what one statement did, told
    /// after another of Shunt's own (a COMMIT, say) came behind it. A cursor that the statement opened stays open.
    #[must_use]
    pub fn with_state_of(mut self, last: &Self) -> Self {
        self.status.0 = last.status.0 | self.status.0 & StatusFlags::CURSOR_EXISTS;
        self.state.clone_from(&last.state);
        self
    }

    /// The changes of session state that the packet tells, in order.
    pub fn state_changes(&self) -> Result<Vec<StateChange>, Malformed> {
        let mut reader = Reader::new(&self.state);
        let mut changes = Vec::new();
        while !reader.is_empty() {
            let kind = reader.u8("kind of session state")?;
            let data = reader.lenenc_bytes("session state")?;
            read_change(kind, data, &mut changes)?;
        }
        Ok(changes)
    }
}

fn read_change(kind: u8, data: &[u8], changes: &mut Vec<StateChange>) -> Result<(), Malformed> {
    let mut reader = Reader::new(data);
    match kind {
        // MariaDB puts several variables into one entry, MySQL one.
        0 => {
            while !reader.is_empty() {
                let name = reader.lenenc_bytes("variable's name")?.to_vec();
                let value = reader.lenenc_bytes("variable's value")?.to_vec();
                changes.push(StateChange::Variable { name, value });
            }
        }
        1 => changes.push(StateChange::Schema(reader.lenenc_bytes("schema")?.to_vec())),
        2 => changes.push(StateChange::Other),
        _ => changes.push(StateChange::Data { kind, data: data.to_vec() }),
    }
    Ok(())
}

/// Where the status flags stand in an OK packet's payload.
fn status_at(payload: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(payload);
    reader.u8("OK packet")?;
    reader.lenenc("affected rows")?;
    reader.lenenc("last insert id")?;
    let at = reader.position();
    reader.u16("status flags")?;
    Ok(at)
}

/// Replaces the status flags in an OK packet's payload; all else stays as it is. `SESSION_STATE_CHANGED` stays
/// too, because it says whether the session-track data is there.
pub fn patch_status(payload: &mut [u8], status: StatusFlags) -> Result<(), Malformed> {
    let at = status_at(payload)?;
    let bytes = payload.get_mut(at..at + 2).ok_or(Malformed("status flags"))?;
    let told = u16::from_le_bytes([bytes[0], bytes[1]]) & StatusFlags::SESSION_STATE_CHANGED;
    let status = status.0 & !StatusFlags::SESSION_STATE_CHANGED | told;
    bytes.copy_from_slice(&status.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::bits;
    use proptest::prelude::*;

    fn caps(track: bool, deprecate_eof: bool) -> Capabilities {
        let mut flags = bits::PROTOCOL_41;
        flags |= if track { bits::SESSION_TRACK } else { 0 };
        flags |= if deprecate_eof { bits::DEPRECATE_EOF } else { 0 };
        Capabilities { flags, extended: 0 }
    }

    prop_compose! {
        fn any_ok(track: bool)(
            affected_rows: u64, last_insert_id: u64, status: u16, warnings: u16,
            info: Vec<u8>, state in prop::collection::vec(any::<u8>(), 1..300), changed: bool,
        ) -> OkInfo {
            let told = changed && track;
            let mut status = status & !StatusFlags::SESSION_STATE_CHANGED;
            status |= if told { StatusFlags::SESSION_STATE_CHANGED } else { 0 };
            let state = if told { state } else { Vec::new() };
            OkInfo { affected_rows, last_insert_id, status: StatusFlags(status), warnings, info, state }
        }
    }

    proptest! {
        #[test]
        fn an_ok_comes_back_with_session_state(ok in any_ok(true)) {
            let caps = caps(true, true);
            prop_assert_eq!(OkInfo::parse(&ok.payload(caps), caps), Ok(ok.clone()));
            prop_assert_eq!(OkInfo::parse_end_of_rows(&ok.end_of_rows(caps), caps), Ok(ok));
        }

        #[test]
        fn an_ok_comes_back_without(ok in any_ok(false)) {
            let caps = caps(false, false);
            prop_assert_eq!(OkInfo::parse(&ok.payload(caps), caps), Ok(ok.clone()));
            let end = OkInfo::parse_end_of_rows(&ok.end_of_rows(caps), caps).unwrap();
            prop_assert_eq!((end.status, end.warnings), (ok.status, ok.warnings));
        }

        #[test]
        fn patched_status_flags_change_nothing_else(ok in any_ok(true), status: u16) {
            let caps = caps(true, true);
            let mut payload = ok.payload(caps);
            patch_status(&mut payload, StatusFlags(status)).unwrap();
            let mut patched = OkInfo::parse(&payload, caps).unwrap();
            let mask = !StatusFlags::SESSION_STATE_CHANGED;
            prop_assert_eq!(patched.status.0 & mask, status & mask);
            patched.status = ok.status;
            prop_assert_eq!(patched, ok);
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, track: bool, eof: bool) {
            if let Ok(ok) = OkInfo::parse(&bytes, caps(track, eof)) {
                let _ = ok.state_changes();
            }
            let _ = OkInfo { state: bytes.clone(), ..OkInfo::default() }.state_changes();
            let _ = OkInfo::parse_end_of_rows(&bytes, caps(track, eof));
            let _ = patch_status(&mut bytes, StatusFlags(0));
        }
    }

    #[test]
    fn state_changes_are_told_by_name() {
        let mut state = vec![0, 9];
        state.extend_from_slice(b"\x04name\x03new");
        state.extend_from_slice(b"\x01\x04\x03app\x02\x02\x01\x31\x05\x03\x02T_");
        let ok = OkInfo { state, ..OkInfo::default() };
        assert_eq!(
            ok.state_changes().unwrap(),
            [
                StateChange::Variable { name: b"name".to_vec(), value: b"new".to_vec() },
                StateChange::Schema(b"app".to_vec()),
                StateChange::Other,
                StateChange::Data { kind: 5, data: b"\x02T_".to_vec() },
            ]
        );
    }
}
