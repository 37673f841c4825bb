//! Due, expire and outcome times.

use serde_json::json;

use super::world::*;
use crate::domain::action::ActionState;
use crate::domain::error::Error;
use crate::domain::escalation::{EscalationState, Question};
use crate::domain::time::Span;
use crate::engine::await_resolutions::{AwaitEvent, Scope};
use crate::engine::escalations::Filter;
use crate::engine::resolve::Verb;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::views::Depth;

const MINUTE: Span = Span::from_secs(60);
const HALF_HOUR: Span = Span::from_secs(30 * 60);
const DAY: Span = Span::from_secs(24 * 60 * 60);

#[tokio::test]
async fn an_unanswered_question_is_overdue_and_then_closes_as_cancelled() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.pass(HALF_HOUR).await;
    assert!(world.escalation(escalation.id).await.is_overdue);
    world.pass(DAY).await;
    let expired = world.escalation(escalation.id).await;
    assert_eq!(expired.state, EscalationState::Expired);
    assert_eq!(world.action(escalation.action.unwrap()).await.state, ActionState::Cancelled);
    let late = world.resolve(&expired, Verb::Approve).await;
    assert!(matches!(late, Err(Error::EscalationClosed { state: "expired", .. })));
    let mut waiting = world.engine.await_resolutions(&agent(), Scope::Agent, None).await.unwrap();
    let Some(AwaitEvent::Resumption(told)) = waiting.next().await.unwrap() else { panic!() };
    assert_eq!(told.escalation.state, EscalationState::Expired);
    assert_eq!(told.action, None);
}

#[tokio::test]
async fn nobody_wins_against_the_clock_before_the_timer_fires() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    world.clock.advance(DAY);
    let open = world.escalation(escalation.id).await;
    let late = world.resolve(&open, Verb::Approve).await;
    assert!(matches!(late, Err(Error::EscalationClosed { .. } | Error::EtagMismatch { .. })));
    world.engine.fire_due().await.unwrap();
    assert_eq!(world.escalation(escalation.id).await.state, EscalationState::Expired);
}

#[tokio::test]
async fn timers_survive_a_restart() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let world = world.restarted().await;
    world.pass(DAY).await;
    assert_eq!(world.escalation(escalation.id).await.state, EscalationState::Expired);
}

#[tokio::test]
async fn a_redeemed_action_without_outcome_asks_a_person_and_never_runs_by_itself() {
    let world = World::new().await;
    let run = world.run().await;
    let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
    world.redeem(action.id).await.unwrap();
    let world = world.restarted().await;
    world.pass(MINUTE).await;
    let unknown = world.action(action.id).await;
    assert_eq!(unknown.state, ActionState::ExecutionUnknown);
    assert!(matches!(world.redeem(action.id).await, Err(Error::GrantRedeemed { .. })));
    let question = world.escalation(unknown.escalation.unwrap()).await;
    assert_eq!(question.question, Question::ExecutionUnknown);
    world.approve(&question).await;
    let command = ClaimResumptions { escalation: Some(question.id), ..Default::default() };
    let claimed = world.engine.claim_resumptions(&agent(), command).await.unwrap().value;
    assert_eq!(claimed.len(), 1);
    world.redeem(action.id).await.unwrap();
    world.report(action.id).await.unwrap();
}

#[tokio::test]
async fn a_late_outcome_settles_an_unknown_execution() {
    let world = World::new().await;
    let run = world.run().await;
    let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
    world.redeem(action.id).await.unwrap();
    world.pass(MINUTE).await;
    let question = world.action(action.id).await.escalation.unwrap();
    world.report(action.id).await.unwrap();
    assert_eq!(world.action(action.id).await.state, ActionState::Executed);
    assert_eq!(world.escalation(question).await.state, EscalationState::Cancelled);
}

#[tokio::test]
async fn an_idempotent_tool_may_be_tried_again_by_any_worker() {
    let world = World::new().await;
    let run = world.run().await;
    let action = world.propose(run, "lookup", json!({})).await.action;
    world.redeem(action.id).await.unwrap();
    world.pass(MINUTE).await;
    let claimed = world.engine.claim_resumptions(&agent(), ClaimResumptions::default()).await;
    assert_eq!(claimed.unwrap().value.len(), 1);
    world.redeem(action.id).await.unwrap();
    world.report(action.id).await.unwrap();
    let open = world
        .engine
        .list_escalations(
            &reviewer(),
            Default::default(),
            EscalationState::Open,
            &Filter::default(),
            Depth::Basic,
        )
        .await
        .unwrap();
    assert_eq!(open.listed.items, []);
}
