//! Putting policy revisions in force: who asked, who confirmed, what came of it.
//!
//! Where a second person is demanded, a request waits for an admin who neither
//! asked for it nor wrote the document. What waits is superseded by whatever
//! comes into force before it, and lapses by itself.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::ids::{PolicyActivationId, PolicyRevisionId};
use super::payload::PayloadRef;
use super::time::{Span, Timestamp};

/// How long a request waits for its second person.
pub const CONFIRMABLE_FOR: Span = Span::from_secs(24 * 60 * 60);

/// What is done to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// A revision replaces the one in force.
    Activate,
    /// A replaced revision comes into force again.
    RollBack,
}

/// What came of it, as stored; a request that lapsed is still pending here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationState {
    /// It waits for a second person.
    Pending,
    /// It put its revision in force.
    Effective,
    /// An admin took it back or refused it.
    Withdrawn,
    /// Another one came before it was confirmed.
    Superseded,
}

/// One revision put in force, or to be put in force, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Its id.
    pub id: PolicyActivationId,
    /// What is done.
    pub kind: ActivationKind,
    /// What came of it.
    pub state: ActivationState,
    /// The revision to put in force.
    pub revision: PolicyRevisionId,
    /// The revision in force before.
    pub replaced: Option<PolicyRevisionId>,
    /// For an activation the standing one that it replaced, for a roll back the one
    /// that it went back to; always of the kind [`ActivationKind::Activate`]. None:
    /// nothing is known of it.
    pub upon: Option<PolicyActivationId>,
    /// Who asked.
    pub requester: String,
    /// Why.
    pub reason: Option<PayloadRef>,
    /// When it was asked.
    pub request_time: Timestamp,
    /// Until when it may be confirmed, where a second person is demanded.
    pub expire_time: Option<Timestamp>,
    /// Who put it in force, withdrew it or superseded it.
    pub closer: Option<String>,
    /// When.
    pub close_time: Option<Timestamp>,
}

/// Whether one person is not enough.
///
/// One step back is always one person's to take: what it leads to was in force a
/// step ago, and an outage must not wait. A second step in a row is not, or one
/// person could walk back to any revision there ever was.
pub fn needs_second_person(
    is_demanded: bool,
    kind: ActivationKind,
    in_force: Option<&Activation>,
) -> bool {
    let is_first_step_back = kind == ActivationKind::RollBack
        && in_force.is_some_and(|activation| activation.kind == ActivationKind::Activate);
    is_demanded && !is_first_step_back
}

impl Activation {
    /// Whether it may still be confirmed.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        self.state == ActivationState::Pending && !self.has_lapsed(now)
    }

    /// Whether nobody confirmed it in time.
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.state == ActivationState::Pending && self.expire_time.is_some_and(|end| now >= end)
    }

    /// The state's name, with the lapsed told from the pending.
    pub fn state_name(&self, now: Timestamp) -> &'static str {
        match self.state {
            ActivationState::Pending if self.has_lapsed(now) => "expired",
            ActivationState::Pending => "pending",
            ActivationState::Effective => "effective",
            ActivationState::Withdrawn => "withdrawn",
            ActivationState::Superseded => "superseded",
        }
    }

    /// Refuses unless it may still be confirmed or withdrawn.
    pub fn require_pending(&self, now: Timestamp) -> Result<(), Error> {
        if self.is_pending(now) {
            return Ok(());
        }
        Err(Error::ActivationClosed {
            activation: self.id.to_string(),
            state: self.state_name(now),
            by: self.closer.clone(),
            at: self.close_time.or(self.expire_time).unwrap_or(self.request_time),
        })
    }

    /// Refuses who asked for it, and who wrote the document, under whichever name.
    pub fn require_second_person(
        &self,
        caller: &str,
        author: &str,
        is_same: impl Fn(&str, &str) -> bool,
    ) -> Result<(), Error> {
        if is_same(caller, &self.requester) || is_same(caller, author) {
            return Err(Error::SecondPersonRequired { activation: self.id.to_string() });
        }
        Ok(())
    }

    /// Ends it.
    pub fn close(&mut self, state: ActivationState, by: &str, now: Timestamp) {
        self.state = state;
        self.closer = Some(by.to_owned());
        self.close_time = Some(now);
    }

    /// The activation that is in force after this one: itself, or the one that it
    /// went back to.
    pub fn standing(&self) -> Option<PolicyActivationId> {
        match self.kind {
            ActivationKind::Activate => Some(self.id),
            ActivationKind::RollBack => self.upon,
        }
    }
}

#[cfg(test)]
mod tests;
