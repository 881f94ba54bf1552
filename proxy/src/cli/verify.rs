//! `shunt verify`.

use std::sync::Arc;

use flag_client::GateNames;
use reshard::{
    copy::Unsteered,
    verify::{self, Verifier, VerifyOptions, VerifyReport},
};
use tokio_util::sync::CancellationToken;

use super::{Failure, Target, out, out_json};

/// Compares both sides once; with `repair` writes differing rows again and compares once more.
pub(super) async fn verify(target: &Target, repair: bool, json: bool) -> Result<(), Failure> {
    let table = &target.table.table;
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    let gates = GateNames::read(&mut conn).await.map_err(Failure::unavailable)?;
    let gate = gates.one(table.id()).map_err(Failure::refused)?;
    let verifier = Verifier::new(
        target.home.clone(),
        (**table).clone(),
        gate.clone(),
        VerifyOptions::default(),
        Arc::new(Unsteered),
    );
    let cancel = CancellationToken::new();
    let mut report = verifier.run(&cancel).await.map_err(Failure::refused)?;
    if repair && !report.clean() {
        show(&report, false);
        let repaired = verify::repair(&target.home, table, &gate, &report).await.map_err(Failure::refused)?;
        out(format_args!("{} keys were written again from the side that is read", repaired.keys));
        for left in &repaired.left {
            out(format_args!("  left: {left}"));
        }
        report = verifier.run(&cancel).await.map_err(Failure::refused)?;
    }
    show(&report, json);
    if report.clean() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} rows differ; `shunt verify --repair` writes them again",
        report.differing
    )))
}

fn show(report: &VerifyReport, json: bool) {
    if json {
        out_json(report);
        return;
    }
    let verdict =
        if report.clean() { "equal".to_owned() } else { format!("{} rows differ", report.differing) };
    out(format_args!(
        "{verdict}: {} rows compared in {} chunks, {:.1} s; {} on their way by the reverse sync",
        report.rows, report.chunks, report.seconds, report.pending
    ));
    for row in &report.shown {
        out(format_args!("  {row}"));
    }
}
