//! Query blocks inside of others: their rows are the same whatever the server does, down to the bytes.

use super::{
    kind::Class,
    node::{Node, seq},
    scope::{Field, Scope, Source, Writer},
};

/// A query inside of another.
pub struct Block {
    /// Its text, without parentheses.
    pub node: Node,
    /// Its columns.
    pub fields: Vec<Field>,
    /// Those that tell its rows apart.
    pub unique: Option<Vec<String>>,
}

/// Classes of which equal values have equal bytes: grouping by them leaves no choice.
const EXACT: [Class; 4] = [Class::Int, Class::Date, Class::Decimal, Class::DateTime];
const ANY: [Class; 7] =
    [Class::Int, Class::Text, Class::Decimal, Class::Date, Class::DateTime, Class::Binary, Class::Float];

impl Writer<'_> {
    /// A query that stands for a table; `outer` is what it may refer to besides its own.
    pub fn inner_block(&mut self, outer: &Scope) -> Block {
        self.depth += 1;
        let (from, scope) = self.from();
        let block = match self.random.weighted(&[50, 30, 10, 10]) {
            0 => self.projected(from, &scope, outer),
            1 => self.grouped_block(from, &scope, outer),
            2 => self.distinct_block(from, &scope, outer),
            _ => self.one_row(from, &scope, outer),
        };
        self.depth -= 1;
        block
    }

    /// Rows with their keys, so that the outer query can tell them apart, and some more.
    fn projected(&mut self, from: Node, scope: &Scope, outer: &Scope) -> Block {
        let (mut items, mut fields, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let unique = scope.unique();
        for name in unique.iter().flatten() {
            let alias = self.alias("k");
            items.push(seq![name.as_str(), " AS ", alias.as_str()]);
            let class = scope
                .fields(|_| true)
                .find(|(source, field)| format!("{}.{}", source.alias, field.name) == *name)
                .map_or(Class::Int, |(_, field)| field.class);
            fields.push(Field::computed(&alias, class));
            keys.push(alias);
        }
        for _ in 0..self.random.range(1, 3) {
            self.item(scope, &ANY, &mut items, &mut fields);
        }
        let filter = self.filter(&scope.within(outer));
        let order = match unique.is_some() && self.random.chance(25) {
            true => {
                let (order, limit) = (self.total_order(scope), self.limit());
                seq![order, limit].maybe()
            }
            false => Node::NONE,
        };
        let node = seq!["SELECT ", Node::fixed(", ", items), from, filter, order];
        Block { node, fields, unique: unique.map(|_| keys) }
    }

    fn item(&mut self, scope: &Scope, classes: &[Class], items: &mut Vec<Node>, fields: &mut Vec<Field>) {
        let class = *self.random.pick(classes);
        let alias = self.alias("e");
        items.push(seq![self.expression(scope, class), " AS ", alias.as_str()]);
        fields.push(Field::computed(&alias, class));
    }

    fn grouped_block(&mut self, from: Node, scope: &Scope, outer: &Scope) -> Block {
        let (mut items, mut fields, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.random.range(1, 2) {
            let class = *self.random.pick(&EXACT);
            let alias = self.alias("g");
            // A bare column: an expression with a parameter is another one in the list than in GROUP BY.
            let Some((key, field)) = self.field(scope, |field| field.class == class) else { continue };
            items.push(seq![key.clone(), " AS ", alias.as_str()]);
            fields.push(Field { name: alias, ..field });
            keys.push(key);
        }
        if keys.is_empty() {
            return self.one_row(from, scope, outer);
        }
        let unique = fields.iter().map(|field| field.name.clone()).collect();
        for _ in 0..self.random.range(1, 2) {
            self.exact_aggregate(scope, &mut items, &mut fields);
        }
        let filter = self.filter(&scope.within(outer));
        let having =
            if self.random.chance(20) { Node::from(" HAVING COUNT(*) > 1").maybe() } else { Node::NONE };
        let node = seq![
            "SELECT ",
            Node::fixed(", ", items),
            from,
            filter,
            " GROUP BY ",
            Node::fixed(", ", keys),
            having
        ];
        Block { node, fields, unique: Some(unique) }
    }

    fn distinct_block(&mut self, from: Node, scope: &Scope, outer: &Scope) -> Block {
        let (mut items, mut fields) = (Vec::new(), Vec::new());
        for _ in 0..self.random.range(1, 2) {
            self.item(scope, &EXACT, &mut items, &mut fields);
        }
        let filter = self.filter(&scope.within(outer));
        let unique = fields.iter().map(|field| field.name.clone()).collect();
        let node = seq!["SELECT DISTINCT ", Node::fixed(", ", items), from, filter];
        Block { node, fields, unique: Some(unique) }
    }

    fn one_row(&mut self, from: Node, scope: &Scope, outer: &Scope) -> Block {
        let (mut items, mut fields) = (Vec::new(), Vec::new());
        for _ in 0..self.random.range(1, 2) {
            self.exact_aggregate(scope, &mut items, &mut fields);
        }
        let filter = self.filter(&scope.within(outer));
        let unique = vec![fields[0].name.clone()];
        Block { node: seq!["SELECT ", Node::fixed(", ", items), from, filter], fields, unique: Some(unique) }
    }

    /// An aggregate that has one value down to its bytes.
    fn exact_aggregate(&mut self, scope: &Scope, items: &mut Vec<Node>, fields: &mut Vec<Field>) {
        let alias = self.alias("a");
        let class = *self.random.pick(&EXACT);
        let of = self.expression(scope, class);
        let (node, class) = match self.random.below(5) {
            0 | 1 => (Node::from("COUNT(*)"), Class::Int),
            2 => (seq!["MIN(", of, ")"], class),
            3 => (seq!["MAX(", of, ")"], class),
            _ => (seq!["SUM(", self.small(scope), ")"], Class::Decimal),
        };
        items.push(seq![node, " AS ", alias.as_str()]);
        fields.push(Field::computed(&alias, class));
    }

    /// A table of its own for a subquery.
    fn inner_table(&mut self) -> (Node, Scope) {
        let alias = self.alias("s");
        let table = self.table();
        (seq![format!(" FROM {} AS {alias}", table.name)], Scope::of(Source::of(table, &alias)))
    }

    /// At times a condition that ties an inner table to what is around it.
    fn correlated(&mut self, scope: &Scope, outer: &Scope) -> Node {
        let pairs: Vec<String> = scope
            .fields(|field| field.class != Class::Json)
            .flat_map(|(source, field)| {
                outer.fields(|other| other.is_like(field)).map(move |(other, name)| {
                    format!("{}.{} = {}.{}", source.alias, field.name, other.alias, name.name)
                })
            })
            .collect();
        if pairs.is_empty() || self.random.chance(35) {
            return self.filter(scope);
        }
        let pair = self.random.pick(&pairs).clone();
        let more = if self.random.chance(40) {
            let inner = scope.within(outer);
            seq![" AND ", self.condition(&inner)].maybe()
        } else {
            Node::NONE
        };
        seq![" WHERE ", pair, more].maybe()
    }

    /// `(SELECT 1 FROM … WHERE …)`.
    pub fn existence(&mut self, outer: &Scope) -> Node {
        self.depth += 1;
        let (from, scope) = self.inner_table();
        let filter = self.correlated(&scope, outer);
        self.depth -= 1;
        seq!["(SELECT ", self.random.word(&["1", "*", "NULL"]), from, filter, ")"]
    }

    /// `(SELECT column FROM … WHERE …)` with values like those of the field.
    pub fn column_subquery(&mut self, outer: &Scope, like: &Field) -> Node {
        self.depth += 1;
        let (from, scope) = self.inner_table();
        let column = self.field(&scope, |field| field.is_like(like));
        let item = column.map_or_else(|| self.value_of(like), |(name, _)| name);
        let filter = self.correlated(&scope, outer);
        self.depth -= 1;
        seq!["(SELECT ", item, from, filter, ")"]
    }

    /// `(SELECT …)` with one value.
    pub fn scalar_subquery(&mut self, outer: &Scope, class: Class) -> Node {
        self.depth += 1;
        let (from, scope) = self.inner_table();
        let made = if EXACT.contains(&class) && self.random.chance(60) {
            let of = self.expression(&scope, class);
            let filter = self.correlated(&scope, outer);
            seq!["(SELECT ", self.random.word(&["MIN(", "MAX("]), of, ")", from, filter, ")"]
        } else {
            let item = self.leaf(&scope, class);
            let filter = self.correlated(&scope, outer);
            let order = self.total_order(&scope);
            seq!["(SELECT ", item, from, filter, order, " LIMIT 1)"]
        };
        self.depth -= 1;
        made
    }
}
