//! Aggregates and window functions.

use super::{
    kind::{Class, Kind},
    node::{Node, Tag, seq},
    scope::{Scope, Writer},
};
use crate::servers::Kind as Server;

impl Writer<'_> {
    /// An aggregate that does not depend on the order of the rows.
    pub fn aggregate(&mut self, scope: &Scope) -> Node {
        let class =
            *self.random.pick(&[Class::Int, Class::Decimal, Class::Text, Class::Date, Class::DateTime]);
        let any = self.expression(scope, class);
        match self.random.below(14) {
            0..=4 => self.comparable_aggregate(scope),
            5 => seq!["COUNT(DISTINCT ", any, ", ", self.small(scope), ")"],
            6..=9 => {
                let scope = without_labels(scope);
                let any = self.expression(&scope, class);
                seq![self.random.word(&["MIN(", "MAX("]), any, ")"].tagged(Tag::Fold)
            }
            10 => seq![self.random.word(&["BIT_AND(", "BIT_OR(", "BIT_XOR("]), self.small(scope), ")"],
            11 | 12 => self.group_concat(scope, any),
            _ => self.json_aggregate(scope),
        }
    }

    /// An aggregate that is a number.
    pub fn comparable_aggregate(&mut self, scope: &Scope) -> Node {
        let class = *self.random.pick(&[Class::Int, Class::Decimal, Class::Text, Class::Date]);
        let any = self.expression(scope, class);
        let number = match self.random.below(3) {
            0 => self.small(scope),
            1 => self.expression(scope, Class::Decimal),
            _ => self.leaf(scope, Class::Float),
        };
        match self.random.below(7) {
            0 | 1 => "COUNT(*)".into(),
            2 => seq!["COUNT(", any, ")"],
            3 => seq!["COUNT(DISTINCT ", any, ")"],
            4 => seq!["SUM(", number, ")"],
            5 => seq!["AVG(", number, ")"],
            _ => seq!["SUM(DISTINCT ", number, ")"],
        }
    }

    fn group_concat(&mut self, scope: &Scope, any: Node) -> Node {
        let Some(unique) = scope.unique() else { return "COUNT(*)".into() };
        // Of a parameter by itself MySQL gives NULL beside rows that an outer join has filled up, or not, by its plan.
        let any = match any {
            Node::Value(_) => self.sort_column(scope),
            any => any,
        };
        let separator = Node::from(self.random.word(&["", " SEPARATOR '; '", " SEPARATOR ''"]));
        // A column: of a parameter there MySQL announces more definitions than it sends.
        let number = self.field(scope, |field| field.class == Class::Int && !field.wild);
        if let Some((number, _)) = number.filter(|_| self.random.chance(30)) {
            return seq!["GROUP_CONCAT(DISTINCT ", number.clone(), " ORDER BY ", number, separator, ")"];
        }
        seq!["GROUP_CONCAT(", any, " ORDER BY ", unique.join(", "), separator, ")"]
    }

    fn json_aggregate(&mut self, scope: &Scope) -> Node {
        let value = self.small(scope);
        match (self.schema.server, scope.unique()) {
            (Server::MariaDb, Some(unique)) if self.random.chance(50) => {
                seq!["JSON_ARRAYAGG(", value, " ORDER BY ", unique.join(", "), ")"]
            }
            _ => seq!["JSON_ARRAYAGG(", value, ")"].tagged(Tag::Bag),
        }
    }

    /// SELECT with window functions, each of which has one value whatever the order of the rows.
    pub fn windowed(&mut self, from: Node, scope: &Scope) -> Node {
        let Some(unique) = scope.unique() else { return seq!["SELECT COUNT(*)", from] };
        let mut items: Vec<Node> = vec![self.leaf(scope, Class::Int)];
        for _ in 0..self.random.range(1, 2) {
            items.push(self.window(scope, &unique.join(", ")));
        }
        let filter = self.filter(scope);
        seq!["SELECT ", Node::list(", ", items), from, filter]
    }

    fn window(&mut self, scope: &Scope, keys: &str) -> Node {
        let partition = match self.random.chance(50) {
            true => {
                let class = *self.random.pick(&[Class::Int, Class::Text, Class::Date]);
                match self.field(scope, |field| field.class == class) {
                    Some((name, _)) => seq!["PARTITION BY ", name, " "].maybe(),
                    None => Node::NONE,
                }
            }
            false => Node::NONE,
        };
        let loose = self.sort_column(scope);
        let total = seq!["ORDER BY ", seq![loose.clone(), ", "].maybe(), keys];
        let peers = seq!["ORDER BY ", loose, self.random.word(&["", " DESC"])];
        let class = *self.random.pick(&[Class::Int, Class::Text, Class::Decimal]);
        // Of a label behind LAG and LEAD MySQL tells another type when it prepares than when it runs.
        let moved = self.leaf(&without_labels(scope), class);
        let value = self.leaf(scope, class);
        let number = self.small(scope);
        match self.random.below(10) {
            0 => seq!["ROW_NUMBER() OVER (", partition, total, ")"],
            1 => seq!["RANK() OVER (", partition, peers, ")"],
            2 => seq!["DENSE_RANK() OVER (", partition, peers, ")"],
            3 => seq!["LAG(", moved, ") OVER (", partition, total, ")"],
            4 => seq!["LEAD(", moved, ", 2) OVER (", partition, total, ")"],
            5 => seq!["FIRST_VALUE(", value, ") OVER (", partition, total, ")"],
            6 => seq!["SUM(", number, ") OVER (", partition, peers, ")"],
            7 => seq!["COUNT(", value, ") OVER (", partition, ")"],
            8 => seq![
                "SUM(",
                number,
                ") OVER (",
                partition,
                total,
                " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
            ],
            _ => seq!["NTILE(3) OVER (", partition, total, ")"],
        }
    }

    /// A column to sort by.
    pub fn sort_column(&mut self, scope: &Scope) -> Node {
        let field = self.field(scope, |field| !matches!(field.class, Class::Json | Class::Float));
        field.map_or_else(|| "NULL".into(), |(name, _)| name)
    }
}

/// MIN and MAX of an ENUM or SET go by its number where a server takes them from an index, else by its text.
fn without_labels(scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    for source in &mut scope.sources {
        source.fields.retain(|field| !matches!(field.kind, Some(Kind::Enum | Kind::Set)));
    }
    scope
}
