use super::{Answers, MayAsk, Question, Show, Told};
use crate::{
    Facts, Planner, Statement,
    testing::{mariadb, mysql},
};

fn read(sql: &str, facts: &Facts) -> Statement {
    let mut statements = Planner::new(Vec::new()).read(sql.as_bytes(), facts);
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

const ANSWERS: Answers = Answers {
    row_count: Told::Known(-1),
    found_rows: Told::Known(5),
    warnings: Told::Known(2),
    errors: Told::Known(1),
};

fn answered_on(sql: &str, facts: &Facts) -> String {
    match read(sql, facts).answered(&ANSWERS, facts.server) {
        Ok(None) => "as it is".to_owned(),
        Ok(Some(respelled)) => {
            assert_eq!(respelled.name(&respelled.text), sql.as_bytes(), "the names are undone");
            String::from_utf8(respelled.text).unwrap()
        }
        Err(refusal) => refusal.reason.to_owned(),
    }
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(answered_on(sql, &mysql()), expected, "{sql}");
}

#[test]
fn values_are_put_where_they_are_asked_for() {
    check("SELECT ROW_COUNT()", "SELECT IF(TRUE,-1,ROW_COUNT())");
    check("select row_count ( ) AS x", "select IF(TRUE,-1,row_count ( )) AS x");
    check(
        "SELECT FOUND_ROWS()+1, `found_rows`()",
        "SELECT IF(TRUE,5,FOUND_ROWS())+1, IF(TRUE,5,`found_rows`())",
    );
    check("SET @a = @@warning_count", "SET @a = IF(TRUE,CAST(2 AS UNSIGNED),@@warning_count)");
    check("DO @@SESSION.`error_count`", "DO IF(TRUE,CAST(1 AS UNSIGNED),@@SESSION.`error_count`)");
    check("DO @@local . error_count", "DO IF(TRUE,CAST(1 AS UNSIGNED),@@local . error_count)");
    check("CALL p(ROW_COUNT())", "CALL p(IF(TRUE,-1,ROW_COUNT()))");
    check("UPDATE t SET a = ROW_COUNT()", "UPDATE t SET a = IF(TRUE,-1,ROW_COUNT())");
    check("INSERT INTO t VALUES (ROW_COUNT())", "INSERT INTO t VALUES (IF(TRUE,-1,ROW_COUNT()))");
}

#[test]
fn on_mariadb_a_statement_with_tables_has_no_conditions_yet() {
    let expected = "SELECT IF(@@warning_count<>0,CAST(2 AS UNSIGNED),@@warning_count)";
    assert_eq!(answered_on("SELECT @@warning_count", &mariadb()), expected);
}

#[test]
fn what_only_looks_like_a_question_stays() {
    for sql in [
        "SELECT 'ROW_COUNT()', \"FOUND_ROWS()\" /* ROW_COUNT() */ -- @@warning_count",
        "SELECT row_count, found_rows FROM t",
        "SELECT app.row_count(), t.`row_count`",
        "CALL row_count()",
        "SELECT @@global.warning_count, @warning_count, @@max_error_count",
        "CREATE VIEW v AS SELECT ROW_COUNT()",
        "CREATE PROCEDURE p() SELECT ROW_COUNT()",
        "CREATE PROCEDURE p() BEGIN SELECT ROW_COUNT(); END",
        "PREPARE s FROM 'SELECT ROW_COUNT()'",
        "EXPLAIN SELECT ROW_COUNT()",
        "SHOW TABLES",
    ] {
        check(sql, "as it is");
    }
}

#[test]
fn where_no_answer_can_be_put_it_is_refused_by_name() {
    check("CREATE TABLE t AS SELECT ROW_COUNT()", "question-form");
    check("HANDLER t READ FIRST WHERE a = ROW_COUNT()", "question-form");
    assert_eq!(answered_on("EXECUTE IMMEDIATE 'SELECT ROW_COUNT()'", &mariadb()), "question-form");
    assert_eq!(answered_on("BEGIN NOT ATOMIC SELECT ROW_COUNT(); END", &mariadb()), "question-form");
    let lost = Answers { found_rows: Told::Lost, ..Answers::default() };
    let statement = read("SELECT FOUND_ROWS()", &mysql());
    assert_eq!(statement.answered(&lost, mysql().server).unwrap_err().reason, "answer-lost");
}

#[test]
fn what_home_can_answer_stays() {
    let only_rows = Answers { row_count: Told::Known(3), ..Answers::default() };
    let statement = read("SELECT ROW_COUNT(), FOUND_ROWS()", &mysql());
    let respelled = statement.answered(&only_rows, mysql().server).unwrap().unwrap();
    assert_eq!(respelled.text, b"SELECT IF(TRUE,3,ROW_COUNT()), FOUND_ROWS()");
    assert!(statement.asks_home(&only_rows) && !statement.asks_home(&ANSWERS));
    assert_eq!(statement.answered(&Answers::default(), mysql().server), Ok(None));
}

#[test]
fn show_with_its_rows() {
    let show = |errors, count, rows| Question::Show(Show { errors, count, rows });
    for (sql, expected) in [
        ("show  /* all */ warnings", show(false, false, Some((0, u64::MAX)))),
        ("SHOW WARNINGS LIMIT 3", show(false, false, Some((0, 3)))),
        ("SHOW ERRORS LIMIT 1, 2", show(true, false, Some((1, 2)))),
        ("SHOW WARNINGS LIMIT 2 OFFSET 1", show(false, false, Some((1, 2)))),
        ("SHOW WARNINGS LIMIT ?", show(false, false, None)),
        ("SHOW COUNT(*) ERRORS", show(true, true, Some((0, u64::MAX)))),
        ("GET DIAGNOSTICS @n = NUMBER", Question::Diagnostics),
    ] {
        assert_eq!(read(sql, &mysql()).question(), &expected, "{sql}");
    }
}

#[test]
fn a_text_without_the_words_asks_nothing() {
    assert!(!MayAsk::of(b"SELECT * FROM t WHERE id = 5").any());
    assert!(MayAsk::of(b"select Row_Count()").row_count);
    assert!(MayAsk::of(b"SELECT SQL_CALC_FOUND_ROWS 1").found_rows);
    assert!(MayAsk::of(b"show warnings").conditions);
    let both = MayAsk::of(b"GET DIAGNOSTICS @a = NUMBER");
    assert!(both.row_count && both.conditions && !both.found_rows);
}
