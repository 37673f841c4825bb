//! The audit events: what the journal says happened.
//!
//! An event holds ids, enums, numbers, times, digests and payload references
//! only. Everything a person or an agent wrote is a payload.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::{
    ActionId, CheckpointId, EscalationId, GrantId, PolicyActivationId, PolicyRevisionId, RunId,
    TokenId,
};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What happened. The text form is stable and part of every leaf.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl EventKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name, `noun.participle`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

event_kinds! {
    /// A run started.
    RunStarted = "run.started";
    /// A run finished, by itself or through a person.
    RunFinished = "run.finished";
    /// A run used up the time that the policy gives it.
    RunOverdue = "run.overdue";
    /// An agent told what its user said, or what tools answered.
    RunMessagesAppended = "run.messages_appended";
    /// An action was proposed and the policy allowed it.
    ActionAllowed = "action.allowed";
    /// An action was proposed and the policy denied it.
    ActionDenied = "action.denied";
    /// An action was proposed and a person is asked.
    ActionEscalated = "action.escalated";
    /// A reviewer's edit became an action of its own.
    ActionModified = "action.modified";
    /// A grant was redeemed: from here on the action may have run.
    GrantRedeemed = "grant.redeemed";
    /// A grant was replaced or withdrawn before it was redeemed.
    GrantRevoked = "grant.revoked";
    /// The agent reported what happened when the action ran.
    OutcomeReported = "outcome.reported";
    /// A tool's result is not as the policy expects.
    ResultUnexpected = "result.unexpected";
    /// A redeemed action has no outcome in time: execution unknown.
    ExecutionUnknown = "execution.unknown";
    /// A checkpoint was saved.
    CheckpointSaved = "checkpoint.saved";
    /// A question to a person was opened.
    EscalationOpened = "escalation.opened";
    /// A reviewer claimed an escalation.
    EscalationClaimed = "escalation.claimed";
    /// A reviewer prolonged a claim.
    EscalationRenewed = "escalation.renewed";
    /// A claim was given back or lapsed.
    EscalationReleased = "escalation.released";
    /// A person approved the action as shown.
    EscalationApproved = "escalation.approved";
    /// A person rejected the action.
    EscalationRejected = "escalation.rejected";
    /// A person approved an edited action.
    EscalationModified = "escalation.modified";
    /// A person answered in the tool's place.
    EscalationResponded = "escalation.responded";
    /// Nobody answered in time; the action is cancelled.
    EscalationExpired = "escalation.expired";
    /// The run ended or the agent withdrew the question.
    EscalationCancelled = "escalation.cancelled";
    /// The due time of an escalation passed.
    EscalationOverdue = "escalation.overdue";
    /// A worker claimed a resumption.
    ResumptionClaimed = "resumption.claimed";
    /// A resumption was taken up by its agent or worker for good.
    ResumptionAcknowledged = "resumption.acknowledged";
    /// A bearer token was made.
    TokenCreated = "token.created";
    /// A bearer token was revoked.
    TokenRevoked = "token.revoked";
    /// A policy revision was put; it is not in force by that.
    PolicyPut = "policy.put";
    /// A policy revision waits for a second person to put it in force.
    PolicyActivationRequested = "policy.activation_requested";
    /// A request for a second person was withdrawn, or superseded by another.
    PolicyActivationClosed = "policy.activation_closed";
    /// A policy revision is in force from here on.
    PolicyActivated = "policy.activated";
    /// A replaced policy revision is in force again.
    PolicyRolledBack = "policy.rolled_back";
    /// Novelty profiles were learnt and are in force from here on.
    PolicyProfilesLearnt = "policy.profiles_learnt";
    /// A policy revision judges beside the one in force, without effect.
    PolicyShadowStarted = "policy.shadow_started";
    /// No policy revision judges beside the one in force any more.
    PolicyShadowStopped = "policy.shadow_stopped";
    /// The shadow would have decided otherwise.
    PolicyShadowDiffered = "policy.shadow_differed";
}

/// Which resources an event is about; absent where they play no part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subjects {
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// The escalation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// The checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    /// The policy revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRevisionId>,
    /// The putting in force of a policy revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<PolicyActivationId>,
}

/// One audit event, as a transaction carries it to the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To what.
    #[serde(default)]
    pub subjects: Subjects,
    /// The action digest concerned, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_digest: Option<Digest>,
    /// Salted commitments of the payloads that belong to the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<Digest>,
}
