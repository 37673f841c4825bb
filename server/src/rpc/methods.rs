//! The catalogue of methods, read from the API's descriptors.
//!
//! What is not in it does not exist: the door asks here first, so that a new
//! rpc is guarded, timed and counted without anybody remembering to.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

use super::limits;
use crate::engine::Need;
use crate::telemetry::metrics::{CallMetrics, Metrics};

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: [&str; 2] =
    ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// Who may call a method, whatever the request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: the answer holds nothing of any tenant.
    Open,
    /// Who has a valid token and is what the engine demands of its callers.
    Caller(Need),
}

/// Why there is no catalogue: a fault of the build, not of an operator.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The API's descriptors cannot be read.
    #[error("the descriptors of the API cannot be read: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// Nobody said who may call a method.
    #[error("nothing says who may call `{path}`")]
    NoAccess {
        /// The method's path.
        path: String,
    },
}

/// One method as the door needs it.
#[derive(Debug)]
pub struct Method {
    /// The path, `/package.Service/Method`.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// The largest request, in bytes.
    pub max_request_bytes: usize,
    /// How long until its answer, or its stream, has to begin.
    pub timeout: Duration,
    /// Whether the server streams the answer.
    pub is_stream: bool,
    metrics: CallMetrics,
}

/// Every method of this server, by path.
#[derive(Debug)]
pub struct Methods(HashMap<String, Method>);

// === impl Methods ===

impl Methods {
    /// Reads the API's descriptors and adds health, and reflection on request.
    pub fn new(metrics: &Metrics, with_reflection: bool) -> Result<Self, CatalogueError> {
        let served = served()?.into_iter();
        let mut all: Vec<_> =
            served.map(|(path, need, streams)| (path, Access::Caller(need), streams)).collect();
        all.push((format!("/{HEALTH}/Check"), Access::Open, false));
        all.push((format!("/{HEALTH}/Watch"), Access::Open, true));
        if with_reflection {
            all.extend(
                REFLECTION.map(|service| {
                    (format!("/{service}/ServerReflectionInfo"), Access::Open, true)
                }),
            );
        }
        let methods = all.into_iter().map(|(path, access, is_stream)| {
            let max_request_bytes = max_request_bytes(&path);
            let timeout = timeout_of(&path);
            let metrics = metrics.call(&path);
            let key = path.clone();
            (key, Method { path, access, max_request_bytes, timeout, is_stream, metrics })
        });
        Ok(Self(methods.collect()))
    }

    /// Those of some services, by their full names; the others do not exist then.
    #[must_use]
    pub fn only(mut self, services: &[&str]) -> Self {
        let service = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
        self.0.retain(|path, _| services.contains(&service(path).as_str()));
        self
    }

    /// The method at a path.
    pub fn find(&self, path: &str) -> Option<&Method> {
        self.0.get(path)
    }

    /// Every path, in no particular order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

// === impl Method ===

impl Method {
    /// Counts a call that is answered, or whose stream has begun.
    pub fn observe(&self, code: Code, took: Duration) {
        self.metrics.observe(code, took);
    }
}

/// Every method of the API that is served: its path, what the engine demands of its
/// callers, and whether the server streams the answer.
pub(super) fn served() -> Result<Vec<(String, Need, bool)>, CatalogueError> {
    let files = FileDescriptorSet::decode(pointsman_api::FILE_DESCRIPTOR_SET)?;
    let mut all = Vec::new();
    for file in &files.file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            // What the server calls it does not serve.
            if pointsman_api::CALLED_SERVICES.contains(&name.as_str()) {
                continue;
            }
            for method in &service.method {
                let path = format!("/{name}/{}", method.name());
                let Some(need) = need_of(&path) else {
                    return Err(CatalogueError::NoAccess { path });
                };
                all.push((path, need, method.server_streaming()));
            }
        }
    }
    Ok(all)
}

/// What the engine demands of a method's callers, known here as well so that a
/// request is not even read for a caller that it would be refused to.
pub(super) fn need_of(path: &str) -> Option<Need> {
    let (service, method) = path.strip_prefix("/pointsman.v1.")?.split_once('/')?;
    match service {
        "EscalationService" => of_escalations(method),
        "ReviewService" => of_reviews(method),
        "PolicyService" => of_policies(method),
        "AdminService" => of_administration(method),
        "OverrideService" => of_overrides(method),
        _ => of_runs(service, method),
    }
}

fn of_runs(service: &str, method: &str) -> Option<Need> {
    Some(match (service, method) {
        ("RunService", "StartRun" | "FinishRun" | "AppendMessages")
        | ("ReasoningService", "AppendEntries" | "OpenSession" | "ReceiveUpdates")
        | ("ActionService", "ProposeAction" | "RedeemGrant" | "ReportOutcomes")
        | (
            "CheckpointService",
            "SaveCheckpoint" | "BranchRun" | "ClaimResumptions" | "AcknowledgeResumption",
        ) => Need::Agent,
        ("ActionService", "ReverseAction") | ("CheckpointService", "MarkCheckpoint") => {
            Need::Reviewer
        }
        ("CheckpointService", "RollBackRun") => Need::Supervisor,
        ("InsightService", "ExportFeedback") => Need::Auditor,
        ("DrillService", "CreateDrill" | "ListDrills") => Need::Supervisor,
        ("DrillService", "TakeDrill" | "AnswerDrill") => Need::Reviewer,
        ("DrillService", "GetDrillStats") | ("RunService", "WatchWall") => Need::Overseer,
        ("RunService", "GetRun" | "ListRuns" | "ListRunSteps" | "WatchRuns")
        | ("ActionService", "GetAction" | "ListActions")
        | (
            "CheckpointService",
            "GetCheckpoint" | "ListCheckpoints" | "DiffCheckpoints" | "GetBranch" | "ListBranches"
            | "CompareBranches",
        )
        | ("ReasoningService", "ListEntries" | "WatchReasoning")
        | ("WatchService", "Watch") => Need::Nothing,
        _ => return None,
    })
}

fn of_escalations(method: &str) -> Option<Need> {
    Some(match method {
        "AwaitResolutions" | "AnswerQuestion" => Need::Agent,
        "ClaimEscalation"
        | "ClaimNextEscalation"
        | "HandOffEscalation"
        | "SnoozeEscalation"
        | "RenewClaim"
        | "ReleaseEscalation"
        | "ResolveEscalation"
        | "RevertResolution"
        | "AskAgent"
        | "AddComment"
        | "PreviewBulkResolution"
        | "ResolveBulk" => Need::Reviewer,
        "AssignEscalation" | "TakeOverEscalation" => Need::Supervisor,
        "ListEscalations" | "WatchEscalations" | "ListComments" => Need::Overseer,
        "GetEscalation" | "ListQuestions" => Need::Nothing,
        _ => return None,
    })
}

fn of_overrides(method: &str) -> Option<Need> {
    Some(match method {
        "RequestOverride" | "ConfirmOverride" => Need::Overrider,
        "GetOverride" | "ListOverrides" | "WatchOverride" => Need::Overseer,
        "ReceiveOverrides" | "AcknowledgeOverride" => Need::Agent,
        _ => return None,
    })
}

fn of_reviews(method: &str) -> Option<Need> {
    Some(match method {
        "ClaimNextReview" | "SubmitReview" | "SkipReview" | "RaiseIncident" => Need::Reviewer,
        "GetReview" | "ListReviews" | "GetReviewStats" | "GetIncident" | "ListIncidents" => {
            Need::Overseer
        }
        "AcknowledgeIncident" | "CloseIncident" => Need::IncidentHandler,
        _ => return None,
    })
}

fn of_policies(method: &str) -> Option<Need> {
    Some(match method {
        "GetPolicy"
        | "ListPolicies"
        | "ListPolicyActivations"
        | "BacktestPolicy"
        | "GetPolicyShadow"
        | "ExplainDecision"
        | "GetProfiles"
        | "TestPolicy" => Need::Overseer,
        "PutPolicy"
        | "ActivatePolicy"
        | "ConfirmPolicyActivation"
        | "WithdrawPolicyActivation"
        | "RollBackPolicy"
        | "LearnProfiles"
        | "SetPolicyShadow" => Need::PolicyAuthor,
        "EvaluateAction" | "GetGuidance" => Need::Nothing,
        _ => return None,
    })
}

fn of_administration(method: &str) -> Option<Need> {
    Some(match method {
        "CreateToken" | "ListTokens" | "RevokeToken" | "CreateBackup" | "UpdatePrincipal"
        | "AssignRole" | "UnassignRole" | "GrantAuthority" | "RevokeAuthority" | "RetryNotice"
        | "SendTestNotice" | "PutQueueSettings" => Need::Admin,
        "ListPrincipals" | "ListAuthorities" | "GetNotice" | "ListNotices"
        | "ListNoticeChannels" | "GetQueueSettings" | "ListQueueSettings" | "GetQueueStatus" => {
            Need::Overseer
        }
        "SetAvailability" => Need::Reviewer,
        "BreakGlass" | "PauseAgent" | "ResumeAgent" => Need::Supervisor,
        "GetServerInfo" | "GetCaller" | "CheckAccess" => Need::Nothing,
        _ => return None,
    })
}

/// The few methods whose requests carry payloads may be larger than the others.
fn max_request_bytes(path: &str) -> usize {
    match path {
        "/pointsman.v1.ActionService/ProposeAction"
        | "/pointsman.v1.ActionService/RedeemGrant"
        | "/pointsman.v1.CheckpointService/SaveCheckpoint"
        | "/pointsman.v1.RunService/AppendMessages"
        | "/pointsman.v1.ReasoningService/AppendEntries"
        | "/pointsman.v1.ReasoningService/OpenSession"
        | "/pointsman.v1.ActionService/ReportOutcomes"
        | "/pointsman.v1.EscalationService/ResolveEscalation"
        | "/pointsman.v1.PolicyService/PutPolicy"
        | "/pointsman.v1.PolicyService/EvaluateAction"
        | "/pointsman.v1.PolicyService/ExplainDecision"
        | "/pointsman.v1.PolicyService/BacktestPolicy"
        | "/pointsman.v1.PolicyService/TestPolicy"
        | "/pointsman.v1.AdminService/PutQueueSettings" => limits::MAX_PAYLOAD_REQUEST_BYTES,
        _ => limits::MAX_REQUEST_BYTES,
    }
}

/// The few methods that may take longer than the others.
fn timeout_of(path: &str) -> Duration {
    match path {
        "/pointsman.v1.CheckpointService/ClaimResumptions"
        | "/pointsman.v1.OverrideService/ReceiveOverrides"
        | "/pointsman.v1.ReasoningService/ReceiveUpdates" => limits::LONG_POLL_TIMEOUT,
        "/pointsman.v1.AdminService/CreateBackup" => limits::BACKUP_TIMEOUT,
        "/pointsman.v1.PolicyService/BacktestPolicy"
        | "/pointsman.v1.PolicyService/ActivatePolicy"
        | "/pointsman.v1.PolicyService/ConfirmPolicyActivation"
        | "/pointsman.v1.PolicyService/RollBackPolicy"
        | "/pointsman.v1.PolicyService/LearnProfiles"
        | "/pointsman.v1.PolicyService/GetPolicyShadow" => limits::RECORDS_TIMEOUT,
        _ => limits::UNARY_TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(with_reflection: bool) -> Methods {
        Methods::new(&Metrics::new(), with_reflection).unwrap()
    }

    #[test]
    fn every_rpc_of_the_api_needs_a_caller_and_nothing_else_is_open() {
        let methods = methods(false);
        let mut open: Vec<_> = methods
            .paths()
            .filter(|path| methods.find(path).unwrap().access == Access::Open)
            .collect();
        open.sort_unstable();
        assert_eq!(open, ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"]);
        assert!(methods.find("/pointsman.v1.ActionService/ProposeAction").is_some());
        assert!(methods.find("/pointsman.v1.FactProviderService/GetFacts").is_none());
        assert!(
            methods.find("/pointsman.v1.EscalationService/WatchEscalations").unwrap().is_stream
        );
    }

    #[test]
    fn a_method_that_nobody_thought_of_is_for_nobody() {
        for path in ["/pointsman.v1.RunService/Nope", "/nope.v1.RunService/StartRun", "/"] {
            assert_eq!(need_of(path), None, "{path}");
        }
    }

    #[test]
    fn a_door_for_some_services_has_no_others() {
        let methods = methods(false).only(&["pointsman.v1.OverrideService"]);
        assert!(methods.find("/pointsman.v1.OverrideService/RequestOverride").is_some());
        assert!(methods.find("/pointsman.v1.ActionService/ProposeAction").is_none());
        assert!(methods.find("/grpc.health.v1.Health/Check").is_none());
    }

    #[test]
    fn the_large_and_the_long_ones_are_methods_that_exist() {
        let methods = methods(true);
        let large = methods.paths().filter(|path| {
            methods.find(path).unwrap().max_request_bytes != limits::MAX_REQUEST_BYTES
        });
        assert_eq!(large.count(), 14);
        let long = methods.paths().filter(|path| timeout_of(path) != limits::UNARY_TIMEOUT).count();
        assert_eq!(long, 10);
    }
}
