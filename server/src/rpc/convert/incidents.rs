//! Incidents.

use pointsman_api::v1;
use pointsman_api::v1::incident::{Kind, State};

use super::reviews::judgement;
use super::{known, text_of, time};
use crate::domain::error::Error;
use crate::domain::incident::{IncidentKind, IncidentState};
use crate::engine::incidents::IncidentView;

/// An incident for the wire.
pub(in crate::rpc) fn incident(view: IncidentView) -> v1::Incident {
    let IncidentView { incident, reason, resolution } = view;
    let (acknowledged_by, acknowledged_at) =
        incident.acknowledged.map(|deed| (deed.by, time(deed.time))).unzip();
    let (closed_by, closed_at) = incident.closed.map(|deed| (deed.by, time(deed.time))).unzip();
    v1::Incident {
        incident_id: incident.id.to_string(),
        kind: kind(incident.kind).into(),
        state: state(incident.state).into(),
        severity: incident.severity,
        action_id: incident.action.to_string(),
        run_id: incident.run.to_string(),
        agent: incident.agent,
        tool: incident.tool,
        rule_id: text_of(incident.rule),
        policy_revision_id: incident.policy_revision.to_string(),
        owners: incident.owners,
        judgement: incident.judgement.map(|it| judgement(it).into()).unwrap_or_default(),
        review_id: text_of(incident.review),
        raiser: incident.raiser,
        reason,
        create_time: Some(time(incident.create_time)),
        acknowledged_by: text_of(acknowledged_by),
        acknowledge_time: acknowledged_at,
        closed_by: text_of(closed_by),
        close_time: closed_at,
        resolution,
    }
}

/// The state of a filter; unspecified is every one.
pub(in crate::rpc) fn read_state(value: i32) -> Result<Option<IncidentState>, Error> {
    Ok(match known("state", value)? {
        State::Unspecified => None,
        State::Open => Some(IncidentState::Open),
        State::Acknowledged => Some(IncidentState::Acknowledged),
        State::Closed => Some(IncidentState::Closed),
    })
}

const fn kind(kind: IncidentKind) -> Kind {
    match kind {
        IncidentKind::Finding => Kind::Finding,
        IncidentKind::Raised => Kind::Raised,
        IncidentKind::CompensationFailed => Kind::CompensationFailed,
        IncidentKind::CompensationOverdue => Kind::CompensationOverdue,
    }
}

const fn state(state: IncidentState) -> State {
    match state {
        IncidentState::Open => State::Open,
        IncidentState::Acknowledged => State::Acknowledged,
        IncidentState::Closed => State::Closed,
    }
}
