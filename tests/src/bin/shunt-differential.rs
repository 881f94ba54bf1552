//! `shunt-differential`: statements made by chance, directly and through Shunt in each phase, compared.

use std::process::ExitCode;

use clap::Parser;
use tests::{
    Outcome,
    differential::campaign::{self, Options, Report},
    servers::Kind,
};
use topology::Phase;

/// Runs random statements on an unsharded copy and through Shunt, and compares everything a client sees.
///
/// Needs SHUNT_TEST_MYSQL, SHUNT_TEST_MARIADB and SHUNT_TEST_REDIS, or starts the servers of script/servers.
/// Exit codes: 0 nothing differs, 1 something does, 64 bad usage.
#[derive(Debug, Parser)]
#[command(name = "shunt-differential")]
struct Arguments {
    /// How many statements; each is compared in every phase.
    #[arg(long, default_value_t = 5_000)]
    statements: u64,
    /// The seed of schemas, rows and statements.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first case.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run only this case of the seed.
    #[arg(long)]
    only: Option<u64>,
    /// Only this server: mysql or mariadb.
    #[arg(long)]
    server: Option<String>,
    /// Only this phase: 1100, 1101, 0111 or 0011; may be given several times.
    #[arg(long)]
    phase: Vec<Phase>,
    /// No Shunt: a second copy takes its place, which finds what is not deterministic.
    #[arg(long)]
    direct: bool,
    /// The most refusals, in percent.
    #[arg(long)]
    refusals: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let servers: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| arguments.server.as_ref().is_none_or(|name| name == kind.name()))
        .collect();
    if servers.is_empty() {
        eprintln!("shunt-differential: --server is mysql or mariadb");
        return ExitCode::from(64);
    }
    let tasks: Vec<_> =
        servers.into_iter().map(|server| tokio::spawn(one(options(&arguments, server)))).collect();
    let mut good = true;
    for task in tasks {
        match task.await {
            Ok(Ok((server, report))) => good &= tell(server, &report, arguments.refusals),
            Ok(Err(error)) => {
                eprintln!("shunt-differential: {error}");
                good = false;
            }
            Err(error) => {
                eprintln!("shunt-differential: {error}");
                good = false;
            }
        }
    }
    ExitCode::from(u8::from(!good))
}

fn options(arguments: &Arguments, server: Kind) -> Options {
    let phases = match (arguments.direct, arguments.phase.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => Phase::ALL.to_vec(),
        (false, false) => arguments.phase.clone(),
    };
    Options {
        server,
        seed: arguments.seed,
        from: arguments.from,
        statements: arguments.statements,
        only: arguments.only,
        phases,
    }
}

async fn one(options: Options) -> Outcome<(Kind, Report)> {
    Ok((options.server, campaign::run(&options).await?))
}

/// Whether all is well.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn tell(server: Kind, report: &Report, most_refusals: Option<u64>) -> bool {
    println!("== {}: {}", server.name(), report.told);
    for (why, count) in &report.known {
        println!("known: {count} times: {why}");
    }
    for case in &report.unsteady {
        println!("-- not deterministic by itself: {case}");
    }
    for script in &report.differences {
        println!("-- DIFFERENCE\n{script}");
    }
    let refused = most_refusals.is_some_and(|most| report.refusals * 100 > report.comparisons * most);
    println!(
        "{}: {} differences, {} unsteady",
        server.name(),
        report.differences.len(),
        report.unsteady.len()
    );
    report.differences.is_empty() && report.unsteady.is_empty() && !refused
}
