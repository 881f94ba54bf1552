//! Conditions, those with subqueries among them.

use super::{
    expr::DEPTH,
    kind::Class,
    node::{Node, seq},
    scope::{Field, Scope, Writer},
};

/// Classes that compare the same in whatever type they are.
const COMPARED: [Class; 6] =
    [Class::Int, Class::Text, Class::Decimal, Class::DateTime, Class::Date, Class::Binary];

impl Writer<'_> {
    /// A condition.
    pub fn condition(&mut self, scope: &Scope) -> Node {
        self.condition_of(scope, DEPTH)
    }

    pub(super) fn condition_of(&mut self, scope: &Scope, depth: usize) -> Node {
        if depth > 0 && self.random.chance(30) {
            let count = self.random.range(2, 3);
            let parts: Vec<Node> = (0..count).map(|_| self.condition_of(scope, depth - 1)).collect();
            let simpler = parts.clone();
            let separator = self.random.word(&[" AND ", " AND ", " AND ", " OR ", " OR ", " XOR ", " && "]);
            return seq!["(", Node::list(separator, parts), ")"].or(simpler);
        }
        if depth > 0 && self.random.chance(8) {
            let inner = self.condition_of(scope, depth - 1);
            let not = self.random.word(&["NOT (", "!("]);
            return seq![not, inner.clone(), ")"].or(vec![inner]);
        }
        let made = if self.may_nest() && self.random.chance(12) {
            self.with_subquery(scope)
        } else {
            self.simple(scope, depth.saturating_sub(1))
        };
        made.or(vec!["1 = 1".into()])
    }

    fn simple(&mut self, scope: &Scope, depth: usize) -> Node {
        let Some((name, field)) = self.field(scope, |field| field.class != Class::Json) else {
            return seq![self.literal(Class::Int), " = 1"];
        };
        let value = self.value_of(&field);
        match self.random.below(16) {
            0..=3 => seq![name, " = ", value],
            4 => {
                seq![name, self.random.word(&[" < ", " <= ", " > ", " >= ", " <> ", " <=> ", " != "]), value]
            }
            5 => {
                let count = self.random.range(1, 4);
                let all = (0..count).map(|_| self.value_of(&field)).collect();
                let not = self.random.word(&[" IN (", " IN (", " NOT IN ("]);
                seq![name, not, Node::list(", ", all), ")"]
            }
            6 => {
                let not = self.random.word(&[" BETWEEN ", " NOT BETWEEN "]);
                seq![name, not, value, " AND ", self.value_of(&field)]
            }
            7 => seq![name, self.random.word(&[" IS NULL", " IS NOT NULL"])],
            8 if field.class == Class::Text => {
                let not = self.random.word(&[" LIKE ", " NOT LIKE "]);
                seq![
                    name,
                    not,
                    self.random.word(&["'a%'", "'%b'", "'_'", "'%'", "'A_b'", "'a|_%' ESCAPE '|'"])
                ]
            }
            9 if field.class == Class::Text => {
                seq![name, self.random.word(&[" REGEXP '^a'", " RLIKE 'b$'"])]
            }
            8 | 9 if field.class == Class::Int => seq![name, " & 1 = 1"],
            10 => self.rows_equal(scope, name, &field, value),
            11 => seq![value, self.random.word(&[" = ", " <= ", " <> "]), name],
            12 => {
                let other = self
                    .field(scope, |other| other.class == field.class && other.collation == field.collation);
                let other = other.map_or(value, |(other, _)| other);
                seq![name, self.random.word(&[" = ", " < ", " <=> ", " <> "]), other]
            }
            // Of a string it would be a warning for each row that is looked at; of a date that is no column MySQL makes
            // an error or none, by its plan.
            13 if !matches!(field.class, Class::Text | Class::Binary)
                && (field.kind.is_some() || !matches!(field.class, Class::Date | Class::DateTime)) =>
            {
                seq![name, self.random.word(&[" IS TRUE", " IS NOT FALSE", " IS UNKNOWN"])]
            }
            _ => {
                let class = *self.random.pick(&[Class::Int, Class::Text, Class::Decimal, Class::DateTime]);
                let left = self.nested(scope, class, depth);
                let right = self.literal(class);
                seq![left, self.random.word(&[" = ", " < ", " >= ", " <> "]), right]
            }
        }
    }

    /// `(a, b) = (1, 2)` or `(a, b) IN ((1, 2), (3, 4))`.
    fn rows_equal(&mut self, scope: &Scope, name: Node, field: &Field, value: Node) -> Node {
        // MySQL 9.7 reads memory that nobody wrote where rows with dates are looked for in a list.
        let plain = |class| matches!(class, Class::Int | Class::Text | Class::Decimal);
        let second = self.field(scope, |other| plain(other.class) && plain(field.class));
        let Some((other, second)) = second else { return seq![name, " = ", value] };
        let pair = seq!["(", value, ", ", self.value_of(&second), ")"];
        if self.random.chance(50) {
            return seq!["(", name, ", ", other, ") = ", pair];
        }
        let more = seq!["(", self.value_of(field), ", ", self.value_of(&second), ")"];
        seq!["(", name, ", ", other, ") IN (", Node::list(", ", vec![pair, more]), ")"]
    }

    fn with_subquery(&mut self, scope: &Scope) -> Node {
        if self.random.chance(35) {
            let not = self.random.word(&["EXISTS ", "EXISTS ", "NOT EXISTS "]);
            return seq![not, self.existence(scope)];
        }
        let class = *self.random.pick(&COMPARED);
        let Some((name, field)) = self.field(scope, |field| field.class == class) else {
            return seq!["EXISTS ", self.existence(scope)];
        };
        match self.random.below(6) {
            0..=2 => {
                let not = self.random.word(&[" IN ", " IN ", " NOT IN "]);
                seq![name, not, self.column_subquery(scope, &field)]
            }
            3 => {
                let operator = self.random.word(&[" = ANY ", " > ALL ", " <> ALL ", " <= SOME "]);
                seq![name, operator, self.column_subquery(scope, &field)]
            }
            _ => {
                let operator = self.random.word(&[" = ", " > ", " <= ", " <=> "]);
                seq![name, operator, self.scalar_subquery(scope, class)]
            }
        }
    }

    /// A key column with values that it may hold.
    pub fn key_condition(&mut self, scope: &Scope) -> Option<Node> {
        let source = self.random.pick(&scope.sources).clone();
        let keys: Vec<&Field> = source.fields.iter().filter(|field| source.is_key(field)).collect();
        if keys.is_empty() {
            return None;
        }
        if self.random.chance(25) {
            // The whole key.
            let parts = keys
                .iter()
                .map(|field| seq![format!("{}.{} = ", source.alias, field.name), self.value_of(field)])
                .collect();
            return Some(Node::list(" AND ", parts));
        }
        let field = *self.random.pick(&keys);
        let value = self.value_of(field);
        let name = format!("{}.{}", source.alias, field.name);
        Some(match self.random.below(6) {
            0..=2 => seq![name, " = ", value],
            3 | 4 => {
                let count = self.random.range(2, 4);
                let all = (0..count).map(|_| self.value_of(field)).collect();
                seq![name, " IN (", Node::list(", ", all), ")"]
            }
            _ => seq![value, " = ", name],
        })
    }

    /// ` WHERE …`, or nothing.
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
}
