//! Judges a migration by its clients' own history.
//!
//! | finding | what it is |
//! |---|---|
//! | lost | an acknowledged write that the authority does not show |
//! | phantom | a row nobody wrote, a row twice, what is left of a failed write, half a transaction |
//! | diverged | the sides differ where the phase demands equality; a row in a wrong shard; a torn row |
//! | stale read | a read that began after a newer state was known, and shows an older one |
//! | flip error | an error or a wrong answer that the server itself would not have given |
//!
//! **The rule for reads is exact for each row.** A row's states are in the order of its only writer. A state is
//! *known* when its write was acknowledged, or when any read that saw it, or a later one, had ended. A read may show
//! a state only if no later state was known when the read began, and only if its write had begun when the read ended.
//!
//! What it cannot see: a write that is lost and then made again with the same content (versions and the count
//! of changes leave little room for it), and anything in columns that are not in the payload, which the
//! comparison of both sides covers instead.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::history::{
    Effect, Fate, History, Image, Micros, Read, Scope, Token, Trouble, Version, What, Write,
};

/// Deadlock and lock wait timeout: the server itself gives them to anyone.
const NATIVE_ERRORS: [u16; 2] = [1213, 1205];
/// How long after a killed sidecar's return its old connections may still fail: a reconnect that was under way.
const OUTAGE_SLACK: Micros = 2_000_000;
/// No write: the state before the first INSERT, and of rows that were there at the start.
const BEFORE: usize = 0;

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table at the top")]
pub enum Kind {
    Lost,
    Phantom,
    Diverged,
    StaleRead,
    FlipError,
}

/// The judgement.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Statements and transactions that were acknowledged.
    pub acknowledged_writes: u64,
    /// Writes whose connection ended before the answer.
    pub unknown_writes: u64,
    /// Reads that were judged.
    pub reads: u64,
    /// Deadlocks and lock wait timeouts, which are nobody's fault.
    pub native_errors: u64,
    /// Connections that a kill on purpose has cost.
    pub outage_errors: u64,
    findings: BTreeMap<Kind, HashMap<String, String>>,
}

impl Verdict {
    /// How many findings of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.findings.get(&kind).map_or(0, |all| all.len() as u64)
    }

    /// The findings of a kind, in words, in no order.
    pub fn findings(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.findings.get(&kind).into_iter().flat_map(|all| all.values().map(String::as_str))
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// One finding for each `key`, however often it is seen.
    fn add(&mut self, kind: Kind, key: String, text: String) {
        self.findings.entry(kind).or_default().entry(key).or_insert(text);
    }
}

/// One state of a row.
#[derive(Debug, Clone, Copy)]
struct State {
    /// `None`: the row is not there.
    version: Option<Version>,
    changes: u32,
    began: Micros,
    known: Micros,
    acknowledged: bool,
}

/// A row's life.
#[derive(Debug)]
struct Line {
    id: Option<u64>,
    states: Vec<State>,
}

impl Line {
    fn absent_at_first() -> Self {
        Self {
            id: None,
            states: vec![State { version: None, changes: 0, began: 0, known: 0, acknowledged: false }],
        }
    }

    fn position(&self, version: Version) -> Option<usize> {
        self.states.iter().position(|state| state.version == Some(version))
    }

    /// The latest state that was known at `time`: a read that began then may show nothing older.
    fn known_at(&self, time: Micros) -> usize {
        self.states.iter().rposition(|state| state.known <= time).unwrap_or(BEFORE)
    }

    /// Whether a read from `began` to `ended` may find no row; the state that says so, else the one it missed.
    fn may_be_absent(&self, began: Micros, ended: Micros) -> Result<(), usize> {
        let known = self.known_at(began);
        let absent = self.states[known..].iter().any(|state| state.version.is_none() && state.began <= ended);
        if absent { Ok(()) } else { Err(known) }
    }
}

/// Judges a history.
#[must_use]
pub fn judge(history: &History) -> Verdict {
    let mut judge = Judge::new(history);
    judge.resolve_unknown(history);
    judge.build(history);
    for read in all_reads(history) {
        judge.learn(read);
    }
    for line in judge.lines.values_mut() {
        let mut known = Micros::MAX;
        for state in line.states.iter_mut().rev() {
            known = known.min(state.known);
            state.known = known;
        }
    }
    judge.by_id = judge.lines.iter().filter_map(|(token, line)| Some((line.id?, *token))).collect();
    for read in &history.reads {
        judge.check(read, Kind::StaleRead);
    }
    for read in history.snapshots.iter().chain(&history.end) {
        judge.check(read, Kind::Lost);
    }
    judge.differences(history);
    judge.troubles(history);
    judge.verdict.reads = history.reads.len() as u64;
    judge.verdict
}

fn all_reads(history: &History) -> impl Iterator<Item = &Read> {
    history.reads.iter().chain(&history.snapshots).chain(&history.end)
}

struct Judge {
    lines: BTreeMap<Token, Line>,
    by_id: BTreeMap<u64, Token>,
    failed: HashSet<Version>,
    /// Writes of unknown fate that the end shows.
    took: HashSet<Version>,
    verdict: Verdict,
}

impl Judge {
    fn new(history: &History) -> Self {
        let mut lines = BTreeMap::new();
        for seed in &history.seeds {
            let mut line = Line::absent_at_first();
            line.id = Some(seed.id);
            line.states[BEFORE].version = Some(seed.version);
            line.states[BEFORE].changes = seed.changes;
            lines.insert(seed.token, line);
        }
        Self {
            lines,
            by_id: BTreeMap::new(),
            failed: HashSet::new(),
            took: HashSet::new(),
            verdict: Verdict::default(),
        }
    }

    /// The end says what became of writes without an answer: all of it, or nothing.
    fn resolve_unknown(&mut self, history: &History) {
        let Some(end) = &history.end else { return };
        let shown: HashMap<Token, Version> =
            end.rows.iter().map(|image| (image.token, image.version)).collect();
        for write in history.writes.iter().filter(|w| w.fate == Fate::Unknown) {
            let happened = |effect: &&Effect| match effect {
                Effect::Delete(token) => !shown.contains_key(token),
                other => shown.get(&other.token()) == Some(&write.version),
            };
            let count = write.effects.iter().filter(happened).count();
            if count == write.effects.len() {
                self.took.insert(write.version);
            } else if count > 0 {
                let version = write.version;
                let text = format!(
                    "{count} of the {} changes of the unanswered write {version} are there",
                    write.effects.len()
                );
                self.verdict.add(Kind::Phantom, format!("half {version}"), text);
                // What is there is judged as if it were all of it: one finding is enough.
                self.took.insert(version);
            }
        }
    }

    /// Every row's states, in order.
    fn build(&mut self, history: &History) {
        for write in &history.writes {
            match write.fate {
                Fate::Acknowledged => self.verdict.acknowledged_writes += 1,
                Fate::Unknown => self.verdict.unknown_writes += 1,
                Fate::Failed => {}
            }
            if write.fate == Fate::Acknowledged || self.took.contains(&write.version) {
                for effect in &write.effects {
                    self.apply(write, *effect);
                }
            } else {
                self.failed.insert(write.version);
            }
        }
    }

    fn apply(&mut self, write: &Write, effect: Effect) {
        let acknowledged = write.fate == Fate::Acknowledged;
        let line = self.lines.entry(effect.token()).or_insert_with(Line::absent_at_first);
        let changes = line.states.last().map_or(0, |state| state.changes);
        if let Effect::Insert { id: Some(id), .. } = effect {
            line.id = Some(id);
        }
        line.states.push(State {
            version: (!matches!(effect, Effect::Delete(_))).then_some(write.version),
            changes: match effect {
                Effect::Update(_) => changes + 1,
                _ => 0,
            },
            began: write.began,
            known: if acknowledged { write.ended } else { Micros::MAX },
            acknowledged,
        });
    }

    /// A state that a read has shown is known from that read's end on.
    fn learn(&mut self, read: &Read) {
        for image in &read.rows {
            if let Some(line) = self.lines.get_mut(&image.token) {
                line.id = line.id.or(Some(image.id));
                if let Some(position) = line.position(image.version) {
                    let state = &mut line.states[position];
                    state.known = state.known.min(read.ended);
                }
            }
        }
    }

    fn check(&mut self, read: &Read, too_old: Kind) {
        let mut seen = HashSet::with_capacity(read.rows.len());
        for image in &read.rows {
            if !seen.insert(image.token) {
                let text = format!("row {} (id {}) was there twice", image.token, image.id);
                self.verdict.add(Kind::Phantom, format!("twice {}", image.token), text);
            }
            self.check_image(read, *image, too_old);
        }
        let expected: Vec<Token> = match read.scope {
            Scope::Ids(from, to) if from <= to => self.by_id.range(from..=to).map(|(_, t)| *t).collect(),
            Scope::Tokens(from, to) if from <= to => self.lines.range(from..=to).map(|(t, _)| *t).collect(),
            Scope::All => self.lines.keys().copied().collect(),
            _ => Vec::new(),
        };
        for token in expected.into_iter().filter(|t| !seen.contains(t)) {
            if let Err(state) = self.lines[&token].may_be_absent(read.began, read.ended) {
                self.too_old(read, token, BEFORE, state, "no row", too_old);
            }
        }
    }

    fn check_image(&mut self, read: &Read, image: Image, too_old: Kind) {
        let token = image.token;
        let Some(line) = self.lines.get(&token) else {
            let text = format!("row {token} (id {}, version {}): nobody wrote it", image.id, image.version);
            self.verdict.add(Kind::Phantom, format!("row {token}"), text);
            return;
        };
        let Some(position) = line.position(image.version) else {
            let why =
                if self.failed.contains(&image.version) { "the write failed" } else { "nobody wrote that" };
            let text = format!("row {token} (id {}) shows version {}: {why}", image.id, image.version);
            let key = format!("version {token} {}", image.version);
            self.verdict.add(Kind::Phantom, key, text);
            return;
        };
        let state = line.states[position];
        let (line_id, known) = (line.id, line.known_at(read.began));
        if state.began > read.ended {
            let text = format!("row {token} showed version {} before that write began", image.version);
            self.verdict.add(Kind::Phantom, format!("early {token} {position}"), text);
        }
        if known > position {
            let shown = format!("version {}", image.version);
            self.too_old(read, token, position, known, &shown, too_old);
        }
        self.check_content(image, state, line_id);
    }

    fn check_content(&mut self, image: Image, state: State, line_id: Option<u64>) {
        let (token, id) = (image.token, image.id);
        if image.changes != state.changes {
            let text = format!(
                "row {token} (id {id}) counts {} changes where {} were made",
                image.changes, state.changes
            );
            self.verdict.add(Kind::Lost, format!("changes {token} {}", image.version), text);
        }
        if line_id.is_some_and(|told| told != id) {
            let text = format!(
                "row {token} has the id {id}, but its client was told {}",
                line_id.unwrap_or_default()
            );
            self.verdict.add(Kind::Lost, format!("id {token}"), text);
        }
        if !image.intact {
            let text = format!("row {token} (id {id}): the payload is not that of version {}", image.version);
            self.verdict.add(Kind::Diverged, format!("torn {token} {}", image.version), text);
        }
    }

    /// A read showed the state `shown` although `known` was known: a stale read, or so many lost writes.
    fn too_old(&mut self, read: &Read, token: Token, shown: usize, known: usize, text: &str, kind: Kind) {
        let line = &self.lines[&token];
        let id = line.id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        let newest = line.states[known];
        let wanted = newest.version.map_or_else(|| "deleted".to_owned(), |v| format!("version {v}"));
        let text = format!(
            "row {token} (id {id}): {text}, but {wanted} was known {} ms before",
            read.began.saturating_sub(newest.known) / 1000
        );
        if kind == Kind::Lost {
            let lost: Vec<usize> = (shown + 1..=known).filter(|i| line.states[*i].acknowledged).collect();
            // A row of the start that is missing is a loss, too, although no client wrote it.
            let lost = if lost.is_empty() { vec![known] } else { lost };
            for state in lost {
                let key = format!("write {token} {state}");
                self.verdict.add(Kind::Lost, key, text.clone());
            }
        } else {
            self.verdict.add(kind, format!("{token} {} {}", read.began, read.ended), text);
        }
    }

    fn differences(&mut self, history: &History) {
        for difference in &history.differences {
            let key = format!("{} {}", difference.id, difference.what);
            let text = format!("id {}: {}", difference.id, difference.what);
            self.verdict.add(Kind::Diverged, key, text);
        }
    }

    fn troubles(&mut self, history: &History) {
        for (number, trouble) in history.troubles.iter().enumerate() {
            let text = match &trouble.what {
                What::Refused { code, .. } if NATIVE_ERRORS.contains(code) => {
                    self.verdict.native_errors += 1;
                    continue;
                }
                What::Disconnected(_) if in_outage(history, trouble) => {
                    self.verdict.outage_errors += 1;
                    continue;
                }
                What::Refused { code, message } => format!("ERROR {code}: {message}"),
                What::Disconnected(why) => format!("disconnected: {why}"),
                What::Wrong(why) => why.clone(),
            };
            let text = format!("at {} ms, {}: {text}", trouble.at / 1000, trouble.doing);
            self.verdict.add(Kind::FlipError, number.to_string(), text);
        }
    }
}

fn in_outage(history: &History, trouble: &Trouble) -> bool {
    history.outages.iter().any(|outage| {
        Some(outage.sidecar) == trouble.sidecar
            && (outage.began..=outage.ended.saturating_add(OUTAGE_SLACK)).contains(&trouble.at)
    })
}

#[cfg(test)]
mod doctored;
