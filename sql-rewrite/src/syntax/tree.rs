//! What the reader finds in a statement: clauses as token ranges, table references by position.
//!
//! Expressions stay opaque: the server judges them. Only what planning needs has a name here.

use super::source::Span;

/// A table named where a table stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRef {
    /// `db` of `db.t`.
    pub(crate) schema: Option<String>,
    /// The table.
    pub(crate) name: String,
    /// The tokens of the name, with the schema.
    pub(crate) tokens: Span,
    /// `AS x`, `x`.
    pub(crate) alias: Option<String>,
    /// From the name to the end of the factor: alias, `PARTITION (…)`, index hints.
    pub(crate) factor: Span,
    /// `PARTITION (…)`, behind the name.
    pub(crate) partition: Span,
    /// Index hints (`FORCE INDEX (…)`), behind the alias.
    pub(crate) index_hints: Span,
    /// Index into [`Parsed::blocks`] of the SELECT that it belongs to.
    pub(crate) block: Option<usize>,
    /// `TABLE t`: a SELECT of everything, without more words.
    pub(crate) is_statement: bool,
}

/// How the tables of a FROM are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Joined {
    /// A derived table, JSON_TABLE.
    #[default]
    Other,
    /// The table whose name begins at this token.
    Table(usize),
    /// Two sides.
    Join(Box<Join>),
}

/// One join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    /// Which rows it keeps.
    pub(crate) kind: JoinKind,
    pub(crate) left: Joined,
    pub(crate) right: Joined,
    /// Behind ON.
    pub(crate) on: Option<Span>,
}

/// Which side's rows stay where the other side has no partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    /// None: INNER, CROSS, STRAIGHT_JOIN, a comma.
    Inner,
    /// The left one's.
    Left,
    /// The right one's.
    Right,
}

/// Where a SELECT stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is the statement, or an operand of its UNION.
    #[default]
    Whole,
    /// In an expression.
    Subquery,
    /// In a FROM.
    Derived,
    /// In WITH.
    Cte,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cte {
    pub(crate) name: String,
    /// The tokens among which its name stands for it.
    pub(crate) visible: Span,
    /// The tokens among which servers differ.
    pub(crate) doubtful: Span,
}

/// What a table reference stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// A table of the server.
    Table,
    /// A common table expression.
    Cte,
    /// One or the other.
    Doubtful,
}

impl TableRef {
    /// The name and its `PARTITION (…)`.
    pub(crate) fn rows(&self) -> Span {
        self.tokens.start..self.partition.end
    }

    /// The name by which the statement's expressions know it.
    pub(crate) fn called(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

/// One `SELECT`, with the tail (`ORDER BY` …) that stands at its level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// From SELECT to its end.
    pub(crate) span: Span,
    /// Where it stands.
    pub(crate) role: Role,
    /// `DISTINCT`, `SQL_CALC_FOUND_ROWS` and so on.
    pub(crate) options: Span,
    /// The select list.
    pub(crate) items: Span,
    /// The table list, without FROM.
    pub(crate) from: Span,
    /// How its tables are joined.
    pub(crate) tables: Joined,
    /// Behind WHERE.
    pub(crate) filter: Option<Span>,
    /// Behind GROUP BY.
    pub(crate) group: Option<Span>,
    /// Behind HAVING.
    pub(crate) having: Option<Span>,
    /// Behind ORDER BY.
    pub(crate) order: Option<Span>,
    /// Behind LIMIT.
    pub(crate) limit: Option<Span>,
    /// `FOR UPDATE …`, `LOCK IN SHARE MODE …`.
    pub(crate) lock: Option<Span>,
    /// `INTO @x`, `INTO OUTFILE …`.
    pub(crate) into: Option<Span>,
    /// `UNION` and the like stand beside it.
    pub(crate) combined: bool,
    /// `NATURAL` or `USING`: an unqualified column may be another table's.
    pub(crate) merges_columns: bool,
    /// `NATURAL`: columns are joined that the text does not name.
    pub(crate) natural: bool,
    /// More than one table factor.
    pub(crate) joined: bool,
}

/// `col = expr` of UPDATE, INSERT … SET and ON DUPLICATE KEY UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The column, without its qualification.
    pub(crate) column: String,
    /// Its tokens, with the qualification.
    pub(crate) target: Span,
    /// The tokens behind `=`.
    pub(crate) value: Span,
}

/// A single-table INSERT or REPLACE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Insert {
    /// REPLACE.
    pub(crate) replace: bool,
    /// IGNORE.
    pub(crate) ignore: bool,
    /// The column list, if there is one, with the inside of its parentheses.
    pub(crate) columns: Option<(Vec<String>, Span)>,
    /// Where the rows come from.
    pub(crate) source: InsertSource,
    /// `AS new (a, b)` behind the rows.
    pub(crate) row_alias: Option<RowAlias>,
    /// Behind ON DUPLICATE KEY UPDATE.
    pub(crate) on_duplicate: Option<Vec<Assignment>>,
    /// MariaDB's RETURNING.
    pub(crate) returning: Option<Span>,
}

/// The rows of an INSERT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InsertSource {
    /// `VALUES (…), (…)`.
    Rows(Vec<Row>),
    /// `SET a = 1`; the span of the list.
    Set(Vec<Assignment>, Span),
    /// `SELECT`, `TABLE`, `WITH`; the span of all of it.
    Query(Span),
}

/// MySQL's name for the new row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowAlias {
    /// The row's name.
    pub(crate) name: String,
    /// Names of its columns, if they have others there.
    pub(crate) columns: Vec<String>,
    /// The inside of their parentheses.
    pub(crate) list: Span,
}

/// One row of VALUES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// With its parentheses and `ROW`.
    pub(crate) span: Span,
    /// The opening parenthesis.
    pub(crate) open: usize,
    /// The values.
    pub(crate) values: Vec<Span>,
}

/// An UPDATE or DELETE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// `WITH …` before the verb; empty if there is none.
    pub(crate) with: Span,
    /// The table list.
    pub(crate) from: Span,
    /// Which of its tables are written.
    pub(crate) targets: Targets,
    /// IGNORE.
    pub(crate) ignore: bool,
    /// The assignments; empty for DELETE.
    pub(crate) assignments: Vec<Assignment>,
    /// Behind WHERE.
    pub(crate) filter: Option<Span>,
    /// Behind ORDER BY.
    pub(crate) order: Option<Span>,
    /// Behind LIMIT.
    pub(crate) limit: Option<Span>,
    /// Token where a WHERE would be put if there is none.
    pub(crate) where_place: usize,
    /// MariaDB's RETURNING.
    pub(crate) returning: Option<Span>,
}

/// Which tables of its list an UPDATE or DELETE writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// The list is one plain table.
    Alone,
    /// Those whose columns are assigned.
    Assigned,
    /// `DELETE a, b FROM …`, `DELETE FROM a, b USING …`.
    Named {
        /// Each of them.
        names: Vec<TargetName>,
        /// What stands there besides `DELETE FROM` and the list.
        span: Span,
    },
}

/// A name that says from which table rows are deleted, by its alias if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetName {
    /// `app`, `user`.
    pub(crate) parts: Vec<String>,
    /// Its tokens, without `.*`.
    pub(crate) tokens: Span,
}

/// One table of LOCK TABLES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockItem {
    /// How it is locked.
    pub(crate) kind: LockKind,
    /// The token behind it.
    pub(crate) end: usize,
}

/// How LOCK TABLES locks a table; a later one allows all that an earlier one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LockKind {
    /// READ LOCAL.
    ReadLocal,
    /// READ.
    Read,
    /// WRITE, also LOW_PRIORITY and CONCURRENT.
    Write,
}

impl LockKind {
    /// In LOCK TABLES.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::ReadLocal => "READ LOCAL",
            Self::Read => "READ",
            Self::Write => "WRITE",
        }
    }
}

/// What kind of statement it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// SELECT, TABLE, VALUES, WITH … SELECT.
    Query,
    /// INSERT, REPLACE; the target is the first table reference.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Change>),
    /// DELETE.
    Delete(Box<Change>),
    /// Shows, describes or explains, and runs nothing.
    Shows,
    /// LOCK TABLES: how each of [`Parsed::tables`] is locked.
    LockTables(Vec<LockItem>),
    /// `FLUSH TABLES a, b WITH READ LOCK` or `FOR EXPORT`, which locks them.
    FlushAndLock,
    /// DDL that names its tables in [`Parsed::tables`], with its verb: `ALTER TABLE`.
    Ddl(&'static str),
    /// CREATE TABLE with columns, which does nothing where the table exists.
    CreateTable,
    /// TRUNCATE of one table and nothing else.
    Truncate,
    /// CREATE TEMPORARY TABLE.
    TemporaryTable,
    /// `PREPARE s FROM …`.
    TextPrepare,
    /// LOAD DATA, LOAD XML.
    Load,
    /// HANDLER.
    Handler,
    /// SET, DO: expressions, which may hold subqueries.
    Expressions(&'static str),
    /// It concerns the server or accounts, not the contents of a table: CREATE USER, ANALYZE TABLE.
    #[default]
    Harmless,
    /// Not understood, and which part.
    Unknown(String),
}

/// A statement as read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Its kind.
    pub(crate) shape: Shape,
    /// Every table reference, in the order of the text.
    pub(crate) tables: Vec<TableRef>,
    /// Every SELECT.
    pub(crate) blocks: Vec<Block>,
    /// Common table expressions.
    pub(crate) ctes: Vec<Cte>,
    /// Aliases of derived tables and of JSON_TABLE.
    pub(crate) aliases: Vec<String>,
    /// A derived table or common table expression has a list of column names.
    pub(crate) renames_columns: bool,
    /// `NATURAL` or `USING` in the table list of an UPDATE or DELETE.
    pub(crate) merges_columns: bool,
}

impl Parsed {
    /// What `table` stands for. Names of common table expressions compare with case or without, by server.
    pub(crate) fn binding(&self, table: &TableRef) -> Binding {
        if table.schema.is_some() {
            return Binding::Table;
        }
        let named = self.ctes.iter().filter(|cte| cte.name.to_lowercase() == table.name.to_lowercase());
        let at = table.tokens.start;
        named.fold(Binding::Table, |found, cte| match found {
            Binding::Table if cte.doubtful.contains(&at) => Binding::Doubtful,
            Binding::Table if !cte.visible.contains(&at) => Binding::Table,
            Binding::Table | Binding::Cte if cte.name == table.name => Binding::Cte,
            _ => Binding::Doubtful,
        })
    }
}
