//! What a run ends with: an object for machines, a few lines for a person.

use serde::Serialize;
use topology::Phase;

use crate::{
    history::{History, Micros},
    judge::{Kind, Verdict},
    load::{Class, Sample},
    observer::{Change, milliseconds},
};

/// A flip is felt by statements that were under way this long before it was seen, or began this long after it:
/// the state is published and looked at a little later than the gate is renamed.
const AROUND: Micros = 150_000;
/// So many findings of each kind are told.
const TOLD: usize = 8;

/// The final object of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Totals {
    /// Statements and transactions that were acknowledged.
    pub acknowledged_writes: u64,
    /// Acknowledged writes that the authority does not show.
    pub lost: u64,
    /// Rows nobody wrote, and what is left of failed writes.
    pub phantom: u64,
    /// Rows in which the sides differ where they must be equal, rows in a wrong shard, torn rows.
    pub diverged: u64,
    /// Reads that showed an older state than was known when they began.
    pub stale_reads: u64,
    /// Errors and wrong answers that the server itself would not have given.
    pub flip_errors: u64,
    /// Changes of phase.
    pub flips: u64,
    /// The longest statement that was under way at a flip: what the application felt.
    pub flip_ms_max: u64,
    /// How long the application worked.
    pub seconds: u64,
}

/// Everything that is told.
#[derive(Debug)]
pub struct Summary {
    /// The object.
    pub totals: Totals,
    /// The judgement behind it.
    pub verdict: Verdict,
    /// Why the walk did not reach its end, if it did not.
    pub failure: Option<String>,
    rows: Vec<String>,
}

/// A stretch of time with a name: `direct`, `1100`, …
#[derive(Debug, Clone)]
pub struct Stretch {
    /// What it is called.
    pub name: String,
    /// From …
    pub began: Micros,
    /// … to.
    pub ended: Micros,
}

impl Summary {
    /// Sums up.
    #[must_use]
    pub fn new(
        verdict: Verdict,
        history: &History,
        changes: &[Change],
        stretches: &[Stretch],
        samples: &[Sample],
        ended: Micros,
    ) -> Self {
        let flips = changes.iter().skip(1);
        let totals = Totals {
            acknowledged_writes: verdict.acknowledged_writes,
            lost: verdict.count(Kind::Lost),
            phantom: verdict.count(Kind::Phantom),
            diverged: verdict.count(Kind::Diverged),
            stale_reads: verdict.count(Kind::StaleRead),
            flip_errors: verdict.count(Kind::FlipError),
            flips: flips.clone().count() as u64,
            flip_ms_max: flips.map(|flip| felt(flip.at, samples)).max().unwrap_or(0).div_ceil(1000),
            seconds: ended / 1_000_000,
        };
        let rows = stretches.iter().map(|stretch| row(stretch, history, samples)).collect();
        Self { totals, verdict, failure: None, rows }
    }

    /// Whether nothing is wrong. A run in which nothing was written or read has shown nothing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let worked = self.verdict.acknowledged_writes > 0 && self.verdict.reads > 0;
        worked && self.failure.is_none() && self.verdict.is_clean()
    }

    /// The findings, in words.
    #[must_use]
    pub fn findings(&self) -> String {
        let mut text = String::new();
        for kind in [Kind::Lost, Kind::Phantom, Kind::Diverged, Kind::StaleRead, Kind::FlipError] {
            let mut all: Vec<&str> = self.verdict.findings(kind).collect();
            all.sort_unstable();
            for finding in all.iter().take(TOLD) {
                text += &format!("  {kind:?}: {finding}\n");
            }
            if all.len() > TOLD {
                text += &format!("  {kind:?}: and {} more\n", all.len() - TOLD);
            }
        }
        text
    }

    /// For a person.
    #[must_use]
    pub fn text(&self) -> String {
        let t = &self.totals;
        let mut text = format!(
            "\n{:<22} {:>8}   {:<26} {:<26}\n",
            "where the application", "writes/s", "reads", "autocommit writes"
        );
        for row in &self.rows {
            text += row;
            text.push('\n');
        }
        text += &format!(
            "\n{} acknowledged writes and {} reads in {} s, {} flips; the longest statement at a flip took {} ms.\n",
            t.acknowledged_writes, self.verdict.reads, t.seconds, t.flips, t.flip_ms_max
        );
        text += &format!(
            "{} times a client lost or missed the sidecar that was killed on purpose, which left {} writes without an answer; \
             {} deadlocks or lock timeouts, as any server gives.\n\n",
            self.verdict.outage_errors, self.verdict.unknown_writes, self.verdict.native_errors
        );
        let line = |count: u64, what: &str| format!("  {count:>6}  {what}\n");
        text += "The clients' own history says:\n";
        text += &line(t.lost, "acknowledged writes lost");
        text += &line(t.phantom, "phantoms: rows or changes that nobody was told of");
        text += &line(t.diverged, "rows that differ between legacy table and shards where they must not");
        text += &line(t.stale_reads, "stale reads");
        text += &line(t.flip_errors, "errors that a direct connection would not have given");
        text += &self.findings();
        if let Some(failure) = &self.failure {
            text += &format!("\nThe walk was not finished: {failure}\n");
        }
        text += if self.is_good() { "\nNothing is wrong.\n" } else { "\nSOMETHING IS WRONG.\n" };
        text
    }
}

/// The longest statement that was under way around a moment.
fn felt(at: Micros, samples: &[Sample]) -> Micros {
    samples
        .iter()
        .filter(|sample| sample.began <= at && sample.began + sample.took + AROUND >= at)
        .map(|sample| sample.took)
        .max()
        .unwrap_or(0)
}

fn row(stretch: &Stretch, history: &History, samples: &[Sample]) -> String {
    let inside = |at: Micros| (stretch.began..stretch.ended).contains(&at);
    let samples: Vec<Sample> = samples.iter().filter(|sample| inside(sample.began)).copied().collect();
    let acknowledged = |write: &&crate::history::Write| {
        inside(write.began) && write.fate == crate::history::Fate::Acknowledged
    };
    let writes = history.writes.iter().filter(acknowledged).count() as u64;
    let per_second = writes * 1_000_000 / (stretch.ended - stretch.began).max(1);
    format!(
        "{:<22} {per_second:>8}   {:<26} {:<26}",
        stretch.name,
        milliseconds(&samples, Class::Read),
        milliseconds(&samples, Class::Write)
    )
}

/// The stretches of a run: before the sidecars, then each phase.
#[must_use]
pub fn stretches(direct_until: Option<Micros>, changes: &[Change], ended: Micros) -> Vec<Stretch> {
    let mut all = Vec::new();
    if let Some(until) = direct_until {
        all.push(Stretch { name: "direct, no Shunt".to_owned(), began: 0, ended: until });
    }
    for (number, change) in changes.iter().enumerate() {
        let name = match change.phase {
            Phase::Legacy => "1100 Legacy",
            Phase::DualWrite => "1101 DualWrite",
            Phase::ShardRead => "0111 ShardRead",
            Phase::Shards => "0011 Shards",
        };
        let end = changes.get(number + 1).map_or(ended, |next| next.at);
        let began = change.at.max(direct_until.unwrap_or(0));
        all.push(Stretch { name: name.to_owned(), began, ended: end });
    }
    all
}
