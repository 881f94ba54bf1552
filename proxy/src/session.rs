//! One client connection and its one connection to home: reads commands, and acts on them in order.
//!
//! ```text
//! client byte → Leg::read_packet → Session::act ─┬─ names no configured table → relay (I7)
//!                                                └─ else → Planner::read → Session::statement (execute/)
//! ```

use std::{collections::HashMap, sync::Arc};

use sql_rewrite::{Facts, Refusal, Server, TableLock};
use tokio_util::sync::CancellationToken;
use wire::{
    Command, FrameError, Malformed, Packet,
    capabilities::bits,
    leg::Head,
    own::{self, Answer},
    packet::{ErrInfo, prepare},
    response::Summary,
};

use crate::{
    diagnostics::{Diagnostics, Ended},
    facts::{self, SessionFacts},
    listener::LoggedIn,
    login::Login,
    neighbours::Neighbours,
    plane::Plane,
    prepared::PreparedStatements,
    random_u64,
    relay::{Fault, Relay},
};

/// The largest command: what the protocol's `max_allowed_packet` allows at most. Home has its own,
/// lower limit and answers for it.
const COMMAND_MAX: usize = 1 << 30;

/// No statement has this id: servers count them up from 1.
const NO_STATEMENT: u32 = prepare::LAST_PREPARED - 1;

/// Answers to Shunt's own statements are small; the largest are the keys of one statement.
pub(crate) const OWN_ANSWER_MAX: usize = 64 << 20;

/// A result that a session may survive.
pub(crate) type Flow<T> = Result<T, Fault>;

/// One client and its home connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Both legs, what they agreed on, and the status flags of the last answer that the client saw.
    pub relay: Relay,
    pub plane: Arc<Plane>,
    pub server: Server,
    pub user: Vec<u8>,
    /// `None`: something may have changed them since.
    pub facts: Option<SessionFacts>,
    /// Of the client's binary protocol.
    pub prepared: PreparedStatements,
    /// What the client prepared last, if that went well.
    pub last_prepared: Option<u32>,
    /// Of the client's PREPARE, by lower-case name: the text.
    pub text_prepared: HashMap<Vec<u8>, Vec<u8>>,
    /// `SET TRANSACTION` that the next transaction will use up.
    pub one_shots: Vec<Vec<u8>>,
    /// The transaction that they are for is open; they say how it reads.
    pub one_shots_in_use: bool,
    /// LOCK TABLES may be in force: what the client locked of configured tables, if it was by a
    /// statement that Shunt added the gate to.
    pub locks: Option<Vec<TableLock>>,
    /// An XA branch may be open: home is asked.
    pub maybe_xa: bool,
    /// Tables beside the sharded ones.
    pub neighbours: Neighbours,
    /// What the client may still ask about its last statement.
    pub diagnostics: Diagnostics,
    /// The running command's rows are binary.
    pub binary_rows: bool,
    /// The running statement was already given ids of a new block.
    pub tried_new_block: bool,
    /// The rows of the statement are inserted one by one, see [`crate::merge::first_error_is_doubtful`].
    pub row_by_row: bool,
    /// Shunt itself makes the running command's answer: packets are counted by `reply_seq`.
    pub replying: bool,
    /// Sequence id of the next packet to the client.
    pub reply_seq: u8,
    /// Cannot be guessed: a client's own savepoint must not have this name.
    pub savepoint: String,
}

/// Serves a logged-in client until one side ends it.
pub async fn run(logged_in: LoggedIn, plane: Arc<Plane>) {
    let LoggedIn { client, home, login, shutdown } = logged_in;
    let relay = Relay::new(client, home, login.caps, login.status);
    let mut session = Session::new(relay, &login, plane);
    if let Err(fault) = session.serve(&shutdown).await {
        tracing::debug!(%fault, user = %String::from_utf8_lossy(&login.user), "a session ended");
        session.say_why(&fault).await;
    }
    session.relay.close().await;
}

/// An error packet for a refusal that is found in the middle of a write.
pub(crate) fn refusal_error(refusal: &Refusal) -> ErrInfo {
    ErrInfo::new(1235, b"42000", format!("Shunt: {}", refusal.message))
}

impl Session {
    /// A session after its login.
    pub(crate) fn new(relay: Relay, login: &Login, plane: Arc<Plane>) -> Self {
        Self {
            relay,
            plane,
            server: facts::server_of(&login.version),
            user: login.user.clone(),
            facts: None,
            prepared: HashMap::new(),
            last_prepared: None,
            text_prepared: HashMap::new(),
            one_shots: Vec::new(),
            one_shots_in_use: false,
            locks: None,
            maybe_xa: false,
            neighbours: Neighbours::default(),
            diagnostics: Diagnostics::default(),
            binary_rows: false,
            tried_new_block: false,
            row_by_row: false,
            replying: false,
            reply_seq: 0,
            savepoint: format!("shunt_{:016x}", random_u64()),
        }
    }

    async fn serve(&mut self, shutdown: &CancellationToken) -> Flow<()> {
        while let Some(head) = self.relay.next_command(shutdown).await? {
            if head.command == Command::QUIT {
                let _ = self.relay.client.pass_packet(&mut self.relay.home).await;
                return Ok(());
            }
            self.act(head).await?;
            self.replying = false;
            self.flush_client().await?;
        }
        Ok(())
    }

    /// Acts on the command in the client's buffer.
    async fn act(&mut self, head: Head) -> Flow<()> {
        match head.command {
            Command::QUERY => {
                let command = self.take_command(head).await?;
                self.query(&command).await
            }
            Command::STMT_PREPARE => {
                let command = self.take_command(head).await?;
                self.prepare(&command).await
            }
            Command::STMT_EXECUTE => {
                let command = self.take_prepared_command(head).await?;
                self.execute_prepared(&command).await
            }
            Command::STMT_SEND_LONG_DATA => {
                let command = self.take_prepared_command(head).await?;
                if self.keep_ahead(&command)? { Ok(()) } else { self.relay.packet(&command).await.map(drop) }
            }
            Command::STMT_CLOSE | Command::STMT_RESET => {
                let command = self.take_prepared_command(head).await?;
                self.note_prepared(&command)?;
                self.relay.packet(&command).await?;
                if head.command == Command::STMT_RESET {
                    self.diagnostics.acknowledged();
                }
                Ok(())
            }
            Command::SET_OPTION => {
                let command = self.take_command(head).await?;
                self.set_option(&command).await
            }
            _ => self.relay_other(head).await,
        }
    }

    /// Takes a command whole from the client's buffer.
    async fn take_command(&mut self, head: Head) -> Flow<Packet> {
        let taken = self.relay.client.read_packet(COMMAND_MAX).await.map_err(Fault::Client)?;
        let command = taken.ok_or(Fault::Client(FrameError::Cut))?;
        self.reply_seq = command.last_seq().wrapping_add(1);
        self.binary_rows = head.command == Command::STMT_EXECUTE;
        Ok(command)
    }

    /// Takes a command that carries the id of a prepared statement. "The last one" becomes the client's last: home's
    /// may be one that Shunt prepared for itself.
    async fn take_prepared_command(&mut self, head: Head) -> Flow<Packet> {
        let mut command = self.take_command(head).await?;
        let payload = command.payload_mut();
        let id = prepare::statement_id(payload).map_err(|error| Fault::Client(error.into()))?;
        if self.server.mariadb && id == prepare::LAST_PREPARED {
            let last = self.last_prepared.unwrap_or(NO_STATEMENT);
            prepare::patch_statement_id(payload, last).map_err(|error| Fault::Client(error.into()))?;
        }
        Ok(command)
    }

    /// A command without SQL.
    async fn relay_other(&mut self, head: Head) -> Flow<()> {
        let summary = if head.command == Command::STMT_FETCH {
            let command = self.take_prepared_command(head).await?;
            self.relay.packet(&command).await?
        } else {
            self.relay.command(head).await?
        };
        let failed = summary.error.is_some();
        match head.command {
            Command::STATISTICS => {}
            Command::PING | Command::INIT_DB if !failed => self.diagnostics.acknowledged(),
            _ => {
                let ended = Ended { rows: false, conditions: failed };
                self.diagnostics.ran_at_home(ended, self.server.mariadb);
            }
        }
        let forgets = matches!(head.command, Command::CHANGE_USER | Command::RESET_CONNECTION);
        if forgets && summary.error.is_none() {
            self.forget();
        }
        if forgets || head.command == Command::INIT_DB || summary.error.is_some() {
            self.facts = None;
        }
        Ok(())
    }

    /// COM_SET_OPTION: the client opens or closes the door for several statements in one text.
    async fn set_option(&mut self, command: &Packet) -> Flow<()> {
        let summary = self.relay.packet(command).await?;
        self.diagnostics.acknowledged();
        if summary.error.is_none() {
            let on = command.payload().get(1) == Some(&0);
            self.relay.caps.flags &= !bits::MULTI_STATEMENTS;
            self.relay.caps.flags |= if on { bits::MULTI_STATEMENTS } else { 0 };
            self.facts = None;
        }
        Ok(())
    }

    /// The client's own command and its answer, byte for byte; says whether it went well. `selects`: rows in
    /// it are those of a SELECT.
    pub(crate) async fn relay_command(&mut self, command: &Packet, selects: bool) -> Flow<bool> {
        let summary = self.relay.packet(command).await?;
        Ok(self.relayed(&summary, selects))
    }

    /// The client's own `command` as this payload, and its answer as it is.
    pub(crate) async fn relay_payload(&mut self, payload: &[u8], command: &Packet) -> Flow<bool> {
        self.send_payload(payload);
        self.flush().await?;
        let kind = Command(payload.first().copied().unwrap_or_default());
        let summary = self.relay.answer(kind, command.last_seq()).await?;
        Ok(self.relayed(&summary, true))
    }

    fn relayed(&mut self, summary: &Summary, selects: bool) -> bool {
        let conditions = summary.error.is_some() || summary.warned;
        let ended = Ended { rows: selects && summary.result_sets > 0, conditions };
        self.diagnostics.ran_at_home(ended, self.server.mariadb);
        if summary.error.is_some() {
            // An error carries no status flags: what became of a transaction is not known.
            self.facts = None;
        }
        summary.error.is_none()
    }

    /// Tells the client why the session ends, where the protocol still allows it.
    async fn say_why(&mut self, fault: &Fault) {
        let Fault::Home(error) = fault else { return self.relay.say_why(fault).await };
        if !self.replying {
            return self.relay.say_why(fault).await;
        }
        let error = ErrInfo::new(
            // Not 2013: MariaDB's client takes that, from a server, for a malformed packet.
            1053,
            b"08S01",
            format!(
                "Shunt: lost the connection to home during the statement ({error}). Whether it took effect is not \
                 known; an open transaction is rolled back"
            ),
        );
        self.reply(&error.payload());
        let _ = self.flush_client().await;
    }

    /// What a login, COM_CHANGE_USER or COM_RESET_CONNECTION ends.
    pub(crate) fn forget(&mut self) {
        self.facts = None;
        self.prepared.clear();
        self.last_prepared = None;
        self.text_prepared.clear();
        self.one_shots.clear();
        self.one_shots_in_use = false;
        self.locks = None;
        self.maybe_xa = false;
        self.neighbours = Neighbours::default();
        self.diagnostics = Diagnostics::default();
    }

    /// The facts that the running statement is read under; [`Self::learn_facts`] came before.
    pub(crate) fn learnt_facts(&self) -> Facts {
        self.facts.as_ref().map_or_else(|| self.default_facts(), |known| known.facts.clone())
    }

    /// Facts of a session that has changed nothing: good enough to find a statement's first words.
    pub(crate) fn default_facts(&self) -> Facts {
        Facts {
            database: None,
            sql_mode: sql_rewrite::SqlMode::default(),
            without_full_group_by: None,
            charset: sql_rewrite::Charset::Utf8,
            server: self.server,
            lower_case_table_names: false,
            multi_statements: self.relay.caps.multi_statements(),
            auto_increment_increment: 1,
            auto_increment_offset: 1,
            safe_updates: false,
            binary_rows: false,
        }
    }

    /// A statement has run: the one-shot settings were for it, or for the transaction that it is part of.
    pub(crate) fn spend_one_shots(&mut self) {
        if self.relay.status.in_transaction() {
            self.one_shots_in_use = !self.one_shots.is_empty();
        } else if self.one_shots_in_use || self.relay.status.autocommit() {
            self.one_shots.clear();
            self.one_shots_in_use = false;
        }
    }

    /// Whether plain reads in a transaction take locks.
    pub(crate) fn reads_lock(&self) -> bool {
        self.facts.as_ref().is_none_or(|known| known.serializable) || !self.one_shots.is_empty()
    }

    /// Asks home for the session's facts, unless they are known. The error is home's, for the client.
    pub(crate) async fn learn_facts(&mut self) -> Flow<Result<(), ErrInfo>> {
        if self.facts.is_some() {
            return Ok(Ok(()));
        }
        self.send(&facts::query(self.server));
        self.flush().await?;
        let rows = match self.answer().await? {
            Answer::Rows(rows) => rows,
            Answer::Err(error) => return Ok(Err(error)),
            Answer::Ok(_) => return Err(self.out_of_step()),
        };
        let cells = rows.rows.first().map(|row| wire::packet::row::parse_text(row, 1));
        let known = match cells {
            Some(Ok(cells)) => cells[0]
                .and_then(|cell| SessionFacts::parse(cell, self.server, self.relay.caps.multi_statements())),
            _ => None,
        };
        self.relay.status = rows.end.status;
        let Some((facts, last)) = known else { return Err(self.out_of_step()) };
        self.diagnostics.max_error_count = facts.max_error_count;
        self.diagnostics.learnt(last, self.server.mariadb);
        self.facts = Some(facts);
        Ok(Ok(()))
    }

    /// Queues a statement of Shunt's own for home.
    pub(crate) fn send(&mut self, sql: &str) {
        self.send_bytes(sql.as_bytes());
    }

    /// Queues a statement of Shunt's own that holds bytes of the client's.
    pub(crate) fn send_bytes(&mut self, sql: &[u8]) {
        own::queue_query(&mut self.relay.home, sql, self.relay.caps);
    }

    /// Queues a command of the client's.
    pub(crate) fn send_payload(&mut self, payload: &[u8]) {
        self.relay.home.queue_packet(&mut 0, payload);
    }

    /// Sends what is queued for home.
    pub(crate) async fn flush(&mut self) -> Flow<()> {
        self.relay.home.flush().await.map_err(home_io)
    }

    /// Sends what is queued for the client.
    pub(crate) async fn flush_client(&mut self) -> Flow<()> {
        self.relay.client.flush().await.map_err(|error| Fault::Client(error.into()))
    }

    /// Home's answer to the next statement of Shunt's own.
    pub(crate) async fn answer(&mut self) -> Flow<Answer> {
        own::read_answer(&mut self.relay.home, self.relay.caps, OWN_ANSWER_MAX).await.map_err(Fault::Home)
    }

    /// Home's answer to a COM_STMT_PREPARE.
    pub(crate) async fn prepared_answer(&mut self) -> Flow<Result<own::Prepared, ErrInfo>> {
        own::read_prepared(&mut self.relay.home, self.relay.caps, OWN_ANSWER_MAX).await.map_err(Fault::Home)
    }

    /// The next packet of home's answer.
    pub(crate) async fn home_packet(&mut self) -> Flow<Vec<u8>> {
        let packet = self.relay.home.expect_packet(COMMAND_MAX).await.map_err(Fault::Home)?;
        Ok(packet.into_payload().to_vec())
    }

    /// Waits until home begins to answer.
    pub(crate) async fn first_bytes(&mut self) -> Flow<()> {
        while self.relay.home.buffered().is_empty() {
            if self.relay.home.fill().await.map_err(home_io)? == 0 {
                return Err(Fault::Home(FrameError::Cut));
            }
        }
        Ok(())
    }

    /// Queues one packet of the answer to the client.
    pub(crate) fn reply(&mut self, payload: &[u8]) {
        self.replying = true;
        self.relay.client.queue_packet(&mut self.reply_seq, payload);
    }

    /// Home answered something that does not belong to what was sent: no packet can be trusted.
    pub(crate) fn out_of_step(&self) -> Fault {
        Fault::Home(FrameError::Malformed(Malformed("an answer that does not fit the statement")))
    }
}

pub(crate) fn home_io(error: std::io::Error) -> Fault {
    Fault::Home(error.into())
}
