//! What a session knows of tables beside the sharded ones: whether two readings of one agree.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sql_rewrite::Neighbour;
use topology::QualifiedName;
use wire::own::Answer;

use crate::session::{Flow, Session};

/// So long an answer is believed; another session may put a view in the place of a table.
const BELIEVED: Duration = Duration::from_secs(2);

/// The tables that a session has asked about.
#[derive(Debug)]
pub(crate) struct Neighbours {
    since: Instant,
    known: HashMap<QualifiedName, Neighbour>,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self { since: Instant::now(), known: HashMap::new() }
    }
}

impl Neighbours {
    /// What is known of a table.
    pub(crate) fn get(&self, table: &QualifiedName) -> Neighbour {
        let known = self.known.get(table).filter(|_| self.since.elapsed() < BELIEVED);
        known.cloned().unwrap_or(Neighbour::Unknown)
    }

    fn put(&mut self, table: &QualifiedName, neighbour: Neighbour) {
        if self.since.elapsed() >= BELIEVED {
            *self = Self::default();
        }
        self.known.insert(table.clone(), neighbour);
    }

    /// One of them could not be read twice: a temporary table has come into its place. `false` if none was.
    pub(crate) fn distrust(&mut self) -> bool {
        let steady = self.known.values_mut().filter(|it| matches!(it, Neighbour::Steady(_)));
        steady.map(|it| *it = Neighbour::Unsteady).count() > 0
    }
}

impl Session {
    /// Asks home about tables, on the client's connection: it sees the session's temporary tables, and what the
    /// client's account may see.
    pub(crate) async fn ask_about(&mut self, tables: &[QualifiedName]) -> Flow<()> {
        for table in tables {
            let neighbour = self.definition(table).await?;
            self.neighbours.put(table, neighbour);
        }
        self.reissue_one_shots().await
    }

    async fn definition(&mut self, table: &QualifiedName) -> Flow<Neighbour> {
        self.send(&format!("SHOW CREATE TABLE {}", table.quoted()));
        self.flush().await?;
        let rows = match self.answer().await? {
            Answer::Rows(rows) => rows,
            Answer::Err(_) => return Ok(Neighbour::Unsteady),
            Answer::Ok(_) => return Err(self.out_of_step()),
        };
        self.relay.status = rows.end.status;
        let cells = rows.rows.first().map(|row| wire::packet::row::parse_text(row, 2));
        // A view's has more cells.
        let definition = cells.and_then(Result::ok).and_then(|cells| cells[1]);
        Ok(definition.map_or(Neighbour::Unsteady, Neighbour::read))
    }
}
