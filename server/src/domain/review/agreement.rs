//! How far reviewers agree, beyond what chance would do.
//!
//! Two people who judged the same actions are compared by Cohen's kappa: J. Cohen, "A
//! coefficient of agreement for nominal scales", Educational and Psychological
//! Measurement 20 (1960), 37-46. With `po` the share of actions of which both say the
//! same, and `pe` the share that would be expected if each gave its own shares of
//! judgements at random, it is `(po - pe) / (1 - pe)`.

use std::collections::BTreeMap;

use super::{Judged, Judgement};

/// The most pairs that are told apart: those with the most actions in common.
const MAX_PAIRS: usize = 50;

const KINDS: usize = Judgement::ALL.len();

/// How two people agree.
#[derive(Clone, Debug, PartialEq)]
pub struct PairAgreement {
    /// One of them.
    pub first: String,
    /// The other.
    pub second: String,
    /// How many actions both judged.
    pub both: u32,
    /// Of how many they say the same.
    pub same: u32,
    /// Cohen's kappa; none: both always say one and the same thing, and chance would too.
    pub kappa: Option<f64>,
}

/// How everybody agrees with everybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// How many pairs of judgements of one action there are.
    pub both: u32,
    /// In how many of them both say the same.
    pub same: u32,
    /// The mean of the pairs' kappas, each weighted by its actions; none: no pair has one.
    pub kappa: Option<f64>,
    /// The pairs with the most actions in common.
    pub pairs: Vec<PairAgreement>,
}

/// What two people said of the same actions: how often the first said the one thing and
/// the second the other.
#[derive(Clone, Debug, Default)]
struct Table([[u32; KINDS]; KINDS]);

impl Table {
    fn add(&mut self, first: Judgement, second: Judgement) {
        if let Some(count) =
            self.0.get_mut(first as usize).and_then(|row| row.get_mut(second as usize))
        {
            *count += 1;
        }
    }

    fn both(&self) -> u32 {
        self.0.iter().flatten().sum()
    }

    fn same(&self) -> u32 {
        self.0.iter().enumerate().filter_map(|(kind, row)| row.get(kind)).sum()
    }

    fn kappa(&self) -> Option<f64> {
        let both = f64::from(self.both());
        let observed = f64::from(self.same()) / both;
        let share = |counts: u32| f64::from(counts) / both;
        let expected: f64 = (0..KINDS)
            .map(|kind| {
                let by_first = self.0.get(kind).map_or(0, |row| row.iter().sum());
                let by_second = self.0.iter().filter_map(|row| row.get(kind)).sum();
                share(by_first) * share(by_second)
            })
            .sum();
        (expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
    }
}

impl Agreement {
    /// Compares what people said of each of several actions.
    pub fn of<'a>(reviews: impl Iterator<Item = &'a [Judged]>) -> Self {
        let mut tables: BTreeMap<(&str, &str), Table> = BTreeMap::new();
        for judged in reviews {
            for (place, one) in judged.iter().enumerate() {
                for other in judged.iter().skip(place + 1) {
                    let (first, second) =
                        if one.person <= other.person { (one, other) } else { (other, one) };
                    let table = tables.entry((&first.person, &second.person)).or_default();
                    table.add(first.judgement, second.judgement);
                }
            }
        }
        let pairs = tables.into_iter().map(|((first, second), table)| PairAgreement {
            first: first.to_owned(),
            second: second.to_owned(),
            both: table.both(),
            same: table.same(),
            kappa: table.kappa(),
        });
        Self::over(pairs.collect())
    }

    fn over(mut pairs: Vec<PairAgreement>) -> Self {
        let (both, same) =
            pairs.iter().fold((0, 0), |(both, same), it| (both + it.both, same + it.same));
        let weighed = pairs.iter().filter_map(|it| Some((it.kappa?, f64::from(it.both))));
        let (sum, weight) = weighed
            .fold((0.0, 0.0), |(sum, all), (kappa, weight)| (sum + kappa * weight, all + weight));
        pairs.sort_by_key(|it| std::cmp::Reverse(it.both));
        pairs.truncate(MAX_PAIRS);
        Self { both, same, kappa: (weight > 0.0).then(|| sum / weight), pairs }
    }
}
