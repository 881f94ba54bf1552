//! A statement's tokens with the questions that the readers ask of them.

use crate::lex::{Token, TokenKind, ident_text};

/// A half-open range of token indices.
pub(crate) type Span = std::ops::Range<usize>;

/// The tokens of one statement over its text, with matching parentheses known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    partner: &'a [usize],
}

/// For every `(` the index of its `)`, for every other token its own index. `None` if unbalanced.
pub(crate) fn match_parentheses(text: &[u8], tokens: &[Token]) -> Option<Vec<usize>> {
    let mut partner: Vec<usize> = (0..tokens.len()).collect();
    let mut open = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match (token.kind, &text[token.start..token.end]) {
            (TokenKind::Operator, b"(") => open.push(i),
            (TokenKind::Operator, b")") => partner[open.pop()?] = i,
            _ => {}
        }
    }
    open.is_empty().then_some(partner)
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a [u8], tokens: &'a [Token], partner: &'a [usize]) -> Self {
        Self { text, tokens, partner }
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn tokens(&self) -> &'a [Token] {
        self.tokens
    }

    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    pub(crate) fn kind(&self, i: usize) -> Option<TokenKind> {
        self.tokens.get(i).map(|token| token.kind)
    }

    /// The bytes of one token.
    pub(crate) fn bytes(&self, i: usize) -> &'a [u8] {
        self.tokens.get(i).map_or(&[], |token| &self.text[token.start..token.end])
    }

    /// The first byte of token `i`.
    pub(crate) fn byte(&self, i: usize) -> usize {
        self.tokens.get(i).map_or(self.text.len(), |token| token.start)
    }

    /// The byte range that these tokens span; an empty range lies before the token at its start.
    pub(crate) fn byte_range(&self, span: &Span) -> std::ops::Range<usize> {
        let start = self.byte(span.start);
        if span.is_empty() {
            return start..start;
        }
        start..self.tokens[span.end - 1].end
    }

    /// Whether token `i` is this operator or punctuation.
    pub(crate) fn op(&self, i: usize, op: &str) -> bool {
        self.kind(i) == Some(TokenKind::Operator) && self.bytes(i) == op.as_bytes()
    }

    /// Whether token `i` is an optimizer hint.
    pub(crate) fn is_hint(&self, i: usize) -> bool {
        self.kind(i) == Some(TokenKind::Hint)
    }

    /// Whether the system variable `name` stands anywhere: `@@name`, `@@session.name`.
    pub(crate) fn has_system_variable(&self, name: &str) -> bool {
        let is = |i: usize| {
            let spelled = String::from_utf8_lossy(self.bytes(i)).to_ascii_lowercase();
            spelled.rsplit(['@', '.']).next().is_some_and(|last| last.trim_matches('`') == name)
        };
        (0..self.len()).any(|i| self.kind(i) == Some(TokenKind::SysVar) && is(i))
    }

    /// Whether token `i` is this unquoted word, as a keyword: not behind a dot.
    pub(crate) fn word(&self, i: usize, word: &str) -> bool {
        self.kind(i) == Some(TokenKind::Ident)
            && self.bytes(i).eq_ignore_ascii_case(word.as_bytes())
            && !(i > 0 && self.op(i - 1, "."))
    }

    /// Whether token `i` is one of these words.
    pub(crate) fn any_word(&self, i: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.word(i, word))
    }

    /// Whether these words stand at `i` one after the other.
    pub(crate) fn words(&self, i: usize, words: &[&str]) -> bool {
        words.iter().zip(i..).all(|(word, at)| self.word(at, word))
    }

    /// The `)` of the `(` at `i`.
    pub(crate) fn close(&self, i: usize) -> usize {
        self.partner[i]
    }

    /// Whether the `(` at `i` opens a query, perhaps in more parentheses.
    pub(crate) fn opens_query(&self, i: usize) -> bool {
        let inner = (i..self.len()).find(|at| !self.op(*at, "("));
        inner.is_some_and(|at| self.any_word(at, &["SELECT", "WITH", "VALUES", "TABLE"]))
    }

    /// The `}` of the `{` at `i`.
    pub(crate) fn closing_brace(&self, i: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (i..self.len()).find(|at| {
            depth += usize::from(self.op(*at, "{"));
            depth = depth.saturating_sub(usize::from(self.op(*at, "}")));
            depth == 0
        })
    }

    /// `NTH_VALUE(a, 2) FROM FIRST OVER …`: not a FROM clause.
    pub(crate) fn begins_from_first(&self, i: usize) -> bool {
        self.word(i, "FROM")
            && self.any_word(i + 1, &["FIRST", "LAST"])
            && self.any_word(i + 2, &["OVER", "RESPECT", "IGNORE"])
            && i > 0
            && self.op(i - 1, ")")
    }

    /// The token after `i`, or after the whole parenthesis if one opens at `i`.
    pub(crate) fn next(&self, i: usize) -> usize {
        self.partner.get(i).map_or(i + 1, |partner| partner + 1)
    }

    /// The name that token `i` spells if it can be an identifier, quoted or not.
    pub(crate) fn ident(&self, i: usize) -> Option<String> {
        let token = self.tokens.get(i).filter(|_| self.is_ident(i))?;
        String::from_utf8(ident_text(self.text, token).into_owned()).ok()
    }

    /// Whether it is a name or a word, in whatever character set.
    pub(crate) fn is_ident(&self, i: usize) -> bool {
        matches!(self.kind(i), Some(TokenKind::Ident | TokenKind::QuotedIdent))
    }

    /// `a`, `a.b` or `a.b.c` from token `i` on: the parts and the token behind them.
    pub(crate) fn dotted(&self, i: usize) -> Option<(Vec<String>, usize)> {
        let mut parts = vec![self.ident(i)?];
        let mut at = i + 1;
        while parts.len() < 4 && self.op(at, ".") {
            match self.ident(at + 1) {
                Some(part) => parts.push(part),
                None => break,
            }
            at += 2;
        }
        Some((parts, at))
    }

    /// Splits a span at the commas of its own level.
    pub(crate) fn split_commas(&self, span: &Span) -> Vec<Span> {
        if span.is_empty() {
            return Vec::new();
        }
        let mut parts = Vec::new();
        let (mut start, mut at) = (span.start, span.start);
        while at < span.end {
            if self.op(at, ",") {
                parts.push(start..at);
                start = at + 1;
            }
            at = self.next(at);
        }
        parts.push(start..span.end);
        parts
    }

    /// The first token at this level for which `found` holds, or the span's end.
    pub(crate) fn find(&self, span: &Span, found: impl Fn(usize) -> bool) -> usize {
        let mut at = span.start;
        while at < span.end {
            if found(at) {
                return at;
            }
            at = self.next(at);
        }
        span.end
    }
}
