//! Running the server: what it is, who may call it, its backup, its notices.

mod people;

use std::time::Duration;

use pointsman_api::v1;

use crate::connect::{Connection, promised, span};
use crate::error::Result;

/// How much longer than other calls a backup may take.
const BACKUP_LIMIT: Duration = Duration::from_secs(3600);

/// Calls `AdminService`.
#[derive(Clone, Debug)]
pub struct Admin {
    connection: Connection,
}

/// A new token and its secret.
#[derive(Clone, PartialEq)]
pub struct CreatedToken {
    /// The token.
    pub token: v1::Token,
    /// What to send as the bearer token. Empty if the answer is a repetition: the
    /// secret is told once.
    pub secret: String,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Admin {
    /// Makes an admin of a connection. Server information needs no role, the rest
    /// needs the admin role.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Says what the server is and who the caller is to it.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or the token is not valid.
    pub async fn server_info(&self) -> Result<v1::GetServerInfoResponse> {
        self.connection
            .send(v1::GetServerInfoRequest {}, |request| {
                let mut service = self.connection.admin_service();
                async move { service.get_server_info(request).await }
            })
            .await
    }

    /// Says who the caller is: by which credential, in which roles, until when.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or the token is not valid.
    pub async fn caller(&self) -> Result<v1::GetCallerResponse> {
        self.connection
            .send(v1::GetCallerRequest {}, |request| {
                let mut service = self.connection.admin_service();
                async move { service.get_caller(request).await }
            })
            .await
    }

    /// Says whether somebody may do something. That somebody may not is an answer.
    ///
    /// # Errors
    ///
    /// As `AdminService.CheckAccess`.
    pub async fn check_access(
        &self,
        request: v1::CheckAccessRequest,
    ) -> Result<v1::CheckAccessResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.check_access(request).await }
            })
            .await
    }

    /// Makes a token; without `ttl` it works until it is revoked.
    ///
    /// # Errors
    ///
    /// As `AdminService.CreateToken`.
    pub async fn create_token(
        &self,
        principal: impl Into<String>,
        roles: &[v1::Role],
        ttl: Option<Duration>,
    ) -> Result<CreatedToken> {
        let request = v1::CreateTokenRequest {
            request_id: self.connection.new_request_id(),
            principal: principal.into(),
            roles: roles.iter().map(|role| i32::from(*role)).collect(),
            ttl: ttl.map(span),
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.create_token(request).await }
            })
            .await?;
        Ok(CreatedToken { token: promised(answer.token, "token")?, secret: answer.secret })
    }

    /// Returns a page of tokens, without their secrets.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListTokens`.
    pub async fn list_tokens(
        &self,
        request: v1::ListTokensRequest,
    ) -> Result<v1::ListTokensResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.list_tokens(request).await }
            })
            .await
    }

    /// Revokes a token.
    ///
    /// # Errors
    ///
    /// As `AdminService.RevokeToken`.
    pub async fn revoke_token(&self, token_id: impl Into<String>) -> Result<v1::Token> {
        let request = v1::RevokeTokenRequest {
            request_id: self.connection.new_request_id(),
            token_id: token_id.into(),
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.revoke_token(request).await }
            })
            .await?;
        promised(answer.token, "token")
    }

    /// Copies everything durable into a new folder on the server. Sent once: the
    /// name, not a request_id, keeps a second try from doing it twice.
    ///
    /// # Errors
    ///
    /// As `AdminService.CreateBackup`.
    pub async fn create_backup(&self, name: impl Into<String>) -> Result<v1::CreateBackupResponse> {
        let request = v1::CreateBackupRequest { name: name.into() };
        self.connection
            .send_once(BACKUP_LIMIT, request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.create_backup(request).await }
            })
            .await
    }

    /// Returns one notice.
    ///
    /// # Errors
    ///
    /// As `AdminService.GetNotice`.
    pub async fn get_notice(&self, notice_id: impl Into<String>) -> Result<v1::Notice> {
        let request = v1::GetNoticeRequest { notice_id: notice_id.into() };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.get_notice(request).await }
            })
            .await?;
        promised(answer.notice, "notice")
    }

    /// Returns a page of notices, the newest first.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListNotices`.
    pub async fn list_notices(
        &self,
        request: v1::ListNoticesRequest,
    ) -> Result<v1::ListNoticesResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.list_notices(request).await }
            })
            .await
    }

    /// Has a notice tried again at once.
    ///
    /// # Errors
    ///
    /// As `AdminService.RetryNotice`.
    pub async fn retry_notice(&self, notice_id: impl Into<String>) -> Result<v1::Notice> {
        let request = v1::RetryNoticeRequest {
            request_id: self.connection.new_request_id(),
            notice_id: notice_id.into(),
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.retry_notice(request).await }
            })
            .await?;
        promised(answer.notice, "notice")
    }

    /// Sends a notice by one channel that says nothing but that the channel works.
    /// [`Admin::get_notice`] shows what comes of it.
    ///
    /// # Errors
    ///
    /// As `AdminService.SendTestNotice`.
    pub async fn send_test_notice(&self, channel: impl Into<String>) -> Result<v1::Notice> {
        let request = v1::SendTestNoticeRequest {
            request_id: self.connection.new_request_id(),
            channel: channel.into(),
        };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.admin_service();
                async move { service.send_test_notice(request).await }
            })
            .await?;
        promised(answer.notice, "notice")
    }

    /// Says which channels the server has, and how it finds them.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListNoticeChannels`.
    pub async fn list_notice_channels(&self) -> Result<v1::ListNoticeChannelsResponse> {
        self.connection
            .send(v1::ListNoticeChannelsRequest {}, |request| {
                let mut service = self.connection.admin_service();
                async move { service.list_notice_channels(request).await }
            })
            .await
    }
}
