//! What the place of an expression makes of an ENUM, SET or ZEROFILL column in it: the text that it shows, or the
//! number that it is.
//!
//! ```text
//! UPPER(level)      the text          SUM(level), level + 1     the number
//! level = 'mid'     the text          level = 2                 the number
//! level IS NULL     either            IF(ok, level, 'x')        what the place of IF makes of it
//! ```
//! A UNION ALL keeps the text of an ENUM and the number of a ZEROFILL column; a place that takes the other one can be
//! given it. What is not in here is not known. Each line of it is tried on both servers (`tests/cases/lossy.sql`).

use topology::ColumnKind;

use super::Context;
use crate::{
    Value,
    lex::TokenKind,
    syntax::{Assignment, Block, InsertSource, Operand, Role, Shape, Span, operand},
};

/// One of the two things that such a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// They are the same here.
    Either,
    /// What it shows.
    Text,
    /// The number of an ENUM, the bits of a SET, the value of an integer.
    Number,
}

/// What functions make of their arguments: `t` a text, `n` a number, `e` either, `k` what is kept, `j` the same but for
/// ZEROFILL on MariaDB, `o` what the place of the function makes of it, `z` likewise of ZEROFILL alone, `-` something else. The last letter is for all
/// further arguments, too.
const CALLS: [(&str, &str); 68] = [
    ("ABS", "n"),
    ("ASCII", "t"),
    ("AVG", "n"),
    ("BIT_AND", "n"),
    ("BIT_COUNT", "n"),
    ("BIT_LENGTH", "t"),
    ("BIT_OR", "n"),
    ("BIT_XOR", "n"),
    ("CEIL", "n"),
    ("CEILING", "n"),
    ("CHARACTER_LENGTH", "t"),
    ("CHAR_LENGTH", "t"),
    ("COALESCE", "o"),
    ("CONCAT", "t"),
    ("CONCAT_WS", "t"),
    ("COUNT", "e"),
    ("CRC32", "t"),
    ("ELT", "nt"),
    ("FIND_IN_SET", "t-"),
    ("FIRST_VALUE", "o"),
    ("FLOOR", "n"),
    ("HEX", "k"),
    ("IF", "-oo"),
    ("IFNULL", "o"),
    ("INSERT", "tnnt"),
    ("INSTR", "t"),
    ("INTERVAL", "n"),
    ("ISNULL", "e"),
    ("JSON_ARRAY", "j"),
    ("JSON_ARRAYAGG", "j"),
    ("JSON_OBJECT", "j"),
    ("JSON_SET", "--j-"),
    ("LAG", "z-"),
    ("LAST_VALUE", "o"),
    ("LCASE", "t"),
    ("LEAD", "z-"),
    ("LEFT", "tn"),
    ("LENGTH", "t"),
    ("LOCATE", "ttn"),
    ("LOWER", "t"),
    ("LPAD", "tnt"),
    ("LTRIM", "t"),
    ("MD5", "t"),
    ("MID", "tn"),
    ("MOD", "n"),
    ("OCTET_LENGTH", "t"),
    ("QUOTE", "t"),
    ("REPEAT", "tn"),
    ("REPLACE", "t"),
    ("REVERSE", "t"),
    ("RIGHT", "tn"),
    ("ROUND", "n"),
    ("RPAD", "tnt"),
    ("RTRIM", "t"),
    ("SEC_TO_TIME", "n"),
    ("SHA1", "t"),
    ("SHA2", "tn"),
    ("SIGN", "n"),
    ("STRCMP", "t"),
    ("SUBSTR", "tn"),
    ("SUBSTRING", "tn"),
    ("SUBSTRING_INDEX", "ttn"),
    ("SUM", "n"),
    ("TO_BASE64", "t"),
    ("TRIM", "t"),
    ("TRUNCATE", "n"),
    ("UCASE", "t"),
    ("UPPER", "t"),
];

/// Functions whose value is a text whatever their arguments are.
const TEXTS: [&str; 22] = [
    "CONCAT",
    "CONCAT_WS",
    "DATE_FORMAT",
    "HEX",
    "LCASE",
    "LEFT",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MD5",
    "MID",
    "QUOTE",
    "REPEAT",
    "REPLACE",
    "REVERSE",
    "RIGHT",
    "RPAD",
    "RTRIM",
    "SUBSTRING",
    "TRIM",
    "UCASE",
    "UPPER",
];

/// Functions that compare their arguments with one another, and give one of them.
const COMPARE: [&str; 3] = ["GREATEST", "LEAST", "NULLIF"];

const COMPARISONS: [&str; 8] = ["=", "<=>", "<", ">", "<=", ">=", "<>", "!="];
const ARITHMETIC: [&str; 11] = ["+", "-", "*", "/", "%", "&", "|", "^", "~", "<<", ">>"];

/// How far a value is followed through functions, subqueries and names of items.
const FARTHEST: usize = 24;

/// A column's value on its way outwards.
#[derive(Clone, Copy)]
struct Walk<'w, 'a> {
    cx: &'w Context<'a>,
    /// All references to configured tables: their columns have known types.
    all: &'w [Context<'a>],
    /// The face that a UNION ALL keeps.
    kept: Face,
    /// It went through a function that hands it on, of which no one knows the other face.
    handed: bool,
    steps: usize,
}

/// What the place of the column takes whose name is `at`; `kept` is what a UNION ALL keeps of it.
pub(crate) fn face(cx: &Context<'_>, all: &[Context<'_>], at: &Span, kept: Face) -> Option<Face> {
    let face = Walk { cx, all, kept, handed: false, steps: 0 }.place(at)?;
    Some(if face == kept { Face::Either } else { face })
}

impl<'a> Walk<'_, 'a> {
    /// What stands around `at` makes of it.
    fn place(mut self, at: &Span) -> Option<Face> {
        self.steps += 1;
        let face = if self.steps > FARTHEST { None } else { self.found(at) }?;
        let known = !self.handed || face == self.kept || face == Face::Either;
        known.then_some(face)
    }

    fn found(self, at: &Span) -> Option<Face> {
        let source = self.cx.source;
        let before = at.start.checked_sub(1)?;
        let after = at.end;
        if self.is_assigned(at) {
            return None;
        }
        if source.word(after, "COLLATE") || source.word(before, "BINARY") {
            return Some(Face::Text);
        }
        if source.op(after, "||") || source.op(before, "||") {
            return None;
        }
        if ARITHMETIC.iter().any(|op| source.op(after, op) || source.op(before, op)) {
            return Some(Face::Number);
        }
        if source.any_word(after, &["DIV", "MOD"]) || source.any_word(before, &["DIV", "MOD"]) {
            return Some(Face::Number);
        }
        self.compared(at).or_else(|| self.chosen(at)).or_else(|| self.contained(at))
    }

    /// Whether it is all that a column gets: `SET a = level`, which is no comparison.
    fn is_assigned(self, at: &Span) -> bool {
        let assignments: &[Assignment] = match &self.cx.parsed.shape {
            Shape::Update(change) => &change.assignments,
            Shape::Insert(insert) => match (&insert.on_duplicate, &insert.source) {
                (Some(all), _) | (None, InsertSource::Set(all, _)) => all,
                _ => &[],
            },
            _ => &[],
        };
        assignments.iter().any(|assignment| assignment.value == *at)
    }

    /// An operand of a comparison, or of IN, LIKE, BETWEEN, IS NULL.
    fn compared(self, at: &Span) -> Option<Face> {
        let source = self.cx.source;
        let number = |operator: usize| self.kept == Face::Number && is_comparison(self.cx, operator);
        if begins_operand(self.cx, at.start) && number(at.end)
            || ends_operand(self.cx, at.end) && number(at.start.checked_sub(1)?)
        {
            // Whatever it is compared with.
            return Some(Face::Number);
        }
        if !begins_operand(self.cx, at.start) {
            let operator = at.start.checked_sub(1)?;
            let left = self.operand_before(operator)?;
            let whole = is_comparison(self.cx, operator)
                && begins_operand(self.cx, left.start)
                && ends_operand(self.cx, at.end);
            return self.like(self.kind(&left)).filter(|_| whole);
        }
        let not = source.word(at.end, "NOT");
        let verb = at.end + usize::from(not);
        let (face, end) = match () {
            () if source.word(verb, "IS") => {
                let what = verb + 1 + usize::from(source.word(verb + 1, "NOT"));
                let truth = source.any_word(what, &["TRUE", "FALSE"]) && self.kept == Face::Number;
                let null = source.any_word(what, &["NULL", "UNKNOWN"]);
                let face = if truth { Face::Number } else { Face::Either };
                (truth || null).then_some((Some(face), what + 1))?
            }
            () if source.any_word(verb, &["LIKE", "REGEXP", "RLIKE"]) => {
                let right = self.operand_at(verb + 1)?;
                (self.kind(&right).filter(|kind| *kind == Face::Text), right.end)
            }
            () if source.word(verb, "BETWEEN") => {
                let low = self.operand_at(verb + 1)?;
                let high = self.operand_at(low.end + 1).filter(|_| source.word(low.end, "AND"))?;
                (self.alike([&low, &high].into_iter()), high.end)
            }
            () if source.word(verb, "IN") && source.op(verb + 1, "(") => {
                let close = source.close(verb + 1);
                let list = verb + 2..close;
                let subquery = self.cx.parsed.blocks.iter().find(|block| block.span == list);
                let values = subquery.map_or(&list, |block| &block.items);
                let face = self.alike(source.split_commas(values).iter());
                // How the rows of a subquery are compared with a number is up to the server's plan.
                let known = subquery.is_none() || face == Some(self.kept);
                (face.filter(|_| known), close + 1)
            }
            () if !not && is_comparison(self.cx, verb) => {
                let right = self.operand_at(verb + 1)?;
                (self.like(self.kind(&right)), right.end)
            }
            () => return None,
        };
        face.filter(|_| ends_operand(self.cx, end))
    }

    /// What a comparison with all of these makes of it.
    fn alike<'s>(self, others: impl Iterator<Item = &'s Span>) -> Option<Face> {
        let mut faces = others.map(|other| self.like(self.kind(other)));
        let first = faces.next()??;
        faces.all(|face| face == Some(first)).then_some(first)
    }

    /// What a comparison with a value of this kind makes of it: an integer is compared as a number with anything.
    fn like(self, kind: Option<Face>) -> Option<Face> {
        if self.kept == Face::Number { Some(Face::Number) } else { kind }
    }

    /// Whether an operand is a text or a number, where its text says it.
    fn kind(self, span: &Span) -> Option<Face> {
        let source = self.cx.source;
        if let Some((found, end)) = operand(source, span.start) {
            return if end == span.end { self.kind_of_constant(&found) } else { None };
        }
        if let Some((parts, _)) = source.dotted(span.start).filter(|(_, end)| *end == span.end) {
            let here = innermost(self.cx, span.start);
            let seen = self.all.iter().filter(|cx| parts.len() > 1 || cx.target.block == here);
            let mut columns = seen.filter_map(|cx| cx.own_column(&parts));
            let column = columns.next().filter(|_| columns.next().is_none())?;
            return match column.kind {
                ColumnKind::Text | ColumnKind::Enum | ColumnKind::Set => Some(Face::Text),
                ColumnKind::Integer { .. } => Some(Face::Number),
                _ => None,
            };
        }
        let call = source.op(span.start + 1, "(") && source.close(span.start + 1) + 1 == span.end;
        (call && source.any_word(span.start, &TEXTS)).then_some(Face::Text)
    }

    fn kind_of_constant(self, constant: &Operand) -> Option<Face> {
        use TokenKind::{Decimal, Float, Integer, String};
        match constant {
            Operand::Literal(span) => match self.cx.source.kind(span.end - 1)? {
                String => Some(Face::Text),
                Integer | Decimal | Float => Some(Face::Number),
                _ => None,
            },
            Operand::Param(_) => match self.cx.value(constant)? {
                Value::Text(_) => Some(Face::Text),
                Value::Int(_) | Value::UInt(_) | Value::Double(_) => Some(Face::Number),
                _ => None,
            },
        }
    }

    /// A constant, a column or a call that begins at `at`.
    fn operand_at(self, at: usize) -> Option<Span> {
        let source = self.cx.source;
        if let Some((_, end)) = operand(source, at) {
            return Some(at..end);
        }
        if source.is_ident(at) && source.op(at + 1, "(") {
            return Some(at..source.close(at + 1) + 1);
        }
        source.dotted(at).map(|(_, end)| at..end)
    }

    /// The same that ends before `end`.
    fn operand_before(self, end: usize) -> Option<Span> {
        let source = self.cx.source;
        let last = end.checked_sub(1)?;
        if source.op(last, ")") {
            let open = (0..last).rev().find(|i| source.op(*i, "(") && source.close(*i) == last)?;
            return open.checked_sub(1).filter(|name| source.is_ident(*name)).map(|name| name..end);
        }
        let mut start = last;
        while start > 1 && source.op(start - 1, ".") {
            start -= 2;
        }
        (self.operand_at(start)? == (start..end)).then_some(start..end)
    }

    /// `CASE … THEN at … END`, and `CASE at WHEN 'a' …`.
    fn chosen(mut self, at: &Span) -> Option<Face> {
        let source = self.cx.source;
        let before = at.start - 1;
        let of_case = source.any_word(before, &["CASE", "THEN", "ELSE"]);
        let (case, words) = self.case_around(at).filter(|_| of_case)?;
        if source.word(before, "CASE") {
            let whens: Option<Vec<Span>> = words
                .iter()
                .filter(|word| source.word(**word, "WHEN"))
                .map(|when| self.operand_at(when + 1).filter(|value| source.word(value.end, "THEN")))
                .collect();
            return self.alike(whens?.iter()).filter(|_| source.word(at.end, "WHEN"));
        }
        self.handed = true;
        source.any_word(at.end, &["WHEN", "ELSE", "END"]).then(|| self.place(&case)).flatten()
    }

    /// The innermost CASE around `at` in its parentheses, and its own words.
    fn case_around(self, at: &Span) -> Option<(Span, Vec<usize>)> {
        let source = self.cx.source;
        let mut i = self.parenthesis_around(at).map_or(0, |open| open + 1);
        let mut open: Vec<Vec<usize>> = Vec::new();
        while i < source.len() && !source.op(i, ")") {
            if source.word(i, "CASE") {
                open.push(vec![i]);
            } else if source.any_word(i, &["WHEN", "THEN", "ELSE", "END"]) {
                open.last_mut()?.push(i);
            }
            if source.word(i, "END") {
                let words = open.pop()?;
                let case = *words.first()?..i + 1;
                if case.contains(&at.start) {
                    return Some((case, words));
                }
            }
            i = source.next(i);
        }
        None
    }

    fn parenthesis_around(self, at: &Span) -> Option<usize> {
        let source = self.cx.source;
        (0..at.start).rev().find(|i| source.op(*i, "(") && source.close(*i) >= at.end)
    }

    /// What holds it whole: an argument, parentheses, an item, a sort key, a condition.
    fn contained(self, at: &Span) -> Option<Face> {
        let open = self.parenthesis_around(at);
        let blocks = self.cx.parsed.blocks.iter().filter(|block| block.span.contains(&at.start));
        let block = blocks.min_by_key(|block| block.span.len())?;
        match open.filter(|open| *open > block.span.start) {
            Some(open) => self.in_parentheses(at, open),
            None => self.in_clause(at, block),
        }
    }

    fn in_parentheses(mut self, at: &Span, open: usize) -> Option<Face> {
        let source = self.cx.source;
        let close = source.close(open);
        let name = open.checked_sub(1)?;
        if source.word(name, "OVER") {
            let ends = source.any_word(at.end, &["ASC", "DESC", "ORDER", "ROWS", "RANGE"]);
            return (self.is_key(at) && (ends || self.ends_item(at))).then(|| self.sorted());
        }
        if !self.calls(name) {
            // Parentheses around it, and nothing else in them.
            return (at == &(open + 1..close) && !source.any_word(name, &["IN", "USING"]))
                .then(|| self.place(&(open..close + 1)))?;
        }
        if source.any_word(name, &["CAST", "CONVERT"]) {
            let to = |types: &[&str]| {
                (source.word(at.end, "AS") || source.op(at.end, ",")) && source.any_word(at.end + 1, types)
            };
            let face = match () {
                () if source.word(at.end, "USING") || to(&["CHAR", "BINARY"]) => Some(Face::Text),
                () if to(&["SIGNED", "UNSIGNED", "DECIMAL", "DOUBLE"]) => Some(Face::Number),
                () => None,
            };
            return face.filter(|_| at.start == open + 1);
        }
        if source.word(name, "GROUP_CONCAT") {
            let order = source.find(&(open + 1..close), |i| source.word(i, "ORDER"));
            let ends = self.ends_item(at) || source.any_word(at.end, &["ORDER", "SEPARATOR"]);
            return match at.start < order {
                true => (self.begins_argument(at, open) && ends).then_some(Face::Text),
                false => {
                    let ends = ends || source.any_word(at.end, &["ASC", "DESC"]);
                    (self.is_key(at) && ends).then(|| self.sorted())
                }
            };
        }
        if !self.begins_argument(at, open) || !self.ends_item(at) {
            return None;
        }
        let items = source.split_commas(&(open + 1..close));
        let others = || items.iter().filter(|item| *item != at);
        if source.word(name, "FIELD") {
            return self.alike(others()).filter(|_| items.contains(at));
        }
        if source.any_word(name, &COMPARE) {
            // Among its like.
            self.handed = true;
            let alike = others().all(|other| self.kind(other) == Some(self.kept)) && items.contains(at);
            return alike.then(|| self.place(&(name..close + 1)))?;
        }
        let number = items.iter().position(|item| item.contains(&at.start))?;
        let (_, letters) = CALLS.iter().find(|(call, _)| source.word(name, call))?;
        match letters.chars().nth(number).or(letters.chars().last())? {
            't' => Some(Face::Text),
            'n' => Some(Face::Number),
            'e' => Some(Face::Either),
            'k' => Some(self.kept),
            'j' if self.kept == Face::Text || !self.cx.facts.server.mariadb => Some(self.kept),
            letter if letter == 'o' || letter == 'z' && self.kept == Face::Number => {
                self.handed = true;
                self.place(&(name..self.behind_call(close)))
            }
            _ => None,
        }
    }

    /// The token behind a call that ends with `close`, and behind its OVER.
    fn behind_call(self, close: usize) -> usize {
        let source = self.cx.source;
        match source.word(close + 1, "OVER") {
            true => source.next(close + 2),
            false => close + 1,
        }
    }

    /// Whether the name before a parenthesis is a function's.
    fn calls(self, name: usize) -> bool {
        let words =
            ["IN", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "CASE", "ON", "WHERE", "HAVING", "SELECT"];
        let more =
            ["BY", "LIKE", "BETWEEN", "XOR", "DISTINCT", "USING", "ALL", "ANY", "SOME", "EXISTS", "IS"];
        let source = self.cx.source;
        source.is_ident(name) && !source.any_word(name, &words) && !source.any_word(name, &more)
    }

    fn begins_argument(self, at: &Span, open: usize) -> bool {
        let source = self.cx.source;
        let before = at.start - 1;
        before == open || source.op(before, ",") || source.word(before, "DISTINCT") && before == open + 1
    }

    fn ends_item(self, at: &Span) -> bool {
        self.cx.source.op(at.end, ",") || self.cx.source.op(at.end, ")")
    }

    /// Whether a sort key begins here.
    fn is_key(self, at: &Span) -> bool {
        self.cx.source.word(at.start - 1, "BY") || self.cx.source.op(at.start - 1, ",")
    }

    /// A column sorts by its number, what is computed of an ENUM by its text.
    fn sorted(self) -> Face {
        if self.handed { self.kept } else { Face::Number }
    }

    fn in_clause(self, at: &Span, block: &Block) -> Option<Face> {
        let source = self.cx.source;
        let part = |span: &Span| source.split_commas(span).into_iter().find(|part| part.contains(&at.start));
        if block.items.contains(&at.start) {
            return self.as_item(at, &part(&block.items)?, block);
        }
        if let Some(keys) =
            [&block.group, &block.order].into_iter().flatten().find(|keys| keys.contains(&at.start))
        {
            return self.as_key(at, keys);
        }
        // A condition by itself.
        let condition =
            self.kept == Face::Number && begins_operand(self.cx, at.start) && ends_operand(self.cx, at.end);
        condition.then_some(Face::Number)
    }

    /// It is all of a key of GROUP BY or ORDER BY.
    fn as_key(self, at: &Span, keys: &Span) -> Option<Face> {
        let source = self.cx.source;
        let key = source.split_commas(keys).into_iter().find(|key| key.contains(&at.start))?;
        let directed = source.any_word(at.end, &["ASC", "DESC"]) && at.end + 1 == key.end;
        let whole = at.start == key.start && (at.end == key.end || directed);
        let rolls_up = keys.clone().any(|i| source.any_word(i, &["ROLLUP", "CUBE"]));
        let by_number = self.sorted() == Face::Number && self.kept == Face::Text;
        (whole && !rolls_up && !by_number).then_some(self.kept)
    }

    /// It is all of a select item.
    fn as_item(mut self, at: &Span, item: &Span, block: &Block) -> Option<Face> {
        let source = self.cx.source;
        let alias = match () {
            () if at.start != item.start => return None,
            () if at.end == item.end => None,
            () if source.word(at.end, "AS") && at.end + 2 == item.end => Some(at.end + 1),
            () if at.end + 1 == item.end => Some(at.end),
            () => return None,
        };
        let sorts =
            [&block.order, &block.group].into_iter().flatten().flat_map(|keys| source.split_commas(keys));
        if !block.combined && sorts.into_iter().any(|key| source.kind(key.start) == Some(TokenKind::Integer))
        {
            // `ORDER BY 2` may mean this one.
            return None;
        }
        match block.role {
            Role::Whole => self.shown(block).filter(|_| self.named_again(alias, item).is_some()),
            Role::Derived | Role::Cte => {
                let unnamed = alias.is_none() && self.handed;
                let shown_by_star = self.kept == Face::Number
                    && self.cx.parsed.blocks.iter().any(|block| has_star(self.cx, block));
                let kept = !self.cx.parsed.renames_columns && !unnamed && !shown_by_star;
                self.named_again(alias, item).filter(|_| kept)
            }
            Role::Subquery => {
                let open = self.parenthesis_around(at)?;
                let before = open.checked_sub(1)?;
                if source.word(before, "EXISTS") {
                    return Some(Face::Either);
                }
                self.handed = true;
                let scalar = !source.any_word(before, &["IN", "ANY", "SOME", "ALL"]) && !self.calls(before);
                match () {
                    () if scalar => self.place(&(open..source.close(open) + 1)),
                    () if source.word(before, "IN") => {
                        let end = before - usize::from(source.word(before - 1, "NOT"));
                        let left = self.operand_before(end)?;
                        self.like(self.kind(&left)).filter(|_| begins_operand(self.cx, left.start))
                    }
                    () => None,
                }
            }
        }
    }

    /// What an item of the result shows.
    fn shown(self, block: &Block) -> Option<Face> {
        let computed = self.handed || block.combined || block.into.is_some();
        // In the binary protocol an integer is a number.
        let number = self.kept == Face::Number && (computed || self.cx.facts.binary_rows);
        (self.cx.parsed.shape == Shape::Query).then_some(if number { Face::Number } else { Face::Text })
    }

    /// The face that is kept, if every place takes it that names the item by its alias.
    fn named_again(self, alias: Option<usize>, item: &Span) -> Option<Face> {
        let source = self.cx.source;
        let Some(alias) = alias else { return Some(self.kept) };
        let name = source.ident(alias)?.to_lowercase();
        let others = (0..source.len()).filter(|i| {
            !item.contains(i) && source.ident(*i).is_some_and(|other| other.to_lowercase() == name)
        });
        for last in others {
            if source.op(last + 1, ".") {
                return None;
            }
            let mut start = last;
            while start > 1 && source.op(start - 1, ".") {
                start -= 2;
            }
            let face = self.place(&(start..last + 1))?;
            if face != self.kept && face != Face::Either {
                return None;
            }
        }
        Some(self.kept)
    }
}

/// The number of the SELECT that token `i` stands in.
pub(crate) fn innermost(cx: &Context<'_>, i: usize) -> Option<usize> {
    let around = cx.parsed.blocks.iter().enumerate().filter(|(_, block)| block.span.contains(&i));
    around.min_by_key(|(_, block)| block.span.len()).map(|(number, _)| number)
}

fn has_star(cx: &Context<'_>, block: &Block) -> bool {
    let items = cx.source.split_commas(&block.items);
    items.iter().any(|item| cx.source.op(item.end.saturating_sub(1), "*"))
}

fn is_comparison(cx: &Context<'_>, at: usize) -> bool {
    COMPARISONS.iter().any(|op| cx.source.op(at, op))
}

/// Whether a comparison can begin at `at`, so that no operator before it takes its first operand.
fn begins_operand(cx: &Context<'_>, at: usize) -> bool {
    let source = cx.source;
    let words = ["WHERE", "ON", "HAVING", "SELECT", "DISTINCT", "WHEN", "THEN", "ELSE", "OR", "XOR"];
    let Some(before) = at.checked_sub(1) else { return false };
    let and = source.word(before, "AND") || source.op(before, "&&");
    source.op(before, "(")
        || source.op(before, ",")
        || source.any_word(before, &words)
        || and && !is_of_between(cx, before)
}

/// Whether the AND at `at` belongs to a BETWEEN.
fn is_of_between(cx: &Context<'_>, at: usize) -> bool {
    let source = cx.source;
    let open = (0..at).rev().find(|i| source.op(*i, "(") && source.close(*i) > at);
    let (mut i, mut betweens) = (open.map_or(0, |open| open + 1), 0_usize);
    while i < at {
        betweens += usize::from(source.word(i, "BETWEEN"));
        betweens = betweens.saturating_sub(usize::from(source.word(i, "AND")));
        i = source.next(i);
    }
    betweens > 0
}

/// Whether nothing at `at` takes the comparison before it, or its last operand, for its own first one.
fn ends_operand(cx: &Context<'_>, at: usize) -> bool {
    let source = cx.source;
    let words = [
        "AND", "OR", "XOR", "THEN", "ELSE", "WHEN", "END", "AS", "FROM", "GROUP", "HAVING", "ORDER", "LIMIT",
        "UNION", "FOR", "LOCK", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS", "WHERE", "INTO", "WINDOW",
    ];
    at >= source.len() || [")", ",", "&&"].iter().any(|op| source.op(at, op)) || source.any_word(at, &words)
}
