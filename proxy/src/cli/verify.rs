//! `shunt verify`.

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use flag_client::GateNames;
use reshard::{
    copy::Unsteered,
    verify::{self, PassProgress, Verifier, VerifyOptions, VerifyReport},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Failure, Target, out, out_json};

/// How often the progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// Compares both sides once; with `repair` writes differing rows again and compares once more.
pub(super) async fn verify(target: &Target, repair: bool, json: bool) -> Result<(), Failure> {
    let table = &target.table.table;
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    let gates = GateNames::read(&mut conn).await.map_err(Failure::unavailable)?;
    let gate = gates.one(table.id()).map_err(Failure::refused)?;
    let progress = Arc::new(PassProgress::default());
    let (options, steering) = (VerifyOptions::default(), Arc::new(Unsteered));
    let verifier = Verifier::new(target.home.clone(), (**table).clone(), gate.clone(), options, steering)
        .telling(progress.clone());
    let mut report = shown(&verifier, &progress).await?;
    if repair && !report.clean() {
        show(&report, false);
        let repaired = verify::repair(&target.home, table, &gate, &report).await.map_err(Failure::refused)?;
        out(format_args!("{} keys were written again from the side that is read", repaired.keys));
        for left in &repaired.left {
            out(format_args!("  left: {left}"));
        }
        report = shown(&verifier, &progress).await?;
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

/// One pass, with its progress on the terminal.
async fn shown(verifier: &Verifier, progress: &PassProgress) -> Result<VerifyReport, Failure> {
    let cancel = CancellationToken::new();
    let terminal = std::io::stderr().is_terminal();
    let pass = verifier.run(&cancel);
    tokio::pin!(pass);
    let report = loop {
        tokio::select! {
            report = &mut pass => break report,
            () = sleep(SHOW_EVERY) => {}
        }
        if let Some(line) = progress.line().filter(|_| terminal) {
            let _ = write!(std::io::stderr(), "\r\x1b[2Kcomparing: {line}");
        }
    };
    if terminal {
        let _ = write!(std::io::stderr(), "\r\x1b[2K");
    }
    report.map_err(Failure::refused)
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
