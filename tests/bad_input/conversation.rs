//! Valid requests about what is said of a question.

use pointsman_api::v1;
use prost::Message;

use super::requests::World;
use crate::harness::api::{AGENT, REVIEWER, request_id};

impl World {
    pub(super) async fn conversation_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let text = "Which one?".to_owned();
        let escalation_id = self.open().await.escalation_id().to_owned();
        let message = match method {
            "AskAgent" => v1::AskAgentRequest { request_id, escalation_id, text }.encode_to_vec(),
            "AddComment" => {
                v1::AddCommentRequest { request_id, escalation_id, text }.encode_to_vec()
            }
            "AnswerQuestion" => {
                let asked = self.fixture.reviewer().ask(&escalation_id, &text).await.unwrap();
                let question_id = asked.question_id;
                let message =
                    v1::AnswerQuestionRequest { request_id, escalation_id, question_id, text };
                return (AGENT, message.encode_to_vec());
            }
            "ListQuestions" => {
                v1::ListQuestionsRequest { page_size: 5, escalation_id, ..Default::default() }
                    .encode_to_vec()
            }
            "ListComments" => {
                v1::ListCommentsRequest { page_size: 5, escalation_id, ..Default::default() }
                    .encode_to_vec()
            }
            "PreviewBulkResolution" => {
                let filter =
                    v1::EscalationFilter { agent: "agent".to_owned(), ..Default::default() };
                v1::PreviewBulkResolutionRequest { filter: Some(filter), ..Default::default() }
                    .encode_to_vec()
            }
            "ResolveBulk" => self.bulk_request().await.encode_to_vec(),
            _ => panic!("no valid request for {method}: add one"),
        };
        (REVIEWER, message)
    }

    /// A preview of one question, rejected.
    async fn bulk_request(&self) -> v1::ResolveBulkRequest {
        let escalation_ids = vec![self.open_lightly().await.escalation_id().to_owned()];
        let request = v1::PreviewBulkResolutionRequest { escalation_ids, ..Default::default() };
        let shown = self.fixture.reviewer().preview_bulk(request).await.unwrap();
        let note = "not now".to_owned();
        let seen = shown.items.into_iter().map(|item| v1::BulkSeen {
            escalation_id: item.escalation_id,
            action_digest: item.action_digest,
        });
        v1::ResolveBulkRequest {
            request_id: request_id(),
            preview_token: shown.preview_token,
            items: seen.collect(),
            answer: v1::resolve_bulk_request::Answer::Reject.into(),
            note,
            reason_code: "later".to_owned(),
            surface: "test".to_owned(),
        }
    }
}
