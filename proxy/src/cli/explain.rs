//! `shunt explain`: what a statement becomes in each phase. Nothing is executed; home is asked for the
//! table's columns only.

use std::sync::Arc;

use flag_client::{HomeConn, load_schema};
use sql_rewrite::{Charset, Facts, Planner, Server, SqlMode, TableView};
use topology::{Phase, TableId};

use super::{Failure, Target, out};
use crate::facts;

/// Prints the plan of a statement in one phase or in all.
pub(super) async fn explain(
    target: &Target,
    sql: &str,
    phase: Option<Phase>,
    database: Option<String>,
) -> Result<(), Failure> {
    let table = &target.table.table;
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    let schema = Arc::new(load_schema(&mut conn, table).await.map_err(Failure::refused)?);
    let facts = facts_of(&conn, database.unwrap_or_else(|| table.legacy().schema.clone()));
    let planner = Planner::new(vec![table.clone()]);
    for statement in planner.read(sql.as_bytes(), &facts) {
        for phase in Phase::ALL.into_iter().filter(|each| phase.is_none_or(|wanted| wanted == *each)) {
            let view = |id: &TableId| {
                (id == table.id()).then(|| TableView {
                    phase,
                    schema: schema.clone(),
                    logs: true,
                    locks: None,
                })
            };
            let plan = planner.plan(&statement, &facts, None, &view);
            out(format_args!("{phase}  {}", sql_rewrite::explain(&plan, None).replace('\n', "\n      ")));
        }
    }
    Ok(())
}

/// A session that has changed nothing.
fn facts_of(conn: &HomeConn, database: String) -> Facts {
    let server: Server = facts::server_of(&conn.server().text);
    Facts {
        database: Some(database),
        sql_mode: SqlMode::default(),
        without_full_group_by: None,
        charset: Charset::Utf8,
        server,
        lower_case_table_names: false,
        multi_statements: true,
        auto_increment_increment: 1,
        binary_rows: false,
    }
}
