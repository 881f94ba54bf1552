//! What holds for every text: the lexer is total, tokens tile it, splitting loses nothing.

use proptest::prelude::*;
use sql_rewrite::lex::{TokenKind, lex, lex_all};
use sql_rewrite::{Charset, Facts, Server, SqlMode, Value, head, literal, may_change_session, split};

const CHARSETS: [Charset; 7] = [
    Charset::Utf8,
    Charset::SingleByte,
    Charset::Big5,
    Charset::Gbk,
    Charset::Gb18030,
    Charset::Sjis,
    Charset::Euc,
];

/// What SQL is made of, dense in what lexers get wrong.
const PIECES: [&[u8]; 52] = [
    b"SELECT",
    b"user",
    b"`",
    b"'",
    b"\"",
    b"\\",
    b";",
    b"--",
    b"-- ",
    b"#",
    b"/*",
    b"*/",
    b"/*!",
    b"/*!40101 ",
    b"/*!99999 ",
    b"/*M!",
    b"/*+",
    b" ",
    b"\n",
    b"\0",
    b".",
    b"1",
    b"1e",
    b"0x",
    b"x'",
    b"b'",
    b"N'",
    b"@",
    b"@@",
    b"?",
    b"(",
    b")",
    b",",
    b"=",
    b"<=>",
    b"->>",
    b":=",
    b"||",
    b"$",
    b"$$",
    b"_utf8mb4",
    b"\xBF",
    b"\xBF\\",
    b"\xC3\xA9",
    b"\x81",
    b"\x95\\",
    b"\xA0",
    b"BEGIN",
    b"CREATE PROCEDURE",
    b"END",
    b"SET",
    b"0",
];

fn facts() -> impl Strategy<Value = Facts> {
    (prop::sample::select(&CHARSETS[..]), any::<[bool; 4]>()).prop_map(
        |(charset, [mariadb, ansi, plain, multi])| Facts {
            database: Some("app".to_owned()),
            sql_mode: SqlMode { ansi_quotes: ansi, no_backslash_escapes: plain, ..SqlMode::default() },
            without_full_group_by: None,
            charset,
            server: Server { mariadb, version: if mariadb { 101_100 } else { 90_700 } },
            lower_case_table_names: false,
            multi_statements: multi,
            auto_increment_increment: 1,
            auto_increment_offset: 1,
            safe_updates: false,
            binary_rows: false,
        },
    )
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_tile_the_text(sql in text(), facts in facts()) {
        let _ = may_change_session(&sql);
        if let Ok(tokens) = lex_all(&sql, &facts) {
            let mut end = 0;
            for token in &tokens {
                prop_assert!(token.start >= end && token.end > token.start && token.end <= sql.len());
                let gap = &sql[end..token.start];
                prop_assert!(gap.iter().all(|byte| matches!(byte, b'\t'..=b'\r' | b' ')), "{:?}", gap);
                end = token.end;
            }
            prop_assert!(sql[end..].iter().all(|byte| matches!(byte, b'\t'..=b'\r' | b' ' | b';')));
        }
    }

    #[test]
    fn pieces_lex_alone_as_they_do_in_the_text(sql in text(), facts in facts()) {
        if let Ok(tokens) = lex(&sql, &facts) {
            let mut last = 0;
            for piece in split(&sql, &tokens, &facts) {
                prop_assert!(piece.bytes.start >= last && piece.bytes.end <= sql.len());
                let between = &sql[last..piece.bytes.start];
                prop_assert!(between.iter().all(|byte| matches!(byte, b'\t'..=b'\r' | b' ' | b';')), "{:?}", between);
                last = piece.bytes.end;
                let alone = lex(&sql[piece.bytes.clone()], &facts);
                let shifted: Vec<_> = tokens[piece.tokens.clone()].iter().copied().map(|mut token| {
                    token.start -= piece.bytes.start;
                    token.end -= piece.bytes.start;
                    token
                }).collect();
                let _ = head(&sql, &tokens[piece.tokens], &facts);
                prop_assert_eq!(alone, Ok(shifted));
            }
        }
    }

    #[test]
    fn a_text_literal_is_one_token_whatever_it_holds(bytes in text(), facts in facts()) {
        if let Some(sql) = literal(&Value::Text(bytes.clone()), &facts) {
            let tokens = lex(&sql, &facts).unwrap();
            prop_assert_eq!(tokens.len(), 1);
            prop_assert_eq!(tokens[0].kind, TokenKind::String);
            prop_assert_eq!(sql_rewrite::lex::string_value(&sql, &tokens[0], &facts), bytes);
        }
    }
}
