//! The queue: its settings, and how its lanes do.

use pointsman_api::v1;
use tonic::{Request, Response, Status};

use crate::engine::queue::PutQueueSettings;
use crate::rpc::Shared;
use crate::rpc::caller::{Call, open};
use crate::rpc::convert::{self, answer, header, page, queue, time};
use crate::rpc::limits::fits;

pub(super) async fn put_queue_settings(
    shared: &Shared,
    request: Request<v1::PutQueueSettingsRequest>,
) -> Result<Response<v1::PutQueueSettingsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let field = "current_settings_id";
    let command = PutQueueSettings {
        request_id: message.request_id,
        document: message.document,
        current: convert::optional_id(field, &message.current_settings_id)?,
        reason: message.reason,
    };
    let put = shared.engine.put_queue_settings(&caller, command).await?;
    let header = header(&put);
    answer(v1::PutQueueSettingsResponse { header, settings: Some(queue::settings(put.value)) })
}

pub(super) async fn get_queue_settings(
    shared: &Shared,
    request: Request<v1::GetQueueSettingsRequest>,
) -> Result<Response<v1::GetQueueSettingsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let id = convert::optional_id("settings_id", &message.settings_id)?;
    let found = shared.engine.get_queue_settings(&caller, id).await?;
    let (settings, document) = found.unzip();
    answer(fits(v1::GetQueueSettingsResponse {
        settings: settings.map(queue::settings),
        document: document.unwrap_or_default(),
    })?)
}

pub(super) async fn list_queue_settings(
    shared: &Shared,
    request: Request<v1::ListQueueSettingsRequest>,
) -> Result<Response<v1::ListQueueSettingsResponse>, Status> {
    let Call { caller, message } = open(request)?;
    let page = page(message.page_size, message.page_token);
    let listed = shared.engine.list_queue_settings(&caller, page).await?;
    answer(fits(v1::ListQueueSettingsResponse {
        settings: listed.items.into_iter().map(queue::settings).collect(),
        next_page_token: listed.next_page_token,
        server_time: Some(time(shared.engine.now())),
    })?)
}

pub(super) async fn get_queue_status(
    shared: &Shared,
    request: Request<v1::GetQueueStatusRequest>,
) -> Result<Response<v1::GetQueueStatusResponse>, Status> {
    let Call { caller, .. } = open(request)?;
    let status = queue::status(shared.engine.queue_status(&caller).await?);
    let server_time = Some(time(shared.engine.now()));
    answer(v1::GetQueueStatusResponse { server_time, ..status })
}
