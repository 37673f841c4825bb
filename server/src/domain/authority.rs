//! Authority: up to where somebody may answer.
//!
//! An authority is held by a principal or by everybody of a role, for a time, up to a
//! limit. A person may answer what any one of its authorities admits as a whole; two
//! that each admit a part do not add up. Without one nobody may answer anything.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::escalation::SeverityTier;
use super::ids::AuthorityId;
use super::money::{Money, Stake};
use super::payload::PayloadRef;
use super::policy::{CallCondition, Facts, Policy, glob};
use super::principal::Role;
use super::time::{Span, Timestamp};

/// The most patterns of lanes, or of tools, in one limit.
pub const MAX_PATTERNS: usize = 32;
/// The longest that an authority may last which somebody takes in an emergency.
pub const BREAK_GLASS_MAX: Span = Span::from_secs(60 * 60);

/// Who holds an authority.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// One principal.
    Principal(String),
    /// Everybody who has the role.
    Role(Role),
}

impl Holder {
    /// Whether a principal of these roles holds what this holds.
    pub fn is(&self, name: &str, roles: &[Role]) -> bool {
        match self {
            Self::Principal(holder) => holder == name,
            Self::Role(role) => roles.iter().any(|own| own.includes(*role)),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Principal(name) => f.write_str(name),
            Self::Role(role) => write!(f, "role {}", role.name()),
        }
    }
}

/// Up to where: all of it must admit what is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Lanes, as patterns with `*`; none: every lane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<String>,
    /// Tools, as patterns with `*`; none: every tool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The gravest tier; none: every tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_severity: Option<SeverityTier>,
    /// The largest amount; none: any amount. What the catalogue names no amount of has
    /// none to be too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_amount: Option<Money>,
    /// Where it holds, in CEL over the call; none: everywhere. A question that is about no
    /// call meets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// The call that is asked about, as the policy that judged it reads it.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The call.
    pub facts: Facts<'a>,
}

/// What somebody wants to answer.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// The lane.
    pub lane: &'a str,
    /// The tool; empty where no action is asked about.
    pub tool: &'a str,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The money at stake.
    pub stake: &'a Stake,
    /// The call, where it was read: what it says decides where conditions hold.
    pub called: Option<Called<'a>>,
}

/// What a limit does not admit; the later ones are nearer to a yes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// Nothing is held at all.
    Nothing,
    /// The lane.
    Lane,
    /// The tool.
    Tool,
    /// The tier; the gravest that is admitted.
    Severity(SeverityTier),
    /// The amount; the largest that is admitted, as text.
    Amount(String),
    /// The condition, which is not so or cannot be said of the call.
    Condition(String),
    /// The condition: the call was not read, or there is none.
    Unread(String),
}

impl Limit {
    /// The first part that does not admit the matter, its condition aside.
    fn bound(&self, matter: &Matter<'_>) -> Option<Breach> {
        let misses = |patterns: &[String], name: &str| {
            !patterns.is_empty() && !patterns.iter().any(|pattern| glob(pattern, name))
        };
        if misses(&self.lanes, matter.lane) {
            return Some(Breach::Lane);
        }
        if misses(&self.tools, matter.tool) {
            return Some(Breach::Tool);
        }
        if let Some(most) = self.max_severity.filter(|most| matter.severity > *most) {
            return Some(Breach::Severity(most));
        }
        let most = self.max_amount.as_ref()?;
        let is_within = match matter.stake {
            Stake::Unpriced => true,
            Stake::Amount(money) => money.is_within(most),
            Stake::Unknown => false,
        };
        (!is_within).then(|| Breach::Amount(most.to_string()))
    }

    /// The first part that does not admit the matter; `condition` is its condition as
    /// compiled, and without one that there should be nothing is admitted.
    pub fn breach(&self, condition: Option<&CallCondition>, matter: &Matter<'_>) -> Option<Breach> {
        let bound = self.bound(matter);
        let Some(source) = self.condition.as_ref().filter(|_| bound.is_none()) else {
            return bound;
        };
        let Some(Called { policy, facts }) = &matter.called else {
            return Some(Breach::Unread(source.clone()));
        };
        let is_met = condition.is_some_and(|it| policy.meets(it, facts) == Ok(true));
        (!is_met).then(|| Breach::Condition(source.clone()))
    }
}

impl Breach {
    /// What is missing, in words.
    pub fn explain(&self, matter: &Matter<'_>) -> String {
        match self {
            Self::Nothing => "you hold none".to_owned(),
            Self::Lane => format!("none of yours covers the lane `{}`", matter.lane),
            Self::Tool => format!("none of yours covers the tool `{}`", matter.tool),
            Self::Severity(most) => format!(
                "yours reaches to tier {}, and this is {}",
                most.name(),
                matter.severity.name()
            ),
            Self::Amount(most) => format!("yours reaches to {most}, and this is {}", matter.stake),
            Self::Condition(source) | Self::Unread(source) => {
                format!("yours holds where `{source}`, and this is not so")
            }
        }
    }
}

/// An authority as stored. It never changes: another is granted, and this revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The authority's id.
    pub id: AuthorityId,
    /// Who holds it.
    pub holder: Holder,
    /// Up to where.
    pub limit: Limit,
    /// From when on.
    pub start_time: Timestamp,
    /// Until when; none: until it is revoked.
    pub end_time: Option<Timestamp>,
    /// Who granted it.
    pub grantor: String,
    /// Why: text.
    pub reason: Option<PayloadRef>,
    /// Whether its holder took it, in an emergency.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_break_glass: bool,
    /// When it was granted.
    pub create_time: Timestamp,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
}

impl Authority {
    /// Whether it counts at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none()
            && self.start_time <= now
            && self.end_time.is_none_or(|end| now < end)
    }

    /// The authorities that there are before anybody granted one: reviewers and
    /// supervisors answer everything. An operator revokes them, or narrows them by
    /// granting others and revoking these.
    pub fn built_in() -> [Self; 1] {
        [Self {
            id: AuthorityId::new(Uuid::from_u128(1)),
            holder: Holder::Role(Role::Reviewer),
            limit: Limit::default(),
            start_time: Timestamp::from_micros(0),
            end_time: None,
            grantor: "system/built_in".to_owned(),
            reason: None,
            is_break_glass: false,
            create_time: Timestamp::from_micros(0),
            revoke_time: None,
        }]
    }
}

#[cfg(test)]
mod tests;
