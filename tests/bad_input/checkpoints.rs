//! Valid requests about checkpoints, branches and resumptions.

use std::time::Duration;

use pointsman_api::v1;
use prost::Message;

use super::requests::World;
use crate::harness::api::{AGENT, REVIEWER, SUPERVISOR, request_id};
use crate::harness::fixture::span;
use crate::harness::poll::{PATIENCE, eventually};

/// A state with everything that may be said of it.
pub(super) fn draft() -> v1::CheckpointDraft {
    v1::CheckpointDraft {
        state: "{}".into(),
        schema_version: "test/1".to_owned(),
        credentials: vec![v1::CredentialRef {
            name: "api".to_owned(),
            reference: "vault:api".to_owned(),
        }],
        envelope: Some(v1::CheckpointEnvelope {
            framework: "langgraph".to_owned(),
            framework_version: "1.2".to_owned(),
            message_count: 3,
            pending_calls: vec![v1::PendingCall {
                tool: "lookup".to_owned(),
                tool_call_id: "call-1".to_owned(),
                arguments: "{}".into(),
            }],
            planned_action: "ask the bank".to_owned(),
            reasoning: "because".to_owned(),
        }),
    }
}

/// Who may send what stands in the request.
type Request = (&'static str, Vec<u8>);

impl World {
    pub(super) async fn checkpoint_request(&self, method: &str) -> Request {
        let run_id = self.run.run_id().to_owned();
        let message = match method {
            "SaveCheckpoint" => {
                let saved = self.saved().await;
                v1::SaveCheckpointRequest {
                    request_id: request_id(),
                    run_id: saved.run_id,
                    branch: 0,
                    parent_checkpoint_id: saved.checkpoint_id,
                    draft: Some(draft()),
                }
                .encode_to_vec()
            }
            "GetCheckpoint" => {
                let checkpoint_id = self.open().await.details().checkpoint_id.clone();
                v1::GetCheckpointRequest { checkpoint_id }.encode_to_vec()
            }
            "ListCheckpoints" => {
                let run_id = self.saved().await.run_id;
                v1::ListCheckpointsRequest { run_id, page_size: 5, ..Default::default() }
                    .encode_to_vec()
            }
            "DiffCheckpoints" => {
                let saved = self.saved().await;
                v1::DiffCheckpointsRequest {
                    from_checkpoint_id: saved.parent_checkpoint_id,
                    to_checkpoint_id: saved.checkpoint_id,
                }
                .encode_to_vec()
            }
            "ClaimResumptions" => v1::ClaimResumptionsRequest {
                request_id: request_id(),
                max_items: 1,
                lease: Some(span(Duration::from_secs(30))),
                wait: None,
                run_id,
                ..Default::default()
            }
            .encode_to_vec(),
            "AcknowledgeResumption" => {
                let wait = self.open().await;
                let seen = self.fixture.shown(wait.escalation_id()).await;
                self.fixture.reviewer().reject(&seen, "no", "").await.unwrap();
                v1::AcknowledgeResumptionRequest {
                    request_id: request_id(),
                    escalation_id: wait.escalation_id().to_owned(),
                    epoch: 1,
                }
                .encode_to_vec()
            }
            _ => return Box::pin(self.branch_request(method)).await,
        };
        (AGENT, message)
    }

    async fn branch_request(&self, method: &str) -> Request {
        let saved = self.saved().await;
        let (run_id, checkpoint_id) = (saved.run_id, saved.checkpoint_id);
        let (request_id, reason) = (request_id(), "for a test".to_owned());
        match method {
            "MarkCheckpoint" => {
                let note = reason;
                let message =
                    v1::MarkCheckpointRequest { request_id, checkpoint_id, known_good: true, note };
                (REVIEWER, message.encode_to_vec())
            }
            "BranchRun" => {
                let message =
                    v1::BranchRunRequest { request_id, run_id, branch: 0, checkpoint_id, reason };
                (AGENT, message.encode_to_vec())
            }
            "RollBackRun" => {
                let message = v1::RollBackRunRequest {
                    request_id,
                    run_id,
                    branch: 0,
                    checkpoint_id,
                    reason,
                    instruction: "try again".to_owned(),
                    compensate: v1::roll_back_run_request::Compensate::All.into(),
                    expected_effects: Some(0),
                    validate_only: false,
                };
                (SUPERVISOR, message.encode_to_vec())
            }
            "GetBranch" => {
                let run_id = self.branched(run_id, checkpoint_id).await;
                (AGENT, v1::GetBranchRequest { run_id, number: 1 }.encode_to_vec())
            }
            "ListBranches" => {
                let run_id = self.branched(run_id, checkpoint_id).await;
                let message =
                    v1::ListBranchesRequest { run_id, page_size: 5, ..Default::default() };
                (AGENT, message.encode_to_vec())
            }
            "CompareBranches" => {
                let run_id = self.branched(run_id, checkpoint_id).await;
                let message = v1::CompareBranchesRequest { run_id, left: 0, right: 1 };
                (AGENT, message.encode_to_vec())
            }
            _ => panic!("no valid request for {method}: add one"),
        }
    }

    /// The second checkpoint of a new run.
    async fn saved(&self) -> v1::Checkpoint {
        let run_id = self.fixture.run().await.run_id().to_owned();
        let mut service = self.fixture.connection(AGENT).checkpoint_service();
        let draft = Some(draft());
        let request = v1::SaveCheckpointRequest { run_id, draft, ..Default::default() };
        service.save_checkpoint(request.clone()).await.unwrap();
        service.save_checkpoint(request).await.unwrap().into_inner().checkpoint.unwrap()
    }

    /// Puts a run on another branch, and waits for what the server does about that by
    /// itself.
    async fn branched(&self, run_id: String, checkpoint_id: String) -> String {
        let mut service = self.fixture.connection(AGENT).checkpoint_service();
        let request =
            v1::BranchRunRequest { run_id: run_id.clone(), checkpoint_id, ..Default::default() };
        service.branch_run(request).await.unwrap();
        eventually("the former path is settled", PATIENCE, || {
            let mut service = service.clone();
            let request = v1::GetBranchRequest { run_id: run_id.clone(), number: 1 };
            async move {
                let found = service.get_branch(request).await.unwrap().into_inner();
                found.branch.unwrap().settle_time
            }
        })
        .await;
        run_id
    }
}
