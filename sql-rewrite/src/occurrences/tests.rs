//! Statements and what becomes of the name `user` in them.

use super::*;
use crate::lex::lex;
use crate::testing::mysql;
use crate::{head, split};

/// `T` for what may be a table, else the first letter of the reason, in order.
fn verdicts(sql: &str, facts: &Facts) -> String {
    let tables = [Arc::new(ShardedTable::new("user", "app.user", "id", "app.user_{0..9}").unwrap())];
    let tokens = lex(sql.as_bytes(), facts).unwrap();
    let pieces = split(sql.as_bytes(), &tokens, facts);
    let mut shown = String::new();
    for piece in pieces {
        let tokens = &tokens[piece.tokens];
        let head = head(sql.as_bytes(), tokens, facts);
        for found in occurrences(sql.as_bytes(), tokens, &head, facts, &tables) {
            if found.name == Named::Database && found.verdict != Verdict::MaybeTable {
                continue;
            }
            shown.push(match found.verdict {
                Verdict::MaybeTable => 'T',
                Verdict::NotTable(NotTable::OtherSchema) => 'o',
                Verdict::NotTable(NotTable::Qualifier) => 'q',
                Verdict::NotTable(NotTable::Expression) => 'e',
                Verdict::NotTable(NotTable::Alias) => 'a',
                Verdict::NotTable(NotTable::Statement) => 's',
            });
        }
    }
    shown
}

fn check(sql: &str, expected: &str) {
    assert_eq!(verdicts(sql, &mysql()), expected, "{sql}");
}

#[test]
fn tables() {
    for sql in [
        "SELECT * FROM user",
        "SELECT * FROM `user`",
        "SELECT * FROM app.user",
        "SELECT * FROM app . `user`",
        "SELECT * FROM a, user",
        "SELECT * FROM (a, user)",
        "SELECT * FROM a USE INDEX FOR ORDER BY (i), user",
        "SELECT * FROM a WHERE x IN (SELECT 1 FROM user)",
        "SELECT * FROM a WHERE x IN (TABLE user)",
        "SELECT (SELECT 1 FROM a, user)",
        "INSERT INTO user(a) VALUES (1)",
        "INSERT user(a) VALUES (1)",
        "REPLACE user (a) VALUES (1)",
        "INSERT INTO x (a) SELECT 1 FROM user",
        "INSERT INTO x TABLE user",
        "UPDATE LOW_PRIORITY user SET a=1",
        "UPDATE a, user SET a.x=1",
        "DELETE FROM user WHERE a=1",
        "DELETE a FROM a JOIN user",
        "DELETE a FROM a JOIN (b, user)",
        "DELETE FROM a USING a, user",
        "SELECT 1 FROM a FOR UPDATE OF user",
        "SELECT 1 FROM user_3",
        "SELECT 1 FROM shunt.gate_x",
        "SELECT a /*! FROM user */",
        "TRUNCATE user",
        "CREATE TABLE IF NOT EXISTS user(id INT)",
        "CREATE INDEX i ON user(a)",
        "CREATE TABLE t (id INT REFERENCES user(id))",
        "LOCK TABLES a READ, user WRITE",
        "HANDLER user OPEN",
        "LOAD DATA INFILE 'x' INTO TABLE user",
        "OPTIMIZE TABLE user",
        "SHOW TABLES WHERE 1 IN (SELECT 1 FROM user)",
        "SET @a = (SELECT 1 FROM user)",
        "CALL p((SELECT 1 FROM user))",
        "DROP DATABASE app",
        "DROP SCHEMA shunt",
        "DROP DATABASE IF EXISTS `app`",
        "BEGIN NOT ATOMIC SELECT 1 FROM user; END",
        "EXPLAIN SELECT 1 FROM user",
        "SET STATEMENT max_statement_time=1 FOR SELECT 1 FROM user",
        "SELECT 1 FROM a WHERE b = 1 UNION SELECT 2 FROM user",
        "WITH c AS (SELECT 1 FROM user) SELECT * FROM c",
        "SELECT 1 INTO @x FROM user",
    ] {
        check(sql, "T");
    }
}

#[test]
fn no_tables() {
    check("SELECT * FROM mysql.user", "o");
    check("SELECT USER(), CURRENT_USER", "");
    check("SELECT user(), user FROM t WHERE user = 1 ORDER BY user", "eeee");
    check("SELECT t.user FROM t", "o");
    check("SELECT user.id FROM user", "qT");
    check("DELETE user.* FROM user", "TT");
    check("INSERT INTO t (user, a) VALUES (user, 1) ON DUPLICATE KEY UPDATE user = 1", "eee");
    check("UPDATE t SET a=1, user=2", "e");
    check("SELECT 1 FROM t AS user", "a");
    check("CREATE USER user", "s");
    check("GRANT SELECT ON user TO x", "s");
    check("SHOW CREATE TABLE user", "s");
    check("DESCRIBE user", "s");
    check("SAVEPOINT user", "s");
    check("SELECT 'user', \"user\" -- user", "");
}

#[test]
fn of_tables_with_one_name_the_schema_decides() {
    let table = |id, legacy, shards| Arc::new(ShardedTable::new(id, legacy, "id", shards).unwrap());
    let tables = [table("a", "crm.user", "crm.user_{0..1}"), table("b", "app.user", "app.user_{0..1}")];
    let sql = b"SELECT * FROM user, crm.user_1";
    let tokens = lex(sql, &mysql()).unwrap();
    let found = occurrences(sql, &tokens, &Head::Select, &mysql(), &tables);
    let tables: Vec<&Named> =
        found.iter().filter(|found| found.verdict == Verdict::MaybeTable).map(|found| &found.name).collect();
    let id = |id| TableId::new(id).unwrap();
    assert_eq!(tables, [&Named::Legacy(id("b")), &Named::Shard(id("a"), ShardId(1))]);
}

#[test]
fn the_current_database_and_case_count() {
    let facts = |database: Option<&str>, lower_case_table_names| Facts {
        database: database.map(str::to_owned),
        lower_case_table_names,
        ..mysql()
    };
    for (facts, sql, expected) in [
        (facts(Some("other"), false), "SELECT * FROM user", "o"),
        (facts(Some("other"), false), "SELECT * FROM app.user", "T"),
        (facts(None, false), "SELECT * FROM user", "o"),
        (facts(Some("shunt"), false), "SELECT 1 FROM gate_x", "T"),
        (facts(Some("app"), false), "SELECT * FROM User", ""),
        (facts(Some("app"), true), "SELECT * FROM User", "T"),
        (facts(Some("APP"), true), "SELECT * FROM USER", "T"),
    ] {
        let shown = verdicts(sql, &facts);
        assert!(shown.ends_with(expected) && (expected.is_empty() == shown.is_empty()), "{sql}: {shown}");
    }
}
