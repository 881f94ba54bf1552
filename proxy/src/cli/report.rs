//! `shunt report`: the statements that the sidecars have seen in 1100, and what each becomes in the later phases.

use std::collections::BTreeMap;

use reshard::seen::{self, SeenStatement};

use super::{Failure, Target, out, out_json};

/// Prints the report; fails if a statement would be refused, so that a script can wait for it.
pub(super) async fn report(target: &Target, json: bool, reset: bool) -> Result<(), Failure> {
    let id = target.table.table.id();
    let mut conn = target.home.connect().await.map_err(Failure::unavailable)?;
    if reset {
        seen::forget(&mut conn, id).await.map_err(Failure::unavailable)?;
        out(format_args!("what was seen of {id} is forgotten; sidecars begin anew"));
        return Ok(());
    }
    let statements = seen::list(&mut conn, id).await.map_err(Failure::unavailable)?;
    if json {
        out_json(&statements);
    } else {
        print(id.as_str(), &statements);
    }
    match statements.iter().filter(|statement| !statement.refusals().is_empty()).count() {
        0 => Ok(()),
        refused => Err(Failure::refused(format!("{refused} statement(s) would be refused in a later phase"))),
    }
}

fn print(id: &str, statements: &[SeenStatement]) {
    let calls: u64 = statements.iter().map(|statement| statement.calls).sum();
    out(format_args!("{id}: {} different statements were seen in 1100, {calls} calls", statements.len()));
    if statements.is_empty() {
        out("nothing yet: point the application at a sidecar, and look again after a day of its work");
    }
    for statement in statements {
        let (first, last) = (&statement.first_seen, &statement.last_seen);
        out(format_args!("\n{}", statement.statement));
        out(format_args!("  {} calls, from {first} to {last} UTC", statement.calls));
        for (phase, ways) in &statement.plans {
            let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
            out(format_args!("  {phase}  {}", ways.join(" or ")));
        }
    }
    print_refused(statements);
}

/// Each reason once, with what to do.
fn print_refused(statements: &[SeenStatement]) {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for statement in statements {
        for reason in statement.refusals().into_keys() {
            *reasons.entry(reason).or_default() += statement.calls;
        }
    }
    if !reasons.is_empty() {
        out("\nrefused, and what to do:");
    }
    for (reason, calls) in reasons {
        let advice =
            sql_rewrite::REFUSALS.iter().find(|(name, _)| *name == reason).map_or("", |(_, advice)| advice);
        out(format_args!("  {reason} ({calls} calls): {advice}"));
    }
}
