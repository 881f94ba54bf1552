//! One client of the demo's application: it owns rows, changes them, reads everybody's, and writes down what it
//! was told.
//!
//! An ordinary program with an ordinary driver: autocommit statements and transactions, half of them prepared,
//! half as text. It knows one table and nothing of shards. After a lost connection it reconnects and never touches
//! the rows of an unanswered write again, so that the end shows what became of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use mysql_async::{Conn, Error, Value, prelude::Queryable};
use tokio::time::{sleep, timeout};

use crate::{
    history::{Effect, Fate, History, Image, Micros, Read, Scope, Token, Trouble, What, Write},
    load::{Class, Shared},
    patience::PATIENCE,
    sql::{self, Told},
};

/// Longer than any lock wait or flip: who gets no answer for so long has lost the connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two attempts to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
/// Rows of the widest listing.
const LISTING_ROWS: u64 = 25;

/// One client.
pub struct Worker {
    number: u64,
    shared: Arc<Shared>,
    conn: Option<Conn>,
    /// The generation of routes that the connection belongs to.
    route: u64,
    /// The last attempt to connect failed, and that is written down.
    away: bool,
    /// The rows it owns that are there: token to id.
    rows: BTreeMap<Token, u64>,
    /// Rows of unanswered writes.
    unknown: BTreeSet<Token>,
    next: Token,
    random: Random,
    history: History,
}

/// A step of a transaction that may fail before COMMIT was sent.
enum Broken {
    /// Nothing was committed: COMMIT was not sent, or it was refused.
    Before(Error),
    /// The answer to COMMIT is missing.
    Commit(Error),
}

impl Worker {
    /// A client that owns these rows of the start.
    #[must_use]
    pub fn new(number: u64, shared: Arc<Shared>, rows: BTreeMap<Token, u64>) -> Self {
        let next = rows.last_key_value().map_or(number << 32, |(token, _)| token + 1);
        Self {
            number,
            shared,
            conn: None,
            route: 0,
            away: false,
            rows,
            unknown: BTreeSet::new(),
            next,
            random: Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            history: History::default(),
        }
    }

    /// Works until it is told to stop; what it did and saw.
    pub async fn run(mut self) -> History {
        while !self.shared.stopped() {
            if self.connect().await {
                self.one().await;
                sleep(self.shared.think()).await;
            } else {
                sleep(RECONNECT_PAUSE).await;
            }
        }
        if let Some(conn) = self.conn.take() {
            drop(timeout(Duration::from_secs(5), conn.disconnect()).await);
        }
        self.history
    }

    /// Whether there is a connection on the present route.
    async fn connect(&mut self) -> bool {
        let (route, opts) = self.shared.route(self.number);
        if self.conn.is_some() && self.route == route {
            return true;
        }
        if let Some(old) = self.conn.take() {
            drop(timeout(Duration::from_secs(5), old.disconnect()).await);
        }
        self.route = route;
        match timeout(PATIENCE, Conn::new(opts)).await {
            Ok(Ok(conn)) => self.conn = Some(conn),
            // Once, not for each of the attempts that follow.
            _ if self.away => {}
            Ok(Err(error)) => self.trouble("connect", &error),
            Err(_) => self.disconnected("connect", format!("no answer for {PATIENCE:?}")),
        }
        self.away = self.conn.is_none();
        self.conn.is_some()
    }

    async fn one(&mut self) {
        match self.random.below(100) {
            0..25 => self.point_read().await,
            25..35 => self.listing().await,
            35..40 => self.read_transaction().await,
            40..52 => self.insert(1).await,
            52..56 => {
                let rows = 2 + self.random.below(4);
                self.insert(rows).await;
            }
            56..76 => self.update().await,
            76..81 => self.update_range().await,
            81..88 => self.delete().await,
            88..90 => self.delete_range().await,
            _ => self.transaction().await,
        }
    }

    // ---- reads ----------------------------------------------------------------------------------------------

    /// An id that somebody wrote a moment ago, or any.
    fn some_id(&mut self) -> u64 {
        let any = 1 + self.random.below(self.shared.highest_id());
        if self.random.below(2) == 0 {
            return any;
        }
        let pick = self.random.next();
        self.shared.recent(pick).unwrap_or(any)
    }

    fn point(&mut self) -> (String, Vec<Value>, Scope) {
        let id = self.some_id();
        let sql = format!("{} WHERE id = ?", sql::SELECT);
        (sql, vec![id.into()], Scope::Ids(id, id))
    }

    /// Everybody's rows with neighbouring ids, or one owner's with neighbouring tokens.
    fn range(&mut self) -> (String, Vec<Value>, Scope) {
        let width = 1 + self.random.below(LISTING_ROWS);
        if self.random.below(2) == 0 {
            let from = self.some_id();
            let to = from + width;
            let sql = format!("{} WHERE id BETWEEN ? AND ? ORDER BY id", sql::SELECT);
            (sql, vec![from.into(), to.into()], Scope::Ids(from, to))
        } else {
            let owner = 1 + self.random.below(self.shared.workers());
            let from = (owner << 32) + self.random.below(self.shared.highest_id());
            let to = from + width;
            let sql = format!("{} WHERE token >= ? AND token <= ? ORDER BY token", sql::SELECT);
            (sql, vec![from.into(), to.into()], Scope::Tokens(from, to))
        }
    }

    async fn point_read(&mut self) {
        let (sql, values, scope) = self.point();
        self.read("point read", sql, values, scope).await;
    }

    async fn listing(&mut self) {
        let (sql, values, scope) = self.range();
        self.read("listing", sql, values, scope).await;
    }

    async fn read(&mut self, doing: &'static str, sql: String, values: Vec<Value>, scope: Scope) {
        let began = self.shared.clock.now();
        let prepared = self.random.below(2) == 0;
        let run = async |conn: &mut Conn| sql::rows(conn, prepared, &sql, values).await;
        match self.answered(run).await {
            Ok(rows) => {
                self.note_read(began, scope, rows);
                self.shared.sample(Class::Read, began);
            }
            Err(error) => self.trouble(doing, &error),
        }
    }

    /// Several reads of one snapshot: its time is that of the first.
    async fn read_transaction(&mut self) {
        let reads = [self.point(), self.range(), self.point()];
        let began = self.shared.clock.now();
        let prepared = self.random.below(2) == 0;
        let run = async |conn: &mut Conn| {
            let mut all = Vec::new();
            conn.query_drop("START TRANSACTION READ ONLY").await?;
            for (sql, values, scope) in reads {
                all.push((scope, sql::rows(conn, prepared, &sql, values).await?));
            }
            conn.query_drop("COMMIT").await?;
            Ok(all)
        };
        match self.answered(run).await {
            Ok(all) => {
                for (scope, rows) in all {
                    self.note_read(began, scope, rows);
                }
            }
            Err(error) => self.trouble("read transaction", &error),
        }
    }

    fn note_read(&mut self, began: Micros, scope: Scope, rows: Vec<Image>) {
        let ended = self.shared.clock.now();
        self.history.reads.push(Read { began, ended, scope, rows });
    }

    // ---- autocommit writes ----------------------------------------------------------------------------------

    async fn insert(&mut self, count: u64) {
        let version = self.shared.next_version();
        let tokens: Vec<Token> = (self.next..self.next + count).collect();
        self.next += count;
        let effects = tokens.iter().map(|token| Effect::Insert { token: *token, id: None });
        let doing = if count == 1 { "insert" } else { "insert of several rows" };
        let prepared = self.random.below(2) == 0;
        let (sql, values) = sql::insert(&tokens, version);
        let run = async |conn: &mut Conn| sql::run(conn, prepared, &sql, values).await;
        self.write(doing, version, effects.collect(), run).await;
    }

    async fn update(&mut self) {
        let Some((token, id)) = self.own_row() else { return };
        let version = self.shared.next_version();
        let prepared = self.random.below(2) == 0;
        let run = async |conn: &mut Conn| sql::update(conn, prepared, token, id, version).await;
        self.write("update", version, vec![Effect::Update(token)], run).await;
    }

    async fn update_range(&mut self) {
        let Some((from, to, tokens)) = self.own_range() else { return };
        let version = self.shared.next_version();
        let prepared = self.random.below(2) == 0;
        let run = async |conn: &mut Conn| sql::update_range(conn, prepared, from, to, version).await;
        let effects = tokens.into_iter().map(Effect::Update).collect();
        self.write("update by another column", version, effects, run).await;
    }

    async fn delete(&mut self) {
        let Some((token, id)) = self.own_row() else { return };
        let version = self.shared.next_version();
        let prepared = self.random.below(2) == 0;
        let sql = "DELETE FROM user WHERE id = ?";
        let run = async |conn: &mut Conn| sql::run(conn, prepared, sql, vec![id.into()]).await;
        self.write("delete", version, vec![Effect::Delete(token)], run).await;
    }

    async fn delete_range(&mut self) {
        let Some((from, to, tokens)) = self.own_range() else { return };
        let version = self.shared.next_version();
        let prepared = self.random.below(2) == 0;
        let sql = "DELETE FROM user WHERE token BETWEEN ? AND ?";
        let values = vec![from.into(), to.into()];
        let run = async |conn: &mut Conn| sql::run(conn, prepared, sql, values).await;
        let effects = tokens.into_iter().map(Effect::Delete).collect();
        self.write("delete by another column", version, effects, run).await;
    }

    /// One autocommit statement.
    async fn write(
        &mut self,
        doing: &'static str,
        version: u64,
        effects: Vec<Effect>,
        run: impl AsyncFnOnce(&mut Conn) -> Result<Told, Error>,
    ) {
        let began = self.shared.clock.now();
        match self.answered(run).await {
            Ok(told) => {
                self.shared.sample(Class::Write, began);
                let effects = self.with_ids(doing, effects, told);
                self.note_write(version, began, Fate::Acknowledged, effects);
            }
            Err(error) => {
                let fate = match error {
                    Error::Server(_) => Fate::Failed,
                    _ => Fate::Unknown,
                };
                self.trouble(doing, &error);
                self.note_write(version, began, fate, effects);
            }
        }
    }

    // ---- transactions ---------------------------------------------------------------------------------------

    /// Locks one own row, changes it and another one, inserts, perhaps deletes; one in eight is rolled back.
    async fn transaction(&mut self) {
        let (Some((first, id)), Some((second, other))) = (self.own_row(), self.own_row()) else {
            return;
        };
        if first == second {
            return;
        }
        let version = self.shared.next_version();
        let born = self.next;
        self.next += 1;
        let delete = self.random.below(3) == 0;
        let commit = self.random.below(8) != 0;
        let prepared = self.random.below(2) == 0;
        let mut effects = vec![Effect::Update(first), Effect::Insert { token: born, id: None }];
        effects.push(if delete { Effect::Delete(second) } else { Effect::Update(second) });
        let began = self.shared.clock.now();
        let run = async |conn: &mut Conn| {
            let before = Broken::Before;
            conn.query_drop("START TRANSACTION").await.map_err(before)?;
            let lock = format!("{} WHERE id = ? FOR UPDATE", sql::SELECT);
            let values = vec![id.into()];
            let locked = sql::rows(conn, prepared, &lock, values).await.map_err(before)?;
            let mut told = sql::update(conn, prepared, first, id, version).await.map_err(before)?;
            let (insert, values) = sql::insert(&[born], version);
            let born = sql::run(conn, prepared, &insert, values).await.map_err(before)?;
            told.add(&born);
            let last = if delete {
                let values = vec![other.into()];
                sql::run(conn, prepared, "DELETE FROM user WHERE id = ?", values).await
            } else {
                sql::update(conn, prepared, second, other, version).await
            };
            told.add(&last.map_err(before)?);
            if !commit {
                conn.query_drop("ROLLBACK").await.map_err(before)?;
                return Ok((locked, told));
            }
            match conn.query_drop("COMMIT").await {
                Ok(()) => Ok((locked, told)),
                Err(error @ Error::Server(_)) => Err(Broken::Before(error)),
                Err(error) => Err(Broken::Commit(error)),
            }
        };
        let result = self.timed(run).await;
        self.ended(version, began, effects, Scope::Ids(id, id), commit, result).await;
    }

    async fn ended(
        &mut self,
        version: u64,
        began: Micros,
        effects: Vec<Effect>,
        scope: Scope,
        commit: bool,
        result: Result<(Vec<Image>, Told), Option<Broken>>,
    ) {
        let doing = "transaction";
        match result {
            Ok((locked, told)) => {
                self.note_read(began, scope, locked);
                let effects = self.with_ids(doing, effects, told);
                let fate = if commit { Fate::Acknowledged } else { Fate::Failed };
                self.note_write(version, began, fate, effects);
            }
            Err(Some(Broken::Before(error))) => {
                self.trouble(doing, &error);
                self.note_write(version, began, Fate::Failed, effects);
                // A refused statement leaves the transaction open, a deadlock does not: ROLLBACK is right for both.
                let run = async |conn: &mut Conn| conn.query_drop("ROLLBACK").await;
                if self.conn.is_some() && self.answered(run).await.is_err() {
                    self.conn = None;
                }
            }
            Err(Some(Broken::Commit(error))) => {
                self.trouble(doing, &error);
                self.note_write(version, began, Fate::Unknown, effects);
            }
            Err(None) => {
                self.conn = None;
                self.disconnected(doing, no_answer());
                self.note_write(version, began, Fate::Unknown, effects);
            }
        }
    }

    // ---- what is common -------------------------------------------------------------------------------------

    /// Runs it on the connection; `Err(None)` is no answer in time.
    async fn timed<T, E>(
        &mut self,
        run: impl AsyncFnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, Option<E>> {
        let Some(conn) = self.conn.as_mut() else { return Err(None) };
        match timeout(ANSWER_TIMEOUT, run(conn)).await {
            Ok(result) => result.map_err(Some),
            Err(_) => Err(None),
        }
    }

    async fn answered<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut Conn) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.timed(run)
            .await
            .map_err(|error| error.unwrap_or_else(|| std::io::Error::other(no_answer()).into()))
    }

    /// A random row of its own.
    fn own_row(&mut self) -> Option<(Token, u64)> {
        let (first, last) = (*self.rows.first_key_value()?.0, *self.rows.last_key_value()?.0);
        let from = first + self.random.below(last - first + 1);
        self.rows.range(from..).next().map(|(token, id)| (*token, *id))
    }

    /// Two to six of its own rows with no unanswered one between them.
    fn own_range(&mut self) -> Option<(Token, Token, Vec<Token>)> {
        let (from, _) = self.own_row()?;
        let count = 2 + self.random.below(5);
        let tokens: Vec<Token> =
            self.rows.range(from..).take(usize::try_from(count).ok()?).map(|(t, _)| *t).collect();
        let to = *tokens.last()?;
        self.unknown.range(from..=to).next().is_none().then_some((from, to, tokens))
    }

    /// Puts the ids that the client was told into its inserts, and complains about counts that cannot be.
    fn with_ids(&mut self, doing: &'static str, mut effects: Vec<Effect>, told: Told) -> Vec<Effect> {
        if told.affected != effects.len() as u64 {
            let text = format!("{} affected rows instead of {}", told.affected, effects.len());
            self.wrong(doing, text);
        }
        let mut id = told.first_id;
        for effect in &mut effects {
            if let Effect::Insert { id: slot, .. } = effect {
                *slot = id;
                id = id.map(|id| id + 1);
                if slot.is_none() {
                    self.wrong(doing, "no generated id in the answer".to_owned());
                }
            }
        }
        effects
    }

    fn note_write(&mut self, version: u64, began: Micros, fate: Fate, effects: Vec<Effect>) {
        let ended = self.shared.clock.now();
        for effect in &effects {
            let token = effect.token();
            match (fate, effect) {
                (Fate::Acknowledged, Effect::Insert { id: Some(id), .. }) => {
                    self.rows.insert(token, *id);
                    self.shared.wrote(*id);
                }
                (Fate::Acknowledged, Effect::Update(_)) => {
                    self.rows.get(&token).into_iter().for_each(|id| self.shared.wrote(*id));
                }
                (Fate::Acknowledged, _) => {
                    let id = self.rows.remove(&token);
                    id.into_iter().for_each(|id| self.shared.wrote(id));
                }
                (Fate::Unknown, _) => {
                    self.rows.remove(&token);
                    self.unknown.insert(token);
                }
                (Fate::Failed, _) => {}
            }
        }
        if fate == Fate::Acknowledged {
            self.shared.acknowledged();
        }
        self.history.writes.push(Write { version, began, ended, fate, effects });
    }

    fn trouble(&mut self, doing: &'static str, error: &Error) {
        let what = match error {
            Error::Server(e) => What::Refused { code: e.code, message: e.message.clone() },
            other => {
                self.conn = None;
                What::Disconnected(other.to_string())
            }
        };
        self.note_trouble(doing, what);
    }

    fn disconnected(&mut self, doing: &'static str, why: String) {
        self.note_trouble(doing, What::Disconnected(why));
    }

    fn wrong(&mut self, doing: &'static str, why: String) {
        self.note_trouble(doing, What::Wrong(why));
    }

    fn note_trouble(&mut self, doing: &'static str, what: What) {
        let at = self.shared.clock.now();
        let sidecar = self.shared.sidecar(self.number);
        self.shared.complain(doing, &what);
        self.history.troubles.push(Trouble { at, sidecar, doing, what });
    }
}

fn no_answer() -> String {
    format!("no answer for {} s", ANSWER_TIMEOUT.as_secs())
}

/// A small generator of its own: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}
