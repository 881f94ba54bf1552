//! A bare protocol client that hides nothing of an answer.
//!
//! Drivers drop what they do not need (status flags, info texts, raw binary values), and a proxy's mistakes hide
//! there. It is written without the crate `wire` on purpose: an oracle that shares code with what it judges
//! shares its mistakes. No TLS: where an account needs it for its first login, a driver logs in once beforehand.

mod statements;

use mysql_async::{Conn, Opts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{Failure, Outcome};

/// Capabilities that are asked for; those that the server lacks are left out.
/// LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_RESULTS,
/// PS_MULTI_RESULTS, PLUGIN_AUTH.
const CAPABILITIES: u32 = 1 | 4 | 8 | 0x200 | 0x2000 | 0x8000 | 0x2_0000 | 0x4_0000 | 0x8_0000;
/// `CLIENT_FOUND_ROWS`: rows that an UPDATE found count as affected.
pub const FOUND_ROWS: u32 = 2;
/// `CLIENT_MULTI_STATEMENTS`.
pub const MULTI_STATEMENTS: u32 = 0x1_0000;
/// `CLIENT_DEPRECATE_EOF`.
pub const DEPRECATE_EOF: u32 = 0x100_0000;
const SESSION_TRACK: u32 = 0x80_0000;
const UTF8MB4_GENERAL_CI: u8 = 45;
/// `SERVER_STATUS_IN_TRANS`.
pub const IN_TRANSACTION: u16 = 1;
const MORE_RESULTS: u16 = 8;

/// An OK packet, or the end of a result set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// Affected rows.
    pub affected: u64,
    /// Last insert id.
    pub last_insert_id: u64,
    /// Status flags.
    pub status: u16,
    /// How many warnings `SHOW WARNINGS` would list.
    pub warnings: u16,
    /// `Rows matched: 1  Changed: 1  Warnings: 0` and the like.
    pub info: String,
}

/// An ERR packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Error code.
    pub code: u16,
    /// SQLSTATE.
    pub state: String,
    /// Text.
    pub message: String,
}

/// A column definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of the protocol's packet")]
pub struct Column {
    pub schema: String,
    pub table: String,
    pub org_table: String,
    pub name: String,
    pub org_name: String,
    pub charset: u16,
    pub length: u32,
    pub kind: u8,
    pub flags: u16,
    pub decimals: u8,
}

/// A row: the bytes of each value as they came, `None` for NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// One answer to one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// No result set.
    Done(Done),
    /// A result set and its end.
    Rows(Vec<Column>, Vec<Row>, Done),
    /// An error, perhaps after rows.
    Refused(Refusal),
}

/// What a prepared statement's preparation answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// By which it is executed.
    pub id: u32,
    /// Column definitions of the result set, as of now.
    pub columns: Vec<Column>,
    /// Definitions of the parameters.
    pub parameters: Vec<Column>,
    /// Warning count of the preparation.
    pub warnings: u16,
}

/// A parameter of a prepared statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A signed 64-bit integer.
    Int(i64),
    /// An unsigned 64-bit integer.
    UInt(u64),
    /// A double.
    Double(f64),
    /// A string.
    Text(String),
    /// NULL for a parameter of this type, `MYSQL_TYPE_…`.
    NullOf(u8),
    /// Of this type; its value was sent ahead ([`Client::send_ahead`]).
    Ahead(u8),
    /// Any other type.
    Typed(Typed),
}

/// A value of any type of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its type, `MYSQL_TYPE_…`.
    pub kind: u8,
    /// UNSIGNED.
    pub unsigned: bool,
    /// As it stands in the packet, with its length where the type has one.
    pub bytes: Vec<u8>,
    /// As it stands in SQL text.
    pub literal: String,
}

/// A logged-in connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    sequence: u8,
    capabilities: u32,
}

impl Client {
    /// Logs in. `deprecate_eof` chooses between the two forms in which result sets end.
    ///
    /// # Errors
    /// What the server or the network says.
    pub async fn connect(opts: &Opts, deprecate_eof: bool) -> Outcome<Self> {
        Self::connect_with(opts, if deprecate_eof { DEPRECATE_EOF } else { 0 }).await
    }

    /// Logs in as one that is told of changes of session state. Its OK packets are for [`Client::read`].
    ///
    /// # Errors
    /// What the server or the network says.
    pub async fn tracking(opts: &Opts) -> Outcome<Self> {
        Self::connect_with(opts, DEPRECATE_EOF | SESSION_TRACK).await
    }

    /// Logs in and asks for these capabilities, besides those that every client has.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(opts: &Opts, capabilities: u32) -> Outcome<Self> {
        if let Some(client) = Self::log_in(opts, capabilities).await? {
            return Ok(client);
        }
        // caching_sha2_password wants the password itself once; then a scramble is enough for everybody.
        Conn::new(opts.clone()).await?.disconnect().await?;
        Self::log_in(opts, capabilities)
            .await?
            .ok_or_else(|| Failure::from("the server asks for the password again and again"))
    }

    async fn log_in(opts: &Opts, capabilities: u32) -> Outcome<Option<Self>> {
        let stream = TcpStream::connect((opts.ip_or_hostname(), opts.tcp_port())).await?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), sequence: 0, capabilities: 0 };
        let greeting = client.read().await?;
        if greeting.first() == Some(&0xff) {
            return Err(refused(&mut Bytes(&greeting[1..]))?.into());
        }
        let (offered, plugin, nonce) = read_greeting(&greeting)?;
        client.capabilities = (CAPABILITIES | capabilities) & offered;
        let password = opts.pass().unwrap_or_default().as_bytes();
        let mut answer = Vec::new();
        answer.extend_from_slice(&client.capabilities.to_le_bytes());
        answer.extend_from_slice(&0x0100_0000_u32.to_le_bytes());
        answer.push(UTF8MB4_GENERAL_CI);
        answer.extend_from_slice(&[0; 23]);
        answer.extend_from_slice(opts.user().unwrap_or_default().as_bytes());
        answer.push(0);
        let scramble = scramble(&plugin, &nonce, password)?;
        answer.push(u8::try_from(scramble.len())?);
        answer.extend_from_slice(&scramble);
        answer.extend_from_slice(opts.db_name().unwrap_or_default().as_bytes());
        answer.push(0);
        answer.extend_from_slice(plugin.as_bytes());
        answer.push(0);
        client.write(&answer).await?;
        Ok(client.authenticate(password).await?.then_some(client))
    }

    /// False when the server wants the password itself.
    async fn authenticate(&mut self, password: &[u8]) -> Outcome<bool> {
        loop {
            let packet = self.read().await?;
            match packet.as_slice() {
                [0x00, ..] => return Ok(true),
                [0xff, rest @ ..] => return Err(refused(&mut Bytes(rest))?.into()),
                [0x01, 0x03] => {}
                [0x01, 0x04] => return Ok(false),
                [0xfe, rest @ ..] => {
                    let mut rest = Bytes(rest);
                    let plugin = rest.zero_ended()?;
                    let nonce = rest.0.strip_suffix(&[0]).unwrap_or(rest.0).to_vec();
                    let scramble = scramble(&plugin, &nonce, password)?;
                    self.write(&scramble).await?;
                }
                other => return Err(format!("authentication: {other:?}").into()),
            }
        }
    }

    /// Runs a statement as text and reads every answer to it.
    ///
    /// # Errors
    /// When the connection ends or the answer makes no sense. An ERR packet is an answer.
    pub async fn query(&mut self, sql: &(impl AsRef<[u8]> + ?Sized)) -> Outcome<Vec<Reply>> {
        self.command(0x03, sql.as_ref()).await?;
        self.replies(false).await
    }

    /// Prepares a statement.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn prepare(&mut self, sql: &(impl AsRef<[u8]> + ?Sized)) -> Outcome<Result<Prepared, Refusal>> {
        self.command(0x16, sql.as_ref()).await?;
        let packet = self.read().await?;
        if packet.first() == Some(&0xff) {
            return Ok(Err(refused(&mut Bytes(&packet[1..]))?));
        }
        let mut head = Bytes(&packet);
        head.u8()?;
        let id = head.u32()?;
        let (columns, parameters) = (head.u16()?, head.u16()?);
        head.u8()?;
        let warnings = head.u16()?;
        Ok(Ok(Prepared {
            id,
            parameters: self.columns(u64::from(parameters)).await?,
            columns: self.columns(u64::from(columns)).await?,
            warnings,
        }))
    }

    /// Executes a prepared statement.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn execute(&mut self, statement: &Prepared, values: &[Value]) -> Outcome<Vec<Reply>> {
        self.send_execute(statement, values, 0, true).await?;
        self.replies(true).await
    }

    /// Closes a prepared statement.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn close(&mut self, statement: &Prepared) -> Outcome {
        self.command(0x19, &statement.id.to_le_bytes()).await
    }

    /// `COM_RESET_CONNECTION`: ends transactions, forgets variables and prepared statements.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub async fn reset(&mut self) -> Outcome {
        self.command(0x1f, &[]).await?;
        match self.reply(false).await? {
            Reply::Done(_) => Ok(()),
            other => Err(format!("COM_RESET_CONNECTION: {other:?}").into()),
        }
    }

    async fn replies(&mut self, binary: bool) -> Outcome<Vec<Reply>> {
        let mut all = Vec::new();
        loop {
            let reply = self.reply(binary).await?;
            let more = match &reply {
                Reply::Done(done) | Reply::Rows(_, _, done) => done.status & MORE_RESULTS != 0,
                Reply::Refused(_) => false,
            };
            all.push(reply);
            if !more {
                return Ok(all);
            }
        }
    }

    async fn reply(&mut self, binary: bool) -> Outcome<Reply> {
        let first = self.read().await?;
        match first.first() {
            Some(0x00) => Ok(Reply::Done(done(&mut Bytes(&first[1..]))?)),
            Some(0xff) => Ok(Reply::Refused(refused(&mut Bytes(&first[1..]))?)),
            Some(0xfb) => Err("LOCAL INFILE was not offered".into()),
            _ => {
                let columns = self.columns(Bytes(&first).length()?).await?;
                self.rows(columns, binary).await
            }
        }
    }

    async fn rows(&mut self, columns: Vec<Column>, binary: bool) -> Outcome<Reply> {
        let mut rows = Vec::new();
        loop {
            let packet = self.read().await?;
            match packet.first() {
                Some(0xff) => return Ok(Reply::Refused(refused(&mut Bytes(&packet[1..]))?)),
                Some(0xfe) if packet.len() < 0xff_ffff && self.is_end(&packet) => {
                    let end = if self.capabilities & DEPRECATE_EOF == 0 {
                        eof(&mut Bytes(&packet[1..]))?
                    } else {
                        done(&mut Bytes(&packet[1..]))?
                    };
                    return Ok(Reply::Rows(columns, rows, end));
                }
                _ if binary => rows.push(binary_row(&packet, &columns)?),
                _ => rows.push(text_row(&packet, columns.len())?),
            }
        }
    }

    /// A row whose first value has eight bytes of length also begins with 0xfe, but is far longer.
    const fn is_end(&self, packet: &[u8]) -> bool {
        packet.len() < 9 || self.capabilities & DEPRECATE_EOF != 0
    }

    async fn columns(&mut self, count: u64) -> Outcome<Vec<Column>> {
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(column(&self.read().await?)?);
        }
        if count > 0 && self.capabilities & DEPRECATE_EOF == 0 {
            self.read().await?;
        }
        Ok(columns)
    }

    /// Sends any command; its answer is read packet by packet, with [`Client::read`].
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn command(&mut self, command: u8, body: &[u8]) -> Outcome {
        self.sequence = 0;
        let mut packet = vec![command];
        packet.extend_from_slice(body);
        self.write(&packet).await
    }

    /// Sends bytes as they are, and expects the answer to start at sequence id `sequence`.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send(&mut self, bytes: &[u8], sequence: u8) -> Outcome {
        self.sequence = sequence;
        Ok(self.stream.get_mut().write_all(bytes).await?)
    }

    async fn write(&mut self, payload: &[u8]) -> Outcome {
        let mut rest = payload;
        loop {
            let (now, later) = rest.split_at(rest.len().min(0xff_ffff));
            let mut frame = u32::try_from(now.len())?.to_le_bytes()[..3].to_vec();
            frame.push(self.sequence);
            frame.extend_from_slice(now);
            self.sequence = self.sequence.wrapping_add(1);
            self.stream.get_mut().write_all(&frame).await?;
            rest = later;
            if now.len() < 0xff_ffff {
                return Ok(());
            }
        }
    }

    /// Reads the next packet.
    ///
    /// # Errors
    /// When the connection ends, or packets are lost or changed places.
    pub async fn read(&mut self) -> Outcome<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head).await?;
            if head[3] != self.sequence {
                return Err(format!("sequence id {} instead of {}", head[3], self.sequence).into());
            }
            self.sequence = self.sequence.wrapping_add(1);
            let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
            let start = payload.len();
            payload.resize(start + length, 0);
            self.stream.read_exact(&mut payload[start..]).await?;
            if length < 0xff_ffff {
                return Ok(payload);
            }
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.code, self.state, self.message)
    }
}

impl std::error::Error for Refusal {}

fn scramble(plugin: &str, nonce: &[u8], password: &[u8]) -> Outcome<Vec<u8>> {
    use mysql_common::scramble::{scramble_native, scramble_sha256};
    match plugin {
        "caching_sha2_password" => {
            Ok(scramble_sha256(nonce, password).map(|s| s.to_vec()).unwrap_or_default())
        }
        "mysql_native_password" => {
            Ok(scramble_native(nonce, password).map(|s| s.to_vec()).unwrap_or_default())
        }
        other => Err(format!("unknown authentication plugin {other}").into()),
    }
}

fn read_greeting(packet: &[u8]) -> Outcome<(u32, String, Vec<u8>)> {
    let mut greeting = Bytes(packet);
    greeting.u8()?;
    greeting.zero_ended()?;
    greeting.u32()?;
    let mut nonce = greeting.take(8)?.to_vec();
    greeting.u8()?;
    let low = greeting.u16()?;
    greeting.u8()?;
    greeting.u16()?;
    let high = greeting.u16()?;
    greeting.take(11)?;
    nonce.extend_from_slice(greeting.take(12)?);
    greeting.u8()?;
    let plugin = greeting.zero_ended()?;
    Ok((u32::from(low) | u32::from(high) << 16, plugin, nonce))
}

fn done(bytes: &mut Bytes<'_>) -> Outcome<Done> {
    Ok(Done {
        affected: bytes.length()?,
        last_insert_id: bytes.length()?,
        status: bytes.u16()?,
        warnings: bytes.u16()?,
        info: {
            // Length-encoded by MySQL, plain to the end in the documentation: the former where it fits exactly.
            let rest = bytes.0;
            let encoded = bytes.string().ok().filter(|_| bytes.0.is_empty());
            encoded.unwrap_or_else(|| String::from_utf8_lossy(rest).into_owned())
        },
    })
}

fn eof(bytes: &mut Bytes<'_>) -> Outcome<Done> {
    let warnings = bytes.u16()?;
    let status = bytes.u16()?;
    Ok(Done { warnings, status, ..Done::default() })
}

fn refused(bytes: &mut Bytes<'_>) -> Outcome<Refusal> {
    let code = bytes.u16()?;
    let mut state = String::new();
    if bytes.0.first() == Some(&b'#') {
        bytes.u8()?;
        state = String::from_utf8_lossy(bytes.take(5)?).into_owned();
    }
    let message = String::from_utf8_lossy(bytes.0).into_owned();
    Ok(Refusal { code, state, message })
}

fn column(packet: &[u8]) -> Outcome<Column> {
    let mut bytes = Bytes(packet);
    bytes.string()?;
    let (schema, table, org_table) = (bytes.string()?, bytes.string()?, bytes.string()?);
    let (name, org_name) = (bytes.string()?, bytes.string()?);
    bytes.length()?;
    Ok(Column {
        schema,
        table,
        org_table,
        name,
        org_name,
        charset: bytes.u16()?,
        length: bytes.u32()?,
        kind: bytes.u8()?,
        flags: bytes.u16()?,
        decimals: bytes.u8()?,
    })
}

fn text_row(packet: &[u8], columns: usize) -> Outcome<Row> {
    let mut bytes = Bytes(packet);
    (0..columns)
        .map(|_| {
            if bytes.0.first() == Some(&0xfb) {
                bytes.u8()?;
                return Ok(None);
            }
            let length = usize::try_from(bytes.length()?)?;
            Ok(Some(bytes.take(length)?.to_vec()))
        })
        .collect()
}

/// An integer as text: its width is that of its column's definition, which is compared by itself.
fn digits(value: &[u8], column: &Column) -> String {
    /// UNSIGNED_FLAG of a column definition.
    const UNSIGNED: u16 = 32;
    let negative = column.flags & UNSIGNED == 0 && value.last().is_some_and(|last| last & 0x80 != 0);
    let mut all = if negative { [0xff; 16] } else { [0; 16] };
    all[..value.len()].copy_from_slice(value);
    i128::from_le_bytes(all).to_string()
}

fn binary_row(packet: &[u8], columns: &[Column]) -> Outcome<Row> {
    let mut bytes = Bytes(packet);
    bytes.u8()?;
    let nulls = bytes.take(columns.len().div_ceil(8).max((columns.len() + 9) / 8))?;
    columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            if nulls[(i + 2) / 8] >> ((i + 2) % 8) & 1 == 1 {
                return Ok(None);
            }
            let length = match column.kind {
                0x01 => 1,
                0x02 | 0x0d => 2,
                0x03 | 0x04 | 0x09 => 4,
                0x05 | 0x08 => 8,
                // Dates and times: one byte of length.
                0x07 | 0x0a..=0x0c => usize::from(bytes.u8()?),
                _ => usize::try_from(bytes.length()?)?,
            };
            let value = bytes.take(length)?;
            let integer = matches!(column.kind, 0x01..=0x03 | 0x08 | 0x09 | 0x0d);
            Ok(Some(if integer { digits(value, column).into_bytes() } else { value.to_vec() }))
        })
        .collect()
}

fn put_values(body: &mut Vec<u8>, values: &[Value], types: bool) -> Outcome {
    let mut nulls = vec![0_u8; values.len().div_ceil(8)];
    for (i, value) in values.iter().enumerate() {
        if matches!(value, Value::Null | Value::NullOf(_)) {
            nulls[i / 8] |= 1 << (i % 8);
        }
    }
    body.extend_from_slice(&nulls);
    body.push(u8::from(types));
    for value in values.iter().filter(|_| types) {
        body.extend_from_slice(&match value {
            Value::Null => [0x06, 0],
            Value::Int(_) => [0x08, 0],
            Value::UInt(_) => [0x08, 0x80],
            Value::Double(_) => [0x05, 0],
            Value::Text(_) => [0xfd, 0],
            Value::NullOf(kind) | Value::Ahead(kind) => [*kind, 0],
            Value::Typed(typed) => [typed.kind, if typed.unsigned { 0x80 } else { 0 }],
        });
    }
    for value in values {
        match value {
            Value::Null | Value::NullOf(_) | Value::Ahead(_) => {}
            Value::Int(v) => body.extend_from_slice(&v.to_le_bytes()),
            Value::UInt(v) => body.extend_from_slice(&v.to_le_bytes()),
            Value::Double(v) => body.extend_from_slice(&v.to_le_bytes()),
            Value::Text(v) => {
                let length = u16::try_from(v.len())?;
                body.push(0xfc);
                body.extend_from_slice(&length.to_le_bytes());
                body.extend_from_slice(v.as_bytes());
            }
            Value::Typed(v) => body.extend_from_slice(&v.bytes),
        }
    }
    Ok(())
}

/// What is left of a packet.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count).ok_or("a packet is too short")?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn u8(&mut self) -> Outcome<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Outcome<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Outcome<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Outcome<u64> {
        match self.u8()? {
            0xfc => Ok(u64::from(self.u16()?)),
            0xfd => {
                let b = self.array::<3>()?;
                Ok(u64::from(u32::from_le_bytes([b[0], b[1], b[2], 0])))
            }
            0xfe => Ok(u64::from_le_bytes(self.array()?)),
            small => Ok(u64::from(small)),
        }
    }

    fn string(&mut self) -> Outcome<String> {
        let length = usize::try_from(self.length()?)?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn zero_ended(&mut self) -> Outcome<String> {
        let end = self.0.iter().position(|b| *b == 0).ok_or("a string has no end")?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }
}
