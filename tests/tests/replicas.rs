//! Replicas get flips and gated writes in home's order, however many appliers they have: a promoted one has each
//! write in the epoch in which it was made.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::prelude::Queryable;
use tests::{
    Outcome,
    patience::{PATIENCE, until},
    replica::Replica,
    rig::Rig,
    servers::Kind,
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use topology::{Epoch, Gate, GateState, Phase};

tests::on_both_servers!(a_replica_with_several_appliers_keeps_each_write_in_its_epoch);

const FLIPS: u64 = 40;
const WRITERS: usize = 4;

/// Writes rows under the gate that `gate` tells, `n` being its epoch, until `gate` is closed.
async fn writing(
    rig: &Rig,
    mut gate: watch::Receiver<Gate>,
    ids: Arc<AtomicI64>,
) -> Outcome<JoinHandle<Outcome<u64>>> {
    let (mut conn, db) = (rig.home.connect().await?, rig.db.clone());
    Ok(tokio::spawn(async move {
        let mut written = 0;
        while gate.has_changed().is_ok() {
            let present = gate.borrow_and_update().clone();
            conn.query_drop("BEGIN").await?;
            if conn.query_drop(format!("SELECT 1 FROM {} LIMIT 0", present.quoted())).await.is_ok() {
                let id = ids.fetch_add(1, Ordering::Relaxed);
                conn.query_drop(format!("INSERT INTO {db}.user VALUES ({id},{})", present.epoch)).await?;
                written += 1;
            }
            conn.query_drop("COMMIT").await?;
        }
        Ok(written)
    }))
}

/// The epoch of the one gate of `rig` on the replica; `None` in the middle of its renaming.
async fn epoch(replica: &mut Replica, rig: &Rig) -> Outcome<Option<Epoch>> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='shunt' AND TABLE_NAME LIKE 'gate\\_{}\\_%'",
        rig.table.id()
    );
    let names: Vec<String> = replica.conn.query(sql).await?;
    let [name] = names.as_slice() else { return Ok(None) };
    Ok(Gate::parse(name)?.map(|gate| gate.epoch))
}

async fn rows_before(replica: &mut Replica, rig: &Rig, epoch: Epoch) -> Outcome<u64> {
    let sql = format!("SELECT COUNT(*) FROM {}.user WHERE n<{epoch}", rig.db);
    Ok(replica.conn.query_first(sql).await?.unwrap_or_default())
}

async fn a_replica_with_several_appliers_keeps_each_write_in_its_epoch(kind: Kind) -> Outcome {
    let name = format!("replicas_{}", kind.name());
    let mut rig = Rig::new(kind, &name, "id BIGINT PRIMARY KEY, n INT", "id", 2, Phase::DualWrite).await?;
    let mut replica = Replica::of(&mut rig, kind).await?;
    replica.appliers(8).await?;
    replica.run("START").await?;
    let (gates, gate) = watch::channel(rig.gate.clone());
    let ids = Arc::new(AtomicI64::new(1));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        writers.push(writing(&rig, gate.clone(), ids.clone()).await?);
    }
    drop(gate);
    let (last, began) = (Epoch(rig.gate.epoch.0 + FLIPS), Instant::now());
    // Rows of earlier epochs, when an epoch was first seen.
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    while rig.gate.epoch < last || (seen.len() <= 3 && began.elapsed() < PATIENCE) {
        rig.flip(GateState::Open(Phase::DualWrite)).await?;
        gates.send_replace(rig.gate.clone());
        if let Some(epoch) = epoch(&mut replica, &rig).await? {
            let rows = rows_before(&mut replica, &rig, epoch).await?;
            seen.entry(epoch.0).or_insert(rows);
        }
        sleep(Duration::from_millis(20)).await;
    }
    drop(gates);
    let mut written = 0;
    for writer in writers {
        written += writer.await??;
    }
    let end = rig.gate.epoch.next();
    until("all rows", async || Ok(rows_before(&mut replica, &rig, end).await? >= written)).await?;
    for (epoch, rows) in &seen {
        let now = rows_before(&mut replica, &rig, Epoch(*epoch)).await?;
        assert_eq!(now, *rows, "{kind:?}: rows of earlier epochs came after the gate of epoch {epoch}");
    }
    assert!(seen.len() > 3 && written > FLIPS, "{kind:?}: {written} rows, epochs {seen:?}");
    replica.run("STOP").await
}
