//! Statements and their heads, as data.

use super::*;
use crate::lex::lex;
use crate::testing::{mariadb, mysql};

fn check(sql: &str, expected: &str) {
    check_on(&mysql(), sql, expected);
}

fn check_on(facts: &Facts, sql: &str, expected: &str) {
    let tokens = lex(sql.as_bytes(), facts).unwrap();
    assert_eq!(format!("{:?}", head(sql.as_bytes(), &tokens, facts)), expected, "{sql}");
}

/// Only the variant's name.
fn kind(sql: &str, expected: &str) {
    let facts = mysql();
    let tokens = lex(sql.as_bytes(), &facts).unwrap();
    let shown = format!("{:?}", head(sql.as_bytes(), &tokens, &facts));
    let name = shown.split(|c: char| !c.is_ascii_alphanumeric()).next();
    assert_eq!(name, Some(expected), "{sql}");
}

#[test]
fn transactions() {
    check("begin work", "Begin { read_only: false, with_snapshot: false }");
    check(
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        "Begin { read_only: true, with_snapshot: true }",
    );
    check("START TRANSACTION READ WRITE", "Begin { read_only: false, with_snapshot: false }");
    check("COMMIT AND CHAIN", "Commit(Completion { chain: Some(true), release: None })");
    check(
        "COMMIT AND NO CHAIN NO RELEASE",
        "Commit(Completion { chain: Some(false), release: Some(false) })",
    );
    check("ROLLBACK RELEASE", "Rollback(Completion { chain: None, release: Some(true) })");
    check("SAVEPOINT `a``b`", "Savepoint([97, 96, 98])");
    check("ROLLBACK WORK TO SAVEPOINT a", "RollbackTo([97])");
    check("ROLLBACK TO savepoint", "RollbackTo([115, 97, 118, 101, 112, 111, 105, 110, 116])");
    check("RELEASE SAVEPOINT a", "Release([97])");
    kind("COMMIT x", "Other");
    kind("BEGIN; COMMIT x", "Other");
    kind("START REPLICA", "Admin");
    kind("SET TRANSACTION READ ONLY", "SetTransaction");
    kind("SET @@transaction_isolation = 'SERIALIZABLE'", "SetTransaction");
    kind("SET SESSION TRANSACTION READ ONLY", "Set");
    kind("SET @@session.transaction_isolation = 'SERIALIZABLE'", "Set");
}

#[test]
fn texts_and_names() {
    check("PREPARE s FROM 'a' 'b\\'c'", "Prepare { name: [115], text: Literal([97, 98, 39, 99]) }");
    check("PREPARE s FROM @v", "Prepare { name: [115], text: Variable([64, 118]) }");
    check("PREPARE s FROM CONCAT('a')", "Prepare { name: [115], text: Expression }");
    check("EXECUTE s USING @a", "Execute { name: [115] }");
    check_on(&mariadb(), "EXECUTE IMMEDIATE 'a' USING 1", "ExecuteImmediate { text: Literal([97]) }");
    check_on(
        &mariadb(),
        "EXECUTE IMMEDIATE @`v` USING 1",
        "ExecuteImmediate { text: Variable([64, 96, 118, 96]) }",
    );
    check_on(&mariadb(), "EXECUTE IMMEDIATE CONCAT('a')", "ExecuteImmediate { text: Expression }");
    check("EXECUTE IMMEDIATE", "Execute { name: [73, 77, 77, 69, 68, 73, 65, 84, 69] }");
    check("DROP PREPARE s", "Deallocate { name: [115] }");
    check("USE `a`", "Use([97])");
    kind("LOCK TABLES a READ, b.c AS d LOW_PRIORITY WRITE", "LockTables");
    kind("LOCK TABLE a FOO", "LockTables");
    kind("UNLOCK TABLES", "UnlockTables");
    kind("LOCK INSTANCE FOR BACKUP", "Admin");
}

#[test]
fn verbs() {
    kind("((SELECT 1) UNION (SELECT 2))", "Select");
    kind("/*!40101 SELECT */ 1", "Select");
    kind("WITH a AS (SELECT 1), b(x) AS (SELECT 2) SELECT * FROM a", "Select");
    kind("WITH a AS (SELECT 1) DELETE FROM t", "Delete");
    kind("WITH a AS (SELECT 1) (SELECT 2)", "Select");
    kind("WITH RECURSIVE a AS (SELECT 1) UPDATE t SET x=1", "Update");
    kind("TABLE t", "Select");
    kind("VALUES ROW(1)", "Select");
    kind("CREATE USER a", "Account");
    kind("CREATE OR REPLACE USER a", "Account");
    kind("SET PASSWORD = 'x'", "Account");
    kind("SHOW COUNT(*) WARNINGS", "ShowDiagnostics");
    kind("SHOW ERRORS", "ShowDiagnostics");
    kind("SHOW TABLES", "Show");
    kind("lbl: BEGIN NOT ATOMIC END", "BeginNotAtomic");
    kind("foo", "Other");
    check("SET STATEMENT a=(1), b=2 FOR DELETE FROM t", "SetStatement(Delete)");
    check("ANALYZE FORMAT=JSON UPDATE t SET a=1", "Explain { analyze: true, inner: Some(Update) }");
    check("EXPLAIN ANALYZE FORMAT=TREE SELECT 1", "Explain { analyze: true, inner: Some(Select) }");
    check("EXPLAIN t", "Explain { analyze: false, inner: None }");
    check("EXPLAIN FOR CONNECTION 5", "Explain { analyze: false, inner: None }");
    kind("ANALYZE LOCAL TABLE t", "Admin");
}

#[test]
fn ddl() {
    check("CREATE TEMPORARY TABLE t LIKE u", "Ddl { verb: Create, object: Table, temporary: true }");
    check("CREATE UNIQUE INDEX i ON t (a)", "Ddl { verb: Create, object: Index, temporary: false }");
    check(
        "CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END",
        "Ddl { verb: Create, object: Routine, temporary: false }",
    );
    check("DROP DATABASE app", "Ddl { verb: Drop, object: Database, temporary: false }");
    check("TRUNCATE t", "Ddl { verb: Truncate, object: Table, temporary: false }");
    check("RENAME TABLE a TO b", "Ddl { verb: Rename, object: Table, temporary: false }");
}

#[test]
fn what_may_change_the_session() {
    for harmless in [
        "SELECT 1",
        " /* x */ select 1 ; ",
        "-- x\nINSERT INTO t VALUES ('!')",
        "(SELECT 1)",
        "BEGIN",
        "begin work;",
        "START TRANSACTION",
        "COMMIT",
        "",
        "UPDATE t SET a=1",
    ] {
        assert!(!may_change_session(harmless.as_bytes()), "{harmless}");
    }
    for suspect in [
        "SET NAMES gbk",
        "USE x",
        "SELECT 1; SET NAMES gbk",
        "/*!40101 SET NAMES utf8 */",
        "SELECT /*M! 1 */ 1",
        "BEGIN NOT ATOMIC SELECT 1; END",
        "CALL p()",
        "EXECUTE s",
        "DROP DATABASE x",
        "/* x",
        "SELECT ';' FROM t",
        "PREPARE s FROM 'x'",
        "SELECTx",
    ] {
        assert!(may_change_session(suspect.as_bytes()), "{suspect}");
    }
}
