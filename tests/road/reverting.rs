//! A person changes its mind ten minutes later: before the action ran, and after.

use pointsman_api::v1;
use pointsman_api::v1::reversion::State;
use pointsman_client::{Proposal, Seen, Worker};

use crate::harness::fixture::{Fixture, asked};

const POLICY: &str = r#"
version: 1
default: allow
tools:
  pay: {compensation: refund}
  refund: {}
rules:
  - id: payment
    tools: [pay]
    effect: escalate
    reason: A payment needs a person.
"#;

#[tokio::test]
async fn a_change_of_mind_before_the_action_ran_withdraws_it() {
    let fixture = Fixture::start(POLICY).await;
    let (run, reviewer) = (fixture.run().await, fixture.reviewer());
    let waiting = asked(&run, Proposal::new("pay", r#"{"to": "Bob"}"#).detached()).await;
    let shown = fixture.shown(waiting.escalation_id()).await;
    let approved = reviewer.approve(&shown, "").await.unwrap();
    let action = reviewer.revert(Seen::from(&approved), "it was paid before").await.unwrap();
    assert_eq!(action.state(), v1::action::State::Cancelled);
    assert_eq!(action.reversion.unwrap().state(), State::Revoked);
    let refused = reviewer.revert(Seen::from(&approved), "again").await.unwrap_err();
    assert_eq!(refused.reason_name(), "ETAG_MISMATCH");
    let worker = Worker::new(fixture.connection(crate::harness::api::AGENT));
    let resumed = worker.claim(1).await.unwrap().pop().expect("the agent is told");
    assert!(!resumed.answer().unwrap().is_permitted(), "nothing may run");
}

#[tokio::test]
async fn a_change_of_mind_after_the_action_ran_has_the_agent_undo_it() {
    let fixture = Fixture::start(POLICY).await;
    let (run, reviewer) = (fixture.run().await, fixture.reviewer());
    let mut waiting = asked(&run, Proposal::new("pay", r#"{"to": "Bob"}"#)).await;
    let shown = fixture.shown(waiting.escalation_id()).await;
    reviewer.approve(&shown, "").await.unwrap();
    let pointsman_client::Answer::Approved(permit) = waiting.answer().await.unwrap() else {
        panic!("it was approved")
    };
    let paid = permit.action_id().to_owned();
    permit.redeem().await.unwrap().succeeded("paid").await.unwrap();

    let resolved = fixture.shown(waiting.escalation_id()).await;
    let action = reviewer.revert(Seen::from(&resolved), "wrong Bob").await.unwrap();
    let reversion = action.reversion.unwrap();
    assert_eq!(reversion.state(), State::Compensating);
    let worker = Worker::new(fixture.connection(crate::harness::api::AGENT));
    let resumed = worker.claim(1).await.unwrap().pop().expect("the agent is asked to undo it");
    let pointsman_client::Answer::Approved(undo) = resumed.answer().unwrap() else {
        panic!("the counter-action may run")
    };
    assert_eq!((undo.tool(), undo.arguments().as_ref()), ("refund", &br#"{"to": "Bob"}"#[..]));
    undo.redeem().await.unwrap().succeeded("refunded").await.unwrap();
    let action = fixture.runs().action(&paid).await.unwrap();
    assert_eq!(action.reversion.unwrap().state(), State::Compensated);
}
