//! What was decided without a person is judged afterwards: by whom, and blind.

use serde_json::json;

use super::world::*;
use crate::domain::action::{Action, OutcomeStatus};
use crate::domain::error::Error;
use crate::domain::escalation::CLAIM_LEASE_DEFAULT;
use crate::domain::event::EventKind;
use crate::domain::principal::{Principal, Role};
use crate::domain::review::{Judgement, ReviewState};
use crate::domain::time::Span;
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::people::UpdatePrincipal;
use crate::engine::propose::Propose;
use crate::engine::queue::PutQueueSettings;
use crate::engine::reviews::{ClaimNext, Filter, ReviewView, SkipReview, SubmitReview, Window};
use crate::engine::runs::StartRun;

const POLICY: &str = "
version: 1
default: allow
tools: {look: {}, pay: {}}
rules:
  - {id: paid, tools: [pay], effect: sample, reason: Every payment is looked at.}
sampling: {every: 100}
";

/// What came of an action, in words that nobody who may still judge may see.
const SECRET_RESULT: &str = "the account was empty";
const SECRET_NOTE: &str = "that was another customer";

async fn desk(per_case: u32) -> World {
    let world = World::new().await.reopened(POLICY, false).await;
    let document = format!("version: 1\nreviews: {{per_case: {per_case}}}\n");
    let command =
        PutQueueSettings { document, reason: "for a test".to_owned(), ..Default::default() };
    world.engine.put_queue_settings(&admin(), command).await.unwrap();
    world
}

/// An agent does something, and says how it went.
async fn done(world: &World, tool: &str) -> Action {
    let run = world.run().await;
    let action = world.propose(run, tool, json!({"amount": 7})).await.action;
    world.redeem(action.id).await.unwrap();
    let (status, result) = (OutcomeStatus::Failed, SECRET_RESULT.into());
    let outcomes = vec![Report { action: action.id, status, result }];
    let report = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), report).await.unwrap();
    action
}

async fn next(world: &World, caller: &Principal) -> Option<ReviewView> {
    let claimed = world.engine.claim_next_review(caller, ClaimNext::default()).await;
    claimed.unwrap().value
}

fn judged(held: &ReviewView, judgement: Judgement) -> SubmitReview {
    SubmitReview {
        request_id: String::new(),
        review: held.shown.id,
        etag: held.shown.etag.clone(),
        epoch: held.shown.claim.as_ref().map_or(0, |claim| claim.epoch),
        judgement,
        severity: u32::from(judgement.finds_a_mistake()) * 2,
        note: SECRET_NOTE.to_owned(),
    }
}

async fn submit(
    world: &World,
    caller: &Principal,
    held: &ReviewView,
    judgement: Judgement,
) -> Result<ReviewView, Error> {
    let submitted = world.engine.submit_review(caller, judged(held, judgement)).await;
    submitted.map(|answer| answer.value)
}

fn person(name: &str) -> Principal {
    principal(name, &[Role::Reviewer])
}

#[tokio::test]
async fn every_hundredth_decision_and_all_of_a_category_wait_for_a_review() {
    let world = desk(1).await;
    for _ in 0..99 {
        done(&world, "look").await;
    }
    assert!(next(&world, &reviewer()).await.is_none(), "not before it is the hundredth");
    let hundredth = done(&world, "look").await;
    let paid = done(&world, "pay").await;
    let first = next(&world, &reviewer()).await.unwrap();
    assert_eq!((first.shown.action, first.shown.rule.as_deref()), (hundredth.id, None));
    submit(&world, &reviewer(), &first, Judgement::Correct).await.unwrap();
    let second = next(&world, &reviewer()).await.unwrap();
    assert_eq!((second.shown.action, second.shown.rule.as_deref()), (paid.id, Some("paid")));
    assert_eq!(world.events(EventKind::ReviewOpened).await, 2);
}

#[tokio::test]
async fn saying_nothing_keeps_no_action_from_being_reviewed() {
    let world = desk(1).await;
    let run = world.run().await;
    let silent = world.propose(run, "pay", json!({"amount": 7})).await.action;
    world.redeem(silent.id).await.unwrap();
    assert!(next(&world, &reviewer()).await.is_none(), "it may still run");
    world.pass(Span::from_secs(3_600)).await;
    let held = next(&world, &reviewer()).await.unwrap();
    assert_eq!(held.shown.action, silent.id);
    let outcomes = vec![Report {
        action: silent.id,
        status: OutcomeStatus::Succeeded,
        result: SECRET_RESULT.into(),
    }];
    let report = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), report).await.unwrap();
    assert_eq!(world.events(EventKind::ReviewOpened).await, 1, "once");
}

#[tokio::test]
async fn nothing_of_what_came_of_it_is_seen_before_one_has_judged() {
    let world = desk(2).await;
    done(&world, "pay").await;
    let held = next(&world, &reviewer()).await.unwrap();
    let case = held.case.as_ref().unwrap();
    assert_eq!(&case.content.arguments[..], br#"{"amount":7}"#);
    let first = submit(&world, &reviewer(), &held, Judgement::WrongAction).await.unwrap();
    assert_eq!(first.came.as_ref().unwrap().notes, [SECRET_NOTE]);
    assert_eq!(&first.came.as_ref().unwrap().result[..], SECRET_RESULT.as_bytes());

    // Whoever may still judge is told neither, by any view of reviews.
    let bob = other_reviewer();
    let blind = [
        world.engine.get_review(&bob, held.shown.id).await.unwrap(),
        world
            .engine
            .list_reviews(&bob, Default::default(), &Filter::default())
            .await
            .unwrap()
            .items
            .remove(0),
        next(&world, &bob).await.unwrap(),
    ];
    for view in &blind {
        let shown = format!("{view:?}");
        assert!(!shown.contains(SECRET_NOTE) && !shown.contains("WrongAction"), "{shown}");
        assert!(view.came.is_none() && view.shown.revealed.is_none(), "{shown}");
        assert_eq!(view.shown.etag, held.shown.etag);
    }
    let stats = world.engine.review_stats(&bob, Window::default()).await.unwrap();
    assert!(stats.judgements.is_empty(), "{stats:?}");

    let second = submit(&world, &bob, &blind[2], Judgement::WrongAction).await.unwrap();
    assert_eq!(second.shown.revealed.unwrap().judged.len(), 2);
    assert_eq!(second.shown.state, ReviewState::Done);
    let stats = world.engine.review_stats(&bob, Window::default()).await.unwrap();
    assert_eq!((stats.done, stats.judgements[&Judgement::WrongAction]), (1, 2));
    assert_eq!((stats.agreement.both, stats.agreement.same), (1, 1));
}

#[tokio::test]
async fn two_who_disagree_are_joined_by_a_third() {
    let world = desk(2).await;
    done(&world, "pay").await;
    for (who, judgement) in [
        ("ann", Judgement::Correct),
        ("ben", Judgement::WrongAction),
        ("cy", Judgement::WrongAction),
    ] {
        let held = next(&world, &person(who)).await.unwrap();
        submit(&world, &person(who), &held, judgement).await.unwrap();
    }
    assert!(next(&world, &person("dee")).await.is_none());
    assert_eq!(world.events(EventKind::ReviewExtended).await, 1);
    assert_eq!(world.events(EventKind::ReviewClosed).await, 1);
}

#[tokio::test]
async fn nobody_judges_its_own() {
    let world = desk(1).await;
    let owned = UpdatePrincipal {
        principal: "claims".to_owned(),
        owner: Some("owen".to_owned()),
        ..Default::default()
    };
    world.engine.update_principal(&admin(), owned).await.unwrap();
    let started = StartRun { on_behalf_of: "olga".to_owned(), ..StartRun::default() };
    let run = world.engine.start_run(&agent(), started).await.unwrap().value.run.id;
    let proposed = Propose { redeem_if_allowed: true, ..proposal(run, "pay", &json!({})) };
    let action = world.engine.propose(&agent(), proposed).await.unwrap().value.action;
    world.report(action.id).await.unwrap();
    for own in ["owen", "olga"] {
        assert!(next(&world, &person(own)).await.is_none(), "{own}");
    }
    assert!(next(&world, &reviewer()).await.is_some());
}

#[tokio::test]
async fn a_place_is_a_fenced_lease() {
    let world = desk(1).await;
    done(&world, "pay").await;
    let held = next(&world, &reviewer()).await.unwrap();
    assert!(next(&world, &other_reviewer()).await.is_none(), "it is taken");
    let again = next(&world, &reviewer()).await.unwrap();
    let stale = submit(&world, &reviewer(), &held, Judgement::Correct).await;
    assert!(matches!(stale, Err(Error::ReviewClaimLost { .. })), "{stale:?}");
    world.pass(CLAIM_LEASE_DEFAULT).await;
    let other = next(&world, &other_reviewer()).await.unwrap();
    let late = submit(&world, &reviewer(), &again, Judgement::Correct).await;
    assert!(matches!(late, Err(Error::ReviewClaimLost { .. })), "{late:?}");
    submit(&world, &other_reviewer(), &other, Judgement::Correct).await.unwrap();
    let after = submit(&world, &reviewer(), &again, Judgement::Correct).await;
    assert!(matches!(after, Err(Error::ReviewClosed { .. })), "{after:?}");
    let twice = submit(&world, &other_reviewer(), &other, Judgement::Correct).await;
    assert!(matches!(twice, Err(Error::AlreadyReviewed { .. })), "{twice:?}");
}

#[tokio::test]
async fn what_three_people_pass_on_is_given_up() {
    let world = desk(1).await;
    done(&world, "pay").await;
    for who in ["ann", "ben", "cy"] {
        let held = next(&world, &person(who)).await.unwrap();
        let command = SkipReview {
            request_id: String::new(),
            review: held.shown.id,
            epoch: held.shown.claim.unwrap().epoch,
            reason: "I know the customer".to_owned(),
        };
        world.engine.skip_review(&person(who), command).await.unwrap();
        assert!(next(&world, &person(who)).await.is_none(), "{who} is not asked again");
        world.clock.advance(Span::from_secs(1));
    }
    let skipped = Filter { state: Some(ReviewState::Skipped), ..Filter::default() };
    let listed = world.engine.list_reviews(&admin(), Default::default(), &skipped).await.unwrap();
    let [only] = &listed.items[..] else { panic!("{listed:?}") };
    assert_eq!(only.shown.revealed.as_ref().unwrap().skips.len(), 3);
}

#[tokio::test]
async fn what_is_right_is_not_grave() {
    let world = desk(1).await;
    done(&world, "pay").await;
    let held = next(&world, &reviewer()).await.unwrap();
    for (judgement, severity) in
        [(Judgement::Correct, 1), (Judgement::CannotTell, 3), (Judgement::WrongAction, 4)]
    {
        let command = SubmitReview { severity, ..judged(&held, judgement) };
        let refused = world.engine.submit_review(&reviewer(), command).await;
        assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    }
}
