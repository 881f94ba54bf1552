//! What must be true before each step. Pure: the controller gathers the evidence, this says what is missing.

use std::time::Duration;

use topology::Phase;

use crate::{
    snapshots::OldTransaction,
    work::{Facts, Readiness},
};

/// A hold must be over before sidecars' clients notice: it is entered only when the rest of the log takes
/// less than this at the measured rate.
pub const HOLD_ENTRY: Duration = Duration::from_millis(200);

/// Passes without a difference that certify a copy.
pub const CLEAN_PASSES: u32 = 2;

/// Something that stands against a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What, for the DBA.
    pub what: String,
    /// What `--force` would give up; `None` where forcing would break the promise.
    pub gives_up: Option<&'static str>,
}

/// What the guards of one step found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// All that is missing.
    pub missing: Vec<Missing>,
    /// What was looked at and found good.
    pub seen: Vec<String>,
}

impl Findings {
    fn refuse(&mut self, what: impl Into<String>) {
        self.missing.push(Missing { what: what.into(), gives_up: None });
    }

    fn refuse_unless_forced(&mut self, what: impl Into<String>, gives_up: &'static str) {
        self.missing.push(Missing { what: what.into(), gives_up: Some(gives_up) });
    }

    fn saw(&mut self, what: impl Into<String>) {
        self.seen.push(what.into());
    }

    /// Whether the step may be taken.
    #[must_use]
    pub fn pass(&self, forced: bool) -> bool {
        self.missing.iter().all(|missing| forced && missing.gives_up.is_some())
    }

    /// One sentence for status: what is missing, and whether `--force` would do.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let all: Vec<_> = self
            .missing
            .iter()
            .map(|missing| match missing.gives_up {
                Some(gives_up) => format!("{} (--force gives up: {gives_up})", missing.what),
                None => missing.what.clone(),
            })
            .collect();
        Some(all.join("; "))
    }
}

/// What is known when a step is considered. Parts that the step does not need are absent.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    /// From the preflight.
    pub readiness: Option<&'a Readiness>,
    /// From copy, verify and reverse.
    pub facts: Facts,
    /// Transactions with old snapshots; `Err` when they cannot be seen, `None` when not looked for yet.
    pub old: Option<Result<&'a [OldTransaction], String>>,
    /// The reverse sync was ended for good.
    pub finished: bool,
}

/// Judges the step `from` → `to`.
#[must_use]
pub fn check(from: Phase, to: Phase, evidence: &Evidence<'_>) -> Findings {
    let mut findings = Findings::default();
    match (from, to) {
        (Phase::Legacy, Phase::DualWrite) => preflight(evidence, &mut findings),
        (Phase::DualWrite, Phase::ShardRead) => {
            preflight(evidence, &mut findings);
            copied(evidence, &mut findings);
            verified(evidence, CLEAN_PASSES, &mut findings);
            snapshots(evidence, &mut findings);
        }
        (Phase::ShardRead, Phase::Shards) => {
            preflight(evidence, &mut findings);
            verified(evidence, 1, &mut findings);
            shards_alone(evidence, &mut findings);
        }
        (Phase::Shards, Phase::ShardRead) => reversed(evidence, &mut findings),
        (Phase::ShardRead, Phase::DualWrite) => snapshots(evidence, &mut findings),
        (Phase::DualWrite, Phase::Legacy) => {}
        _ => findings.refuse(format!("{from} to {to} is no single step")),
    }
    findings
}

/// At each step forward: a trigger, a view or a foreign key may have come since the last one.
fn preflight(evidence: &Evidence<'_>, findings: &mut Findings) {
    match evidence.readiness {
        None => findings.refuse("the preflight has not run yet"),
        Some(readiness) if readiness.errors.is_empty() => findings.saw("preflight: no error"),
        Some(readiness) => {
            for error in &readiness.errors {
                findings.refuse(format!("preflight: {error}"));
            }
        }
    }
}

fn copied(evidence: &Evidence<'_>, findings: &mut Findings) {
    match &evidence.facts.copy {
        Some(copy) if copy.finished => findings.saw(format!("copy finished: {} rows", copy.rows)),
        Some(copy) => {
            let percent = copy.percent.map_or_else(|| "not begun".to_owned(), |p| format!("at {p:.0} %"));
            let detail = copy.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
            findings.refuse(format!("copy {percent}{detail}"));
        }
        None => findings.refuse("copy not begun"),
    }
}

fn verified(evidence: &Evidence<'_>, passes: u32, findings: &mut Findings) {
    let verify = evidence.facts.verify.clone().unwrap_or_default();
    match verify.differences {
        // Nothing makes a known difference right: reads would see it.
        Some(rows) if rows > 0 => {
            findings.refuse(format!(
                "{rows} rows differ; see `shunt verify`, repair with `shunt verify --repair`"
            ));
        }
        _ if verify.clean_passes < passes => findings.refuse_unless_forced(
            format!(
                "{} of {passes} clean verify passes{}",
                verify.clean_passes,
                verify.running.map(|line| format!(", one is at {line}")).unwrap_or_default()
            ),
            "the check that both sides are equal",
        ),
        _ => findings.saw(format!("{} clean verify passes", verify.clean_passes)),
    }
}

fn snapshots(evidence: &Evidence<'_>, findings: &mut Findings) {
    match &evidence.old {
        None => findings.refuse("open transactions have not been looked at since both sides became equal"),
        Some(Err(error)) => findings.refuse(error.clone()),
        Some(Ok([])) => findings.saw("no transaction is older than the moment both sides became equal"),
        Some(Ok(old)) => {
            let list: Vec<_> =
                old.iter().take(5).map(|t| format!("{} since {} ({})", t.who, t.started, t.kill)).collect();
            findings.refuse(format!(
                "{} transactions may hold a snapshot from before both sides were equal: {}",
                old.len(),
                list.join(", ")
            ));
        }
    }
}

fn shards_alone(evidence: &Evidence<'_>, findings: &mut Findings) {
    // Where there is none, `preflight` says so.
    let Some(readiness) = evidence.readiness else { return };
    match &readiness.no_sequence {
        Some(why) => findings.refuse(format!("ids cannot come from the sequence: {why}")),
        None => findings.saw("ids can come from the sequence"),
    }
    for key in &readiness.keys_not_unique {
        findings.refuse_unless_forced(
            format!("unique key `{key}` does not contain the shard key"),
            "uniqueness of this key across shards; rows that break it cannot go back",
        );
    }
}

fn reversed(evidence: &Evidence<'_>, findings: &mut Findings) {
    if evidence.finished {
        findings.refuse(
            "the reverse sync was ended by `shunt finish`: legacy no longer follows, there is no way back",
        );
        return;
    }
    let Some(reverse) = &evidence.facts.reverse else {
        findings.refuse("the reverse sync has not begun");
        return;
    };
    if !reverse.parked.is_empty() {
        findings.refuse(format!(
            "cannot go back: {} rows break a unique key of legacy: {}",
            reverse.parked.len(),
            reverse.parked.join(", ")
        ));
    }
    match seconds_left(reverse.backlog, reverse.rate) {
        Some(left) if left < HOLD_ENTRY.as_secs_f64() => {
            findings.saw(format!("reverse sync: {} keys left", reverse.backlog));
        }
        Some(left) => findings.refuse(format!(
            "reverse sync has {} keys left, {left:.1} s at its present rate; it must be below {HOLD_ENTRY:?}",
            reverse.backlog
        )),
        None => findings
            .refuse(format!("reverse sync has {} keys left and no measured rate yet", reverse.backlog)),
    }
}

/// An empty log takes no time, whatever the rate.
fn seconds_left(backlog: u64, rate: Option<f64>) -> Option<f64> {
    if backlog == 0 {
        return Some(0.0);
    }
    #[allow(clippy::cast_precision_loss)] // keys of a log, far below 2^52
    rate.filter(|rate| *rate > 0.0).map(|rate| backlog as f64 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{CopyFacts, ReverseFacts, VerifyFacts};

    static READY: Readiness =
        Readiness { errors: Vec::new(), keys_not_unique: Vec::new(), no_sequence: None };

    fn copied_and_verified() -> Evidence<'static> {
        Evidence {
            readiness: Some(&READY),
            facts: Facts {
                copy: Some(CopyFacts { finished: true, rows: 7, ..CopyFacts::default() }),
                verify: Some(VerifyFacts { clean_passes: 2, differences: Some(0), ..VerifyFacts::default() }),
                reverse: None,
            },
            old: Some(Ok(&[])),
            ..Evidence::default()
        }
    }

    fn refusal(from: Phase, to: Phase, evidence: &Evidence<'_>, forced: bool) -> String {
        let findings = check(from, to, evidence);
        if findings.pass(forced) { String::new() } else { findings.refusal().unwrap() }
    }

    #[test]
    fn reads_move_only_to_a_certified_copy() {
        let (from, to) = (Phase::DualWrite, Phase::ShardRead);
        assert_eq!(refusal(from, to, &copied_and_verified(), false), "");
        let mut evidence = copied_and_verified();
        evidence.facts.copy = Some(CopyFacts { percent: Some(63.2), ..CopyFacts::default() });
        assert_eq!(refusal(from, to, &evidence, true), "copy at 63 %");
        let mut evidence = copied_and_verified();
        let running = Some("63 % of about 900 rows".to_owned());
        evidence.facts.verify = Some(VerifyFacts { clean_passes: 1, running, ..VerifyFacts::default() });
        assert!(
            refusal(from, to, &evidence, false).starts_with("1 of 2 clean verify passes, one is at 63 %")
        );
        assert_eq!(refusal(from, to, &evidence, true), "");
        let mut evidence = copied_and_verified();
        evidence.facts.verify = Some(VerifyFacts { differences: Some(412), ..VerifyFacts::default() });
        assert!(refusal(from, to, &evidence, true).starts_with("412 rows differ"));
    }

    #[test]
    fn each_step_forward_asks_the_preflight() {
        let readiness = Readiness { errors: vec!["a trigger".into()], ..Readiness::default() };
        for (from, to) in [
            (Phase::Legacy, Phase::DualWrite),
            (Phase::DualWrite, Phase::ShardRead),
            (Phase::ShardRead, Phase::Shards),
        ] {
            assert_eq!(refusal(from, to, &copied_and_verified(), false), "");
            let evidence = Evidence { readiness: Some(&readiness), ..copied_and_verified() };
            assert_eq!(refusal(from, to, &evidence, true), "preflight: a trigger");
            let evidence = Evidence { readiness: None, ..copied_and_verified() };
            assert_eq!(refusal(from, to, &evidence, true), "the preflight has not run yet");
        }
    }

    #[test]
    fn old_snapshots_are_not_forceable_in_either_direction() {
        let old = [OldTransaction {
            connection: 42,
            started: "2026-01-01 00:00:00".into(),
            who: "app@h".into(),
            kill: "KILL 42".into(),
        }];
        for (from, to) in [(Phase::DualWrite, Phase::ShardRead), (Phase::ShardRead, Phase::DualWrite)] {
            for bad in [None, Some(Err("blind".to_owned())), Some(Ok(&old[..]))] {
                let evidence = Evidence { old: bad, ..copied_and_verified() };
                assert_ne!(refusal(from, to, &evidence, true), "");
            }
            let evidence = Evidence { old: Some(Ok(&old)), ..copied_and_verified() };
            assert!(refusal(from, to, &evidence, true).contains("KILL 42"));
            assert_eq!(refusal(from, to, &copied_and_verified(), false), "");
        }
    }

    #[test]
    fn lost_uniqueness_is_acknowledged_by_force() {
        let readiness = Readiness { keys_not_unique: vec!["email".into()], ..Readiness::default() };
        let evidence = Evidence { readiness: Some(&readiness), ..copied_and_verified() };
        let said = refusal(Phase::ShardRead, Phase::Shards, &evidence, false);
        assert!(said.contains("unique key `email` does not contain the shard key"), "{said}");
        assert_eq!(refusal(Phase::ShardRead, Phase::Shards, &evidence, true), "");
    }

    #[test]
    fn the_way_back_waits_for_the_log() {
        let (from, to) = (Phase::Shards, Phase::ShardRead);
        let with = |backlog, rate, parked: &[&str]| Evidence {
            facts: Facts {
                reverse: Some(ReverseFacts {
                    backlog,
                    rate,
                    parked: parked.iter().map(ToString::to_string).collect(),
                }),
                ..Facts::default()
            },
            ..Evidence::default()
        };
        assert_eq!(refusal(from, to, &with(100, Some(1000.0), &[]), false), "");
        assert_eq!(refusal(from, to, &with(0, None, &[]), false), "");
        assert!(refusal(from, to, &with(1000, Some(1000.0), &[]), true).contains("1.0 s"));
        assert!(refusal(from, to, &with(1, None, &[]), true).contains("no measured rate"));
        assert!(refusal(from, to, &with(0, None, &["id 7"]), true).contains("cannot go back"));
        let finished = Evidence { finished: true, ..with(0, None, &[]) };
        assert!(refusal(from, to, &finished, true).contains("shunt finish"));
        assert_ne!(refusal(from, to, &Evidence::default(), true), "");
    }

    #[test]
    fn only_1101_to_1100_has_no_guard() {
        let nothing = Evidence::default();
        assert_eq!(refusal(Phase::DualWrite, Phase::Legacy, &nothing, false), "");
        for (from, to) in [
            (Phase::Legacy, Phase::DualWrite),
            (Phase::DualWrite, Phase::ShardRead),
            (Phase::ShardRead, Phase::Shards),
            (Phase::Shards, Phase::ShardRead),
            (Phase::ShardRead, Phase::DualWrite),
            (Phase::Legacy, Phase::Shards),
        ] {
            assert_ne!(refusal(from, to, &nothing, true), "", "{from} {to}");
        }
    }
}
