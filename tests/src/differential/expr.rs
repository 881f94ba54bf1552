//! Expressions: each has a class, no value of its columns makes it an error, and it gives the same in whatever order
//! the server looks at the rows.

use super::{
    kind::{Class, Kind},
    node::{Node, seq},
    scope::{Field, Scope, Writer},
    value::typed,
};
use crate::client::Value;

/// Nested calls below this are columns and literals.
pub const DEPTH: usize = 3;

/// Most tables in one statement in which there may be more subqueries.
const MOST_TABLES: usize = 5;

impl Writer<'_> {
    /// An expression of this class.
    pub fn expression(&mut self, scope: &Scope, class: Class) -> Node {
        self.nested(scope, class, DEPTH)
    }

    /// An expression with at most so many calls in one another.
    pub fn nested(&mut self, scope: &Scope, class: Class, depth: usize) -> Node {
        if depth == 0 || self.random.chance(45) {
            return self.leaf(scope, class);
        }
        if self.may_nest() && self.random.chance(6) {
            return self.scalar_subquery(scope, class);
        }
        if self.random.chance(20) {
            return self.choice(scope, class, depth - 1);
        }
        let (made, simpler) = match class {
            Class::Int => self.integer(scope, depth - 1),
            Class::Decimal => self.decimal(scope, depth - 1),
            Class::Float => self.float(scope, depth - 1),
            Class::Text => self.text(scope, depth - 1),
            Class::Binary => self.binary(scope, depth - 1),
            Class::Date | Class::DateTime | Class::Time => self.temporal(scope, class, depth - 1),
            Class::Json => self.json(scope, depth - 1),
        };
        made.or(vec![simpler])
    }

    /// Whether one more subquery is bearable.
    pub fn may_nest(&self) -> bool {
        self.depth < 2 && self.tables < MOST_TABLES
    }

    /// A column of this class, else a literal.
    pub fn leaf(&mut self, scope: &Scope, class: Class) -> Node {
        if self.random.chance(80)
            && let Some((name, _)) = self.field(scope, |field| field.class == class)
        {
            let literal = self.literal(class);
            return name.or(vec![literal]);
        }
        self.literal(class)
    }

    /// A literal or parameter.
    pub fn literal(&mut self, class: Class) -> Node {
        let (kind, literals): (Kind, &[&'static str]) = match class {
            Class::Int => {
                return Value::Int(*self.random.pick(&[0, 1, 2, 3, 5, 7, 10, -1, 100])).into();
            }
            Class::Float => return Value::Double(*self.random.pick(&[0.5, 1.5, -2.25, 100.0])).into(),
            Class::Text => {
                let text = self.random.word(&["", "a", "A", "ab", "a ", "á", "10", "x", "it's", "b\\c"]);
                return Value::Text(text.to_owned()).into();
            }
            Class::Decimal => (Kind::Decimal(10, 2), &["1.5", "0.25", "-2.10", "10.0"]),
            Class::Binary => (Kind::Blob, &["x'61'", "x''", "x'00ff'"]),
            Class::Date => (Kind::Date, &["'2024-02-29'", "'1999-12-31'"]),
            Class::Time => (Kind::Time(6), &["'12:34:56'", "'-01:00:00.5'"]),
            Class::DateTime => (Kind::DateTime(6), &["'2024-02-29 12:34:56'", "'2000-01-01 00:00:00.25'"]),
            Class::Json => return self.random.word(&["JSON_ARRAY(1, 'a')", "JSON_OBJECT('a', 1)"]).into(),
        };
        let literal = self.random.word(literals);
        let word = match class {
            Class::Date => "DATE",
            Class::Time => "TIME",
            Class::DateTime => "TIMESTAMP",
            _ => "",
        };
        // As an item of a select list MySQL takes a parameter for a text, which these bytes are none of.
        let parameter = self.random.chance(50) && literal != "x'00ff'";
        match typed(kind, literal) {
            Some(Value::Typed(mut typed)) if parameter => {
                typed.literal = format!("{word}{literal}");
                Value::Typed(typed).into()
            }
            _ => format!("{word}{literal}").into(),
        }
    }

    /// A literal of a value that the field may hold.
    pub fn value_of(&mut self, field: &Field) -> Node {
        if field.values.is_empty() {
            return self.literal(field.class);
        }
        let literal = self.random.pick(&field.values).clone();
        let way = self.random.below(4);
        match field.kind.and_then(|kind| typed(kind, &literal)) {
            Some(value) if way < 2 => value.into(),
            _ if way == 3 => literal.into(),
            _ => match (literal.parse(), literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
            {
                (Ok(number), _) if field.class == Class::Int => Value::Int(number).into(),
                (_, Some(text)) => Value::Text(text.replace("''", "'")).into(),
                _ => literal.into(),
            },
        }
    }

    /// Control flow, the same for all classes.
    fn choice(&mut self, scope: &Scope, class: Class, depth: usize) -> Node {
        let a = self.nested(scope, class, depth);
        let b = self.nested(scope, class, depth);
        let made = match self.random.below(5) {
            0 => seq!["IF(", self.condition_of(scope, depth), ", ", a.clone(), ", ", b, ")"],
            1 => seq!["COALESCE(", a.clone(), ", ", b, ")"],
            2 => seq!["IFNULL(", a.clone(), ", ", b, ")"],
            3 => {
                let (of, field) = match self.field(scope, |field| field.class == Class::Int) {
                    Some(found) => found,
                    None => return a,
                };
                let when = self.value_of(&field);
                seq!["CASE ", of, " WHEN ", when, " THEN ", a.clone(), " ELSE ", b, " END"]
            }
            _ => {
                let when = self.condition_of(scope, depth);
                let otherwise = seq![" ELSE ", b].maybe();
                seq!["CASE WHEN ", when, " THEN ", a.clone(), otherwise, " END"]
            }
        };
        made.or(vec![a])
    }

    /// An integer far from the ends of BIGINT.
    pub fn small(&mut self, scope: &Scope) -> Node {
        match self.field(scope, |field| field.class == Class::Int && !field.wild) {
            Some((name, _)) if self.random.chance(80) => name,
            _ => self.literal(Class::Int),
        }
    }
}
