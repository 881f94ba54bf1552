//! What a copy waits for: a real replica that does not follow, and a home that has no room.

use std::{sync::Arc, time::Duration};

use flag_client::HomeConfig;
use reshard::copy::{Copied, Copier, CopyError, Pace, ThrottleLimits, Unsteered, progress};
use tests::{Outcome, patience::found, replica::Replica, rig::Rig, servers::Kind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use topology::Phase;

fn copying(rig: &Rig, throttle: ThrottleLimits) -> JoinHandle<Result<Copied, CopyError>> {
    let pace =
        Pace { chunk_rows: Some(10), interval: Duration::from_millis(50), throttle, ..Pace::default() };
    let (home, table, gate) = (rig.home.clone(), rig.table.clone(), rig.gate.clone());
    let copier = Copier::new(home, table, gate, pace, Arc::new(Unsteered));
    tokio::spawn(async move { copier.run(&CancellationToken::new()).await })
}

/// Waits until the copy says that it waits, and why; returns the rows copied until then.
async fn until_it_waits(rig: &mut Rig, why: &str) -> Outcome<u64> {
    found(why, async || {
        let now = progress(&mut rig.conn, rig.table.id(), rig.gate.epoch).await?;
        Ok(now.filter(|now| now.detail.as_ref().is_some_and(|d| d.contains(why))).map(|now| now.rows))
    })
    .await
}

async fn rig(kind: Kind, name: &str, rows: u32) -> Outcome<Rig> {
    let name = format!("{name}_{}", kind.name());
    let mut rig = Rig::new(kind, &name, "id BIGINT PRIMARY KEY, n INT", "id", 2, Phase::DualWrite).await?;
    let values: Vec<String> = (1..=rows).map(|id| format!("({id},{id})")).collect();
    rig.run(&format!("INSERT INTO @.user VALUES {}", values.join(","))).await?;
    Ok(rig)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_for_a_replica_that_does_not_follow() -> Outcome {
    for kind in Kind::ALL {
        let mut rig = rig(kind, "throttle_replica", 2_000).await?;
        let mut replica = Replica::of(&mut rig, kind).await?;
        let throttle = ThrottleLimits {
            replicas: vec![HomeConfig::from_url(&replica.server.url)?],
            replica_lag: Duration::ZERO,
            ..ThrottleLimits::none()
        };
        let copy = copying(&rig, throttle);
        assert_eq!(until_it_waits(&mut rig, "its replication does not run").await?, 0, "{kind:?}");
        // It follows an hour late: the copy begins, and stops when its first rows are not there.
        replica.delay(3_600).await?;
        let copied = until_it_waits(&mut rig, "s behind, the limit is 0 s").await?;
        assert!(copied < 2_000, "{kind:?}: {copied}");
        replica.delay(0).await?;
        assert_eq!(copy.await??.rows, 2_000, "{kind:?}");
        replica.run("STOP").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_copy_waits_while_home_has_no_room() -> Outcome {
    for kind in Kind::ALL {
        let mut rig = rig(kind, "throttle_home", 20).await?;
        let slow = ThrottleLimits { latency: Some(Duration::ZERO), ..ThrottleLimits::none() };
        let copy = copying(&rig, slow);
        assert_eq!(until_it_waits(&mut rig, "home is slow").await?, 0, "{kind:?}");
        copy.abort();
        let _ = copy.await;
        let busy = ThrottleLimits { threads_running: Some(0), ..ThrottleLimits::none() };
        let copy = copying(&rig, busy);
        assert_eq!(until_it_waits(&mut rig, "threads running").await?, 0, "{kind:?}");
        copy.abort();
    }
    Ok(())
}

#[tokio::test]
async fn a_replica_that_is_away_is_a_reason_to_wait() -> Outcome {
    let mut rig = rig(Kind::MySql, "throttle_away", 20).await?;
    // A port that nobody listens on: it was free a moment ago.
    let held = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = held.local_addr()?;
    drop(held);
    let throttle = ThrottleLimits {
        replicas: vec![HomeConfig::from_url(&format!("mysql://root@{address}"))?],
        ..ThrottleLimits::none()
    };
    let copy = copying(&rig, throttle);
    assert_eq!(until_it_waits(&mut rig, "is behind is not known").await?, 0);
    copy.abort();
    Ok(())
}
