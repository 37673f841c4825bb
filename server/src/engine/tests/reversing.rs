//! A change of mind: before an action ran, while it may be running, and afterwards.

use std::sync::Arc;

use super::world::*;
use crate::domain::action::{Action, ActionState, OutcomeStatus};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, ResumeMode};
use crate::domain::event::EventKind;
use crate::domain::ids::ActionId;
use crate::domain::reversion::{COMPENSATION_DUE, ReversionState};
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::resolve::Verb;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::runs::FinishRun;

const POLICY: &str = r#"
version: 1
default: allow
tools:
  pay: {compensation: refund}
  refund: {}
  send: {}
rules:
  - id: large
    tools: [pay, send]
    when: args.amount > 500
    effect: escalate
    reason: Large ones need a person.
  - id: never
    tools: [refund]
    when: args.amount > 90000
    effect: deny
    reason: Nobody refunds that much.
"#;

/// How many times a revert races with a redemption, and in the long form.
const RACES: usize = 200;
const LONG_RACES: usize = 10_000;

async fn desk() -> World {
    World::new().await.reopened(POLICY, false).await
}

async fn approved(world: &World, tool: &str, amount: u32) -> (Escalation, ActionId) {
    let run = world.run().await;
    let arguments = serde_json::json!({"amount": amount});
    let question = world.propose(run, tool, arguments).await.escalation.unwrap();
    let resolved = world.approve(&question).await;
    let action = resolved.resolution.as_ref().unwrap().action.unwrap();
    (resolved, action)
}

async fn revert(world: &World, question: &Escalation) -> Result<Action, Error> {
    let what =
        Reversed::Resolution { escalation: question.id, etag: question.etag(), rolls_back: false };
    reverse(world, what).await
}

async fn reverse(world: &World, what: Reversed) -> Result<Action, Error> {
    let reason = "the invoice was paid before".to_owned();
    let command = Reverse { request_id: String::new(), what, reason };
    world.engine.reverse(&reviewer(), command).await.map(|answer| answer.value.action)
}

async fn state(world: &World, id: ActionId) -> ReversionState {
    world.action(id).await.reversion.unwrap().state
}

/// A worker takes the counter-action up and reports how it went.
async fn compensate(world: &World, status: OutcomeStatus) -> Action {
    let claim = ClaimResumptions::default();
    let claimed = world.engine.claim_resumptions(&agent(), claim).await.unwrap().value;
    let counter = claimed[0].action.clone().unwrap().action;
    world.redeem(counter.id).await.unwrap();
    let outcome = Report { action: counter.id, status, result: "done".into() };
    let command = ReportOutcomes { request_id: String::new(), outcomes: vec![outcome] };
    world.engine.report_outcomes(&agent(), command).await.unwrap();
    counter
}

#[tokio::test]
async fn what_was_not_used_up_is_withdrawn_in_the_same_commit() {
    let world = desk().await;
    let (question, id) = approved(&world, "send", 600).await;
    let redemption = world.redemption(id).await;
    let action = revert(&world, &question).await.unwrap();
    assert_eq!(action.state, ActionState::Cancelled);
    assert_eq!(action.reversion.unwrap().state, ReversionState::Revoked);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(matches!(refused, Err(Error::GrantRevoked { .. })), "{refused:?}");
    assert_eq!(world.events(EventKind::ActionReversed).await, 1);
    let again = reverse(&world, Reversed::Action(id)).await;
    assert!(matches!(again, Err(Error::AlreadyReversed { .. })), "{again:?}");
    let stale = revert(&world, &question).await;
    assert!(matches!(stale, Err(Error::EtagMismatch { .. })), "{stale:?}");
}

#[tokio::test]
async fn what_ran_is_undone_by_the_declared_counter_action_after_its_run_as_well() {
    let world = desk().await;
    let (question, id) = approved(&world, "pay", 600).await;
    world.redeem(id).await.unwrap();
    world.report(id).await.unwrap();
    let run = question.run;
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    world.engine.finish_run(&agent(), finish).await.unwrap();
    let action = revert(&world, &question).await.unwrap();
    let reversion = action.reversion.unwrap();
    assert_eq!(reversion.state, ReversionState::Compensating);
    let counter = compensate(&world, OutcomeStatus::Succeeded).await;
    assert_eq!((counter.tool.as_str(), counter.compensates), ("refund", Some(id)));
    assert_eq!(Some(counter.id), reversion.compensation);
    assert_eq!(state(&world, id).await, ReversionState::Compensated);
    assert_eq!(world.events(EventKind::CompensationSucceeded).await, 1);
    world.pass(COMPENSATION_DUE).await;
    assert_eq!(world.events(EventKind::CompensationOverdue).await, 0, "its timer is gone");
}

#[tokio::test]
async fn a_counter_action_that_fails_or_takes_too_long_is_told() {
    let world = desk().await;
    for (status, end) in [
        (OutcomeStatus::Failed, ReversionState::CompensationFailed),
        (OutcomeStatus::Succeeded, ReversionState::Compensated),
    ] {
        let (question, id) = approved(&world, "pay", 600).await;
        world.redeem(id).await.unwrap();
        world.report(id).await.unwrap();
        revert(&world, &question).await.unwrap();
        world.pass(COMPENSATION_DUE).await;
        assert_eq!(state(&world, id).await, ReversionState::CompensationOverdue);
        compensate(&world, status).await;
        assert_eq!(state(&world, id).await, end);
    }
    assert_eq!(world.events(EventKind::CompensationOverdue).await, 2);
    assert_eq!(world.events(EventKind::CompensationFailed).await, 1);
}

#[tokio::test]
async fn a_counter_action_that_fails_in_time_is_told_and_ends_it() {
    let world = desk().await;
    let (question, id) = approved(&world, "pay", 600).await;
    world.redeem(id).await.unwrap();
    world.report(id).await.unwrap();
    revert(&world, &question).await.unwrap();
    compensate(&world, OutcomeStatus::Failed).await;
    assert_eq!(state(&world, id).await, ReversionState::CompensationFailed);
    world.pass(COMPENSATION_DUE).await;
    assert_eq!(world.events(EventKind::CompensationOverdue).await, 0, "its timer is gone");
    assert_eq!(world.events(EventKind::CompensationFailed).await, 1);
}

#[tokio::test]
async fn ten_minutes_later_what_did_not_run_is_withdrawn_and_what_ran_is_undone() {
    let world = desk().await;
    let ten_minutes = Span::from_secs(600);
    let waiting = world.run().await;
    let mut command = proposal(waiting, "send", &serde_json::json!({"amount": 600}));
    command.resume_mode = ResumeMode::Detached;
    let asked = world.engine.propose(&agent(), command).await.unwrap().value;
    let resolved = world.approve(&asked.escalation.unwrap()).await;
    let unused = resolved.resolution.as_ref().unwrap().action.unwrap();
    let (question, used) = approved(&world, "pay", 600).await;
    world.redeem(used).await.unwrap();
    world.report(used).await.unwrap();

    world.pass(ten_minutes).await;
    revert(&world, &resolved).await.unwrap();
    assert_eq!(state(&world, unused).await, ReversionState::Revoked);
    assert_eq!(world.action(unused).await.state, ActionState::Cancelled);
    let claim = ClaimResumptions::default();
    let told = world.engine.claim_resumptions(&agent(), claim).await.unwrap().value;
    assert!(told.iter().all(|it| it.action.is_none()), "nobody may run it: {told:?}");
    revert(&world, &question).await.unwrap();
    compensate(&world, OutcomeStatus::Succeeded).await;
    assert_eq!(state(&world, used).await, ReversionState::Compensated);
}

#[tokio::test]
async fn what_may_be_running_is_undone_once_its_outcome_says_that_it_ran() {
    let world = desk().await;
    let (question, id) = approved(&world, "pay", 600).await;
    world.redeem(id).await.unwrap();
    let action = revert(&world, &question).await.unwrap();
    assert_eq!(action.reversion.unwrap().state, ReversionState::AwaitingOutcome);
    world.report(id).await.unwrap();
    assert_eq!(state(&world, id).await, ReversionState::Compensating);
    compensate(&world, OutcomeStatus::Succeeded).await;
    assert_eq!(state(&world, id).await, ReversionState::Compensated);
}

#[tokio::test]
async fn what_nobody_was_asked_about_is_taken_back_as_well() {
    let world = desk().await;
    let run = world.run().await;
    let id = world.propose(run, "pay", serde_json::json!({"amount": 10})).await.action.id;
    world.redeem(id).await.unwrap();
    world.report(id).await.unwrap();
    reverse(&world, Reversed::Action(id)).await.unwrap();
    let counter = compensate(&world, OutcomeStatus::Succeeded).await;
    let undo = reverse(&world, Reversed::Action(counter.id)).await;
    assert!(matches!(undo, Err(Error::NotReversible { .. })), "{undo:?}");
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_and_left_as_it_is() {
    let world = desk().await;
    let (question, id) = approved(&world, "send", 600).await;
    world.redeem(id).await.unwrap();
    let refused = revert(&world, &question).await;
    assert!(matches!(refused, Err(Error::NotReversible { .. })), "{refused:?}");
    assert_eq!(world.action(id).await.reversion, None);
    let (question, id) = approved(&world, "pay", 95_000).await;
    world.redeem(id).await.unwrap();
    world.report(id).await.unwrap();
    let denied = revert(&world, &question).await;
    assert!(matches!(denied, Err(Error::DeniedByPolicy { .. })), "{denied:?}");
    let no = Verb::Reject { reason_code: String::new() };
    let run = world.run().await;
    let asked = world.propose(run, "send", serde_json::json!({"amount": 600})).await;
    let rejected = world.resolve(&asked.escalation.unwrap(), no).await.unwrap().value.escalation;
    let refused = revert(&world, &rejected).await;
    assert!(matches!(refused, Err(Error::NotReversible { .. })), "{refused:?}");
}

/// A revert and a redemption at once: exactly one of them comes first, and both know.
#[tokio::test(flavor = "multi_thread")]
async fn a_revert_and_a_redemption_never_both_win() {
    let world = Arc::new(desk().await);
    let (mut withdrawn, mut used) = (0, 0);
    let races = if std::env::var_os("POINTSMAN_SOAK").is_some() { LONG_RACES } else { RACES };
    for _ in 0..races {
        let (question, id) = approved(&world, "pay", 600).await;
        let redemption = world.redemption(id).await;
        let (one, other) = (Arc::clone(&world), Arc::clone(&world));
        let redeeming = tokio::spawn(async move { one.engine.redeem(&agent(), redemption).await });
        let reverting = tokio::spawn(async move { revert(&other, &question).await });
        let (redeemed, reverted) = (redeeming.await.unwrap(), reverting.await.unwrap());
        let state = reverted.unwrap().reversion.unwrap().state;
        match redeemed {
            Ok(_) => {
                used += 1;
                assert_eq!(state, ReversionState::AwaitingOutcome);
                world.report(id).await.unwrap();
                compensate(&world, OutcomeStatus::Succeeded).await;
                assert_eq!(self::state(&world, id).await, ReversionState::Compensated);
            }
            Err(Error::GrantRevoked { .. }) => {
                withdrawn += 1;
                assert_eq!(state, ReversionState::Revoked);
                assert_eq!(world.action(id).await.state, ActionState::Cancelled);
            }
            Err(other) => panic!("{other}"),
        }
    }
    println!("{withdrawn} withdrawn, {used} used");
    assert_eq!(world.events(EventKind::ActionReversed).await, races);
    assert_eq!(world.events(EventKind::CompensationSucceeded).await, used);
}
