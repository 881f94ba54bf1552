//! `shunt check`: the preflight, each finding with its fix.

use reshard::preflight::{self, Severity};

use super::{Failure, Target, out, out_json};

/// Prints every finding; fails if one of them refuses 1101.
pub(super) async fn check(target: &Target, json: bool) -> Result<(), Failure> {
    let report = preflight::run(&target.home, &target.table.table, Some(&target.flags))
        .await
        .map_err(Failure::unavailable)?;
    if json {
        out_json(&report);
    } else {
        for finding in &report.findings {
            let mark = match finding.severity {
                Severity::Ok => "ok      ",
                Severity::Warning => "warning ",
                Severity::Error => "ERROR   ",
            };
            out(format_args!("{mark}{:<14}{}", finding.check, finding.message));
            for line in finding.fix.iter().flat_map(|fix| fix.lines()) {
                out(format_args!("                      {line}"));
            }
        }
    }
    match report.errors().count() {
        0 => Ok(()),
        errors => Err(Failure::refused(format!("{errors} error(s) refuse 1101; nothing was changed"))),
    }
}
