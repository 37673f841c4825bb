//! How a question comes into somebody's hands, and out of them.
//!
//! Every new holder has a new epoch, the highest so far: what an earlier one still tries
//! is refused by it.

use super::{Claim, Escalation, Upkeep};
use crate::domain::payload::PayloadRef;
use crate::domain::time::{Span, Timestamp};

/// Whose hands a question comes into.
#[derive(Clone, Copy, Debug)]
pub struct Hands<'a> {
    /// Who holds it from now on.
    pub holder: &'a str,
    /// Who gave it to them; none: they took it.
    pub assigner: Option<&'a str>,
    /// For whom they stand in.
    pub stands_in_for: Option<&'a str>,
    /// What they were told with it: text.
    pub note: Option<PayloadRef>,
    /// For how long.
    pub lease: Span,
}

impl Escalation {
    /// Puts the question into somebody's hands, whoever holds it.
    pub fn hold(&mut self, hands: Hands<'_>, now: Timestamp) {
        self.snooze_until = None;
        self.claim = Some(Claim {
            holder: hands.holder.to_owned(),
            epoch: self.claim.as_ref().map_or(0, |claim| claim.epoch) + 1,
            expire_time: now.plus(hands.lease),
            claim_time: Some(now),
            assigner: hands.assigner.map(str::to_owned),
            stands_in_for: hands.stands_in_for.map(str::to_owned),
            note: hands.note,
            upkeep: Upkeep::of_lease(hands.lease),
        });
    }

    /// Prolongs the claim from now on.
    pub fn prolong(&mut self, lease: Span, now: Timestamp) {
        if let Some(claim) = &mut self.claim {
            (claim.expire_time, claim.upkeep) = (now.plus(lease), Upkeep::of_lease(lease));
        }
    }

    /// Gives the question back. The epoch stays, so that the next claim gets a higher
    /// one.
    pub fn give_back(&mut self, now: Timestamp) {
        if let Some(claim) = &mut self.claim {
            (claim.expire_time, claim.upkeep) = (now, Upkeep::Nothing);
        }
    }

    /// Gives it back, and puts it aside until then. No clock stops.
    pub fn put_aside(&mut self, until: Timestamp, now: Timestamp) {
        self.give_back(now);
        self.snooze_until = Some(until);
    }
}
