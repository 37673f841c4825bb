//! The whole key schema, on one screen.
//!
//! | key | value | written by |
//! |---|---|---|
//! | `TENANT/run/RUN` | [`Run`](crate::domain::run::Run) | runs |
//! | `TENANT/message/RUN SPEAKER MSG` | [`MessageRecord`](super::records::MessageRecord) | messages: what a run has heard |
//! | `TENANT/run-heard/RUN` | – | messages: its version changes with every one |
//! | `TENANT/transcript/RUN` | [`TranscriptRecord`](super::records::TranscriptRecord) | transcripts: how far a run's is |
//! | `TENANT/entry/RUN FIRST` | [`EntriesRecord`](super::records::EntriesRecord) | transcripts: entries stored together, by the number of the first |
//! | `TENANT/run-said/RUN` | [`SaidRecord`](super::records::SaidRecord) | messages: how much of the user's words |
//! | `TENANT/action/ACT` | [`Action`](crate::domain::action::Action) | actions |
//! | `TENANT/window/LIST TIME ACT` | [`WindowEntryRecord`](super::records::WindowEntryRecord) | windows: what counts, by window and whose calls |
//! | `TENANT/window-mark/LIST` | – | windows: its version changes with every entry |
//! | `TENANT/action-windows/ACT` | [`ActionWindowsRecord`](super::records::ActionWindowsRecord) | windows: which count an action |
//! | `TENANT/agent-actions/AGENT` | [`AgentActionsRecord`](super::records::AgentActionsRecord) | actions: how many, for sampling |
//! | `TENANT/run-waited/RUN OPENED CLOSED ESC` | – | escalations: when a run waited |
//! | `TENANT/run-action/RUN ACT` | – | actions: list by run |
//! | `TENANT/run-noted/RUN PLACE` | – | timeline: questions about a run, paths and titles of steps, by time |
//! | `TENANT/checkpoint/CP` | [`Checkpoint`](crate::domain::checkpoint::Checkpoint) | actions |
//! | `TENANT/run-checkpoint/RUN CP` | – | actions: list by run |
//! | `TENANT/checkpoint-head/RUN BRANCH` | [`CheckpointHead`](super::records::CheckpointHead) | checkpoints: newest of a branch |
//! | `TENANT/run-good/RUN CP` | – | checkpoints: known to be good |
//! | `TENANT/run-branch/RUN NUMBER` | [`Branch`](crate::domain::branch::Branch) | branches: the paths of a run |
//! | `TENANT/escalation/ESC` | [`Escalation`] | escalations |
//! | `TENANT/open/URGENCY ESC` | – | escalations: the queue, most urgent first |
//! | `TENANT/run-open/RUN ESC` | – | escalations: what a finishing run cancels |
//! | `TENANT/closed/STATE CLOSED ESC` | – | escalations: history by state |
//! | `TENANT/asked-on/DIGEST ESC` | – | escalations: what was asked on a tool and target |
//! | `TENANT/asked-by/DIGEST ESC` | – | escalations: what a rule asked on a tool |
//! | `TENANT/question/ESC QST` | [`AgentQuestion`](crate::domain::escalation::AgentQuestion) | escalations: what reviewers ask the agent |
//! | `TENANT/agent-question/AGENT 0 ESC QST` | – | escalations: what an agent has not answered |
//! | `TENANT/comment/ESC CMT` | [`Comment`](crate::domain::escalation::Comment) | escalations: what people note for people |
//! | `TENANT/followed/ESC ACT` | – | actions: which follow a correction in words |
//! | `TENANT/repeat/DIGEST` | [`RepeatRecord`](super::records::RepeatRecord) | escalations: where the same was asked last |
//! | `TENANT/flood/AGENT` | [`Flood`](crate::domain::flood::Flood) | floods: what is known of an agent that asks too much |
//! | `TENANT/resumption/ESC` | [`Resumption`](crate::domain::resumption::Resumption) | escalations |
//! | `TENANT/resume/AGENT 0 ESC` | – | escalations: what workers may claim |
//! | `TENANT/principal/NAME` | [`Entry`](crate::domain::directory::Entry) | people: what is known of a principal |
//! | `TENANT/authority/AUTH` | [`Authority`](crate::domain::authority::Authority) | people: up to where somebody may answer |
//! | `TENANT/people/` | – | people: its version changes with every change of those two |
//! | `TENANT/token/TOK` | [`Token`](crate::domain::principal::Token) | tokens |
//! | `TENANT/principal-token/PRINCIPAL 0 TOK` | – | tokens: a principal's unrevoked ones |
//! | `TENANT/policy/POL` | [`PolicyRecord`](super::records::PolicyRecord) | policies |
//! | `TENANT/policy-digest/DIGEST` | [`PolicyDigestRecord`](super::records::PolicyDigestRecord) | policies: one revision per document |
//! | `TENANT/policy-current/` | [`PolicyInForceRecord`](super::records::PolicyInForceRecord) | policies |
//! | `TENANT/policy-profiles/` | [`ProfilesRecord`](super::records::ProfilesRecord) | policies: the novelty profiles in force |
//! | `TENANT/policy-activation/PACT` | [`Activation`](crate::domain::activation::Activation) | policies: who put what in force |
//! | `TENANT/queue-settings/QS` | [`QueueSettingsRecord`](super::records::QueueSettingsRecord) | the queue's settings, every revision |
//! | `TENANT/queue-current/` | [`QueueInForceRecord`](super::records::QueueInForceRecord) | the queue's settings in force |
//! | `TENANT/request/PRINCIPAL 0 ID` | [`RequestRecord`](super::records::RequestRecord) | every call with a request id |
//! | `!secret/DIGEST` | [`SecretRecord`](super::records::SecretRecord) | tokens: from a secret to its token |
//! | `!swept/requests` | [`SweepRecord`](super::records::SweepRecord) | the sweep of old request ids |
//! | `TENANT/notice/NTC` | [`Notice`](crate::domain::notice::Notice) | notices |
//! | `TENANT/notice-state/STATE NTC` | – | notices: list by state |
//! | `TENANT/review/REV` | [`Review`](crate::domain::review::Review) | reviews |
//! | `TENANT/review-open/REV` | – | reviews: what waits to be judged, oldest first |
//! | `TENANT/incident/INC` | [`Incident`](crate::domain::incident::Incident) | incidents |
//! | `TENANT/incident-state/STATE INC` | – | incidents: list by state |
//! | `TENANT/reversed/TIME ACT` | – | reversals: what was taken back, and when |
//! | `TENANT/label/ACT` | [`Label`](crate::domain::incident::Label) | incidents: what should have become of an action |
//! | `TENANT/drill/DRL` | [`Drill`](crate::domain::drill::Drill) | drills |
//! | `TENANT/drill-given/PERSON 0 DRL` | [`DrillGiven`](crate::domain::drill::DrillGiven) | drills: what came of one that a person was given |
//! | `TENANT/drill-person/PERSON` | [`Practice`](crate::domain::drill::Practice) | drills: what a person has done |
//! | `TENANT/override/OVR` | [`Override`](crate::domain::overrides::Override) | overrides |
//! | `TENANT/scope-override/SCOPE OVR` | – | overrides: list by scope |
//! | `TENANT/hold/SCOPE` | [`Hold`](crate::domain::overrides::Hold) | overrides: what holds a run, an agent or the fleet |
//! | `TENANT/override-told/SCOPE OVR` | – | overrides: what agents are to be told of |
//! | `TENANT/override-receipt/OVR RUN` | [`Receipt`](crate::domain::overrides::Receipt) | overrides: how far one run of a wider scope is |
//! | `TENANT/settling/OVR` | [`SettlingRecord`](super::records::SettlingRecord) | overrides: how far a stop has marked what it ends |
//! | `TENANT/run-below/RUN RUN` | – | runs: every run below one |
//! | `TENANT/run-active/AGENT 0 RUN` | – | runs: what has not ended |
//! | `!timer/DUE KIND ACT-ESC-RUN-or-OVR TENANT` | – | timers, in the order they fire |
//! | `!outbox/CHANNEL 0 NEXT NTC TENANT` | – | notices: what a channel has to send, and when |
//!
//! Ids, times and numbers are big-endian bytes, so that key order is their
//! order. A tenant's name holds neither `/` nor `!`.

mod branches;
mod documents;
mod drills;
mod floods;
mod notices;
mod overrides;
mod reviews;
mod timeline;
mod timers;
mod transcripts;
mod wall;
mod words;

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

pub use self::branches::{branch, branches, checkpoint_head, good_checkpoint, good_checkpoints};
pub use self::documents::{
    all_queue_settings, policies, policy, policy_activation, policy_activations, policy_current,
    policy_digest, policy_profiles, queue_current, queue_settings,
};
pub use self::drills::{drill, drill_given, drills, practice, practices};
pub use self::floods::{flood, repeat};
pub use self::notices::{
    Posted, listed_notice, notice, notice_state, notices, notices_in, outbox, outbox_of,
};
pub use self::overrides::{
    all_told, hold, is_override, listed_override, listed_run, overrides, overriding, receipt,
    receipt_of, receipts, run_actions_before, run_active, run_below, runs_active, runs_below,
    settling, told,
};
pub use self::reviews::{
    incident, incident_in, incidents, incidents_in, label, listed_incident, listed_review,
    open_review, open_reviews, reversal, reversals, review, reviews,
};
pub use self::timeline::{
    Place, Rank, all_noted, made_within, noted, question_place, scope_override, scope_overrides,
};
pub use self::timers::{Timer, TimerKind, timers};
pub use self::transcripts::{
    entries, entries_from, entries_until, is_entries, listed_entries, transcript,
};
pub use self::wall::{Named, all_holds, named};
pub use self::words::{
    agent_question, agent_questions, all_followed, comment, comments, followed, is_question,
    listed_question, question, questions,
};

use super::KeyRange;
use crate::domain::digest::Digest;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::{ActionId, AuthorityId, CheckpointId, EscalationId, RunId, TokenId};
use crate::domain::message::Speaker;
use crate::domain::queue::Urgency;
use crate::domain::time::Timestamp;

const ID_LENGTH: usize = 16;

fn key(tenant: &str, kind: &str, parts: &[&[u8]]) -> Bytes {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = BytesMut::with_capacity(tenant.len() + kind.len() + 2 + length);
    bytes.put_slice(tenant.as_bytes());
    bytes.put_u8(b'/');
    bytes.put_slice(kind.as_bytes());
    bytes.put_u8(b'/');
    for part in parts {
        bytes.put_slice(part);
    }
    bytes.freeze()
}

/// All keys that begin with `prefix`.
pub fn prefixed(prefix: &Bytes) -> KeyRange {
    let mut end = BytesMut::from(prefix.as_ref());
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            break;
        }
        end.truncate(end.len() - 1);
    }
    KeyRange { start: prefix.clone(), end: end.freeze() }
}

/// The key right behind `key`, to go on with after it.
pub fn after(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// The last id in a key, where the key ends with one.
fn last_id(key: &[u8]) -> Option<[u8; ID_LENGTH]> {
    key.last_chunk::<ID_LENGTH>().copied()
}

fn is_kind(tenant: &str, kind: &str, bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(tenant.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"/"))
        .and_then(|rest| rest.strip_prefix(kind.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// A run.
pub fn run(tenant: &str, id: RunId) -> Bytes {
    key(tenant, "run", &[id.as_bytes()])
}

/// All runs, oldest first.
pub fn runs(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "run", &[]))
}

const fn speaker(speaker: Speaker) -> u8 {
    match speaker {
        Speaker::User => 0,
        Speaker::Person => 1,
        Speaker::Tool => 2,
    }
}

/// One message that a run has heard.
pub fn message(tenant: &str, run: RunId, by: Speaker, id: Uuid) -> Bytes {
    key(tenant, "message", &[run.as_bytes(), &[speaker(by)], id.as_bytes()])
}

/// What one kind of speaker said in a run, oldest first.
pub fn messages(tenant: &str, run: RunId, by: Speaker) -> KeyRange {
    prefixed(&key(tenant, "message", &[run.as_bytes(), &[speaker(by)]]))
}

/// The message that a key names.
pub fn listed_message(key: &[u8]) -> Option<Uuid> {
    last_id(key).map(Uuid::from_bytes)
}

/// What is written with every message of a run.
pub fn run_heard(tenant: &str, run: RunId) -> Bytes {
    key(tenant, "run-heard", &[run.as_bytes()])
}

/// How much of its user's words a run has appended.
pub fn run_said(tenant: &str, run: RunId) -> Bytes {
    key(tenant, "run-said", &[run.as_bytes()])
}

/// An action.
pub fn action(tenant: &str, id: ActionId) -> Bytes {
    key(tenant, "action", &[id.as_bytes()])
}

/// All actions, oldest first.
pub fn actions(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "action", &[]))
}

/// One entry of a window's list; without an action: where those of a time begin.
pub fn window_entry(tenant: &str, list: &Digest, at: Timestamp, id: Option<ActionId>) -> Bytes {
    let id = id.as_ref().map_or(&[][..], |id| id.as_bytes());
    key(tenant, "window", &[list.as_bytes(), &at.to_key_bytes(), id])
}

/// A window's list, oldest first.
pub fn window_entries(tenant: &str, list: &Digest) -> KeyRange {
    prefixed(&key(tenant, "window", &[list.as_bytes()]))
}

/// What is written with every entry of a window's list.
pub fn window_mark(tenant: &str, list: &Digest) -> Bytes {
    key(tenant, "window-mark", &[list.as_bytes()])
}

/// The windows that count an action.
pub fn action_windows(tenant: &str, id: ActionId) -> Bytes {
    key(tenant, "action-windows", &[id.as_bytes()])
}

/// How many actions an agent has proposed.
pub fn agent_actions(tenant: &str, agent: &str) -> Bytes {
    key(tenant, "agent-actions", &[agent.as_bytes()])
}

/// A time in which a run waited for a person, by the escalation that ended.
pub fn run_waited(tenant: &str, escalation: &Escalation, until: Timestamp) -> Bytes {
    let (from, until) = (escalation.create_time.to_key_bytes(), until.to_key_bytes());
    let (run, id) = (escalation.run.as_bytes(), escalation.id.as_bytes());
    key(tenant, "run-waited", &[run, &from, &until, id])
}

/// The times in which a run waited, the earliest first.
pub fn run_waits(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-waited", &[run.as_bytes()]))
}

/// The times in which a run waited that began at a time.
pub fn run_waits_from(tenant: &str, run: RunId, from: Timestamp) -> KeyRange {
    prefixed(&key(tenant, "run-waited", &[run.as_bytes(), &from.to_key_bytes()]))
}

/// From when to when a list entry says that a run waited.
pub fn listed_wait(key: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (times, _) = key.split_last_chunk::<ID_LENGTH>()?;
    let (times, until) = times.split_last_chunk::<8>()?;
    let (_, from) = times.split_last_chunk::<8>()?;
    Some((Timestamp::from_key_bytes(*from), Timestamp::from_key_bytes(*until)))
}

/// The entry of an action in its run's list.
pub fn run_action(tenant: &str, run: RunId, id: ActionId) -> Bytes {
    key(tenant, "run-action", &[run.as_bytes(), id.as_bytes()])
}

/// A run's actions, oldest first.
pub fn run_actions(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-action", &[run.as_bytes()]))
}

/// The action that a list entry names.
pub fn listed_action(key: &[u8]) -> Option<ActionId> {
    last_id(key).map(ActionId::from_bytes)
}

/// A checkpoint.
pub fn checkpoint(tenant: &str, id: CheckpointId) -> Bytes {
    key(tenant, "checkpoint", &[id.as_bytes()])
}

/// The entry of a checkpoint in its run's list.
pub fn run_checkpoint(tenant: &str, run: RunId, id: CheckpointId) -> Bytes {
    key(tenant, "run-checkpoint", &[run.as_bytes(), id.as_bytes()])
}

/// A run's checkpoints, oldest first.
pub fn run_checkpoints(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-checkpoint", &[run.as_bytes()]))
}

/// The checkpoint that a list entry names.
pub fn listed_checkpoint(key: &[u8]) -> Option<CheckpointId> {
    last_id(key).map(CheckpointId::from_bytes)
}

/// An escalation.
pub fn escalation(tenant: &str, id: EscalationId) -> Bytes {
    key(tenant, "escalation", &[id.as_bytes()])
}

/// Whether a key is an escalation's record.
pub fn is_escalation(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "escalation", bytes)
}

/// The place of an open escalation in the queue.
pub fn open(tenant: &str, escalation: &Escalation) -> Bytes {
    let urgency = Urgency::of(escalation).to_key_bytes();
    key(tenant, "open", &[&urgency, escalation.id.as_bytes()])
}

/// The queue, most urgent first.
pub fn queue(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "open", &[]))
}

/// The entry of an open escalation in its run's list.
pub fn run_open(tenant: &str, run: RunId, id: EscalationId) -> Bytes {
    key(tenant, "run-open", &[run.as_bytes(), id.as_bytes()])
}

/// A run's open escalations.
pub fn run_opens(tenant: &str, run: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-open", &[run.as_bytes()]))
}

const fn closed_state(state: EscalationState) -> u8 {
    match state {
        EscalationState::Open => 0,
        EscalationState::Resolved => 1,
        EscalationState::Expired => 2,
        EscalationState::Cancelled => 3,
    }
}

/// The place of a closed escalation in the history.
pub fn closed(tenant: &str, state: EscalationState, time: Timestamp, id: EscalationId) -> Bytes {
    key(tenant, "closed", &[&[closed_state(state)], &time.to_key_bytes(), id.as_bytes()])
}

/// The history of one state, oldest first.
pub fn history(tenant: &str, state: EscalationState) -> KeyRange {
    prefixed(&key(tenant, "closed", &[&[closed_state(state)]]))
}

/// The escalation that a list entry names.
pub fn listed_escalation(key: &[u8]) -> Option<EscalationId> {
    last_id(key).map(EscalationId::from_bytes)
}

/// The entry of an escalation among those on the same tool and target.
pub fn asked_on(tenant: &str, case: &Digest, id: EscalationId) -> Bytes {
    key(tenant, "asked-on", &[case.as_bytes(), id.as_bytes()])
}

/// What was asked on a tool and target, oldest first.
pub fn all_asked_on(tenant: &str, case: &Digest) -> KeyRange {
    prefixed(&key(tenant, "asked-on", &[case.as_bytes()]))
}

/// The entry of an escalation among those that the same rule asked on the same tool.
pub fn asked_by(tenant: &str, case: &Digest, id: EscalationId) -> Bytes {
    key(tenant, "asked-by", &[case.as_bytes(), id.as_bytes()])
}

/// What a rule asked on a tool, oldest first.
pub fn all_asked_by(tenant: &str, case: &Digest) -> KeyRange {
    prefixed(&key(tenant, "asked-by", &[case.as_bytes()]))
}

/// A resumption.
pub fn resumption(tenant: &str, id: EscalationId) -> Bytes {
    key(tenant, "resumption", &[id.as_bytes()])
}

/// Whether a key is a resumption's record.
pub fn is_resumption(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "resumption", bytes)
}

/// The entry of an open resumption in its agent's list.
pub fn resume(tenant: &str, agent: &str, id: EscalationId) -> Bytes {
    key(tenant, "resume", &[agent.as_bytes(), &[0], id.as_bytes()])
}

/// An agent's open resumptions, oldest escalation first.
pub fn resumes(tenant: &str, agent: &str) -> KeyRange {
    prefixed(&key(tenant, "resume", &[agent.as_bytes(), &[0]]))
}

/// What is known of a principal.
pub fn principal(tenant: &str, name: &str) -> Bytes {
    key(tenant, "principal", &[name.as_bytes()])
}

/// Everybody, by name.
pub fn principals(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "principal", &[]))
}

/// An authority.
pub fn authority(tenant: &str, id: AuthorityId) -> Bytes {
    key(tenant, "authority", &[id.as_bytes()])
}

/// All authority, the oldest first.
pub fn authorities(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "authority", &[]))
}

/// What is written with every change of a principal or an authority.
pub fn people(tenant: &str) -> Bytes {
    key(tenant, "people", &[])
}

/// A token.
pub fn token(tenant: &str, id: TokenId) -> Bytes {
    key(tenant, "token", &[id.as_bytes()])
}

/// All tokens, oldest first.
pub fn tokens(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "token", &[]))
}

/// The entry of an unrevoked token in its principal's list.
pub fn principal_token(tenant: &str, principal: &str, id: TokenId) -> Bytes {
    key(tenant, "principal-token", &[principal.as_bytes(), &[0], id.as_bytes()])
}

/// A principal's unrevoked tokens, oldest first.
pub fn principal_tokens(tenant: &str, principal: &str) -> KeyRange {
    prefixed(&key(tenant, "principal-token", &[principal.as_bytes(), &[0]]))
}

/// The token that a list entry names.
pub fn listed_token(key: &[u8]) -> Option<TokenId> {
    last_id(key).map(TokenId::from_bytes)
}

/// Whether a key is a token's record.
pub fn is_token(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "token", bytes)
}

const SECRET_PREFIX: &[u8] = b"!secret/";

/// The way from a secret's digest to its token.
pub fn secret(digest: &Digest) -> Bytes {
    let mut bytes = BytesMut::from(SECRET_PREFIX);
    bytes.put_slice(digest.as_bytes());
    bytes.freeze()
}

/// What a request id was used for.
pub fn request(tenant: &str, principal: &str, request_id: &str) -> Bytes {
    key(tenant, "request", &[principal.as_bytes(), &[0], request_id.as_bytes()])
}

/// Whether a key is what a request id was used for.
pub fn is_request(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "request", bytes)
}

/// How far old request ids have been swept out.
pub const fn swept_requests() -> Bytes {
    Bytes::from_static(b"!swept/requests")
}

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The tenant's that it names.
    Tenant(String),
    /// The tenant's whose commit writes it: it names none.
    Writer,
    /// The store's as a whole.
    Store,
}

/// Tells whose a key is.
pub fn owner(key: &[u8]) -> KeyOwner {
    if key.starts_with(SECRET_PREFIX) {
        return KeyOwner::Writer;
    }
    if let Some(timer) = Timer::from_key(key) {
        return KeyOwner::Tenant(timer.tenant);
    }
    if let Some(posted) = Posted::from_key(key) {
        return KeyOwner::Tenant(posted.tenant);
    }
    let tenant = key.split(|byte| *byte == b'/').next().filter(|tenant| tenant.len() < key.len());
    match tenant.map(std::str::from_utf8) {
        Some(Ok(tenant)) if !tenant.starts_with('!') => KeyOwner::Tenant(tenant.to_owned()),
        _ => KeyOwner::Store,
    }
}

#[cfg(test)]
mod tests;
