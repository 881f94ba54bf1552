//! FROM: tables, joins of every kind, derived tables, lateral ones.

use super::{
    fixture::TWIN,
    kind::Class,
    node::{Node, seq},
    schema::{Table, quoted},
    scope::{Scope, Source, Writer},
};
use crate::servers::Kind as Server;

/// The biggest joins: more rows than that are only slow.
const MOST_JOINED: usize = 3;

impl<'a> Writer<'a> {
    /// ` FROM …`, and what can be named then.
    pub fn from(&mut self) -> (Node, Scope) {
        let (first, source) = self.factor();
        let mut scope = Scope::of(source);
        let mut joins = Vec::new();
        while scope.sources.len() < MOST_JOINED && self.random.chance(if self.depth == 0 { 28 } else { 12 }) {
            joins.push(self.join(&mut scope).maybe());
        }
        (seq![" FROM ", first, Node::Seq(joins)], scope)
    }

    fn join(&mut self, scope: &mut Scope) -> Node {
        if self.schema.server == Server::MySql && self.may_nest() && self.random.chance(8) {
            return self.lateral(scope);
        }
        let (table, source) = self.factor();
        let common = self.common_column(scope, &source);
        scope.sources.push(source.clone());
        let kind = self.random.weighted(&[40, 32, 14, if scope.sources.len() == 1 { 3 } else { 0 }, 6, 6]);
        match (kind, common) {
            (3, _) => seq![" CROSS JOIN ", table],
            (4, Some(name)) => seq![" JOIN ", table, " USING (", name, ")"],
            (5, _) => {
                // Two tables in parentheses.
                let (inner, second) = self.factor();
                scope.sources.push(second.clone());
                let on = self.join_condition(&Scope { sources: vec![source, second] });
                let outer = self.join_condition(scope);
                seq![" LEFT JOIN (", table, " JOIN ", inner, " ON ", on, ") ON ", outer]
            }
            _ => {
                let word = match kind {
                    0 => self.random.word(&[" JOIN ", " INNER JOIN ", " STRAIGHT_JOIN "]),
                    1 => " LEFT JOIN ",
                    2 => " RIGHT JOIN ",
                    _ => " JOIN ",
                };
                let on = self.join_condition(scope);
                seq![word, table, " ON ", on]
            }
        }
    }

    /// A column that both sides have, and only once.
    fn common_column(&mut self, scope: &Scope, source: &Source) -> Option<String> {
        let all: Vec<String> = source
            .fields
            .iter()
            .filter(|field| scope.fields(|other| other.name == field.name).count() == 1)
            .map(|field| field.name.clone())
            .collect();
        if all.is_empty() { None } else { Some(self.random.pick(&all).clone()) }
    }

    /// One table in FROM.
    pub fn factor(&mut self) -> (Node, Source) {
        if self.may_nest() && self.random.chance(8) {
            let alias = self.alias("d");
            let block = self.inner_block(&Scope::default());
            let source = Source { alias: alias.clone(), fields: block.fields, unique: block.unique };
            return (seq!["(", block.node, ") AS ", alias], source);
        }
        if !self.ctes.is_empty() && self.random.chance(60) {
            let cte = self.random.pick(&self.ctes).clone();
            let alias = self.alias("w");
            return (seq![format!("{} AS {alias}", cte.alias)], Source { alias, ..cte });
        }
        let table = self.table();
        self.named(table)
    }

    /// One of the tables, the sharded ones oftener.
    pub fn table(&mut self) -> &'a Table {
        self.tables += 1;
        let weights: Vec<usize> =
            self.schema.tables.iter().map(|table| if table.sharding.is_some() { 3 } else { 1 }).collect();
        &self.schema.tables[self.random.weighted(&weights)]
    }

    /// A table under one of the names that it can have.
    fn named(&mut self, table: &Table) -> (Node, Source) {
        let once = !self.bare_names.contains(&table.name);
        let (name, alias) = match self.random.below(10) {
            0 | 1 if once => (table.name.clone(), table.name.clone()),
            2 if once => (format!("{TWIN}.{}", table.name), format!("{TWIN}.{}", table.name)),
            3 if once => (quoted(&table.name), table.name.clone()),
            4 => {
                let alias = self.alias("t");
                (format!("{TWIN}.{} {alias}", table.name), alias)
            }
            5 | 6 => {
                let alias = self.alias("t");
                (format!("{} {alias}", table.name), alias)
            }
            _ => {
                let alias = self.alias("t");
                (format!("{} AS {alias}", table.name), alias)
            }
        };
        if alias.contains(&table.name) {
            self.bare_names.push(table.name.clone());
        }
        let hint = if self.random.chance(5) { self.index_hint(table) } else { Node::NONE };
        (seq![name, hint], Source::of(table, &alias))
    }

    fn index_hint(&mut self, table: &Table) -> Node {
        let mut names: Vec<String> = table
            .columns
            .iter()
            .filter(|column| column.has_key())
            .map(|column| quoted(&column.name))
            .collect();
        names.push("PRIMARY".to_owned());
        let word = self.random.word(&[" USE INDEX (", " FORCE INDEX (", " IGNORE INDEX ("]);
        seq![word, self.random.pick(&names).clone(), ")"].maybe()
    }

    /// A derived table that sees the tables before it.
    fn lateral(&mut self, scope: &mut Scope) -> Node {
        let alias = self.alias("l");
        let block = self.inner_block(&scope.clone());
        scope.sources.push(Source { alias: alias.clone(), fields: block.fields, unique: block.unique });
        let word = self.random.word(&[" JOIN LATERAL (", " LEFT JOIN LATERAL ("]);
        seq![word, block.node, ") AS ", alias, " ON TRUE"]
    }

    /// The last table with one before it: by columns of one class, else by anything.
    pub fn join_condition(&mut self, scope: &Scope) -> Node {
        let Some((last, before)) = scope.sources.split_last() else { return "TRUE".into() };
        let mut pairs = Vec::new();
        for (source, field) in before.iter().flat_map(|source| source.fields.iter().map(move |f| (source, f)))
        {
            for other in &last.fields {
                if field.is_like(other) && field.class != Class::Json {
                    let key = source.is_key(field) || last.is_key(other);
                    let pair = format!("{}.{} = {}.{}", source.alias, field.name, last.alias, other.name);
                    pairs.extend(std::iter::repeat_n(pair, if key { 8 } else { 1 }));
                }
            }
        }
        let first =
            if pairs.is_empty() { self.condition(scope) } else { self.random.pick(&pairs).clone().into() };
        let more =
            if self.random.chance(20) { seq![" AND ", self.condition(scope)].maybe() } else { Node::NONE };
        seq![first, more]
    }
}
