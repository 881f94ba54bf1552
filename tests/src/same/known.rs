//! What is known to differ still, and documented in docs/SQL.md: the one list of it.

use super::Finding;

/// The server itself tells other key flags, and on MariaDB other lengths of what is computed, where it reads a column
/// from a temporary table; whether it makes one depends on its statistics.
#[must_use]
pub fn by_the_servers_plan(finding: &Finding) -> bool {
    let words = ["JOIN", "DISTINCT", "GROUP BY", "UNION", "(SELECT"];
    let what = ["key flags", "computed column"].iter().any(|text| finding.what.starts_with(text));
    what && words.iter().any(|word| finding.statement.contains(word))
}

/// Why a finding is none, if it is none: nothing but what the server's own plan decides.
#[must_use]
pub fn known(finding: &Finding) -> Option<&'static str> {
    by_the_servers_plan(finding).then_some("definitions of columns that may come from a temporary table")
}
