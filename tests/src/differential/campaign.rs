//! A whole run: so many statements of a seed on one server, what differs made short, and everything counted.

use std::{collections::BTreeMap, fmt::Write, time::Instant};

use topology::Phase;

use super::{
    case::{Case, Step},
    fixture::{Fixture, Way},
    runner::{Difference, Runner},
    schema::Schema,
    shrink::{Shrunk, kind, shrink},
};
use crate::{
    Outcome,
    home::Home,
    same::{Protocol, known},
    servers::Kind as Server,
};

/// More differences than that are not made short: somebody has enough to do.
const MOST_SHRUNK: usize = 12;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub server: Server,
    /// Where everything random comes from.
    pub seed: u64,
    /// The first case.
    pub from: u64,
    /// So many statements, at least.
    pub statements: u64,
    /// Only this case.
    pub only: Option<u64>,
    /// Through Shunt in these phases; none: directly, on a second copy.
    pub phases: Vec<Phase>,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Report {
    /// Differences, each with a script that shows it; none is known.
    pub differences: Vec<String>,
    /// Cases that are not deterministic by themselves.
    pub unsteady: Vec<String>,
    /// Known differences, counted.
    pub known: BTreeMap<&'static str, u64>,
    /// The counts, for a person.
    pub told: String,
    /// Comparisons.
    pub comparisons: u64,
    /// Refusals.
    pub refusals: u64,
}

/// Runs it.
///
/// # Errors
/// When the servers cannot be reached.
pub async fn run(options: &Options) -> Outcome<Report> {
    let home = Home::claim(options.server).await?;
    let schema = Schema::new(options.server, options.seed);
    let mut ways: Vec<Way> = options.phases.iter().copied().map(Way::through).collect();
    ways.push(Way::control());
    let began = Instant::now();
    let mut runner = Runner::new(Fixture::new(home, schema, ways).await?).await?;
    let set_up = began.elapsed();
    let began = Instant::now();
    let mut report = Report::default();
    let mut index = options.only.unwrap_or(options.from);
    let (mut statements, mut seen) = (0, BTreeMap::new());
    loop {
        let case = Case::new(&runner.fixture.schema, options.seed, index);
        statements += case.statements().count() as u64;
        one(&mut runner, options, &case, &mut report, &mut seen).await?;
        index += 1;
        if options.only.is_some() || statements >= options.statements {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    (report.comparisons, report.refusals) = (runner.tally.comparisons(), runner.tally.refusals());
    report.told = format!(
        "{statements} statements in cases {} to {}, set up in {:.0} s, run in {seconds:.0} s\n{}",
        options.only.unwrap_or(options.from),
        index - 1,
        set_up.as_secs_f64(),
        runner.tally.told()
    );
    if let Some(only) = options.only {
        let case = Case::new(&runner.fixture.schema, options.seed, only);
        for statement in case.statements() {
            let (sql, values) = statement.node.render(case.protocol == Protocol::Prepared);
            report.told.push_str(&format!("  {:?}: {sql}; {values:?}\n", case.protocol));
        }
    }
    for (signature, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
        report.told.push_str(&format!("  {count} times: {signature}\n"));
    }
    runner.fixture.stop().await?;
    Ok(report)
}

async fn one(
    runner: &mut Runner,
    options: &Options,
    case: &Case,
    report: &mut Report,
    seen: &mut BTreeMap<String, u64>,
) -> Outcome {
    let mut found = runner.run(case).await?;
    let direct = options.phases.is_empty();
    found.retain(|difference| match known::known(&difference.finding) {
        Some(why) if !direct || known::by_the_servers_plan(&difference.finding) => {
            *report.known.entry(why).or_default() += 1;
            false
        }
        _ => true,
    });
    let Some(first) = found.first() else { return Ok(()) };
    if direct || !runner.is_steady(case).await? {
        report
            .unsteady
            .push(format!("case {}: {}\n  {}", case.index, first.finding.statement, first.finding.what));
        return Ok(());
    }
    let signature = signature(case, first);
    let count = seen.entry(signature).or_default();
    *count += 1;
    if *count > 1 || report.differences.len() >= MOST_SHRUNK {
        return Ok(());
    }
    let shrunk = shrink(runner, case, first).await?;
    report.differences.push(script(runner, options, &shrunk));
    Ok(())
}

/// What many cases with one cause have in common.
fn signature(case: &Case, difference: &Difference) -> String {
    let classes: Vec<&str> = case.statements().map(|statement| statement.class).collect();
    let phase = difference.finding.way.split(' ').next().unwrap_or_default();
    format!("{} | {} | {phase}", kind(&difference.finding.what), classes.last().unwrap_or(&""))
}

/// A script that shows a difference, with both answers.
fn script(runner: &Runner, options: &Options, shrunk: &Shrunk) -> String {
    let schema = &runner.fixture.schema;
    let mut out = String::new();
    let mut line = |text: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{text}");
    };
    line(&format!("-- seed {}, case {}, {}", options.seed, shrunk.case.index, options.server.name()));
    let statements: Vec<String> =
        shrunk.case.statements().map(|statement| statement.node.render(false).0).collect();
    for (table, rows) in schema.tables.iter().zip(&shrunk.rows) {
        if statements.iter().any(|sql| sql.contains(&table.name)) {
            line(&format!("{};", table.ddl(&table.name, schema.server)));
            let mut table = table.clone();
            table.rows.clone_from(rows);
            if !rows.is_empty() {
                line(&format!("{};", table.fill(&table.name)));
            }
        }
    }
    for step in &shrunk.case.steps {
        match step {
            Step::AlignIds(table) => {
                line(&format!("-- the next id of {} is aligned", schema.tables[*table].name))
            }
            Step::Statement(statement) => line(&format!("{};", statement.node.render(false).0)),
        }
    }
    // The same in several phases, or in both executions of a prepared statement, is told once.
    let mut told = Vec::new();
    for difference in &shrunk.found {
        let this = (&difference.finding.way, &difference.finding.what);
        if told.contains(&this) {
            continue;
        }
        told.push(this);
        line(&format!("-- {}: {}", difference.finding.way, difference.finding.what));
        for (who, answer) in ["directly", "Shunt   "].into_iter().zip(&difference.answers) {
            line(&format!("--   {who}: {}", answer.replace('\n', "\n--   ")));
        }
    }
    out
}
