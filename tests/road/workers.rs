//! Agents that do not wait: any worker of the same agent takes the answer up.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::{Answer, Proposal, Worker};

use crate::harness::api::AGENT;
use crate::harness::fixture::{Fixture, another, asked};
use crate::harness::policy;

fn draft(state: &[u8]) -> v1::CheckpointDraft {
    v1::CheckpointDraft {
        state: Bytes::copy_from_slice(state),
        schema_version: "test/1".to_owned(),
        credentials: vec![v1::CredentialRef {
            name: "claims".to_owned(),
            reference: "vault:claims/api".to_owned(),
        }],
        envelope: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_from_the_checkpoint() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let state: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let run = fixture.run().await;
    let proposal = Proposal::new("ask_it", r#"{"n":1}"#).checkpoint(draft(&state)).detached();
    let wait = asked(&run, proposal).await;
    let escalation_id = wait.escalation_id().to_owned();
    drop((wait, run));

    let seen = fixture.shown(&escalation_id).await;
    fixture.reviewer().approve(&seen, "go on").await.unwrap();
    fixture.restart().await;
    let worker = Worker::new(fixture.connection(AGENT)).poll(Duration::from_secs(10));
    let resumed = worker.claim(5).await.unwrap().pop().expect("a resumption");

    let checkpoint = resumed.checkpoint().await.unwrap().expect("a checkpoint");
    assert_eq!(checkpoint.state, state);
    assert_eq!(checkpoint.schema_version, "test/1");
    assert_eq!(checkpoint.credentials[0].reference, "vault:claims/api");
    let Answer::Approved(permit) = resumed.answer().unwrap() else { panic!("not approved") };
    let executed = permit.execute(|_| async { Ok::<_, Infallible>("done") }).await.unwrap();
    executed.report.unwrap();
    let none = Worker::new(fixture.connection(AGENT)).poll(Duration::ZERO).claim(5).await.unwrap();
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_goes_to_one_worker() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let mut questions = Vec::new();
    for _ in 0..12 {
        let wait = asked(&run, another("ask_it").detached()).await;
        questions.push(wait.escalation_id().to_owned());
    }
    for id in &questions {
        let seen = fixture.shown(id).await;
        fixture.reviewer().reject(&seen, "", "no").await.unwrap();
    }

    let workers: Vec<_> = (0..8)
        .map(|_| {
            let worker = Worker::new(fixture.connection(AGENT)).poll(Duration::ZERO);
            tokio::spawn(async move { worker.claim(3).await.unwrap() })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        for resumed in worker.await.unwrap() {
            claimed.push(resumed.escalation_id().to_owned());
            resumed.acknowledge().await.unwrap();
        }
    }
    let worker = Worker::new(fixture.connection(AGENT)).poll(Duration::ZERO);
    for resumed in worker.claim(100).await.unwrap() {
        claimed.push(resumed.escalation_id().to_owned());
        resumed.acknowledge().await.unwrap();
    }

    claimed.sort();
    questions.sort();
    assert_eq!(claimed, questions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_checkpoint_is_refused_with_its_place() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let state = br#"{"headers":{"Authorization":"AKIAIOSFODNN7EXAMPLE"}}"#;

    let proposal = Proposal::new("ask_it", "{}").checkpoint(draft(state));
    let refusal = run.propose(proposal).await.unwrap_err();

    assert_eq!(refusal.reason_name(), "SECRET_FOUND");
    assert!(refusal.metadata("where").is_some_and(|place| place.contains("state")), "{refusal:?}");
    let open = fixture.reviewer().list(v1::ListEscalationsRequest::default()).await.unwrap();
    assert_eq!(open.open_count, 0);
}
