//! Relays commands and their answers between a client and its home connection, byte for byte (I7).
//!
//! An answer is followed only as far as it must be to know where it ends; a result of any size passes through two
//! buffers of 64 KiB.

use std::time::Duration;

use tokio::{select, time::timeout};
use tokio_util::sync::CancellationToken;
use wire::{
    Capabilities, Command, FrameError, Leg, Packet, StatusFlags,
    handshake::{ChangeUser, Exchange, LoginError, Outcome, PACKET_MAX, authenticate},
    leg::Head,
    packet::ErrInfo,
    response::{Next, Summary, Tracker},
};

use crate::{listener::LoggedIn, login::LOGIN_TIMEOUT};

/// After home spoke up by itself, so long may it take to close; it says goodbye only once.
const GOODBYE: Duration = Duration::from_secs(1);

/// First byte of a replica's acknowledgement in the middle of a stream of events (semi-synchronous replication).
const REPLICA_ACK: Command = Command(0xef);

/// Why a session ends other than by the client's own wish.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client has left, stands still, or does not speak the protocol.
    #[error("client: {0}")]
    Client(#[source] FrameError),
    /// Home has left, or answers what was not asked.
    #[error("home: {0}")]
    Home(#[source] FrameError),
    /// The client's new login did not come to an end, or home refused it and closes.
    #[error("change of user: {0}")]
    ChangeUser(#[source] LoginError),
    /// Home said something unasked: goodbye, for instance, to a connection that was idle too long.
    #[error("home spoke up by itself")]
    Unasked,
    /// The process shuts down.
    #[error("shutting down")]
    Shutdown,
}

/// A client and its home connection.
#[derive(Debug)]
pub struct Relay {
    /// The client's leg.
    pub client: Leg,
    /// The leg to home.
    pub home: Leg,
    /// What both have agreed on.
    pub caps: Capabilities,
    /// Of the last answer that told them.
    pub status: StatusFlags,
    tracker: Tracker,
    /// Sequence id of the next packet to the client, while no answer is under way.
    reply_seq: u8,
}

/// Serves a client whose commands are all relayed, until one side ends it.
pub async fn run(logged_in: LoggedIn) {
    let LoggedIn { client, home, login, shutdown } = logged_in;
    let mut relay = Relay::new(client, home, login.caps, login.status);
    let ended = relay.serve(&shutdown).await;
    if let Err(fault) = ended {
        tracing::debug!(%fault, user = %String::from_utf8_lossy(&login.user), "a session ended");
        relay.say_why(&fault).await;
    }
    relay.close().await;
}

impl Relay {
    /// After a login.
    pub fn new(client: Leg, home: Leg, caps: Capabilities, status: StatusFlags) -> Self {
        Self { client, home, caps, status, tracker: Tracker::new(caps), reply_seq: 1 }
    }

    async fn serve(&mut self, shutdown: &CancellationToken) -> Result<(), Fault> {
        while let Some(head) = self.next_command(shutdown).await? {
            if head.command == Command::QUIT {
                let _ = self.client.pass_packet(&mut self.home).await;
                return Ok(());
            }
            self.command(head).await?;
        }
        Ok(())
    }

    /// Waits for the next command, which stays in the client's buffer; `None` when the client has left. Buffers are
    /// given back meanwhile. At shutdown a session ends as soon as no transaction is open.
    pub async fn next_command(&mut self, shutdown: &CancellationToken) -> Result<Option<Head>, Fault> {
        self.client.idle();
        self.home.idle();
        self.reply_seq = 1;
        select! {
            biased;
            head = self.client.peek() => {
                let head = head.map_err(Fault::Client)?;
                if head.is_some_and(|head| head.header.seq != 0) {
                    return Err(Fault::Client(FrameError::OutOfOrder));
                }
                Ok(head)
            }
            _ = self.home.fill() => Err(Fault::Unasked),
            () = shutdown.cancelled(), if !self.status.in_transaction() => Err(Fault::Shutdown),
        }
    }

    /// Relays the command in the client's buffer, and its answer.
    pub async fn command(&mut self, head: Head) -> Result<Summary, Fault> {
        if head.command == Command::CHANGE_USER {
            return self.change_user().await.map(|()| Summary::default());
        }
        let passed = self.client.pass_packet(&mut self.home).await.map_err(passing_up)?;
        self.answer(head.command, passed.last_seq).await
    }

    /// Relays a command that was taken from the client before, and its answer.
    pub async fn packet(&mut self, command: &Packet) -> Result<Summary, Fault> {
        let kind = Command(command.payload().first().copied().unwrap_or_default());
        self.home.write_packet(command).await.map_err(|e| Fault::Home(e.into()))?;
        self.answer(kind, command.last_seq()).await
    }

    /// Passes the answer to `command` on, all of its results. `seq` is the sequence id of the command's last frame.
    pub async fn answer(&mut self, command: Command, seq: u8) -> Result<Summary, Fault> {
        self.tracker.begin(command, seq);
        while !self.tracker.has_ended() {
            if self.home.buffered().is_empty() {
                self.fill_from_home(command).await?;
            }
            let fed = self.tracker.feed(self.home.buffered());
            let (n, next) = fed.map_err(|e| Fault::Home(e.into()))?;
            let passed = self.home.pass_buffered(n, &mut self.client).await;
            passed.map_err(|e| Fault::Client(e.into()))?;
            if next == Next::ClientFile {
                self.pass_file().await?;
            }
        }
        let summary = self.tracker.take_summary();
        if let Some(ok) = &summary.last {
            self.status = ok.status;
        }
        Ok(summary)
    }

    /// Waits for more of the answer. In a stream of events the client may speak too.
    async fn fill_from_home(&mut self, command: Command) -> Result<(), Fault> {
        let read = if command.is_stream() || self.tracker.is_endless() {
            loop {
                select! {
                    read = self.home.fill() => break read,
                    head = self.client.peek() => self.in_stream(head).await?,
                }
            }
        } else {
            self.home.fill().await
        };
        match read {
            Ok(0) => Err(Fault::Home(FrameError::Cut)),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Home(error.into())),
        }
    }

    /// What the client says in the middle of a stream: nothing but acknowledgements goes to home, for a command would
    /// get there without having been looked at (I8).
    async fn in_stream(&mut self, head: Result<Option<Head>, FrameError>) -> Result<(), Fault> {
        match head.map_err(Fault::Client)? {
            Some(head) if head.command == REPLICA_ACK => {
                self.client.pass_packet(&mut self.home).await.map_err(passing_up)?;
                Ok(())
            }
            _ => Err(Fault::Client(FrameError::Cut)),
        }
    }

    /// Passes the client's file on, up to and with the empty packet that ends it.
    async fn pass_file(&mut self) -> Result<(), Fault> {
        loop {
            let passed = self.client.pass_packet(&mut self.home).await.map_err(passing_up)?;
            if passed.len == 0 {
                return Ok(());
            }
        }
    }

    /// COM_CHANGE_USER: a login on a connection that is there.
    async fn change_user(&mut self) -> Result<(), Fault> {
        let packet = self.client.read_packet(PACKET_MAX).await.map_err(Fault::Client)?;
        let packet = packet.ok_or(Fault::Client(FrameError::Cut))?;
        let change = ChangeUser::parse(packet.payload(), self.caps).map_err(|e| Fault::Client(e.into()))?;
        let mut exchange = Exchange {
            caps: self.caps,
            ahead: 0,
            plugin: change.plugin,
            has_secret: change.has_secret,
            next_seq: packet.last_seq().wrapping_add(1),
        };
        let login = async {
            exchange.check_first(&self.client, &self.home)?;
            self.home.write_packet(&packet).await.map_err(|e| LoginError::Home(e.into()))?;
            authenticate(&mut self.client, &mut self.home, &mut exchange).await
        };
        let outcome = match timeout(LOGIN_TIMEOUT, Box::pin(login)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(LoginError::TooLong),
        };
        self.reply_seq = exchange.next_seq;
        match outcome {
            Ok(Outcome::In(ok)) => {
                self.status = ok.status;
                Ok(())
            }
            Ok(Outcome::Refused(_)) => Ok(()), // Home closes now, or lets it try again: as it likes.
            Err(error) => Err(Fault::ChangeUser(error)),
        }
    }

    /// Tells the client why the session ends, where the protocol has room for it: between two packets of an answer.
    pub async fn say_why(&mut self, fault: &Fault) {
        let error = match fault {
            Fault::Unasked => return self.pass_goodbye().await,
            Fault::Shutdown => return, // It is not waiting for anything: it sees the connection closed.
            Fault::Home(error) => ErrInfo::new(
                1053,
                b"08S01",
                format!(
                    "Shunt: lost the connection to home during the statement ({error}). Whether it took effect is \
                     not known; an open transaction is rolled back"
                ),
            ),
            Fault::ChangeUser(error) => ErrInfo::new(1043, b"08S01", format!("Shunt: {error}")),
            Fault::Client(FrameError::TooLarge { size, limit }) => {
                let message = format!("Shunt: got a packet of {size} bytes, and takes {limit} at most");
                ErrInfo::new(1153, b"08S01", message)
            }
            Fault::Client(FrameError::OutOfOrder) => ErrInfo::new(1156, b"08S01", "Got packets out of order"),
            Fault::Client(FrameError::Malformed(what)) => {
                ErrInfo::new(1835, b"HY000", format!("Shunt: {what}"))
            }
            Fault::Client(_) => return,
        };
        if self.tracker.at_packet_boundary() {
            let under_way = !self.tracker.has_ended();
            let seq = if under_way { self.tracker.last_seq().wrapping_add(1) } else { self.reply_seq };
            let _ = self.client.write_packet(&Packet::new(seq, &error.payload())).await;
        }
    }

    /// Home says why it closes an idle connection, and closes it.
    async fn pass_goodbye(&mut self) {
        let _ = timeout(GOODBYE, async {
            loop {
                let n = self.home.buffered().len();
                if n == 0 || self.home.pass_buffered(n, &mut self.client).await.is_err() {
                    return;
                }
                if !matches!(self.home.fill().await, Ok(1..)) {
                    return;
                }
            }
        })
        .await;
    }

    /// Closes both legs.
    pub async fn close(self) {
        self.client.close().await;
        self.home.close().await;
    }
}

/// Which side is to blame when a packet of the client's cannot be passed on.
fn passing_up(error: FrameError) -> Fault {
    match error {
        FrameError::Write(error) => Fault::Home(error.into()),
        error => Fault::Client(error),
    }
}
