//! Which tables a statement writes.

use crate::{
    Facts,
    resolve::same_name,
    syntax::{Change, Parsed, Shape, Source, TableRef, Targets},
};

/// The tables that a statement writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Their places among [`Parsed::tables`].
    pub(crate) tables: Vec<usize>,
    /// The table of each assignment of an UPDATE; `None` for one that is not configured.
    pub(crate) assigned: Vec<Option<usize>>,
}

impl Written {
    fn of(tables: Vec<usize>) -> Self {
        Self { tables, assigned: Vec::new() }
    }

    /// Other tables than those at `places` are written, too.
    pub(crate) fn others(&self, places: &[usize]) -> bool {
        self.tables.iter().any(|table| !places.contains(table)) || self.assigned.contains(&None)
    }
}

/// Reads it out of the names. `has`: the table at this place is configured, and has this column.
///
/// # Errors
/// The name whose table is not clear.
pub(crate) fn written(
    source: Source<'_>,
    parsed: &Parsed,
    facts: &Facts,
    has: &dyn Fn(usize, &str) -> bool,
) -> Result<Written, String> {
    let change = match &parsed.shape {
        Shape::Update(change) | Shape::Delete(change) => change,
        _ => return Ok(Written::of(vec![0])),
    };
    let list = list(parsed, change);
    let called = |parts: &[String]| {
        let mut found = list.iter().filter(|place| is_called(&parsed.tables[**place], parts, facts));
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(*place),
            _ => Err(format!("which table `{}` is", parts.join("."))),
        }
    };
    match &change.targets {
        Targets::Alone => Ok(Written::of(list)),
        Targets::Named { names, .. } => {
            let places = names.iter().map(|name| called(&name.parts)).collect::<Result<_, _>>()?;
            Ok(Written::of(places))
        }
        Targets::Assigned => {
            let mut found = Written::default();
            for assignment in &change.assignments {
                let parts = source.dotted(assignment.target.start).map(|(parts, _)| parts);
                let parts = parts.unwrap_or_default();
                let place = match parts.split_last() {
                    Some((_, qualifier)) if !qualifier.is_empty() => Some(called(qualifier)?),
                    _ => {
                        let mut owners = list.iter().filter(|place| has(**place, &assignment.column));
                        let owner = owners.next();
                        if parsed.merges_columns || owners.next().is_some() {
                            return Err(format!("which table's column `{}` is", assignment.column));
                        }
                        owner.copied()
                    }
                };
                found.tables.extend(place.filter(|place| !found.tables.contains(place)));
                found.assigned.push(place);
            }
            Ok(found)
        }
    }
}

/// The places of the tables in the list of an UPDATE or DELETE.
pub(crate) fn list(parsed: &Parsed, change: &Change) -> Vec<usize> {
    let listed = |table: &TableRef| {
        table.block.is_none() && !table.is_statement && change.from.contains(&table.tokens.start)
    };
    parsed.tables.iter().enumerate().filter(|(_, table)| listed(table)).map(|(place, _)| place).collect()
}

fn is_called(table: &TableRef, parts: &[String], facts: &Facts) -> bool {
    match parts {
        [name] => same_name(table.called(), name, facts),
        [schema, name] => {
            let own = table.schema.as_deref().or(facts.database.as_deref());
            table.alias.is_none()
                && same_name(&table.name, name, facts)
                && own.is_some_and(|own| same_name(own, schema, facts))
        }
        _ => false,
    }
}
