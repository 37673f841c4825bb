//! Actions: tool calls that an agent proposed, and their grant.
//!
//! The life of an action is the table in [`ActionState::after`].

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::{ActionId, EscalationId, GrantId, PolicyRevisionId, RunId};
use super::payload::PayloadRef;
use super::policy::{Inputs, Verdict};
use super::reversion::Reversion;
use super::shadow::ShadowDecision;
use super::time::{Span, Timestamp};

/// How long a grant lives from the moment its holder can use it.
pub const GRANT_LIFETIME: Span = Span::from_secs(5 * 60);
/// How long after a resolution a lapsed grant can still be reissued.
pub const APPROVAL_VALIDITY: Span = Span::from_secs(24 * 60 * 60);
/// How many withdrawn grants an action remembers by name.
pub const REVOKED_GRANTS_KEPT: usize = 16;

/// Where an action is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Refused by policy.
    Denied,
    /// A person is asked.
    Escalated,
    /// A grant is out that nobody has redeemed yet.
    Granted,
    /// The grant is redeemed: the tool may be running.
    Redeemed,
    /// The tool ran.
    Executed,
    /// The tool failed.
    Failed,
    /// A person rejected it, answered in its place, or changed it into another.
    Refused,
    /// Nobody answered in time, or the run ended.
    Cancelled,
    /// Redeemed, and no outcome came: it may have run.
    ExecutionUnknown,
}

/// What can happen to an action after it was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionEvent {
    /// A person approved it (or approved running it again).
    Approved,
    /// A person rejected it, answered in its place, or changed it.
    Refused,
    /// Nobody answered in time, or the run ended.
    Cancelled,
    /// Its grant was redeemed.
    Redeemed,
    /// The tool ran.
    Executed,
    /// The tool failed.
    Failed,
    /// No outcome came in time.
    OutcomeOverdue,
}

impl ActionEvent {
    /// The events, for tables and tests.
    pub const ALL: [Self; 7] = [
        Self::Approved,
        Self::Refused,
        Self::Cancelled,
        Self::Redeemed,
        Self::Executed,
        Self::Failed,
        Self::OutcomeOverdue,
    ];
}

impl ActionState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::Denied,
        Self::Escalated,
        Self::Granted,
        Self::Redeemed,
        Self::Executed,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
        Self::ExecutionUnknown,
    ];

    /// The life cycle: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: ActionEvent) -> Option<Self> {
        use ActionEvent as E;
        match (self, event) {
            (Self::Escalated | Self::ExecutionUnknown, E::Approved) => Some(Self::Granted),
            (Self::Escalated, E::Refused) => Some(Self::Refused),
            (Self::Escalated | Self::Granted, E::Cancelled) => Some(Self::Cancelled),
            (Self::Granted, E::Redeemed) => Some(Self::Redeemed),
            (Self::Redeemed | Self::ExecutionUnknown, E::Executed) => Some(Self::Executed),
            (Self::Redeemed | Self::ExecutionUnknown, E::Failed) => Some(Self::Failed),
            (Self::Redeemed, E::OutcomeOverdue) => Some(Self::ExecutionUnknown),
            _ => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Escalated => "escalated",
            Self::Granted => "granted",
            Self::Redeemed => "redeemed",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::ExecutionUnknown => "execution_unknown",
        }
    }
}

/// What the client sent of an action: a payload, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActionContent {
    /// The version of the tool's argument schema.
    #[serde(default)]
    pub tool_schema_version: String,
    /// What the tool acts on.
    #[serde(default)]
    pub target: String,
    /// The exact argument bytes.
    #[serde(with = "bytes_field")]
    pub arguments: Bytes,
    /// The exact bytes of the preconditions.
    #[serde(default, with = "bytes_field")]
    pub preconditions: Bytes,
    /// Why the agent wants it.
    #[serde(default)]
    pub reasoning: String,
    /// The framework's own id of the tool call.
    #[serde(default)]
    pub tool_call_id: String,
    /// The words of the rule that decided.
    #[serde(default)]
    pub decision_reason: String,
    /// What only the server knew when it was decided.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs: Inputs,
    /// The rules that could not be evaluated, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedRule>,
    /// What the shadow would have decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowDecision>,
}

/// A rule that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRule {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Serialises [`Bytes`] as one binary field.
mod bytes_field {
    use bytes::Bytes;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        serde_bytes::deserialize::<Vec<u8>, D>(from).map(Bytes::from)
    }
}

/// What the policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionEffect {
    /// The action may run.
    Allow,
    /// The action must not run.
    Deny,
    /// The action waits for a person.
    Escalate,
}

impl DecisionEffect {
    /// The effect's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Escalate => "escalate",
        }
    }
}

/// The policy's decision as stored; the rule's words are in the content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What may happen.
    pub effect: DecisionEffect,
    /// The rule that decided; none: the policy's default.
    pub rule: Option<String>,
    /// The revision that judged.
    pub policy_revision: PolicyRevisionId,
    /// Every rule that matched, in the order of the document.
    pub matched: Vec<String>,
    /// Those of them that could not be evaluated; why is in the content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Whether a person judges the action after it ran.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_sampled: bool,
}

impl Decision {
    /// What a policy said.
    pub fn of(verdict: &Verdict, policy_revision: PolicyRevisionId) -> Self {
        Self {
            effect: verdict.effect,
            rule: verdict.rule.clone(),
            policy_revision,
            matched: verdict.matched.clone(),
            failed: verdict.failed.iter().map(|(rule, _)| rule.clone()).collect(),
            is_sampled: verdict.is_sampled,
        }
    }
}

impl ActionContent {
    /// Notes why it was decided so, and by what.
    pub fn decided(&mut self, verdict: &Verdict, inputs: Inputs) {
        self.decision_reason.clone_from(&verdict.reason);
        let failed = verdict.failed.iter().cloned();
        self.failed = failed.map(|(rule, reason)| FailedRule { rule, reason }).collect();
        self.inputs = inputs;
    }
}

/// A single-use permission to execute exactly one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The grant's id.
    pub id: GrantId,
    /// When it can no longer be redeemed.
    pub expire_time: Timestamp,
    /// Until when a lapsed grant may be reissued.
    pub approval_valid_until: Timestamp,
    /// The resumption epoch it belongs to; 0 without an escalation.
    pub epoch: u64,
    /// When it was redeemed.
    pub redeem_time: Option<Timestamp>,
    /// By when the outcome must be reported.
    pub outcome_due_time: Option<Timestamp>,
}

/// How an executed action went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// The tool ran and answered.
    Succeeded,
    /// The tool ran, or tried to, and failed.
    Failed,
}

/// What happened when the action ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it went.
    pub status: OutcomeStatus,
    /// The tool's answer or error.
    pub result: Option<PayloadRef>,
    /// When the server learnt of it.
    pub report_time: Timestamp,
}

/// An action as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The action's id.
    pub id: ActionId,
    /// The run it belongs to.
    pub run: RunId,
    /// The principal that proposed it.
    pub agent: String,
    /// Where it is in its life.
    pub state: ActionState,
    /// The tool.
    pub tool: String,
    /// What was, or must be, approved.
    pub digest: Digest,
    /// The branch of the run on which it was proposed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub branch: u32,
    /// An [`ActionContent`].
    pub content: PayloadRef,
    /// What the policy said.
    pub decision: Decision,
    /// How sure the agent says it is.
    pub confidence: Option<f64>,
    /// The escalation that asks about it now, or did last.
    pub escalation: Option<EscalationId>,
    /// The action that a person changed into this one.
    pub modified_from: Option<ActionId>,
    /// The question whose correction in words this action follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<EscalationId>,
    /// The action that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensates: Option<ActionId>,
    /// The question whose rejection refused it, where the same was asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_from: Option<EscalationId>,
    /// How it is taken back, if somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversion: Option<Reversion>,
    /// The grant that counts.
    pub grant: Option<Grant>,
    /// Withdrawn grants, newest last.
    pub revoked_grants: Vec<GrantId>,
    /// What happened when it ran.
    pub outcome: Option<Outcome>,
    /// Whether windows count it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_counted: bool,
    /// Whether its review was opened.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_reviewed: bool,
    /// When it was proposed.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

impl Action {
    /// Puts `grant` in the place of the one that counts, which is withdrawn;
    /// returns the withdrawn one if it could still have been redeemed.
    pub fn replace_grant(&mut self, grant: Option<Grant>) -> Option<GrantId> {
        let former = std::mem::replace(&mut self.grant, grant)?;
        self.revoked_grants.push(former.id);
        if self.revoked_grants.len() > REVOKED_GRANTS_KEPT {
            self.revoked_grants.remove(0);
        }
        former.redeem_time.is_none().then_some(former.id)
    }
}

#[cfg(test)]
mod tests;
