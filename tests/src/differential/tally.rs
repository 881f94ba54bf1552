//! What was run, refused and different.

use std::{collections::BTreeMap, fmt::Write};

/// So many cases are named for each reason.
const EXAMPLES: usize = 8;

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By class: comparisons, one statement in one phase each.
    compared: BTreeMap<&'static str, u64>,
    /// By reason: refusals, by phase and class.
    refused: BTreeMap<String, BTreeMap<(String, &'static str), u64>>,
    /// By reason: the first cases that are refused for it.
    examples: BTreeMap<String, Vec<u64>>,
    /// By class: the server's own errors, by code, with a case that gives it.
    errors: BTreeMap<&'static str, BTreeMap<u16, (u64, u64)>>,
}

impl Tally {
    /// One statement in one phase.
    pub fn compared(&mut self, class: &'static str) {
        *self.compared.entry(class).or_default() += 1;
    }

    /// A refusal by Shunt, counted besides.
    pub fn refused(&mut self, class: &'static str, phase: &str, message: &str, case: u64) {
        let examples = self.examples.entry(reason(message)).or_default();
        if examples.len() < EXAMPLES && !examples.contains(&case) {
            examples.push(case);
        }
        let by = self.refused.entry(reason(message)).or_default();
        *by.entry((phase.to_owned(), class)).or_default() += 1;
    }

    /// An error that the copy gave.
    pub fn error(&mut self, class: &'static str, code: u16, case: u64) {
        self.errors.entry(class).or_default().entry(code).or_insert((0, case)).0 += 1;
    }

    /// How many comparisons.
    #[must_use]
    pub fn comparisons(&self) -> u64 {
        self.compared.values().sum()
    }

    /// How many of them ended in a refusal.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().flat_map(BTreeMap::values).sum()
    }

    /// For a person.
    #[must_use]
    pub fn told(&self) -> String {
        let mut out = String::new();
        let (comparisons, refusals) = (self.comparisons(), self.refusals());
        line(&mut out, &format!("{comparisons} comparisons (a statement in a phase)"));
        for (class, count) in &self.compared {
            let codes: Vec<String> = self
                .errors
                .get(class)
                .iter()
                .flat_map(|codes| {
                    codes.iter().map(|(code, (count, case))| format!("{code}: {count} (case {case})"))
                })
                .collect();
            let told = match codes.is_empty() {
                true => String::new(),
                false => format!("; the server's errors {}", codes.join(", ")),
            };
            line(&mut out, &format!("  {count:>8} {class}{told}"));
        }
        line(&mut out, &format!("{refusals} refusals, {}", percent(refusals, comparisons)));
        let mut reasons: Vec<_> =
            self.refused.iter().map(|(reason, by)| (by.values().sum::<u64>(), reason, by)).collect();
        reasons.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
        for (count, reason, by) in reasons {
            let by: Vec<String> =
                by.iter().map(|((phase, class), n)| format!("{phase} {class} {n}")).collect();
            let cases: Vec<String> = self.examples[reason].iter().map(ToString::to_string).collect();
            let (by, cases) = (by.join(", "), cases.join(", "));
            line(&mut out, &format!("  {count:>8} {reason} ({by}); cases {cases}"));
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The stable name in the refusal's text; else its beginning.
fn reason(message: &str) -> String {
    let named = message.split_once(" in phase ").and_then(|(_, rest)| rest.split_once(" ("));
    match named.and_then(|(_, rest)| rest.split_once("): ")) {
        Some((reason, _)) => reason.to_owned(),
        None => message.chars().take(70).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_their_reason() {
        let text = "Shunt does not run this on sharded table a.user in phase 1101 (returning): RETURNING; nothing was done. \
                    What to do: leave it out.";
        let mut tally = Tally::default();
        tally.compared("delete");
        tally.compared("delete");
        tally.refused("delete", "1101", text, 5);
        assert_eq!((tally.comparisons(), tally.refusals()), (2, 1));
        let told = tally.told();
        assert!(told.contains("50.0 %") && told.contains("1 returning (1101 delete 1); cases 5"), "{told}");
    }
}
