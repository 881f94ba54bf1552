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

/// In so many of a hundred statements the counts are asked.
const COUNTED: usize = 30;

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
    /// How its warnings are compared.
    pub warnings: Warnings,
    /// How its answers are compared where the text does not say it.
    pub fixed: Option<How>,
    /// Whether SHOW WARNINGS may follow it: the next statement may ask for what that would change.
    pub asked: bool,
    /// Whether ROW_COUNT(), LAST_INSERT_ID() and, behind a read, FOUND_ROWS() are asked instead.
    pub counted: bool,
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
    /// A statement that reads.
    #[must_use]
    pub const fn read(class: &'static str, node: Node) -> Self {
        Self {
            node,
            class,
            writes: Vec::new(),
            text_only: false,
            warnings: Warnings::Codes,
            fixed: None,
            asked: true,
            counted: false,
        }
    }

    /// A statement that may change a table.
    #[must_use]
    pub fn write(class: &'static str, node: Node, table: usize) -> Self {
        // Duplicates that IGNORE leaves out are warned of without a row's number, in 0011 shard by shard.
        let in_order = class.starts_with("insert") && !node.render(false).0.contains(" IGNORE ");
        let warnings = if in_order { Warnings::Exact } else { Warnings::AnyOrder };
        Self { writes: vec![table], warnings, ..Self::read(class, node) }
    }

    /// A statement that frames others.
    #[must_use]
    pub fn frame(class: &'static str, text: impl Into<Node>) -> Self {
        Self { text_only: true, warnings: Warnings::Exact, ..Self::read(class, text.into()) }
    }

    /// Whether it may take back what statements before it wrote.
    #[must_use]
    pub fn undoes(&self) -> bool {
        self.node.render(false).0.starts_with("ROLLBACK")
    }

    /// How its answers are compared.
    #[must_use]
    pub fn how(&self) -> How {
        if let Some(how) = self.fixed {
            return how;
        }
        let rows = match (self.node.has(Tag::Total), self.node.has(Tag::Limit)) {
            (true, _) => Rows::Ordered,
            (false, true) => Rows::Count,
            (false, false) => Rows::AnyOrder,
        };
        How { rows, folded: self.node.has(Tag::Fold), bags: self.node.has(Tag::Bag), warnings: self.warnings }
    }
}

impl Case {
    /// The case of an index.
    #[must_use]
    pub fn new(schema: &Schema, seed: u64, index: u64) -> Self {
        let mut random = Random::new(seed, index);
        let protocol = if random.chance(50) { Protocol::Text } else { Protocol::Prepared };
        let mut writer = Writer::new(schema, random);
        let (stateful, mut steps) = match writer.random.weighted(&[58, 27, 10, 5]) {
            0 => (false, vec![Step::Statement(writer.one_read())]),
            1 => (false, writer.one_write()),
            2 => (true, writer.transaction()),
            _ => (true, writer.session()),
        };
        for step in &mut steps {
            if let Step::Statement(statement) = step {
                statement.counted = statement.asked && writer.random.chance(COUNTED);
            }
        }
        Self { index, protocol, stateful, steps }
    }

    /// Whether a statement's counts are asked: what stood in them before must be the same everywhere.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.statements().any(|statement| statement.counted)
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
    /// One statement that reads.
    pub fn one_read(&mut self) -> Statement {
        if self.random.chance(3) {
            return Statement::read("other read", self.odd_read());
        }
        Statement::read("select", self.select())
    }

    /// One statement that writes, with what it needs before.
    pub fn one_write(&mut self) -> Vec<Step> {
        let (index, table) = self.target();
        let statement = |class, node| Step::Statement(Statement::write(class, node, index));
        match self.random.weighted(&[40, 32, 20, 8]) {
            0 if table.auto && self.random.chance(50) => {
                vec![Step::AlignIds(index), statement("insert with ids", self.insert(table, true))]
            }
            0 => vec![statement("insert", self.insert(table, false))],
            1 => vec![statement("update", self.update(table))],
            2 => vec![statement("delete", self.delete(table))],
            _ => {
                let (class, node) = self.joined_change(table);
                vec![statement(class, node)]
            }
        }
    }
}
