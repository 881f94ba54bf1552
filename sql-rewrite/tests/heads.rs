//! Every statement of the corpus lexes, is one piece where it is one statement, and gets its head.
//!
//! The expected heads are data: `tests/corpus/heads.txt`, one line a statement in the order of
//! `tests/corpus/statements.txt`. `SHUNT_BLESS=1` writes them anew; read the difference.

use std::path::PathBuf;

use sql_rewrite::lex::lex;
use sql_rewrite::{Charset, Facts, Server, SqlMode, head, split};

fn corpus(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(file)
}

/// Tags of origins whose statements are written for MariaDB.
const MARIADB: [&str; 3] = ["mariadb", "hibernate-mariadb", "sqlalchemy-mariadb"];

fn facts(origin: &str) -> Facts {
    let mariadb = MARIADB.contains(&origin);
    Facts {
        database: Some("db".to_owned()),
        sql_mode: SqlMode { ansi_quotes: origin == "drupal", ..SqlMode::default() },
        without_full_group_by: None,
        charset: Charset::Utf8,
        server: Server { mariadb, version: if mariadb { 101_100 } else { 90_700 } },
        lower_case_table_names: false,
        multi_statements: true,
        auto_increment_increment: 1,
        auto_increment_offset: 1,
        safe_updates: false,
        binary_rows: false,
    }
}

/// `group | tables | origin` and the statement, its placeholders for long lists filled in.
fn blocks(text: &str) -> Vec<(String, String)> {
    let list = |join: &str, each: fn(u32) -> String| (0..2000).map(each).collect::<Vec<_>>().join(join);
    text.split("\n@@ ")
        .skip(1)
        .filter_map(|block| {
            let (tags, sql) = block.split_once('\n')?;
            let sql = sql.trim_end_matches('\n');
            let sql = sql.replace("@@BIGIN@@", &list(", ", |n| n.to_string()));
            Some((tags.to_owned(), sql.replace("@@BIGOR@@", &list(" OR ", |n| format!("a = {n}")))))
        })
        .collect()
}

#[test]
fn heads_of_the_corpus() {
    let text = std::fs::read_to_string(corpus("statements.txt")).unwrap();
    let blocks = blocks(&text);
    assert_eq!(blocks.len(), 261);
    let mut shown = String::new();
    for (tags, sql) in &blocks {
        let origin = tags.split('|').nth(2).unwrap_or_default().trim();
        let facts = facts(origin);
        let tokens = lex(sql.as_bytes(), &facts).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let heads: Vec<String> = split(sql.as_bytes(), &tokens, &facts)
            .into_iter()
            .map(|piece| format!("{:?}", head(sql.as_bytes(), &tokens[piece.tokens], &facts)))
            .collect();
        let start: String = sql.chars().take(60).map(|c| if c == '\n' { ' ' } else { c }).collect();
        shown.push_str(&format!("{} | {start}\n", heads.join("; ")));
    }
    let golden = corpus("heads.txt");
    if std::env::var_os("SHUNT_BLESS").is_some() {
        std::fs::write(&golden, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap();
    for (line, (got, wanted)) in shown.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, wanted, "heads.txt:{}", line + 1);
    }
    assert_eq!(shown.lines().count(), expected.lines().count());
}
