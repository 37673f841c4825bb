//! Escalations: questions to a person, claims on them, and the answers.
//!
//! The life of an escalation is the table in [`EscalationState::after`]: open,
//! then exactly one end.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::Error;
use super::ids::{ActionId, CheckpointId, EscalationId, PolicyRevisionId, RunId, WaitId};
use super::payload::PayloadRef;
use super::policy::OnExpiry;
use super::time::{Span, Timestamp};

/// How long a claim lasts unless the reviewer asks for another time.
pub const CLAIM_LEASE_DEFAULT: Span = Span::from_secs(5 * 60);
/// The shortest claim.
pub const CLAIM_LEASE_MIN: Span = Span::from_secs(10);
/// The longest claim.
pub const CLAIM_LEASE_MAX: Span = Span::from_secs(30 * 60);

/// Where a question is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// Nobody has answered.
    Open,
    /// A person answered.
    Resolved,
    /// Nobody answered in time.
    Expired,
    /// The run ended.
    Cancelled,
}

/// What can end a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscalationEvent {
    /// A person answered.
    Resolve,
    /// Nobody answered in time.
    Expire,
    /// The run ended, or the question became pointless.
    Cancel,
}

impl EscalationState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Open, Self::Resolved, Self::Expired, Self::Cancelled];

    /// The life cycle: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: EscalationEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open, EscalationEvent::Resolve) => Some(Self::Resolved),
            (Self::Open, EscalationEvent::Expire) => Some(Self::Expired),
            (Self::Open, EscalationEvent::Cancel) => Some(Self::Cancelled),
            (Self::Resolved | Self::Expired | Self::Cancelled, _) => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How grave it is if the action is wrong.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SeverityTier {
    /// Cheap and reversible.
    Low,
    /// Costs something to undo.
    Medium,
    /// Hard to undo or expensive.
    #[default]
    High,
    /// Cannot be undone and hurts people or much money.
    Critical,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// May this action run?
    ApproveAction,
    /// The action was redeemed and no outcome came: may it run again?
    ExecutionUnknown,
    /// The run has used up its time: may it have as much again?
    RunOverdue,
    /// The action ran and its result is not as the policy expects: may the run rely
    /// on it?
    UnexpectedResult,
}

impl Question {
    /// Whether an action waits for the answer. Else the answer is about the run, which
    /// goes on meanwhile: yes or no, and nothing is granted by it.
    pub const fn is_about_an_action(self) -> bool {
        matches!(self, Self::ApproveAction | Self::ExecutionUnknown)
    }
}

/// A reviewer's fenced lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The principal that holds it.
    pub holder: String,
    /// The fencing number.
    pub epoch: u64,
    /// When it lapses.
    pub expire_time: Timestamp,
    /// When it was taken; none: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_time: Option<Timestamp>,
}

/// Which answer a person gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionKind {
    /// The action may run as shown.
    Approved,
    /// The action must not run.
    Rejected,
    /// An edited action may run in its place.
    Modified,
    /// The answer stands in the tool's place.
    Responded,
}

impl ResolutionKind {
    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Modified => "modified",
            Self::Responded => "responded",
        }
    }
}

/// What a person said, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Which answer it is.
    pub kind: ResolutionKind,
    /// Who gave it.
    pub reviewer: String,
    /// When.
    pub resolve_time: Timestamp,
    /// A code for the reason.
    pub reason_code: Option<String>,
    /// A [`ResolutionContent`].
    pub content: Option<PayloadRef>,
    /// The action that may run.
    pub action: Option<ActionId>,
}

/// The words of a resolution: a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolutionContent {
    /// Why, in the reviewer's words.
    #[serde(default)]
    pub note: String,
    /// The answer in the tool's place.
    #[serde(default, with = "serde_bytes")]
    pub response: Vec<u8>,
}

/// What a reviewer needs to decide, composed by the server: a payload. The
/// action's own bytes are in its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// One sentence: what is asked, on what.
    pub headline: String,
    /// What the tool acts on.
    pub target: String,
    /// Why the policy asks.
    pub why: String,
    /// What happens if nobody answers.
    pub if_silent: String,
}

/// Who takes an answer up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeMode {
    /// The agent that keeps a stream open.
    #[default]
    Attached,
    /// Any worker of the same agent.
    Detached,
}

/// An escalation as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// The escalation's id.
    pub id: EscalationId,
    /// Where it is in its life.
    pub state: EscalationState,
    /// What is asked.
    pub question: Question,
    /// The run.
    pub run: RunId,
    /// The action it is about; none: it is about the run alone.
    pub action: Option<ActionId>,
    /// The tool of that action; empty without one.
    pub tool: String,
    /// The checkpoint saved with it.
    pub checkpoint: Option<CheckpointId>,
    /// The single-use wait.
    pub wait: WaitId,
    /// Who takes the answer up.
    pub resume_mode: ResumeMode,
    /// The agent that asks.
    pub agent: String,
    /// Whom it acts for.
    pub on_behalf_of: Option<String>,
    /// The priority lane.
    pub lane: String,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The rule that asks.
    pub rule: Option<String>,
    /// The revision that judged.
    pub policy_revision: PolicyRevisionId,
    /// A [`Briefing`].
    pub briefing: PayloadRef,
    /// The digest of what is asked.
    pub action_digest: Digest,
    /// Who holds it, or held it last.
    pub claim: Option<Claim>,
    /// What a person said.
    pub resolution: Option<Resolution>,
    /// By when a person should answer.
    pub due_time: Timestamp,
    /// When it is closed without an answer.
    pub expire_time: Timestamp,
    /// What becomes of it then.
    #[serde(default, skip_serializing_if = "OnExpiry::is_cancel")]
    pub on_expiry: OnExpiry,
    /// When it was opened.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Whether its due time has passed.
    #[serde(default)]
    pub is_overdue: bool,
    /// When it was closed.
    pub close_time: Option<Timestamp>,
    /// Rises with every change; the etag.
    pub revision: u64,
}

impl Escalation {
    /// The etag: the revision in decimal.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// The claim, if it still counts at `now`.
    pub fn live_claim(&self, now: Timestamp) -> Option<&Claim> {
        self.claim
            .as_ref()
            .filter(|claim| self.state == EscalationState::Open && now < claim.expire_time)
    }

    /// Refuses unless the question is open; says who closed it.
    pub fn require_open(&self) -> Result<(), Error> {
        if self.state == EscalationState::Open {
            return Ok(());
        }
        let resolution = self.resolution.as_ref();
        Err(Error::EscalationClosed {
            escalation: self.id.to_string(),
            state: resolution
                .map_or_else(|| self.state.name(), |resolution| resolution.kind.name()),
            by: resolution.map(|resolution| resolution.reviewer.clone()),
            at: self.close_time.unwrap_or(self.update_time),
        })
    }

    /// Refuses unless `caller` holds the escalation under `epoch`.
    pub fn require_claim(&self, caller: &str, epoch: u64, now: Timestamp) -> Result<(), Error> {
        match self.live_claim(now) {
            Some(claim) if claim.holder == caller && claim.epoch == epoch => Ok(()),
            Some(claim) if claim.holder != caller => Err(self.claimed_by(claim)),
            _ => Err(self.claim_lost()),
        }
    }

    /// The refusal that names the holder.
    pub fn claimed_by(&self, claim: &Claim) -> Error {
        Error::ClaimedByOther {
            escalation: self.id.to_string(),
            holder: claim.holder.clone(),
            until: claim.expire_time,
        }
    }

    /// The refusal that names the epoch that counts.
    pub fn claim_lost(&self) -> Error {
        Error::ClaimLost {
            escalation: self.id.to_string(),
            epoch: self.claim.as_ref().map_or(0, |claim| claim.epoch),
        }
    }

    /// Refuses a reviewer who asked, or on whose behalf it was asked.
    pub fn require_other_than(&self, reviewer: &str) -> Result<(), Error> {
        if self.agent == reviewer || self.on_behalf_of.as_deref() == Some(reviewer) {
            return Err(Error::SelfReview { escalation: self.id.to_string() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
