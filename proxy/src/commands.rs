//! The commands that carry SQL: COM_QUERY, COM_STMT_PREPARE, COM_STMT_EXECUTE and what belongs to them.

use std::sync::Arc;

use sql_rewrite::{Head, Statement, Value, may_change_session};
use wire::{
    Command, Packet, own,
    packet::{ErrInfo, Execute, OkInfo, prepare, query},
};

use crate::{
    execute::{Done, Origin},
    prepared::{self, Prepared},
    relay::Fault,
    session::{Flow, Session},
};

impl Session {
    /// COM_QUERY.
    pub(crate) async fn query(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let range =
            query::query_text(payload, self.relay.caps).map_err(|error| Fault::Client(error.into()))?;
        let sql = &payload[range];
        if self.answer_from_kept_warnings(sql) {
            return Ok(());
        }
        self.kept_warnings = None;
        if !self.plane.planner.mentions(sql) {
            return self.query_without_tables(command, sql).await;
        }
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
                more: i < last,
                facts: &facts,
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
            Head::Prepare { .. } | Head::Execute { .. } => self.watched(statement, origin).await,
            _ => self.statement(statement, origin).await,
        }
    }

    /// A text that names no configured table: relayed as it is, all its statements at once. What it
    /// may change of the session is found by its first words.
    async fn query_without_tables(&mut self, command: &Packet, sql: &[u8]) -> Flow<()> {
        if !may_change_session(sql) {
            self.relay_command(command).await?;
            self.spend_one_shots();
            return Ok(());
        }
        let known = self.facts.as_ref().map_or_else(|| self.default_facts(), |known| known.facts.clone());
        let facts = Arc::new(known);
        let statements = self.plane.planner.read(sql, &facts);
        self.facts = None;
        if let [statement] = &statements[..] {
            let origin = Origin {
                payload: command.payload(),
                prepared: None,
                params: None,
                more: false,
                facts: &facts,
            };
            let done = self.watched(statement, origin).await?;
            self.note_head(statement, &done);
            return Ok(());
        }
        if statements.iter().any(|statement| matches!(statement.head(), Head::Execute { .. })) {
            let text = "Shunt: EXECUTE in a packet of several statements is not supported; send it alone";
            self.reply(&ErrInfo::new(1235, b"42000", text).payload());
            return Ok(());
        }
        let done = if self.relay_command(command).await? { Done::Answered } else { Done::Failed };
        for statement in &statements {
            self.note_head(statement, &done);
        }
        Ok(())
    }

    /// A statement that names no configured table itself; an EXECUTE may stand for one that does.
    async fn watched(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        match statement.head() {
            Head::Execute { name } => {
                if let Some(text) = self.text_prepared.get(&name.to_ascii_lowercase()).cloned() {
                    return self.execute_text(&text, origin).await;
                }
            }
            Head::Prepare { text: None, .. } => {
                let error = "Shunt: PREPARE from a user variable is not supported, because its text is not seen; \
                             give the text as a literal, or use the driver's prepared statements";
                return self.fail(ErrInfo::new(1235, b"42000", error)).await;
            }
            _ => {}
        }
        self.send_payload(origin.payload);
        self.flush().await?;
        self.pass_own_answer(origin).await
    }

    /// EXECUTE of a text that names a configured table: planned as that text, its parameters being
    /// user variables whose values are not known.
    async fn execute_text(&mut self, text: &[u8], origin: Origin<'_>) -> Flow<Done> {
        if let Err(error) = self.learn_facts().await? {
            return self.fail(error).await;
        }
        let facts = Arc::new(self.learnt_facts());
        let statements = self.plane.planner.read(text, &facts);
        let [statement] = &statements[..] else {
            return self
                .fail(ErrInfo::new(1235, b"42000", "Shunt: this prepared text is not one statement"))
                .await;
        };
        let unknown = vec![Value::LongData; text.iter().filter(|byte| **byte == b'?').count()];
        let inner = Origin { params: Some(&unknown), facts: &facts, ..origin };
        self.statement(statement, inner).await
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
            Head::Prepare { name, text: Some(text) } => {
                if self.plane.planner.mentions(text) {
                    self.text_prepared.insert(name.to_ascii_lowercase(), text.clone());
                } else {
                    self.text_prepared.remove(&name.to_ascii_lowercase());
                }
            }
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

    /// SHOW WARNINGS right after a statement that Shunt's own statements followed.
    fn answer_from_kept_warnings(&mut self, sql: &[u8]) -> bool {
        let text = sql.trim_ascii().strip_suffix(b";").unwrap_or(sql.trim_ascii()).trim_ascii();
        let words: Vec<_> = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let asked = matches!(words[..], [a, b] if a.eq_ignore_ascii_case(b"SHOW") && b.eq_ignore_ascii_case(b"WARNINGS"));
        let Some(rows) = self.kept_warnings.as_ref().filter(|_| asked).cloned() else { return false };
        self.reply(&[u8::try_from(rows.columns.len()).unwrap_or(0)]);
        for column in &rows.columns {
            self.reply(column.payload());
        }
        let end = OkInfo { status: self.relay.status, ..OkInfo::default() };
        if !self.relay.caps.deprecate_eof() {
            self.reply(&end.eof_payload());
        }
        for row in &rows.rows {
            self.reply(row);
        }
        self.reply(&end.end_of_rows(self.relay.caps));
        true
    }

    /// COM_STMT_PREPARE: home prepares the client's own text, whatever it names.
    pub(crate) async fn prepare(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let range = query::prepare_text(payload).map_err(|error| Fault::Client(error.into()))?;
        let sql = &payload[range];
        self.kept_warnings = None;
        let mentions = self.plane.planner.mentions(sql) || may_hide_execute(sql);
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
                self.reply(&error.payload());
                return Ok(());
            }
        };
        self.reply_prepared(&answer);
        if mentions {
            let facts = Arc::new(self.learnt_facts());
            let mut statements = self.plane.planner.read(sql, &facts);
            if statements.len() == 1
                && let Some(statement) = statements.pop()
            {
                let columns = answer.columns.iter().map(|column| column.payload().to_vec()).collect();
                let prepared = Prepared::new(statement, facts, answer.ok.params, columns);
                self.prepared.insert(answer.ok.statement_id, prepared);
            }
        }
        Ok(())
    }

    fn reply_prepared(&mut self, answer: &own::Prepared) {
        self.reply(&answer.ok.payload());
        let eof = OkInfo { status: self.relay.status, ..OkInfo::default() }.eof_payload();
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
        self.kept_warnings = None;
        let Some(known) = self.prepared.get_mut(&id) else {
            self.relay_command(command).await?;
            self.spend_one_shots();
            return Ok(());
        };
        let params = usize::from(known.params);
        let execute = Execute::parse(payload, self.relay.caps, params, &known.types, &known.long)
            .map_err(|error| Fault::Client(error.into()))?;
        if let Some(types) = &execute.types {
            known.types.clone_from(types);
        }
        let values = prepared::values(&execute);
        let (statement, facts) = (known.statement.clone(), known.facts.clone());
        // Transaction state and isolation are needed as they are now.
        if let Err(error) = self.learn_facts().await? {
            self.reply(&error.payload());
            return Ok(());
        }
        let origin =
            Origin { payload, prepared: Some(id), params: Some(&values), more: false, facts: &facts };
        let done = self.watched_or_planned(&statement, origin).await?;
        self.note_head(&statement, &done);
        if let Some(known) = self.prepared.get_mut(&id) {
            known.long.clear();
        }
        Ok(())
    }

    /// What COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE and COM_STMT_RESET do to a prepared statement.
    pub(crate) fn note_prepared(&mut self, command: &Packet) -> Flow<()> {
        let payload = command.payload();
        let id = prepare::statement_id(payload).map_err(|error| Fault::Client(error.into()))?;
        match Command(payload[0]) {
            Command::STMT_CLOSE => {
                for variant in self.prepared.remove(&id).iter().flat_map(Prepared::variant_ids) {
                    own::queue_close(&mut self.relay.home, variant);
                }
            }
            Command::STMT_RESET => {
                if let Some(known) = self.prepared.get_mut(&id) {
                    known.long.clear();
                }
            }
            _ => {
                let data = prepare::LongData::parse(payload).map_err(|error| Fault::Client(error.into()))?;
                if let Some(known) = self.prepared.get_mut(&id)
                    && !known.long.contains(&data.param)
                {
                    known.long.push(data.param);
                }
            }
        }
        Ok(())
    }
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
