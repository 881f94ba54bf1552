//! Verify on real servers: what it must see, what it must not report, and what repair does.

use std::sync::Arc;

use reshard::copy::{Copier, Pace, Steering, ThrottleLimits, Unsteered};
use reshard::verify::{
    PassProgress, Problem, Verifier, VerifyError, VerifyOptions, VerifyReport, clean_passes, last_pass,
    repair,
};
use tests::{Outcome, rig::Rig, servers::Kind};
use tokio_util::sync::CancellationToken;
use topology::{GateState, Phase};

const BOTH: [(Kind, &str); 2] = [(Kind::MySql, "my"), (Kind::MariaDb, "ma")];

fn pace() -> Pace {
    Pace { throttle: ThrottleLimits::none(), ..Pace::default() }
}

async fn pass(rig: &Rig, chunk_rows: Option<u64>) -> Result<VerifyReport, VerifyError> {
    let options = VerifyOptions { pace: Pace { chunk_rows, ..pace() }, ..VerifyOptions::default() };
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    let verifier = Verifier::new(home, table, gate, options, Arc::new(Unsteered));
    verifier.run(&CancellationToken::new()).await
}

async fn copy(rig: &Rig) -> Outcome {
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    let copier = Copier::new(home, table, gate, pace(), Arc::new(Unsteered));
    copier.run(&CancellationToken::new()).await?;
    Ok(())
}

/// One table, equal on both sides, and then one row made different by `damage`.
async fn finds(kind: Kind, name: &str, columns: &str, insert: &str, damage: &str) -> Outcome<VerifyReport> {
    let mut rig = Rig::new(kind, name, columns, "id", 2, Phase::DualWrite).await?;
    rig.run("SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'").await?;
    rig.run(&format!("INSERT INTO @.user VALUES {insert}")).await?;
    copy(&rig).await?;
    let before = pass(&rig, None).await?;
    assert!(before.clean(), "{kind:?} {name}: {before:?}");
    rig.run(damage).await?;
    Ok(pass(&rig, None).await?)
}

/// Each of these pairs of rows is the same to a careless hash.
#[tokio::test]
async fn what_a_careless_hash_takes_for_equal_differs() -> Outcome {
    let cases = [
        // CONCAT_WS drops NULL and merges neighbours.
        (
            "null",
            "id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9)",
            "(0,NULL,'x')",
            "UPDATE @.user_0 SET a='x',b=NULL",
        ),
        (
            "merge",
            "id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9)",
            "(0,'a#b','c')",
            "UPDATE @.user_0 SET a='a',b='b#c'",
        ),
        (
            "length",
            "id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9)",
            "(0,'1:a','')",
            "UPDATE @.user_0 SET a='',b='1:a'",
        ),
        ("empty", "id INT PRIMARY KEY, a VARCHAR(9)", "(0,NULL)", "UPDATE @.user_0 SET a=''"),
        ("n", "id INT PRIMARY KEY, a VARCHAR(9)", "(0,NULL)", "UPDATE @.user_0 SET a='N'"),
        // Collations.
        ("case", "id INT PRIMARY KEY, a VARCHAR(9)", "(0,'a')", "UPDATE @.user_0 SET a='A'"),
        ("pad", "id INT PRIMARY KEY, a VARCHAR(9)", "(0,'a')", "UPDATE @.user_0 SET a='a '"),
        (
            "accent",
            "id INT PRIMARY KEY, a VARCHAR(9) CHARACTER SET latin1",
            "(0,'e')",
            "UPDATE @.user_0 SET a=_latin1 X'E9'",
        ),
        ("bytes", "id INT PRIMARY KEY, a VARBINARY(9)", "(0,X'00')", "UPDATE @.user_0 SET a=X'0000'"),
        // Distinct floats that print alike.
        ("float", "id INT PRIMARY KEY, f FLOAT", "(0,16777216)", "UPDATE @.user_0 SET f=16777218"),
        ("double", "id INT PRIMARY KEY, d DOUBLE", "(0,0.1)", "UPDATE @.user_0 SET d=0.1+1.4e-17"),
        // ENUM's error value and a member ''.
        ("enum", "id INT PRIMARY KEY, e ENUM('a','')", "(0,'')", "UPDATE @.user_0 SET e=0"),
        ("set", "id INT PRIMARY KEY, s SET('x','y')", "(0,'x')", "UPDATE @.user_0 SET s='x,y'"),
        ("bit", "id INT PRIMARY KEY, b BIT(64)", "(0,b'1')", "UPDATE @.user_0 SET b=9223372036854775809"),
        (
            "time",
            "id INT PRIMARY KEY, t TIMESTAMP(6) NULL",
            "(0,'2021-10-31 01:30:00')",
            "UPDATE @.user_0 SET t='2021-10-31 01:30:00.000001'",
        ),
        ("json", "id INT PRIMARY KEY, j JSON", "(0,'[1]')", "UPDATE @.user_0 SET j='[\"1\"]'"),
        (
            "long",
            "id INT PRIMARY KEY, t LONGTEXT",
            "(0,REPEAT('a',300000))",
            "UPDATE @.user_0 SET t=CONCAT(t,'b')",
        ),
        (
            "hidden",
            "id INT PRIMARY KEY, a INT, h INT INVISIBLE DEFAULT 1",
            "(0,1)",
            "UPDATE @.user_0 SET h=2",
        ),
        // Both sides hold the same rows, one of them in the wrong shard.
        (
            "place",
            "id INT PRIMARY KEY, a INT",
            "(0,1),(2,2)",
            "INSERT INTO @.user_1 SELECT * FROM @.user_0 WHERE id=2;DELETE FROM @.user_0 WHERE id=2",
        ),
        // Two rows exchanged: XOR and plain sums of columns cancel.
        ("swap", "id INT PRIMARY KEY, a INT", "(0,1),(2,2)", "UPDATE @.user_0 SET a=3-a"),
    ];
    for (kind, short) in BOTH {
        for (name, columns, insert, damage) in cases {
            let report = finds(kind, &format!("v_{name}_{short}"), columns, insert, damage).await?;
            assert!(!report.clean(), "{kind:?} {name} was not seen");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_difference_is_shown_by_row_column_and_value() -> Outcome {
    for (kind, short) in BOTH {
        let columns = "name VARCHAR(20) NOT NULL, id BIGINT NOT NULL, note VARCHAR(200), raw VARBINARY(9), PRIMARY KEY (name,id)";
        let mut rig = Rig::new(kind, &format!("v_show_{short}"), columns, "id", 10, Phase::DualWrite).await?;
        for id in -50..50 {
            rig.run(&format!("INSERT INTO @.user VALUES ('k{}',{id},'note {id}',X'00FF')", id % 7)).await?;
        }
        copy(&rig).await?;
        assert_eq!(clean_passes(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?, 0);
        for _ in 0..2 {
            assert!(pass(&rig, Some(10)).await?.clean());
        }
        assert_eq!(clean_passes(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?, 2);
        rig.run("UPDATE @.user_3 SET note=REPEAT('x',100),raw=X'00' WHERE id=3").await?;
        rig.run("DELETE FROM @.user_4 WHERE id=14").await?;
        rig.run("DELETE FROM @.user WHERE id=-15").await?;
        rig.run("INSERT INTO @.user_7 SELECT * FROM @.user_6 WHERE id=26").await?;
        rig.run("INSERT INTO @.user_9 SELECT * FROM @.user_8 WHERE id=38").await?;
        rig.run("DELETE FROM @.user_8 WHERE id=38").await?;
        let report = pass(&rig, Some(10)).await?;
        eprintln!("{}", serde_json::to_string(&report.shown)?);
        assert_eq!(report.differing, 5, "{kind:?}: {report:?}");
        let problem = |key: &str| {
            let row = report.shown.iter().find(|row| row.key == key);
            row.map(|row| row.problem.clone()).unwrap_or_else(|| panic!("{key}: {report:?}"))
        };
        let shard = |i: u32| format!("{}.user_{i}", rig.db);
        let Problem::Differs { shard: place, columns } = problem("name='k3', id=3") else {
            panic!("{report:?}");
        };
        assert_eq!(place, shard(3));
        assert_eq!((columns[0].column.as_str(), columns[0].legacy.as_str()), ("note", "'note 3'"));
        assert!(columns[0].shard.starts_with("'xxxx") && columns[0].shard.ends_with('…'), "{columns:?}");
        assert_eq!((columns[1].legacy.as_str(), columns[1].shard.as_str()), ("0x00ff", "0x00"));
        assert_eq!(problem("name='k0', id=14"), Problem::MissingInShards);
        assert_eq!(problem("name='k-1', id=-15"), Problem::MissingInLegacy { shard: shard(5) });
        let misplaced = Problem::Misplaced { found_in: vec![shard(6), shard(7)], belongs_in: shard(6) };
        assert_eq!(problem("name='k5', id=26"), misplaced);
        let misplaced = Problem::Misplaced { found_in: vec![shard(9)], belongs_in: shard(8) };
        assert_eq!(problem("name='k3', id=38"), misplaced);
        // The outcome is kept, and clean passes are counted anew.
        assert_eq!(clean_passes(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?, 0);
        let last = last_pass(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?.ok_or("no pass")?;
        assert_eq!((last.differing, last.sample.len(), last.after_copy), (5, 5, true));
        let repaired = repair(&rig.home, &rig.table, &rig.gate, &report).await?;
        assert_eq!((repaired.keys, repaired.left.len()), (5, 0), "{kind:?}");
        assert!(pass(&rig, None).await?.clean());
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 99, "the authority decides");
        assert_eq!(rig.diverged("name,id,note,raw").await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn repair_follows_the_authority_of_the_phase() -> Outcome {
    for (kind, short) in BOTH {
        let columns = "id BIGINT PRIMARY KEY, n INT, email VARCHAR(20), UNIQUE KEY (email)";
        let mut rig =
            Rig::new(kind, &format!("v_repair_{short}"), columns, "id", 4, Phase::DualWrite).await?;
        for id in 0..40 {
            rig.run(&format!("INSERT INTO @.user VALUES ({id},{id},'e{id}')")).await?;
        }
        copy(&rig).await?;
        rig.flip(GateState::Open(Phase::ShardRead)).await?;
        rig.run("UPDATE @.user SET n=-1 WHERE id=5").await?;
        rig.run("INSERT INTO @.user VALUES (99,99,'e99')").await?;
        rig.run("DELETE FROM @.user WHERE id=7").await?;
        let report = pass(&rig, None).await?;
        assert_eq!(report.differing, 3, "{report:?}");
        repair(&rig.home, &rig.table, &rig.gate, &report).await?;
        assert!(pass(&rig, None).await?.clean());
        assert_eq!(rig.number("SELECT n FROM @.user WHERE id=5").await?, 5);
        assert_eq!(rig.number("SELECT COUNT(*) FROM @.user").await?, 40);
        // In 0011 what is in the dirty log may differ, and repair puts the rest there.
        rig.flip(GateState::Open(Phase::Shards)).await?;
        rig.run("UPDATE @.user_1 SET n=1000 WHERE id IN (5,9)").await?;
        rig.run(&format!("INSERT INTO shunt.dirty_v_repair_{short} (sidecar,n,id) VALUES (3,1,5)")).await?;
        let report = pass(&rig, None).await?;
        assert_eq!((report.pending, report.differing), (1, 1), "{report:?}");
        repair(&rig.home, &rig.table, &rig.gate, &report).await?;
        let report = pass(&rig, None).await?;
        assert_eq!((report.pending, report.differing), (2, 0), "{report:?}");
        assert_eq!(clean_passes(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?, 1);
    }
    Ok(())
}

/// Rule 1 of the gate: a repair that was paused over a flip writes nothing.
#[tokio::test]
async fn a_repair_ends_with_its_epoch() -> Outcome {
    for (kind, short) in BOTH {
        for (i, phase) in [Phase::DualWrite, Phase::ShardRead, Phase::Shards].into_iter().enumerate() {
            let name = format!("v_late_{short}{i}");
            let mut rig =
                Rig::new(kind, &name, "id INT PRIMARY KEY, n INT", "id", 2, Phase::DualWrite).await?;
            rig.run("INSERT INTO @.user VALUES (1,1),(2,2)").await?;
            copy(&rig).await?;
            if phase != Phase::DualWrite {
                rig.flip(GateState::Open(phase)).await?;
            }
            rig.run("UPDATE @.user SET n=7 WHERE id=1").await?;
            let report = pass(&rig, None).await?;
            assert_eq!(report.differing, 1, "{phase}: {report:?}");
            let old = rig.gate.clone();
            rig.flip(GateState::Open(phase)).await?;
            let ended = repair(&rig.home, &rig.table, &old, &report).await;
            assert!(matches!(ended, Err(VerifyError::EpochOver(_))), "{kind:?} {phase}: {ended:?}");
            assert_eq!(rig.number("SELECT n FROM @.user WHERE id=1").await?, 7);
            assert_eq!(rig.number("SELECT n FROM @.user_1 WHERE id=1").await?, 1);
            assert_eq!(rig.number(&format!("SELECT COUNT(*) FROM shunt.dirty_{name}")).await?, 0);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_pass_ends_with_its_epoch() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig =
            Rig::new(kind, &format!("v_epoch_{short}"), "id INT PRIMARY KEY", "id", 2, Phase::DualWrite)
                .await?;
        let old = rig.gate.clone();
        rig.flip(GateState::Open(Phase::ShardRead)).await?;
        let now = std::mem::replace(&mut rig.gate, old);
        let ended = pass(&rig, None).await;
        assert!(matches!(ended, Err(VerifyError::EpochOver(_))), "{ended:?}");
        rig.gate = now;
        assert!(pass(&rig, None).await?.clean());
    }
    Ok(())
}

struct Paused;

impl Steering for Paused {
    fn paused(&self) -> Option<String> {
        Some("told to pause".to_owned())
    }
    fn end_id(&self) -> Option<i128> {
        None
    }
}

#[tokio::test]
async fn a_pass_tells_how_far_it_is_and_why_it_waits() -> Outcome {
    let rig = Rig::new(Kind::MySql, "ver_progress", "id INT PRIMARY KEY", "id", 2, Phase::DualWrite).await?;
    let progress = Arc::new(PassProgress::default());
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    let verifier = Verifier::new(home, table, gate, VerifyOptions::default(), Arc::new(Paused))
        .telling(progress.clone());
    assert_eq!(progress.line(), None);
    let cancel = CancellationToken::new();
    let running = tokio::spawn({
        let cancel = cancel.clone();
        async move { verifier.run(&cancel).await }
    });
    while progress.line().is_none() && !running.is_finished() {
        tokio::task::yield_now().await;
    }
    let line = progress.line().unwrap_or_default();
    assert!(line.ends_with("rows; it waits: told to pause"), "{line}");
    cancel.cancel();
    assert!(running.await?.is_err());
    assert_eq!(progress.line(), None);
    Ok(())
}
