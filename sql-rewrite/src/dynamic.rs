//! EXECUTE … USING: what stands for the `?` of a text, and another text in its place.

use crate::{
    Charset, Facts, Head, Statement, Text, Value,
    lex::{Token, TokenKind, is_op, is_word},
    literal,
};

impl Statement {
    /// What an EXECUTE gives for each `?`, as it is spelled: user variables, and on MariaDB literals and what is computed
    /// of both. `None` for what may have another value when it is evaluated again, or has none (DEFAULT).
    #[must_use]
    pub fn arguments(&self) -> Vec<Option<Vec<u8>>> {
        let tokens = self.tokens();
        let Some(using) = tokens.iter().position(|token| is_word(self.text(), token, "USING")) else {
            return Vec::new();
        };
        let rest = tokens.get(using + 1..).unwrap_or_default();
        let mut depth = 0_usize;
        let splits = |token: &Token| {
            if is_op(self.text(), token, "(") {
                depth += 1;
            } else if is_op(self.text(), token, ")") {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && is_op(self.text(), token, ",")
        };
        rest.split(splits).map(|argument| self.argument(argument)).collect()
    }

    fn argument(&self, tokens: &[Token]) -> Option<Vec<u8>> {
        let (first, last) = (tokens.first()?, tokens.last()?);
        let is_steady = |token: &Token| match token.kind {
            TokenKind::Operator => !is_op(self.text(), token, ":="),
            TokenKind::Ident => is_word(self.text(), token, "NULL"),
            kind => {
                matches!(
                    kind,
                    TokenKind::UserVar
                        | TokenKind::String
                        | TokenKind::Hex
                        | TokenKind::Bit
                        | TokenKind::Integer
                        | TokenKind::Decimal
                        | TokenKind::Float
                )
            }
        };
        let spelled = self.text().get(first.start..last.end)?;
        // A comment that begins or ends outside would take more with it.
        let whole = !spelled.windows(2).any(|two| two == b"/*" || two == b"*/");
        (whole && tokens.iter().all(is_steady)).then(|| spelled.to_vec())
    }

    /// How many `?` it has; `None` where its text is not understood.
    #[must_use]
    pub fn placeholders(&self) -> Option<usize> {
        (!self.tokens().is_empty()).then_some(self.form.placeholders.len())
    }

    /// Whether it may change user variables while it runs, by what can be seen of it.
    #[must_use]
    pub fn assigns_variables(&self) -> bool {
        let (text, tokens) = (self.text(), self.tokens());
        let into = |pair: &[Token]| is_word(text, &pair[0], "INTO") && pair[1].kind == TokenKind::UserVar;
        matches!(self.head(), Head::Set | Head::SetStatement(_))
            || tokens.iter().any(|token| is_op(text, token, ":="))
            || tokens.windows(2).any(into)
    }
}

/// PREPARE of `text` under `name`, and its EXECUTE with these `arguments` for the client's parameters. `None` if the
/// text cannot be given as a literal.
#[must_use]
pub fn executed(text: &Text, name: &str, arguments: &[Vec<u8>], facts: &Facts) -> Option<[Vec<u8>; 2]> {
    // MySQL brings a literal into its utf8mb3 before it prepares it.
    let four_bytes = |byte: &u8| *byte >= 0xF0;
    if !facts.server.mariadb && facts.charset == Charset::Utf8 && text.sql.iter().any(four_bytes) {
        return None;
    }
    let quoted = literal(&Value::Text(text.sql.clone()), facts)?;
    let prepare = [format!("PREPARE {name} FROM ").as_bytes(), &quoted].concat();
    let mut execute = format!("EXECUTE {name}").into_bytes();
    for (i, number) in text.params.iter().enumerate() {
        execute.extend_from_slice(if i == 0 { b" USING " } else { b", " });
        execute.extend_from_slice(arguments.get(*number)?);
    }
    Some([prepare, execute])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Planner,
        testing::{mariadb, mysql},
    };

    fn read(sql: &str, facts: &Facts) -> Statement {
        Planner::new(Vec::new()).read(sql.as_bytes(), &std::sync::Arc::new(facts.clone())).remove(0)
    }

    #[test]
    fn arguments_are_what_is_spelled() {
        for (sql, expected) in [
            ("EXECUTE s", &[][..]),
            ("EXECUTE s USING @a", &["@a"]),
            ("EXECUTE s USING @a , @`b,c`, @'d'", &["@a", "@`b,c`", "@'d'"]),
            ("EXECUTE s USING 5, 'x, y', -@a + 1.5, NULL", &["5", "'x, y'", "-@a + 1.5", "NULL"]),
            ("EXECUTE s USING @a, RAND(), (@b := 5), DEFAULT", &["@a", "-", "-", "-"]),
            ("EXECUTE s USING @a /*! + 1 */, @b /* c */", &["-", "@b"]),
            ("EXECUTE IMMEDIATE 'SELECT ?' USING COALESCE(@a, 5), (@b)", &["-", "(@b)"]),
        ] {
            let arguments = read(sql, &mariadb()).arguments();
            let told =
                arguments.into_iter().map(|one| String::from_utf8(one.unwrap_or(b"-".to_vec())).unwrap());
            assert_eq!(told.collect::<Vec<_>>(), expected, "{sql}");
        }
    }

    #[test]
    fn assignments_are_seen() {
        for (sql, expected) in [
            ("SELECT id FROM user WHERE id = ?", false),
            ("SELECT @a, ? = 5 FROM user", false),
            ("SELECT @a := 5 FROM user WHERE id = ?", true),
            ("SELECT id INTO @a FROM user WHERE id = ?", true),
            ("SET @a = (SELECT id FROM user WHERE id = ?)", true),
            ("INSERT INTO user (id) VALUES (@a)", false),
        ] {
            assert_eq!(read(sql, &mysql()).assigns_variables(), expected, "{sql}");
        }
    }

    #[test]
    fn a_text_is_prepared_with_its_own_arguments() {
        let text = Text { sql: b"SELECT 'it''s' WHERE a = ? AND b = ?".to_vec(), params: vec![1, 0] };
        let arguments = [b"@a".to_vec(), b"@b".to_vec()];
        let [prepare, execute] = executed(&text, "s", &arguments, &mysql()).unwrap();
        assert_eq!(prepare, b"PREPARE s FROM 'SELECT ''it''''s'' WHERE a = ? AND b = ?'");
        assert_eq!(execute, b"EXECUTE s USING @b, @a");
        let smiley = Text::from("SELECT '\u{1F600}'");
        assert_eq!(executed(&smiley, "s", &[], &mysql()), None);
        assert!(executed(&smiley, "s", &[], &mariadb()).is_some());
    }
}
