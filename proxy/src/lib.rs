//! The data plane and the `shunt` binary: listener, login, session, execution, command line.

mod answer;
mod arguments;
mod asking;
pub mod cli;
mod commands;
pub mod config;
mod diagnostics;
mod execute;
pub mod facts;
pub mod listener;
pub mod login;
mod merge;
mod neighbours;
pub mod plane;
mod prepared;
pub mod relay;
pub mod seen;
mod sent_ahead;
mod session;
pub mod tls;

/// A random number that differs between processes and calls, from the standard library's hash keys.
#[must_use]
pub fn random_u64() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
