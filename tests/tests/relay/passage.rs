//! What passes: packets of every size, several results, files, cursors, commands in a row.

use mysql_async::{Conn, Opts, prelude::Queryable};
use tests::{
    Outcome,
    client::{Client, Reply},
    servers::Kind,
};

use crate::sidecar::{Sidecar, program, run, unique};

const MIB_16: usize = 1 << 24;

/// Both ends of the largest packet a client may send to the shared servers.
const MAX_PACKET: usize = 64 << 20;

async fn allow_large_packets(sidecar: &Sidecar) -> Outcome {
    let mut root = Conn::from_url(&sidecar.home).await?;
    root.query_drop(format!("SET GLOBAL max_allowed_packet = {MAX_PACKET}")).await?;
    Ok(root.disconnect().await?)
}

/// The first cell of the one result; empty if there is none.
fn first_cell(replies: &[Reply]) -> &[u8] {
    match replies {
        [Reply::Rows(_, rows, _)] => rows.first().and_then(|row| row[0].as_deref()).unwrap_or_default(),
        _ => &[],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_of_every_size_pass_both_ways() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        allow_large_packets(&sidecar).await?;
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        for size in [MIB_16 - 2, MIB_16 - 1, MIB_16, MIB_16 + 1, 2 * MIB_16 - 2, 40_000_000] {
            // The command's first byte and the statement around the text count too.
            let around = "SELECT LENGTH('')".len() + 1;
            let sql = format!("SELECT LENGTH('{}')", "x".repeat(size - around));
            let replies = client.query(&sql).await?;
            assert_eq!(first_cell(&replies), (size - around).to_string().as_bytes(), "{kind:?}: up");
            // A cell of this size has a length of four or nine bytes before it.
            let cell = size - 4;
            let replies = client.query(&format!("SELECT REPEAT('y', {cell})")).await?;
            let back = first_cell(&replies);
            assert!(back.len() == cell && back.iter().all(|b| *b == b'y'), "{kind:?}: down, {size}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_results_pass() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let schema = format!("relay_{}", unique());
        let mut root = Conn::from_url(&sidecar.home).await?;
        root.query_drop(format!("CREATE DATABASE {schema}")).await?;
        let body = "BEGIN SELECT 1 AS a; SELECT 2 AS b, 3 AS c; DO 1; SELECT 4; END";
        root.query_drop(format!("CREATE PROCEDURE {schema}.p() {body}")).await?;
        for deprecate_eof in [true, false] {
            let mut direct = Client::connect(&Opts::from_url(&sidecar.home)?, deprecate_eof).await?;
            let mut through = Client::connect(&sidecar.root()?, deprecate_eof).await?;
            let call = format!("CALL {schema}.p()");
            let replies = through.query(&call).await?;
            assert_eq!(replies, direct.query(&call).await?, "{kind:?}");
            assert_eq!(replies.len(), 4);
            let failing = format!("CALL {schema}.missing()");
            assert_eq!(through.query(&failing).await?, direct.query(&failing).await?);
            assert_eq!(through.query("SELECT 5").await?, direct.query("SELECT 5").await?);
        }
        let mut conn = Conn::new(sidecar.root()?).await?;
        let mut results = conn.query_iter("SELECT 1; SELECT 2; SET @a = 1; SELECT 3, 4").await?;
        let mut sets = 0;
        while !results.is_empty() {
            results.collect::<mysql_async::Row>().await?;
            sets += 1;
        }
        assert_eq!(sets, 4, "{kind:?}: several statements in one text");
        root.query_drop(format!("DROP DATABASE {schema}")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_is_loaded() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let table = format!("relay_{}", unique());
        let mut root = Conn::from_url(&sidecar.home).await?;
        root.query_drop("SET GLOBAL local_infile = 1").await?;
        root.query_drop(format!("CREATE DATABASE {table}")).await?;
        root.query_drop(format!("CREATE TABLE {table}.t (id INT PRIMARY KEY, v VARCHAR(200))")).await?;
        let file = std::env::temp_dir().join(format!("{table}.txt"));
        let text: String = (0..50_000).map(|id| format!("{id}\t{}\n", "v".repeat(100))).collect();
        std::fs::write(&file, text)?;
        let (variable, server) = match kind {
            Kind::MySql => ("SHUNT_TEST_MYSQL_CLIENT", "mysql"),
            Kind::MariaDb => ("SHUNT_TEST_MARIADB_CLIENT", "mariadb"),
        };
        let client = program(variable, "script/servers", &["up", server])?;
        let sql = format!(
            "LOAD DATA LOCAL INFILE '{0}' INTO TABLE {table}.t; LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE {table}.t",
            file.display()
        );
        let port = format!("-P{}", sidecar.port);
        let arguments = [
            "--no-defaults",
            "--local-infile=1",
            "-f",
            "-h127.0.0.1",
            &port,
            "-uroot",
            "-pshunt",
            "-e",
            &sql,
        ];
        let said = run(client, arguments.map(str::to_owned).to_vec()).await.unwrap_err().to_string();
        assert!(said.contains("/no/such/file"), "{kind:?}: the client's own error: {said}");
        let rows: Option<u64> = root.query_first(format!("SELECT COUNT(*) FROM {table}.t")).await?;
        assert_eq!(rows, Some(50_000), "{kind:?}");
        std::fs::remove_file(&file)?;
        root.query_drop(format!("DROP DATABASE {table}")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_are_fetched_from() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        for deprecate_eof in [true, false] {
            let mut client = Client::connect(&sidecar.root()?, deprecate_eof).await?;
            client.command(0x16, b"SELECT 1 UNION SELECT 2 UNION SELECT 3").await?;
            let ok = client.read().await?;
            let id = ok[1..5].to_vec();
            // The definition of the column, and the EOF packet behind it where there is one.
            for _ in 0..1 + usize::from(!deprecate_eof) {
                client.read().await?;
            }
            client.command(0x17, &[&id[..], &[1, 1, 0, 0, 0]].concat()).await?;
            assert_eq!(client.read().await?, [1], "{kind:?}: one column");
            client.read().await?;
            let end = client.read().await?;
            assert_eq!(end[0], 0xfe, "{kind:?}: no rows before they are fetched: {end:?}");
            for expected in [2, 1] {
                client.command(0x1c, &[&id[..], &[2, 0, 0, 0]].concat()).await?;
                let mut rows = 0;
                while client.read().await?[0] != 0xfe {
                    rows += 1;
                }
                assert_eq!(rows, expected, "{kind:?}");
            }
            client.command(0x19, &id).await?;
            client.query("SELECT 'still in step'").await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_command_is_answered() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        for deprecate_eof in [true, false] {
            let mut client = Client::connect(&sidecar.root()?, deprecate_eof).await?;
            let commands: [(u8, &[u8]); 8] = [
                (0x0e, b""),           // PING
                (0x09, b""),           // STATISTICS
                (0x02, b"mysql"),      // INIT_DB
                (0x02, b"missing_db"), // INIT_DB, refused
                (0x1b, &[0, 0]),       // SET_OPTION
                (0x1f, b""),           // RESET_CONNECTION
                (0x0d, b""),           // DEBUG
                (0x77, b"what"),       // unknown: refused by home
            ];
            for (command, body) in commands {
                client.command(command, body).await?;
                let answer = client.read().await?;
                assert!(!answer.is_empty(), "{kind:?}: {command:#x}");
                if command == 0x77 {
                    assert_eq!(answer[..3], [0xff, 0x17, 0x04], "{kind:?}: error 1047");
                }
                client.query("SELECT 'still in step'").await?;
            }
            client.command(0x04, b"user\0%").await?; // FIELD_LIST
            while !matches!(client.read().await?[0], 0xfe | 0xff) {}
            client.query("SELECT 'still in step'").await?;
        }
    }
    Ok(())
}

fn frame(sql: &str) -> Vec<u8> {
    let mut bytes = (sql.len() as u32 + 1).to_le_bytes()[..3].to_vec();
    bytes.extend_from_slice(&[0, 3]);
    bytes.extend_from_slice(sql.as_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_a_row_are_answered_in_order() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        let all: Vec<u8> =
            (0..100).flat_map(|n| frame(&format!("DO SLEEP(0.001), {n}, @n := {n}"))).collect();
        client.send(&all, 1).await?;
        for n in 0..100 {
            assert_eq!(client.read().await?[0], 0, "{kind:?}: {n}");
            client.send(b"", 1).await?;
        }
        assert_eq!(first_cell(&client.query("SELECT @n").await?), b"99");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_send_byte_by_byte() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        for byte in frame("SET @a = 'byte by byte'") {
            client.send(&[byte], 1).await?;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        assert_eq!(client.read().await?[0], 0, "{kind:?}");
        assert_eq!(first_cell(&client.query("SELECT @a").await?), b"byte by byte");
    }
    Ok(())
}
