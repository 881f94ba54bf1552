//! What is known to differ still, and documented in docs/SQL.md: the one list of it.

use super::Finding;

/// The server itself tells other key flags, and on MariaDB other lengths of what is computed, where it reads a column
/// from a temporary table; whether it makes one depends on its statistics.
#[must_use]
pub fn by_the_servers_plan(finding: &Finding) -> bool {
    let words = ["JOIN", "DISTINCT", "GROUP BY", "UNION", "(SELECT", " OVER ("];
    let what = ["key flags", "computed column"].iter().any(|text| finding.what.starts_with(text));
    let rolled_up = finding.what.starts_with("column") && finding.statement.contains("WITH ROLLUP");
    rolled_up || what && words.iter().any(|word| finding.statement.contains(word))
}

/// Why a finding is none, if it is none. Rows, counts, ids and error codes never are.
#[must_use]
pub fn known(finding: &Finding) -> Option<&'static str> {
    let (statement, what) = (finding.statement.as_str(), finding.what.as_str());
    let (in_0011, prepared) = (finding.way.starts_with("0011"), finding.way.ends_with("Prepared"));
    let reads_shards = in_0011 || finding.way.starts_with("0111");
    match () {
        () if ["ROW_COUNT()", "FOUND_ROWS()", "warning_count"]
            .iter()
            .any(|name| statement.contains(name)) =>
        {
            Some("ROW_COUNT(), FOUND_ROWS() and @@warning_count follow Shunt's own last statement")
        }
        () if statement.contains("SHOW WARNINGS")
            || statement.contains("SHOW COUNT(*) WARNINGS")
            || what.starts_with("SHOW WARNINGS") =>
        {
            Some("warnings of a statement that was only prepared, or in the binary protocol")
        }
        () if in_0011 && (what.starts_with("info") || what.starts_with("warnings")) => {
            Some("info text and warning count of a write to several shards")
        }
        () if in_0011 && what.starts_with("last insert id") && statement.contains("ON DUPLICATE KEY") => {
            Some("last insert id of ON DUPLICATE KEY UPDATE in several shards")
        }
        () if reads_shards && prepared && what.contains("column `") => {
            Some("definitions of columns with parameters are those of PREPARE")
        }
        () if reads_shards && what.starts_with("ERROR 1525") => {
            Some("IS NULL on a NOT NULL date column, on MySQL")
        }
        () if reads_shards && what.starts_with("ERROR 1295") && statement.starts_with("EXECUTE") => {
            Some("EXECUTE of a read that was prepared in SQL")
        }
        () if prepared && what.starts_with("warnings 1 instead of 0") => {
            Some("warnings of the parser, which a prepared statement gives at PREPARE")
        }
        () if !finding.way.starts_with("1100")
            && ["UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word))
            && ["OK (0 affected) instead of ERROR 1292", "warnings 0 instead of"]
                .iter()
                .any(|text| what.starts_with(text)) =>
        {
            Some("a condition that is an error at a row that the statement does not take")
        }
        () if by_the_servers_plan(finding) => {
            Some("definitions of columns that may come from a temporary table")
        }
        () => None,
    }
}
