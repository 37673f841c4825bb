//! `ReasoningService`: takes the transcripts of runs, and shows them.

mod session;

use pointsman_api::v1;
use pointsman_api::v1::reasoning_service_server::ReasoningService;
use tonic::{Request, Response, Status, Streaming};

use super::Shared;
use super::caller::{Call, StreamCall, open, open_stream};
use super::convert::{
    self, answer, conversation, header, overrides, resumptions, span, time, transcripts,
};
use super::limits::fits;
use super::streams::Guarded;
use super::watches;
use crate::domain::error::{Effect, Error};
use crate::domain::ids::RunId;
use crate::engine::transcripts::{AppendEntries, ReceiveUpdates};
use crate::telemetry::trace;

/// Answers for transcripts.
#[derive(Clone)]
pub(super) struct Reasoning(pub(super) Shared);

#[tonic::async_trait]
impl ReasoningService for Reasoning {
    type OpenSessionStream = Guarded<v1::OpenSessionResponse>;
    type WatchReasoningStream = Guarded<v1::WatchReasoningResponse>;

    async fn append_entries(
        &self,
        request: Request<v1::AppendEntriesRequest>,
    ) -> Result<Response<v1::AppendEntriesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run: RunId = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let entries = transcripts::read_drafts("entries", message.entries)?;
        let command = AppendEntries { run: Some(run), attempt: message.attempt, entries };
        let appended = self.0.engine.append_entries(&caller, command).await?;
        answer(v1::AppendEntriesResponse {
            header: header(&appended),
            durable_through: appended.value.through,
            attempt: appended.value.attempt,
            byte_count: appended.value.spent.bytes,
            truncated_count: appended.value.spent.cut_entries,
        })
    }

    async fn open_session(
        &self,
        request: Request<Streaming<v1::OpenSessionRequest>>,
    ) -> Result<Response<Self::OpenSessionStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let session = session::open(&self.0.engine, &caller, message).await?;
        answer(self.0.streams.guard(pass, session)?)
    }

    async fn watch_reasoning(
        &self,
        request: Request<v1::WatchReasoningRequest>,
    ) -> Result<Response<Self::WatchReasoningStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let watch = watches::of_reasoning(&self.0.engine, &caller, message).await?;
        answer(self.0.streams.guard(pass.resting_on(watch.need), watch.messages)?)
    }

    async fn receive_updates(
        &self,
        request: Request<v1::ReceiveUpdatesRequest>,
    ) -> Result<Response<v1::ReceiveUpdatesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run: RunId = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let guided_by = convert::optional_id("policy_revision_id", &message.policy_revision_id)?;
        let command = ReceiveUpdates { run: Some(run), wait: span(message.wait), guided_by };
        let engine = &self.0.engine;
        let updates = tokio::select! {
            updates = engine.receive_updates(&caller, command) => updates?,
            () = self.0.streams.stopping() => {
                return Err(Error::Stopping { effect: Effect::None }.into());
            }
        };
        let overrides = updates.overrides.into_iter().map(overrides::overriding).collect();
        answer(fits(v1::ReceiveUpdatesResponse {
            overrides,
            resumptions: updates.resumptions.into_iter().map(resumptions::resumption).collect(),
            questions: updates.questions.into_iter().map(conversation::question).collect(),
            guidance: updates.guidance.map(|(revision, it)| transcripts::guidance(revision, it)),
            durable_through: updates.through,
            server_time: Some(time(engine.now())),
        })?)
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<v1::ListEntriesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run: RunId = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let engine = &self.0.engine;
        let page = engine.list_entries(&caller, run, message.from_entry, message.page_size).await?;
        let is_own = page.is_own;
        answer(fits(v1::ListEntriesResponse {
            entries: page.entries.into_iter().map(|it| transcripts::entry(it, is_own)).collect(),
            next_entry: page.next.unwrap_or_default(),
            durable_through: page.head.last,
            server_time: Some(time(engine.now())),
        })?)
    }
}
