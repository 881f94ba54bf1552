//! What the client may still ask about its last statement, and who answers.
//!
//! ```text
//!        the client's own statement was home's last
//!        ┌───────────────────────────────────────┐
//!        ▼                                       │
//!   Home (it answers) ── Shunt's own came ──► Known, Lost (Shunt answers, or refuses)
//! ```
//!
//! Measured on MySQL 9.7 and MariaDB 10.11, and relied upon here:
//! - every statement sets ROW_COUNT(); COM_STMT_PREPARE and COM_STATISTICS leave it;
//! - a statement with rows sets FOUND_ROWS(); COMMIT, ROLLBACK, SHOW WARNINGS and COM_STMT_PREPARE leave it;
//! - MySQL clears the conditions (warnings and errors) at every statement but SHOW WARNINGS, and at
//!   COM_STMT_PREPARE; MariaDB only where a statement uses tables, or has a condition of its own;
//! - SHOW WARNINGS leaves the conditions.

use sql_rewrite::{Answers, MayAsk, Told};
use wire::packet::{ErrInfo, OkInfo, row};

use crate::answer::End;

/// The most warnings that an OK packet can tell; there may be more.
const COUNT_MAX: u16 = u16::MAX;

/// What is known of the client's last statement where home would tell of another one.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub row_count: Told<i64>,
    pub found_rows: Told<u64>,
    pub conditions: Told<Conditions>,
    /// Those of the running statement, asked for before Shunt's own statements overwrite them.
    pub fetched: Option<Conditions>,
    /// `@@max_error_count`, so many conditions are listed at most.
    pub max_error_count: usize,
}

/// The conditions of one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// As SHOW WARNINGS lists them; `None` where that is not known.
    pub list: Option<Vec<Condition>>,
    /// `@@warning_count`: all of them, listed or not.
    pub warnings: Option<u64>,
    /// `@@error_count`.
    pub errors: Option<u64>,
}

/// One row of SHOW WARNINGS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `Note`, `Warning` or `Error`.
    pub level: Vec<u8>,
    /// The error's number.
    pub code: Vec<u8>,
    /// In the client's `character_set_results`.
    pub message: Vec<u8>,
}

/// How a statement of the client's ended that was home's last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ended {
    /// It answered with the rows of a SELECT.
    pub rows: bool,
    /// It failed, or told of warnings.
    pub conditions: bool,
}

/// What home says of the statement before, in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastStatement {
    /// ROW_COUNT()
    pub row_count: i64,
    /// FOUND_ROWS()
    pub found_rows: u64,
    /// @@warning_count
    pub warnings: u64,
    /// @@error_count
    pub errors: u64,
}

impl Diagnostics {
    /// Whether a text may ask what home would answer wrong. Nothing is looked for where home is right.
    pub fn may_be_asked(&self, sql: &[u8]) -> bool {
        let kept = MayAsk {
            row_count: self.row_count != Told::Home,
            found_rows: self.found_rows != Told::Home,
            conditions: self.conditions != Told::Home,
        };
        if !kept.any() {
            return false;
        }
        let asks = MayAsk::of(sql);
        kept.row_count && asks.row_count
            || kept.found_rows && asks.found_rows
            || kept.conditions && asks.conditions
    }

    /// What statements can be answered with.
    pub fn answers(&self) -> Answers {
        let count = |of: fn(&Conditions) -> Option<u64>| match &self.conditions {
            Told::Home => Told::Home,
            Told::Known(conditions) => of(conditions).map_or(Told::Lost, Told::Known),
            Told::Lost => Told::Lost,
        };
        Answers {
            row_count: self.row_count,
            found_rows: self.found_rows,
            warnings: count(|conditions| conditions.warnings),
            errors: count(|conditions| conditions.errors),
        }
    }

    /// The client's own statement was home's last one.
    pub fn ran_at_home(&mut self, ended: Ended, mariadb: bool) {
        self.row_count = Told::Home;
        self.conditions_changed(ended.conditions, mariadb);
        if ended.rows {
            self.found_rows = Told::Home;
        } else if self.found_rows != Told::Home {
            self.found_rows = Told::Lost;
        }
    }

    /// COM_STMT_PREPARE.
    pub fn prepared(&mut self, failed: bool, warned: bool, mariadb: bool) {
        if failed {
            self.row_count = Told::Home;
        }
        self.conditions_changed(failed || warned, mariadb);
    }

    /// A command that home answered with OK and that is no statement.
    pub fn acknowledged(&mut self) {
        self.row_count = Told::Home;
    }

    fn conditions_changed(&mut self, has_some: bool, mariadb: bool) {
        // On MariaDB they may still be the client's: home's own list says so when they are asked for.
        if has_some || !mariadb {
            self.conditions = Told::Home;
        }
    }

    /// Home was asked, before it is overwritten.
    pub fn learnt(&mut self, last: LastStatement, mariadb: bool) {
        if self.row_count == Told::Home {
            self.row_count = Told::Known(last.row_count);
        }
        if self.found_rows == Told::Home {
            self.found_rows = Told::Known(last.found_rows);
        }
        // The question uses no table: MariaDB keeps the list.
        if self.conditions == Told::Home && !mariadb {
            self.conditions = Told::Known(Conditions {
                list: (last.warnings == 0).then(Vec::new),
                warnings: Some(last.warnings),
                errors: Some(last.errors),
            });
        }
    }

    /// A statement of Shunt's own with rows is about to run.
    pub fn lose_found_rows(&mut self) {
        if self.found_rows == Told::Home {
            self.found_rows = Told::Lost;
        }
    }

    /// Statements of Shunt's own came behind the client's, whose conditions are the fetched ones: if none
    /// were fetched, home still has them, or there are none on either side.
    pub fn overwritten(&mut self, row_count: i64, rows: bool) {
        self.row_count = Told::Known(row_count);
        self.conditions = self.fetched.take().map_or(Told::Home, Told::Known);
        if rows {
            self.found_rows = Told::Home;
        } else if self.found_rows != Told::Home {
            self.found_rows = Told::Lost;
        }
    }

    /// The client got this error, and home does not know of it, or of something else by now.
    pub fn failed(&mut self, error: &ErrInfo) {
        self.fetched.get_or_insert_with(|| Conditions::of_error(error));
        self.overwritten(-1, false);
    }
}

impl Conditions {
    /// What SHOW WARNINGS listed behind a statement that went well, with the count that its OK told.
    pub fn of_ok(list: Vec<Condition>, warnings: u16) -> Self {
        let errors = count_errors(&list);
        let told = (warnings < COUNT_MAX).then(|| u64::from(warnings).max(list.len() as u64));
        Self { list: Some(list), warnings: told, errors: Some(errors) }
    }

    /// What SHOW WARNINGS listed behind a statement that failed, which tells no count: a list that is
    /// shorter than it could be is whole.
    pub fn of_failure(list: Vec<Condition>, max_error_count: usize) -> Self {
        let whole = list.len() < max_error_count;
        let (all, errors) = (list.len() as u64, count_errors(&list));
        Self { list: Some(list), warnings: whole.then_some(all), errors: whole.then_some(errors) }
    }

    fn of_error(error: &ErrInfo) -> Self {
        Self { list: Some(vec![Condition::of_error(error)]), warnings: Some(1), errors: Some(1) }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.warnings == Some(0)
    }
}

impl Condition {
    /// Reads a row of SHOW WARNINGS.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let cells = row::parse_text(payload, 3).ok()?;
        let [Some(level), Some(code), Some(message)] = cells[..] else { return None };
        Some(Self { level: level.to_vec(), code: code.to_vec(), message: message.to_vec() })
    }

    /// The one that an error leaves.
    pub fn of_error(error: &ErrInfo) -> Self {
        Self {
            level: b"Error".to_vec(),
            code: error.code.to_string().into_bytes(),
            message: error.message.clone(),
        }
    }

    /// Whether SHOW ERRORS lists it.
    pub fn is_error(&self) -> bool {
        self.level == b"Error"
    }
}

fn count_errors(list: &[Condition]) -> u64 {
    list.iter().filter(|condition| condition.is_error()).count() as u64
}

/// ROW_COUNT() behind a statement that ended like this.
pub(crate) fn row_count(end: &End) -> i64 {
    match end {
        End::Ok(ok) => row_count_of(ok),
        End::Rows(_) | End::Err(_) => -1,
    }
}

/// ROW_COUNT() behind this OK.
pub(crate) fn row_count_of(ok: &OkInfo) -> i64 {
    i64::try_from(ok.affected_rows).unwrap_or(-1)
}
