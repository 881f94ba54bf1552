//! Table lists: the factors of a FROM or UPDATE, and how they are joined.

use super::{
    NotUnderstood,
    query::{AFTER_FROM, Reader},
    source::Span,
    tree::{Block, Join, JoinKind, Joined, Role, TableRef},
};

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

/// Joins that wait for their condition: MySQL lets `a JOIN b LEFT JOIN c ON x ON y` nest to the right, and each
/// ON belongs to the last join that has none.
#[derive(Default)]
struct Pending {
    operands: Vec<Joined>,
    joins: Vec<JoinKind>,
}

impl Pending {
    /// Makes one operand of the last two.
    fn reduce(&mut self, on: Option<Span>) -> Option<()> {
        let kind = self.joins.pop()?;
        let (right, left) = (self.operands.pop()?, self.operands.pop()?);
        self.operands.push(Joined::Join(Box::new(Join { kind, left, right, on })));
        Some(())
    }

    /// All of it, once nothing more can follow.
    fn finish(&mut self) -> Joined {
        while self.reduce(None).is_some() {
            let last = self.operands.pop().unwrap_or_default();
            self.operands.push(widened(last));
        }
        self.operands.pop().unwrap_or_default()
    }
}

/// `a JOIN b RIGHT JOIN c ON x`: whatever stands to the left of a RIGHT JOIN may be missing from its rows.
fn widened(joined: Joined) -> Joined {
    let Joined::Join(outer) = joined else {
        return joined;
    };
    match outer.right {
        Joined::Join(inner) if inner.kind == JoinKind::Right => {
            let left = Joined::Join(Box::new(Join { right: inner.left, ..*outer }));
            Joined::Join(Box::new(Join { left, ..*inner }))
        }
        right => Joined::Join(Box::new(Join { right, ..*outer })),
    }
}

impl Reader<'_> {
    /// `t AS a JOIN (…) ON … , …` up to a clause keyword or `end`: the token behind it, and the joins.
    pub(super) fn table_list(
        &mut self,
        start: usize,
        end: usize,
        block: Option<usize>,
    ) -> Result<(usize, Joined), NotUnderstood> {
        let source = self.source;
        let mut at = start;
        let mut expecting = true;
        let (mut pending, mut natural) = (Pending::default(), false);
        let mut kind = JoinKind::Inner;
        let mut list: Vec<Joined> = Vec::new();
        while at < end {
            if expecting {
                if source.word(at, "LATERAL") {
                    at += 1;
                }
                let (after, factor) = self.table_factor(at, end, block)?;
                at = after;
                pending.operands.push(factor);
                if natural {
                    pending.reduce(None);
                }
                (expecting, natural, kind) = (false, false, JoinKind::Inner);
            } else if source.op(at, ",") {
                self.mark(block, |block| block.joined = true);
                list.push(pending.finish());
                expecting = true;
                at += 1;
            } else if source.any_word(at, &["JOIN", "STRAIGHT_JOIN"]) {
                self.mark(block, |block| block.joined = true);
                pending.joins.push(kind);
                expecting = true;
                at += 1;
            } else if source.any_word(at, &["INNER", "CROSS", "LEFT", "RIGHT", "OUTER"]) {
                match () {
                    () if source.word(at, "LEFT") => kind = JoinKind::Left,
                    () if source.word(at, "RIGHT") => kind = JoinKind::Right,
                    () => {}
                }
                at += 1;
            } else if source.word(at, "NATURAL") {
                self.mark(block, |block| (block.merges_columns, block.natural) = (true, true));
                natural = true;
                at += 1;
            } else if source.word(at, "USING") && source.op(at + 1, "(") {
                self.mark(block, |block| block.merges_columns = true);
                pending.reduce(None);
                at = source.next(at + 1);
            } else if source.word(at, "ON") {
                let stop = self.join_condition(at + 1, end)?;
                if pending.reduce(Some(at + 1..stop)).is_none() {
                    return self.unexpected(at, "a list of tables");
                }
                at = stop;
            } else if self.ends_table_list(at) {
                break;
            } else {
                return self.unexpected(at, "a list of tables");
            }
        }
        if expecting {
            return self.unexpected(at, "a list of tables");
        }
        list.push(pending.finish());
        let join =
            |left, right| Joined::Join(Box::new(Join { kind: JoinKind::Inner, left, right, on: None }));
        Ok((at, list.into_iter().reduce(join).unwrap_or_default()))
    }

    fn ends_table_list(&self, at: usize) -> bool {
        self.is_clause(at) || self.source.any_word(at, &["SET", "RETURNING"])
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

    fn table_factor(
        &mut self,
        at: usize,
        end: usize,
        block: Option<usize>,
    ) -> Result<(usize, Joined), NotUnderstood> {
        let source = self.source;
        if source.op(at, "(") {
            return self.parenthesised_factor(at, end, block);
        }
        if source.op(at, "{")
            && source.word(at + 1, "OJ")
            && let Some(close) = source.closing_brace(at).filter(|close| *close < end)
        {
            return self.inner_list(at + 2, close, block);
        }
        if source.word(at, "JSON_TABLE") && source.op(at + 1, "(") {
            let close = source.close(at + 1);
            self.expression(&(at + 2..close))?;
            let after = self.derived_alias(close + 1, end)?;
            return Ok((after, Joined::Other));
        }
        let mut table = self.partitioned_table(at, "a list of tables")?;
        let mut after = table.partition.end;
        if source.op(after, "(") {
            return self.unexpected(at, "a list of tables: a function there");
        }
        if source.word(after, "FOR") && !source.any_word(after + 1, &["UPDATE", "SHARE"]) {
            return self.unexpected(after + 1, "a list of tables");
        }
        let (alias, next) = self.alias(after, end)?;
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
        self.add_table(table);
        Ok((after, Joined::Table(at)))
    }

    fn parenthesised_factor(
        &mut self,
        at: usize,
        end: usize,
        block: Option<usize>,
    ) -> Result<(usize, Joined), NotUnderstood> {
        let source = self.source;
        let close = source.close(at);
        if source.opens_query(at) {
            self.nested(|reader| reader.query(&(at + 1..close), Role::Derived))?;
            return Ok((self.derived_alias(close + 1, end)?, Joined::Other));
        }
        self.inner_list(at + 1, close, block)
    }

    /// The tables between `start` and what closes them: the token behind that, and the joins.
    fn inner_list(
        &mut self,
        start: usize,
        close: usize,
        block: Option<usize>,
    ) -> Result<(usize, Joined), NotUnderstood> {
        let mut joined = Joined::Other;
        self.nested(|reader| {
            let stop;
            (stop, joined) = reader.table_list(start, close, block)?;
            if stop == close { Ok(()) } else { reader.unexpected(stop, "a list of tables") }
        })?;
        Ok((close + 1, joined))
    }

    /// The alias of what is no named table, with its column list; the token behind it.
    fn derived_alias(&mut self, at: usize, end: usize) -> Result<usize, NotUnderstood> {
        let (alias, mut after) = self.alias(at, end)?;
        self.add_alias(alias);
        if after < end && self.source.op(after, "(") {
            self.renames_columns();
            after = self.source.next(after);
        }
        Ok(after)
    }

    /// `[AS] alias`: the name, and the token behind it. A name that is not UTF-8 cannot be written anew.
    fn alias(&self, at: usize, end: usize) -> Result<(Option<String>, usize), NotUnderstood> {
        let source = self.source;
        let named = source.word(at, "AS");
        let bare = at < end && !source.any_word(at, &JOIN_WORDS) && !source.any_word(at, &AFTER_FROM);
        let at = at + usize::from(named);
        match source.ident(at) {
            Some(name) if named || bare => Ok((Some(name), at + 1)),
            None if named || bare && source.is_ident(at) => self.unexpected(at, "an alias"),
            _ => Ok((None, at)),
        }
    }

    fn mark(&mut self, block: Option<usize>, mark: impl FnOnce(&mut Block)) {
        match block {
            Some(number) => {
                if let Some(block) = self.block_mut(number) {
                    mark(block);
                }
            }
            None => {
                let mut list = Block::default();
                mark(&mut list);
                self.merges_columns(list.merges_columns);
            }
        }
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
            partition: end..end,
            index_hints: end..end,
            block: None,
            is_statement: false,
        })
    }

    /// A table's name, and `PARTITION (…)` behind it.
    pub(super) fn partitioned_table(&self, at: usize, place: &str) -> Result<TableRef, NotUnderstood> {
        let source = self.source;
        let table = self.named_table(at, place)?;
        let end = table.tokens.end;
        if source.word(end, "PARTITION") && source.op(end + 1, "(") {
            return Ok(TableRef { partition: end..source.next(end + 1), ..table });
        }
        Ok(table)
    }
}
