//! SELECT.

use super::{
    kind::Class,
    node::{Node, Tag, seq},
    scope::{Scope, Source, Writer},
};

const CLASSES: [Class; 9] = [
    Class::Int,
    Class::Text,
    Class::Decimal,
    Class::DateTime,
    Class::Date,
    Class::Time,
    Class::Float,
    Class::Binary,
    Class::Json,
];

/// The biggest joins: more rows than that are only slow.
const MOST_TABLES: usize = 3;

impl Writer<'_> {
    /// A whole SELECT.
    pub fn select(&mut self) -> Node {
        let (from, scope) = self.from();
        match self.random.weighted(&[60, 30, 10]) {
            0 => self.rows_of(from, &scope),
            1 => self.grouped(from, &scope),
            _ => self.distinct(from, &scope),
        }
    }

    /// `FROM …`, and what can be named then.
    fn from(&mut self) -> (Node, Scope) {
        let (first, source) = self.table_in_from();
        let mut scope = Scope::of(source);
        let mut joins = Vec::new();
        while scope.sources.len() < MOST_TABLES && self.random.chance(25) {
            let (table, source) = self.table_in_from();
            scope.sources.push(source);
            let word = self.random.word(&[" JOIN ", " LEFT JOIN ", " INNER JOIN ", " RIGHT JOIN "]);
            let on = self.join_condition(&scope);
            joins.push(seq![word, table, " ON ", on].maybe());
        }
        (seq![" FROM ", first, Node::Seq(joins)], scope)
    }

    fn table_in_from(&mut self) -> (Node, Source) {
        let table = self.random.pick(&self.schema.tables);
        let alias = self.alias("t");
        (seq![table.name.as_str(), " AS ", alias.as_str()], Source::of(table, &alias))
    }

    /// The last table with one before it: by columns of one class, else by anything.
    fn join_condition(&mut self, scope: &Scope) -> Node {
        let (last, before) = scope.sources.split_last().map_or((None, [].as_slice()), |(a, b)| (Some(a), b));
        let mut pairs = Vec::new();
        for (source, field) in before.iter().flat_map(|source| source.fields.iter().map(move |f| (source, f)))
        {
            for (last, other) in last.iter().flat_map(|last| last.fields.iter().map(move |f| (last, f))) {
                if field.class == other.class
                    && field.collation == other.collation
                    && field.class != Class::Json
                {
                    let key = source.unique.contains(&field.name) || last.unique.contains(&other.name);
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

    /// `WHERE …`, or nothing.
    pub fn filter(&mut self, scope: &Scope) -> Node {
        if self.random.chance(25) {
            return Node::NONE;
        }
        // A key in the condition is what routes.
        let by_key = self.random.chance(35);
        let condition = match self.key_condition(scope).filter(|_| by_key) {
            Some(key) if self.random.chance(60) => key,
            Some(key) => seq![key, seq![" AND ", self.condition(scope)].maybe()],
            None => self.condition(scope),
        };
        seq![" WHERE ", condition].maybe()
    }

    /// A key column with values that it may hold.
    pub fn key_condition(&mut self, scope: &Scope) -> Option<Node> {
        let source = self.random.pick(&scope.sources).clone();
        let keys: Vec<_> = source.fields.iter().filter(|field| source.unique.contains(&field.name)).collect();
        if keys.is_empty() {
            return None;
        }
        let field = *self.random.pick(&keys);
        let value = self.value_of(field);
        let name = format!("{}.{}", source.alias, field.name);
        Some(match self.random.below(4) {
            0 | 1 => seq![name, " = ", value],
            2 => {
                let all = (0..self.random.range(2, 4)).map(|_| self.value_of(field)).collect();
                seq![name, " IN (", Node::list(", ", all), ")"]
            }
            _ => seq![value, " = ", name],
        })
    }

    fn rows_of(&mut self, from: Node, scope: &Scope) -> Node {
        let items = self.items(scope);
        let filter = self.filter(scope);
        let order = self.order(scope);
        seq!["SELECT ", items, from, filter, order]
    }

    fn items(&mut self, scope: &Scope) -> Node {
        if self.random.chance(15) {
            return "*".into();
        }
        let mut items = Vec::new();
        for _ in 0..self.random.range(1, 4) {
            let class = CLASSES[self.random.weighted(&[30, 25, 10, 8, 6, 4, 6, 6, 5])];
            let item = self.expression(scope, class);
            let alias =
                if self.random.chance(25) { format!(" AS {}", self.alias("e")).into() } else { Node::NONE };
            items.push(seq![item, alias]);
        }
        if self.random.chance(10) {
            let source = self.random.pick(&scope.sources);
            items.push(format!("{}.*", source.alias).into());
        }
        Node::list(", ", items)
    }

    /// Nothing, an order, an order that is total and a limit, or a limit alone.
    fn order(&mut self, scope: &Scope) -> Node {
        let unique = scope.unique();
        let kind = self.random.weighted(&[40, 10, 40, 10]);
        if kind == 0 || unique.is_empty() {
            return Node::NONE;
        }
        let limit = self.limit();
        if kind == 3 {
            return limit.tagged(Tag::Limit).maybe();
        }
        let total = self.total_order(scope).tagged(Tag::Total);
        if kind == 1 { total.maybe() } else { seq![total, limit.maybe()].maybe() }
    }

    /// ` ORDER BY …, keys`.
    pub fn total_order(&mut self, scope: &Scope) -> Node {
        let mut parts = Vec::new();
        for _ in 0..self.random.below(3) {
            let class = *self.random.pick(&[Class::Int, Class::Text, Class::Decimal, Class::DateTime]);
            let key = self.expression(scope, class);
            parts.push(seq![key, self.random.word(&["", " DESC", " ASC"]), ", "].maybe());
        }
        let keys: Vec<Node> =
            scope.unique().into_iter().map(|name| seq![name, self.random.word(&["", " DESC"])]).collect();
        seq![" ORDER BY ", Node::Seq(parts), Node::fixed(", ", keys)]
    }

    /// ` LIMIT …` in one of its forms.
    pub fn limit(&mut self) -> Node {
        let count = Node::from(crate::client::Value::Int(*self.random.pick(&[0, 1, 2, 3, 5, 10, 100])));
        let offset = Node::from(crate::client::Value::Int(*self.random.pick(&[0, 1, 2, 7])));
        match self.random.below(3) {
            0 => seq![" LIMIT ", count],
            1 => seq![" LIMIT ", count, seq![" OFFSET ", offset].maybe()],
            _ => seq![" LIMIT ", offset, ", ", count],
        }
    }

    fn distinct(&mut self, from: Node, scope: &Scope) -> Node {
        let class = *self.random.pick(&[Class::Int, Class::Text, Class::Date]);
        let item = self.expression(scope, class).tagged(Tag::Fold);
        let filter = self.filter(scope);
        seq!["SELECT DISTINCT ", item, from, filter]
    }

    fn grouped(&mut self, from: Node, scope: &Scope) -> Node {
        let filter = self.filter(scope);
        let keys: Vec<Node> = (0..self.random.below(3))
            .map(|_| {
                let class = *self.random.pick(&[Class::Int, Class::Text, Class::Date]);
                self.expression(scope, class)
            })
            .collect();
        let mut items: Vec<Node> = keys.iter().map(|key| key.clone().tagged(Tag::Fold)).collect();
        for _ in 0..self.random.range(1, 3) {
            items.push(self.aggregate(scope));
        }
        let select = seq!["SELECT ", Node::list(", ", items), from, filter];
        if keys.is_empty() {
            return select;
        }
        let having = match self.random.chance(25) {
            true => seq![" HAVING ", self.aggregate(scope), " > 1"].maybe(),
            false => Node::NONE,
        };
        let rollup = if self.random.chance(10) { Node::from(" WITH ROLLUP").maybe() } else { Node::NONE };
        seq![select, " GROUP BY ", Node::list(", ", keys), rollup, having]
    }

    /// An aggregate that does not depend on the order of the rows.
    pub fn aggregate(&mut self, scope: &Scope) -> Node {
        let class =
            *self.random.pick(&[Class::Int, Class::Decimal, Class::Text, Class::Date, Class::DateTime]);
        let any = self.expression(scope, class);
        let number = *self.random.pick(&[Class::Int, Class::Decimal, Class::Float]);
        let number = self.expression(scope, number);
        match self.random.below(9) {
            0 | 1 => "COUNT(*)".into(),
            2 => seq!["COUNT(", any, ")"],
            3 => seq!["COUNT(DISTINCT ", any, ")"],
            4 => seq!["SUM(", number, ")"],
            5 => seq!["AVG(", number, ")"],
            6 => seq!["MIN(", any, ")"].tagged(Tag::Fold),
            7 => seq!["MAX(", any, ")"].tagged(Tag::Fold),
            _ => seq!["SUM(DISTINCT ", number, ")"],
        }
    }
}
