//! Queries: SELECT blocks, table lists, subqueries inside expressions.

use super::{
    NotUnderstood,
    source::{Source, Span},
    tree::{Block, Cte, Parsed, Role, Shape, TableRef},
};

/// Where a table list ends at its own level.
pub(super) const AFTER_FROM: [&str; 15] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "PROCEDURE",
    "INTO",
    "FOR",
    "LOCK",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WINDOW",
    "SET",
    "RETURNING",
];

const SELECT_OPTIONS: [&str; 11] = [
    "ALL",
    "DISTINCT",
    "DISTINCTROW",
    "HIGH_PRIORITY",
    "STRAIGHT_JOIN",
    "SQL_SMALL_RESULT",
    "SQL_BIG_RESULT",
    "SQL_BUFFER_RESULT",
    "SQL_NO_CACHE",
    "SQL_CACHE",
    "SQL_CALC_FOUND_ROWS",
];

/// Words right before an operand in parentheses.
const AFTER_OPERATOR: [&str; 5] = ["UNION", "EXCEPT", "INTERSECT", "ALL", "DISTINCT"];

const SET_OPERATORS: [&str; 3] = ["UNION", "EXCEPT", "INTERSECT"];

/// Deeper nesting than this is not understood: the reader and the parser recurse.
const MAX_DEPTH: usize = 40;

/// Collects table references and SELECT blocks while it walks a statement.
pub(super) struct Reader<'a> {
    pub(super) source: Source<'a>,
    found: Parsed,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, found: Parsed::default(), depth: 0 }
    }

    pub(super) fn finish(mut self, shape: Shape) -> Parsed {
        self.found.tables.sort_by_key(|table| table.tokens.start);
        Parsed { shape, ..self.found }
    }

    pub(super) fn add_table(&mut self, table: TableRef) {
        self.found.tables.push(table);
    }

    pub(super) fn last_table(&self) -> Option<&TableRef> {
        self.found.tables.last()
    }

    pub(super) fn add_alias(&mut self, alias: Option<String>) {
        self.found.aliases.extend(alias);
    }

    pub(super) fn renames_columns(&mut self) {
        self.found.renames_columns = true;
    }

    /// Of the table list of an UPDATE or DELETE.
    pub(super) fn merges_columns(&mut self, merges: bool) {
        self.found.merges_columns |= merges;
    }

    pub(super) fn block_mut(&mut self, number: usize) -> Option<&mut Block> {
        self.found.blocks.get_mut(number)
    }

    pub(super) fn unexpected<T>(&self, at: usize, place: &str) -> Result<T, NotUnderstood> {
        let bytes = self.source.bytes(at);
        let token = if bytes.is_empty() {
            "its end".to_owned()
        } else {
            format!("`{}`", String::from_utf8_lossy(bytes))
        };
        Err(format!("{token} in {place}"))
    }

    /// A query from `span.start` to the end of the span: `WITH`, `SELECT`, `TABLE`, `VALUES`, `(`.
    pub(super) fn query(&mut self, span: &Span, role: Role) -> Result<(), NotUnderstood> {
        let mut at = span.start;
        if self.source.word(at, "WITH") {
            at = self.with_clause(at, span.end)?;
        }
        self.body(&(at..span.end), role)
    }

    /// `WITH [RECURSIVE] name [(…)] AS (query), …` before a query that ends at `end`; returns the token behind it.
    pub(super) fn with_clause(&mut self, start: usize, end: usize) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let mut at = start + 1;
        let recursive = source.word(at, "RECURSIVE");
        if recursive {
            at += 1;
        }
        loop {
            let Some(name) = source.ident(at) else {
                return self.unexpected(at, "WITH");
            };
            at += 1;
            if source.op(at, "(") {
                self.renames_columns();
                at = source.next(at);
            }
            if !(source.word(at, "AS") && source.op(at + 1, "(")) {
                return self.unexpected(at, "WITH");
            }
            let close = source.close(at + 1);
            let from = if recursive { at + 1 } else { close };
            // MariaDB lets expressions of WITH RECURSIVE name later ones.
            let doubtful = if recursive { start..at } else { start..start };
            self.found.ctes.push(Cte { name, visible: from..end, doubtful });
            self.nested(|reader| reader.query(&(at + 2..close), Role::Cte))?;
            at = close + 1;
            if at < end && source.op(at, ",") {
                at += 1;
            } else {
                return Ok(at);
            }
        }
    }

    pub(super) fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<(), NotUnderstood>,
    ) -> Result<(), NotUnderstood> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("nesting deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Searches an expression for subqueries.
    pub(super) fn expression(&mut self, span: &Span) -> Result<(), NotUnderstood> {
        let source = self.source;
        let mut at = span.start;
        while at < span.end {
            if source.op(at, "(") {
                let close = source.close(at);
                self.nested(|reader| reader.query(&(at + 1..close), Role::Subquery))?;
            } else if source.any_word(at, &["SELECT", "TABLE"]) {
                return self.body(&(at..span.end), Role::Subquery);
            }
            at = source.next(at);
        }
        Ok(())
    }

    /// What follows WITH: SELECTs, TABLE and VALUES statements and queries in parentheses, joined by UNION and the
    /// like; or an expression in parentheses. The clauses behind the last SELECT are its own.
    pub(super) fn body(&mut self, span: &Span, role: Role) -> Result<(), NotUnderstood> {
        let source = self.source;
        let first = self.found.blocks.len();
        let mut at = span.start;
        while at < span.end {
            if source.op(at, "(") {
                let close = source.close(at);
                let operand = at == span.start || source.any_word(at - 1, &AFTER_OPERATOR);
                let role = if operand { role } else { Role::Subquery };
                self.nested(|reader| reader.query(&(at + 1..close), role))?;
            } else if source.word(at, "SELECT") {
                at = self.select(at, span.end, role)?;
                continue;
            } else if source.word(at, "TABLE") {
                let table = TableRef { is_statement: true, ..self.named_table(at + 1, "TABLE")? };
                at = table.tokens.end - 1;
                self.add_table(table);
            }
            at = source.next(at);
        }
        if source.find(span, |i| source.any_word(i, &SET_OPERATORS)) < span.end {
            let mut operands_end = 0;
            for block in self.found.blocks.get_mut(first..).unwrap_or_default() {
                // The others stand inside of an operand.
                if block.span.start >= operands_end {
                    block.combined = true;
                    operands_end = block.span.end;
                }
            }
        }
        Ok(())
    }

    /// `SELECT …` up to a set operator or `end`, which it returns.
    fn select(&mut self, start: usize, end: usize, role: Role) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let mut at = start + 1;
        while source.any_word(at, &SELECT_OPTIONS) || source.is_hint(at) {
            at += 1;
        }
        let number = self.found.blocks.len();
        self.found.blocks.push(Block { options: start + 1..at, role, ..Block::default() });
        let items_start = at;
        at = source.find(&(at..end), |i| {
            self.is_clause(i)
                || source.word(i, "INTO")
                || source.word(i, "FROM") && !source.begins_from_first(i)
        });
        self.found.blocks[number].items = items_start..at;
        self.expression(&(items_start..at))?;
        while at < end && !source.any_word(at, &SET_OPERATORS) {
            at = self.clause(number, at, end)?;
        }
        let end = at.min(end);
        self.found.blocks[number].span = start..end;
        Ok(end)
    }

    pub(super) fn is_clause(&self, i: usize) -> bool {
        let source = self.source;
        match () {
            () if source.word(i, "FOR") => source.any_word(i + 1, &["UPDATE", "SHARE"]),
            () if source.word(i, "LOCK") => source.word(i + 1, "IN"),
            () if source.word(i, "WINDOW") => source.word(i + 2, "AS"),
            () if source.word(i, "SET") || source.word(i, "RETURNING") => false,
            () if source.word(i, "INTO") => true,
            () => source.any_word(i, &AFTER_FROM),
        }
    }

    /// One clause of block `number` from its keyword on; returns the token behind it.
    fn clause(&mut self, number: usize, at: usize, end: usize) -> Result<usize, NotUnderstood> {
        let source = self.source;
        if source.word(at, "FROM") {
            let (after, joined) = self.table_list(at + 1, end, Some(number))?;
            self.found.blocks[number].from = at + 1..after;
            self.found.blocks[number].tables = joined;
            return Ok(after);
        }
        let body = match () {
            () if source.any_word(at, &["GROUP", "ORDER"]) && source.word(at + 1, "BY") => at + 2,
            () if source.word(at, "FOR") || source.word(at, "LOCK") => at,
            () => at + 1,
        };
        let from_ends_into = source.word(at, "INTO");
        let stop = source.find(&(body.max(at + 1)..end), |i| {
            self.is_clause(i) || from_ends_into && source.word(i, "FROM")
        });
        self.expression(&(body..stop))?;
        let span = body..stop;
        let block = &mut self.found.blocks[number];
        let slot = match () {
            () if source.word(at, "WHERE") => &mut block.filter,
            () if source.word(at, "GROUP") => &mut block.group,
            () if source.word(at, "HAVING") => &mut block.having,
            () if source.word(at, "ORDER") => &mut block.order,
            () if source.word(at, "LIMIT") => &mut block.limit,
            () if source.word(at, "INTO") => &mut block.into,
            () if source.any_word(at, &["FOR", "LOCK"]) => &mut block.lock,
            () if source.word(at, "WINDOW") => return Ok(stop),
            () => return self.unexpected(at, "a SELECT"),
        };
        if slot.is_some() {
            return self.unexpected(at, "a SELECT that has this clause already");
        }
        *slot = Some(if source.word(at, "INTO") { at..stop } else { span });
        Ok(stop)
    }
}
