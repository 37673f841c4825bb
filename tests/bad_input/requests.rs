//! A valid request for every rpc: what bad values are put into.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_client::{Permit, Policies, Proposal, RunHandle, Wait, report_outcomes};
use pointsman_server::config::{Config, WebhookConfig};
use prost::Message;

use super::checkpoints::draft;
use crate::harness::api::{ADMIN, AGENT, REVIEWER, request_id};
use crate::harness::fixture::{Fixture, allowed, another, asked, span};
use crate::harness::policy;

/// The channel of the server's notices.
const CHANNEL: &str = "nowhere";

/// Registers a channel that leads to where nobody listens: what is sent there waits, and
/// leaves no event of its own.
fn take_notices(config: &mut Config) {
    let secret_file = config.data_dir.with_extension("secret");
    std::fs::write(&secret_file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let webhook = WebhookConfig {
        url: "http://127.0.0.1:9".to_owned(),
        secret_file: Some(secret_file),
        ..WebhookConfig::default()
    };
    config.notices.webhooks.insert(CHANNEL.to_owned(), webhook);
}

/// A server with something to call about.
pub struct World {
    /// The server.
    pub fixture: Fixture,
    pub(super) run: RunHandle,
    backups: AtomicU64,
    policies: AtomicU64,
    other_admin: Policies,
}

impl World {
    /// A server on which every call has something to act on: a change of policy
    /// waits for a second person.
    pub async fn start() -> Self {
        Self::start_under(policy::BY_NAME).await
    }

    /// The same, under another policy that goes by the names of the tools.
    pub async fn start_under(policy: &str) -> Self {
        let fixture = Fixture::start_with(policy, |config| {
            config.policy.second_person = true;
            take_notices(config);
        });
        let fixture = fixture.await;
        let run = fixture.run().await;
        let other_admin = fixture.other_policies("other-admin").await;
        let (backups, policies) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { fixture, run, backups, policies, other_admin }
    }

    /// The newest sequence: it rises with every event.
    pub async fn sequence(&self) -> u64 {
        self.fixture.admin().server_info().await.unwrap().sequence
    }

    /// A valid request for a method, and the token that may send it.
    ///
    /// Boxed: all of these futures in one would not fit the stack of a test's thread.
    pub async fn request(&self, path: &str) -> (&'static str, Vec<u8>) {
        let method = path.rsplit('/').next().unwrap();
        let service = path.trim_start_matches("/pointsman.v1.").split('/').next().unwrap();
        match service {
            "RunService" => Box::pin(self.run_request(method)).await,
            "ActionService" => Box::pin(self.action_request(method)).await,
            "EscalationService" => Box::pin(self.escalation_request(method)).await,
            "CheckpointService" => Box::pin(self.checkpoint_request(method)).await,
            "PolicyService" => Box::pin(self.policy_request(method)).await,
            "ReviewService" => Box::pin(self.review_request(method)).await,
            "InsightService" => Box::pin(self.insight_request(method)).await,
            "ReasoningService" => Box::pin(self.reasoning_request(method)).await,
            "DrillService" => Box::pin(self.drill_request(method)).await,
            "OverrideService" => Box::pin(self.override_request(method)).await,
            "WatchService" => {
                let (_, runs) = Box::pin(self.run_request("WatchRuns")).await;
                let runs = v1::WatchRunsRequest::decode(&*runs).unwrap();
                let part = v1::WatchPart {
                    tag: "runs".to_owned(),
                    watch: Some(v1::watch_part::Watch::Runs(runs)),
                };
                (AGENT, v1::WatchRequest { parts: vec![part] }.encode_to_vec())
            }
            "AdminService" => Box::pin(self.admin_request(method)).await,
            _ => panic!("no valid request for {path}: add one"),
        }
    }

    async fn run_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let run_id = self.run.run_id().to_owned();
        let message = match method {
            "StartRun" => v1::StartRunRequest {
                request_id: request_id(),
                on_behalf_of: "ada".to_owned(),
                parent_run_id: run_id,
                goal: "reach it".to_owned(),
                constraint_sets: Vec::new(),
            }
            .encode_to_vec(),
            "GetRun" => v1::GetRunRequest { run_id }.encode_to_vec(),
            "ListRuns" => {
                v1::ListRunsRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "ListRunSteps" => {
                v1::ListRunStepsRequest { run_id, page_size: 5, ..Default::default() }
                    .encode_to_vec()
            }
            "WatchRuns" => v1::WatchRunsRequest {
                filter: Some(v1::RunFilter {
                    states: vec![v1::run::State::Running.into()],
                    agents: vec!["agent".to_owned()],
                    tree_run_id: run_id.clone(),
                    run_ids: vec![run_id],
                    events: vec!["run".to_owned(), "action.escalated".to_owned()],
                    ..Default::default()
                }),
                heartbeat: Some(span(Duration::from_secs(1))),
                ..Default::default()
            }
            .encode_to_vec(),
            "WatchWall" => {
                let focus_run_ids = vec![run_id];
                v1::WatchWallRequest { focus_run_ids, ..Default::default() }.encode_to_vec()
            }
            "AppendMessages" => v1::AppendMessagesRequest {
                request_id: request_id(),
                run_id: self.fixture.run().await.run_id().to_owned(),
                messages: vec![v1::RunMessage {
                    speaker: v1::run_message::Speaker::Tool.into(),
                    tool: "search".to_owned(),
                    text: "found nothing".to_owned(),
                }],
            }
            .encode_to_vec(),
            "FinishRun" => v1::FinishRunRequest {
                request_id: request_id(),
                run_id: self.fixture.run().await.run_id().to_owned(),
                state: v1::run::State::Succeeded.into(),
            }
            .encode_to_vec(),
            _ => panic!("no valid request for {method}: add one"),
        };
        let by = if method == "WatchWall" { REVIEWER } else { AGENT };
        (by, message)
    }

    async fn action_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let run_id = self.run.run_id().to_owned();
        let message = match method {
            "ProposeAction" => v1::ProposeActionRequest {
                request_id: request_id(),
                run_id,
                tool: "ask_it".to_owned(),
                tool_schema_version: "1".to_owned(),
                // Nobody is asked the same twice, whichever field is a bad one.
                target: request_id(),
                arguments: format!(r#"{{"case": "{}"}}"#, request_id()).into(),
                preconditions: "{}".into(),
                reasoning: "because".to_owned(),
                confidence: Some(0.5),
                tool_call_id: "call-1".to_owned(),
                checkpoint: Some(draft()),
                redeem_if_allowed: false,
                resume_mode: v1::ResumeMode::Detached.into(),
                follows_escalation_id: self.corrected().await,
                branch: 0,
            }
            .encode_to_vec(),
            "RedeemGrant" => {
                let permit = self.permit().await;
                v1::RedeemGrantRequest {
                    request_id: request_id(),
                    grant_id: permit.grant().grant_id.clone(),
                    action_id: permit.action_id().to_owned(),
                    run_id,
                    tool: "allow_it".to_owned(),
                    arguments: "{}".into(),
                    ..Default::default()
                }
                .encode_to_vec()
            }
            "ReportOutcomes" => {
                let redeemed = self.permit().await.redeem().await.unwrap();
                let outcomes = vec![redeemed.into_report(true, "done")];
                v1::ReportOutcomesRequest { request_id: request_id(), outcomes }.encode_to_vec()
            }
            "ReverseAction" => {
                let action_id = self.permit().await.action_id().to_owned();
                let reason = "for a test".to_owned();
                let message =
                    v1::ReverseActionRequest { request_id: request_id(), action_id, reason };
                return (REVIEWER, message.encode_to_vec());
            }
            "GetAction" => {
                let action_id = self.permit().await.action_id().to_owned();
                v1::GetActionRequest { action_id }.encode_to_vec()
            }
            "ListActions" => v1::ListActionsRequest { run_id, page_size: 5, ..Default::default() }
                .encode_to_vec(),
            _ => panic!("no valid request for {method}: add one"),
        };
        (AGENT, message)
    }

    async fn admin_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let message = match method {
            "GetServerInfo" => v1::GetServerInfoRequest {}.encode_to_vec(),
            "GetCaller" => v1::GetCallerRequest {}.encode_to_vec(),
            "CheckAccess" => v1::CheckAccessRequest {
                principal: "agent-2".to_owned(),
                what: Some(v1::check_access_request::What::Matter(v1::AnswerableMatter {
                    lane: "money".to_owned(),
                    tool: "refund".to_owned(),
                    severity: v1::SeverityTier::High.into(),
                    amount: Some(v1::Money { units: 7_000.0, currency: "EUR".to_owned() }),
                })),
            }
            .encode_to_vec(),
            "CreateToken" => v1::CreateTokenRequest {
                request_id: request_id(),
                principal: "somebody".to_owned(),
                roles: vec![v1::Role::Reviewer.into()],
                ttl: Some(span(Duration::from_secs(3_600))),
            }
            .encode_to_vec(),
            "ListTokens" => {
                v1::ListTokensRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "RevokeToken" => {
                let created = self.fixture.admin();
                let created =
                    created.create_token("gone", &[v1::Role::Reviewer], None).await.unwrap();
                let token_id = created.token.token_id;
                v1::RevokeTokenRequest { request_id: request_id(), token_id }.encode_to_vec()
            }
            "CreateBackup" => {
                let name = format!("backup-{}", self.backups.fetch_add(1, Ordering::Relaxed));
                v1::CreateBackupRequest { name }.encode_to_vec()
            }
            "GetNotice" => v1::GetNoticeRequest { notice_id: self.notice().await }.encode_to_vec(),
            "ListNotices" => {
                let state = v1::notice::State::Pending.into();
                let page_token = String::new();
                v1::ListNoticesRequest { page_size: 5, page_token, state }.encode_to_vec()
            }
            "RetryNotice" => {
                let notice_id = self.notice().await;
                v1::RetryNoticeRequest { request_id: request_id(), notice_id }.encode_to_vec()
            }
            "SendTestNotice" => {
                let channel = CHANNEL.to_owned();
                v1::SendTestNoticeRequest { request_id: request_id(), channel }.encode_to_vec()
            }
            "ListNoticeChannels" => v1::ListNoticeChannelsRequest {}.encode_to_vec(),
            "PutQueueSettings" => v1::PutQueueSettingsRequest {
                request_id: request_id(),
                document: "version: 1".to_owned(),
                current_settings_id: self.queue_settings().await,
                reason: "for a test".to_owned(),
            }
            .encode_to_vec(),
            "GetQueueSettings" => {
                let settings_id = self.queue_settings().await;
                v1::GetQueueSettingsRequest { settings_id }.encode_to_vec()
            }
            "ListQueueSettings" => {
                v1::ListQueueSettingsRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "GetQueueStatus" => v1::GetQueueStatusRequest {}.encode_to_vec(),
            _ => return self.people_request(method).await,
        };
        (ADMIN, message)
    }

    /// A notice that waits: nobody listens where its channel leads.
    async fn notice(&self) -> String {
        self.fixture.admin().send_test_notice(CHANNEL).await.unwrap().notice_id
    }

    async fn policy_request(&self, method: &str) -> (&'static str, Vec<u8>) {
        let request_id = request_id();
        let message = match method {
            "PutPolicy" => {
                let note = "for a test".to_owned();
                v1::PutPolicyRequest { request_id, document: self.next_policy(), note }
                    .encode_to_vec()
            }
            "GetPolicy" => {
                let (_, revision_id) = self.policies().await;
                v1::GetPolicyRequest { revision_id }.encode_to_vec()
            }
            "ListPolicies" => {
                v1::ListPoliciesRequest { page_size: 5, ..Default::default() }.encode_to_vec()
            }
            "ActivatePolicy" => {
                let (current_revision_id, revision_id) = self.policies().await;
                let reason = "for a test".to_owned();
                v1::ActivatePolicyRequest { request_id, revision_id, current_revision_id, reason }
                    .encode_to_vec()
            }
            "ConfirmPolicyActivation" => {
                let activation_id = self.activation().await;
                v1::ConfirmPolicyActivationRequest { request_id, activation_id }.encode_to_vec()
            }
            "WithdrawPolicyActivation" => {
                let activation_id = self.activation().await;
                v1::WithdrawPolicyActivationRequest { request_id, activation_id }.encode_to_vec()
            }
            "RollBackPolicy" => {
                let asked = self.activation().await;
                let done = self.fixture.policies().confirm(asked).await.unwrap().activation;
                let current_revision_id = done.revision_id;
                let reason = "for a test".to_owned();
                v1::RollBackPolicyRequest { request_id, current_revision_id, reason }
                    .encode_to_vec()
            }
            "ListPolicyActivations" => {
                v1::ListPolicyActivationsRequest { page_size: 5, ..Default::default() }
                    .encode_to_vec()
            }
            "SetPolicyShadow" => {
                let (_, revision_id) = self.policies().await;
                v1::SetPolicyShadowRequest { request_id, revision_id }.encode_to_vec()
            }
            _ => return self.policy_question(method).await,
        };
        (ADMIN, message)
    }

    async fn policy_question(&self, method: &str) -> (&'static str, Vec<u8>) {
        let message = match method {
            "EvaluateAction" => v1::EvaluateActionRequest {
                policy: Some(v1::evaluate_action_request::Policy::Document(self.next_policy())),
                run: Some(v1::evaluate_action_request::Run::Hypothesis(v1::HypotheticalRun {
                    agent: "agent".to_owned(),
                    on_behalf_of: "ada".to_owned(),
                    hop_count: 1,
                    goal: "reach it".to_owned(),
                    constraint_sets: Vec::new(),
                    messages: vec![v1::RunMessage {
                        speaker: v1::run_message::Speaker::User.into(),
                        tool: String::new(),
                        text: "and quickly".to_owned(),
                    }],
                })),
                tool: "ask_it".to_owned(),
                tool_schema_version: "1".to_owned(),
                target: "A-1".to_owned(),
                arguments: "{}".into(),
                confidence: Some(0.5),
                explain: true,
            }
            .encode_to_vec(),
            "ExplainDecision" => v1::ExplainDecisionRequest {
                action_id: self.permit().await.action_id().to_owned(),
                policy: Some(v1::explain_decision_request::Policy::Document(self.next_policy())),
            }
            .encode_to_vec(),
            "TestPolicy" => v1::TestPolicyRequest {
                policy: Some(v1::test_policy_request::Policy::Document(self.next_policy())),
            }
            .encode_to_vec(),
            "BacktestPolicy" => v1::BacktestPolicyRequest {
                policy: Some(v1::backtest_policy_request::Policy::Document(self.next_policy())),
                max_actions: 5,
                since_time: Some(prost_types::Timestamp { seconds: 1, nanos: 1 }),
            }
            .encode_to_vec(),
            "LearnProfiles" => {
                let current = self.other_admin.profiles().await.unwrap().profiles.unwrap();
                let (request_id, current_version) = (request_id(), current.version);
                v1::LearnProfilesRequest { request_id, current_version }.encode_to_vec()
            }
            "GetProfiles" => v1::GetProfilesRequest {}.encode_to_vec(),
            "GetPolicyShadow" => v1::GetPolicyShadowRequest { max_actions: 5 }.encode_to_vec(),
            "GetGuidance" => {
                v1::GetGuidanceRequest { run_id: self.run.run_id().to_owned() }.encode_to_vec()
            }
            _ => panic!("no valid request for {method}: add one"),
        };
        (ADMIN, message)
    }

    /// A document that decides as the others, and is none of them.
    fn next_policy(&self) -> String {
        let number = self.policies.fetch_add(1, Ordering::Relaxed);
        format!("{}# {number}\n", policy::BY_NAME)
    }

    /// The policy in force, and one that may replace it.
    async fn policies(&self) -> (String, String) {
        let put = self.other_admin.put(self.next_policy(), "").await.unwrap();
        let info = self.fixture.admin().server_info().await.unwrap();
        (info.policy_revision_id, put.revision.revision_id)
    }

    /// An activation that another admin asked for.
    async fn activation(&self) -> String {
        let (current, revision) = self.policies().await;
        let asked = self.other_admin.activate(revision, current, "").await.unwrap().activation;
        asked.activation_id
    }

    /// Settings of the queue, in force in place of whichever were.
    async fn queue_settings(&self) -> String {
        self.put_settings("version: 1").await
    }

    pub(super) async fn put_settings(&self, document: &str) -> String {
        let queue = self.fixture.queue();
        let (current, _) = queue.settings("").await.unwrap().unzip();
        let current = current.map(|settings| settings.settings_id).unwrap_or_default();
        queue.put(document, current, "for a test").await.unwrap().settings_id
    }

    async fn permit(&self) -> Permit {
        allowed(&self.run, Proposal::new("allow_it", "{}")).await
    }

    /// An action that ran, and that somebody is to judge.
    pub(super) async fn sampled(&self) -> String {
        let permit = allowed(&self.run, Proposal::new("sample_it", "{}")).await;
        let action_id = permit.action_id().to_owned();
        let report = permit.redeem().await.unwrap().into_report(true, "done");
        report_outcomes(&self.fixture.connection(AGENT), vec![report]).await.unwrap();
        action_id
    }

    /// A question that waits.
    pub async fn open(&self) -> Wait {
        asked(&self.run, another("ask_it").checkpoint(draft()).detached()).await
    }

    /// A question that is answered with others.
    pub async fn open_lightly(&self) -> Wait {
        asked(&self.run, another("look_at").checkpoint(draft()).detached()).await
    }

    /// A question of the same run whose answer was a correction in words.
    async fn corrected(&self) -> String {
        let wait = self.open().await;
        let seen = self.fixture.shown(wait.escalation_id()).await;
        self.fixture.reviewer().instruct(&seen, "otherwise").await.unwrap().escalation_id
    }
}
