//! Expressions: each has a class, no value of its columns makes it an error, and it gives the same in whatever order
//! the server looks at the rows.

use super::{
    kind::Class,
    node::{Node, seq},
    scope::{Field, Scope, Writer},
};
use crate::client::Value;

/// Nested calls below this are columns and literals.
const DEPTH: usize = 3;

impl Writer<'_> {
    /// An expression of this class.
    pub fn expression(&mut self, scope: &Scope, class: Class) -> Node {
        self.nested(scope, class, DEPTH)
    }

    fn nested(&mut self, scope: &Scope, class: Class, depth: usize) -> Node {
        if depth == 0 || self.random.chance(45) {
            return self.leaf(scope, class);
        }
        if self.random.chance(25) {
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

    fn leaf(&mut self, scope: &Scope, class: Class) -> Node {
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
        match class {
            Class::Int => Value::Int(*self.random.pick(&[0, 1, 2, 3, 5, 7, 10, -1, 100])).into(),
            Class::Decimal => Node::from(self.random.word(&["1.5", "0.25", "-2.10", "10.0"])),
            Class::Float => Value::Double(*self.random.pick(&[0.5, 1.5, -2.25, 100.0])).into(),
            Class::Text => {
                Value::Text(self.random.word(&["", "a", "A", "ab", "a ", "é", "10", "x"]).to_owned()).into()
            }
            Class::Binary => Node::from(self.random.word(&["x'61'", "x''", "x'00ff'"])),
            Class::Date => Node::from(self.random.word(&["DATE'2024-02-29'", "DATE'1999-12-31'"])),
            Class::Time => Node::from(self.random.word(&["TIME'12:34:56'", "TIME'-01:00:00.5'"])),
            Class::DateTime => Node::from(
                self.random.word(&["TIMESTAMP'2024-02-29 12:34:56'", "TIMESTAMP'2000-01-01 00:00:00.25'"]),
            ),
            Class::Json => Node::from(self.random.word(&["JSON_ARRAY(1, 'a')", "JSON_OBJECT('a', 1)"])),
        }
    }

    /// A literal of a value that the field may hold.
    pub fn value_of(&mut self, field: &Field) -> Node {
        let literal = self.random.pick(&field.values).clone();
        let number = matches!(field.class, Class::Int).then(|| literal.parse().ok()).flatten();
        if let Some(number) = number {
            return Value::Int(number).into();
        }
        match literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(text) => Value::Text(text.replace("''", "'")).into(),
            None => literal.into(),
        }
    }

    /// Control flow, the same for all classes.
    fn choice(&mut self, scope: &Scope, class: Class, depth: usize) -> Node {
        let a = self.nested(scope, class, depth);
        let b = self.nested(scope, class, depth);
        let made = match self.random.below(4) {
            0 => seq!["IF(", self.condition_of(scope, depth), ", ", a.clone(), ", ", b, ")"],
            1 => seq!["COALESCE(", a.clone(), ", ", b, ")"],
            2 => seq!["IFNULL(", a.clone(), ", ", b, ")"],
            _ => {
                let when = self.condition_of(scope, depth);
                let otherwise = seq![" ELSE ", b].maybe();
                seq!["CASE WHEN ", when, " THEN ", a.clone(), otherwise, " END"]
            }
        };
        made.or(vec![a])
    }

    /// An integer far from the ends of BIGINT.
    fn small(&mut self, scope: &Scope) -> Node {
        match self.field(scope, |field| field.class == Class::Int && !field.wild) {
            Some((name, _)) if self.random.chance(80) => name,
            _ => self.literal(Class::Int),
        }
    }

    fn integer(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let (a, b) = (self.small(scope), self.small(scope));
        let text = self.nested(scope, Class::Text, depth);
        let date = self.nested(scope, Class::Date, depth);
        let made = match self.random.below(18) {
            0 => seq!["(", a.clone(), " + ", b, ")"],
            1 => seq!["(CAST(", a.clone(), " AS SIGNED) - CAST(", b, " AS SIGNED))"],
            2 => seq!["(", a.clone(), " * ", b, ")"],
            3 => seq!["(", a.clone(), " % 7)"],
            4 => seq!["(", a.clone(), " DIV 3)"],
            5 => seq!["(", a.clone(), " & ", b, ")"],
            6 => seq!["-CAST(", a.clone(), " AS SIGNED)"],
            7 => seq!["LENGTH(", text, ")"],
            8 => seq!["CHAR_LENGTH(", text, ")"],
            9 => seq!["SIGN(", a.clone(), ")"],
            10 => seq!["YEAR(", date, ")"],
            11 => seq!["DAYOFMONTH(", date, ")"],
            12 => seq!["CRC32(", text, ")"],
            13 => seq!["NULLIF(", a.clone(), ", ", b, ")"],
            14 => seq!["LOCATE('a', ", text, ")"],
            15 => seq!["GREATEST(", a.clone(), ", ", b, ")"],
            16 => seq!["(", self.condition_of(scope, depth), ")"],
            _ => seq!["MOD(", a.clone(), ", 10)"],
        };
        (made, a)
    }

    fn decimal(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Decimal, depth);
        let b = self.small(scope);
        let made = match self.random.below(6) {
            0 => seq!["(", a.clone(), " + ", b, ")"],
            1 => seq!["(", a.clone(), " * 2)"],
            2 => seq!["(", a.clone(), " / 4)"],
            3 => seq!["ROUND(", a.clone(), ", 1)"],
            4 => seq!["TRUNCATE(", a.clone(), ", 1)"],
            _ => seq!["CAST(", b, " AS DECIMAL(20,2))"],
        };
        (made, a)
    }

    fn float(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Float, depth);
        let made = match self.random.below(4) {
            0 => seq!["(", a.clone(), " * 2)"],
            1 => seq!["ABS(", a.clone(), ")"],
            2 => seq!["FLOOR(", a.clone(), ")"],
            _ => seq!["(", a.clone(), " + 0.5)"],
        };
        (made, a)
    }

    fn text(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Text, depth);
        let n = self.small(scope);
        let made = match self.random.below(13) {
            0 => seq!["UPPER(", a.clone(), ")"],
            1 => seq!["LOWER(", a.clone(), ")"],
            2 => seq!["CONCAT(", a.clone(), ", '-', ", n, ")"],
            3 => seq!["LEFT(", a.clone(), ", 2)"],
            4 => seq!["RIGHT(", a.clone(), ", 2)"],
            5 => seq!["SUBSTRING(", a.clone(), ", 2, 3)"],
            6 => seq!["REPLACE(", a.clone(), ", 'a', 'zz')"],
            7 => seq!["TRIM(", a.clone(), ")"],
            8 => seq!["HEX(", a.clone(), ")"],
            9 => seq!["CAST(", n, " AS CHAR)"],
            10 => seq!["DATE_FORMAT(", self.nested(scope, Class::Date, depth), ", '%Y/%m')"],
            11 => seq!["CONCAT_WS(',', ", a.clone(), ", ", n, ")"],
            _ => seq!["REVERSE(", a.clone(), ")"],
        };
        (made, a)
    }

    fn binary(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.leaf(scope, Class::Binary);
        let text = self.nested(scope, Class::Text, depth);
        let made = match self.random.below(3) {
            0 => seq!["UNHEX(HEX(", a.clone(), "))"],
            1 => seq!["CAST(", text, " AS BINARY)"],
            _ => seq!["CONCAT(", a.clone(), ", x'00')"],
        };
        (made, a)
    }

    fn temporal(&mut self, scope: &Scope, class: Class, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, class, depth);
        let made = match (class, self.random.below(3)) {
            (Class::Date, 0) => seq!["LAST_DAY(", a.clone(), ")"],
            (Class::Date, 1) => seq!["DATE(", self.nested(scope, Class::DateTime, depth), ")"],
            (Class::Date, _) => seq!["DATE_SUB(", a.clone(), ", INTERVAL 1 DAY)"],
            (Class::DateTime, 0) => seq!["CAST(", self.nested(scope, Class::Date, depth), " AS DATETIME)"],
            (Class::DateTime, _) => seq!["DATE_SUB(", a.clone(), ", INTERVAL 90 MINUTE)"],
            (_, 0) => seq!["TIME(", self.nested(scope, Class::DateTime, depth), ")"],
            (_, _) => seq!["CAST(", a.clone(), " AS TIME(3))"],
        };
        (made, a)
    }

    fn json(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.leaf(scope, Class::Json);
        let made = match self.random.below(4) {
            0 => seq!["JSON_OBJECT('k', ", self.small(scope), ")"],
            1 => seq!["JSON_ARRAY(", self.nested(scope, Class::Text, depth), ", NULL)"],
            2 => seq!["JSON_EXTRACT(", a.clone(), ", '$.a')"],
            _ => seq!["JSON_KEYS(", a.clone(), ")"],
        };
        (made, a)
    }

    /// A condition.
    pub fn condition(&mut self, scope: &Scope) -> Node {
        self.condition_of(scope, DEPTH)
    }

    fn condition_of(&mut self, scope: &Scope, depth: usize) -> Node {
        if depth > 0 && self.random.chance(30) {
            let parts: Vec<Node> =
                (0..self.random.range(2, 3)).map(|_| self.condition_of(scope, depth - 1)).collect();
            let simpler = parts.clone();
            let separator = self.random.word(&[" AND ", " AND ", " OR ", " XOR "]);
            return seq!["(", Node::list(separator, parts), ")"].or(simpler);
        }
        if depth > 0 && self.random.chance(8) {
            let inner = self.condition_of(scope, depth - 1);
            return seq!["NOT (", inner.clone(), ")"].or(vec![inner]);
        }
        self.simple_condition(scope, depth.saturating_sub(1))
    }

    fn simple_condition(&mut self, scope: &Scope, depth: usize) -> Node {
        let Some((name, field)) = self.field(scope, |field| field.class != Class::Json) else {
            return seq![self.literal(Class::Int), " = 1"];
        };
        let value = self.value_of(&field);
        let made = match self.random.below(12) {
            0..=2 => seq![name, " = ", value],
            3 => seq![name, self.random.word(&[" < ", " <= ", " > ", " >= ", " <> ", " <=> "]), value],
            4 => {
                let all = (0..self.random.range(1, 4)).map(|_| self.value_of(&field)).collect();
                let not = if self.random.chance(25) { " NOT IN (" } else { " IN (" };
                seq![name, not, Node::list(", ", all), ")"]
            }
            5 => seq![name, " BETWEEN ", value, " AND ", self.value_of(&field)],
            6 => seq![name, self.random.word(&[" IS NULL", " IS NOT NULL"])],
            7 if field.class == Class::Text => {
                seq![name, " LIKE ", self.random.word(&["'a%'", "'%b'", "'_'", "'%'", "'A_b'"])]
            }
            8 if field.class == Class::Int => seq![name, " & 1 = 1"],
            _ => {
                let class = *self.random.pick(&[Class::Int, Class::Text, Class::Decimal, Class::DateTime]);
                let left = self.nested(scope, class, depth);
                let right = self.literal(class);
                seq![left, self.random.word(&[" = ", " < ", " >= ", " <> "]), right]
            }
        };
        made.or(vec!["1 = 1".into()])
    }
}
