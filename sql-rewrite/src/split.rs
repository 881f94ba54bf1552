//! The statements of one text.
//!
//! The servers split where their *grammar* finds a statement complete, so a `;` in the body of a
//! routine does not split. Where that cannot be told from tokens, the rest of the text is one
//! [`Piece`], marked as [`Piece::compound`]: what it contains is not understood.

use std::ops::Range;

use crate::Facts;
use crate::cursor::Cursor;
use crate::lex::{Token, is_op, is_word, text_end, word_in};

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes, without the `;` and without white space at either end.
    pub bytes: Range<usize>,
    /// Its tokens, as indices into the tokens of the text; empty for nothing but comments, which
    /// the servers answer with OK.
    pub tokens: Range<usize>,
    /// It may hold more than one statement: a compound statement, the definition of a routine
    /// with a compound body together with all that follows, or what the server will reject.
    pub compound: bool,
}

/// Splits a text at its top-level `;`. Without CLIENT_MULTI_STATEMENTS there is one piece. `;` and
/// white space at the end of a text are dropped, as the servers do; an empty text has one piece.
#[must_use]
pub fn split(sql: &[u8], tokens: &[Token], facts: &Facts) -> Vec<Piece> {
    let end = text_end(sql);
    let mut pieces = Vec::new();
    let mut from = Start { byte: 0, token: 0 };
    loop {
        let rest = tokens.get(from.token..).unwrap_or_default();
        let stop = rest.iter().position(|token| is_op(sql, token, ";"));
        let Some(stop) = stop.map(|at| from.token + at) else {
            pieces.push(piece(sql, from.byte..end, from.token..tokens.len(), false));
            return pieces;
        };
        let semicolon = tokens.get(stop).copied();
        let (at, after) = semicolon.map_or((end, end), |token| (token.start, token.end));
        let nothing_follows = stop + 1 == tokens.len();
        let inseparable = semicolon.is_some_and(|token| token.in_version_comment) || ends_in_dashes(sql, at);
        if !facts.multi_statements && nothing_follows && !inseparable {
            pieces.push(piece(sql, from.byte..at, from.token..stop, false));
            return pieces;
        }
        // An empty statement in the middle is a syntax error that nothing after it survives.
        let whole = !facts.multi_statements || stop == from.token || inseparable || is_compound(sql, rest);
        if whole {
            pieces.push(piece(sql, from.byte..end, from.token..tokens.len(), true));
            return pieces;
        }
        pieces.push(piece(sql, from.byte..at, from.token..stop, false));
        from = Start { byte: after, token: stop + 1 };
    }
}

/// Where a statement begins.
#[derive(Clone, Copy)]
struct Start {
    byte: usize,
    token: usize,
}

fn piece(sql: &[u8], bytes: Range<usize>, tokens: Range<usize>, compound: bool) -> Piece {
    let text = sql.get(bytes.clone()).unwrap_or_default();
    let bytes = bytes.start + (text.len() - text.trim_ascii_start().len())..bytes.end;
    let text = sql.get(bytes.clone()).unwrap_or_default();
    let end = bytes.start + text.trim_ascii_end().len();
    Piece { bytes: bytes.start..end, tokens, compound }
}

/// `1--;` is a syntax error, while `1--` alone ends in a comment.
fn ends_in_dashes(sql: &[u8], end: usize) -> bool {
    sql.get(..end).is_some_and(|text| text.ends_with(b"--"))
}

/// What opens the body of a routine, or a compound statement.
const OPENERS: [&str; 7] = ["BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"];
/// What has a body.
const ROUTINES: [&str; 6] = ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE", "LIBRARY"];

/// The statement at the start of `tokens`, of which the first `;` may not be the end.
pub(crate) fn is_compound(sql: &[u8], tokens: &[Token]) -> bool {
    let mut cursor = Cursor::new(sql, tokens);
    if cursor.eat("BEGIN") {
        return cursor.at("NOT");
    }
    let Some(first) = cursor.next() else {
        return false;
    };
    if word_in(sql, first, &OPENERS) || cursor.eat_op(":") {
        return true;
    }
    let statement = tokens.iter().take_while(|token| !is_op(sql, token, ";"));
    let mut words = statement.filter(|token| token.kind == crate::lex::TokenKind::Ident);
    let has_body = if word_in(sql, first, &["CREATE", "ALTER"]) {
        words.any(|token| word_in(sql, token, &ROUTINES))
    } else {
        // MariaDB: SET STATEMENT … FOR BEGIN NOT ATOMIC …
        is_word(sql, first, "SET") && cursor.at("STATEMENT") && words.any(|token| is_word(sql, token, "FOR"))
    };
    has_body && words.any(|token| word_in(sql, token, &OPENERS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::lex;
    use crate::testing::mysql;

    fn check_with(sql: &str, multi_statements: bool, expected: &[&str]) {
        let facts = Facts { multi_statements, ..mysql() };
        let tokens = lex(sql.as_bytes(), &facts).unwrap();
        let shown: Vec<String> = split(sql.as_bytes(), &tokens, &facts)
            .into_iter()
            .map(|piece| format!("{}{}", if piece.compound { "!" } else { "" }, &sql[piece.bytes]))
            .collect();
        assert_eq!(shown, expected, "{sql}");
    }

    fn check(sql: &str, expected: &[&str]) {
        check_with(sql, true, expected);
    }

    #[test]
    fn statements() {
        check("SELECT 1", &["SELECT 1"]);
        check(" SELECT 1 ;; ", &["SELECT 1"]);
        check("SELECT ';'; SELECT 2 ", &["SELECT ';'", "SELECT 2"]);
        check("SELECT 1; -- x", &["SELECT 1", "-- x"]);
        check("SELECT 1;/*!SELECT 2*/", &["SELECT 1", "/*!SELECT 2*/"]);
        check("/*!SELECT*/ 1; SELECT 3", &["/*!SELECT*/ 1", "SELECT 3"]);
        check("", &[""]);
        check(" ; ", &[""]);
        check("-- x", &["-- x"]);
    }

    #[test]
    fn what_the_server_rejects_stays_whole() {
        check("; SELECT 1", &["!; SELECT 1"]);
        check("SELECT 1--; SELECT 2", &["!SELECT 1--; SELECT 2"]);
        check("SELECT 1; ;SELECT 2", &["SELECT 1", "!;SELECT 2"]);
        check("/*!SELECT 1; SELECT 2*/", &["!/*!SELECT 1; SELECT 2*/"]);
        check_with("SELECT 1; SELECT 2", false, &["!SELECT 1; SELECT 2"]);
        check_with("SELECT 1; -- x", false, &["SELECT 1"]);
        check_with("SELECT 1--; -- x", false, &["!SELECT 1--; -- x"]);
        check_with("SELECT 1 /*!;*/", false, &["!SELECT 1 /*!;*/"]);
    }

    #[test]
    fn bodies() {
        for compound in [
            "BEGIN NOT ATOMIC SELECT 1; END; SELECT 2",
            "CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN SELECT 1; END; SELECT 2",
            "/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; END */",
            "l: LOOP SELECT 1; END LOOP",
            "SET STATEMENT max_statement_time=1 FOR BEGIN NOT ATOMIC SELECT 1; END",
        ] {
            check(compound, &[&format!("!{compound}")]);
        }
        check("BEGIN; SELECT 1; COMMIT", &["BEGIN", "SELECT 1", "COMMIT"]);
        check("CREATE PROCEDURE p() SELECT 1; SELECT 2", &["CREATE PROCEDURE p() SELECT 1", "SELECT 2"]);
    }
}
