//! The calls of an agent and of a reviewer, as bare as the generated stubs are:
//! what is measured is the server, not the client's retries.

use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::outcome::Status;
use pointsman_client::{Agent, Connection, StartRun};
use tonic::Streaming;

/// What the policy of the bench allows.
pub(super) const ALLOWED: &str = "bench_act";
/// What it leaves to a person.
pub(super) const ASKED: &str = "bench_ask";
/// The state that goes with every question, in bytes.
const CHECKPOINT_BYTES: usize = 1_024;

/// Starts a run.
pub(super) async fn start_run(connection: &Connection) -> anyhow::Result<String> {
    let start = StartRun { goal: "measure the server".to_owned(), ..StartRun::default() };
    Ok(Agent::new(connection.clone()).start_run(start).await?.run_id().to_owned())
}

/// The arguments of the `number`th action: some 100 bytes, never twice the same.
pub(super) fn arguments(number: u64) -> Bytes {
    let json = format!(
        r#"{{"account":"A-{number:010}","amount":{},"currency":"EUR","memo":"measured, not meant"}}"#,
        number % 5_000
    );
    json.into()
}

/// A proposal that may run at once.
pub(super) fn allowed(
    connection: &Connection,
    run_id: &str,
    number: u64,
) -> v1::ProposeActionRequest {
    v1::ProposeActionRequest {
        request_id: connection.new_request_id(),
        run_id: run_id.to_owned(),
        tool: ALLOWED.to_owned(),
        arguments: arguments(number),
        redeem_if_allowed: true,
        ..v1::ProposeActionRequest::default()
    }
}

/// A proposal that a person must see, with the agent's state.
pub(super) fn asked(
    connection: &Connection,
    run_id: &str,
    number: u64,
) -> v1::ProposeActionRequest {
    let state = Bytes::from(vec![b'x'; CHECKPOINT_BYTES]);
    let schema_version = "bench/1".to_owned();
    v1::ProposeActionRequest {
        request_id: connection.new_request_id(),
        run_id: run_id.to_owned(),
        tool: ASKED.to_owned(),
        arguments: arguments(number),
        checkpoint: Some(v1::CheckpointDraft { state, schema_version, ..Default::default() }),
        resume_mode: v1::ResumeMode::Attached.into(),
        ..v1::ProposeActionRequest::default()
    }
}

/// Proposes.
pub(super) async fn propose(
    connection: &Connection,
    request: v1::ProposeActionRequest,
) -> anyhow::Result<v1::ProposeActionResponse> {
    Ok(connection.action_service().propose_action(request).await?.into_inner())
}

/// Claims, and returns what the reviewer reads.
pub(super) async fn claim(
    connection: &Connection,
    escalation_id: String,
) -> anyhow::Result<v1::Escalation> {
    let request_id = connection.new_request_id();
    let request = v1::ClaimEscalationRequest { request_id, escalation_id, lease: None };
    let answer = connection.escalation_service().claim_escalation(request).await?;
    whole(answer.into_inner().escalation)
}

/// Approves what was read.
pub(super) async fn approve(connection: &Connection, seen: v1::Escalation) -> anyhow::Result<()> {
    let request = v1::ResolveEscalationRequest {
        request_id: connection.new_request_id(),
        escalation_id: seen.escalation_id,
        etag: seen.etag,
        action_digest: seen.action_digest,
        claim_epoch: seen.claim.map_or(0, |claim| claim.claim_epoch),
        note: String::new(),
        resolution: Some(v1::resolve_escalation_request::Resolution::Approve(v1::Approve {})),
        ..v1::ResolveEscalationRequest::default()
    };
    connection.escalation_service().resolve_escalation(request).await?;
    Ok(())
}

/// Redeems the grant of an answer.
pub(super) async fn redeem(
    connection: &Connection,
    resumption: v1::Resumption,
) -> anyhow::Result<String> {
    let action = whole(resumption.action)?;
    let request = v1::RedeemGrantRequest {
        request_id: connection.new_request_id(),
        grant_id: whole(resumption.grant)?.grant_id,
        action_id: action.action_id.clone(),
        run_id: action.run_id,
        tool: action.tool,
        tool_schema_version: action.tool_schema_version,
        target: action.target,
        arguments: action.arguments,
        preconditions: action.preconditions,
    };
    connection.action_service().redeem_grant(request).await?;
    Ok(action.action_id)
}

/// Reports that actions ran.
pub(super) async fn report(connection: &Connection, ran: Vec<String>) -> anyhow::Result<()> {
    let outcome = |action_id| v1::OutcomeReport {
        action_id,
        status: Status::Succeeded.into(),
        result: Bytes::from_static(b"done"),
    };
    let outcomes = ran.into_iter().map(outcome).collect();
    let request_id = connection.new_request_id();
    let request = v1::ReportOutcomesRequest { request_id, outcomes };
    connection.action_service().report_outcomes(request).await?;
    Ok(())
}

/// Opens a watch of the queue.
pub(super) async fn watch(
    connection: &Connection,
) -> anyhow::Result<Streaming<v1::WatchEscalationsResponse>> {
    let request = v1::WatchEscalationsRequest::default();
    Ok(connection.escalation_service().watch_escalations(request).await?.into_inner())
}

/// Opens the stream of an agent's answers.
pub(super) async fn answers(
    connection: &Connection,
) -> anyhow::Result<Streaming<v1::AwaitResolutionsResponse>> {
    let heartbeat = Duration::from_secs(10).try_into().ok();
    let request = v1::AwaitResolutionsRequest { scope: None, heartbeat };
    Ok(connection.escalation_service().await_resolutions(request).await?.into_inner())
}

/// What the server must have sent.
pub(super) fn whole<T>(part: Option<T>) -> anyhow::Result<T> {
    part.ok_or_else(|| anyhow::anyhow!("the server's answer lacks a part"))
}
