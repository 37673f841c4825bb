//! What a stop ends is marked in batches, and nothing of it is forgotten.

use serde_json::json;

use super::*;
use crate::domain::action::ActionState;
use crate::domain::escalation::EscalationState;

#[tokio::test]
async fn a_stop_cancels_questions_and_revokes_grants_of_the_whole_tree() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let child = world.child(run).await;
    let question = world.escalate(child).await;
    let granted = world.propose(run, "refund", json!({"amount": 20})).await.action;
    let approved = world.escalate_detached(run).await;
    world.approve(&approved).await;
    let stop = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    world.engine.fire_due().await.unwrap();

    let settled = world.overriding(stop.it.id).await.it.settlement.unwrap();
    assert_eq!((settled.runs, settled.questions, settled.grants), (2, 1, 2));
    assert_eq!(settled.settle_time, Some(START));
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Cancelled);
    for id in [granted.id, approved.action.unwrap(), question.action.unwrap()] {
        assert_eq!(world.action(id).await.state, ActionState::Cancelled);
    }
    assert_eq!(world.state_of(child).await, (RunState::Stopped, Some(stop.it.id)));
    assert_eq!(world.events(EventKind::RunStopped).await, 2);
    assert_eq!(world.events(EventKind::GrantRevoked).await, 2);
    assert_eq!(world.events(EventKind::OverrideSettled).await, 1);
    assert!(world.open_questions().await.is_empty());
}

#[tokio::test]
async fn more_than_one_commit_holds_is_stopped_as_well() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    for _ in 0..210 {
        world.escalate(run).await;
    }
    for _ in 0..100 {
        world.propose(run, "refund", json!({"amount": 20})).await;
    }
    let scope = OverrideScope::Agent("claims".to_owned());
    let stop = world.request(OverrideKind::Stop, scope).await.unwrap();
    world.engine.fire_due().await.unwrap();
    let settled = world.overriding(stop.it.id).await.it.settlement.unwrap();
    assert_eq!((settled.runs, settled.questions, settled.grants), (1, 210, 100));
    assert!(settled.settle_time.is_some());
}

#[tokio::test]
async fn what_was_not_marked_before_a_restart_is_marked_after_it() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let question = world.escalate(run).await;
    let stop = world.request(OverrideKind::Stop, OverrideScope::Fleet).await.unwrap();
    let world = world.restarted().await.at_rest();
    assert!(is_stopped(&world.try_propose(run).await));
    world.engine.fire_due().await.unwrap();
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Cancelled);
    let settled = world.overriding(stop.it.id).await.it.settlement.unwrap();
    assert!(settled.settle_time.is_some());
}

#[tokio::test]
async fn a_run_that_started_after_the_stop_was_lifted_is_not_ended_by_it() {
    let world = World::new().await.at_rest();
    let old = world.run().await;
    let scope = OverrideScope::Agent("claims".to_owned());
    world.request(OverrideKind::Stop, scope.clone()).await.unwrap();
    world.request(OverrideKind::Resume, scope).await.unwrap();
    let fresh = world.run().await;
    world.engine.fire_due().await.unwrap();
    assert_eq!(world.state_of(fresh).await, (RunState::Running, None));
    assert_eq!(world.state_of(old).await.0, RunState::Stopped);
}

#[tokio::test]
async fn a_counter_action_that_was_asked_for_after_the_stop_may_run() {
    use crate::engine::reverse::{Reverse, Reversed};
    let policy = "version: 1\ndefault: allow\ntools:\n  pay: {compensation: unpay}\nrules: []\n";
    let world = World::new().await.reopened(policy, false).await.at_rest();
    let run = world.run().await;
    let action = world.propose(run, "pay", json!({"amount": 20})).await.action;
    world.redeem(action.id).await.unwrap();
    world.report(action.id).await.unwrap();
    world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    world.pass(Span::from_secs(1)).await;
    let what = Reversed::Action(action.id);
    let command = Reverse { request_id: String::new(), what, reason: "twice".to_owned() };
    let reversed = world.engine.reverse(&sam(), command).await.unwrap().value.action;
    let undoing = reversed.reversion.unwrap().compensation.unwrap();
    let claim = crate::engine::resumptions::ClaimResumptions::default();
    let claimed = world.engine.claim_resumptions(&agent(), claim).await.unwrap().value;
    assert_eq!(claimed.len(), 1);
    world.redeem(undoing).await.unwrap();
}
