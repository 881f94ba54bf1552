//! SELECT at the top: blocks, set operations, common table expressions.

use super::{
    kind::Class,
    node::{Node, Tag, seq},
    scope::{Field, Scope, Source, Writer},
};
use crate::{client::Value, servers::Kind as Server};

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

impl Writer<'_> {
    /// A whole SELECT.
    pub fn select(&mut self) -> Node {
        self.begin();
        match self.random.weighted(&[80, 10, 10]) {
            0 => self.block(),
            1 => self.set_operation(),
            _ => self.with(),
        }
    }

    fn block(&mut self) -> Node {
        let (from, scope) = self.from();
        match self.random.weighted(&[55, 25, 8, 12]) {
            0 => self.rows_of(from, &scope),
            1 => self.grouped(from, &scope),
            2 => self.distinct(from, &scope),
            _ => self.windowed(from, &scope),
        }
    }

    fn rows_of(&mut self, from: Node, scope: &Scope) -> Node {
        if scope.sources.len() == 1 && self.random.chance(6) {
            return self.comma_join(from, scope);
        }
        let modifier = if self.random.chance(6) {
            let words = ["SQL_NO_CACHE ", "HIGH_PRIORITY ", "ALL ", "STRAIGHT_JOIN ", "SQL_BIG_RESULT "];
            Node::from(self.random.word(&words)).maybe()
        } else {
            Node::NONE
        };
        let items = self.items(scope);
        let filter = self.filter(scope);
        let order = self.order(scope);
        seq!["SELECT ", modifier, items, from, filter, order]
    }

    fn comma_join(&mut self, from: Node, scope: &Scope) -> Node {
        let (second, source) = self.factor();
        let mut scope = scope.clone();
        scope.sources.push(source);
        let on = self.join_condition(&scope);
        let items = self.items(&scope);
        let more = seq![" AND ", self.condition(&scope)].maybe();
        let order = self.order(&scope);
        seq!["SELECT ", items, from, ", ", second, " WHERE ", on, more, order]
    }

    fn items(&mut self, scope: &Scope) -> Node {
        if self.random.chance(12) {
            return "*".into();
        }
        let mut items = Vec::new();
        for _ in 0..self.random.range(1, 4) {
            let class = CLASSES[self.random.weighted(&[30, 25, 10, 8, 6, 4, 6, 6, 5])];
            let item = self.expression(scope, class);
            let alias = if self.random.chance(25) {
                let alias = self.alias("e");
                format!("{}{alias}", self.random.word(&[" AS ", " "])).into()
            } else {
                Node::NONE
            };
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
        let kind = self.random.weighted(&[40, 10, 40, 10]);
        if kind == 0 || scope.unique().is_none() {
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
            let key = match self.random.chance(60) {
                true => self.sort_column(scope),
                false => {
                    let class = *self.random.pick(&[Class::Int, Class::Text, Class::Decimal]);
                    // A literal number would be the number of a column.
                    seq!["COALESCE(", self.expression(scope, class), ", NULL)"]
                }
            };
            parts.push(seq![key, self.random.word(&["", " DESC", " ASC"]), ", "].maybe());
        }
        let unique = scope.unique().unwrap_or_default();
        let keys: Vec<Node> =
            unique.into_iter().map(|name| seq![name, self.random.word(&["", " DESC"])]).collect();
        seq![" ORDER BY ", Node::Seq(parts), Node::fixed(", ", keys)]
    }

    /// ` LIMIT …` in one of its forms.
    pub fn limit(&mut self) -> Node {
        let count = Node::from(Value::Int(*self.random.pick(&[0, 1, 2, 3, 5, 10, 100])));
        let offset = Node::from(Value::Int(*self.random.pick(&[0, 1, 2, 7])));
        match self.random.below(3) {
            0 => seq![" LIMIT ", count],
            1 => seq![" LIMIT ", count, seq![" OFFSET ", offset].maybe()],
            _ => seq![" LIMIT ", offset, ", ", count],
        }
    }

    fn distinct(&mut self, from: Node, scope: &Scope) -> Node {
        let count = self.random.range(1, 3);
        let items = (0..count)
            .map(|_| {
                let class = *self.random.pick(&[Class::Int, Class::Text, Class::Date, Class::Binary]);
                self.expression(scope, class).tagged(Tag::Fold)
            })
            .collect();
        let filter = self.filter(scope);
        seq![
            self.random.word(&["SELECT DISTINCT ", "SELECT DISTINCTROW "]),
            Node::list(", ", items),
            from,
            filter
        ]
    }

    fn grouped(&mut self, from: Node, scope: &Scope) -> Node {
        let filter = self.filter(scope);
        let keys: Vec<Node> = (0..self.random.below(3)).map(|_| self.group_key(scope)).collect();
        let mut items: Vec<Node> = keys.iter().map(|key| key.clone().tagged(Tag::Fold)).collect();
        for _ in 0..self.random.range(1, 3) {
            items.push(self.aggregate(scope));
        }
        let head = "SELECT ";
        if keys.is_empty() {
            return seq![head, Node::list(", ", items), from, filter];
        }
        let having = match self.random.chance(25) {
            true => seq![" HAVING ", self.comparable_aggregate(scope), " > 1"].maybe(),
            false => Node::NONE,
        };
        let rollup = self.random.chance(12);
        let order = if !rollup && self.random.chance(40) {
            // By all keys, groups have a total order.
            let order = keys.iter().map(|key| seq![key.clone(), self.random.word(&["", " DESC"])]).collect();
            let order = seq![" ORDER BY ", Node::fixed(", ", order)].tagged(Tag::Total);
            seq![order, self.limit().maybe()].maybe()
        } else {
            Node::NONE
        };
        // All or none: another key would be missing in GROUP BY or make the order partial.
        let group = Node::fixed(", ", keys);
        let rollup = if rollup { Node::from(" WITH ROLLUP").maybe() } else { Node::NONE };
        seq![head, Node::list(", ", items), from, filter, " GROUP BY ", group, rollup, having, order]
    }

    /// A column, or an expression without parameters, which would be another one in the list than in GROUP BY.
    fn group_key(&mut self, scope: &Scope) -> Node {
        let classes = [Class::Int, Class::Text, Class::Date, Class::Decimal, Class::DateTime];
        let class = *self.random.pick(&classes);
        let Some((name, _)) = self.field(scope, |field| field.class == class) else { return "NULL".into() };
        match (class, self.random.below(4)) {
            (Class::Int, 0) => seq![name, " % 3"],
            (Class::Text, 0) => seq!["LEFT(", name, ", 1)"],
            (Class::Date | Class::DateTime, 0) => seq!["YEAR(", name, ")"],
            _ => name,
        }
    }

    /// Two or three blocks of one shape.
    fn set_operation(&mut self) -> Node {
        let count = self.random.range(1, 2);
        let classes: Vec<Class> = (0..count).map(|_| CLASSES[self.random.below(5)]).collect();
        let mut all = self.branch(&classes);
        let mut distinct = false;
        for _ in 0..self.random.range(1, 2) {
            let words =
                [" UNION ALL ", " UNION ALL ", " UNION ", " UNION DISTINCT ", " INTERSECT ", " EXCEPT "];
            let word = self.random.word(&words);
            distinct |= word != " UNION ALL ";
            all = seq![all, seq![word, self.branch(&classes)].maybe()];
        }
        // Equal rows are equal down to their bytes, or they are folded: ordered by all columns, the order is total.
        let order = if self.random.chance(30) && !classes.contains(&Class::Text) {
            let columns: Vec<String> = (1..=count).map(|at| at.to_string()).collect();
            let order = Node::from(format!(" ORDER BY {}", columns.join(", "))).tagged(Tag::Total);
            seq![order, self.limit().maybe()].maybe()
        } else {
            Node::NONE
        };
        let node = seq![all, order];
        if distinct { node.tagged(Tag::Fold) } else { node }
    }

    fn branch(&mut self, classes: &[Class]) -> Node {
        self.depth += 1;
        let (from, scope) = self.from();
        let items = classes.iter().map(|class| self.expression(&scope, *class)).collect();
        let filter = self.filter(&scope);
        let block = seq!["SELECT ", Node::fixed(", ", items), from, filter];
        let node = match self.random.below(5) {
            0 if scope.unique().is_some() => {
                let (order, limit) = (self.total_order(&scope), self.limit());
                seq!["(", block, order, limit, ")"]
            }
            1 => seq!["(", block, ")"],
            _ => block,
        };
        self.depth -= 1;
        node
    }

    fn with(&mut self) -> Node {
        let mut parts = Vec::new();
        let mut recursive = Node::NONE;
        for _ in 0..self.random.range(1, 2) {
            let name = self.alias("cte");
            if self.random.chance(30) {
                recursive = "RECURSIVE ".into();
                parts.push(self.recursive(&name));
                continue;
            }
            let block = self.inner_block(&Scope::default());
            let source = Source { alias: name.clone(), fields: block.fields, unique: block.unique };
            parts.push(seq![name, " AS (", block.node, ")"]);
            self.ctes.push(source);
        }
        let block = self.block();
        self.ctes.clear();
        seq!["WITH ", recursive, Node::list(", ", parts), " ", block]
    }

    /// Numbers, or a walk along the keys of a table.
    fn recursive(&mut self, name: &str) -> Node {
        let field = Field { wild: false, ..Field::computed("n", Class::Int) };
        let source =
            Source { alias: name.to_owned(), fields: vec![field], unique: Some(vec!["n".to_owned()]) };
        let node = if self.random.chance(50) {
            seq![format!("{name} (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < 6)")]
        } else {
            let table = self.table();
            let key = super::schema::quoted(&table.columns[table.primary[0]].name);
            let number = table.columns[table.primary[0]].kind.class() == Class::Int;
            let (table, key) =
                if number { (table.name.clone(), key) } else { ("acct".to_owned(), "`id`".to_owned()) };
            seq![format!(
                "{name} (n) AS (SELECT CAST(1 AS SIGNED) UNION SELECT CAST(x.{key} AS SIGNED) + 1 FROM {name} \
                 JOIN {table} AS x ON x.{key} = {name}.n WHERE x.{key} < 20)"
            )]
        };
        self.ctes.push(source);
        node
    }

    /// What only reads, and is none of the above.
    pub fn odd_read(&mut self) -> Node {
        let table = self.table().clone();
        let mysql = self.schema.server == Server::MySql;
        match self.random.below(5) {
            0 if mysql => seq!["TABLE ", table.name],
            1 => seq!["SHOW COLUMNS FROM ", table.name],
            2 => seq!["DESCRIBE ", table.name],
            3 => seq!["DO (SELECT COUNT(*) FROM ", table.name, ")"],
            _ => seq!["SELECT COUNT(*), 'acct' FROM ", table.name],
        }
    }
}
