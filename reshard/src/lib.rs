//! Moving a table: who decides, when the phase changes, and the work between the changes.
//!
//! Deciding
//! - [`controller`]: every proxy runs one for each table; the holder of a lock on home acts, in a term
//!   (`term.rs`, `hold.rs`, `changing.rs`) that looks at gate, request and guards and takes one step at a time.
//! - [`guards`] and [`request`] decide, without any I/O; [`flip`] does.
//! - [`work`]: what the controller has done by copy, verify and reverse sync.
//! - [`ddl`]: DDL on the table, by a sidecar and the controller together.
//! - [`status`], [`history`], [`seen`], [`command`]: what a DBA sees and asks for, from any machine.
//!
//! Working
//! - [`bootstrap`] (by [`own_tables`]): schema `shunt` and Shunt's own tables.
//! - [`copy`]: the old rows into the shards, chunk by chunk; [`verify`]: whether both sides are equal, and repair.
//! - [`reverse`]: legacy follows while only the shards are written; [`sequence`]: ids meanwhile.
//! - [`preflight`]: what stands in the way; [`create_shards`] makes the shard tables.
//! - [`keys`] and `image.rs`: primary keys and rows as exact values in SQL, shared by all of these.
//!
//! Everything here runs on control connections to home, never on a client's.

pub mod blockers;
pub mod bootstrap;
mod changing;
pub mod command;
pub mod controller;
pub mod copy;
pub mod create_shards;
mod db;
pub mod ddl;
pub mod election;
pub mod flip;
pub mod guards;
pub mod history;
pub mod hold;
mod image;
pub mod keys;
pub mod mover;
pub mod own_tables;
pub mod preflight;
pub mod report;
pub mod request;
pub mod reverse;
pub mod seen;
pub mod sequence;
pub mod shape;
pub mod snapshots;
pub mod status;
mod task;
mod term;
#[cfg(test)]
mod testing;
pub mod verify;
pub mod work;

pub use changing::explained as ddl_explained;
pub use term::MIN_STAY;
