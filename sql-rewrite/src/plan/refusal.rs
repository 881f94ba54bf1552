//! What is refused, by name. [`REASONS`] is the list for docs and metrics.

use topology::{Phase, ShardedTable};

use super::Refusal;

/// Why a statement is refused, and what to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) name: &'static str,
    pub(crate) advice: &'static str,
}

macro_rules! reasons {
    ($($konst:ident $name:literal $advice:literal;)*) => {
        $(pub(crate) const $konst: Reason = Reason { name: $name, advice: $advice };)*
        /// Every reason for which a statement is refused, by its stable name, with what to do instead.
        pub const REASONS: &[(&str, &str)] = &[$(($name, $advice)),*];
    };
}

reasons! {
    NOT_UNDERSTOOD "not-understood" "write it in a simpler form; SQL.md lists what is understood";
    SEVERAL_TABLES "several-sharded-tables" "write one sharded table at a time, but by DELETE those in the same phase; in 0011 INSERT … VALUES names no other one";
    SEVERAL_REFERENCES "several-references" "in 0011 name the sharded table once in a write; a DELETE may name several references, if it deletes from each";
    MULTI_TABLE "multi-table-write" "write one table at a time; for ORDER BY and LIMIT use the form for one table, or select the keys first";
    SUBQUERY "subquery-in-where" "run the subquery first and give its result as literals";
    VOLATILE "volatile-where" "compute the value first and give it as a literal";
    INSERT_SELECT "insert-select" "read the rows first and insert them with VALUES";
    READ_IN_WRITE "sharded-table-read-in-write" "UNLOCK TABLES first, or read the rows first and give them as literals";
    READ_IN_EXPRESSION "subquery-in-set" "run it as a SELECT of its own, or set a user variable by it";
    RETURNING "returning" "leave RETURNING out and read the row by its key; in 0011 rows of one shard can be returned, under plain column names";
    PARTITION "partition-clause" "leave the PARTITION clause out, or give the shards the partitions of the table (back in 1100)";
    OTHER_UNIQUE_KEY "other-unique-key" "use INSERT or UPDATE by primary key; in 0011 IGNORE, REPLACE and ON DUPLICATE KEY UPDATE need the shard key in every unique key";
    REPLACES_ITSELF "replaces-itself" "give each key and each unique value once";
    KEY_NOT_LITERAL "key-not-literal" "give the primary key and the shard key as literals, parameters or expressions of these, with ON DUPLICATE KEY UPDATE also columns of other unique keys";
    KEY_RANGE "key-out-of-range" "the key does not fit its column";
    KEY_TYPE "key-type" "primary keys of this type are not supported; the readiness report names them";
    KEY_MISSING "key-missing" "give the primary key and the shard key in the column list";
    MIXED_IDS "mixed-ids" "let all rows have a given id, or all rows a generated one";
    LAST_INSERT_ID "last-insert-id-argument" "leave LAST_INSERT_ID(…) with an argument out of statements with generated ids";
    KEY_ASSIGNED "key-assigned-on-duplicate" "leave primary key and shard key out of ON DUPLICATE KEY UPDATE, and assign VALUES(…) to columns of other unique keys";
    KEY_EXPRESSION "key-expression" "assign an integer literal, or a sum or product of integer columns that are not assigned before it";
    KEY_CHANGE_IGNORE "key-change-ignore" "leave IGNORE out when primary key or shard key change";
    KEY_CHANGE_ROWS "key-change-of-several-rows" "change primary keys row by row";
    SAFE_UPDATES "safe-updates" "name the row by its whole primary key, add a LIMIT, or SET sql_safe_updates = 0";
    SET_VAR "set-var" "SET the variable for the session instead";
    TOO_MANY_KEYS "too-many-keys" "write in smaller steps, for instance with LIMIT";
    ORDINAL "order-by-ordinal" "order by the column's name";
    LONG_DATA "long-data" "bind it as a string or as a BLOB, or send it within the execute packet";
    UNKNOWN_PARAMETER "unknown-parameter" "bind it as an ordinary type; in EXECUTE … USING give a literal or a user variable, of the session's collation, in a text that assigns none";
    LIMIT_FORM "limit-form" "give LIMIT as integer literals or integer parameters";
    DDL "ddl" "write it as one of the forms of TRUNCATE, ALTER TABLE, CREATE INDEX and DROP INDEX that SQL.md lists, or go back to 1100, change the table and the shard tables there, and start again";
    LOCK_TABLES "lock-tables" "lock the table itself, beside no other lock with a name of its shards; or use a transaction with SELECT … FOR UPDATE";
    TEMPORARY "temporary-table" "give the temporary table another name";
    LOAD_DATA "load-data" "insert the rows with INSERT … VALUES, or load before 1101";
    HANDLER "handler" "use SELECT";
    DIRECT_WRITE "direct-shard-write" "write to the table itself, not to the tables that Shunt keeps";
    NO_PHASE "no-phase" "try again; `shunt status` shows what is wrong";
    COLUMN_TYPE "column-type-in-scatter" "read by shard key, or write `CAST(column AS CHAR)` or `column + 0` for the ENUM, SET or ZEROFILL column";
    INVISIBLE_COLUMN "invisible-column" "list the columns instead of `*`";
    SCATTER_FORM "scatter-form" "read by shard key, or leave this part out";
    LOCKING_FORM "locking-read-form" "lock by shard key, or lock the rows of the one table without grouping";
    QUESTION_FORM "question-form" "ask with SHOW WARNINGS, or with ROW_COUNT(), FOUND_ROWS(), @@warning_count or @@error_count in a SELECT or SET";
    ANSWER_LOST "answer-lost" "ask for FOUND_ROWS() right behind its SELECT, and for warnings in a packet of their own";
}

/// A refusal of `what` on `table` in `phase`.
pub(crate) fn refusal(reason: Reason, what: &str, table: &ShardedTable, phase: Phase) -> Refusal {
    Refusal {
        reason: reason.name,
        message: format!(
            "Shunt does not run this on sharded table {} in phase {} ({}): {what}; nothing was done. What to do: {}.",
            table.legacy(),
            phase.flag(),
            reason.name,
            reason.advice
        ),
    }
}
