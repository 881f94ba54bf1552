//! LOCK TABLES: the client's own list, and behind it what Shunt's statements under these locks will use.
//!
//! Under LOCK TABLES a session reaches locked tables only, each under the one name it was locked by, and
//! no two locks of one schema may share a name (error 1066): `user_0 AS user, user_1 AS user` is
//! impossible. So shards are locked, and named, under their own names; the mirror names legacy by an
//! alias of its own, so that a name which the client did not lock stays unlocked.
//!
//! The gate is locked READ. It is held until the locks are released, so no flip comes between them and
//! the statements that they are for.

use topology::{Phase, QualifiedName, TableId};

use super::{Refusal, ServerError, TableView, mirror::LEGACY_ALIAS, refusal};
use crate::{
    Facts,
    resolve::{is_table, same_name},
    splice::Edits,
    syntax::{LockItem, LockKind, Parsed, Shape, Source, TableRef},
};

/// A LOCK TABLES that names configured tables.
#[derive(Debug, Clone, PartialEq)]
pub struct LockTables {
    /// The client's text with Shunt's own tables in the list, up to the gates.
    before: Vec<u8>,
    /// What follows the list.
    after: Vec<u8>,
    /// What the client locks of configured tables, for [`TableView::locks`].
    pub locks: Vec<TableLock>,
    /// Tables whose id sequence must be raised for the epoch before: that looks at the shards, which
    /// nobody can once they are locked.
    pub raises: Vec<TableId>,
}

/// One of the client's locks on a configured table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLock {
    /// The table.
    pub table: TableId,
    /// The name that statements must use: the alias, or the table's own.
    pub name: String,
    /// WRITE.
    pub write: bool,
}

impl LockTables {
    /// The text, with these gates (`` `shunt`.`gate_…` ``) locked READ.
    #[must_use]
    pub fn sql<'g>(&self, gates: impl IntoIterator<Item = &'g str>) -> Vec<u8> {
        let mut sql = self.before.clone();
        for gate in gates {
            sql.extend(format!(", {gate} READ").into_bytes());
        }
        sql.extend_from_slice(&self.after);
        sql
    }
}

/// The statement, as read.
pub(crate) struct Locking<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) tables: &'a [TableRef],
    pub(crate) items: &'a [LockItem],
    pub(crate) facts: &'a Facts,
}

impl Locking<'_> {
    /// Plans it for the tables of `views`.
    pub(crate) fn plan(&self, views: &[TableView]) -> Result<LockTables, Refusal> {
        let mut plan =
            LockTables { before: Vec::new(), after: Vec::new(), locks: Vec::new(), raises: Vec::new() };
        let mut added = String::new();
        for view in views {
            let own = self.of(view.schema.table.legacy());
            let write = own.iter().any(|(_, kind)| *kind == LockKind::Write);
            for needed in self.needed(view, &own)? {
                added += &format!(", {needed}");
            }
            if write && view.phase == Phase::Shards && view.schema.auto_increment().is_some() {
                plan.raises.push(view.schema.table.id().clone());
            }
            plan.locks.extend(own.into_iter().map(|(reference, kind)| TableLock {
                table: view.schema.table.id().clone(),
                name: reference.called().to_owned(),
                write: kind == LockKind::Write,
            }));
        }
        let end = self.items.last().map_or(0, |item| item.end);
        let text = self.source.text();
        let place = self.source.byte_range(&(0..end)).end;
        plan.before = Edits::default().render(text, 0..place);
        plan.before.extend(added.into_bytes());
        plan.after = Edits::default().render(text, place..text.len());
        Ok(plan)
    }

    /// The client's locks on this table.
    fn of(&self, table: &QualifiedName) -> Vec<(&TableRef, LockKind)> {
        let all = self.tables.iter().zip(self.items);
        all.filter(|(reference, _)| is_table(table, reference, self.facts))
            .map(|(reference, item)| (reference, item.kind))
            .collect()
    }

    /// What Shunt's statements use while the client holds `own` on the table.
    fn needed(&self, view: &TableView, own: &[(&TableRef, LockKind)]) -> Result<Vec<String>, Refusal> {
        let table = &view.schema.table;
        let strongest = own.iter().map(|(_, kind)| *kind).max();
        let writes = strongest == Some(LockKind::Write);
        // In 1101 legacy is read: who may write waits at its lock, and the shards are only written.
        let kind = match view.phase {
            Phase::Legacy => None,
            Phase::DualWrite => strongest.filter(|_| writes),
            Phase::ShardRead | Phase::Shards => strongest,
        };
        let mut all = Vec::new();
        for shard in table.shards() {
            all.extend(self.shard(view, shard, kind)?);
        }
        if writes && matches!(view.phase, Phase::DualWrite | Phase::ShardRead) {
            self.check_name(view, &table.legacy().schema, LEGACY_ALIAS)?;
            all.push(format!("{} AS {LEGACY_ALIAS} READ", table.legacy().quoted()));
        }
        if writes && view.phase == Phase::Shards && view.logs {
            all.push(format!("{} WRITE", table.dirty_log()));
        }
        Ok(all)
    }

    /// The lock of `kind` on a shard, unless the client has it in its own list.
    fn shard(
        &self,
        view: &TableView,
        shard: &QualifiedName,
        kind: Option<LockKind>,
    ) -> Result<Option<String>, Refusal> {
        let theirs = self.of(shard);
        if view.phase != Phase::Legacy && theirs.iter().any(|(_, kind)| *kind == LockKind::Write) {
            return self.refuse(refusal::DIRECT_WRITE, view, &format!("a WRITE lock on shard table {shard}"));
        }
        let Some(kind) = kind else { return Ok(None) };
        match theirs.iter().find(|(reference, _)| reference.alias.is_none()) {
            Some((_, given)) if *given < kind => {
                let what = format!("a {} lock on shard table {shard}", given.sql());
                self.refuse(refusal::LOCK_TABLES, view, &what)
            }
            Some(_) => Ok(None),
            None => {
                self.check_name(view, &shard.schema, &shard.table)?;
                Ok(Some(format!("{} {}", shard.quoted(), kind.sql())))
            }
        }
    }

    /// A name of a schema can be locked once.
    fn check_name(&self, view: &TableView, schema: &str, name: &str) -> Result<(), Refusal> {
        let taken = self.tables.iter().any(|reference| {
            let given = reference.schema.as_deref().or(self.facts.database.as_deref());
            reference.called().eq_ignore_ascii_case(name)
                && given.is_some_and(|given| same_name(given, schema, self.facts))
        });
        if taken {
            return self.refuse(refusal::LOCK_TABLES, view, &format!("the name `{name}` for another lock"));
        }
        Ok(())
    }

    fn refuse<T>(&self, reason: refusal::Reason, view: &TableView, what: &str) -> Result<T, Refusal> {
        Err(refusal::refusal(reason, what, &view.schema.table, view.phase))
    }
}

/// What the server says of a statement on legacy under the client's locks. The shards are locked by names
/// that are Shunt's, so home cannot say it there.
pub(crate) fn check(
    source: Source<'_>,
    parsed: &Parsed,
    target: &TableRef,
    locks: &[TableLock],
) -> Result<(), ServerError> {
    let name = target.called();
    let Some(lock) = locks.iter().find(|lock| lock.name.eq_ignore_ascii_case(name)) else {
        let message = format!("Table '{name}' was not locked with LOCK TABLES");
        return Err(ServerError { code: 1100, message });
    };
    let writes = match parsed.shape {
        Shape::Query => (0..source.len()).any(|i| source.words(i, &["FOR", "UPDATE"])),
        _ => true,
    };
    if writes && !lock.write {
        let message = format!("Table '{name}' was locked with a READ lock and can't be updated");
        return Err(ServerError { code: 1099, message });
    }
    Ok(())
}
