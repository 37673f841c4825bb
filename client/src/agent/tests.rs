//! Proposals: the policy's three words, and everything else means no.

use pointsman_api::v1;
use tonic::{Code, Status};

use super::*;
use crate::testing::{Fake, decided, refusal};

fn proposal() -> Proposal {
    Proposal::new("refund", r#"{"amount":4812}"#).target("A-77").confidence(0.9)
}

#[tokio::test]
async fn each_decision_has_its_form() {
    let (fake, connection) = Fake::start().await;
    let run = Agent::new(connection).run("run_1");
    fake.propose.will(Ok(decided(1, DecisionEffect::Allow)));
    fake.propose.will(Ok(decided(2, DecisionEffect::Deny)));
    fake.propose.will(Ok(decided(3, DecisionEffect::Escalate)));
    assert!(matches!(run.propose(proposal()).await, Ok(Proposed::Allowed(_))));
    assert!(matches!(run.propose(proposal()).await, Ok(Proposed::Denied(_))));
    assert!(matches!(run.propose(proposal()).await, Ok(Proposed::Waiting(_))));
    let sent = &fake.propose.seen()[0];
    assert_eq!(sent.run_id, "run_1");
    assert_eq!(sent.arguments, r#"{"amount":4812}"#);
    assert_eq!(sent.confidence, Some(0.9));
}

#[tokio::test]
async fn an_unset_decision_and_a_missing_grant_are_refusals() {
    let (fake, connection) = Fake::start().await;
    let run = Agent::new(connection).run("run_1");
    fake.propose.will(Ok(decided(1, DecisionEffect::Unspecified)));
    fake.propose.will(Ok(v1::ProposeActionResponse::default()));
    let grantless = v1::ProposeActionResponse { grant: None, ..decided(1, DecisionEffect::Allow) };
    fake.propose.will(Ok(grantless));
    for _ in 0..3 {
        assert_eq!(run.propose(proposal()).await.unwrap_err().kind(), crate::ErrorKind::Protocol);
    }
}

#[tokio::test]
async fn every_try_carries_the_same_request_id_and_every_proposal_its_own() {
    let (fake, connection) = Fake::start().await;
    let run = Agent::new(connection).run("run_1");
    fake.propose.will(Err(Status::unavailable("cut")));
    fake.propose.will(Err(refusal(Code::Internal, "INTERNAL", &[("effect", "unknown")])));
    fake.propose.will(Ok(decided(1, DecisionEffect::Deny)));
    fake.propose.will(Ok(decided(2, DecisionEffect::Deny)));
    run.propose(proposal()).await.unwrap();
    run.propose(proposal()).await.unwrap();
    let ids: Vec<_> = fake.propose.seen().into_iter().map(|one| one.request_id).collect();
    assert_eq!((&ids[0], &ids[0]), (&ids[1], &ids[2]));
    assert_ne!(ids[2], ids[3]);
}
