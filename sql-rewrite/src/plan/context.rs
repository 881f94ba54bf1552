//! What every planner of one statement needs at hand, and the values it finds in it.

use std::{ops::Range, sync::Arc};

use topology::{Column, ColumnKind, Phase, QualifiedName, ShardId, ShardedTable, TableSchema, quote_ident};

use super::{
    Key, Refusal, Views,
    keys::{Touched, charset},
    mirror::Mirror,
    refusal::{self, Reason, refusal},
};
use crate::{
    Charset, Facts, Value,
    lex::{TokenKind, string_value},
    literal::{exact_integer, limit_literal, literal},
    resolve::same_name,
    splice::{Edits, Text},
    syntax::{Block, Conjunct, Operand, Parsed, Shape, Source, Span, TableRef, TargetName, Targets},
};

/// A statement on one configured table, ready to be planned.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) parsed: &'a Parsed,
    pub(crate) facts: &'a Facts,
    pub(crate) params: Option<&'a [Value]>,
    pub(crate) schema: &'a Arc<TableSchema>,
    pub(crate) phase: Phase,
    /// Writes in `Shards` are logged.
    pub(crate) logs: bool,
    /// The reference to the configured table.
    pub(crate) target: &'a TableRef,
    /// The tokens that are `?`, in order.
    pub(crate) placeholders: &'a [usize],
    /// Where sqlparser sees columns, by token.
    pub(crate) columns: &'a std::collections::BTreeSet<usize>,
    /// Under LOCK TABLES: shard tables go by their own names only.
    pub(crate) locked: bool,
    /// What is known of tables.
    pub(crate) views: &'a dyn Views,
}

/// What a value in the statement says exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    /// SQL that means the same in every session.
    pub(crate) sql: String,
    /// The number, if it is one.
    pub(crate) integer: Option<i128>,
}

impl<'a> Context<'a> {
    pub(crate) fn table(&self) -> &'a ShardedTable {
        &self.schema.table
    }

    pub(crate) fn refuse<T>(&self, reason: Reason, what: &str) -> Result<T, Refusal> {
        Err(refusal(reason, what, self.table(), self.phase))
    }

    pub(crate) fn mirror(&self) -> Mirror {
        Mirror { server: self.facts.server, schema: Arc::clone(self.schema), phase: self.phase }
    }

    /// The bytes of some tokens, for an error message.
    pub(crate) fn shown(&self, span: &Span) -> String {
        let text = String::from_utf8_lossy(&self.source.text()[self.source.byte_range(span)]).into_owned();
        let mut short: String = text.chars().take(60).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        short
    }

    /// The column in the client's text, qualified as the statement names its table: `` `user`.`` or
    /// `` `u`.``.
    pub(crate) fn qualifier(&self) -> String {
        format!("{}.", quote_ident(self.target.called()))
    }

    /// The value of the `?` at this token.
    fn param(&self, token: usize) -> Option<&'a Value> {
        let number = self.placeholders.binary_search(&token).ok()?;
        self.params?.get(number)
    }

    /// The value of an operand that is a parameter.
    pub(crate) fn value(&self, operand: &Operand) -> Option<&'a Value> {
        match operand {
            Operand::Param(i) => self.param(*i),
            Operand::Literal(_) => None,
        }
    }

    /// Edits that put every parameter into the text as a literal.
    pub(crate) fn inlined(&self) -> Result<Edits, Refusal> {
        let mut edits = Edits::default();
        for &i in self.placeholders {
            let Some(value) = self.param(i) else {
                return self
                    .refuse(refusal::UNKNOWN_PARAMETER, "it needs the value of a `?` that is not known");
            };
            if *value == Value::LongData {
                return self.refuse(
                    refusal::LONG_DATA,
                    "it needs a parameter of another type that was sent as long data",
                );
            }
            if value.is_hidden() {
                return self
                    .refuse(refusal::UNKNOWN_PARAMETER, "it needs the value of a `?` that is not known");
            }
            let in_limit = self.limits().any(|limit| limit.contains(&i));
            let form = if in_limit { limit_literal(value) } else { literal(value, self.facts) };
            let Some(bytes) = form else {
                return self.refuse(refusal::UNKNOWN_PARAMETER, "a parameter has no literal form");
            };
            let range = self.source.byte_range(&(i..i + 1));
            // `LIMIT?` must not become the name `LIMIT5`.
            let touches = i > 0
                && self.source.kind(i - 1) == Some(TokenKind::Ident)
                && self.source.byte_range(&(i - 1..i)).end == range.start;
            let bytes = if touches { [b" ", bytes.as_slice()].concat() } else { bytes };
            edits.replace(range, bytes);
        }
        Ok(edits)
    }

    /// Every LIMIT of the statement.
    fn limits(&self) -> impl Iterator<Item = &'a Span> {
        let own = match &self.parsed.shape {
            Shape::Update(change) | Shape::Delete(change) => change.limit.as_ref(),
            _ => None,
        };
        own.into_iter().chain(self.parsed.blocks.iter().filter_map(|block| block.limit.as_ref()))
    }

    /// The integer that an operand is, literally.
    pub(crate) fn integer(&self, operand: &Operand) -> Option<i128> {
        match operand {
            Operand::Param(i) => match self.param(*i)? {
                Value::Int(n) => Some(i128::from(*n)),
                Value::UInt(n) => Some(i128::from(*n)),
                Value::Double(n) => whole(*n),
                _ => None,
            },
            Operand::Literal(span) => {
                exact_integer(self.source.text(), self.source.tokens().get(span.clone())?)
            }
        }
    }

    /// The digits of a DECIMAL literal without a sign: `1.50`.
    pub(crate) fn decimal(&self, operand: &Operand) -> Option<String> {
        match operand {
            Operand::Literal(span) if self.source.kind(span.start) == Some(TokenKind::Decimal) => {
                Some(String::from_utf8_lossy(self.source.bytes(span.start)).into_owned())
            }
            _ => None,
        }
    }

    /// The literal that equals `operand` in a comparison with `column`, if that is certain.
    pub(crate) fn exact(&self, column: &Column, operand: &Operand) -> Option<Exact> {
        match column.kind {
            ColumnKind::Integer { .. } => {
                let integer = self.integer(operand)?;
                Some(Exact { sql: integer.to_string(), integer: Some(integer) })
            }
            ColumnKind::Text => {
                let bytes = self.string(operand)?;
                std::str::from_utf8(&bytes).ok()?;
                charset(column)?;
                Some(Exact { sql: format!("_utf8mb4 x'{}'", hex(&bytes)), integer: None })
            }
            ColumnKind::Binary => {
                let sql = match operand {
                    Operand::Literal(span) if self.source.kind(span.start) == Some(TokenKind::Hex) => {
                        hex_literal(self.source.bytes(span.start))?
                    }
                    _ => format!("x'{}'", hex(&self.string(operand)?)),
                };
                Some(Exact { sql, integer: None })
            }
            _ => None,
        }
    }

    /// The bytes of a string operand, where the session's character set is UTF-8.
    pub(crate) fn string(&self, operand: &Operand) -> Option<Vec<u8>> {
        if self.facts.charset != Charset::Utf8 {
            return None;
        }
        match operand {
            Operand::Param(i) => match self.param(*i)? {
                Value::Text(bytes) | Value::Blob(bytes) => Some(bytes.clone()),
                _ => None,
            },
            Operand::Literal(span) => {
                let token = self.source.tokens().get(span.start)?;
                let national =
                    token.bytes(self.source.text()).first().is_some_and(|b| matches!(b, b'n' | b'N'));
                let string = token.kind == TokenKind::String && !national;
                string.then(|| string_value(self.source.text(), token, self.facts))
            }
        }
    }

    /// The conditions on `column` of the target table that every row must meet.
    pub(crate) fn operands<'c>(&self, conjuncts: &'c [Conjunct], column: &str) -> Vec<&'c [Operand]> {
        conjuncts
            .iter()
            .filter(|conjunct| self.is_column(&conjunct.column, column))
            .filter(|conjunct| self.columns.contains(&conjunct.at))
            .map(|conjunct| conjunct.values.as_slice())
            .collect()
    }

    /// Whether a name is this column of the target table.
    pub(crate) fn is_column(&self, parts: &[String], column: &str) -> bool {
        let Some((last, qualifier)) = parts.split_last() else {
            return false;
        };
        if !last.eq_ignore_ascii_case(column) {
            return false;
        }
        match qualifier {
            [] => !self.may_be_anothers(),
            [name] => self.is_target_name(name),
            [schema, name] => {
                self.target.alias.is_none()
                    && self.is_target_name(name)
                    && same_name(schema, &self.table().legacy().schema, self.facts)
            }
            _ => false,
        }
    }

    fn is_target_name(&self, name: &str) -> bool {
        match &self.target.alias {
            Some(alias) => same_name(alias, name, self.facts),
            None => same_name(name, &self.target.name, self.facts),
        }
    }

    /// An unqualified column could be merged with another table's (`USING`, `NATURAL`).
    fn may_be_anothers(&self) -> bool {
        self.block().map_or(self.parsed.merges_columns, |block| block.merges_columns)
    }

    /// The SELECT that the reference stands in.
    pub(crate) fn block(&self) -> Option<&'a Block> {
        self.parsed.blocks.get(self.target.block?)
    }

    /// The shards that `conjuncts` leave, `None` for all.
    pub(crate) fn shards(&self, conjuncts: &[Conjunct]) -> Option<Vec<ShardId>> {
        let lists = self.operands(conjuncts, self.table().shard_key()).into_iter();
        lists.filter_map(|operands| self.table_shards(operands)).min_by_key(Vec::len)
    }

    /// The shards of these keys, if all of them are known.
    pub(crate) fn table_shards(&self, keys: &[Operand]) -> Option<Vec<ShardId>> {
        let keys: Option<Vec<i128>> = keys.iter().map(|operand| self.integer(operand)).collect();
        let mut shards: Vec<ShardId> = keys?.into_iter().map(|key| self.table().shard_of(key)).collect();
        shards.sort_unstable();
        shards.dedup();
        Some(shards)
    }

    /// The one row that `conjuncts` can name: the whole primary key is given.
    pub(crate) fn row(&self, conjuncts: &[Conjunct]) -> Option<Touched> {
        let mut key = Vec::new();
        for name in &self.schema.primary_key {
            let column = self.schema.column(name)?;
            let given = self
                .operands(conjuncts, name)
                .into_iter()
                .find_map(|values| if let [value] = values { self.exact(column, value) } else { None })?;
            key.push(given.sql);
        }
        if key.is_empty() {
            return None;
        }
        let shard = match self.shards(conjuncts).as_deref() {
            Some([shard]) => Some(*shard),
            _ => None,
        };
        Some(Touched { key: Key(key), shard })
    }

    /// Refuses primary keys that cannot be read back.
    pub(crate) fn check_key_types(&self) -> Result<(), Refusal> {
        for name in &self.schema.primary_key {
            if !self.schema.column(name).is_some_and(Column::can_identify_rows) {
                return self.refuse(refusal::KEY_TYPE, &format!("the type of key column `{name}`"));
            }
        }
        if self.schema.primary_key.is_empty() {
            return self.refuse(refusal::KEY_TYPE, "it has no primary key");
        }
        Ok(())
    }

    /// Refuses a PARTITION clause that could mean other rows on the shards.
    pub(crate) fn check_partition(&self) -> Result<(), Refusal> {
        if self.target.partition.is_empty() {
            return Ok(());
        }
        self.check_cut(&self.target.rows())?;
        if self.schema.partitioned_alike {
            return Ok(());
        }
        self.refuse(
            refusal::PARTITION,
            "a PARTITION clause, where the shards have not the table's partitions",
        )
    }

    /// ` PARTITION (…)` as the client wrote it behind the table's name, or nothing.
    pub(crate) fn partition(&self) -> Vec<u8> {
        let name = self.source.byte_range(&self.target.tokens);
        self.source.text()[name.end..self.source.byte_range(&self.target.rows()).end].to_vec()
    }

    /// How the statement is made to name a shard table.
    pub(crate) fn naming(&self, renames: Renames) -> Naming {
        let (calls, qualifiers) = match (&self.target.alias, renames) {
            (Some(alias), _) if !self.locked => (Calls::Stays(quote_ident(alias)), Vec::new()),
            (None, Renames::ByAlias) if !self.locked => {
                let qualifiers = self.qualifiers(false).into_iter().chain(self.target_names()).collect();
                (Calls::Becomes(quote_ident(&self.target.name)), qualifiers)
            }
            _ => (Calls::Itself, self.qualifiers(true)),
        };
        let name = match (&self.target.alias, &calls) {
            (Some(_), Calls::Itself) => self.target.tokens.start..self.target.index_hints.start,
            _ => self.target.rows(),
        };
        Naming { name: self.source.byte_range(&name), partition: self.partition(), calls, qualifiers }
    }

    /// Where `DELETE app.user FROM …` names the table with its schema.
    fn target_names(&self) -> Vec<Range<usize>> {
        let Shape::Delete(change) = &self.parsed.shape else { return Vec::new() };
        let Targets::Named { names, .. } = &change.targets else { return Vec::new() };
        let qualified = |name: &&TargetName| match name.parts.as_slice() {
            [schema, name] => {
                self.is_target_name(name) && same_name(schema, &self.table().legacy().schema, self.facts)
            }
            _ => false,
        };
        names.iter().filter(qualified).map(|name| self.source.byte_range(&name.tokens)).collect()
    }

    /// Edits that make the statement name `shard`.
    pub(crate) fn on_shard(&self, shard: &QualifiedName, renames: Renames) -> Edits {
        self.naming(renames).edits(&shard.quoted())
    }

    /// Where the statement qualifies a column with schema and table: `app.user` of `app.user.col`.
    pub(crate) fn schema_qualifiers(&self) -> Vec<Range<usize>> {
        self.qualifiers(false)
    }

    /// Where the statement qualifies a column with the table: `app.user` of `app.user.col`, and the
    /// `user` of `user.col` if `all`.
    fn qualifiers(&self, all: bool) -> Vec<Range<usize>> {
        let source = self.source;
        let in_table = |i: usize| self.parsed.tables.iter().any(|table| table.tokens.contains(&i));
        let mut found = Vec::new();
        for i in 0..source.len() {
            if !source.op(i + 1, ".") || i > 0 && source.op(i - 1, ".") || in_table(i) {
                continue;
            }
            let Some((parts, end)) = source.dotted(i) else {
                continue;
            };
            // `user.*` is dotted up to the point before the star.
            let star = source.op(end, ".") && source.op(end + 1, "*");
            let qualifier = if star { parts.as_slice() } else { &parts[..parts.len() - 1] };
            let ours = match qualifier {
                [name] if all => self.is_target_name(name),
                [schema, name] => {
                    self.is_target_name(name) && same_name(schema, &self.table().legacy().schema, self.facts)
                }
                _ => false,
            };
            if ours {
                found.push(source.byte_range(&(i..i + 2 * qualifier.len() - 1)));
            }
        }
        found
    }

    /// The whole text with `edits`.
    pub(crate) fn rendered(&self, edits: &Edits) -> Vec<u8> {
        edits.render(self.source.text(), 0..self.source.text().len())
    }

    /// Some tokens with `edits`, and the parameters in them.
    pub(crate) fn text(&self, edits: &Edits, span: &Span) -> Text {
        self.text_of(edits, self.source.byte_range(span))
    }

    /// The whole text with `edits`, and its parameters.
    pub(crate) fn whole(&self, edits: &Edits) -> Text {
        self.text_of(edits, 0..self.source.text().len())
    }

    fn text_of(&self, edits: &Edits, range: Range<usize>) -> Text {
        let start = |i: &usize| self.source.byte_range(&(*i..i + 1)).start;
        let params: Vec<usize> = self.placeholders.iter().map(start).collect();
        edits.render_with(self.source.text(), range, &params)
    }

    /// Some tokens with `edits`.
    pub(crate) fn rendered_part(&self, edits: &Edits, span: &Span) -> Vec<u8> {
        edits.render(self.source.text(), self.source.byte_range(span))
    }

    /// The byte behind the token before `at`.
    pub(crate) fn end_before(&self, at: usize) -> usize {
        let range: Range<usize> = self.source.byte_range(&(at.saturating_sub(1)..at));
        range.end
    }

    /// Refuses text that is cut out of the statement and lies in a version comment.
    pub(crate) fn check_cut(&self, span: &Span) -> Result<(), Refusal> {
        if self.source.tokens()[span.clone()].iter().any(|token| token.in_version_comment) {
            return self.refuse(refusal::NOT_UNDERSTOOD, "a version comment `/*!…*/` in a clause that moves");
        }
        Ok(())
    }
}

/// How a statement goes on naming its columns when its table is replaced by a shard table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renames {
    /// The shard table gets the table's name as an alias.
    ByAlias,
    /// No alias is possible there: qualified columns are respelled.
    ByRespelling,
}

/// Where a statement names its table, so that it can be made to name another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naming {
    name: Range<usize>,
    partition: Vec<u8>,
    calls: Calls,
    /// Qualifications of columns that are respelled.
    qualifiers: Vec<Range<usize>>,
}

/// What the statement calls the other table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Calls {
    /// By this alias, which it gets.
    Becomes(String),
    /// By the client's alias.
    Stays(String),
    /// By its own name.
    Itself,
}

impl Naming {
    /// Edits that put the table `name` in the table's place.
    pub(crate) fn edits(&self, name: &str) -> Edits {
        let (alias, qualifier) = match &self.calls {
            Calls::Becomes(alias) => (format!(" AS {alias}"), alias.as_str()),
            Calls::Stays(_) | Calls::Itself => (String::new(), name),
        };
        let named = [name.as_bytes(), &self.partition, alias.as_bytes()].concat();
        let mut edits = Edits::default();
        edits.replace(self.name.clone(), named);
        for at in &self.qualifiers {
            edits.replace(at.clone(), qualifier);
        }
        edits
    }

    /// What stands in front of a column of the table `name`.
    pub(crate) fn qualifier(&self, name: &str) -> String {
        match &self.calls {
            Calls::Becomes(alias) | Calls::Stays(alias) => format!("{alias}."),
            Calls::Itself => format!("{name}."),
        }
    }
}

/// The integer that a DOUBLE is, where every integer is a DOUBLE of its own: some drivers bind all numbers so.
fn whole(number: f64) -> Option<i128> {
    /// 2^53.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = (number.fract() == 0.0 && number.abs() < EXACT).then(|| format!("{number:.0}"))?;
    text.parse().ok()
}

/// `x'ABCD'` for `x'abcd'` and `0xabcd`.
fn hex_literal(token: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(token).ok()?;
    let digits = match text.strip_prefix("0x") {
        Some(digits) => digits,
        None => text.split('\'').nth(1)?,
    };
    let zero = if digits.len() % 2 == 1 { "0" } else { "" };
    Some(format!("x'{zero}{}'", digits.to_ascii_uppercase()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02X}");
        out
    })
}
