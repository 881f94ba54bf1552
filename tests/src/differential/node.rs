//! A statement as a tree whose parts can be left out, so that a case that fails can be made short.
//!
//! The tree knows nothing of SQL. What makes no sense without a part that was left out is an error on both sides
//! alike, and so no shorter form of the failing case.

use crate::{client::Value, same::case};

/// What is told about a part, for the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// It orders the result totally: rows are compared in order.
    Total,
    /// It limits the result: without [`Tag::Total`] only the number of rows is compared.
    Limit,
    /// It lets the server choose among strings that its collation holds for equal: case, accents and trailing
    /// spaces of the result are not compared.
    Fold,
    /// It lets the server choose the order within a value: only the bytes that a value has are compared.
    Bag,
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// As it is.
    Text(String),
    /// A literal in text, a parameter in the binary protocol.
    Value(Value),
    /// One after the other.
    Seq(Vec<Node>),
    /// Items that can be left out down to `least`.
    List {
        /// The items.
        items: Vec<Node>,
        /// Between two of them.
        separator: &'static str,
        /// How many must stay.
        least: usize,
    },
    /// Can be left out.
    Maybe(Box<Node>),
    /// Can be replaced by any of the simpler ones.
    Either(Box<Node>, Vec<Node>),
    /// Something for the comparison to know, as long as the part is there.
    Tagged(Tag, Box<Node>),
}

/// Parts one after the other.
macro_rules! seq {
    ($($part:expr),* $(,)?) => { $crate::differential::node::Node::Seq(vec![$($part.into()),*]) };
}
pub(crate) use seq;

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Node {
    /// Nothing.
    pub const NONE: Self = Self::Seq(Vec::new());

    /// Items of which one must stay.
    #[must_use]
    pub const fn list(separator: &'static str, items: Vec<Self>) -> Self {
        Self::List { items, separator, least: 1 }
    }

    /// Items of which all must stay.
    #[must_use]
    pub const fn fixed(separator: &'static str, items: Vec<Self>) -> Self {
        let least = items.len();
        Self::List { items, separator, least }
    }

    /// A part that can be left out.
    #[must_use]
    pub fn maybe(self) -> Self {
        Self::Maybe(Box::new(self))
    }

    /// A part with simpler ones that could stand there.
    #[must_use]
    pub fn or(self, simpler: Vec<Self>) -> Self {
        Self::Either(Box::new(self), simpler)
    }

    /// A part with something for the comparison to know.
    #[must_use]
    pub fn tagged(self, tag: Tag) -> Self {
        Self::Tagged(tag, Box::new(self))
    }

    /// The text, and the values of its question marks: literals stand in the text where `parameters` is false.
    #[must_use]
    pub fn render(&self, parameters: bool) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::new(), Vec::new());
        self.put(parameters, &mut sql, &mut values);
        (sql, values)
    }

    fn put(&self, parameters: bool, sql: &mut String, values: &mut Vec<Value>) {
        match self {
            Self::Text(text) => sql.push_str(text),
            Self::Value(value) if parameters => {
                sql.push('?');
                values.push(value.clone());
            }
            Self::Value(value) => sql.push_str(&case::literal(value)),
            Self::Seq(parts) => parts.iter().for_each(|part| part.put(parameters, sql, values)),
            Self::List { items, separator, .. } => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        sql.push_str(separator);
                    }
                    item.put(parameters, sql, values);
                }
            }
            Self::Maybe(part) | Self::Either(part, _) | Self::Tagged(_, part) => {
                part.put(parameters, sql, values);
            }
        }
    }

    /// Whether a part with this tag is there.
    #[must_use]
    pub fn has(&self, tag: Tag) -> bool {
        match self {
            Self::Text(_) | Self::Value(_) => false,
            Self::Seq(items) | Self::List { items, .. } => items.iter().any(|item| item.has(tag)),
            Self::Maybe(part) | Self::Either(part, _) => part.has(tag),
            Self::Tagged(this, part) => *this == tag || part.has(tag),
        }
    }

    /// Every tree that is simpler by one step, the greatest steps first.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Text(_) | Self::Value(_) => Vec::new(),
            Self::Seq(parts) => inner(parts).map(Self::Seq).collect(),
            Self::List { items, separator, least } => {
                let list = |items| Self::List { items, separator, least: *least };
                let mut all: Vec<Self> = shorter(items, *least).into_iter().map(list).collect();
                all.extend(inner(items).map(list));
                all
            }
            Self::Maybe(part) => {
                std::iter::once(Self::NONE).chain(part.simpler().into_iter().map(Self::maybe)).collect()
            }
            Self::Either(part, others) => others
                .iter()
                .cloned()
                .chain(part.simpler().into_iter().map(|part| part.or(others.clone())))
                .collect(),
            Self::Tagged(tag, part) => part.simpler().into_iter().map(|part| part.tagged(*tag)).collect(),
        }
    }
}

/// One of the parts is simpler.
fn inner(parts: &[Node]) -> impl Iterator<Item = Vec<Node>> {
    parts.iter().enumerate().flat_map(move |(index, part)| {
        part.simpler().into_iter().map(move |part| {
            let mut parts = parts.to_vec();
            parts[index] = part;
            parts
        })
    })
}

/// Half of the items, then each one, left out.
#[must_use]
pub fn shorter<T: Clone>(items: &[T], least: usize) -> Vec<Vec<T>> {
    let half = items.len() / 2;
    let mut all = Vec::new();
    if half > 1 && half >= least {
        all.push(items[..half].to_vec());
        all.push(items[half..].to_vec());
    }
    if items.len() > least {
        for index in 0..items.len() {
            let mut rest = items.to_vec();
            rest.remove(index);
            all.push(rest);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Node {
        seq![
            "SELECT ",
            Node::list(", ", vec!["a".into(), "b".into()]),
            " FROM t",
            seq![" WHERE ", Node::from("f(x)").or(vec!["x".into()]), " > ", Value::Int(1)].maybe(),
            seq![" ORDER BY a"].tagged(Tag::Total).maybe(),
        ]
    }

    #[test]
    fn values_are_literals_or_parameters() {
        assert_eq!(statement().render(false).0, "SELECT a, b FROM t WHERE f(x) > 1 ORDER BY a");
        let (sql, values) = statement().render(true);
        assert_eq!(sql, "SELECT a, b FROM t WHERE f(x) > ? ORDER BY a");
        assert_eq!(values, [Value::Int(1)]);
    }

    #[test]
    fn each_simpler_tree_lacks_one_thing() {
        let all: Vec<String> = statement().simpler().iter().map(|node| node.render(false).0).collect();
        let wanted = [
            "SELECT b FROM t WHERE f(x) > 1 ORDER BY a",
            "SELECT a FROM t WHERE f(x) > 1 ORDER BY a",
            "SELECT a, b FROM t ORDER BY a",
            "SELECT a, b FROM t WHERE x > 1 ORDER BY a",
            "SELECT a, b FROM t WHERE f(x) > 1",
        ];
        assert_eq!(all, wanted);
    }

    #[test]
    fn a_tag_goes_with_its_part() {
        assert!(statement().has(Tag::Total) && !statement().has(Tag::Limit));
        let without = statement().simpler().pop().unwrap();
        assert!(!without.has(Tag::Total));
    }
}
