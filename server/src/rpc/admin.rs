//! `AdminService`: server information, tokens, backup, notices; what is longer stands in files
//! of its own.

mod access;
mod people;
mod queue;

use pointsman_api::v1;
use pointsman_api::v1::admin_service_server::AdminService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, open};
use super::convert::notices::{channel, notice, read_state};
use super::convert::people::{read_role, roles};
use super::convert::{self, answer, header, page, span, text_of, time};
use super::limits::fits;
use crate::domain::principal::Token;
use crate::engine::tokens::{CreateToken, NewToken};

/// What this server can do beyond the first version.
const CAPABILITIES: [&str; 0] = [];

/// Answers for administrators.
#[derive(Clone)]
pub(super) struct Admin(pub(super) Shared);

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_server_info(
        &self,
        request: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let Call { caller, .. } = open(request)?;
        let info = self.0.engine.server_info(&caller).await?;
        answer(v1::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            incarnation: info.store.incarnation.to_string(),
            store_engine: info.store.engine.to_owned(),
            dev: self.0.is_dev,
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            policy_revision_id: text_of(info.policy_revision),
            tenant: caller.tenant,
            principal: caller.name,
            roles: roles(&caller.roles),
            sequence: info.sequence,
            entries: info.store.entries,
            server_time: Some(time(self.0.engine.now())),
        })
    }

    async fn get_caller(
        &self,
        request: Request<v1::GetCallerRequest>,
    ) -> Result<Response<v1::GetCallerResponse>, Status> {
        access::get_caller(&self.0, request).await
    }

    async fn check_access(
        &self,
        request: Request<v1::CheckAccessRequest>,
    ) -> Result<Response<v1::CheckAccessResponse>, Status> {
        access::check_access(&self.0, request).await
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = CreateToken {
            request_id: message.request_id,
            principal: message.principal,
            roles: message
                .roles
                .into_iter()
                .map(|role| read_role("roles", role))
                .collect::<Result<_, _>>()?,
            ttl: span(message.ttl),
        };
        let created = self.0.engine.create_token(&caller, command).await?;
        let header = header(&created);
        let NewToken { token: made, secret } = created.value;
        answer(v1::CreateTokenResponse { header, token: Some(token(made)), secret })
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_tokens(&caller, page).await?;
        answer(fits(v1::ListTokensResponse {
            tokens: listed.items.into_iter().map(token).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("token_id", &message.token_id)?;
        let revoked = self.0.engine.revoke_token(&caller, &message.request_id, id).await?;
        let header = header(&revoked);
        answer(v1::RevokeTokenResponse { header, token: Some(token(revoked.value)) })
    }

    async fn create_backup(
        &self,
        request: Request<v1::CreateBackupRequest>,
    ) -> Result<Response<v1::CreateBackupResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let (path, report) = self.0.engine.create_backup(&caller, &message.name).await?;
        answer(v1::CreateBackupResponse {
            path: path.display().to_string(),
            entries: report.entries,
            bytes: report.bytes,
        })
    }

    async fn get_notice(
        &self,
        request: Request<v1::GetNoticeRequest>,
    ) -> Result<Response<v1::GetNoticeResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("notice_id", &message.notice_id)?;
        let found = self.0.engine.get_notice(&caller, id).await?;
        answer(v1::GetNoticeResponse { notice: Some(notice(found)) })
    }

    async fn list_notices(
        &self,
        request: Request<v1::ListNoticesRequest>,
    ) -> Result<Response<v1::ListNoticesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let state = read_state(message.state)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_notices(&caller, page, state).await?;
        answer(fits(v1::ListNoticesResponse {
            notices: listed.items.into_iter().map(notice).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn retry_notice(
        &self,
        request: Request<v1::RetryNoticeRequest>,
    ) -> Result<Response<v1::RetryNoticeResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("notice_id", &message.notice_id)?;
        let retried = self.0.engine.retry_notice(&caller, &message.request_id, id).await?;
        let header = header(&retried);
        answer(v1::RetryNoticeResponse { header, notice: Some(notice(retried.value)) })
    }

    async fn send_test_notice(
        &self,
        request: Request<v1::SendTestNoticeRequest>,
    ) -> Result<Response<v1::SendTestNoticeResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let (request_id, channel) = (&message.request_id, &message.channel);
        let sent = self.0.engine.send_test_notice(&caller, request_id, channel).await?;
        let header = header(&sent);
        answer(v1::SendTestNoticeResponse { header, notice: Some(notice(sent.value)) })
    }

    async fn list_notice_channels(
        &self,
        request: Request<v1::ListNoticeChannelsRequest>,
    ) -> Result<Response<v1::ListNoticeChannelsResponse>, Status> {
        let Call { caller, .. } = open(request)?;
        let channels = self.0.engine.notice_channels(&caller)?;
        answer(v1::ListNoticeChannelsResponse {
            channels: channels.into_iter().map(channel).collect(),
            server_time: Some(time(self.0.engine.now())),
        })
    }

    async fn list_principals(
        &self,
        request: Request<v1::ListPrincipalsRequest>,
    ) -> Result<Response<v1::ListPrincipalsResponse>, Status> {
        people::list_principals(&self.0, request).await
    }

    async fn update_principal(
        &self,
        request: Request<v1::UpdatePrincipalRequest>,
    ) -> Result<Response<v1::UpdatePrincipalResponse>, Status> {
        people::update_principal(&self.0, request).await
    }

    async fn assign_role(
        &self,
        request: Request<v1::AssignRoleRequest>,
    ) -> Result<Response<v1::AssignRoleResponse>, Status> {
        people::assign_role(&self.0, request).await
    }

    async fn unassign_role(
        &self,
        request: Request<v1::UnassignRoleRequest>,
    ) -> Result<Response<v1::UnassignRoleResponse>, Status> {
        people::unassign_role(&self.0, request).await
    }

    async fn set_availability(
        &self,
        request: Request<v1::SetAvailabilityRequest>,
    ) -> Result<Response<v1::SetAvailabilityResponse>, Status> {
        people::set_availability(&self.0, request).await
    }

    async fn pause_agent(
        &self,
        request: Request<v1::PauseAgentRequest>,
    ) -> Result<Response<v1::PauseAgentResponse>, Status> {
        people::pause_agent(&self.0, request).await
    }

    async fn resume_agent(
        &self,
        request: Request<v1::ResumeAgentRequest>,
    ) -> Result<Response<v1::ResumeAgentResponse>, Status> {
        people::resume_agent(&self.0, request).await
    }

    async fn grant_authority(
        &self,
        request: Request<v1::GrantAuthorityRequest>,
    ) -> Result<Response<v1::GrantAuthorityResponse>, Status> {
        people::grant_authority(&self.0, request).await
    }

    async fn revoke_authority(
        &self,
        request: Request<v1::RevokeAuthorityRequest>,
    ) -> Result<Response<v1::RevokeAuthorityResponse>, Status> {
        people::revoke_authority(&self.0, request).await
    }

    async fn list_authorities(
        &self,
        request: Request<v1::ListAuthoritiesRequest>,
    ) -> Result<Response<v1::ListAuthoritiesResponse>, Status> {
        people::list_authorities(&self.0, request).await
    }

    async fn break_glass(
        &self,
        request: Request<v1::BreakGlassRequest>,
    ) -> Result<Response<v1::BreakGlassResponse>, Status> {
        people::break_glass(&self.0, request).await
    }

    async fn put_queue_settings(
        &self,
        request: Request<v1::PutQueueSettingsRequest>,
    ) -> Result<Response<v1::PutQueueSettingsResponse>, Status> {
        queue::put_queue_settings(&self.0, request).await
    }

    async fn get_queue_settings(
        &self,
        request: Request<v1::GetQueueSettingsRequest>,
    ) -> Result<Response<v1::GetQueueSettingsResponse>, Status> {
        queue::get_queue_settings(&self.0, request).await
    }

    async fn list_queue_settings(
        &self,
        request: Request<v1::ListQueueSettingsRequest>,
    ) -> Result<Response<v1::ListQueueSettingsResponse>, Status> {
        queue::list_queue_settings(&self.0, request).await
    }

    async fn get_queue_status(
        &self,
        request: Request<v1::GetQueueStatusRequest>,
    ) -> Result<Response<v1::GetQueueStatusResponse>, Status> {
        queue::get_queue_status(&self.0, request).await
    }
}

fn token(token: Token) -> v1::Token {
    v1::Token {
        token_id: token.id.to_string(),
        principal: token.principal,
        roles: roles(&token.roles),
        create_time: Some(time(token.create_time)),
        expire_time: token.expire_time.map(time),
        revoke_time: token.revoke_time.map(time),
    }
}
