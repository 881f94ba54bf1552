//! The copy on real servers: exact under writers, resumable, and it gives way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use reshard::copy::{
    Copied, Copier, CopyError, EmptyError, Pace, Progress, ThrottleLimits, Unsteered, empty_shards, progress,
};
use reshard::verify::{Verifier, VerifyOptions, VerifyReport};
use tests::{Outcome, patience::until, rig::Rig, servers::Kind};
use tokio_util::sync::CancellationToken;
use topology::{GateState, Phase};

const USER: &str = "id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, email VARCHAR(40) NOT NULL, \
    n INT NOT NULL DEFAULT 0, at TIMESTAMP(3) NULL, UNIQUE KEY email (email), KEY name (name)";
const USER_COLUMNS: &str = "id,name,email,n,at";

fn copier(rig: &Rig, pace: Pace) -> Copier {
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    Copier::new(home, table, gate, pace, Arc::new(Unsteered))
}

async fn copy(rig: &Rig) -> Result<Copied, CopyError> {
    copier(rig, pace()).run(&CancellationToken::new()).await
}

/// Tests share two cores with others: the throttle on running threads is tested alone.
fn pace() -> Pace {
    Pace { throttle: ThrottleLimits::none(), ..Pace::default() }
}

async fn verify(rig: &Rig) -> Outcome<VerifyReport> {
    let options = VerifyOptions { pace: pace(), ..VerifyOptions::default() };
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    let verifier = Verifier::new(home, table, gate, options, Arc::new(Unsteered));
    Ok(verifier.run(&CancellationToken::new()).await?)
}

async fn fill(rig: &mut Rig, rows: u32) -> Outcome {
    rig.run("INSERT INTO @.user (id,name,email,at) VALUES (1,'n1','e1',NOW(3))").await?;
    let mut have = 1;
    while have < rows {
        let sql = format!(
            "INSERT INTO @.user (id,name,email,at) SELECT id+{have},CONCAT('n',id+{have}),CONCAT('e',id+{have}),NOW(3) \
             FROM @.user WHERE id<={}",
            rows - have
        );
        rig.run(&sql).await?;
        have = (have * 2).min(rows);
    }
    Ok(())
}

/// What the data plane does: gate, the statement on legacy, then the row images of `ids`, in one transaction.
async fn dual_write(conn: &mut Conn, gate: &str, ids: &[u64], sql: &str) -> Result<(), mysql_async::Error> {
    let mut all = format!("START TRANSACTION;{gate};{sql};");
    for id in ids {
        let shard = id % 10;
        let columns = "id,name,email,n,at";
        all.push_str(&format!(
            "REPLACE INTO user_{shard} ({columns}) SELECT {columns} FROM user WHERE id={id};\
             DELETE FROM user_{shard} WHERE id={id} AND NOT EXISTS (SELECT 1 FROM user WHERE id={id});"
        ));
    }
    all.push_str("COMMIT");
    let result = conn.query_drop(all).await;
    if result.is_err() {
        conn.query_drop("ROLLBACK").await?;
    }
    result
}

/// Writes at random until told to stop; counts what was written and what was rolled back.
async fn writer(
    mut conn: Conn,
    gate: String,
    seed: u64,
    stop: CancellationToken,
    counts: Arc<[AtomicU64; 2]>,
) -> Result<(), mysql_async::Error> {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut serial = 0;
    while !stop.is_cancelled() {
        serial += 1;
        let id = next() % 24_000 + 1;
        let other = next() % 24_000 + 1;
        let email = format!("w{seed}-{serial}");
        let (ids, sql) = match next() % 4 {
            0 => (vec![id], format!("DELETE FROM user WHERE id={id}")),
            1 => (vec![id], format!("REPLACE INTO user (id,name,email,n) VALUES ({id},'new','{email}',1)")),
            2 => (
                vec![id, other],
                format!("UPDATE user SET n=n+1,email=CONCAT('{email}-',id) WHERE id IN ({id},{other})"),
            ),
            _ => (vec![id], format!("UPDATE user SET name='x{serial}' WHERE id={id}")),
        };
        match dual_write(&mut conn, &gate, &ids, &sql).await {
            Ok(()) => counts[0].fetch_add(1, Ordering::Relaxed),
            Err(mysql_async::Error::Server(error)) if error.code == 1213 => {
                counts[1].fetch_add(1, Ordering::Relaxed)
            }
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

struct Writers {
    stop: CancellationToken,
    counts: Arc<[AtomicU64; 2]>,
    tasks: Vec<tokio::task::JoinHandle<Result<(), mysql_async::Error>>>,
}

impl Writers {
    async fn start(rig: &Rig, kind: Kind, isolation: &str) -> Outcome<Self> {
        let stop = CancellationToken::new();
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let mut tasks = Vec::new();
        for seed in 1..=6 {
            let mut conn = rig.application(kind).await?;
            conn.query_drop(format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")).await?;
            let gate = rig.gate.probe_sql(kind == Kind::MariaDb);
            tasks.push(tokio::spawn(writer(conn, gate, seed, stop.clone(), counts.clone())));
        }
        Ok(Self { stop, counts, tasks })
    }

    async fn stop(self) -> Outcome<(u64, u64)> {
        self.stop.cancel();
        for task in self.tasks {
            task.await??;
        }
        let count = |i: usize| self.counts[i].load(Ordering::Relaxed);
        Ok((count(0), count(1)))
    }
}

async fn under_writers(kind: Kind, isolation: &str, name: &str) -> Outcome {
    let mut rig = Rig::new(kind, name, USER, "id", 10, Phase::DualWrite).await?;
    fill(&mut rig, 20_000).await?;
    // Stale rows from an earlier attempt, some with values that others have now, some in a wrong shard.
    rig.run(
        "INSERT INTO @.user_3 (id,name,email) SELECT id,'stale',CONCAT('e',id+10) FROM @.user WHERE id%10=3",
    )
    .await?;
    rig.run(
        "INSERT INTO @.user_4 (id,name,email) SELECT id,name,email FROM @.user WHERE id%10=5 AND id<9000",
    )
    .await?;
    rig.run("INSERT INTO @.user_7 (id,name,email) VALUES (77777,'ghost','ghost'),(-3,'ghost','ghost2')")
        .await?;
    let writers = Writers::start(&rig, kind, isolation).await?;
    let slow = Pace { chunk_rows: Some(500), interval: Duration::from_millis(20), ..pace() };
    let copied = copier(&rig, slow).run(&CancellationToken::new()).await?;
    // And with the writers still at work, several whole passes find nothing.
    let mut false_positives = 0;
    for _ in 0..3 {
        false_positives += verify(&rig).await?.differing;
    }
    let (written, deadlocks) = writers.stop().await?;
    let diverged = rig.diverged(USER_COLUMNS).await?;
    eprintln!(
        "{kind:?} {isolation}: {copied:?}, {written} writes, {deadlocks} deadlocks, {diverged} diverged"
    );
    assert_eq!(diverged, 0, "{kind:?} {isolation}");
    assert_eq!(false_positives, 0, "{kind:?} {isolation}");
    assert!(written > 50, "{written} writes prove nothing");
    assert!(copied.removed >= 2_000, "{copied:?}");
    assert!(verify(&rig).await?.clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_dual_writers_leave_no_row_diverged() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        under_writers(kind, "REPEATABLE READ", &format!("copy_rr_{short}")).await?;
        under_writers(kind, "READ COMMITTED", &format!("copy_rc_{short}")).await?;
    }
    Ok(())
}

/// What is read as wrong in a shard may be a row by the time it is deleted, unless the range is locked first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_becomes_a_row_is_not_deleted() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig =
            Rig::new(kind, &format!("copy_stranger_{short}"), USER, "id", 10, Phase::DualWrite).await?;
        fill(&mut rig, 6_000).await?;
        for shard in [1, 3, 5, 7, 9] {
            rig.run(&format!(
                "INSERT INTO @.user_{shard} (id,name,email) SELECT id,'ghost',CONCAT('g',id) FROM @.user WHERE id%10={shard}"
            ))
            .await?;
        }
        rig.run("DELETE FROM @.user WHERE id%2=1").await?;
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        for seed in 1..=4_u64 {
            let mut conn = rig.application(kind).await?;
            let (gate, stop) = (rig.gate.probe_sql(kind == Kind::MariaDb), stop.clone());
            tasks.push(tokio::spawn(async move {
                let mut id = 2 * seed - 1;
                while !stop.is_cancelled() && id < 6_000 {
                    let sql = format!("REPLACE INTO user (id,name,email) VALUES ({id},'row','r{id}')");
                    // A deadlock rolls back both sides.
                    let _ = dual_write(&mut conn, &gate, &[id], &sql).await;
                    id += 8;
                }
            }));
        }
        let whole = Pace { chunk_rows: Some(6_000), ..pace() };
        copier(&rig, whole).run(&CancellationToken::new()).await?;
        stop.cancel();
        for task in tasks {
            task.await?;
        }
        assert_eq!(rig.diverged(USER_COLUMNS).await?, 0, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn every_kind_of_key_and_value_arrives_as_it_is() -> Outcome {
    let columns = "tenant VARBINARY(16) NOT NULL, code CHAR(8) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL, \
        id BIGINT NOT NULL, hidden INT INVISIBLE DEFAULT 7, twice BIGINT AS (n*2) VIRTUAL, thrice BIGINT AS (n*3) STORED, \
        n INT, e ENUM('b','a','') NULL, s SET('x','y','z') NULL, f FLOAT, d DOUBLE, de DECIMAL(30,9), bits BIT(9), \
        day DATE NULL, dt DATETIME(6) NULL, ts TIMESTAMP(6) NULL, tm TIME(3), y YEAR, body LONGTEXT, raw LONGBLOB, \
        j JSON, g GEOMETRY, PRIMARY KEY (tenant,code,id)";
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig =
            Rig::new(kind, &format!("copy_kinds_{short}"), columns, "id", 4, Phase::DualWrite).await?;
        rig.run("SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO',time_zone='+00:00'").await?;
        rig.run("INSERT INTO @.user (tenant,code,id,hidden,n,e,s,f,d,de,bits,day,dt,ts,tm,y,body,raw,j,g) VALUES \
            (X'00','',0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),\
            (X'','ß',-1,2,1,'nonsense','x,z',16777217.3,-0e0,-1.000000001,b'101010101','0000-00-00','2020-00-13 25:00:00',\
             '0000-00-00','-12:34:56.789',0,'\u{1F600} a ',X'00FF80','{\"b\":1,\"a\":[1.0,2]}',ST_GeomFromText('POINT(1 2)')),\
            (X'FF00','A ',-9223372036854775808,3,-5,'','',0.1,1e300,0,b'0','1000-01-01','9999-12-31 23:59:59.999999',\
             '2038-01-19 03:14:07.5','838:59:59',2155,'','', '[]',NULL),\
            (X'FF','o''x\\\\',9223372036854775807,NULL,7,'a','z',1e-40,2.2250738585072014e-308,9.5,b'1',NULL,NULL,\
             '2021-10-31 01:30:00.25',NULL,1999,REPEAT('a',70000),REPEAT('z',70000),'null',NULL)").await?;
        for i in 0..60 {
            let sql = format!(
                "INSERT INTO @.user (tenant,code,id) VALUES (UNHEX('{:02X}'),'{}',{})",
                i % 7,
                i % 5,
                i - 30
            );
            rig.run(&sql).await?;
        }
        let small = Pace { chunk_rows: Some(3), ..pace() };
        let copied = copier(&rig, small).run(&CancellationToken::new()).await?;
        assert_eq!(copied.rows, 64, "{kind:?}");
        assert!(copied.chunks >= 21, "{kind:?}: {copied:?}");
        let all =
            "tenant,code,id,hidden,n,e+0,s+0,f*1e0,d,de,bits+0,day,dt,ts,tm,y,body,raw,CAST(j AS CHAR),g";
        let texts = "tenant,code,id,hidden,n,e,s,f,d,de,bits,day,dt,ts,tm,y,body,raw,twice,thrice";
        assert_eq!(rig.diverged(all).await?, 0, "{kind:?}");
        assert_eq!(rig.diverged(texts).await?, 0, "{kind:?}");
        let report = verify(&rig).await?;
        assert!(report.clean() && report.rows == 64, "{kind:?}: {report:?}");
        // Again, over what is there: nothing is written, nothing changes.
        rig.flip(GateState::Open(Phase::DualWrite)).await?;
        assert_eq!(copy(&rig).await?.removed, 0, "{kind:?}");
        assert_eq!(rig.diverged(all).await?, 0, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_copy_goes_on_after_its_last_chunk() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig = Rig::new(kind, &format!("copy_kill_{short}"), USER, "id", 10, Phase::DualWrite).await?;
        fill(&mut rig, 20_000).await?;
        let slow = Pace { chunk_rows: Some(50), interval: Duration::from_millis(25), ..pace() };
        let (mut killed, mut part) = (0, None);
        // A machine under load may need longer for a first chunk.
        while killed < 4 || part.as_ref().is_none_or(|part: &Progress| part.rows == 0) && killed < 100 {
            let copier = copier(&rig, slow.clone());
            let cancel = CancellationToken::new();
            // Dropped in the middle of whatever it was doing, its connection with it: what kill -9 leaves.
            let _ = tokio::time::timeout(Duration::from_millis(400), copier.run(&cancel)).await;
            wait_until_unlocked(&mut rig).await?;
            part = progress(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?;
            killed += 1;
        }
        let part = part.ok_or("no progress")?;
        assert!(part.rows > 0 && !part.finished, "{kind:?}: {part:?}");
        assert!(part.percent.is_some_and(|percent| percent < 100.0), "{part:?}");
        let copied = copy(&rig).await?;
        assert_eq!(copied.rows, 20_000, "{kind:?}");
        assert_eq!(rig.diverged(USER_COLUMNS).await?, 0, "{kind:?}");
        let done = progress(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?.ok_or("no progress")?;
        assert!(done.finished && done.percent == Some(100.0), "{done:?}");
        // A finished copy is not begun again in its epoch.
        assert_eq!(copy(&rig).await?, copied, "{kind:?}");
    }
    Ok(())
}

async fn wait_until_unlocked(rig: &mut Rig) -> Outcome {
    let lock = format!("SELECT COALESCE(IS_FREE_LOCK('shunt.copy.{}'),0)", rig.table.id());
    until("the end of the dropped copy's connection", async || Ok(rig.number(&lock).await? == 1)).await
}

#[tokio::test]
async fn one_copy_a_table_under_its_own_epoch_and_columns() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig = Rig::new(kind, &format!("copy_one_{short}"), USER, "id", 10, Phase::DualWrite).await?;
        fill(&mut rig, 2_000).await?;
        let slow = Pace { chunk_rows: Some(2), interval: Duration::from_millis(50), ..pace() };
        let start = |rig: &Rig| {
            let copier = copier(rig, slow.clone());
            tokio::spawn(async move { copier.run(&CancellationToken::new()).await })
        };
        let first = start(&rig);
        let lock = format!("SELECT COALESCE(IS_FREE_LOCK('shunt.copy.{}'),1)", rig.table.id());
        until("the first copy", async || Ok(rig.number(&lock).await? == 0)).await?;
        let second = copy(&rig).await;
        assert!(matches!(second, Err(CopyError::AlreadyRunning(_))), "{kind:?}: {second:?}");
        rig.flip(GateState::Open(Phase::Legacy)).await?;
        let first = first.await?;
        assert!(matches!(first, Err(CopyError::EpochOver(_))), "{kind:?}: {first:?}");

        rig.flip(GateState::Open(Phase::DualWrite)).await?;
        let altered = start(&rig);
        until("its first rows", async || {
            let now = progress(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?;
            Ok(now.is_some_and(|now| now.rows > 0))
        })
        .await?;
        rig.run("ALTER TABLE @.user ADD COLUMN late INT").await?;
        let altered = altered.await?;
        assert!(matches!(altered, Err(CopyError::ColumnsChanged { .. })), "{kind:?}: {altered:?}");
        // It says so where status looks, and the next copy refuses to begin.
        let said = progress(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?.ok_or("no progress")?;
        assert!(said.detail.is_some_and(|detail| detail.contains("changed")), "{kind:?}");
        let again = copy(&rig).await;
        assert!(matches!(again, Err(CopyError::ColumnsChanged { .. })), "{kind:?}: {again:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_copy_gives_way_to_a_row_lock() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig = Rig::new(kind, &format!("copy_lock_{short}"), USER, "id", 10, Phase::DualWrite).await?;
        fill(&mut rig, 2_000).await?;
        // In some round nothing but the copy keeps the other writer waiting.
        until("rows that stay writable", async || {
            let waits = waits_beside_a_row_lock(&rig, kind).await?;
            eprintln!("{kind:?}: waits of another writer {waits:?}");
            // The next one begins as the first.
            rig.flip(GateState::Open(Phase::DualWrite)).await?;
            for shard in 0..10 {
                rig.run(&format!("DELETE FROM @.user_{shard}")).await?;
            }
            // Only the row just before the locked one may wait: MariaDB locks the first row behind a range too.
            Ok(waits[6] < Duration::from_millis(200) && waits[7] < Duration::from_millis(1_500))
        })
        .await?;
    }
    Ok(())
}

/// How long another writer's statements take while the copy waits for a row; the longest last.
async fn waits_beside_a_row_lock(rig: &Rig, kind: Kind) -> Outcome<Vec<Duration>> {
    let mut holder = rig.application(kind).await?;
    holder.query_drop("START TRANSACTION;UPDATE user SET n=1 WHERE id=1500").await?;
    let copier = copier(rig, pace());
    let task = tokio::spawn(async move { copier.run(&CancellationToken::new()).await });
    // Rows before and behind the lock stay writable while the copy waits for it.
    let mut other = rig.application(kind).await?;
    let mut waits = Vec::new();
    for id in [1, 700, 1499, 1501, 1999, 2, 701, 1498] {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        other.query_drop(format!("UPDATE user SET n=n+1 WHERE id={id}")).await?;
        waits.push(began.elapsed());
    }
    holder.query_drop("ROLLBACK").await?;
    task.await??;
    waits.sort();
    Ok(waits)
}

#[tokio::test]
async fn shards_are_emptied_only_of_what_shunt_wrote() -> Outcome {
    for (kind, short) in [(Kind::MySql, "my"), (Kind::MariaDb, "ma")] {
        let mut rig = Rig::new(kind, &format!("copy_empty_{short}"), USER, "id", 10, Phase::Legacy).await?;
        let (home, table) = (rig.home.clone(), rig.table.clone());
        rig.run("INSERT INTO @.user_4 (id,name,email) VALUES (4,'a','foreign')").await?;
        let refused = empty_shards(&home, &mut rig.conn, &table, false).await;
        assert!(matches!(refused, Err(EmptyError::Foreign(_))), "{kind:?}: {refused:?}");
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user_4").await?, 1);
        empty_shards(&home, &mut rig.conn, &table, true).await?;
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user_4").await?, 0);
        // From here on what is in them is Shunt's.
        rig.run("INSERT INTO @.user_5 (id,name,email) VALUES (5,'a','copied')").await?;
        let mut reader = rig.application(kind).await?;
        reader.query_drop("START TRANSACTION;SELECT * FROM user_5").await?;
        let began = Instant::now();
        let busy = empty_shards(&home, &mut rig.conn, &table, false).await;
        assert!(matches!(busy, Err(EmptyError::Busy(_))), "{kind:?}: {busy:?}");
        // Who waits for the reader waits 50 s: its own limit.
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        reader.query_drop("COMMIT").await?;
        empty_shards(&home, &mut rig.conn, &table, false).await?;
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user_5").await?, 0);
    }
    Ok(())
}
