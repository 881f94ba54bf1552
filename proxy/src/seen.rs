//! What the application sends while its tables are in `Legacy`, counted for `shunt report`.
//!
//! Off the hot path as far as it goes: a statement's digest is looked up and its count raised; it is planned for the
//! later phases only the first times, and then at each doubling of its count, because its values may change its plan.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flag_client::Home;
use reshard::seen::{self, Plans, Seen};
use tokio_util::sync::CancellationToken;
use topology::TableId;

/// Different statements that are counted at once; what comes beyond is not counted until the next round. Far more than
/// any application has, unless it writes values in a way that a digest does not take out.
const STATEMENTS_MAX: usize = 5_000;

/// How often counts go to home.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Statements are planned each time until they came so often.
const ALWAYS_PLANNED: u64 = 8;

/// The counts of this process.
#[derive(Debug, Default)]
pub struct SeenStatements {
    counts: Mutex<HashMap<TableId, HashMap<String, Count>>>,
}

#[derive(Debug, Default)]
struct Count {
    /// Since the process began.
    calls: u64,
    /// Of these, how many home has been told.
    told: u64,
    /// What home has not been told yet.
    plans: Plans,
}

impl SeenStatements {
    fn counts(&self) -> MutexGuard<'_, HashMap<TableId, HashMap<String, Count>>> {
        // Whoever panicked left whole numbers behind.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a statement; says whether it is to be planned for the report.
    pub fn count(&self, table: &TableId, digest: &str) -> bool {
        let mut counts = self.counts();
        let of_table = match counts.get_mut(table) {
            Some(of_table) => of_table,
            None => counts.entry(table.clone()).or_default(),
        };
        if let Some(count) = of_table.get_mut(digest) {
            count.calls += 1;
            return count.calls <= ALWAYS_PLANNED || count.calls.is_power_of_two();
        }
        if of_table.len() >= STATEMENTS_MAX {
            return false;
        }
        of_table.insert(digest.to_owned(), Count { calls: 1, ..Count::default() });
        true
    }

    /// Notes what a statement that was counted becomes.
    pub fn note(&self, table: &TableId, digest: &str, plans: Plans) {
        if let Some(count) = self.counts().get_mut(table).and_then(|of_table| of_table.get_mut(digest)) {
            for (phase, ways) in plans {
                count.plans.entry(phase).or_default().extend(ways);
            }
        }
    }

    /// Tells home now and then until cancelled, and once more at the end.
    pub async fn keep(&self, home: Home, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(FLUSH_EVERY) => {}
            }
            self.tell(&home).await;
        }
    }

    async fn tell(&self, home: &Home) {
        let tables: Vec<TableId> = self.counts().keys().cloned().collect();
        for table in tables {
            let news = self.news(&table);
            if news.is_empty() {
                continue;
            }
            let told = match home.connect().await {
                Ok(mut conn) => seen::add(&mut conn, &table, &news).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                tracing::debug!(%table, %error, "statements that were seen are kept for later");
                self.take_back(&table, news);
            }
        }
    }

    /// What home does not know of a table. Statements that did not come again are forgotten here, so that a process
    /// that runs for months has room for new ones.
    fn news(&self, table: &TableId) -> Vec<Seen> {
        let mut counts = self.counts();
        let Some(of_table) = counts.get_mut(table) else { return Vec::new() };
        if of_table.len() >= STATEMENTS_MAX {
            of_table.retain(|_, count| count.calls > count.told);
        }
        let mut news = Vec::new();
        for (statement, count) in of_table.iter_mut().filter(|(_, count)| count.calls > count.told) {
            let calls = count.calls - mem::replace(&mut count.told, count.calls);
            news.push(Seen { statement: statement.clone(), calls, plans: mem::take(&mut count.plans) });
        }
        news
    }

    fn take_back(&self, table: &TableId, news: Vec<Seen>) {
        let mut counts = self.counts();
        let Some(of_table) = counts.get_mut(table) else { return };
        for Seen { statement, calls, plans } in news {
            if let Some(count) = of_table.get_mut(&statement) {
                count.told = count.told.saturating_sub(calls);
                for (phase, ways) in plans {
                    count.plans.entry(phase).or_default().extend(ways);
                }
            }
        }
    }
}
