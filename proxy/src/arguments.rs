//! EXECUTE … USING: the values of its arguments, which home is asked for before the text is planned.

use sql_rewrite::{ColumnSource, ShardRead, Statement, Text, Value, executed};
use wire::{
    own::{self, Answer},
    packet::{Column, ErrInfo, row, value::kind},
};

use crate::{
    execute::Origin,
    session::{Flow, Session},
};

/// `UNSIGNED_FLAG` of a column definition.
const UNSIGNED: u16 = 32;

/// Columns of the question before those of the arguments, and of each of these.
const BEFORE: usize = 2;
const OF_EACH: usize = 3;

impl Session {
    /// The values of an EXECUTE's arguments. [`Value::Foreign`] stands for one that has to be left to home.
    pub(crate) async fn argument_values(
        &mut self,
        arguments: &[Option<Vec<u8>>],
    ) -> Flow<Result<Vec<Value>, ErrInfo>> {
        let mut values = vec![Value::Foreign; arguments.len()];
        let known: Vec<(usize, &Vec<u8>)> =
            arguments.iter().enumerate().filter_map(|(i, one)| Some((i, one.as_ref()?))).collect();
        if known.is_empty() {
            return Ok(Ok(values));
        }
        // CAST keeps `character_set_results` out of it, LIMIT a limit of the client's.
        let mut sql =
            b"SELECT @@collation_connection, @@character_set_connection = @@character_set_client".to_vec();
        for (_, argument) in &known {
            for (before, behind) in [("", ""), ("COLLATION(", ")"), ("CAST(", " AS BINARY)")] {
                sql.extend_from_slice(b", ");
                sql.extend_from_slice(before.as_bytes());
                sql.extend_from_slice(argument);
                sql.extend_from_slice(behind.as_bytes());
            }
        }
        sql.extend_from_slice(b" LIMIT 1");
        self.send_bytes(&sql);
        self.flush().await?;
        let rows = match self.answer().await? {
            Answer::Rows(rows) => rows,
            Answer::Err(error) => return Ok(Err(error)),
            Answer::Ok(_) => return Err(self.out_of_step()),
        };
        let payload = rows.rows.first().ok_or_else(|| self.out_of_step())?;
        let cells = row::parse_text(payload, rows.columns.len()).map_err(|_| self.out_of_step())?;
        let collation = if cells[1] == Some(b"1") { cells[0] } else { None };
        for (n, (i, _)) in known.into_iter().enumerate() {
            let at = BEFORE + OF_EACH * n;
            let (Some(column), Some([shown, own, bytes])) =
                (rows.columns.get(at), cells.get(at..at + OF_EACH))
            else {
                return Err(self.out_of_step());
            };
            values[i] = value(column, *shown, *bytes, *own, collation);
        }
        Ok(Ok(values))
    }

    /// Runs the read by PREPARE and EXECUTE, with the client's own arguments; as [`Session::send_variant`] of the binary
    /// protocol. What is prepared stays until the next one, or the end of the session: to deallocate it here would be one
    /// more statement behind the client's.
    pub(crate) async fn send_executed(
        &mut self,
        statement: &Statement,
        read: &ShardRead,
        origin: Origin<'_>,
    ) -> Flow<Result<Option<Vec<Vec<u8>>>, ErrInfo>> {
        let mut columns = None;
        if let ColumnSource::Execute(unread) = &read.columns {
            if let Err(error) = self.send_execution(unread, origin) {
                return Ok(Err(error));
            }
            self.flush().await?;
            let prepared = self.answer().await?;
            columns = match (prepared, self.answer().await?) {
                (Answer::Err(error), _) | (_, Answer::Err(error)) => return Ok(Err(error)),
                (_, Answer::Rows(rows)) => Some(definitions(&rows.columns)),
                _ => return Err(self.out_of_step()),
            };
        }
        let describes = read.columns == ColumnSource::Prepare;
        if describes {
            own::queue_prepare(&mut self.relay.home, statement.text());
            self.flush().await?;
            columns = match self.prepared_answer().await? {
                Ok(prepared) => {
                    own::queue_close(&mut self.relay.home, prepared.ok.statement_id);
                    Some(definitions(&prepared.columns))
                }
                Err(error) => return Ok(Err(error)),
            };
        }
        if let Err(error) = self.send_execution(&read.text, origin) {
            return Ok(Err(error));
        }
        self.flush().await?;
        match self.answer().await? {
            Answer::Ok(_) => Ok(Ok(columns)),
            Answer::Err(error) => {
                self.discard_answer().await?;
                Ok(Err(error))
            }
            Answer::Rows(_) => Err(self.out_of_step()),
        }
    }

    /// Queues PREPARE and EXECUTE.
    fn send_execution(&mut self, text: &Text, origin: Origin<'_>) -> Result<(), ErrInfo> {
        let Some(both) = executed(text, &self.savepoint, origin.arguments, origin.facts) else {
            return Err(ErrInfo::new(
                1235,
                b"42000",
                "Shunt: a text with characters beyond U+FFFF, or of an unknown character set, cannot be run over the \
                 shards with EXECUTE … USING; nothing was done. What to do: use the driver's prepared statements",
            ));
        };
        for sql in &both {
            self.send_bytes(sql);
        }
        Ok(())
    }
}

fn definitions(columns: &[Column]) -> Vec<Vec<u8>> {
    columns.iter().map(|column| column.payload().to_vec()).collect()
}

/// A value of this column: as it is `shown`, and its `bytes` in its `own` collation. A string means the same as a literal
/// only if it has the collation that a literal has.
fn value(
    column: &Column,
    shown: Option<&[u8]>,
    bytes: Option<&[u8]>,
    own: Option<&[u8]>,
    literals: Option<&[u8]>,
) -> Value {
    let (Some(shown), Some(bytes)) = (shown, bytes) else { return Value::Null };
    let text = || std::str::from_utf8(shown).ok();
    let number = match column.kind {
        kind::TINY | kind::SHORT | kind::LONG | kind::INT24 | kind::LONGLONG
            if column.flags & UNSIGNED != 0 =>
        {
            text().and_then(|text| text.parse().ok()).map(Value::UInt)
        }
        kind::TINY | kind::SHORT | kind::LONG | kind::INT24 | kind::LONGLONG => {
            text().and_then(|text| text.parse().ok()).map(Value::Int)
        }
        kind::DOUBLE => text().and_then(|text| text.parse().ok()).map(Value::Double),
        // Not in UTF-16, in which a client may want its results.
        kind::DECIMAL | kind::NEWDECIMAL if shown.iter().all(u8::is_ascii_graphic) => {
            Some(Value::Decimal(shown.to_vec()))
        }
        kind::VARCHAR | kind::VAR_STRING | kind::STRING | kind::TINY_BLOB..=kind::BLOB => match own {
            Some(b"binary") => Some(Value::Blob(bytes.to_vec())),
            Some(_) if own == literals => Some(Value::Text(bytes.to_vec())),
            _ => None,
        },
        _ => None,
    };
    number.unwrap_or(Value::Foreign)
}
