//! Notices and channels.

use pointsman_api::v1;
use pointsman_api::v1::notice::{Kind, State};
use pointsman_api::v1::notice_channel::Kind as WireChannelKind;

use super::{known, text_of, time};
use crate::domain::error::Error;
use crate::domain::notice::{Notice, NoticeKind, NoticeState};
use crate::engine::notices::ChannelView;
use crate::engine::outbox::ChannelKind;

/// A notice for the wire.
pub(in crate::rpc) fn notice(notice: Notice) -> v1::Notice {
    let is_pending = notice.state == NoticeState::Pending;
    let (subject, incident) = (notice.subject.as_ref(), notice.incident.as_ref());
    v1::Notice {
        notice_id: notice.id.to_string(),
        kind: kind(notice.kind).into(),
        state: state(notice.state).into(),
        channel: notice.channel,
        escalation_id: text_of(subject.map(|it| it.escalation)),
        run_id: text_of(subject.map(|it| it.run).or_else(|| incident.map(|it| it.run))),
        incident_id: text_of(incident.map(|it| it.incident)),
        attempt_count: notice.attempts,
        problem: text_of(notice.problem),
        create_time: Some(time(notice.create_time)),
        attempt_time: notice.attempt_time.map(time),
        next_time: is_pending.then(|| time(notice.next_time)),
        close_time: notice.close_time.map(time),
    }
}

/// A channel for the wire.
pub(in crate::rpc) fn channel(channel: ChannelView) -> v1::NoticeChannel {
    v1::NoticeChannel {
        name: channel.name,
        kind: match channel.kind {
            ChannelKind::Webhook => WireChannelKind::Webhook,
            ChannelKind::Command => WireChannelKind::Command,
        }
        .into(),
        events: channel.events.into_iter().map(|it| kind(it).into()).collect(),
        off: channel.is_off,
        pending_count: u32::try_from(channel.waiting).unwrap_or(u32::MAX),
        oldest_pending_time: channel.oldest.map(time),
        success_time: channel.last.success.map(time),
        failure_time: channel.last.failure.map(|(at, _)| time(at)),
        problem: text_of(channel.last.failure.map(|(_, problem)| problem)),
        failure_count: channel.last.failures_in_a_row,
    }
}

/// The state of a filter; unspecified is every one.
pub(in crate::rpc) fn read_state(value: i32) -> Result<Option<NoticeState>, Error> {
    Ok(match known("state", value)? {
        State::Unspecified => None,
        State::Pending => Some(NoticeState::Pending),
        State::Delivered => Some(NoticeState::Delivered),
        State::Failed => Some(NoticeState::Failed),
        State::Cancelled => Some(NoticeState::Cancelled),
    })
}

const fn kind(kind: NoticeKind) -> Kind {
    match kind {
        NoticeKind::EscalationStep => Kind::EscalationStep,
        NoticeKind::EscalationUnreached => Kind::EscalationUnreached,
        NoticeKind::EscalationOverdue => Kind::EscalationOverdue,
        NoticeKind::EscalationExpired => Kind::EscalationExpired,
        NoticeKind::IncidentOpened => Kind::IncidentOpened,
        NoticeKind::CompensationFailed => Kind::CompensationFailed,
        NoticeKind::CompensationOverdue => Kind::CompensationOverdue,
        NoticeKind::Test => Kind::Test,
    }
}

const fn state(state: NoticeState) -> State {
    match state {
        NoticeState::Pending => State::Pending,
        NoticeState::Delivered => State::Delivered,
        NoticeState::Failed => State::Failed,
        NoticeState::Cancelled => State::Cancelled,
    }
}
