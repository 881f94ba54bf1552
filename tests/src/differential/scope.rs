//! What names a part of a statement can use, and the hand that writes it.

use super::{
    kind::{Class, Collation, Kind},
    node::Node,
    random::Random,
    schema::{Column, Schema, Table, quoted},
};

/// A column as an expression sees it.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in quotes.
    pub name: String,
    /// What it gives.
    pub class: Class,
    /// The column's type, where it is one.
    pub kind: Option<Kind>,
    /// Of characters.
    pub collation: Option<Collation>,
    /// Sums of it may be out of range.
    pub wild: bool,
    /// Literals to compare it with: of values that are in it, or could be.
    pub values: Vec<String>,
}

/// A table in FROM.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name before the dot.
    pub alias: String,
    /// Its columns.
    pub fields: Vec<Field>,
    /// Names of those that tell its rows apart; `None` where nothing does.
    pub unique: Option<Vec<String>>,
}

/// All that can be named.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The tables.
    pub sources: Vec<Source>,
}

/// Writes SQL by chance.
pub struct Writer<'a> {
    /// The tables that there are.
    pub schema: &'a Schema,
    /// The numbers that decide.
    pub random: Random,
    /// Tables that were named: a statement with many of them is only slow.
    pub tables: usize,
    /// How deep in subqueries the hand is.
    pub depth: usize,
    /// Common table expressions that can be named.
    pub ctes: Vec<Source>,
    /// Tables that were named without an alias.
    pub bare_names: Vec<String>,
    aliases: usize,
}

impl Field {
    /// A column of a table.
    #[must_use]
    pub fn of(column: &Column) -> Self {
        Self {
            name: quoted(&column.name),
            class: column.kind.class(),
            kind: Some(column.kind),
            collation: column.kind.collation(),
            wild: column.kind.is_wild(),
            // Whether MariaDB finds 12:34:56 by 12:34:56.789 depends on the index that it takes.
            values: column.values.iter().filter(|value| column.kind.keeps(value)).cloned().collect(),
        }
    }

    /// Whether comparing it with the other one gives the same by whatever plan. A DATETIME that no TIMESTAMP can be is an
    /// error in a write where the server looks it up in a key, and none where it compares row by row.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.class == other.class
            && self.collation == other.collation
            && (self.class != Class::DateTime || self.kind == other.kind)
    }

    /// A column of a table with values to be stored in it.
    #[must_use]
    pub fn stored(column: &Column) -> Self {
        Self { values: column.values.clone(), ..Self::of(column) }
    }

    /// A column of a derived table.
    #[must_use]
    pub fn computed(name: &str, class: Class) -> Self {
        Self {
            name: name.to_owned(),
            class,
            kind: None,
            collation: None,
            // Nobody knows.
            wild: true,
            values: Vec::new(),
        }
    }
}

impl Source {
    /// A table by its name or an alias.
    #[must_use]
    pub fn of(table: &Table, alias: &str) -> Self {
        let keys = table.primary.iter().map(|at| quoted(&table.columns[*at].name)).collect();
        Self {
            alias: alias.to_owned(),
            fields: table.columns.iter().map(Field::of).collect(),
            unique: Some(keys),
        }
    }

    /// Whether this is one of the columns that tell the rows apart.
    #[must_use]
    pub fn is_key(&self, field: &Field) -> bool {
        self.unique.as_ref().is_some_and(|keys| keys.contains(&field.name))
    }
}

impl Scope {
    /// One table.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self { sources: vec![source] }
    }

    /// Fields with their tables that `wanted` takes.
    pub fn fields<'a>(
        &'a self,
        wanted: impl Fn(&Field) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Source, &'a Field)> {
        self.sources
            .iter()
            .flat_map(|source| source.fields.iter().map(move |field| (source, field)))
            .filter(move |(_, field)| wanted(field))
    }

    /// Qualified names of the columns that tell the rows of the joined tables apart, if they can be told apart.
    #[must_use]
    pub fn unique(&self) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for source in &self.sources {
            all.extend(source.unique.as_ref()?.iter().map(|name| format!("{}.{name}", source.alias)));
        }
        Some(all)
    }

    /// These tables, then those: names of an inner query and of the one around it.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        Self { sources: self.sources.iter().chain(&outer.sources).cloned().collect() }
    }
}

impl<'a> Writer<'a> {
    /// `random` decides.
    #[must_use]
    pub const fn new(schema: &'a Schema, random: Random) -> Self {
        Self { schema, random, tables: 0, depth: 0, ctes: Vec::new(), bare_names: Vec::new(), aliases: 0 }
    }

    /// Forgets the statement before.
    pub fn begin(&mut self) {
        (self.tables, self.depth, self.aliases) = (0, 0, 0);
        self.ctes.clear();
        self.bare_names.clear();
    }

    /// A name that is not used yet in this statement.
    pub fn alias(&mut self, prefix: &str) -> String {
        self.aliases += 1;
        format!("{prefix}{}", self.aliases)
    }

    /// A column that `wanted` takes: its name and what it is.
    pub fn field(&mut self, scope: &Scope, wanted: impl Fn(&Field) -> bool) -> Option<(Node, Field)> {
        let all: Vec<_> = scope.fields(wanted).collect();
        if all.is_empty() {
            return None;
        }
        let (source, field) = *self.random.pick(&all);
        // A bare name is ambiguous as soon as another table has it, too.
        let bare = scope.fields(|other| other.name == field.name).count() == 1 && self.random.chance(40);
        let name = if bare { field.name.clone() } else { format!("{}.{}", source.alias, field.name) };
        Some((name.into(), field.clone()))
    }
}
