//! Ids while only the shards are written, and the way back; and the shard function in SQL and in Rust.

use mysql_async::prelude::Queryable;
use reshard::sequence::{
    SequenceError, allocate, bump_legacy_counter, legacy_counter, push, raise_for_epoch,
};
use tests::{
    Outcome, home,
    rig::Rig,
    servers::{self, Kind},
};
use topology::{Epoch, GateState, Phase, ShardedTable};

const BOTH: [(Kind, &str); 2] = [(Kind::MySql, "my"), (Kind::MariaDb, "ma")];
const USER: &str = "id BIGINT PRIMARY KEY AUTO_INCREMENT, n INT";

#[tokio::test]
async fn no_id_is_handed_out_twice_even_of_deleted_rows() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = Rig::new(kind, &format!("seq_{short}"), USER, "id", 4, Phase::Shards).await?;
        for _ in 0..3 {
            rig.run("INSERT INTO @.user (n) VALUES (1),(1),(1)").await?;
        }
        // The highest ids are gone: MAX(id) would hand them out again.
        rig.run("DELETE FROM @.user WHERE id>2").await?;
        let schema = rig.schema().await?;
        let first = allocate(&mut rig.conn, &schema, Epoch(5), 10).await?;
        assert_eq!(first, 10, "{kind:?}");
        assert_eq!(allocate(&mut rig.conn, &schema, Epoch(5), 1).await?, 20, "{kind:?}");
        push(&mut rig.conn, &schema, Epoch(5), 50).await?;
        push(&mut rig.conn, &schema, Epoch(5), 7).await?;
        assert_eq!(allocate(&mut rig.conn, &schema, Epoch(5), 5).await?, 51, "{kind:?}");
        // A later epoch sees what the shards hold; the block of the old one is dead.
        rig.run("INSERT INTO @.user_3 (id,n) VALUES (1003,1),(-1,1)").await?;
        assert_eq!(raise_for_epoch(&mut rig.conn, &schema, Epoch(7)).await?, 1004, "{kind:?}");
        let late = allocate(&mut rig.conn, &schema, Epoch(5), 1).await;
        assert!(matches!(late, Err(SequenceError::EpochOver { .. })), "{kind:?}: {late:?}");
        assert_eq!(allocate(&mut rig.conn, &schema, Epoch(7), 1).await?, 1004, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn blocks_of_many_sidecars_never_overlap() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = Rig::new(kind, &format!("seq_many_{short}"), USER, "id", 4, Phase::Shards).await?;
        rig.run("INSERT INTO @.user (id,n) VALUES (41,1)").await?;
        let schema = rig.schema().await?;
        let mut tasks = Vec::new();
        for sidecar in 1..=6 {
            let (home, schema) = (rig.home.clone(), schema.clone());
            tasks.push(tokio::spawn(async move {
                let mut conn = home.connect().await?;
                let mut blocks = Vec::new();
                for i in 0..20 {
                    let count = (sidecar * 7 + i) % 13 + 1;
                    let first = allocate(&mut conn, &schema, Epoch(2), count).await?;
                    blocks.push((first, first + count));
                }
                Ok::<_, tests::Failure>(blocks)
            }));
        }
        let mut blocks = Vec::new();
        for task in tasks {
            blocks.extend(task.await??);
        }
        blocks.sort_unstable();
        assert_eq!(blocks[0].0, 42, "{kind:?}");
        assert!(blocks.windows(2).all(|pair| pair[0].1 == pair[1].0), "{kind:?}: {blocks:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_used_up_type_is_said_and_nothing_is_handed_out() -> Outcome {
    for (kind, short) in BOTH {
        let columns = "id TINYINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, n INT";
        let mut rig = Rig::new(kind, &format!("seq_full_{short}"), columns, "id", 2, Phase::Shards).await?;
        let schema = rig.schema().await?;
        assert_eq!(allocate(&mut rig.conn, &schema, Epoch(2), 250).await?, 1);
        let none = allocate(&mut rig.conn, &schema, Epoch(2), 6).await;
        assert!(matches!(none, Err(SequenceError::Exhausted { .. })), "{kind:?}: {none:?}");
        assert_eq!(allocate(&mut rig.conn, &schema, Epoch(2), 5).await?, 251, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn legacy_goes_on_above_the_sequence_on_the_way_back() -> Outcome {
    for (kind, short) in BOTH {
        let mut rig = Rig::new(kind, &format!("seq_back_{short}"), USER, "id", 4, Phase::Shards).await?;
        rig.run("INSERT INTO @.user (n) VALUES (1)").await?;
        let schema = rig.schema().await?;
        allocate(&mut rig.conn, &schema, Epoch(4), 500).await?;
        let home = rig.home.clone();
        bump_legacy_counter(&home, &mut rig.conn, &schema, 100).await?;
        assert_eq!(legacy_counter(&mut rig.conn, &schema).await?, 602, "{kind:?}");
        // In hold nothing is left to do, even while somebody reads legacy.
        let mut reader = rig.application(kind).await?;
        reader.query_drop("START TRANSACTION;SELECT * FROM user").await?;
        bump_legacy_counter(&home, &mut rig.conn, &schema, 0).await?;
        allocate(&mut rig.conn, &schema, Epoch(4), 500).await?;
        let busy = bump_legacy_counter(&home, &mut rig.conn, &schema, 0).await;
        assert!(matches!(busy, Err(SequenceError::Busy(_))), "{kind:?}: {busy:?}");
        reader.query_drop("COMMIT").await?;
        bump_legacy_counter(&home, &mut rig.conn, &schema, 0).await?;
        rig.flip(GateState::Open(Phase::ShardRead)).await?;
        rig.run("INSERT INTO @.user (n) VALUES (2)").await?;
        assert_eq!(rig.number("SELECT MAX(id) FROM @.user").await?, 1002, "{kind:?}");
    }
    Ok(())
}

/// Headroom may not use up a small type.
#[tokio::test]
async fn headroom_leaves_a_small_type_its_ids() -> Outcome {
    for (kind, short) in BOTH {
        let columns = "id SMALLINT PRIMARY KEY AUTO_INCREMENT, n INT";
        let mut rig = Rig::new(kind, &format!("seq_small_{short}"), columns, "id", 2, Phase::Shards).await?;
        let schema = rig.schema().await?;
        allocate(&mut rig.conn, &schema, Epoch(2), 100).await?;
        let home = rig.home.clone();
        bump_legacy_counter(&home, &mut rig.conn, &schema, 100_000).await?;
        let counter = legacy_counter(&mut rig.conn, &schema).await?;
        assert!((101..1_000).contains(&counter), "{kind:?}: {counter}");
    }
    Ok(())
}

/// `shard_sql` is `shard_of` for every integer type, signed and unsigned to the last bit.
#[tokio::test]
async fn the_shard_function_is_one_in_sql_and_in_rust() -> Outcome {
    for (kind, short) in BOTH {
        let home = home::control(&servers::url(kind)?)?;
        let mut conn = home.connect().await?;
        let db = format!("rig_shardfn_{short}");
        conn.query_drop(format!("DROP DATABASE IF EXISTS {db};CREATE DATABASE {db}")).await?;
        for (name, bits) in [("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)]
        {
            for unsigned in [false, true] {
                let sign = if unsigned { "UNSIGNED" } else { "" };
                conn.query_drop(format!("CREATE TABLE {db}.t (k {name} {sign} NOT NULL PRIMARY KEY)"))
                    .await?;
                let values: Vec<String> = keys(bits, unsigned).iter().map(|k| format!("({k})")).collect();
                conn.query_drop(format!("INSERT IGNORE INTO {db}.t VALUES {}", values.join(","))).await?;
                for modulus in [2, 3, 7, 10, 16, 1000, 1024] {
                    let pattern = format!("{db}.s_{{0..{}}}", modulus - 1);
                    let table = ShardedTable::new("t", &format!("{db}.t"), "k", &pattern)?;
                    let sql = format!("SELECT CAST(k AS CHAR),{} FROM {db}.t", table.shard_sql("k"));
                    let rows: Vec<(String, u32)> = conn.query(sql).await?;
                    assert!(rows.len() > 100, "{name} {sign}");
                    for (key, shard) in rows {
                        let key: i128 = key.parse()?;
                        assert_eq!(
                            table.shard_of(key).0,
                            shard,
                            "{kind:?} {name} {sign} {key} mod {modulus}"
                        );
                    }
                }
                conn.query_drop(format!("DROP TABLE {db}.t")).await?;
            }
        }
        conn.query_drop(format!("DROP DATABASE {db}")).await?;
    }
    Ok(())
}

/// The edges of the type, everything around zero, and values spread over the whole range.
fn keys(bits: u32, unsigned: bool) -> Vec<i128> {
    let (low, high) = if unsigned {
        (0, (1_i128 << bits) - 1)
    } else {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    };
    let mut keys: Vec<i128> = (0..60).flat_map(|i| [low + i, high - i, i, -i]).collect();
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..400 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        keys.push(low + i128::from(random).rem_euclid(high - low + 1));
    }
    keys.retain(|key| (low..=high).contains(key));
    keys
}
