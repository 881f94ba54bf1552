//! `shunt-demo`: a whole migration under load, and an application for sidecars that run already.

use std::{process::ExitCode, sync::Arc};

use clap::{Args, Parser, Subcommand};
use tests::{
    Outcome,
    demo::{self, LoadOptions, Options},
    home::Home,
    observer::Screen,
    servers::{self, Kind},
    summary::Summary,
};
use topology::Phase;

/// Moves a table to ten shards and back while an application writes, and judges by the application's own history.
///
/// The walk: 1100 -> 1101 (copy, verify) -> 0111 -> 0011 -> back to 1101 -> 1100, each step typed with redis-cli.
/// Two sidecars; one is killed with kill -9 on the way and started again. The exit code is 0 only if no
/// acknowledged write is lost, no row is there that nobody wrote, both sides are equal wherever they must be, no read is
/// stale, and no client got an error because of a flip.
#[derive(Debug, Parser)]
#[command(name = "shunt-demo", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    walk: WalkArgs,
    /// Prints one JSON object at the end and nothing else on standard output.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Args)]
struct WalkArgs {
    /// How long the application works; the walk itself needs about 45.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// On MariaDB instead of MySQL.
    #[arg(long)]
    mariadb: bool,
    /// Rows of the table at the start.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// The phase in which one sidecar is killed.
    #[arg(long, default_value = "0111", value_name = "FLAG")]
    kill_in: Phase,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Loads sidecars that run already, and judges; somebody else may flip and kill meanwhile.
    Load(LoadArgs),
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// A sidecar, with the application's account: mysql://USER:PASSWORD@HOST:PORT/SCHEMA. Several are possible.
    #[arg(long, required = true, value_name = "URL")]
    through: Vec<String>,
    /// The server itself, with an account that may read everything: for looking at both sides.
    #[arg(long, value_name = "URL")]
    direct: String,
    /// Redis, where the phase is published.
    #[arg(long, value_name = "URL")]
    redis: String,
    /// How long, unless SIGTERM or SIGINT ends it before; the verdict comes in any case.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Rows that an empty table is filled with at first.
    #[arg(long, default_value_t = 20_000)]
    rows: u64,
    /// Also sets the flag: through all phases and back.
    #[arg(long)]
    walk: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli).await {
        Ok(summary) => {
            tell(&cli, &summary);
            if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            eprintln!("shunt-demo: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Outcome<Summary> {
    let screen: Screen = Arc::new(|line: &str| eprintln!("{line}"));
    if let Some(Command::Load(args)) = &cli.command {
        let options = LoadOptions {
            through: args.through.clone(),
            direct: args.direct.clone(),
            redis: args.redis.clone(),
            seconds: args.seconds,
            rows: args.rows,
            walk: args.walk,
        };
        return Box::pin(demo::load(&options, None, screen)).await;
    }
    let kind = if cli.walk.mariadb { Kind::MariaDb } else { Kind::MySql };
    let mut home = Home::claim(kind).await?;
    let options = Options {
        seconds: cli.walk.seconds,
        rows: cli.walk.rows,
        kill_in: cli.walk.kill_in,
        schema: "app".to_owned(),
        flag_key: demo::FLAG_KEY.to_owned(),
    };
    let redis = servers::redis_url()?;
    Box::pin(demo::run(&mut home, &redis, Some(servers::redis_cli()), &options, screen)).await
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn tell(cli: &Cli, summary: &Summary) {
    if cli.json {
        eprint!("{}", summary.text());
        println!("{}", serde_json::to_string(&summary.totals).unwrap_or_default());
    } else {
        print!("{}", summary.text());
    }
}
