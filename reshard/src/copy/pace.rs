//! How fast a copy or a verify pass goes: chunk size and pauses.

use std::time::Duration;

use super::ThrottleLimits;

/// Rows of the first chunk: about 15 ms of work, so the first measurement does no harm.
const FIRST_ROWS: u64 = 1_000;
/// Below this a chunk's fixed cost (its round trips and commit) outweighs its rows.
const MIN_ROWS: u64 = 10;
/// Above this the undo log and the locks of one chunk begin to show.
const MAX_ROWS: u64 = 100_000;
/// Settings of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Rows of every chunk; `None` adapts to [`Pace::chunk_time`].
    pub chunk_rows: Option<u64>,
    /// One chunk at most every so often; zero is full speed under the throttle.
    pub interval: Duration,
    /// How long a chunk may hold its locks; chunks grow and shrink towards it.
    pub chunk_time: Duration,
    /// When to give way to everything else.
    pub throttle: ThrottleLimits,
}

impl Default for Pace {
    /// Full speed under the throttle, in chunks of 50 ms.
    fn default() -> Self {
        Self {
            chunk_rows: None,
            interval: Duration::ZERO,
            chunk_time: Duration::from_millis(50),
            throttle: ThrottleLimits::default(),
        }
    }
}

/// The adaptive chunk size.
#[derive(Debug)]
pub struct ChunkSize {
    rows: u64,
    fixed: bool,
    target: Duration,
}

impl ChunkSize {
    /// Starts at 1,000 rows, or at the fixed number.
    #[must_use]
    pub fn new(pace: &Pace) -> Self {
        Self {
            rows: pace.chunk_rows.unwrap_or(FIRST_ROWS).clamp(1, MAX_ROWS),
            fixed: pace.chunk_rows.is_some(),
            target: pace.chunk_time,
        }
    }

    /// Rows for the next chunk.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// A chunk of `rows` rows took `took`: aim the next one at the target, at most doubling, and
    /// shrinking at once. Rows so large that ten of them take four times the target go one by one.
    pub fn learn(&mut self, rows: u64, took: Duration) {
        if self.fixed || rows == 0 {
            return;
        }
        let took = took.as_secs_f64().max(1e-4);
        let target = self.target.as_secs_f64();
        let ideal = rows as f64 * target / took;
        let floor = if ideal < MIN_ROWS as f64 / 4.0 { 1 } else { MIN_ROWS };
        let next = ideal.min(self.rows as f64 * 2.0) as u64;
        self.rows = next.clamp(floor, MAX_ROWS);
    }

    /// Another transaction was in the way: a smaller chunk meets fewer.
    pub fn shrink(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// A chunk went through after [`Self::shrink`]ing under a fixed size.
    pub fn restore(&mut self, pace: &Pace) {
        if let Some(rows) = pace.chunk_rows {
            self.rows = rows.clamp(1, MAX_ROWS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_aim_at_their_time_and_stay_in_their_limits() {
        let mut size = ChunkSize::new(&Pace::default());
        assert_eq!(size.rows(), 1_000);
        size.learn(1_000, Duration::from_millis(10));
        assert_eq!(size.rows(), 2_000, "at most doubled");
        size.learn(2_000, Duration::from_millis(200));
        assert_eq!(size.rows(), 500, "shrinks at once");
        for _ in 0..20 {
            size.learn(size.rows(), Duration::from_micros(1));
        }
        assert_eq!(size.rows(), 100_000);
        size.learn(100_000, Duration::from_secs(300));
        assert_eq!(size.rows(), 16.max(MIN_ROWS));
        size.learn(10, Duration::from_millis(60));
        assert_eq!(size.rows(), 10);
        size.learn(10, Duration::from_secs(2));
        assert_eq!(size.rows(), 1, "a huge row goes alone");
    }

    #[test]
    fn a_fixed_size_stays() {
        let pace = Pace { chunk_rows: Some(700), ..Pace::default() };
        let mut size = ChunkSize::new(&pace);
        size.learn(700, Duration::from_secs(9));
        assert_eq!(size.rows(), 700);
        size.shrink();
        assert_eq!(size.rows(), 350);
        size.restore(&pace);
        assert_eq!(size.rows(), 700);
    }
}
