//! What the planner makes of the corpus, in the sessions and on the tables in which it is run.

use std::sync::Arc;

use proxy::facts::SessionFacts;
use sql_rewrite::{Facts, Head, Planner, Server, TableView, how};
use topology::{Phase, TableSchema};

use super::{Block, fixture::Fixture};
use crate::{
    Failure, Outcome,
    client::{Client, Reply, Value},
    servers::Kind,
};

/// The planner of each phase, and the tables that it knows.
#[derive(Debug)]
pub struct Plans(Vec<(Phase, Planner, Vec<Arc<TableSchema>>)>);

/// What a statement is, for the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// SELECT and the like.
    Read,
    /// INSERT, REPLACE, UPDATE, DELETE.
    Write,
    /// Anything else.
    Other,
}

impl Plans {
    /// Reads the tables of all phases.
    ///
    /// # Errors
    /// What the server says.
    pub async fn new(fixture: &Fixture) -> Outcome<Self> {
        let mut all = Vec::new();
        for phase in Phase::ALL {
            let schemas: Vec<Arc<TableSchema>> =
                fixture.table_schemas(phase).await?.into_iter().map(Arc::new).collect();
            let tables = schemas.iter().map(|schema| Arc::new(schema.table.clone())).collect();
            all.push((phase, Planner::new(tables), schemas));
        }
        Ok(Self(all))
    }

    /// The plan of a block in a phase, in a few words, in the schema of that phase.
    #[must_use]
    pub fn word(&self, phase: Phase, block: &Block, facts: &Facts, schema: &str) -> String {
        let Some((_, planner, schemas)) = self.0.iter().find(|(of, ..)| *of == phase) else {
            return String::new();
        };
        let facts = Facts { database: Some(schema.to_owned()), ..facts.clone() };
        let params: Vec<sql_rewrite::Value> = block.step.values.iter().map(value).collect();
        let view = |id: &topology::TableId| {
            let schema = schemas.iter().find(|schema| schema.table.id() == id)?;
            Some(TableView { phase, schema: Arc::clone(schema), logs: true, locks: None })
        };
        let statements = planner.read(block.sql(schema).as_bytes(), &facts);
        let words = statements.iter().map(|statement| {
            let plan = planner.plan(statement, &facts, Some(&params), &view);
            how(&plan, schemas.first().map_or(0, |schema| schema.table.shards().len()))
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// What a block is; of several statements the first counts.
    #[must_use]
    pub fn class(&self, block: &Block, facts: &Facts) -> Class {
        let Some((_, planner, _)) = self.0.first() else { return Class::Other };
        match planner.read(block.step.sql.as_bytes(), facts).first().map(sql_rewrite::Statement::head) {
            Some(Head::Select) => Class::Read,
            Some(Head::Insert | Head::Replace | Head::Update | Head::Delete) => Class::Write,
            _ => Class::Other,
        }
    }
}

/// The facts of a client's session, as Shunt asks for them.
///
/// # Errors
/// When the server answers otherwise than it should.
pub async fn facts(client: &mut Client, kind: Kind) -> Outcome<Facts> {
    let mariadb = kind == Kind::MariaDb;
    let server = Server { mariadb, version: if mariadb { 101_100 } else { 90_000 } };
    let wrong = |reply: Option<Reply>| Failure::from(format!("the facts of the session: {reply:?}"));
    match client.query(&proxy::facts::query(server)).await?.pop() {
        Some(Reply::Rows(columns, rows, done)) => {
            let cell = rows.first().and_then(|row| row.first()?.as_deref());
            let parsed = cell.and_then(|cell| SessionFacts::parse(cell, server, true));
            parsed.map(|(facts, _)| facts.facts).ok_or_else(|| wrong(Some(Reply::Rows(columns, rows, done))))
        }
        other => Err(wrong(other)),
    }
}

fn value(value: &Value) -> sql_rewrite::Value {
    match value {
        Value::Null | Value::NullOf(_) => sql_rewrite::Value::Null,
        Value::Int(v) => sql_rewrite::Value::Int(*v),
        Value::UInt(v) => sql_rewrite::Value::UInt(*v),
        Value::Double(v) => sql_rewrite::Value::Double(*v),
        Value::Text(v) => sql_rewrite::Value::Text(v.clone().into_bytes()),
        Value::Typed(_) | Value::Ahead(_) => sql_rewrite::Value::Foreign,
    }
}
