//! One term of office: what the elected controller knows and does, tick by tick.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flag_client::{GateFault, GateNames, HomeError, LEASE};
use topology::{Epoch, Gate, GateState, Phase, Side};

use crate::{
    blockers,
    command::{self, Commands},
    controller::{self, ControllerConfig, REQUEST_INTERVAL},
    election::Ballot,
    flip::{self, Attempt},
    guards::{self, Evidence, Findings},
    history, own_tables,
    report::{self, Report},
    request::{self, Verdict},
    snapshots::OldSnapshots,
    task::PhaseTask,
    work::{Readiness, Work, WorkError},
};

/// The shortest stay in a phase: a plain read may be one epoch late for as long as the lease; with a second on
/// top for a sidecar's slow clock, it is never two epochs late.
pub const MIN_STAY: Duration = LEASE.saturating_add(Duration::from_secs(1));

/// The report is stored this often even if nothing changed: its age tells whether a controller is alive.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A preflight is believed this long, while a flip is retried beside long transactions.
const READINESS_AGE: Duration = Duration::from_secs(20);

/// Between attempts to make what a table needs on home.
const PREPARE_INTERVAL: Duration = Duration::from_secs(1);

/// First and longest pause between attempts to flip. An attempt stalls writers for up to 0.1 s.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(3));

/// State of a term. Everything durable is on home; losing this costs a wait, never a row.
pub(crate) struct Term<W> {
    pub(crate) config: Arc<ControllerConfig>,
    pub(crate) work: W,
    pub(crate) ballot: Ballot,
    pub(crate) report: Report,
    pub(crate) commands: Commands,
    /// The gate, and since when this controller has seen it: a stay is counted anew after a takeover.
    pub(crate) seen: Option<(Gate, Instant)>,
    pub(crate) task: Option<PhaseTask>,
    pub(crate) retry: Retry,
    /// Reads may go to the shards, or went there until then, as far as this term knows.
    pub(crate) shards_read: Instant,
    /// When the request was read last while DDL ran.
    request_read: Option<Instant>,
    prepared: bool,
    accepted: Option<Phase>,
    old: Option<(Epoch, OldSnapshots)>,
    readiness: Option<(Instant, Epoch, Readiness)>,
    /// The shards were emptied in this epoch, by this term.
    emptied: Option<Epoch>,
    /// What was stored and published last, and when.
    stored: Option<(Instant, Report, Option<Phase>)>,
    published: Option<Vec<(&'static str, String)>>,
    /// The epoch in which the log of an ended reverse sync was emptied.
    forgot: Option<Epoch>,
    /// What happened to a request that was not followed; shown until another is.
    sticky: Option<String>,
}

/// When the next attempt to flip may be made.
#[derive(Debug)]
pub(crate) struct Retry {
    at: Instant,
    pause: Duration,
}

impl Retry {
    fn new() -> Self {
        Self { at: Instant::now(), pause: RETRY_PAUSE.0 }
    }

    pub(crate) fn due(&self) -> bool {
        Instant::now() >= self.at
    }

    pub(crate) fn later(&mut self) {
        self.at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(RETRY_PAUSE.1);
    }
}

impl<W: Work> Term<W> {
    pub(crate) fn new(config: Arc<ControllerConfig>, work: W, ballot: Ballot) -> Self {
        Self {
            config,
            work,
            ballot,
            report: Report::default(),
            commands: Commands::default(),
            seen: None,
            task: None,
            retry: Retry::new(),
            shards_read: Instant::now(),
            request_read: None,
            prepared: false,
            accepted: None,
            old: None,
            readiness: None,
            emptied: None,
            stored: None,
            published: None,
            forgot: None,
            sticky: None,
        }
    }

    /// Ends the work of this term.
    pub(crate) async fn end(&mut self) {
        if let Some(task) = self.task.take() {
            task.stop().await;
        }
    }

    /// One look at everything, and at most one step. Returns the pause until the next.
    pub(crate) async fn tick(&mut self) -> Result<Duration, HomeError> {
        self.report = Report { notice: self.sticky.clone(), ..Report::default() };
        if !self.prepared && !self.prepare().await? {
            self.store().await?;
            return Ok(PREPARE_INTERVAL);
        }
        let Some(gate) = self.gate().await? else {
            // Nothing runs under a gate that is not known.
            self.end().await;
            self.store().await?;
            return Ok(REQUEST_INTERVAL);
        };
        if let Some(theirs) = gate.hash.filter(|hash| *hash != self.config.table.hash()) {
            self.end().await;
            tracing::error!(%gate, %theirs, own = %self.config.table.hash(), "the gate carries another topology; this controller does nothing");
            // Another sidecar, with the fleet's configuration, must be able to control the table.
            return Err(self.foreign(&gate));
        }
        self.commands = command::given(self.ballot.conn(), &gate).await?;
        if let GateState::Changing(standing) = gate.state {
            let pause = self.change(&gate, standing).await?;
            return self.with_ddl(&gate, pause).await;
        }
        let Some(phase) = gate.state.phase() else {
            self.resolve_hold(&gate).await?;
            return Ok(Duration::ZERO);
        };
        if let Some(pause) = self.ddl_before(&gate).await? {
            return self.with_ddl(&gate, pause).await;
        }
        if self.end_reverse_sync(&gate, phase).await? {
            return Ok(Duration::ZERO);
        }
        self.keep_task(&gate, phase).await;
        self.gather(&gate).await?;
        self.forget_log(&gate).await?;
        self.remember_snapshots(&gate, phase).await?;
        self.follow_request(&gate, phase, true).await?;
        self.store().await?;
        Ok(REQUEST_INTERVAL)
    }

    /// The rest of a tick in which DDL is under way: requests are heard, and wait.
    async fn with_ddl(&mut self, gate: &Gate, pause: Duration) -> Result<Duration, HomeError> {
        let same = self.seen.as_ref().is_some_and(|(seen, _)| seen == gate);
        if same && self.request_read.is_none_or(|at| at.elapsed() >= REQUEST_INTERVAL) {
            self.request_read = Some(Instant::now());
            self.follow_request(gate, gate.state.read_phase(), false).await?;
            self.store().await?;
        }
        Ok(pause)
    }

    fn foreign(&mut self, gate: &Gate) -> HomeError {
        HomeError::Statement {
            address: self.ballot.conn().address().into(),
            doing: format!("controlling table {}", gate.table),
            code: None,
            cause: format!(
                "the gate {gate} carries another topology than this configuration ({})",
                self.config.table.hash()
            ),
        }
    }

    /// Shunt's own tables; `false` if they cannot be made now.
    async fn prepare(&mut self) -> Result<bool, HomeError> {
        let conn = self.ballot.conn();
        own_tables::ensure(conn, &controller::TABLES).await?;
        if let Err(error) = self.work.prepare(conn).await {
            tracing::warn!(table = %self.config.table.id(), %error, "the table cannot be controlled yet");
            self.report.notice = Some(format!("not controlled yet: {error}"));
            return match error {
                WorkError::Home(error) if error.is_disconnect() => Err(error),
                _ => Ok(false),
            };
        }
        let stored = report::load(conn, self.config.table.id()).await?;
        self.accepted = stored.and_then(|stored| stored.accepted).and_then(|flag| flag.parse().ok());
        self.prepared = true;
        Ok(true)
    }

    /// The gate as it is now. The first one ever is made here; a missing one otherwise closes the table.
    async fn gate(&mut self) -> Result<Option<Gate>, HomeError> {
        let id = self.config.table.id().clone();
        let conn = self.ballot.conn();
        let gate = match GateNames::read(conn).await?.one(&id) {
            Ok(gate) => gate,
            Err(GateFault::Missing) if history::last_epoch(conn, &id).await?.is_none() => {
                self.first_gate().await?
            }
            Err(fault) => {
                tracing::error!(table = %id, %fault, "the table is closed; nothing is flipped");
                self.report.notice = Some(format!("closed: {fault}"));
                self.seen = None;
                return Ok(None);
            }
        };
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != gate) {
            history::opened(self.ballot.conn(), &gate, &self.config.name).await?;
            self.arrived(gate.clone());
        }
        self.report.phase = gate.state.shown().to_owned();
        self.report.epoch = gate.epoch.0;
        Ok(Some(gate))
    }

    async fn first_gate(&mut self) -> Result<Gate, HomeError> {
        let table = &self.config.table;
        let gate = Gate::new(table.id().clone(), Epoch::FIRST, GateState::Open(Phase::Legacy), table.hash());
        let conn = self.ballot.conn();
        history::intend(conn, None, &gate, "first gate", &[], &self.config.name).await?;
        let ddl = format!("CREATE TABLE {} (x TINYINT NOT NULL PRIMARY KEY) ENGINE=InnoDB", gate.quoted());
        conn.run("making the first gate", ddl).await?;
        tracing::info!(%gate, "made the first gate");
        Ok(gate)
    }

    /// A new epoch begins, as far as this term is concerned.
    pub(crate) fn arrived(&mut self, gate: Gate) {
        tracing::info!(%gate, "epoch opened");
        let reads_shards = |gate: &Gate| gate.state.read_phase().authority() == Side::Shards;
        if self.seen.as_ref().is_none_or(|(before, _)| reads_shards(before)) || reads_shards(&gate) {
            self.shards_read = Instant::now();
        }
        self.seen = Some((gate, Instant::now()));
        self.old = None;
        self.readiness = None;
        self.retry = Retry::new();
    }

    /// Exactly one task runs, under this gate.
    async fn keep_task(&mut self, gate: &Gate, phase: Phase) {
        if self.task.as_ref().is_some_and(|task| task.gate() != gate) {
            self.end().await;
        }
        let wanted = match phase {
            Phase::Legacy => false,
            Phase::Shards => gate.state != GateState::Done && self.commands.finish.is_none(),
            Phase::DualWrite | Phase::ShardRead => true,
        };
        match &mut self.task {
            Some(_) if !wanted => self.end().await,
            Some(task) => self.report.work_error = task.keep_running(&self.work),
            None if wanted => self.task = Some(PhaseTask::start(&self.work, gate.clone())),
            None => {}
        }
    }

    async fn gather(&mut self, gate: &Gate) -> Result<(), HomeError> {
        match self.work.facts(self.ballot.conn(), gate).await {
            Ok(facts) => self.report.facts = facts,
            Err(WorkError::Home(error)) if error.is_disconnect() => return Err(error),
            Err(error) => self.report.notice = Some(error.to_string()),
        }
        Ok(())
    }

    /// After `shunt finish`: the next epoch is `0011` for good, in which nothing is logged. `true` if it has begun.
    async fn end_reverse_sync(&mut self, gate: &Gate, phase: Phase) -> Result<bool, HomeError> {
        let Some(by) = self.commands.finish.clone().filter(|_| gate.state == GateState::Open(Phase::Shards))
        else {
            return Ok(false);
        };
        if self.stays(phase) || !self.retry.due() {
            return Ok(false);
        }
        // The applier's own transactions hold the gate.
        self.end().await;
        self.flip(gate, GateState::Done, &format!("finished by {by}"), &[]).await
    }

    /// Empties the log of an ended reverse sync: nobody writes it any more.
    async fn forget_log(&mut self, gate: &Gate) -> Result<(), HomeError> {
        if gate.state != GateState::Done || self.forgot == Some(gate.epoch) {
            return Ok(());
        }
        match self.work.forget_log(self.ballot.conn()).await {
            Ok(()) => self.forgot = Some(gate.epoch),
            Err(WorkError::Home(error)) if error.is_disconnect() => return Err(error),
            Err(error) => {
                self.report.notice = Some(format!("the log of the ended reverse sync stays: {error}"))
            }
        }
        Ok(())
    }

    /// Whether the phase was entered too lately to be left; the report says so.
    pub(crate) fn stays(&mut self, phase: Phase) -> bool {
        let stayed = self.seen.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let left = MIN_STAY.checked_sub(stayed);
        if let Some(left) = left {
            self.report.waiting = Some(format!(
                "stays in {phase} for {:.1} s more: reads may go by the epoch before for {LEASE:?}",
                left.as_secs_f64()
            ));
        }
        left.is_some()
    }

    /// At the moment both sides are equal (the copy's end, or `0111`'s beginning) or after it: who may
    /// have an older snapshot?
    async fn remember_snapshots(&mut self, gate: &Gate, phase: Phase) -> Result<(), HomeError> {
        let equal = match phase {
            Phase::DualWrite => self.report.facts.copy.as_ref().is_some_and(|copy| copy.finished),
            Phase::ShardRead => true,
            Phase::Legacy | Phase::Shards => false,
        };
        if !equal {
            self.old = None;
            return Ok(());
        }
        // Another epoch of the same phase: DDL has run.
        if self.old.as_ref().is_some_and(|(epoch, _)| *epoch == gate.epoch) {
            return Ok(());
        }
        match self.ballot.alive_during(OldSnapshots::take(&self.config.home)).await? {
            Ok(old) => self.old = Some((gate.epoch, old)),
            Err(error) => self.report.notice = Some(error.to_string()),
        }
        Ok(())
    }

    pub(crate) async fn follow_request(
        &mut self,
        gate: &Gate,
        phase: Phase,
        may_step: bool,
    ) -> Result<(), HomeError> {
        let request = match self.config.flags.request(&self.config.keys).await {
            Ok(request) => request,
            Err(error) => {
                self.report.notice = Some(error.to_string());
                return Ok(());
            }
        };
        self.report.requested.clone_from(&request.value);
        let mut distrusted = None;
        match request::judge(&request, phase, gate.epoch, self.accepted) {
            Verdict::Follow(target) => {
                self.accept(target).await?;
                if let Some(next) = phase.step_towards(target).filter(|_| may_step) {
                    self.step(gate, phase, next).await?;
                }
            }
            Verdict::Missing => {
                let notice = "the request key was missing: the present phase was put into it".to_owned();
                tracing::info!(%gate, "{notice}");
                self.sticky = (gate.epoch != Epoch::FIRST).then(|| notice.clone());
                self.report.notice = self.sticky.clone();
            }
            Verdict::Illegal(error) => self.report.notice = Some(format!("request ignored: {error}")),
            Verdict::Distrust(value) => {
                let notice = format!(
                    "request {value} was found in a Redis that does not know epoch {} (wiped, or a replica that was promoted with old values): it was not followed and {phase} was put in its place; set it again if it is meant",
                    gate.epoch
                );
                tracing::warn!(%gate, "{notice}");
                self.sticky = Some(notice.clone());
                self.report.notice = Some(notice);
                distrusted = Some(value);
            }
        }
        let known = request.published == Some(gate.epoch) && request.value.is_some();
        self.publish(known, distrusted.as_deref()).await;
        Ok(())
    }

    /// Remembers on home which request is followed, before the first step.
    async fn accept(&mut self, target: Phase) -> Result<(), HomeError> {
        if self.accepted == Some(target) {
            return Ok(());
        }
        self.accepted = Some(target);
        self.sticky = None;
        self.retry = Retry::new();
        report::store(
            self.ballot.conn(),
            self.config.table.id(),
            &self.config.name,
            self.accepted,
            &self.report,
        )
        .await
    }

    /// One step, if its guards let it pass and nobody holds the gate.
    async fn step(&mut self, gate: &Gate, phase: Phase, next: Phase) -> Result<(), HomeError> {
        if self.stays(phase) {
            return Ok(());
        }
        if !self.retry.due() {
            // What stood in the way is still the reason.
            if let Some((_, last, _)) = &self.stored {
                self.report.waiting.clone_from(&last.waiting);
                self.report.blockers.clone_from(&last.blockers);
                self.report.old_transactions.clone_from(&last.old_transactions);
            }
            return Ok(());
        }
        let forced =
            self.commands.force.as_ref().is_some_and(|(target, _)| phase.step_towards(*target) == Some(next));
        let findings = self.findings(gate, phase, next).await?;
        if !findings.pass(forced) {
            self.report.waiting = findings.refusal();
            self.retry.later();
            return Ok(());
        }
        let cause = match &self.commands.force {
            Some((_, by)) if forced && !findings.missing.is_empty() => format!("forced by {by}"),
            _ => format!("request {}", self.report.requested.as_deref().unwrap_or_default()),
        };
        let seen = seen(&findings);
        match (phase, next) {
            (Phase::Legacy, Phase::DualWrite) if !self.empty_shards(gate, forced).await? => {
                self.retry.later();
                Ok(())
            }
            (Phase::Shards, Phase::ShardRead) => self.go_back_through_hold(gate, &cause, &seen).await,
            _ => self.flip(gate, GateState::Open(next), &cause, &seen).await.map(|_| ()),
        }
    }

    async fn findings(&mut self, gate: &Gate, phase: Phase, next: Phase) -> Result<Findings, HomeError> {
        let forward = matches!(
            (phase, next),
            (Phase::Legacy, Phase::DualWrite)
                | (Phase::DualWrite, Phase::ShardRead)
                | (Phase::ShardRead, Phase::Shards)
        );
        if forward {
            self.check_readiness(gate).await?;
        }
        let home = self.config.home.clone();
        let old = match &mut self.old {
            Some((epoch, old)) if *epoch == gate.epoch => {
                let looked = self.ballot.alive_during(old.look(&home)).await?;
                Some(looked.map_err(|error| error.to_string()))
            }
            _ => None,
        };
        if let Some(Ok(old)) = &old {
            self.report.old_transactions = old.to_vec();
        }
        let evidence = Evidence {
            readiness: self.readiness.as_ref().map(|(_, _, readiness)| readiness),
            facts: self.report.facts.clone(),
            old,
            finished: gate.state.is_done() || self.commands.finish.is_some(),
        };
        Ok(guards::check(phase, next, &evidence))
    }

    async fn check_readiness(&mut self, gate: &Gate) -> Result<(), HomeError> {
        if let Some((at, epoch, _)) = &self.readiness
            && *epoch == gate.epoch
            && at.elapsed() < READINESS_AGE
        {
            return Ok(());
        }
        self.readiness = None;
        match self.ballot.alive_during(self.work.readiness()).await? {
            Ok(readiness) => self.readiness = Some((Instant::now(), gate.epoch, readiness)),
            Err(error) => self.report.notice = Some(format!("preflight: {error}")),
        }
        Ok(())
    }

    /// `false` if they could not be emptied now; the report says why.
    async fn empty_shards(&mut self, gate: &Gate, forced: bool) -> Result<bool, HomeError> {
        if let Err(error) = self.config.flags.clear_end(&self.config.keys).await {
            self.report.notice = Some(error.to_string());
            return Ok(false);
        }
        // Nobody writes them in 1100: once is enough for all attempts of this epoch.
        if self.emptied == Some(gate.epoch) {
            return Ok(true);
        }
        match self.work.empty_shards(self.ballot.conn(), forced).await {
            Ok(()) => {
                self.emptied = Some(gate.epoch);
                Ok(true)
            }
            Err(WorkError::Home(error)) if error.is_disconnect() => Err(error),
            Err(error) => {
                self.report.waiting = Some(error.to_string());
                Ok(false)
            }
        }
    }

    /// One attempt; `true` if the gate has its new name.
    pub(crate) async fn flip(
        &mut self,
        from: &Gate,
        state: GateState,
        cause: &str,
        guards: &[String],
    ) -> Result<bool, HomeError> {
        let table = &self.config.table;
        let to = Gate::new(table.id().clone(), from.epoch.next(), state, table.hash());
        history::intend(self.ballot.conn(), Some(from), &to, cause, guards, &self.config.name).await?;
        match flip::attempt(&mut self.ballot, &self.config.home, from, &to).await? {
            Attempt::Done { took } => {
                tracing::info!(%from, %to, ?took, cause, "flipped");
                self.opened(to).await?;
                return Ok(true);
            }
            Attempt::Blocked { by } => {
                let named: Vec<_> = by.iter().map(|b| format!("{} {}", b.connection, b.who)).collect();
                let mariadb = self.ballot.conn().mariadb();
                let reason = if named.is_empty() {
                    blockers::unnamed(mariadb).to_owned()
                } else {
                    format!("open transactions or LOCK TABLES hold the gate: connection {}", named.join(", "))
                };
                tracing::info!(%from, %to, reason, "flip put off");
                self.report.waiting = Some(reason);
                self.report.blockers = by;
            }
            Attempt::Busy => self.report.waiting = Some("another table is being flipped".into()),
        }
        self.retry.later();
        Ok(false)
    }

    async fn opened(&mut self, gate: Gate) -> Result<(), HomeError> {
        history::opened(self.ballot.conn(), &gate, &self.config.name).await?;
        self.report.phase = gate.state.shown().to_owned();
        self.report.epoch = gate.epoch.0;
        self.report.waiting = None;
        self.report.blockers.clear();
        self.report.old_transactions.clear();
        self.arrived(gate);
        // The others must hear of it now; what they read is the gate.
        if let Err(error) = self.config.flags.wake(self.config.table.id().as_str()).await {
            tracing::debug!(%error, "flip not announced; sidecars poll the gate");
        }
        Ok(())
    }

    /// Publishes the state if it changed, or if this Redis does not know it.
    async fn publish(&mut self, known: bool, distrusted: Option<&str>) {
        let fields = self.report.fields();
        if known && self.published.as_ref() == Some(&fields) {
            return;
        }
        // In a hold the request key, if it is missing, gets the phase that is being left.
        let phase = self.seen.as_ref().map_or(Phase::Shards, |(gate, _)| gate.state.read_phase());
        let id = self.config.table.id().as_str();
        let published =
            self.config.flags.publish(&self.config.keys, id, phase.flag(), distrusted, &fields).await;
        match published {
            Ok(_) => {
                if distrusted.is_some() {
                    self.accepted = Some(phase);
                }
                self.published = Some(fields);
            }
            Err(error) => self.report.notice = Some(error.to_string()),
        }
    }

    async fn store(&mut self) -> Result<(), HomeError> {
        let due = self.stored.as_ref().is_none_or(|(at, report, accepted)| {
            at.elapsed() >= REPORT_INTERVAL || *report != self.report || *accepted != self.accepted
        });
        if due {
            report::store(
                self.ballot.conn(),
                self.config.table.id(),
                &self.config.name,
                self.accepted,
                &self.report,
            )
            .await?;
            self.stored = Some((Instant::now(), self.report.clone(), self.accepted));
        }
        Ok(())
    }
}

/// What history keeps of the guards, with what was forced.
fn seen(findings: &Findings) -> Vec<String> {
    let forced = findings.missing.iter().map(|missing| format!("FORCED past: {}", missing.what));
    findings.seen.iter().cloned().chain(forced).collect()
}
