//! `shunt-bench`: Shunt's speed beside that of a peer, on the same server and in the same run.
//!
//! Only the ratios mean something: on a shared machine the absolute figures change from run to run.

mod moving;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde::Serialize;
use tests::{Outcome, servers::Kind};

/// Measures Shunt beside a peer, and tells both figures and their ratio (above 1: Shunt is faster).
///
/// Needs SHUNT_TEST_MYSQL and SHUNT_TEST_MARIADB, or starts the servers of script/servers.
#[derive(Debug, Parser)]
#[command(name = "shunt-bench")]
struct Arguments {
    /// What to measure (default: everything).
    part: Vec<Part>,
    /// Rows of the table that is copied and verified.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rows: u32,
    /// Only this server: mysql or mariadb.
    #[arg(long)]
    server: Option<String>,
    /// One JSON object a line: name, unit, ours, peer, ratio.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The copy beside the server's own chunked INSERT … SELECT.
    Copy,
    /// A verify pass beside the same checksums as one statement for each table.
    Verify,
}

/// One comparison.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    unit: &'static str,
    ours: f64,
    peer: f64,
    ratio: f64,
}

impl Measured {
    /// Two rates, of which more is better.
    fn rates(name: String, unit: &'static str, ours: f64, peer: f64) -> Self {
        Self { name, unit, ours, peer, ratio: ours / peer }
    }

    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    fn tell(&self, json: bool) -> Outcome {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            let Self { name, unit, ours, peer, ratio } = self;
            println!("{name:<32} {ours:>12.0} {unit:<8} peer {peer:>12.0} {unit:<8} ratio {ratio:.2}");
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let servers: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| arguments.server.as_ref().is_none_or(|name| name == kind.name()))
        .collect();
    if servers.is_empty() {
        eprintln!("shunt-bench: --server is mysql or mariadb");
        return ExitCode::from(64);
    }
    for server in servers {
        if let Err(error) = measure(server, &arguments).await {
            eprintln!("shunt-bench: {}: {error}", server.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn measure(server: Kind, arguments: &Arguments) -> Outcome {
    let wants = |part| arguments.part.is_empty() || arguments.part.contains(&part);
    let mut table = moving::Table::filled(server, arguments.rows).await?;
    if wants(Part::Copy) {
        for chunk_rows in [Some(1_000), Some(10_000), None] {
            table.copy(chunk_rows).await?.tell(arguments.json)?;
        }
    }
    if wants(Part::Verify) {
        table.verify().await?.tell(arguments.json)?;
    }
    table.drop().await
}
