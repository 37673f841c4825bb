//! Which questions go to whom.

use crate::domain::escalation::SeverityTier;
use crate::domain::policy::glob;

/// What is known of a question when it opens.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The lane that the policy names.
    pub lane: &'a str,
    /// The tool; empty: it is about no action.
    pub tool: &'a str,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The policy rule that asks.
    pub rule: Option<&'a str>,
}

/// Where questions go that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    pub(super) lanes: Vec<String>,
    pub(super) tools: Vec<String>,
    pub(super) min_severity: Option<SeverityTier>,
    pub(super) rules: Vec<String>,
    /// The team; none: everybody.
    pub team: Option<String>,
    /// The skills that are needed.
    pub skills: Vec<String>,
    /// The chain in place of the lane's.
    pub chain: Option<String>,
}

impl Route {
    /// Whether it is for the question.
    pub(super) fn matches(&self, asked: &Asked<'_>) -> bool {
        let among =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|it| it == name);
        among(&self.lanes, asked.lane)
            && (self.tools.is_empty() || self.tools.iter().any(|it| glob(it, asked.tool)))
            && self.min_severity.is_none_or(|least| asked.severity >= least)
            && (self.rules.is_empty() || asked.rule.is_some_and(|rule| among(&self.rules, rule)))
    }
}
