//! INSERT, REPLACE, UPDATE and DELETE.

use super::{
    node::{Node, seq},
    schema::{Column, Table, quoted},
    scope::{Field, Scope, Source, Writer},
};

impl<'a> Writer<'a> {
    /// One of the tables, the sharded ones oftener: its index and itself.
    pub fn target(&mut self) -> (usize, &'a Table) {
        let weights: Vec<usize> =
            self.schema.tables.iter().map(|table| if table.sharding.is_some() { 5 } else { 1 }).collect();
        let index = self.random.weighted(&weights);
        (index, &self.schema.tables[index])
    }

    /// INSERT … VALUES with given keys, or generated ones where `ids` is true.
    pub fn insert(&mut self, table: &Table, ids: bool) -> Node {
        let replace = !ids && self.random.chance(15);
        let ignore = !replace && self.random.chance(15);
        let word = match (replace, ignore) {
            (true, _) => "REPLACE INTO ",
            (_, true) => "INSERT IGNORE INTO ",
            _ => "INSERT INTO ",
        };
        let columns = self.given_columns(table, ids);
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let rows = (0..self.random.weighted(&[0, 60, 25, 15]))
            .map(|_| {
                let values = columns.iter().map(|column| self.given_value(column)).collect();
                seq!["(", Node::fixed(", ", values), ")"]
            })
            .collect();
        let duplicate = if !replace && !ids && self.random.chance(15) {
            self.on_duplicate(table).maybe()
        } else {
            Node::NONE
        };
        seq![
            word,
            table.name.as_str(),
            " (",
            names.join(", "),
            ") VALUES ",
            Node::list(", ", rows),
            duplicate
        ]
    }

    /// The primary key, but for ids that are generated, and some others.
    fn given_columns<'t>(&mut self, table: &'t Table, ids: bool) -> Vec<&'t Column> {
        let all: Vec<(usize, &Column)> =
            table.columns.iter().enumerate().filter(|(_, column)| column.generated.is_none()).collect();
        let (keys, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| table.primary.contains(at));
        let rest = self.random.some(&rest, 0, 5);
        let keys = if ids { Vec::new() } else { keys };
        let mut columns: Vec<&Column> = keys.into_iter().chain(rest).map(|(_, column)| column).collect();
        if columns.is_empty() {
            columns.extend(table.given().nth(table.primary.len()));
        }
        columns
    }

    fn given_value(&mut self, column: &Column) -> Node {
        if column.nullable && self.random.chance(15) {
            return "NULL".into();
        }
        if (column.default.is_some() || column.nullable) && self.random.chance(8) {
            return "DEFAULT".into();
        }
        self.value_of(&Field::of(column))
    }

    fn on_duplicate(&mut self, table: &Table) -> Node {
        let column = self.changeable(table);
        let name = quoted(&column.name);
        let value = if self.random.chance(50) {
            seq!["VALUES(", name.as_str(), ")"]
        } else {
            self.given_value(column)
        };
        seq![" ON DUPLICATE KEY UPDATE ", name, " = ", value]
    }

    /// A column that is neither computed nor in the primary key.
    fn changeable<'t>(&mut self, table: &'t Table) -> &'t Column {
        let all: Vec<&Column> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| column.generated.is_none() && !table.primary.contains(at))
            .map(|(_, column)| column)
            .collect();
        all[self.random.below(all.len())]
    }

    /// UPDATE of one table.
    pub fn update(&mut self, table: &Table) -> Node {
        let scope = Scope::of(Source::of(table, &table.name));
        let sets = (0..self.random.range(1, 3)).map(|_| self.assignment(table, &scope)).collect();
        let ignore = if self.random.chance(5) { Node::from("IGNORE ").maybe() } else { Node::NONE };
        let tail = self.which(&scope);
        seq!["UPDATE ", ignore, table.name.as_str(), " SET ", Node::list(", ", sets), tail]
    }

    fn assignment(&mut self, table: &Table, scope: &Scope) -> Node {
        let column = self.changeable(table);
        let name = quoted(&column.name);
        let value = match self.random.below(5) {
            0 => {
                let class = column.kind.class();
                let literal = self.given_value(column);
                self.expression(scope, class).or(vec![literal])
            }
            _ => self.given_value(column),
        };
        seq![name, " = ", value]
    }

    /// Which rows: by key, by condition, the first ones of a total order.
    fn which(&mut self, scope: &Scope) -> Node {
        let filter = match self.random.chance(45).then(|| self.key_condition(scope)).flatten() {
            Some(key) => seq![" WHERE ", key].maybe(),
            None => self.filter(scope),
        };
        if self.random.chance(15) {
            let order = self.total_order(scope);
            let limit = self.random.range(1, 4).to_string();
            return seq![filter, seq![order, " LIMIT ", limit].maybe()];
        }
        filter
    }

    /// DELETE from one table.
    pub fn delete(&mut self, table: &Table) -> Node {
        let scope = Scope::of(Source::of(table, &table.name));
        seq!["DELETE FROM ", table.name.as_str(), self.which(&scope)]
    }
}
