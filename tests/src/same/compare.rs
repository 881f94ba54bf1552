//! What two answers to one statement differ in.

use crate::{
    client::{Column, Done, Prepared, Refusal, Reply, Row},
    same::{answer::Answer, case::Rows},
};

/// In a transaction, autocommit, more results, a transaction that only reads, no backslash escapes. The rest
/// (which index was used, how slow it was) is not an answer.
const STATUS_MASK: u16 = 1 | 2 | 8 | 0x200 | 0x2000;
/// `BINARY_FLAG`, and the character set of what has no characters.
const BINARY: (u16, u16) = (0x80, 63);
/// `NOT_NULL_FLAG`.
const NOT_NULL: u16 = 1;
/// `PRI_KEY_FLAG`, `UNIQUE_KEY_FLAG`, `MULTIPLE_KEY_FLAG`, `AUTO_INCREMENT_FLAG`, `PART_KEY_FLAG`, `GROUP_FLAG`.
const KEYS: u16 = 2 | 4 | 8 | 0x200 | 0x4000 | 0x8000;
/// Types that a temporary table puts in the place of each other for what is computed: strings, by length, and NULL.
const TEXTS: &[u8] = &[6, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe];
/// Integers, by length, and MySQL's `YEAR(…)`.
const NUMBERS: &[u8] = &[1, 2, 3, 8, 9, 13];
/// The columns of SHOW WARNINGS.
const WARNINGS: [&str; 3] = ["Level", "Code", "Message"];

/// Schema names and shard tables as the application would see them: the names of the twin's.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The schema that Shunt's client uses.
    pub real: String,
    /// The schema of the twin.
    pub twin: String,
    /// The names of the sharded tables: `user_0` is a shard of `user`.
    pub tables: Vec<String>,
}

impl Naming {
    fn schema(&self, name: &str) -> String {
        if name == self.real { self.twin.clone() } else { name.to_owned() }
    }

    /// A message without the difference of schemas and of table and shard: `user_3.PRIMARY` is `user.PRIMARY`.
    #[must_use]
    pub fn message(&self, text: &str) -> String {
        let text = text.replace(&self.real, &self.twin);
        self.tables.iter().fold(text, |text, table| without_numbers(&text, table))
    }

    fn warnings(&self, rows: &[Row]) -> Vec<Row> {
        let mut rows = rows.to_vec();
        for text in rows.iter_mut().filter_map(|row| row.get_mut(2)?.as_mut()) {
            *text = self.message(&String::from_utf8_lossy(text)).into_bytes();
        }
        rows
    }
}

fn without_numbers(text: &str, table: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&format!("{table}_")) {
        let (head, tail) = rest.split_at(at + table.len());
        out.push_str(head);
        let digits = tail[1..].chars().take_while(char::is_ascii_digit).count();
        rest = if digits > 0 { &tail[1 + digits..] } else { tail };
    }
    out + rest
}

/// What of an answer is compared, beyond what always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// The rows.
    pub rows: Rows,
    /// Texts without case, accents and trailing spaces: the server may choose among strings that a collation holds
    /// for equal.
    pub folded: bool,
    /// Of each value only which bytes it has: the server may choose the order within it.
    pub bags: bool,
    /// The warnings.
    pub warnings: Warnings,
}

/// How warnings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Warnings {
    /// One by one.
    #[default]
    Exact,
    /// In any order, and without the numbers of rows: the server changes rows in the order in which it finds them. Not
    /// of a statement that fails: it stops at the first row that is wrong, and any wrong row may come first.
    AnyOrder,
    /// Only which codes there are: how often a condition is looked at is the server's plan.
    Codes,
}

impl From<Rows> for How {
    fn from(rows: Rows) -> Self {
        Self { rows, ..Self::default() }
    }
}

/// The differences of two answers to one statement, in words: what Shunt gave is the second.
#[must_use]
pub fn answers(twin: &Answer, real: &Answer, how: How, names: &Naming) -> Vec<String> {
    let mut all = replies(&twin.replies, &real.replies, how, names);
    if let (Some(twin), Some(real)) = (&twin.prepared, &real.prepared) {
        all.extend(prepared(twin, real, names));
    }
    if let (Some(a), Some(b)) = (&twin.warnings, &real.warnings)
        && all.is_empty()
    {
        let failed = twin.error().is_some();
        all.extend(warnings(a, b, how.warnings, failed, names));
    }
    if let (Some(twin), Some(real)) = (&twin.counts, &real.counts)
        && all.is_empty()
    {
        let counts = replies(twin, real, Rows::Ordered.into(), names);
        all.extend(counts.into_iter().map(|text| format!("counts: {text}")));
    }
    all
}

/// The differences of what SHOW WARNINGS said.
fn warnings(twin: &[Reply], real: &[Reply], how: Warnings, failed: bool, names: &Naming) -> Vec<String> {
    let list = |replies: &[Reply]| -> Vec<Row> {
        let all = replies.iter().filter_map(|reply| match reply {
            Reply::Rows(_, rows, _) => Some(names.warnings(rows)),
            _ => None,
        });
        all.flatten().collect()
    };
    let (mut a, mut b) = (list(twin), list(real));
    if how == Warnings::AnyOrder && failed {
        return Vec::new();
    }
    let codes = how == Warnings::Codes;
    for rows in [&mut a, &mut b] {
        if failed && codes {
            rows.retain(|row| row[0].as_deref() == Some(b"Error"));
        }
        for row in rows.iter_mut().filter(|_| how != Warnings::Exact) {
            if codes {
                row.truncate(2);
            } else if let Some(text) = row.get_mut(2).and_then(Option::as_mut) {
                *text = without_row(&String::from_utf8_lossy(text)).as_bytes().to_vec();
            }
        }
        if codes {
            rows.sort();
            rows.dedup();
        }
    }
    let order = if how == Warnings::Exact { Rows::Ordered } else { Rows::AnyOrder };
    rows(&a, &b, order).map(|text| format!("SHOW WARNINGS: {text}")).into_iter().collect()
}

/// `… at row 5` without the number.
fn without_row(text: &str) -> &str {
    text.rsplit_once(" at row ").map_or(text, |(head, _)| head)
}

/// The differences of two series of answers, in words: what Shunt gave is the second.
#[must_use]
pub fn replies(twin: &[Reply], real: &[Reply], how: How, names: &Naming) -> Vec<String> {
    if twin.len() != real.len() {
        return vec![format!("{} results instead of {}", real.len(), twin.len())];
    }
    twin.iter().zip(real).flat_map(|(twin, real)| reply(twin, real, how, names)).collect()
}

fn reply(twin: &Reply, real: &Reply, how: How, names: &Naming) -> Vec<String> {
    match (twin, real) {
        (Reply::Done(a), Reply::Done(b)) => done(a, b, how),
        (Reply::Refused(a), Reply::Refused(b)) if (a.code, &a.state) == (b.code, &b.state) => {
            let differs = names_table(a.code) && a.message != b.message;
            differs.then(|| format!("{b} instead of {a}")).into_iter().collect()
        }
        (Reply::Refused(a), Reply::Refused(b))
            if how.warnings == Warnings::AnyOrder && of_a_row(a) && of_a_row(b) =>
        {
            Vec::new()
        }
        (Reply::Rows(ac, ar, ad), Reply::Rows(bc, br, bd)) => {
            let mut all = columns(ac, bc, names);
            let warnings = ac.iter().map(|column| column.name.as_str()).eq(WARNINGS);
            let named = if warnings { &names.warnings(br) } else { br };
            all.extend(match how.folded || how.bags {
                true => rows(&loosely(ar, how), &loosely(named, how), how.rows),
                false => rows(ar, named, how.rows),
            });
            all.extend(done(ad, bd, how));
            all
        }
        _ => vec![format!("{} instead of {}", kind(real), kind(twin))],
    }
}

/// An error of LOCK TABLES: it must be the same to the letter, and so name none of Shunt's tables.
#[must_use]
pub const fn names_table(code: u16) -> bool {
    matches!(code, 1099 | 1100)
}

/// An error about the values of one row: which of several wrong rows comes first is the server's plan.
fn of_a_row(error: &Refusal) -> bool {
    matches!(error.code, 1048 | 1062 | 1264 | 1265 | 1292 | 1366 | 1406 | 1690)
}

fn kind(reply: &Reply) -> String {
    match reply {
        Reply::Done(done) => format!("OK ({} affected)", done.affected),
        Reply::Rows(_, rows, _) => format!("{} rows", rows.len()),
        Reply::Refused(error) => error.to_string(),
    }
}

fn done(a: &Done, b: &Done, how: How) -> Vec<String> {
    let mut all = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            all.push(format!("{what} {b} instead of {a}"));
        }
    };
    differ("affected rows", a.affected.to_string(), b.affected.to_string());
    differ("last insert id", a.last_insert_id.to_string(), b.last_insert_id.to_string());
    differ(
        "status flags",
        format!("{:#x}", a.status & STATUS_MASK),
        format!("{:#x}", b.status & STATUS_MASK),
    );
    if how.warnings != Warnings::Codes {
        differ("warnings", a.warnings.to_string(), b.warnings.to_string());
    }
    differ("info", format!("`{}`", info(a)), format!("`{}`", info(b)));
    all
}

/// Whether the server sees beforehand that a condition takes no row, and says nothing, depends on its plan.
fn info(done: &Done) -> &str {
    if done.info.starts_with("Rows matched: 0  Changed: 0 ") { "" } else { &done.info }
}

/// Differences of column definitions.
#[must_use]
pub fn columns(a: &[Column], b: &[Column], names: &Naming) -> Vec<String> {
    if a.len() != b.len() {
        return vec![format!("{} columns instead of {}", b.len(), a.len())];
    }
    a.iter().zip(b).filter_map(|(a, b)| column(a, b, names)).collect()
}

fn column(a: &Column, b: &Column, names: &Naming) -> Option<String> {
    let (a, b) = (normal(a), normal(b));
    // What is computed has its text as name, with the schema where that is written.
    let twins = |name: &str| name.replace(&names.real, &names.twin);
    let b =
        Column { schema: names.schema(&b.schema), name: twins(&b.name), org_name: twins(&b.org_name), ..b };
    if a == b {
        return None;
    }
    let (old, new) = (a.flags, b.flags);
    if (old | KEYS) == (new | KEYS) && a == (Column { flags: old, ..b.clone() }) {
        return Some(format!("key flags of `{}`: {new:#x} instead of {old:#x}", a.name));
    }
    let free = KEYS | NOT_NULL;
    if (old | free) == (new | free) && a == (Column { flags: old, ..b.clone() }) {
        return Some(format!("nullability of `{}`: {new:#x} instead of {old:#x}", a.name));
    }
    // Where it came from is not told alike once it is in a temporary table; a shard's name never is.
    let origin = |column: &Column| Column {
        schema: a.schema.clone(),
        org_table: a.org_table.clone(),
        org_name: a.org_name.clone(),
        flags: column.flags | free,
        ..column.clone()
    };
    if origin(&a) == origin(&b) && !b.org_table.is_empty() && names.message(&b.org_table) == b.org_table {
        return Some(format!("origin of `{}`: {b:?} instead of {a:?}", a.name));
    }
    let same =
        a.kind == b.kind || [TEXTS, NUMBERS].iter().any(|all| all.contains(&a.kind) && all.contains(&b.kind));
    let computed = if a.org_table.is_empty() && same { "computed " } else { "" };
    Some(format!("{computed}column `{}`: {b:?} instead of {a:?}", a.name))
}

/// Without what depends on whether the server groups or sorts in a temporary table: a number's `BINARY_FLAG`, the
/// original name and a text's decimals of what is computed.
fn normal(column: &Column) -> Column {
    let mut column = column.clone();
    if column.charset == BINARY.1 {
        column.flags &= !BINARY.0;
    }
    if column.org_table.is_empty() {
        column.org_name.clear();
        if column.charset != BINARY.1 {
            column.decimals = 0;
        }
    }
    column
}

fn loosely(rows: &[Row], how: How) -> Vec<Row> {
    let value = |value: &[u8]| {
        let mut bytes = if how.folded { fold(value) } else { value.to_vec() };
        if how.bags {
            bytes.sort_unstable();
        }
        bytes
    };
    rows.iter().map(|row| row.iter().map(|it| it.as_deref().map(value)).collect()).collect()
}

fn fold(value: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(value) else { return value.to_vec() };
    let plain = text.to_lowercase().replace(['á', 'é'], "a").replace("ss", "s").replace('ß', "s");
    plain.trim_end_matches(' ').as_bytes().to_vec()
}

/// Differences of what PREPARE answers.
#[must_use]
pub fn prepared(a: &Prepared, b: &Prepared, names: &Naming) -> Vec<String> {
    let mut all = columns(&a.columns, &b.columns, names);
    all.extend(
        columns(&a.parameters, &b.parameters, names).into_iter().map(|text| format!("parameter: {text}")),
    );
    if a.warnings != b.warnings {
        all.push(format!("warnings of PREPARE {} instead of {}", b.warnings, a.warnings));
    }
    all
}

fn rows(a: &[Row], b: &[Row], compare: Rows) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("{} rows instead of {}", b.len(), a.len()));
    }
    let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
    match compare {
        Rows::Count => return None,
        Rows::Ordered => {}
        Rows::AnyOrder => {
            a.sort();
            b.sort();
        }
    }
    let (a, b) = a.into_iter().zip(b).find(|(a, b)| a != b)?;
    Some(format!("a row {} instead of {}", show(b), show(a)))
}

/// The first rows in which two tables differ, both in one order.
#[must_use]
pub fn tables(name: &str, wanted: &[Row], rows: &[Row]) -> Option<String> {
    if wanted == rows {
        return None;
    }
    let missing = wanted.iter().find(|row| !rows.contains(row)).map_or("none".to_owned(), show);
    let extra = rows.iter().find(|row| !wanted.contains(row)).map_or("none".to_owned(), show);
    Some(format!(
        "table {name}: {} rows instead of {}; missing for instance {missing}; too much for instance {extra}",
        rows.len(),
        wanted.len()
    ))
}

/// A row for a person.
#[must_use]
pub fn show(row: &Row) -> String {
    let value = |value: &Option<Vec<u8>>| match value {
        None => "NULL".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).escape_debug().to_string(),
    };
    format!("({})", row.iter().map(value).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Naming {
        Naming { real: "real_db".to_owned(), twin: "twin_db".to_owned(), tables: vec!["user".to_owned()] }
    }

    #[test]
    fn messages_name_the_table() {
        let text = "Duplicate entry '5' for key 'user_5.PRIMARY' in real_db.user_12, user_name";
        let normal = "Duplicate entry '5' for key 'user.PRIMARY' in twin_db.user, user_name";
        assert_eq!(names().message(text), normal);
    }

    #[test]
    fn each_difference_is_told() {
        let row = |text: &str| vec![Some(text.as_bytes().to_vec())];
        let column = Column {
            schema: "real_db".to_owned(),
            table: "u".to_owned(),
            org_table: "user".to_owned(),
            name: "n".to_owned(),
            org_name: "name".to_owned(),
            charset: 45,
            length: 160,
            kind: 0xfd,
            flags: 1,
            decimals: 0,
        };
        let twin = Column { schema: "twin_db".to_owned(), ..column.clone() };
        let found = |columns: Vec<Column>, rows: Vec<Row>, done: Done, compare: Rows| {
            let a = Reply::Rows(vec![twin.clone()], vec![row("a"), row("b")], Done::default());
            replies(&[a], &[Reply::Rows(columns, rows, done)], compare.into(), &names()).len()
        };
        let right = || vec![column.clone()];
        assert_eq!(found(right(), vec![row("a"), row("b")], Done::default(), Rows::Ordered), 0);
        assert_eq!(found(right(), vec![row("b"), row("a")], Done::default(), Rows::AnyOrder), 0);
        assert_eq!(found(right(), vec![row("b"), row("a")], Done::default(), Rows::Ordered), 1);
        assert_eq!(found(right(), vec![row("a"), row("c")], Done::default(), Rows::AnyOrder), 1);
        assert_eq!(found(right(), vec![row("a"), row("c")], Done::default(), Rows::Count), 0);
        assert_eq!(found(right(), vec![row("a")], Done::default(), Rows::Count), 1);
        let warned = Done { warnings: 1, affected: 1, info: "x".to_owned(), status: 1, last_insert_id: 1 };
        assert_eq!(found(right(), vec![row("a"), row("b")], warned, Rows::Ordered), 5);
        for wrong in [
            Column { org_table: "user_3".to_owned(), ..column.clone() },
            Column { flags: 0, ..column.clone() },
            Column { length: 1, ..column.clone() },
            Column { schema: String::new(), ..column.clone() },
        ] {
            assert_eq!(found(vec![wrong], vec![row("a"), row("b")], Done::default(), Rows::Ordered), 1);
        }
    }
}
