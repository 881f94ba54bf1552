//! One statement on one session, and all that it gave.

use crate::{
    Outcome,
    client::{Client, IN_TRANSACTION, Prepared, Reply, Value},
    same::compare,
};

/// So many rows say enough to a person.
const ROWS_TOLD: usize = 12;

/// How a statement reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `COM_QUERY`.
    Text,
    /// `COM_STMT_PREPARE`, `COM_STMT_EXECUTE`, with the other form of ends of result sets.
    Prepared,
}

/// What one side gave for one statement.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What PREPARE gave.
    pub prepared: Option<Prepared>,
    /// The answers to each execution.
    pub replies: Vec<Reply>,
    /// What SHOW WARNINGS then said, if it was asked.
    pub warnings: Option<Vec<Reply>>,
    /// What ROW_COUNT(), FOUND_ROWS() and LAST_INSERT_ID() then were, if they were asked.
    pub counts: Option<Vec<Reply>>,
}

impl Answer {
    /// Runs a statement as text.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn text(client: &mut Client, sql: &str) -> Outcome<Self> {
        Ok(Self { prepared: None, replies: client.query(sql).await?, warnings: None, counts: None })
    }

    /// Prepares, executes `times` times and closes. The second execution is the one that finds a plan that is kept.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn prepared(client: &mut Client, sql: &str, values: &[Value], times: usize) -> Outcome<Self> {
        let statement = match client.prepare(sql).await? {
            Ok(statement) => statement,
            Err(error) => {
                let replies = vec![Reply::Refused(error)];
                return Ok(Self { prepared: None, replies, warnings: None, counts: None });
            }
        };
        let mut replies = Vec::new();
        for _ in 0..times {
            replies.extend(client.execute(&statement, values).await?);
        }
        client.close(&statement).await?;
        Ok(Self { prepared: Some(statement), replies, warnings: None, counts: None })
    }

    /// Asks for the warnings if there are any.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn with_warnings(mut self, client: &mut Client) -> Outcome<Self> {
        if self.warned() {
            self.warnings = Some(client.query("SHOW WARNINGS").await?);
        }
        Ok(self)
    }

    /// Asks for the counts; they are those of the statement only if the warnings are not asked before. `reads`: it
    /// is one that FOUND_ROWS() counts; behind others Shunt may have to refuse it.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn with_counts(mut self, client: &mut Client, reads: bool) -> Outcome<Self> {
        let counted = reads && matches!(self.replies.last(), Some(Reply::Rows(..)));
        let found_rows = if counted { ", FOUND_ROWS()" } else { "" };
        self.counts = Some(client.query(&format!("SELECT ROW_COUNT(), LAST_INSERT_ID(){found_rows}")).await?);
        Ok(self)
    }

    /// Whether Shunt itself refused the statement.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.error().is_some_and(|message| message.starts_with("Shunt"))
    }

    /// The message of the error that it ended with.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self.replies.last() {
            Some(Reply::Refused(error)) => Some(&error.message),
            _ => None,
        }
    }

    /// The code of the error that it ended with.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        match self.replies.last() {
            Some(Reply::Refused(error)) => Some(error.code),
            _ => None,
        }
    }

    /// Whether a transaction is open after it, as far as it says.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.replies.iter().any(|reply| match reply {
            Reply::Done(done) | Reply::Rows(_, _, done) => done.status & IN_TRANSACTION != 0,
            Reply::Refused(_) => false,
        })
    }

    /// For a person: counts, texts and the first rows.
    #[must_use]
    pub fn told(&self) -> String {
        let reply = |reply: &Reply| match reply {
            Reply::Done(done) => format!("{done:?}"),
            Reply::Refused(error) => error.to_string(),
            Reply::Rows(columns, rows, done) => {
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let shown: Vec<String> = rows.iter().take(ROWS_TOLD).map(compare::show).collect();
                format!("{} rows of ({}): {}; {done:?}", rows.len(), names.join(", "), shown.join(" "))
            }
        };
        self.replies
            .iter()
            .chain(self.warnings.iter().chain(&self.counts).flatten())
            .map(reply)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn warned(&self) -> bool {
        self.replies.iter().any(|reply| match reply {
            Reply::Done(done) | Reply::Rows(_, _, done) => done.warnings > 0,
            Reply::Refused(_) => true,
        })
    }
}
