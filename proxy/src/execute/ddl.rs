//! DDL beyond 1100: the client's own statement on legacy, on its own session, so that rights, errors, warnings and
//! answer are the server's; the controller closes the gate before it and changes the shards after it (`reshard`'s
//! `ddl.rs` shows who does what). The client's answer is held back until the shards have it too.
//!
//! The session holds a named lock from before it asks until it answers: as long as it is held the statement may
//! still run, and nobody else decides what became of it.

use std::time::{Duration, Instant};

use flag_client::{HomeConn, HomeError};
use reshard::ddl::{self as record, Change, Record, Stage};
use sql_rewrite::Ddl;
use topology::{Epoch, TableId};
use wire::{
    own::Answer,
    packet::{ErrInfo, OkInfo},
};

use super::{Done, Origin, Snapshots, transaction::Opened};
use crate::{
    answer::{End, Shape},
    diagnostics::row_count,
    random_u64,
    session::{Flow, Session},
};

/// How long open transactions may keep the gate from being closed. The server's own limit for a table that is in use
/// is a day or a year; but here a client's driver waits as well.
const CLOSE_WAIT: Duration = Duration::from_secs(30);

/// How long the statement may wait for legacy under the closed gate, when every writer waits for it.
const LEGACY_WAIT: Duration = Duration::from_secs(5);

/// How long the client waits for the shards. They are changed even later, and writes wait until then.
const SHARDS_WAIT: Duration = Duration::from_secs(60);

/// DDL that may touch every row keeps writers waiting for all of them, in legacy and again in the shards. This much is
/// a matter of seconds.
const ROWS_MAX_BYTES: u64 = 64 << 20;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The waiting session says this often that it is alive: the controller ends one that is not.
const TOUCH: Duration = Duration::from_secs(1);

/// `ER_LOCK_WAIT_TIMEOUT`, which applications try again after.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
/// `ER_UNKNOWN_ERROR`.
const UNKNOWN: u16 = 1105;

/// What became of it.
enum Ended {
    /// Legacy's answer.
    Answer(End),
    /// Shunt's own error.
    Failed(ErrInfo),
    /// It was planned in an epoch that is over; nothing was done.
    EpochOver,
}

/// What the parts of one DDL share.
struct Asking {
    conn: HomeConn,
    table: TableId,
    epoch: Epoch,
    token: u64,
    touched: Instant,
}

impl Session {
    /// Runs DDL on legacy and shards.
    pub(super) async fn ddl(&mut self, ddl: &Ddl, snapshots: &Snapshots, origin: Origin<'_>) -> Flow<Done> {
        // As the server does, whatever becomes of the statement; and the client's own transaction holds the gate.
        if self.in_clients_transaction() {
            match self.commit().await? {
                Answer::Ok(ok) => self.relay.status = ok.status,
                Answer::Err(error) => return self.fail(error).await,
                Answer::Rows(_) => return Err(self.out_of_step()),
            }
        }
        let deadline = Instant::now() + CLOSE_WAIT;
        let lock = record::lock_name(&ddl.table);
        while !self.got_lock(&lock).await? {
            if Instant::now() > deadline {
                return self.fail(late("other DDL on it runs")).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let ended = match self.ddl_under_lock(ddl, snapshots, origin, deadline).await? {
            Ok(ended) => ended,
            Err(error) => Ended::Failed(unknown(&error)),
        };
        let last = self.let_go(&lock).await?;
        self.facts = None;
        match ended {
            Ended::EpochOver => match snapshots.first() {
                Some(snapshot) => Ok(Done::EpochOver(ddl.table.clone(), snapshot.epoch())),
                None => Err(self.out_of_step()),
            },
            Ended::Failed(error) => self.fail_anew(error).await,
            Ended::Answer(End::Err(error)) => self.fail(error).await,
            Ended::Answer(end) => {
                self.diagnostics.overwritten(row_count(&end), false);
                self.reply_end(end, Some(&last), origin.more);
                Ok(Done::Answered)
            }
        }
    }

    async fn ddl_under_lock(
        &mut self,
        ddl: &Ddl,
        snapshots: &Snapshots,
        origin: Origin<'_>,
        deadline: Instant,
    ) -> Flow<Result<Ended, HomeError>> {
        match self.look_at_gates(snapshots).await? {
            Opened::Held => {}
            Opened::Failed(error) => return Ok(Ok(Ended::Failed(error))),
            _ => return Ok(Ok(Ended::EpochOver)),
        }
        let Some(snapshot) = snapshots.first() else { return Err(self.out_of_step()) };
        let mut conn = match self.plane.home().connect().await {
            Ok(conn) => conn,
            Err(error) => return Ok(Err(error)),
        };
        let legacy = snapshot.schema.table.legacy();
        match record::bytes(&mut conn, legacy).await {
            Ok(bytes) if ddl.rows && bytes > ROWS_MAX_BYTES => {
                return Ok(Ok(Ended::Failed(too_large(bytes))));
            }
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        let settings = if ddl.empties { Vec::new() } else { self.settings().await? };
        let (table, epoch) = (ddl.table.clone(), snapshot.epoch());
        let mut asking = Asking { conn, table, epoch, token: random_u64(), touched: Instant::now() };
        let change = Change {
            statement: ddl.statement.clone(),
            shards: ddl.shards.clone(),
            settings,
            empties: ddl.empties,
        };
        if let Some(ended) = self.until_closed(&mut asking, &change, deadline).await?.transpose() {
            return Ok(ended);
        }
        let end = self.on_legacy(origin).await?;
        let ok = !matches!(end, End::Err(_));
        if let Err(error) = record::legacy_done(&mut asking.conn, &asking.table, asking.token, ok).await {
            return Ok(Err(error));
        }
        if !ok {
            return Ok(Ok(Ended::Answer(end)));
        }
        self.until_done(&mut asking, end).await
    }

    /// Asks, and waits until the controller has closed the gate. `Some`: that will not be.
    async fn until_closed(
        &mut self,
        asking: &mut Asking,
        change: &Change,
        deadline: Instant,
    ) -> Flow<Result<Option<Ended>, HomeError>> {
        let mut asked = false;
        loop {
            let look = asking.look(change, &mut asked, Instant::now() > deadline).await;
            match look {
                Err(error) => return Ok(Err(error)),
                Ok(Look::Closed) => return Ok(Ok(None)),
                Ok(Look::Ended(ended)) => return Ok(Ok(Some(ended))),
                Ok(Look::Wait) => self.wait_a_little(asking).await?,
            }
        }
    }

    async fn until_done(&mut self, asking: &mut Asking, end: End) -> Flow<Result<Ended, HomeError>> {
        let deadline = Instant::now() + SHARDS_WAIT;
        loop {
            let left = match record::load(&mut asking.conn, &asking.table).await {
                Ok(left) => left.filter(|left| left.token == asking.token),
                Err(error) => return Ok(Err(error)),
            };
            let Some(left) = left else { break };
            if Instant::now() > deadline {
                return Ok(Ok(Ended::Failed(half_done(&left))));
            }
            self.wait_a_little(asking).await?;
        }
        // The session's next statement is planned by the new shape. If it cannot be had now, that one waits for it.
        let deadline = Instant::now() + LEGACY_WAIT;
        let _ = self.plane.gates.refresh(&asking.table, asking.epoch, deadline).await;
        Ok(Ok(Ended::Answer(end)))
    }

    /// The client's own statement; its conditions are kept.
    async fn on_legacy(&mut self, origin: Origin<'_>) -> Flow<End> {
        let known = self.facts.as_ref().map(|known| known.lock_wait);
        let own = known.filter(|own| *own > LEGACY_WAIT);
        if own.is_some() {
            self.run_own(&format!("SET SESSION lock_wait_timeout = {}", LEGACY_WAIT.as_secs())).await?;
        }
        self.send_own(origin).await?;
        self.flush().await?;
        let end = self.pass_answer(Shape::AsIs, origin).await?;
        if end.has_conditions() {
            self.fetch_conditions(&end).await?;
        }
        if let Some(own) = own {
            self.run_own(&format!("SET SESSION lock_wait_timeout = {}", own.as_secs())).await?;
        }
        Ok(end)
    }

    /// What the meaning of a definition depends on.
    async fn settings(&mut self) -> Flow<Vec<(String, String)>> {
        self.send("SELECT @@SESSION.sql_mode, @@SESSION.time_zone LIMIT 1");
        self.flush().await?;
        let Answer::Rows(rows) = self.answer().await? else { return Err(self.out_of_step()) };
        let row = rows.rows.first().ok_or_else(|| self.out_of_step())?;
        let cells = wire::packet::row::parse_text(row, 2).map_err(|_| self.out_of_step())?;
        let named = ["sql_mode", "time_zone"].into_iter().zip(cells);
        Ok(named
            .map(|(name, cell)| {
                (name.to_owned(), String::from_utf8_lossy(cell.unwrap_or_default()).into_owned())
            })
            .collect())
    }

    async fn wait_a_little(&mut self, asking: &mut Asking) -> Flow<()> {
        tokio::time::sleep(LOOK_AGAIN).await;
        if asking.touched.elapsed() > TOUCH {
            asking.touched = Instant::now();
            self.run_own("DO 0").await?;
        }
        Ok(())
    }

    async fn got_lock(&mut self, lock: &str) -> Flow<bool> {
        self.diagnostics.lose_found_rows();
        self.send(&format!("SELECT GET_LOCK('{lock}', 0) LIMIT 1"));
        self.flush().await?;
        let Answer::Rows(rows) = self.answer().await? else { return Ok(false) };
        let row = rows.rows.first().ok_or_else(|| self.out_of_step())?;
        let cells = wire::packet::row::parse_text(row, 1).map_err(|_| self.out_of_step())?;
        Ok(cells[0] == Some(b"1"))
    }

    async fn let_go(&mut self, lock: &str) -> Flow<OkInfo> {
        self.send(&format!("DO RELEASE_LOCK('{lock}')"));
        self.flush().await?;
        match self.answer().await? {
            Answer::Ok(ok) => Ok(ok),
            _ => Err(self.out_of_step()),
        }
    }
}

/// What a look at the row says to who waits for the closed gate.
enum Look {
    Wait,
    Closed,
    Ended(Ended),
}

impl Asking {
    async fn look(&mut self, change: &Change, asked: &mut bool, late_now: bool) -> Result<Look, HomeError> {
        if !*asked {
            *asked = record::ask(&mut self.conn, &self.table, self.epoch, self.token, change).await?;
            let left = "what is left of DDL that was cut off is not finished";
            return Ok(if late_now && !*asked { Look::Ended(Ended::Failed(late(left))) } else { Look::Wait });
        }
        let own = record::load(&mut self.conn, &self.table).await?.filter(|own| own.token == self.token);
        let Some(own) = own else {
            return Ok(Look::Ended(Ended::EpochOver));
        };
        match own.stage {
            Stage::Legacy => return Ok(Look::Closed),
            Stage::Asked if !late_now => return Ok(Look::Wait),
            _ => {}
        }
        if !record::withdraw(&mut self.conn, &self.table, self.token).await? {
            return Ok(Look::Wait);
        }
        Ok(Look::Ended(match (own.stage, own.trouble) {
            (Stage::Refused, Some(why)) if !why.is_empty() => Ended::Failed(ErrInfo::new(
                1235,
                b"42000",
                format!("Shunt: DDL on a sharded table: {why}; nothing was done"),
            )),
            (Stage::Refused, _) => Ended::EpochOver,
            _ => Ended::Failed(late("open transactions use it, or no controller is at work")),
        }))
    }
}

fn late(why: &str) -> ErrInfo {
    let text = format!(
        "Shunt: the table could not be closed for DDL ({why}); nothing was done: retry, and see `shunt status`"
    );
    ErrInfo::new(LOCK_WAIT_TIMEOUT, b"HY000", text)
}

fn half_done(left: &Record) -> ErrInfo {
    let text = format!(
        "Shunt: not finished yet, and it goes on by itself: {}. See `shunt check`",
        reshard::ddl_explained(left)
    );
    ErrInfo::new(UNKNOWN, b"HY000", text)
}

fn too_large(bytes: u64) -> ErrInfo {
    let text = format!(
        "Shunt: the table has about {} MB, and this DDL may touch every row, while writes wait; beyond {} MB that is not done          while it is sharded; nothing was done. What to do: write ALTER TABLE … ALGORITHM=INSTANT if the server can do that, \
         or go back to 1100 first",
        bytes >> 20,
        ROWS_MAX_BYTES >> 20
    );
    ErrInfo::new(1235, b"42000", text)
}

fn unknown(error: &HomeError) -> ErrInfo {
    let text = format!(
        "Shunt: lost home during DDL ({error}). Whether it took effect is not known: see `shunt check`"
    );
    ErrInfo::new(UNKNOWN, b"HY000", text)
}
