//! Reads that the shards answer. Each reference to a table whose shards are read gets its own substitute: one
//! shard where the shard key is given, else a derived table. Other references stay as they are.

use topology::{QualifiedName, ShardId, quote_ident};

use super::{
    ColumnSource, Context, Plan, Refusal, ShardRead, ShardsOf,
    derived::{Derived, check_form, stars},
    functions::AGGREGATES,
    join_keys::join_keys,
    locking::{self, Locks},
    lossy,
    own::{own, rejects_null},
    own_subquery::own_subquery,
    partial, pins, refusal,
    restrict::{self, Condition},
    top, unread, zero_dates,
};
use crate::{
    Value,
    splice::{Edits, Text},
    syntax::{Joined, Role, Span},
};

/// Plans a SELECT that reads the shards of `references`; `all` are its references to any configured table. `locking`:
/// a locking clause stands in it.
pub(crate) fn read(references: &[Context<'_>], all: &[Context<'_>], locking: bool) -> Result<Plan, Refusal> {
    let Some(first) = references.first() else {
        return Ok(Plan::Relay);
    };
    let mut rewrite = Rewrite {
        all,
        locking,
        edits: respelled(references)?,
        reads: Vec::new(),
        derived: Vec::new(),
        settled: Vec::new(),
        ask: Vec::new(),
    };
    let twice = |cx: &Context<'_>| {
        references.iter().filter(|other| other.table().id() == cx.table().id()).count() > 1
    };
    if let Some(cx) = references.iter().find(|cx| cx.locked && twice(cx)) {
        // A locked name is used up by one reference.
        return cx.refuse(refusal::LOCK_TABLES, "several references under LOCK TABLES");
    }
    // The last one first: what is copied into a branch has the substitutes of the references in it.
    for cx in references.iter().rev() {
        rewrite.substitute(cx)?;
    }
    lossy::check(&rewrite.derived, all, &rewrite.settled)?;
    zero_dates::check(&rewrite.derived, &rewrite.settled)?;
    rewrite.expand_stars()?;
    rewrite.allow_grouping();
    rewrite.reads.reverse();
    let text = first.whole(&rewrite.edits);
    if text
        .params
        .iter()
        .any(|number| first.params.is_none_or(|all| all.get(*number).is_none_or(Value::is_hidden)))
    {
        return first.refuse(refusal::UNKNOWN_PARAMETER, "it needs the value of a `?` that is not known");
    }
    let as_sent = rewrite.derived.is_empty() && !references.iter().any(respells_names);
    let columns = if as_sent { ColumnSource::Rename } else { unread::columns(first)? };
    let subqueries =
        first.parsed.blocks.len() > 1 || rewrite.derived.iter().any(|derived| !derived.join_keys.is_empty());
    let reusable = rewrite.derived.is_empty() || !first.facts.server.mariadb || !subqueries;
    let Rewrite { reads, ask, .. } = rewrite;
    Ok(Plan::ShardRead(ShardRead { reads, text, locking, columns, reusable, ask }))
}

/// The statement while its references are substituted.
struct Rewrite<'r, 'a> {
    all: &'r [Context<'a>],
    locking: bool,
    edits: Edits,
    reads: Vec<ShardsOf>,
    derived: Vec<Derived<'a>>,
    /// Tokens that are evaluated where the columns have their own types.
    settled: Vec<Span>,
    /// Tables about which more should be known.
    ask: Vec<QualifiedName>,
}

impl<'a> Rewrite<'_, 'a> {
    fn substitute(&mut self, cx: &Context<'a>) -> Result<(), Refusal> {
        cx.check_partition()?;
        let conditions = restrict::conditions(cx);
        let every = || cx.table().numbered_shards().map(|(id, _)| id).collect();
        let shards: Vec<ShardId> = restrict::shards(cx, &conditions, self.all).unwrap_or_else(every);
        self.reads.push(ShardsOf { table: cx.table().id().clone(), shards: shards.clone() });
        // Under LOCK TABLES a shard cannot have the alias that lets the rest of the text stand.
        if let ([shard], false) = (shards.as_slice(), cx.locked) {
            let mut factor = Text::from(cx.table().shard(*shard).quoted());
            factor.push(cx.partition());
            if cx.target.alias.is_none() {
                factor.push(format!(" AS {}", quote_ident(&cx.target.name)));
            }
            self.place(cx, factor);
            return Ok(());
        }
        check_form(cx)?;
        let mut derived = Derived::new(cx, shards, &self.edits);
        let locks = if self.locking { locking::locks(cx)? } else { Locks::None };
        if let Locks::Result = locks {
            locking::fill(&mut derived, &mut self.edits)?;
            self.settled.extend(derived.moved.iter().cloned());
        } else {
            if let Locks::Branches(lock) = locks {
                derived.lock = Some(lock);
            }
            if self.move_conditions(&mut derived, &conditions) {
                derived.first = top::first(cx);
                partial::aggregate(&mut derived, &mut self.edits);
            }
            if !self.locking {
                let keys = join_keys(cx, &conditions, derived.shards.len(), self.all, &self.edits);
                derived.join_keys = keys.conditions;
                self.ask.extend(keys.unknown);
            }
            self.settled.extend(lossy::sort_keys(&mut derived, &mut self.edits));
            let given = lossy::other_faces(&mut derived, self.all, &self.settled, &mut self.edits);
            self.settled.extend(given);
        }
        self.place(cx, derived.factor());
        self.edits.replace(cx.source.byte_range(&cx.target.index_hints), "");
        self.derived.push(derived);
        Ok(())
    }

    /// Puts `factor` in the place of the table's name.
    fn place(&mut self, cx: &Context<'_>, factor: Text) {
        if cx.target.is_statement {
            let at = cx.target.tokens.start - 1;
            self.edits.replace(cx.source.byte_range(&(at..at + 1)), "SELECT * FROM");
        }
        self.edits.replace(cx.source.byte_range(&cx.target.rows()), factor);
    }

    /// Moves conditions on the reference alone into its branches, where they find their indexes and types; says
    /// whether all of them could be moved.
    fn move_conditions(&mut self, derived: &mut Derived<'a>, conditions: &[Condition]) -> bool {
        let cx = &derived.cx.clone();
        let key = cx.schema.primary_key.first().and_then(|name| cx.schema.column(name));
        let mut all = true;
        for condition in conditions {
            let moves = match own(cx, &condition.span) {
                Some(own) => !own.may_warn || own.columns.iter().any(|column| lossy::loses_type(column)),
                None => self.moves_subquery(cx, condition),
            };
            let stays = match key {
                Some(key) if condition.nullable && rejects_null(cx, &condition.span) => {
                    format!("{}{} IS NOT NULL", cx.qualifier(), quote_ident(&key.name))
                }
                _ if condition.nullable => String::new(),
                _ => "TRUE".to_owned(),
            };
            if !moves || stays.is_empty() {
                all = false;
                continue;
            }
            derived.moved.push(condition.span.clone());
            if let Some(key) = key.filter(|_| condition.nullable) {
                derived.show(key);
            }
            derived.filters.push(condition.span.clone());
            self.edits.replace(cx.source.byte_range(&condition.span), stays);
        }
        self.settled.extend(derived.moved.iter().cloned());
        derived.show_nameable();
        all
    }

    fn moves_subquery(&mut self, cx: &Context<'a>, condition: &Condition) -> bool {
        if self.locking || condition.nullable {
            return false;
        }
        own_subquery(cx, &condition.span, self.all).unwrap_or_else(|unknown| {
            self.ask.extend(unknown);
            false
        })
    }

    /// Lets rows of derived tables be grouped and counted once as those of the table itself.
    fn allow_grouping(&mut self) {
        let Some(cx) = self.derived.first().map(|derived| derived.cx) else {
            return;
        };
        let source = cx.source;
        let aggregates = |i: usize| source.op(i + 1, "(") && source.any_word(i, &AGGREGATES);
        let words = ["GROUP", "DISTINCT", "DISTINCTROW"];
        let groups = (0..source.len()).any(|i| source.any_word(i, &words) || aggregates(i));
        // The hint belongs into the statement's own SELECT: one in a common table expression that is named twice counts twice.
        let whole = cx.parsed.blocks.iter().filter(|block| block.role == Role::Whole);
        let select = whole.map(|block| block.span.start).min();
        let (Some(hint), Some(select), true) = (pins::no_full_group_by(cx.facts), select, groups) else {
            return;
        };
        if !source.is_hint(select + 1) {
            self.edits.insert(source.byte_range(&(select..select + 1)).end, format!(" /*+ {hint} */"));
        } else if !cx.shown(&(select + 1..select + 2)).to_ascii_uppercase().contains("SQL_MODE") {
            let inside = source.byte_range(&(select + 1..select + 2)).start + "/*+".len();
            self.edits.insert(inside, format!(" {hint}"));
        }
    }

    /// Spells `*` out where a derived table has columns that it must not show.
    fn expand_stars(&mut self) -> Result<(), Refusal> {
        for derived in self.derived.iter().filter(|derived| derived.spells_stars_out()) {
            let cx = &derived.cx;
            for star in stars(cx) {
                let range = cx.source.byte_range(&star);
                let factors = cx.block().map(|block| factors(&block.tables)).unwrap_or_default();
                let merges = cx.block().is_none_or(|block| block.merges_columns);
                let list = match factors {
                    _ if star.len() > 1 => shown(derived),
                    Some(tables) if !merges => {
                        let lists: Option<Vec<String>> =
                            tables.iter().map(|at| self.columns_of(cx, *at)).collect();
                        lists.unwrap_or_default().join(",")
                    }
                    _ => String::new(),
                };
                if list.is_empty() {
                    return cx.refuse(refusal::INVISIBLE_COLUMN, "`*` beside a column that it does not show");
                }
                self.edits.replace(range, list);
            }
        }
        Ok(())
    }

    /// The visible columns of the factor whose name begins at token `at`.
    fn columns_of(&self, cx: &Context<'_>, at: usize) -> Option<String> {
        let table = cx.parsed.tables.iter().find(|table| table.tokens.start == at)?;
        let derived = self.derived.iter().find(|derived| derived.cx.target == table);
        Some(derived.map_or_else(|| format!("{}.*", quote_ident(table.called())), shown))
    }
}

/// `` `u`.`id`,`u`.`name` ``: what `*` shows of the table.
fn shown(derived: &Derived<'_>) -> String {
    let visible = derived.cx.schema.columns.iter().filter(|column| !column.invisible);
    let qualifier = derived.cx.qualifier();
    let spelled = |column| {
        lossy::shown_by_star(&derived.cx, column)
            .unwrap_or_else(|| format!("{qualifier}{}", quote_ident(&column.name)))
    };
    visible.map(spelled).collect::<Vec<_>>().join(",")
}

/// The named tables of a FROM, in order, if it has no other factors.
pub(crate) fn factors(joined: &Joined) -> Option<Vec<usize>> {
    match joined {
        Joined::Other => None,
        Joined::Table(at) => Some(vec![*at]),
        Joined::Join(join) => {
            let mut all = factors(&join.left)?;
            all.extend(factors(&join.right)?);
            Some(all)
        }
    }
}

/// Whether a column of a result is called by its expression's text, and [`respelled`] changes that.
fn respells_names(cx: &Context<'_>) -> bool {
    let source = cx.source;
    let unnamed = |item: &Span| {
        let column = source.dotted(item.start).is_some_and(|(_, end)| end == item.end);
        let star = source.op(item.end.saturating_sub(1), "*");
        !column && !star && !source.word(item.end.saturating_sub(2), "AS")
    };
    let items = cx.parsed.blocks.iter().flat_map(|block| source.split_commas(&block.items));
    let texts: Vec<_> = items.filter(unnamed).map(|item| source.byte_range(&item)).collect();
    cx.target.alias.is_none()
        && cx.schema_qualifiers().iter().any(|at| texts.iter().any(|text| text.contains(&at.start)))
}

/// `app.user.name` becomes `` `user`.name ``: a substitute has an alias and no schema. Refused where that could be
/// another table's.
pub(crate) fn respelled(references: &[Context<'_>]) -> Result<Edits, Refusal> {
    let mut edits = Edits::default();
    let mut done = Vec::new();
    for cx in references {
        let tables = || cx.parsed.tables.iter().filter(|table| *table != cx.target);
        let same = |name: &str| name.to_lowercase() == cx.target.called().to_lowercase();
        let beside = |table: &&crate::syntax::TableRef| table.block == cx.target.block;
        if tables().filter(beside).any(|table| same(table.called())) {
            return cx.refuse(refusal::NOT_UNDERSTOOD, "another table under the table's name");
        }
        if cx.target.alias.is_some() || done.contains(&cx.table().id()) {
            continue;
        }
        done.push(cx.table().id());
        let qualifiers = cx.schema_qualifiers();
        let others = tables().filter(|table| {
            let ours = |other: &&Context<'_>| other.target == *table && other.table().id() == cx.table().id();
            table.alias.is_some() || !references.iter().any(|other| ours(&other))
        });
        let shadowed = others.map(|table| table.called()).chain(cx.parsed.aliases.iter().map(String::as_str));
        if !qualifiers.is_empty() && shadowed.into_iter().any(same) {
            return cx.refuse(refusal::NOT_UNDERSTOOD, "another table under the table's name");
        }
        for qualifier in qualifiers {
            edits.replace(qualifier, quote_ident(&cx.target.name));
        }
    }
    Ok(edits)
}
