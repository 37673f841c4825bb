//! The people's part of `AdminService`.

use pointsman_api::v1;
use tonic::{Request, Response, Status};

use crate::domain::authority::Authority;
use crate::domain::directory::Entry;
use crate::engine::Answer;
use crate::engine::people::{
    AssignRole, BreakGlass, GrantAuthority, SetAvailability, SetPause, UpdatePrincipal,
};
use crate::rpc::Shared;
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::people::{
    authority, principal, read_holder, read_limit, read_role, read_time,
};
use crate::rpc::convert::{self, answer, header, page, span, time};
use crate::rpc::limits::fits;

fn parts(answer: Answer<Entry>) -> (Option<v1::ResponseHeader>, Option<v1::Principal>) {
    (header(&answer), Some(principal(answer.value)))
}

pub(super) async fn list_principals(
    shared: &Shared,
    request: Request<v1::ListPrincipalsRequest>,
) -> Result<Response<v1::ListPrincipalsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let page = page(message.page_size, message.page_token);
    let listed = shared.engine.list_principals(&caller, page).await?;
    answer(fits(v1::ListPrincipalsResponse {
        principals: listed.items.into_iter().map(principal).collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(shared.engine.now())),
    })?)
}

pub(super) async fn update_principal(
    shared: &Shared,
    request: Request<v1::UpdatePrincipalRequest>,
) -> Result<Response<v1::UpdatePrincipalResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = UpdatePrincipal {
        request_id: message.request_id,
        principal: message.principal,
        etag: message.etag,
        person: message.person,
        owner: message.owner,
        capacity: message.capacity,
        skills: message.skills.map(|skills| skills.names),
    };
    let done = shared.engine.update_principal(&caller, command).await?;
    let (header, principal) = parts(done);
    answer(v1::UpdatePrincipalResponse { header, principal })
}

pub(super) async fn assign_role(
    shared: &Shared,
    request: Request<v1::AssignRoleRequest>,
) -> Result<Response<v1::AssignRoleResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = AssignRole {
        request_id: message.request_id,
        principal: message.principal,
        role: read_role("role", message.role)?,
        start_time: read_time(message.start_time),
        end_time: read_time(message.end_time),
    };
    let (header, principal) = parts(shared.engine.assign_role(&caller, command).await?);
    answer(v1::AssignRoleResponse { header, principal })
}

pub(super) async fn unassign_role(
    shared: &Shared,
    request: Request<v1::UnassignRoleRequest>,
) -> Result<Response<v1::UnassignRoleResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let role = read_role("role", message.role)?;
    let (id, name) = (&message.request_id, &message.principal);
    let (header, principal) = parts(shared.engine.unassign_role(&caller, id, name, role).await?);
    answer(v1::UnassignRoleResponse { header, principal })
}

pub(super) async fn set_availability(
    shared: &Shared,
    request: Request<v1::SetAvailabilityRequest>,
) -> Result<Response<v1::SetAvailabilityResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = SetAvailability {
        request_id: message.request_id,
        principal: message.principal,
        is_off_duty: message.off_duty,
        absent_from: read_time(message.absent_from),
        absent_until: read_time(message.absent_until),
        delegate: message.delegate,
    };
    let (header, principal) = parts(shared.engine.set_availability(&caller, command).await?);
    answer(v1::SetAvailabilityResponse { header, principal })
}

pub(super) async fn pause_agent(
    shared: &Shared,
    request: Request<v1::PauseAgentRequest>,
) -> Result<Response<v1::PauseAgentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let v1::PauseAgentRequest { request_id, agent, reason } = message;
    let command = SetPause { request_id, agent, reason, is_paused: true };
    let (header, principal) = parts(shared.engine.set_pause(&caller, command).await?);
    answer(v1::PauseAgentResponse { header, principal })
}

pub(super) async fn resume_agent(
    shared: &Shared,
    request: Request<v1::ResumeAgentRequest>,
) -> Result<Response<v1::ResumeAgentResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let v1::ResumeAgentRequest { request_id, agent, reason } = message;
    let command = SetPause { request_id, agent, reason, is_paused: false };
    let (header, principal) = parts(shared.engine.set_pause(&caller, command).await?);
    answer(v1::ResumeAgentResponse { header, principal })
}

/// An authority with its reason, and the answer's header.
async fn granted(
    shared: &Shared,
    done: Answer<Authority>,
) -> Result<(Option<v1::ResponseHeader>, Option<v1::Authority>), Status> {
    let reason = shared.engine.authority_reason(&done.value).await?;
    Ok((header(&done), Some(authority(done.value, reason))))
}

pub(super) async fn grant_authority(
    shared: &Shared,
    request: Request<v1::GrantAuthorityRequest>,
) -> Result<Response<v1::GrantAuthorityResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = GrantAuthority {
        request_id: message.request_id,
        holder: read_holder(message.holder)?,
        limit: read_limit(message.limit)?,
        start_time: read_time(message.start_time),
        end_time: read_time(message.end_time),
        reason: message.reason,
    };
    let done = shared.engine.grant_authority(&caller, command).await?;
    let (header, authority) = granted(shared, done).await?;
    answer(v1::GrantAuthorityResponse { header, authority })
}

pub(super) async fn revoke_authority(
    shared: &Shared,
    request: Request<v1::RevokeAuthorityRequest>,
) -> Result<Response<v1::RevokeAuthorityResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let id = convert::id("authority_id", &message.authority_id)?;
    let done = shared.engine.revoke_authority(&caller, &message.request_id, id).await?;
    let (header, authority) = granted(shared, done).await?;
    answer(v1::RevokeAuthorityResponse { header, authority })
}

pub(super) async fn list_authorities(
    shared: &Shared,
    request: Request<v1::ListAuthoritiesRequest>,
) -> Result<Response<v1::ListAuthoritiesResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let page = page(message.page_size, message.page_token);
    let listed = shared.engine.list_authorities(&caller, page).await?;
    let authorities = listed.items.into_iter().map(|(it, reason)| authority(it, reason));
    answer(fits(v1::ListAuthoritiesResponse {
        authorities: authorities.collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(shared.engine.now())),
    })?)
}

pub(super) async fn break_glass(
    shared: &Shared,
    request: Request<v1::BreakGlassRequest>,
) -> Result<Response<v1::BreakGlassResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let command = BreakGlass {
        request_id: message.request_id,
        reason: message.reason,
        ttl: span(message.ttl),
    };
    let done = shared.engine.break_glass(&caller, command).await?;
    let (header, authority) = granted(shared, done).await?;
    answer(v1::BreakGlassResponse { header, authority })
}
