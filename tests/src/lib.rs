//! The harness of the end-to-end tests and of the demo: real servers, real sidecars, a real application,
//! and two judges that trust none of them.
//!
//! | module | what it is for |
//! |---|---|
//! | [`servers`] | where the test servers are |
//! | [`home`] | one server prepared for a migration: schema, accounts, an exclusive claim |
//! | [`rig`] | one sharded table on a real server without any sidecar |
//! | [`history`], [`judge`] | what clients did and saw, and what must follow from it |
//! | [`app`], [`load`], [`sql`] | the application of the demo, which writes that history |
//! | [`demo`], [`observer`], [`summary`] | the whole migration, looked at and told |
//! | [`scan`] | both sides of a migration in one snapshot |
//! | [`shunt`] | a sidecar process: its configuration, start, stop, kill |
//! | [`walk`] | the flag, set in Redis, and the phases that follow |
//! | [`patience`] | waiting for what must come |
//! | [`same`] | the differential oracle: a statement directly and through Shunt, compared |
//! | [`differential`] | that oracle with statements made by chance |
//! | [`corpus`] | that oracle with statements that ORMs, frameworks and people send |
//! | [`client`] | a bare protocol client that hides nothing of an answer |

pub mod app;
pub mod bench;
pub mod client;
pub mod corpus;
pub mod demo;
pub mod differential;
pub mod history;
pub mod home;
pub mod judge;
pub mod load;
pub mod observer;
pub mod patience;
pub mod replica;
pub mod rig;
pub mod same;
pub mod scan;
pub mod servers;
pub mod shunt;
pub mod sql;
pub mod summary;
pub mod walk;

/// Any failure of the harness itself, as opposed to a finding about Shunt.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the harness returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A test on each server, `NAME::mysql` and `NAME::mariadb`, of each function that takes a [`servers::Kind`]; or
/// of each that `runner(kind, name, function)` runs: `on_both_servers!(runner: …)`.
#[macro_export]
macro_rules! on_both_servers {
    ($runner:ident: $($name:ident),* $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                super::$runner($crate::servers::Kind::MySql, stringify!($name), super::$name).await.unwrap();
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn mariadb() {
                super::$runner($crate::servers::Kind::MariaDb, stringify!($name), super::$name).await.unwrap();
            }
        })*
    };
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() { super::$name($crate::servers::Kind::MySql).await.unwrap(); }
            #[tokio::test(flavor = "multi_thread")]
            async fn mariadb() { super::$name($crate::servers::Kind::MariaDb).await.unwrap(); }
        })*
    };
}
