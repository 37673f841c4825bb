//! A policy revision that judges beside the one in force: what it would have decided
//! is kept with each decision, and has no effect.

use serde::{Deserialize, Serialize};

use super::action::DecisionEffect;
use super::ids::PolicyRevisionId;
use super::policy::Verdict;
use super::time::Timestamp;

/// The revision that judges beside the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// The revision.
    pub revision: PolicyRevisionId,
    /// Who put it there.
    pub requester: String,
    /// Since when it judges.
    pub start_time: Timestamp,
}

/// What the shadow would have decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowDecision {
    /// The revision.
    pub policy_revision: PolicyRevisionId,
    /// What it would have let happen; none: it could not be asked.
    pub effect: Option<DecisionEffect>,
    /// The rule that would have decided; none: the default.
    pub rule: Option<String>,
    /// The rule's words, or why it could not be asked.
    pub reason: String,
}

impl ShadowDecision {
    /// What a shadow said.
    pub fn of(verdict: Verdict, policy_revision: PolicyRevisionId) -> Self {
        let Verdict { effect, rule, reason, .. } = verdict;
        Self { policy_revision, effect: Some(effect), rule, reason }
    }

    /// That a shadow could not be asked.
    pub fn failed(policy_revision: PolicyRevisionId, reason: String) -> Self {
        Self { policy_revision, effect: None, rule: None, reason }
    }

    /// Whether it would have decided otherwise. What could not be asked did not.
    pub fn differs_from(&self, effect: DecisionEffect) -> bool {
        self.effect.is_some_and(|own| own != effect)
    }
}
