//! The answers, and how they are put into a statement.

use super::{Asked, Question};
use crate::{
    Refusal, Server, Statement,
    plan::refusal::{self as reasons, Reason},
    splice::Edits,
};

/// Who can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Told<T> {
    /// Home answers as the unsharded server would.
    #[default]
    Home,
    /// Home would say something else; this is right.
    Known(T),
    /// Home would say something else, and what is right is not known.
    Lost,
}

/// The answers about the client's last statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// ROW_COUNT()
    pub row_count: Told<i64>,
    /// FOUND_ROWS()
    pub found_rows: Told<u64>,
    /// @@warning_count
    pub warnings: Told<u64>,
    /// @@error_count
    pub errors: Told<u64>,
}

/// A statement with the answers in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respelled {
    /// The text.
    pub text: Vec<u8>,
    /// What stands in it, and what stood there before: for the names of columns.
    pub names: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Respelled {
    /// A column's name as the client's own text gives it.
    #[must_use]
    pub fn name(&self, name: &[u8]) -> Vec<u8> {
        self.names.iter().fold(name.to_vec(), |name, (now, before)| replaced(&name, now, before))
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

impl Statement {
    /// Whether one of the values that it asks for is not home's to answer.
    #[must_use]
    pub fn needs_answers(&self, answers: &Answers) -> bool {
        match self.question() {
            Question::Values(places) => places.iter().any(|place| answers.of(place.asked) != Told::Home),
            Question::Hidden => *answers != Answers::default(),
            _ => false,
        }
    }

    /// Whether it asks for a value that home still knows.
    #[must_use]
    pub fn asks_home(&self, answers: &Answers) -> bool {
        match self.question() {
            Question::Values(places) => places.iter().any(|place| answers.of(place.asked) == Told::Home),
            _ => false,
        }
    }

    /// The statement with every answer in it that is not home's. `None`: it stays as it is.
    ///
    /// # Errors
    /// Where an answer is not known, or cannot be put.
    pub fn answered(&self, answers: &Answers, server: Server) -> Result<Option<Respelled>, Refusal> {
        let places = match self.question() {
            _ if !self.needs_answers(answers) => return Ok(None),
            Question::Hidden => return Err(refuse(reasons::QUESTION_FORM)),
            Question::Values(places) => places,
            _ => return Ok(None),
        };
        let mut edits = Edits::default();
        let mut names = Vec::new();
        for place in places {
            let before = self.text().get(place.range.clone()).unwrap_or_default();
            let Some(now) = spelled(answers.of(place.asked), before, server)? else { continue };
            edits.replace(place.range.clone(), now.clone());
            let pair = (now, before.to_vec());
            if !names.contains(&pair) {
                names.push(pair);
            }
        }
        Ok(Some(Respelled { text: edits.render(self.text(), 0..self.text().len()), names }))
    }
}

impl Answers {
    fn of(&self, asked: Asked) -> Told<Answer> {
        match asked {
            Asked::RowCount => self.row_count.map(Answer::RowCount),
            Asked::FoundRows => self.found_rows.map(Answer::FoundRows),
            Asked::Warnings => self.warnings.map(Answer::Conditions),
            Asked::Errors => self.errors.map(Answer::Conditions),
        }
    }
}

impl<T> Told<T> {
    /// The same, of what `change` makes of it.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Self::Home => Told::Home,
            Self::Known(value) => Told::Known(change(value)),
            Self::Lost => Told::Lost,
        }
    }
}

/// An answer with the type that it has in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    RowCount(i64),
    FoundRows(u64),
    Conditions(u64),
}

fn spelled(told: Told<Answer>, before: &[u8], server: Server) -> Result<Option<Vec<u8>>, Refusal> {
    let answer = match told {
        Told::Home => return Ok(None),
        Told::Lost => return Err(refuse(reasons::ANSWER_LOST)),
        Told::Known(answer) => answer,
    };
    let mut text = match answer {
        Answer::RowCount(rows) => format!("IF(TRUE,{rows},"),
        Answer::FoundRows(rows) => format!("IF(TRUE,{rows},"),
        // A statement that uses tables finds an empty list on MariaDB. What Shunt's statements left in
        // home's list says whether this is one.
        Answer::Conditions(count) if server.mariadb => {
            format!("IF(@@warning_count<>0,CAST({count} AS UNSIGNED),")
        }
        Answer::Conditions(count) => format!("IF(TRUE,CAST({count} AS UNSIGNED),"),
    }
    .into_bytes();
    text.extend_from_slice(before);
    text.push(b')');
    Ok(Some(text))
}

/// A refusal of a question: it concerns no table and no phase.
#[must_use]
pub fn refuse_question() -> Refusal {
    refuse(reasons::QUESTION_FORM)
}

/// A refusal of a question whose answer is not known.
#[must_use]
pub fn refuse_lost_answer() -> Refusal {
    refuse(reasons::ANSWER_LOST)
}

fn refuse(reason: Reason) -> Refusal {
    Refusal {
        reason: reason.name,
        message: format!(
            "this asks about the statement before it, behind which Shunt ran statements of its own ({}); nothing was \
             done. What to do: {}.",
            reason.name, reason.advice
        ),
    }
}
