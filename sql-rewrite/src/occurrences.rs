//! Where a configured name could be a table, by the lexer alone.
//!
//! This decides about statements that the parser does not understand (I8): it may take for a table
//! what is none, never the other way round.

use std::sync::Arc;

use topology::{QualifiedName, ShardId, ShardedTable, TableId};

use crate::lex::{Token, TokenKind, ident_text, is_op, is_word, word_in};
use crate::{Charset, DdlObject, DdlVerb, Facts, Head};

/// A configured name in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The token of the name, without its schema.
    pub token: usize,
    /// The token of the schema in front of it.
    pub schema: Option<usize>,
    /// Which name it is.
    pub name: Named,
    /// Whether it could be a table.
    pub verdict: Verdict,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The legacy table.
    Legacy(TableId),
    /// A shard table.
    Shard(TableId, ShardId),
    /// Something in the schema `shunt`: a gate, a dirty log.
    Control,
    /// A database that holds configured tables, or `shunt`, that is dropped or altered as a whole.
    Database,
}

/// The lexer's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be the table.
    MaybeTable,
    /// It cannot be the table.
    NotTable(NotTable),
}

/// Why a name cannot be the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTable {
    /// Another schema is named, or the current database is another one.
    OtherSchema,
    /// It is the schema or table in front of a point: `user.id`.
    Qualifier,
    /// It stands where only expressions stand: a column, a function.
    Expression,
    /// It follows AS.
    Alias,
    /// The statement's kind names no table there, or only reads its definition: CREATE USER, GRANT, SHOW.
    Statement,
}

/// All occurrences of the configured names in one statement (the tokens of one [`crate::Piece`]).
#[must_use]
pub fn occurrences(
    sql: &[u8],
    tokens: &[Token],
    head: &Head,
    facts: &Facts,
    tables: &[Arc<ShardedTable>],
) -> Vec<Occurrence> {
    let reader = Reader { sql, tokens, facts, tables };
    let statement = reader.statement(head);
    let mut clauses = Clauses::new(statement == Statement::Dml);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        clauses.step(sql, tokens, at);
        let Some((schema, name)) = reader.named(at) else {
            continue;
        };
        let verdict = reader.verdict(at, &name, statement, &clauses);
        found.push(Occurrence { token: at, schema, name, verdict });
    }
    found
}

/// How the kind of statement is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    /// Clauses tell tables and expressions apart.
    Dml,
    /// No configured table is read or written.
    Harmless,
    /// DROP DATABASE, ALTER DATABASE.
    Database,
    /// Every unqualified name may be a table.
    Other,
}

struct Reader<'a> {
    sql: &'a [u8],
    tokens: &'a [Token],
    facts: &'a Facts,
    tables: &'a [Arc<ShardedTable>],
}

impl Reader<'_> {
    fn statement(&self, head: &Head) -> Statement {
        let nested = || {
            let nesting = ["SELECT", "TABLE", "VALUES", "WITH", "BEGIN"];
            let several = |token: &Token| is_op(self.sql, token, ";");
            self.tokens.iter().any(|token| word_in(self.sql, token, &nesting) || several(token))
        };
        match head {
            Head::Select | Head::Insert | Head::Replace | Head::Update | Head::Delete => Statement::Dml,
            Head::Explain { inner: Some(_), .. } => Statement::Dml,
            Head::SetStatement(inner) => match inner.as_ref() {
                Head::Select | Head::Insert | Head::Replace | Head::Update | Head::Delete => Statement::Dml,
                _ => Statement::Other,
            },
            Head::Ddl { object: DdlObject::Database, verb: DdlVerb::Drop | DdlVerb::Alter, .. } => {
                Statement::Database
            }
            // `SHOW CREATE TABLE user` reads the definition; `SHOW … WHERE (SELECT …)` reads rows.
            Head::Show if !self.shows_rows() => Statement::Harmless,
            Head::Explain { inner: None, .. } if !nested() => Statement::Harmless,
            Head::Empty
            | Head::Begin { .. }
            | Head::Commit(_)
            | Head::Rollback(_)
            | Head::Savepoint(_)
            | Head::RollbackTo(_)
            | Head::Release(_)
            | Head::SetTransaction
            | Head::Use(_)
            | Head::UnlockTables
            | Head::Deallocate { .. }
            | Head::ShowDiagnostics
            // No subquery can stand in them.
            | Head::Account => Statement::Harmless,
            _ => Statement::Other,
        }
    }

    /// SHOW with a WHERE may hold subqueries.
    fn shows_rows(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| word_in(self.sql, token, &["WHERE", "SELECT"]) || is_op(self.sql, token, ";"))
    }

    /// The configured name at `at`, with the token of its schema.
    fn named(&self, at: usize) -> Option<(Option<usize>, Named)> {
        let token = self.tokens.get(at)?;
        if !matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent) {
            return None;
        }
        let schema = self.schema_of(at);
        let spelled = schema.and_then(|schema| self.tokens.get(schema));
        let in_shunt = match spelled {
            Some(schema) => self.is_name(schema, "shunt"),
            None => self.facts.database.as_deref().is_some_and(|db| db.eq_ignore_ascii_case("shunt")),
        };
        let keyword = || word_in(self.sql, token, &TABLES) || word_in(self.sql, token, &EXPRESSIONS);
        if in_shunt && (schema.is_some() || !keyword()) {
            return Some((schema, Named::Control));
        }
        self.configured(token, schema).map(|name| (schema, name)).or_else(|| {
            let database =
                self.is_name(token, "shunt") || self.schemas().any(|name| self.is_name(token, name));
            database.then_some((schema, Named::Database))
        })
    }

    fn schemas(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .flat_map(|table| table.shards().iter().chain([table.legacy()]))
            .map(|name| name.schema.as_str())
    }

    /// The configured table of this name; of several, the one in the schema that is meant.
    fn configured(&self, token: &Token, schema: Option<usize>) -> Option<Named> {
        let fits = |name: &QualifiedName| self.is_name(token, &name.table);
        let mut found = self.tables.iter().filter_map(|table| {
            if fits(table.legacy()) {
                return Some(Named::Legacy(table.id().clone()));
            }
            let (shard, _) = table.numbered_shards().find(|(_, name)| fits(name))?;
            Some(Named::Shard(table.id().clone(), shard))
        });
        let first = found.next()?;
        if self.in_configured_schema(&first, schema) {
            return Some(first);
        }
        Some(found.find(|name| self.in_configured_schema(name, schema)).unwrap_or(first))
    }

    fn verdict(&self, at: usize, name: &Named, statement: Statement, clauses: &Clauses) -> Verdict {
        let not = Verdict::NotTable;
        if statement == Statement::Harmless {
            return not(NotTable::Statement);
        }
        if *name == Named::Database {
            let whole = statement == Statement::Database;
            return if whole { Verdict::MaybeTable } else { not(NotTable::Qualifier) };
        }
        let schema = self.schema_of(at);
        // `user.id`; but `user.*` may be the target of a DELETE.
        if schema.is_none() && self.is_op_at(at + 1, ".") && !self.is_op_at(at + 2, "*") {
            return not(NotTable::Qualifier);
        }
        let meant = |schema| self.in_configured_schema(name, schema);
        let may_be_meant = meant(schema) || self.may_lack_schema(schema) && meant(None);
        if *name != Named::Control && !may_be_meant {
            return not(NotTable::OtherSchema);
        }
        if schema.is_some() {
            return Verdict::MaybeTable;
        }
        if clauses.expression() {
            return not(NotTable::Expression);
        }
        let follows_as = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let alias = follows_as.is_some_and(|token| is_word(self.sql, token, "AS"));
        if alias && statement == Statement::Dml {
            return not(NotTable::Alias);
        }
        Verdict::MaybeTable
    }

    /// The schema that is spelled or current is the one of the configured table.
    fn in_configured_schema(&self, name: &Named, schema: Option<usize>) -> bool {
        let wanted = |id: &TableId| self.tables.iter().find(|table| table.id() == id);
        let configured = match name {
            Named::Legacy(id) => wanted(id).map(|table| table.legacy()),
            Named::Shard(id, shard) => wanted(id).map(|table| table.shard(*shard)),
            Named::Control | Named::Database => return true,
        };
        let Some(configured) = configured else {
            return true;
        };
        match schema.and_then(|at| self.tokens.get(at)) {
            Some(token) => self.is_name(token, &configured.schema),
            None => {
                self.facts.database.as_deref().is_some_and(|db| self.same(db.as_bytes(), &configured.schema))
            }
        }
    }

    /// The token of `a` in `a.b` for `b` at `at`.
    fn schema_of(&self, at: usize) -> Option<usize> {
        let schema = at.checked_sub(2)?;
        let token = self.tokens.get(schema)?;
        let is_ident = matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent);
        (is_ident && self.is_op_at(at - 1, ".")).then_some(schema)
    }

    /// MariaDB: in `UPDATE .user` a keyword stands in front of the point, and the schema is the current one. Only without
    /// a gap on either side of the point the word is a name for sure.
    fn may_lack_schema(&self, schema: Option<usize>) -> bool {
        let Some([schema, point, name]) = schema.and_then(|at| self.tokens.get(at..at + 3)) else {
            return false;
        };
        schema.kind == TokenKind::Ident && (schema.end != point.start || point.end != name.start)
    }

    fn is_op_at(&self, at: usize, op: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| is_op(self.sql, token, op))
    }

    fn is_name(&self, token: &Token, name: &str) -> bool {
        let text = ident_text(self.sql, token);
        // In another character set the same name has other bytes: any name beyond ASCII may be it.
        if !name.is_ascii() && self.facts.charset != Charset::Utf8 {
            return !text.is_ascii();
        }
        self.same(&text, name)
    }

    fn same(&self, text: &[u8], name: &str) -> bool {
        if !self.facts.lower_case_table_names {
            return text == name.as_bytes();
        }
        match std::str::from_utf8(text) {
            Ok(text) => text.to_lowercase() == name.to_lowercase(),
            Err(_) => !name.is_ascii(),
        }
    }
}

/// Behind these words tables are named, until one of [`EXPRESSIONS`].
const TABLES: [&str; 18] = [
    "FROM",
    "JOIN",
    "STRAIGHT_JOIN",
    "UPDATE",
    "INTO",
    "TABLE",
    "TABLES",
    "INSERT",
    "REPLACE",
    "DELETE",
    "USING",
    "OF",
    "FOR",
    "REFERENCES",
    "WITH",
    "RECURSIVE",
    "LOCK",
    "PROCEDURE",
];
/// Behind these words only expressions stand, until one of [`TABLES`]. All are reserved on both servers: no
/// name is spelled so without quotes, except behind a point.
const EXPRESSIONS: [&str; 7] = ["SELECT", "WHERE", "HAVING", "BY", "SET", "VALUES", "LIMIT"];

/// Whether a place in a statement belongs to an expression, for each open parenthesis.
struct Clauses {
    enabled: bool,
    /// One entry a level; the last one is the current level's.
    expression: Vec<bool>,
    /// The last word on each level was one that begins an INSERT: a column list may follow.
    insert: bool,
}

impl Clauses {
    fn new(enabled: bool) -> Self {
        Self { enabled, expression: vec![false], insert: false }
    }

    fn expression(&self) -> bool {
        self.enabled && self.expression.last().copied().unwrap_or(false)
    }

    /// Takes the token at `at` into account.
    fn step(&mut self, sql: &[u8], tokens: &[Token], at: usize) {
        let Some(token) = tokens.get(at) else {
            return;
        };
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        if is_op(sql, token, "(") {
            let named = before(1).is_some_and(|t| is_name_of_table(sql, t));
            let inner = self.expression() || (self.insert && self.expression.len() == 1 && named);
            self.expression.push(inner);
        } else if is_op(sql, token, ")") {
            if self.expression.len() > 1 {
                self.expression.pop();
            }
        } else if token.kind == TokenKind::Ident && !before(1).is_some_and(|t| is_op(sql, t, ".")) {
            let called = tokens.get(at + 1).is_some_and(|next| is_op(sql, next, "("));
            let index_hint = is_word(sql, token, "BY") && before(2).is_some_and(|t| is_word(sql, t, "FOR"));
            let function = called && word_in(sql, token, &["INSERT", "REPLACE"]);
            let assigns = is_word(sql, token, "UPDATE") && before(1).is_some_and(|t| is_word(sql, t, "KEY"));
            if word_in(sql, token, &TABLES) && !function && !assigns {
                self.enter(false);
                self.insert = word_in(sql, token, &["INTO", "INSERT", "REPLACE"]);
            } else if assigns || word_in(sql, token, &EXPRESSIONS) && !index_hint {
                self.enter(true);
                self.insert = false;
            }
        }
    }

    fn enter(&mut self, expression: bool) {
        if let Some(level) = self.expression.last_mut() {
            *level = expression;
        }
    }
}

/// The token in front of a column list: a name, and none of the words that can stand there.
fn is_name_of_table(sql: &[u8], token: &Token) -> bool {
    let words =
        ["INTO", "INSERT", "REPLACE", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "PARTITION"];
    match token.kind {
        TokenKind::QuotedIdent => true,
        TokenKind::Ident => !word_in(sql, token, &words),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
