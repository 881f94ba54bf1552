//! The relay on real servers: who can log in, what passes, and what happens when something breaks.
//!
//! Sidecars run inside the test's process, without any table configured.

mod clients;
mod faults;
mod logins;
mod passage;
mod sidecar;
