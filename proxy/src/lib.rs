//! The data plane and the `shunt` binary.
pub mod config;
pub mod listener;
pub mod login;
pub mod relay;
pub mod tls;
