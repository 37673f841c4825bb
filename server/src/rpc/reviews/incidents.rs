//! Incidents of `ReviewService`.

use pointsman_api::v1;
use tonic::{Request, Response, Status};

use crate::engine::Engine;
use crate::engine::incidents::{CloseIncident, Filter, RaiseIncident};
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::incidents::{incident, read_state};
use crate::rpc::convert::reviews::read_judgement;
use crate::rpc::convert::{self, answer, header, page, time};
use crate::rpc::limits::fits;

pub(super) async fn raise(
    engine: &Engine,
    request: Request<v1::RaiseIncidentRequest>,
) -> Result<Response<v1::RaiseIncidentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = RaiseIncident {
        request_id: message.request_id,
        action: convert::id("action_id", &message.action_id)?,
        judgement: read_judgement(message.judgement)?,
        severity: message.severity,
        reason: message.reason,
    };
    let raised = engine.raise_incident(&caller, command).await?;
    let header = header(&raised);
    answer(v1::RaiseIncidentResponse { header, incident: Some(incident(raised.value)) })
}

pub(super) async fn get(
    engine: &Engine,
    request: Request<v1::GetIncidentRequest>,
) -> Result<Response<v1::GetIncidentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let id = convert::id("incident_id", &message.incident_id)?;
    let found = engine.get_incident(&caller, id).await?;
    let server_time = Some(time(engine.now()));
    answer(v1::GetIncidentResponse { incident: Some(incident(found)), server_time })
}

pub(super) async fn list(
    engine: &Engine,
    request: Request<v1::ListIncidentsRequest>,
) -> Result<Response<v1::ListIncidentsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let state = read_state(message.state)?;
    let filter = Filter { state, agent: message.agent, rule: message.rule_id };
    let page = page(message.page_size, message.page_token);
    let listed = engine.list_incidents(&caller, page, &filter).await?;
    answer(fits(v1::ListIncidentsResponse {
        incidents: listed.items.into_iter().map(incident).collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(engine.now())),
    })?)
}

pub(super) async fn acknowledge(
    engine: &Engine,
    request: Request<v1::AcknowledgeIncidentRequest>,
) -> Result<Response<v1::AcknowledgeIncidentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let id = convert::id("incident_id", &message.incident_id)?;
    let done = engine.acknowledge_incident(&caller, &message.request_id, id).await?;
    let header = header(&done);
    answer(v1::AcknowledgeIncidentResponse { header, incident: Some(incident(done.value)) })
}

pub(super) async fn close(
    engine: &Engine,
    request: Request<v1::CloseIncidentRequest>,
) -> Result<Response<v1::CloseIncidentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = CloseIncident {
        request_id: message.request_id,
        incident: convert::id("incident_id", &message.incident_id)?,
        resolution: message.resolution,
    };
    let closed = engine.close_incident(&caller, command).await?;
    let header = header(&closed);
    answer(v1::CloseIncidentResponse { header, incident: Some(incident(closed.value)) })
}
