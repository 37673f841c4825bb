//! Who may call what: every rpc of the API, without a token, with a wrong one,
//! with every role, from another tenant, and beyond the caller's authority. The table is
//! checked against the descriptors, so that a new rpc without a row fails.

mod authority;
mod tenants;

use std::collections::BTreeMap;

use bytes::Bytes;
use pointsman_api::v1::Role;
use pointsman_api::{CALLED_SERVICES, FILE_DESCRIPTOR_SET};
use pointsman_client::{Error, ErrorKind};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::bad_input::requests::World;
use crate::harness::api::{ADMIN, AGENT, AUDITOR, AUTHOR, REVIEWER, SUPERVISOR};
use crate::harness::fixture::Fixture;
use crate::harness::{policy, raw};

const EVERYBODY: &[&str] = &[AGENT, REVIEWER, SUPERVISOR, AUTHOR, AUDITOR, ADMIN];
const OVERSEERS: &[&str] = &[REVIEWER, SUPERVISOR, AUTHOR, AUDITOR, ADMIN];
const REVIEWERS: &[&str] = &[REVIEWER, SUPERVISOR];
const HANDLERS: &[&str] = &[SUPERVISOR, AUTHOR, ADMIN];
const AUTHORS: &[&str] = &[AUTHOR, ADMIN];

/// Each rpc with the ready-made tokens that may call it.
const TABLE: &[(&str, &[&str])] = &[
    ("RunService/StartRun", &[AGENT]),
    ("RunService/GetRun", EVERYBODY),
    ("RunService/ListRuns", EVERYBODY),
    ("RunService/ListRunSteps", EVERYBODY),
    ("RunService/WatchRuns", EVERYBODY),
    ("RunService/WatchWall", OVERSEERS),
    ("RunService/FinishRun", &[AGENT]),
    ("RunService/AppendMessages", &[AGENT]),
    ("ReasoningService/AppendEntries", &[AGENT]),
    ("ReasoningService/OpenSession", &[AGENT]),
    ("ReasoningService/ReceiveUpdates", &[AGENT]),
    ("ReasoningService/WatchReasoning", EVERYBODY),
    ("ReasoningService/ListEntries", EVERYBODY),
    ("ActionService/ProposeAction", &[AGENT]),
    ("ActionService/RedeemGrant", &[AGENT]),
    ("ActionService/ReportOutcomes", &[AGENT]),
    ("ActionService/GetAction", EVERYBODY),
    ("ActionService/ListActions", EVERYBODY),
    ("ActionService/ReverseAction", REVIEWERS),
    ("EscalationService/GetEscalation", EVERYBODY),
    ("EscalationService/ListEscalations", OVERSEERS),
    ("EscalationService/WatchEscalations", OVERSEERS),
    ("EscalationService/ClaimEscalation", REVIEWERS),
    ("EscalationService/ClaimNextEscalation", REVIEWERS),
    ("EscalationService/HandOffEscalation", REVIEWERS),
    ("EscalationService/AssignEscalation", &[SUPERVISOR]),
    ("EscalationService/TakeOverEscalation", &[SUPERVISOR]),
    ("EscalationService/SnoozeEscalation", REVIEWERS),
    ("EscalationService/RenewClaim", REVIEWERS),
    ("EscalationService/ReleaseEscalation", REVIEWERS),
    ("EscalationService/ResolveEscalation", REVIEWERS),
    ("EscalationService/RevertResolution", REVIEWERS),
    ("EscalationService/PreviewBulkResolution", REVIEWERS),
    ("EscalationService/ResolveBulk", REVIEWERS),
    ("EscalationService/AskAgent", REVIEWERS),
    ("EscalationService/AnswerQuestion", &[AGENT]),
    ("EscalationService/ListQuestions", EVERYBODY),
    ("EscalationService/AddComment", REVIEWERS),
    ("EscalationService/ListComments", OVERSEERS),
    ("EscalationService/AwaitResolutions", &[AGENT]),
    ("CheckpointService/SaveCheckpoint", &[AGENT]),
    ("CheckpointService/GetCheckpoint", EVERYBODY),
    ("CheckpointService/ListCheckpoints", EVERYBODY),
    ("CheckpointService/DiffCheckpoints", EVERYBODY),
    ("CheckpointService/MarkCheckpoint", REVIEWERS),
    ("CheckpointService/BranchRun", &[AGENT]),
    ("CheckpointService/RollBackRun", &[SUPERVISOR]),
    ("CheckpointService/GetBranch", EVERYBODY),
    ("CheckpointService/ListBranches", EVERYBODY),
    ("CheckpointService/CompareBranches", EVERYBODY),
    ("CheckpointService/ClaimResumptions", &[AGENT]),
    ("CheckpointService/AcknowledgeResumption", &[AGENT]),
    ("PolicyService/PutPolicy", AUTHORS),
    ("PolicyService/GetPolicy", OVERSEERS),
    ("PolicyService/ListPolicies", OVERSEERS),
    ("PolicyService/ActivatePolicy", AUTHORS),
    ("PolicyService/ConfirmPolicyActivation", AUTHORS),
    ("PolicyService/WithdrawPolicyActivation", AUTHORS),
    ("PolicyService/RollBackPolicy", AUTHORS),
    ("PolicyService/ListPolicyActivations", OVERSEERS),
    ("PolicyService/EvaluateAction", EVERYBODY),
    ("PolicyService/ExplainDecision", OVERSEERS),
    ("PolicyService/TestPolicy", OVERSEERS),
    ("PolicyService/BacktestPolicy", OVERSEERS),
    ("PolicyService/LearnProfiles", AUTHORS),
    ("PolicyService/GetProfiles", OVERSEERS),
    ("PolicyService/SetPolicyShadow", AUTHORS),
    ("PolicyService/GetPolicyShadow", OVERSEERS),
    ("PolicyService/GetGuidance", EVERYBODY),
    ("ReviewService/GetReview", OVERSEERS),
    ("ReviewService/ListReviews", OVERSEERS),
    ("ReviewService/ClaimNextReview", REVIEWERS),
    ("ReviewService/SubmitReview", REVIEWERS),
    ("ReviewService/SkipReview", REVIEWERS),
    ("ReviewService/GetReviewStats", OVERSEERS),
    ("ReviewService/RaiseIncident", REVIEWERS),
    ("ReviewService/GetIncident", OVERSEERS),
    ("ReviewService/ListIncidents", OVERSEERS),
    ("ReviewService/AcknowledgeIncident", HANDLERS),
    ("ReviewService/CloseIncident", HANDLERS),
    ("OverrideService/RequestOverride", &[SUPERVISOR, ADMIN]),
    ("OverrideService/ConfirmOverride", &[SUPERVISOR, ADMIN]),
    ("OverrideService/GetOverride", OVERSEERS),
    ("OverrideService/ListOverrides", OVERSEERS),
    ("OverrideService/WatchOverride", OVERSEERS),
    ("OverrideService/ReceiveOverrides", &[AGENT]),
    ("OverrideService/AcknowledgeOverride", &[AGENT]),
    ("InsightService/ExportFeedback", &[AUDITOR, ADMIN]),
    ("DrillService/CreateDrill", &[SUPERVISOR]),
    ("DrillService/ListDrills", &[SUPERVISOR]),
    ("DrillService/TakeDrill", REVIEWERS),
    ("DrillService/AnswerDrill", REVIEWERS),
    ("DrillService/GetDrillStats", OVERSEERS),
    ("WatchService/Watch", EVERYBODY),
    ("AdminService/GetServerInfo", EVERYBODY),
    ("AdminService/GetCaller", EVERYBODY),
    ("AdminService/CheckAccess", EVERYBODY),
    ("AdminService/CreateToken", &[ADMIN]),
    ("AdminService/ListTokens", &[ADMIN]),
    ("AdminService/RevokeToken", &[ADMIN]),
    ("AdminService/CreateBackup", &[ADMIN]),
    ("AdminService/GetNotice", OVERSEERS),
    ("AdminService/ListNotices", OVERSEERS),
    ("AdminService/RetryNotice", &[ADMIN]),
    ("AdminService/SendTestNotice", &[ADMIN]),
    ("AdminService/ListNoticeChannels", OVERSEERS),
    ("AdminService/ListPrincipals", OVERSEERS),
    ("AdminService/UpdatePrincipal", &[ADMIN]),
    ("AdminService/AssignRole", &[ADMIN]),
    ("AdminService/UnassignRole", &[ADMIN]),
    ("AdminService/SetAvailability", REVIEWERS),
    ("AdminService/PauseAgent", &[SUPERVISOR]),
    ("AdminService/ResumeAgent", &[SUPERVISOR]),
    ("AdminService/GrantAuthority", &[ADMIN]),
    ("AdminService/RevokeAuthority", &[ADMIN]),
    ("AdminService/ListAuthorities", OVERSEERS),
    ("AdminService/BreakGlass", &[SUPERVISOR]),
    ("AdminService/PutQueueSettings", &[ADMIN]),
    ("AdminService/GetQueueSettings", OVERSEERS),
    ("AdminService/ListQueueSettings", OVERSEERS),
    ("AdminService/GetQueueStatus", OVERSEERS),
];

/// Whether the server serves it, rather than calling it.
fn is_served(service: &str) -> bool {
    !CALLED_SERVICES.contains(&format!("pointsman.v1.{service}").as_str())
}

/// Every method that the server serves, as `Service/Method`.
fn methods() -> Vec<String> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut methods = Vec::new();
    for file in files.file.iter().filter(|file| file.package() == "pointsman.v1") {
        for service in file.service.iter().filter(|it| is_served(it.name())) {
            let name = |method: &prost_types::MethodDescriptorProto| {
                format!("{}/{}", service.name(), method.name())
            };
            methods.extend(service.method.iter().map(name));
        }
    }
    methods.sort();
    methods
}

#[test]
fn the_table_has_every_rpc() {
    let mut table: Vec<_> = TABLE.iter().map(|(method, _)| (*method).to_owned()).collect();
    table.sort();
    assert_eq!(table, methods());
}

/// What nobody would be granted: ids that are none, bytes that are no message,
/// and more than the largest message there may be.
fn garbage() -> [Bytes; 3] {
    let text = b"garbage";
    let head = |number: u8| [number << 3 | 2, text.len().try_into().unwrap()];
    let fields = (1..15).flat_map(|number| [&head(number)[..], text].concat());
    [fields.collect(), Bytes::from_static(&[0x07]), vec![0; 4 * 1024 * 1024 + 1].into()]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_is_refused_to_whoever_may_not_call_it() {
    let world = World::start().await;
    let channel = raw::channel(world.fixture.address());
    let revoked = revoked_token(&world.fixture).await;
    let mut findings = Vec::new();
    for (method, roles) in TABLE {
        let path = format!("/pointsman.v1.{method}");
        // A request that whoever may send it would have granted, and what nobody
        // would: who may not call is told that, whatever the request says.
        let granted = Bytes::from(world.request(&path).await.1);
        let sequence = world.sequence().await;
        for message in garbage().into_iter().chain([granted]) {
            for token in [None, Some("nobody"), Some(""), Some(&*revoked)] {
                let answer = raw::call(&channel, &path, token, message.clone()).await;
                if !is_refusal(&answer, Code::Unauthenticated, "TOKEN_INVALID") {
                    findings.push(format!("{method}, token {token:?}: {answer:?}"));
                }
            }
            for token in EVERYBODY.iter().filter(|token| !roles.contains(token)) {
                let answer = raw::call(&channel, &path, Some(token), message.clone()).await;
                if !is_refusal(&answer, Code::PermissionDenied, "ROLE_REQUIRED") {
                    findings.push(format!("{method}, {token}: {answer:?}"));
                }
            }
        }
        if world.sequence().await != sequence {
            findings.push(format!("{method}: a refused call left an event"));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

async fn revoked_token(fixture: &Fixture) -> String {
    let admin = fixture.admin();
    let created = admin.create_token("left", &[Role::Admin], None).await.unwrap();
    admin.revoke_token(created.token.token_id).await.unwrap();
    created.secret
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_call_is_not_told_otherwise() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let channel = raw::channel(fixture.address());
    let streams = [
        "WatchEscalations",
        "AwaitResolutions",
        "WatchOverride",
        "WatchReasoning",
        "WatchRuns",
        "WatchWall",
        "/Watch",
    ];
    let mut findings = BTreeMap::new();
    for (method, roles) in TABLE {
        // An open stream has no first message to wait for.
        if streams.iter().any(|stream| method.ends_with(stream)) {
            continue;
        }
        let path = format!("/pointsman.v1.{method}");
        for token in *roles {
            let Err(status) = raw::call(&channel, &path, Some(token), Bytes::new()).await else {
                continue;
            };
            let error = Error::from(status);
            if matches!(error.code(), Code::Unauthenticated | Code::PermissionDenied) {
                findings.insert((*method, *token), error);
            }
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

fn is_refusal(answer: &Result<Bytes, tonic::Status>, code: Code, reason: &str) -> bool {
    let Err(status) = answer else { return false };
    let error = Error::from(status.clone());
    error.kind() == ErrorKind::Refused && error.code() == code && error.reason_name() == reason
}
