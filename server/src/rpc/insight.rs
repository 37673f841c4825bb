//! `InsightService`: what the record teaches.

use futures::stream::try_unfold;
use pointsman_api::v1;
use pointsman_api::v1::insight_service_server::InsightService;
use tonic::{Request, Response, Status};

use super::Shared;
use super::caller::{StreamCall, open_stream};
use super::convert::feedback::example;
use super::convert::{answer, point};
use super::limits::fits;
use super::streams::Guarded;
use crate::engine::feedback::{Export, ExportFeedback};

/// Answers for those who learn from the record.
#[derive(Clone)]
pub(super) struct Insight(pub(super) Shared);

type Message = v1::ExportFeedbackResponse;

#[tonic::async_trait]
impl InsightService for Insight {
    type ExportFeedbackStream = Guarded<Message>;

    async fn export_feedback(
        &self,
        request: Request<v1::ExportFeedbackRequest>,
    ) -> Result<Response<Self::ExportFeedbackStream>, Status> {
        let StreamCall { caller, pass, message } = open_stream(request)?;
        let command = ExportFeedback {
            since: message.since_time.map(point),
            until: message.until_time.map(point),
            agent: message.agent,
            tool: message.tool,
            rule: message.rule_id,
        };
        let export = self.0.engine.export_feedback(&caller, command).await?;
        answer(self.0.streams.guard(pass, try_unfold(Some(export), next_message))?)
    }
}

/// The next page; after the last one the message that says so.
async fn next_message(export: Option<Export>) -> Result<Option<(Message, Option<Export>)>, Status> {
    let Some(mut export) = export else { return Ok(None) };
    Ok(Some(match export.next_page().await? {
        Some(page) => {
            let examples = page.into_iter().map(example).collect();
            (fits(Message { examples, complete: false })?, Some(export))
        }
        None => (Message { examples: Vec::new(), complete: true }, None),
    }))
}
