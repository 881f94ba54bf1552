//! DDL on the table while it is being moved: the same on legacy and shards, under a closed gate, whoever dies.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::{Conn, Error, Opts, Row, prelude::Queryable};
use tests::{
    Outcome,
    bench::{Bench, refused},
    patience::{PATIENCE, found, until},
    servers::Kind,
    shunt::Sidecar,
};
use tokio::{task::JoinHandle, time::sleep};
use topology::{GateState, Phase};

tests::on_both_servers!(
    truncate_empties_all_tables_in_every_phase,
    truncate_fails_as_the_server_says,
    writers_lose_nothing_by_truncate,
    whoever_dies_it_is_finished,
    what_legacy_lacks_is_forgotten,
    a_flip_waits_for_ddl,
    two_at_once_run_one_after_the_other,
    definitions_change_on_all_tables_in_every_phase,
    what_could_differ_from_table_to_table_is_refused,
    a_definition_that_was_cut_off_is_finished,
    the_copy_begins_again_after_ddl,
);

const BEYOND_LEGACY: [Phase; 3] = [Phase::DualWrite, Phase::ShardRead, Phase::Shards];

async fn bench(kind: Kind, schema: &str) -> Outcome<Bench> {
    let mut bench = Bench::new(kind, schema).await?;
    bench.root(&format!("GRANT ALL ON {schema}.* TO 'app'@'%'")).await?;
    Ok(bench)
}

/// Rows that are in legacy and not the same in their shard, or the other way round.
async fn diverged(bench: &mut Bench) -> Outcome<i64> {
    let image = "id, HEX(name) name, n";
    let shards: Vec<String> = (0..10).map(|i| format!("SELECT {i} place, {image} FROM user_{i}")).collect();
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM (SELECT 1 side, id % 10 place, {image} FROM user UNION ALL \
         SELECT 2, all_shards.* FROM ({}) all_shards) both_sides GROUP BY place, id, name, n \
         HAVING COUNT(*) <> 2 OR SUM(side) <> 3) wrong",
        shards.join(" UNION ALL ")
    );
    Ok(bench.home.root().query_first(sql).await?.unwrap_or(-1))
}

/// Legacy follows the shards within moments in 0011; elsewhere they are equal at once.
async fn until_equal(bench: &mut Bench) -> Outcome {
    until("legacy as the shards", async || match (diverged(bench).await?, bench.phase) {
        (0, _) => Ok(true),
        (_, Phase::Shards) => Ok(false),
        (rows, phase) => Err(format!("{rows} rows differ in {phase}").into()),
    })
    .await
}

async fn rows(conn: &mut Conn) -> Outcome<i64> {
    Ok(conn.query_first("SELECT COUNT(*) FROM user").await?.unwrap_or(-1))
}

async fn truncate_empties_all_tables_in_every_phase(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "truncdb").await?;
    for phase in BEYOND_LEGACY {
        bench.walk_to(phase).await?;
        let mut conn = bench.conn().await?;
        conn.query_drop("INSERT INTO user (id, name) VALUES (1000, 'high'), (1001, 'higher')").await?;
        for (sql, prepared) in [("TRUNCATE TABLE user", false), ("TRUNCATE user", true)] {
            conn.query_drop("INSERT INTO user (name) VALUES ('x'), ('y')").await?;
            // It ends the client's transaction, which holds the gate.
            conn.query_drop("BEGIN").await?;
            conn.query_drop("UPDATE user SET n = 7").await?;
            if prepared {
                conn.exec_drop(sql, ()).await.map_err(|error| format!("{phase} {sql}: {error}"))?;
            } else {
                conn.query_drop(sql).await.map_err(|error| format!("{phase} {sql}: {error}"))?;
            }
            assert_eq!((conn.affected_rows(), conn.get_warnings()), (0, 0));
            assert_eq!(rows(&mut conn).await?, 0, "{phase} {sql}");
            let counts: Vec<i64> = bench
                .home
                .root()
                .query("SELECT COUNT(*) FROM user UNION ALL SELECT COUNT(*) FROM user_1 UNION ALL SELECT COUNT(*) FROM user_0")
                .await?;
            assert_eq!(counts, [0, 0, 0], "{phase} {sql}");
            conn.query_drop("ROLLBACK").await?;
            // Ids begin anew.
            conn.query_drop("INSERT INTO user (name) VALUES ('first')").await?;
            assert_eq!(conn.last_insert_id(), Some(1), "{phase} {sql}");
            let first: Option<String> = conn.query_first("SELECT name FROM user WHERE id = 1").await?;
            assert_eq!(first.as_deref(), Some("first"));
            until_equal(&mut bench).await?;
        }
        if phase == Phase::DualWrite {
            bench.flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
        }
    }
    // And the way back is open.
    bench.walk_to(Phase::ShardRead).await?;
    until_equal(&mut bench).await
}

/// Rights are the client's own, and a refusal does nothing.
async fn truncate_fails_as_the_server_says(kind: Kind) -> Outcome {
    let mut bench = Bench::new(kind, "truncfaildb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let mut conn = bench.conn().await?;
    let (code, _) = refused(conn.query_drop("TRUNCATE user").await)?;
    assert_eq!(code, 1142);
    let shown: Vec<Row> = conn.query("SHOW WARNINGS").await?;
    assert_eq!(shown.len(), 1);
    assert_eq!(rows(&mut conn).await?, i64::from(tests::bench::ROWS));
    // The gate is open again.
    conn.query_drop("UPDATE user SET n = n + 1").await?;
    until_equal(&mut bench).await?;
    let schema = bench.schema.clone();
    bench.root(&format!("GRANT ALL ON {schema}.* TO 'app'@'%'")).await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("LOCK TABLES user WRITE").await?;
    let (code, message) = refused(conn.query_drop("TRUNCATE user").await)?;
    assert!(code == 1235 && message.contains("LOCK TABLES"), "{message}");
    conn.query_drop("UNLOCK TABLES").await?;
    for sql in ["TRUNCATE user_3", "TRUNCATE shunt.ddl"] {
        assert_eq!(refused(conn.query_drop(sql).await)?.0, 1235, "{sql}");
    }
    assert_eq!(rows(&mut conn).await?, i64::from(tests::bench::ROWS));
    Ok(())
}

/// A row that was acknowledged.
struct Written {
    id: u64,
    begun: Instant,
    acknowledged: Instant,
}

/// Three that write rows, and remember them.
struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Outcome<Vec<Written>>>>,
}

impl Writers {
    fn start(opts: &Opts) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = (1..=3)
            .map(|i| {
                let (opts, stop, acknowledged) = (opts.clone(), stop.clone(), acknowledged.clone());
                tokio::spawn(Self::write(opts, 1_000_000 * i, stop, acknowledged))
            })
            .collect();
        Self { stop, acknowledged, tasks }
    }

    async fn write(
        opts: Opts,
        from: u64,
        stop: Arc<AtomicBool>,
        count: Arc<AtomicU64>,
    ) -> Outcome<Vec<Written>> {
        let mut written = Vec::new();
        let mut conn = Conn::new(opts).await?;
        let mut id = from;
        while !stop.load(Ordering::Relaxed) {
            id += 1;
            let begun = Instant::now();
            let sql = format!("INSERT INTO user (id, name) VALUES ({id}, 'w')");
            match conn.query_drop(sql).await {
                Ok(()) => {
                    written.push(Written { id, begun, acknowledged: Instant::now() });
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // Held for longer than it waits.
                Err(Error::Server(error)) if error.code == 1205 => {}
                Err(error) => return Err(error.into()),
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(written)
    }

    /// Waits until a row was written that began after this call: three may be under way now.
    async fn go_on(&self) -> Outcome {
        let enough = self.acknowledged.load(Ordering::Relaxed) + 4;
        until("more rows", async || Ok(self.acknowledged.load(Ordering::Relaxed) >= enough)).await
    }

    async fn end(self) -> Outcome<Vec<Written>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await??);
        }
        Ok(all)
    }
}

/// Every row whose INSERT began after the answer is there, every row that was acknowledged before it began is not.
async fn writers_lose_nothing_by_truncate(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "truncraceddb").await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    for phase in BEYOND_LEGACY {
        bench.walk_to(phase).await?;
        let writers = Writers::start(&bench.opts(1)?);
        let reader = bench.opts(1)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        // All of the old rows or none of them: never those of some shards.
        let reads = tokio::spawn(async move {
            let mut conn = Conn::new(reader).await?;
            let mut seen = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let old: Option<i64> = conn.query_first("SELECT COUNT(*) FROM user WHERE id <= 20").await?;
                seen.push(old.unwrap_or(-1));
                sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, tests::Failure>(seen)
        });
        let mut conn = bench.conn().await?;
        let values: Vec<String> = (1..=20).map(|id| format!("({id}, 'old')")).collect();
        conn.query_drop(format!("REPLACE INTO user (id, name) VALUES {}", values.join(","))).await?;
        writers.go_on().await?;
        let before = Instant::now();
        conn.query_drop("TRUNCATE user").await?;
        let after = Instant::now();
        writers.go_on().await?;
        stop.store(true, Ordering::Relaxed);
        let seen = reads.await??;
        let first = seen.iter().position(|n| *n == 20).unwrap_or(seen.len());
        assert!(seen[first..].iter().all(|n| *n == 20 || *n == 0), "{phase}: {seen:?}");
        let (mut kept, mut gone) = (0, 0);
        for Written { id, begun, acknowledged } in writers.end().await? {
            let there: Option<i64> = bench
                .home
                .root()
                .query_first(format!("SELECT id FROM user_{} WHERE id = {id}", id % 10))
                .await?;
            if begun > after {
                assert!(there.is_some(), "{phase}: row {id} is lost");
                kept += 1;
            } else if acknowledged < before {
                assert!(there.is_none(), "{phase}: row {id} outlived TRUNCATE");
                gone += 1;
            }
        }
        assert!(kept > 0 && gone > 0, "{phase}: {kept} {gone}");
        until_equal(&mut bench).await?;
        conn.query_drop("DELETE FROM user").await?;
        if phase == Phase::DualWrite {
            bench.flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
        }
    }
    Ok(())
}

async fn until_changing(bench: &mut Bench) -> Outcome {
    let closed = async || Ok(matches!(bench.gate().await?.state, GateState::Changing(_)));
    until("the gate closed", closed).await
}

async fn until_open(bench: &mut Bench, phase: Phase) -> Outcome {
    until("the gate open", async || Ok(bench.gate().await?.state == GateState::Open(phase))).await
}

async fn until_rows(bench: &mut Bench, table: &str, wanted: i64) -> Outcome {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let root = bench.home.root();
    until(table, async || Ok(root.query_first::<i64, _>(&sql).await? == Some(wanted))).await
}

/// A sidecar is killed while shard 5 cannot be emptied: the one that controls the table, or the one whose client asked.
async fn whoever_dies_it_is_finished(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "ddlkilldb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    for killed in [1, 0] {
        let mut conn = Conn::new(bench.opts(1)?).await?;
        let values: Vec<String> = (1..=40).map(|id| format!("({id}, 'old')")).collect();
        conn.query_drop(format!("REPLACE INTO user (id, name) VALUES {}", values.join(","))).await?;
        let mut holder = bench.direct().await?;
        holder.query_drop("LOCK TABLES user_5 READ").await?;
        let running = tokio::spawn(async move { conn.query_drop("TRUNCATE user").await });
        until_rows(&mut bench, "user_4", 0).await?;
        until_changing(&mut bench).await?;
        bench.sidecars[killed].kill9()?;
        // Writes wait, and say so; reads of legacy go on.
        let mut other = Conn::new(bench.opts(1 - killed)?).await?;
        assert_eq!(rows(&mut other).await?, 0);
        other.query_drop("SET lock_wait_timeout = 1").await?;
        // 1105: it has not seen the closed gate within this second.
        let (code, message) = found("a write that waits for DDL", async || {
            let told = refused(other.query_drop("INSERT INTO user (name) VALUES ('x')").await)?;
            Ok((told.0 != 1105).then_some(told))
        })
        .await?;
        assert!(code == 1205 && message.contains("DDL"), "{code} {message}");
        // What has it, and what lacks it.
        let check = bench.sidecars[1 - killed].command(&["check"])?;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(said.contains("ERROR   ddl"), "{said}");
        assert!(said.contains("user_4; these do not:"), "{said}");
        assert!(said.contains("TRUNCATE TABLE `ddlkilldb`.`user_5`;"), "{said}");
        let status = bench.sidecars[1 - killed].command(&["status"])?;
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(said.contains("TRUNCATE user"), "{said}");
        holder.query_drop("UNLOCK TABLES").await?;
        until_open(&mut bench, Phase::DualWrite).await?;
        let told = running.await?;
        assert_eq!(told.is_ok(), killed == 0, "{told:?}");
        assert_eq!(rows(&mut other).await?, 0);
        other.query_drop("INSERT INTO user (name) VALUES ('x')").await?;
        until_equal(&mut bench).await?;
        bench.sidecars[killed].launch().await?;
    }
    bench.flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
    bench.walk_to(Phase::ShardRead).await?;
    until_equal(&mut bench).await
}

/// The client's sidecar is killed while legacy is in use: its statement has done nothing, and neither does anybody.
async fn what_legacy_lacks_is_forgotten(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "ddlforgetdb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    let mut conn = Conn::new(bench.opts(1)?).await?;
    let mut holder = bench.direct().await?;
    holder.query_drop("LOCK TABLES user READ").await?;
    let running = tokio::spawn(async move { conn.query_drop("TRUNCATE user").await });
    until_changing(&mut bench).await?;
    bench.sidecars[1].kill9()?;
    assert!(running.await?.is_err());
    until_open(&mut bench, Phase::DualWrite).await?;
    holder.query_drop("UNLOCK TABLES").await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("UPDATE user SET n = n + 1").await?;
    assert_eq!(rows(&mut conn).await?, i64::from(tests::bench::ROWS));
    until_equal(&mut bench).await
}

/// A request that is made while DDL runs is heard, and followed after it.
async fn a_flip_waits_for_ddl(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "ddlflipdb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let mut conn = bench.conn().await?;
    let mut holder = bench.direct().await?;
    holder.query_drop("LOCK TABLES user_5 READ").await?;
    let running = tokio::spawn(async move { conn.query_drop("TRUNCATE user").await });
    until_rows(&mut bench, "user_4", 0).await?;
    bench.flag.set(Phase::ShardRead).await?;
    sleep(Duration::from_secs(1)).await;
    assert!(matches!(bench.gate().await?.state, GateState::Changing(_)));
    holder.query_drop("UNLOCK TABLES").await?;
    running.await??;
    bench.flag.until("0111", PATIENCE, |state| state.phase == Some(Phase::ShardRead)).await?;
    until_equal(&mut bench).await
}

async fn two_at_once_run_one_after_the_other(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "ddltwodb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    let (mut one, mut other) = (Conn::new(bench.opts(0)?).await?, Conn::new(bench.opts(1)?).await?);
    let (first, second) =
        tokio::join!(one.query_drop("TRUNCATE user"), other.query_drop("TRUNCATE TABLE user"));
    first?;
    second?;
    other.query_drop("INSERT INTO user (name) VALUES ('x')").await?;
    assert_eq!(other.last_insert_id(), Some(1));
    until_equal(&mut bench).await
}

/// Each table's columns and indexes as the server lists them; all must be the same.
async fn one_shape(bench: &mut Bench) -> Outcome<Vec<String>> {
    let mut shapes: Vec<Vec<String>> = Vec::new();
    for table in std::iter::once("user".to_owned()).chain((0..10).map(|i| format!("user_{i}"))) {
        let sql = format!(
            "SELECT CONCAT_WS('|', COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT) FROM \
             information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
        );
        let mut shape: Vec<String> = bench.home.root().query(sql).await?;
        let sql = format!(
            "SELECT CONCAT_WS('|', INDEX_NAME, COLUMN_NAME, NON_UNIQUE) FROM information_schema.STATISTICS WHERE \
             TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}' ORDER BY INDEX_NAME, SEQ_IN_INDEX"
        );
        shape.extend(bench.home.root().query::<String, _>(sql).await?);
        shapes.push(shape);
    }
    for (i, shape) in shapes.iter().enumerate() {
        assert_eq!(shape, &shapes[0], "table {i}");
    }
    Ok(shapes.swap_remove(0))
}

async fn definitions_change_on_all_tables_in_every_phase(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "alterdb").await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    for phase in BEYOND_LEGACY {
        bench.walk_to(phase).await?;
        let before = one_shape(&mut bench).await?;
        let mut conn = bench.conn().await?;
        let mut other = Conn::new(bench.opts(1)?).await?;
        let all = other.prep("SELECT * FROM user WHERE id < ? ORDER BY id").await?;
        let one = other.prep("SELECT * FROM user WHERE id = ?").await?;
        let rows: Vec<Row> = other.exec(&all, (4,)).await?;
        assert_eq!((rows.len(), rows[0].len()), (3, 3));
        let run = async |conn: &mut Conn, sql: &str| -> Outcome {
            conn.query_drop(sql).await.map_err(|error| format!("{phase} {sql}: {error}").into())
        };
        run(&mut conn, "ALTER TABLE user ADD COLUMN city VARCHAR(20) NOT NULL DEFAULT 'Köln' AFTER name, ADD INDEX (city)")
            .await?;
        assert_ne!(one_shape(&mut bench).await?, before);
        // Prepared statements go on, through the other sidecar too, by the new shape.
        for (statement, value, found) in [(&all, 4, 3), (&one, 3, 1)] {
            let rows: Vec<Row> = other.exec(statement, (value,)).await?;
            assert_eq!((rows.len(), rows[0].len()), (found, 4), "{phase}");
            assert_eq!(rows[0].get::<String, _>("city").as_deref(), Some("Köln"));
        }
        other.query_drop("UPDATE user SET city = 'Bonn' WHERE n >= 0 AND id IN (1, 2)").await?;
        other.query_drop("INSERT INTO user (name, city) VALUES ('new', 'Trier')").await?;
        let bonn: Option<i64> = conn.query_first("SELECT COUNT(*) FROM user WHERE city = 'Bonn'").await?;
        assert_eq!(bonn, Some(2));
        run(&mut conn, "ALTER TABLE user ALTER COLUMN city SET DEFAULT 'Ulm', RENAME INDEX city TO place")
            .await?;
        run(&mut conn, "ALTER TABLE user RENAME COLUMN city TO town").await?;
        other.query_drop("INSERT INTO user (name) VALUES ('newer')").await?;
        let ulm: Option<i64> = other.query_first("SELECT COUNT(*) FROM user WHERE town = 'Ulm'").await?;
        assert_eq!(ulm, Some(1));
        run(&mut conn, "CREATE INDEX both_of_them ON user (town, n DESC)").await?;
        one_shape(&mut bench).await?;
        run(&mut conn, "DROP INDEX both_of_them ON user").await?;
        run(&mut conn, "ALTER TABLE user AUTO_INCREMENT = 5000").await?;
        other.query_drop("INSERT INTO user (name) VALUES ('high')").await?;
        assert!(other.last_insert_id() >= Some(5000), "{phase}: {:?}", other.last_insert_id());
        run(&mut conn, "ALTER TABLE user DROP COLUMN town").await?;
        assert_eq!(one_shape(&mut bench).await?, before);
        let rows: Vec<Row> = other.exec(&all, (4,)).await?;
        assert_eq!((rows.len(), rows[0].len()), (3, 3));
        // What fails on legacy is done nowhere.
        let (code, _) = refused(conn.query_drop("ALTER TABLE user ADD COLUMN n INT").await)?;
        assert_eq!(code, 1060);
        let (code, _) = refused(conn.query_drop("DROP INDEX nosuch ON user").await)?;
        assert_eq!(code, 1091);
        assert_eq!(one_shape(&mut bench).await?, before);
        until_equal(&mut bench).await?;
        other.query_drop("DELETE FROM user WHERE id > 40").await?;
        if phase == Phase::DualWrite {
            bench.flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
        }
    }
    bench.walk_to(Phase::ShardRead).await?;
    until_equal(&mut bench).await
}

async fn what_could_differ_from_table_to_table_is_refused(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "alterrefusedb").await?;
    bench.walk_to(Phase::DualWrite).await?;
    let before = one_shape(&mut bench).await?;
    let mut conn = bench.conn().await?;
    for sql in [
        "ALTER TABLE user ADD COLUMN at DATETIME DEFAULT CURRENT_TIMESTAMP",
        "ALTER TABLE user ADD COLUMN at DATETIME NOT NULL",
        "ALTER TABLE user ADD COLUMN u VARCHAR(40) DEFAULT (UUID())",
        "ALTER TABLE user ADD COLUMN u INT UNIQUE",
        "ALTER TABLE user ADD UNIQUE (name)",
        "CREATE UNIQUE INDEX u ON user (name)",
        "ALTER TABLE user DROP COLUMN id",
        "ALTER TABLE user RENAME COLUMN id TO no",
        "ALTER TABLE user DROP PRIMARY KEY",
        "ALTER TABLE user MODIFY name VARCHAR(10)",
        "ALTER TABLE user RENAME TO gone",
        "ALTER TABLE user CONVERT TO CHARACTER SET latin1",
        "ALTER TABLE user ENGINE = InnoDB",
        "ALTER TABLE user_3 ADD COLUMN x INT",
    ] {
        let (code, message) = refused(conn.query_drop(sql).await)?;
        assert!(code == 1235 && message.contains("nothing was done"), "{sql}: {code} {message}");
    }
    // A shard that is not like legacy: what goes well on legacy might not there.
    bench.root("ALTER TABLE user_7 DROP INDEX name").await?;
    let (code, message) = refused(conn.query_drop("DROP INDEX name ON user").await)?;
    assert!(code == 1235 && message.contains("user_7"), "{code} {message}");
    bench.root("ALTER TABLE user_7 ADD INDEX name (name)").await?;
    assert_eq!(one_shape(&mut bench).await?, before);
    conn.query_drop("UPDATE user SET n = n + 1").await?;
    Ok(())
}

/// The sidecar that asked and controls dies while shard 5 is in use; another goes on where it stopped, and writers go on.
async fn a_definition_that_was_cut_off_is_finished(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "altercutdb").await?;
    bench.walk_to(Phase::ShardRead).await?;
    let second = Sidecar::start(&bench.setup, "second").await?;
    bench.sidecars.push(second);
    let writers = Writers::start(&bench.opts(1)?);
    let mut conn = bench.conn().await?;
    let mut holder = bench.direct().await?;
    // Not LOCK TABLES: writers would wait for it, under the gate.
    holder.query_drop("BEGIN").await?;
    holder.query_drop("SELECT * FROM user_5 LIMIT 1").await?;
    let running =
        tokio::spawn(
            async move { conn.query_drop("ALTER TABLE user ADD COLUMN x INT NOT NULL DEFAULT 3").await },
        );
    let has = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'x'";
    let root = bench.home.root();
    until("x in shard 4", async || Ok(root.query_first::<i64, _>(has).await? == Some(6))).await?;
    bench.sidecars[0].kill9()?;
    assert!(running.await?.is_err());
    holder.query_drop("COMMIT").await?;
    until_open(&mut bench, Phase::ShardRead).await?;
    one_shape(&mut bench).await?;
    let mut conn = Conn::new(bench.opts(1)?).await?;
    let x: Option<i64> = conn.query_first("SELECT SUM(x) FROM user WHERE id <= 40").await?;
    assert_eq!(x, Some(3 * i64::from(tests::bench::ROWS)));
    conn.query_drop("UPDATE user SET x = 4 WHERE id = 5").await?;
    let (opened, mut later) = (Instant::now(), 0);
    writers.go_on().await?;
    for Written { id, begun, .. } in writers.end().await? {
        let there: Option<i64> = conn.query_first(format!("SELECT id FROM user WHERE id = {id}")).await?;
        assert!(there.is_some(), "row {id} is lost");
        later += usize::from(begun > opened);
    }
    assert!(later > 0, "nobody wrote afterwards");
    bench.phase = Phase::ShardRead;
    until_equal(&mut bench).await
}

/// `shunt backfill` gives Redis a second.
async fn backfill(bench: &Bench, what: &str) -> Outcome {
    let command = async || Ok(bench.sidecars[0].command(&["backfill", what])?.status.success());
    until(what, command).await
}

/// What was copied before counts no longer, and what is copied afterwards is the table as it is.
async fn the_copy_begins_again_after_ddl(kind: Kind) -> Outcome {
    let mut bench = bench(kind, "ddlcopydb").await?;
    backfill(&bench, "--pause").await?;
    bench.flag.walk_to(Phase::DualWrite, PATIENCE).await?;
    let mut conn = bench.conn().await?;
    conn.query_drop("ALTER TABLE user DROP INDEX name, ADD COLUMN x INT DEFAULT 2 FIRST").await?;
    conn.query_drop("UPDATE user SET n = x WHERE id < 10").await?;
    backfill(&bench, "--resume").await?;
    bench.flag.until("a certified copy", PATIENCE, tests::walk::State::certified).await?;
    until_equal(&mut bench).await?;
    one_shape(&mut bench).await?;
    conn.query_drop("TRUNCATE user").await?;
    conn.query_drop("INSERT INTO user (name) VALUES ('x')").await?;
    bench.walk_to(Phase::ShardRead).await?;
    assert_eq!(rows(&mut conn).await?, 1);
    until_equal(&mut bench).await
}
