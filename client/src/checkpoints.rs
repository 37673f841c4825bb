//! Checkpoints and branches: saving states, comparing them, and taking runs back.

use std::future::Future;

use pointsman_api::v1;
use pointsman_api::v1::checkpoint_service_client::CheckpointServiceClient;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised};
use crate::error::Result;

type Service = CheckpointServiceClient<AuthorizedChannel>;

/// Calls `CheckpointService`: agents save and branch, people mark and roll back.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    connection: Connection,
}

impl Checkpoints {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Saves the state of the calling agent's run, on the branch that it is on. With a
    /// parent, only if that is the newest of the branch.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.SaveCheckpoint`.
    pub async fn save(
        &self,
        run_id: impl Into<String>,
        branch: u32,
        parent: Option<String>,
        draft: v1::CheckpointDraft,
    ) -> Result<v1::Checkpoint> {
        let request = v1::SaveCheckpointRequest {
            request_id: self.connection.new_request_id(),
            run_id: run_id.into(),
            branch,
            parent_checkpoint_id: parent.unwrap_or_default(),
            draft: Some(draft),
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.save_checkpoint(request).await
            })
            .await?;
        promised(answer.checkpoint, "checkpoint")
    }

    /// Returns one checkpoint; with its state to the agent of its run.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.GetCheckpoint`.
    pub async fn get(&self, checkpoint_id: impl Into<String>) -> Result<v1::Checkpoint> {
        crate::worker::checkpoint(&self.connection, checkpoint_id.into()).await
    }

    /// Returns a page of the checkpoints of one run, newest first.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.ListCheckpoints`.
    pub async fn list(
        &self,
        request: v1::ListCheckpointsRequest,
    ) -> Result<v1::ListCheckpointsResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_checkpoints(request).await },
        )
        .await
    }

    /// Says what differs between two checkpoints of one run.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.DiffCheckpoints`.
    pub async fn diff(
        &self,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Result<v1::DiffCheckpointsResponse> {
        let (from_checkpoint_id, to_checkpoint_id) = (from.into(), to.into());
        let request = v1::DiffCheckpointsRequest { from_checkpoint_id, to_checkpoint_id };
        self.call(
            request,
            |mut service, request| async move { service.diff_checkpoints(request).await },
        )
        .await
    }

    /// Marks a checkpoint as known to be good, or takes the mark back.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.MarkCheckpoint`.
    pub async fn mark(
        &self,
        checkpoint_id: impl Into<String>,
        known_good: bool,
        note: impl Into<String>,
    ) -> Result<v1::Checkpoint> {
        let request = v1::MarkCheckpointRequest {
            request_id: self.connection.new_request_id(),
            checkpoint_id: checkpoint_id.into(),
            known_good,
            note: note.into(),
        };
        let answer =
            self.call(request, |mut service, request| async move {
                service.mark_checkpoint(request).await
            })
            .await?;
        promised(answer.checkpoint, "checkpoint")
    }

    /// Puts the calling agent's own run on a new branch, from one of its checkpoints.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.BranchRun`.
    pub async fn branch(
        &self,
        run_id: impl Into<String>,
        branch: u32,
        checkpoint_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::Branch> {
        let request = v1::BranchRunRequest {
            request_id: self.connection.new_request_id(),
            run_id: run_id.into(),
            branch,
            checkpoint_id: checkpoint_id.into(),
            reason: reason.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move { service.branch_run(request).await })
            .await?;
        promised(answer.branch, "branch")
    }

    /// Takes a run back to a checkpoint, or says what that would leave behind. A request
    /// without an id gets one.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.RollBackRun`.
    pub async fn roll_back(
        &self,
        mut request: v1::RollBackRunRequest,
    ) -> Result<v1::RollBackRunResponse> {
        if request.request_id.is_empty() {
            request.request_id = self.connection.new_request_id();
        }
        self.call(
            request,
            |mut service, request| async move { service.roll_back_run(request).await },
        )
        .await
    }

    /// Returns one branch of a run; number 0 is the newest.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.GetBranch`.
    pub async fn branch_of(&self, run_id: impl Into<String>, number: u32) -> Result<v1::Branch> {
        let request = v1::GetBranchRequest { run_id: run_id.into(), number };
        let answer = self
            .call(request, |mut service, request| async move { service.get_branch(request).await })
            .await?;
        promised(answer.branch, "branch")
    }

    /// Returns a page of the branches of one run, oldest first.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.ListBranches`.
    pub async fn branches(
        &self,
        request: v1::ListBranchesRequest,
    ) -> Result<v1::ListBranchesResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_branches(request).await },
        )
        .await
    }

    /// Puts two paths of one run side by side.
    ///
    /// # Errors
    ///
    /// As `CheckpointService.CompareBranches`.
    pub async fn compare(
        &self,
        run_id: impl Into<String>,
        left: u32,
        right: u32,
    ) -> Result<v1::CompareBranchesResponse> {
        let request = v1::CompareBranchesRequest { run_id: run_id.into(), left, right };
        self.call(
            request,
            |mut service, request| async move { service.compare_branches(request).await },
        )
        .await
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.checkpoint_service(), request);
        self.connection.send(message, call).await
    }
}
