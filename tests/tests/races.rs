//! Writers that meet each other on few rows and few unique values, through a sidecar in a dual phase: whatever
//! they do to each other, afterwards the shards hold what legacy holds.
//!
//! The same writers on an unsharded table, directly, tell how many deadlocks are the server's own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use mysql_async::{Conn, Error, Opts, Row, prelude::Queryable};
use tests::{
    Outcome,
    differential::random::Random,
    home::Home,
    patience::PATIENCE,
    servers::{self, Kind},
    shunt::{Setup, Sidecar},
    walk::{Flag, State},
};
use topology::Phase;

const REAL: &str = "racedb";
const TWIN: &str = "raceown";
const TABLE: &str = "CREATE TABLE user (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(20) NULL, phone VARCHAR(20) NULL,
    hits INT NOT NULL DEFAULT 0, UNIQUE KEY email (email), UNIQUE KEY phone (phone))";

const WRITERS: u64 = 6;
const STATEMENTS: u64 = 100;
/// Few enough that writers meet all the time.
const KEYS: usize = 30;

/// What the servers answer when writers meet: a duplicate key, a lock wait, a deadlock.
const EXPECTED: [u16; 3] = [1062, 1205, 1213];

/// How often each error came.
type Errors = BTreeMap<u16, u64>;

fn statement(random: &mut Random) -> String {
    let (id, other) = (1 + random.below(KEYS), 1 + random.below(KEYS));
    let (email, more) = (format!("'m{}'", random.below(KEYS)), format!("'m{}'", random.below(KEYS)));
    let phone = format!("'p{}'", random.below(KEYS));
    match random.below(11) {
        0 => format!("REPLACE INTO user (id, email, phone) VALUES ({id}, {email}, {phone})"),
        1 => format!("REPLACE INTO user (email, hits) VALUES ({email}, {id})"),
        2 => format!("REPLACE INTO user (id, email) VALUES ({id}, {email}), ({other}, {more})"),
        3 => format!(
            "INSERT INTO user (email, hits) VALUES ({email}, 1) ON DUPLICATE KEY UPDATE hits = hits + 1"
        ),
        4 => format!(
            "INSERT INTO user (id, email, phone) VALUES ({id}, {email}, {phone}) ON DUPLICATE KEY UPDATE hits = hits + 1"
        ),
        5 => format!(
            "INSERT INTO user (email, hits) VALUES ({email}, 3), ({more}, 4) \
             ON DUPLICATE KEY UPDATE hits = VALUES(hits), email = VALUES(email)"
        ),
        6 => format!("INSERT IGNORE INTO user (email, phone) VALUES ({email}, {phone}), ({more}, NULL)"),
        7 => format!("INSERT INTO user (id, email) VALUES ({id}, {email})"),
        8 => format!("UPDATE user SET email = {email}, hits = hits + 1 WHERE id = {id}"),
        9 => format!("DELETE FROM user WHERE email = {email}"),
        _ => format!("DELETE FROM user WHERE id = {id}"),
    }
}

/// One writer; half of its statements stand alone, the others in transactions of two.
async fn write(opts: Opts, isolation: &'static str, stream: u64) -> Outcome<Errors> {
    let mut conn = Conn::new(opts).await?;
    conn.query_drop(format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")).await?;
    let mut random = Random::new(7, stream);
    let mut errors = Errors::new();
    for _ in 0..STATEMENTS {
        let (first, second) = (statement(&mut random), statement(&mut random));
        let texts = if random.chance(50) {
            vec![first]
        } else {
            vec!["START TRANSACTION".to_owned(), first, second, "COMMIT".to_owned()]
        };
        for text in texts {
            match conn.query_drop(&text).await {
                Ok(()) => {}
                // Rows of one statement may take the same key or value: then it is refused by name.
                Err(Error::Server(error)) if error.message.contains("(replaces-itself)") => {}
                Err(Error::Server(error)) if EXPECTED.contains(&error.code) => {
                    *errors.entry(error.code).or_default() += 1;
                    // A deadlock ended the transaction, and what follows it stands alone.
                    if error.code == 1213 {
                        break;
                    }
                }
                Err(error) => return Err(format!("{text}: {error}").into()),
            }
        }
        conn.query_drop("ROLLBACK").await?;
    }
    conn.disconnect().await?;
    Ok(errors)
}

async fn all_writers(opts: &Opts, isolation: &'static str, stream: u64) -> Outcome<Errors> {
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(opts.clone(), isolation, stream + writer))).collect();
    let mut sum = Errors::new();
    for writer in writers {
        for (code, count) in writer.await.map_err(|error| error.to_string())?? {
            *sum.entry(code).or_default() += count;
        }
    }
    Ok(sum)
}

async fn rows(conn: &mut Conn, sql: &str) -> Outcome<Vec<String>> {
    let rows: Vec<Row> = conn.query(sql).await?;
    Ok(rows.into_iter().map(|row| format!("{:?}", row.unwrap())).collect())
}

async fn races(kind: Kind) -> Outcome {
    let mut home = Home::claim(kind).await?;
    let redis = servers::redis_url()?;
    let key = format!("migrate_races_{}", kind.name());
    let mut flag = Flag::connect(&redis, None, &key).await?;
    flag.forget().await?;
    home.clean(&[REAL, TWIN]).await?;
    for schema in [REAL, TWIN] {
        home.root().query_drop(format!("USE {schema}; {TABLE}")).await?;
    }
    for shard in 0..10 {
        home.root().query_drop(format!("CREATE TABLE {REAL}.user_{shard} LIKE {REAL}.user")).await?;
    }
    let mut sidecar = Sidecar::start(&Setup::user(&home, REAL, &redis, &key)?, kind.name()).await?;
    let through = home.app_opts(Some(("127.0.0.1", sidecar.port())), REAL)?;
    let direct = home.app_opts(None, TWIN)?;
    flag.until("1100", PATIENCE, |state| state.phase == Some(Phase::Legacy)).await?;
    for phase in [Phase::DualWrite, Phase::ShardRead] {
        flag.set(phase).await?;
        flag.until(phase.flag(), PATIENCE, |state| state.phase == Some(phase)).await?;
        flag.until("a certified copy", PATIENCE, State::certified).await?;
        for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
            let own = all_writers(&direct, isolation, 100).await?;
            let met = all_writers(&through, isolation, 100).await?;
            println!("{} {} {isolation}: directly {own:?}, through Shunt {met:?}", kind.name(), phase.flag());
            let legacy = rows(home.root(), &format!("SELECT * FROM {REAL}.user ORDER BY id")).await?;
            let shards: Vec<String> =
                (0..10).map(|i| format!("SELECT * FROM {REAL}.user_{i} WHERE MOD(id, 10) = {i}")).collect();
            let union = format!("{} ORDER BY id", shards.join(" UNION ALL "));
            assert_eq!(legacy, rows(home.root(), &union).await?, "{} {isolation}", phase.flag());
            let everywhere = union.replace(" WHERE MOD(id, 10) = ", " WHERE 0 <= ");
            assert_eq!(legacy.len(), rows(home.root(), &everywhere).await?.len(), "rows in a wrong shard");
            assert!(!legacy.is_empty());
        }
    }
    sidecar.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_equal_after_races_on_mysql() {
    races(Kind::MySql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_equal_after_races_on_mariadb() {
    races(Kind::MariaDb).await.unwrap();
}
