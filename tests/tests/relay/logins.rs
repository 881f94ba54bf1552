//! Logins: fresh accounts, TLS and plain, TCP and Unix socket, wrong passwords, a change of user.

use std::time::Duration;

use mysql_async::{Conn, Error, OptsBuilder, SslOpts, prelude::Queryable};
use proxy::config::Limits;
use tests::{
    Outcome,
    client::Client,
    servers::{self, Kind},
};

use crate::sidecar::{PASSWORD, Sidecar, program, run};

/// What the stock client prints about itself: name, and the cipher or nothing.
const WHO: &str = "SELECT CURRENT_USER(); SHOW STATUS LIKE 'Ssl_cipher'";

async fn mysql(sidecar: &Sidecar, user: &str, more: &[&str]) -> Outcome<String> {
    let client = program("SHUNT_TEST_MYSQL_CLIENT", "script/servers", &["up", "mysql"])?;
    let mut arguments = vec!["--no-defaults".to_owned(), format!("-u{user}"), format!("-p{PASSWORD}")];
    arguments.extend(more.iter().map(|s| (*s).to_owned()));
    if !more.iter().any(|s| s.starts_with("-S")) {
        arguments.extend(["-h127.0.0.1".to_owned(), format!("-P{}", sidecar.port)]);
    }
    arguments.extend(["-N".to_owned(), "-e".to_owned(), WHO.to_owned()]);
    run(client, arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_logs_in_to_a_fresh_account_with_nothing_but_host_port_and_password() -> Outcome {
    let sidecar = Sidecar::start(Kind::MySql).await?;
    let user = sidecar.fresh_account().await?;
    for login in ["full", "fast"] {
        let said = mysql(&sidecar, &user, &[]).await?;
        assert!(said.starts_with(&format!("{user}@%")), "{login}: {said}");
        assert!(said.contains("TLS_"), "{login}: home's leg is not encrypted: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_gets_a_plain_leg_and_the_key_exchange_works() -> Outcome {
    let sidecar = Sidecar::start(Kind::MySql).await?;
    let user = sidecar.fresh_account().await?;
    let plain = ["--ssl-mode=DISABLED", "--get-server-public-key"];
    for login in ["full", "fast"] {
        let said = mysql(&sidecar, &user, &plain).await?;
        assert!(said.starts_with(&format!("{user}@%")), "{login}: {said}");
        assert!(!said.contains("TLS_"), "{login}: home's leg is encrypted: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_the_unix_socket_gets_tls_to_home() -> Outcome {
    let sidecar = Sidecar::start(Kind::MySql).await?;
    let user = sidecar.fresh_account().await?;
    let socket = format!("-S{}", sidecar.socket.display());
    for login in ["full", "fast"] {
        let said = mysql(&sidecar, &user, &[&socket]).await?;
        assert!(said.contains("TLS_"), "{login}: home's leg is not encrypted: {said}");
    }
    let said = mysql(&sidecar, &user, &[&socket, "--ssl-mode=REQUIRED"]).await?;
    assert!(said.contains("TLS_"), "TLS over the socket: {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_does_not_leave_the_unix_socket_for_a_plain_leg() -> Outcome {
    let limits = Limits { connections: 10, drain: Duration::from_secs(1) };
    let sidecar = Sidecar::start_with(&servers::url(Kind::MySql)?, limits, None).await?;
    let user = sidecar.fresh_account().await?;
    let socket = format!("-S{}", sidecar.socket.display());
    let refused = mysql(&sidecar, &user, &[&socket]).await.unwrap_err().to_string();
    assert!(refused.contains("ERROR 3159") && refused.contains("clear text"), "{refused}");
    // Over TCP the client encrypts the password itself; then a scramble is enough, on the socket too.
    let plain = ["--ssl-mode=DISABLED", "--get-server-public-key"];
    assert!(mysql(&sidecar, &user, &plain).await?.starts_with(&user));
    assert!(mysql(&sidecar, &user, &[&socket]).await?.starts_with(&user));
    let clear = [&socket, "--enable-cleartext-plugin", "--default-auth=mysql_clear_password"];
    let refused = mysql(&sidecar, &user, &clear).await.unwrap_err().to_string();
    assert!(refused.contains("ERROR 3159") && refused.contains("mysql_clear_password"), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mariadb_client_logs_in_to_mariadb() -> Outcome {
    let sidecar = Sidecar::start(Kind::MariaDb).await?;
    let user = sidecar.fresh_account().await?;
    let client = program("SHUNT_TEST_MARIADB_CLIENT", "script/servers", &["up", "mariadb"])?;
    let socket = format!("-S{}", sidecar.socket.display());
    let port = format!("-P{}", sidecar.port);
    let tcp: &[&str] = &["-h127.0.0.1", &port];
    for place in [tcp, &["-h127.0.0.1", &port, "--ssl"], &[&socket]] {
        let mut arguments = vec!["--no-defaults", "-N", "-e", WHO];
        arguments.extend(place);
        let mut arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend([format!("-u{user}"), format!("-p{PASSWORD}")]);
        let said = run(client.clone(), arguments).await?;
        assert!(said.starts_with(&format!("{user}@%")), "{place:?}: {said}");
        if place.contains(&"--ssl") {
            assert!(said.contains("TLS_"), "home's leg is not encrypted: {said}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_client_logs_in_plain_and_with_tls() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let user = sidecar.fresh_account().await?;
        let any = SslOpts::default().with_danger_accept_invalid_certs(true);
        for tls in [Some(any.with_danger_skip_domain_validation(true)), None] {
            let mut conn = Conn::new(sidecar.user(&user).ssl_opts(tls.clone())).await?;
            let cipher: Option<(String, String)> = conn.query_first("SHOW STATUS LIKE 'Ssl_cipher'").await?;
            assert_eq!(cipher.is_some_and(|c| !c.1.is_empty()), tls.is_some(), "{kind:?}");
            let id: Option<u32> = conn.query_first("SELECT CONNECTION_ID()").await?;
            assert_eq!(id, Some(conn.id()), "the greeting's thread id is home's");
            let back: Option<String> = conn.exec_first("SELECT CONCAT(?, ?)", ("4", "2")).await?;
            assert_eq!(back.as_deref(), Some("42"));
            conn.disconnect().await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_gets_homes_own_error() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let user = sidecar.fresh_account().await?;
        let wrong: OptsBuilder = sidecar.user(&user).pass(Some("wrong"));
        match Conn::new(wrong).await {
            Err(Error::Server(error)) => assert_eq!((error.code, error.state.as_str()), (1045, "28000")),
            other => panic!("{kind:?}: {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_changes_its_user() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let (first, second) = (sidecar.fresh_account().await?, sidecar.fresh_account().await?);
        // The second account's password gets into home's cache here, so that the change needs no encryption.
        Conn::new(sidecar.user(&second)).await?.disconnect().await?;
        let mut conn = Conn::new(sidecar.user(&first)).await?;
        let change = mysql_async::ChangeUserOpts::new()
            .with_user(Some(second.clone()))
            .with_pass(Some(PASSWORD.to_owned()))
            .with_db_name(None);
        conn.change_user(change).await?;
        let who: Option<String> = conn.query_first("SELECT CURRENT_USER()").await?;
        assert_eq!(who, Some(format!("{second}@%")), "{kind:?}");
        conn.reset().await?;
        conn.disconnect().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_tls_and_with_old_and_new_ends_of_rows_log_in() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let user = sidecar.fresh_account().await?;
        for deprecate_eof in [true, false] {
            let mut client = Client::connect(&sidecar.user(&user).into(), deprecate_eof).await?;
            client.query("SELECT 1").await?;
        }
    }
    Ok(())
}
