//! Shunt's own statements on the client's home connection, in the dialect that the client has agreed on: no
//! capability is added, so every answer is read in the form in which the client would get it.
//!
//! Several statements may be queued and sent in one write; their answers come in the same order.

use bytes::Bytes;

use crate::{
    Capabilities, FrameError, Leg, Malformed,
    command::Command,
    packet::{
        ERR, ErrInfo, LOCAL_INFILE, OK, OkInfo, PrepareOk, column, column::Column, prepare, query, row,
    },
};

/// A whole answer to one statement.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Done, with no rows.
    Ok(OkInfo),
    /// Refused.
    Err(ErrInfo),
    /// A result set.
    Rows(Rows),
}

/// A result set that was read whole.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows' payloads, undecoded: text rows for [`row::parse_text`], or binary ones.
    pub rows: Vec<Bytes>,
    /// Status flags, warnings and session state at its end.
    pub end: OkInfo,
}

/// How an answer starts.
#[derive(Debug, Clone)]
pub enum Start {
    /// It is over: done, with no rows.
    Ok(OkInfo),
    /// It is over: refused.
    Err(ErrInfo),
    /// Rows follow, for [`next_row`] until it says that they end; unless a cursor was opened: then the
    /// definitions are all, and `cursor` holds the status flags.
    Columns {
        /// The result's columns.
        columns: Vec<Column>,
        /// What the packet behind the definitions said, if it announced a cursor (only where EOF packets are
        /// still in use; otherwise the rows simply end at once).
        cursor: Option<OkInfo>,
    },
}

/// One step through an answer's rows.
#[derive(Debug, Clone)]
pub enum Step {
    /// A row's payload.
    Row(Bytes),
    /// The rows end.
    End(OkInfo),
    /// The statement failed in the middle of its rows.
    Err(ErrInfo),
}

/// The answer to COM_STMT_PREPARE.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Id and counts.
    pub ok: PrepareOk,
    /// The parameters' definitions.
    pub params: Vec<Column>,
    /// The columns' definitions.
    pub columns: Vec<Column>,
}

/// Queues a COM_QUERY; [`Leg::flush`] sends it.
pub fn queue_query(home: &mut Leg, sql: &[u8], caps: Capabilities) {
    home.queue_packet(&mut 0, &query::query_payload(sql, caps));
}

/// Queues a COM_STMT_PREPARE.
pub fn queue_prepare(home: &mut Leg, sql: &[u8]) {
    home.queue_packet(&mut 0, &query::prepare_payload(sql));
}

/// Queues a COM_STMT_CLOSE, which is not answered.
pub fn queue_close(home: &mut Leg, statement_id: u32) {
    let mut payload = [Command::STMT_CLOSE.0, 0, 0, 0, 0];
    if prepare::patch_statement_id(&mut payload, statement_id).is_ok() {
        home.queue_packet(&mut 0, &payload);
    }
}

/// Queues a COM_SET_OPTION that switches multi-statements on or off; home answers with an OK or EOF packet, to be
/// read by [`read_ack`].
pub fn queue_multi_statements(home: &mut Leg, on: bool) {
    home.queue_packet(&mut 0, &[Command::SET_OPTION.0, u8::from(!on), 0]);
}

/// Reads the one packet that answers a command without a result (COM_SET_OPTION, COM_STMT_RESET, COM_INIT_DB).
pub async fn read_ack(
    home: &mut Leg,
    caps: Capabilities,
    limit: usize,
) -> Result<Result<OkInfo, ErrInfo>, FrameError> {
    let packet = home.expect_packet(limit).await?;
    let payload = packet.payload();
    Ok(match payload.first() {
        Some(&ERR) => Err(ErrInfo::parse(payload)?),
        Some(&OK) => Ok(OkInfo::parse(payload, caps)?),
        _ if payload.len() < 9 => Ok(OkInfo::parse_eof(payload)?),
        _ => Ok(OkInfo::parse(payload, caps)?),
    })
}

/// Reads how the next answer starts. No packet may be larger than `limit`.
///
/// A request for a local file is an error: Shunt never asks for one.
pub async fn read_start(home: &mut Leg, caps: Capabilities, limit: usize) -> Result<Start, FrameError> {
    let packet = home.expect_packet(limit).await?;
    let payload = packet.payload();
    let count = match payload.first() {
        Some(&OK) => return Ok(Start::Ok(OkInfo::parse(payload, caps)?)),
        Some(&ERR) => return Ok(Start::Err(ErrInfo::parse(payload)?)),
        Some(&LOCAL_INFILE) => return Err(Malformed("home asks for a file that no client offered").into()),
        _ => column::parse_count(payload)?,
    };
    let columns = read_columns(home, count, caps, limit).await?;
    if caps.deprecate_eof() {
        return Ok(Start::Columns { columns, cursor: None });
    }
    let packet = home.expect_packet(limit).await?;
    if packet.payload().first() == Some(&ERR) {
        return Ok(Start::Err(ErrInfo::parse(packet.payload())?));
    }
    let eof = OkInfo::parse_eof(packet.payload())?;
    Ok(Start::Columns { columns, cursor: eof.status.cursor_exists().then_some(eof) })
}

async fn read_columns(
    home: &mut Leg,
    count: usize,
    caps: Capabilities,
    limit: usize,
) -> Result<Vec<Column>, FrameError> {
    let mut columns = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let packet = home.expect_packet(limit).await?;
        columns.push(Column::parse(packet.into_payload().freeze(), caps)?);
    }
    Ok(columns)
}

/// Reads one row, or the end of the rows.
pub async fn next_row(home: &mut Leg, caps: Capabilities, limit: usize) -> Result<Step, FrameError> {
    let packet = home.expect_packet(limit).await?;
    let payload = packet.payload();
    match payload.first() {
        None => Err(Malformed("empty row").into()),
        Some(&ERR) => Ok(Step::Err(ErrInfo::parse(payload)?)),
        Some(first) if row::ends_rows(*first, payload.len(), caps.deprecate_eof()) => {
            Ok(Step::End(OkInfo::parse_end_of_rows(payload, caps)?))
        }
        Some(_) => Ok(Step::Row(packet.into_payload().freeze())),
    }
}

/// Reads the next answer whole. Its rows together may have `limit` bytes, and so may each packet.
///
/// When [`crate::StatusFlags::more_results`] is set at its end, another answer of the same statement follows.
pub async fn read_answer(home: &mut Leg, caps: Capabilities, limit: usize) -> Result<Answer, FrameError> {
    let columns = match read_start(home, caps, limit).await? {
        Start::Ok(ok) => return Ok(Answer::Ok(ok)),
        Start::Err(error) => return Ok(Answer::Err(error)),
        Start::Columns { columns, cursor: Some(end) } => {
            return Ok(Answer::Rows(Rows { columns, rows: Vec::new(), end }));
        }
        Start::Columns { columns, cursor: None } => columns,
    };
    let (mut rows, mut size) = (Vec::new(), 0);
    loop {
        match next_row(home, caps, limit).await? {
            Step::End(end) => return Ok(Answer::Rows(Rows { columns, rows, end })),
            Step::Err(error) => return Ok(Answer::Err(error)),
            Step::Row(row) => {
                size += row.len();
                if size > limit {
                    return Err(FrameError::TooLarge { size, limit });
                }
                rows.push(row);
            }
        }
    }
}

/// Reads the answer to COM_STMT_PREPARE.
pub async fn read_prepared(
    home: &mut Leg,
    caps: Capabilities,
    limit: usize,
) -> Result<Result<Prepared, ErrInfo>, FrameError> {
    let packet = home.expect_packet(limit).await?;
    if packet.payload().first() == Some(&ERR) {
        return Ok(Err(ErrInfo::parse(packet.payload())?));
    }
    let ok = PrepareOk::parse(packet.payload())?;
    let mut definitions = [Vec::new(), Vec::new()];
    for (count, columns) in [ok.params, ok.columns].into_iter().zip(&mut definitions) {
        if count == 0 {
            continue;
        }
        *columns = read_columns(home, usize::from(count), caps, limit).await?;
        if !caps.deprecate_eof() {
            OkInfo::parse_eof(home.expect_packet(limit).await?.payload())?;
        }
    }
    let [params, columns] = definitions;
    Ok(Ok(Prepared { ok, params, columns }))
}
