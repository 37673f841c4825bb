//! When who first looked at which question, as far as this server saw: for telling
//! approvals that came faster than anybody reads.
//!
//! In memory and bounded: it is for figures, and decides nothing.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::domain::ids::EscalationId;
use crate::domain::time::Timestamp;

/// How many looks are kept at least, if there were so many; twice as many at most.
const KEPT: usize = 8_192;

type Times = HashMap<(EscalationId, String), Timestamp>;

/// The first looks of late.
#[derive(Default)]
pub(super) struct Looks(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: Times,
    old: Times,
}

impl Looks {
    /// Keeps that somebody looked, unless it is known that they did before.
    pub(super) fn note(&self, question: EscalationId, by: &str, now: Timestamp) {
        let look = (question, by.to_owned());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.young.contains_key(&look) || kept.old.contains_key(&look) {
            return;
        }
        if kept.young.len() >= KEPT {
            kept.old = mem::take(&mut kept.young);
        }
        kept.young.insert(look, now);
    }

    /// When somebody first looked; none: not that it is known.
    pub(super) fn first(&self, question: EscalationId, by: &str) -> Option<Timestamp> {
        let look = (question, by.to_owned());
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.young.get(&look).or_else(|| kept.old.get(&look)).copied()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_first_look_counts_and_memory_is_bounded() {
        let (looks, at) = (Looks::default(), Timestamp::from_micros);
        let question = |number: usize| EscalationId::new(Uuid::from_u128(number as u128));
        looks.note(question(0), "rita", at(1));
        looks.note(question(0), "rita", at(2));
        assert_eq!(looks.first(question(0), "rita"), Some(at(1)));
        assert_eq!(looks.first(question(0), "rob"), None);
        for number in 1..=3 * KEPT {
            looks.note(question(number), "rita", at(3));
            let first = number.saturating_sub(KEPT - 1).max(1);
            assert_eq!(looks.first(question(first), "rita"), Some(at(3)));
        }
        assert_eq!(looks.first(question(0), "rita"), None);
        let kept = looks.0.lock().unwrap();
        assert!(kept.young.len() + kept.old.len() <= 2 * KEPT);
    }
}
