//! What kind of statement it is, and the tables that statements other than DML name.

use super::{
    NotUnderstood,
    query::Reader,
    tree::{Role, Shape, TableRef},
};

/// Statements whose objects are accounts or the server, whatever words follow.
const ACCOUNT_OBJECTS: [&str; 3] = ["USER", "ROLE", "SERVER"];

/// Words behind which DDL names a table.
const BEFORE_TABLE: [&str; 14] = [
    "TABLE",
    "TABLES",
    "EXISTS",
    "ON",
    "TO",
    "LIKE",
    "REFERENCES",
    "FROM",
    "JOIN",
    "INTO",
    "UPDATE",
    "TRUNCATE",
    "VIEW",
    "TRIGGER",
];

impl Reader<'_> {
    /// Reads the whole statement.
    pub(super) fn statement(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let all = 0..source.len();
        match () {
            () if source.len() == 0 => Ok(Shape::Harmless),
            () if source.any_word(0, &["SELECT", "TABLE", "VALUES"]) || source.op(0, "(") => {
                self.query(&all, Role::Whole)?;
                Ok(Shape::Query)
            }
            () if source.word(0, "WITH") => {
                let after = self.with_clause(0, source.len())?;
                match () {
                    () if source.word(after, "UPDATE") => self.update(after),
                    () if source.word(after, "DELETE") => self.delete(after),
                    () => {
                        self.body(&(after..source.len()), Role::Whole)?;
                        Ok(Shape::Query)
                    }
                }
            }
            () if source.any_word(0, &["INSERT", "REPLACE"]) => self.insert(),
            () if source.word(0, "UPDATE") => self.update(0),
            () if source.word(0, "DELETE") => self.delete(0),
            () => self.other(),
        }
    }

    fn other(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let all = 0..source.len();
        match () {
            () if source.any_word(0, &["SHOW", "HELP"]) => Ok(Shape::Shows),
            () if source.any_word(0, &["EXPLAIN", "DESCRIBE", "DESC"]) => Ok(self.explain()),
            () if source.word(0, "LOCK") => self.lock_tables(),
            () if source.word(0, "PREPARE") => Ok(Shape::TextPrepare),
            () if source.word(0, "LOAD") => {
                let into = source.find(&all, |i| source.words(i, &["INTO", "TABLE"]));
                let table = self.named_table(into + 2, "LOAD")?;
                self.add_table(table);
                Ok(Shape::Load)
            }
            () if source.word(0, "HANDLER") => {
                let table = self.named_table(1, "HANDLER")?;
                self.add_table(table);
                Ok(Shape::Handler)
            }
            () if source.words(0, &["SET", "STATEMENT"]) => Err("SET STATEMENT".to_owned()),
            () if source.any_word(0, &["SET", "DO", "CALL"]) => {
                self.expression(&all)?;
                let verb = ["SET", "DO", "CALL"].into_iter().find(|verb| source.word(0, verb));
                Ok(Shape::Expressions(verb.unwrap_or("SET")))
            }
            () if source.word(0, "FLUSH") => self.flush(),
            () if source.any_word(0, &["GRANT", "REVOKE", "CHECKSUM", "CHECK", "USE"]) => Ok(Shape::Harmless),
            () if source.word(0, "ANALYZE")
                && source.any_word(1, &["TABLE", "LOCAL", "NO_WRITE_TO_BINLOG"]) =>
            {
                Ok(Shape::Harmless)
            }
            () if source.any_word(0, &["CREATE", "ALTER", "DROP", "RENAME"]) => self.definition(),
            () if source.word(0, "TRUNCATE") => self.truncate(),
            () if source.any_word(0, &["OPTIMIZE", "REPAIR"]) => {
                self.tables_by_position(0);
                Ok(Shape::Ddl("OPTIMIZE or REPAIR"))
            }
            () => Err(format!("a statement that begins with `{}`", String::from_utf8_lossy(source.bytes(0)))),
        }
    }

    /// MariaDB has WAIT and NOWAIT behind the name.
    fn truncate(&mut self) -> Result<Shape, NotUnderstood> {
        let name = if self.source.word(1, "TABLE") { 2 } else { 1 };
        let table = self.named_table(name, "TRUNCATE")?;
        let alone = table.tokens.end == self.source.len();
        self.add_table(table);
        Ok(if alone { Shape::Truncate } else { Shape::Ddl("TRUNCATE with more than a name") })
    }

    /// EXPLAIN shows a plan; EXPLAIN ANALYZE runs the statement, which is harmless for SELECT.
    fn explain(&mut self) -> Shape {
        let source = self.source;
        let at = source
            .find(&(0..source.len()), |i| source.any_word(i, &["INSERT", "REPLACE", "UPDATE", "DELETE"]));
        let analyzes = source.find(&(0..at), |i| source.word(i, "ANALYZE")) < at;
        if analyzes && at < source.len() {
            return Shape::Unknown("EXPLAIN ANALYZE of a statement that writes".to_owned());
        }
        Shape::Shows
    }

    fn definition(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let mut at = 1;
        let mut temporary = false;
        while source.any_word(
            at,
            &["OR", "REPLACE", "TEMPORARY", "UNIQUE", "FULLTEXT", "SPATIAL", "IGNORE", "ONLINE", "OFFLINE"],
        ) {
            temporary |= source.word(at, "TEMPORARY");
            at += 1;
        }
        if source.any_word(at, &ACCOUNT_OBJECTS) {
            return Ok(Shape::Harmless);
        }
        if source.any_word(at, &["DATABASE", "SCHEMA"]) {
            let creates = source.word(0, "CREATE");
            return Ok(if creates { Shape::Harmless } else { Shape::Ddl("DROP or ALTER DATABASE") });
        }
        let names_table = source.any_word(at, &["TABLE", "TABLES", "INDEX"]);
        let verb = match () {
            () if source.word(0, "CREATE") => "CREATE",
            () if source.word(0, "ALTER") => "ALTER",
            () if source.word(0, "DROP") => "DROP",
            () => "RENAME",
        };
        self.tables_by_position(at);
        if names_table && temporary && source.word(0, "CREATE") {
            return Ok(Shape::TemporaryTable);
        }
        if self.creates_with_columns() {
            return Ok(Shape::CreateTable);
        }
        Ok(Shape::Ddl(verb))
    }

    /// `CREATE TABLE t (…)` that takes no rows and replaces nothing.
    fn creates_with_columns(&self) -> bool {
        let source = self.source;
        let guarded = source.words(2, &["IF", "NOT", "EXISTS"]);
        let named = source.dotted(if guarded { 5 } else { 2 });
        let Some((_, at)) = named.filter(|_| source.words(0, &["CREATE", "TABLE"])) else { return false };
        let rows = |i: usize| {
            source.any_word(i, &["SELECT", "WITH", "VALUES", "TABLE"])
                || source.op(i, "(") && source.opens_query(i)
        };
        source.op(at, "(") && source.find(&(at..source.len()), rows) == source.len()
    }

    /// Names that stand where DDL has tables: behind certain words, or behind a comma that follows
    /// such a name (`DROP TABLE a, b`, `RENAME TABLE a TO b, c TO d`).
    fn tables_by_position(&mut self, start: usize) {
        let source = self.source;
        let mut at = start;
        let mut list = false;
        while at < source.len() {
            let before = source.any_word(at, &BEFORE_TABLE) || list && source.op(at, ",");
            if before && let Some(table) = self.ddl_name(at + 1) {
                at = table.tokens.end;
                self.add_table(table);
                list = true;
                continue;
            }
            if source.op(at, "(") || source.op(at, ")") {
                list = false;
            }
            at += 1;
        }
    }

    fn ddl_name(&self, at: usize) -> Option<TableRef> {
        let source = self.source;
        if source.any_word(at, &["IF", "TABLE", "EXISTS"]) && source.ident(at + 1).is_some() {
            return None;
        }
        self.named_table(at, "DDL").ok()
    }
}
