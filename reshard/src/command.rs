//! What a DBA can ask the controller for, from any machine that reaches home and Redis: a phase, a forced
//! step, the end of the reverse sync. The controller finds it on home or in Redis; nobody talks to it directly.

use flag_client::{FlagKeys, FlagStore, FlagStoreError, GateFault, GateNames, Home, HomeConn, HomeError};
use topology::{Gate, GateState, Phase, TableId};

/// Forced steps and ends of reverse syncs. Both are bound to an epoch, so they can never apply to a later one.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.command (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
    epoch BIGINT UNSIGNED NOT NULL COMMENT 'the epoch in which it was given', \
    what VARCHAR(8) CHARACTER SET ascii NOT NULL COMMENT 'force or finish', \
    target VARCHAR(8) CHARACTER SET ascii NOT NULL, \
    given_by VARCHAR(255) NOT NULL, \
    given_at DATETIME(3) NOT NULL COMMENT 'UTC', \
    PRIMARY KEY (table_id, epoch, what)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// Why a command was not given. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Home did not answer.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Redis did not answer.
    #[error(transparent)]
    Redis(#[from] FlagStoreError),
    /// The table has no single gate.
    #[error("table `{table}`: {fault}; nothing was asked for. Is any sidecar running? See `shunt status`")]
    Gate {
        /// The table.
        table: TableId,
        /// What is wrong.
        fault: GateFault,
    },
    /// It makes no sense in this phase.
    #[error("table `{table}` is in {state}: {why}; nothing was changed")]
    Phase {
        /// The table.
        table: TableId,
        /// Phase or hold.
        state: GateState,
        /// Why not.
        why: &'static str,
    },
}

/// Asks for `phase` as `redis-cli SET` does; the controller walks there, one guarded step at a time.
///
/// # Errors
/// [`CommandError::Redis`].
pub async fn request(flags: &FlagStore, keys: &FlagKeys, phase: Phase) -> Result<(), CommandError> {
    Ok(flags.set_request(keys, phase).await?)
}

/// Asks for `phase`, and lets the *next* step towards it be taken past those guards that may be forced.
/// A walk of several steps needs to be forced at each.
///
/// # Errors
/// [`CommandError`].
pub async fn force(
    home: &Home,
    flags: &FlagStore,
    keys: &FlagKeys,
    table: &TableId,
    phase: Phase,
    by: &str,
) -> Result<(), CommandError> {
    let mut conn = home.connect().await?;
    let gate = one_gate(&mut conn, table).await?;
    give(&mut conn, &gate, "force", phase.flag(), by).await?;
    request(flags, keys, phase).await
}

/// Has the controller end the reverse sync for good: legacy no longer follows, and there is no way back.
///
/// # Errors
/// [`CommandError::Phase`] unless the table is in `0011`.
pub async fn finish(home: &Home, table: &TableId, by: &str) -> Result<(), CommandError> {
    let mut conn = home.connect().await?;
    let gate = one_gate(&mut conn, table).await?;
    if gate.state != GateState::Open(Phase::Shards) {
        return Err(CommandError::Phase {
            table: table.clone(),
            state: gate.state,
            why: "only a table in 0011 has a reverse sync to end",
        });
    }
    give(&mut conn, &gate, "finish", Phase::Shards.flag(), by).await?;
    Ok(())
}

async fn one_gate(conn: &mut HomeConn, table: &TableId) -> Result<Gate, CommandError> {
    let names = GateNames::read(conn).await?;
    names.one(table).map_err(|fault| CommandError::Gate { table: table.clone(), fault })
}

async fn give(conn: &mut HomeConn, gate: &Gate, what: &str, target: &str, by: &str) -> Result<(), HomeError> {
    let sql = "REPLACE INTO shunt.command (table_id, epoch, what, target, given_by, given_at) \
               VALUES (?,?,?,?,?,UTC_TIMESTAMP(3))";
    let by: String = by.chars().take(255).collect();
    conn.run_with("giving a command", sql, (gate.table.as_str(), gate.epoch.0, what, target, by)).await
}

/// The commands given in the gate's epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// The target of a forced step, and who forced it.
    pub force: Option<(Phase, String)>,
    /// Who has the reverse sync ended for good.
    pub finish: Option<String>,
}

/// Reads them.
///
/// # Errors
/// [`HomeError`].
pub async fn given(conn: &mut HomeConn, gate: &Gate) -> Result<Commands, HomeError> {
    let sql = "SELECT what, target, given_by FROM shunt.command WHERE table_id=? AND epoch=?";
    let rows: Vec<(String, String, String)> =
        conn.rows("reading commands", sql, (gate.table.as_str(), gate.epoch.0)).await?;
    let mut commands = Commands::default();
    for (what, target, by) in rows {
        match what.as_str() {
            "force" => commands.force = target.parse().ok().map(|target| (target, by)),
            "finish" => commands.finish = Some(by),
            _ => {}
        }
    }
    Ok(commands)
}
