//! What the record teaches: examples of where people said something else.

use pointsman_api::v1;
use tonic::Streaming;

use crate::connect::Connection;
use crate::error::{Error, Result};

/// Calls `InsightService`: auditors and admins.
#[derive(Clone, Debug)]
pub struct Insight {
    connection: Connection,
}

/// Pages of examples, as they come.
#[derive(Debug)]
pub struct FeedbackPages {
    stream: Streaming<v1::ExportFeedbackResponse>,
    is_complete: bool,
}

impl Insight {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Begins to export labelled examples. Never repeated by itself: every page that
    /// leaves is recorded.
    ///
    /// # Errors
    ///
    /// As `InsightService.ExportFeedback`; FEEDBACK_NOT_CONSENTED names the setting.
    pub async fn export_feedback(
        &self,
        request: v1::ExportFeedbackRequest,
    ) -> Result<FeedbackPages> {
        let limit = self.connection.attempt_limit();
        let mut service = self.connection.insight_service();
        let opening = service.export_feedback(request);
        let opened =
            tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))?;
        Ok(FeedbackPages { stream: opened?.into_inner(), is_complete: false })
    }
}

impl FeedbackPages {
    /// The next page; none: that was all.
    ///
    /// # Errors
    ///
    /// The stream broke off, or ended before it was complete.
    pub async fn next(&mut self) -> Result<Option<Vec<v1::FeedbackExample>>> {
        while !self.is_complete {
            let Some(message) = self.stream.message().await? else {
                return Err(Error::protocol("the export ended before it was complete"));
            };
            self.is_complete = message.complete;
            if !message.examples.is_empty() {
                return Ok(Some(message.examples));
            }
        }
        Ok(None)
    }
}
