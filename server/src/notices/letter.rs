//! A notice as receivers get it: JSON, the same at every attempt.

use prost_types::Timestamp as WireTimestamp;
use serde::Serialize;

use crate::domain::escalation::SeverityTier;
use crate::domain::incident::IncidentKind;
use crate::domain::review::Judgement;
use crate::domain::time::Timestamp;
use crate::engine::outbox::Letter;

/// The form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    notice_id: String,
    tenant: &'a str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<About<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<OfIncident<'a>>,
}

#[derive(Serialize)]
struct OfIncident<'a> {
    incident_id: String,
    kind: IncidentKind,
    severity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    judgement: Option<Judgement>,
    action_id: String,
    run_id: String,
    tool: &'a str,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a str>,
    policy_revision_id: String,
    owners: &'a [String],
}

#[derive(Serialize)]
struct About<'a> {
    escalation_id: String,
    run_id: String,
    headline: &'a str,
    tool: &'a str,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a str>,
    severity: SeverityTier,
    lane: &'a str,
    due_time: String,
    expire_time: String,
}

/// The bytes of a letter; `None` only if they cannot be made at all.
pub(super) fn body(letter: &Letter) -> Option<Vec<u8>> {
    let notice = &letter.notice;
    let about = notice.subject.as_ref().map(|subject| About {
        escalation_id: subject.escalation.to_string(),
        run_id: subject.run.to_string(),
        headline: &letter.headline,
        tool: &subject.tool,
        agent: &subject.agent,
        on_behalf_of: subject.on_behalf_of.as_deref(),
        severity: subject.severity,
        lane: &subject.lane,
        due_time: rfc3339(subject.due_time),
        expire_time: rfc3339(subject.expire_time),
    });
    let incident = notice.incident.as_ref().map(|affair| OfIncident {
        incident_id: affair.incident.to_string(),
        kind: affair.kind,
        severity: affair.severity,
        judgement: affair.judgement,
        action_id: affair.action.to_string(),
        run_id: affair.run.to_string(),
        tool: &affair.tool,
        agent: &affair.agent,
        rule_id: affair.rule.as_deref(),
        policy_revision_id: affair.policy_revision.to_string(),
        owners: &affair.owners,
    });
    let body = Body {
        kind: notice.kind.name(),
        timestamp: rfc3339(notice.create_time),
        data: Data {
            notice_id: notice.id.to_string(),
            tenant: &letter.tenant,
            text: notice.text(&letter.headline),
            escalation: about,
            incident,
        },
    };
    serde_json::to_vec(&body).ok()
}

fn rfc3339(time: Timestamp) -> String {
    let (seconds, nanos) = time.to_seconds_nanos();
    WireTimestamp { seconds, nanos }.to_string()
}
