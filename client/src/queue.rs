//! Time in the queue: its settings, and how its lanes do.

use std::future::Future;

use pointsman_api::v1;
use pointsman_api::v1::admin_service_client::AdminServiceClient;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised};
use crate::error::Result;

type Service = AdminServiceClient<AuthorizedChannel>;

/// Calls what `AdminService` knows of the queue: admins put its settings, everybody but
/// agents reads them.
#[derive(Clone, Debug)]
pub struct Queue {
    connection: Connection,
}

impl Queue {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Puts settings in force in place of `current_settings_id`, which is empty where
    /// nobody has put any.
    ///
    /// # Errors
    ///
    /// As `AdminService.PutQueueSettings`; QUEUE_SETTINGS_INVALID says what is wrong
    /// where, QUEUE_SETTINGS_CHANGED who was faster.
    pub async fn put(
        &self,
        document: impl Into<String>,
        current_settings_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::QueueSettings> {
        let request = v1::PutQueueSettingsRequest {
            request_id: self.connection.new_request_id(),
            document: document.into(),
            current_settings_id: current_settings_id.into(),
            reason: reason.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.put_queue_settings(request).await
            })
            .await?;
        promised(answer.settings, "settings")
    }

    /// Returns settings with their document; with an empty id those in force, and none
    /// where nobody has put any.
    ///
    /// # Errors
    ///
    /// As `AdminService.GetQueueSettings`.
    pub async fn settings(
        &self,
        settings_id: impl Into<String>,
    ) -> Result<Option<(v1::QueueSettings, String)>> {
        let request = v1::GetQueueSettingsRequest { settings_id: settings_id.into() };
        let answer = self
            .call(request, |mut service, request| async move {
                service.get_queue_settings(request).await
            })
            .await?;
        Ok(answer.settings.map(|settings| (settings, answer.document)))
    }

    /// Returns a page of settings, newest first.
    ///
    /// # Errors
    ///
    /// As `AdminService.ListQueueSettings`.
    pub async fn history(
        &self,
        request: v1::ListQueueSettingsRequest,
    ) -> Result<v1::ListQueueSettingsResponse> {
        self.call(request, |mut service, request| async move {
            service.list_queue_settings(request).await
        })
        .await
    }

    /// Says how the queue does.
    ///
    /// # Errors
    ///
    /// As `AdminService.GetQueueStatus`.
    pub async fn status(&self) -> Result<v1::GetQueueStatusResponse> {
        self.call(v1::GetQueueStatusRequest {}, |mut service, request| async move {
            service.get_queue_status(request).await
        })
        .await
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.admin_service(), request);
        self.connection.send(message, call).await
    }
}
