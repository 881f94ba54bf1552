//! Redis answers and takes writes: without it nothing breaks, but nothing can be steered.

use flag_client::FlagStore;

use super::Context;

const CHECK: &str = "redis";

pub(super) async fn check(cx: &mut Context<'_>, flags: Option<&FlagStore>) {
    let Some(flags) = flags else {
        return;
    };
    match flags.ping().await {
        Ok(()) => cx.report.ok(CHECK, format!("{} answers and takes writes", flags.address())),
        Err(error) => cx.report.error(
            CHECK,
            error.to_string(),
            "start Redis, or correct its URL; a read-only replica is of no use here: name the master",
        ),
    }
}
