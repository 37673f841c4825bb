//! The audit events: what the journal says happened.
//!
//! An event holds ids, enums, numbers, times, digests and payload references
//! only. Everything a person or an agent wrote is a payload.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::{
    ActionId, AuthorityId, CheckpointId, DrillId, EscalationId, GrantId, IncidentId, NoticeId,
    OverrideId, PolicyActivationId, PolicyRevisionId, QueueSettingsId, ReviewId, RunId, TokenId,
};
use super::refusal::Refused;

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
    /// An agent opened a session of a run: its transcript goes on under a new attempt.
    SessionOpened = "session.opened";
    /// Entries were added to the transcript of a run.
    ReasoningAppended = "reasoning.appended";
    /// An action was proposed and the policy allowed it.
    ActionAllowed = "action.allowed";
    /// An action was proposed and the policy denied it.
    ActionDenied = "action.denied";
    /// An action was proposed that a person had rejected before; nobody is asked again.
    ActionAnsweredFromRecord = "action.answered_from_record";
    /// An action was proposed and a person is asked.
    ActionEscalated = "action.escalated";
    /// A person took an action back.
    ActionReversed = "action.reversed";
    /// The agent was asked for the counter-action of one that is taken back.
    CompensationAsked = "compensation.asked";
    /// The counter-action ran.
    CompensationSucceeded = "compensation.succeeded";
    /// The counter-action failed, or may not run: a person has to see to it.
    CompensationFailed = "compensation.failed";
    /// The counter-action has not ended in time.
    CompensationOverdue = "compensation.overdue";
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
    /// A person says that a checkpoint is good to go back to.
    CheckpointMarked = "checkpoint.marked";
    /// A person takes that back.
    CheckpointUnmarked = "checkpoint.unmarked";
    /// A run was to go back, and no checkpoint on its path is known to be good.
    RunNotRolledBack = "run.not_rolled_back";
    /// A run changed its path: nothing of the former one runs any more.
    RunBranched = "run.branched";
    /// The agent went on under a new branch for the first time.
    BranchAcknowledged = "branch.acknowledged";
    /// Everything of the abandoned path is withdrawn.
    BranchSettled = "branch.settled";
    /// A question to a person was opened.
    EscalationOpened = "escalation.opened";
    /// A reviewer claimed an escalation.
    EscalationClaimed = "escalation.claimed";
    /// A reviewer prolonged a claim.
    EscalationRenewed = "escalation.renewed";
    /// Who holds an escalation was reminded that the claim lapses soon.
    EscalationClaimReminded = "escalation.claim_reminded";
    /// A claim was given back or lapsed.
    EscalationReleased = "escalation.released";
    /// Its holder gave an escalation to somebody else.
    EscalationHandedOff = "escalation.handed_off";
    /// A supervisor gave an escalation to somebody.
    EscalationAssigned = "escalation.assigned";
    /// A supervisor took an escalation from whoever held it.
    EscalationTakenOver = "escalation.taken_over";
    /// Its holder put an escalation aside for a time.
    EscalationSnoozed = "escalation.snoozed";
    /// Nobody could answer an escalation as it opened, and it went up its chain.
    EscalationUnreached = "escalation.unreached";
    /// A person answered, and more people must give the same answer.
    EscalationVoted = "escalation.voted";
    /// A person approved the action as shown.
    EscalationApproved = "escalation.approved";
    /// A person rejected the action.
    EscalationRejected = "escalation.rejected";
    /// A person approved an edited action.
    EscalationModified = "escalation.modified";
    /// A person answered in the tool's place.
    EscalationResponded = "escalation.responded";
    /// A person corrected the action in words: the agent is to propose anew.
    EscalationInstructed = "escalation.instructed";
    /// A person asked the agent something before deciding.
    EscalationAsked = "escalation.asked";
    /// The agent answered a person's question.
    EscalationAnswered = "escalation.answered";
    /// A person noted something for other people.
    EscalationCommented = "escalation.commented";
    /// Nobody answered in time; the action is cancelled.
    EscalationExpired = "escalation.expired";
    /// The run ended or the agent withdrew the question.
    EscalationCancelled = "escalation.cancelled";
    /// The due time of an escalation passed.
    EscalationOverdue = "escalation.overdue";
    /// The agent has asked the same again, once or several times.
    EscalationRepeated = "escalation.repeated";
    /// A step of an escalation's chain was taken.
    EscalationStepped = "escalation.stepped";
    /// An open escalation had lost its timer and has it again.
    EscalationTimerRepaired = "escalation.timer_repaired";
    /// Settings of the queue were put and are in force from here on.
    QueueSettingsPut = "queue.settings_put";
    /// A worker claimed a resumption.
    ResumptionClaimed = "resumption.claimed";
    /// A resumption was taken up by its agent or worker for good.
    ResumptionAcknowledged = "resumption.acknowledged";
    /// A bearer token was made.
    TokenCreated = "token.created";
    /// A bearer token was revoked.
    TokenRevoked = "token.revoked";
    /// Credentials did not count, once or often within a minute.
    CredentialRefused = "credential.refused";
    /// A principal was heard of, or what is known of it has changed.
    PrincipalUpdated = "principal.updated";
    /// An agent was paused: what it proposes is refused.
    AgentPaused = "agent.paused";
    /// A paused agent was let in again.
    AgentResumed = "agent.resumed";
    /// A role was assigned to a principal.
    RoleAssigned = "role.assigned";
    /// A role was taken back from a principal.
    RoleUnassigned = "role.unassigned";
    /// Authority was granted.
    AuthorityGranted = "authority.granted";
    /// Authority was revoked.
    AuthorityRevoked = "authority.revoked";
    /// Somebody took authority over everything, in an emergency.
    AuthorityGlassBroken = "authority.glass_broken";
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
    /// A notice is to be delivered from here on.
    NoticeCreated = "notice.created";
    /// A receiver took a notice.
    NoticeDelivered = "notice.delivered";
    /// The delivery of a notice was given up.
    NoticeFailed = "notice.failed";
    /// A notice became pointless before it was delivered.
    NoticeCancelled = "notice.cancelled";
    /// A person has a notice tried again.
    NoticeRetried = "notice.retried";
    /// A sampled action waits for a person to judge it.
    ReviewOpened = "review.opened";
    /// A reviewer took a review.
    ReviewClaimed = "review.claimed";
    /// A reviewer judged an action afterwards.
    ReviewSubmitted = "review.submitted";
    /// A reviewer passed a review on to others.
    ReviewSkipped = "review.skipped";
    /// Reviewers disagree, and one more is asked.
    ReviewExtended = "review.extended";
    /// A review is over.
    ReviewClosed = "review.closed";
    /// Something went wrong that nobody had stopped.
    IncidentOpened = "incident.opened";
    /// Somebody sees to an incident.
    IncidentAcknowledged = "incident.acknowledged";
    /// An incident is over.
    IncidentClosed = "incident.closed";
    /// Labelled examples left the server.
    FeedbackExported = "feedback.exported";
    /// A drill was made.
    DrillCreated = "drill.created";
    /// Somebody was given a drill.
    DrillGiven = "drill.given";
    /// Somebody said what to do about a drill.
    DrillAnswered = "drill.answered";
    /// A person wants a run, an agent or the fleet paused, resumed, redirected or stopped.
    OverrideRequested = "override.requested";
    /// A second person confirmed an override; it is in force from here on.
    OverrideConfirmed = "override.confirmed";
    /// An agent was told of an override.
    OverrideDelivered = "override.delivered";
    /// An agent says that it knows of an override.
    OverrideAcknowledged = "override.acknowledged";
    /// An agent says that it has done what an override says.
    OverrideEffective = "override.effective";
    /// An agent says that it will not do what an override says.
    OverrideRefused = "override.refused";
    /// An agent did not acknowledge an override in time; the server's part stays in force.
    OverrideTimedOut = "override.timed_out";
    /// Another override took the place of one.
    OverrideSuperseded = "override.superseded";
    /// No second person confirmed an override in time; it had no effect.
    OverrideLapsed = "override.lapsed";
    /// A pause ended by itself: its time was over.
    OverrideEnded = "override.ended";
    /// Everything that a stop ends is marked so.
    OverrideSettled = "override.settled";
    /// A person stopped a run, or one above it.
    RunStopped = "run.stopped";
}

impl EventKind {
    /// Whether the agent whose run it is about may hear of it. What people do among
    /// themselves, and whether they look at something again, is not its concern.
    pub fn is_for_agents(self) -> bool {
        let Some((noun, _)) = self.name().split_once('.') else { return false };
        match noun {
            "run" | "session" | "reasoning" | "action" | "compensation" | "grant" | "outcome"
            | "result" | "execution" | "checkpoint" | "branch" | "resumption" | "override" => true,
            "escalation" => matches!(
                self,
                Self::EscalationOpened
                    | Self::EscalationApproved
                    | Self::EscalationRejected
                    | Self::EscalationModified
                    | Self::EscalationResponded
                    | Self::EscalationInstructed
                    | Self::EscalationAsked
                    | Self::EscalationAnswered
                    | Self::EscalationExpired
                    | Self::EscalationCancelled
                    | Self::EscalationOverdue
                    | Self::EscalationRepeated
            ),
            _ => false,
        }
    }
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
    /// The notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeId>,
    /// The authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<AuthorityId>,
    /// The principal that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The settings of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_settings: Option<QueueSettingsId>,
    /// The review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewId>,
    /// The incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// The drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillId>,
    /// The override.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub overriding: Option<OverrideId>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The credentials that did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The branch of the run, by its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<u64>,
    /// The first entry of a run's transcript; `count` says how many there are from it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// One audit event, as a transaction carries it to the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To what.
    #[serde(default)]
    pub subjects: Subjects,
    /// The digest concerned, where there is one: of the action, or of the checkpoint that
    /// was saved or marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_digest: Option<Digest>,
    /// Salted commitments of the payloads that belong to the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<Digest>,
}
