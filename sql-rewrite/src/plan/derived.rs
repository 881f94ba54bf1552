//! The derived table that takes a reference's place: the UNION ALL of its shards.
//!
//! ```text
//! (SELECT <columns> FROM shard AS u <hints> WHERE <filters> <tail> <lock> UNION ALL …) u
//! ```
//! Only the columns that the statement can name are in it: a server fills a temporary table with them.

use topology::{Column, QualifiedName, ShardId, quote_ident};

use super::{Context, Refusal, context::Renames, lossy, refusal};
use crate::{
    Charset,
    lex::TokenKind,
    splice::{Edits, Text},
    syntax::Span,
};

/// One reference as a UNION ALL.
pub(crate) struct Derived<'a> {
    pub(crate) cx: Context<'a>,
    pub(crate) shards: Vec<ShardId>,
    /// The table's columns in it.
    pub(crate) columns: Vec<&'a Column>,
    /// Further select items, each with its name.
    pub(crate) extra: Vec<(String, String)>,
    /// Conditions that its rows meet.
    pub(crate) filters: Vec<Span>,
    /// Further conditions that all rows that matter meet.
    pub(crate) join_keys: Vec<Text>,
    /// Tokens of the statement that are evaluated in the branches and no longer outside.
    pub(crate) moved: Vec<Span>,
    /// How many rows of each branch are wanted, the first ones in the order of the block.
    pub(crate) first: Option<i128>,
    /// The locking clause of each branch.
    pub(crate) lock: Option<Text>,
    /// How the client's text is respelled in the branches.
    edits: Edits,
}

impl<'a> Derived<'a> {
    /// All rows of these shards, without a column.
    pub(crate) fn new(cx: &Context<'a>, shards: Vec<ShardId>, edits: &Edits) -> Self {
        Self {
            cx: *cx,
            shards,
            columns: Vec::new(),
            extra: Vec::new(),
            filters: Vec::new(),
            join_keys: Vec::new(),
            moved: Vec::new(),
            first: None,
            lock: None,
            edits: edits.clone(),
        }
    }

    /// It has columns that `*` on the table does not show, or shows otherwise.
    pub(crate) fn spells_stars_out(&self) -> bool {
        let hidden = self.columns.iter().any(|column| column.invisible);
        let several = self.shards.len() > 1;
        let otherwise = || self.columns.iter().any(|column| lossy::shown_by_star(&self.cx, column).is_some());
        !self.extra.is_empty() || hidden || several && otherwise()
    }

    /// Adds the columns that the statement can name.
    pub(crate) fn show_nameable(&mut self) {
        for column in nameable(&self.cx, &self.moved) {
            self.show(column);
        }
    }

    /// Adds a column.
    pub(crate) fn show(&mut self, column: &'a Column) {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
    }

    /// What takes the place of the table's name, with the alias if the statement gives none.
    pub(crate) fn factor(&self) -> Text {
        let branches = self.shards.iter().map(|shard| self.branch(self.cx.table().shard(*shard)));
        let mut factor = Text::from("(");
        factor.push(Text::join(branches, " UNION ALL "));
        factor.push(")");
        if self.cx.target.alias.is_none() {
            factor.push(format!(" AS {}", quote_ident(&self.cx.target.name)));
        }
        factor
    }

    fn branch(&self, shard: &QualifiedName) -> Text {
        let columns = self.columns.iter().map(|column| quote_ident(&column.name));
        let extra = self.extra.iter().map(|(name, item)| format!("{item} AS {}", quote_ident(name)));
        let items: Vec<String> = columns.chain(extra).collect();
        let mut branch = Text::from(format!("SELECT {} FROM {}", items.join(","), shard.quoted()));
        branch.push(self.cx.partition());
        let restricted = !self.filters.is_empty() || !self.join_keys.is_empty();
        let named = restricted || self.first.is_some() || self.lock.is_some();
        // Under LOCK TABLES a shard goes by its own name.
        let edits =
            if self.cx.locked { self.cx.on_shard(shard, Renames::ByAlias) } else { self.edits.clone() };
        if named && !self.cx.locked {
            branch.push(format!(" AS {}", quote_ident(self.cx.target.called())));
        }
        let hints = &self.cx.target.index_hints;
        if !hints.is_empty() {
            branch.push(" ");
            branch.push(self.cx.text(&Edits::default(), hints));
        }
        let filters = self.filters.iter().map(|filter| self.cx.text(&edits, filter));
        for (i, filter) in filters.chain(self.join_keys.iter().cloned()).enumerate() {
            branch.push(if i == 0 { " WHERE (" } else { " AND (" });
            branch.push(filter);
            branch.push(")");
        }
        if self.first.is_none() && self.lock.is_none() {
            return branch;
        }
        if let Some(rows) = self.first {
            if let Some(order) = self.cx.block().and_then(|block| block.order.as_ref()) {
                branch.push(" ORDER BY ");
                branch.push(self.cx.text(&edits, order));
            }
            branch.push(format!(" LIMIT {}", rows.min(i128::from(u64::MAX))));
        }
        if let Some(lock) = &self.lock {
            branch.push(" ");
            branch.push(lock.clone());
        }
        let mut wrapped = Text::from("(");
        wrapped.push(branch);
        wrapped.push(")");
        wrapped
    }
}

/// The columns that the statement may read through the reference: those that it names anywhere but in `moved`, and
/// all that `*` shows where it has one.
fn nameable<'a>(cx: &Context<'a>, moved: &[Span]) -> Vec<&'a Column> {
    let source = cx.source;
    let outside = (0..source.len()).filter(|i| !moved.iter().any(|span| span.contains(i)));
    let names: std::collections::HashSet<String> =
        outside.filter_map(|i| source.ident(i)).map(|name| name.to_lowercase()).collect();
    let all = shows_all(cx);
    let columns = &cx.schema.columns;
    let named = |column: &&Column| all && !column.invisible || names.contains(&column.name.to_lowercase());
    let found: Vec<&Column> = columns.iter().filter(named).collect();
    if !found.is_empty() {
        return found;
    }
    let key = cx.schema.primary_key.first().and_then(|name| cx.schema.column(name));
    key.or(columns.first()).into_iter().collect()
}

/// Whether all visible columns are read without being named.
pub(crate) fn shows_all(cx: &Context<'_>) -> bool {
    let natural = cx.block().map_or(cx.parsed.merges_columns, |block| block.natural);
    natural || cx.target.is_statement || !stars(cx).is_empty()
}

/// The select items `*` and `u.*` that show the reference's columns.
pub(crate) fn stars(cx: &Context<'_>) -> Vec<Span> {
    let source = cx.source;
    let Some(block) = cx.block() else {
        return Vec::new();
    };
    let shows = |item: &Span| {
        if !source.op(item.end.saturating_sub(1), "*") {
            return false;
        }
        match item.len() {
            1 => true,
            3 | 5 => {
                let name = source.ident(item.end - 3);
                name.is_some_and(|name| name.to_lowercase() == cx.target.called().to_lowercase())
            }
            _ => false,
        }
    };
    // `SELECT HIGH_PRIORITY *` and the like are not among the items.
    source.split_commas(&block.items).into_iter().filter(shows).collect()
}

/// What does not work on a derived table, or not alike.
pub(crate) fn check_form(cx: &Context<'_>) -> Result<(), Refusal> {
    let source = cx.source;
    let written = (0..source.len()).any(|i| is_name(cx, i) && !source.bytes(i).is_ascii());
    let declared = cx.schema.columns.iter().any(|column| !column.name.is_ascii());
    if cx.facts.charset != Charset::Utf8 && (written || declared) {
        return cx.refuse(refusal::SCATTER_FORM, "a name beyond ASCII in a session that is not UTF-8");
    }
    for i in 0..source.len() {
        let call = source.op(i + 1, "(") && source.any_word(i, &["MATCH", "DEFAULT", "VALUES"]);
        // `VALUES (…)` of rows holds more than a name.
        let of_a_name = || source.dotted(i + 2).is_some_and(|(_, end)| end == source.close(i + 1));
        let function = call && (!source.word(i, "VALUES") || of_a_name());
        let own = function && (i + 2..source.close(i + 1)).any(|at| names_column(cx, at));
        if own || source.op(i, ":=") || source.word(i, "PROCEDURE") {
            return cx.refuse(
                refusal::SCATTER_FORM,
                &format!("`{}` in a read of several shards", cx.shown(&(i..i + 1))),
            );
        }
    }
    Ok(())
}

/// Whether a name may be a column of the reference.
fn names_column(cx: &Context<'_>, at: usize) -> bool {
    cx.source.ident(at).is_some_and(|name| cx.schema.column(&name).is_some())
}

fn is_name(cx: &Context<'_>, at: usize) -> bool {
    matches!(cx.source.kind(at), Some(TokenKind::Ident | TokenKind::QuotedIdent))
}
