//! Why the engine refuses: one value per documented error reason.
//!
//! `rpc/status.rs` maps every value to a gRPC code, an `ErrorInfo` and details;
//! the text here says what and why, lower case, without a full stop.

mod answering;
mod making;
mod overriding;
mod path;
mod phrases;
mod resource;
mod transcript;

pub use answering::AnswerError;
pub use overriding::{HeldBy, OverrideError};
pub use path::PathError;
use phrases::{TOKEN_INVALID, by_whom, missed_bound, no_role, now_in_force, put_by};
pub use resource::Resource;
pub use transcript::TranscriptError;

use super::flood::Scope;
use super::ids::EscalationId;
use super::policy::JudgedBound;
use super::time::{Span, Timestamp};

/// What a failed call has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It took effect, although the call failed.
    Applied,
    /// Nobody knows; only a retry with the same request id is safe.
    Unknown,
}

/// Why the engine refused a call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A field is missing, too long or malformed.
    #[error("`{field}`: {problem}")]
    InvalidField {
        /// The field's path in the request.
        field: String,
        /// What is wrong with it and what is wanted.
        problem: String,
    },
    /// JSON arguments that cannot be accepted byte for byte.
    #[error("`{field}`: {problem} at byte {position}")]
    ArgumentsMalformed {
        /// The field's path in the request.
        field: String,
        /// What is wrong.
        problem: String,
        /// Where, counted from 0.
        position: usize,
    },
    /// A secret stands in the content.
    #[error(
        "`{place}` holds what looks like a secret ({pattern}); send a credential reference instead"
    )]
    SecretFound {
        /// Where it was found.
        place: String,
        /// Which pattern it matched.
        pattern: &'static str,
    },
    /// A page token that is damaged or belongs to another list.
    #[error("the page token is damaged or belongs to another filter")]
    PageTokenInvalid,
    /// A cursor that is damaged or belongs elsewhere.
    #[error("the cursor cannot be used: {problem}; start again without one")]
    CursorInvalid {
        /// What does not fit.
        problem: &'static str,
    },
    /// Roles that exclude each other.
    #[error("an agent cannot be reviewer, supervisor or policy author as well")]
    RolesConflict,
    /// The request id was used for something else.
    #[error("request id `{request_id}` was used with other content")]
    RequestIdReused {
        /// The id.
        request_id: String,
    },
    /// No token, or one that does not count.
    #[error("no credential counts: {TOKEN_INVALID}")]
    TokenInvalid,
    /// The caller is who it says, and has no role here.
    #[error("{}", no_role(.0))]
    NoRole(String),
    /// The caller lacks a role.
    #[error("this needs the role `{role}`")]
    RoleRequired {
        /// The role, or the alternatives.
        role: &'static str,
    },
    /// Nobody resolves what it asked for itself.
    #[error("escalation `{escalation}` was asked by you or for you; somebody else must answer it")]
    SelfReview {
        /// The escalation.
        escalation: String,
    },
    /// The caller has answered this question.
    #[error("you answered escalation `{escalation}` already, as `{by}`; one person has one vote")]
    AlreadyVoted {
        /// The escalation.
        escalation: String,
        /// Under which name.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The question went to others.
    #[error("escalation `{escalation}` is not for you: {why}; a supervisor may take it over")]
    NotRouted {
        /// The escalation.
        escalation: String,
        /// What is missing.
        why: String,
    },
    /// What the answer, or what is said before one, still lacks.
    #[error(transparent)]
    Answer(AnswerError),
    /// The call does not fit the path of its run.
    #[error(transparent)]
    Path(PathError),
    /// An override stands against it, or is not where it would have to be.
    #[error(transparent)]
    Override(OverrideError),
    /// Entries cannot join a transcript.
    #[error(transparent)]
    Transcript(TranscriptError),
    /// The caller's authority does not reach so far.
    #[error("your authority does not cover this: {limit}; {who_can}")]
    AuthorityExceeded {
        /// The escalation or action.
        subject: String,
        /// What the nearest limit says, and what is asked.
        limit: String,
        /// The money at stake.
        stake: String,
        /// Whose authority would do.
        who_can: String,
    },
    /// Who approved the action may no longer.
    #[error("`{approver}`, who approved action `{action}`, no longer may: {why}; ask again")]
    ApprovalVoid {
        /// The action.
        action: String,
        /// Who approved it.
        approver: String,
        /// What the approver lacks.
        why: String,
    },
    /// Somebody has taken the action back.
    #[error("action `{action}` was taken back by `{by}`")]
    AlreadyReversed {
        /// The action.
        action: String,
        /// Who took it back.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// There is nothing to take back, or no way to.
    #[error("action `{action}` ({state}) cannot be taken back: {why}; nothing was changed")]
    NotReversible {
        /// The action; empty: none.
        action: String,
        /// Its state's name.
        state: &'static str,
        /// Why.
        why: &'static str,
    },
    /// No such resource, or not the caller's to see.
    #[error("there is no {} `{id}`, or it is not yours to see", resource.name())]
    NotFound {
        /// Of what kind.
        resource: Resource,
        /// Which one.
        id: String,
    },
    /// The run has finished.
    #[error("run `{run}` is {state}")]
    RunNotRunning {
        /// The run.
        run: String,
        /// Its state's name.
        state: &'static str,
    },
    /// The user's words find no room in the run's log.
    #[error(
        "run `{run}` holds {messages} messages and {bytes} bytes of its user's words, the most \
         there may be; start another run"
    )]
    MessagesFull {
        /// The run.
        run: String,
        /// The most messages.
        messages: u64,
        /// The most bytes.
        bytes: u64,
    },
    /// The delegation chain is too long.
    #[error("delegation is {hops} hops deep, more than {limit}")]
    DelegationTooDeep {
        /// How deep it would be.
        hops: u32,
        /// How deep it may be.
        limit: u32,
    },
    /// The question is closed.
    #[error("escalation `{escalation}` is {state}; yours was not recorded")]
    EscalationClosed {
        /// The escalation.
        escalation: String,
        /// Its state's name, or the resolution's.
        state: &'static str,
        /// Who closed it, where a person did.
        by: Option<String>,
        /// When it was closed.
        at: Timestamp,
    },
    /// Somebody else holds the escalation.
    #[error("`{holder}` holds escalation `{escalation}`")]
    ClaimedByOther {
        /// The escalation.
        escalation: String,
        /// Who holds it.
        holder: String,
        /// Until when.
        until: Timestamp,
    },
    /// The caller's claim is gone.
    #[error("your claim on escalation `{escalation}` lapsed or has another epoch; claim it again")]
    ClaimLost {
        /// The escalation.
        escalation: String,
        /// The epoch that counts now.
        epoch: u64,
    },
    /// It changed since it was shown.
    #[error("{} `{id}` changed since you read it; read it again", resource.name())]
    EtagMismatch {
        /// Of what kind.
        resource: Resource,
        /// Which one.
        id: String,
        /// The etag that counts now.
        etag: String,
    },
    /// What was shown or is to run is not what is stored.
    #[error("the digest of action `{action}` does not match: {what}")]
    DigestMismatch {
        /// The action.
        action: String,
        /// The escalation, where a person answers.
        escalation: Option<String>,
        /// What was compared.
        what: &'static str,
    },
    /// The grant is used up.
    #[error("grant `{grant}` was redeemed before")]
    GrantRedeemed {
        /// The grant.
        grant: String,
        /// When.
        at: Timestamp,
    },
    /// The grant is too old.
    #[error("grant `{grant}` has expired; claim the resumption again")]
    GrantExpired {
        /// The grant.
        grant: String,
        /// When.
        at: Timestamp,
    },
    /// The grant was withdrawn.
    #[error("grant `{grant}` was revoked")]
    GrantRevoked {
        /// The grant.
        grant: String,
    },
    /// Another worker holds the resumption.
    #[error("the resumption of escalation `{escalation}` is held under epoch {epoch}")]
    ResumptionLost {
        /// The escalation.
        escalation: String,
        /// The epoch that counts now.
        epoch: u64,
    },
    /// The resumption was taken up.
    #[error("the resumption of escalation `{escalation}` was taken up before")]
    ResumptionClosed {
        /// The escalation.
        escalation: String,
    },
    /// A policy document is wrong.
    #[error("the policy is refused; {place}: {problem}")]
    PolicyInvalid {
        /// Which part of the document.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A policy fails cases of its own test.
    #[error("the policy fails {failed} of its own cases; `{case}`: {problem}")]
    PolicyTestsFailed {
        /// How many.
        failed: usize,
        /// The first of them.
        case: String,
        /// What was wrong with it.
        problem: String,
    },
    /// A policy misses a bound of its own document on recorded actions.
    #[error(
        "the policy {}; see what it does with BacktestPolicy, and change its rules or its bound",
        missed_bound(missed)
    )]
    PolicyOutOfBounds {
        /// The first bound that it misses.
        missed: JudgedBound,
    },
    /// Another policy came into force since the caller looked.
    #[error("policy `{current}` is in force by now{}; nothing was changed", put_by(by.as_deref()))]
    PolicyChanged {
        /// The revision in force.
        current: String,
        /// Who put it in force.
        by: Option<String>,
        /// When.
        at: Option<Timestamp>,
    },
    /// Other profiles came into force since the caller looked.
    #[error("profiles of version {current} are in force by now; nothing was changed")]
    ProfilesChanged {
        /// The version in force; 0: none.
        current: u64,
    },
    /// Settings of the queue are wrong.
    #[error("the settings are refused; {place}: {problem}")]
    QueueSettingsInvalid {
        /// Which part of the document.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Other settings of the queue came into force since the caller looked.
    #[error("{}{}; nothing was changed", now_in_force(current.as_deref()), put_by(by.as_deref()))]
    QueueSettingsChanged {
        /// The revision in force; none: nobody put any.
        current: Option<String>,
        /// Who put it in force.
        by: Option<String>,
        /// When.
        at: Option<Timestamp>,
    },
    /// What is to be put in force is.
    #[error("policy `{policy}` is in force already")]
    PolicyInForce {
        /// The revision.
        policy: String,
    },
    /// There is nothing to go back to.
    #[error("policy `{policy}` replaced none that is known; activate the revision you want")]
    NoFormerPolicy {
        /// The revision in force.
        policy: String,
    },
    /// What was to be confirmed is over.
    #[error("activation `{activation}` is {state}{}; yours was not recorded", by_whom(by.as_deref()))]
    ActivationClosed {
        /// The activation.
        activation: String,
        /// Its state's name.
        state: &'static str,
        /// Who ended it.
        by: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Nobody confirms its own request or document.
    #[error(
        "activation `{activation}` needs a second person: an admin who neither asked for it nor \
         wrote the document"
    )]
    SecondPersonRequired {
        /// The activation.
        activation: String,
    },
    /// The policy in force denies it.
    #[error("denied by policy rule `{rule}`: {reason}")]
    DeniedByPolicy {
        /// The rule.
        rule: String,
        /// Its words.
        reason: String,
    },
    /// No grant of the action was redeemed.
    #[error("action `{action}` is {state}: its grant was not redeemed")]
    ActionNotRedeemed {
        /// The action.
        action: String,
        /// Its state's name.
        state: &'static str,
    },
    /// The action has an outcome.
    #[error("action `{action}` has an outcome already")]
    OutcomeAlreadyReported {
        /// The action.
        action: String,
    },
    /// A notice that is not to be sent again.
    #[error("notice `{notice}` is {state}: it is not sent again")]
    NoticeClosed {
        /// The notice.
        notice: String,
        /// Its state's name.
        state: &'static str,
        /// When its delivery ended.
        at: Timestamp,
    },
    /// The review is over.
    #[error("review `{review}` is {state}; yours was not recorded")]
    ReviewClosed {
        /// The review.
        review: String,
        /// Its state's name.
        state: &'static str,
        /// When it was closed.
        at: Timestamp,
    },
    /// The caller has judged it, or passed it on.
    #[error("you judged review `{review}` or passed it on already, as `{by}`")]
    AlreadyReviewed {
        /// The review.
        review: String,
        /// Under which name.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The caller does not hold the review.
    #[error(
        "your claim on review `{review}` lapsed or has another epoch; claim the next one again"
    )]
    ReviewClaimLost {
        /// The review.
        review: String,
        /// The epoch that was given.
        epoch: u64,
    },
    /// Somebody else sees to the incident, or it is over.
    #[error("incident `{incident}` was {state} by `{by}`")]
    IncidentClosed {
        /// The incident.
        incident: String,
        /// Its state's name.
        state: &'static str,
        /// Who did that.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The settings do not let feedback leave.
    #[error("feedback does not leave: the settings of the queue do not say `{setting}: labelled`")]
    FeedbackNotConsented {
        /// What has to be said there.
        setting: &'static str,
    },
    /// The caller does not have the drill, or has answered it.
    #[error("you do not have drill `{drill}`, or have answered it")]
    DrillNotHeld {
        /// The drill.
        drill: String,
    },
    /// A backup of the name is there.
    #[error("backup `{name}` is there already")]
    BackupExists {
        /// The name.
        name: String,
    },
    /// The backup could not be written.
    #[error("the backup could not be written: {cause}")]
    BackupFailed {
        /// What the system said.
        cause: String,
    },
    /// The history the cursor wants is gone.
    #[error(
        "the history that the cursor goes on from is gone, what is there begins with sequence \
         {oldest}; start again without a cursor"
    )]
    WatchCompacted {
        /// The oldest sequence still there.
        oldest: u64,
    },
    /// The reader of a stream takes too little of it.
    #[error("the stream was read too slowly; nothing is lost, go on with its cursor")]
    SlowConsumer {
        /// How far behind it is.
        behind: Span,
        /// Goes on where it was; empty: the cursor of the last message does.
        cursor: String,
    },
    /// The same is asked already.
    #[error(
        "the same is asked already, in escalation `{escalation}` of run `{run}`; wait for its \
         answer, nothing was proposed"
    )]
    RepeatOfOpen {
        /// The open escalation.
        escalation: EscalationId,
        /// The run that asked.
        run: String,
    },
    /// Too many questions to people in a short time.
    #[error(
        "{} `{whose}` asks people more than {per_minute} times a minute; nothing was proposed, \
         try again later",
        scope.name()
    )]
    TooManyEscalations {
        /// Whose questions are too many.
        scope: Scope,
        /// Which agent, owner or rule.
        whose: String,
        /// How often per minute in the long run.
        per_minute: u32,
        /// When there is room again.
        retry_after: Span,
    },
    /// A person has paused the agent.
    #[error(
        "agent `{agent}` was paused by `{by}`; nothing was proposed, a supervisor has to let it in \
         again"
    )]
    AgentPaused {
        /// The agent.
        agent: String,
        /// Who paused it.
        by: String,
        /// When.
        at: Timestamp,
        /// The card about its flood, where that was answered so.
        escalation: Option<String>,
    },
    /// Too many open escalations.
    #[error("{scope} has {limit} open escalations, the most there may be")]
    TooManyOpen {
        /// Whose limit.
        scope: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Too many streams.
    #[error("there are {limit} streams open, the most there may be")]
    TooManyWatches {
        /// The limit.
        limit: usize,
    },
    /// The disk is nearly full.
    #[error("the server's disk is nearly full ({free_bytes} bytes free)")]
    DiskFull {
        /// Free bytes.
        free_bytes: u64,
    },
    /// Too much at once.
    #[error("the server is overloaded")]
    Overloaded {
        /// When to try again.
        retry_after: Span,
    },
    /// The server or its store stops.
    #[error("the server is stopping")]
    Stopping {
        /// What the call has done.
        effect: Effect,
    },
    /// The server cannot reach its database. Nothing was done.
    #[error("the server cannot reach its database")]
    StoreUnavailable {
        /// For the log only.
        cause: String,
    },
    /// Stored data is damaged.
    #[error("stored data is damaged; tell the operator")]
    DataDamaged {
        /// For the log only.
        cause: String,
    },
    /// A fault of the server.
    #[error("internal error; the server's log has the cause")]
    Internal {
        /// For the log only.
        cause: String,
    },
}
