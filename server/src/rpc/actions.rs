//! `ActionService`: propose, redeem, report.

use pointsman_api::v1;
use pointsman_api::v1::action_service_server::ActionService;
use tonic::{Request, Response, Status};

use super::caller::{Call, open};
use super::convert::{self, answer, header, page, time};
use super::limits::fits;
use crate::domain::action::DecisionEffect;
use crate::domain::error::Error;
use crate::engine::Engine;
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::propose::{Propose, Proposed};
use crate::engine::redeem::Redeem;
use crate::engine::reverse::{Reverse, Reversed};
use crate::telemetry::trace;

/// Answers for actions.
#[derive(Clone)]
pub(super) struct Actions(pub(super) Engine);

#[tonic::async_trait]
impl ActionService for Actions {
    async fn propose_action(
        &self,
        request: Request<v1::ProposeActionRequest>,
    ) -> Result<Response<v1::ProposeActionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = read_proposal(message)?;
        let proposed = self.0.propose(&caller, command).await?;
        let header = header(&proposed);
        let Proposed { action, reason, escalation } = proposed.value;
        trace::action(&action.id);
        let is_allowed = action.decision.effect == DecisionEffect::Allow;
        answer(v1::ProposeActionResponse {
            header,
            action_id: action.id.to_string(),
            action_digest: convert::actions::digest(&action.digest),
            grant: is_allowed.then(|| convert::actions::grant(&action)).flatten(),
            decision: Some(convert::actions::decision(action.decision, reason)),
            wait: escalation.as_ref().map(convert::actions::wait),
        })
    }

    async fn redeem_grant(
        &self,
        request: Request<v1::RedeemGrantRequest>,
    ) -> Result<Response<v1::RedeemGrantResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let command = Redeem {
            request_id: message.request_id,
            grant: convert::id("grant_id", &message.grant_id)?,
            action: convert::id("action_id", &message.action_id)?,
            run: convert::id("run_id", &message.run_id)?,
            tool: message.tool,
            tool_schema_version: message.tool_schema_version,
            target: message.target,
            arguments: message.arguments,
            preconditions: message.preconditions,
        };
        trace::run(&command.run);
        trace::action(&command.action);
        let redeemed = self.0.redeem(&caller, command).await?;
        answer(v1::RedeemGrantResponse {
            header: header(&redeemed),
            redeem_time: Some(time(redeemed.value.redeem_time)),
            outcome_due_time: Some(time(redeemed.value.outcome_due_time)),
        })
    }

    async fn report_outcomes(
        &self,
        request: Request<v1::ReportOutcomesRequest>,
    ) -> Result<Response<v1::ReportOutcomesResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let outcomes = message.outcomes.into_iter().enumerate();
        let command = ReportOutcomes {
            request_id: message.request_id,
            outcomes: outcomes.map(read_report).collect::<Result<_, _>>()?,
        };
        let reported = self.0.report_outcomes(&caller, command).await?;
        answer(v1::ReportOutcomesResponse { header: header(&reported) })
    }

    async fn get_action(
        &self,
        request: Request<v1::GetActionRequest>,
    ) -> Result<Response<v1::GetActionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("action_id", &message.action_id)?;
        trace::action(&id);
        let action = self.0.get_action(&caller, id).await?;
        answer(v1::GetActionResponse { action: Some(convert::actions::action(action)) })
    }

    async fn list_actions(
        &self,
        request: Request<v1::ListActionsRequest>,
    ) -> Result<Response<v1::ListActionsResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let run = convert::id("run_id", &message.run_id)?;
        trace::run(&run);
        let page = page(message.page_size, message.page_token);
        let listed = self.0.list_actions(&caller, run, page).await?;
        answer(fits(v1::ListActionsResponse {
            actions: listed.items.into_iter().map(convert::actions::action).collect(),
            next_page_token: listed.next_page_token,
            server_time: Some(time(self.0.now())),
        })?)
    }

    async fn reverse_action(
        &self,
        request: Request<v1::ReverseActionRequest>,
    ) -> Result<Response<v1::ReverseActionResponse>, Status> {
        let Call { caller, message } = open(request)?;
        let id = convert::id("action_id", &message.action_id)?;
        trace::action(&id);
        let (request_id, reason) = (message.request_id, message.reason);
        let command = Reverse { request_id, what: Reversed::Action(id), reason };
        let done = self.0.reverse(&caller, command).await?;
        let header = header(&done);
        answer(v1::ReverseActionResponse {
            header,
            action: Some(convert::actions::action(done.value)),
        })
    }
}

fn read_proposal(message: v1::ProposeActionRequest) -> Result<Propose, Error> {
    let run = convert::id("run_id", &message.run_id)?;
    trace::run(&run);
    let resume_mode = convert::known("resume_mode", message.resume_mode)?;
    Ok(Propose {
        request_id: message.request_id,
        run: Some(run),
        tool: message.tool,
        tool_schema_version: message.tool_schema_version,
        target: message.target,
        arguments: message.arguments,
        preconditions: message.preconditions,
        reasoning: message.reasoning,
        confidence: message.confidence,
        tool_call_id: message.tool_call_id,
        checkpoint: message.checkpoint.map(convert::checkpoints::read_draft),
        redeem_if_allowed: message.redeem_if_allowed,
        resume_mode: convert::actions::read_resume_mode(resume_mode),
        follows: convert::optional_id("follows_escalation_id", &message.follows_escalation_id)?,
        branch: message.branch,
    })
}

fn read_report((place, report): (usize, v1::OutcomeReport)) -> Result<Report, Error> {
    let field = |name| convert::at("outcomes", place, name);
    let status = convert::known(&field("status"), report.status)?;
    Ok(Report {
        action: convert::id(&field("action_id"), &report.action_id)?,
        status: convert::actions::read_outcome_status(&field("status"), status)?,
        result: report.result,
    })
}
