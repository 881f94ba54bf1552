//! Statements that ask about the one before: SHOW WARNINGS, ROW_COUNT() and their like, where home would
//! tell of one of Shunt's own statements.
//!
//! SHOW runs on home all the same, for its column definitions and its end; the rows are those that were
//! kept. Elsewhere the answer is put into the text ([`sql_rewrite::Statement::answered`]).

use sql_rewrite::{Question, Respelled, Show, Statement, Told, refuse_lost_answer, refuse_question};
use wire::{
    Command,
    own::{self, Answer, Rows},
    packet::{execute::PARAMETER_COUNT_AVAILABLE, query, row},
};

use crate::{
    answer::End,
    diagnostics::{Condition, Conditions},
    execute::{Done, Origin},
    session::{Flow, Session},
};

/// Leaves one condition in home's list, an error that undoes nothing. MariaDB keeps the list over statements
/// without tables: as long as this is there, the client's conditions would be.
const MARK: &str = "SIGNAL SQLSTATE '45000'";

impl Session {
    /// A statement that asks.
    pub(crate) async fn asking(&mut self, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        match statement.question() {
            Question::Show(show) => return self.show(show, statement, origin).await,
            Question::Diagnostics => {
                let home =
                    self.diagnostics.row_count == Told::Home && self.diagnostics.conditions == Told::Home;
                if !home {
                    return self.refuse(&refuse_question()).await;
                }
            }
            // The gate runs before it, at least.
            _ if !statement.tables().is_empty() && statement.asks_home(&self.diagnostics.answers()) => {
                self.facts = None;
                if let Err(error) = self.learn_facts().await? {
                    return self.fail(error).await;
                }
            }
            _ => {}
        }
        match statement.answered(&self.diagnostics.answers(), self.server) {
            Err(refusal) => self.refuse(&refusal).await,
            Ok(None) => self.statement(statement, origin).await,
            Ok(Some(respelled)) => self.respelled(&respelled, origin).await,
        }
    }

    /// Runs a statement with the answers in it.
    async fn respelled(&mut self, respelled: &Respelled, origin: Origin<'_>) -> Flow<Done> {
        let statements = self.plane.planner.read(&respelled.text, origin.facts);
        // EXECUTE hides the values of its parameters.
        let hidden = origin.prepared.is_none() && origin.params.is_some_and(|params| !params.is_empty());
        let ([statement], false) = (&statements[..], hidden) else {
            return self.refuse(&refuse_question()).await;
        };
        let Some(id) = origin.prepared else {
            let payload = query::query_payload(&respelled.text, self.relay.caps);
            let origin = Origin { payload: &payload, params: None, respelled: Some(respelled), ..origin };
            return self.statement(statement, origin).await;
        };
        let (substitute, payload) = match self.substitute(id, &respelled.text, origin).await? {
            Ok(prepared) => prepared,
            Err(error) => return self.fail(error).await,
        };
        let origin = Origin { payload: &payload, respelled: Some(respelled), ..origin };
        let done = self.statement(statement, origin).await;
        own::queue_close(&mut self.relay.home, substitute);
        done
    }

    /// SHOW WARNINGS, SHOW ERRORS, and how many there are.
    async fn show(&mut self, show: &Show, statement: &Statement, origin: Origin<'_>) -> Flow<Done> {
        if self.server.mariadb && self.diagnostics.conditions != Told::Home && !self.mark_stands().await? {
            self.diagnostics.conditions = Told::Home;
        }
        let Told::Known(conditions) = self.diagnostics.conditions.clone() else {
            let found_rows = self.diagnostics.found_rows;
            let done = self.statement(statement, origin).await;
            self.diagnostics.found_rows = found_rows;
            return done;
        };
        let mut payload = origin.payload.to_vec();
        if payload.first() == Some(&Command::STMT_EXECUTE.0)
            && let Some(flags) = payload.get_mut(5)
        {
            *flags &= PARAMETER_COUNT_AVAILABLE;
        }
        self.send_payload(&payload);
        self.flush().await?;
        match self.answer().await? {
            Answer::Rows(rows) => match shown(show, &conditions) {
                Some(kept) => self.reply_kept(rows, &kept, origin),
                None if show.rows.is_none() => self.refuse(&refuse_question()).await,
                None => self.refuse(&refuse_lost_answer()).await,
            },
            Answer::Err(error) => {
                self.reply_end(End::Err(error), None, origin.more);
                Ok(Done::Failed)
            }
            Answer::Ok(_) => Err(self.out_of_step()),
        }
    }

    /// Home's answer with these rows.
    fn reply_kept(&mut self, answer: Rows, kept: &[Vec<Vec<u8>>], origin: Origin<'_>) -> Flow<Done> {
        self.reply(&[u8::try_from(answer.columns.len()).unwrap_or(u8::MAX)]);
        for column in &answer.columns {
            self.reply(column.payload());
        }
        if !self.relay.caps.deprecate_eof() {
            let eof = answer.end.eof_payload();
            self.reply(&eof);
        }
        for cells in kept {
            let cells = cells.iter().map(|cell| Some(&cell[..]));
            let payload = match self.binary_rows {
                false => Some(row::text_payload(cells)),
                true => row::binary_payload(cells, &answer.columns),
            };
            self.reply(&payload.ok_or_else(|| self.out_of_step())?);
        }
        let conditions = std::mem::take(&mut self.diagnostics.conditions);
        let found_rows = self.diagnostics.found_rows;
        self.reply_end(End::Rows(answer.end), None, origin.more);
        self.diagnostics.conditions = conditions;
        self.diagnostics.found_rows = found_rows;
        Ok(Done::Answered)
    }

    /// Asks for the conditions of the client's statement, which ended like this, before Shunt's own
    /// statements overwrite them.
    pub(crate) async fn fetch_conditions(&mut self, end: &End) -> Flow<()> {
        self.send("SHOW WARNINGS");
        self.flush().await?;
        let list = self.listed().await?;
        self.diagnostics.fetched = Some(match end {
            End::Ok(ok) | End::Rows(ok) => Conditions::of_ok(list, ok.warnings),
            End::Err(_) => Conditions::of_failure(list, self.diagnostics.max_error_count),
        });
        Ok(())
    }

    /// Home's answer to SHOW WARNINGS. Shard tables have the name of the table in it.
    pub(crate) async fn listed(&mut self) -> Flow<Vec<Condition>> {
        self.listed_with_status().await.map(|(conditions, _)| conditions)
    }

    /// The same, and the session's status then.
    pub(crate) async fn listed_with_status(&mut self) -> Flow<(Vec<Condition>, wire::StatusFlags)> {
        let Answer::Rows(rows) = self.answer().await? else { return Err(self.out_of_step()) };
        let read = |row: &bytes::Bytes| {
            let condition = Condition::parse(row).ok_or_else(|| self.out_of_step())?;
            Ok(Condition { message: self.plane.legacy_names(condition.message), ..condition })
        };
        let conditions = rows.rows.iter().map(read).collect::<Flow<_>>()?;
        Ok((conditions, rows.end.status))
    }

    /// Marks home's list, where the client's conditions are kept and the server keeps its list over
    /// statements that follow.
    pub(crate) async fn mark(&mut self) -> Flow<()> {
        if self.server.mariadb && self.diagnostics.conditions != Told::Home {
            self.send(MARK);
            self.flush().await?;
            self.answer().await?;
        }
        Ok(())
    }

    /// Whether the client's conditions would still be there.
    async fn mark_stands(&mut self) -> Flow<bool> {
        self.diagnostics.lose_found_rows();
        self.send("SELECT @@warning_count LIMIT 1");
        self.flush().await?;
        let Answer::Rows(rows) = self.answer().await? else { return Err(self.out_of_step()) };
        let cell = rows.rows.first().and_then(|payload| row::parse_text(payload, 1).ok()?.pop()?);
        Ok(cell.is_some_and(|count| count != b"0"))
    }
}

/// The rows that are shown; `None` where they are not known.
fn shown(show: &Show, conditions: &Conditions) -> Option<Vec<Vec<Vec<u8>>>> {
    let (skip, most) = show.rows?;
    if show.count {
        let count = if show.errors { conditions.errors } else { conditions.warnings };
        return Some(vec![vec![count?.to_string().into_bytes()]]);
    }
    let list = conditions.list.as_ref()?.iter().filter(|condition| !show.errors || condition.is_error());
    let bounded = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let rows = list.skip(bounded(skip)).take(bounded(most));
    Some(rows.map(|row| vec![row.level.clone(), row.code.clone(), row.message.clone()]).collect())
}
