//! What is known to differ still, and documented in docs/SQL.md: the one list of it.

use super::Finding;

/// The server itself tells other key flags, and on MariaDB other lengths of what is computed, where it reads a column
/// from a temporary table; whether it makes one depends on its statistics.
#[must_use]
pub fn by_the_servers_plan(finding: &Finding) -> bool {
    let words = ["JOIN", "DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "OVER", "(SELECT"];
    let what = ["key flags", "computed column"].iter().any(|text| finding.what.starts_with(text));
    what && words.iter().any(|word| finding.statement.contains(word))
}

/// The server turns an outer join into an inner one where NULLs do not pass the conditions, and MariaDB tells so in the
/// end, but not yet when it prepares the statement.
fn by_an_outer_join(finding: &Finding) -> bool {
    let words = ["LEFT JOIN", "RIGHT JOIN"];
    finding.what.starts_with("nullability") && words.iter().any(|word| finding.statement.contains(word))
}

/// Why a finding is none, if it is none: nothing but what the server's own plan decides.
#[must_use]
pub fn known(finding: &Finding) -> Option<&'static str> {
    match () {
        () if by_an_outer_join(finding) => Some("nullability of columns of an outer join"),
        () if by_the_servers_plan(finding) => {
            Some("definitions of columns that may come from a temporary table")
        }
        () => None,
    }
}
