//! What a token is.

/// A piece of the client's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its first byte in the client's text.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    /// It stands in a `/*! … */` that this server executes.
    pub in_version_comment: bool,
}

impl Token {
    /// Its bytes in the text that was lexed.
    #[must_use]
    pub fn bytes<'a>(&self, sql: &'a [u8]) -> &'a [u8] {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// `next` follows it with nothing in between.
    #[must_use]
    pub fn touches(&self, next: &Token) -> bool {
        self.end == next.start
    }
}

/// The kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A bare word: an identifier, a keyword, a function's name.
    Ident,
    /// `` `a` ``, and `"a"` under ANSI_QUOTES.
    QuotedIdent,
    /// `'a'`, `"a"`, `N'a'`: one literal; adjacent ones, which the server joins, are several tokens.
    String,
    /// The name of a character set in front of a literal: `_utf8mb4`.
    Introducer,
    /// `0x1F`, `x'1F'`.
    Hex,
    /// `0b101`, `b'101'`.
    Bit,
    /// Digits only; the sign is an operator.
    Integer,
    /// Digits with a point: `1.5`, `1.`, `.5`.
    Decimal,
    /// With an exponent: `1e5`.
    Float,
    /// `?`.
    Param,
    /// A user variable: `@a`, `` @`b c` ``, `@'q'`, `@"q"`; also the host of an account.
    UserVar,
    /// A system variable: `@@x`, `@@session.x`.
    SysVar,
    /// An operator or punctuation.
    Operator,
    /// An optimizer hint `/*+ … */`. The server takes it for a comment unless it follows the verb.
    Hint,
    /// A comment; only in what `lex_all` returns.
    Comment,
}

/// Why a text is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct LexError {
    /// What is wrong.
    pub kind: LexErrorKind,
    /// Where in the text.
    pub offset: usize,
}

/// The kinds of [`LexError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LexErrorKind {
    /// `character_set_client` is none whose characters are known.
    #[error("unknown character set of the client")]
    UnknownCharset,
    /// `sql_mode=ORACLE`.
    #[error("Oracle's syntax")]
    OracleMode,
    /// A comment that does not end.
    #[error("comment without an end")]
    UnterminatedComment,
    /// An executed version comment in another one.
    #[error("nested version comment")]
    NestedVersionComment,
    /// `/*!407001x`: five or six digits?
    #[error("version comment with six digits and no white space behind them")]
    AmbiguousVersion,
    /// A string or quoted identifier that does not end.
    #[error("quote without an end")]
    UnterminatedQuote,
    /// `x'1'`, `b'2'`.
    #[error("malformed hexadecimal or bit literal")]
    MalformedLiteral,
    /// `1.e`: the servers drop the number and read on.
    #[error("number without digits in its exponent")]
    MalformedNumber,
    /// A character that is malformed or whose class depends on the client's character set.
    #[error("malformed or ambiguous character")]
    AmbiguousCharacter,
    /// `@@` without a name.
    #[error("system variable without a name")]
    MalformedVariable,
    /// `$$…$$` or `$tag$…$tag$`, which newer MySQL servers read as a string.
    #[error("dollar-quoted string")]
    DollarQuote,
}
