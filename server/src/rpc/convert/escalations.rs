//! Escalations, their claims, resolutions and watches.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::escalation::{Question, State};
use pointsman_api::v1::resolution::Kind;
use pointsman_api::v1::watch_escalations_response::Event;

use super::actions::digest;
use super::{briefings, claims, conversation, known, optional_id, people, queue, text_of, time};
use crate::domain::error::Error;
use crate::domain::escalation as domain;
use crate::domain::escalation::{EscalationState, ResolutionContent, ResolutionKind, SeverityTier};
use crate::domain::event::EventKind;
use crate::domain::policy::OnExpiry;
use crate::domain::time::{Span, Timestamp};
use crate::engine::escalations::Filter;
use crate::engine::resolve::Preview;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::watch::{ItemOf, Queue, WatchEvent};

const MINUTE: Span = Span::from_secs(60);

/// An escalation for the wire; a claim that lapsed before `now` is not shown.
pub(in crate::rpc) fn escalation(view: EscalationView, now: Timestamp) -> v1::Escalation {
    let is_full = view.detail.is_some();
    let is_open = view.escalation.state == EscalationState::Open;
    let note = view.detail.as_ref().map(|detail| detail.claim_note.clone());
    let claim = view.escalation.live_claim(now).map(|it| claims::claim(it, note));
    let urgency = view.escalation.urgency_line();
    let briefing = Some(briefings::briefing(&view));
    let EscalationView { escalation, resolution: content, detail, .. } = view;
    let (followed_by, questions) =
        detail.map(|detail| (detail.followed_by, detail.questions)).unwrap_or_default();
    let etag = escalation.etag();
    v1::Escalation {
        escalation_id: escalation.id.to_string(),
        state: state(escalation.state).into(),
        question: question(escalation.question).into(),
        run_id: escalation.run.to_string(),
        action_id: text_of(escalation.action),
        checkpoint_id: text_of(escalation.checkpoint),
        agent: escalation.agent,
        on_behalf_of: escalation.on_behalf_of.unwrap_or_default(),
        lane: escalation.lane,
        severity: severity(escalation.severity).into(),
        briefing,
        action_digest: digest(&escalation.action_digest),
        claim,
        resolution: escalation.resolution.map(|given| resolution(given, content, is_full)),
        due_time: Some(time(escalation.due_time)),
        expire_time: Some(time(escalation.expire_time)),
        create_time: Some(time(escalation.create_time)),
        update_time: Some(time(escalation.update_time)),
        etag,
        policy_revision_id: escalation.policy_revision.to_string(),
        on_expiry: on_expiry(escalation.on_expiry).into(),
        required_role: escalation.required_role.map_or(v1::Role::Unspecified, people::role).into(),
        quorum: escalation.quorum,
        votes: escalation.votes.into_iter().map(|it| vote(it, is_open)).collect(),
        amount: people::amount(&escalation.stake),
        plan: escalation.plan.map(queue::plan),
        overdue: escalation.is_overdue,
        late_reason: queue::late(escalation.late).into(),
        follows_escalation_id: text_of(escalation.follows),
        followed_by_action_ids: followed_by.iter().map(ToString::to_string).collect(),
        questions: questions.into_iter().map(conversation::question).collect(),
        open_question_count: escalation.conversation.open.len() as u32,
        comment_count: escalation.conversation.comments,
        repeat_count: escalation.repeats.count,
        last_repeat_time: escalation.repeats.last_time.map(time),
        snooze_until_time: escalation.snooze_until.filter(|until| now < *until).map(time),
        delay_cost_per_minute: escalation.delay_cost.map(|it| people::money(&it.of(MINUTE))),
        urgency,
    }
}

/// What the agent does if nobody answers.
pub(in crate::rpc) const fn on_expiry(on_expiry: OnExpiry) -> v1::OnExpiry {
    match on_expiry {
        OnExpiry::Cancel => v1::OnExpiry::Cancel,
        OnExpiry::Fallback => v1::OnExpiry::Fallback,
        OnExpiry::Rollback => v1::OnExpiry::Rollback,
    }
}

/// One message of a watch.
pub(in crate::rpc) fn watched(item: ItemOf<Queue>) -> v1::WatchEscalationsResponse {
    let now = item.time;
    let event = match item.event {
        WatchEvent::Snapshot(view) => Event::Snapshot(escalation(*view, now)),
        WatchEvent::SnapshotEnd { sequence, count } => {
            Event::SnapshotEnd(v1::SnapshotEnd { sequence, count })
        }
        WatchEvent::Change(change) => Event::Change(v1::EscalationChange {
            escalations: change.escalations.into_iter().map(|view| escalation(view, now)).collect(),
            events: change.events.into_iter().map(EventKind::name).map(str::to_owned).collect(),
            principal: change.principal,
            commit_time: Some(time(change.commit_time)),
            sequence: change.sequence,
        }),
        WatchEvent::Bookmark(sequence) => Event::Bookmark(v1::Bookmark { sequence }),
        WatchEvent::Heartbeat(next) => {
            Event::Heartbeat(v1::Heartbeat { next_time: Some(time(next)) })
        }
    };
    v1::WatchEscalationsResponse {
        cursor: item.cursor,
        server_time: Some(time(now)),
        event: Some(event),
    }
}

/// Takes from the closed escalations of a change what only the full view has.
///
/// A finishing run cancels many in one commit, which must come in one message:
/// in full they can be more than any message may hold, and then the watch could
/// never get past them. Nobody decides on them any more.
pub(in crate::rpc) fn slim(message: &mut v1::WatchEscalationsResponse) {
    let Some(Event::Change(change)) = &mut message.event else { return };
    for escalation in &mut change.escalations {
        if escalation.state() == State::Open {
            continue;
        }
        escalation.questions = Vec::new();
        if let Some(briefing) = &mut escalation.briefing {
            briefings::slim(briefing);
        }
    }
}

/// What a person said; the answer in the tool's place in the full view only.
pub(in crate::rpc) fn resolution(
    resolution: domain::Resolution,
    content: Option<ResolutionContent>,
    is_full: bool,
) -> v1::Resolution {
    let content = content.unwrap_or_default();
    let circumstances = content.circumstances;
    v1::Resolution {
        kind: kind(resolution.kind).into(),
        reviewer: resolution.reviewer,
        resolve_time: Some(time(resolution.resolve_time)),
        note: content.note,
        instruction: content.instruction,
        evidence_viewed: circumstances.evidence,
        surface: circumstances.surface,
        show_time: circumstances.show_time.map(time),
        decide_time: circumstances.decide_time.map(time),
        reason_code: resolution.reason_code.unwrap_or_default(),
        action_id: text_of(resolution.action),
        response: if is_full { Bytes::from(content.response) } else { Bytes::new() },
        approvers: resolution.approvers.into_iter().map(people::approver).collect(),
    }
}

/// What an answer would do.
pub(in crate::rpc) fn preview(preview: Preview) -> v1::ResolutionPreview {
    let decided = preview.decision;
    v1::ResolutionPreview {
        kind: kind(preview.kind).into(),
        quorum: preview.quorum,
        action_digest: preview.action_digest.as_ref().map(digest).unwrap_or_default(),
        decision: decided.map(|(decision, reason)| super::actions::decision(decision, reason)),
        severity: severity(preview.severity).into(),
    }
}

/// Reads which escalations are asked for.
pub(in crate::rpc) fn read_filter(filter: Option<v1::EscalationFilter>) -> Result<Filter, Error> {
    let Some(filter) = filter else { return Ok(Filter::default()) };
    Ok(Filter {
        min_severity: read_severity(known("filter.min_severity", filter.min_severity)?),
        run: optional_id("filter.run_id", &filter.run_id)?,
        lane: filter.lane,
        agent: filter.agent,
    })
}

/// Reads how much of each is asked for.
pub(in crate::rpc) fn read_view(view: i32) -> Result<Depth, Error> {
    Ok(match known("view", view)? {
        v1::EscalationView::Unspecified | v1::EscalationView::Basic => Depth::Basic,
        v1::EscalationView::Full => Depth::Full,
    })
}

/// Reads a state; not said means open.
pub(in crate::rpc) const fn read_state(state: State) -> EscalationState {
    match state {
        State::Unspecified | State::Open => EscalationState::Open,
        State::Resolved => EscalationState::Resolved,
        State::Expired => EscalationState::Expired,
        State::Cancelled => EscalationState::Cancelled,
    }
}

/// A state for the wire.
pub(in crate::rpc) const fn state(state: EscalationState) -> State {
    match state {
        EscalationState::Open => State::Open,
        EscalationState::Resolved => State::Resolved,
        EscalationState::Expired => State::Expired,
        EscalationState::Cancelled => State::Cancelled,
    }
}

/// What somebody said; while the question is open, only that somebody has.
fn vote(vote: domain::Vote, is_open: bool) -> v1::Vote {
    let said = if is_open { Kind::Unspecified } else { kind(vote.kind) };
    v1::Vote { reviewer: vote.reviewer, kind: said.into(), vote_time: Some(time(vote.vote_time)) }
}

pub(super) const fn question(question: domain::Question) -> Question {
    match question {
        domain::Question::ApproveAction => Question::ApproveAction,
        domain::Question::ExecutionUnknown => Question::ExecutionUnknown,
        domain::Question::CompensateAction => Question::CompensateAction,
        domain::Question::RunOverdue => Question::RunOverdue,
        domain::Question::UnexpectedResult => Question::UnexpectedResult,
        domain::Question::AgentFlood => Question::AgentFlood,
        domain::Question::RunRedirected => Question::RunRedirected,
    }
}

pub(super) const fn kind(kind: ResolutionKind) -> Kind {
    match kind {
        ResolutionKind::Approved => Kind::Approved,
        ResolutionKind::Rejected => Kind::Rejected,
        ResolutionKind::Modified => Kind::Modified,
        ResolutionKind::Responded => Kind::Responded,
        ResolutionKind::Instructed => Kind::Instructed,
    }
}

pub(in crate::rpc) const fn severity(tier: SeverityTier) -> v1::SeverityTier {
    match tier {
        SeverityTier::Low => v1::SeverityTier::Low,
        SeverityTier::Medium => v1::SeverityTier::Medium,
        SeverityTier::High => v1::SeverityTier::High,
        SeverityTier::Critical => v1::SeverityTier::Critical,
    }
}

pub(in crate::rpc) const fn read_severity(tier: v1::SeverityTier) -> Option<SeverityTier> {
    match tier {
        v1::SeverityTier::Unspecified => None,
        v1::SeverityTier::Low => Some(SeverityTier::Low),
        v1::SeverityTier::Medium => Some(SeverityTier::Medium),
        v1::SeverityTier::High => Some(SeverityTier::High),
        v1::SeverityTier::Critical => Some(SeverityTier::Critical),
    }
}

#[cfg(test)]
mod tests;
