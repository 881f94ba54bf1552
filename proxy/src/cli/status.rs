//! `shunt status` and `shunt history`.

use std::time::Duration;

use flag_client::{FlagKeys, FlagStore, Home};
use reshard::{
    history,
    status::{self, Status, TableStatus},
};
use tokio::time::sleep;

use super::{Failure, Target, out, out_json};
use crate::config::Config;

/// Changes of phase that `shunt history` shows.
const HISTORY_MAX: u32 = 1_000;

/// Prints the state of every table.
pub(super) async fn status(config: &Config, json: bool, watch: Option<u64>) -> Result<(), Failure> {
    let home = Home::new(config.home.clone());
    let flags = FlagStore::new(&config.redis_url).map_err(|error| Failure::usage(error.to_string()))?;
    let tables: Vec<_> =
        config.tables.iter().map(|table| ((*table.table).clone(), FlagKeys::new(&table.flag_key))).collect();
    loop {
        let status = status::collect(&home, Some(&flags), &tables).await;
        if json {
            out_json(&status);
        } else {
            print(&status);
        }
        match watch {
            Some(seconds) => sleep(Duration::from_secs(seconds.max(1))).await,
            None => return reachable(&status),
        }
    }
}

fn reachable(status: &Status) -> Result<(), Failure> {
    match status.home_error.as_ref().or(status.redis_error.as_ref()) {
        Some(error) => Err(Failure::unavailable(error)),
        None => Ok(()),
    }
}

fn print(status: &Status) {
    let server = status.server.as_deref().unwrap_or("not reachable");
    out(format_args!("home   {} ({server})", status.home));
    if let Some(error) = &status.home_error {
        out(format_args!("       {error}"));
    }
    if let Some(error) = &status.redis_error {
        out(format_args!("redis  {error}"));
    }
    for table in &status.tables {
        print_table(table);
    }
}

fn print_table(table: &TableStatus) {
    let phase = table.phase.as_deref().unwrap_or("unknown");
    let epoch = table.epoch.map(|epoch| format!("epoch {epoch}")).unwrap_or_default();
    out(format_args!("\n{} ({})  phase {phase}  {epoch}", table.id, table.legacy));
    let line = |name: &str, text: &str| out(format_args!("  {name:<10} {text}"));
    line("requested", table.requested.as_deref().unwrap_or("nothing"));
    if let Some(fault) = &table.fault {
        line("CLOSED", fault);
    }
    if let Some(ddl) = &table.ddl {
        line("ddl", ddl);
    }
    if table.done {
        line("reverse", "ended for good by `shunt finish`: legacy no longer follows, there is no way back");
    }
    if table.no_controller {
        line(
            "controller",
            "none has reported lately: nothing is flipped, copied or verified; is a sidecar running?",
        );
    }
    let Some(stored) = &table.controller else { return };
    line("controller", &format!("{} ({:.0} s ago)", stored.name, stored.age_s));
    let report = &stored.report;
    for (name, text) in
        [("waiting", &report.waiting), ("notice", &report.notice), ("error", &report.work_error)]
    {
        if let Some(text) = text {
            line(name, text);
        }
    }
    for blocker in &report.blockers {
        line(
            "held by",
            &format!(
                "{} ({}), {}; to end it: {}",
                blocker.connection, blocker.who, blocker.doing, blocker.kill
            ),
        );
    }
    for transaction in &report.old_transactions {
        line("old", &format!("{transaction:?}"));
    }
    if let Some(copy) = &report.facts.copy {
        line("copy", &copy_line(copy));
    }
    if let Some(verify) = &report.facts.verify {
        let differences =
            verify.differences.map_or_else(|| "no pass yet".to_owned(), |n| format!("{n} rows differ"));
        line("verify", &format!("{} clean passes, {differences}", verify.clean_passes));
        for detail in
            verify.running.iter().map(|line| format!("a pass is at {line}")).chain(verify.detail.clone())
        {
            line("", &detail);
        }
    }
    if let Some(reverse) = &report.facts.reverse {
        let rate = reverse.rate.map(|rate| format!(", {rate:.0} rows/s")).unwrap_or_default();
        line("reverse", &format!("{} rows to go{rate}", reverse.backlog));
        for row in &reverse.parked {
            line("parked", row);
        }
    }
}

/// One line about the copy.
pub(super) fn copy_line(copy: &reshard::work::CopyFacts) -> String {
    let percent = copy.percent.map(|percent| format!("{percent:.1} %, ")).unwrap_or_default();
    let speed = copy.rows_per_second.map(|rate| format!(", {rate:.0} rows/s")).unwrap_or_default();
    let eta = copy.eta_s.map(|eta| format!(", {eta} s to go")).unwrap_or_default();
    let detail = copy.detail.as_ref().map(|detail| format!("; {detail}")).unwrap_or_default();
    match copy.finished {
        true => format!("finished, {} rows", copy.rows),
        false => format!("{percent}{} rows{speed}{eta}{detail}", copy.rows),
    }
}

/// Prints the changes of phase, newest first.
pub(super) async fn history(target: &Target, json: bool) -> Result<(), Failure> {
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    let entries =
        history::list(&mut conn, target.table.table.id(), HISTORY_MAX).await.map_err(Failure::unavailable)?;
    if json {
        out_json(&entries);
        return Ok(());
    }
    for entry in entries {
        let opened = entry.opened.as_deref().unwrap_or("not opened");
        let from = if entry.from.is_empty() { "-" } else { &entry.from };
        out(format_args!(
            "{opened}  epoch {:<4} {from} -> {}  {}  by {}",
            entry.epoch, entry.to, entry.cause, entry.controller
        ));
        for guard in &entry.guards {
            out(format_args!("    {guard}"));
        }
    }
    Ok(())
}
