//! UPDATE and DELETE, of one table and of several.

use super::{
    node::{Node, seq},
    schema::{Table, quoted},
    scope::{Field, Scope, Source, Writer},
};
use crate::servers::Kind as Server;

impl Writer<'_> {
    /// UPDATE of one table.
    pub fn update(&mut self, table: &Table) -> Node {
        self.begin();
        self.bare_names.push(table.name.clone());
        let scope = Scope::of(Source::of(table, &table.name));
        let count = self.random.range(1, 3);
        let mut sets: Vec<Node> = (0..count).map(|_| self.assignment(table, &scope)).collect();
        let key = self.random.chance(8);
        if key {
            sets.push(self.key_assignment(table));
        }
        let ignore = if self.random.chance(6) {
            Node::from(self.random.word(&["IGNORE ", "LOW_PRIORITY "])).maybe()
        } else {
            Node::NONE
        };
        let tail = if key { self.one_row_of(&scope) } else { self.which(&scope) };
        seq!["UPDATE ", ignore, table.name.as_str(), " SET ", Node::list(", ", sets), tail]
    }

    fn assignment(&mut self, table: &Table, scope: &Scope) -> Node {
        let column = self.changeable(table);
        let name = quoted(&column.name);
        let value = match self.random.below(10) {
            0 | 1 => {
                let class = column.kind.class();
                let literal = self.given_value(column);
                self.expression(scope, class).or(vec![literal])
            }
            2 => match self.field(scope, |field| field.kind == Some(column.kind)) {
                Some((other, _)) => other,
                None => self.given_value(column),
            },
            _ => self.given_value(column),
        };
        seq![name, " = ", value]
    }

    /// The primary key or the shard key becomes another.
    fn key_assignment(&mut self, table: &Table) -> Node {
        let column = &table.columns[*self.random.pick(&table.primary)];
        let name = quoted(&column.name);
        let number = column.kind.class() == super::kind::Class::Int;
        let value = match self.random.below(3) {
            0 if number && !column.kind.is_wild() => seq![name.as_str(), " + 100"],
            _ => self.value_of(&Field::of(column)),
        };
        seq![name, " = ", value]
    }

    /// ` WHERE` with the whole primary key.
    fn one_row_of(&mut self, scope: &Scope) -> Node {
        let source = scope.sources[0].clone();
        let parts = source
            .fields
            .iter()
            .filter(|field| source.is_key(field))
            .map(|field| seq![format!("{} = ", field.name), self.value_of(field)])
            .collect();
        seq![" WHERE ", Node::list(" AND ", parts)]
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
        self.begin();
        self.bare_names.push(table.name.clone());
        let scope = Scope::of(Source::of(table, &table.name));
        let word = self.random.word(&["DELETE FROM ", "DELETE FROM ", "DELETE FROM ", "DELETE QUICK FROM "]);
        let tail = self.which(&scope);
        let returning = if self.schema.server == Server::MariaDb && self.random.chance(6) {
            self.returning(table)
        } else {
            Node::NONE
        };
        seq![word, table.name.as_str(), tail, returning]
    }

    /// UPDATE or DELETE of a table joined with another: the index of the other one is only read.
    pub fn joined_change(&mut self, table: &Table) -> (&'static str, Node) {
        self.begin();
        let target = self.alias("t");
        let mut scope = Scope::of(Source::of(table, &target));
        let other = self.table().clone();
        let alias = self.alias("t");
        scope.sources.push(Source::of(&other, &alias));
        let on = self.join_condition(&scope);
        let filter = self.filter(&scope);
        let join = self.random.word(&[" JOIN ", " INNER JOIN ", " LEFT JOIN "]);
        let from = format!("{} AS {target}{join}{} AS {alias} ON ", table.name, other.name);
        if self.random.chance(50) {
            let column = self.changeable(table);
            let value = self.given_value(column);
            let set = seq![format!("{target}.{} = ", quoted(&column.name)), value];
            return ("update joined", seq!["UPDATE ", from, on, " SET ", set, filter]);
        }
        let node = match self.random.chance(50) {
            true => seq![format!("DELETE {target} FROM "), from, on, filter],
            false => seq![format!("DELETE FROM {target} USING "), from, on, filter],
        };
        ("delete joined", node)
    }
}
