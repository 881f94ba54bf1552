//! INSERT and REPLACE.

use super::{
    node::{Node, seq},
    schema::{Column, Table, quoted},
    scope::{Field, Scope, Source, Writer},
};
use crate::servers::Kind as Server;

/// Columns that get values, by name; the key's are first.
struct Given<'t> {
    columns: Vec<&'t Column>,
}

impl Given<'_> {
    fn names(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }
}

impl<'a> Writer<'a> {
    /// One of the tables, the sharded ones oftener: its index and itself.
    pub fn target(&mut self) -> (usize, &'a Table) {
        let weights: Vec<usize> =
            self.schema.tables.iter().map(|table| if table.sharding.is_some() { 5 } else { 1 }).collect();
        let index = self.random.weighted(&weights);
        (index, &self.schema.tables[index])
    }

    /// INSERT or REPLACE with given keys, or with generated ones where `ids` is true.
    pub fn insert(&mut self, table: &Table, ids: bool) -> Node {
        self.begin();
        let word = if ids {
            self.random.word(&["INSERT INTO ", "INSERT INTO ", "INSERT INTO ", "INSERT "])
        } else {
            let words = [
                "INSERT INTO ",
                "INSERT INTO ",
                "INSERT INTO ",
                "INSERT INTO ",
                "INSERT IGNORE INTO ",
                "INSERT IGNORE INTO ",
                "REPLACE INTO ",
                "REPLACE INTO ",
                "INSERT HIGH_PRIORITY INTO ",
            ];
            self.random.word(&words)
        };
        let columns = self.given_columns(table, ids);
        let replace = word.starts_with("REPLACE");
        let duplicate = if !replace && !ids && self.random.chance(18) {
            self.on_duplicate(table).maybe()
        } else {
            Node::NONE
        };
        let returning = if self.schema.server == Server::MariaDb && self.random.chance(6) {
            self.returning(table)
        } else {
            Node::NONE
        };
        let rows = match self.random.weighted(&[75, 12, 13]) {
            1 => self.set_form(&columns),
            2 if !ids => self.selected(table, &columns),
            _ => self.values_form(table, &columns, ids),
        };
        let name = self.random.word(&["", "", "", "`"]);
        seq![word, format!("{name}{}{name} ", table.name), rows, duplicate, returning]
    }

    fn values_form(&mut self, table: &Table, columns: &Given<'_>, ids: bool) -> Node {
        let count = self.random.weighted(&[0, 55, 25, 15, 5]);
        let all = !ids && columns.columns.len() == table.visible().count() && self.random.chance(50);
        let rows = (0..count)
            .map(|_| {
                let values = columns.columns.iter().map(|column| self.given_value(column)).collect();
                seq!["(", Node::fixed(", ", values), ")"]
            })
            .collect();
        let names = if all { String::new() } else { format!("({}) ", columns.names()) };
        seq![names, self.random.word(&["VALUES ", "VALUES ", "VALUE "]), Node::list(", ", rows)]
    }

    fn set_form(&mut self, columns: &Given<'_>) -> Node {
        let sets = columns
            .columns
            .iter()
            .map(|column| seq![format!("{} = ", quoted(&column.name)), self.given_value(column)])
            .collect();
        seq!["SET ", Node::list(", ", sets)]
    }

    /// `(…) SELECT …` in a total order, so that generated ids and duplicates do not depend on the plan.
    fn selected(&mut self, table: &Table, columns: &Given<'_>) -> Node {
        self.depth += 1;
        let alias = self.alias("f");
        let from = self.table();
        let scope = Scope::of(Source::of(from, &alias));
        let items = columns
            .columns
            .iter()
            .map(|column| {
                // An id at the end of its range would be the last one that is ever generated.
                if table.auto && column.name == table.columns[0].name {
                    return self.value_of(&Field::of(column));
                }
                let class = column.kind.class();
                let same = self.field(&scope, |field| field.kind == Some(column.kind));
                match same {
                    Some((name, _)) if self.random.chance(60) => name,
                    _ if self.random.chance(20) => self.leaf(&scope, class),
                    _ => self.value_of(&Field::stored(column)),
                }
            })
            .collect();
        let filter = self.filter(&scope);
        let order = self.total_order(&scope);
        let limit = if self.random.chance(50) { self.limit().maybe() } else { Node::NONE };
        self.depth -= 1;
        let from = format!(" FROM {} AS {alias}", from.name);
        seq!["(", columns.names(), ") SELECT ", Node::fixed(", ", items), from, filter, order, limit]
    }

    /// The primary key, but for ids that are generated, and some others.
    fn given_columns<'t>(&mut self, table: &'t Table, ids: bool) -> Given<'t> {
        let all: Vec<(usize, &Column)> =
            table.columns.iter().enumerate().filter(|(_, column)| column.generated.is_none()).collect();
        if !ids && self.random.chance(15) {
            return Given { columns: table.visible().collect() };
        }
        let (keys, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| table.primary.contains(at));
        let rest = self.random.some(&rest, usize::from(ids), 5);
        // An id of NULL or 0 is generated, too.
        let null = ids && self.random.chance(20);
        let keys = if ids && !null { Vec::new() } else { keys };
        let mut columns: Vec<&Column> = keys.into_iter().chain(rest).map(|(_, column)| column).collect();
        if null {
            columns.remove(0);
        }
        Given { columns }
    }

    /// A literal, a default, NULL where that is allowed, or something computed.
    pub fn given_value(&mut self, column: &Column) -> Node {
        if column.nullable && self.random.chance(15) {
            return "NULL".into();
        }
        if (column.default.is_some() || column.nullable) && self.random.chance(8) {
            return "DEFAULT".into();
        }
        let value = self.value_of(&Field::stored(column));
        match column.kind.class() {
            super::kind::Class::Int if !column.kind.is_wild() && self.random.chance(5) => {
                seq!["1 + ", value.clone()].or(vec![value])
            }
            super::kind::Class::Text if self.random.chance(4) => {
                seq!["LEFT(CONCAT(", value.clone(), ", ''), 8)"].or(vec![value])
            }
            _ => value,
        }
    }

    fn on_duplicate(&mut self, table: &Table) -> Node {
        let count = self.random.range(1, 2);
        let sets = (0..count)
            .map(|_| {
                let column = self.changeable(table);
                let name = quoted(&column.name);
                let value = match self.random.below(4) {
                    0 | 1 => seq!["VALUES(", name.as_str(), ")"],
                    2 => seq!["COALESCE(", name.as_str(), ", VALUES(", name.as_str(), "))"],
                    _ => self.given_value(column),
                };
                seq![name, " = ", value]
            })
            .collect();
        seq![" ON DUPLICATE KEY UPDATE ", Node::list(", ", sets)]
    }

    /// ` RETURNING …` as MariaDB has it.
    pub fn returning(&mut self, table: &Table) -> Node {
        let column = self.random.pick(&table.columns);
        let what = match self.random.below(3) {
            0 => "*".to_owned(),
            1 => quoted(&column.name),
            _ => format!("{}, {} AS r", quoted(&table.columns[0].name), quoted(&column.name)),
        };
        seq![" RETURNING ", what].maybe()
    }

    /// A column that is neither computed nor in the primary key.
    pub fn changeable<'t>(&mut self, table: &'t Table) -> &'t Column {
        let all: Vec<&Column> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| column.generated.is_none() && !table.primary.contains(at))
            .map(|(_, column)| column)
            .collect();
        all[self.random.below(all.len())]
    }
}
