//! Many waits over one stream: no answer is lost, none is given twice.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::DecisionEffect;
use pointsman_api::v1::resolution::Kind;
use tonic::{Code, Status};

use crate::testing::{Fake, bring, decided, eventually, refusal, resumption};
use crate::{Agent, Answer, Connection, Proposal, Proposed, RunHandle, Wait};

const BYTES: &str = r#"{"amount": 4812}"#;

fn run(connection: &Connection) -> RunHandle {
    Agent::new(connection.clone()).run("run_1")
}

async fn ask(fake: &Fake, run: &RunHandle, number: u32) -> Wait {
    fake.propose.will(Ok(decided(number, DecisionEffect::Escalate)));
    match run.propose(Proposal::new("refund", BYTES)).await.unwrap() {
        Proposed::Waiting(wait) => wait,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn two_thousand_waits_share_one_stream() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let run = run(&connection);
    let mut waits = Vec::new();
    for number in 0..2000 {
        waits.push(ask(&fake, &run, number).await);
    }
    for number in (0..2000).rev() {
        script.send(bring(resumption(number, Kind::Approved))).await.unwrap();
    }
    for (number, wait) in waits.iter_mut().enumerate() {
        match wait.answer().await.unwrap() {
            Answer::Approved(permit) => {
                assert_eq!(permit.action_id(), format!("act_{number}"));
                assert_eq!(permit.arguments(), BYTES, "the bytes this process proposed");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fake.streams_of_answers(), 1);
}

#[tokio::test]
async fn each_answer_has_its_form() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let run = run(&connection);
    let kinds =
        [Kind::Modified, Kind::Rejected, Kind::Responded, Kind::Instructed, Kind::Unspecified];
    let mut answers = Vec::new();
    for (number, kind) in (0..).zip(kinds) {
        let mut wait = ask(&fake, &run, number).await;
        script.send(bring(resumption(number, kind))).await.unwrap();
        answers.push(wait.answer().await);
    }
    assert!(matches!(&answers[0], Ok(Answer::Modified(permit))
        if permit.arguments() == r#"{"amount":3900}"# && permit.action_id() == "act_0_edited"));
    assert!(matches!(&answers[1], Ok(Answer::Rejected(said)) if said.reviewer == "alice"));
    assert!(matches!(&answers[2], Ok(Answer::Responded(_))));
    assert!(matches!(&answers[3], Ok(Answer::Instructed(_))));
    assert!(answers[4].is_err(), "an unknown answer permits nothing");
}

#[tokio::test]
async fn endings_without_a_person_have_their_form() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let run = run(&connection);
    let states = [v1::escalation::State::Expired, v1::escalation::State::Cancelled];
    let mut answers = Vec::new();
    for (number, state) in (0..).zip(states) {
        let mut wait = ask(&fake, &run, number).await;
        let ended = v1::Resumption {
            escalation_id: format!("esc_{number}"),
            state: state.into(),
            ..v1::Resumption::default()
        };
        script.send(bring(ended)).await.unwrap();
        answers.push(wait.answer().await.unwrap());
    }
    assert!(matches!(answers[..], [Answer::Expired(_), Answer::Cancelled]));
}

#[tokio::test]
async fn an_approval_without_a_grant_has_lapsed() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let mut wait = ask(&fake, &run(&connection), 1).await;
    let lapsed = v1::Resumption { grant: None, ..resumption(1, Kind::Approved) };
    script.send(bring(lapsed)).await.unwrap();
    fake.claim.will(Ok(v1::ClaimResumptionsResponse::default()));
    assert!(matches!(wait.answer().await.unwrap(), Answer::Lapsed(_)));
    assert_eq!(fake.claim.seen()[0].escalation_id, "esc_1");
}

#[tokio::test]
async fn a_lapsed_grant_is_renewed_by_a_claim() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let mut wait = ask(&fake, &run(&connection), 1).await;
    let lapsed = v1::Resumption { grant: None, ..resumption(1, Kind::Approved) };
    script.send(bring(lapsed)).await.unwrap();
    fake.claim.will(Ok(v1::ClaimResumptionsResponse {
        resumptions: vec![resumption(1, Kind::Approved)],
        ..v1::ClaimResumptionsResponse::default()
    }));
    assert!(matches!(wait.answer().await.unwrap(), Answer::Approved(permit)
        if permit.arguments() == BYTES));
}

#[tokio::test]
async fn an_approval_of_another_action_permits_nothing() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let mut wait = ask(&fake, &run(&connection), 1).await;
    let other = v1::Resumption { escalation_id: "esc_1".into(), ..resumption(2, Kind::Approved) };
    script.send(bring(other)).await.unwrap();
    assert!(wait.answer().await.is_err());
}

#[tokio::test]
async fn an_answer_that_overtakes_its_wait_is_kept() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let run = run(&connection);
    let mut first = ask(&fake, &run, 1).await;
    let asking = run.agent().dispatcher.about_to_ask();
    script.send(bring(resumption(2, Kind::Approved))).await.unwrap();
    script.send(bring(resumption(1, Kind::Approved))).await.unwrap();
    first.answer().await.unwrap();
    let mut second = ask(&fake, &run, 2).await;
    drop(asking);
    assert!(second.answer().await.unwrap().is_permitted());
    assert_eq!(fake.streams_of_answers(), 1);
}

#[tokio::test]
async fn a_broken_stream_is_opened_again() {
    let (fake, connection) = Fake::start().await;
    let (broken, ended, last) = (fake.will_bring(), fake.will_bring(), fake.will_bring());
    let mut wait = ask(&fake, &run(&connection), 1).await;
    broken.send(Err(Status::unavailable("restart"))).await.unwrap();
    ended.send(bring(resumption(9, Kind::Approved))).await.unwrap();
    drop(ended);
    last.send(bring(resumption(1, Kind::Rejected))).await.unwrap();
    assert!(matches!(wait.answer().await.unwrap(), Answer::Rejected(_)));
    assert_eq!(fake.streams_of_answers(), 3);
}

#[tokio::test]
async fn a_refused_stream_fails_all_waits_and_a_new_wait_tries_again() {
    let (fake, connection) = Fake::start().await;
    fake.will_refuse_waiting(refusal(Code::Unauthenticated, "TOKEN_INVALID", &[]));
    let run = run(&connection);
    let mut wait = ask(&fake, &run, 1).await;
    let error = wait.answer().await.unwrap_err();
    assert_eq!(error.reason_name(), "TOKEN_INVALID");
    let script = fake.will_bring();
    script.send(bring(resumption(1, Kind::Approved))).await.unwrap();
    assert!(wait.answer().await.unwrap().is_permitted());
}

#[tokio::test]
async fn a_wait_under_a_time_limit_can_be_taken_up_again() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let mut wait = ask(&fake, &run(&connection), 1).await;
    let limit = Duration::from_millis(10);
    assert!(tokio::time::timeout(limit, wait.answer()).await.is_err());
    script.send(bring(resumption(1, Kind::Approved))).await.unwrap();
    assert!(wait.answer().await.unwrap().is_permitted());
}

#[tokio::test]
async fn a_late_wait_starts_the_stream_over() {
    let (fake, connection) = Fake::start().await;
    let (first, second) = (fake.will_bring(), fake.will_bring());
    let run = run(&connection);
    let mut open = ask(&fake, &run, 1).await;
    eventually(|| fake.streams_of_answers() == 1).await;
    let details = v1::Wait { escalation_id: "esc_5".into(), ..v1::Wait::default() };
    let mut late = run.agent().resume_wait(details);
    second.send(bring(resumption(5, Kind::Approved))).await.unwrap();
    assert!(matches!(late.answer().await.unwrap(), Answer::Approved(permit)
        if permit.arguments() == r#"{"amount":3900}"#));
    second.send(bring(resumption(1, Kind::Approved))).await.unwrap();
    assert!(open.answer().await.unwrap().is_permitted());
    assert!(first.is_closed());
}

#[tokio::test]
async fn an_answer_that_permits_nothing_is_acknowledged() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let run = run(&connection);
    let mut wait = ask(&fake, &run, 1).await;
    script.send(bring(resumption(1, Kind::Rejected))).await.unwrap();
    fake.acknowledge.will(Ok(v1::AcknowledgeResumptionResponse::default()));
    wait.answer().await.unwrap();
    eventually(|| fake.acknowledge.seen().len() == 1).await;
    assert_eq!(fake.acknowledge.seen()[0].epoch, 7);

    let mut kept = ask(&fake, &run, 2).await;
    script.send(bring(resumption(2, Kind::Rejected))).await.unwrap();
    kept.answer_kept().await.unwrap();
    assert_eq!(fake.acknowledge.seen().len(), 1);
}

#[tokio::test]
async fn dropping_the_agent_ends_the_stream() {
    let (fake, connection) = Fake::start().await;
    let script = fake.will_bring();
    let wait = ask(&fake, &run(&connection), 1).await;
    eventually(|| fake.streams_of_answers() == 1).await;
    drop(wait);
    tokio::time::timeout(Duration::from_secs(5), script.closed()).await.unwrap();
}
