//! DDL on a table that is being moved: what was asked for, kept on home until it is done on all tables.
//!
//! ```text
//! sidecar                                 home: shunt.ddl         controller (changing.rs)
//! GET_LOCK on the client's own session
//! ask ──────────────────────────────────► asked
//!                                         legacy ◄─────────────── the gate is closed, all shapes are noted
//! the client's statement, on legacy
//! legacy_done ──────────────────────────► shards
//!                                         done ◄───────────────── every shard has it
//!                                         (gone) ◄─────────────── the gate is open, and Redis knows it
//! the client gets its answer
//! ```
//! Whoever dies, the rest is done or undone from the row: the lock says whether the client's session may still
//! run its statement, and a mark of each table (its definition and InnoDB's number for it) whether it has it already.

use flag_client::{Home, HomeConn, HomeError};
use mysql_async::Row;
use serde::{Deserialize, Serialize};
use topology::{Epoch, QualifiedName, ShardedTable, TableId};

use crate::db;

/// One row a table: one DDL at a time.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS shunt.ddl (\
    table_id VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
    token BIGINT UNSIGNED NOT NULL COMMENT 'who asked', \
    epoch BIGINT UNSIGNED NOT NULL COMMENT 'in which it was planned', \
    stage VARCHAR(8) CHARACTER SET ascii NOT NULL COMMENT 'asked, legacy, shards, done or refused', \
    what MEDIUMTEXT NOT NULL COMMENT 'JSON: the statement and what the shards get', \
    marks MEDIUMTEXT NULL COMMENT 'JSON: legacy and shards as they were before', \
    trouble TEXT NULL COMMENT 'why it does not go on', \
    asked_at DATETIME(3) NOT NULL COMMENT 'UTC') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The gate is not closed yet.
    Asked,
    /// The client's session runs its statement on legacy.
    Legacy,
    /// Legacy has it; the controller runs it on the shards.
    Shards,
    /// All tables have it.
    Done,
    /// It cannot be run; nothing was done.
    Refused,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Asked, Self::Legacy, Self::Shards, Self::Done, Self::Refused];

    const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Legacy => "legacy",
            Self::Shards => "shards",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The client's statement, for people.
    pub statement: String,
    /// What runs on each shard, in their order.
    pub shards: Vec<String>,
    /// Session settings that the meaning of these texts depends on: names and values.
    pub settings: Vec<(String, String)>,
    /// It empties the tables: ids begin anew.
    pub empties: bool,
}

/// The row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who asked: unique for each statement.
    pub token: u64,
    /// The epoch in which it was planned.
    pub epoch: Epoch,
    /// Where it is.
    pub stage: Stage,
    /// What is to be done.
    pub change: Change,
    /// Legacy's mark and those of the shards, from before.
    pub marks: Vec<String>,
    /// Why it does not go on.
    pub trouble: Option<String>,
    /// UTC.
    pub asked_at: String,
}

/// The lock that the asking client's session holds from before it asks until after its answer. It dies with that
/// session, when none of its statements can still run.
#[must_use]
pub fn lock_name(table: &TableId) -> String {
    format!("shunt-ddl:{table}")
}

/// The row of `table`.
///
/// # Errors
/// [`HomeError`].
pub async fn load(conn: &mut HomeConn, table: &TableId) -> Result<Option<Record>, HomeError> {
    let sql = "SELECT token, epoch, stage, what, COALESCE(marks,'[]'), trouble, CAST(asked_at AS CHAR) \
               FROM shunt.ddl WHERE table_id=?";
    let rows: Vec<Row> = conn.rows("reading what DDL is to be done", sql, (table.as_str(),)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text = |index| db::text(row, index).unwrap_or_default();
    let unreadable = |what: &str| HomeError::Statement {
        address: conn.address().into(),
        doing: format!("reading what DDL is to be done on {table}"),
        code: None,
        cause: format!("`{what}` in shunt.ddl cannot be read; was it written by another version of Shunt?"),
    };
    let stage = text(2);
    let stage = Stage::ALL.into_iter().find(|known| known.name() == stage).ok_or_else(|| unreadable("stage"));
    Ok(Some(Record {
        token: db::number(row, 0),
        epoch: Epoch(db::number(row, 1)),
        stage: stage?,
        change: serde_json::from_str(&text(3)).map_err(|_| unreadable("what"))?,
        marks: serde_json::from_str(&text(4)).map_err(|_| unreadable("marks"))?,
        trouble: db::text(row, 5),
        asked_at: text(6),
    }))
}

/// Asks for it. `false`: another one is not over yet. The caller's session holds the lock.
///
/// # Errors
/// [`HomeError`]; then it was not asked for, or the controller finds the lock free and forgets it.
pub async fn ask(
    conn: &mut HomeConn,
    table: &TableId,
    epoch: Epoch,
    token: u64,
    change: &Change,
) -> Result<bool, HomeError> {
    let doing = "asking for DDL";
    // What an asker left who holds the lock no longer.
    let sql = "DELETE FROM shunt.ddl WHERE table_id=? AND stage IN ('asked','refused')";
    conn.run_with(doing, sql, (table.as_str(),)).await?;
    let sql = "INSERT INTO shunt.ddl (table_id, token, epoch, stage, what, asked_at) VALUES (?,?,?,'asked',?,UTC_TIMESTAMP(3))";
    let what = serde_json::to_string(change).unwrap_or_default();
    match conn.run_with(doing, sql, (table.as_str(), token, epoch.0, what)).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(db::code::DUPLICATE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes back what has not begun; `false` if it has.
///
/// # Errors
/// [`HomeError`].
pub async fn withdraw(conn: &mut HomeConn, table: &TableId, token: u64) -> Result<bool, HomeError> {
    let sql = "DELETE FROM shunt.ddl WHERE table_id=? AND token=? AND stage IN ('asked','refused')";
    conn.run_with("taking DDL back", sql, (table.as_str(), token)).await?;
    Ok(load(conn, table).await?.is_none_or(|record| record.token != token))
}

/// The client's statement ran on legacy: the shards follow, or, where it failed, nothing does.
///
/// # Errors
/// [`HomeError`]; the controller finds out by the marks.
pub async fn legacy_done(
    conn: &mut HomeConn,
    table: &TableId,
    token: u64,
    ok: bool,
) -> Result<(), HomeError> {
    let sql = if ok {
        "UPDATE shunt.ddl SET stage='shards' WHERE table_id=? AND token=? AND stage='legacy'"
    } else {
        "DELETE FROM shunt.ddl WHERE table_id=? AND token=? AND stage='legacy'"
    };
    conn.run_with("saying that legacy has the DDL", sql, (table.as_str(), token)).await
}

/// The gate is closed: legacy's turn.
pub(crate) async fn begin(
    conn: &mut HomeConn,
    table: &TableId,
    token: u64,
    marks: &[String],
) -> Result<(), HomeError> {
    let sql = "UPDATE shunt.ddl SET stage='legacy', marks=? WHERE table_id=? AND token=? AND stage='asked'";
    let marks = serde_json::to_string(marks).unwrap_or_default();
    conn.run_with("beginning DDL", sql, (marks, table.as_str(), token)).await
}

/// Says why it is not done. The asker reads it and takes the row away.
pub(crate) async fn decline(
    conn: &mut HomeConn,
    table: &TableId,
    token: u64,
    why: &str,
) -> Result<(), HomeError> {
    let sql =
        "UPDATE shunt.ddl SET stage='refused', trouble=? WHERE table_id=? AND token=? AND stage='asked'";
    conn.run_with("declining DDL", sql, (why, table.as_str(), token)).await
}

/// Keeps why it does not go on.
pub(crate) async fn trouble(
    conn: &mut HomeConn,
    table: &TableId,
    token: u64,
    why: &str,
) -> Result<(), HomeError> {
    let sql = "UPDATE shunt.ddl SET trouble=? WHERE table_id=? AND token=?";
    conn.run_with("noting what DDL waits for", sql, (why, table.as_str(), token)).await
}

/// All tables have it.
pub(crate) async fn done(conn: &mut HomeConn, table: &TableId, token: u64) -> Result<(), HomeError> {
    let sql = "UPDATE shunt.ddl SET stage='done' WHERE table_id=? AND token=?";
    conn.run_with("saying that all tables have the DDL", sql, (table.as_str(), token)).await
}

/// It is over.
pub(crate) async fn forget(conn: &mut HomeConn, table: &TableId, token: u64) -> Result<(), HomeError> {
    let sql = "DELETE FROM shunt.ddl WHERE table_id=? AND token=?";
    conn.run_with("ending DDL", sql, (table.as_str(), token)).await
}

/// The connection of the client that asked, as long as its session lives.
pub(crate) async fn asker(conn: &mut HomeConn, table: &TableId) -> Result<Option<u64>, HomeError> {
    let sql = "SELECT IS_USED_LOCK(?)";
    let held: Vec<Option<u64>> = conn.rows("looking for who asked for DDL", sql, (lock_name(table),)).await?;
    Ok(held.into_iter().flatten().next())
}

/// The marks of legacy and of each shard; `Err(table)` if one has none: it could not be told later whether it has
/// the DDL.
pub(crate) async fn marks(
    conn: &mut HomeConn,
    table: &ShardedTable,
) -> Result<Result<Vec<String>, QualifiedName>, HomeError> {
    let mut all = Vec::new();
    for name in std::iter::once(table.legacy()).chain(table.shards()) {
        match mark(conn, name).await? {
            Some(mark) => all.push(mark),
            None => return Ok(Err(name.clone())),
        }
    }
    Ok(Ok(all))
}

/// About how large a table is, with its indexes.
///
/// # Errors
/// [`HomeError`].
pub async fn bytes(conn: &mut HomeConn, name: &QualifiedName) -> Result<u64, HomeError> {
    if !conn.mariadb() {
        conn.run("asking for present figures", "SET SESSION information_schema_stats_expiry=0").await?;
    }
    let sql = "SELECT CAST(COALESCE(DATA_LENGTH,0)+COALESCE(INDEX_LENGTH,0) AS UNSIGNED) \
               FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
    let found: Vec<u64> = conn.rows("asking how large a table is", sql, db::name_params(name)).await?;
    Ok(found.first().copied().unwrap_or(0))
}

/// What DDL changes about a table: its definition, and the number of its tablespace, which TRUNCATE changes too. What
/// rows do to it (the AUTO_INCREMENT counter) is left out.
pub(crate) async fn mark(conn: &mut HomeConn, name: &QualifiedName) -> Result<Option<String>, HomeError> {
    let tables = if conn.mariadb() { "INNODB_SYS_TABLES" } else { "INNODB_TABLES" };
    let sql = format!("SELECT TABLE_ID FROM information_schema.{tables} WHERE NAME=?");
    let doing = format!("looking at {name}");
    let ids: Vec<u64> = conn.rows(&doing, &sql, (format!("{}/{}", name.schema, name.table),)).await?;
    let [id] = ids.as_slice() else { return Ok(None) };
    let results = db::packet(conn, &doing, &format!("SHOW CREATE TABLE {}", name.quoted())).await?;
    let ddl = results.first().and_then(|rows| rows.first()).and_then(|row| db::text(row, 1));
    Ok(ddl.map(|ddl| format!("{id} {}", without_counter(&ddl))))
}

/// `AUTO_INCREMENT=n` stands among the table options, which follow the last line that begins with `)`.
fn without_counter(ddl: &str) -> String {
    let Some((columns, options)) = ddl.rsplit_once("\n) ") else { return ddl.to_owned() };
    let kept = options.split(' ').filter(|option| !option.starts_with("AUTO_INCREMENT="));
    format!("{columns}\n) {}", kept.collect::<Vec<_>>().join(" "))
}

/// Runs it on every shard that does not have it; `Err` says what stands in the way, and it can be called again.
pub(crate) async fn on_shards(
    home: &Home,
    conn: &mut HomeConn,
    table: &ShardedTable,
    record: &Record,
) -> Result<Result<(), String>, HomeError> {
    let settings = &record.change.settings;
    let set: Vec<String> =
        settings.iter().map(|(name, value)| format!("@@SESSION.{name}={}", db::quote(value))).collect();
    let keep: Vec<String> =
        settings.iter().map(|(name, _)| format!("@shunt_{name}=@@SESSION.{name}")).collect();
    let back: Vec<String> =
        settings.iter().map(|(name, _)| format!("@@SESSION.{name}=@shunt_{name}")).collect();
    if !set.is_empty() {
        conn.run("keeping session settings", format!("SET {}", keep.join(","))).await?;
        conn.run("setting what DDL depends on", format!("SET {}", set.join(","))).await?;
    }
    let done = each_shard(home, conn, table, record).await;
    if !set.is_empty() {
        conn.run("setting back session settings", format!("SET {}", back.join(","))).await?;
    }
    done
}

async fn each_shard(
    home: &Home,
    conn: &mut HomeConn,
    table: &ShardedTable,
    record: &Record,
) -> Result<Result<(), String>, HomeError> {
    let before = record.marks.iter().skip(1);
    for ((shard, sql), before) in table.shards().iter().zip(&record.change.shards).zip(before) {
        if mark(conn, shard).await?.as_ref() != Some(before) {
            continue;
        }
        match db::ddl_within_limit(home, conn, sql).await {
            Ok(true) => {}
            Ok(false) => return Ok(Err(format!("{shard} is in use by another connection"))),
            Err(error) if error.is_disconnect() => return Err(error),
            Err(error) => return Ok(Err(format!("`{sql}` failed: {error}"))),
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::without_counter;

    #[test]
    fn a_mark_does_not_change_with_rows() {
        let ddl = |counter: &str| {
            format!(
                "CREATE TABLE `t` (\n  `id` int COMMENT 'AUTO_INCREMENT=7'\n) ENGINE=InnoDB {counter}DEFAULT CHARSET=utf8mb4"
            )
        };
        assert_eq!(without_counter(&ddl("AUTO_INCREMENT=8 ")), without_counter(&ddl("")));
        assert_eq!(without_counter(&ddl("")), ddl(""));
    }
}
