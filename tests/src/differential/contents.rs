//! What is in a table: of the copy, and on each side of each way, read in one statement.

use std::collections::BTreeMap;

use super::{
    fixture::{Part, TWIN, Way},
    schema::Table,
};
use crate::{
    Outcome,
    client::{Client, Reply, Row},
    same::compare,
};

/// The rows of one table everywhere, sorted.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The copy's.
    pub twin: Vec<Row>,
    /// By the number of the way: its sides.
    pub ways: Vec<(usize, Vec<SideRows>)>,
    /// By the name of the part, the copy's among them.
    parts: BTreeMap<String, Vec<Row>>,
}

/// Legacy, or all shards of it together.
#[derive(Debug, Clone)]
pub struct SideRows {
    label: String,
    rows: Vec<Row>,
    /// A row that is in a wrong shard.
    misplaced: Option<String>,
}

impl SideRows {
    /// What differs from the rows that should be there.
    pub fn differences(&self, table: &str, wanted: &[Row]) -> Vec<String> {
        let rows = compare::tables(&format!("{table} ({})", self.label), wanted, &self.rows);
        rows.into_iter().chain(self.misplaced.clone()).collect()
    }
}

impl Contents {
    /// Reads a table; `reader` sees uncommitted rows.
    ///
    /// # Errors
    /// What the server says.
    pub async fn read(reader: &mut Client, table: &Table, ways: &[&Way]) -> Outcome<Self> {
        let twin = Way { schema: TWIN.to_owned(), phase: None };
        let mut parts: Vec<(Option<usize>, Part)> =
            twin.parts(table).into_iter().map(|part| (None, part)).collect();
        for (number, way) in ways.iter().enumerate() {
            parts.extend(way.parts(table).into_iter().map(|part| (Some(number), part)));
        }
        let all: Vec<String> =
            parts.iter().enumerate().map(|(at, (_, part))| select(at, part, table)).collect();
        let rows = match reader.query(&all.join(" UNION ALL ")).await?.pop() {
            Some(Reply::Rows(_, rows, _)) => rows,
            other => return Err(format!("cannot read {}: {other:?}", table.name).into()),
        };
        let mut contents = Self::default();
        for (way, part) in &parts {
            contents.parts.insert(part.name.clone(), Vec::new());
            if let Some(way) = way {
                contents.side(*way, part);
            }
        }
        for mut row in rows {
            let rest = row.split_off(2);
            let (way, part) = &parts[text(&row[0]).parse::<usize>()?];
            contents.parts.entry(part.name.clone()).or_default().push(rest.clone());
            let Some(way) = way else {
                contents.twin.push(rest);
                continue;
            };
            let side = contents.side(*way, part);
            if text(&row[1]) != "1" {
                side.misplaced = Some(format!("{} is in {}", compare::show(&rest), part.name));
            }
            side.rows.push(rest);
        }
        contents.twin.sort();
        contents.parts.values_mut().for_each(|rows| rows.sort());
        for side in contents.ways.iter_mut().flat_map(|(_, sides)| sides) {
            side.rows.sort();
        }
        Ok(contents)
    }

    /// The side of a way that a part belongs to.
    fn side(&mut self, way: usize, part: &Part) -> &mut SideRows {
        let label = format!("{:?}", part.side);
        let at = self.ways.iter().position(|(number, _)| *number == way).unwrap_or_else(|| {
            self.ways.push((way, Vec::new()));
            self.ways.len() - 1
        });
        let sides = &mut self.ways[at].1;
        let at = sides.iter().position(|side| side.label == label).unwrap_or_else(|| {
            sides.push(SideRows { label, rows: Vec::new(), misplaced: None });
            sides.len() - 1
        });
        &mut sides[at]
    }

    /// The names of the parts that hold other rows than these.
    pub fn changed<'c>(&'c self, since: &'c Self) -> impl Iterator<Item = &'c str> {
        let changed = self.parts.iter().filter(|(name, rows)| since.parts.get(*name) != Some(*rows));
        changed.map(|(name, _)| name.as_str())
    }
}

/// The rows of a part: its number, whether the row belongs there, and all columns.
fn select(at: usize, part: &Part, table: &Table) -> String {
    let here = part.shard.as_ref().map_or("1".to_owned(), |(id, number)| format!("({number} = {id})"));
    format!("SELECT {at}, {here}, {} FROM {}", table.all_names(), part.name)
}

fn text(value: &Option<Vec<u8>>) -> String {
    value.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned()
}
