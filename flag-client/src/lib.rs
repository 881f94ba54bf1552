//! The flag and the gate as one process sees them, and the connections to home and Redis behind them.
//!
//! - [`Home`]: opens control connections to the server that holds the legacy table and schema `shunt`.
//! - [`load_schema`]: the shape of a table, read from home.
//! - [`GateCache`]: epoch and phase of each table, confirmed by reading the gate; the hot path is one
//!   atomic load.
//! - [`FlagStore`]: the keys in Redis: request, state, throttle. Redis wakes and asks; it never decides.

mod cache;
mod flag;
mod gates;
mod home;
mod poll;
mod redis_url;
mod schema;
mod snapshot;

pub use cache::{GateCache, GateTasks};
pub use flag::{FlagKeys, FlagStore, FlagStoreError, REDIS_TIMEOUT, Request};
pub use gates::{GateNames, probe};
pub use home::{CONNECT_TIMEOUT, Home, HomeConfig, HomeConn, HomeError, HomeTls, Server};
pub use redis_url::{check_redis_url, with_redis_password};
pub use schema::{SchemaError, fingerprint, load as load_schema};
pub use snapshot::{GateFault, GateUnavailable, LEASE, Snapshot};
