//! `shunt flip` and `shunt finish`.

use std::time::Duration;

use reshard::{command, status};
use tokio::time::sleep;
use topology::Phase;

use super::{Failure, Target, out, run::process_name};

/// How often the state is looked at while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Requests a phase, and waits until it is reached; Ctrl-C leaves the request standing.
pub(super) async fn flip(target: &Target, flag: Phase, force: bool, no_wait: bool) -> Result<(), Failure> {
    let (table, by) = (target.table.table.id(), process_name());
    if force {
        let forced = command::force(&target.home, &target.flags, &target.keys, table, flag, &by).await;
        forced.map_err(Failure::refused)?;
        out(
            "forced: guards that are not needed for correctness are passed over; `shunt history` keeps what they saw",
        );
    } else {
        command::request(&target.flags, &target.keys, flag).await.map_err(Failure::unavailable)?;
    }
    out(format_args!("requested {flag} for {table}"));
    if no_wait {
        return Ok(());
    }
    let mut said = String::new();
    loop {
        sleep(LOOK_EVERY).await;
        let tables = [((*target.table.table).clone(), target.keys.clone())];
        let status = status::collect(&target.home, Some(&target.flags), &tables).await;
        let Some(now) = status.tables.first() else { continue };
        if now.phase.as_deref() == Some(flag.flag()) {
            out(format_args!("{table} is in {flag}"));
            return Ok(());
        }
        let waiting = now.controller.as_ref().and_then(|stored| stored.report.waiting.clone());
        let line = format!(
            "{} -> {flag}: {}",
            now.phase.as_deref().unwrap_or("unknown"),
            waiting.or_else(|| now.fault.clone()).unwrap_or_else(|| "on its way".to_owned())
        );
        // The seconds that are left count down; one line for each reason is enough.
        let reason: String = line.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
        if reason != said {
            out(&line);
            said = reason;
        }
    }
}

/// Ends the reverse sync for good, and waits until it is ended; Ctrl-C leaves the command standing.
pub(super) async fn finish(target: &Target) -> Result<(), Failure> {
    command::finish(&target.home, target.table.table.id(), &process_name())
        .await
        .map_err(Failure::refused)?;
    out("the reverse sync is to be ended; going back from 0011 is given up");
    loop {
        sleep(LOOK_EVERY).await;
        let tables = [((*target.table.table).clone(), target.keys.clone())];
        let status = status::collect(&target.home, None, &tables).await;
        if status.tables.first().is_some_and(|now| now.done) {
            out("it is ended: nothing is logged any more, and legacy stays as it is");
            return Ok(());
        }
    }
}
