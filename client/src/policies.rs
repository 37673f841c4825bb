//! Policies: putting them, putting them in force, asking what they would say.

use std::future::Future;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::policy_service_client::PolicyServiceClient;
use tonic::{Request, Response, Status};

use crate::connect::{AuthorizedChannel, Connection, promised};
use crate::error::Result;

/// How long a backtest may take.
const BACKTEST_LIMIT: Duration = Duration::from_secs(120);
/// How much longer than others a call may take that goes through recorded actions.
const RECORDS_WAIT: Duration = Duration::from_secs(90);

type Service = PolicyServiceClient<AuthorizedChannel>;

/// Calls `PolicyService`: admins change policies, reviewers read them, agents ask
/// the one in force.
#[derive(Clone, Debug)]
pub struct Policies {
    connection: Connection,
}

/// What came of a change of policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The activation: in force, or waiting for a second person.
    pub activation: v1::PolicyActivation,
    /// How the policy does on recorded actions, where its document has bounds.
    pub figures: Option<v1::PolicyFigures>,
}

/// A revision that is there now.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The revision.
    pub revision: v1::PolicyRevision,
    /// Whether this call made it; else the same document was put before.
    pub is_new: bool,
    /// What a look over the document found.
    pub findings: Vec<v1::PolicyFinding>,
}

impl Policies {
    /// Makes a caller of a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Puts a document: kept, not in force.
    ///
    /// # Errors
    ///
    /// As `PolicyService.PutPolicy`; POLICY_INVALID says what is wrong where.
    pub async fn put(&self, document: impl Into<String>, note: impl Into<String>) -> Result<Put> {
        let request = v1::PutPolicyRequest {
            request_id: self.connection.new_request_id(),
            document: document.into(),
            note: note.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move { service.put_policy(request).await })
            .await?;
        Ok(Put {
            revision: promised(answer.revision, "revision")?,
            is_new: answer.created,
            findings: answer.findings,
        })
    }

    /// Returns a revision with its document; with an empty id the one in force.
    ///
    /// # Errors
    ///
    /// As `PolicyService.GetPolicy`.
    pub async fn get(
        &self,
        revision_id: impl Into<String>,
    ) -> Result<(v1::PolicyRevision, String)> {
        let request = v1::GetPolicyRequest { revision_id: revision_id.into() };
        let answer = self
            .call(request, |mut service, request| async move { service.get_policy(request).await })
            .await?;
        Ok((promised(answer.revision, "revision")?, answer.document))
    }

    /// Returns a page of revisions, newest first.
    ///
    /// # Errors
    ///
    /// As `PolicyService.ListPolicies`.
    pub async fn list(&self, request: v1::ListPoliciesRequest) -> Result<v1::ListPoliciesResponse> {
        self.call(
            request,
            |mut service, request| async move { service.list_policies(request).await },
        )
        .await
    }

    /// Puts a revision in force in place of `current_revision_id`, or asks a second
    /// person to.
    ///
    /// # Errors
    ///
    /// As `PolicyService.ActivatePolicy`; POLICY_CHANGED says who was faster,
    /// POLICY_OUT_OF_BOUNDS which bound is missed and by how much.
    pub async fn activate(
        &self,
        revision_id: impl Into<String>,
        current_revision_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Changed> {
        let request = v1::ActivatePolicyRequest {
            request_id: self.connection.new_request_id(),
            revision_id: revision_id.into(),
            current_revision_id: current_revision_id.into(),
            reason: reason.into(),
        };
        let answer = self
            .call_long(request, |mut service, request| async move {
                service.activate_policy(request).await
            })
            .await?;
        let activation = promised(answer.activation, "activation")?;
        Ok(Changed { activation, figures: answer.figures })
    }

    /// Puts in force what another admin asked for.
    ///
    /// # Errors
    ///
    /// As `PolicyService.ConfirmPolicyActivation`.
    pub async fn confirm(&self, activation_id: impl Into<String>) -> Result<Changed> {
        let request = v1::ConfirmPolicyActivationRequest {
            request_id: self.connection.new_request_id(),
            activation_id: activation_id.into(),
        };
        let answer = self
            .call_long(request, |mut service, request| async move {
                service.confirm_policy_activation(request).await
            })
            .await?;
        let activation = promised(answer.activation, "activation")?;
        Ok(Changed { activation, figures: answer.figures })
    }

    /// Takes back, or refuses, what waits for a second person.
    ///
    /// # Errors
    ///
    /// As `PolicyService.WithdrawPolicyActivation`.
    pub async fn withdraw(&self, activation_id: impl Into<String>) -> Result<v1::PolicyActivation> {
        let request = v1::WithdrawPolicyActivationRequest {
            request_id: self.connection.new_request_id(),
            activation_id: activation_id.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.withdraw_policy_activation(request).await
            })
            .await?;
        promised(answer.activation, "activation")
    }

    /// Puts the revision in force again that `current_revision_id` replaced.
    ///
    /// # Errors
    ///
    /// As `PolicyService.RollBackPolicy`.
    pub async fn roll_back(
        &self,
        current_revision_id: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<v1::PolicyActivation> {
        let request = v1::RollBackPolicyRequest {
            request_id: self.connection.new_request_id(),
            current_revision_id: current_revision_id.into(),
            reason: reason.into(),
        };
        let answer = self
            .call_long(request, |mut service, request| async move {
                service.roll_back_policy(request).await
            })
            .await?;
        promised(answer.activation, "activation")
    }

    /// Returns a page of what was put in force, or asked to be, newest first.
    ///
    /// # Errors
    ///
    /// As `PolicyService.ListPolicyActivations`.
    pub async fn activations(
        &self,
        request: v1::ListPolicyActivationsRequest,
    ) -> Result<v1::ListPolicyActivationsResponse> {
        self.call(request, |mut service, request| async move {
            service.list_policy_activations(request).await
        })
        .await
    }

    /// Puts a revision beside the one in force, or with an empty id takes away what is
    /// there.
    ///
    /// # Errors
    ///
    /// As `PolicyService.SetPolicyShadow`.
    pub async fn set_shadow(
        &self,
        revision_id: impl Into<String>,
    ) -> Result<Option<v1::PolicyShadow>> {
        let request = v1::SetPolicyShadowRequest {
            request_id: self.connection.new_request_id(),
            revision_id: revision_id.into(),
        };
        let answer = self
            .call(request, |mut service, request| async move {
                service.set_policy_shadow(request).await
            })
            .await?;
        Ok(answer.shadow)
    }

    /// Returns what judges beside the policy in force, and what it would have decided.
    ///
    /// # Errors
    ///
    /// As `PolicyService.GetPolicyShadow`.
    pub async fn shadow(&self, max_actions: i32) -> Result<v1::GetPolicyShadowResponse> {
        let request = v1::GetPolicyShadowRequest { max_actions };
        self.connection
            .send_once(BACKTEST_LIMIT, request, |request| {
                let mut service = self.connection.policy_service();
                async move { service.get_policy_shadow(request).await }
            })
            .await
    }

    /// Says what a policy would decide, without any effect.
    ///
    /// # Errors
    ///
    /// As `PolicyService.EvaluateAction`.
    pub async fn evaluate(
        &self,
        request: v1::EvaluateActionRequest,
    ) -> Result<v1::EvaluateActionResponse> {
        self.call(
            request,
            |mut service, request| async move { service.evaluate_action(request).await },
        )
        .await
    }

    /// Explains the decision on a past action, by the policy that decided or by
    /// another.
    ///
    /// # Errors
    ///
    /// As `PolicyService.ExplainDecision`.
    pub async fn explain(
        &self,
        request: v1::ExplainDecisionRequest,
    ) -> Result<v1::ExplainDecisionResponse> {
        self.call(
            request,
            |mut service, request| async move { service.explain_decision(request).await },
        )
        .await
    }

    /// Runs a policy's own test cases, and looks it over.
    ///
    /// # Errors
    ///
    /// As `PolicyService.TestPolicy`.
    pub async fn test(&self, request: v1::TestPolicyRequest) -> Result<v1::TestPolicyResponse> {
        self.call(request, |mut service, request| async move { service.test_policy(request).await })
            .await
    }

    /// Judges the newest recorded actions again, by any policy. Sent once: it may
    /// take longer than other calls, and is work for the server.
    ///
    /// # Errors
    ///
    /// As `PolicyService.BacktestPolicy`.
    pub async fn backtest(
        &self,
        request: v1::BacktestPolicyRequest,
    ) -> Result<v1::BacktestPolicyResponse> {
        self.connection
            .send_once(BACKTEST_LIMIT, request, |request| {
                let mut service = self.connection.policy_service();
                async move { service.backtest_policy(request).await }
            })
            .await
    }

    /// Has novelty profiles learnt anew, in place of those of `current_version`; 0
    /// for none.
    ///
    /// # Errors
    ///
    /// As `PolicyService.LearnProfiles`; PROFILES_CHANGED names the version in force.
    pub async fn learn_profiles(&self, current_version: u64) -> Result<v1::ProfileSet> {
        let request_id = self.connection.new_request_id();
        let request = v1::LearnProfilesRequest { request_id, current_version };
        let answer = self
            .call_long(request, |mut service, request| async move {
                service.learn_profiles(request).await
            })
            .await?;
        promised(answer.profiles, "profiles")
    }

    /// Says which novelty profiles are in force, and of whom.
    ///
    /// # Errors
    ///
    /// As `PolicyService.GetProfiles`.
    pub async fn profiles(&self) -> Result<v1::GetProfilesResponse> {
        self.call(v1::GetProfilesRequest {}, |mut service, request| async move {
            service.get_profiles(request).await
        })
        .await
    }

    /// Returns what an agent's model is to be told of the policy in force, and of
    /// what binds a run of the caller; an empty id: of any run.
    ///
    /// # Errors
    ///
    /// As `PolicyService.GetGuidance`.
    pub async fn guidance(&self, run_id: impl Into<String>) -> Result<v1::GetGuidanceResponse> {
        let request = v1::GetGuidanceRequest { run_id: run_id.into() };
        self.call(
            request,
            |mut service, request| async move { service.get_guidance(request).await },
        )
        .await
    }

    async fn call<M, T, F>(&self, message: M, call: impl Fn(Service, Request<M>) -> F) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.connection
            .send(message, |request| call(self.connection.policy_service(), request))
            .await
    }

    /// A call that the server goes through recorded actions for.
    async fn call_long<M, T, F>(
        &self,
        message: M,
        call: impl Fn(Service, Request<M>) -> F,
    ) -> Result<T>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let call = |request| call(self.connection.policy_service(), request);
        self.connection.send_and_wait(RECORDS_WAIT, message, call).await
    }
}
