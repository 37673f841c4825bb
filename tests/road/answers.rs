//! What people say, and what the waiting agent may do then.

use std::convert::Infallible;

use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_api::v1::escalation::State;
use pointsman_client::{Answer, Proposal, Reviewer, Wait};

use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};

const ARGUMENTS: &str = r#"{"amount": 600.00, "to": "C-9"}"#;

/// A server, a question, and the agent that waits for its answer.
async fn question() -> (Fixture, Wait) {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let proposal = Proposal::new("ask_refund", ARGUMENTS)
        .target("account/A-77")
        .reasoning("the customer asked")
        .confidence(0.75);
    let wait = asked(&run, proposal).await;
    (fixture, wait)
}

async fn answer(wait: &mut Wait) -> Answer {
    within("the agent is told", PATIENCE, wait.answer()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reviewer_sees_the_exact_question() {
    let (fixture, wait) = question().await;

    let request =
        v1::ListEscalationsRequest { view: v1::EscalationView::Full.into(), ..Default::default() };
    let page = fixture.reviewer().list(request).await.unwrap();

    assert_eq!((page.open_count, page.escalations.len()), (1, 1));
    let escalation = &page.escalations[0];
    let briefing = escalation.briefing.as_ref().unwrap();
    assert_eq!(escalation.escalation_id, wait.escalation_id());
    assert_eq!(escalation.state(), State::Open);
    assert_eq!(escalation.severity(), v1::SeverityTier::High);
    assert_eq!(escalation.lane, "main");
    assert_eq!(briefing.arguments, ARGUMENTS);
    assert_eq!(briefing.tool, "ask_refund");
    assert_eq!(briefing.target, "account/A-77");
    assert_eq!(briefing.why, "A person must look.");
    assert_eq!(briefing.agent_statement, "the customer asked");
    assert_eq!(briefing.confidence, Some(0.75));
    assert_eq!(escalation.action_digest.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn claimed_and_approved_it_runs() {
    let (fixture, mut wait) = question().await;
    let reviewer = fixture.reviewer();

    let claimed = reviewer.claim(wait.escalation_id(), None).await.unwrap();
    let resolved = reviewer.approve(&claimed, "fine").await.unwrap();
    let Answer::Approved(permit) = answer(&mut wait).await else { panic!("not approved") };

    assert_eq!(permit.arguments(), ARGUMENTS);
    assert_eq!(permit.resolution().unwrap().note, "fine");
    let executed = permit.execute(|_| async { Ok::<_, Infallible>("sent") }).await.unwrap();
    executed.report.unwrap();
    assert_eq!(resolved.state(), State::Resolved);
    assert!(claimed.claim.unwrap().claim_epoch > 0);
    let action = fixture.runs().action(executed.action_id).await.unwrap();
    assert_eq!(action.state(), ActionState::Executed);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_it_does_not_run() {
    let (fixture, mut wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;

    fixture.reviewer().reject(&seen, "wrong_amount", "not so much").await.unwrap();
    let Answer::Rejected(said) = answer(&mut wait).await else { panic!("not rejected") };

    assert_eq!((&*said.reason_code, &*said.note), ("wrong_amount", "not so much"));
    assert!(said.action_id.is_empty());
    let action = fixture.runs().action(seen.action_id).await.unwrap();
    assert_eq!(action.state(), ActionState::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn modified_the_edit_runs_in_its_place() {
    let (fixture, mut wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;
    let edit = r#"{"amount": 500.00, "to": "C-9"}"#;

    fixture.reviewer().modify(&seen, edit, "the rest is goodwill").await.unwrap();
    let Answer::Modified(permit) = answer(&mut wait).await else { panic!("not modified") };

    assert_eq!(permit.arguments(), edit);
    let mut ran_on = None;
    let executed = permit
        .execute(|bytes| {
            ran_on = Some(bytes);
            async { Ok::<_, Infallible>("sent") }
        })
        .await
        .unwrap();
    executed.report.unwrap();
    assert_eq!(ran_on.unwrap(), edit);
    let action = fixture.runs().action(executed.action_id).await.unwrap();
    assert_eq!(action.modified_from, seen.action_id);
    assert_ne!(action.action_digest, seen.action_digest);
    let original = fixture.runs().action(seen.action_id).await.unwrap();
    assert_eq!(original.state(), ActionState::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_the_policy_denies_is_refused() {
    let (fixture, wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;

    let edit = r#"{"amount": 1000001}"#;
    let refusal = fixture.reviewer().modify(&seen, edit, "").await.unwrap_err();

    assert_eq!(refusal.reason_name(), "DENIED_BY_POLICY");
    assert_eq!(fixture.shown(wait.escalation_id()).await.state(), State::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn responded_the_answer_stands_in_the_tools_place() {
    let (fixture, mut wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;

    fixture.reviewer().respond(&seen, r#"{"refund":"later"}"#, "").await.unwrap();
    let Answer::Responded(said) = answer(&mut wait).await else { panic!("not responded") };

    assert_eq!(said.response, r#"{"refund":"later"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_first_is_kept() {
    let (mut fixture, wait) = question().await;
    let details = wait.details().clone();
    drop(wait);
    let seen = fixture.shown(&details.escalation_id).await;

    fixture.reviewer().approve(&seen, "").await.unwrap();
    fixture.restart().await;

    let mut wait = fixture.agent().resume_wait(details);
    let Answer::Approved(permit) = answer(&mut wait).await else { panic!("not approved") };
    assert_eq!(permit.arguments(), ARGUMENTS);
    permit.redeem().await.unwrap().succeeded("sent").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slower_of_two_reviewers_is_told_who_was_faster() {
    let (fixture, wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;
    let token = fixture.token("second", v1::Role::Reviewer).await;
    let second = Reviewer::new(fixture.connection(&token));

    fixture.reviewer().reject(&seen, "", "").await.unwrap();
    let refusal = second.approve(&seen, "").await.unwrap_err();

    assert_eq!(refusal.reason_name(), "ESCALATION_CLOSED");
    let winner = fixture.shown(wait.escalation_id()).await.resolution.unwrap().reviewer;
    assert_eq!(refusal.metadata("by"), Some(&*winner));
    assert!(refusal.metadata("at").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_fenced() {
    let (fixture, wait) = question().await;
    let id = wait.escalation_id();
    let token = fixture.token("second", v1::Role::Reviewer).await;
    let second = Reviewer::new(fixture.connection(&token));

    let first_claim = fixture.reviewer().claim(id, None).await.unwrap();
    let refusal = second.claim(id, None).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "CLAIMED_BY_OTHER");
    assert_eq!(refusal.metadata("holder"), Some(&*first_claim.claim.as_ref().unwrap().holder));
    let refusal = second.approve(&fixture.shown(id).await, "").await.unwrap_err();
    assert!(["CLAIMED_BY_OTHER", "CLAIM_LOST"].contains(&refusal.reason_name()), "{refusal:?}");

    let epoch = first_claim.claim.as_ref().unwrap().claim_epoch;
    fixture.reviewer().release(id, epoch).await.unwrap();
    let second_claim = second.claim(id, None).await.unwrap();
    assert!(second_claim.claim.as_ref().unwrap().claim_epoch > epoch);
    let refusal = fixture.reviewer().renew(id, epoch, None).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "CLAIMED_BY_OTHER");
    second.approve(&second_claim, "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_something_else_is_refused() {
    let (fixture, wait) = question().await;
    let seen = fixture.shown(wait.escalation_id()).await;

    let mut stale = seen.clone();
    stale.etag.push('x');
    let refusal = fixture.reviewer().approve(&stale, "").await.unwrap_err();
    assert_eq!(refusal.reason_name(), "ETAG_MISMATCH");

    let mut other = seen.clone();
    other.action_digest = vec![7; 32].into();
    let refusal = fixture.reviewer().approve(&other, "").await.unwrap_err();
    assert_eq!(refusal.reason_name(), "DIGEST_MISMATCH");

    fixture.reviewer().approve(&seen, "").await.unwrap();
}
