//! `CheckpointService`: checkpoints, branches, and resumptions for pools of workers.

use pointsman_api::v1;
use pointsman_api::v1::checkpoint_service_server::CheckpointService;
use pointsman_api::v1::roll_back_run_request::Compensate;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, open};
use super::convert::{self, answer, branches, checkpoints, header, page, resumptions, span, time};
use super::limits::{fits, fits_after};
use crate::domain::error::{Effect, Error};
use crate::engine::branches::{BranchRun, RollBackRun};
use crate::engine::checkpoints::{ListCheckpoints, MarkCheckpoint, SaveCheckpoint};
use crate::engine::resumptions::ClaimResumptions;
use crate::telemetry::trace;

/// Answers for checkpoints and resumptions.
#[derive(Clone)]
pub(super) struct Checkpoints(pub(super) Shared);

#[tonic::async_trait]
impl CheckpointService for Checkpoints {
    async fn save_checkpoint(
        &self,
        request: Request<v1::SaveCheckpointRequest>,
    ) -> Result<Response<v1::SaveCheckpointResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let draft = message.draft.ok_or_else(|| convert::unspecified("draft"))?;
        let command = SaveCheckpoint {
            request_id: message.request_id,
            run: convert::id("run_id", &message.run_id)?,
            branch: message.branch,
            parent: convert::optional_id("parent_checkpoint_id", &message.parent_checkpoint_id)?,
            content: checkpoints::read_draft(draft),
        };
        trace::run(&command.run);
        let saved = self.0.engine.save_checkpoint(&caller, command).await?;
        let header = header(&saved);
        let checkpoint = Some(checkpoints::checkpoint(saved.value));
        answer(v1::SaveCheckpointResponse { header, checkpoint })
    }

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("checkpoint_id", &message.checkpoint_id)?;
        let found = self.0.engine.get_checkpoint(&caller, id).await?;
        answer(v1::GetCheckpointResponse { checkpoint: Some(checkpoints::checkpoint(found)) })
    }

    async fn list_checkpoints(
        &self,
        request: Request<v1::ListCheckpointsRequest>,
    ) -> Result<Response<v1::ListCheckpointsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        let which = ListCheckpoints { run, only_good: message.known_good };
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_checkpoints(&caller, page, which).await?;
        answer(fits(v1::ListCheckpointsResponse {
            checkpoints: listed.items.into_iter().map(checkpoints::checkpoint).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn diff_checkpoints(
        &self,
        request: Request<v1::DiffCheckpointsRequest>,
    ) -> Result<Response<v1::DiffCheckpointsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let from = convert::id("from_checkpoint_id", &message.from_checkpoint_id)?;
        let to = convert::id("to_checkpoint_id", &message.to_checkpoint_id)?;
        let diffed = self.0.engine.diff_checkpoints(&caller, from, to).await?;
        answer(fits(checkpoints::difference(diffed))?)
    }

    async fn mark_checkpoint(
        &self,
        request: Request<v1::MarkCheckpointRequest>,
    ) -> Result<Response<v1::MarkCheckpointResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = MarkCheckpoint {
            request_id: message.request_id,
            checkpoint: convert::id("checkpoint_id", &message.checkpoint_id)?,
            is_good: message.known_good,
            note: message.note,
        };
        let marked = self.0.engine.mark_checkpoint(&caller, command).await?;
        let header = header(&marked);
        let checkpoint = Some(checkpoints::checkpoint(marked.value));
        answer(v1::MarkCheckpointResponse { header, checkpoint })
    }

    async fn branch_run(
        &self,
        request: Request<v1::BranchRunRequest>,
    ) -> Result<Response<v1::BranchRunResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = BranchRun {
            request_id: message.request_id,
            run: convert::id("run_id", &message.run_id)?,
            branch: message.branch,
            checkpoint: convert::id("checkpoint_id", &message.checkpoint_id)?,
            reason: message.reason,
        };
        trace::run(&command.run);
        let made = self.0.engine.branch_run(&caller, command).await?;
        let header = header(&made);
        answer(v1::BranchRunResponse { header, branch: Some(branches::branch(made.value)) })
    }

    async fn roll_back_run(
        &self,
        request: Request<v1::RollBackRunRequest>,
    ) -> Result<Response<v1::RollBackRunResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let compensate: Compensate = convert::known("compensate", message.compensate)?;
        let command = RollBackRun {
            request_id: message.request_id,
            run: convert::id("run_id", &message.run_id)?,
            branch: message.branch,
            checkpoint: convert::optional_id("checkpoint_id", &message.checkpoint_id)?,
            reason: message.reason,
            instruction: message.instruction,
            compensates: compensate == Compensate::All,
            expected_effects: message.expected_effects,
            is_trial: message.validate_only,
        };
        trace::run(&command.run);
        let done = self.0.engine.roll_back_run(&caller, command).await?;
        let header = header(&done);
        answer(fits_after(branches::rolled_back(header, done.value))?)
    }

    async fn get_branch(
        &self,
        request: Request<v1::GetBranchRequest>,
    ) -> Result<Response<v1::GetBranchResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        let found = self.0.engine.get_branch(&caller, run, message.number).await?;
        answer(v1::GetBranchResponse { branch: Some(branches::branch(found)) })
    }

    async fn list_branches(
        &self,
        request: Request<v1::ListBranchesRequest>,
    ) -> Result<Response<v1::ListBranchesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_branches(&caller, page, run).await?;
        answer(fits(v1::ListBranchesResponse {
            branches: listed.items.into_iter().map(branches::branch).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn compare_branches(
        &self,
        request: Request<v1::CompareBranchesRequest>,
    ) -> Result<Response<v1::CompareBranchesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        let sides = (message.left, message.right);
        let found = self.0.engine.compare_branches(&caller, run, sides).await?;
        answer(fits(branches::compared(found))?)
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
