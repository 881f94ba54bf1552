//! The planner: reads statements once, and plans them under a phase as often as needed.

use std::{collections::BTreeSet, sync::Arc};

use topology::{Phase, ShardedTable, Side, TableId};

use crate::{
    Facts, Head, Names, Plan, Refusal, Statement, TableView, Value, Views,
    crosscheck::{Verdict, crosscheck},
    forms::{self, Forms},
    head::head,
    lex::{Token, TokenKind, lex, word_in},
    occurrences::{self, Occurrence, occurrences},
    plan::{
        self, Context,
        refusal::{self as reasons, Reason},
    },
    questions::{question, question_of_unknown},
    resolve::{Named, resolve},
    split::{Piece, split},
    statement::Form,
    syntax::{
        Binding, Change, Insert, InsertSource, LockItem, Parsed, Shape, Source, Span, TableRef,
        match_parentheses, read,
    },
    written::{Written, written},
};

/// Plans statements on the configured tables; one in a process. What it keeps makes it faster and changes no answer.
#[derive(Debug)]
pub struct Planner {
    tables: Vec<Arc<ShardedTable>>,
    names: Names,
    forms: Forms,
}

impl Planner {
    /// A planner for these tables.
    #[must_use]
    pub fn new(tables: Vec<Arc<ShardedTable>>) -> Self {
        Self { names: Names::new(tables.clone()), tables, forms: Forms::default() }
    }

    /// Whether these bytes may name a configured table, a shard table or the schema `shunt`. False
    /// means that they do not.
    #[must_use]
    pub fn mentions(&self, sql: &[u8]) -> bool {
        self.names.mentions(sql)
    }

    /// How many forms of statements it knows.
    #[must_use]
    pub fn forms_kept(&self) -> usize {
        self.forms.len()
    }

    /// Splits a text into its statements and reads each.
    #[must_use]
    pub fn read(&self, sql: &[u8], facts: &Facts) -> Vec<Statement> {
        match lex(sql, facts) {
            Ok(tokens) => split(sql, &tokens, facts)
                .into_iter()
                .map(|piece| {
                    let own = tokens.get(piece.tokens.clone()).unwrap_or_default();
                    self.statement(sql, &piece, own.to_vec(), facts)
                })
                .collect(),
            Err(error) => {
                let form = Arc::new(self.unknown(sql, Head::Other, error.to_string()));
                vec![Statement { text: sql.to_vec(), range: 0..sql.len(), tokens: Vec::new(), form }]
            }
        }
    }

    fn statement(&self, sql: &[u8], piece: &Piece, mut tokens: Vec<Token>, facts: &Facts) -> Statement {
        let range = piece.bytes.clone();
        let text = sql.get(range.clone()).unwrap_or_default().to_vec();
        for token in &mut tokens {
            token.start -= range.start;
            token.end -= range.start;
        }
        if piece.compound {
            let what = "several statements in one, or the body of a routine".to_owned();
            let form = Arc::new(self.unknown(&text, head(&text, &tokens, facts), what));
            return Statement { text, range, tokens: Vec::new(), form };
        }
        let key = forms::key(&text, &tokens, facts);
        let known = key.as_deref().and_then(|key| self.forms.get(key));
        if let Some(form) = known {
            drop_misplaced_hints(&text, &mut tokens);
            return Statement { text, range, tokens, form };
        }
        let head = head(&text, &tokens, facts);
        drop_misplaced_hints(&text, &mut tokens);
        let Some(partner) = match_parentheses(&text, &tokens) else {
            let what = "parentheses that do not match".to_owned();
            let form = Arc::new(self.unknown(&text, head, what));
            return Statement { text, range, tokens: Vec::new(), form };
        };
        let form = Arc::new(self.form(&text, &tokens, partner, head, facts));
        if let Some(key) = key {
            self.forms.keep(key, &form);
        }
        Statement { text, range, tokens, form }
    }

    fn form(&self, text: &[u8], tokens: &[Token], partner: Vec<usize>, head: Head, facts: &Facts) -> Form {
        let source = Source::new(text, tokens, &partner);
        let placeholders = (0..tokens.len()).filter(|i| source.kind(*i) == Some(TokenKind::Param)).collect();
        let parsed = read(source);
        let named: Vec<Named> = parsed
            .tables
            .iter()
            .map(|table| match parsed.binding(table) {
                Binding::Cte => Named::Other,
                _ => resolve(&self.tables, table, facts),
            })
            .collect();
        let verdict = crosscheck(source, &parsed);
        let seen = occurrences(text, tokens, &head, facts, &self.tables);
        Form {
            control: seen.iter().any(|at| is_control(text, tokens, at)),
            tables: self.touched(&parsed, &verdict, &named, &seen),
            question: question(text, tokens, &head),
            head,
            partner,
            placeholders,
            parsed,
            verdict,
            named,
        }
    }

    fn unknown(&self, sql: &[u8], head: Head, reason: String) -> Form {
        Form {
            question: question_of_unknown(sql, &head),
            head,
            partner: Vec::new(),
            placeholders: Vec::new(),
            parsed: Parsed { shape: Shape::Unknown(reason), ..Parsed::default() },
            verdict: Verdict::NotNeeded,
            named: Vec::new(),
            control: false,
            tables: self
                .tables
                .iter()
                .filter(|table| self.may_name(sql, table))
                .map(|table| table.id().clone())
                .collect(),
        }
    }

    fn may_name(&self, sql: &[u8], table: &ShardedTable) -> bool {
        let text = String::from_utf8_lossy(sql).to_lowercase();
        let all = std::iter::once(table.legacy()).chain(table.shards());
        all.into_iter().any(|name| text.contains(&name.table.to_lowercase()))
    }

    /// The tables that the references name; where the statement is not understood, or names a whole
    /// database, also those whose names the lexer finds where a table could be.
    fn touched(
        &self,
        parsed: &Parsed,
        verdict: &Verdict,
        named: &[Named],
        seen: &[Occurrence],
    ) -> Vec<TableId> {
        let doubtful = matches!(parsed.shape, Shape::Unknown(_)) || matches!(verdict, Verdict::Doubtful(_));
        let touches = |(i, table): &(usize, &Arc<ShardedTable>)| {
            let referred =
                named.iter().any(|named| matches!(named, Named::Legacy(n) | Named::Shard(n, _) if n == i));
            let found = seen.iter().filter(|at| at.verdict == occurrences::Verdict::MaybeTable).any(|at| {
                match &at.name {
                    occurrences::Named::Legacy(id) | occurrences::Named::Shard(id, _) => {
                        doubtful && id == table.id()
                    }
                    occurrences::Named::Database => true,
                    occurrences::Named::Control => false,
                }
            });
            referred || found
        };
        self.tables.iter().enumerate().filter(touches).map(|(_, table)| table.id().clone()).collect()
    }

    /// Plans a statement in the phase that `views` gives for its tables (`None`: not known). `params` are the values of
    /// the `?` of a prepared statement, in order.
    #[must_use]
    pub fn plan(
        &self,
        statement: &Statement,
        facts: &Facts,
        params: Option<&[Value]>,
        views: &dyn Views,
    ) -> Plan {
        if statement.form.control && statement.may_write() {
            return Plan::Refuse(Refusal {
                reason: reasons::DIRECT_WRITE.name,
                message: "Shunt keeps the schema `shunt` itself and refuses writes to it through the proxy; \
                          nothing was done."
                    .to_owned(),
            });
        }
        let Some(first) = statement.form.tables.first() else {
            return Plan::Relay;
        };
        let tables = &statement.form.tables;
        let Some(of_tables) = tables.iter().map(|table| views.table(table)).collect() else {
            return Plan::Refuse(Refusal {
                reason: reasons::NO_PHASE.name,
                message: format!("the phase of table `{first}` is not known; nothing was done"),
            });
        };
        let planning =
            Planning { tables: &self.tables, statement, facts, params, views: of_tables, all: views };
        let plan = planning.plan().unwrap_or_else(Plan::Refuse);
        self.with_reading(plan, facts, views)
    }
}

/// A hint counts only behind the verb; elsewhere the server takes it for a comment.
fn drop_misplaced_hints(text: &[u8], tokens: &mut Vec<Token>) {
    if !tokens.iter().any(|token| token.kind == TokenKind::Hint) {
        return;
    }
    let verbs = ["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE"];
    let mut behind_verb = false;
    tokens.retain(|token| {
        let kept = token.kind != TokenKind::Hint || behind_verb;
        if kept {
            behind_verb = word_in(text, token, &verbs);
        }
        kept
    });
}

/// Whether this names something in schema `shunt`, or that schema as a whole.
fn is_control(text: &[u8], tokens: &[Token], at: &Occurrence) -> bool {
    let spelled =
        || tokens.get(at.token).is_some_and(|token| token.bytes(text).eq_ignore_ascii_case(b"shunt"));
    at.verdict == occurrences::Verdict::MaybeTable
        && match at.name {
            occurrences::Named::Control => true,
            occurrences::Named::Database => spelled(),
            _ => false,
        }
}

static NO_COLUMNS: BTreeSet<usize> = BTreeSet::new();

/// One statement under the views of its tables.
struct Planning<'a> {
    tables: &'a [Arc<ShardedTable>],
    statement: &'a Statement,
    facts: &'a Facts,
    params: Option<&'a [Value]>,
    views: Vec<TableView>,
    all: &'a dyn Views,
}

impl Planning<'_> {
    fn plan(&self) -> Result<Plan, Refusal> {
        let shape = &self.statement.form.parsed.shape;
        if let Some(refused) = self.in_every_phase()? {
            return Ok(refused);
        }
        if self.all_in(Phase::Legacy) {
            return Ok(self.in_legacy());
        }
        let directly =
            self.statement.form.named.iter().any(|named| matches!(named, Named::Shard(..) | Named::Shunt));
        if directly && !matches!(shape, Shape::Unknown(_) | Shape::LockTables(_)) {
            return self.direct();
        }
        match shape {
            Shape::Shows | Shape::Harmless | Shape::TextPrepare => Ok(Plan::Relay),
            Shape::Unknown(what) => self.refuse(reasons::NOT_UNDERSTOOD, what),
            Shape::Ddl(verb) => self.definition(verb),
            Shape::CreateTable => self.create(),
            Shape::Truncate => self.truncate(),
            Shape::TemporaryTable => self.refuse(reasons::TEMPORARY, "CREATE TEMPORARY TABLE"),
            Shape::Load => self.refuse(reasons::LOAD_DATA, "LOAD DATA"),
            Shape::Handler => self.refuse(reasons::HANDLER, "HANDLER"),
            Shape::LockTables(items) => self.lock_tables(items),
            Shape::FlushAndLock => self.refuse(reasons::LOCK_TABLES, "FLUSH TABLES that locks it"),
            Shape::Expressions(verb) => self.expressions(verb),
            Shape::Query => self.query(),
            Shape::Insert(_) | Shape::Update(_) | Shape::Delete(_) => self.write(),
        }
    }

    fn in_every_phase(&self) -> Result<Option<Plan>, Refusal> {
        match self.statement.form.parsed.shape {
            Shape::TemporaryTable if self.names_as_target() => {
                self.refuse(reasons::TEMPORARY, "a temporary table with the name of a sharded table or shard")
            }
            Shape::Unknown(ref what) if *self.statement.head() == Head::LockTables => {
                // Locks that are not understood would be without the gate.
                self.refuse(reasons::NOT_UNDERSTOOD, what)
            }
            Shape::LockTables(ref items) if self.all_in(Phase::Legacy) => self.lock_tables(items).map(Some),
            _ => Ok(None),
        }
    }

    fn all_in(&self, phase: Phase) -> bool {
        self.views.iter().all(|view| view.phase == phase)
    }

    /// The table exists, and the server says so: an error, or a note to IF NOT EXISTS.
    fn create(&self) -> Result<Plan, Refusal> {
        match self.statement.form.named.first() {
            Some(Named::Legacy(_)) => Ok(Plan::Relay),
            _ => self.refuse(reasons::DDL, "CREATE TABLE of another table that names it"),
        }
    }

    fn truncate(&self) -> Result<Plan, Refusal> {
        let view = self.view_for_ddl("TRUNCATE")?;
        Ok(Plan::Ddl(Box::new(plan::truncate(self.statement.text(), &view.schema.table))))
    }

    fn definition(&self, verb: &str) -> Result<Plan, Refusal> {
        let view = self.view_for_ddl(verb)?;
        let statement = self.statement;
        // What follows a comma or TO may be taken for a table, and is none.
        let ([target, ..], [Named::Legacy(_), others @ ..]) =
            (statement.form.parsed.tables.as_slice(), statement.form.named.as_slice())
        else {
            return self.refuse(reasons::DDL, verb);
        };
        if others.iter().any(|named| *named != Named::Other) {
            return self.refuse(reasons::DDL, &format!("{verb} of several tables"));
        }
        match plan::definition(statement.source(), target, &view.schema, self.facts) {
            Ok(ddl) => Ok(Plan::Ddl(Box::new(ddl))),
            Err(what) => self.refuse(reasons::DDL, &format!("{verb}: {what}")),
        }
    }

    fn view_for_ddl(&self, verb: &str) -> Result<&TableView, Refusal> {
        let [view] = self.views.as_slice() else {
            return self.refuse(reasons::DDL, &format!("{verb} of several sharded tables"));
        };
        if view.locks.is_some() {
            return self
                .refuse(reasons::LOCK_TABLES, &format!("{verb} under LOCK TABLES: UNLOCK TABLES first"));
        }
        Ok(view)
    }

    fn lock_tables(&self, items: &[LockItem]) -> Result<Plan, Refusal> {
        let statement = self.statement;
        let tables = &statement.form.parsed.tables;
        let locking = plan::Locking { source: statement.source(), tables, items, facts: self.facts };
        locking.plan(&self.views).map(|plan| Plan::LockTables(Box::new(plan)))
    }

    fn names_as_target(&self) -> bool {
        self.statement.form.named.first().is_some_and(|named| *named != Named::Other)
    }

    /// 1100: plain reads need nothing, everything else runs under the gate.
    fn in_legacy(&self) -> Plan {
        let gated =
            |implicit_commit| Plan::Gated { tables: self.statement.form.tables.clone(), implicit_commit };
        match &self.statement.form.parsed.shape {
            Shape::Query | Shape::Expressions(_) if !self.statement.locks() && self.understood() => {
                Plan::Relay
            }
            Shape::Shows | Shape::Harmless | Shape::TextPrepare | Shape::Handler | Shape::FlushAndLock => {
                Plan::Relay
            }
            Shape::Ddl(_) | Shape::CreateTable | Shape::Truncate | Shape::TemporaryTable => gated(true),
            _ => gated(false),
        }
    }

    fn understood(&self) -> bool {
        !matches!(self.statement.form.verdict, Verdict::Doubtful(_))
    }

    fn reads_legacy(&self) -> bool {
        self.views.iter().all(|view| matches!(view.phase, Phase::Legacy | Phase::DualWrite))
    }

    /// SET, DO and CALL. What they read is locked as in a write, so it is legacy's as long as that is written.
    fn expressions(&self, verb: &str) -> Result<Plan, Refusal> {
        if self.reads_legacy() && !self.statement.locks() {
            return Ok(Plan::Relay);
        }
        if !plan::sets_only_variables(self.statement.source()) {
            let what = format!("{verb} with a subquery, of anything but user variables");
            return self.refuse(reasons::READ_IN_EXPRESSION, &what);
        }
        if self.views.iter().all(|view| view.phase != Phase::Shards) {
            return Ok(self.gated());
        }
        if self.views.iter().any(|view| view.locks.is_some()) {
            return self.refuse(reasons::READ_IN_EXPRESSION, &format!("{verb} under LOCK TABLES"));
        }
        plan::expressions(&self.references()?)
    }

    /// A client that names shard tables itself: reads are its own affair.
    fn direct(&self) -> Result<Plan, Refusal> {
        let only_shards = self.statement.form.named.iter().all(|named| !matches!(named, Named::Legacy(_)));
        match &self.statement.form.parsed.shape {
            Shape::Shows | Shape::Harmless | Shape::TextPrepare => Ok(Plan::Relay),
            Shape::Query if only_shards && !self.statement.locks() => Ok(Plan::Relay),
            _ => self.refuse(reasons::DIRECT_WRITE, "a statement on a shard table or on schema `shunt`"),
        }
    }

    /// A SELECT: each of its tables by its own phase. What locks reads legacy as long as it is written.
    fn query(&self) -> Result<Plan, Refusal> {
        let locking = self.statement.locks();
        let on_shards = |phase| match phase {
            Phase::Legacy | Phase::DualWrite => false,
            Phase::ShardRead => !locking,
            Phase::Shards => true,
        };
        if !self.views.iter().any(|view| on_shards(view.phase)) {
            // What is not understood may lock: under the gate its locks are seen.
            let plain = !locking && self.understood();
            return Ok(if plain { Plan::Relay } else { self.gated() });
        }
        self.check_verdict()?;
        let all = self.references()?;
        let moved: Vec<Context<'_>> = all.iter().filter(|cx| on_shards(cx.phase)).copied().collect();
        if let Some(fails) = moved.iter().find_map(|cx| self.not_locked(cx)) {
            return Ok(fails);
        }
        plan::shard_read(&moved, &all, locking)
    }

    /// What the server would say of this reference under the client's LOCK TABLES.
    fn not_locked(&self, cx: &Context<'_>) -> Option<Plan> {
        let view = self.views.iter().find(|view| view.schema.table.id() == cx.table().id())?;
        let locks = view.locks.as_ref()?;
        plan::check_locks(cx.source, cx.parsed, cx.target, locks).err().map(Plan::Fail)
    }

    fn gated(&self) -> Plan {
        Plan::Gated { tables: self.statement.form.tables.clone(), implicit_commit: false }
    }

    fn write(&self) -> Result<Plan, Refusal> {
        self.check_verdict()?;
        let written = self.written()?;
        let configured =
            |place: &&usize| matches!(self.statement.form.named.get(**place), Some(Named::Legacy(_)));
        let targets: Vec<usize> = written.tables.iter().filter(configured).copied().collect();
        match targets.as_slice() {
            [] => {
                // The targets are other tables; the sharded one is only read, under the locks of a write.
                let certified = self.views.iter().all(|view| view.phase != Phase::Shards);
                if certified {
                    return Ok(self.gated());
                }
                let references = self.references()?;
                if self.views.iter().all(|view| view.locks.is_none()) {
                    return match self.inserts_query() {
                        Some((insert, query)) => plan::insert_elsewhere(&references, insert, query),
                        None => plan::write_elsewhere(&references, &self.statement.form.parsed.shape),
                    };
                }
                self.refuse(
                    reasons::READ_IN_WRITE,
                    "a write to another table that reads it under LOCK TABLES",
                )
            }
            targets => self.write_to(targets, &written),
        }
    }

    /// The tables that the statement writes.
    fn written(&self) -> Result<Written, Refusal> {
        let statement = self.statement;
        let has = |place: usize, column: &str| {
            let Some(Named::Legacy(table)) = statement.form.named.get(place) else { return false };
            let id = self.tables.get(*table).map(|table| table.id());
            let view = self.views.iter().find(|view| Some(view.schema.table.id()) == id);
            view.is_some_and(|view| view.schema.column(column).is_some())
        };
        written(statement.source(), &statement.form.parsed, self.facts, &has)
            .or_else(|what| self.refuse(reasons::NOT_UNDERSTOOD, &what))
    }

    /// An INSERT … SELECT, and its SELECT.
    fn inserts_query(&self) -> Option<(&Insert, &Span)> {
        let Shape::Insert(insert) = &self.statement.form.parsed.shape else { return None };
        let InsertSource::Query(query) = &insert.source else { return None };
        Some((insert, query))
    }

    /// A write of the references at `targets`, of which only a DELETE has several.
    fn write_to(&self, targets: &[usize], written: &Written) -> Result<Plan, Refusal> {
        let references = self.references()?;
        let tables = &self.statement.form.parsed.tables;
        let at = |cx: &Context<'_>, place: &usize| tables.get(*place) == Some(cx.target);
        // Beside others, one in 1100 is as good as not sharded.
        let moved = |place: &&usize| references.iter().any(|cx| at(cx, place) && cx.phase != Phase::Legacy);
        let moved: Vec<usize> = targets.iter().filter(moved).copied().collect();
        let targets = if moved.is_empty() { targets } else { &moved };
        let is_written = |cx: &Context<'_>| targets.iter().any(|place| at(cx, place));
        let mut all = references.iter().filter(|cx| is_written(cx));
        let Some(cx) = all.next() else {
            return self.refuse(reasons::NOT_UNDERSTOOD, "the table reference");
        };
        let also: Vec<Context<'_>> = all.copied().collect();
        self.check_several(targets, cx, &also)?;
        let reads_shards = references.iter().any(|cx| cx.phase == Phase::Shards);
        let rows = self.inserts_query();
        if let Some((insert, query)) = rows.filter(|_| cx.phase == Phase::Legacy && reads_shards) {
            return plan::insert_elsewhere(&references, insert, query);
        }
        let every = || std::iter::once(cx).chain(&also);
        let twice = |other: &Context<'_>| {
            !is_written(other) && every().any(|written| written.table().id() == other.table().id())
        };
        if rows.is_none() && cx.phase == Phase::Shards && references.iter().any(twice) {
            return self.refuse(reasons::SEVERAL_REFERENCES, "more than one reference to the sharded table");
        }
        let inserts = rows.is_none() && matches!(self.statement.form.parsed.shape, Shape::Insert(_));
        if reads_shards && references.len() > 1 && (inserts || cx.phase == Phase::Legacy) {
            return self.refuse(reasons::SEVERAL_TABLES, "a write that reads another sharded table");
        }
        if cx.phase == Phase::Legacy {
            return Ok(self.gated());
        }
        self.check_autocommit()?;
        self.check_set_var()?;
        if let Some((insert, query)) = rows {
            return plan::insert_select(cx, &references, insert, query);
        }
        if every().any(|written| self.shadowed(written)) {
            return self
                .refuse(reasons::NOT_UNDERSTOOD, "another table or WITH clause under the table's name");
        }
        let shards = cx.phase == Phase::Shards;
        if let Some(fails) = every().find_map(|written| self.not_locked(written)).filter(|_| shards) {
            return Ok(fails);
        }
        let own = |change: &Change| {
            let mut own = plan::Target::new(change, written, targets, also.clone());
            let beside: Vec<Context<'_>> = references
                .iter()
                .filter(|other| other.phase == Phase::Shards && !is_written(other))
                .copied()
                .collect();
            let tokens = beside.iter().map(|other| other.target.tokens.clone()).collect();
            own.beside = (plan::beside(cx, change.filter.as_ref(), &beside)?, tokens);
            Ok(own)
        };
        match (&self.statement.form.parsed.shape, shards) {
            (Shape::Insert(insert), _) => {
                let planned = if shards { plan::shard_insert } else { plan::dual_insert };
                planned(cx, insert).or_else(|refused| plan::evaluated(cx, insert, refused))
            }
            (Shape::Update(change) | Shape::Delete(change), false) => plan::dual_change(cx, &own(change)?),
            (Shape::Update(change) | Shape::Delete(change), true) => plan::shard_change(cx, &own(change)?),
            _ => cx.refuse(reasons::NOT_UNDERSTOOD, "its kind"),
        }
    }

    /// Under LOCK TABLES a write runs between SET autocommit = 0 and SET autocommit = 1.
    fn check_autocommit(&self) -> Result<(), Refusal> {
        let locked = self.views.iter().any(|view| view.locks.is_some());
        if locked && self.statement.source().has_system_variable("autocommit") {
            return self.refuse(reasons::LOCK_TABLES, "`@@autocommit` in a write under LOCK TABLES");
        }
        Ok(())
    }

    /// A setting for the statement alone holds neither for what the planner takes for granted (which ids are generated)
    /// nor for what runs beside it (which rows its condition finds).
    fn check_set_var(&self) -> Result<(), Refusal> {
        let source = self.statement.source();
        let mut hints = (0..source.len()).filter(|i| source.is_hint(*i));
        if hints.any(|i| plan::sets_more_than_the_optimizer(source.bytes(i))) {
            return self.refuse(reasons::SET_VAR, "a write with SET_VAR");
        }
        Ok(())
    }

    /// Of several references, those of a DELETE can be written, where all are on the same side.
    fn check_several(
        &self,
        targets: &[usize],
        cx: &Context<'_>,
        also: &[Context<'_>],
    ) -> Result<(), Refusal> {
        if targets.len() == 1 {
            return Ok(());
        }
        let sides = |phase: Phase| (phase.writes(Side::Legacy), phase.writes(Side::Shards));
        let together = also.iter().all(|other| sides(other.phase) == sides(cx.phase));
        let deletes = matches!(self.statement.form.parsed.shape, Shape::Delete(_));
        match () {
            () if deletes && together && targets.len() == also.len() + 1 => Ok(()),
            () if self.views.len() > 1 => {
                self.refuse(reasons::SEVERAL_TABLES, "a write to several sharded tables")
            }
            () => self.refuse(reasons::SEVERAL_REFERENCES, "a write to two references to the sharded table"),
        }
    }

    fn check_verdict(&self) -> Result<(), Refusal> {
        match &self.statement.form.verdict {
            Verdict::Doubtful(what) => self.refuse(reasons::NOT_UNDERSTOOD, what),
            _ => Ok(()),
        }
    }

    /// The references to configured tables, each with the statement as seen from it.
    fn references(&self) -> Result<Vec<Context<'_>>, Refusal> {
        let parsed = &self.statement.form.parsed;
        let columns = match &self.statement.form.verdict {
            Verdict::Agreed(relations) => &relations.columns,
            _ => &NO_COLUMNS,
        };
        let named = parsed.tables.iter().zip(&self.statement.form.named);
        let references: Vec<Context<'_>> = named
            .filter_map(|(target, named)| {
                let Named::Legacy(table) = named else { return None };
                let id = self.tables.get(*table)?.id();
                let view = self.views.iter().find(|view| view.schema.table.id() == id)?;
                Some(Context {
                    source: self.statement.source(),
                    parsed,
                    facts: self.facts,
                    params: self.params,
                    placeholders: &self.statement.form.placeholders,
                    schema: &view.schema,
                    phase: view.phase,
                    logs: view.logs,
                    target,
                    columns,
                    locked: view.locks.is_some(),
                    views: self.all,
                })
            })
            .collect();
        if references.is_empty() {
            return self.refuse(reasons::NOT_UNDERSTOOD, "the table reference");
        }
        Ok(references)
    }

    /// Another table goes by the name of this one: a qualified column could be either's. In another SELECT that
    /// matters only where columns are respelled.
    fn shadowed(&self, cx: &Context<'_>) -> bool {
        let target = cx.target;
        let same = |name: &str| name.eq_ignore_ascii_case(target.called());
        let beside = |other: &TableRef| cx.phase == Phase::Shards || other.block == target.block;
        let parsed = &self.statement.form.parsed;
        let mut others = parsed.tables.iter().filter(|other| *other != target);
        let derived = cx.phase == Phase::Shards && parsed.aliases.iter().any(|alias| same(alias));
        derived || others.any(|other| beside(other) && same(other.called()))
    }

    fn refuse<T>(&self, reason: Reason, what: &str) -> Result<T, Refusal> {
        let Some(view) = self.views.first() else {
            return Err(Refusal { reason: reason.name, message: what.to_owned() });
        };
        let worst = self.views.iter().rev().max_by_key(|view| view.phase).unwrap_or(view);
        Err(reasons::refusal(reason, what, &worst.schema.table, worst.phase))
    }
}
