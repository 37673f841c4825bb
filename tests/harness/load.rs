//! Mixed load that notes in a [`Ledger`] what it was told: agents, reviewers and
//! workers. Each task ends when its server goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::Connection;
use tokio::task::JoinSet;

use super::api::{self, Called, called, connect, request_id};
use super::ledger::{Known, Ledger, Try};
use super::seed::Seed;

const AGENTS: usize = 6;
const REVIEWERS: usize = 3;
const WORKERS: usize = 2;
/// How long somebody without work waits before looking again.
const IDLE: Duration = Duration::from_millis(3);

/// Markers are unique over all rounds of a test binary.
static NEXT_MARKER: AtomicU64 = AtomicU64::new(1);

/// The server went away.
#[derive(Debug)]
struct Gone;

/// Running tasks; dropping them ends them.
pub struct Load(JoinSet<()>);

impl Load {
    /// Starts the tasks against a server.
    pub fn start(address: &str, ledger: &Arc<Ledger>, seed: &mut Seed) -> Self {
        let mut tasks = JoinSet::new();
        let mut caller = |token: &str| Caller {
            connection: connect(address, token),
            ledger: Arc::clone(ledger),
            seed: seed.fork(),
        };
        for _ in 0..AGENTS {
            tasks.spawn(agent(caller(api::AGENT)));
        }
        for _ in 0..REVIEWERS {
            tasks.spawn(reviewer(caller(api::REVIEWER)));
        }
        for _ in 0..WORKERS {
            tasks.spawn(worker(caller(api::AGENT)));
        }
        Self(tasks)
    }

    /// Waits until every task has seen that its server is gone.
    pub async fn ended(mut self) {
        while let Some(task) = self.0.join_next().await {
            task.unwrap();
        }
    }
}

struct Caller {
    connection: Connection,
    ledger: Arc<Ledger>,
    seed: Seed,
}

async fn agent(mut caller: Caller) {
    let mut run = None;
    loop {
        let done = match &run {
            None => caller.start_run().await.map(|started| run = started),
            Some(run_id) if caller.seed.chance(4) => {
                let run_id = run_id.clone();
                run = None;
                caller.finish_run(run_id).await
            }
            Some(run_id) => caller.act(&run_id.clone()).await,
        };
        if done.is_err() {
            return;
        }
    }
}

async fn reviewer(mut caller: Caller) {
    while caller.review().await.is_ok() {}
}

async fn worker(mut caller: Caller) {
    while caller.resume().await.is_ok() {}
}

impl Caller {
    async fn start_run(&mut self) -> Result<Option<String>, Gone> {
        let goal = format!("run {}", NEXT_MARKER.fetch_add(1, Ordering::Relaxed));
        self.ledger.book().runs.insert(goal.clone(), None);
        let request = v1::StartRunRequest {
            request_id: request_id(),
            goal: goal.clone(),
            ..Default::default()
        };
        match called(self.connection.run_service().start_run(request).await) {
            Called::Done(answer) => {
                let run_id = answer.run.unwrap().run_id;
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().runs.insert(goal, Some(run_id.clone()));
                Ok(Some(run_id))
            }
            Called::Refused(error) => {
                self.ledger.book().runs.remove(&goal);
                tolerate(&error, &["DISK_FULL", "OVERLOADED"]).map(|()| None)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn finish_run(&mut self, run_id: String) -> Result<(), Gone> {
        self.ledger.book().finished.insert(run_id.clone(), Known::Perhaps);
        let request = v1::FinishRunRequest {
            request_id: request_id(),
            run_id: run_id.clone(),
            state: v1::run::State::Succeeded.into(),
        };
        match called(self.connection.run_service().finish_run(request).await) {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().finished.insert(run_id, Known::Done);
                Ok(())
            }
            Called::Refused(error) => {
                self.ledger.book().finished.remove(&run_id);
                tolerate(&error, &["TOO_MANY_OPEN", "DISK_FULL", "OVERLOADED"])
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn act(&mut self, run_id: &str) -> Result<(), Gone> {
        let marker = NEXT_MARKER.fetch_add(1, Ordering::Relaxed);
        let (tool, redeem_if_allowed) = match self.seed.below(10) {
            0..=3 => ("allow_it", false),
            4..=5 => ("allow_it", true),
            6 => ("deny_it", false),
            _ => ("ask_it", false),
        };
        let arguments = Bytes::from(format!(r#"{{"marker": {marker}, "sum": 1.50}}"#));
        let state = vec![b'x'; self.seed.below(6_000)];
        let checkpoint = (tool == "ask_it").then(|| v1::CheckpointDraft {
            state: state.into(),
            schema_version: "test/1".to_owned(),
            ..Default::default()
        });
        let request = v1::ProposeActionRequest {
            request_id: request_id(),
            run_id: run_id.to_owned(),
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            redeem_if_allowed,
            checkpoint,
            resume_mode: v1::ResumeMode::Detached.into(),
            ..Default::default()
        };
        {
            let mut book = self.ledger.book();
            book.proposals.insert(marker, None);
            if redeem_if_allowed {
                book.redeeming.insert(marker);
            }
        }
        let answer = match called(self.connection.action_service().propose_action(request).await) {
            Called::Done(answer) => answer,
            Called::Refused(error) => {
                self.ledger.book().proposals.remove(&marker);
                return tolerate(&error, &["TOO_MANY_OPEN", "DISK_FULL", "OVERLOADED"]);
            }
            Called::Lost(_) => return Err(Gone),
        };
        self.ledger.answered(answer.header.as_ref());
        self.ledger.book().proposals.insert(marker, Some(answer.clone()));
        let Some(grant) = answer.grant else { return Ok(()) };
        if grant.redeemed {
            self.ledger.book().redemptions.insert(answer.action_id.clone(), Known::Done);
            return self.report(answer.action_id).await;
        }
        let request = v1::RedeemGrantRequest {
            request_id: request_id(),
            grant_id: grant.grant_id,
            action_id: answer.action_id,
            run_id: run_id.to_owned(),
            tool: tool.to_owned(),
            arguments,
            ..Default::default()
        };
        self.redeem_and_report(request, &[]).await
    }

    async fn redeem_and_report(
        &mut self,
        request: v1::RedeemGrantRequest,
        tolerated: &[&str],
    ) -> Result<(), Gone> {
        let action_id = request.action_id.clone();
        let before = self.ledger.book().redemptions.insert(action_id.clone(), Known::Perhaps);
        match called(self.connection.action_service().redeem_grant(request).await) {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                let twice = before == Some(Known::Done);
                assert!(!twice, "{action_id} was redeemed twice");
                self.ledger.book().redemptions.insert(action_id.clone(), Known::Done);
                self.report(action_id).await
            }
            Called::Refused(error) => {
                let mut book = self.ledger.book();
                match before {
                    Some(before) => book.redemptions.insert(action_id, before),
                    None => book.redemptions.remove(&action_id),
                };
                tolerate(&error, tolerated)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn report(&mut self, action_id: String) -> Result<(), Gone> {
        self.ledger.book().outcomes.insert(action_id.clone(), Known::Perhaps);
        let request = v1::ReportOutcomesRequest {
            request_id: request_id(),
            outcomes: vec![v1::OutcomeReport {
                action_id: action_id.clone(),
                status: v1::outcome::Status::Succeeded.into(),
                result: Bytes::from_static(b"done"),
            }],
        };
        match called(self.connection.action_service().report_outcomes(request).await) {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().outcomes.insert(action_id, Known::Done);
                Ok(())
            }
            Called::Refused(error) => {
                self.ledger.book().outcomes.remove(&action_id);
                tolerate(&error, &["OVERLOADED"])
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn review(&mut self) -> Result<(), Gone> {
        let request = v1::ListEscalationsRequest {
            page_size: 20,
            view: v1::EscalationView::Full.into(),
            ..Default::default()
        };
        let listed = called(self.connection.escalation_service().list_escalations(request).await);
        let Called::Done(page) = listed else { return Err(Gone) };
        let count = page.escalations.len();
        if count == 0 {
            super::poll::at_moment(IDLE).await;
            return Ok(());
        }
        let escalation = page.escalations.into_iter().nth(self.seed.below(count)).unwrap();
        if !self.seed.chance(50) {
            return self.resolve(&escalation, 0).await;
        }
        let request = v1::ClaimEscalationRequest {
            request_id: request_id(),
            escalation_id: escalation.escalation_id.clone(),
            lease: None,
        };
        match called(self.connection.escalation_service().claim_escalation(request).await) {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                let escalation = answer.escalation.unwrap();
                let epoch = escalation.claim.as_ref().unwrap().claim_epoch;
                self.resolve(&escalation, epoch).await
            }
            Called::Refused(error) => tolerate(&error, LOST_RACES),
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn resolve(&mut self, escalation: &v1::Escalation, epoch: u64) -> Result<(), Gone> {
        use v1::resolution::Kind;
        use v1::resolve_escalation_request::Resolution;
        let arguments = &escalation.briefing.as_ref().unwrap().arguments;
        let (kind, resolution) = match self.seed.below(6) {
            0 => (Kind::Rejected, Resolution::Reject(v1::Reject::default())),
            1 => {
                let text = String::from_utf8(arguments.to_vec()).unwrap();
                let arguments = text.replace("1.50", "1.25").into();
                (Kind::Modified, Resolution::Modify(v1::Modify { arguments, target: None }))
            }
            2 => {
                let response = Bytes::from_static(b"\"ask again tomorrow\"");
                (Kind::Responded, Resolution::Respond(v1::Respond { response }))
            }
            _ => (Kind::Approved, Resolution::Approve(v1::Approve {})),
        };
        let id = &escalation.escalation_id;
        let at = {
            let mut book = self.ledger.book();
            let tries = book.tries.entry(id.clone()).or_default();
            tries.push(Try { kind, known: Known::Perhaps });
            tries.len() - 1
        };
        let request = v1::ResolveEscalationRequest {
            request_id: request_id(),
            escalation_id: id.clone(),
            etag: escalation.etag.clone(),
            action_digest: escalation.action_digest.clone(),
            claim_epoch: epoch,
            note: "seen".to_owned(),
            resolution: Some(resolution),
        };
        match called(self.connection.escalation_service().resolve_escalation(request).await) {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                self.ledger.book().tries.get_mut(id).unwrap()[at].known = Known::Done;
                Ok(())
            }
            Called::Refused(error) => {
                // Keeps the places of the other tries.
                let mut book = self.ledger.book();
                book.tries.get_mut(id).unwrap()[at].kind = Kind::Unspecified;
                tolerate(&error, LOST_RACES)
            }
            Called::Lost(_) => Err(Gone),
        }
    }

    async fn resume(&mut self) -> Result<(), Gone> {
        let request = v1::ClaimResumptionsRequest {
            request_id: request_id(),
            max_items: 5,
            wait: Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 }),
            ..Default::default()
        };
        let answer = called(self.connection.checkpoint_service().claim_resumptions(request).await);
        let resumptions = match answer {
            Called::Done(answer) => answer.resumptions,
            Called::Refused(error) => return tolerate(&error, &["OVERLOADED"]),
            Called::Lost(_) => return Err(Gone),
        };
        for resumption in resumptions {
            self.take_up(resumption).await?;
        }
        Ok(())
    }

    async fn take_up(&mut self, resumption: v1::Resumption) -> Result<(), Gone> {
        if let (Some(action), Some(grant)) = (resumption.action, resumption.grant) {
            let request = v1::RedeemGrantRequest {
                request_id: request_id(),
                grant_id: grant.grant_id,
                action_id: action.action_id,
                run_id: action.run_id,
                tool: action.tool,
                tool_schema_version: action.tool_schema_version,
                target: action.target,
                arguments: action.arguments,
                preconditions: action.preconditions,
            };
            let ended = ["RUN_NOT_RUNNING", "GRANT_REVOKED", "RESUMPTION_LOST"];
            return self.redeem_and_report(request, &ended).await;
        }
        let request = v1::AcknowledgeResumptionRequest {
            request_id: request_id(),
            escalation_id: resumption.escalation_id,
            epoch: resumption.epoch,
        };
        let answer =
            called(self.connection.checkpoint_service().acknowledge_resumption(request).await);
        match answer {
            Called::Done(_) => Ok(()),
            Called::Refused(error) => tolerate(&error, &["RESUMPTION_LOST", "RESUMPTION_CLOSED"]),
            Called::Lost(_) => Err(Gone),
        }
    }
}

/// Refusals of somebody who was too late.
const LOST_RACES: &[&str] = &[
    "ESCALATION_CLOSED",
    "CLAIMED_BY_OTHER",
    "CLAIM_LOST",
    "ETAG_MISMATCH",
    "OVERLOADED",
    "DISK_FULL",
];

/// A refusal that a healthy server may give here; any other fails the test. A
/// server that is going away may say so.
#[track_caller]
fn tolerate(error: &pointsman_client::Error, reasons: &[&str]) -> Result<(), Gone> {
    let reason = error.reason_name();
    if reason == "STOPPING" || reason.is_empty() {
        return Err(Gone);
    }
    assert!(reasons.contains(&reason), "unexpected refusal: {error:?}");
    Ok(())
}
