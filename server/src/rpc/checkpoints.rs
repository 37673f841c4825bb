//! `CheckpointService`: checkpoints, and resumptions for pools of workers.

use pointsman_api::v1;
use pointsman_api::v1::checkpoint_service_server::CheckpointService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, open};
use super::convert::{self, answer, header, resumptions, span};
use super::limits::fits_after;
use crate::domain::error::{Effect, Error};
use crate::engine::resumptions::ClaimResumptions;
use crate::telemetry::trace;

/// Answers for checkpoints and resumptions.
#[derive(Clone)]
pub(super) struct Checkpoints(pub(super) Shared);

#[tonic::async_trait]
impl CheckpointService for Checkpoints {
    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("checkpoint_id", &message.checkpoint_id)?;
        let found = self.0.engine.get_checkpoint(&caller, id).await?;
        answer(v1::GetCheckpointResponse { checkpoint: Some(resumptions::checkpoint(found)) })
    }

    async fn claim_resumptions(
        &self,
        request: Request<v1::ClaimResumptionsRequest>,
    ) -> Result<Response<v1::ClaimResumptionsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = ClaimResumptions {
            request_id: message.request_id,
            max_items: message.max_items,
            lease: span(message.lease),
            wait: span(message.wait),
            run: convert::optional_id("run_id", &message.run_id)?,
            escalation: convert::optional_id("escalation_id", &message.escalation_id)?,
        };
        // It may wait for half a minute; shutdown must not wait for it.
        let claimed = tokio::select! {
            claimed = self.0.engine.claim_resumptions(&caller, command) => claimed?,
            () = self.0.streams.stopping() => {
                return Err(Error::Stopping { effect: Effect::Unknown }.into());
            }
        };
        let header = header(&claimed);
        let resumptions = claimed.value.into_iter().map(resumptions::resumption).collect();
        answer(fits_after(v1::ClaimResumptionsResponse { header, resumptions })?)
    }

    async fn acknowledge_resumption(
        &self,
        request: Request<v1::AcknowledgeResumptionRequest>,
    ) -> Result<Response<v1::AcknowledgeResumptionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("escalation_id", &message.escalation_id)?;
        trace::escalation(&id);
        let (engine, request_id) = (&self.0.engine, &message.request_id);
        let done = engine.acknowledge_resumption(&caller, request_id, id, message.epoch).await?;
        answer(v1::AcknowledgeResumptionResponse { header: header(&done) })
    }
}
