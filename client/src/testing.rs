//! A server that says what a test tells it to, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::Stream;
use pointsman_api::v1;
use pointsman_api::v1::action_service_server::{ActionService, ActionServiceServer};
use pointsman_api::v1::checkpoint_service_server::{CheckpointService, CheckpointServiceServer};
use pointsman_api::v1::escalation_service_server::{EscalationService, EscalationServiceServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::connect::Connection;
use crate::entropy::CountingEntropy;
use crate::retry::RetryLimits;

pub(crate) mod encrypted;
pub(crate) mod token_endpoint;

/// A queue of prepared answers and the requests that were seen.
#[derive(Debug)]
pub(crate) struct Calls<Q, A> {
    prepared: Mutex<VecDeque<Result<A, Status>>>,
    requests: Mutex<Vec<Q>>,
    deadlines: Mutex<Vec<Option<Duration>>>,
}

impl<Q, A> Default for Calls<Q, A> {
    fn default() -> Self {
        Self { prepared: Mutex::default(), requests: Mutex::default(), deadlines: Mutex::default() }
    }
}

impl<Q: Clone, A> Calls<Q, A> {
    pub(crate) fn will(&self, answer: Result<A, Status>) {
        self.prepared.lock().unwrap().push_back(answer);
    }

    pub(crate) fn seen(&self) -> Vec<Q> {
        self.requests.lock().unwrap().clone()
    }

    /// What each request said of how long its caller waits.
    pub(crate) fn deadlines(&self) -> Vec<Option<Duration>> {
        self.deadlines.lock().unwrap().clone()
    }

    fn answer(&self, request: Request<Q>) -> Result<Response<A>, Status> {
        self.deadlines.lock().unwrap().push(deadline(&request));
        self.requests.lock().unwrap().push(request.into_inner());
        let unprepared = || Err(Status::failed_precondition("the test prepared no answer"));
        let answer = self.prepared.lock().unwrap().pop_front();
        answer.unwrap_or_else(unprepared).map(Response::new)
    }
}

/// The deadline of a request; this client writes seconds' fractions only.
fn deadline<Q>(request: &Request<Q>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().unwrap();
    let (amount, unit) = text.split_at(text.len() - 1);
    let amount = amount.parse().unwrap();
    Some(match unit {
        "n" => Duration::from_nanos(amount),
        "u" => Duration::from_micros(amount),
        "m" => Duration::from_millis(amount),
        other => panic!("a deadline in `{other}`"),
    })
}

/// One end of a prepared stream: the test sends, the client receives.
pub(crate) type Script<T> = mpsc::Sender<Result<T, Status>>;
type Receiver<T> = mpsc::Receiver<Result<T, Status>>;
type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) propose: Calls<v1::ProposeActionRequest, v1::ProposeActionResponse>,
    pub(crate) redeem: Calls<v1::RedeemGrantRequest, v1::RedeemGrantResponse>,
    pub(crate) report: Calls<v1::ReportOutcomesRequest, v1::ReportOutcomesResponse>,
    pub(crate) resolve: Calls<v1::ResolveEscalationRequest, v1::ResolveEscalationResponse>,
    pub(crate) checkpoint: Calls<v1::GetCheckpointRequest, v1::GetCheckpointResponse>,
    pub(crate) claim: Calls<v1::ClaimResumptionsRequest, v1::ClaimResumptionsResponse>,
    pub(crate) acknowledge:
        Calls<v1::AcknowledgeResumptionRequest, v1::AcknowledgeResumptionResponse>,
    pub(crate) awaits: Calls<v1::AwaitResolutionsRequest, Receiver<v1::AwaitResolutionsResponse>>,
    pub(crate) watches: Calls<v1::WatchEscalationsRequest, Receiver<v1::WatchEscalationsResponse>>,
}

impl Fake {
    /// Serves on a free port and connects to it.
    pub(crate) async fn start() -> (Arc<Self>, Connection) {
        let fake = Arc::new(Self::default());
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = format!("http://{}", incoming.local_addr().unwrap());
        let server = Server::builder()
            .add_service(ActionServiceServer::from_arc(Arc::clone(&fake)))
            .add_service(CheckpointServiceServer::from_arc(Arc::clone(&fake)))
            .add_service(EscalationServiceServer::from_arc(Arc::clone(&fake)));
        tokio::spawn(server.serve_with_incoming(incoming));
        let connection = Connection::builder(address)
            .token("agent-token")
            .retry_limits(quick())
            .entropy(Arc::new(CountingEntropy::new(1)))
            .connect()
            .await
            .unwrap();
        (fake, connection)
    }

    /// Prepares the next stream of answers.
    pub(crate) fn will_bring(&self) -> Script<v1::AwaitResolutionsResponse> {
        let (sender, receiver) = mpsc::channel(4096);
        self.awaits.will(Ok(receiver));
        sender
    }

    pub(crate) fn will_refuse_waiting(&self, status: Status) {
        self.awaits.will(Err(status));
    }

    pub(crate) fn streams_of_answers(&self) -> usize {
        self.awaits.seen().len()
    }

    /// Prepares the next watch.
    pub(crate) fn will_show(&self) -> Script<v1::WatchEscalationsResponse> {
        let (sender, receiver) = mpsc::channel(4096);
        self.watches.will(Ok(receiver));
        sender
    }

    pub(crate) fn will_refuse_watching(&self, status: Status) {
        self.watches.will(Err(status));
    }

    pub(crate) fn watches(&self) -> Vec<v1::WatchEscalationsRequest> {
        self.watches.seen()
    }
}

/// Limits under which a test of repetition takes milliseconds.
pub(crate) fn quick() -> RetryLimits {
    RetryLimits {
        first_delay: Duration::from_millis(1),
        total: Duration::from_secs(5),
        ..RetryLimits::default()
    }
}

/// An error as the server sends it.
pub(crate) fn refusal(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let mut details = ErrorDetails::new();
    let metadata: HashMap<_, _> = metadata.collect();
    details.set_error_info(reason, pointsman_api::ERROR_DOMAIN, metadata);
    Status::with_error_details(code, "refused by the test", details)
}

/// An answer that approves, rejects, … the action `act_1` of `esc_1` style ids.
pub(crate) fn resumption(number: u32, kind: v1::resolution::Kind) -> v1::Resumption {
    let permitted = matches!(kind, v1::resolution::Kind::Approved | v1::resolution::Kind::Modified);
    let action_id = match kind {
        v1::resolution::Kind::Modified => format!("act_{number}_edited"),
        _ => format!("act_{number}"),
    };
    v1::Resumption {
        escalation_id: format!("esc_{number}"),
        run_id: "run_1".into(),
        state: v1::escalation::State::Resolved.into(),
        resolution: Some(v1::Resolution {
            kind: kind.into(),
            reviewer: "alice".into(),
            action_id: if permitted { action_id.clone() } else { String::new() },
            ..v1::Resolution::default()
        }),
        proposed_action_id: format!("act_{number}"),
        action: permitted.then(|| v1::Action {
            action_id: action_id.clone(),
            run_id: "run_1".into(),
            tool: "refund".into(),
            arguments: r#"{"amount":3900}"#.into(),
            ..v1::Action::default()
        }),
        grant: permitted.then(|| v1::Grant { grant_id: "grt_1".into(), ..v1::Grant::default() }),
        epoch: 7,
        ..v1::Resumption::default()
    }
}

pub(crate) fn bring(resumption: v1::Resumption) -> Result<v1::AwaitResolutionsResponse, Status> {
    Ok(v1::AwaitResolutionsResponse {
        event: Some(v1::await_resolutions_response::Event::Resumption(resumption)),
        ..v1::AwaitResolutionsResponse::default()
    })
}

/// The policy's answer to the proposal of that number.
pub(crate) fn decided(number: u32, effect: v1::DecisionEffect) -> v1::ProposeActionResponse {
    let wait = v1::Wait { escalation_id: format!("esc_{number}"), ..v1::Wait::default() };
    v1::ProposeActionResponse {
        action_id: format!("act_{number}"),
        decision: Some(v1::Decision { effect: effect.into(), ..v1::Decision::default() }),
        grant: (effect == v1::DecisionEffect::Allow)
            .then(|| v1::Grant { grant_id: "grt_1".into(), ..v1::Grant::default() }),
        wait: (effect == v1::DecisionEffect::Escalate).then_some(wait),
        ..v1::ProposeActionResponse::default()
    }
}

/// Waits until something becomes true.
pub(crate) async fn eventually(mut is_true: impl FnMut() -> bool) {
    let check = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), check).await.expect("never became true");
}

fn unexpected<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("no test asks this"))
}

#[tonic::async_trait]
impl ActionService for Fake {
    async fn reverse_action(
        &self,
        _: Request<v1::ReverseActionRequest>,
    ) -> Result<Response<v1::ReverseActionResponse>, Status> {
        unexpected()
    }

    async fn propose_action(
        &self,
        request: Request<v1::ProposeActionRequest>,
    ) -> Result<Response<v1::ProposeActionResponse>, Status> {
        self.propose.answer(request)
    }

    async fn redeem_grant(
        &self,
        request: Request<v1::RedeemGrantRequest>,
    ) -> Result<Response<v1::RedeemGrantResponse>, Status> {
        self.redeem.answer(request)
    }

    async fn report_outcomes(
        &self,
        request: Request<v1::ReportOutcomesRequest>,
    ) -> Result<Response<v1::ReportOutcomesResponse>, Status> {
        self.report.answer(request)
    }

    async fn get_action(
        &self,
        _: Request<v1::GetActionRequest>,
    ) -> Result<Response<v1::GetActionResponse>, Status> {
        unexpected()
    }

    async fn list_actions(
        &self,
        _: Request<v1::ListActionsRequest>,
    ) -> Result<Response<v1::ListActionsResponse>, Status> {
        unexpected()
    }
}

#[tonic::async_trait]
impl CheckpointService for Fake {
    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        self.checkpoint.answer(request)
    }

    async fn save_checkpoint(
        &self,
        _: Request<v1::SaveCheckpointRequest>,
    ) -> Result<Response<v1::SaveCheckpointResponse>, Status> {
        unexpected()
    }

    async fn list_checkpoints(
        &self,
        _: Request<v1::ListCheckpointsRequest>,
    ) -> Result<Response<v1::ListCheckpointsResponse>, Status> {
        unexpected()
    }

    async fn diff_checkpoints(
        &self,
        _: Request<v1::DiffCheckpointsRequest>,
    ) -> Result<Response<v1::DiffCheckpointsResponse>, Status> {
        unexpected()
    }

    async fn mark_checkpoint(
        &self,
        _: Request<v1::MarkCheckpointRequest>,
    ) -> Result<Response<v1::MarkCheckpointResponse>, Status> {
        unexpected()
    }

    async fn branch_run(
        &self,
        _: Request<v1::BranchRunRequest>,
    ) -> Result<Response<v1::BranchRunResponse>, Status> {
        unexpected()
    }

    async fn roll_back_run(
        &self,
        _: Request<v1::RollBackRunRequest>,
    ) -> Result<Response<v1::RollBackRunResponse>, Status> {
        unexpected()
    }

    async fn get_branch(
        &self,
        _: Request<v1::GetBranchRequest>,
    ) -> Result<Response<v1::GetBranchResponse>, Status> {
        unexpected()
    }

    async fn list_branches(
        &self,
        _: Request<v1::ListBranchesRequest>,
    ) -> Result<Response<v1::ListBranchesResponse>, Status> {
        unexpected()
    }

    async fn compare_branches(
        &self,
        _: Request<v1::CompareBranchesRequest>,
    ) -> Result<Response<v1::CompareBranchesResponse>, Status> {
        unexpected()
    }

    async fn claim_resumptions(
        &self,
        request: Request<v1::ClaimResumptionsRequest>,
    ) -> Result<Response<v1::ClaimResumptionsResponse>, Status> {
        self.claim.answer(request)
    }

    async fn acknowledge_resumption(
        &self,
        request: Request<v1::AcknowledgeResumptionRequest>,
    ) -> Result<Response<v1::AcknowledgeResumptionResponse>, Status> {
        self.acknowledge.answer(request)
    }
}

#[tonic::async_trait]
impl EscalationService for Fake {
    type WatchEscalationsStream = Boxed<v1::WatchEscalationsResponse>;
    type AwaitResolutionsStream = Boxed<v1::AwaitResolutionsResponse>;

    async fn watch_escalations(
        &self,
        request: Request<v1::WatchEscalationsRequest>,
    ) -> Result<Response<Self::WatchEscalationsStream>, Status> {
        let receiver = self.watches.answer(request)?.into_inner();
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn await_resolutions(
        &self,
        request: Request<v1::AwaitResolutionsRequest>,
    ) -> Result<Response<Self::AwaitResolutionsStream>, Status> {
        let receiver = self.awaits.answer(request)?.into_inner();
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn resolve_escalation(
        &self,
        request: Request<v1::ResolveEscalationRequest>,
    ) -> Result<Response<v1::ResolveEscalationResponse>, Status> {
        self.resolve.answer(request)
    }

    async fn revert_resolution(
        &self,
        _: Request<v1::RevertResolutionRequest>,
    ) -> Result<Response<v1::RevertResolutionResponse>, Status> {
        unexpected()
    }

    async fn get_escalation(
        &self,
        _: Request<v1::GetEscalationRequest>,
    ) -> Result<Response<v1::GetEscalationResponse>, Status> {
        unexpected()
    }

    async fn list_escalations(
        &self,
        _: Request<v1::ListEscalationsRequest>,
    ) -> Result<Response<v1::ListEscalationsResponse>, Status> {
        unexpected()
    }

    async fn claim_next_escalation(
        &self,
        _: Request<v1::ClaimNextEscalationRequest>,
    ) -> Result<Response<v1::ClaimNextEscalationResponse>, Status> {
        unexpected()
    }

    async fn hand_off_escalation(
        &self,
        _: Request<v1::HandOffEscalationRequest>,
    ) -> Result<Response<v1::HandOffEscalationResponse>, Status> {
        unexpected()
    }

    async fn assign_escalation(
        &self,
        _: Request<v1::AssignEscalationRequest>,
    ) -> Result<Response<v1::AssignEscalationResponse>, Status> {
        unexpected()
    }

    async fn take_over_escalation(
        &self,
        _: Request<v1::TakeOverEscalationRequest>,
    ) -> Result<Response<v1::TakeOverEscalationResponse>, Status> {
        unexpected()
    }

    async fn snooze_escalation(
        &self,
        _: Request<v1::SnoozeEscalationRequest>,
    ) -> Result<Response<v1::SnoozeEscalationResponse>, Status> {
        unexpected()
    }

    async fn claim_escalation(
        &self,
        _: Request<v1::ClaimEscalationRequest>,
    ) -> Result<Response<v1::ClaimEscalationResponse>, Status> {
        unexpected()
    }

    async fn renew_claim(
        &self,
        _: Request<v1::RenewClaimRequest>,
    ) -> Result<Response<v1::RenewClaimResponse>, Status> {
        unexpected()
    }

    async fn release_escalation(
        &self,
        _: Request<v1::ReleaseEscalationRequest>,
    ) -> Result<Response<v1::ReleaseEscalationResponse>, Status> {
        unexpected()
    }

    async fn preview_bulk_resolution(
        &self,
        _: Request<v1::PreviewBulkResolutionRequest>,
    ) -> Result<Response<v1::PreviewBulkResolutionResponse>, Status> {
        unexpected()
    }

    async fn resolve_bulk(
        &self,
        _: Request<v1::ResolveBulkRequest>,
    ) -> Result<Response<v1::ResolveBulkResponse>, Status> {
        unexpected()
    }

    async fn ask_agent(
        &self,
        _: Request<v1::AskAgentRequest>,
    ) -> Result<Response<v1::AskAgentResponse>, Status> {
        unexpected()
    }

    async fn answer_question(
        &self,
        _: Request<v1::AnswerQuestionRequest>,
    ) -> Result<Response<v1::AnswerQuestionResponse>, Status> {
        unexpected()
    }

    async fn list_questions(
        &self,
        _: Request<v1::ListQuestionsRequest>,
    ) -> Result<Response<v1::ListQuestionsResponse>, Status> {
        unexpected()
    }

    async fn add_comment(
        &self,
        _: Request<v1::AddCommentRequest>,
    ) -> Result<Response<v1::AddCommentResponse>, Status> {
        unexpected()
    }

    async fn list_comments(
        &self,
        _: Request<v1::ListCommentsRequest>,
    ) -> Result<Response<v1::ListCommentsResponse>, Status> {
        unexpected()
    }
}
