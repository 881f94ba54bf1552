//! Queries: SELECT blocks, table lists, subqueries inside expressions.

use super::{
    NotUnderstood,
    source::{Source, Span},
    tree::{Block, Parsed, Shape, TableRef},
};

/// Where a table list ends at its own level.
const AFTER_FROM: [&str; 15] = [
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

/// Words that begin or continue a join and so cannot be a bare alias.
const JOIN_WORDS: [&str; 14] = [
    "JOIN",
    "INNER",
    "CROSS",
    "LEFT",
    "RIGHT",
    "NATURAL",
    "STRAIGHT_JOIN",
    "ON",
    "USING",
    "USE",
    "FORCE",
    "IGNORE",
    "PARTITION",
    "TABLESAMPLE",
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

const SET_OPERATORS: [&str; 3] = ["UNION", "EXCEPT", "INTERSECT"];

/// Deeper nesting than this is not understood: the reader and the parser recurse.
const MAX_DEPTH: usize = 40;

/// Collects table references and SELECT blocks while it walks a statement.
pub(super) struct Reader<'a> {
    pub(super) source: Source<'a>,
    tables: Vec<TableRef>,
    blocks: Vec<Block>,
    ctes: Vec<String>,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, tables: Vec::new(), blocks: Vec::new(), ctes: Vec::new(), depth: 0 }
    }

    pub(super) fn finish(mut self, shape: Shape) -> Parsed {
        self.tables.sort_by_key(|table| table.tokens.start);
        Parsed { shape, tables: self.tables, blocks: self.blocks, ctes: self.ctes }
    }

    pub(super) fn add_table(&mut self, table: TableRef) {
        self.tables.push(table);
    }

    pub(super) fn last_table(&self) -> Option<&TableRef> {
        self.tables.last()
    }

    fn unexpected<T>(&self, at: usize, place: &str) -> Result<T, NotUnderstood> {
        let bytes = self.source.bytes(at);
        let token = if bytes.is_empty() {
            "its end".to_owned()
        } else {
            format!("`{}`", String::from_utf8_lossy(bytes))
        };
        Err(format!("{token} in {place}"))
    }

    /// A query from `span.start` to the end of the span: `WITH`, `SELECT`, `TABLE`, `VALUES`, `(`.
    pub(super) fn query(&mut self, span: &Span) -> Result<(), NotUnderstood> {
        let mut at = span.start;
        if self.source.word(at, "WITH") {
            at = self.with_clause(at, span.end)?;
        }
        self.expression(&(at..span.end))
    }

    /// `WITH [RECURSIVE] name [(…)] AS (query), …`; returns the token behind it.
    pub(super) fn with_clause(&mut self, start: usize, end: usize) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let mut at = start + 1;
        if source.word(at, "RECURSIVE") {
            at += 1;
        }
        loop {
            let Some(name) = source.ident(at) else {
                return self.unexpected(at, "WITH");
            };
            self.ctes.push(name);
            at += 1;
            if source.op(at, "(") {
                at = source.next(at);
            }
            if !(source.word(at, "AS") && source.op(at + 1, "(")) {
                return self.unexpected(at, "WITH");
            }
            let close = source.close(at + 1);
            self.nested(|reader| reader.query(&(at + 2..close)))?;
            at = close + 1;
            if at < end && source.op(at, ",") {
                at += 1;
            } else {
                return Ok(at);
            }
        }
    }

    fn nested(
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

    /// Searches an expression for subqueries. A bare SELECT begins one that fills the rest of the
    /// span, TABLE one that names a table.
    pub(super) fn expression(&mut self, span: &Span) -> Result<(), NotUnderstood> {
        let source = self.source;
        let mut at = span.start;
        while at < span.end {
            if source.op(at, "(") {
                let close = source.close(at);
                self.nested(|reader| reader.query(&(at + 1..close)))?;
            } else if source.word(at, "SELECT") {
                return self.select(at, span.end);
            } else if source.word(at, "TABLE") {
                let table = self.named_table(at + 1, "TABLE")?;
                at = table.tokens.end - 1;
                self.tables.push(table);
            }
            at = source.next(at);
        }
        Ok(())
    }

    /// A table's name and nothing else.
    pub(super) fn named_table(&self, at: usize, place: &str) -> Result<TableRef, NotUnderstood> {
        let (mut parts, end) = match self.source.dotted(at) {
            Some(found) => found,
            None => return self.unexpected(at, place),
        };
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        if !parts.is_empty() || self.source.op(end, ".") {
            return self.unexpected(end, place);
        }
        Ok(TableRef {
            schema,
            name,
            tokens: at..end,
            alias: None,
            factor: at..end,
            qualified: false,
            index_hints: end..end,
            block: None,
        })
    }

    fn select(&mut self, start: usize, end: usize) -> Result<(), NotUnderstood> {
        let source = self.source;
        let mut at = start + 1;
        while source.any_word(at, &SELECT_OPTIONS) || source.is_hint(at) {
            at += 1;
        }
        let number = self.blocks.len();
        self.blocks.push(Block { options: start + 1..at, ..Block::default() });
        let items_start = at;
        at = source.find(&(at..end), |i| {
            self.is_clause(i) || source.word(i, "INTO") || source.word(i, "FROM") && !from_first(source, i)
        });
        self.blocks[number].items = items_start..at;
        self.expression(&(items_start..at))?;
        while at < end {
            at = self.clause(number, at, end)?;
        }
        self.blocks[number].span = start..end;
        Ok(())
    }

    fn is_clause(&self, i: usize) -> bool {
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
            let first = self.tables.len();
            let after = self.table_list(at + 1, end, Some(number))?;
            self.blocks[number].from = at + 1..after;
            for table in &mut self.tables[first..] {
                table.block.get_or_insert(number);
            }
            return Ok(after);
        }
        if source.any_word(at, &SET_OPERATORS) {
            return self.set_operator(number, at, end);
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
        let block = &mut self.blocks[number];
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

    fn set_operator(&mut self, number: usize, at: usize, end: usize) -> Result<usize, NotUnderstood> {
        let mut next = at + 1;
        if self.source.any_word(next, &["ALL", "DISTINCT"]) {
            next += 1;
        }
        let first = self.blocks.len();
        self.expression(&(next..end))?;
        self.blocks[number].combined = true;
        for block in &mut self.blocks[first..] {
            block.combined = true;
        }
        Ok(end)
    }

    /// `t AS a JOIN (…) ON … , …` up to a clause keyword or `end`.
    pub(super) fn table_list(
        &mut self,
        start: usize,
        end: usize,
        block: Option<usize>,
    ) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let mut at = start;
        let mut expecting = true;
        while at < end {
            if expecting {
                if source.word(at, "LATERAL") {
                    at += 1;
                }
                at = self.table_factor(at, end, block)?;
                expecting = false;
            } else if source.op(at, ",") || source.any_word(at, &["JOIN", "STRAIGHT_JOIN"]) {
                self.mark(block, |block| block.joined = true);
                expecting = true;
                at += 1;
            } else if source.any_word(at, &["INNER", "CROSS", "LEFT", "RIGHT", "OUTER"]) {
                at += 1;
            } else if source.word(at, "NATURAL") {
                self.mark(block, |block| block.merges_columns = true);
                at += 1;
            } else if source.word(at, "USING") && source.op(at + 1, "(") {
                self.mark(block, |block| block.merges_columns = true);
                at = source.next(at + 1);
            } else if source.word(at, "ON") {
                at = self.join_condition(at + 1, end)?;
            } else if self.ends_table_list(at) {
                break;
            } else {
                return self.unexpected(at, "a list of tables");
            }
        }
        if expecting {
            return self.unexpected(at, "a list of tables");
        }
        Ok(at)
    }

    fn ends_table_list(&self, at: usize) -> bool {
        self.is_clause(at) || self.source.any_word(at, &["SET", "RETURNING"])
    }

    fn mark(&mut self, block: Option<usize>, mark: impl FnOnce(&mut Block)) {
        if let Some(block) = block.and_then(|number| self.blocks.get_mut(number)) {
            mark(block);
        }
    }

    fn join_condition(&mut self, start: usize, end: usize) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let stop = source.find(&(start..end), |i| {
            let function = source.op(i + 1, "(");
            source.op(i, ",")
                || source.any_word(i, &["JOIN", "STRAIGHT_JOIN", "INNER", "CROSS", "NATURAL", "ON", "USING"])
                || source.any_word(i, &["LEFT", "RIGHT"]) && !function
                || self.ends_table_list(i)
        });
        self.expression(&(start..stop))?;
        Ok(stop)
    }

    fn table_factor(&mut self, at: usize, end: usize, block: Option<usize>) -> Result<usize, NotUnderstood> {
        let source = self.source;
        if source.op(at, "(") {
            return self.parenthesised_factor(at, end, block);
        }
        if source.word(at, "JSON_TABLE") && source.op(at + 1, "(") {
            let close = source.close(at + 1);
            self.expression(&(at + 2..close))?;
            let (_, _, after) = self.alias(close + 1, end);
            return Ok(after);
        }
        let mut table = self.named_table(at, "a list of tables")?;
        let mut after = table.tokens.end;
        if source.op(after, "(") {
            return self.unexpected(at, "a list of tables: a function there");
        }
        if source.word(after, "PARTITION") && source.op(after + 1, "(") {
            table.qualified = true;
            after = source.next(after + 1);
        }
        if source.word(after, "FOR") && !source.any_word(after + 1, &["UPDATE", "SHARE"]) {
            return self.unexpected(after + 1, "a list of tables");
        }
        let (alias, _, next) = self.alias(after, end);
        table.alias = alias;
        after = next;
        let hints = after;
        while source.any_word(after, &["USE", "FORCE", "IGNORE"])
            && source.any_word(after + 1, &["INDEX", "KEY"])
        {
            let open = source.find(&(after..end), |i| source.op(i, "("));
            if open >= end {
                return self.unexpected(after, "an index hint");
            }
            after = source.next(open);
            if source.op(after, ",") && source.any_word(after + 1, &["USE", "FORCE", "IGNORE"]) {
                after += 1;
            }
        }
        table.index_hints = hints..after;
        table.factor = at..after;
        table.block = block;
        self.tables.push(table);
        Ok(after)
    }

    fn parenthesised_factor(
        &mut self,
        at: usize,
        end: usize,
        block: Option<usize>,
    ) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let close = source.close(at);
        let mut inner = at + 1;
        while source.op(inner, "(") {
            inner += 1;
        }
        if source.any_word(inner, &["SELECT", "WITH", "VALUES", "TABLE"]) {
            self.nested(|reader| reader.query(&(at + 1..close)))?;
            let (_, _, mut after) = self.alias(close + 1, end);
            if source.op(after, "(") {
                after = source.next(after);
            }
            return Ok(after);
        }
        self.nested(|reader| {
            let stop = reader.table_list(at + 1, close, block)?;
            if stop == close { Ok(()) } else { reader.unexpected(stop, "a list of tables") }
        })?;
        Ok(close + 1)
    }

    /// `[AS] alias`: the name, its token and the token behind it.
    fn alias(&self, at: usize, end: usize) -> (Option<String>, usize, usize) {
        let source = self.source;
        if source.word(at, "AS") {
            return (source.ident(at + 1), at + 1, at + 2);
        }
        let bare = at < end && !source.any_word(at, &JOIN_WORDS) && !source.any_word(at, &AFTER_FROM);
        match source.ident(at) {
            Some(name) if bare => (Some(name), at, at + 1),
            _ => (None, at, at),
        }
    }
}

/// `NTH_VALUE(a, 2) FROM FIRST OVER …`: not a FROM clause.
fn from_first(source: Source<'_>, i: usize) -> bool {
    source.any_word(i + 1, &["FIRST", "LAST"])
        && source.any_word(i + 2, &["OVER", "RESPECT", "IGNORE"])
        && i > 0
        && source.op(i - 1, ")")
}
