//! What the lexer, the splitter and the literals believe of the servers, asked of the servers.
//!
//! The main judge is a differential one: a text and its tokens, put together again with one space in
//! between and without comments, must have the same result. So must a bound parameter and its literal.

use mysql_async::{Conn, Opts, Row, Value as Cell, prelude::Queryable};
use sql_rewrite::lex::{TokenKind, lex};
use sql_rewrite::{Charset, Facts, Server, SqlMode, Value, literal, split};
use tests::{
    Outcome,
    client::{Client, Reply},
    servers::{self, Kind},
};

/// One connection and what is known of it.
struct Session {
    conn: Conn,
    facts: Facts,
}

impl Session {
    async fn new(kind: Kind) -> Outcome<Self> {
        let mut conn = Conn::new(Opts::from_url(&servers::url(kind)?)?).await?;
        let text: String = conn.query_first("SELECT VERSION()").await?.unwrap_or_default();
        let mut parts =
            text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
        let mut part = || parts.next().unwrap_or(0);
        let version = part() * 10_000 + part() * 100 + part();
        let facts = Facts {
            database: None,
            sql_mode: SqlMode::default(),
            without_full_group_by: None,
            charset: Charset::Utf8,
            server: Server { mariadb: kind == Kind::MariaDb, version },
            lower_case_table_names: false,
            multi_statements: true,
            auto_increment_increment: 1,
            auto_increment_offset: 1,
            safe_updates: false,
            binary_rows: false,
        };
        Ok(Self { conn, facts })
    }

    async fn set(&mut self, charset: (&str, Charset), sql_mode: SqlMode) -> Outcome {
        let mut modes = Vec::new();
        if sql_mode.ansi_quotes {
            modes.push("ANSI_QUOTES");
        }
        if sql_mode.no_backslash_escapes {
            modes.push("NO_BACKSLASH_ESCAPES");
        }
        let set = format!("SET character_set_client={}, sql_mode='{}'", charset.0, modes.join(","));
        self.conn.query_drop(set).await?;
        self.facts.charset = charset.1;
        self.facts.sql_mode = sql_mode;
        Ok(())
    }

    /// All rows of all results, or `None` for an error.
    async fn run(&mut self, sql: &[u8]) -> Option<Vec<Vec<Row>>> {
        let mut result = self.conn.query_iter(sql.to_vec()).await.ok()?;
        let mut sets = Vec::new();
        loop {
            sets.push(result.collect::<Row>().await.ok()?);
            if result.is_empty() {
                return Some(sets);
            }
        }
    }

    async fn cells(&mut self, sql: &[u8]) -> Option<Vec<Vec<Cell>>> {
        Some(self.run(sql).await?.into_iter().flatten().map(Row::unwrap).collect())
    }

    /// Whether the text and its tokens have the same result; `None` if the lexer does not understand it.
    async fn agrees(&mut self, sql: &[u8]) -> Option<Result<bool, String>> {
        let tokens = lex(sql, &self.facts).ok()?;
        let mut joined = Vec::new();
        let mut touching = true;
        for token in tokens.iter().filter(|token| token.kind != TokenKind::Hint) {
            // A keyword is a name only directly behind a point.
            let point = token.bytes(sql) == b".";
            if (!point && !touching) || (point && joined.ends_with(b"SELECT")) {
                joined.push(b' ');
            }
            joined.extend_from_slice(token.bytes(sql));
            touching = point;
        }
        let (whole, again) = (self.cells(sql).await, self.cells(&joined).await);
        if whole == again {
            return Some(Ok(whole.is_some()));
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Some(Err(format!("{:?}\n{}\n{whole:?}\n{}\n{again:?}", self.facts, text(sql), text(&joined))))
    }
}

const ANSI: SqlMode = SqlMode { ansi_quotes: true, ..DEFAULT };
const PLAIN: SqlMode = SqlMode { no_backslash_escapes: true, ..DEFAULT };
const DEFAULT: SqlMode = SqlMode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    pipes_as_concat: false,
    ignore_space: false,
    high_not_precedence: false,
    no_auto_value_on_zero: false,
    oracle: false,
};
const UTF8: (&str, Charset) = ("utf8mb4", Charset::Utf8);

/// Behind `SELECT 1 `, and whether the lexer is sure of them.
const COMMENTS: [&str; 60] = [
    "/*!40101 +1*/",
    "/*!40101+1*/",
    "/*!50699 +1*/",
    "/*!50700 +1*/",
    "/*!50701 +1*/",
    "/*!80000 +1*/",
    "/*!90700 +1*/",
    "/*!99999 +1*/",
    "/*!100000 +1*/",
    "/*!100500 +1*/",
    "/*!999999 +1*/",
    "/*!090700 +1*/",
    "/*!040101 +1*/",
    "/*!080000\n+1*/",
    "/*!907001 +1*/",
    "/*!8000+1*/",
    "/*!*/ +1",
    "/*! +1 */",
    "/*!+1*/",
    "/*M! +1*/",
    "/*M!100500 +1*/",
    "/*M!50701 +1*/",
    "/*M!99999 +1*/",
    "/*M!999999 +1*/",
    "/*m! +1*/",
    "/*!M100500 +1*/",
    "/*! +1 /* x */ +2 */",
    "/*! +1 /*!99999 +2 */ +4*/",
    "/*!99999 +1 /* x */ +2 */",
    "/*!99999 +1 /*! x */ +2 */",
    "/*!99999 /* /* */ +1 */",
    "/* a /* b */ +1",
    "/*/ +1 */",
    "/**/+1",
    "/*+ a '*/+1",
    "/*+ `*/+1",
    "/*x\0y*/+1",
    "--1",
    "-- 1",
    "--\t1",
    "--\u{1}1",
    "--\u{7f}1",
    "--\n+1",
    "--",
    "--;",
    "-- ;\n+1",
    "#a\n+1",
    "#",
    "-- /*\n+1 -- */",
    "/* -- */ +1",
    "/* # */ +1",
    "# /*\n+1",
    "/*!40101 # */\n+1 */",
    "/*!40101 -- */\n+1 */",
    "+'/*' + '*/'",
    "+'-- '",
    "+'#'",
    "\u{b}+1",
    "\u{c}+1",
    ";;",
];

#[tokio::test]
async fn comments_are_what_the_servers_take_them_for() -> Outcome {
    for kind in Kind::ALL {
        let mut session = Session::new(kind).await?;
        let mut understood = 0;
        for tail in COMMENTS {
            let sql = format!("SELECT 1 {tail}");
            match session.agrees(sql.as_bytes()).await {
                Some(Ok(works)) => understood += usize::from(works),
                Some(Err(difference)) => panic!("{kind:?}: {difference}"),
                None => {}
            }
        }
        assert!(understood >= 40, "{kind:?}: only {understood} texts were compared");
    }
    Ok(())
}

/// Whole statements: numbers, names, variables, quotes.
const STATEMENTS: [&str; 52] = [
    "SELECT 1.5,1.,.5,1e5,1.5E-3,1e+5",
    "SELECT 1e",
    "SELECT 1e5a",
    "SELECT 0x41,x'41',X'4a',0b101,b'01',B''",
    "SELECT 0X41",
    "SELECT 0x",
    "SELECT 0xg",
    "SELECT 0b2",
    "SELECT 12abc FROM (SELECT 1 AS 12abc) t",
    "SELECT a.1b FROM (SELECT 1 AS 1b) a",
    "SELECT a . 1b FROM (SELECT 1 AS 1b) a",
    "SELECT `a`.1b FROM (SELECT 1 AS 1b) a",
    "SELECT a.x'41' FROM (SELECT 1 AS x) a",
    "SELECT a.`x` FROM (SELECT 1 AS x) a",
    "SELECT a.select FROM (SELECT 1 AS `select`) a",
    "SELECT .a.x FROM (SELECT 1 AS x) a",
    "SELECT a1,$b FROM (SELECT 1 a1, 2 `$b`) t",
    "SELECT a$b FROM (SELECT 1 a$b) t",
    "SELECT @a:=1,@a,@`a`,@'a',@\"a\"",
    "SELECT @a.b:=2,@a.b",
    "SELECT @é:=3,@é",
    "SELECT @@sql_mode",
    "SELECT @@session.sql_mode",
    "SELECT @@session . sql_mode",
    "SELECT @@`sql_mode`",
    "SELECT @@SESSION.`sql_mode`",
    "SELECT @",
    "SELECT @ a",
    "SELECT 'a''b','a\\'b','a\\\\','\\%\\_\\n\\0'",
    "SELECT \"a\"\"b\",\"a'b\"",
    "SELECT 'a' 'b' \"c\"",
    "SELECT 'a' /*x*/ 'b'",
    "SELECT N'a',n'b','a' N'b'",
    "SELECT N'a' 'b'",
    "SELECT _utf8mb4'a',_latin1 x'e9',_binary'a',_utf8mb4/**/'a'",
    "SELECT _foo'a'",
    "SELECT x FROM (SELECT 1 AS x) `a``b`",
    "SELECT \"x\" FROM (SELECT 1 AS x) t",
    "SELECT é FROM (SELECT 1 AS é) t",
    "SELECT `é` FROM (SELECT 1 AS é) t",
    "SELECT 1<=>1,1<>2,1!=2,1>>1,1<<1,1||0,1&&1,1<=2,1>=2,7 DIV 2",
    "SELECT j->'$.a',j->>'$.a' FROM (SELECT '{}' j) t",
    "SELECT 1=-1,1--1,- -1,-(-1)",
    "SELECT ~1&1|1^1",
    "SELECT 'a",
    "SELECT `a",
    "SELECT x'4'",
    "SELECT b'2'",
    "SELECT 'a\0b'",
    "SELECT 1 \0",
    "SELECT $$a$$",
    "SELECT 1 AS $a$",
];

#[tokio::test]
async fn tokens_end_where_the_servers_end_them() -> Outcome {
    for kind in Kind::ALL {
        let mut session = Session::new(kind).await?;
        for sql_mode in [DEFAULT, ANSI, PLAIN] {
            session.set(UTF8, sql_mode).await?;
            for sql in STATEMENTS {
                if let Some(Err(difference)) = session.agrees(sql.as_bytes()).await {
                    panic!("{kind:?}: {difference}");
                }
            }
        }
    }
    Ok(())
}

/// Where a string ends depends on these; the lead bytes are of all the character sets below.
const QUOTES: [&[u8]; 17] = [
    b"'",
    b"''",
    b"\\",
    b"\\'",
    b"\\\\",
    b"\"",
    b"`",
    b"a",
    b" ",
    b"\xBF",
    b"\xA4",
    b"\x81",
    b"\x95",
    b"\xE9",
    b"\x81\x30\x84\x31",
    b",",
    b"\xC3\xA9",
];
const COMMENT_PIECES: [&[u8]; 18] = [
    b"/*",
    b"*/",
    b"/*!",
    b"/*!40101 ",
    b"/*!99999 ",
    b"/*!50701 ",
    b"/*M!",
    b"/*+",
    b"--",
    b"-- ",
    b"#",
    b"\n",
    b" ",
    b"+1",
    b"1",
    b"'",
    b"`",
    b"\"",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }

    fn pieces(&mut self, pieces: &[&[u8]], count: usize) -> Vec<u8> {
        (0..self.below(count)).flat_map(|_| pieces[self.below(pieces.len())].to_vec()).collect()
    }
}

#[tokio::test]
async fn random_texts_are_read_alike() -> Outcome {
    let charsets = [
        UTF8,
        ("latin1", Charset::SingleByte),
        ("gbk", Charset::Gbk),
        ("big5", Charset::Big5),
        ("sjis", Charset::Sjis),
        ("cp932", Charset::Sjis),
        ("gb18030", Charset::Gb18030),
        ("euckr", Charset::Euc),
        ("ujis", Charset::Euc),
    ];
    for kind in Kind::ALL {
        let mut session = Session::new(kind).await?;
        let mut dice = Dice(7);
        let mut worked = 0;
        for charset in charsets {
            if charset.0 == "gb18030" && kind == Kind::MariaDb {
                continue;
            }
            for sql_mode in [DEFAULT, PLAIN, ANSI] {
                session.set(charset, sql_mode).await?;
                for round in 0..150 {
                    let mut sql = b"SELECT ".to_vec();
                    if round % 3 == 0 {
                        sql.push(b'1');
                        sql.extend(dice.pieces(&COMMENT_PIECES, 9));
                    } else {
                        sql.extend_from_slice(b"HEX('");
                        sql.extend(dice.pieces(&QUOTES, 7));
                        sql.extend_from_slice(b"'), 1");
                    }
                    match session.agrees(&sql).await {
                        Some(Ok(works)) => worked += usize::from(works),
                        Some(Err(difference)) => panic!("{kind:?} {}: {difference}", charset.0),
                        None => {}
                    }
                }
            }
        }
        assert!(worked > 500, "{kind:?}: only {worked} texts worked");
    }
    Ok(())
}

#[tokio::test]
async fn white_space_of_single_byte_character_sets() -> Outcome {
    for kind in Kind::ALL {
        let mut session = Session::new(kind).await?;
        let sets: Vec<String> =
            session.conn.query("SELECT character_set_name FROM information_schema.character_sets").await?;
        for set in sets {
            if session.conn.query_drop(format!("SET character_set_client={set}")).await.is_err() {
                continue;
            }
            for byte in 0x80..=0xFF_u8 {
                let sql = [b"SELECT".as_slice(), &[byte], b"1"].concat();
                let separates = session.cells(&sql).await.is_some();
                // The lexer takes these two for ambiguous, and all others for a part of a word.
                assert!(!separates || matches!(byte, 0xA0 | 0xFF), "{kind:?} {set} {byte:02X}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn texts_are_split_where_the_servers_split_them() -> Outcome {
    for kind in Kind::ALL {
        let session = Session::new(kind).await?;
        let mut client = Client::connect(&Opts::from_url(&servers::url(kind)?)?, false).await?;
        // COM_SET_OPTION: several statements in one text.
        client.command(0x1b, &[0, 0]).await?;
        client.read().await?;
        for sql in [
            "SELECT 1",
            "SELECT 1;",
            "SELECT 1;;  ",
            "SELECT 1; SELECT 2",
            "SELECT ';'; SELECT 2 -- ;",
            "SELECT 1; -- x",
            "SELECT 1;/* x */",
            "-- x",
            "/* x */",
            "SELECT 1;/*!SELECT 2*/",
            "/*!SELECT*/ 1; SELECT 3",
            "SELECT 1 /* ; */; SELECT 2",
            "SELECT 1 --;SELECT 2\n; SELECT 3",
            "SELECT 1 # ;\n; SELECT 2",
            "SELECT 1 AS `;`; SELECT 2",
            "SELECT 1; /*!99999 SELECT 2; */ SELECT 3",
            "DO 1; DO 2; SELECT 3",
        ] {
            let tokens = lex(sql.as_bytes(), &session.facts)?;
            let pieces = split(sql.as_bytes(), &tokens, &session.facts);
            let whole = client.query(sql).await?;
            let works = !whole.iter().any(|reply| matches!(reply, Reply::Refused(_)));
            let rejected = pieces.iter().any(|piece| piece.compound);
            assert_eq!((works, whole.len()), (!rejected, pieces.len()), "{kind:?} {sql}");
        }
        for rejected in
            ["; SELECT 1", "SELECT 1; ;SELECT 2", "/*!40101 SELECT 1; SELECT 2*/", "SELECT 1--; SELECT 2"]
        {
            let tokens = lex(rejected.as_bytes(), &session.facts)?;
            assert!(split(rejected.as_bytes(), &tokens, &session.facts).iter().any(|piece| piece.compound));
            let whole = client.query(rejected).await?;
            assert!(matches!(whole.last(), Some(Reply::Refused(_))), "{kind:?} {rejected}");
        }
    }
    Ok(())
}

/// A value, its type in the binary protocol (0x8000: unsigned) and its bytes there.
fn values() -> Vec<(Value, u16, Vec<u8>)> {
    let text = |text: &str| {
        let mut bytes = vec![u8::try_from(text.len()).unwrap_or(0)];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let mut all = vec![
        (Value::Float(0.1), 4, 0.1_f32.to_le_bytes().to_vec()),
        (Value::Date("2024-01-31".to_owned()), 10, vec![4, 0xE8, 7, 1, 31]),
        (Value::DateTime("2024-01-31 10:00:00".to_owned()), 12, vec![7, 0xE8, 7, 1, 31, 10, 0, 0]),
        (Value::DateTime("2024-01-31 00:00:00".to_owned()), 12, vec![4, 0xE8, 7, 1, 31]),
        (
            Value::DateTime("2024-01-31 10:00:00.120000".to_owned()),
            12,
            vec![11, 0xE8, 7, 1, 31, 10, 0, 0, 0xC0, 0xD4, 1, 0],
        ),
        (Value::Time("10:00:00".to_owned()), 11, vec![8, 0, 0, 0, 0, 0, 10, 0, 0]),
        (Value::Time("-34:00:00.000001".to_owned()), 11, vec![12, 1, 1, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0]),
    ];
    for number in [5, -5, 0, 12, i64::MAX, i64::MIN] {
        all.push((Value::Int(number), 8, number.to_le_bytes().to_vec()));
    }
    for number in [5, 12, 1 << 63, u64::MAX] {
        all.push((Value::UInt(number), 0x8008, number.to_le_bytes().to_vec()));
    }
    for number in [1.5, -1.5, -0.0, 0.1, 1e300, 5e-324, 12.0, f64::MAX] {
        all.push((Value::Double(number), 5, number.to_le_bytes().to_vec()));
    }
    for digits in ["1.50", "12", "-12", "0.3333333333", "99999999999999999999"] {
        all.push((Value::Decimal(digits.as_bytes().to_vec()), 246, text(digits)));
    }
    for string in
        ["12", "12.5", "1e1", " 12", "12abc", "abc", "", "it's \\ \"é\" \0", "2024-01-31", "10:00:00"]
    {
        all.push((Value::Text(string.as_bytes().to_vec()), 253, text(string)));
    }
    for string in ["12", "1", "", "é\0"] {
        all.push((Value::Blob(string.as_bytes().to_vec()), 252, text(string)));
    }
    all
}

/// Runs a statement with one `?`: the cells of its one row in text, nothing for OK, `None` for an error.
async fn bound(client: &mut Client, sql: &str, kind: u16, bytes: &[u8]) -> Outcome<Option<()>> {
    client.command(0x16, sql.as_bytes()).await?;
    let head = client.read().await?;
    if head.first() != Some(&0) {
        return Ok(None);
    }
    client.read().await?;
    client.read().await?;
    let mut body = head[1..5].to_vec();
    body.extend_from_slice(&[0, 1, 0, 0, 0, 0, 1]);
    body.extend_from_slice(&kind.to_le_bytes());
    body.extend_from_slice(bytes);
    client.command(0x17, &body).await?;
    let answer = client.read().await?;
    client.command(0x19, &head[1..5]).await?;
    Ok((answer.first() == Some(&0)).then_some(()))
}

/// Whether it worked, and all rows, in short.
fn short((worked, rows): &(Option<()>, Option<Vec<Vec<Cell>>>)) -> String {
    let cell = |cell: &Cell| match cell {
        Cell::Bytes(bytes) => bytes.escape_ascii().to_string(),
        Cell::NULL => "-".to_owned(),
        other => format!("{other:?}"),
    };
    let rows: Vec<String> =
        rows.iter().flatten().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",")).collect();
    format!("{} {}", worked.is_some(), rows.join(" | "))
}

const COLUMNS: [(&str, &str); 10] = [
    ("i", "BIGINT"),
    ("u", "BIGINT UNSIGNED"),
    ("v", "VARCHAR(40)"),
    ("f", "DATETIME(6)"),
    ("d", "DATE"),
    ("t", "TIME(6)"),
    ("r", "DOUBLE"),
    ("n", "DECIMAL(30,10)"),
    ("b", "BLOB"),
    ("e", "ENUM('a','12','abc')"),
];

/// Assignments and comparisons, in which a literal must do what the parameter does. `$` stands for it.
fn uses() -> Vec<String> {
    let mut uses = Vec::new();
    for (column, _) in COLUMNS {
        uses.push(format!("INSERT INTO z ({column}) VALUES ($)"));
        uses.push(format!("UPDATE z SET {column} = $"));
        for operator in ["=", "<", ">", "<=>"] {
            uses.push(format!("INSERT IGNORE INTO z (i) SELECT 77 FROM x WHERE {column} {operator} $"));
        }
    }
    // Unsigned arithmetic overflows below zero.
    uses.push("INSERT INTO z (n) SELECT $ - 10".to_owned());
    uses.push("UPDATE z SET n = i + $".to_owned());
    uses.push("DELETE FROM z WHERE i IN (7, $)".to_owned());
    uses
}

/// Where MySQL, which types a parameter by its context, does something else with it than with a literal.
fn is_known_difference(kind: Kind, value: &Value, sql: &str) -> bool {
    if kind == Kind::MariaDb {
        return false;
    }
    let compares = |columns: &[&str]| columns.iter().any(|column| sql.contains(&format!("WHERE {column} ")));
    let assigns = |columns: &[&str]| {
        columns
            .iter()
            .any(|c| sql.contains(&format!("({c}) VALUES")) || sql.contains(&format!("SET {c} = $")))
    };
    match value {
        // A DATE against a TIME column.
        Value::Date(_) => compares(&["t"]),
        // The parameter loses its fraction in a string column.
        Value::DateTime(text) => text.contains('.') && assigns(&["v", "b"]),
        Value::Time(_) => false,
        // As BIGINT -1 in a TIME column.
        Value::UInt(u64::MAX) if assigns(&["t"]) => true,
        // In strict mode an empty string is an error as a number, but only as a parameter.
        Value::Text(bytes) | Value::Blob(bytes) if bytes.is_empty() && sql.contains(['+', '-']) => true,
        Value::Text(bytes) | Value::Blob(bytes) if bytes.is_empty() && sql.contains("i IN") => true,
        // Anything that is no time against a column that is.
        _ => compares(&["f", "d", "t"]),
    }
}

#[tokio::test]
async fn a_literal_does_what_the_bound_parameter_does() -> Outcome {
    for kind in Kind::ALL {
        let mut session = Session::new(kind).await?;
        let mut client = Client::connect(&Opts::from_url(&servers::url(kind)?)?, false).await?;
        let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        for sql in [
            "DROP DATABASE IF EXISTS lexer_facts".to_owned(),
            "CREATE DATABASE lexer_facts CHARACTER SET utf8mb4".to_owned(),
            "USE lexer_facts".to_owned(),
            format!("CREATE TABLE z ({})", columns.join(", ")),
            format!("CREATE TABLE x ({})", columns.join(", ")),
            "INSERT INTO x VALUES (12,12,'12','2024-01-31 10:00:00','2024-01-31','10:00:00',0.1,12,'12','12'),\
             (-5,5,'abc','2024-01-31','2023-01-01','-34:00:00.000001',1.5,1.5,'1','a'),\
             (9223372036854775807,18446744073709551615,'','2024-01-31 10:00:00.12','2025-01-01','00:00:00',-1e300,-12,'','abc')"
                .to_owned(),
        ] {
            session.conn.query_drop(sql).await?;
        }
        client.query("USE lexer_facts").await?;
        let mut differences = Vec::new();
        for (value, code, bytes) in values() {
            let Some(text) = literal(&value, &session.facts) else {
                panic!("{value:?} has no literal");
            };
            for sql in uses() {
                let reset = "DELETE FROM z; INSERT INTO z (i, v) VALUES (7, 'a'), (12, 'x')";
                session.run(reset.as_bytes()).await;
                let worked = bound(&mut client, &sql.replace('$', "?"), code, &bytes).await?;
                let expected = (worked, session.cells(b"SELECT * FROM z").await);
                session.run(reset.as_bytes()).await;
                let spliced: Vec<u8> = match sql.split_once('$') {
                    Some((before, after)) => [before.as_bytes(), &text, after.as_bytes()].concat(),
                    None => sql.clone().into_bytes(),
                };
                let worked = session.run(&spliced).await.map(|_| ());
                let got = (worked, session.cells(b"SELECT * FROM z").await);
                if got != expected && !is_known_difference(kind, &value, &sql) {
                    differences.push(format!(
                        "{value:?}: {sql}\n  bound   {}\n  literal {}",
                        short(&expected),
                        short(&got)
                    ));
                }
            }
        }
        assert!(
            differences.is_empty(),
            "{kind:?}: {} differences\n{}",
            differences.len(),
            differences.join("\n")
        );
        session.conn.query_drop("DROP DATABASE lexer_facts").await?;
    }
    Ok(())
}
