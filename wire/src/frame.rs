//! Frames: a header of three bytes of length and one of sequence id, then the payload.
//!
//! A packet whose payload is 2^24-1 bytes or more goes on in the next frame, and ends with the first frame that is
//! shorter, if need be an empty one. Nothing here does I/O.

use std::io;

use bytes::{Buf, BytesMut};

use crate::reader::Malformed;

/// Bytes of a frame's header.
pub const HEADER: usize = 4;

/// The largest payload of one frame; a frame of this length is followed by another of the same packet.
pub const MAX_FRAME: usize = 0xff_ffff;

/// Why a packet could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection to which a packet was passed on broke.
    #[error("while passing on: {0}")]
    Write(#[source] io::Error),
    /// The other side closed in the middle of a packet.
    #[error("connection closed in the middle of a packet")]
    Cut,
    /// The packet is larger than the limit given for it.
    #[error("a packet of {size} bytes or more exceeds the limit of {limit} bytes")]
    TooLarge {
        /// What its headers say so far.
        size: usize,
        /// What was allowed.
        limit: usize,
    },
    /// The frames of one packet are not numbered one after the other.
    #[error("frames out of order")]
    OutOfOrder,
    /// The packet makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload in this frame.
    pub len: usize,
    /// The sequence id, counted from 0 at each command, by both sides in turn.
    pub seq: u8,
}

impl Header {
    /// Reads a header from the front of `bytes`, if they are enough.
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        let head: [u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        Some(Self::from_bytes(head))
    }

    /// Reads a header.
    pub fn from_bytes([a, b, c, seq]: [u8; HEADER]) -> Self {
        Self { len: u32::from_le_bytes([a, b, c, 0]) as usize, seq }
    }

    /// The header's bytes; `len` must be at most [`MAX_FRAME`].
    pub fn to_bytes(self) -> [u8; HEADER] {
        debug_assert!(self.len <= MAX_FRAME);
        let [a, b, c, _] = (self.len as u32).to_le_bytes();
        [a, b, c, self.seq]
    }

    /// Does the packet go on in another frame?
    pub fn continues(self) -> bool {
        self.len == MAX_FRAME
    }
}

/// One whole packet: the header of its first frame, then all of its payload. A packet of one frame is the very
/// bytes that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    bytes: BytesMut,
}

impl Packet {
    /// A packet with this payload, which starts at sequence id `seq`.
    pub fn new(seq: u8, payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(&Header { len: payload.len().min(MAX_FRAME), seq }.to_bytes());
        bytes.extend_from_slice(payload);
        Self { bytes }
    }

    /// Sequence id of the first frame.
    pub fn seq(&self) -> u8 {
        self.bytes[3]
    }

    /// Sequence id of the last frame.
    pub fn last_seq(&self) -> u8 {
        self.seq().wrapping_add((self.payload().len() / MAX_FRAME) as u8)
    }

    /// Renumbers the packet.
    pub fn set_seq(&mut self, seq: u8) {
        self.bytes[3] = seq;
    }

    /// What the packet says.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// What the packet says, to be patched in place; its length stays.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[HEADER..]
    }

    /// The payload alone, without a copy.
    pub fn into_payload(mut self) -> BytesMut {
        self.bytes.advance(HEADER);
        self.bytes
    }

    /// The frame's bytes, if the packet is a single frame.
    pub fn as_frame(&self) -> Option<&[u8]> {
        (self.payload().len() < MAX_FRAME).then_some(&self.bytes[..])
    }
}

/// Appends `payload` to `out` as one packet that starts at `seq`, and moves `seq` past it.
pub fn put_packet(out: &mut BytesMut, seq: &mut u8, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (now, later) = rest.split_at(rest.len().min(MAX_FRAME));
        out.extend_from_slice(&Header { len: now.len(), seq: *seq }.to_bytes());
        out.extend_from_slice(now);
        *seq = seq.wrapping_add(1);
        rest = later;
        if now.len() < MAX_FRAME {
            return;
        }
    }
}

/// How much of a packet lies at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The whole packet: so many frames, so many bytes with all headers.
    Whole { frames: usize, bytes: usize },
    /// At least so many bytes are needed from the front of the buffer.
    Needs(usize),
}

/// Looks how far the packet at the front of `buffer` reaches; its payload may be at most `limit`.
pub(crate) fn extent(buffer: &[u8], limit: usize) -> Result<Extent, FrameError> {
    let (mut at, mut frames, mut payload) = (0, 0usize, 0);
    loop {
        let Some(header) = Header::peek(&buffer[at..]) else {
            return Ok(Extent::Needs(at + HEADER));
        };
        if frames > 0 && header.seq != buffer[3].wrapping_add(frames as u8) {
            return Err(FrameError::OutOfOrder);
        }
        payload += header.len;
        if payload > limit {
            return Err(FrameError::TooLarge { size: payload, limit });
        }
        at += HEADER + header.len;
        frames += 1;
        if at > buffer.len() {
            return Ok(Extent::Needs(at));
        }
        if !header.continues() {
            return Ok(Extent::Whole { frames, bytes: at });
        }
    }
}

/// Takes the packet of `frames` frames and `bytes` bytes off the front of `buffer`.
pub(crate) fn take(buffer: &mut BytesMut, frames: usize, bytes: usize) -> Packet {
    let mut raw = if bytes == buffer.len() { std::mem::take(buffer) } else { buffer.split_to(bytes) };
    for frame in 1..frames {
        // Close the gap that this frame's header leaves: everything before it already lies together.
        let gap = HEADER + frame * MAX_FRAME;
        raw.copy_within(gap + HEADER.., gap);
        raw.truncate(raw.len() - HEADER);
    }
    Packet { bytes: raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(len: usize, seq: u8) {
        let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let (mut wire, mut next) = (BytesMut::new(), seq);
        put_packet(&mut wire, &mut next, &payload);
        let Ok(Extent::Whole { frames, bytes }) = extent(&wire, len) else { panic!("not whole: {len}") };
        assert_eq!(bytes, wire.len());
        let packet = take(&mut wire, frames, bytes);
        assert!(wire.is_empty());
        assert!(packet.payload() == payload, "payload of {len} bytes changed");
        assert_eq!(packet.seq(), seq);
        assert_eq!(packet.last_seq().wrapping_add(1), next);
    }

    #[test]
    fn packets_around_the_frame_limit_come_back() {
        for len in [0, 1, MAX_FRAME - 1, MAX_FRAME, MAX_FRAME + 1, 2 * MAX_FRAME, 2 * MAX_FRAME + 7] {
            round_trip(len, 255);
        }
    }

    #[test]
    fn a_limit_is_seen_in_the_header() {
        let header = Header { len: 1000, seq: 0 }.to_bytes();
        assert!(matches!(extent(&header, 999), Err(FrameError::TooLarge { size: 1000, limit: 999 })));
    }

    #[test]
    fn frames_out_of_order_are_refused() {
        let (mut wire, mut seq) = (BytesMut::new(), 0);
        put_packet(&mut wire, &mut seq, &vec![0; MAX_FRAME]);
        wire[HEADER + MAX_FRAME + 3] = 7;
        assert!(matches!(extent(&wire, usize::MAX), Err(FrameError::OutOfOrder)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes: Vec<u8>, limit in 0usize..100_000) {
            if let Ok(Extent::Whole { bytes: n, .. }) = extent(&bytes, limit) {
                prop_assert!(n <= bytes.len());
            }
        }
    }
}
