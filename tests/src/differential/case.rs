//! A case: a few statements of one session, the same for every run of a seed and an index.

use super::{
    node::{Node, Tag},
    random::Random,
    schema::Schema,
    scope::Writer,
};
use crate::same::{
    Protocol,
    case::Rows,
    compare::{How, Warnings},
};

/// One statement, or something the harness does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sent, and its answers compared.
    Statement(Statement),
    /// The table's next generated id is made the same everywhere: the index of the table.
    AlignIds(usize),
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its text.
    pub node: Node,
    /// What kind of statement, for the count.
    pub class: &'static str,
    /// Indexes of the tables that it may change.
    pub writes: Vec<usize>,
    /// Sent as text in a prepared case, too.
    pub text_only: bool,
}

/// A few statements of one session.
#[derive(Debug, Clone)]
pub struct Case {
    /// With the seed it says everything.
    pub index: u64,
    /// How its statements are sent.
    pub protocol: Protocol,
    /// It changes the session: the session is reset after it.
    pub stateful: bool,
    /// The statements.
    pub steps: Vec<Step>,
}

impl Statement {
    fn new(class: &'static str, node: Node) -> Self {
        Self { node, class, writes: Vec::new(), text_only: false }
    }

    fn writing(class: &'static str, node: Node, table: usize) -> Self {
        Self { writes: vec![table], ..Self::new(class, node) }
    }

    /// A statement that frames others.
    fn frame(text: &str) -> Self {
        Self { text_only: true, ..Self::new("transaction", text.into()) }
    }

    /// How its answers are compared.
    #[must_use]
    pub fn how(&self) -> How {
        let rows = match (self.node.has(Tag::Total), self.node.has(Tag::Limit)) {
            (true, _) => Rows::Ordered,
            (false, true) => Rows::Count,
            (false, false) => Rows::AnyOrder,
        };
        let warnings = match self.class {
            "select" => Warnings::Codes,
            "update" | "delete" => Warnings::AnyOrder,
            _ => Warnings::Exact,
        };
        How { rows, folded: self.node.has(Tag::Fold), warnings }
    }
}

impl Case {
    /// The case of an index.
    #[must_use]
    pub fn new(schema: &Schema, seed: u64, index: u64) -> Self {
        let mut random = Random::new(seed, index);
        let protocol = if random.chance(50) { Protocol::Text } else { Protocol::Prepared };
        let mut writer = Writer::new(schema, random);
        let (stateful, steps) = match writer.random.weighted(&[60, 30, 10]) {
            0 => (false, vec![Step::Statement(Statement::new("select", writer.select()))]),
            1 => (false, writer.one_write()),
            _ => (true, writer.transaction()),
        };
        Self { index, protocol, stateful, steps }
    }

    /// The statements without what the harness does.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.steps.iter().filter_map(|step| match step {
            Step::Statement(statement) => Some(statement),
            Step::AlignIds(_) => None,
        })
    }
}

impl Writer<'_> {
    fn one_write(&mut self) -> Vec<Step> {
        let (index, table) = self.target();
        let statement = |class, node| Step::Statement(Statement::writing(class, node, index));
        match self.random.weighted(&[40, 35, 25]) {
            0 if table.auto && self.random.chance(50) => {
                vec![Step::AlignIds(index), statement("insert with ids", self.insert(table, true))]
            }
            0 => vec![statement("insert", self.insert(table, false))],
            1 => vec![statement("update", self.update(table))],
            _ => vec![statement("delete", self.delete(table))],
        }
    }

    fn transaction(&mut self) -> Vec<Step> {
        let frame = |text: &str| Step::Statement(Statement::frame(text));
        let mut steps = vec![frame(self.random.word(&["START TRANSACTION", "BEGIN"]))];
        for _ in 0..self.random.range(1, 4) {
            match self.random.chance(40) {
                true => steps.push(Step::Statement(Statement::new("select", self.select()))),
                false => steps.extend(self.one_write()),
            }
        }
        steps.push(frame(self.random.word(&["COMMIT", "ROLLBACK"])));
        steps
    }
}
