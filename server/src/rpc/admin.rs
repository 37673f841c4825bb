//! `AdminService`: server information, tokens, backup.

use pointsman_api::v1;
use pointsman_api::v1::admin_service_server::AdminService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, open};
use super::convert::{self, answer, header, page, span, text_of, time};
use super::limits::fits;
use crate::domain::error::Error;
use crate::domain::principal::{Role, Token};
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

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = CreateToken {
            request_id: message.request_id,
            principal: message.principal,
            roles: message.roles.into_iter().map(read_role).collect::<Result<_, _>>()?,
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

fn roles(roles: &[Role]) -> Vec<i32> {
    let roles = roles.iter().map(|role| match role {
        Role::Agent => v1::Role::Agent,
        Role::Reviewer => v1::Role::Reviewer,
        Role::Admin => v1::Role::Admin,
    });
    roles.map(i32::from).collect()
}

fn read_role(role: i32) -> Result<Role, Error> {
    match convert::known("roles", role)? {
        v1::Role::Unspecified => Err(convert::unspecified("roles")),
        v1::Role::Agent => Ok(Role::Agent),
        v1::Role::Reviewer => Ok(Role::Reviewer),
        v1::Role::Admin => Ok(Role::Admin),
    }
}
