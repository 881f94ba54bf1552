//! A leg: the client's or home's connection, read and written in packets or in slices.
//!
//! Reading is safe to cancel: bytes that came stay in the buffer, so every read may stand in a `select!`.
//! Buffers are there while something is under way; [`Leg::idle`] gives them back.

use std::{
    future::poll_fn,
    io,
    mem::{MaybeUninit, replace},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::{
    command::Command,
    frame::{self, Extent, FrameError, HEADER, Header, Packet},
    reader::Malformed,
    socket::{Replay, Socket, Stream},
};

/// A first read goes through the stack, so that a leg that waits holds no buffer. Most statements fit.
const SCRATCH: usize = 8 * 1024;

/// A read buffer grows up to this while large answers flow; more gains nothing on loopback.
const BUFFER_MAX: usize = 64 * 1024;

/// With less room than this a read is not worth its system call.
const BUFFER_MIN: usize = 4 * 1024;

/// Queued bytes above this are written out by [`Leg::queue_packet`]'s callers through [`Leg::write`].
const QUEUE_MAX: usize = 64 * 1024;

/// The front of a command that has not been taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its first byte.
    pub command: Command,
    /// Its first frame's header.
    pub header: Header,
}

/// A packet that was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Bytes of its payload.
    pub len: usize,
    /// Sequence id of its last frame.
    pub last_seq: u8,
}

/// One side of a session.
#[derive(Debug)]
pub struct Leg {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    /// How much room the next read gets.
    room: usize,
    /// How long a write, or the rest of a packet, may stand still.
    stall: Duration,
    unix: bool,
}

impl Leg {
    /// A leg over TCP. Writes that stand still for `stall` fail.
    pub fn tcp(stream: TcpStream, stall: Duration) -> Self {
        Self::new(Socket::Tcp(stream), stall, false)
    }

    /// A leg over a Unix socket. Writes that stand still for `stall` fail.
    pub fn unix(stream: UnixStream, stall: Duration) -> Self {
        Self::new(Socket::Unix(stream), stall, true)
    }

    fn new(socket: Socket, stall: Duration, unix: bool) -> Self {
        Self {
            stream: Stream::Plain(socket),
            input: BytesMut::new(),
            output: BytesMut::new(),
            room: SCRATCH,
            stall,
            unix,
        }
    }

    /// Is it inside TLS?
    pub fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// May a password go over it in clear text? So the client judges: TLS, or a Unix socket.
    pub fn is_secure(&self) -> bool {
        self.unix || self.is_tls()
    }

    /// What has been read and not yet consumed.
    pub fn buffered(&self) -> &[u8] {
        &self.input
    }

    /// Drops the first `n` buffered bytes.
    pub fn consume(&mut self, n: usize) {
        self.input.advance(n.min(self.input.len()));
    }

    /// Gives the buffers back, if nothing is in them.
    pub fn idle(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() && self.output.capacity() > 0 {
            self.output = BytesMut::new();
        }
        self.room = SCRATCH;
    }

    /// Reads what there is into the buffer and says how much it was; 0 when the other side has closed.
    /// Waits for as long as it takes.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// [`Leg::fill`] in the middle of a packet: standing still is an error.
    pub async fn fill_more(&mut self) -> Result<(), FrameError> {
        match timeout(self.stall, self.fill()).await {
            Ok(Ok(0)) => Err(FrameError::Cut),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(stalled().into()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() == 0 {
            let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
            let mut buf = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            self.input.extend_from_slice(buf.filled());
            self.grow(buf.filled().len(), SCRATCH);
            return Poll::Ready(Ok(buf.filled().len()));
        }
        let room = self.input.capacity() - self.input.len();
        if room < BUFFER_MIN.min(self.room) {
            // A large packet is collected here: grow with it, so that copying stays linear.
            self.input.reserve(self.room.max(self.input.len()));
        }
        let room = self.input.capacity() - self.input.len();
        let n = ready!(pin!(self.stream.read_buf(&mut self.input)).poll(cx))?;
        self.grow(n, room);
        Poll::Ready(Ok(n))
    }

    /// A read that filled its room makes the next one's room larger.
    fn grow(&mut self, read: usize, room: usize) {
        if read >= room.min(self.room) {
            self.room = (self.room * 2).min(BUFFER_MAX);
        }
    }

    /// Looks at the command that comes next, without taking it. `None` when the client has closed between two.
    pub async fn peek(&mut self) -> Result<Option<Head>, FrameError> {
        loop {
            if let Some(header) = Header::peek(&self.input) {
                if header.len == 0 {
                    return Err(Malformed("a command without a first byte").into());
                }
                if let Some(first) = self.input.get(HEADER) {
                    return Ok(Some(Head { command: Command(*first), header }));
                }
            }
            if !self.input.is_empty() {
                self.fill_more().await?;
            } else if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads one whole packet of at most `limit` bytes of payload. `None` when the other side has closed before it.
    /// A limit that is exceeded is noticed in the headers, before the bytes are collected.
    pub async fn read_packet(&mut self, limit: usize) -> Result<Option<Packet>, FrameError> {
        loop {
            if let Extent::Whole { frames, bytes } = frame::extent(&self.input, limit)? {
                return Ok(Some(frame::take(&mut self.input, frames, bytes)));
            }
            if !self.input.is_empty() {
                self.fill_more().await?;
            } else if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// A packet that must come: [`Leg::read_packet`] where the end of the stream is an error, and however long
    /// the first byte or the rest takes, it is waited for (home may work between two frames).
    pub async fn expect_packet(&mut self, limit: usize) -> Result<Packet, FrameError> {
        loop {
            if let Extent::Whole { frames, bytes } = frame::extent(&self.input, limit)? {
                return Ok(frame::take(&mut self.input, frames, bytes));
            }
            if self.fill().await? == 0 {
                return Err(FrameError::Cut);
            }
        }
    }

    /// Queues one packet that starts at `seq`, and moves `seq` past it. Nothing is sent before [`Leg::flush`].
    pub fn queue_packet(&mut self, seq: &mut u8, payload: &[u8]) {
        frame::put_packet(&mut self.output, seq, payload);
    }

    /// Queues a packet with the sequence ids it has.
    pub fn queue(&mut self, packet: &Packet) {
        match packet.as_frame() {
            Some(frame) => self.output.extend_from_slice(frame),
            None => frame::put_packet(&mut self.output, &mut packet.seq(), packet.payload()),
        }
    }

    /// How many bytes are queued.
    pub fn queued(&self) -> usize {
        self.output.len()
    }

    /// Is so much queued that it should be flushed before more is?
    pub fn is_queue_full(&self) -> bool {
        self.output.len() >= QUEUE_MAX
    }

    /// Sends what is queued. Safe to cancel: what was not sent stays queued.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let n = within(self.stall, self.stream.write(&self.output)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.output.advance(n);
        }
        self.flush_tls().await
    }

    /// Sends what is queued, then `bytes`. A call that is cancelled leaves the stream cut: close it then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.output.is_empty() {
            if bytes.len() <= QUEUE_MAX {
                self.output.extend_from_slice(bytes); // One system call instead of two.
                return self.flush().await;
            }
            self.flush().await?;
        }
        while !bytes.is_empty() {
            let n = within(self.stall, self.stream.write(bytes)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[n..];
        }
        self.flush_tls().await
    }

    async fn flush_tls(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tls(tls) => within(self.stall, tls.flush()).await,
            Stream::Plain(_) | Stream::Gone => Ok(()),
        }
    }

    /// Sends what is queued, then `packet` with the sequence ids it has.
    pub async fn write_packet(&mut self, packet: &Packet) -> io::Result<()> {
        if let Some(frame) = packet.as_frame() {
            return self.write(frame).await;
        }
        let mut header = Header { len: 0, seq: packet.seq() };
        let mut rest = packet.payload();
        loop {
            let (now, later) = rest.split_at(rest.len().min(frame::MAX_FRAME));
            header.len = now.len();
            self.output.extend_from_slice(&header.to_bytes());
            self.write(now).await?;
            if !header.continues() {
                return self.flush().await;
            }
            header.seq = header.seq.wrapping_add(1);
            rest = later;
        }
    }

    /// Passes the packet at the front of this leg's stream on to `to`, in slices.
    pub async fn pass_packet(&mut self, to: &mut Self) -> Result<Passed, FrameError> {
        let mut passed = Passed { len: 0, last_seq: 0 };
        loop {
            while self.input.len() < HEADER {
                self.fill_more().await?;
            }
            let header = Header::peek(&self.input).ok_or(FrameError::Cut)?;
            let mut left = HEADER + header.len;
            while left > 0 {
                if self.input.is_empty() {
                    self.fill_more().await?;
                }
                let n = left.min(self.input.len());
                to.write(&self.input[..n]).await.map_err(FrameError::Write)?;
                self.consume(n);
                left -= n;
            }
            passed.len += header.len;
            passed.last_seq = header.seq;
            if !header.continues() {
                return Ok(passed);
            }
        }
    }

    /// Passes the first `n` buffered bytes on to `to`.
    pub async fn pass_buffered(&mut self, n: usize, to: &mut Self) -> io::Result<()> {
        let n = n.min(self.input.len());
        to.write(&self.input[..n]).await?;
        self.consume(n);
        Ok(())
    }

    /// Answers the client's request for TLS. What has been read past the request goes to TLS, which refuses
    /// anything that is not its own: nobody can slip a command in before the encryption starts.
    pub async fn accept_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let replay = self.take_socket()?;
        let tls = Box::pin(TlsAcceptor::from(config).accept(replay)).await?;
        self.stream = Stream::Tls(Box::new(TlsStream::Server(tls)));
        Ok(())
    }

    /// Starts TLS towards home, after the request for it was sent. Home must have said nothing since.
    pub async fn connect_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<()> {
        if !self.input.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "home sent plain bytes where TLS starts"));
        }
        self.flush().await?;
        let replay = self.take_socket()?;
        let tls = Box::pin(TlsConnector::from(config).connect(name, replay)).await?;
        self.stream = Stream::Tls(Box::new(TlsStream::Client(tls)));
        Ok(())
    }

    fn take_socket(&mut self) -> io::Result<Replay> {
        match replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(socket) => Ok(Replay { ahead: std::mem::take(&mut self.input), socket }),
            other => {
                self.stream = other;
                Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS is already there"))
            }
        }
    }

    /// Sends what is queued and says goodbye. Errors do not matter any more.
    pub async fn close(mut self) {
        let _ = self.flush().await;
        let _ = within(self.stall, self.stream.shutdown()).await;
    }
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other side stands still in the middle of a packet")
}

/// The timer is only set up if `what` cannot be done at once.
async fn within<T>(stall: Duration, what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(stall, what).await.unwrap_or_else(|_| Err(stalled()))
}
