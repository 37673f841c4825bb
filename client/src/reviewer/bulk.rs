//! One answer to several questions of a kind.

use pointsman_api::v1;
use pointsman_api::v1::resolve_bulk_request::Answer;

use super::{Given, Reviewer};
use crate::error::Result;

impl Reviewer {
    /// Says which open questions can be answered at once; nothing is changed.
    ///
    /// # Errors
    ///
    /// As `EscalationService.PreviewBulkResolution`.
    pub async fn preview_bulk(
        &self,
        request: v1::PreviewBulkResolutionRequest,
    ) -> Result<v1::PreviewBulkResolutionResponse> {
        self.call(request, |mut service, request| async move {
            service.preview_bulk_resolution(request).await
        })
        .await
    }

    /// Gives every question of a preview the same answer: all of them, or none. Of what
    /// is given beside it the note, the code and the surface count; a reason is wanted.
    ///
    /// # Errors
    ///
    /// As `EscalationService.ResolveBulk`.
    pub async fn resolve_bulk(
        &self,
        preview: &v1::PreviewBulkResolutionResponse,
        answer: Answer,
        given: impl Into<Given>,
    ) -> Result<Vec<v1::Escalation>> {
        let given = given.into();
        let seen = preview.items.iter().map(|item| v1::BulkSeen {
            escalation_id: item.escalation_id.clone(),
            action_digest: item.action_digest.clone(),
        });
        let request = v1::ResolveBulkRequest {
            request_id: self.connection.new_request_id(),
            preview_token: preview.preview_token.clone(),
            items: seen.collect(),
            answer: answer.into(),
            note: given.note,
            reason_code: given.reason_code,
            surface: given.surface,
        };
        let resolved =
            self.call(request, |mut service, request| async move {
                service.resolve_bulk(request).await
            })
            .await?;
        Ok(resolved.escalations)
    }
}
