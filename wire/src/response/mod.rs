//! Follows home's answer to one command through its bytes, to know where it ends and what it told.
//!
//! ```text
//!          ┌───────────────── more results ────────────────┐
//!          ▼                                               │
//! query  Start ──OK──────────────────────────────────────► end
//!          │ └───file wanted──► (client sends it) ─► Start ▲
//!          └──column count──► Columns ─► ColumnsEof ─► Rows┘      ERR anywhere ─► end
//! prepare  PrepareStart ─► Definitions ─► DefinitionsEof ─► … ─► end
//! others   Single, Rows (FETCH, FIELD_LIST, event streams), Unknown
//! ```
//!
//! Nothing here does I/O, and no row is collected: of a packet no more is kept than has to be read.

mod summary;

pub use summary::Summary;

use crate::{
    Capabilities, Malformed,
    command::Command,
    frame::{HEADER, Header, MAX_FRAME},
    packet::{EOF, ERR, ErrInfo, LOCAL_INFILE, OK, OkInfo, PrepareOk, column, row},
};

/// An OK packet larger than this is not looked into; the summary then says that it may lack changes.
const OK_MAX: usize = 64 * 1024;

/// So much of an ERR packet is kept: number, SQLSTATE and the longest text a server sends (512 characters).
const ERR_KEPT: usize = 9 + 4 * 512;

/// What a packet may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first packet of an answer with results.
    Start,
    /// So many column definitions follow.
    Columns(usize),
    /// The EOF packet behind them.
    ColumnsEof,
    /// Rows, or what else goes on until EOF or ERR.
    Rows,
    /// The first packet of the answer to COM_STMT_PREPARE.
    PrepareStart,
    /// `left` definitions of parameters or columns follow, then `columns` more.
    Definitions { left: u16, columns: u16 },
    /// The EOF packet behind them; then come `columns` definitions.
    DefinitionsEof { columns: u16 },
    /// One packet of any kind.
    Single,
    /// The first packet of an answer to a command without a name.
    Unknown,
    /// Packets without an end that could be known.
    Endless,
    /// The answer is over.
    Ended,
}

/// How the answer goes on behind the bytes that were consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Home has more to say.
    More,
    /// The client must send the file that home asked for, up to and with an empty packet; then home goes on.
    ClientFile,
    /// The answer is over.
    Ended,
}

/// Follows one answer after another; [`Tracker::begin`] starts each.
#[derive(Debug)]
pub struct Tracker {
    caps: Capabilities,
    state: State,
    /// Bytes of a header that came in pieces.
    header: [u8; HEADER],
    header_len: usize,
    /// Bytes left in this frame's payload.
    left: usize,
    /// Is this frame not the last of its packet?
    continues: bool,
    /// Are we past the first header of a packet, and before its end?
    inside: bool,
    /// Payload length of the packet's first frame.
    first_len: usize,
    /// What is kept of the packet, and how much of it is wanted.
    kept: Vec<u8>,
    wanted: usize,
    last_seq: u8,
    summary: Summary,
}

impl Tracker {
    /// A tracker for a connection that has agreed on `caps`. No answer is under way.
    pub fn new(caps: Capabilities) -> Self {
        Self {
            caps,
            state: State::Ended,
            header: [0; HEADER],
            header_len: 0,
            left: 0,
            continues: false,
            inside: false,
            first_len: 0,
            kept: Vec::new(),
            wanted: 0,
            last_seq: 0,
            summary: Summary::default(),
        }
    }

    /// Starts to follow the answer to `command`, whose last frame had sequence id `seq`. COM_CHANGE_USER is not followed here: see
    /// [`crate::handshake::authenticate`].
    pub fn begin(&mut self, command: Command, seq: u8) {
        self.state = match command {
            c if c.is_unanswered() => State::Ended,
            c if c.is_stream() => State::Rows,
            Command::QUERY | Command::STMT_EXECUTE | Command::STMT_BULK_EXECUTE | Command::PROCESS_INFO => {
                State::Start
            }
            Command::STMT_PREPARE => State::PrepareStart,
            Command::STMT_FETCH | Command::FIELD_LIST => State::Rows,
            Command::SLEEP
            | Command::INIT_DB
            | Command::CREATE_DB
            | Command::DROP_DB
            | Command::REFRESH
            | Command::SHUTDOWN
            | Command::STATISTICS
            | Command::PROCESS_KILL
            | Command::DEBUG
            | Command::PING
            | Command::REGISTER_SLAVE
            | Command::STMT_RESET
            | Command::SET_OPTION
            | Command::RESET_CONNECTION => State::Single,
            _ => State::Unknown,
        };
        self.last_seq = seq;
        self.summary = Summary::default();
    }

    /// Has the answer ended?
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Is the answer one whose end cannot be known, so that no further command may follow on the connection?
    pub fn is_endless(&self) -> bool {
        self.state == State::Endless
    }

    /// Are we between two packets, where another may be put in?
    pub fn at_packet_boundary(&self) -> bool {
        !self.inside && self.header_len == 0
    }

    /// Sequence id of the last frame seen, or of the command as long as nothing came.
    pub fn last_seq(&self) -> u8 {
        self.last_seq
    }

    /// What the answer has told so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Takes what the answer has told.
    pub fn take_summary(&mut self) -> Summary {
        std::mem::take(&mut self.summary)
    }

    /// Looks at the next bytes of the answer. Says how many belong to it, and how it goes on. What was consumed may
    /// be passed on as it is; bytes behind the end are not touched.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Next), Malformed> {
        if self.state == State::Ended {
            return Ok((0, Next::Ended));
        }
        let mut at = 0;
        while at < input.len() {
            let (used, next) = self.step(&input[at..])?;
            at += used;
            if next != Next::More {
                return Ok((at, next));
            }
        }
        Ok((at, Next::More))
    }

    /// One packet if all of it is there, else one piece of it.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Next), Malformed> {
        if self.left > 0 {
            return self.payload(input);
        }
        if self.header_len == 0 && !self.inside {
            if let Some(header) = Header::peek(input)
                && !header.continues()
                && let Some(payload) = input.get(HEADER..HEADER + header.len)
            {
                self.last_seq = header.seq;
                return Ok((HEADER + header.len, self.judge(payload, header.len)?));
            }
            self.kept.clear();
        }
        let n = (HEADER - self.header_len).min(input.len());
        self.header[self.header_len..self.header_len + n].copy_from_slice(&input[..n]);
        self.header_len += n;
        if self.header_len < HEADER {
            return Ok((n, Next::More));
        }
        self.header_len = 0;
        let header = Header::from_bytes(self.header);
        self.last_seq = header.seq;
        if !self.inside {
            self.first_len = header.len;
            self.wanted = 1;
        }
        self.inside = true;
        self.left = header.len;
        self.continues = header.continues();
        if self.left == 0 { Ok((n, self.end_of_packet()?)) } else { Ok((n, Next::More)) }
    }

    fn payload(&mut self, input: &[u8]) -> Result<(usize, Next), Malformed> {
        let n = self.left.min(input.len());
        if self.kept.is_empty() {
            self.wanted = self.wanted_of(input[0]);
        }
        let keep = self.wanted.saturating_sub(self.kept.len()).min(n);
        self.kept.extend_from_slice(&input[..keep]);
        self.left -= n;
        if self.left > 0 || self.continues {
            return Ok((n, Next::More));
        }
        Ok((n, self.end_of_packet()?))
    }

    fn end_of_packet(&mut self) -> Result<Next, Malformed> {
        self.inside = false;
        let kept = std::mem::take(&mut self.kept);
        let next = self.judge(&kept, self.first_len);
        self.kept = kept;
        if self.kept.capacity() > ERR_KEPT {
            self.kept = Vec::new();
        }
        next
    }

    /// How much must be kept of a packet that came in pieces, by its first byte.
    fn wanted_of(&self, first: u8) -> usize {
        match (self.state, first) {
            (_, ERR) => ERR_KEPT,
            (State::Start | State::Single | State::Unknown, OK | EOF) => OK_MAX + 1,
            (State::Rows, EOF) if row::ends_rows(first, self.first_len, self.caps.deprecate_eof()) => {
                OK_MAX + 1
            }
            (State::Start | State::PrepareStart | State::ColumnsEof, _) => 16,
            _ => 1,
        }
    }

    /// Decides by a packet, of which as much is given as [`Self::wanted_of`] asks for, what comes next.
    fn judge(&mut self, head: &[u8], len: usize) -> Result<Next, Malformed> {
        let first = head.first().copied();
        if first == Some(ERR) && self.state != State::Endless {
            // A row of values never starts so, and COM_STATISTICS answers in text.
            self.summary.error = Some(ErrInfo::parse(&head[..head.len().min(ERR_KEPT)])?);
            return Ok(self.end());
        }
        match self.state {
            State::Start => self.judge_start(head),
            State::Columns(left) => {
                self.state = match left {
                    2.. => State::Columns(left - 1),
                    _ if self.caps.deprecate_eof() => State::Rows,
                    _ => State::ColumnsEof,
                };
                Ok(Next::More)
            }
            State::ColumnsEof => {
                let eof = OkInfo::parse_eof(head)?;
                if eof.status.cursor_exists() {
                    return Ok(self.end_of_result(eof));
                }
                self.state = State::Rows;
                Ok(Next::More)
            }
            State::Rows => match first {
                Some(EOF) if row::ends_rows(EOF, len, self.caps.deprecate_eof()) => self.judge_ok(head),
                Some(_) => Ok(Next::More),
                None => Err(Malformed("empty row")),
            },
            State::PrepareStart => {
                let prepared = PrepareOk::parse(head)?;
                self.summary.prepared = Some(prepared);
                Ok(self.definitions(prepared.params, prepared.columns))
            }
            State::Definitions { left, columns } => {
                match left {
                    2.. => self.state = State::Definitions { left: left - 1, columns },
                    _ if self.caps.deprecate_eof() => return Ok(self.definitions(columns, 0)),
                    _ => self.state = State::DefinitionsEof { columns },
                }
                Ok(Next::More)
            }
            State::DefinitionsEof { columns } => Ok(self.definitions(columns, 0)),
            State::Single | State::Unknown => self.judge_single(head, len),
            State::Endless => Ok(Next::More),
            State::Ended => Ok(Next::Ended),
        }
    }

    fn judge_start(&mut self, head: &[u8]) -> Result<Next, Malformed> {
        match head.first() {
            Some(&OK) => self.judge_ok(head),
            Some(&LOCAL_INFILE) => Ok(Next::ClientFile),
            _ => {
                self.state = State::Columns(column::parse_count(head)?);
                self.summary.result_sets += 1;
                Ok(Next::More)
            }
        }
    }

    /// An OK packet, or what ends rows.
    fn judge_ok(&mut self, head: &[u8]) -> Result<Next, Malformed> {
        // An EOF packet has five bytes, and an OK packet in its place seven at least.
        let eof = head.first() == Some(&EOF) && (head.len() == 5 || !self.caps.deprecate_eof());
        let ok = if eof {
            OkInfo::parse_eof(head)?
        } else if head.len() > OK_MAX {
            self.summary.changes_lost = true;
            let mut ok = OkInfo::parse(&head[..OK_MAX], Capabilities::default())?;
            ok.info.clear();
            ok
        } else {
            OkInfo::parse(head, self.caps)?
        };
        Ok(self.end_of_result(ok))
    }

    /// The one packet of a command without results. What it tells is taken if it tells something.
    fn judge_single(&mut self, head: &[u8], len: usize) -> Result<Next, Malformed> {
        let told = match head.first() {
            Some(&OK) => self.judge_ok(head),
            Some(&EOF) if len < MAX_FRAME => self.judge_ok(head),
            _ if self.state == State::Unknown => {
                self.state = State::Endless;
                return Ok(Next::More);
            }
            _ => return Ok(self.end()),
        };
        told.or_else(|_| Ok(self.end()))
    }

    /// `left` definitions come, if any, and then `columns` more.
    fn definitions(&mut self, left: u16, columns: u16) -> Next {
        match (left, columns) {
            (0, 0) => return self.end(),
            (0, columns) => self.state = State::Definitions { left: columns, columns: 0 },
            (left, columns) => self.state = State::Definitions { left, columns },
        }
        Next::More
    }

    fn end_of_result(&mut self, ok: OkInfo) -> Next {
        let more = ok.status.more_results();
        self.summary.record(ok);
        if more {
            self.state = State::Start;
            return Next::More;
        }
        self.end()
    }

    fn end(&mut self) -> Next {
        self.state = State::Ended;
        Next::Ended
    }
}

#[cfg(test)]
mod tests;
