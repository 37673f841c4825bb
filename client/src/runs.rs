//! Reading runs and their actions; finishing a run by its id.

use pointsman_api::v1;

use crate::connect::{Connection, promised};
use crate::error::Result;
use crate::wall::WallWatch;
use crate::watch::RunsWatch;

/// Reads runs and actions: an agent its own, reviewers and admins the tenant's.
#[derive(Clone, Debug)]
pub struct Runs {
    connection: Connection,
}

impl Runs {
    /// Makes a reader of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns one run.
    ///
    /// # Errors
    ///
    /// As `RunService.GetRun`.
    pub async fn get(&self, run_id: impl Into<String>) -> Result<v1::Run> {
        let request = v1::GetRunRequest { run_id: run_id.into() };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.run_service();
                async move { service.get_run(request).await }
            })
            .await?;
        promised(answer.run, "run")
    }

    /// Returns a page of runs, newest first.
    ///
    /// # Errors
    ///
    /// As `RunService.ListRuns`.
    pub async fn list(&self, request: v1::ListRunsRequest) -> Result<v1::ListRunsResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.run_service();
                async move { service.list_runs(request).await }
            })
            .await
    }

    /// Returns a page of the timeline of a run, from either end.
    ///
    /// # Errors
    ///
    /// As `RunService.ListRunSteps`.
    pub async fn steps(
        &self,
        request: v1::ListRunStepsRequest,
    ) -> Result<v1::ListRunStepsResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.run_service();
                async move { service.list_run_steps(request).await }
            })
            .await
    }

    /// Watches runs from their present state, or from a cursor.
    pub fn watch(&self, request: v1::WatchRunsRequest) -> RunsWatch {
        RunsWatch::new(self.connection.clone(), request)
    }

    /// Watches all runs at a glance.
    pub fn wall(&self, request: v1::WatchWallRequest) -> WallWatch {
        WallWatch::new(self.connection.clone(), request)
    }

    /// Returns one action.
    ///
    /// # Errors
    ///
    /// As `ActionService.GetAction`.
    pub async fn action(&self, action_id: impl Into<String>) -> Result<v1::Action> {
        let request = v1::GetActionRequest { action_id: action_id.into() };
        let answer = self
            .connection
            .send(request, |request| {
                let mut service = self.connection.action_service();
                async move { service.get_action(request).await }
            })
            .await?;
        promised(answer.action, "action")
    }

    /// Returns a page of the actions of one run, oldest first.
    ///
    /// # Errors
    ///
    /// As `ActionService.ListActions`.
    pub async fn actions(
        &self,
        request: v1::ListActionsRequest,
    ) -> Result<v1::ListActionsResponse> {
        self.connection
            .send(request, |request| {
                let mut service = self.connection.action_service();
                async move { service.list_actions(request).await }
            })
            .await
    }
}
