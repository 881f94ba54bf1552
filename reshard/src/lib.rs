//! Moving a table: who decides, when the phase changes, and the work between the changes.
//!
//! - [`controller`]: every proxy runs one for each table; the holder of a lock on home acts, in a term
//!   (`term.rs`, `hold.rs`) that looks at gate, request and guards and takes one step at a time.
//! - [`guards`] and [`request`] decide, without any I/O; [`flip`] does.
//! - [`work`]: what the controller has done by copy, verify and reverse sync.
//! - [`status`], [`history`], [`command`]: what a DBA sees and asks for, from any machine.

pub mod blockers;
pub mod command;
pub mod controller;
pub mod election;
pub mod flip;
pub mod guards;
pub mod history;
pub mod hold;
pub mod report;
pub mod request;
pub mod snapshots;
pub mod status;
mod task;
mod term;
pub mod work;

pub use term::MIN_STAY;
