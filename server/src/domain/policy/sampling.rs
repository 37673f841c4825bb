//! Sampling: which allowed actions a person judges afterwards.
//!
//! A draw depends on the seed, the agent and the action's ordinal alone, so that it
//! can be made again.

use super::Level;
use super::document::{SamplingSource, Shares};

/// Which actions are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Every so manieth action of an agent.
    Every(u64),
    /// A share of them, by stakes.
    Drawn {
        /// Makes the draw repeatable.
        seed: u64,
        /// How many of which stakes.
        shares: Shares,
    },
}

impl Sampling {
    /// Reads what the document says: exactly one way to sample.
    pub(super) fn read(source: &SamplingSource) -> Result<Self, String> {
        let share = |share: f64| match (0.0..=1.0).contains(&share) {
            true => Ok(share),
            false => Err(format!("`{share}`: want a share from 0 to 1")),
        };
        match (source.every, source.share, source.by_stakes) {
            (Some(0), None, None) => Err("every: want at least 1".to_owned()),
            (Some(every), None, None) => Ok(Self::Every(u64::from(every))),
            (None, Some(all), None) => {
                let all = share(all)?;
                let shares = Shares { low: all, medium: all, high: all };
                Ok(Self::Drawn { seed: source.seed, shares })
            }
            (None, None, Some(shares)) => {
                [shares.low, shares.medium, shares.high]
                    .into_iter()
                    .try_for_each(|it| share(it).map(drop))?;
                Ok(Self::Drawn { seed: source.seed, shares })
            }
            _ => Err("want exactly one of `every`, `share` and `by_stakes`".to_owned()),
        }
    }

    /// Whether an action is sampled.
    pub fn picks(self, agent: &str, ordinal: u64, stakes: Level) -> bool {
        match self {
            Self::Every(every) => ordinal.is_multiple_of(every),
            Self::Drawn { seed, shares } => {
                let share = match stakes {
                    Level::Low => shares.low,
                    Level::Medium => shares.medium,
                    Level::High => shares.high,
                };
                // 53 bits, as many as a double holds.
                let drawn = (draw(seed, agent, ordinal) >> 11) as f64 / (1_u64 << 53) as f64;
                drawn < share
            }
        }
    }
}

/// A number that depends on all three: FNV-1a of the agent's name, then the mix of
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
fn draw(seed: u64, agent: &str, ordinal: u64) -> u64 {
    let name = agent.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let state = seed ^ name;
    let mut mixed = state.wrapping_add(ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hundredth_is_exactly_every_hundredth() {
        let picked: Vec<_> =
            (1..=300).filter(|n| Sampling::Every(100).picks("a", *n, Level::Low)).collect();
        assert_eq!(picked, [100, 200, 300]);
    }

    #[test]
    fn a_share_is_about_that_share_and_the_same_every_time() {
        let shares = Shares { low: 0.01, medium: 0.1, high: 1.0 };
        let sampling = Sampling::Drawn { seed: 7, shares };
        let count =
            |agent: &str, stakes| (0..10_000).filter(|n| sampling.picks(agent, *n, stakes)).count();
        assert!((60..=140).contains(&count("a", Level::Low)), "{}", count("a", Level::Low));
        assert!((900..=1_100).contains(&count("a", Level::Medium)));
        assert_eq!(count("a", Level::High), 10_000);
        let which = |agent: &str| -> Vec<u64> {
            (0..1_000).filter(|n| sampling.picks(agent, *n, Level::Medium)).collect()
        };
        assert_eq!(which("a"), which("a"));
        assert_ne!(which("a"), which("b"));
    }

    #[test]
    fn one_way_to_sample_is_wanted() {
        let source = |every, share| SamplingSource { every, share, seed: 0, by_stakes: None };
        assert!(Sampling::read(&source(Some(100), None)).is_ok());
        for (every, share) in
            [(None, None), (Some(1), Some(0.5)), (Some(0), None), (None, Some(1.5))]
        {
            assert!(Sampling::read(&source(every, share)).is_err(), "{every:?} {share:?}");
        }
    }
}
