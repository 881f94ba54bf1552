//! How fast a copy or a verify pass goes: chunk size and pauses.

use std::time::Duration;

use super::ThrottleLimits;

/// Rows of the first chunk: about 15 ms of work, so the first measurement does no harm.
const FIRST_ROWS: u64 = 1_000;
/// Above this the undo log and the locks of one chunk begin to show.
const MAX_ROWS: u64 = 100_000;
/// Two chunks whose sizes are this far apart tell a chunk's fixed cost from that of its rows.
const APART: f64 = 1.5;

/// Settings of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Rows of every chunk; `None` adapts to [`Pace::chunk_time`].
    pub chunk_rows: Option<u64>,
    /// One chunk at most every so often; zero is full speed under the throttle.
    pub interval: Duration,
    /// How long a chunk may hold its locks; chunks grow and shrink towards it. Where a chunk's fixed cost
    /// (round trips, commit) is more than half of this, a chunk takes twice its fixed cost.
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
///
/// A chunk's time is a fixed cost and a cost for each row. Only the rows' part shrinks with the chunk, so
/// the rows get the time that the fixed cost leaves of the target, but never less than the fixed cost itself: a
/// smaller chunk would hold its locks hardly shorter, and a table would take forever on a slow disk (docs/adr/chunk-size.md).
#[derive(Debug)]
pub struct ChunkSize {
    rows: u64,
    given: bool,
    target: f64,
    /// Seconds of a chunk that its rows are not the reason of.
    fixed: f64,
    /// Rows and seconds of the last chunk of another size.
    other: Option<(f64, f64)>,
}

impl ChunkSize {
    /// Starts at 1,000 rows, or at the given number.
    #[must_use]
    pub fn new(pace: &Pace) -> Self {
        Self {
            rows: pace.chunk_rows.unwrap_or(FIRST_ROWS).clamp(1, MAX_ROWS),
            given: pace.chunk_rows.is_some(),
            target: pace.chunk_time.as_secs_f64(),
            fixed: 0.0,
            other: None,
        }
    }

    /// Rows for the next chunk.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// A chunk of `rows` rows took `took`: aim the next one at the target, at most doubling, and
    /// shrinking at once.
    pub fn learn(&mut self, rows: u64, took: Duration) {
        if self.given || rows == 0 {
            return;
        }
        let (rows, took) = (rows as f64, took.as_secs_f64().max(1e-4));
        self.learn_fixed(rows, took);
        let for_rows = (self.target - self.fixed).max(self.fixed);
        let ideal = rows * for_rows / (took - self.fixed);
        let next = (ideal.min(self.rows as f64 * 2.0) as u64).clamp(1, MAX_ROWS);
        // One row after one row would teach nothing: two show whether the row is huge or the server slow.
        self.rows = if next == 1 && self.rows == 1 { 2 } else { next };
    }

    /// The line through two chunks of different sizes gives the fixed cost. Without a new pair the estimate
    /// fades slowly: it makes chunks smaller, until there is one.
    fn learn_fixed(&mut self, rows: f64, took: f64) {
        let (other_rows, other_took) = *self.other.get_or_insert((rows, took));
        if rows / other_rows >= APART || other_rows / rows >= APART {
            let each = ((took - other_took) / (rows - other_rows)).max(0.0);
            self.fixed = f64::midpoint(self.fixed, (took - each * rows).max(0.0));
            self.other = Some((rows, took));
        } else {
            self.fixed *= 0.95;
        }
        // The rows cost something, however the measurements vary.
        self.fixed = self.fixed.min(took * 0.95);
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

    /// Chunks of a server where a chunk costs `fixed` and each row `each` milliseconds, and every measurement is up
    /// to `noise` times too long or too short; returns rows a second and the mean chunk in milliseconds.
    fn run(size: &mut ChunkSize, fixed: f64, each: f64, noise: f64) -> (f64, f64) {
        const CHUNKS: u32 = 1_000;
        let (mut rows, mut ms, mut random) = (0, 0.0, 1_u64);
        for _ in 0..CHUNKS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let vary = 1.0 + noise * ((random >> 33) as f64 / f64::from(1 << 30) - 1.0);
            let took = (fixed + each * size.rows() as f64) * vary;
            rows += size.rows();
            ms += took;
            size.learn(size.rows(), Duration::from_secs_f64(took / 1e3));
        }
        (rows as f64 / ms * 1e3, ms / f64::from(CHUNKS))
    }

    #[test]
    fn chunks_aim_at_their_time_and_stay_in_their_limits() {
        let mut size = ChunkSize::new(&Pace::default());
        assert_eq!(size.rows(), 1_000);
        size.learn(1_000, Duration::from_millis(10));
        assert_eq!(size.rows(), 2_000, "at most doubled");
        size.learn(2_000, Duration::from_millis(200));
        assert_eq!(size.rows(), 500, "shrinks at once");
        for _ in 0..20 {
            size.learn(size.rows(), Duration::from_micros(100));
        }
        assert_eq!(size.rows(), 100_000);
    }

    #[test]
    fn rows_that_cost_most_of_a_chunk_decide_its_size() {
        for (each, best) in [(0.01, 4_900), (0.5, 98), (20.0, 2)] {
            let mut size = ChunkSize::new(&Pace::default());
            run(&mut size, 1.0, each, 0.0);
            assert!(size.rows().abs_diff(best) <= best / 10, "{each} ms a row: {} rows", size.rows());
            let (_, ms) = run(&mut size, 1.0, each, 0.3);
            assert!(ms <= 60.0, "{each} ms a row: {ms} ms a chunk");
        }
    }

    #[test]
    fn a_fixed_cost_above_the_target_does_not_shrink_the_chunks() {
        // Chunks of twice the fixed cost would copy 10,000 rows a second, chunks without end 20,000.
        for noise in [0.0, 0.2, 0.6] {
            for fixed in [40.0, 100.0, 1_000.0] {
                let mut size = ChunkSize::new(&Pace::default());
                let (per_second, ms) = run(&mut size, fixed, 0.05, noise);
                assert!(per_second >= 4_000.0, "{fixed} ms, noise {noise}: {per_second} rows/s");
                assert!(ms <= fixed * 3.0, "{fixed} ms, noise {noise}: {ms} ms a chunk");
            }
        }
    }

    #[test]
    fn a_server_that_becomes_slow_or_fast_is_followed() {
        let mut size = ChunkSize::new(&Pace::default());
        for (fixed, each, rows) in [(1.0, 0.05, 980), (1.0, 0.5, 98), (200.0, 0.5, 400), (1.0, 0.05, 980)] {
            run(&mut size, fixed, each, 0.0);
            assert!((rows / 2..=rows * 2).contains(&size.rows()), "{fixed} + {each}: {} rows", size.rows());
        }
    }

    #[test]
    fn after_contention_a_chunk_grows_again() {
        let mut size = ChunkSize::new(&Pace::default());
        for _ in 0..12 {
            size.shrink();
        }
        assert_eq!(size.rows(), 1);
        run(&mut size, 100.0, 0.05, 0.3);
        assert!(size.rows() > 100, "{} rows", size.rows());
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
