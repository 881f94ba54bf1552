//! The commands that carry SQL: COM_QUERY, COM_STMT_PREPARE, COM_STMT_EXECUTE and what belongs to them.

use std::{mem, sync::Arc};

use sql_rewrite::{Charset, DynamicText, Facts, Head, MayAsk, Question, Statement, may_change_session};
use wire::{
    Command, Packet,
    own::{self, Answer},
    packet::{ErrInfo, OkInfo, prepare, query},
};

use crate::{
    execute::{Done, Origin},
    prepared::{Bound, Prepared},
    relay::Fault,
    sent_ahead::{SENT_AHEAD_MAX, SentAhead},
    session::{Flow, Session},
};

impl Session {
    /// COM_QUERY.
    pub(crate) async fn query(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let range =
            query::query_text(payload, self.relay.caps).map_err(|error| Fault::Client(error.into()))?;
        let sql = &payload[range];
        if !self.plane.planner.mentions(sql) && !self.diagnostics.may_be_asked(sql) {
            return self.query_without_tables(command, sql).await;
        }
        self.statements_one_by_one(payload, sql).await
    }

    async fn statements_one_by_one(&mut self, payload: &[u8], sql: &[u8]) -> Flow<()> {
        let mut done = 0;
        while let Some(after) = self.statements_of_query(payload, sql, done).await? {
            done = after;
        }
        Ok(())
    }

    /// Runs the statements of a text that names a configured table, from byte `from` on. `Some(n)`: one
    /// changed the facts (USE, SET), and what follows from byte `n` has to be read anew.
    async fn statements_of_query(&mut self, payload: &[u8], sql: &[u8], from: usize) -> Flow<Option<usize>> {
        if let Err(error) = self.learn_facts().await? {
            self.reply(&error.payload());
            return Ok(None);
        }
        let facts = Arc::new(self.learnt_facts());
        let rest = &sql[from..];
        let statements = self.plane.planner.read(rest, &facts);
        let last = statements.len().saturating_sub(1);
        for (i, statement) in statements.iter().enumerate() {
            let split = from > 0 || last > 0;
            let alone = split.then(|| query::query_payload(statement.text(), self.relay.caps));
            let origin = Origin {
                payload: alone.as_deref().unwrap_or(payload),
                prepared: None,
                params: None,
                arguments: &[],
                ahead: None,
                more: i < last,
                facts: &facts,
                respelled: None,
            };
            if !self.one_of_query(statement, origin).await? {
                return Ok(None);
            }
            if i < last && self.facts.is_none() {
                let end = statement.range().end;
                let semicolon = rest[end..].iter().position(|byte| *byte == b';');
                return Ok(semicolon.map(|at| from + end + at + 1));
            }
        }
        Ok(None)
    }

    /// One statement of a COM_QUERY; says whether the next one is to be run.
    async fn one_of_query(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<bool> {
        let done = self.watched_or_planned(statement, origin).await?;
        self.note_head(statement, &done);
        Ok(!matches!(done, Done::Failed))
    }

    async fn watched_or_planned(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        match statement.head() {
            head if dynamic(head) => self.watched(statement, origin).await,
            _ => self.asking_or_planned(statement, origin).await,
        }
    }

    async fn asking_or_planned(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        match statement.question() {
            Question::Nothing => self.statement(statement, origin).await,
            _ => self.asking(statement, origin).await,
        }
    }

    /// A text that names no configured table: relayed as it is, all its statements at once. What it
    /// may change of the session is found by its first words.
    async fn query_without_tables(&mut self, command: &Packet, sql: &[u8]) -> Flow<()> {
        if !may_change_session(sql) {
            self.relay_command(command, selects(sql)).await?;
            self.spend_one_shots();
            return Ok(());
        }
        let known = self.facts.as_ref().map_or_else(|| self.default_facts(), |known| known.facts.clone());
        let facts = Arc::new(known);
        let statements = self.plane.planner.read(sql, &facts);
        if statements.len() > 1 && statements.iter().any(|statement| dynamic(statement.head())) {
            return self.statements_one_by_one(command.payload(), sql).await;
        }
        self.facts = None;
        if let [statement] = &statements[..] {
            let origin = Origin {
                payload: command.payload(),
                prepared: None,
                params: None,
                arguments: &[],
                ahead: None,
                more: false,
                facts: &facts,
                respelled: None,
            };
            let done = self.watched(statement, origin).await?;
            self.note_head(statement, &done);
            return Ok(());
        }
        let done = if self.relay_command(command, false).await? { Done::Answered } else { Done::Failed };
        for statement in &statements {
            self.note_head(statement, &done);
        }
        Ok(())
    }

    /// A statement that names no configured table itself; an EXECUTE may stand for one that does.
    async fn watched(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        let text = match self.dynamic_text(statement.head()).await? {
            Ok(text) => text,
            Err(error) => return self.fail(error).await,
        };
        let acted_upon =
            |text: &Vec<u8>| self.plane.planner.mentions(text) || self.diagnostics.may_be_asked(text);
        let runs = !matches!(statement.head(), Head::Prepare { .. });
        if let Some(text) = text.as_ref().filter(|text| runs && acted_upon(text)) {
            return self.execute_text(text, statement, origin).await;
        }
        self.send_own(origin).await?;
        self.flush().await?;
        let done = self.pass_own_answer(origin).await?;
        if let (Head::Prepare { name, .. }, Some(text), Done::Answered) = (statement.head(), text, &done) {
            self.note_text(name, text);
        }
        Ok(done)
    }

    /// The text that the statement prepares or runs, if there is one.
    async fn dynamic_text(&mut self, head: &Head) -> Flow<Result<Option<Vec<u8>>, ErrInfo>> {
        Ok(match head {
            Head::Execute { name } => Ok(self.text_prepared.get(&name.to_ascii_lowercase()).cloned()),
            Head::Prepare { text, .. } | Head::ExecuteImmediate { text } => match text {
                DynamicText::Literal(text) => Ok(Some(text.clone())),
                DynamicText::Variable(variable) => self.variable(variable).await?.map(Some),
                DynamicText::Expression => Err(unseen_text()),
            },
            Head::SetStatement(inner) if dynamic(inner) => Err(unseen_text()),
            _ => Ok(None),
        })
    }

    /// What a user variable holds, to be read as a statement.
    async fn variable(&mut self, name: &[u8]) -> Flow<Result<Vec<u8>, ErrInfo>> {
        // Asking overwrites what home knows of the statement before it, which the text may ask about.
        self.facts = None;
        if let Err(error) = self.learn_facts().await? {
            return Ok(Err(error));
        }
        self.send_bytes(&[b"SELECT CAST(CONVERT(", name, b" USING utf8mb4) AS BINARY) LIMIT 1"].concat());
        self.flush().await?;
        let rows = match self.answer().await? {
            Answer::Rows(rows) => rows,
            Answer::Err(error) => return Ok(Err(error)),
            Answer::Ok(_) => return Err(self.out_of_step()),
        };
        let payload = rows.rows.first().ok_or_else(|| self.out_of_step())?;
        let cells = wire::packet::row::parse_text(payload, 1).map_err(|_| self.out_of_step())?;
        let text = cells[0].unwrap_or_default().to_vec();
        // Elsewhere it would have to be read in another character set than the session's.
        let readable = text.is_ascii() || self.learnt_facts().charset == Charset::Utf8;
        Ok(if readable { Ok(text) } else { Err(unseen_text()) })
    }

    /// Remembers the text of a PREPARE.
    fn note_text(&mut self, name: &[u8], text: Vec<u8>) {
        let name = name.to_ascii_lowercase();
        if self.plane.planner.mentions(&text) || MayAsk::of(&text).any() {
            self.text_prepared.insert(name, text);
        } else {
            self.text_prepared.remove(&name);
        }
    }

    /// EXECUTE of a text that names a configured table: planned as that text, with the values of its arguments.
    async fn execute_text(&mut self, text: &[u8], execute: &Statement, origin: Origin<'_>) -> Flow<Done> {
        let mut arguments = execute.arguments();
        if !arguments.is_empty() {
            // Asking for them overwrites what home knows of the statement before it, which the text may ask about.
            self.facts = None;
        }
        if let Err(error) = self.learn_facts().await? {
            return self.fail(error).await;
        }
        let binary_rows = origin.prepared.is_some();
        let facts = Arc::new(Facts { multi_statements: false, binary_rows, ..self.learnt_facts() });
        let statements = self.plane.planner.read(text, &facts);
        let [statement] = &statements[..] else {
            return self
                .fail(ErrInfo::new(1235, b"42000", "Shunt: this prepared text is not one statement"))
                .await;
        };
        if statement.placeholders().is_some_and(|wanted| wanted != arguments.len()) {
            return self.fail(ErrInfo::new(1210, b"HY000", "Incorrect arguments to EXECUTE")).await;
        }
        if statement.assigns_variables() || binary_rows {
            // A second attempt would see what the first has assigned.
            arguments.fill(None);
        }
        let values = match self.argument_values(&arguments).await? {
            Ok(values) => values,
            Err(error) => return self.fail(error).await,
        };
        let arguments: Vec<Vec<u8>> = arguments.into_iter().map(Option::unwrap_or_default).collect();
        let inner = Origin { params: Some(&values), arguments: &arguments, facts: &facts, ..origin };
        self.asking_or_planned(statement, inner).await
    }

    /// Remembers what a statement did to the session.
    fn note_head(&mut self, statement: &Statement, done: &Done) {
        // Also if it failed: a procedure, or an earlier statement of the same text, may have done so before.
        if may_lock_tables(statement.head()) {
            self.locks.get_or_insert_default();
        }
        self.maybe_xa |= *statement.head() == Head::Xa || hides_statements(statement.head());
        if matches!(done, Done::Failed) {
            return;
        }
        match statement.head() {
            Head::SetTransaction if !self.in_clients_transaction() => {
                self.one_shots.push(statement.text().to_vec());
                self.facts = None;
                return;
            }
            Head::UnlockTables => self.locks = None,
            Head::Deallocate { name } => {
                self.text_prepared.remove(&name.to_ascii_lowercase());
            }
            Head::Select
            | Head::Insert
            | Head::Replace
            | Head::Update
            | Head::Delete
            | Head::Show
            | Head::LockTables
            | Head::Admin => {}
            // SET, USE, CALL and whatever else.
            _ => self.facts = None,
        }
        if !matches!(statement.head(), Head::Set | Head::Use(_)) {
            self.spend_one_shots();
        }
    }

    /// COM_STMT_PREPARE: home prepares the client's own text, whatever it names.
    pub(crate) async fn prepare(&mut self, command: &Packet) -> Flow<()> {
        self.last_prepared = None;
        let payload = command.payload();
        let range = query::prepare_text(payload).map_err(|error| Fault::Client(error.into()))?;
        let sql = &payload[range];
        let mentions = self.plane.planner.mentions(sql) || may_hide_execute(sql);
        let only_asks = !mentions && MayAsk::of(sql).any();
        if mentions && let Err(error) = self.learn_facts().await? {
            self.reply(&error.payload());
            return Ok(());
        }
        self.send_payload(payload);
        self.flush().await?;
        let answer = match self.prepared_answer().await? {
            Ok(answer) => answer,
            Err(error) => {
                self.facts = None;
                self.diagnostics.prepared(true, false, self.server.mariadb);
                self.reply(&error.payload());
                return Ok(());
            }
        };
        self.last_prepared = Some(answer.ok.statement_id);
        self.diagnostics.prepared(false, answer.ok.warnings > 0, self.server.mariadb);
        self.reply_prepared(&answer);
        if mentions || only_asks {
            // What is prepared is one statement, whatever stands behind it.
            let facts = Arc::new(Facts { multi_statements: false, binary_rows: true, ..self.learnt_facts() });
            if let Some(statement) = self.plane.planner.read(sql, &facts).pop() {
                let columns = answer.columns.iter().map(|column| column.payload().to_vec()).collect();
                let shapes = statement.tables().iter().filter_map(|table| self.plane.gates.current(table));
                let shapes = shapes.map(|snapshot| snapshot.schema.clone()).collect();
                let mut prepared = Prepared::new(statement, facts, answer.ok.params, columns);
                prepared.shapes = shapes;
                prepared.only_asks = only_asks;
                self.prepared.insert(answer.ok.statement_id, prepared);
            }
        }
        Ok(())
    }

    fn reply_prepared(&mut self, answer: &own::Prepared) {
        self.reply(&answer.ok.payload());
        let eof = OkInfo { status: self.relay.status.without_cursor(), ..OkInfo::default() }.eof_payload();
        for columns in [&answer.params, &answer.columns] {
            for column in columns {
                self.reply(column.payload());
            }
            if !columns.is_empty() && !self.relay.caps.deprecate_eof() {
                self.reply(&eof);
            }
        }
    }

    /// COM_STMT_EXECUTE.
    pub(crate) async fn execute_prepared(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let id = prepare::statement_id(payload).map_err(|error| Fault::Client(error.into()))?;
        let Some(known) = self.prepared.get_mut(&id) else {
            self.relay_command(command, true).await?;
            self.spend_one_shots();
            return Ok(());
        };
        let ahead = mem::take(&mut known.ahead);
        let Bound { payload, values } = known.bind(payload, &ahead, self.relay.caps, self.server.mariadb);
        if known.only_asks && !ahead.too_much && !self.diagnostics.may_be_asked(known.statement.text()) {
            self.send_ahead(&ahead, id, None).await?;
            self.relay_payload(&payload, command).await?;
            self.spend_one_shots();
            return Ok(());
        }
        let values = match values {
            Ok(values) => values,
            Err(error) => {
                self.fail(error).await?;
                return Ok(());
            }
        };
        let (statement, facts) = (known.statement.clone(), known.facts.clone());
        // Transaction state and isolation are needed as they are now.
        if let Err(error) = self.learn_facts().await? {
            self.reply(&error.payload());
            return Ok(());
        }
        let origin = Origin {
            payload: &payload,
            prepared: Some(id),
            params: Some(&values),
            arguments: &[],
            ahead: Some(&ahead),
            more: false,
            facts: &facts,
            respelled: None,
        };
        let done = self.watched_or_planned(&statement, origin).await?;
        self.note_head(&statement, &done);
        Ok(())
    }

    /// COM_STMT_SEND_LONG_DATA: kept until the execution, if it is for a statement that Shunt knows. Says whether it is.
    pub(crate) fn keep_ahead(&mut self, command: &Packet) -> Flow<bool> {
        let piece =
            prepare::LongData::parse(command.payload()).map_err(|error| Fault::Client(error.into()))?;
        let kept: usize = self.prepared.values().map(|known| known.ahead.size()).sum();
        let Some(known) = self.prepared.get_mut(&piece.statement_id) else { return Ok(false) };
        known.ahead.keep(piece.param, piece.data, SENT_AHEAD_MAX.saturating_sub(kept));
        Ok(true)
    }

    /// What COM_STMT_CLOSE and COM_STMT_RESET do to a prepared statement.
    pub(crate) fn note_prepared(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let id = prepare::statement_id(payload).map_err(|error| Fault::Client(error.into()))?;
        match Command(payload[0]) {
            Command::STMT_CLOSE => {
                for variant in self.prepared.remove(&id).iter().flat_map(Prepared::variant_ids) {
                    own::queue_close(&mut self.relay.home, variant);
                }
            }
            _ => {
                if let Some(known) = self.prepared.get_mut(&id) {
                    known.ahead = SentAhead::default();
                }
            }
        }
        Ok(())
    }
}

/// Whether it prepares or runs a text that has to be looked at.
fn dynamic(head: &Head) -> bool {
    match head {
        Head::SetStatement(inner) => dynamic(inner),
        Head::Prepare { .. } | Head::Execute { .. } | Head::ExecuteImmediate { .. } => true,
        _ => false,
    }
}

fn unseen_text() -> ErrInfo {
    let text = "Shunt: this runs a text that is not seen before; nothing was done. What to do: give the text as a literal or \
                as a user variable by itself, without SET STATEMENT, or use the driver's prepared statements";
    ErrInfo::new(1235, b"42000", text)
}

/// A prepared SET, CALL or EXECUTE changes the session when it runs.
fn may_hide_execute(sql: &[u8]) -> bool {
    may_change_session(sql)
}

/// Whether LOCK TABLES may be in force after it: by itself, by FLUSH TABLES … WITH READ LOCK, or inside
/// something whose text is not seen (stored procedures may run the latter as dynamic SQL).
const fn may_lock_tables(head: &Head) -> bool {
    matches!(head, Head::LockTables | Head::Admin) || hides_statements(head)
}

/// Whether it runs statements that are not seen, or is not understood.
const fn hides_statements(head: &Head) -> bool {
    matches!(
        head,
        Head::Call
            | Head::Execute { .. }
            | Head::ExecuteImmediate { .. }
            | Head::BeginNotAtomic
            | Head::SetStatement(_)
            | Head::Other
    )
}

/// Whether the rows of this text's answer, if there are any, are those of a SELECT for sure.
fn selects(sql: &[u8]) -> bool {
    let word = sql.trim_ascii_start();
    word.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"SELECT"))
        || word.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"WITH"))
}
