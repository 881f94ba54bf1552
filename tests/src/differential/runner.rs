//! Runs cases: each statement on the copy and on every way at once, and compares.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use mysql_async::Opts;
use tokio::time::timeout;

use super::{
    case::{Case, Statement, Step},
    contents::Contents,
    fixture::{Fixture, TWIN, Way},
    tally::Tally,
};
use crate::{
    Outcome,
    client::{Client, Reply},
    same::{
        Finding, Protocol,
        answer::Answer,
        compare::{self, Naming},
    },
};

/// A statement on a few dozen rows is a matter of milliseconds: what takes longer hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Every session begins with this: the clock is part of no comparison.
const SESSION: &str = "SET time_zone = '+00:00', timestamp = 1709210096.789012";

/// Between two ids that are aligned: more than a sidecar hands out at once, and a multiple of each number of shards.
const ID_STEP: u64 = 1_200;

/// Runs cases on a fixture.
pub struct Runner {
    /// The tables.
    pub fixture: Fixture,
    /// What was counted.
    pub tally: Tally,
    twin: Session,
    ways: Vec<(Way, Session, Naming)>,
    /// Reads the tables, uncommitted rows included.
    reader: Client,
    next_id: u64,
    /// What is in each table when a case begins.
    seeds: Vec<Contents>,
}

/// A session in each of the two forms of the protocol.
struct Session {
    opts: Opts,
    text: Client,
    prepared: Client,
}

/// Something that is not the same, and the two answers.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What differs.
    pub finding: Finding,
    /// What the copy gave, and what came on this way.
    pub answers: [String; 2],
}

/// What is left of a case while it runs.
struct Run<'c> {
    case: &'c Case,
    /// The ways that still do as the copy does.
    live: Vec<bool>,
    found: Vec<Difference>,
    /// Tables that were written, as they were after the last statement.
    before: BTreeMap<usize, Contents>,
    /// Tables that may differ from their seeds.
    touched: Vec<usize>,
}

async fn begin(client: &mut Client) -> Outcome {
    client.query(SESSION).await?;
    // FOUND_ROWS() outlives a reset, and most statements leave it as it is.
    client.query("SELECT 1").await?;
    Ok(())
}

impl Session {
    async fn connect(opts: Opts) -> Outcome<Self> {
        let mut session = Self {
            text: Client::connect(&opts, true).await?,
            prepared: Client::connect(&opts, false).await?,
            opts,
        };
        for client in [&mut session.text, &mut session.prepared] {
            begin(client).await?;
        }
        Ok(session)
    }

    const fn client(&mut self, protocol: Protocol) -> &mut Client {
        match protocol {
            Protocol::Text => &mut self.text,
            Protocol::Prepared => &mut self.prepared,
        }
    }

    /// Ends a transaction and forgets what the case has set.
    async fn reset(&mut self, protocol: Protocol) -> Outcome {
        let client = self.client(protocol);
        client.reset().await?;
        begin(client).await
    }
}

impl Runner {
    /// Connects everything.
    ///
    /// # Errors
    /// What the servers say.
    pub async fn new(fixture: Fixture) -> Outcome<Self> {
        let twin = Session::connect(fixture.home.app_opts(None, TWIN)?).await?;
        let tables: Vec<String> = fixture.schema.sharded().map(|(_, table, _)| table.name.clone()).collect();
        let mut ways = Vec::new();
        for way in &fixture.ways {
            let names = Naming { real: way.schema.clone(), twin: TWIN.to_owned(), tables: tables.clone() };
            ways.push((way.clone(), Session::connect(fixture.opts(way)?).await?, names));
        }
        let mut reader = Client::connect(&Opts::from_url(fixture.home.url())?, true).await?;
        reader.query("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
        let mut runner =
            Self { fixture, tally: Tally::default(), twin, ways, reader, next_id: 0, seeds: Vec::new() };
        for index in 0..runner.fixture.schema.tables.len() {
            runner.reset(index).await?;
        }
        Ok(runner)
    }

    /// Runs a case on all ways through Shunt, or on those that there are: what differs. The tables are as before
    /// afterwards.
    ///
    /// # Errors
    /// When the servers cannot be reached any more.
    pub async fn run(&mut self, case: &Case) -> Outcome<Vec<Difference>> {
        let through = self.ways.iter().any(|(way, ..)| way.phase.is_some());
        let live = self.ways.iter().map(|(way, ..)| way.phase.is_some() == through).collect();
        self.run_on(case, live).await
    }

    /// Whether a second copy, without Shunt, does as the first: what differs there is the generator's fault, not
    /// Shunt's. True where the second copy is what is tried.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub async fn is_steady(&mut self, case: &Case) -> Outcome<bool> {
        if self.ways.iter().all(|(way, ..)| way.phase.is_none()) {
            return Ok(true);
        }
        let live = self.ways.iter().map(|(way, ..)| way.phase.is_none()).collect();
        Ok(self.run_on(case, live).await?.is_empty())
    }

    async fn run_on(&mut self, case: &Case, live: Vec<bool>) -> Outcome<Vec<Difference>> {
        let mut run = Run { case, live, found: Vec::new(), before: BTreeMap::new(), touched: Vec::new() };
        if case.counts() {
            self.reset_sessions(case.protocol).await?;
        }
        for step in &case.steps {
            if !run.live.contains(&true) {
                break;
            }
            match step {
                Step::AlignIds(table) => self.align(&mut run, *table).await?,
                Step::Statement(statement) => self.statement(&mut run, statement).await?,
            }
        }
        self.tidy(&mut run).await?;
        Ok(run.found)
    }

    /// Every way's next generated id becomes the same.
    async fn align(&mut self, run: &mut Run<'_>, table: usize) -> Outcome {
        self.next_id += ID_STEP;
        let id = self.next_id + run.case.index % 60;
        let name = &self.fixture.schema.tables[table].name;
        let key = &self.fixture.schema.tables[table].columns[0].name;
        for sql in [
            format!("INSERT INTO {name} (`{key}`) VALUES ({id})"),
            format!("DELETE FROM {name} WHERE `{key}` = {id}"),
        ] {
            let live = self.ways.iter_mut().zip(&run.live).filter(|(_, live)| **live);
            let clients = std::iter::once(&mut self.twin)
                .chain(live.map(|((_, session, _), _)| session))
                .map(|session| session.client(run.case.protocol));
            for answer in join_all(clients.map(|client| client.query(&sql))).await {
                match answer?.last() {
                    Some(Reply::Done(done)) if done.affected == 1 => {}
                    other => return Err(format!("{sql}: {other:?}").into()),
                }
            }
        }
        Ok(())
    }

    async fn statement(&mut self, run: &mut Run<'_>, statement: &Statement) -> Outcome {
        let protocol = run.case.protocol;
        let there = ask(&mut self.twin, protocol, statement, TWIN).await.map_err(|error| {
            format!("case {}: {error}: {}", run.case.index, statement.node.render(false).0)
        })?;
        let asked = self.ways.iter_mut().zip(&run.live).filter(|(_, live)| **live);
        let answers: Vec<_> =
            join_all(asked.map(|((way, session, _), _)| ask(session, protocol, statement, &way.schema)))
                .await;
        let mut answers = answers.into_iter();
        run.touched.extend(&statement.writes);
        let (mut failed, mut refused) = (Vec::new(), Vec::new());
        for index in 0..self.ways.len() {
            if !run.live[index] {
                continue;
            }
            let (way, _, names) = &self.ways[index];
            self.tally.compared(statement.class);
            let mut told = [there.told(), String::new()];
            let differences = match answers.next() {
                Some(Ok(here)) if here.refused() => {
                    run.live[index] = false;
                    refused.push(index);
                    let message = here.error().unwrap_or_default();
                    self.tally.refused(statement.class, way.label(), message, run.case.index);
                    continue;
                }
                Some(Ok(here)) => {
                    told[1] = here.told();
                    compare::answers(&there, &here, statement.how(), names)
                }
                Some(Err(failure)) => {
                    failed.push(index);
                    vec![format!("the connection failed: {failure}")]
                }
                None => continue,
            };
            run.add(index, way, statement, differences, told);
        }
        if let Some(error) = there.error_code() {
            self.tally.error(statement.class, error, run.case.index);
        }
        for index in failed {
            let opts = self.ways[index].1.opts.clone();
            self.ways[index].1 = Session::connect(opts).await?;
        }
        let written = if statement.undoes() { run.touched.clone() } else { statement.writes.clone() };
        for table in written {
            self.compare_table(run, statement, table, &refused).await?;
        }
        Ok(())
    }

    /// Ways that ran the statement have the copy's rows; those that refused it have the rows from before it.
    async fn compare_table(
        &mut self,
        run: &mut Run<'_>,
        statement: &Statement,
        index: usize,
        refused: &[usize],
    ) -> Outcome {
        let contents = self.contents(index).await?;
        let table = &self.fixture.schema.tables[index];
        let before = run.before.get(&index).unwrap_or(&self.seeds[index]).twin.clone();
        for (way, sides) in &contents.ways {
            let wanted = match (run.live[*way], refused.contains(way)) {
                (_, true) => &before,
                (true, false) => &contents.twin,
                (false, false) => continue,
            };
            let found = sides.iter().flat_map(|side| side.differences(&table.name, wanted)).collect();
            run.add(*way, &self.ways[*way].0, statement, found, [String::new(), String::new()]);
        }
        run.before.insert(index, contents);
        Ok(())
    }

    async fn contents(&mut self, index: usize) -> Outcome<Contents> {
        let ways: Vec<&Way> = self.ways.iter().map(|(way, ..)| way).collect();
        Contents::read(&mut self.reader, &self.fixture.schema.tables[index], &ways).await
    }

    async fn reset_sessions(&mut self, protocol: Protocol) -> Outcome {
        self.twin.reset(protocol).await?;
        let all = join_all(self.ways.iter_mut().map(|(_, session, _)| session.reset(protocol))).await;
        all.into_iter().collect()
    }

    /// Brings sessions and tables back to where cases begin.
    async fn tidy(&mut self, run: &mut Run<'_>) -> Outcome {
        if run.case.stateful {
            self.reset_sessions(run.case.protocol).await?;
            // A transaction may have ended by that.
            run.before.clear();
        }
        let mut touched = run.touched.clone();
        touched.sort_unstable();
        touched.dedup();
        for table in touched {
            let now = match run.before.remove(&table) {
                Some(contents) => contents,
                None => self.contents(table).await?,
            };
            let changed: Vec<&str> = now.changed(&self.seeds[table]).collect();
            if !changed.is_empty() {
                self.fixture.reset(table, |part| changed.contains(&part)).await?;
            }
        }
        Ok(())
    }

    /// Fills a table with its rows again.
    ///
    /// # Errors
    /// What the server says.
    pub async fn reset(&mut self, table: usize) -> Outcome {
        self.fixture.reset(table, |_| true).await?;
        let contents = self.contents(table).await?;
        if self.seeds.len() <= table {
            self.seeds.resize(table + 1, Contents::default());
        }
        self.seeds[table] = contents;
        Ok(())
    }
}

impl Run<'_> {
    fn add(
        &mut self,
        index: usize,
        way: &Way,
        statement: &Statement,
        differences: Vec<String>,
        answers: [String; 2],
    ) {
        if differences.is_empty() {
            return;
        }
        // What follows would differ because of it.
        self.live[index] = false;
        let (mut sql, _) = statement.node.render(false);
        if sql.starts_with("EXECUTE ") {
            // What it runs is in the PREPARE before it.
            let all: Vec<String> =
                self.case.statements().map(|statement| statement.node.render(false).0).collect();
            sql = all.join("; ");
        }
        let way = format!("{} {:?}", way.label(), self.case.protocol);
        self.found.extend(differences.into_iter().map(|what| Difference {
            finding: Finding { statement: sql.clone(), way: way.clone(), what },
            answers: answers.clone(),
        }));
    }
}

/// One statement on one session, with its warnings.
async fn ask(
    session: &mut Session,
    protocol: Protocol,
    statement: &Statement,
    schema: &str,
) -> Outcome<Answer> {
    let prepare = protocol == Protocol::Prepared && !statement.text_only;
    let (sql, values) = statement.node.render(prepare);
    let sql = sql.replace(TWIN, schema);
    let client = session.client(protocol);
    let work = async {
        let answer = if prepare {
            let times = if statement.writes.is_empty() { 2 } else { 1 };
            Answer::prepared(client, &sql, &values, times).await?
        } else {
            Answer::text(client, &sql).await?
        };
        match (statement.asked, statement.counted) {
            (_, true) => {
                let reads = statement.writes.is_empty() && !sql.starts_with("SHOW ");
                answer.with_counts(client, reads).await
            }
            (true, false) => answer.with_warnings(client).await,
            (false, false) => Ok(answer),
        }
    };
    match timeout(ANSWER_LIMIT, work).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", ANSWER_LIMIT.as_secs()).into()),
    }
}
