//! A statement without its values: statements that differ in nothing else are counted as one.

use crate::{
    Statement,
    lex::{Token, TokenKind},
};

/// Stands for one value.
const VALUE: &str = "?";
/// Stands for two or more values in a list.
const VALUES: &str = "?, …";

impl Statement {
    /// The text with `?` for each value, `?, …` for a list of them, and one row for any number of rows.
    ///
    /// `INSERT INTO user (a) VALUES (1), (2)` and `… VALUES (?)` have the same digest.
    #[must_use]
    pub fn digest(&self) -> String {
        if self.tokens().is_empty() {
            return "(a text that is not understood)".to_owned();
        }
        let mut pieces = Pieces::default();
        for token in self.tokens() {
            pieces.push(self.text(), token);
        }
        pieces.text()
    }
}

/// The digest's words.
#[derive(Default)]
struct Pieces<'a> {
    words: Vec<std::borrow::Cow<'a, str>>,
    /// Where parentheses were opened.
    open: Vec<usize>,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, sql: &'a [u8], token: &Token) {
        match token.kind {
            TokenKind::Introducer | TokenKind::Comment | TokenKind::Hint => {}
            TokenKind::String
            | TokenKind::Hex
            | TokenKind::Bit
            | TokenKind::Integer
            | TokenKind::Decimal
            | TokenKind::Float
            | TokenKind::Param => self.value(),
            _ => {
                let word = String::from_utf8_lossy(token.bytes(sql));
                let (opens, closes) = (word == "(", word == ")");
                if opens {
                    self.open.push(self.words.len());
                }
                self.words.push(word);
                if closes && let Some(from) = self.open.pop() {
                    self.fold_rows(from);
                }
            }
        }
    }

    fn value(&mut self) {
        let list = self.words.len().checked_sub(2);
        match list.and_then(|at| self.words.get_mut(at..)) {
            Some([value, comma]) if (*value == VALUE || *value == VALUES) && *comma == "," => {
                *value = VALUES.into();
                self.words.pop();
            }
            // Adjacent strings are one value.
            Some([_, value]) if *value == VALUE || *value == VALUES => {}
            _ => self.words.push(VALUE.into()),
        }
    }

    /// `(…) , (…)` of the same form becomes one.
    fn fold_rows(&mut self, from: usize) {
        let length = self.words.len() - from;
        let Some(before) = from.checked_sub(length + 1) else {
            return;
        };
        if self.words[from - 1] == "," && self.words[before..from - 1] == self.words[from..] {
            self.words.truncate(from - 1);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut before = "(";
        for word in &self.words {
            let tight = matches!(before, "(" | ".") || matches!(word.as_ref(), ")" | "." | "," | ";");
            if !tight {
                text.push(' ');
            }
            text.push_str(word);
            before = word;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::{Planner, testing::mysql};

    fn digest(sql: &str) -> String {
        Planner::new(Vec::new()).read(sql.as_bytes(), &mysql())[0].digest()
    }

    #[test]
    fn values_are_taken_out_and_nothing_else() {
        assert_eq!(
            digest("select u.name, 'x' 'y' from `app`.user u where id = -5 and at > _utf8mb4'z' -- why"),
            "select u.name, ? from `app`.user u where id = - ? and at > ?"
        );
        assert_eq!(
            digest("SELECT @a, @@x, COUNT(*) FROM user LIMIT 5, 7"),
            "SELECT @a, @@x, COUNT (*) FROM user LIMIT ?, …"
        );
    }

    #[test]
    fn lists_and_rows_of_any_length_are_the_same() {
        let many = digest("INSERT INTO user (id, name) VALUES (1,'a'), (2,'b'), (?, ?)");
        assert_eq!(many, "INSERT INTO user (id, name) VALUES (?, …)");
        assert_eq!(many, digest("INSERT INTO user (id, name) VALUES (7,'a')"));
        assert_eq!(digest("SELECT 1 FROM user WHERE id IN (1,2,3)"), "SELECT ? FROM user WHERE id IN (?, …)");
        let mixed = digest("INSERT INTO user VALUES (1, NOW()), (2, NOW())");
        assert_eq!(mixed, "INSERT INTO user VALUES (?, NOW ())");
    }
}
