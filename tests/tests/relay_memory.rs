//! Memory: a result of any size passes through flat, and an idle connection costs little.
//!
//! A binary of its own with one test, because it measures the whole process.

#[path = "relay/sidecar.rs"]
#[allow(dead_code)]
mod sidecar;

use std::time::Duration;

use sidecar::Sidecar;
use tests::{Outcome, client::Client, servers::Kind};

/// What passes in one result.
const RESULT: usize = 300_000_000;
/// Each row of it.
const ROW: usize = 100_000;
/// Growth that is allowed: buffers, the allocator's leftovers; nowhere near the result.
const FLAT: usize = 8 << 20;
/// Idle connections that are opened.
const IDLE: usize = 120;
/// What each may cost this process: Shunt's share, at most 12 KiB, and the test client's own buffer of 8 KiB.
const EACH: usize = 24 << 10;

/// This process's memory, in bytes.
fn resident() -> Outcome<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<usize>()? << 10)
}

async fn pass_large_result(client: &mut Client) -> Outcome<usize> {
    let numbers = format!(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         SELECT REPEAT('z', {ROW}) FROM n",
        RESULT / ROW
    );
    // MySQL's name for the limit, and MariaDB's: the server takes its own and refuses the other.
    client.query("SET SESSION cte_max_recursion_depth = 100000").await?;
    client.query("SET SESSION max_recursive_iterations = 100000").await?;
    client.command(3, numbers.as_bytes()).await?;
    let (mut seen, mut peak) = (0, 0);
    loop {
        let packet = client.read().await?;
        assert_ne!(packet[0], 0xff, "{}", String::from_utf8_lossy(&packet));
        if packet[0] == 0xfe && packet.len() < 100 {
            break;
        }
        seen += packet.len();
        if seen % (RESULT / 50) < packet.len() {
            peak = peak.max(resident()?);
        }
    }
    assert!(seen > RESULT);
    Ok(peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat() -> Outcome {
    for kind in Kind::ALL {
        let sidecar = Sidecar::start(kind).await?;
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        client.query("SELECT REPEAT('warm', 200000)").await?;
        let before = resident()?;
        let peak = pass_large_result(&mut client).await?;
        assert!(peak < before + FLAT, "{kind:?}: from {before} to {peak} bytes for a result of {RESULT}");
        client.query("SELECT 1").await?;
    }

    let sidecar = Sidecar::start_at(
        &tests::servers::url(Kind::MariaDb)?,
        proxy::config::Limits { connections: 2 * IDLE, drain: Duration::from_secs(1) },
    )
    .await?;
    let mut warm = Vec::new();
    for _ in 0..20 {
        warm.push(Client::connect(&sidecar.root()?, true).await?);
    }
    let before = resident()?;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let mut client = Client::connect(&sidecar.root()?, true).await?;
        client.query("SELECT REPEAT('x', 5000)").await?;
        idle.push(client);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let each = resident()?.saturating_sub(before) / idle.len();
    println!("an idle connection: {each} bytes with the test's own client");
    assert!(each < EACH, "{each} bytes for an idle connection");
    Ok(())
}
