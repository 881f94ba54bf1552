//! The data plane and the `shunt` binary.
pub mod config;
