//! Questions about a run rather than an action of it, and a policy that judges beside
//! the one in force.

use pointsman_api::v1;
use pointsman_api::v1::escalation::Question;
use pointsman_api::v1::policy_revision::State as RevisionState;
use pointsman_client::Proposal;

use crate::harness::fixture::{Fixture, allowed, asked};
use crate::harness::poll::{PATIENCE, eventually};

const WATCHFUL: &str = "
version: 1
default: allow
tools:
  read_rate: { write: false, expects: result.rate > 0 }
  pay: {}
triggers: { time_budget: { after: 1s }, results: { lane: data } }
";

async fn open(fixture: &Fixture, question: Question) -> Option<v1::Escalation> {
    let listed = fixture.reviewer().list(v1::ListEscalationsRequest::default()).await.unwrap();
    listed.escalations.into_iter().find(|it| it.question() == question)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_agent_that_misses_its_time_is_brought_before_a_person() {
    let fixture = Fixture::start(WATCHFUL).await;
    let run = fixture.run().await;

    let question = eventually("the run is asked about", PATIENCE, || async {
        open(&fixture, Question::RunOverdue).await
    })
    .await;
    let overdue = fixture.runs().get(run.run_id()).await.unwrap();
    assert!(overdue.overdue_time.is_some());
    assert_eq!((&*question.action_id, &*question.run_id), ("", run.run_id()));
    asked(&run, Proposal::new("pay", "{}")).await;

    let shown = fixture.reviewer().get(&*question.escalation_id).await.unwrap();
    fixture.reviewer().approve(&shown.escalation, "it may go on").await.unwrap();
    let run = fixture.runs().get(run.run_id()).await.unwrap();
    assert_eq!(run.overdue_time, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_answer_of_a_tool_is_asked_about_before_anything_is_changed() {
    let fixture = Fixture::start(&WATCHFUL.replace("after: 1s", "after: 1h")).await;
    let run = fixture.run().await;
    let redeemed = allowed(&run, Proposal::new("read_rate", "{}")).await.redeem().await.unwrap();
    redeemed.succeeded(r#"{"rate": -3}"#).await.unwrap();

    let question = open(&fixture, Question::UnexpectedResult).await.unwrap();
    assert_eq!(question.lane, "data");
    let wait = asked(&run, Proposal::new("pay", "{}")).await;
    assert_eq!(fixture.shown(wait.escalation_id()).await.lane, "data");
    assert_eq!(fixture.runs().get(run.run_id()).await.unwrap().unexpected_result_count, 1);

    fixture.reviewer().approve(&question, "rates were negative that day").await.unwrap();
    allowed(&run, Proposal::new("pay", "{}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_says_what_it_would_have_decided_and_nobody_notices() {
    let fixture = Fixture::start("version: 1\ndefault: allow\n").await;
    let (policies, run) = (fixture.policies(), fixture.run().await);
    let put = policies.put("version: 1\ndefault: escalate\n", "").await.unwrap();
    let id = put.revision.revision_id;
    policies.set_shadow(&id).await.unwrap().unwrap();
    for _ in 0..3 {
        allowed(&run, Proposal::new("pay", "{}")).await;
    }

    let said = policies.shadow(0).await.unwrap();
    assert_eq!(said.shadow.unwrap().revision_id, id);
    assert_eq!((said.recorded.unwrap().allow, said.decided.unwrap().escalate), (3, 3));
    assert_eq!((said.flips.len(), said.flips[0].action_count, said.failed_count), (1, 3, 0));
    assert_eq!(policies.get(&id).await.unwrap().0.state(), RevisionState::Shadow);
    assert_eq!(policies.set_shadow("").await.unwrap(), None);
    assert_eq!(policies.shadow(0).await.unwrap().shadow, None);
}
