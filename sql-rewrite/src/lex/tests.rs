//! What tokens a text has, as data.

use super::{Token, TokenKind, lex, lex_all};
use crate::testing::{mariadb, mysql};
use crate::{Charset, Facts, SqlMode};

fn letter(kind: TokenKind) -> char {
    match kind {
        TokenKind::Ident => 'i',
        TokenKind::QuotedIdent => 'q',
        TokenKind::String => 's',
        TokenKind::Introducer => '_',
        TokenKind::Hex => 'x',
        TokenKind::Bit => 'b',
        TokenKind::Integer => '1',
        TokenKind::Decimal => 'd',
        TokenKind::Float => 'f',
        TokenKind::Param => '?',
        TokenKind::UserVar => '@',
        TokenKind::SysVar => 'v',
        TokenKind::Operator => 'o',
        TokenKind::Hint => 'h',
        TokenKind::Comment => 'c',
    }
}

/// `i:SELECT 1:1`, tokens of a version comment with `!` before the kind.
fn show(sql: &[u8], tokens: &[Token]) -> String {
    let shown: Vec<String> = tokens
        .iter()
        .map(|token| {
            let mark = if token.in_version_comment { "!" } else { "" };
            let text = String::from_utf8_lossy(token.bytes(sql)).into_owned();
            format!("{mark}{}:{text}", letter(token.kind))
        })
        .collect();
    shown.join(" ")
}

fn check_with(facts: &Facts, sql: &[u8], expected: &str) {
    let got = match lex(sql, facts) {
        Ok(tokens) => show(sql, &tokens),
        Err(error) => format!("ERR {error}"),
    };
    assert_eq!(got, expected, "{}", String::from_utf8_lossy(sql));
}

fn check(sql: &str, expected: &str) {
    check_with(&mysql(), sql.as_bytes(), expected);
}

#[test]
fn words_and_numbers() {
    check("SELECT a1,$b", "i:SELECT i:a1 o:, i:$b");
    check("FROM 2020_sales", "i:FROM i:2020_sales");
    check("1 1.5 1. .5 1e5 1.5E-3 1e", "1:1 d:1.5 d:1. d:.5 f:1e5 f:1.5E-3 i:1e");
    check("1e5abc 1e+ 1e+5", "f:1e5 i:abc i:1e o:+ f:1e+5");
    check("0x1F 0X1F 0x 0xg 0b101 0b2", "x:0x1F i:0X1F i:0x i:0xg b:0b101 i:0b2");
    check("a.1b a.1e5 t.x'1'", "i:a o:. i:1b i:a o:. i:1e5 i:t o:. i:x s:'1'");
    check("`a`.1b .t.y a .1", "q:`a` d:.1 i:b o:. i:t o:. i:y i:a d:.1");
    check("1.e(user)", "ERR number without digits in its exponent at byte 2");
    check("x'4A' X'4a' b'01' N'x' n'y'", "x:x'4A' x:X'4a' b:b'01' s:N'x' s:n'y'");
    check("x'4'", "ERR malformed hexadecimal or bit literal at byte 3");
}

#[test]
fn quotes_and_variables() {
    check("'it''s' 'a\\'b' \"d\" `x``y`", "s:'it''s' s:'a\\'b' s:\"d\" q:`x``y`");
    check("'a' 'b'", "s:'a' s:'b'");
    check("'a", "ERR quote without an end at byte 0");
    check(
        "@a @`b c` @'q' @@x @@session.y @a.b:=1",
        "@:@a @:@`b c` @:@'q' v:@@x v:@@session.y @:@a.b o::= 1:1",
    );
    check(
        "_utf8mb4'x' _latin1 X'41' _foo 'x' _utf8mb4",
        "_:_utf8mb4 s:'x' _:_latin1 x:X'41' i:_foo s:'x' i:_utf8mb4",
    );
    check(
        "a<=>b->>'$.a'->c||d&&e<<2!=1<>3",
        "i:a o:<=> i:b o:->> s:'$.a' o:-> i:c o:|| i:d o:&& i:e o:<< 1:2 o:!= 1:1 o:<> 1:3",
    );
}

#[test]
fn comments() {
    check("a-- x\nb--c #d\n/*e*/f", "i:a i:b o:- o:- i:c i:f");
    check("a--", "i:a");
    check("a--; ;", "i:a");
    check("a--;b;", "i:a o:- o:- o:; i:b");
    check("/* a", "ERR comment without an end at byte 4");
    check("SELECT/*+ X(t) */1", "i:SELECT h:/*+ X(t) */ 1:1");
    check("a/*!40101 b*/c/*! d */", "i:a !i:b i:c !i:d");
    check("a/*!99999 b /* x */ c*/d", "i:a i:d");
    check("a/*M!100500 b*/c", "i:a i:c");
    let maria = mariadb();
    check_with(&maria, b"a/*M!100500 b*/c/*!50701 d*/e/*!100000 f*/", "i:a !i:b i:c i:e !i:f");
    check_with(&maria, b"/*M!50701 a*/ /*M!999999 b*/ /*!407001c*/", "!i:a");
    check("a /*! b /*!99999 c */ d*/", "i:a !i:b !i:d");
    check("a /*! b /*! c */ d*/", "ERR nested version comment at byte 8");
    check("/*!407001+1*/", "ERR version comment with six digits and no white space behind them at byte 3");
    check("/*!090700 a*/ /*!907001 b*/", "!i:a");
    let sql = b"a /*x*/ /*!40101 b */";
    let all = lex_all(sql, &mysql()).map(|tokens| show(sql, &tokens));
    assert_eq!(all, Ok("i:a c:/*x*/ c:/*!40101 !i:b c:*/".to_owned()));
}

#[test]
fn sessions() {
    let gbk = Facts { charset: Charset::Gbk, ..mysql() };
    check_with(&gbk, b"'\xBF\\' x", "s:'\u{FFFD}\\' i:x");
    let ansi = Facts { sql_mode: SqlMode { ansi_quotes: true, ..SqlMode::default() }, ..mysql() };
    check_with(&ansi, b"\"a\"\"b\" 'c'", "q:\"a\"\"b\" s:'c'");
    let plain = Facts { sql_mode: SqlMode { no_backslash_escapes: true, ..SqlMode::default() }, ..mysql() };
    check_with(&plain, b"'a\\' b", "s:'a\\' i:b");
}
