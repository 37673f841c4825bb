//! From hand to hand: the next question, who may not have it, and who answers in the end.

use pointsman_api::v1;
use pointsman_client::{Answer, Next, Proposal, Reviewer};
use tonic::Code;

use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};

const SETTINGS: &str = "
version: 1
teams: {desk: {members: [reviewer, ada]}}
routing: [{lanes: [main], team: desk}]
friction: off
";

async fn claimed(reviewer: &Reviewer) -> v1::Escalation {
    match reviewer.claim_next([], None).await.unwrap() {
        Next::Claimed(held, why) => {
            assert!(!why.is_empty());
            *held
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_question_goes_from_hand_to_hand_and_is_answered_once() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    fixture.queue().put(SETTINGS, "", "one desk").await.unwrap();
    let reviewer = |token: &str| Reviewer::new(fixture.connection(token));
    let ada = reviewer(&fixture.token("ada", v1::Role::Reviewer).await);
    let carol = reviewer(&fixture.token("carol", v1::Role::Reviewer).await);
    let sue = reviewer(&fixture.token("sue", v1::Role::Supervisor).await);
    let run = fixture.run().await;
    let mut wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let id = wait.escalation_id().to_owned();

    let Next::Nothing(nothing) = carol.claim_next([], None).await.unwrap() else {
        panic!("it is not for her")
    };
    assert_eq!((nothing.open_count, nothing.not_yours_count), (1, 1));
    let refused = carol.claim(&id, None).await.unwrap_err();
    assert_eq!((refused.code(), refused.reason_name()), (Code::PermissionDenied, "NOT_ROUTED"));

    let first = claimed(&fixture.reviewer()).await;
    assert_eq!(first.escalation_id, id);
    let epoch = first.claim.as_ref().map_or(0, |claim| claim.claim_epoch);
    let wrong = fixture.reviewer().hand_off(&id, epoch, "carol", "yours?").await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument, "{wrong}");
    let passed = fixture.reviewer().hand_off(&id, epoch, "ada", "you know them").await.unwrap();
    let claim = passed.claim.clone().unwrap();
    assert_eq!((claim.holder.as_str(), claim.note.as_str()), ("ada", "you know them"));
    let fenced = fixture.reviewer().approve(&first, "").await.unwrap_err();
    assert!(["CLAIMED_BY_OTHER", "ETAG_MISMATCH"].contains(&fenced.reason_name()), "{fenced}");

    let over = sue.take_over(&id, "ada is ill").await.unwrap();
    assert_eq!(over.claim.as_ref().unwrap().holder, "sue");
    sue.release(&id, over.claim.unwrap().claim_epoch).await.unwrap();
    let hers = claimed(&ada).await;
    ada.approve(&hers, "known").await.unwrap();
    let answer = within("the answer", PATIENCE, wait.answer()).await.unwrap();
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
}
