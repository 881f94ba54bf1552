//! What is known to differ still, and documented in docs/SQL.md: the one list of it.

use super::Finding;

/// Of what comes out of a temporary table the server itself tells other flags and origins, and other lengths and types
/// of what is computed; whether it makes one depends on its statistics. So it does where it turns an outer join
/// into an inner one, and of a choice that it sees to be constant. A read of several shards has the definitions of the prepared statement, which knows of neither.
#[must_use]
pub fn by_the_servers_plan(finding: &Finding) -> bool {
    let choices = ["IF(", "CASE "];
    if finding.what.starts_with("nullability") && choices.iter().any(|it| finding.statement.contains(it)) {
        return true;
    }
    let words = ["JOIN", "DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "OVER", "(SELECT", "RAND()"];
    let what = ["key flags", "nullability", "origin", "computed column"];
    let named =
        words.iter().any(|word| finding.statement.contains(word)) || joins_by_comma(&finding.statement);
    named && what.iter().any(|text| finding.what.starts_with(text))
}

/// `FROM a, b`.
fn joins_by_comma(statement: &str) -> bool {
    let from = statement.split_once(" FROM ").map_or("", |(_, rest)| rest);
    let end = [" WHERE ", " GROUP ", " HAVING ", " ORDER ", " LIMIT "]
        .iter()
        .filter_map(|word| from.find(word))
        .min();
    from[..end.unwrap_or(from.len())].contains(", ")
}

/// MariaDB takes outer references for unknown columns when it executes a prepared statement for the second time
/// (MDEV-30073 and its like): it failed itself, and Shunt's statement, which is another one, did not.
fn by_the_servers_second_execution(finding: &Finding) -> bool {
    let (here, there) = finding.what.split_once(" instead of ").unwrap_or_default();
    finding.way.ends_with("Prepared") && here.ends_with(" rows") && there.starts_with("ERROR 1054 ")
}

/// In "at row 3" of an INSERT … SELECT that fails MariaDB counts rows that its subqueries read, too. Shunt inserts what the
/// SELECT gave by VALUES.
fn by_rows_that_were_read(finding: &Finding) -> bool {
    let inserts = ["INSERT ", "REPLACE "].iter().any(|verb| finding.statement.contains(verb));
    let error =
        finding.what.strip_prefix("SHOW WARNINGS: a row ").and_then(|rows| rows.split_once(" instead of "));
    let unnumbered = |row: &str| {
        let parts =
            row.split(" at row ").map(|part| part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        parts.collect::<Vec<_>>().join(" at row ")
    };
    inserts
        && finding.statement.contains("SELECT ")
        && error.is_some_and(|(here, there)| {
            here.starts_with("(Error, ") && unnumbered(here) == unnumbered(there)
        })
}

/// Why a finding is none, if it is none: nothing but what the server's own plan decides.
#[must_use]
pub fn known(finding: &Finding) -> Option<&'static str> {
    match () {
        () if by_the_servers_plan(finding) => {
            Some("definitions of columns that may come from a temporary table")
        }
        () if by_rows_that_were_read(finding) => Some("row numbers in errors of INSERT … SELECT on MariaDB"),
        () if by_the_servers_second_execution(finding) => {
            Some("unknown columns in a second execution on MariaDB itself")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(statement: &str, way: &str, what: &str) -> Finding {
        Finding { statement: statement.to_owned(), way: way.to_owned(), what: what.to_owned() }
    }

    #[test]
    fn only_definitions_behind_a_temporary_table_are_known() {
        let known = |statement: &str, what: &str| known(&finding(statement, "0111 Prepared", what)).is_some();
        assert!(known("SELECT a.x FROM a, b WHERE a.x = b.x", "key flags of `x`: 0x3 instead of 0x1"));
        assert!(known("SELECT x FROM a JOIN b USING (x)", "origin of `x`: …"));
        assert!(known(
            "SELECT IF(1 = 1, x, y) FROM a",
            "nullability of `IF(1 = 1, x, y)`: 0x1 instead of 0x0"
        ));
        assert!(!known("SELECT x FROM a ORDER BY x, y", "nullability of `x`: 0x1 instead of 0x0"));
        assert!(!known("SELECT x FROM a WHERE x IN (1, 2)", "key flags of `x`: 0x3 instead of 0x1"));
        assert!(!known("SELECT x FROM a JOIN b USING (x)", "column `x`: …"));
        assert!(!known("SELECT x FROM a JOIN b USING (x)", "a row (1) instead of (2)"));
    }

    #[test]
    fn only_the_number_of_a_row_may_differ_in_an_error() {
        let known = |statement: &str, row: &str| {
            let what = format!("SHOW WARNINGS: a row (Error, 1406, Data too long at row 1) instead of {row}");
            known(&finding(statement, "1101 Text", &what)).is_some()
        };
        assert!(known("INSERT INTO a SELECT 1 FROM b", "(Error, 1406, Data too long at row 2)"));
        assert!(!known("INSERT INTO a SELECT 1 FROM b", "(Error, 1265, Data too long at row 2)"));
        assert!(!known("INSERT INTO a VALUES (1)", "(Error, 1406, Data too long at row 2)"));
    }

    #[test]
    fn an_unknown_column_is_known_only_where_the_server_itself_had_it_at_last() {
        let second = |way: &str, what: &str| known(&finding("SELECT 1", way, what)).is_some();
        assert!(second(
            "0111 Prepared",
            "0 rows instead of ERROR 1054 (42S22): Unknown column 'd2.g3' in 'WHERE'"
        ));
        assert!(!second(
            "0111 Text",
            "0 rows instead of ERROR 1054 (42S22): Unknown column 'd2.g3' in 'WHERE'"
        ));
        assert!(!second(
            "0111 Prepared",
            "ERROR 1054 (42S22): Unknown column 'd2.g3' in 'WHERE' instead of 0 rows"
        ));
    }
}
