//! Seeded randomness: the seed is printed, and `POINTSMAN_SEED` sets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The generator of one test (SplitMix64).
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// Draws a seed, or takes the one that is set, and says so.
    pub fn draw(test: &str) -> Self {
        let drawn = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.subsec_nanos().into()
        };
        let seed = match std::env::var("POINTSMAN_SEED") {
            Ok(text) => text.parse().expect("POINTSMAN_SEED is a number"),
            Err(_) => drawn(),
        };
        println!("{test}: POINTSMAN_SEED={seed}");
        Self(seed)
    }

    /// A generator of its own for a part of the test.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True in `percent` of the draws.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A moment before `end`.
    pub fn moment(&mut self, end: Duration) -> Duration {
        end.mul_f64(self.below(10_000) as f64 / 10_000.0)
    }
}

/// Whether the long forms run (`make soak`).
pub fn is_soak() -> bool {
    std::env::var_os("POINTSMAN_SOAK").is_some()
}

/// The short or the long count of a test.
pub fn rounds(short: usize, long: usize) -> usize {
    if is_soak() { long } else { short }
}
