//! What came out of the corpus on one server, as text that is kept in `tests/corpus` and compared with the next run's.

use std::fmt::Write as _;

use super::{
    plans::Class,
    runner::{Fate, InPhase, Told},
};

/// So much of a statement tells which one it is.
const SHORT: usize = 100;

/// How many of some statements run in every phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure {
    /// Those that the server itself runs.
    pub of: usize,
    /// Those of them that Shunt runs in every phase.
    pub run: usize,
}

/// The counts that matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// What frameworks send.
    pub frameworks: Figure,
    /// SELECT and the like.
    pub reads: Figure,
    /// INSERT, REPLACE, UPDATE, DELETE.
    pub writes: Figure,
    /// Statements that the server itself does not run here: they fail through Shunt, too.
    pub fail: usize,
    /// Statements that no comparison can run.
    pub not_run: usize,
}

impl Figure {
    fn add(&mut self, told: &Told) {
        self.of += 1;
        self.run += usize::from(refused(told).is_none());
    }

    /// Reads and writes together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { of: self.of + other.of, run: self.run + other.run }
    }

    /// Per cent.
    #[must_use]
    pub fn percent(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred statements")]
        let share = self.run as f64 / self.of.max(1) as f64;
        share * 100.0
    }
}

impl Figures {
    /// Counts.
    #[must_use]
    pub fn of(all: &[Told]) -> Self {
        let mut figures = Self::default();
        for told in all {
            if told.block.not_run.is_some() {
                figures.not_run += 1;
            } else if !told.runs {
                figures.fail += 1;
            } else {
                if told.block.of_a_framework() {
                    figures.frameworks.add(told);
                }
                match told.class {
                    Class::Read => figures.reads.add(told),
                    Class::Write => figures.writes.add(told),
                    Class::Other => {}
                }
            }
        }
        figures
    }
}

/// The first reason for which a phase refuses it.
fn refused(told: &Told) -> Option<&str> {
    told.phases.iter().flat_map(|phase| &phase.fates).find_map(|fate| match fate {
        Fate::Refused(reason) => Some(reason.as_str()),
        _ => None,
    })
}

/// The whole text: the figures, and of each statement what each phase makes of it and how that fared.
#[must_use]
pub fn text(all: &[Told]) -> String {
    let figures = Figures::of(all);
    let mut out = String::from(
        "What each statement of the corpus does on this server, by phase; made by the test program `corpus`.\n",
    );
    for (what, figure) in [
        ("of ORMs and frameworks", figures.frameworks),
        ("SELECT and the like", figures.reads),
        ("INSERT, REPLACE, UPDATE, DELETE", figures.writes),
        ("both", figures.reads.and(figures.writes)),
    ] {
        let Figure { of, run } = figure;
        let _ = writeln!(out, "{what}: {run} of {of} run in every phase ({:.1} %)", figure.percent());
    }
    let Figures { fail, not_run, .. } = figures;
    let _ = writeln!(out, "fail without Shunt, too: {fail}; only planned: {not_run}");
    for told in all {
        let framework = if told.block.of_a_framework() { &told.block.origin } else { "" };
        let _ = write!(out, "\n@@ {framework}\n{}\n", told.block.short(SHORT).trim_end());
        let _ = told.block.not_run.as_ref().map(|why| writeln!(out, "  not run: {why}"));
        out.push_str(&phases(told));
    }
    out
}

/// `  1100 1101: as sent`, and so on; phases with the same words in one line.
fn phases(told: &Told) -> String {
    let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
    for InPhase { phase, plan, fates } in &told.phases {
        let words = words(plan, fates);
        match lines.last_mut() {
            Some((phases, last)) if *last == words => phases.push(phase.flag()),
            _ => lines.push((vec![phase.flag()], words)),
        }
    }
    lines.into_iter().fold(String::new(), |mut out, (phases, words)| {
        let _ = writeln!(out, "  {}: {words}", phases.join(" "));
        out
    })
}

fn words(plan: &str, fates: &[Fate]) -> String {
    let told = |fate: &Fate| match fate {
        Fate::Same => String::new(),
        Fate::Failed(code) => format!("error {code} as without Shunt"),
        Fate::Refused(reason) => format!("refused: {reason}"),
        Fate::Differs => "differs".to_owned(),
    };
    let mut words: Vec<String> = fates.iter().map(told).collect();
    if let [text, prepared] = words.as_slice() {
        words = match text == prepared {
            true => vec![text.clone()],
            false => vec![
                text.clone(),
                format!("prepared: {}", if prepared.is_empty() { "runs" } else { prepared }),
            ],
        };
    }
    words.retain(|word| !word.is_empty() && word != plan);
    std::iter::once(plan.to_owned()).chain(words).collect::<Vec<_>>().join("; ")
}
