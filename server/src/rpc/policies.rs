//! `PolicyService`: revisions, which is in force, and what they would say.

use pointsman_api::v1;
use pointsman_api::v1::policy_service_server::PolicyService;
use tonic::{Request, Response, Status};

use super::caller::{Call, open};
use super::convert::{
    self, answer, backtests, explanations, figures, header, page, policies, profiles, time,
};
use super::limits::fits;
use crate::engine::policies::{
    Activate, ActivationView, LearnProfiles, PutPolicy, RollBack, SetShadow,
};
use crate::engine::{Answer, Engine};

/// Answers for policies.
#[derive(Clone)]
pub(super) struct Policies(pub(super) Engine);

#[tonic::async_trait]
impl PolicyService for Policies {
    async fn put_policy(
        &self,
        request: Request<v1::PutPolicyRequest>,
    ) -> Result<Response<v1::PutPolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = PutPolicy {
            request_id: message.request_id,
            document: message.document,
            note: message.note,
        };
        let put = self.0.put_policy(&caller, command).await?;
        let header = header(&put);
        let revision = Some(policies::revision(put.value.view));
        let findings = put.value.findings.into_iter().map(explanations::finding).collect();
        answer(v1::PutPolicyResponse { header, revision, created: put.value.is_new, findings })
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::optional_id("revision_id", &message.revision_id)?;
        let (view, document) = self.0.get_policy(&caller, id).await?;
        answer(v1::GetPolicyResponse { revision: Some(policies::revision(view)), document })
    }

    async fn list_policies(
        &self,
        request: Request<v1::ListPoliciesRequest>,
    ) -> Result<Response<v1::ListPoliciesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.list_policies(&caller, page).await?;
        answer(fits(v1::ListPoliciesResponse {
            revisions: listed.items.into_iter().map(policies::revision).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.now())),
        })?)
    }

    async fn activate_policy(
        &self,
        request: Request<v1::ActivatePolicyRequest>,
    ) -> Result<Response<v1::ActivatePolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = Activate {
            request_id: message.request_id,
            revision: convert::id("revision_id", &message.revision_id)?,
            current: convert::id("current_revision_id", &message.current_revision_id)?,
            reason: message.reason,
        };
        let changed = self.0.activate_policy(&caller, command).await?;
        let figures = changed.value.figures.as_ref().map(figures::figures);
        let (header, activation) = self.shown(changed);
        answer(v1::ActivatePolicyResponse { header, activation, figures })
    }

    async fn confirm_policy_activation(
        &self,
        request: Request<v1::ConfirmPolicyActivationRequest>,
    ) -> Result<Response<v1::ConfirmPolicyActivationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("activation_id", &message.activation_id)?;
        let request_id = &message.request_id;
        let changed = self.0.confirm_policy_activation(&caller, request_id, id).await?;
        let figures = changed.value.figures.as_ref().map(figures::figures);
        let (header, activation) = self.shown(changed);
        answer(v1::ConfirmPolicyActivationResponse { header, activation, figures })
    }

    async fn withdraw_policy_activation(
        &self,
        request: Request<v1::WithdrawPolicyActivationRequest>,
    ) -> Result<Response<v1::WithdrawPolicyActivationResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("activation_id", &message.activation_id)?;
        let request_id = &message.request_id;
        let changed = self.0.withdraw_policy_activation(&caller, request_id, id).await?;
        let (header, activation) = self.shown(changed);
        answer(v1::WithdrawPolicyActivationResponse { header, activation })
    }

    async fn roll_back_policy(
        &self,
        request: Request<v1::RollBackPolicyRequest>,
    ) -> Result<Response<v1::RollBackPolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = RollBack {
            request_id: message.request_id,
            current: convert::id("current_revision_id", &message.current_revision_id)?,
            reason: message.reason,
        };
        let changed = self.0.roll_back_policy(&caller, command).await?;
        let (header, activation) = self.shown(changed);
        answer(v1::RollBackPolicyResponse { header, activation })
    }

    async fn list_policy_activations(
        &self,
        request: Request<v1::ListPolicyActivationsRequest>,
    ) -> Result<Response<v1::ListPolicyActivationsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let page = page(message.page_size, message.page_token);
        let listed = self.0.list_policy_activations(&caller, page).await?;
        let now = self.0.now();
        let items = listed.items.into_iter();
        answer(fits(v1::ListPolicyActivationsResponse {
            activations: items.map(|view| policies::activation(view, now)).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(now)),
        })?)
    }

    async fn evaluate_action(
        &self,
        request: Request<v1::EvaluateActionRequest>,
    ) -> Result<Response<v1::EvaluateActionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = policies::read_evaluate(message)?;
        let evaluated = self.0.evaluate_action(&caller, command).await?;
        answer(fits(explanations::evaluated(evaluated))?)
    }

    async fn explain_decision(
        &self,
        request: Request<v1::ExplainDecisionRequest>,
    ) -> Result<Response<v1::ExplainDecisionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("action_id", &message.action_id)?;
        let subject = message.policy.map(policies::read_explained).transpose()?;
        let explained = self.0.explain_decision(&caller, id, subject).await?;
        answer(fits(explanations::explained(explained))?)
    }

    async fn test_policy(
        &self,
        request: Request<v1::TestPolicyRequest>,
    ) -> Result<Response<v1::TestPolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let subject = message.policy.map(policies::read_tested).transpose()?;
        let checked = self.0.test_policy(&caller, &subject.unwrap_or_default()).await?;
        answer(fits(explanations::checked(checked))?)
    }

    async fn backtest_policy(
        &self,
        request: Request<v1::BacktestPolicyRequest>,
    ) -> Result<Response<v1::BacktestPolicyResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = backtests::read(message)?;
        answer(backtests::backtested(self.0.backtest_policy(&caller, command).await?))
    }

    async fn learn_profiles(
        &self,
        request: Request<v1::LearnProfilesRequest>,
    ) -> Result<Response<v1::LearnProfilesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command =
            LearnProfiles { request_id: message.request_id, current: message.current_version };
        let learnt = self.0.learn_profiles(&caller, command).await?;
        let header = header(&learnt);
        answer(v1::LearnProfilesResponse { header, profiles: Some(profiles::set(&learnt.value)) })
    }

    async fn get_profiles(
        &self,
        request: Request<v1::GetProfilesRequest>,
    ) -> Result<Response<v1::GetProfilesResponse>, Status> {
        let Call { caller, .. } = open(request)?;
        answer(fits(profiles::known(self.0.profiles(&caller).await?))?)
    }

    async fn set_policy_shadow(
        &self,
        request: Request<v1::SetPolicyShadowRequest>,
    ) -> Result<Response<v1::SetPolicyShadowResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let revision = convert::optional_id("revision_id", &message.revision_id)?;
        let command = SetShadow { request_id: message.request_id, revision };
        let set = self.0.set_policy_shadow(&caller, command).await?;
        let header = header(&set);
        answer(v1::SetPolicyShadowResponse { header, shadow: set.value.map(policies::shadow) })
    }

    async fn get_policy_shadow(
        &self,
        request: Request<v1::GetPolicyShadowRequest>,
    ) -> Result<Response<v1::GetPolicyShadowResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let report = self.0.policy_shadow(&caller, message.max_actions).await?;
        answer(backtests::shadowed(report))
    }

    async fn get_guidance(
        &self,
        request: Request<v1::GetGuidanceRequest>,
    ) -> Result<Response<v1::GetGuidanceResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::optional_id("run_id", &message.run_id)?;
        let (revision, guidance) = self.0.guidance(&caller, run).await?;
        answer(fits(v1::GetGuidanceResponse {
            policy_revision_id: revision.to_string(),
            text: guidance.text,
            forbidden_tools: guidance.forbidden_tools,
            approval_tools: guidance.approval_tools,
        })?)
    }
}

impl Policies {
    fn shown(
        &self,
        changed: Answer<ActivationView>,
    ) -> (Option<v1::ResponseHeader>, Option<v1::PolicyActivation>) {
        let header = header(&changed);
        (header, Some(policies::activation(changed.value, self.0.now())))
    }
}
