//! The command line: one definition feeds parsing and help.

mod backfill;
mod check;
mod explain;
mod flip;
mod ping;
mod report;
mod run;
mod shards;
mod status;
mod verify;

use std::{fmt, io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use flag_client::{FlagKeys, FlagStore, Home};
use topology::Phase;

use crate::config::{Config, TableConfig};

/// Exit code of a bad configuration or command line (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// Exit code when home or Redis cannot be reached (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;

const ABOUT: &str = "Moves one big MySQL table to shards while its application keeps writing.";

const AFTER: &str = "\
A migration, step by step (table id `user`):
  shunt check                              what stands in the way, with the fix to paste
  shunt report                             what each statement of the application becomes
  shunt create-shards                      makes user_0 .. user_9 like user
  redis-cli SET migrate_user 1101          dual write; the copy starts by itself
  shunt status                             copy, verify, what the next step still needs
  redis-cli SET migrate_user 0111          reads come from the shards
  redis-cli SET migrate_user 0011          writes too; legacy follows within a second
Every step goes back the same way: SET the flag that you want.

Exit codes: 0 done, 1 it was refused or differences were found, 64 bad usage or configuration, 69 home or Redis away.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "shunt", version, about = ABOUT, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What is logged, as in RUST_LOG: error, warn, info, debug, or per module: info,proxy=debug
    #[arg(long, global = true, env = "SHUNT_LOG", default_value = "info")]
    pub log: String,
    /// Log as one JSON object per line
    #[arg(long, global = true, env = "SHUNT_LOG_JSON")]
    pub log_json: bool,
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigArg {
    /// The configuration file
    #[arg(short, long, env = "SHUNT_CONFIG", default_value = "shunt.toml", value_name = "FILE")]
    pub config: PathBuf,
}

/// Which table.
#[derive(Debug, Clone, Args)]
pub struct TableArg {
    #[command(flatten)]
    /// The configuration.
    pub config: ConfigArg,
    /// Id of the table; may be left out if only one is configured
    #[arg(short, long, value_name = "ID")]
    pub table: Option<String>,
}

const RUN_HELP: &str = "\
The smallest configuration:

  listen = [\"tcp://127.0.0.1:3307\"]        # or \"unix:///run/shunt/shunt.sock\"
  [home]
  url = \"mysql://10.0.0.5:3306\"            # the server of the table
  user = \"shunt\"                           # the control user; its password: SHUNT_HOME_PASSWORD
  [redis]
  url = \"redis://10.0.0.6:6379\"
  [[table]]
  table = \"app.user\"
  shard_key = \"id\"
  shards = \"app.user_{0..9}\"

Application users log in with their own passwords, which pass through and are not kept.

Environment (overrides the file): SHUNT_LISTEN, SHUNT_HOME_URL, SHUNT_HOME_USER, SHUNT_HOME_PASSWORD or
SHUNT_HOME_PASSWORD_FILE, SHUNT_REDIS_URL, SHUNT_REDIS_PASSWORD or SHUNT_REDIS_PASSWORD_FILE.

Signals: SIGTERM and SIGINT stop accepting, let running transactions end ([limits] drain = \"20s\"), then close.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the sidecar
    #[command(after_help = RUN_HELP)]
    Run(ConfigArg),
    /// Look for everything that stands in the way of a migration, with fixes to paste
    Check {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the shard tables like the legacy table
    CreateShards {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Only print the statements
        #[arg(long)]
        dry_run: bool,
    },
    /// Show phase, copy, verify, reverse sync, and what the next step still needs
    Status {
        #[command(flatten)]
        /// The configuration.
        config: ConfigArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print again every so many seconds
        #[arg(long, value_name = "SECONDS")]
        watch: Option<u64>,
    },
    /// Request a phase, as `redis-cli SET migrate_<id> <flag>` does, and wait until it is reached
    Flip {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// 1100, 1101, 0111 or 0011
        flag: Phase,
        /// Skip guards that are not needed for correctness; prints what is given up
        #[arg(long)]
        force: bool,
        /// Do not wait
        #[arg(long)]
        no_wait: bool,
    },
    /// Follow the copy with a progress line, pause it or let it go on
    Backfill {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Pause the copy
        #[arg(long, conflicts_with = "resume")]
        pause: bool,
        /// Let a paused copy go on
        #[arg(long)]
        resume: bool,
    },
    /// Compare both sides row by row; exit code 1 if they differ
    Verify {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Copy differing chunks again from the side that is read
        #[arg(long)]
        repair: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a statement becomes in each phase; nothing is executed
    Explain {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// The statement
        sql: String,
        /// Only this phase
        #[arg(long)]
        phase: Option<Phase>,
        /// Current database; the table's own unless given
        #[arg(long)]
        database: Option<String>,
    },
    /// Show the statements that sidecars have seen in 1100, and what each becomes in the later phases; exit code 1 if
    /// one would be refused
    Report {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Forget what was seen, and begin anew
        #[arg(long, conflicts_with = "json")]
        reset: bool,
    },
    /// Show every change of phase that was made
    History {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End the reverse sync for good: there is no way back from 0011 without a copy afterwards
    Finish {
        #[command(flatten)]
        /// Which table.
        table: TableArg,
        /// Confirms that the way back is given up
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Health probe: exit code 0 if a sidecar answers at this address and reaches home
    Ping {
        #[command(flatten)]
        /// The configuration.
        config: ConfigArg,
        /// Probe this address instead of the first configured one
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
    },
}

/// Why a command did not do what was asked, with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What happened, what was and was not done, what to do.
    pub message: String,
}

impl Failure {
    /// Bad usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: EXIT_USAGE, message: message.into() }
    }

    /// Home or Redis is away.
    pub fn unavailable(error: impl fmt::Display) -> Self {
        Self { code: EXIT_UNAVAILABLE, message: error.to_string() }
    }

    /// It was refused, or differences were found.
    pub fn refused(error: impl fmt::Display) -> Self {
        Self { code: 1, message: error.to_string() }
    }
}

/// Runs the command and gives the process's exit code.
pub async fn dispatch(cli: Cli) -> ExitCode {
    match execute(cli.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // An error of a command line belongs on stderr, in whole lines, not in the log's form.
            let _ = writeln!(std::io::stderr(), "shunt: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

async fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(config) => run::run(load(&config)?).await,
        Command::Check { table, json } => check::check(&load_table(&table)?, json).await,
        Command::CreateShards { table, dry_run } => shards::create(&load_table(&table)?, dry_run).await,
        Command::Status { config, json, watch } => status::status(&load(&config)?, json, watch).await,
        Command::Flip { table, flag, force, no_wait } => {
            flip::flip(&load_table(&table)?, flag, force, no_wait).await
        }
        Command::Backfill { table, pause, resume } => {
            backfill::backfill(&load_table(&table)?, pause, resume).await
        }
        Command::Verify { table, repair, json } => verify::verify(&load_table(&table)?, repair, json).await,
        Command::Explain { table, sql, phase, database } => {
            explain::explain(&load_table(&table)?, &sql, phase, database).await
        }
        Command::Report { table, json, reset } => report::report(&load_table(&table)?, json, reset).await,
        Command::History { table, json } => status::history(&load_table(&table)?, json).await,
        Command::Finish { table, yes: _ } => flip::finish(&load_table(&table)?).await,
        Command::Ping { config, address } => ping::ping(&load(&config)?, address).await,
    }
}

/// One table of a configuration, with the connections that a command needs.
pub(crate) struct Target {
    pub table: TableConfig,
    pub home: Home,
    pub flags: FlagStore,
    pub keys: FlagKeys,
}

fn load(arg: &ConfigArg) -> Result<Config, Failure> {
    Config::load(&arg.config).map_err(|error| Failure::usage(error.to_string()))
}

fn load_table(arg: &TableArg) -> Result<Target, Failure> {
    let config = load(&arg.config)?;
    let table = config.table(arg.table.as_deref()).cloned().ok_or_else(|| {
        let ids: Vec<_> = config.tables.iter().map(|table| table.table.id().as_str()).collect();
        Failure::usage(format!("say which table with --table; configured are: {}", ids.join(", ")))
    })?;
    let flags = FlagStore::new(&config.redis_url).map_err(|error| Failure::usage(error.to_string()))?;
    let keys = FlagKeys::new(&table.flag_key);
    Ok(Target { table, home: Home::new(config.home), flags, keys })
}

/// Prints a line of a command's result.
pub(crate) fn out(line: impl fmt::Display) {
    // A reader that went away (`| head`) is no error.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a result as JSON.
pub(crate) fn out_json(value: &impl serde::Serialize) {
    out(serde_json::to_string_pretty(value).unwrap_or_default());
}
