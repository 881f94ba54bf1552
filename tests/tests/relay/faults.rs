//! What happens when a client or home misbehaves: a clear error, no hang, and the next client is served.

use std::time::{Duration, Instant};

use mysql_async::{Conn, Error, prelude::Queryable};
use proxy::config::Limits;
use tests::{
    Outcome,
    client::{Client, Reply},
    patience::{PATIENCE, until},
    servers::{Kind, OwnServer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::sidecar::{Sidecar, program, run};

const LIMITS: Limits = Limits { connections: 100, drain: Duration::from_secs(5) };

/// Waits until the server behind `url` runs `statement`, of which it is the only one.
async fn until_it_runs(url: &str, statement: &str) -> Outcome {
    let mut root = Conn::from_url(url).await?;
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '{statement}' AND ID<>CONNECTION_ID()"
    );
    until(statement, async || Ok(root.query_first(&sql).await? == Some(1))).await
}

/// Reads to the end and says what it was; fails when the end does not come.
async fn rest(stream: &mut TcpStream) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut bytes)).await? {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(bytes),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_closed_after_ten_seconds() -> Outcome {
    let sidecar = Sidecar::start(Kind::MySql).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", sidecar.port)).await?;
    let start = Instant::now();
    let said = rest(&mut stream).await?;
    let took = start.elapsed();
    assert!(took.as_secs() >= 9, "{took:?}");
    assert!(String::from_utf8_lossy(&said).contains("within 10 s"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_before_the_login_is_refused() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let large = [&[0xff, 0xff, 0x01, 1][..], &[b'x'; 70_000]].concat();
        let cases: [(&[u8], &str); 5] = [
            (b"\x05\x00\x00\x01hello", "bad handshake"),
            (b"GET / HTTP/1.1\r\nHost: home\r\n\r\n", "too large"),
            (&large, "too large"),
            (b"\x00\x00\x00\x01", "bad handshake"),
            // A request for TLS, then something else.
            (b"\x20\x00\x00\x01\x00\x0a\x00\x00\x00\x00\x00\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\x02hello", ""),
        ];
        for (bytes, expected) in cases {
            let mut stream = TcpStream::connect(("127.0.0.1", sidecar.port)).await?;
            let mut greeting = [0; 5];
            stream.read_exact(&mut greeting).await?;
            stream.write_all(bytes).await?;
            let said = String::from_utf8_lossy(&rest(&mut stream).await?).into_owned();
            assert!(said.contains(expected), "{kind:?}, {bytes:?}: {said}");
        }
        Conn::new(sidecar.root()?).await?.disconnect().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_after_the_login_is_refused() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        for (bytes, code) in [(&b"\x00\x00\x00\x00"[..], 1835u16), (b"\x01\x00\x00\x07\x0e", 1156)] {
            let mut client = Client::connect(&sidecar.root()?, true).await?;
            client.send(bytes, 1).await?;
            let answer = client.read().await?;
            assert_eq!((answer[0], u16::from_le_bytes([answer[1], answer[2]])), (0xff, code), "{kind:?}");
            assert!(client.read().await.is_err(), "{kind:?}: closed");
        }
        Conn::new(sidecar.root()?).await?.disconnect().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn home_down_is_said_by_address() -> Outcome {
    // A port that was just free: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let sidecar = Sidecar::start_at(&format!("mysql://root:shunt@127.0.0.1:{port}"), LIMITS).await?;
    match Conn::new(sidecar.root()?).await {
        Err(Error::Server(error)) => {
            assert_eq!(error.code, 1053);
            assert!(error.message.contains(&format!("127.0.0.1:{port}")), "{error}");
        }
        other => panic!("{other:?}"),
    }
    for (variable, server) in [("SHUNT_TEST_MYSQL_CLIENT", "mysql"), ("SHUNT_TEST_MARIADB_CLIENT", "mariadb")]
    {
        let client = program(variable, "script/servers", &["up", server])?;
        let arguments =
            ["--no-defaults", "-h127.0.0.1", &format!("-P{}", sidecar.port), "-uroot", "-e", "SELECT 1"];
        let said = run(client, arguments.map(str::to_owned).to_vec()).await.unwrap_err().to_string();
        assert!(said.contains("1053"), "{server}: {said}");
        assert!(said.contains("Shunt: cannot connect to home at 127.0.0.1"), "{server}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn home_that_dies_during_a_statement_is_said_so() -> Outcome {
    for kind in Kind::ALL {
        let own = OwnServer::up(kind)?;
        let sidecar = Sidecar::start_at(&own.url, LIMITS).await?;
        let mut busy = Client::connect(&sidecar.root()?, true).await?;
        let mut idle = Client::connect(&sidecar.root()?, true).await?;
        let statement =
            tokio::spawn(async move { busy.query("SELECT SLEEP(60)").await.map_err(|e| e.to_string()) });
        until_it_runs(&own.url, "SELECT SLEEP(60)").await?;
        own.kill9()?;
        match timeout(PATIENCE, statement).await?? {
            Ok(replies) => match &replies[..] {
                [Reply::Refused(error)] => {
                    assert_eq!((error.code, error.state.as_str()), (1053, "08S01"), "{kind:?}");
                    assert!(error.message.contains("lost the connection to home"), "{error}");
                }
                other => panic!("{kind:?}: {other:?}"),
            },
            Err(error) => panic!("{kind:?}: {error}"),
        }
        let ended = timeout(PATIENCE, idle.query("SELECT 1")).await?;
        assert!(ended.is_err(), "{kind:?}: an idle client sees its connection closed");
        own.restart()?;
        Conn::new(sidecar.root()?).await?.disconnect().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_or_idle_client_hears_what_home_says() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let mut root = Conn::from_url(&sidecar.home).await?;
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        let id = match &client.query("SELECT CONNECTION_ID()").await?[..] {
            [Reply::Rows(_, rows, _)] => String::from_utf8(rows[0][0].clone().unwrap_or_default())?,
            other => panic!("{other:?}"),
        };
        root.query_drop(format!("KILL {id}")).await?;
        let ended = timeout(PATIENCE, client.query("SELECT 1")).await?;
        assert!(!matches!(ended.as_deref(), Ok([Reply::Rows(..)])), "{kind:?}: {ended:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_too_many_is_told_so() -> Outcome {
    let url = tests::servers::url(Kind::MySql)?;
    let sidecar = Sidecar::start_at(&url, Limits { connections: 2, ..LIMITS }).await?;
    let first = Conn::new(sidecar.root()?).await?;
    let _second = Conn::new(sidecar.root()?).await?;
    match Conn::new(sidecar.root()?).await {
        Err(Error::Server(error)) => assert_eq!(error.code, 1040, "{error}"),
        other => panic!("{other:?}"),
    }
    first.disconnect().await?;
    until("a free place", async || Ok(Conn::new(sidecar.root()?).await.is_ok())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_statements_and_transactions_end() -> Outcome {
    for kind in Kind::ALL {
        let url = tests::servers::url(kind)?;
        let mut sidecar = Sidecar::start_at(&url, Limits { drain: PATIENCE, ..LIMITS }).await?;
        let mut running = Client::connect(&sidecar.root()?, true).await?;
        let mut transaction = Client::connect(&sidecar.root()?, true).await?;
        let mut idle = Client::connect(&sidecar.root()?, true).await?;
        transaction.query("BEGIN").await?;
        let statement = tokio::spawn(async move {
            let replies = running.query("SELECT SLEEP(1), 7").await.map_err(|e| e.to_string())?;
            Ok::<_, String>(matches!(&replies[..], [Reply::Rows(..)]))
        });
        until_it_runs(&url, "SELECT SLEEP(1), 7").await?;
        sidecar.shutdown.cancel();
        let address = ("127.0.0.1", sidecar.port);
        until("nobody new comes in", async || Ok(TcpStream::connect(address).await.is_err())).await?;
        // The idle client is closed, without having asked.
        while timeout(PATIENCE, idle.read()).await?.is_ok() {}
        assert!(idle.query("SELECT 1").await.is_err(), "{kind:?}: the idle client was closed");
        assert!(matches!(transaction.query("SELECT 1").await?[..], [Reply::Rows(..)]), "{kind:?}");
        assert!(matches!(transaction.query("COMMIT").await?[..], [Reply::Done(_)]), "{kind:?}");
        assert_eq!(statement.await?, Ok(true), "{kind:?}: the statement came to its end");
        timeout(PATIENCE, &mut sidecar.task).await??;
        assert!(!sidecar.socket.exists(), "{kind:?}: the socket's file is gone");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_does_not_wait_for_ever() -> Outcome {
    let url = tests::servers::url(Kind::MySql)?;
    let mut sidecar = Sidecar::start_at(&url, Limits { drain: Duration::from_millis(500), ..LIMITS }).await?;
    let mut transaction = Client::connect(&sidecar.root()?, true).await?;
    transaction.query("BEGIN").await?;
    sidecar.shutdown.cancel();
    timeout(PATIENCE, &mut sidecar.task).await??;
    assert!(transaction.query("COMMIT").await.is_err());
    Ok(())
}
