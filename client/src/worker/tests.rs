//! A pool takes up what is there, keeps to its bounds, and finishes what it began.

use std::sync::atomic::{AtomicUsize, Ordering};

use pointsman_api::v1::resolution::Kind;
use tokio::sync::{Notify, Semaphore};
use tonic::{Code, Status};

use super::*;
use crate::testing::{Fake, eventually, refusal, resumption};

fn claimed(numbers: std::ops::Range<u32>, kind: Kind) -> v1::ClaimResumptionsResponse {
    v1::ClaimResumptionsResponse {
        resumptions: numbers.map(|number| resumption(number, kind)).collect(),
        ..v1::ClaimResumptionsResponse::default()
    }
}

#[tokio::test]
async fn a_claim_holds_answers_with_the_bytes_to_run() {
    let (fake, connection) = Fake::start().await;
    fake.claim.will(Ok(claimed(1..2, Kind::Approved)));
    fake.acknowledge.will(Ok(v1::AcknowledgeResumptionResponse::default()));
    let worker = Worker::new(connection).only_run("run_1").poll(Duration::from_secs(1));
    let held = worker.claim(500).await.unwrap().pop().unwrap();

    assert!(matches!(held.answer().unwrap(), Answer::Approved(permit)
        if permit.arguments() == r#"{"amount":3900}"#));
    assert_eq!(held.checkpoint().await.unwrap(), None);
    held.acknowledge().await.unwrap();
    assert_eq!(fake.acknowledge.seen()[0].epoch, 7);
    let asked = &fake.claim.seen()[0];
    assert_eq!((asked.max_items, asked.run_id.as_str()), (100, "run_1"));
}

#[tokio::test]
async fn a_pool_works_on_no_more_than_its_bound_and_finishes_when_stopped() {
    let (fake, connection) = Fake::start().await;
    fake.claim.will(Ok(claimed(0..2, Kind::Rejected)));
    fake.claim.will(Ok(claimed(2..3, Kind::Rejected)));
    fake.claim.will(Err(Status::unavailable("away for a moment")));
    let (stop, may_go_on) = (Notify::new(), Semaphore::new(0));
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = Worker::new(connection).concurrency(2).poll(Duration::ZERO);
    let pool = worker.run(stop.notified(), |_resumed| async {
        begun.fetch_add(1, Ordering::SeqCst);
        may_go_on.acquire().await.unwrap().forget();
        ended.fetch_add(1, Ordering::SeqCst);
    });
    let script = async {
        eventually(|| begun.load(Ordering::SeqCst) == 2).await;
        assert_eq!(fake.claim.seen().len(), 1, "no room, no claim");
        may_go_on.add_permits(1);
        eventually(|| begun.load(Ordering::SeqCst) == 3).await;
        assert_eq!(fake.claim.seen()[1].max_items, 1, "room for one");
        stop.notify_one();
        may_go_on.add_permits(2);
    };
    let (outcome, ()) = tokio::join!(pool, script);
    outcome.unwrap();
    assert_eq!(ended.into_inner(), 3, "what was begun is finished");
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_pool() {
    let (fake, connection) = Fake::start().await;
    let role = [("effect", "none"), ("role", "agent")];
    fake.claim.will(Err(refusal(Code::PermissionDenied, "ROLE_REQUIRED", &role)));
    let worker = Worker::new(connection).poll(Duration::ZERO);
    let error = worker.run(std::future::pending(), |_| async {}).await.unwrap_err();
    assert_eq!(error.reason_name(), "ROLE_REQUIRED");
}
