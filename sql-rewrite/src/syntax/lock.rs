//! LOCK TABLES, and FLUSH TABLES where it locks.

use super::{
    NotUnderstood,
    query::Reader,
    tree::{LockItem, LockKind, Shape},
};

impl Reader<'_> {
    /// From LOCK on.
    pub(super) fn lock_tables(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        if !source.any_word(1, &["TABLES", "TABLE"]) {
            // LOCK INSTANCE FOR BACKUP
            return Ok(Shape::Harmless);
        }
        let mut items = Vec::new();
        let mut at = 2;
        loop {
            let item = self.lock_item(at)?;
            at = item.end;
            items.push(item);
            if !source.op(at, ",") {
                break;
            }
            at += 1;
        }
        // MariaDB: WAIT n, NOWAIT
        at += match () {
            () if source.word(at, "WAIT") => 2,
            () if source.word(at, "NOWAIT") => 1,
            () => 0,
        };
        if at == source.len() {
            Ok(Shape::LockTables(items))
        } else {
            Err("the list of LOCK TABLES".to_owned())
        }
    }

    /// `t`, `db.t AS a` and how it is locked.
    fn lock_item(&mut self, start: usize) -> Result<LockItem, NotUnderstood> {
        let source = self.source;
        let mut table = self.named_table(start, "LOCK TABLES")?;
        let mut at = table.tokens.end;
        // READ, WRITE and LOW_PRIORITY are reserved: no alias is called so without quotes.
        let named = source.word(at, "AS");
        if named || !source.any_word(at, &["READ", "WRITE", "LOW_PRIORITY"]) {
            at += usize::from(named);
            table.alias = Some(source.ident(at).ok_or("an alias in LOCK TABLES")?);
            at += 1;
        }
        table.factor = start..at;
        let kind = match () {
            () if source.words(at, &["READ", "LOCAL"]) => (LockKind::ReadLocal, 2),
            () if source.word(at, "READ") => (LockKind::Read, 1),
            () if source.words(at, &["WRITE", "CONCURRENT"]) => (LockKind::Write, 2),
            () if source.words(at, &["LOW_PRIORITY", "WRITE"]) => (LockKind::Write, 2),
            () if source.word(at, "WRITE") => (LockKind::Write, 1),
            () => return Err("the list of LOCK TABLES".to_owned()),
        };
        self.add_table(table);
        Ok(LockItem { kind: kind.0, end: at + kind.1 })
    }

    /// From FLUSH on. Nothing that it does concerns the contents of a table, unless it locks it.
    pub(super) fn flush(&mut self) -> Result<Shape, NotUnderstood> {
        let source = self.source;
        let mut at = 1;
        while source.any_word(at, &["LOCAL", "NO_WRITE_TO_BINLOG"]) {
            at += 1;
        }
        let all = at..source.len();
        let locks = source.find(&all, |i| {
            source.words(i, &["WITH", "READ", "LOCK"]) || source.words(i, &["FOR", "EXPORT"])
        });
        if !source.any_word(at, &["TABLES", "TABLE"]) || locks == all.end || locks == at + 1 {
            return Ok(Shape::Harmless);
        }
        for part in source.split_commas(&(at + 1..locks)) {
            let table = self.named_table(part.start, "FLUSH TABLES")?;
            self.add_table(table);
        }
        Ok(Shape::FlushAndLock)
    }
}
