//! What two answers to one statement differ in.

use crate::{
    client::{Column, Done, Prepared, Reply, Row},
    same::case::Rows,
};

/// In a transaction, autocommit, more results, a transaction that only reads, no backslash escapes. The rest
/// (which index was used, how slow it was) is not an answer.
const STATUS_MASK: u16 = 1 | 2 | 8 | 0x200 | 0x2000;

/// Schema names and shard tables as the application would see them: the names of the twin's.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The schema that Shunt's client uses.
    pub real: String,
    /// The schema of the twin.
    pub twin: String,
}

impl Naming {
    fn schema(&self, name: &str) -> String {
        if name == self.real { self.twin.clone() } else { name.to_owned() }
    }

    /// A message without the difference of schemas and of table and shard: `user_3.PRIMARY` is `user.PRIMARY`.
    #[must_use]
    pub fn message(&self, text: &str) -> String {
        let mut out = String::new();
        let text = text.replace(&self.real, &self.twin);
        let mut rest = text.as_str();
        while let Some(at) = rest.find("user_") {
            let (head, tail) = rest.split_at(at + "user".len());
            out.push_str(head);
            let digits = tail[1..].chars().take_while(char::is_ascii_digit).count();
            rest = if digits > 0 { &tail[1 + digits..] } else { tail };
        }
        out + rest
    }
}

/// The differences of two series of answers, in words: what Shunt gave is the second.
#[must_use]
pub fn replies(twin: &[Reply], real: &[Reply], rows: Rows, names: &Naming) -> Vec<String> {
    if twin.len() != real.len() {
        return vec![format!("{} results instead of {}", real.len(), twin.len())];
    }
    twin.iter().zip(real).flat_map(|(twin, real)| reply(twin, real, rows, names)).collect()
}

fn reply(twin: &Reply, real: &Reply, compare: Rows, names: &Naming) -> Vec<String> {
    match (twin, real) {
        (Reply::Done(a), Reply::Done(b)) => done(a, b),
        (Reply::Refused(a), Reply::Refused(b)) if (a.code, &a.state) == (b.code, &b.state) => Vec::new(),
        (Reply::Rows(ac, ar, ad), Reply::Rows(bc, br, bd)) => {
            let mut all = columns(ac, bc, names);
            all.extend(self::rows(ar, br, compare));
            all.extend(done(ad, bd));
            all
        }
        _ => vec![format!("{} instead of {}", kind(real), kind(twin))],
    }
}

fn kind(reply: &Reply) -> String {
    match reply {
        Reply::Done(done) => format!("OK ({} affected)", done.affected),
        Reply::Rows(_, rows, _) => format!("{} rows", rows.len()),
        Reply::Refused(error) => error.to_string(),
    }
}

fn done(a: &Done, b: &Done) -> Vec<String> {
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
    differ("warnings", a.warnings.to_string(), b.warnings.to_string());
    differ("info", format!("`{}`", a.info), format!("`{}`", b.info));
    all
}

/// Differences of column definitions.
#[must_use]
pub fn columns(a: &[Column], b: &[Column], names: &Naming) -> Vec<String> {
    if a.len() != b.len() {
        return vec![format!("{} columns instead of {}", b.len(), a.len())];
    }
    a.iter()
        .zip(b)
        .filter_map(|(a, b)| {
            let normal = Column { schema: names.schema(&b.schema), ..b.clone() };
            (*a != normal).then(|| format!("column `{}`: {normal:?} instead of {a:?}", a.name))
        })
        .collect()
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
        Naming { real: "real_db".to_owned(), twin: "twin_db".to_owned() }
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
            replies(&[a], &[Reply::Rows(columns, rows, done)], compare, &names()).len()
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
