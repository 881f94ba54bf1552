//! What the gate relies on, asked of the servers themselves: each sentence of the design about metadata locks,
//! snapshots and named locks, with its counterpart (what happens when the rule is left out).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::time::Duration;

use mysql_async::{Conn, Error, prelude::Queryable};
use tests::{
    Outcome, home,
    patience::{until, until_waits},
    servers::{self, Kind, OwnServer},
};
use tokio::{task::JoinHandle, time::sleep};
use topology::{Epoch, Gate};

/// One server, one schema of its own with a gate `g`, a renamed gate's name `h`, and a table `t`.
struct Bench {
    kind: Kind,
    schema: String,
}

impl Bench {
    async fn new(kind: Kind, test: &str) -> Outcome<Self> {
        let schema = format!("fact_{test}");
        let bench = Self { kind, schema };
        let mut conn = Conn::from_url(servers::url(kind)?).await?;
        conn.query_drop(format!("DROP DATABASE IF EXISTS {}", bench.schema)).await?;
        conn.query_drop(format!("CREATE DATABASE {}", bench.schema)).await?;
        let mut conn = bench.conn().await?;
        conn.query_drop("CREATE TABLE g (x TINYINT NOT NULL PRIMARY KEY) ENGINE=InnoDB").await?;
        conn.query_drop("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB").await?;
        conn.query_drop("INSERT INTO t VALUES (1, 1)").await?;
        Ok(bench)
    }

    async fn conn(&self) -> Outcome<Conn> {
        let mut conn = Conn::from_url(servers::url(self.kind)?).await?;
        conn.query_drop(format!("USE {}", self.schema)).await?;
        conn.query_drop("SET SESSION lock_wait_timeout=1, innodb_lock_wait_timeout=5").await?;
        Ok(conn)
    }

    fn mariadb(&self) -> bool {
        self.kind == Kind::MariaDb
    }

    /// What sidecars send, of `g`.
    fn probe(&self) -> String {
        let gate = Gate::parse("gate_g_1_1100").unwrap().unwrap();
        gate.probe_sql(self.mariadb()).replace(&gate.quoted(), "g")
    }

    /// Whether somebody holds `g`: a RENAME of it (and back) does not come through within a second.
    async fn held(&self) -> Outcome<bool> {
        let mut conn = self.conn().await?;
        match conn.query_drop("RENAME TABLE g TO h").await {
            Ok(()) => {
                conn.query_drop("RENAME TABLE h TO g").await?;
                Ok(false)
            }
            Err(Error::Server(error)) if error.code == 1205 => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins a RENAME, and returns when it waits; the task ends with its outcome.
    async fn renaming(&self) -> Outcome<JoinHandle<Result<(), Error>>> {
        self.waiting(self.conn().await?, "RENAME TABLE g TO h").await
    }

    /// The same with any statement that waits for a metadata lock.
    async fn waiting(&self, mut conn: Conn, sql: &str) -> Outcome<JoinHandle<Result<(), Error>>> {
        // In no schema: a USE could wait behind the statement.
        let mut watcher = Conn::from_url(servers::url(self.kind)?).await?;
        conn.query_drop("SET SESSION lock_wait_timeout=60").await?;
        let (id, sql) = (conn.id(), sql.to_owned());
        let task = tokio::spawn(async move { conn.query_drop(sql).await });
        until_waits(&mut watcher, id, "%metadata lock%").await?;
        Ok(task)
    }
}

fn code(result: Result<(), Error>) -> u16 {
    match result {
        Ok(()) => 0,
        Err(Error::Server(error)) => error.code,
        Err(error) => panic!("{error}"),
    }
}

/// Runs one scenario on one server.
async fn scenario(kind: Kind, name: &str, run: impl AsyncFnOnce(&Bench) -> Outcome) -> Outcome {
    run(&Bench::new(kind, name).await?).await
}

tests::on_both_servers!(
    scenario:
    limit_0_opens_no_read_view,
    a_rename_waits_for_its_holders_only,
    the_gate_can_be_taken_again_while_a_rename_waits,
    a_cut_off_rename_leaves_the_old_name,
    what_ends_the_hold_on_a_gate,
    release_savepoint_tells_whether_a_transaction_is_open,
    a_packet_stops_at_1146_and_leaves_the_transaction_open,
    lock_tables_keeps_the_gate_only_without_start_transaction,
    show_tables_belongs_on_the_control_connection,
    two_flips_at_once_kill_an_application,
    named_locks_die_with_their_connection,
    innodb_trx_names_snapshots_but_not_by_lasting_ids,
    innodb_trx_is_empty_without_process,
    create_schema_if_not_exists_waits_behind_gates,
    an_old_snapshot_sees_nothing_of_a_later_copy,
    a_log_with_auto_increment_changes_the_clients_last_id,
    a_gate_outlives_a_server_that_is_killed_while_it_is_renamed,
);

/// With LIMIT 0 the transaction's snapshot is taken by its first real read; without it, by the gate.
async fn limit_0_opens_no_read_view(bench: &Bench) -> Outcome {
    for (limit, expected) in [(" LIMIT 0", 2), ("", 1)] {
        let mut conn = bench.conn().await?;
        let mut other = bench.conn().await?;
        other.query_drop("UPDATE t SET v=1").await?;
        conn.query_drop("BEGIN").await?;
        conn.query_drop(bench.probe().replace(" LIMIT 0", limit)).await?;
        other.query_drop("UPDATE t SET v=2").await?;
        let seen: Option<i32> = conn.query_first("SELECT v FROM t").await?;
        assert_eq!(seen, Some(expected), "gate{limit}");
        assert!(bench.held().await?, "gate{limit} took no lock");
        conn.query_drop("COMMIT").await?;
        assert!(!bench.held().await?);
    }
    Ok(())
}

/// The RENAME waits until the holder ends; who comes meanwhile waits behind it and then meets 1146.
async fn a_rename_waits_for_its_holders_only(bench: &Bench) -> Outcome {
    let mut holder = bench.conn().await?;
    holder.query_drop("BEGIN").await?;
    holder.query_drop(bench.probe()).await?;
    let renaming = bench.renaming().await?;
    let late = bench.waiting(bench.conn().await?, &bench.probe()).await?;
    assert!(!renaming.is_finished(), "RENAME did not wait");
    holder.query_drop("COMMIT").await?;
    assert_eq!(code(renaming.await?), 0);
    assert_eq!(code(late.await?), 1146);
    Ok(())
}

async fn the_gate_can_be_taken_again_while_a_rename_waits(bench: &Bench) -> Outcome {
    let mut holder = bench.conn().await?;
    holder.query_drop("BEGIN").await?;
    holder.query_drop(bench.probe()).await?;
    let renaming = bench.renaming().await?;
    // Behind the RENAME it would wait for itself, a second long.
    holder.query_drop(bench.probe()).await?;
    assert!(!renaming.is_finished());
    holder.query_drop("COMMIT").await?;
    assert_eq!(code(renaming.await?), 0);
    Ok(())
}

/// MySQL: KILL QUERY, which an idle connection ignores. MariaDB: max_statement_time.
async fn a_cut_off_rename_leaves_the_old_name(bench: &Bench) -> Outcome {
    let mut holder = bench.conn().await?;
    holder.query_drop("BEGIN").await?;
    holder.query_drop(bench.probe()).await?;
    let mut flipper = bench.conn().await?;
    // Its own end of waiting, 1205, is not what cuts it off.
    flipper.query_drop("SET SESSION lock_wait_timeout=60").await?;
    if bench.mariadb() {
        let sql = "SET STATEMENT max_statement_time=0.1 FOR RENAME TABLE g TO h";
        assert_eq!(code(flipper.query_drop(sql).await), 1969);
    } else {
        let id = flipper.id();
        let mut second = bench.conn().await?;
        let kill = async {
            until_waits(&mut second, id, "%metadata lock%").await?;
            Outcome::Ok(second.query_drop(format!("KILL QUERY {id}")).await?)
        };
        let (renamed, killed) = tokio::join!(flipper.query_drop("RENAME TABLE g TO h"), kill);
        killed?;
        assert_eq!(code(renamed), 1317);
        second.query_drop(format!("KILL QUERY {id}")).await?;
        let alive: Option<i32> = flipper.query_first("SELECT 1").await?;
        assert_eq!(alive, Some(1), "a KILL QUERY while idle hit the next statement");
    }
    holder.query_drop(bench.probe()).await?;
    holder.query_drop("COMMIT").await?;
    assert!(!bench.held().await?);
    Ok(())
}

/// Rule 2: all these end the hold, and some say "in a transaction" all along.
async fn what_ends_the_hold_on_a_gate(bench: &Bench) -> Outcome {
    let probe = &bench.probe();
    for (sql, fails) in [
        ("COMMIT AND CHAIN", 0),
        ("BEGIN", 0),
        // A DDL that fails has committed all the same, and an ERR packet shows no status flags.
        ("CREATE TABLE t (id INT)", 1050),
        ("COMMIT; BEGIN", 0),
    ] {
        let mut conn = bench.conn().await?;
        conn.query_drop("BEGIN").await?;
        conn.query_drop("UPDATE t SET v=v+1").await?;
        conn.query_drop(probe).await?;
        assert!(bench.held().await?);
        assert_eq!(code(conn.query_drop(sql).await), fails, "{sql}");
        assert!(!bench.held().await?, "{sql} kept the gate");
    }
    // ROLLBACK TO releases the gate unless the transaction holds a row lock from before; on MariaDB only where the
    // statement is not binary logged.
    let mariadb = bench.mariadb();
    for (logged, before, kept) in [
        (1, "DO 0", mariadb),
        (1, "UPDATE t SET v=v+1", true),
        (0, "DO 0", false),
        (0, "UPDATE t SET v=v+1", true),
    ] {
        let mut conn = bench.conn().await?;
        conn.query_drop(format!("SET SESSION sql_log_bin={logged}")).await?;
        for sql in ["BEGIN", before, "SAVEPOINT s", probe] {
            conn.query_drop(sql).await?;
        }
        assert!(bench.held().await?);
        conn.query_drop("ROLLBACK TO s").await?;
        assert_eq!(bench.held().await?, kept, "ROLLBACK TO after {before}, log {logged}");
        conn.query_drop("ROLLBACK").await?;
    }
    // A gate that was held before the savepoint stays.
    let mut conn = bench.conn().await?;
    for sql in ["BEGIN", probe, "SAVEPOINT s", probe, "ROLLBACK TO s"] {
        conn.query_drop(sql).await?;
    }
    assert!(bench.held().await?);
    Ok(())
}

/// `SAVEPOINT p; RELEASE SAVEPOINT p` in front of a write: error 1305 says "no transaction", before the write.
async fn release_savepoint_tells_whether_a_transaction_is_open(bench: &Bench) -> Outcome {
    let mut conn = bench.conn().await?;
    let packet = "SAVEPOINT p; RELEASE SAVEPOINT p; UPDATE t SET v=77";
    assert_eq!(code(conn.query_drop(packet).await), 1305);
    let v: Option<i32> = conn.query_first("SELECT v FROM t").await?;
    assert_ne!(v, Some(77), "the write ran");
    conn.query_drop("BEGIN").await?;
    assert_eq!(code(conn.query_drop(packet).await), 0);
    conn.query_drop("ROLLBACK").await?;
    Ok(())
}

/// Rule 3: the write behind a gate that is gone does not run, and the transaction must be rolled back.
async fn a_packet_stops_at_1146_and_leaves_the_transaction_open(bench: &Bench) -> Outcome {
    let mut conn = bench.conn().await?;
    let packet = format!("BEGIN; {}; UPDATE t SET v=88; COMMIT", bench.probe().replace(" g ", " gone "));
    assert_eq!(code(conn.query_drop(packet).await), 1146);
    // Still open: a savepoint can be released in it.
    assert_eq!(code(conn.query_drop("SAVEPOINT p; RELEASE SAVEPOINT p").await), 0);
    conn.query_drop("ROLLBACK").await?;
    let v: Option<i32> = conn.query_first("SELECT v FROM t").await?;
    assert_ne!(v, Some(88));
    Ok(())
}

/// Rule 4.
async fn lock_tables_keeps_the_gate_only_without_start_transaction(bench: &Bench) -> Outcome {
    let mut conn = bench.conn().await?;
    conn.query_drop("LOCK TABLES t WRITE, g READ").await?;
    assert!(bench.held().await?);
    conn.query_drop("SET autocommit=0").await?;
    conn.query_drop("UPDATE t SET v=5").await?;
    conn.query_drop("COMMIT").await?;
    conn.query_drop("SET autocommit=1").await?;
    assert!(bench.held().await?, "the wrapped form lost the gate");
    conn.query_drop("START TRANSACTION").await?;
    assert!(!bench.held().await?, "START TRANSACTION under LOCK TABLES kept the gate");
    conn.query_drop("ROLLBACK").await?;
    Ok(())
}

/// Rule 10. Inside an old snapshot MySQL lists the old name for ever; MariaDB lists a directory.
async fn show_tables_belongs_on_the_control_connection(bench: &Bench) -> Outcome {
    let mut client = bench.conn().await?;
    client.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let mut flipper = bench.conn().await?;
    flipper.query_drop("RENAME TABLE g TO h").await?;
    let old: Vec<String> = client.query("SHOW TABLES").await?;
    let fresh: Vec<String> = flipper.query("SHOW TABLES").await?;
    assert!(fresh.contains(&"h".into()) && !fresh.contains(&"g".into()), "{fresh:?}");
    let stale = old.contains(&"g".into());
    assert_eq!(stale, !bench.mariadb(), "{old:?}");
    // The name that exists can be used there all the same: the gate itself is never stale.
    client.query_drop("SELECT 1 FROM h LIMIT 0").await?;
    assert_eq!(code(client.query_drop("SELECT 1 FROM g LIMIT 0").await), 1146);
    Ok(())
}

/// Rule 7: the application's transaction gets 1213, neither RENAME does. With one flip at a time nobody does.
async fn two_flips_at_once_kill_an_application(bench: &Bench) -> Outcome {
    let mut conn = bench.conn().await?;
    conn.query_drop("CREATE TABLE g2 (x TINYINT NOT NULL PRIMARY KEY) ENGINE=InnoDB").await?;
    for together in [true, false] {
        let (mut a, mut b) = (bench.conn().await?, bench.conn().await?);
        for conn in [&mut a, &mut b] {
            conn.query_drop("SET SESSION lock_wait_timeout=60").await?;
            conn.query_drop("BEGIN").await?;
        }
        let (g, g2) = (bench.probe(), bench.probe().replace(" g ", " g2 "));
        a.query_drop(&g).await?;
        b.query_drop(&g2).await?;
        let first = bench.renaming().await?;
        let mut second = None;
        if together {
            second = Some(bench.waiting(bench.conn().await?, "RENAME TABLE g2 TO h2").await?);
        }
        // Each application now goes on to the other table.
        let (one, two) = tokio::join!(
            async {
                let result = code(a.query_drop(&g2).await);
                let _ = a.query_drop("COMMIT").await;
                result
            },
            async {
                sleep(Duration::from_millis(100)).await;
                let result = code(b.query_drop(&g).await);
                let _ = b.query_drop("COMMIT").await;
                result
            }
        );
        let killed = [one, two].contains(&1213);
        assert_eq!(killed, together, "{one} {two}");
        assert_eq!(code(first.await?), 0);
        if let Some(second) = second {
            assert_eq!(code(second.await?), 0);
            conn.query_drop("RENAME TABLE h2 TO g2").await?;
        }
        conn.query_drop("RENAME TABLE h TO g").await?;
    }
    Ok(())
}

async fn named_locks_die_with_their_connection(bench: &Bench) -> Outcome {
    let name = format!("{}_lock", bench.schema);
    let (mut one, mut two) = (bench.conn().await?, bench.conn().await?);
    let got: Option<i32> = one.exec_first("SELECT GET_LOCK(?, 0)", (&name,)).await?;
    assert_eq!(got, Some(1));
    // A second lock on the same connection releases nothing.
    let other: Option<i32> = one.exec_first("SELECT GET_LOCK(?, 0)", (format!("{name}2"),)).await?;
    assert_eq!(other, Some(1));
    let got: Option<i32> = two.exec_first("SELECT GET_LOCK(?, 0)", (&name,)).await?;
    assert_eq!(got, Some(0));
    two.query_drop(format!("KILL {}", one.id())).await?;
    let got: Option<i32> = two.exec_first("SELECT GET_LOCK(?, 60)", (&name,)).await?;
    assert_eq!(got, Some(1));
    Ok(())
}

/// A transaction that only has a snapshot is listed; its id changes at its first write, its thread and start do not.
async fn innodb_trx_names_snapshots_but_not_by_lasting_ids(bench: &Bench) -> Outcome {
    let mut client = bench.conn().await?;
    client.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let mut watcher = bench.conn().await?;
    let look = format!(
        "SELECT CAST(trx_id AS CHAR), CAST(trx_started AS CHAR) FROM information_schema.INNODB_TRX \
         WHERE trx_mysql_thread_id={}",
        client.id()
    );
    // The list is renewed only when nobody has looked for 0.1 s, and other tests look, too.
    let mut before: Option<(String, String)> = None;
    until("a snapshot without reads in the list", async || {
        sleep(Duration::from_millis(300)).await;
        before = watcher.query_first(&look).await?;
        Ok(before.is_some())
    })
    .await?;
    let (id, started) = before.ok_or("not listed")?;
    // A start that was written anew would differ by a second.
    sleep(Duration::from_millis(1300)).await;
    client.query_drop("INSERT INTO t VALUES (9, 9)").await?;
    until("another id; if it lasts, it could be part of the set", async || {
        sleep(Duration::from_millis(300)).await;
        let after: Option<(String, String)> = watcher.query_first(&look).await?;
        let (now, still) = after.ok_or("gone")?;
        assert_eq!(still, started);
        Ok(now != id)
    })
    .await?;
    client.query_drop("ROLLBACK").await?;
    Ok(())
}

/// Without PROCESS the list is empty or refused; an empty list must not be taken for "nobody".
async fn innodb_trx_is_empty_without_process(bench: &Bench) -> Outcome {
    let mut root = bench.conn().await?;
    let user = "fact_blind";
    root.query_drop(format!("DROP USER IF EXISTS '{user}'@'%'")).await?;
    root.query_drop(format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{}'", home::PASSWORD)).await?;
    let mut open = bench.conn().await?;
    open.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await?;
    let opts = mysql_async::Opts::from_url(&servers::url(bench.kind)?)?;
    let opts = mysql_async::OptsBuilder::from_opts(opts).user(Some(user)).pass(Some(home::PASSWORD));
    let mut blind = Conn::new(opts).await?;
    let sql = "SELECT COUNT(*) FROM information_schema.INNODB_TRX";
    match blind.query_first::<u64, _>(sql).await {
        Ok(count) => assert_eq!(count, Some(0)),
        Err(Error::Server(error)) => assert_eq!(error.code, 1227),
        Err(error) => return Err(error.into()),
    }
    root.query_drop(format!("DROP USER '{user}'@'%'")).await?;
    Ok(())
}

/// Why schema shunt is looked for before it is made: beside one long transaction MySQL keeps every writer waiting
/// behind a CREATE SCHEMA that has nothing to do.
async fn create_schema_if_not_exists_waits_behind_gates(bench: &Bench) -> Outcome {
    let mut holder = bench.conn().await?;
    holder.query_drop("BEGIN").await?;
    holder.query_drop(bench.probe()).await?;
    let (mut maker, mut writer) = (bench.conn().await?, bench.conn().await?);
    let (make, probe) = (format!("CREATE DATABASE IF NOT EXISTS {}", bench.schema), bench.probe());
    if bench.mariadb() {
        // Who waited here would wait for the holder, and give up after a second.
        maker.query_drop(make).await?;
        writer.query_drop(probe).await?;
        return Ok(());
    }
    let making = bench.waiting(maker, &make).await?;
    let writing = bench.waiting(writer, &probe).await?;
    holder.query_drop("ROLLBACK").await?;
    making.await??;
    writing.await??;
    Ok(())
}

/// MariaDB's query cache answers a gate that is asked for without SQL_NO_CACHE, and takes no lock.
#[tokio::test]
async fn the_query_cache_takes_no_lock() {
    // The claim keeps other tests away while the cache is on.
    let mut claim = home::Home::claim(Kind::MariaDb).await.unwrap();
    let bench = Bench::new(Kind::MariaDb, "query_cache").await.unwrap();
    let on = claim.root().query_drop("SET GLOBAL query_cache_type=ON, GLOBAL query_cache_size=1048576").await;
    let outcome = async {
        on?;
        for (sql, held) in [("SELECT 1 FROM g LIMIT 0", false), (bench.probe().as_str(), true)] {
            let mut conn = bench.conn().await?;
            conn.query_drop("SET SESSION query_cache_type=ON").await?;
            // The first transaction fills the cache, the second is answered by it.
            for expected in [true, held] {
                conn.query_drop("BEGIN").await?;
                conn.query_drop(sql).await?;
                let mut flipper = bench.conn().await?;
                let blocked = code(flipper.query_drop("ALTER TABLE g COMMENT ''").await) == 1205;
                assert_eq!(blocked, expected, "{sql}");
                conn.query_drop("COMMIT").await?;
            }
        }
        Outcome::Ok(())
    };
    let outcome = outcome.await;
    claim.root().query_drop("SET GLOBAL query_cache_type=OFF").await.unwrap();
    outcome.unwrap();
}

/// XA: MariaDB drops a prepared transaction's gate when its connection ends, MySQL keeps it.
mod xa_prepared_after_disconnect {
    use super::*;

    async fn prepared(kind: Kind, kept: bool) -> Outcome {
        let bench = Bench::new(kind, "xa").await?;
        let xid = "'xa'";
        let mut conn = bench.conn().await?;
        for sql in [
            format!("XA START {xid}"),
            bench.probe(),
            "UPDATE t SET v=4".to_owned(),
            format!("XA END {xid}"),
            format!("XA PREPARE {xid}"),
        ] {
            conn.query_drop(sql).await?;
        }
        assert!(bench.held().await?);
        let id = conn.id();
        conn.disconnect().await?;
        let mut watcher = bench.conn().await?;
        let left = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID={id}");
        until("the connection's end", async || Ok(watcher.query_first(&left).await? == Some(0))).await?;
        assert_eq!(bench.held().await?, kept);
        watcher.query_drop(format!("XA ROLLBACK {xid}")).await?;
        Ok(())
    }

    #[tokio::test]
    async fn mysql() {
        prepared(Kind::MySql, true).await.unwrap();
    }

    #[tokio::test]
    async fn mariadb() {
        prepared(Kind::MariaDb, false).await.unwrap();
    }
}

/// Why reads wait for old transactions: the rows are there, and the transaction that looked elsewhere first, or
/// nowhere, does not see them.
async fn an_old_snapshot_sees_nothing_of_a_later_copy(bench: &Bench) -> Outcome {
    let mut copier = bench.conn().await?;
    copier.query_drop("CREATE TABLE shard LIKE t").await?;
    let mut readers = Vec::new();
    for begin in ["BEGIN; SELECT * FROM t", "START TRANSACTION WITH CONSISTENT SNAPSHOT"] {
        let mut reader = bench.conn().await?;
        reader.query_drop(begin).await?;
        readers.push(reader);
    }
    copier.query_drop("INSERT INTO shard SELECT * FROM t").await?;
    for reader in &mut readers {
        let seen: Option<i64> = reader.query_first("SELECT COUNT(*) FROM shard").await?;
        assert_eq!(seen, Some(0));
    }
    let seen: Option<i64> = copier.query_first("SELECT COUNT(*) FROM shard").await?;
    assert_eq!(seen, Some(1));
    Ok(())
}

/// Why the sidecar numbers the rows of the dirty log itself.
async fn a_log_with_auto_increment_changes_the_clients_last_id(bench: &Bench) -> Outcome {
    let mut conn = bench.conn().await?;
    conn.query_drop("CREATE TABLE client (id INT AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT=70").await?;
    conn.query_drop("CREATE TABLE given (sidecar INT, n INT, id INT, PRIMARY KEY (sidecar, n))").await?;
    conn.query_drop("CREATE TABLE counted (seq INT AUTO_INCREMENT PRIMARY KEY, id INT)").await?;
    for (log, last) in [("given VALUES (1,1,70)", 70), ("counted (id) VALUES (71)", 1)] {
        conn.query_drop("INSERT INTO client VALUES ()").await?;
        conn.query_drop(format!("INSERT INTO {log}")).await?;
        let id: Option<i64> = conn.query_first("SELECT LAST_INSERT_ID()").await?;
        assert_eq!(id, Some(last), "{log}");
    }
    Ok(())
}

/// The name has one of its two forms, and can be used at once.
async fn a_gate_outlives_a_server_that_is_killed_while_it_is_renamed(bench: &Bench) -> Outcome {
    let server = OwnServer::up(bench.kind)?;
    let url = mysql_async::Opts::from_url(&server.url)?;
    let mut first = Gate::parse("gate_user_8_1101_5f1c9a02")?.ok_or("no gate")?;
    let mut conn = Conn::new(url.clone()).await?;
    conn.query_drop("CREATE DATABASE shunt").await?;
    conn.query_drop(format!("CREATE TABLE {} (x TINYINT PRIMARY KEY)", first.quoted())).await?;
    let mut epoch = first.epoch.0;
    for _ in 0..3 {
        let (renamed, mut renames) = tokio::sync::watch::channel(epoch);
        let renaming = tokio::spawn(async move {
            let gate = |epoch| Gate { epoch: Epoch(epoch), ..first.clone() };
            while conn
                .query_drop(format!("RENAME TABLE {} TO {}", gate(epoch).quoted(), gate(epoch + 1).quoted()))
                .await
                .is_ok()
            {
                epoch += 1;
                renamed.send_replace(epoch);
            }
            (epoch, first)
        });
        // Killed somewhere in a row of renames, not before the first one.
        renames.wait_for(|reached| *reached > epoch).await?;
        sleep(Duration::from_millis(100)).await;
        server.kill9()?;
        let (reached, gate) = renaming.await?;
        server.restart()?;
        conn = Conn::new(url.clone()).await?;
        let names: Vec<String> = conn.query("SHOW TABLES FROM shunt").await?;
        let gates: Vec<Gate> = names.iter().filter_map(|name| Gate::parse(name).ok().flatten()).collect();
        let [found] = &gates[..] else { return Err(format!("not one gate: {names:?}").into()) };
        assert!([reached, reached + 1].contains(&found.epoch.0), "{found} after {reached}");
        conn.query_drop(found.probe_sql(bench.mariadb())).await?;
        (epoch, first) = (found.epoch.0, gate);
    }
    Ok(())
}
