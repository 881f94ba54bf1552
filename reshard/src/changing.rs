//! DDL, as the controller sees it: the gate is closed, legacy gets it by the client's own session, the shards by the
//! controller, and the gate opens with a new epoch.
//!
//! ```text
//! 1101 ─────────────────────────────────► ddl1101 ──► 1101
//! 0111 ──► pre0111 ──lease: reads, too──► ddl0111 ──► 0111     (0011 and done alike)
//! ```
//! Reads of shards are planned by columns that were read up to a lease ago, and take no gate. So before the gate of
//! a phase that reads shards is closed, it is renamed once for nothing but that: in the new epoch such reads hold
//! it, and when the lease is over there are no others. In 1101 reads go to legacy as they are sent.
//!
//! A controller that takes over goes on from the row in `shunt.ddl` ([`crate::ddl`]).

use std::time::Duration;

use flag_client::{HomeConn, HomeError};
use topology::{Gate, GateState, Phase, ShardedTable, Standing};

use crate::{
    controller::REQUEST_INTERVAL,
    ddl::{self, Record, Stage},
    sequence, shape,
    term::{MIN_STAY, Term},
    work::Work,
};

/// While somebody else's part is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Between attempts on a shard that cannot be changed now.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// A session whose turn it is and that does nothing for so long is that of a sidecar that is gone: it is ended.
const IDLE_S: u64 = 15;

impl<W: Work> Term<W> {
    /// Takes the steps of DDL that is asked for, if there is one. `Some`: it is under way, and nothing else is begun.
    pub(crate) async fn ddl_before(&mut self, gate: &Gate) -> Result<Option<Duration>, HomeError> {
        let asked = self.asked(gate).await?;
        if let GateState::Announced(standing) = gate.state {
            self.end().await;
            if asked.is_none() {
                return self.rename(gate, standing.state(), "the DDL was taken back").await.map(Some);
            }
            if !self.stays(standing.phase()) && self.retry.due() {
                return self.close(gate, standing).await.map(Some);
            }
            return Ok(Some(REQUEST_INTERVAL));
        }
        let Some(record) = asked else { return Ok(None) };
        let Some(standing) = Standing::of(gate.state).filter(|_| record.epoch == gate.epoch) else {
            let table = self.config.table.id().clone();
            ddl::decline(self.ballot.conn(), &table, record.token, "").await?;
            return Ok(None);
        };
        if !self.retry.due() {
            return Ok(Some(REQUEST_INTERVAL));
        }
        if standing.phase() != Phase::DualWrite {
            return self.rename(gate, GateState::Announced(standing), &cause(&record)).await.map(Some);
        }
        let since = self.shards_read.elapsed();
        if let Some(left) = MIN_STAY.checked_sub(since) {
            self.report.waiting =
                Some(format!("DDL waits {:.1} s more: reads may still go to the shards", left.as_secs_f64()));
            return Ok(Some(REQUEST_INTERVAL));
        }
        self.close(gate, standing).await.map(Some)
    }

    /// What a living session asks for; what is left of a dead one is forgotten.
    async fn asked(&mut self, gate: &Gate) -> Result<Option<Record>, HomeError> {
        let table = gate.table.clone();
        let Some(record) = ddl::load(self.ballot.conn(), &table).await? else { return Ok(None) };
        let over = record.stage == Stage::Done;
        if over || ddl::asker(self.ballot.conn(), &table).await?.is_none() {
            ddl::forget(self.ballot.conn(), &table, record.token).await?;
            return Ok(None);
        }
        Ok(Some(record).filter(|record| record.stage == Stage::Asked))
    }

    async fn close(&mut self, gate: &Gate, standing: Standing) -> Result<Duration, HomeError> {
        // Its own transactions hold the gate.
        self.end().await;
        self.rename(gate, GateState::Changing(standing), "DDL").await
    }

    /// A request that is made now is heard before the epoch that it was made in ends, and Redis knows the new one
    /// before the next can be made.
    async fn rename(&mut self, gate: &Gate, to: GateState, cause: &str) -> Result<Duration, HomeError> {
        self.follow_request(gate, gate.state.read_phase(), false).await?;
        if self.flip(gate, to, cause, &[]).await?
            && let Some((now, _)) = self.seen.clone()
        {
            self.follow_request(&now, now.state.read_phase(), false).await?;
            return Ok(Duration::ZERO);
        }
        Ok(LOOK_AGAIN)
    }

    /// One look at DDL under its closed gate.
    pub(crate) async fn change(&mut self, gate: &Gate, standing: Standing) -> Result<Duration, HomeError> {
        self.end().await;
        let table = gate.table.clone();
        let Some(record) = ddl::load(self.ballot.conn(), &table).await? else {
            return self.rename(gate, standing.state(), "the DDL did nothing").await;
        };
        self.report.waiting = Some(explained(&record));
        match record.stage {
            Stage::Asked => self.note_marks(&record).await,
            Stage::Legacy => self.watch_legacy(&record).await,
            Stage::Shards => self.change_shards(&record).await,
            Stage::Done => self.rename(gate, standing.state(), "end of DDL").await,
            Stage::Refused => self.rename(gate, standing.state(), "the DDL was refused").await,
        }
    }

    async fn note_marks(&mut self, record: &Record) -> Result<Duration, HomeError> {
        let config = self.config.clone();
        let (table, conn) = (config.table.id(), self.ballot.conn());
        if !record.change.empties
            && let Some(why) = not_equal(conn, &config.table).await?
        {
            ddl::decline(conn, table, record.token, &why).await?;
            return Ok(LOOK_AGAIN);
        }
        match ddl::marks(conn, &config.table).await? {
            Ok(marks) => ddl::begin(conn, table, record.token, &marks).await?,
            Err(name) => {
                let why = format!("{name} cannot be found in InnoDB's list of tables");
                ddl::decline(conn, table, record.token, &why).await?;
            }
        }
        Ok(LOOK_AGAIN)
    }

    /// The client's session runs its statement. If it is gone, legacy itself says whether it has.
    async fn watch_legacy(&mut self, record: &Record) -> Result<Duration, HomeError> {
        let config = self.config.clone();
        let (table, conn) = (config.table.id(), self.ballot.conn());
        if let Some(asker) = ddl::asker(conn, table).await? {
            let sql = "SELECT CAST(TIME AS SIGNED) FROM information_schema.PROCESSLIST WHERE ID=? AND COMMAND='Sleep'";
            let idle: Vec<i64> = conn.rows("looking at who asked for DDL", sql, (asker,)).await?;
            // SET timestamp of the session's own changes what MySQL says of its time.
            let waited = self.seen.as_ref().is_some_and(|(_, since)| since.elapsed().as_secs() >= IDLE_S);
            if waited && idle.first().is_some_and(|seconds| *seconds >= IDLE_S as i64) {
                tracing::warn!(%table, asker, "the session that asked for DDL does nothing; it is ended");
                let killed = conn.run("ending a session that asked for DDL", format!("KILL {asker}")).await;
                match killed {
                    Err(error) if error.is_disconnect() => return Err(error),
                    Err(error) => {
                        let trouble = format!(
                            "connection {asker} asked for it and does nothing; KILL {asker} ({error})"
                        );
                        ddl::trouble(conn, table, record.token, &trouble).await?;
                    }
                    Ok(()) => {}
                }
            }
            return Ok(LOOK_AGAIN);
        }
        // It may have said so just before it ended.
        let now = ddl::load(conn, table).await?;
        if now.is_none_or(|now| now.stage != Stage::Legacy) {
            return Ok(Duration::ZERO);
        }
        let changed = ddl::mark(conn, config.table.legacy()).await?.as_ref() != record.marks.first();
        tracing::warn!(%table, changed, statement = record.change.statement, "the session that ran DDL is gone; it is finished where legacy has it");
        ddl::legacy_done(conn, table, record.token, changed).await?;
        Ok(Duration::ZERO)
    }

    async fn change_shards(&mut self, record: &Record) -> Result<Duration, HomeError> {
        let config = self.config.clone();
        let (table, conn) = (config.table.id(), self.ballot.conn());
        if let Err(trouble) = ddl::on_shards(&config.home, conn, &config.table, record).await? {
            tracing::warn!(%table, trouble, "DDL does not go on; writes wait");
            if record.trouble.as_ref() != Some(&trouble) {
                ddl::trouble(conn, table, record.token, &trouble).await?;
            }
            return Ok(TRY_AGAIN);
        }
        if record.change.empties {
            sequence::forget(conn, table).await?;
            if let Err(error) = config.flags.clear_end(&config.keys).await {
                tracing::debug!(%table, %error, "the first dual-written row stays marked");
            }
        }
        ddl::done(self.ballot.conn(), table, record.token).await?;
        Ok(Duration::ZERO)
    }
}

/// What goes well on legacy must go well on the shards: they have to have the same columns and keys.
async fn not_equal(conn: &mut HomeConn, table: &ShardedTable) -> Result<Option<String>, HomeError> {
    let columns = shape::differences(conn, table).await?;
    let keys = shape::key_differences(conn, table).await?;
    let first = columns.into_iter().chain(keys.into_iter().map(|(sentence, _)| sentence)).next();
    Ok(first.map(|sentence| format!("{sentence}, so the same DDL may not be possible on all tables")))
}

fn cause(record: &Record) -> String {
    format!("DDL: {}", record.change.statement)
}

/// What DDL under a closed gate is at, for `shunt status` and `shunt check`.
#[must_use]
pub fn explained(record: &Record) -> String {
    let at = match record.stage {
        Stage::Asked => "the gate is being closed for it",
        Stage::Legacy => "the client's session runs it on legacy",
        Stage::Shards => "legacy has it, and those shards get it that lack it",
        Stage::Done => "all tables have it, and the gate opens",
        Stage::Refused => "it was refused",
    };
    let trouble = record.trouble.as_deref().filter(|trouble| !trouble.is_empty());
    let trouble = trouble.map(|trouble| format!("; it waits: {trouble}")).unwrap_or_default();
    format!("DDL `{}` since {} UTC: {at}{trouble}; writes wait", record.change.statement, record.asked_at)
}
