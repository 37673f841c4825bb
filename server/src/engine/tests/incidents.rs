//! What reviewers and counter-actions find wrong: told, seen to, and counted.

use std::sync::Arc;

use serde_json::json;

use super::outbox::post::Post;
use super::world::*;
use crate::domain::action::{Action, DecisionEffect, OutcomeStatus};
use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::incident::{Incident, IncidentKind, IncidentState};
use crate::domain::notice::NoticeKind;
use crate::domain::principal::{Principal, Role};
use crate::domain::reversion::COMPENSATION_DUE;
use crate::domain::review::Judgement;
use crate::engine::incidents::{CloseIncident, Filter, RaiseIncident};
use crate::engine::outbox::{ChannelKind, Channels};
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::policies::{Backtest, Subject};
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::reviews::{ClaimNext, SubmitReview};

const POLICY: &str = "
version: 1
default: allow
tools: {pay: {compensation: refund}, refund: {}}
rules:
  - {id: paid, tools: [pay], effect: sample, reason: Every payment is looked at.}
";

/// A desk that tells `owner` of everything that goes wrong.
async fn desk() -> (World, Post) {
    let owner = Post::new();
    let mut channels = Channels::default();
    let events = vec![
        NoticeKind::IncidentOpened,
        NoticeKind::CompensationFailed,
        NoticeKind::CompensationOverdue,
    ];
    let courier = Arc::new(owner.clone());
    channels.register("owner".to_owned(), ChannelKind::Webhook, events, courier);
    (World::telling_under(POLICY, channels).await.at_rest(), owner)
}

async fn report(world: &World, action: &Action, status: OutcomeStatus) {
    world.redeem(action.id).await.unwrap();
    let outcomes = vec![Report { action: action.id, status, result: "done".into() }];
    let report = ReportOutcomes { request_id: String::new(), outcomes };
    world.engine.report_outcomes(&agent(), report).await.unwrap();
}

async fn paid(world: &World) -> Action {
    let run = world.run().await;
    let action = world.propose(run, "pay", json!({"amount": 7})).await.action;
    report(world, &action, OutcomeStatus::Succeeded).await;
    action
}

async fn judge(world: &World, judgement: Judgement, severity: u32) {
    let claimed = world.engine.claim_next_review(&reviewer(), ClaimNext::default()).await;
    let held = claimed.unwrap().value.unwrap().shown;
    let command = SubmitReview {
        request_id: String::new(),
        review: held.id,
        etag: held.etag,
        epoch: held.claim.unwrap().epoch,
        judgement,
        severity,
        note: "not their account".to_owned(),
    };
    world.engine.submit_review(&reviewer(), command).await.unwrap();
}

async fn incidents(world: &World) -> Vec<Incident> {
    let filter = Filter::default();
    let listed = world.engine.list_incidents(&admin(), Default::default(), &filter).await;
    listed.unwrap().items.into_iter().map(|view| view.incident).collect()
}

fn supervisor() -> Principal {
    principal("sue", &[Role::Supervisor])
}

#[tokio::test]
async fn a_finding_opens_an_incident_that_is_told_and_seen_to() {
    let (world, owner) = desk().await;
    let action = paid(&world).await;
    judge(&world, Judgement::WrongAction, 2).await;
    let [incident] = &incidents(&world).await[..] else { panic!("one incident") };
    assert_eq!((incident.kind, incident.action), (IncidentKind::Finding, action.id));
    assert_eq!((incident.rule.as_deref(), incident.severity), (Some("paid"), 2));
    assert!(!incident.owners.is_empty(), "whoever wrote the policy");

    world.engine.send_due().await.unwrap();
    let [letter] = &owner.letters()[..] else { panic!("one letter") };
    let affair = letter.notice.incident.as_ref().unwrap();
    assert_eq!((affair.incident, &affair.owners), (incident.id, &incident.owners));
    let text = letter.notice.text("");
    assert!(text.contains("pay of claims") && text.contains("wrong action"), "{text}");
    assert!(!text.contains("not their account"), "people's words do not leave by notices");

    let acknowledged = world.engine.acknowledge_incident(&supervisor(), "", incident.id).await;
    assert_eq!(acknowledged.unwrap().value.incident.state, IncidentState::Acknowledged);
    let again = world.engine.acknowledge_incident(&admin(), "", incident.id).await;
    assert!(matches!(again, Err(Error::IncidentClosed { state: "acknowledged", .. })), "{again:?}");
    let resolution = "a rule asks now".to_owned();
    let close = CloseIncident { request_id: String::new(), incident: incident.id, resolution };
    let closed = world.engine.close_incident(&admin(), close).await.unwrap().value;
    assert_eq!(closed.resolution, "a rule asks now");
    assert_eq!(closed.incident.closed.unwrap().by, "admin");
}

#[tokio::test]
async fn what_is_slight_or_right_opens_none() {
    let (world, _) = desk().await;
    for (judgement, severity) in [
        (Judgement::WrongAction, 0),
        (Judgement::RightActionWrongReason, 3),
        (Judgement::Correct, 0),
    ] {
        paid(&world).await;
        judge(&world, judgement, severity).await;
    }
    assert_eq!(incidents(&world).await, []);
}

#[tokio::test]
async fn what_people_call_a_mistake_counts_against_a_policy() {
    let (world, _) = desk().await;
    for _ in 0..3 {
        paid(&world).await;
    }
    judge(&world, Judgement::ShouldHaveEscalated, 1).await;
    judge(&world, Judgement::WrongAction, 3).await;
    let gates = "version: 1\ndefault: allow\nrules:\n  \
                 - {id: ask, tools: [pay], effect: escalate, reason: Payments need a person.}\n";
    for (subject, gated) in [(Subject::InForce, 0), (Subject::Document(gates.to_owned()), 2)] {
        let command = Backtest { subject, ..Backtest::default() };
        let labels = world.engine.backtest_policy(&admin(), command).await.unwrap().figures.labels;
        assert_eq!((labels.wanted, labels.wanted_gated, labels.routine), (2, gated, 1));
    }
}

#[tokio::test]
async fn anybody_who_reviews_may_raise_one() {
    let (world, _) = desk().await;
    let action = paid(&world).await;
    let raise = |judgement, severity| RaiseIncident {
        request_id: request_id(7),
        action: action.id,
        judgement,
        severity,
        reason: "the customer called".to_owned(),
    };
    for (judgement, severity) in
        [(Judgement::Correct, 1), (Judgement::WrongAction, 0), (Judgement::WrongAction, 4)]
    {
        let refused = world.engine.raise_incident(&reviewer(), raise(judgement, severity)).await;
        assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    }
    let raised = raise(Judgement::ShouldHaveEscalated, 1);
    let first = world.engine.raise_incident(&reviewer(), raised.clone()).await.unwrap();
    let again = world.engine.raise_incident(&reviewer(), raised).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value, first.value);
    assert_eq!(first.value.incident.expected(), Some(DecisionEffect::Escalate));
    assert_eq!(world.events(EventKind::IncidentOpened).await, 1);
}

/// Takes a payment back, and gives the counter-action that the agent is asked for.
async fn taken_back(world: &World) -> Action {
    let what = Reversed::Action(paid(world).await.id);
    let reason = "it was paid before".to_owned();
    let command = Reverse { request_id: String::new(), what, reason };
    world.engine.reverse(&reviewer(), command).await.unwrap();
    let claim = ClaimResumptions::default();
    let claimed = world.engine.claim_resumptions(&agent(), claim).await.unwrap().value;
    claimed[0].action.clone().unwrap().action
}

#[tokio::test]
async fn what_is_not_undone_is_an_incident() {
    let (world, owner) = desk().await;
    let counter = taken_back(&world).await;
    world.pass(COMPENSATION_DUE).await;
    assert_eq!(incidents(&world).await[0].kind, IncidentKind::CompensationOverdue);
    world.engine.send_due().await.unwrap();
    assert_eq!(owner.letters()[0].notice.kind, NoticeKind::CompensationOverdue);

    let claim = ClaimResumptions::default();
    world.engine.claim_resumptions(&agent(), claim).await.unwrap();
    report(&world, &counter, OutcomeStatus::Failed).await;
    let found = incidents(&world).await;
    assert_eq!(found[0].kind, IncidentKind::CompensationFailed);
    assert_eq!((found.len(), found[0].judgement), (2, None), "no label of the agent's action");
    world.engine.send_due().await.unwrap();
    assert_eq!(owner.letters()[1].notice.kind, NoticeKind::CompensationFailed);
}

#[tokio::test]
async fn what_is_undone_is_none() {
    let (world, _) = desk().await;
    let counter = taken_back(&world).await;
    report(&world, &counter, OutcomeStatus::Succeeded).await;
    world.pass(COMPENSATION_DUE).await;
    assert_eq!(incidents(&world).await, []);
}
