//! Reading gates on a control connection: their names, and the one that must exist for a table.
//!
//! Never on a client's connection: there `SHOW TABLES` opens a read view, uses up a one-shot
//! `SET TRANSACTION`, and inside an old snapshot returns the old name for ever.

use topology::{Gate, GateError, TableId};

use crate::{GateFault, HomeConn, HomeError};

/// MySQL error 1049: schema `shunt` does not exist, so neither does a gate.
const UNKNOWN_DATABASE: u16 = 1049;
/// MySQL error 1146: the table does not exist; of a gate: the epoch is over.
pub(crate) const NO_SUCH_TABLE: u16 = 1146;

/// Every name in schema `shunt` that begins like a gate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GateNames(Vec<String>);

impl GateNames {
    /// Reads the names. A missing schema has no gates.
    ///
    /// # Errors
    /// [`HomeError`].
    pub async fn read(conn: &mut HomeConn) -> Result<Self, HomeError> {
        // `SHOW TABLES` and not information_schema: it takes no part in any snapshot and costs one
        // look into the dictionary. Filtered here, so that no LIKE pattern decides what a gate is.
        let sql = format!("SHOW TABLES FROM {}", Gate::SCHEMA);
        let names: Result<Vec<String>, _> = conn.rows("reading the gates", &sql, ()).await;
        match names {
            Ok(names) => Ok(Self::of(names)),
            Err(error) if error.code() == Some(UNKNOWN_DATABASE) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The gates among the tables of schema `shunt`.
    #[must_use]
    pub fn of(tables: Vec<String>) -> Self {
        Self(tables.into_iter().filter(|name| name.starts_with(Gate::PREFIX)).collect())
    }

    /// The one gate of `table`.
    ///
    /// # Errors
    /// [`GateFault`]: none, several, or an unreadable name that could be this table's.
    pub fn one(&self, table: &TableId) -> Result<Gate, GateFault> {
        let mut gates = Vec::new();
        for name in &self.0 {
            match Gate::parse(name) {
                Ok(Some(gate)) if gate.table == *table => gates.push(gate),
                Ok(_) => {}
                Err(GateError(name)) => {
                    if name.starts_with(&format!("{}{table}_", Gate::PREFIX)) {
                        return Err(GateFault::Unreadable(GateError(name)));
                    }
                }
            }
        }
        match gates.len() {
            0 => Err(GateFault::Missing),
            1 => Ok(gates.remove(0)),
            _ => Err(GateFault::Many(gates.iter().map(Gate::name).collect())),
        }
    }
}

/// Takes and releases the gate's metadata lock: `Ok(true)` if it existed, `Ok(false)` if that epoch
/// is over.
///
/// # Errors
/// [`HomeError`] for anything but 1146.
pub async fn probe(conn: &mut HomeConn, gate: &Gate) -> Result<bool, HomeError> {
    let sql = gate.probe_sql(conn.mariadb());
    match conn.run("reading the gate", sql).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(NO_SUCH_TABLE) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> GateNames {
        GateNames::of(list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn exactly_one_gate_or_closed() {
        let user = TableId::new("user").unwrap();
        assert_eq!(names(&["history"]).one(&user), Err(GateFault::Missing));
        assert_eq!(
            names(&["gate_user_1_1100", "gate_other_4_1100"]).one(&user).unwrap().name(),
            "gate_user_1_1100"
        );
        assert!(matches!(
            names(&["gate_user_1_1100", "gate_user_2_1101_5f1c9a02"]).one(&user),
            Err(GateFault::Many(_))
        ));
        assert!(matches!(
            names(&["gate_user_1_1100", "gate_user_2_1101"]).one(&user),
            Err(GateFault::Unreadable(_))
        ));
        assert!(names(&["gate_user_1_1100", "gate_x_2_1101"]).one(&user).is_ok());
    }
}
