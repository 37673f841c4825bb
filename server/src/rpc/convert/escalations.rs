//! Escalations, their claims, resolutions and watches.

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::escalation::{Question, State};
use pointsman_api::v1::resolution::Kind;
use pointsman_api::v1::watch_escalations_response::Event;

use super::actions::digest;
use super::{known, optional_id, text_of, time};
use crate::domain::error::Error;
use crate::domain::escalation as domain;
use crate::domain::escalation::{EscalationState, ResolutionContent, ResolutionKind, SeverityTier};
use crate::domain::event::EventKind;
use crate::domain::policy::OnExpiry;
use crate::domain::time::Timestamp;
use crate::engine::escalations::Filter;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::watch::{WatchEvent, WatchItem};

/// An escalation for the wire; a claim that lapsed before `now` is not shown.
pub(in crate::rpc) fn escalation(view: EscalationView, now: Timestamp) -> v1::Escalation {
    let is_full = view.detail.is_some();
    let claim = view.escalation.live_claim(now).map(claim);
    let briefing = Some(briefing(&view));
    let EscalationView { escalation, resolution: content, .. } = view;
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
pub(in crate::rpc) fn watched(item: WatchItem) -> v1::WatchEscalationsResponse {
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
        if let Some(briefing) = &mut escalation.briefing {
            briefing.arguments = Bytes::new();
            briefing.agent_statement = String::new();
            briefing.goal = String::new();
            briefing.confidence = None;
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
    v1::Resolution {
        kind: kind(resolution.kind).into(),
        reviewer: resolution.reviewer,
        resolve_time: Some(time(resolution.resolve_time)),
        note: content.note,
        reason_code: resolution.reason_code.unwrap_or_default(),
        action_id: text_of(resolution.action),
        response: if is_full { Bytes::from(content.response) } else { Bytes::new() },
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

fn claim(claim: &domain::Claim) -> v1::Claim {
    v1::Claim {
        holder: claim.holder.clone(),
        claim_epoch: claim.epoch,
        expire_time: Some(time(claim.expire_time)),
    }
}

fn briefing(view: &EscalationView) -> v1::Briefing {
    let EscalationView { escalation, briefing, detail, .. } = view;
    let basic = v1::Briefing {
        headline: briefing.headline.clone(),
        tool: escalation.tool.clone(),
        target: briefing.target.clone(),
        why: briefing.why.clone(),
        rule_id: escalation.rule.clone().unwrap_or_default(),
        if_silent: briefing.if_silent.clone(),
        ..v1::Briefing::default()
    };
    match detail {
        None => basic,
        Some(detail) => v1::Briefing {
            arguments: detail.content.arguments.clone(),
            agent_statement: detail.content.reasoning.clone(),
            goal: detail.goal.clone(),
            confidence: detail.confidence,
            ..basic
        },
    }
}

const fn question(question: domain::Question) -> Question {
    match question {
        domain::Question::ApproveAction => Question::ApproveAction,
        domain::Question::ExecutionUnknown => Question::ExecutionUnknown,
        domain::Question::RunOverdue => Question::RunOverdue,
        domain::Question::UnexpectedResult => Question::UnexpectedResult,
    }
}

const fn kind(kind: ResolutionKind) -> Kind {
    match kind {
        ResolutionKind::Approved => Kind::Approved,
        ResolutionKind::Rejected => Kind::Rejected,
        ResolutionKind::Modified => Kind::Modified,
        ResolutionKind::Responded => Kind::Responded,
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

const fn read_severity(tier: v1::SeverityTier) -> Option<SeverityTier> {
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
