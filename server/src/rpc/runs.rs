//! `RunService`: starts, shows and finishes runs, and takes what they hear.

use futures::stream::unfold;
use pointsman_api::v1;
use pointsman_api::v1::run_service_server::RunService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{Call, StreamCall, open, open_stream};
use super::convert::{self, answer, header, page, time};
use super::limits::fits;
use super::streams::Guarded;
use super::watches;
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::engine::messages::AppendMessages;
use crate::engine::runs::{FinishRun, RunFilter, StartRun};
use crate::engine::views::RunView;
use crate::engine::wall::WallWatch;
use crate::telemetry::trace;

/// Answers for runs.
#[derive(Clone)]
pub(super) struct Runs(pub(super) Shared);

#[tonic::async_trait]
impl RunService for Runs {
    type WatchRunsStream = Guarded<v1::WatchRunsResponse>;
    type WatchWallStream = Guarded<v1::WatchWallResponse>;

    async fn start_run(
        &self,
        request: Request<v1::StartRunRequest>,
    ) -> Result<Response<v1::StartRunResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = StartRun {
            request_id: message.request_id,
            on_behalf_of: message.on_behalf_of,
            parent: convert::optional_id("parent_run_id", &message.parent_run_id)?,
            goal: message.goal,
            constraint_sets: message.constraint_sets,
        };
        let started = self.0.engine.start_run(&caller, command).await?;
        let header = header(&started);
        trace::run(&started.value.run.id);
        answer(v1::StartRunResponse { header, run: Some(convert::runs::run(started.value)) })
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::GetRunResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("run_id", &message.run_id)?;
        trace::run(&id);
        let run = self.0.engine.get_run(&caller, id).await?;
        let shown = self.shown(&caller, vec![run]).await?.into_iter().next();
        answer(v1::GetRunResponse { run: shown })
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let filter = RunFilter {
            state: convert::runs::read_state(convert::known("state", message.state)?),
            parent: convert::optional_id("parent_run_id", &message.parent_run_id)?,
            tree: convert::optional_id("tree_run_id", &message.tree_run_id)?,
            agent: message.agent,
            on_behalf_of: message.on_behalf_of,
        };
        let page = page(message.page_size, message.page_token);
        let listed = self.0.engine.list_runs(&caller, page, &filter).await?;
        answer(fits(v1::ListRunsResponse {
            runs: self.shown(&caller, listed.items).await?,
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn list_run_steps(
        &self,
        request: Request<v1::ListRunStepsRequest>,
    ) -> Result<Response<v1::ListRunStepsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let list = convert::timeline::read_list(message)?;
        trace::run(&list.run);
        let page = self.0.engine.list_steps(&caller, &list).await?;
        answer(fits(v1::ListRunStepsResponse {
            steps: page.steps.into_iter().map(convert::timeline::step).collect(),
            next_page_token: page.next_page_token,
            resume_page_token: page.resume_page_token,
            server_time: Some(time(self.0.engine.now())),
        })?)
    }

    async fn watch_wall(
        &self,
        request: Request<v1::WatchWallRequest>,
    ) -> Result<Response<Self::WatchWallStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let watch = self.0.engine.watch_wall(&caller, convert::wall::read(message)?).await?;
        answer(self.0.streams.guard(pass, unfold(Some(watch), next_wall))?)
    }

    async fn finish_run(
        &self,
        request: Request<v1::FinishRunRequest>,
    ) -> Result<Response<v1::FinishRunResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let state = convert::runs::read_state(convert::known("state", message.state)?);
        let command = FinishRun {
            request_id: message.request_id,
            run: convert::id("run_id", &message.run_id)?,
            state: state.ok_or_else(|| convert::unspecified("state"))?,
        };
        trace::run(&command.run);
        let finished = self.0.engine.finish_run(&caller, command).await?;
        let header = header(&finished);
        answer(v1::FinishRunResponse { header, run: Some(convert::runs::run(finished.value)) })
    }

    async fn append_messages(
        &self,
        request: Request<v1::AppendMessagesRequest>,
    ) -> Result<Response<v1::AppendMessagesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run: RunId = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let told = message.messages.into_iter().enumerate();
        let messages =
            told.map(|(place, told)| convert::runs::read_message("messages", place, told));
        let command = AppendMessages {
            request_id: message.request_id,
            run: Some(run),
            messages: messages.collect::<Result<_, _>>()?,
        };
        let appended = self.0.engine.append_messages(&caller, command).await?;
        answer(v1::AppendMessagesResponse { header: header(&appended) })
    }

    async fn watch_runs(
        &self,
        request: Request<v1::WatchRunsRequest>,
    ) -> Result<Response<Self::WatchRunsStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let watch = watches::of_runs(&self.0.engine, &caller, message).await?;
        answer(self.0.streams.guard(pass.resting_on(watch.need), watch.messages)?)
    }
}

impl Runs {
    /// Runs for the wire, each with its condition as the caller sees it.
    async fn shown(&self, caller: &Principal, views: Vec<RunView>) -> Result<Vec<v1::Run>, Error> {
        let runs = views.iter().map(|view| &view.run);
        let mut standings = self.0.engine.standings(caller, runs).await?;
        let shown = views.into_iter().map(|view| {
            let standing = standings.remove(&view.run.id).map(convert::wall::standing);
            v1::Run { standing, ..convert::runs::run(view) }
        });
        Ok(shown.collect())
    }
}

async fn next_wall(
    watch: Option<WallWatch>,
) -> Option<(Result<v1::WatchWallResponse, Status>, Option<WallWatch>)> {
    let mut watch = watch?;
    Some(match watch.next().await {
        Ok(item) => match fits(convert::wall::item(item)) {
            Ok(message) => (Ok(message), Some(watch)),
            Err(status) => (Err(status), None),
        },
        Err(error) => (Err(error.into()), None),
    })
}
