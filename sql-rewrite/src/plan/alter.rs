//! ALTER TABLE, CREATE INDEX and DROP INDEX that mean the same on every table: which of their forms are understood.
//!
//! Understood is only what cannot fail on a shard when it went well on legacy, and gives the rows that are there the
//! same values everywhere. So a new column's default is a literal, a new index does not make anything unique, and
//! primary key and shard key stay as they are.

use topology::TableSchema;

use crate::{
    lex::TokenKind,
    syntax::{Source, Span, TableRef},
};

/// What a form costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    /// It changes the definition only.
    Definition,
    /// It may read or write every row.
    Rows,
}

/// What was not understood, in words for the client.
type NotUnderstood = String;

/// Types whose implicit default is no matter of the rows or of session settings.
const TYPES: [&str; 32] = [
    "TINYINT",
    "SMALLINT",
    "MEDIUMINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "BOOL",
    "BOOLEAN",
    "DECIMAL",
    "NUMERIC",
    "DEC",
    "FLOAT",
    "DOUBLE",
    "REAL",
    "BIT",
    "CHAR",
    "CHARACTER",
    "VARCHAR",
    "TINYTEXT",
    "TEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
    "BINARY",
    "VARBINARY",
    "TINYBLOB",
    "BLOB",
    "MEDIUMBLOB",
    "LONGBLOB",
    "ENUM",
    "SET",
    "YEAR",
    "TIME",
];

/// Types for which NOT NULL without a default may fail where there are rows and only there.
const TYPES_WITH_DEFAULT: [&str; 4] = ["DATE", "DATETIME", "TIMESTAMP", "JSON"];

/// Reads one statement about `target`.
pub(crate) struct Reader<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) target: &'a TableRef,
    pub(crate) schema: &'a TableSchema,
}

impl Reader<'_> {
    /// The cost of the whole statement.
    pub(crate) fn statement(&self) -> Result<Cost, NotUnderstood> {
        let (source, name) = (self.source, &self.target.tokens);
        let all = name.end..source.len();
        if source.words(0, &["ALTER", "TABLE"]) && name.start == 2 && !all.is_empty() {
            return self.alter(&all);
        }
        if source.words(0, &["CREATE", "INDEX"]) && source.word(name.start - 1, "ON") {
            let before = self.index_type(3);
            if source.is_ident(2) && before == name.start - 1 {
                return self.index_parts(name.end, source.len()).map(|()| Cost::Rows);
            }
        }
        if source.words(0, &["DROP", "INDEX"])
            && source.is_ident(2)
            && name.start == 4
            && source.word(3, "ON")
        {
            self.not_primary(2)?;
            return self.index_options(name.end, source.len()).map(|()| Cost::Definition);
        }
        Err("this form of DDL".to_owned())
    }

    fn alter(&self, all: &Span) -> Result<Cost, NotUnderstood> {
        let source = self.source;
        let mut cost = Cost::Definition;
        let mut instant = false;
        for action in source.split_commas(all) {
            if source.any_word(action.start, &["ALGORITHM", "LOCK"]) {
                let value = action.start + 1 + usize::from(source.op(action.start + 1, "="));
                self.ends(value + 1, action.end)?;
                instant |= source.word(action.start, "ALGORITHM") && source.word(value, "INSTANT");
            } else {
                cost = cost.max(self.action(&action)?);
            }
        }
        // The server itself refuses what is not.
        Ok(if instant { Cost::Definition } else { cost })
    }

    fn action(&self, action: &Span) -> Result<Cost, NotUnderstood> {
        let (source, at, end) = (self.source, action.start, action.end);
        let optional = |word: &str| at + 1 + usize::from(source.word(at + 1, word));
        match () {
            () if source.word(at, "ADD") && source.any_word(at + 1, &["INDEX", "KEY"]) => {
                let named = usize::from(!source.op(at + 2, "(") && !source.word(at + 2, "USING"));
                self.index_parts(self.index_type(at + 2 + named), end).map(|()| Cost::Rows)
            }
            () if source.word(at, "ADD") => self.new_column(optional("COLUMN"), end).map(|()| Cost::Rows),
            () if source.word(at, "DROP") && source.any_word(at + 1, &["INDEX", "KEY"]) => {
                self.not_primary(at + 2)?;
                self.ends(at + 3, end).map(|()| Cost::Definition)
            }
            () if source.word(at, "DROP") => {
                let column = optional("COLUMN");
                self.name(column)?;
                self.in_no_key(column, true)?;
                self.ends(column + 1, end).map(|()| Cost::Rows)
            }
            () if source.word(at, "RENAME") && source.any_word(at + 1, &["COLUMN", "INDEX", "KEY"]) => {
                self.name(at + 2)?;
                self.name(at + 4)?;
                if source.word(at + 1, "COLUMN") {
                    self.in_no_key(at + 2, false)?;
                } else {
                    self.not_primary(at + 2)?;
                }
                if !source.word(at + 3, "TO") {
                    return self.not_understood(at + 3);
                }
                self.ends(at + 5, end).map(|()| Cost::Definition)
            }
            () if source.word(at, "ALTER") => {
                let column = optional("COLUMN");
                self.name(column)?;
                let after = match () {
                    () if source.words(column + 1, &["SET", "DEFAULT"]) => self.literal(column + 3)?,
                    () if source.words(column + 1, &["DROP", "DEFAULT"]) => column + 3,
                    () => return self.not_understood(column + 1),
                };
                self.ends(after, end).map(|()| Cost::Definition)
            }
            () if source.any_word(at, &["COMMENT", "AUTO_INCREMENT"]) => {
                let value = at + 1 + usize::from(source.op(at + 1, "="));
                let kind = if source.word(at, "COMMENT") { TokenKind::String } else { TokenKind::Integer };
                if source.kind(value) != Some(kind) {
                    return self.not_understood(value);
                }
                self.ends(value + 1, end).map(|()| Cost::Definition)
            }
            () => self.not_understood(at),
        }
    }

    /// `name type attributes [FIRST | AFTER name]`
    fn new_column(&self, name: usize, end: usize) -> Result<(), NotUnderstood> {
        let source = self.source;
        // Behind ADD these begin something else than a column.
        let others = ["UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "VECTOR", "CONSTRAINT", "FOREIGN", "CHECK"];
        if source.any_word(name, &others) || source.any_word(name, &["PARTITION", "PERIOD", "SYSTEM", "IF"]) {
            return self.not_understood(name);
        }
        self.name(name)?;
        let of_type = name + 1;
        let with_default = source.any_word(of_type, &TYPES_WITH_DEFAULT);
        if !source.any_word(of_type, &TYPES) && !with_default {
            return self.not_understood(of_type);
        }
        let mut at = of_type + 1;
        if source.op(at, "(") {
            at = source.close(at) + 1;
        }
        let (mut default, mut null, mut not_null) = (false, false, false);
        while at < end {
            at = match () {
                () if source.any_word(at, &["UNSIGNED", "SIGNED", "ZEROFILL", "VISIBLE", "INVISIBLE"]) => {
                    at + 1
                }
                () if source.words(at, &["CHARACTER", "SET"]) => at + 3,
                () if source.any_word(at, &["CHARSET", "COLLATE"]) => at + 2,
                () if source.words(at, &["NOT", "NULL"]) => {
                    not_null = true;
                    at + 2
                }
                () if source.word(at, "NULL") => {
                    null = true;
                    at + 1
                }
                () if source.word(at, "DEFAULT") => {
                    default = true;
                    self.literal(at + 1)?
                }
                () if source.word(at, "COMMENT") && source.kind(at + 1) == Some(TokenKind::String) => at + 2,
                () if source.word(at, "FIRST") && at + 1 == end => end,
                () if source.word(at, "AFTER") && at + 2 == end => end,
                () => return self.not_understood(at),
            };
        }
        let timestamp = source.word(of_type, "TIMESTAMP") && !null;
        if with_default && !default && (not_null || timestamp) {
            return Err("a new column of this type that is NOT NULL and has no DEFAULT".to_owned());
        }
        self.ends(at, end)
    }

    /// `USING BTREE`
    fn index_type(&self, at: usize) -> usize {
        if self.source.word(at, "USING") { at + 2 } else { at }
    }

    /// `(column [(length)] [ASC | DESC], …) options`
    fn index_parts(&self, at: usize, end: usize) -> Result<(), NotUnderstood> {
        let source = self.source;
        if !source.op(at, "(") {
            return self.not_understood(at);
        }
        let close = source.close(at);
        for part in source.split_commas(&(at + 1..close)) {
            self.name(part.start)?;
            let mut after = part.start + 1;
            if source.op(after, "(") {
                after = source.close(after) + 1;
            }
            after += usize::from(source.any_word(after, &["ASC", "DESC"]));
            self.ends(after, part.end)?;
        }
        self.index_options(close + 1, end)
    }

    fn index_options(&self, mut at: usize, end: usize) -> Result<(), NotUnderstood> {
        let source = self.source;
        while at < end {
            at = match () {
                () if source.any_word(at, &["USING", "COMMENT"]) => at + 2,
                () if source.any_word(at, &["ALGORITHM", "LOCK"]) => {
                    at + 2 + usize::from(source.op(at + 1, "="))
                }
                () if source.any_word(at, &["VISIBLE", "INVISIBLE"]) => at + 1,
                () => return self.not_understood(at),
            };
        }
        self.ends(at, end)
    }

    /// The token behind a literal. The value of an expression could differ from table to table.
    fn literal(&self, at: usize) -> Result<usize, NotUnderstood> {
        let source = self.source;
        let signed = at + usize::from(source.op(at, "-") || source.op(at, "+"));
        match source.kind(signed) {
            Some(TokenKind::Integer | TokenKind::Decimal | TokenKind::Float) => Ok(signed + 1),
            Some(TokenKind::String | TokenKind::Hex | TokenKind::Bit) if signed == at => Ok(at + 1),
            _ if source.any_word(at, &["NULL", "TRUE", "FALSE"]) => Ok(at + 1),
            _ => Err("a DEFAULT that is no literal".to_owned()),
        }
    }

    fn name(&self, at: usize) -> Result<(), NotUnderstood> {
        let one = self.source.is_ident(at) && !self.source.op(at + 1, ".");
        if one { Ok(()) } else { self.not_understood(at) }
    }

    fn not_primary(&self, at: usize) -> Result<(), NotUnderstood> {
        self.name(at)?;
        let is = self.source.ident(at).is_none_or(|name| name.eq_ignore_ascii_case("PRIMARY"));
        if is { Err("a change of the primary key".to_owned()) } else { Ok(()) }
    }

    /// The column is neither primary key nor shard key; with `unique` nor in any unique key.
    fn in_no_key(&self, at: usize, unique: bool) -> Result<(), NotUnderstood> {
        let Some(name) = self.source.ident(at) else { return self.not_understood(at) };
        let is = |column: &String| column.to_lowercase() == name.to_lowercase();
        let schema = self.schema;
        if is(&schema.table.shard_key().to_owned()) || schema.primary_key.iter().any(is) {
            return Err("a change of the primary key or the shard key".to_owned());
        }
        if unique && schema.unique_keys.iter().any(|key| key.columns.iter().any(is)) {
            return Err("a change of a unique key".to_owned());
        }
        Ok(())
    }

    fn ends(&self, at: usize, end: usize) -> Result<(), NotUnderstood> {
        if at == end { Ok(()) } else { self.not_understood(at) }
    }

    fn not_understood<T>(&self, at: usize) -> Result<T, NotUnderstood> {
        if at >= self.source.len() {
            return Err("DDL that ends too early".to_owned());
        }
        Err(format!("`{}` in DDL", String::from_utf8_lossy(self.source.bytes(at))))
    }
}
