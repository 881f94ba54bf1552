//! What `shunt status` shows, read from home and Redis: it works on any machine that reaches both, and says
//! as much as it can when one of them is away.

use flag_client::{FlagKeys, FlagStore, GateNames, Home, HomeConn, HomeError};
use serde::{Deserialize, Serialize};
use topology::{Gate, ShardedTable};

use crate::{
    changing, ddl, history,
    report::{self, Stored},
};

/// A report older than this means that no controller is at work: it is stored every 5 s.
const ALIVE_S: f64 = 15.0;

/// How many changes of phase are shown.
const HISTORY: u32 = 5;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `host:port` of home.
    pub home: String,
    /// Server and version, if home answered.
    pub server: Option<String>,
    /// Why home could not be read.
    pub home_error: Option<String>,
    /// Why Redis could not be read.
    pub redis_error: Option<String>,
    /// Each configured table.
    pub tables: Vec<TableStatus>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableStatus {
    /// Its id.
    pub id: String,
    /// The legacy table.
    pub legacy: String,
    /// The gate's name.
    pub gate: Option<String>,
    /// Phase, or `hold`.
    pub phase: Option<String>,
    /// Epoch.
    pub epoch: Option<u64>,
    /// The reverse sync was ended for good.
    pub done: bool,
    /// DDL that is under way.
    pub ddl: Option<String>,
    /// What is wrong with the gate: the table is closed.
    pub fault: Option<String>,
    /// The request key's value.
    pub requested: Option<String>,
    /// No controller has reported lately: nothing is flipped, copied or verified.
    pub no_controller: bool,
    /// The last report.
    pub controller: Option<Stored>,
    /// The last changes of phase, newest first.
    pub history: Vec<history::Entry>,
}

/// Reads it all. Never fails: what cannot be read is said in the status.
pub async fn collect(home: &Home, flags: Option<&FlagStore>, tables: &[(ShardedTable, FlagKeys)]) -> Status {
    let mut status = Status {
        home: home.address().to_owned(),
        server: None,
        home_error: None,
        redis_error: None,
        tables: tables.iter().map(|(table, _)| TableStatus::unknown(table)).collect(),
    };
    if let Err(error) = from_home(home, tables, &mut status).await {
        status.home_error = Some(error.to_string());
    }
    if let Some(flags) = flags {
        for ((_, keys), table) in tables.iter().zip(&mut status.tables) {
            match flags.request(keys).await {
                Ok(request) => table.requested = request.value,
                Err(error) => {
                    status.redis_error = Some(error.to_string());
                    break;
                }
            }
        }
    }
    status
}

impl TableStatus {
    fn unknown(table: &ShardedTable) -> Self {
        Self {
            id: table.id().to_string(),
            legacy: table.legacy().to_string(),
            gate: None,
            phase: None,
            epoch: None,
            done: false,
            ddl: None,
            fault: None,
            requested: None,
            no_controller: true,
            controller: None,
            history: Vec::new(),
        }
    }

    fn set_gate(&mut self, gate: &Gate, table: &ShardedTable) {
        self.gate = Some(gate.name());
        self.epoch = Some(gate.epoch.0);
        self.done = gate.state.is_done();
        self.phase = Some(gate.state.shown().to_owned());
        if let Some(theirs) = gate.hash.filter(|hash| *hash != table.hash()) {
            self.fault = Some(format!(
                "this configuration's topology has hash {}, the fleet's gate {theirs}",
                table.hash()
            ));
        }
    }
}

async fn from_home(
    home: &Home,
    tables: &[(ShardedTable, FlagKeys)],
    status: &mut Status,
) -> Result<(), HomeError> {
    let mut conn = home.connect().await?;
    status.server = Some(conn.server().to_string());
    let names = GateNames::read(&mut conn).await?;
    for ((table, _), shown) in tables.iter().zip(&mut status.tables) {
        match names.one(table.id()) {
            Ok(gate) => shown.set_gate(&gate, table),
            Err(fault) => shown.fault = Some(fault.to_string()),
        }
        stored(&mut conn, table, shown).await?;
    }
    Ok(())
}

async fn stored(conn: &mut HomeConn, table: &ShardedTable, shown: &mut TableStatus) -> Result<(), HomeError> {
    /// MySQL errors 1049 and 1146: no controller has ever run here.
    const NEVER_RUN: [u16; 2] = [1049, 1146];
    let read = async {
        shown.controller = report::load(conn, table.id()).await?;
        shown.ddl = ddl::load(conn, table.id()).await?.as_ref().map(changing::explained);
        shown.history = history::list(conn, table.id(), HISTORY).await?;
        Ok::<_, HomeError>(())
    };
    match read.await {
        Err(error) if error.code().is_none_or(|code| !NEVER_RUN.contains(&code)) => Err(error),
        _ => {
            shown.no_controller = shown.controller.as_ref().is_none_or(|stored| stored.age_s > ALIVE_S);
            Ok(())
        }
    }
}
