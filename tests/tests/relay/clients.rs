//! Drivers of other languages do their ordinary work through the relay.

use tests::{Outcome, servers::Kind};

use crate::sidecar::{PASSWORD, Sidecar, program, run};

/// Arguments: host, port, user, password, Unix socket.
const PYMYSQL: &str = r#"
import sys, pymysql
host, port, user, password, socket = sys.argv[1:]
for place in (dict(host=host, port=int(port)), dict(host=host, port=int(port), ssl=dict(check_hostname=False)),
              dict(unix_socket=socket)):
    c = pymysql.connect(user=user, password=password, autocommit=False, **place)
    with c.cursor() as q:
        q.execute("CREATE DATABASE IF NOT EXISTS relay_python")
        q.execute("CREATE TABLE IF NOT EXISTS relay_python.p (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(90)) ENGINE=InnoDB")
        assert q.executemany("INSERT INTO relay_python.p (v) VALUES (%s)", [("a",), ("ü",), (None,)]) == 3
        q.execute("SELECT v FROM relay_python.p WHERE id >= %s ORDER BY id", (q.lastrowid,))
        assert q.fetchall() == (("a",), ("ü",), (None,))
        c.rollback()
        q.execute("SELECT 1 UNION SELECT 2")
        assert q.fetchall() == ((1,), (2,))
        try:
            q.execute("SELECT * FROM relay_python.nothing")
            raise SystemExit("no error")
        except pymysql.err.ProgrammingError as e:
            assert e.args[0] == 1146, e
    c.ping()
    c.close()
print("fine")
"#;

const CONNECTOR: &str = r#"
import sys, mysql.connector
host, port, user, password, socket = sys.argv[1:]
for place in (dict(host=host, port=int(port)), dict(host=host, port=int(port), ssl_disabled=True), dict(unix_socket=socket)):
    c = mysql.connector.connect(user=user, password=password, use_pure=True, **place)
    q = c.cursor(prepared=True)
    for n in (1, 2, 3):
        q.execute("SELECT ? + 1, ?", (n, "text"))
        assert [tuple(map(str, row)) for row in q.fetchall()] == [(str(n + 1), "text")]
    q.close()
    q = c.cursor()
    q.execute("SELECT 1")
    assert q.fetchall() == [(1,)]
    q.close()
    c.cmd_reset_connection()
    c.close()
print("fine")
"#;

async fn python(kind: Kind, script: &str) -> Outcome {
    let sidecar = Sidecar::start(kind).await?;
    let user = sidecar.fresh_account().await?;
    let python = program("SHUNT_TEST_PYTHON", "script/python-clients", &[])?;
    let socket = sidecar.socket.display().to_string();
    let port = sidecar.port.to_string();
    let arguments = ["-c", script, "127.0.0.1", &port, &user, PASSWORD, &socket];
    let said = run(python, arguments.map(str::to_owned).to_vec()).await?;
    assert_eq!(said, "fine\n", "{kind:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pymysql_works() -> Outcome {
    for kind in Kind::ALL {
        python(kind, PYMYSQL).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_connector_python_works() -> Outcome {
    for kind in Kind::ALL {
        python(kind, CONNECTOR).await?;
    }
    Ok(())
}
