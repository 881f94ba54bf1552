//! Runs the corpus: each block on the twin and in the four phases, and compares.

use std::time::Duration;

use futures_util::future::join_all;
use sql_rewrite::{Facts, REFUSALS};
use tokio::time::timeout;
use topology::Phase;

use super::{
    Block,
    fixture::{Fixture, TWIN, real},
    plans::{self, Class, Plans},
};
use crate::{
    Outcome,
    client::{Client, DEPRECATE_EOF, MULTI_STATEMENTS, Reply, Row},
    same::{
        self, Finding, Protocol,
        answer::Answer,
        case::Rows,
        compare::{self, How, Naming, Warnings},
        known::known,
    },
};

/// DDL in the last phases waits for reads that took no lock, and for every other step of the table.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Every session begins with this: the clock is part of no comparison.
const SESSION: &str = "SET time_zone = '+00:00', timestamp = 1709210096.789012";

/// Between two ids that are aligned: more than a sidecar hands out at once, and a multiple of the number of shards.
const ID_STEP: u64 = 1_200;

/// ER_PARSE_ERROR.
const SYNTAX_ERROR: u16 = 1064;

/// How a statement fared in one phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// As on the twin.
    Same,
    /// It failed as on the twin, with this error.
    Failed(u16),
    /// Shunt refused it, for this reason.
    Refused(String),
    /// Not as on the twin: there is a finding.
    Differs,
}

/// What came of one block.
#[derive(Debug, Clone)]
pub struct Told {
    /// The block.
    pub block: Block,
    /// What it is.
    pub class: Class,
    /// Whether the server itself runs it.
    pub runs: bool,
    /// What each phase made of it.
    pub phases: Vec<InPhase>,
}

/// What one phase made of a block.
#[derive(Debug, Clone)]
pub struct InPhase {
    /// The phase.
    pub phase: Phase,
    /// Its plan, in a few words.
    pub plan: String,
    /// How it fared as text, and prepared.
    pub fates: Vec<Fate>,
}

/// Runs blocks on a fixture.
pub struct Runner {
    /// The tables.
    pub fixture: Fixture,
    plans: Plans,
    root: Client,
    next_id: u64,
}

/// A session in each place; the twin's is apart.
struct Sessions {
    twin: Client,
    /// Each with what its schema is called, and how that is told apart from the twin's.
    phases: Vec<(Phase, Client, Naming)>,
}

/// Whether the rows after it are compared, as far as a block's words tell.
fn may_write(block: &Block) -> bool {
    block.step.may_write() || block.step.sql.contains("; ")
}

/// A condition is looked at for rows in no order, and the text of a syntax error quotes what was run.
fn how(block: &Block, class: Class, there: &Answer) -> How {
    let warnings = match () {
        () if block.codes || there.error_code() == Some(SYNTAX_ERROR) => Warnings::Codes,
        () if class == Class::Read => Warnings::AnyOrder,
        () => Warnings::Exact,
    };
    How { rows: block.step.rows, bags: block.bags, warnings, ..How::default() }
}

impl Runner {
    /// Reads the tables.
    ///
    /// # Errors
    /// What the server says.
    pub async fn new(fixture: Fixture) -> Outcome<Self> {
        let plans = Plans::new(&fixture).await?;
        let root = Client::connect(&mysql_async::Opts::from_url(fixture.home.url())?, true).await?;
        Ok(Self { fixture, plans, root, next_id: 100_000 })
    }

    /// Plans a block, runs it if it can be run, and compares.
    ///
    /// # Errors
    /// When the servers cannot be reached any more.
    pub async fn run(&mut self, block: &Block) -> Outcome<(Told, Vec<Finding>)> {
        let facts = self.facts(block).await?;
        let planned = |phase| {
            let plan = self.plans.word(phase, block, &facts, &real(phase));
            InPhase { phase, plan, fates: Vec::new() }
        };
        let mut told = Told {
            block: block.clone(),
            class: self.plans.class(block, &facts),
            runs: false,
            phases: Phase::ALL.map(planned).into(),
        };
        let mut found = Vec::new();
        if block.not_run.is_none() {
            for protocol in [Protocol::Text, Protocol::Prepared] {
                if protocol == Protocol::Text || !block.step.text_only() {
                    self.compare(&mut told, protocol, &mut found).await?;
                }
            }
        }
        Ok((told, found))
    }

    async fn facts(&self, block: &Block) -> Outcome<Facts> {
        let mut client = Client::connect(&self.fixture.opts(None)?, true).await?;
        if let Some(first) = &block.first {
            client.query(first).await?;
        }
        plans::facts(&mut client, self.fixture.home.kind()).await
    }

    async fn compare(&mut self, told: &mut Told, protocol: Protocol, found: &mut Vec<Finding>) -> Outcome {
        let block = told.block.clone();
        let mut sessions = Sessions::connect(&self.fixture, &block, protocol).await?;
        if told.class == Class::Write {
            self.align(&mut sessions, &block).await?;
        }
        let (there, answers) = sessions.ask(&block, protocol).await?;
        told.runs |= there.error_code().is_none();
        for ((phase, here), in_phase) in answers.iter().zip(&mut told.phases) {
            let names = sessions.names(*phase);
            let mut differences = match here {
                Ok(here) if here.refused() => Vec::new(),
                Ok(here) => {
                    compare::answers(&there, &as_twins(here, names), how(&block, told.class, &there), names)
                }
                Err(failure) => vec![format!("the connection failed: {failure}")],
            };
            let ran = matches!(here, Ok(here) if !here.refused());
            differences.extend(self.tables(&block, *phase, ran).await?);
            let findings = differences.into_iter().map(|what| Finding {
                statement: block.short(300),
                way: format!("{phase} {protocol:?}"),
                what,
            });
            let before = found.len();
            found.extend(findings.filter(|finding| known(finding).is_none()));
            in_phase.fates.push(fate(here, found.len() > before));
        }
        if block.undo.is_some() || told.class == Class::Other && may_write(&block) {
            sessions.undo(&block, &there, &answers).await?;
            drop(sessions);
            self.fixture.settled().await?;
        }
        if may_write(&block) {
            self.fixture.reset(&block.tables).await?;
        }
        Ok(())
    }

    /// The next generated id becomes the same everywhere, in the tables that the block names.
    async fn align(&mut self, sessions: &mut Sessions, block: &Block) -> Outcome {
        let tables: Vec<_> = self.fixture.named(&block.tables).cloned().collect();
        for table in tables.iter().filter(|table| table.generated) {
            self.next_id += ID_STEP;
            let (name, key, id) = (topology::quote_ident(&table.name), &table.key, self.next_id);
            for sql in [
                format!("INSERT INTO {name} ({key}) VALUES ({id})"),
                format!("DELETE FROM {name} WHERE {key} = {id}"),
            ] {
                for answer in join_all(sessions.all().map(|client| client.query(&sql))).await {
                    match answer?.last() {
                        Some(Reply::Done(done)) if done.affected == 1 => {}
                        other => return Err(format!("{sql}: {other:?}").into()),
                    }
                }
            }
        }
        Ok(())
    }

    /// What differs in the tables: from the twin's, where it ran, else from those that it began with.
    async fn tables(&mut self, block: &Block, phase: Phase, ran: bool) -> Outcome<Vec<String>> {
        let mut found = Vec::new();
        if !may_write(block) {
            return Ok(found);
        }
        for table in self.fixture.named(&block.tables) {
            let wanted = if ran { table.twin() } else { table.seed() };
            let wanted = rows(&mut self.root, &wanted).await?;
            let mut first: Option<Vec<Row>> = None;
            for (side, select) in table.sides(phase)? {
                let here = rows(&mut self.root, &select).await?;
                let open = ran && block.step.rows == Rows::Count;
                // Values that differ from run to run must still be the same on both sides.
                let wanted = if open && wanted.len() == here.len() {
                    first.get_or_insert(here.clone())
                } else {
                    &wanted
                };
                found.extend(compare::tables(&format!("{} ({side:?})", table.name), wanted, &here));
            }
        }
        Ok(found)
    }
}

async fn rows(client: &mut Client, select: &str) -> Outcome<Vec<Row>> {
    match client.query(select).await?.pop() {
        Some(Reply::Rows(_, mut rows, _)) => {
            rows.sort();
            Ok(rows)
        }
        // DDL may have dropped it; then it is gone everywhere.
        other => Err(format!("{select}: {other:?}").into()),
    }
}

fn fate(here: &Outcome<Answer>, differs: bool) -> Fate {
    match here {
        _ if differs => Fate::Differs,
        Ok(here) if here.refused() => Fate::Refused(reason(here.error().unwrap_or_default())),
        Ok(here) => here.error_code().map_or(Fate::Same, Fate::Failed),
        Err(_) => Fate::Differs,
    }
}

/// The reason that a refusal names.
fn reason(message: &str) -> String {
    let named = REFUSALS.iter().find(|(reason, _)| message.contains(&format!("({reason})")));
    named.map_or(message, |(reason, _)| reason).to_owned()
}

/// The answer with the twin's schema where its rows name the schema.
fn as_twins(answer: &Answer, names: &Naming) -> Answer {
    let mut answer = answer.clone();
    for reply in &mut answer.replies {
        let Reply::Rows(_, rows, _) = reply else { continue };
        for cell in rows.iter_mut().flatten().flatten() {
            if let Ok(text) = std::str::from_utf8(cell) {
                *cell = text.replace(&names.real, &names.twin).into_bytes();
            }
        }
    }
    answer
}

impl Sessions {
    async fn connect(fixture: &Fixture, block: &Block, protocol: Protocol) -> Outcome<Self> {
        // The two forms in which result sets end; several statements in one text are none for PREPARE.
        let capabilities = if protocol == Protocol::Text { DEPRECATE_EOF | MULTI_STATEMENTS } else { 0 };
        let twin = Client::connect_with(&fixture.opts(None)?, capabilities).await?;
        let mut phases = Vec::new();
        for phase in Phase::ALL {
            let client = Client::connect_with(&fixture.opts(Some(phase))?, capabilities).await?;
            let tables = fixture.named(&block.tables).map(|table| table.name.clone()).collect();
            phases.push((phase, client, Naming { real: real(phase), twin: TWIN.to_owned(), tables }));
        }
        let mut sessions = Self { twin, phases };
        for sql in std::iter::once(SESSION).chain(block.first.as_deref()) {
            for answer in join_all(sessions.all().map(|client| client.query(sql))).await {
                match answer?.last() {
                    Some(Reply::Done(_) | Reply::Rows(..)) => {}
                    other => return Err(format!("{sql}: {other:?}").into()),
                }
            }
        }
        Ok(sessions)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Client> {
        std::iter::once(&mut self.twin).chain(self.phases.iter_mut().map(|(_, client, _)| client))
    }

    fn names(&self, phase: Phase) -> &Naming {
        let place = self.phases.iter().position(|(of, ..)| *of == phase).unwrap_or_default();
        &self.phases[place].2
    }

    /// The twin's answer, and that of each phase.
    async fn ask(
        &mut self,
        block: &Block,
        protocol: Protocol,
    ) -> Outcome<(Answer, Vec<(Phase, Outcome<Answer>)>)> {
        let there = answer(&mut self.twin, block, TWIN, protocol).await?;
        let asked = self.phases.iter_mut().map(|(phase, client, names)| {
            let schema = names.real.clone();
            async move { (*phase, answer(client, block, &schema, protocol).await) }
        });
        Ok((there, join_all(asked).await))
    }

    /// Takes back what the statement did where it ran.
    async fn undo(&mut self, block: &Block, there: &Answer, here: &[(Phase, Outcome<Answer>)]) -> Outcome {
        let Some(undo) = &block.undo else { return Ok(()) };
        let ran = |answer: &Outcome<Answer>| matches!(answer, Ok(answer) if answer.error_code().is_none());
        let mut clients = Vec::new();
        clients.extend(there.error_code().is_none().then_some(&mut self.twin));
        let phases = self.phases.iter_mut().zip(here).filter(|(_, (_, answer))| ran(answer));
        clients.extend(phases.map(|((_, client, _), _)| client));
        for answer in join_all(clients.into_iter().map(|client| client.query(undo))).await {
            match answer?.last() {
                Some(Reply::Done(_)) => {}
                other => return Err(format!("{undo}: {other:?}").into()),
            }
        }
        Ok(())
    }
}

async fn answer(client: &mut Client, block: &Block, schema: &str, protocol: Protocol) -> Outcome<Answer> {
    let sql = block.sql(schema);
    match timeout(ANSWER_LIMIT, same::answer(client, &block.step, protocol, &sql)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", ANSWER_LIMIT.as_secs()).into()),
    }
}
