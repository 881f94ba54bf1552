//! `shunt backfill`: follows the controller's copy; never starts a second one.

use std::{io::IsTerminal, io::Write, time::Duration};

use reshard::status;
use tokio::time::sleep;

use super::{Failure, Target, out, status::copy_line};

/// How often the progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// Pauses, resumes or follows the copy.
pub(super) async fn backfill(target: &Target, pause: bool, resume: bool) -> Result<(), Failure> {
    if pause || resume {
        target.flags.set_throttle(&target.keys, pause).await.map_err(Failure::unavailable)?;
        out(if pause { "the copy pauses" } else { "the copy goes on" });
        return Ok(());
    }
    let terminal = std::io::stdout().is_terminal();
    let mut shown = String::new();
    loop {
        let tables = [((*target.table.table).clone(), target.keys.clone())];
        let status = status::collect(&target.home, None, &tables).await;
        let table = status.tables.into_iter().next();
        let phase = table.as_ref().and_then(|table| table.phase.clone());
        if phase.as_deref() != Some("1101") {
            return Err(Failure::refused(format!(
                "the copy runs in 1101, by itself; the phase is {}: request it with `shunt flip 1101`",
                phase.as_deref().unwrap_or("unknown")
            )));
        }
        let copy = table.and_then(|table| table.controller).and_then(|stored| stored.report.facts.copy);
        let line = copy.as_ref().map_or_else(|| "not begun".to_owned(), copy_line);
        if terminal {
            let _ = write!(std::io::stdout(), "\r\x1b[2K{line}");
            let _ = std::io::stdout().flush();
        } else if line != shown {
            out(&line);
        }
        if copy.is_some_and(|copy| copy.finished) {
            if terminal {
                out("");
            }
            return Ok(());
        }
        shown = line;
        sleep(SHOW_EVERY).await;
    }
}
