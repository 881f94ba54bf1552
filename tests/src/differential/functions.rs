//! Functions and operators by the class of what they give. Each comes with something simpler of the same class.

use super::{
    kind::Class,
    node::{Node, seq},
    scope::{Scope, Writer},
};

impl Writer<'_> {
    pub(super) fn integer(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let (a, b) = (self.small(scope), self.small(scope));
        let made = match self.random.below(28) {
            0 => seq!["(", a.clone(), " + ", b, ")"],
            1 => seq!["(CAST(", a.clone(), " AS SIGNED) - CAST(", b, " AS SIGNED))"],
            2 => seq!["(", a.clone(), " * ", b, ")"],
            3 => seq!["(", a.clone(), " % 7)"],
            4 => seq!["(", a.clone(), " DIV 3)"],
            5 => seq!["(", a.clone(), self.random.word(&[" & ", " | ", " ^ "]), b, ")"],
            6 => seq!["-CAST(", a.clone(), " AS SIGNED)"],
            7 => seq!["(", a.clone(), " << 2)"],
            8 => seq!["SIGN(", a.clone(), ")"],
            9 => seq!["NULLIF(", a.clone(), ", ", b, ")"],
            10 => seq![self.random.word(&["GREATEST(", "LEAST("]), a.clone(), ", ", b, ")"],
            11 => seq!["(", self.condition_of(scope, depth), ")"],
            12 => seq!["MOD(", a.clone(), ", 10)"],
            13 => seq!["ABS(", a.clone(), ")"],
            14 => seq!["INTERVAL(", a.clone(), ", 1, 5, 10)"],
            15 => seq!["BIT_COUNT(", a.clone(), ")"],
            16 => seq!["FIELD(", a.clone(), ", 1, 2, 7)"],
            17 => seq!["ISNULL(", a.clone(), ")"],
            18 => seq!["(~", a.clone(), " & 15)"],
            _ => self.measure(scope, depth),
        };
        (made, a)
    }

    /// An integer from something that is none.
    fn measure(&mut self, scope: &Scope, depth: usize) -> Node {
        let text = |writer: &mut Self| writer.nested(scope, Class::Text, depth);
        match self.random.below(13) {
            0 => seq!["LENGTH(", text(self), ")"],
            1 => seq!["CHAR_LENGTH(", text(self), ")"],
            2 => seq!["CRC32(", text(self), ")"],
            3 => seq!["LOCATE('a', ", text(self), ")"],
            4 => seq!["STRCMP(", text(self), ", 'b')"],
            5 => seq!["ASCII(", text(self), ")"],
            6 => seq!["FIND_IN_SET('a', ", text(self), ")"],
            7 => seq!["YEAR(", self.nested(scope, Class::Date, depth), ")"],
            8 => seq!["DAYOFWEEK(", self.nested(scope, Class::Date, depth), ")"],
            9 => seq!["DATEDIFF(", self.nested(scope, Class::Date, depth), ", DATE'2024-01-01')"],
            10 => seq!["HOUR(", self.nested(scope, Class::DateTime, depth), ")"],
            11 => seq!["JSON_LENGTH(", self.leaf(scope, Class::Json), ")"],
            _ => seq!["OCTET_LENGTH(", self.leaf(scope, Class::Binary), ")"],
        }
    }

    pub(super) fn decimal(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Decimal, depth);
        let b = self.small(scope);
        let made = match self.random.below(8) {
            0 => seq!["(", a.clone(), self.random.word(&[" + ", " - "]), b, ")"],
            1 => seq!["(", a.clone(), " * 2)"],
            2 => seq!["(", a.clone(), " / 4)"],
            3 => seq!["ROUND(", a.clone(), ", 1)"],
            4 => seq!["TRUNCATE(", a.clone(), ", 1)"],
            5 => seq!["-", a.clone()],
            6 => seq![self.random.word(&["CEILING(", "FLOOR(", "ABS("]), a.clone(), ")"],
            _ => seq!["CAST(", b, " AS DECIMAL(20,2))"],
        };
        (made, a)
    }

    pub(super) fn float(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Float, depth);
        let made = match self.random.below(4) {
            0 => seq!["(", a.clone(), " * 2)"],
            1 => seq!["ABS(", a.clone(), ")"],
            2 => seq!["FLOOR(", a.clone(), ")"],
            _ => seq!["(", a.clone(), " + 0.5e0)"],
        };
        (made, a)
    }

    pub(super) fn text(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, Class::Text, depth);
        let n = self.small(scope);
        let made = match self.random.below(22) {
            0 => seq!["UPPER(", a.clone(), ")"],
            1 => seq!["LOWER(", a.clone(), ")"],
            2 => seq!["CONCAT(", a.clone(), ", '-', ", n, ")"],
            3 => seq!["LEFT(", a.clone(), ", 2)"],
            4 => seq!["RIGHT(", a.clone(), ", 2)"],
            5 => seq!["SUBSTRING(", a.clone(), ", 2, 3)"],
            6 => seq!["REPLACE(", a.clone(), ", 'a', 'zz')"],
            7 => seq![self.random.word(&["TRIM(", "LTRIM(", "RTRIM("]), a.clone(), ")"],
            8 => seq!["HEX(", a.clone(), ")"],
            9 => seq!["CAST(", n, " AS CHAR)"],
            10 => seq!["DATE_FORMAT(", self.nested(scope, Class::Date, depth), ", '%Y/%m %W')"],
            11 => seq!["CONCAT_WS(',', ", a.clone(), ", ", n, ")"],
            12 => seq!["LPAD(", a.clone(), ", 5, '*')"],
            13 => seq!["REPEAT(", a.clone(), ", 2)"],
            14 => seq!["SHA2(", a.clone(), ", 256)"],
            15 => seq!["QUOTE(", a.clone(), ")"],
            16 => seq!["INSERT(", a.clone(), ", 1, 1, 'Q')"],
            17 => seq!["SUBSTRING_INDEX(", a.clone(), ", 'b', 1)"],
            18 => seq!["ELT(1 + ", n, " % 2, ", a.clone(), ", 'other')"],
            19 => seq!["JSON_UNQUOTE(JSON_EXTRACT(", self.leaf(scope, Class::Json), ", '$.a'))"],
            20 => seq!["CONVERT(", a.clone(), " USING utf8mb4)"],
            _ => seq!["REVERSE(", a.clone(), ")"],
        };
        (made, a)
    }

    pub(super) fn binary(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.leaf(scope, Class::Binary);
        let text = self.nested(scope, Class::Text, depth);
        let made = match self.random.below(4) {
            0 => seq!["UNHEX(HEX(", a.clone(), "))"],
            1 => seq!["CAST(", text, " AS BINARY)"],
            2 => seq!["UNHEX(SHA2(", text, ", 224))"],
            _ => seq!["CONCAT(", a.clone(), ", x'00')"],
        };
        (made, a)
    }

    pub(super) fn temporal(&mut self, scope: &Scope, class: Class, depth: usize) -> (Node, Node) {
        let a = self.nested(scope, class, depth);
        let made = match (class, self.random.below(4)) {
            (Class::Date, 0) => seq!["LAST_DAY(", a.clone(), ")"],
            (Class::Date, 1) => seq!["DATE(", self.nested(scope, Class::DateTime, depth), ")"],
            (Class::Date, 2) => "CURRENT_DATE()".into(),
            (Class::Date, _) => seq!["DATE_SUB(", a.clone(), ", INTERVAL 1 MONTH)"],
            (Class::DateTime, 0) => {
                seq!["CAST(", self.nested(scope, Class::Date, depth), " AS DATETIME)"]
            }
            (Class::DateTime, 1) => self.random.word(&["NOW()", "NOW(3)", "CURRENT_TIMESTAMP(6)"]).into(),
            (Class::DateTime, 2) => seq!["TIMESTAMPADD(HOUR, -5, ", a.clone(), ")"],
            (Class::DateTime, _) => seq!["DATE_SUB(", a.clone(), ", INTERVAL '1:30' HOUR_MINUTE)"],
            (_, 0) => seq!["TIME(", self.nested(scope, Class::DateTime, depth), ")"],
            (_, 1) => seq!["SEC_TO_TIME(", self.small(scope), ")"],
            (_, _) => seq!["CAST(", a.clone(), " AS TIME(3))"],
        };
        (made, a)
    }

    pub(super) fn json(&mut self, scope: &Scope, depth: usize) -> (Node, Node) {
        let a = self.leaf(scope, Class::Json);
        let made = match self.random.below(6) {
            0 => seq!["JSON_OBJECT('k', ", self.small(scope), ")"],
            1 => seq!["JSON_ARRAY(", self.nested(scope, Class::Text, depth), ", NULL)"],
            2 => seq!["JSON_EXTRACT(", a.clone(), ", '$.a')"],
            3 => seq!["JSON_SET(", a.clone(), ", '$.z', ", self.small(scope), ")"],
            4 => seq!["JSON_REMOVE(", a.clone(), ", '$.a')"],
            _ => seq!["JSON_KEYS(", a.clone(), ")"],
        };
        (made, a)
    }
}
