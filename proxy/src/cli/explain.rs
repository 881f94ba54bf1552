//! `shunt explain`: what a statement becomes in each phase. Nothing is executed; home is asked for the
//! columns of tables only.

use std::{collections::HashMap, sync::Arc};

use flag_client::{HomeConn, load_schema};
use mysql_async::Row;
use sql_rewrite::{Charset, Facts, Neighbour, Plan, Planner, Server, SqlMode, TableView, Views};
use topology::{Phase, QualifiedName, TableId, TableSchema};

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
    let mut known = Known { phase: Phase::Legacy, schema, neighbours: HashMap::new() };
    for statement in planner.read(sql.as_bytes(), &facts) {
        for phase in Phase::ALL.into_iter().filter(|each| phase.is_none_or(|wanted| wanted == *each)) {
            known.phase = phase;
            let mut plan = planner.plan(&statement, &facts, None, &known);
            if let Plan::ShardRead(read) = &plan
                && !read.ask.is_empty()
            {
                known.ask(&mut conn, &read.ask).await;
                plan = planner.plan(&statement, &facts, None, &known);
            }
            out(format_args!("{phase}  {}", sql_rewrite::explain(&plan, None).replace('\n', "\n      ")));
        }
    }
    Ok(())
}

/// What the planner is told of tables.
struct Known {
    phase: Phase,
    schema: Arc<TableSchema>,
    neighbours: HashMap<QualifiedName, Neighbour>,
}

impl Known {
    async fn ask(&mut self, conn: &mut HomeConn, tables: &[QualifiedName]) {
        for table in tables {
            let sql = format!("SHOW CREATE TABLE {}", table.quoted());
            let rows: Vec<Row> = conn.rows("reading a definition", &sql, ()).await.unwrap_or_default();
            let definition = rows.first().and_then(|row| row.get::<Vec<u8>, _>(1));
            let neighbour = definition.map_or(Neighbour::Unsteady, |text| Neighbour::read(&text));
            self.neighbours.insert(table.clone(), neighbour);
        }
    }
}

impl Views for Known {
    fn table(&self, id: &TableId) -> Option<TableView> {
        let schema = Some(&self.schema).filter(|schema| schema.table.id() == id)?;
        Some(TableView { phase: self.phase, schema: Arc::clone(schema), logs: true, locks: None })
    }

    fn neighbour(&self, name: &QualifiedName) -> Neighbour {
        self.neighbours.get(name).cloned().unwrap_or(Neighbour::Unknown)
    }
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
        auto_increment_offset: 1,
        safe_updates: false,
        binary_rows: false,
    }
}
