//! Makes a failing case short: fewer statements, fewer rows, simpler statements, as long as it fails in the same way.

use super::{
    case::{Case, Statement, Step},
    node::shorter,
    runner::{Difference, Runner},
};
use crate::Outcome;

/// Runs that a case is worth.
const MOST_RUNS: usize = 600;

/// A short case that fails as the long one did.
pub struct Shrunk {
    /// The case.
    pub case: Case,
    /// The rows that it needs, table by table.
    pub rows: Vec<Vec<Vec<String>>>,
    /// What differs.
    pub found: Vec<Difference>,
}

struct Shrinker<'r> {
    runner: &'r mut Runner,
    /// The beginning of what differs: its kind.
    wanted: String,
    runs: usize,
    best: Shrunk,
}

/// Shortens a case that fails with `difference`. Afterwards the tables have their own rows again.
///
/// # Errors
/// When the servers cannot be reached any more.
pub async fn shrink(runner: &mut Runner, case: &Case, difference: &Difference) -> Outcome<Shrunk> {
    let rows: Vec<_> = runner.fixture.schema.tables.iter().map(|table| table.rows.clone()).collect();
    let best = Shrunk { case: case.clone(), rows: rows.clone(), found: vec![difference.clone()] };
    let mut shrinker = Shrinker { runner, wanted: kind(&difference.finding.what), runs: 0, best };
    shrinker.work().await?;
    for (table, rows) in rows.into_iter().enumerate() {
        shrinker.runner.fixture.seed(table, rows).await?;
        shrinker.runner.reset(table).await?;
    }
    Ok(shrinker.best)
}

/// What differs without the values: two findings of one kind have one cause, as far as a machine can tell.
#[must_use]
pub fn kind(what: &str) -> String {
    let words = what.split_whitespace().take_while(|word| !word.contains(['`', '(', '\'']));
    let text: Vec<String> =
        words.map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect()).take(6).collect();
    text.join(" ")
}

impl Shrinker<'_> {
    async fn work(&mut self) -> Outcome {
        loop {
            let before = self.runs;
            let shorter = self.steps().await? | self.statements().await? | self.rows().await?;
            if !shorter || self.runs >= MOST_RUNS || self.runs == before {
                return Ok(());
            }
        }
    }

    /// Whether the case still fails likewise; then it is the best one.
    async fn fails(&mut self, case: Case) -> Outcome<bool> {
        if self.runs >= MOST_RUNS {
            return Ok(false);
        }
        self.runs += 1;
        let found = self.runner.run(&case).await?;
        let found: Vec<Difference> =
            found.into_iter().filter(|found| kind(&found.finding.what) == self.wanted).collect();
        if found.is_empty() || !self.runner.is_steady(&case).await? {
            return Ok(false);
        }
        self.best.case = case;
        self.best.found = found;
        Ok(true)
    }

    async fn steps(&mut self) -> Outcome<bool> {
        let mut any = false;
        'again: loop {
            for steps in shorter(&self.best.case.steps, 1) {
                let case = Case { steps, ..self.best.case.clone() };
                if self.fails(case).await? {
                    any = true;
                    continue 'again;
                }
            }
            return Ok(any);
        }
    }

    async fn statements(&mut self) -> Outcome<bool> {
        let mut any = false;
        for at in 0..self.best.case.steps.len() {
            while self.simpler(at).await? {
                any = true;
            }
        }
        Ok(any)
    }

    /// One step towards a simpler statement.
    async fn simpler(&mut self, at: usize) -> Outcome<bool> {
        let Step::Statement(statement) = self.best.case.steps[at].clone() else { return Ok(false) };
        for node in statement.node.simpler() {
            let mut case = self.best.case.clone();
            case.steps[at] = Step::Statement(Statement { node, ..statement.clone() });
            if self.fails(case).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn rows(&mut self) -> Outcome<bool> {
        let mut any = false;
        for table in 0..self.best.rows.len() {
            // No rows at all first: most tables are not even named.
            let none = if self.best.rows[table].is_empty() { Vec::new() } else { vec![Vec::new()] };
            'again: loop {
                for rows in none.clone().into_iter().chain(shorter(&self.best.rows[table], 0)) {
                    self.runner.fixture.seed(table, rows.clone()).await?;
                    self.runner.reset(table).await?;
                    if self.best.rows[table] != rows && self.fails(self.best.case.clone()).await? {
                        self.best.rows[table] = rows;
                        any = true;
                        continue 'again;
                    }
                }
                let rows = self.best.rows[table].clone();
                self.runner.fixture.seed(table, rows).await?;
                self.runner.reset(table).await?;
                break;
            }
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_findings_leave_the_values_out() {
        assert_eq!(kind("a row (1, 2) instead of (3)"), "a row");
        assert_eq!(kind("12 rows instead of 7"), " rows instead of ");
        assert_eq!(kind("column `a`: …"), "column");
    }
}
