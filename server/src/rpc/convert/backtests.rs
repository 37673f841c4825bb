//! What a policy would have said of recorded actions.

use pointsman_api::v1;
use pointsman_api::v1::HumanAnswer as WireAnswer;
use pointsman_api::v1::backtest_policy_request::Policy;

use super::actions::effect;
use super::policies::shadow;
use super::{figures, id, point, text_of, time};
use crate::domain::error::Error;
use crate::domain::escalation::ResolutionKind;
use crate::engine::policies::{
    Backtest, Backtested, Example, Flip, HumanAnswer, ShadowReport, Side, Subject,
};

/// Reads which actions to judge again, and by what.
pub(in crate::rpc) fn read(message: v1::BacktestPolicyRequest) -> Result<Backtest, Error> {
    let subject = match message.policy {
        None => Subject::InForce,
        Some(Policy::RevisionId(text)) => Subject::Revision(id("revision_id", &text)?),
        Some(Policy::Document(document)) => Subject::Document(document),
    };
    let since = message.since_time.map(point);
    Ok(Backtest { subject, max_actions: message.max_actions, since })
}

/// What the policy would have said.
pub(in crate::rpc) fn backtested(backtested: Backtested) -> v1::BacktestPolicyResponse {
    let side = |side: &Side| v1::BacktestSide {
        allow: side.allow,
        deny: side.deny,
        escalate: side.escalate,
        escalations_per_day: backtested.escalations_per_day(side),
        reviewer_minutes_per_day: backtested.reviewer_minutes_per_day(side),
    };
    let (recorded, decided) = (side(&backtested.recorded), side(&backtested.said));
    v1::BacktestPolicyResponse {
        policy_revision_id: text_of(backtested.revision),
        action_count: backtested.said.total(),
        left_out_count: backtested.left_out,
        oldest_time: backtested.times.map(|(oldest, _)| time(oldest)),
        newest_time: backtested.times.map(|(_, newest)| time(newest)),
        recorded: Some(recorded),
        decided: Some(decided),
        flips: backtested.flips.into_iter().map(flip).collect(),
        median_review: backtested.median_review.and_then(|it| it.to_duration().try_into().ok()),
        review_count: backtested.reviews,
        figures: Some(figures::figures(&backtested.figures)),
    }
}

/// What the shadow would have said.
pub(in crate::rpc) fn shadowed(report: ShadowReport) -> v1::GetPolicyShadowResponse {
    let side = |side: &Side| v1::BacktestSide {
        allow: side.allow,
        deny: side.deny,
        escalate: side.escalate,
        escalations_per_day: None,
        reviewer_minutes_per_day: None,
    };
    v1::GetPolicyShadowResponse {
        recorded: Some(side(&report.recorded)),
        decided: Some(side(&report.said)),
        flips: report.flips.into_iter().map(flip).collect(),
        failed_count: report.failed,
        shadow: report.shadow.map(shadow),
    }
}

fn flip(flip: Flip) -> v1::BacktestFlip {
    let said = flip.answers;
    v1::BacktestFlip {
        recorded: effect(flip.recorded).into(),
        decision: effect(flip.said).into(),
        action_count: flip.count,
        answers: Some(v1::HumanAnswers {
            approved: said.approved,
            rejected: said.rejected,
            modified: said.modified,
            responded: said.responded,
            instructed: said.instructed,
            expired: said.expired,
            cancelled: said.cancelled,
            open: said.open,
        }),
        examples: flip.examples.into_iter().map(example).collect(),
    }
}

fn example(example: Example) -> v1::BacktestExample {
    v1::BacktestExample {
        action_id: example.action.to_string(),
        tool: example.tool,
        recorded_rule_id: example.recorded_rule.unwrap_or_default(),
        rule_id: example.rule.unwrap_or_default(),
        answer: example.answer.map_or(WireAnswer::Unspecified, answer).into(),
        create_time: Some(time(example.create_time)),
    }
}

const fn answer(answer: HumanAnswer) -> WireAnswer {
    match answer {
        HumanAnswer::Said(ResolutionKind::Approved) => WireAnswer::Approved,
        HumanAnswer::Said(ResolutionKind::Rejected) => WireAnswer::Rejected,
        HumanAnswer::Said(ResolutionKind::Modified) => WireAnswer::Modified,
        HumanAnswer::Said(ResolutionKind::Responded) => WireAnswer::Responded,
        HumanAnswer::Said(ResolutionKind::Instructed) => WireAnswer::Instructed,
        HumanAnswer::Expired => WireAnswer::Expired,
        HumanAnswer::Cancelled => WireAnswer::Cancelled,
        HumanAnswer::Open => WireAnswer::Open,
    }
}
