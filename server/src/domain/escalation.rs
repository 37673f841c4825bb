//! Escalations: questions to a person, claims on them, and the answers.
//!
//! The life of an escalation is the table in [`EscalationState::after`]: open,
//! then exactly one end.

pub mod bulk;
mod claiming;
mod conversation;
mod friction;
mod opening;
mod reading;
mod repeats;
mod resolution;
mod severity;
mod standing;
mod upkeep;
mod vote;

pub use claiming::Hands;
pub use conversation::{
    AgentAnswer, AgentQuestion, Comment, Conversation, MAX_COMMENTS, MAX_QUESTIONS,
};
pub use friction::{Friction, Key, Rung, Wants};
pub use opening::Opening;
pub use reading::Reading;
pub use repeats::Repeats;
pub use resolution::{Approver, Circumstances, Resolution, ResolutionContent, ResolutionKind};
use serde::{Deserialize, Serialize};
pub use severity::SeverityTier;
pub use standing::Standing;
pub use upkeep::{CLAIM_REMINDER, InTime, Upkeep};
pub use vote::{MAX_VOTES, Tally, Vote};

use super::authority::Matter;
use super::digest::Digest;
use super::directory::Parties;
use super::error::Error;
use super::ids::{ActionId, CheckpointId, EscalationId, PolicyRevisionId, RunId, WaitId};
use super::money::Stake;
use super::payload::PayloadRef;
use super::policy::{DelayCost, OnExpiry};
use super::principal::Role;
use super::queue::{LateReason, Plan};
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
    /// The action undoes another: it is answered as it is asked, by whoever takes the
    /// other one back.
    CompensateAction,
    /// The action ran and its result is not as the policy expects: may the run rely
    /// on it?
    UnexpectedResult,
    /// The agent asks too much: may it go on?
    AgentFlood,
    /// The run was redirected and a team looks at it: may it go on?
    RunRedirected,
}

impl Question {
    /// Whether an action waits for the answer. Else the answer is about the run, which
    /// goes on meanwhile: yes or no, and nothing is granted by it.
    pub const fn is_about_an_action(self) -> bool {
        matches!(self, Self::ApproveAction | Self::ExecutionUnknown | Self::CompensateAction)
    }

    /// Whether it is asked as its action is proposed.
    pub const fn comes_with_its_action(self) -> bool {
        matches!(self, Self::ApproveAction | Self::CompensateAction)
    }

    /// Whether it ends with its run.
    pub const fn ends_with_its_run(self) -> bool {
        !matches!(self, Self::AgentFlood)
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
    /// Who gave it to its holder; none: the holder took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigner: Option<String>,
    /// For whom its holder stands in; none: for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_in_for: Option<String>,
    /// What its holder was told with it: text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<PayloadRef>,
    /// What time does next to it.
    #[serde(default, skip_serializing_if = "Upkeep::is_nothing")]
    pub upkeep: Upkeep,
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
    /// The agents whose runs delegated to its run, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    /// Whom it acts for.
    pub on_behalf_of: Option<String>,
    /// The priority lane.
    pub lane: String,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The role that a person needs; none: any reviewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_role: Option<Role>,
    /// How many distinct people must give the same answer.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quorum: u32,
    /// The money at stake.
    #[serde(default, skip_serializing_if = "Stake::is_unpriced")]
    pub stake: Stake,
    /// What it costs to wait for the answer; none: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_cost: Option<DelayCost>,
    /// What people have said while more are wanted; nobody is shown it before the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// The question whose correction in words its action follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<EscalationId>,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Conversation::is_silent")]
    pub conversation: Conversation,
    /// The rule that asks.
    pub rule: Option<String>,
    /// The revision that judged.
    pub policy_revision: PolicyRevisionId,
    /// A [`Briefing`](super::briefing::Briefing).
    pub briefing: PayloadRef,
    /// The digest of what is asked.
    pub action_digest: Digest,
    /// Who holds it, or held it last.
    pub claim: Option<Claim>,
    /// Until when it is put aside; none: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snooze_until: Option<Timestamp>,
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
    /// Why nobody has answered, as of the due time and then of the expire time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<LateReason>,
    /// How it waits; none: it was opened before anybody put settings of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// How often the agent has asked the same again.
    #[serde(default, skip_serializing_if = "Repeats::are_none")]
    pub repeats: Repeats,
    /// When it was closed.
    pub close_time: Option<Timestamp>,
    /// Rises with every change; the etag.
    pub revision: u64,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_one(count: &u32) -> bool {
    *count == 1
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

    /// Refuses unless the question is open at `now`. A timer may not have fired yet:
    /// nobody wins against the clock.
    pub fn require_open_at(&self, now: Timestamp) -> Result<(), Error> {
        self.require_open()?;
        if now < self.expire_time {
            return Ok(());
        }
        let (escalation, at) = (self.id.to_string(), self.expire_time);
        Err(Error::EscalationClosed { escalation, state: "expired", by: None, at })
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

    /// Whom it concerns: none of them answers it.
    pub fn parties(&self) -> Parties<'_> {
        let on_behalf_of = self.on_behalf_of.as_deref();
        Parties { agent: &self.agent, ancestors: &self.ancestors, on_behalf_of }
    }

    /// What somebody wants to answer who answers it.
    pub fn matter(&self) -> Matter<'_> {
        let Self { lane, tool, severity, stake, .. } = self;
        Matter { lane, tool, severity: *severity, stake, called: None }
    }
}

#[cfg(test)]
pub(crate) mod tests;
