//! The rules of the gate, kept by real sidecars: every form in which a transaction ends unseen, what an attempt
//! that met the end of an epoch leaves behind, the client's own limits on the gate, XA, SERIALIZABLE.
//!
//! The test renames the gate itself, without a word to the sidecars, so that what follows at once is planned
//! by a stale snapshot: only the gate can stop it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use mysql_async::{Conn, Error, prelude::Queryable};
use tests::{
    Outcome,
    bench::{Bench, refused},
    patience::{PATIENCE, found, until, until_waits},
    servers::Kind,
    shunt::{Setup, Sidecar},
};
use tokio::net::TcpListener;
use topology::{GateState, Phase};

tests::on_both_servers!(
    a_transaction_that_ended_unseen_writes_in_no_wrong_epoch,
    every_statement_that_writes_or_locks_holds_the_gate_in_1100,
    a_write_that_met_the_end_of_an_epoch_happens_once,
    one_shot_settings_survive_the_end_of_an_epoch,
    the_clients_own_limits_on_the_gate_are_not_noticed,
    xa_branches_are_found_wherever_they_began,
    serializable_reads_hold_the_gate,
    reads_of_a_frozen_sidecar_are_confirmed,
    a_second_topology_is_refused,
    a_sidecar_without_redis_follows_the_fleet,
    a_redis_that_never_answers_harms_nothing,
    the_first_dual_written_row_is_marked,
    nothing_is_logged_after_finish,
    texts_that_are_prepared_or_run_from_variables_are_seen,
    ddl_on_the_table_is_refused_from_1101_on,
    an_old_snapshot_writes_in_the_new_epoch,
    a_new_stay_in_1101_needs_a_new_copy,
    writers_wait_through_a_hold_as_long_as_they_wait_for_a_table,
    a_deadlock_at_the_gate_is_tried_again_unless_a_transaction_is_lost,
    nothing_runs_behind_a_deadlock_that_ended_the_transaction,
    a_joined_table_that_cannot_be_read_twice,
);

/// A way in which a transaction ends, changes or loses its gate without a word.
struct Unseen {
    before: &'static [&'static str],
    /// The first statement on the table; ROW stands for the row's id.
    first: &'static str,
    end: &'static str,
    /// The error code of `end`.
    fails: u16,
    /// A transaction is open afterwards.
    open: bool,
}

const FIRST: &str = "UPDATE user SET name = 'first' WHERE id = ROW";

const fn unseen(before: &'static [&'static str], end: &'static str, fails: u16, open: bool) -> Unseen {
    Unseen { before, first: FIRST, end, fails, open }
}

const FORMS: [Unseen; 12] = [
    // The DDL fails and has committed all the same; an ERR packet has no status flags.
    unseen(&["BEGIN"], "CREATE TABLE orders (id INT)", 1050, false),
    unseen(&["BEGIN"], "BEGIN", 0, true),
    unseen(&["BEGIN"], "START TRANSACTION", 0, true),
    unseen(&["BEGIN"], "COMMIT AND CHAIN", 0, true),
    unseen(&["BEGIN"], "ROLLBACK AND CHAIN", 0, true),
    unseen(&["SET completion_type = 1", "BEGIN"], "COMMIT", 0, true),
    unseen(&["BEGIN"], "COMMIT; BEGIN", 0, true),
    unseen(&["BEGIN"], "CALL commits_and_begins()", 0, true),
    unseen(&["BEGIN"], "CALL commits()", 0, false),
    unseen(&["SET autocommit = 0"], "COMMIT", 0, true),
    unseen(&["SET autocommit = 0"], "SET autocommit = 1", 0, false),
    // ROLLBACK TO gives the gate back where the transaction has locked no row (Django's nested atomic).
    Unseen {
        before: &["BEGIN", "SAVEPOINT a"],
        first: "UPDATE user SET nosuch = 1 WHERE id = ROW",
        end: "ROLLBACK TO a",
        fails: 0,
        open: true,
    },
];

/// One session in a transaction that is about to end unseen.
struct Session {
    conn: Conn,
    row: usize,
    prepared: mysql_async::Statement,
    as_text: bool,
    form: &'static Unseen,
}

impl Session {
    /// Where no transaction is open any more, an insert that fails on the second of two shards; then its row.
    async fn writes(mut self) -> Outcome<Self> {
        let end = self.form.end;
        if !self.form.open {
            let (first, second) = (1008 + 10 * self.row, 1009 + 10 * self.row);
            let halfway = format!("INSERT INTO user (id, name) VALUES ({first}, 'half'), ({second}, 'half')");
            let (code, message) = refused(self.conn.query_drop(halfway).await)?;
            assert_eq!((code, message.as_str()), (1644, "no"), "{end}");
        }
        let done = if self.as_text {
            self.conn.query_drop(format!("UPDATE user SET n = n + 1 WHERE id = {}", self.row)).await
        } else {
            self.conn.exec_drop(&self.prepared, (self.row,)).await
        };
        done.map_err(|error| format!("{end}: {error}"))?;
        Ok(self)
    }
}

async fn begin(bench: &Bench, row: usize, as_text: bool, form: &'static Unseen) -> Outcome<Session> {
    let mut conn = bench.conn().await?;
    let prepared = conn.prep("UPDATE user SET n = n + 1 WHERE id = ?").await?;
    for sql in form.before {
        conn.query_drop(*sql).await?;
    }
    let first = conn.query_drop(form.first.replace("ROW", &row.to_string())).await;
    assert_eq!(first.is_ok(), form.first == FIRST, "{}: {first:?}", form.end);
    match conn.query_drop(form.end).await {
        Ok(()) => assert_eq!(form.fails, 0, "{}", form.end),
        Err(error) => assert_eq!(refused(Err(error))?.0, form.fails, "{}", form.end),
    }
    Ok(Session { conn, row, prepared, as_text, form })
}

/// Rules 2 and 3. All these transactions lose the gate; the fleet goes on to where only shards are written; each
/// session writes on, text or binary, and must write where the new epoch says, exactly once, under the new gate
/// until its transaction ends.
async fn a_transaction_that_ended_unseen_writes_in_no_wrong_epoch(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "unseendb").await?;
    let schema = bench.schema.clone();
    for sql in [
        "CREATE TRIGGER fails BEFORE INSERT ON user_9 FOR EACH ROW \
         BEGIN IF NEW.id > 1000 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END",
        "CREATE PROCEDURE commits() BEGIN COMMIT; END",
        "CREATE PROCEDURE commits_and_begins() BEGIN COMMIT; START TRANSACTION; END",
        &format!("GRANT CREATE, EXECUTE ON {schema}.* TO 'app'@'%'"),
    ] {
        bench.root(sql).await?;
    }
    bench.fill_shards().await?;
    let mut sessions = Vec::new();
    for (i, form) in FORMS.iter().enumerate() {
        // MariaDB keeps the gate over ROLLBACK TO where it writes a binary log.
        if kind == Kind::MariaDb && form.end == "ROLLBACK TO a" {
            continue;
        }
        for as_text in [true, false] {
            sessions.push(begin(&bench, 1 + 2 * i + usize::from(as_text), as_text, form).await?);
        }
    }
    // Frozen while the gate is renamed, the sidecar plans all of these by its old snapshot.
    bench.sidecars[0].freeze()?;
    assert!(bench.flip_by_hand(Phase::Shards).await?, "somebody held the gate: {:?}", bench.holders().await?);
    let writes: Vec<_> = sessions.into_iter().map(|session| tokio::spawn(session.writes())).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.sidecars[0].thaw()?;
    let mut sessions = Vec::new();
    for write in writes {
        sessions.push(write.await??);
    }
    let holders = bench.holders().await?;
    let mut direct = bench.direct().await?;
    direct.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
    for session in &mut sessions {
        let form = session.form;
        assert_eq!(holders.contains(&session.conn.id()), form.open, "{}: {holders:?}", form.end);
        // The reverse sync will make legacy equal, but not before the commit.
        let legacy = format!("SELECT n FROM user WHERE id = {}", session.row);
        let legacy: Option<i64> = direct.query_first(legacy).await?;
        assert!(!form.open || legacy == Some(0), "{}: written in the old epoch as well", form.end);
        session.conn.query_drop("COMMIT AND NO CHAIN").await?;
        let shard = bench.both_sides(session.row).await?.1;
        assert_eq!(shard, Some(1), "{} as text: {}", form.end, session.as_text);
    }
    let half: Option<i64> = direct.query_first("SELECT COUNT(*) FROM user_8 WHERE id > 1000").await?;
    assert_eq!(half, Some(0), "half a statement was kept");
    Ok(())
}

/// Rule 1: also in 1100, where nothing is mirrored yet.
async fn every_statement_that_writes_or_locks_holds_the_gate_in_1100(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "gateddb").await?;
    let mut conn = bench.conn().await?;
    let prepared = conn.prep("UPDATE user SET n = ? WHERE id = ?").await?;
    for sql in [
        "INSERT INTO user (name) VALUES ('new')",
        "REPLACE INTO user (id, name) VALUES (1, 'new')",
        "UPDATE user SET n = 5 WHERE id = 2",
        "UPDATE user u JOIN orders o ON o.id = u.id SET u.n = 6",
        "DELETE FROM user WHERE id = 3",
        "DELETE u FROM user u JOIN orders o ON o.id = u.id",
        "INSERT INTO user (name) SELECT name FROM user WHERE id = 4",
        "INSERT INTO orders SELECT id, 1 FROM user WHERE id = 5",
        "SELECT * FROM user WHERE id = 6 FOR UPDATE",
        "SELECT * FROM user WHERE id = 6 LOCK IN SHARE MODE",
        "SELECT * FROM orders WHERE id IN (SELECT id FROM user) FOR UPDATE",
        "UPDATE user SET n = n XOR 1 WHERE id = 7",
        "",
    ] {
        conn.query_drop("BEGIN").await?;
        match sql {
            "" => conn.exec_drop(&prepared, (1, 8)).await?,
            sql => conn.query_drop(sql).await.map_err(|error| format!("{sql}: {error}"))?,
        }
        assert!(bench.holders().await?.contains(&conn.id()), "{sql}");
        conn.query_drop("ROLLBACK").await?;
    }
    conn.query_drop("BEGIN").await?;
    conn.query_drop("SELECT * FROM user").await?;
    assert!(!bench.holders().await?.contains(&conn.id()), "a plain read needs no gate");
    conn.query_drop("COMMIT").await?;
    // In autocommit mode as long as the statement runs: here it waits for a row.
    let mut direct = bench.direct().await?;
    direct.query_drop("BEGIN").await?;
    direct.query_drop("UPDATE user SET n = 9 WHERE id = 9").await?;
    let (mut waits, id) = (bench.conn().await?, conn.id());
    let waiting = waits.id();
    let write = tokio::spawn(async move { waits.query_drop("UPDATE user SET n = n + 1 WHERE id = 9").await });
    until("the write's gate", async || Ok(bench.holders().await?.contains(&waiting))).await?;
    assert!(!bench.holders().await?.contains(&id));
    assert!(!bench.flip_by_hand(Phase::Legacy).await?, "the gate was renamed under a write");
    direct.query_drop("COMMIT").await?;
    write.await??;
    assert_eq!(bench.both_sides(9).await?.0, Some(10));
    Ok(())
}

/// Rule 3: a write in autocommit mode that met 1146 is undone, not committed by what comes next.
async fn a_write_that_met_the_end_of_an_epoch_happens_once(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "oncedb").await?;
    bench.fill_shards().await?;
    let mut conn = bench.conn().await?;
    let prepared = conn.prep("UPDATE user SET n = n + 1 WHERE id = ?").await?;
    for (row, phase) in [(1, Phase::Legacy), (2, Phase::Legacy), (3, Phase::Legacy), (4, Phase::Shards)] {
        conn.query_drop("UPDATE user SET name = name WHERE id = 40").await?;
        assert!(bench.flip_by_hand(phase).await?);
        if row % 2 == 1 {
            conn.query_drop(format!("UPDATE user SET n = n + 1 WHERE id = {row}")).await?;
        } else {
            conn.exec_drop(&prepared, (row,)).await?;
        }
        assert!(!bench.holders().await?.contains(&conn.id()), "a transaction was left open");
        let (legacy, shard) = bench.both_sides(row).await?;
        assert_eq!(if phase == Phase::Legacy { legacy } else { shard }, Some(1), "row {row}");
    }
    Ok(())
}

/// Rule 10: an attempt that met 1146 has used up the SET TRANSACTION.
async fn one_shot_settings_survive_the_end_of_an_epoch(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "oneshotdb").await?;
    let mut conn = bench.conn().await?;
    for row in 1..4 {
        conn.query_drop("UPDATE user SET name = name WHERE id = 40").await?;
        conn.query_drop("SET TRANSACTION READ ONLY").await?;
        assert!(bench.flip_by_hand(Phase::Legacy).await?);
        let write = format!("UPDATE user SET n = n + 1 WHERE id = {row}");
        assert_eq!(
            refused(conn.query_drop(&write).await)?.0,
            1792,
            "written in a transaction that only reads"
        );
        // It was for one transaction.
        conn.query_drop(&write).await?;
        assert_eq!(bench.both_sides(row).await?.0, Some(1));
    }
    Ok(())
}

/// Rule 8: while a flip keeps the gate closed for a moment, the client's limits fire on it.
async fn the_clients_own_limits_on_the_gate_are_not_noticed(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "limitdb").await?;
    let limits = match kind {
        Kind::MySql => ["SET SESSION max_execution_time = 300", "SET SESSION lock_wait_timeout = 1"],
        Kind::MariaDb => ["SET SESSION max_statement_time = 0.3", "SET SESSION lock_wait_timeout = 1"],
    };
    let mut row = 0;
    for (limit, closed) in limits.into_iter().zip([900, 1500]) {
        for begin in ["DO 0", "BEGIN", "SET autocommit = 0"] {
            // On a slow machine the limit may rightly end another statement, or the gate be closed for too long.
            let mut told = Vec::new();
            while told.last().is_none_or(Result::is_err) {
                assert!(told.len() < 5, "{limit} {begin}: {told:?}");
                row += 1;
                let closed = Duration::from_millis(closed);
                told.push(at_a_closed_gate(&mut bench, row, &[begin, limit], closed).await?);
            }
        }
    }
    Ok(())
}

/// What a client is told whose write comes while the gate is closed; it is not told before the gate opens that all is
/// well, and what it is told is so.
async fn at_a_closed_gate(
    bench: &mut Bench,
    row: usize,
    settings: &[&str],
    closed: Duration,
) -> Outcome<Result<(), Error>> {
    let mut conn = bench.conn().await?;
    conn.query_drop("UPDATE user SET name = name WHERE id = 40").await?;
    for sql in settings {
        conn.query_drop(*sql).await?;
    }
    let gate = bench.gate().await?.quoted();
    let mut closer = bench.direct().await?;
    closer.query_drop(format!("LOCK TABLES {gate} WRITE")).await?;
    let write = tokio::spawn(async move {
        let done = conn.query_drop(format!("UPDATE user SET n = n + 1 WHERE id = {row}")).await;
        done.map(|()| conn)
    });
    tokio::time::sleep(closed).await;
    let early = write.is_finished();
    closer.query_drop("UNLOCK TABLES").await?;
    let mut conn = match write.await? {
        Ok(conn) => conn,
        Err(error) => return Ok(Err(error)),
    };
    assert!(!early, "{settings:?}: the gate was passed");
    let committed = conn.query_drop("COMMIT").await;
    if committed.is_ok() {
        assert_eq!(bench.both_sides(row).await?.0, Some(1), "{settings:?}");
    }
    Ok(committed)
}

/// Rule 6, also where the text that began the branch was not seen, or its text failed afterwards.
async fn xa_branches_are_found_wherever_they_began(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "xafounddb").await?;
    let schema = bench.schema.clone();
    for sql in [
        "CREATE PROCEDURE begins_xa() BEGIN XA START 'rule6'; END",
        &format!("GRANT EXECUTE ON {schema}.* TO 'app'@'%'"),
    ] {
        bench.root(sql).await?;
    }
    let mut ways = vec![
        "XA START 'rule6'",
        "XA/**/BEGIN/**/'rule6'",
        "XA START 'rule6'; SELECT * FROM nosuch",
        "CALL begins_xa()",
    ];
    if kind == Kind::MariaDb {
        ways.push("EXECUTE IMMEDIATE 'XA START ''rule6'''");
    }
    for way in ways {
        let mut conn = bench.conn().await?;
        drop(conn.query_drop(way).await);
        for sql in [
            "UPDATE user SET n = 1 WHERE id = 1",
            "UPDATE user SET n = 1 WHERE name = 'n1'",
            "INSERT INTO user (name) VALUES ('x')",
            "SELECT * FROM user WHERE id = 1 FOR UPDATE",
        ] {
            let (code, message) = refused(conn.query_drop(sql).await)?;
            assert!(code == 1235 && message.contains("XA"), "{way}; {sql}: {code} {message}");
        }
        conn.query_drop("SELECT * FROM user WHERE id = 1").await?;
        conn.query_drop("UPDATE orders SET n = 1").await?;
        conn.query_drop("XA END 'rule6'").await?;
        conn.query_drop("XA ROLLBACK 'rule6'").await?;
        conn.query_drop("UPDATE user SET n = 0 WHERE id = 1").await?;
    }
    Ok(())
}

/// Reads that lock rows for the rest of their transaction: in a later phase others' writes would pass them.
async fn serializable_reads_hold_the_gate(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "serialdb").await?;
    bench.fill_shards().await?;
    for phase in [Phase::Legacy, Phase::ShardRead] {
        assert!(bench.flip_by_hand(phase).await?);
        for setting in ["SET SESSION", "SET"] {
            let mut conn = bench.conn().await?;
            for begin in ["BEGIN", "START TRANSACTION", "SET autocommit = 0"] {
                conn.query_drop(format!("{setting} TRANSACTION ISOLATION LEVEL SERIALIZABLE")).await?;
                conn.query_drop(begin).await?;
                for sql in [
                    "SELECT n FROM user WHERE id = 1",
                    "SELECT COUNT(*) FROM user",
                    "SET @n = (SELECT n FROM user WHERE id = 1)",
                ] {
                    conn.query_drop("SAVEPOINT a").await?;
                    conn.query_drop(sql).await?;
                    let held = bench.holders().await?.contains(&conn.id());
                    assert!(held, "{phase} {setting} {begin}: {sql}");
                }
                conn.query_drop("COMMIT").await?;
            }
            conn.query_drop("SET autocommit = 1").await?;
            conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
            conn.query_drop("BEGIN").await?;
            conn.query_drop("SELECT n FROM user WHERE id = 1").await?;
            assert!(!bench.holders().await?.contains(&conn.id()), "{phase}: a plain read needs no gate");
            conn.query_drop("COMMIT").await?;
            for sql in ["SET @n = (SELECT n FROM user WHERE id = 1)", "DO (SELECT COUNT(*) FROM user)"] {
                conn.query_drop("BEGIN").await?;
                conn.query_drop(sql).await?;
                assert!(bench.holders().await?.contains(&conn.id()), "{phase}: {sql} locks what it reads");
                conn.query_drop("COMMIT").await?;
            }
        }
    }
    Ok(())
}

/// A sidecar that stood still for longer than a plain read may go by its snapshot looks at the gate first; one
/// whose answer came late looks again, and reads again if the side that it read is no longer written.
async fn reads_of_a_frozen_sidecar_are_confirmed(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "frozendb").await?;
    bench.sidecars.push(Sidecar::start(&bench.setup, "second").await?);
    bench.walk_to(Phase::DualWrite).await?;
    bench.walk_to(Phase::ShardRead).await?;
    let mut frozen = Conn::new(bench.opts(1)?).await?;
    let mut late = Conn::new(bench.opts(1)?).await?;
    for conn in [&mut frozen, &mut late] {
        conn.query_drop("SELECT n FROM user WHERE id = 1").await?;
    }
    // It reads the shards, and answers when only legacy is written.
    let mut direct = bench.direct().await?;
    direct.query_drop("DO GET_LOCK('late', 0)").await?;
    let slow = tokio::spawn(async move {
        late.query_first::<(i64, i64), _>("SELECT n, GET_LOCK('late', 100) FROM user WHERE id = 1").await
    });
    let reads = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
                 WHERE INFO LIKE '%GET_LOCK%user_1%' AND ID<>CONNECTION_ID()";
    until("the slow read", async || Ok(direct.query_first(reads).await? == Some(1))).await?;
    bench.walk_to(Phase::DualWrite).await?;
    bench.sidecars[1].freeze()?;
    bench.walk_to(Phase::Legacy).await?;
    bench.conn().await?.query_drop("UPDATE user SET n = 7 WHERE id = 1").await?;
    let read =
        tokio::spawn(async move { frozen.query_first::<i64, _>("SELECT n FROM user WHERE id = 1").await });
    tokio::time::sleep(Duration::from_secs(4)).await;
    bench.sidecars[1].thaw()?;
    direct.query_drop("DO RELEASE_LOCK('late')").await?;
    assert_eq!(read.await??, Some(7), "a read by the snapshot of a frozen sidecar");
    assert_eq!(slow.await??.map(|row| row.0), Some(7), "an answer that came late was not read again");
    Ok(())
}

/// Two topologies would misplace rows: the one that the gate does not name runs nothing.
async fn a_second_topology_is_refused(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "topologydb").await?;
    let mut other = bench.setup.clone();
    other.tables[0].shards = format!("{}.user_{{0..4}}", bench.schema);
    other.tables[0].flag_key.push_str("_other");
    bench.walk_to(Phase::DualWrite).await?;
    bench.sidecars.push(Sidecar::start(&other, "other").await?);
    let mut conn = Conn::new(bench.opts(1)?).await?;
    for sql in [
        "SELECT * FROM user WHERE id = 1",
        "UPDATE user SET n = 1 WHERE id = 1",
        "INSERT INTO user (name) VALUES ('lost')",
        "LOCK TABLES user WRITE",
    ] {
        let (code, message) = refused(conn.query_drop(sql).await)?;
        assert!(code == 1105 && message.contains("two topologies"), "{sql}: {code} {message}");
    }
    conn.query_drop("UPDATE orders SET n = 1").await?;
    assert_eq!(bench.both_sides(1).await?, (Some(0), Some(0)));
    bench.conn().await?.query_drop("UPDATE user SET n = 1 WHERE id = 1").await?;
    assert_eq!(bench.both_sides(1).await?, (Some(1), Some(1)));
    Ok(())
}

/// Redis only wakes: a sidecar that has none follows every flip by the gate.
async fn a_sidecar_without_redis_follows_the_fleet(kind: Kind) -> Outcome {
    follows_the_fleet(Bench::new(kind, "noredisdb").await?, "redis://127.0.0.1:1".to_owned()).await
}

/// Worse than none: it takes connections, and nothing ever comes back.
async fn a_redis_that_never_answers_harms_nothing(kind: Kind) -> Outcome {
    let mute = TcpListener::bind("127.0.0.1:0").await?;
    let redis = format!("redis://{}", mute.local_addr()?);
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = mute.accept().await {
            held.push(stream);
        }
    });
    follows_the_fleet(Bench::new(kind, "mutedb").await?, redis).await?;
    held.abort();
    Ok(())
}

/// A second sidecar, with this Redis, writes in the phase of the first.
async fn follows_the_fleet(mut bench: Bench, redis: String) -> Outcome {
    let setup = Setup { redis, ..bench.setup.clone() };
    bench.sidecars.push(Sidecar::start(&setup, "lonely").await?);
    let mut conn = Conn::new(bench.opts(1)?).await?;
    conn.query_drop("UPDATE user SET n = 1 WHERE id = 1").await?;
    for phase in [Phase::DualWrite, Phase::ShardRead] {
        bench.walk_to(phase).await?;
        conn.query_drop("UPDATE user SET n = n + 1 WHERE id = 1").await?;
        let (legacy, shard) = bench.both_sides(1).await?;
        assert_eq!(legacy, shard, "{phase}");
    }
    assert_eq!(bench.both_sides(1).await?, (Some(3), Some(3)));
    bench.sidecars.pop().ok_or("no sidecar")?.stop().await
}

/// `migrate_<name>_end` is the id of the first row that was written to both sides.
async fn the_first_dual_written_row_is_marked(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "enddb").await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('before')").await?;
    assert_eq!(bench.flag.end().await?, None);
    bench.walk_to(Phase::DualWrite).await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('first')").await?;
    let first = conn.last_insert_id().ok_or("no id")?;
    let end = found("the mark", async || bench.flag.end().await).await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('second')").await?;
    assert_eq!(end, first.to_string());
    assert_eq!(bench.flag.end().await?, Some(end), "it is set once");
    Ok(())
}

/// In 0011 legacy follows, until `shunt finish`: from then on a write leaves no log row, also under LOCK TABLES, and
/// there is no way back.
async fn nothing_is_logged_after_finish(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "donedb").await?;
    bench.fill_shards().await?;
    assert!(bench.flip_by_hand(Phase::Shards).await?);
    let mut conn = bench.conn().await?;
    conn.query_drop("UPDATE user SET n = 1 WHERE id = 1").await?;
    let mut direct = bench.direct().await?;
    let follows = "SELECT n FROM user WHERE id = 1";
    until("legacy follows", async || Ok(direct.query_first(follows).await? == Some(1))).await?;
    let finished = bench.sidecars[0].command(&["finish", "--yes"])?;
    assert!(finished.status.success(), "{finished:?}");
    for sql in [
        "UPDATE user SET n = 2 WHERE id = 1",
        "UPDATE user SET n = 2 WHERE name IN ('n1', 'n2')",
        "DELETE FROM user WHERE id = 3",
        "INSERT INTO user (name) VALUES ('a'), ('b')",
        "LOCK TABLES user WRITE",
        "INSERT INTO user (name) VALUES ('locked')",
        "UPDATE user SET n = 3 WHERE id = 4",
        "UNLOCK TABLES",
    ] {
        conn.query_drop(sql).await.map_err(|error| format!("{sql}: {error}"))?;
        let logged: Option<i64> = direct.query_first("SELECT COUNT(*) FROM shunt.dirty_user").await?;
        assert_eq!(logged, Some(0), "{sql}");
    }
    assert_eq!(bench.both_sides(1).await?, (Some(1), Some(2)));
    bench.flag.set(Phase::ShardRead).await?;
    let said = |state: &tests::walk::State| state.refusal.contains("shunt finish");
    let state = bench.flag.until("a refusal", PATIENCE, said).await?;
    assert_eq!(state.phase, Some(Phase::Shards));
    Ok(())
}

/// Rule 1 where the statement is in a user variable: it is planned as what it holds, in every phase.
async fn texts_that_are_prepared_or_run_from_variables_are_seen(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "dynamicdb").await?;
    bench.fill_shards().await?;
    let mut conn = bench.conn().await?;
    let mut earlier = bench.conn().await?;
    let write = "UPDATE user SET n = n + 1, name = 'é' WHERE id = 1";
    for conn in [&mut conn, &mut earlier] {
        conn.exec_drop("SET @v = ?", (write,)).await?;
        conn.query_drop("PREPARE early FROM @v").await?;
    }
    let mut ways = vec!["PREPARE s FROM @v", "EXECUTE s", "PREPARE s FROM @`v`; EXECUTE s", "EXECUTE early"];
    if kind == Kind::MariaDb {
        let literal = "EXECUTE IMMEDIATE 'UPDATE user SET n = n + 1 WHERE id = 1'";
        ways.extend(["EXECUTE IMMEDIATE @v", "DO 0; EXECUTE IMMEDIATE @v", literal]);
    }
    let mut done = 0;
    for phase in [Phase::Legacy, Phase::DualWrite] {
        assert!(phase == Phase::Legacy || bench.flip_by_hand(phase).await?);
        earlier.query_drop("EXECUTE early").await?;
        done += 1;
        for sql in &ways {
            conn.query_drop("BEGIN").await?;
            conn.query_drop(*sql).await.map_err(|error| format!("{phase}: {sql}: {error}"))?;
            let runs = sql.contains("EXECUTE");
            assert_eq!(bench.holders().await?.contains(&conn.id()), runs, "{phase}: {sql}");
            conn.query_drop("COMMIT").await?;
            done += i64::from(runs);
        }
        let (legacy, shard) = bench.both_sides(1).await?;
        assert_eq!(legacy, Some(done), "{phase}");
        assert!(phase == Phase::Legacy || shard == legacy, "{phase}: {shard:?}");
        if phase == Phase::Legacy {
            bench.root(&format!("UPDATE user_1 SET n = {done}")).await?;
        }
    }
    conn.query_drop("SET @v = 'SELECT 1'; PREPARE s FROM @v; EXECUTE s").await?;
    if kind == Kind::MariaDb {
        for sql in [
            "EXECUTE IMMEDIATE CONCAT('UPDATE us', 'er SET n = 0')",
            "PREPARE s FROM CONCAT('UPDATE us', 'er SET n = 0')",
            "SET STATEMENT max_statement_time = 9 FOR EXECUTE early",
        ] {
            assert_eq!(refused(conn.query_drop(sql).await)?.0, 1235, "{sql}");
        }
    }
    assert_eq!(bench.both_sides(1).await?, (Some(done), Some(done)));
    Ok(())
}

/// Rule 5: DDL commits, and lets the gate go. In 1100 it works, looking at the gate just before.
async fn ddl_on_the_table_is_refused_from_1101_on(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "ddldb").await?;
    let schema = bench.schema.clone();
    bench.root(&format!("GRANT ALL ON {schema}.* TO 'app'@'%'")).await?;
    let mut conn = bench.conn().await?;
    for sql in [
        "ALTER TABLE user ADD COLUMN late INT",
        "CREATE INDEX late ON user (late)",
        "ALTER TABLE user DROP COLUMN late",
    ] {
        conn.query_drop(sql).await.map_err(|error| format!("{sql}: {error}"))?;
    }
    conn.query_drop("UPDATE user SET name = name WHERE id = 40").await?;
    // The first of them meets the end of the epoch.
    assert!(bench.flip_by_hand(Phase::DualWrite).await?);
    for sql in [
        "ALTER TABLE user ADD COLUMN late INT UNIQUE",
        "DROP TABLE user",
        "RENAME TABLE user TO gone",
        "RENAME TABLE orders TO gone, user TO orders",
        "CREATE UNIQUE INDEX late ON user (n)",
        "DROP TABLE orders, user",
    ] {
        let (code, message) = refused(conn.query_drop(sql).await)?;
        assert!(code == 1235 && message.contains("1100"), "{sql}: {code} {message}");
    }
    let rows: Option<i64> = conn.query_first("SELECT COUNT(*) FROM user").await?;
    assert_eq!(rows, Some(i64::from(tests::bench::ROWS)));
    let columns: Vec<mysql_async::Row> = conn.query("SHOW COLUMNS FROM user").await?;
    assert_eq!(columns.len(), 3);
    Ok(())
}

/// Rule 10: on the client's connection the gate's name would stay the old one for as long as the snapshot.
async fn an_old_snapshot_writes_in_the_new_epoch(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "snapdb").await?;
    bench.fill_shards().await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    conn.query_drop("SELECT * FROM orders").await?;
    assert!(bench.flip_by_hand(Phase::Shards).await?);
    conn.query_drop("UPDATE user SET n = n + 1 WHERE id = 1").await?;
    assert!(bench.holders().await?.contains(&conn.id()));
    conn.query_drop("COMMIT").await?;
    assert_eq!(bench.both_sides(1).await?.1, Some(1));
    Ok(())
}

/// 1101 → 1100 takes the shards' certificate: what changed meanwhile is copied again.
async fn a_new_stay_in_1101_needs_a_new_copy(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "againdb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    bench.walk_to(Phase::Legacy).await?;
    bench.conn().await?.query_drop("UPDATE user SET n = id").await?;
    bench.conn().await?.query_drop("DELETE FROM user WHERE id = 2").await?;
    bench.walk_to(Phase::DualWrite).await?;
    assert_eq!(bench.both_sides(1).await?, (Some(1), Some(1)));
    assert_eq!(bench.both_sides(2).await?, (None, None));
    assert_eq!(bench.both_sides(39).await?, (Some(39), Some(39)));
    Ok(())
}

/// In a hold writes wait, within the client's lock_wait_timeout; reads do not.
async fn writers_wait_through_a_hold_as_long_as_they_wait_for_a_table(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "holddb").await?;
    bench.fill_shards().await?;
    // Whoever holds this keeps the controller from opening the gate again.
    let mut keeper = bench.direct().await?;
    keeper.query_drop("DO GET_LOCK('shunt', 60)").await?;
    let (mut patient, mut hasty) = (bench.conn().await?, bench.conn().await?);
    hasty.query_drop("SET SESSION lock_wait_timeout = 1").await?;
    assert!(bench.rename_gate(GateState::Hold).await?);
    let write = "UPDATE user SET n = n + 1 WHERE id = 1";
    let waits = tokio::spawn(async move { patient.query_drop(write).await });
    // 1105: it has not seen the hold within this second.
    let (waited, code, message) = found("a write that waits for the hold", async || {
        let began = Instant::now();
        let (code, message) = refused(hasty.query_drop(write).await)?;
        Ok((code != 1105).then_some((began.elapsed(), code, message)))
    })
    .await?;
    assert!(code == 1205 && message.contains("held"), "{code} {message}");
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    let read: Option<i64> = hasty.query_first("SELECT n FROM user WHERE id = 1").await?;
    assert_eq!(read, Some(0));
    assert!(!waits.is_finished());
    keeper.query_drop("DO RELEASE_LOCK('shunt')").await?;
    waits.await??;
    assert_eq!(bench.both_sides(1).await?.1, Some(1));
    Ok(())
}

/// Rule 7: with a named lock of its own an application can be in a circle with a flip. Nothing has run at the
/// gate, so a statement by itself is tried again; a transaction is gone, and is told so.
async fn a_deadlock_at_the_gate_is_tried_again_unless_a_transaction_is_lost(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "circledb").await?;
    assert_eq!(refused(in_a_circle(&mut bench, 1, "BEGIN").await?)?.0, 1213);
    assert_eq!(bench.both_sides(1).await?.0, Some(0));
    assert!(std::fs::read_to_string(bench.sidecars[0].log())?.contains("flip_deadlock"));
    let mut row = 1;
    until("a write by itself", async || {
        row += 1;
        match in_a_circle(&mut bench, row, "DO 0").await? {
            // On a slow machine the flip may end after the last try.
            Err(Error::Server(error)) if error.code == 1205 && error.message.contains("tries") => Ok(false),
            done => {
                done?;
                Ok(true)
            }
        }
    })
    .await?;
    assert_eq!(bench.both_sides(row).await?.0, Some(1));
    Ok(())
}

/// What a write is told that closes the circle, by itself or after a BEGIN.
async fn in_a_circle(bench: &mut Bench, row: usize, begin: &str) -> Outcome<Result<(), Error>> {
    let gate = bench.gate().await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("UPDATE user SET name = name WHERE id = 40").await?;
    conn.query_drop("DO GET_LOCK('circle', 0)").await?;
    conn.query_drop(begin).await?;
    // The flip waits for the holder, and the holder for the application's lock.
    let (mut holder, mut flip, mut direct) =
        (bench.direct().await?, bench.direct().await?, bench.direct().await?);
    holder.query_drop("BEGIN").await?;
    holder.query_drop(gate.probe_sql(bench.kind == Kind::MariaDb)).await?;
    let (holding, flipping) = (holder.id(), flip.id());
    let holder = tokio::spawn(async move { holder.query_drop("DO GET_LOCK('circle', 120)").await });
    until_waits(&mut direct, holding, "User lock").await?;
    let rename = format!("RENAME TABLE {} TO shunt.circle", gate.quoted());
    let flip = tokio::spawn(async move { (flip.query_drop(rename).await, flip) });
    until_waits(&mut direct, flipping, "%metadata lock%").await?;
    let write = conn.query_drop(format!("UPDATE user SET n = n + 1 WHERE id = {row}"));
    let end = format!("KILL QUERY {flipping}");
    let done = if begin == "BEGIN" {
        let done = write.await;
        direct.query_drop(end).await?;
        done
    } else {
        let (done, ended) = tokio::join!(write, async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            direct.query_drop(end).await
        });
        ended?;
        done
    };
    conn.query_drop("ROLLBACK").await?;
    conn.query_drop("DO RELEASE_LOCK('circle')").await?;
    let (renamed, _) = flip.await?;
    assert!(renamed.is_err(), "{begin}: the circle was broken by the holder");
    holder.await??;
    Ok(done)
}

/// A statement on two shards whose first part meets a deadlock: the server has rolled back the whole transaction, and
/// the second part would be kept by itself.
async fn nothing_runs_behind_a_deadlock_that_ended_the_transaction(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "behinddb").await?;
    bench.fill_shards().await?;
    assert!(bench.flip_by_hand(Phase::Shards).await?);
    let mut conn = bench.conn().await?;
    conn.query_drop("BEGIN").await?;
    conn.query_drop("UPDATE user SET n = 1 WHERE id = 2").await?;
    // The other one has changed more, so this one gives way.
    let mut other = bench.direct().await?;
    for sql in [
        "BEGIN",
        "UPDATE user_3 SET n = 1",
        "UPDATE user_4 SET n = 1",
        "UPDATE user_5 SET n = 1",
        "INSERT INTO user_1 (id) VALUES (1001)",
    ] {
        other.query_drop(sql).await?;
    }
    let insert = tokio::spawn(async move {
        let done = conn.query_drop("INSERT INTO user (id, name) VALUES (1001, 'lost'), (1002, 'lost')").await;
        (done, conn)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.query_drop("UPDATE user_2 SET n = 5 WHERE id = 2").await?;
    let (done, mut conn) = insert.await?;
    assert_eq!(refused(done)?.0, 1213);
    other.query_drop("ROLLBACK").await?;
    let lost: Option<i64> =
        bench.direct().await?.query_first("SELECT COUNT(*) FROM user_2 WHERE id = 1002").await?;
    assert_eq!(lost, Some(0), "half a statement was kept, without the gate");
    conn.query_drop("ROLLBACK").await?;
    conn.query_drop("UPDATE user SET n = n + 1 WHERE id = 2").await?;
    assert_eq!(bench.both_sides(2).await?.1, Some(1));
    Ok(())
}

/// The keys of a joined table go into the branches, which read it again. MySQL opens a temporary table only once: one
/// that takes the place of another a moment after it was asked about is read once, without an error.
async fn a_joined_table_that_cannot_be_read_twice(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "twicedb").await?;
    bench.fill_shards().await?;
    assert!(bench.flip_by_hand(Phase::Shards).await?);
    bench.root("REPLACE INTO orders VALUES (1, 5), (2, 6), (3, 400)").await?;
    bench.root("GRANT CREATE TEMPORARY TABLES ON twicedb.* TO 'app'@'%'").await?;
    let mut conn = bench.conn().await?;
    // Behind a write reads are in its epoch, too.
    conn.query_drop("UPDATE user SET n = 1 WHERE id = 1").await?;
    let text = "SELECT COUNT(*) FROM orders o JOIN user u ON u.id = o.n WHERE o.id < 9";
    let prepared = conn.prep(text).await?;
    for temporary in [false, true, false] {
        if temporary {
            conn.query_drop("CREATE TEMPORARY TABLE orders (id INT, n INT)").await?;
            conn.query_drop("INSERT INTO orders VALUES (1, 7)").await?;
        } else {
            conn.query_drop("DROP TEMPORARY TABLE IF EXISTS orders").await?;
        }
        let rows = if temporary { 1 } else { 2 };
        assert_eq!(conn.query_first(text).await?, Some(rows), "{temporary}");
        assert_eq!(conn.exec_first(&prepared, ()).await?, Some(rows), "{temporary}, prepared");
    }
    Ok(())
}
