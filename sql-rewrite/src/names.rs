//! The prefilter: may a text name a configured table at all?
//!
//! It looks for the bytes of the names, in any case, anywhere in the text, so it only errs in one
//! direction. It is blind to views, triggers, routines and dynamic SQL: preflight's job.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use topology::ShardedTable;

/// The shortest run of ASCII characters that stands for a name that is not ASCII throughout.
const SHORTEST_RUN: usize = 3;

/// The configured names: legacy and shard tables, and the schema `shunt`.
#[derive(Debug, Clone)]
pub struct Names {
    /// `None`: a name has nothing that can be searched for, and every text may mention it.
    finder: Option<AhoCorasick>,
    tables: Vec<Arc<ShardedTable>>,
}

impl Names {
    /// The names of these tables.
    #[must_use]
    pub fn new(tables: Vec<Arc<ShardedTable>>) -> Self {
        let names = tables.iter().flat_map(|table| {
            let shards = table.shards().iter().map(|shard| shard.table.clone());
            let gates = [format!("gate_{}", table.id()), format!("dirty_{}", table.id())];
            shards.chain([table.legacy().table.clone()]).chain(gates)
        });
        let patterns: Option<Vec<String>> = names.chain(["shunt".to_owned()]).map(pattern).collect();
        let finder = patterns.and_then(|patterns| finder(&without_supersets(patterns)));
        Self { finder, tables }
    }

    /// The configured tables.
    #[must_use]
    pub fn tables(&self) -> &[Arc<ShardedTable>] {
        &self.tables
    }

    /// Whether the text may name a configured table, a shard table, the schema `shunt`, or drop a
    /// database. `false` is certain, in every ASCII-compatible character set.
    #[must_use]
    pub fn mentions(&self, sql: &[u8]) -> bool {
        let Some(finder) = &self.finder else {
            return true;
        };
        finder.is_match(sql) || self.may_drop_database(sql)
    }

    /// `DROP DATABASE app` names no table and drops one.
    fn may_drop_database(&self, sql: &[u8]) -> bool {
        // It stands at the beginning, or behind a comment or another statement.
        let first = sql.iter().find(|byte| !byte.is_ascii_whitespace());
        let possible = matches!(first, Some(b'd' | b'D' | b'/' | b'-' | b'#')) || sql.contains(&b';');
        let has =
            |word: &str| sql.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
        possible && has("drop") && (has("database") || has("schema"))
    }
}

/// What to search for: the name, or its longest ASCII part. Characters beyond ASCII have other bytes in other
/// character sets and other cases.
fn pattern(name: String) -> Option<String> {
    if name.is_ascii() {
        return Some(name);
    }
    let longest = name.split(|char: char| !char.is_ascii()).max_by_key(|part| part.len())?;
    (longest.len() >= SHORTEST_RUN).then(|| longest.to_owned())
}

/// `user` finds `user_7` too.
fn without_supersets(mut patterns: Vec<String>) -> Vec<String> {
    for pattern in &mut patterns {
        pattern.make_ascii_lowercase();
    }
    patterns.sort_by_key(String::len);
    let mut kept: Vec<String> = Vec::new();
    for pattern in patterns {
        if !kept.iter().any(|shorter| pattern.contains(shorter.as_str())) {
            kept.push(pattern);
        }
    }
    kept
}

/// `None` only for more patterns than the automaton can hold: then everything is a mention.
fn finder(patterns: &[String]) -> Option<AhoCorasick> {
    AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        // One table look-up a byte; the few short names make a small table.
        .kind(Some(AhoCorasickKind::DFA))
        .build(patterns)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(legacy: &str, shards: &str) -> Names {
        Names::new(vec![Arc::new(ShardedTable::new("u1", legacy, "id", shards).unwrap())])
    }

    #[test]
    fn mentions() {
        let names = names("app.user", "app.shard_{0..9}");
        for sql in [
            "SELECT * FROM user",
            "select * from USER",
            "SELECT * FROM `app`.`Shard_3`",
            "SELECT 1 FROM shunt.x",
            "SELECT 1 FROM gate_u1_3_1101",
            "DROP DATABASE app",
            "SELECT 1; drop schema app",
            "/* x */ DROP DATABASE app",
            "SELECT 'user'",
            "/* users */ SELECT 1",
        ] {
            assert!(names.mentions(sql.as_bytes()), "{sql}");
        }
        for sql in ["SELECT * FROM account", "SELECT DATABASE()", "SELECT * FROM u", ""] {
            assert!(!names.mentions(sql.as_bytes()), "{sql}");
        }
    }

    #[test]
    fn names_beyond_ascii_are_found_in_every_character_set() {
        let latin1 = b"SELECT * FROM pr\xE9noms";
        assert!(names("app.prénoms", "app.p_{0..1}").mentions(latin1));
        assert!(names("app.ключ", "app.x_{0..1}").mentions(b"SELECT 1"));
    }
}
