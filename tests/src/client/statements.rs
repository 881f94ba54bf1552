//! What a client can do with a prepared statement besides running it: leave the types out, open a cursor and fetch
//! from it, send values ahead.

use super::{
    Bytes, Client, Column, DEPRECATE_EOF, Done, Prepared, Reply, Value, done, eof, put_values, refused,
};
use crate::Outcome;

/// `CURSOR_TYPE_READ_ONLY`.
const READ_ONLY_CURSOR: u8 = 1;
/// `SERVER_STATUS_CURSOR_EXISTS`.
const CURSOR_EXISTS: u16 = 0x40;

impl Done {
    /// A cursor is open: the rows are to be fetched.
    #[must_use]
    pub const fn cursor_exists(&self) -> bool {
        self.status & CURSOR_EXISTS != 0
    }
}

impl Client {
    pub(super) async fn send_execute(
        &mut self,
        statement: &Prepared,
        values: &[Value],
        flags: u8,
        types: bool,
    ) -> Outcome {
        let mut body = statement.id.to_le_bytes().to_vec();
        body.extend_from_slice(&[flags, 1, 0, 0, 0]);
        if !values.is_empty() {
            put_values(&mut body, values, types)?;
        }
        self.command(0x17, &body).await
    }

    /// Executes a prepared statement with the types of the last execution that told them, as libmysql, mysqlnd and
    /// JDBC do from the second execution on.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn execute_again(&mut self, statement: &Prepared, values: &[Value]) -> Outcome<Vec<Reply>> {
        self.send_execute(statement, values, 0, false).await?;
        self.replies(true).await
    }

    /// Executes a prepared statement and asks for a cursor. The server may ignore that; else there are no rows yet, and
    /// the end says so.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn open(&mut self, statement: &Prepared, values: &[Value]) -> Outcome<Reply> {
        self.send_execute(statement, values, READ_ONLY_CURSOR, true).await?;
        let first = self.read().await?;
        match first.first() {
            Some(0x00) => return Ok(Reply::Done(done(&mut Bytes(&first[1..]))?)),
            Some(0xff) => return Ok(Reply::Refused(refused(&mut Bytes(&first[1..]))?)),
            _ => {}
        }
        let mut columns = Vec::new();
        for _ in 0..Bytes(&first).length()? {
            columns.push(super::column(&self.read().await?)?);
        }
        if self.capabilities & DEPRECATE_EOF == 0 {
            let end = self.read().await?;
            let end = eof(&mut Bytes(end.get(1..).unwrap_or_default()))?;
            if end.cursor_exists() {
                return Ok(Reply::Rows(columns, Vec::new(), end));
            }
        }
        self.rows(columns, true).await
    }

    /// The next rows of a cursor, at most `count`.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn fetch(&mut self, statement: &Prepared, columns: &[Column], count: u32) -> Outcome<Reply> {
        let mut body = statement.id.to_le_bytes().to_vec();
        body.extend_from_slice(&count.to_le_bytes());
        self.command(0x1c, &body).await?;
        self.rows(columns.to_vec(), true).await
    }

    /// `COM_STMT_RESET`: closes the cursor and forgets what was sent ahead.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn reset_statement(&mut self, statement: &Prepared) -> Outcome<Reply> {
        self.command(0x1a, &statement.id.to_le_bytes()).await?;
        self.reply(true).await
    }

    /// `COM_STMT_SEND_LONG_DATA`: a piece of the value of parameter `number`, counted from 0. It is not answered.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_ahead(&mut self, statement: &Prepared, number: u16, piece: &[u8]) -> Outcome {
        let mut body = statement.id.to_le_bytes().to_vec();
        body.extend_from_slice(&number.to_le_bytes());
        body.extend_from_slice(piece);
        self.command(0x18, &body).await
    }
}
