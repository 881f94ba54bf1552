//! The client's prepared statements that name a configured table.
//!
//! The client's own statement is prepared on home as it is, over the legacy table: that gives the
//! column definitions of the unsharded table. Where shards answer, a *variant* with the same parameters
//! is prepared besides, once for each text.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use sql_rewrite::{ColumnSource, Facts, ShardRead, Statement, Text, Value};
use topology::TableSchema;
use wire::{
    Capabilities,
    own::{self, Answer},
    packet::{ErrInfo, Execute, ParamType, ParamValue, value::kind},
};

use crate::{
    execute::{Origin, Snapshots},
    sent_ahead::SentAhead,
    session::{Flow, Session},
};

/// Variants of one statement that are kept prepared; `max_prepared_stmt_count` is shared by all of
/// home's connections, so the oldest gives way. Ten shards fit, and a scatter.
const VARIANTS_MAX: usize = 16;

/// `ER_NEED_REPREPARE`.
const NEEDS_REPREPARE: u16 = 1615;

/// One prepared statement of the client.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// As it was read under the facts of its preparation, which stay its own.
    pub statement: Arc<Statement>,
    /// Those facts.
    pub facts: Arc<Facts>,
    /// How many `?` there are.
    pub params: u16,
    /// Column definitions of the unsharded table.
    pub columns: Vec<Vec<u8>>,
    /// The shapes of its tables then, as far as they were known: behind DDL the definitions are asked for again.
    pub shapes: Vec<Arc<TableSchema>>,
    /// Types of the last execution that told them.
    pub types: Vec<ParamType>,
    /// What was sent ahead of the next execution.
    pub ahead: SentAhead,
    /// It names no configured table: all there is to it is what it asks about the statement before it.
    pub only_asks: bool,
    variants: Vec<Variant>,
}

#[derive(Debug)]
struct Variant {
    sql: Vec<u8>,
    id: u32,
}

/// A COM_STMT_EXECUTE as it was read.
#[derive(Debug)]
pub(crate) struct Bound<'p> {
    /// The command, with the parameters' types in it.
    pub payload: Cow<'p, [u8]>,
    /// The parameters, or what the client is told of them.
    pub values: Result<Vec<Value>, ErrInfo>,
}

/// All of a session's prepared statements, by the id that home gave.
pub(crate) type PreparedStatements = HashMap<u32, Prepared>;

impl Prepared {
    pub(crate) fn new(statement: Statement, facts: Arc<Facts>, params: u16, columns: Vec<Vec<u8>>) -> Self {
        Self {
            statement: Arc::new(statement),
            facts,
            params,
            columns,
            shapes: Vec::new(),
            types: Vec::new(),
            ahead: SentAhead::default(),
            only_asks: false,
            variants: Vec::new(),
        }
    }

    /// Reads a COM_STMT_EXECUTE of it, and keeps the types that it tells. One that tells none gets those of the last:
    /// what ran in its place may be all that has heard them.
    pub(crate) fn bind<'p>(
        &mut self,
        payload: &'p [u8],
        ahead: &SentAhead,
        caps: Capabilities,
        mariadb: bool,
    ) -> Bound<'p> {
        let params = usize::from(self.params);
        let came_ahead = ahead.params();
        if let Some(error) = sent_wrong(ahead, params) {
            return Bound { payload: Cow::Borrowed(payload), values: Err(error) };
        }
        let Ok(execute) = Execute::parse(payload, caps, params, &self.types, &came_ahead) else {
            self.types.clear();
            return Bound { payload: Cow::Borrowed(payload), values: unreadable(params, mariadb) };
        };
        let told = match &execute.types {
            Some(types) => {
                self.types.clone_from(types);
                None
            }
            None if params == 0 => None,
            None => execute.with_types(caps).ok(),
        };
        let payload = told.map_or(Cow::Borrowed(payload), Cow::Owned);
        Bound { payload, values: values(&execute, &self.types, ahead, mariadb) }
    }

    /// The ids of its variants, to be closed with it.
    pub(crate) fn variant_ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.variants.iter().map(|variant| variant.id)
    }
}

impl Session {
    /// Sends the execution of a variant of prepared statement `id` with the client's parameters.
    pub(crate) async fn send_variant(
        &mut self,
        id: u32,
        read: &ShardRead,
        snapshots: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<Result<Option<Vec<Vec<u8>>>, ErrInfo>> {
        if read.columns == ColumnSource::Prepare
            && let Err(error) = self.renew_columns(id, snapshots).await?
        {
            return Ok(Err(error));
        }
        let unread = match &read.columns {
            ColumnSource::Execute(unread) => Some(unread),
            ColumnSource::Rename | ColumnSource::Prepare => None,
        };
        let mut executions = Vec::with_capacity(2);
        for text in unread.into_iter().chain([&read.text]) {
            match self.execution_of_variant(id, text, origin).await? {
                Ok(execution) => executions.push((execution, &text.params)),
                Err(error) => return Ok(Err(error)),
            }
        }
        for ((variant, execution), params) in executions {
            if let Some(ahead) = origin.ahead {
                self.send_ahead(ahead, variant, Some(params)).await?;
            }
            self.send_payload(&execution);
        }
        if !read.reusable {
            self.forget_variant(id, &read.text.sql);
        }
        self.flush().await?;
        if unread.is_none() {
            let Some(prepared) = self.prepared.get(&id) else { return Err(self.out_of_step()) };
            // Of one shard the definitions in its answer are the table's own.
            return Ok(Ok((read.columns == ColumnSource::Prepare).then(|| prepared.columns.clone())));
        }
        match self.answer().await? {
            Answer::Rows(rows) => {
                Ok(Ok(Some(rows.columns.iter().map(|column| column.payload().to_vec()).collect())))
            }
            Answer::Err(error) => {
                self.discard_answer().await?;
                Ok(Err(error))
            }
            Answer::Ok(_) => Err(self.out_of_step()),
        }
    }

    /// Has the column definitions of statement `id` be those of the present shape of its tables.
    async fn renew_columns(&mut self, id: u32, snapshots: &Snapshots) -> Flow<Result<(), ErrInfo>> {
        let Some(prepared) = self.prepared.get(&id) else { return Err(self.out_of_step()) };
        let now: Vec<_> = snapshots.iter().map(|snapshot| snapshot.schema.clone()).collect();
        // The same shape is the same allocation.
        let same = now.iter().zip(&prepared.shapes).all(|(now, then)| Arc::ptr_eq(now, then));
        if same && now.len() == prepared.shapes.len() {
            return Ok(Ok(()));
        }
        if self.learnt_facts().database != prepared.facts.database {
            let text = "Shunt: the table was changed, and another database is in use than when this was prepared: prepare it again";
            return Ok(Err(ErrInfo::new(NEEDS_REPREPARE, b"HY000", text)));
        }
        let statement = prepared.statement.clone();
        own::queue_prepare(&mut self.relay.home, statement.text());
        self.flush().await?;
        let answer = match self.prepared_answer().await? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        own::queue_close(&mut self.relay.home, answer.ok.statement_id);
        if let Some(prepared) = self.prepared.get_mut(&id) {
            prepared.columns = answer.columns.iter().map(|column| column.payload().to_vec()).collect();
            prepared.shapes = now;
        }
        Ok(Ok(()))
    }

    /// The client's COM_STMT_EXECUTE of statement `id` for the variant with this text, and the variant's id.
    async fn execution_of_variant(
        &mut self,
        id: u32,
        text: &Text,
        origin: Origin<'_>,
    ) -> Flow<Result<(u32, Vec<u8>), ErrInfo>> {
        let variant = match self.variant(id, &text.sql).await? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let Some(prepared) = self.prepared.get(&id) else { return Err(self.out_of_step()) };
        Ok(self.execution(prepared, origin, variant, &text.params).map(|execution| (variant, execution)))
    }

    /// Prepares another text in the place of statement `id`: its id and the COM_STMT_EXECUTE that runs it with
    /// the parameters of the client's.
    pub(crate) async fn substitute(
        &mut self,
        id: u32,
        sql: &[u8],
        origin: Origin<'_>,
    ) -> Flow<Result<(u32, Vec<u8>), ErrInfo>> {
        own::queue_prepare(&mut self.relay.home, sql);
        self.flush().await?;
        let new = match self.prepared_answer().await? {
            Ok(answer) => answer.ok.statement_id,
            Err(error) => return Ok(Err(error)),
        };
        let Some(prepared) = self.prepared.get(&id) else { return Err(self.out_of_step()) };
        let all: Vec<usize> = (0..usize::from(prepared.params)).collect();
        let execution = self.execution(prepared, origin, new, &all);
        if execution.is_err() {
            own::queue_close(&mut self.relay.home, new);
        }
        Ok(execution.map(|execution| (new, execution)))
    }

    /// The client's COM_STMT_EXECUTE for another statement, whose parameters are the client's of these numbers.
    fn execution(
        &self,
        prepared: &Prepared,
        origin: Origin<'_>,
        id: u32,
        params: &[usize],
    ) -> Result<Vec<u8>, ErrInfo> {
        let caps = self.relay.caps;
        let came_ahead = origin.ahead.map(SentAhead::params).unwrap_or_default();
        Execute::parse(origin.payload, caps, usize::from(prepared.params), &prepared.types, &came_ahead)
            .and_then(|execute| execute.with_params(id, params, caps))
            .map_err(|_| only_home_reads())
    }

    /// The id of the variant with this text; prepares it if need be.
    async fn variant(&mut self, id: u32, sql: &[u8]) -> Flow<Result<u32, ErrInfo>> {
        let Some(prepared) = self.prepared.get_mut(&id) else { return Err(self.out_of_step()) };
        if let Some(at) = prepared.variants.iter().position(|variant| variant.sql == sql) {
            let variant = prepared.variants.remove(at);
            let found = variant.id;
            prepared.variants.push(variant);
            return Ok(Ok(found));
        }
        let dropped = (prepared.variants.len() >= VARIANTS_MAX).then(|| prepared.variants.remove(0).id);
        if let Some(dropped) = dropped {
            own::queue_close(&mut self.relay.home, dropped);
        }
        own::queue_prepare(&mut self.relay.home, sql);
        self.flush().await?;
        match self.prepared_answer().await? {
            Err(error) => Ok(Err(error)),
            Ok(answer) => {
                let new = answer.ok.statement_id;
                if let Some(prepared) = self.prepared.get_mut(&id) {
                    prepared.variants.push(Variant { sql: sql.to_vec(), id: new });
                }
                Ok(Ok(new))
            }
        }
    }

    /// Closes the variant with this text behind what was sent for it.
    fn forget_variant(&mut self, id: u32, sql: &[u8]) {
        let Some(prepared) = self.prepared.get_mut(&id) else { return };
        let found = prepared.variants.iter().position(|variant| variant.sql == sql);
        if let Some(at) = found {
            own::queue_close(&mut self.relay.home, prepared.variants.remove(at).id);
        }
    }
}

/// Another statement runs in the place of the client's, and cannot have these parameters.
fn only_home_reads() -> ErrInfo {
    let text = "Shunt: parameters that only the server can read cannot be used where another statement runs in the place of \
                this one; nothing was done: bind them with other types";
    ErrInfo::new(1235, b"42000", text)
}

/// What the client is told of values that cannot be those of the parameters.
fn sent_wrong(ahead: &SentAhead, params: usize) -> Option<ErrInfo> {
    if ahead.too_much {
        let text = "Shunt: more than 1 GiB was sent ahead of executions (COM_STMT_SEND_LONG_DATA) in one session; nothing was \
                    done, and nothing of it is kept for this statement";
        return Some(ErrInfo::new(1235, b"42000", text));
    }
    let unknown = ahead.params().iter().any(|param| usize::from(*param) >= params);
    unknown.then(|| ErrInfo::new(1210, b"HY000", "Incorrect arguments to mysqld_stmt_send_long_data"))
}

/// The parameters' values as the planner sees them, `types` being theirs; else what the server says.
fn values(
    execute: &Execute<'_>,
    types: &[ParamType],
    ahead: &SentAhead,
    mariadb: bool,
) -> Result<Vec<Value>, ErrInfo> {
    // MariaDB refuses these: home is to say so.
    let only_mysqls = |kind: u8| matches!(kind, kind::JSON | kind::VECTOR);
    let mut values: Vec<Value> = execute.values.iter().map(value).collect();
    for (number, (value, known)) in values.iter_mut().zip(types).enumerate() {
        if *value == Value::LongData {
            *value = ahead.value(number, known.kind);
        }
    }
    for (value, _) in values.iter_mut().zip(types).filter(|(_, known)| mariadb && only_mysqls(known.kind)) {
        *value = Value::Foreign;
    }
    if !values.contains(&Value::Foreign) {
        return Ok(values);
    }
    if !mariadb {
        return Err(wrong_arguments());
    }
    // Where such a value ends, and the next begins, MariaDB knows alone.
    Ok(vec![Value::Foreign; values.len()])
}

/// What MySQL says to a COM_STMT_EXECUTE that cannot be read. MariaDB may be able to: home is to say so.
fn unreadable(params: usize, mariadb: bool) -> Result<Vec<Value>, ErrInfo> {
    if mariadb {
        return Ok(vec![Value::Foreign; params]);
    }
    Err(ErrInfo::new(1835, b"HY000", "Malformed communication packet."))
}

/// ER_WRONG_ARGUMENTS.
fn wrong_arguments() -> ErrInfo {
    ErrInfo::new(1210, b"HY000", "Incorrect arguments to mysqld_stmt_execute")
}

fn value(param: &ParamValue<'_>) -> Value {
    match *param {
        ParamValue::Null => Value::Null,
        ParamValue::Int(number) => Value::Int(number),
        ParamValue::UInt(number) => Value::UInt(number),
        ParamValue::Float(number) => Value::Float(number),
        ParamValue::Double(number) => Value::Double(number),
        ParamValue::Decimal(text) => Value::Decimal(text.to_vec()),
        ParamValue::Date { year, month, day } => Value::Date(format!("{year:04}-{month:02}-{day:02}")),
        ParamValue::DateTime { year, month, day, hour, minute, second, micros } => Value::DateTime(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"
        )),
        ParamValue::Time { negative, days, hours, minutes, seconds, micros } => {
            let sign = if negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            Value::Time(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
        }
        ParamValue::Bytes { binary: true, data } => Value::Blob(data.to_vec()),
        ParamValue::Bytes { binary: false, data } => Value::Text(data.to_vec()),
        ParamValue::Long => Value::LongData,
        ParamValue::Foreign => Value::Foreign,
    }
}
