//! Incidents: what went wrong without anybody having stopped it, until a person has seen
//! to it.
//!
//! The life of an incident is the table in [`IncidentState::after`].

use serde::{Deserialize, Serialize};

use super::action::{Action, DecisionEffect};
use super::error::Error;
use super::ids::{ActionId, IncidentId, PolicyRevisionId, ReviewId, RunId};
use super::payload::PayloadRef;
use super::review::Judgement;
use super::time::Timestamp;

/// From which severity on a finding of a review opens an incident.
pub const FINDING_SEVERITY: u32 = 1;
/// How grave it is that a counter-action failed, or does not end.
pub const COMPENSATION_SEVERITY: u32 = 2;

/// Where an incident is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Nobody has said that they know of it.
    Open,
    /// Somebody sees to it.
    Acknowledged,
    /// It is over.
    Closed,
}

/// What can happen to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentEvent {
    /// Somebody sees to it.
    Acknowledge,
    /// It is over.
    Close,
}

impl IncidentState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Closed];

    /// The life cycle: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: IncidentEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open, IncidentEvent::Acknowledge) => Some(Self::Acknowledged),
            (Self::Open | Self::Acknowledged, IncidentEvent::Close) => Some(Self::Closed),
            (Self::Acknowledged | Self::Closed, _) => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// A reviewer found a mistake.
    Finding,
    /// Somebody says that it is one.
    Raised,
    /// An action was to be undone, and its counter-action failed.
    CompensationFailed,
    /// An action is to be undone, and its counter-action does not end.
    CompensationOverdue,
}

impl IncidentKind {
    /// What happened, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Finding => "a reviewer found a mistake",
            Self::Raised => "somebody raised an incident",
            Self::CompensationFailed => "an action was to be undone, and that failed",
            Self::CompensationOverdue => "an action is to be undone, and that does not end",
        }
    }
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// Who.
    pub by: String,
    /// When.
    pub time: Timestamp,
}

/// An incident as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The incident's id.
    pub id: IncidentId,
    /// What it is about.
    pub kind: IncidentKind,
    /// Where it is in its life.
    pub state: IncidentState,
    /// How grave it is, 1 to 3.
    pub severity: u32,
    /// The action.
    pub action: ActionId,
    /// Its run.
    pub run: RunId,
    /// The agent that proposed it.
    pub agent: String,
    /// Its tool.
    pub tool: String,
    /// The rule that decided; none: the policy's default.
    pub rule: Option<String>,
    /// The revision that decided.
    pub policy_revision: PolicyRevisionId,
    /// Who wrote that revision, and who put it in force.
    pub owners: Vec<String>,
    /// What was found; none: the action is not called a mistake.
    pub judgement: Option<Judgement>,
    /// The review that found it.
    pub review: Option<ReviewId>,
    /// Who raised it.
    pub raiser: String,
    /// Why: text.
    pub reason: Option<PayloadRef>,
    /// Who sees to it.
    pub acknowledged: Option<Deed>,
    /// Who closed it.
    pub closed: Option<Deed>,
    /// What was done about it: text.
    pub resolution: Option<PayloadRef>,
    /// When it was opened.
    pub create_time: Timestamp,
    /// Rises with every change; the etag.
    pub revision: u64,
}

/// What is said of an action that goes wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What it is about.
    pub kind: IncidentKind,
    /// How grave it is.
    pub severity: u32,
    /// What was found.
    pub judgement: Option<Judgement>,
    /// The review that found it.
    pub review: Option<ReviewId>,
    /// Why.
    pub reason: Option<PayloadRef>,
}

/// What people say should have become of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What should have been decided.
    pub expected: DecisionEffect,
    /// The incident that says so.
    pub incident: IncidentId,
    /// Since when.
    pub time: Timestamp,
}

impl Incident {
    /// An incident that opens now.
    pub fn of(
        id: IncidentId,
        action: &Action,
        trouble: Trouble,
        owners: Vec<String>,
        opened: Deed,
    ) -> Self {
        Self {
            id,
            kind: trouble.kind,
            state: IncidentState::Open,
            severity: trouble.severity,
            action: action.id,
            run: action.run,
            agent: action.agent.clone(),
            tool: action.tool.clone(),
            rule: action.decision.rule.clone(),
            policy_revision: action.decision.policy_revision,
            owners,
            judgement: trouble.judgement,
            review: trouble.review,
            raiser: opened.by,
            reason: trouble.reason,
            acknowledged: None,
            closed: None,
            resolution: None,
            create_time: opened.time,
            revision: 1,
        }
    }

    /// The etag: the revision in decimal.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Moves it along, or says who was faster.
    pub fn advance(&mut self, event: IncidentEvent, deed: Deed) -> Result<(), Error> {
        let Some(state) = self.state.after(event) else {
            let last = self.closed.as_ref().or(self.acknowledged.as_ref());
            return Err(Error::IncidentClosed {
                incident: self.id.to_string(),
                state: self.state.name(),
                by: last.map(|deed| deed.by.clone()).unwrap_or_default(),
                at: last.map_or(self.create_time, |deed| deed.time),
            });
        };
        self.state = state;
        self.revision += 1;
        match event {
            IncidentEvent::Acknowledge => self.acknowledged = Some(deed),
            IncidentEvent::Close => self.closed = Some(deed),
        }
        Ok(())
    }

    /// What should have been decided, if this says so.
    pub fn expected(&self) -> Option<DecisionEffect> {
        match self.judgement? {
            Judgement::ShouldHaveEscalated => Some(DecisionEffect::Escalate),
            Judgement::WrongAction => Some(DecisionEffect::Deny),
            _ => None,
        }
    }
}

impl Label {
    /// Of two labels of one action the stricter stands, else the earlier.
    #[must_use]
    pub fn beside(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.expected == DecisionEffect::Deny => earlier,
            Some(earlier) if self.expected != DecisionEffect::Deny => earlier,
            _ => self,
        }
    }
}

/// Whether what a reviewer says opens an incident.
pub fn is_finding(judgement: Judgement, severity: u32) -> bool {
    let is_about_the_action =
        matches!(judgement, Judgement::ShouldHaveEscalated | Judgement::WrongAction);
    is_about_the_action && severity >= FINDING_SEVERITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_cycle_is_this_table() {
        let mut table = String::new();
        for state in IncidentState::ALL {
            for event in [IncidentEvent::Acknowledge, IncidentEvent::Close] {
                if let Some(next) = state.after(event) {
                    table += &format!("{} {event:?} -> {}\n", state.name(), next.name());
                }
            }
        }
        insta::assert_snapshot!(table, @r"
        open Acknowledge -> acknowledged
        open Close -> closed
        acknowledged Close -> closed
        ");
    }

    #[test]
    fn of_two_labels_the_stricter_stands() {
        let label = |expected, number| Label {
            expected,
            incident: IncidentId::new(uuid::Uuid::from_u128(number)),
            time: Timestamp::from_micros(0),
        };
        let (ask, deny) = (DecisionEffect::Escalate, DecisionEffect::Deny);
        for (earlier, later, stands) in
            [(ask, ask, 1), (ask, deny, 2), (deny, ask, 1), (deny, deny, 1)]
        {
            let both = label(later, 2).beside(Some(label(earlier, 1)));
            assert_eq!(both.incident, label(ask, stands).incident, "{earlier:?} {later:?}");
        }
        assert_eq!(label(ask, 2).beside(None), label(ask, 2));
    }
}
