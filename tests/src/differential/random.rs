//! Numbers that depend on a seed and on nothing else: the same on every machine and in every run.

/// SplitMix64 (Steele, Lea, Flood 2014): tiny, and good enough to choose among SQL.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// `stream` tells series of the same seed apart: the schema, each case.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xa076_1d64_78bd_642f));
        random.next();
        random
    }

    /// 64 random bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `count` − 1; 0 where `count` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "less than `count`, which is a usize")]
    pub const fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { (self.next() % count as u64) as usize }
    }

    /// Both ends included.
    pub const fn range(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to + 1 - from)
    }

    /// True in `percent` of 100 cases.
    pub const fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One of the words.
    pub fn word(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len())]
    }

    /// The index of one of the weights, as often as it weighs.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        0
    }

    /// Some of them, in their order: at least `least`.
    pub fn some<T: Clone>(&mut self, all: &[T], least: usize, most: usize) -> Vec<T> {
        let wanted = self.range(least.min(all.len()), most.min(all.len()));
        let mut left: Vec<usize> = (0..all.len()).collect();
        let mut chosen: Vec<usize> = (0..wanted).map(|_| left.remove(self.below(left.len()))).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|index| all[index].clone()).collect()
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_stream_others() {
        let series = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..8).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(series(1, 2), series(1, 2));
        assert_ne!(series(1, 2), series(1, 3));
        assert_ne!(series(1, 2), series(2, 2));
    }

    #[test]
    fn weights_and_choices_stay_within_bounds() {
        let mut random = Random::new(7, 0);
        for _ in 0..500 {
            assert_ne!(random.weighted(&[3, 0, 5]), 1);
            assert!((2..=4).contains(&random.range(2, 4)));
            let some = random.some(&[1, 2, 3, 4], 1, 3);
            assert!((1..=3).contains(&some.len()) && some.is_sorted());
        }
    }
}
