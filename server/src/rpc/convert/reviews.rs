//! Reviews.

use pointsman_api::v1;
use pointsman_api::v1::Judgement as Wire;
use pointsman_api::v1::review::State;

use super::{actions, known, text_of, time, unspecified};
use crate::domain::error::Error;
use crate::domain::review::{Judgement, PairAgreement, Revealed, ReviewClaim, ReviewState};
use crate::engine::reviews::{Came, Case, ReviewStats, ReviewView};

/// A review for the wire.
pub(in crate::rpc) fn review(view: ReviewView) -> v1::Review {
    let ReviewView { shown, case, came } = view;
    v1::Review {
        review_id: shown.id.to_string(),
        state: state(shown.state).into(),
        action_id: shown.action.to_string(),
        run_id: shown.run.to_string(),
        agent: shown.agent,
        tool: shown.tool,
        rule_id: text_of(shown.rule),
        policy_revision_id: shown.policy_revision.to_string(),
        claim: shown.claim.map(claim),
        create_time: Some(time(shown.create_time)),
        etag: shown.etag,
        case: case.map(self::case),
        revealed: shown.revealed.map(|it| revealed(it, came)),
    }
}

fn claim(claim: ReviewClaim) -> v1::ReviewClaim {
    let ReviewClaim { holder, epoch, expire_time, .. } = claim;
    v1::ReviewClaim { holder, claim_epoch: epoch, expire_time: Some(time(expire_time)) }
}

fn case(case: Case) -> v1::ReviewCase {
    let Case { content, decision, .. } = case;
    v1::ReviewCase {
        tool_schema_version: content.tool_schema_version,
        target: content.target,
        arguments: content.arguments,
        preconditions: content.preconditions,
        reasoning: content.reasoning,
        confidence: case.confidence,
        goal: case.goal,
        on_behalf_of: text_of(case.on_behalf_of),
        decision: Some(actions::decision(decision, content.decision_reason)),
        propose_time: Some(time(case.propose_time)),
    }
}

fn revealed(revealed: Revealed, came: Option<Came>) -> v1::ReviewRevealed {
    let (notes, skip_reasons) = match &came {
        Some(came) => (came.notes.as_slice(), came.skip_reasons.as_slice()),
        None => (&[][..], &[][..]),
    };
    let word = |words: &[String], place: usize| words.get(place).cloned().unwrap_or_default();
    let judged = revealed.judged.into_iter().enumerate().map(|(place, it)| v1::ReviewJudgement {
        reviewer: it.reviewer,
        judgement: judgement(it.judgement).into(),
        severity: it.severity,
        note: word(notes, place),
        judge_time: Some(time(it.judge_time)),
    });
    let skips = revealed.skips.into_iter().enumerate().map(|(place, it)| v1::ReviewSkip {
        reviewer: it.reviewer,
        reason: word(skip_reasons, place),
        skip_time: Some(time(it.skip_time)),
    });
    let mut wire = v1::ReviewRevealed {
        places: revealed.places,
        extended: revealed.is_extended,
        judgements: judged.collect(),
        skips: skips.collect(),
        close_time: revealed.close_time.map(time),
        ..Default::default()
    };
    if let Some(came) = came {
        wire.set_action_state(actions::state(came.state));
        let (result, outcome) = (came.result, came.outcome);
        wire.outcome = outcome.map(|(status, reported)| v1::Outcome {
            status: actions::outcome_status(status).into(),
            result,
            report_time: Some(time(reported)),
        });
    }
    wire
}

/// What reviewers found, for the wire; the caller adds the time.
pub(in crate::rpc) fn stats(stats: ReviewStats) -> v1::GetReviewStatsResponse {
    let agreement = stats.agreement;
    let counts = Judgement::ALL.into_iter().map(|it| v1::JudgementCount {
        judgement: judgement(it).into(),
        count: stats.judgements.get(&it).copied().unwrap_or_default(),
    });
    v1::GetReviewStatsResponse {
        open_count: stats.open,
        done_count: stats.done,
        skipped_count: stats.skipped,
        judgements: counts.collect(),
        both_count: agreement.both,
        same_count: agreement.same,
        kappa: agreement.kappa,
        pairs: agreement.pairs.into_iter().map(pair).collect(),
        truncated: stats.is_cut,
        server_time: None,
    }
}

fn pair(pair: PairAgreement) -> v1::ReviewPair {
    let PairAgreement { first, second, both, same, kappa } = pair;
    v1::ReviewPair { first, second, both_count: both, same_count: same, kappa }
}

/// The state of a filter; unspecified is every one.
pub(in crate::rpc) fn read_state(value: i32) -> Result<Option<ReviewState>, Error> {
    Ok(match known("state", value)? {
        State::Unspecified => None,
        State::Open => Some(ReviewState::Open),
        State::Done => Some(ReviewState::Done),
        State::Skipped => Some(ReviewState::Skipped),
    })
}

/// Reads what a reviewer says.
pub(in crate::rpc) fn read_judgement(value: i32) -> Result<Judgement, Error> {
    match known("judgement", value)? {
        Wire::Unspecified => Err(unspecified("judgement")),
        Wire::Correct => Ok(Judgement::Correct),
        Wire::ShouldHaveEscalated => Ok(Judgement::ShouldHaveEscalated),
        Wire::WrongAction => Ok(Judgement::WrongAction),
        Wire::RightActionWrongReason => Ok(Judgement::RightActionWrongReason),
        Wire::CannotTell => Ok(Judgement::CannotTell),
    }
}

pub(super) const fn judgement(judgement: Judgement) -> Wire {
    match judgement {
        Judgement::Correct => Wire::Correct,
        Judgement::ShouldHaveEscalated => Wire::ShouldHaveEscalated,
        Judgement::WrongAction => Wire::WrongAction,
        Judgement::RightActionWrongReason => Wire::RightActionWrongReason,
        Judgement::CannotTell => Wire::CannotTell,
    }
}

const fn state(state: ReviewState) -> State {
    match state {
        ReviewState::Open => State::Open,
        ReviewState::Done => State::Done,
        ReviewState::Skipped => State::Skipped,
    }
}
