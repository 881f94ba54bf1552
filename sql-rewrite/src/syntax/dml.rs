//! INSERT, REPLACE, UPDATE and DELETE.

use super::{
    NotUnderstood,
    query::Reader,
    source::Span,
    tree::{Assignment, Change, Insert, InsertSource, Role, Row, RowAlias, Shape, TargetName, Targets},
};

/// Clauses behind the table of an UPDATE or DELETE.
const CHANGE_CLAUSES: [&str; 4] = ["WHERE", "ORDER", "LIMIT", "RETURNING"];

impl Reader<'_> {
    /// From INSERT or REPLACE on.
    pub(super) fn insert(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let replace = source.word(0, "REPLACE");
        let (mut at, ignore) = self.modifiers(1);
        if source.word(at, "INTO") {
            at += 1;
        }
        let mut table = self.partitioned_table(at, "INSERT")?;
        at = table.partition.end;
        table.factor = table.rows();
        self.add_table(table);
        let columns = self.insert_columns(&mut at)?;
        let end = source.len();
        let tail = source.find(&(at..end), |i| source.words(i, &["ON", "DUPLICATE", "KEY", "UPDATE"]));
        let returning = source.find(&(at..end), |i| source.word(i, "RETURNING"));
        let rows_end = tail.min(returning);
        // `AS new` may follow the rows. The AS of CAST lies inside parentheses, that of a SELECT's items does not.
        let query = source.op(at, "(") || source.any_word(at, &["SELECT", "WITH", "TABLE"]);
        let alias = if query { rows_end } else { source.find(&(at..rows_end), |i| source.word(i, "AS")) };
        let row_alias = self.row_alias(alias..rows_end)?;
        let rows = self.insert_source(at..alias)?;
        let on_duplicate =
            if tail < end { Some(self.assignments(&(tail + 4..returning.max(tail + 4)))?) } else { None };
        self.expression(&(returning..end))?;
        Ok(Shape::Insert(Box::new(Insert {
            replace,
            ignore,
            columns,
            source: rows,
            row_alias,
            on_duplicate,
            returning: (returning < end).then_some(returning + 1..end),
        })))
    }

    fn insert_columns(&self, at: &mut usize) -> Result<Option<(Vec<String>, Span)>, NotUnderstood> {
        let source = self.source;
        if !source.op(*at, "(") {
            return Ok(None);
        }
        let mut inner = *at + 1;
        while source.op(inner, "(") {
            inner += 1;
        }
        if source.any_word(inner, &["SELECT", "WITH", "TABLE", "VALUES"]) {
            return Ok(None);
        }
        let close = source.close(*at);
        let span = *at + 1..close;
        let names = source
            .split_commas(&span)
            .iter()
            .map(|part| match source.dotted(part.start) {
                Some((mut parts, end)) if end == part.end => Ok(parts.pop().unwrap_or_default()),
                _ => Err("the column list of INSERT".to_owned()),
            })
            .collect::<Result<_, _>>()?;
        *at = close + 1;
        Ok(Some((names, span)))
    }

    /// `AS new`, `AS new (a, b)`, or nothing.
    fn row_alias(&self, span: Span) -> Result<Option<RowAlias>, NotUnderstood> {
        let source = self.source;
        if span.is_empty() {
            return Ok(None);
        }
        let what = || "what follows the rows of INSERT".to_owned();
        let name = source.ident(span.start + 1).ok_or_else(what)?;
        let mut columns = Vec::new();
        let mut at = span.start + 2;
        let mut list = at..at;
        if at < span.end && source.op(at, "(") {
            list = at + 1..source.close(at);
            for part in source.split_commas(&(at + 1..source.close(at))) {
                columns.push(source.ident(part.start).filter(|_| part.len() == 1).ok_or_else(what)?);
            }
            at = source.next(at);
        }
        if at == span.end { Ok(Some(RowAlias { name, columns, list })) } else { Err(what()) }
    }

    fn insert_source(&mut self, span: Span) -> Result<InsertSource, NotUnderstood> {
        let source = self.source;
        let at = span.start;
        if source.any_word(at, &["VALUES", "VALUE"]) {
            return self.rows(&(at + 1..span.end)).map(InsertSource::Rows);
        }
        if source.word(at, "SET") {
            let list = at + 1..span.end;
            let assignments = self.assignments(&list)?;
            return Ok(InsertSource::Set(assignments, list));
        }
        if source.op(at, "(") || source.any_word(at, &["SELECT", "WITH", "TABLE"]) {
            self.query(&span, Role::Whole)?;
            return Ok(InsertSource::Query(span));
        }
        Err("what follows the table of INSERT".to_owned())
    }

    fn rows(&mut self, span: &Span) -> Result<Vec<Row>, NotUnderstood> {
        let source = self.source;
        let mut rows = Vec::new();
        let mut at = span.start;
        loop {
            let start = at;
            if source.word(at, "ROW") {
                at += 1;
            }
            if !source.op(at, "(") || at >= span.end {
                return Err("the rows of INSERT".to_owned());
            }
            let close = source.close(at);
            let values = source.split_commas(&(at + 1..close));
            if values.iter().any(|value| value.is_empty()) {
                return Err("an empty value in INSERT".to_owned());
            }
            self.expression(&(at + 1..close))?;
            rows.push(Row { span: start..close + 1, open: at, values });
            at = close + 1;
            if !(at < span.end && source.op(at, ",")) {
                break;
            }
            at += 1;
        }
        if at < span.end {
            return Err("what follows the rows of INSERT".to_owned());
        }
        Ok(rows)
    }

    /// `a = 1, t.b = 2`.
    pub(super) fn assignments(&mut self, span: &Span) -> Result<Vec<Assignment>, NotUnderstood> {
        let source = self.source;
        let mut list = Vec::new();
        for part in source.split_commas(span) {
            let found = source.dotted(part.start);
            let Some((mut parts, at)) = found else {
                return Err("a list of assignments".to_owned());
            };
            let assigns = source.op(at, "=") || source.op(at, ":=");
            if !assigns || at + 1 >= part.end {
                return Err("a list of assignments".to_owned());
            }
            self.expression(&(at + 1..part.end))?;
            list.push(Assignment {
                column: parts.pop().unwrap_or_default(),
                target: part.start..at,
                value: at + 1..part.end,
            });
        }
        if list.is_empty() {
            return Err("a list of assignments".to_owned());
        }
        Ok(list)
    }

    /// LOW_PRIORITY and the like behind the verb: the token behind them, and whether IGNORE is one.
    fn modifiers(&self, mut at: usize) -> (usize, bool) {
        let mut ignore = false;
        let words = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"];
        while self.source.is_hint(at) || self.source.any_word(at, &words) {
            ignore |= self.source.word(at, "IGNORE");
            at += 1;
        }
        (at, ignore)
    }

    /// From UPDATE on, which stands at `verb`.
    pub(super) fn update(&mut self, verb: usize) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let (start, ignore) = self.modifiers(verb + 1);
        let end = source.len();
        let (set, _) = self.table_list(start, end, None)?;
        if !source.word(set, "SET") {
            return Err("UPDATE without SET".to_owned());
        }
        let targets = if self.single_factor(start, set) { Targets::Alone } else { Targets::Assigned };
        let stop = source.find(&(set + 1..end), |i| source.any_word(i, &CHANGE_CLAUSES));
        let assignments = self.assignments(&(set + 1..stop))?;
        let change = self.change_clauses(start..set, targets, stop)?;
        Ok(Shape::Update(Box::new(Change { with: 0..verb, ignore, assignments, ..change })))
    }

    /// From DELETE on, which stands at `verb`.
    pub(super) fn delete(&mut self, verb: usize) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let end = source.len();
        let (at, ignore) = self.modifiers(verb + 1);
        let from = source.find(&(at..end), |i| source.word(i, "FROM"));
        let using = source.find(&(at..end), |i| {
            source.word(i, "USING") && !source.op(i + 1, "(") || source.any_word(i, &CHANGE_CLAUSES)
        });
        let (names, list) = match () {
            () if from > at => (at..from, from + 1),
            () if source.word(using, "USING") => (at + 1..using, using + 1),
            () => (at..at, at + 1),
        };
        let (after, _) = self.table_list(list.min(end), end, None)?;
        let targets = match () {
            () if !names.is_empty() => {
                let span = names.start..if from > at { from } else { list };
                Targets::Named { names: self.target_names(&names)?, span }
            }
            () if self.single_factor(list, after) => Targets::Alone,
            () => return Err("DELETE from a list of tables".to_owned()),
        };
        let change = self.change_clauses(list..after, targets, after)?;
        Ok(Shape::Delete(Box::new(Change { with: 0..verb, ignore, ..change })))
    }

    /// `a, app.b, c.*`.
    fn target_names(&self, span: &Span) -> Result<Vec<TargetName>, NotUnderstood> {
        let source = self.source;
        let name = |part: &Span| {
            let (parts, end) = source.dotted(part.start)?;
            let star = source.op(end, ".") && source.op(end + 1, "*");
            let whole = if star { end + 2 == part.end } else { end == part.end };
            (whole && parts.len() <= 2).then_some(TargetName { parts, tokens: part.start..end })
        };
        let names = source.split_commas(span).iter().map(name).collect::<Option<Vec<_>>>();
        names.ok_or_else(|| "the tables of DELETE".to_owned())
    }

    /// Whether these tokens are one plain table reference.
    fn single_factor(&self, start: usize, end: usize) -> bool {
        self.last_table().is_some_and(|table| table.factor == (start..end))
    }

    /// What follows the table list `from` and the assignments.
    fn change_clauses(
        &mut self,
        from: Span,
        targets: Targets,
        start: usize,
    ) -> Result<Change, NotUnderstood> {
        let source = self.source;
        let end = source.len();
        let mut change = Change {
            with: 0..0,
            from,
            targets,
            ignore: false,
            assignments: Vec::new(),
            filter: None,
            order: None,
            limit: None,
            where_place: start,
            returning: None,
        };
        let mut at = start;
        while at < end {
            let body = match () {
                () if source.words(at, &["ORDER", "BY"]) => at + 2,
                () if source.any_word(at, &["WHERE", "LIMIT", "RETURNING"]) => at + 1,
                () => return Err(format!("`{}`", String::from_utf8_lossy(source.bytes(at)))),
            };
            let stop = source.find(&(body..end), |i| source.any_word(i, &CHANGE_CLAUSES));
            self.expression(&(body..stop))?;
            let slot = match () {
                () if source.word(at, "WHERE") => &mut change.filter,
                () if source.word(at, "ORDER") => &mut change.order,
                () if source.word(at, "LIMIT") => &mut change.limit,
                () => &mut change.returning,
            };
            if slot.is_some() || body == stop {
                return Err(format!("`{}`", String::from_utf8_lossy(source.bytes(at))));
            }
            *slot = Some(body..stop);
            at = stop;
        }
        Ok(change)
    }
}
