//! What time does by itself: expiry, and executions nobody reported.

use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_api::v1::escalation::{Question, State};
use pointsman_client::{Answer, Proposal};

use crate::harness::fixture::{Fixture, allowed, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_answer_means_no() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;

    let mut wait = asked(&run, Proposal::new("ask_briefly", "{}")).await;
    let answer = within("the question expires", PATIENCE, wait.answer()).await.unwrap();

    assert!(matches!(answer, Answer::Expired(v1::OnExpiry::Cancel)), "{answer:?}");
    let escalation = fixture.shown(wait.escalation_id()).await;
    assert_eq!(escalation.state(), State::Expired);
    let action = fixture.runs().action(escalation.action_id).await.unwrap();
    assert_eq!(action.state(), ActionState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_expires_even_if_the_server_was_away() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let wait = asked(&run, Proposal::new("ask_briefly", "{}")).await;

    fixture.restart().await;

    eventually("the question expires", PATIENCE, || async {
        let escalation = fixture.shown(wait.escalation_id()).await;
        (escalation.state() == State::Expired).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_without_outcome_is_unknown_and_a_person_is_asked() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let redeemed = allowed(&run, Proposal::new("allow_slow", "{}")).await.redeem().await.unwrap();
    let action_id = redeemed.action_id().to_owned();

    // The agent dies between redeeming and reporting, and so does the server.
    drop(redeemed);
    fixture.restart().await;

    let action = eventually("the execution is unknown", PATIENCE, || async {
        let action = fixture.runs().action(&*action_id).await.unwrap();
        (action.state() == ActionState::ExecutionUnknown).then_some(action)
    })
    .await;
    let listed = fixture.reviewer().list(v1::ListEscalationsRequest::default()).await.unwrap();
    let asked: Vec<_> = listed
        .escalations
        .iter()
        .filter(|one| one.question() == Question::ExecutionUnknown)
        .collect();
    assert_eq!(asked.len(), 1, "{:#?}", listed.escalations);
    assert_eq!(asked[0].action_id, action.action_id);
}
