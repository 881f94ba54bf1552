//! The second reader: sqlparser over the lexer's tokens.
//!
//! It gets tokens and not text, each with its index for a position: character sets, quoting
//! modes, comments and version comments are decided once, by our lexer. What sqlparser reads
//! wrongly or not at all, and what says nothing about tables, is left out or respelled on the way.
//! Only positions come back ([`Relations`]); nothing is ever printed from its tree.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::{
    ast::{Expr, Statement, visit_expressions, visit_relations},
    dialect::MySqlDialect,
    parser::Parser,
    tokenizer::{Location, Span as ParserSpan, Token as Word, TokenWithSpan},
};

use crate::{
    lex::TokenKind,
    syntax::{Parsed, Shape, Source, Span, Targets},
};

/// Nesting that the parser follows before it gives up.
const RECURSION_LIMIT: usize = 60;

/// Where sqlparser sees tables and columns, by the token at which their names begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Relations {
    /// Table references, CTE references among them.
    pub(crate) tables: BTreeSet<usize>,
    /// Column references in expressions.
    pub(crate) columns: BTreeSet<usize>,
}

/// Reads the tokens; `None` if sqlparser does not accept them as one statement.
pub(crate) fn parse(source: Source<'_>, parsed: &Parsed) -> Option<Relations> {
    let dialect = MySqlDialect {};
    let statements = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_LIMIT)
        .with_tokens_with_locations(tokens(source, parsed))
        .parse_statements()
        .ok()?;
    let [statement] = statements.as_slice() else {
        return None;
    };
    Some(relations(statement))
}

fn relations(statement: &Statement) -> Relations {
    let mut found = Relations::default();
    let _: ControlFlow<()> = visit_relations(statement, |name| {
        let first = name.0.first().and_then(|part| part.as_ident());
        found.tables.extend(first.map(|ident| index(ident.span)));
        ControlFlow::Continue(())
    });
    let _: ControlFlow<()> = visit_expressions(statement, |expr| {
        match expr {
            Expr::Identifier(ident) => found.columns.extend([index(ident.span)]),
            Expr::CompoundIdentifier(parts) => {
                found.columns.extend(parts.first().map(|part| index(part.span)))
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    found
}

fn index(span: ParserSpan) -> usize {
    usize::try_from(span.start.column.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// The tokens for sqlparser, without what only modifies how the statement runs.
fn tokens(source: Source<'_>, parsed: &Parsed) -> Vec<TokenWithSpan> {
    let mut left_out = left_out(source, parsed);
    left_out.extend(character_sets(source));
    let commas = joining_commas(source, parsed);
    let ends_of_joins = ends_of_joins(source);
    let table_statements: BTreeSet<usize> =
        parsed.tables.iter().filter(|table| table.is_statement).map(|table| table.tokens.start).collect();
    let mut list = Vec::with_capacity(source.len());
    for i in order(source, parsed) {
        if left_out.iter().any(|span| span.contains(&i)) {
            continue;
        }
        let words = if table_statements.contains(&(i + 1)) {
            // It knows `TABLE t`, but does not tell the table's place.
            vec![Word::make_keyword("SELECT"), Word::Mul, Word::make_keyword("FROM")]
        } else if commas.contains(&i) {
            vec![Word::make_keyword("CROSS"), Word::make_keyword("JOIN")]
        } else if ends_of_joins.contains(&i) {
            vec![Word::RParen]
        } else {
            token(source, i).into_iter().collect()
        };
        for word in words {
            let location = Location { line: 1, column: i as u64 + 1 };
            list.push(TokenWithSpan::new(word, ParserSpan::new(location, location)));
        }
    }
    list
}

/// The order in which sqlparser wants the tokens: RETURNING of a DELETE before ORDER BY and LIMIT.
fn order(source: Source<'_>, parsed: &Parsed) -> Vec<usize> {
    let all = 0..source.len();
    let Shape::Delete(change) = &parsed.shape else { return all.collect() };
    let words = |span: &Option<Span>, words: usize| span.as_ref().map(|span| span.start - words);
    let rows = words(&change.order, 2).into_iter().chain(words(&change.limit, 1)).min();
    match (rows, words(&change.returning, 1)) {
        (Some(rows), Some(returning)) if rows < returning => {
            (0..rows).chain(returning..all.end).chain(rows..returning).collect()
        }
        _ => all.collect(),
    }
}

/// The commas between tables where sqlparser knows only JOIN: in the list of an UPDATE, and in parentheses.
fn joining_commas(source: Source<'_>, parsed: &Parsed) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    if let Shape::Update(change) = &parsed.shape {
        found.extend(commas(source, &change.from));
    }
    let lists = parsed.blocks.iter().map(|block| &block.from);
    let changed = match &parsed.shape {
        Shape::Update(change) | Shape::Delete(change) => Some(&change.from),
        _ => None,
    };
    for list in lists.chain(changed) {
        commas_in_parentheses(source, list, &mut found);
    }
    found
}

fn commas(source: Source<'_>, list: &Span) -> impl Iterator<Item = usize> {
    let end = list.end;
    source.split_commas(list).into_iter().map(|part| part.end).filter(move |at| *at < end)
}

fn commas_in_parentheses(source: Source<'_>, list: &Span, found: &mut BTreeSet<usize>) {
    let mut at = list.start;
    while at < list.end {
        let factor =
            at == list.start || source.op(at - 1, ",") || source.any_word(at - 1, &["JOIN", "STRAIGHT_JOIN"]);
        if factor && source.op(at, "(") && !source.opens_query(at) {
            let inside = at + 1..source.close(at);
            found.extend(commas(source, &inside));
            commas_in_parentheses(source, &inside, found);
        }
        at = source.next(at);
    }
}

/// The `}` of each `{ OJ a LEFT JOIN b ON … }`, which are other parentheses.
fn ends_of_joins(source: Source<'_>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for i in 0..source.len() {
        if source.op(i, "{") {
            open.push(source.word(i + 1, "OJ"));
        } else if source.op(i, "}") && open.pop() == Some(true) {
            found.insert(i);
        }
    }
    found
}

fn left_out(source: Source<'_>, parsed: &Parsed) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    if let Shape::Delete(change) = &parsed.shape
        && let Targets::Named { span, .. } = &change.targets
    {
        // The targets are named in the list again.
        spans.push(span.clone());
    }
    for block in &parsed.blocks {
        spans.extend(block.lock.clone());
        spans.extend(block.into.clone());
        // DISTINCT is kept: sqlparser knows it, and it says nothing about tables.
        spans.push(block.options.clone());
        let group = block.group.clone().into_iter().flatten();
        spans.extend(group.filter(|i| source.any_word(*i, &["ASC", "DESC"])).map(|i| i..i + 1));
    }
    spans.extend((0..source.len()).filter(|i| source.begins_from_first(*i)).map(|i| i..i + 2));
    // sqlparser does not know it in INSERT.
    spans.extend(parsed.tables.iter().map(|table| table.partition.clone()));
    spans.extend(next_values(source, parsed));
    let verb = match &parsed.shape {
        Shape::Update(change) | Shape::Delete(change) => change.with.end,
        _ => 0,
    };
    let mut at = verb + 1;
    let words = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"];
    while source.any_word(verb, &["INSERT", "REPLACE", "UPDATE", "DELETE"])
        && (source.is_hint(at) || source.any_word(at, &words))
    {
        at += 1;
    }
    spans.push(verb + 1..at);
    spans.retain(|span| !span.is_empty());
    spans
}

/// `NEXT VALUE FOR` of sequences (MariaDB), where a row of the result takes one: in the select list of a statement that
/// leaves no row out behind it.
fn next_values(source: Source<'_>, parsed: &Parsed) -> Vec<Span> {
    let [block] = parsed.blocks.as_slice() else { return Vec::new() };
    let cut = [&block.group, &block.having, &block.order, &block.limit].iter().any(|clause| clause.is_some());
    let takes = |i: &usize| source.words(*i, &["NEXT", "VALUE", "FOR"]);
    let items = block.items.clone().filter(|_| !cut && parsed.shape == Shape::Query);
    items.filter(takes).map(|i| i..i + 3).collect()
}

/// What calls say of character sets and weights: `CAST(a AS CHAR(3) CHARACTER SET latin1)`, `CHAR(77 USING utf8mb4)`,
/// `WEIGHT_STRING(a AS CHAR(3))`.
fn character_sets(source: Source<'_>) -> Vec<Span> {
    let calls = (0..source.len()).filter(|i| source.op(i + 1, "("));
    let said = |i: usize| {
        let inside = i + 2..source.close(i + 1);
        let rest_from = |word| source.find(&inside, |at| source.word(at, word))..inside.end;
        match () {
            () if source.word(i, "CHAR") => rest_from("USING"),
            () if source.word(i, "WEIGHT_STRING") => rest_from("AS"),
            () if source.any_word(i, &["CAST", "CONVERT"]) => {
                let at = source.find(&inside, |at| source.words(at, &["CHARACTER", "SET"]));
                at..inside.end.min(at + 3)
            }
            () => 0..0,
        }
    };
    calls.map(said).filter(|span| !span.is_empty()).collect()
}

/// One token in sqlparser's words; `None` for a hint.
fn token(source: Source<'_>, i: usize) -> Option<Word> {
    let text = || String::from_utf8_lossy(source.bytes(i)).into_owned();
    Some(match source.kind(i)? {
        TokenKind::Ident if i > 0 && source.op(i - 1, "{") && source.word(i, "OJ") => return None,
        TokenKind::Ident => word(source, i, &text()),
        TokenKind::QuotedIdent => Word::make_word(&source.ident(i)?, Some('`')),
        // What a literal says does not matter here; adjacent strings are one.
        TokenKind::String if i > 0 && source.kind(i - 1) == Some(TokenKind::String) => return None,
        TokenKind::String => Word::SingleQuotedString("s".to_owned()),
        TokenKind::Introducer | TokenKind::Hint | TokenKind::Comment => return None,
        TokenKind::Hex | TokenKind::Bit | TokenKind::Integer | TokenKind::Decimal | TokenKind::Float => {
            Word::Number("1".to_owned(), false)
        }
        TokenKind::Param | TokenKind::UserVar | TokenKind::SysVar => Word::Placeholder("?".to_owned()),
        TokenKind::Operator => return operator(source, i),
    })
}

/// Words that sqlparser reads otherwise than MySQL, or not at all.
fn word(source: Source<'_>, i: usize, text: &str) -> Word {
    let binds = i > 0 && !source.op(i - 1, ".");
    let unit = text.contains('_') && is_interval_unit(text);
    match () {
        () if binds && source.word(i, "MOD") && !source.op(i + 1, "(") => Word::Mod,
        () if binds && source.word(i, "BINARY") && !ends_operand(source, i + 1) => Word::Plus,
        () if binds && unit => Word::make_keyword("SECOND"),
        // The function; an operand of the operator has no comma in its parentheses.
        () if source.word(i, "INTERVAL")
            && source.op(i + 1, "(")
            && source.split_commas(&(i + 2..source.close(i + 1))).len() > 1 =>
        {
            Word::make_word("INTERVAL_OF", None)
        }
        () if source.word(i, "DISTINCTROW") => Word::make_keyword("DISTINCT"),
        () if source.word(i, "VALUE") && source.op(i + 1, "(") => Word::make_keyword("VALUES"),
        () => Word::make_word(text, None),
    }
}

/// `CAST(a AS BINARY)`, `CONVERT(a, BINARY(4))`: a type there, not the operator.
fn ends_operand(source: Source<'_>, i: usize) -> bool {
    i >= source.len() || source.op(i, ")") || source.op(i, ",") || source.op(i, "(")
}

fn is_interval_unit(text: &str) -> bool {
    let units = [
        "SECOND_MICROSECOND",
        "MINUTE_MICROSECOND",
        "MINUTE_SECOND",
        "HOUR_MICROSECOND",
        "HOUR_SECOND",
        "HOUR_MINUTE",
        "DAY_MICROSECOND",
        "DAY_SECOND",
        "DAY_MINUTE",
        "DAY_HOUR",
        "YEAR_MONTH",
    ];
    units.iter().any(|unit| text.eq_ignore_ascii_case(unit))
}

fn operator(source: Source<'_>, i: usize) -> Option<Word> {
    Some(match source.bytes(i) {
        b"(" => Word::LParen,
        b")" => Word::RParen,
        b"," => Word::Comma,
        b"." => Word::Period,
        b";" => Word::SemiColon,
        b"=" | b":=" => Word::Eq,
        b"<=>" => Word::Spaceship,
        b"<>" | b"!=" => Word::Neq,
        b"<" => Word::Lt,
        b">" => Word::Gt,
        b"<=" => Word::LtEq,
        b">=" => Word::GtEq,
        b"+" => Word::Plus,
        b"-" => Word::Minus,
        b"*" => Word::Mul,
        b"/" => Word::Div,
        b"%" => Word::Mod,
        // OR or concatenation: neither changes where tables and columns are.
        b"||" => Word::make_keyword("OR"),
        b"&&" => Word::make_keyword("AND"),
        b"!" => Word::make_keyword("NOT"),
        b"&" => Word::Ampersand,
        b"|" => Word::Pipe,
        b"^" => Word::Caret,
        b"~" => Word::Minus,
        b"<<" => Word::ShiftLeft,
        b">>" => Word::ShiftRight,
        b"->" | b"->>" => Word::Arrow,
        b"{" if source.word(i + 1, "OJ") => Word::LParen,
        b"{" => Word::LBrace,
        b"}" => Word::RBrace,
        b":" => Word::Colon,
        _ => Word::Backslash,
    })
}
