//! The friction ladder: what an answer wants of its giver, by how grave a mistake would
//! be. To refuse is never hard: what has to be looked at and typed, only permits want.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Escalation, EscalationState, ResolutionKind, SeverityTier};
use crate::domain::digest::Digest;
use crate::domain::money::{Money, Stake};
use crate::domain::render;

/// How many digits of a digest are typed.
const DIGITS: usize = 8;
/// The longest target that somebody is asked to type, in characters.
const MAX_TYPED_CHARS: usize = 64;

/// Whether answers want more the graver a mistake would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Friction {
    /// No answer wants anything.
    #[default]
    Off,
    /// As the ladder says.
    ByTier,
}

/// What one answer wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// A reason: a code, a note, or the words of a correction.
    pub reason: bool,
    /// That all required evidence was looked at.
    pub evidence: bool,
    /// That the value the matter turns on is typed.
    pub confirmation: bool,
}

impl Friction {
    /// Whether nothing is wanted.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }

    /// What an answer of a kind wants in a matter of a tier: the ladder.
    pub const fn rung(self, tier: SeverityTier, kind: ResolutionKind) -> Rung {
        use ResolutionKind as Kind;
        let permits = matches!(kind, Kind::Approved | Kind::Modified);
        let objects = matches!(kind, Kind::Rejected | Kind::Modified | Kind::Instructed);
        match (self, tier) {
            (Self::Off, _) | (_, SeverityTier::Low) => {
                Rung { reason: false, evidence: false, confirmation: false }
            }
            (_, SeverityTier::Medium) => {
                Rung { reason: objects, evidence: false, confirmation: false }
            }
            (_, SeverityTier::High) => Rung { reason: true, evidence: false, confirmation: false },
            (_, SeverityTier::Critical) => {
                Rung { reason: true, evidence: permits, confirmation: permits }
            }
        }
    }
}

/// What the answers to a question want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Which want a reason.
    pub reason_for: Vec<ResolutionKind>,
    /// Which want a look at the evidence.
    pub evidence_for: Vec<ResolutionKind>,
    /// Which want a value to be typed.
    pub confirmation_for: Vec<ResolutionKind>,
    /// The value, where one is to be typed.
    pub key: Option<Key>,
}

impl Escalation {
    /// What an answer of a kind wants in a matter of a tier.
    pub fn rung(&self, tier: SeverityTier, kind: ResolutionKind) -> Rung {
        let friction = self.plan.as_ref().map(|plan| plan.friction).unwrap_or_default();
        friction.rung(tier, kind)
    }

    /// What the answers want of their giver; none: nothing, or it is closed.
    pub fn wants(&self, target: &str) -> Option<Wants> {
        let kinds = ResolutionKind::ALL.into_iter().filter(|kind| {
            let is_yes_or_no = matches!(kind, ResolutionKind::Approved | ResolutionKind::Rejected);
            is_yes_or_no || self.question.is_about_an_action()
        });
        let rungs: Vec<_> = kinds.map(|kind| (kind, self.rung(self.severity, kind))).collect();
        let which = |wants: fn(&Rung) -> bool| {
            rungs.iter().filter(|(_, rung)| wants(rung)).map(|(kind, _)| *kind).collect::<Vec<_>>()
        };
        let reason_for = which(|rung| rung.reason);
        if self.state != EscalationState::Open || reason_for.is_empty() {
            return None;
        }
        let confirmation_for = which(|rung| rung.confirmation);
        let key = || Key::of(&self.stake, target, &self.action_digest);
        let key = (!confirmation_for.is_empty()).then(key);
        let evidence_for = which(|rung| rung.evidence);
        Some(Wants { reason_for, evidence_for, confirmation_for, key })
    }
}

/// The value that a matter turns on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The amount at stake.
    Amount(Money),
    /// What the tool acts on.
    Target(String),
    /// The first digits of the digest.
    Digest(String),
}

impl Key {
    /// The amount; without one the target, if it can be typed as it is shown; else the
    /// digest.
    pub fn of(stake: &Stake, target: &str, digest: &Digest) -> Self {
        let is_plain = |it: &&str| it.trim() == *it && render::line(it) == *it;
        let target = Some(target).filter(|it| (1..=MAX_TYPED_CHARS).contains(&it.chars().count()));
        match (stake, target.filter(is_plain)) {
            (Stake::Amount(money), _) => Self::Amount(money.clone()),
            (_, Some(target)) => Self::Target(target.to_owned()),
            (_, None) => Self::Digest(digest.to_string().chars().take(DIGITS).collect()),
        }
    }

    /// What it is, in a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Amount(_) => "amount",
            Self::Target(_) => "target",
            Self::Digest(_) => "digest",
        }
    }

    /// As it is to be typed.
    pub fn value(&self) -> String {
        match self {
            Self::Amount(money) => money.units().to_string(),
            Self::Target(text) | Self::Digest(text) => text.clone(),
        }
    }

    /// Whether somebody typed it. Of an amount the number counts, and the currency only
    /// if it is there.
    pub fn is(&self, typed: &str) -> bool {
        let typed = typed.trim();
        match self {
            Self::Target(target) => typed == target,
            Self::Digest(digits) => typed.eq_ignore_ascii_case(digits),
            Self::Amount(money) => {
                let mut words = typed.split_whitespace();
                let number = words.next().and_then(|it| it.parse::<f64>().ok());
                let currency = words.next().or(money.currency.as_deref());
                let is_end = words.next().is_none();
                number.is_some_and(|it| {
                    is_end && it.is_finite() && Money::new(it, currency) == *money
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
