//! Every answer is followed the same however its bytes are split, and never past its end.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::{StatusFlags, capabilities::bits, frame::put_packet, packet::column::tests::definition};

fn caps(deprecate_eof: bool, track: bool) -> Capabilities {
    let mut flags = bits::PROTOCOL_41;
    flags |= if deprecate_eof { bits::DEPRECATE_EOF } else { 0 };
    flags |= if track { bits::SESSION_TRACK } else { 0 };
    Capabilities { flags, extended: 0 }
}

/// One result of an answer.
#[derive(Debug, Clone)]
enum Result_ {
    Ok { affected: u64, info: Vec<u8>, schema: Option<Vec<u8>> },
    Rows { columns: usize, rows: Vec<Vec<u8>>, cursor: bool },
    Err { code: u16, message: Vec<u8>, after_rows: bool },
}

fn any_result() -> impl Strategy<Value = Result_> {
    let info = prop::collection::vec(any::<u8>(), 0..300);
    let schema = prop::option::of(prop::collection::vec(any::<u8>(), 0..100));
    // A row starts with the length of its first cell, or NULL.
    let row = prop::collection::vec(any::<u8>(), 1..40).prop_map(|mut row| {
        row[0] = row[0].min(0xfd);
        row
    });
    prop_oneof![
        (any::<u64>(), info.clone(), schema).prop_map(|(affected, info, schema)| Result_::Ok {
            affected,
            info,
            schema
        }),
        (1usize..300, prop::collection::vec(row, 0..20), any::<bool>())
            .prop_map(|(columns, rows, cursor)| Result_::Rows { columns, rows, cursor }),
        (any::<u16>(), info, any::<bool>()).prop_map(|(code, message, after_rows)| Result_::Err {
            code,
            message,
            after_rows
        }),
    ]
}

/// Writes an answer's bytes.
struct Writer {
    caps: Capabilities,
    out: BytesMut,
    seq: u8,
}

impl Writer {
    fn packet(&mut self, payload: &[u8]) {
        put_packet(&mut self.out, &mut self.seq, payload);
    }

    fn columns(&mut self, count: usize, status: u16) {
        let mut head = Vec::new();
        crate::reader::put_lenenc(&mut head, count as u64);
        self.packet(&head);
        for _ in 0..count {
            self.packet(&definition(b"app", b"u", b"user", b"id", false));
        }
        if !self.caps.deprecate_eof() {
            self.packet(&OkInfo { status: StatusFlags(status), ..OkInfo::default() }.eof_payload());
        }
    }

    fn result(&mut self, result: &Result_, more: bool) {
        let status = if more { StatusFlags::MORE_RESULTS_EXISTS } else { 0 };
        match result {
            Result_::Ok { affected, info, schema } => {
                let mut ok = OkInfo { affected_rows: *affected, info: info.clone(), ..OkInfo::default() };
                ok.status = StatusFlags(status);
                if let Some(schema) = schema {
                    ok.status.0 |= StatusFlags::SESSION_STATE_CHANGED;
                    ok.state = vec![1, schema.len() as u8 + 1, schema.len() as u8];
                    ok.state.extend_from_slice(schema);
                }
                let payload = ok.payload(self.caps);
                self.packet(&payload);
            }
            Result_::Rows { columns, rows, cursor } => {
                let cursor = if *cursor { StatusFlags::CURSOR_EXISTS } else { 0 };
                self.columns(*columns, status | cursor);
                if cursor == 0 {
                    rows.iter().for_each(|row| self.packet(row));
                } else if !self.caps.deprecate_eof() {
                    return;
                }
                let end = OkInfo { status: StatusFlags(status | cursor), ..OkInfo::default() };
                self.packet(&end.end_of_rows(self.caps));
            }
            Result_::Err { code, message, after_rows } => {
                if *after_rows {
                    self.columns(2, 0);
                    self.packet(b"\x01a\x01b");
                }
                self.packet(&ErrInfo::new(*code, b"HY000", message.clone()).payload());
            }
        }
    }
}

fn answer(results: &[Result_], caps: Capabilities) -> BytesMut {
    let mut writer = Writer { caps, out: BytesMut::new(), seq: 1 };
    for (index, result) in results.iter().enumerate() {
        writer.result(result, index + 1 < results.len());
        if matches!(result, Result_::Err { .. }) {
            break;
        }
    }
    writer.out
}

/// Feeds `bytes` in pieces of the given sizes, over and over.
fn follow(
    command: Command,
    caps: Capabilities,
    bytes: &[u8],
    pieces: &[usize],
) -> (usize, Next, Summary, u8) {
    let mut tracker = Tracker::new(caps);
    tracker.begin(command, 0);
    let (mut at, mut next) = (0, Next::More);
    let mut pieces = pieces.iter().cycle();
    while at < bytes.len() && next == Next::More {
        let piece = pieces.next().copied().unwrap_or(usize::MAX).max(1);
        let end = at.saturating_add(piece).min(bytes.len());
        let (used, then) = tracker.feed(&bytes[at..end]).expect("a proper answer");
        assert!(then != Next::More || used == end - at, "stopped without a reason");
        at += used;
        next = then;
    }
    assert_eq!(next == Next::Ended, tracker.has_ended());
    (at, next, tracker.take_summary(), tracker.last_seq())
}

#[track_caller]
fn check(command: Command, caps: Capabilities, packets: &[&[u8]], next: Next) -> Summary {
    let (mut bytes, mut seq) = (BytesMut::new(), 1);
    packets.iter().for_each(|packet| put_packet(&mut bytes, &mut seq, packet));
    let whole = follow(command, caps, &bytes, &[usize::MAX]);
    assert_eq!((whole.0, whole.1), (bytes.len(), next));
    assert_eq!(follow(command, caps, &bytes, &[1]), whole);
    whole.2
}

proptest! {
    #[test]
    fn split_reads_change_nothing(
        results in prop::collection::vec(any_result(), 1..5),
        pieces in prop::collection::vec(1usize..80, 1..20),
        deprecate_eof: bool,
        track: bool,
        binary: bool,
    ) {
        let caps = caps(deprecate_eof, track);
        let command = if binary { Command::STMT_EXECUTE } else { Command::QUERY };
        let mut bytes = answer(&results, caps);
        let len = bytes.len();
        bytes.extend_from_slice(b"\x01\x00\x00\x01\x00 the next answer");
        let whole = follow(command, caps, &bytes, &[usize::MAX]);
        prop_assert_eq!((whole.0, whole.1), (len, Next::Ended));
        prop_assert_eq!(&follow(command, caps, &bytes, &pieces), &whole);
        let failed = results.iter().any(|r| matches!(r, Result_::Err { .. }));
        prop_assert_eq!(whole.2.error.is_some(), failed);
        let schemas = |r: &Result_| track && matches!(r, Result_::Ok { schema: Some(_), .. });
        let told = results.iter().take_while(|r| !matches!(r, Result_::Err { .. }));
        prop_assert_eq!(whole.2.changes.len(), told.filter(|r| schemas(r)).count());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, command: u8, deprecate_eof: bool, track: bool, piece in 1usize..9) {
        let mut tracker = Tracker::new(caps(deprecate_eof, track));
        tracker.begin(Command(command), 0);
        for piece in bytes.chunks(piece) {
            if tracker.feed(piece).is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_file_is_asked_for_and_the_answer_goes_on() {
    let caps = caps(true, true);
    let mut tracker = Tracker::new(caps);
    tracker.begin(Command::QUERY, 0);
    assert_eq!(tracker.feed(b"\x03\x00\x00\x01\xfbab"), Ok((7, Next::ClientFile)));
    assert_eq!(tracker.feed(b"\x07\x00\x00\x04\x00\x02\x00\x02\x00\x00\x00"), Ok((11, Next::Ended)));
    assert_eq!(tracker.summary().last.as_ref().unwrap().affected_rows, 2);
}

#[test]
fn prepared_statements_are_described() {
    let column = definition(b"", b"", b"", b"?", false);
    let eof: &[u8] = &[EOF, 0, 0, 2, 0];
    for (params, columns) in [(0, 0), (2, 0), (0, 1), (2, 3)] {
        let ok = PrepareOk { statement_id: 7, params, columns, warnings: 0 };
        for deprecate_eof in [true, false] {
            let payload = ok.payload();
            let mut packets = vec![&payload[..]];
            for count in [params, columns] {
                packets.extend((0..count).map(|_| &column[..]));
                if count > 0 && !deprecate_eof {
                    packets.push(eof);
                }
            }
            let summary = check(Command::STMT_PREPARE, caps(deprecate_eof, true), &packets, Next::Ended);
            assert_eq!(summary.prepared, Some(ok));
        }
    }
}

#[test]
fn other_commands_end_where_they_should() {
    let ok: &[u8] = &[OK, 0, 0, 2, 0, 0, 0];
    let eof: &[u8] = &[EOF, 0, 0, 2, 0];
    let column = definition(b"app", b"user", b"user", b"id", false);
    let both = [caps(true, true), caps(false, false)];
    for caps in both {
        check(Command::PING, caps, &[ok], Next::Ended);
        check(Command::SET_OPTION, caps, &[eof], Next::Ended);
        check(Command::STATISTICS, caps, &[b"Uptime: 1"], Next::Ended);
        check(Command(0x77), caps, &[b"\xff\x17\x04#08S01Unknown command"], Next::Ended);
        check(Command(0x77), caps, &[b"\x21something", b"\x22more"], Next::More);
        let end = OkInfo::default().end_of_rows(caps);
        check(Command::STMT_FETCH, caps, &[b"\x00\x00\x01", b"\x00\x00\x02", &end], Next::Ended);
        check(Command::FIELD_LIST, caps, &[&column, &column, &end], Next::Ended);
        check(Command::BINLOG_DUMP, caps, &[b"\x00event", b"\x00event"], Next::More);
        check(Command::BINLOG_DUMP, caps, &[b"\x00event", &end], Next::Ended);
    }
    let mut tracker = Tracker::new(both[0]);
    tracker.begin(Command::STMT_CLOSE, 0);
    assert!(tracker.has_ended());
}

#[test]
fn rows_of_many_frames_are_followed() {
    let caps = caps(true, false);
    let mut row = vec![b'x'; MAX_FRAME + 20];
    row[0] = 0xfe; // The first cell's length takes eight bytes, as in a row of this size.
    let end = OkInfo::default().end_of_rows(caps);
    let column = definition(b"app", b"user", b"user", b"id", false);
    let (mut bytes, mut seq) = (BytesMut::new(), 1);
    for packet in [&[1][..], &column, &row, &row[..MAX_FRAME], &end] {
        put_packet(&mut bytes, &mut seq, packet);
    }
    for piece in [usize::MAX, 65_536, 1 << 20] {
        let (used, next, ..) = follow(Command::QUERY, caps, &bytes, &[piece]);
        assert_eq!((used, next), (bytes.len(), Next::Ended));
    }
}
