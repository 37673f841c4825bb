//! Addresses, tokens, deadlines and unreachable servers.

use pointsman_api::v1;

use super::*;
use crate::admin::Admin;
use crate::error::{Effect, ErrorKind};
use crate::testing::{Fake, bring, decided, quick, resumption};
use crate::{Agent, Proposal, Proposed, Reviewer, Worker};

#[tokio::test]
async fn an_address_needs_no_scheme() {
    let connection = Connection::builder("127.0.0.1:7420").connect_lazy().unwrap();
    assert_eq!(connection.address(), "127.0.0.1:7420");
}

#[tokio::test]
async fn a_malformed_address_or_token_is_refused_here() {
    let error = Connection::builder("http://a b").connect_lazy().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = Connection::builder("a:1").token("line\nbreak").connect_lazy().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn nobody_there_is_a_connection_error_without_effect() {
    let error = Connection::builder("http://127.0.0.1:1").connect().await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Connection, Effect::None));
    assert!(error.message().starts_with("cannot reach http://127.0.0.1:1: "), "{error}");

    let limit = Duration::from_millis(200);
    let lazy = Connection::builder("http://127.0.0.1:1").call_limit(limit).connect_lazy().unwrap();
    let error = Admin::new(lazy).server_info().await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Connection, Effect::None));
}

#[tokio::test]
async fn a_debug_text_has_no_token() {
    let builder = Connection::builder("a:1").token("secret");
    assert!(!format!("{builder:?}").contains("secret"));
    assert!(!format!("{:?}", builder.connect_lazy().unwrap()).contains("secret"));
}

#[tokio::test]
async fn every_try_says_how_long_it_is_waited_for_and_no_stream_does() {
    let (fake, connection) = Fake::start().await;
    let limit = quick().attempt + DEADLINE_MARGIN;
    let run = Agent::new(connection.clone()).run("run_1");
    fake.propose.will(Err(Status::unavailable("restart")));
    fake.propose.will(Ok(decided(1, v1::DecisionEffect::Escalate)));
    let Ok(Proposed::Waiting(mut wait)) = run.propose(Proposal::new("refund", "{}")).await else {
        panic!("nobody is asked");
    };
    let told: Vec<_> = fake.propose.deadlines().into_iter().map(Option::unwrap).collect();
    assert!(told[1] < told[0] && told[0] <= limit && told[1] > limit / 2, "{told:?}");

    let poll = Duration::from_secs(20);
    fake.claim.will(Ok(v1::ClaimResumptionsResponse::default()));
    Worker::new(connection.clone()).poll(poll).claim(1).await.unwrap();
    let told = fake.claim.deadlines()[0].unwrap();
    assert!(told > limit && told <= limit + poll, "{told:?}");

    let answers = fake.will_bring();
    answers.send(bring(resumption(1, v1::resolution::Kind::Rejected))).await.unwrap();
    wait.answer().await.unwrap();
    let changes = fake.will_show();
    changes.send(Ok(v1::WatchEscalationsResponse::default())).await.unwrap();
    drop(changes);
    let mut watch = Reviewer::new(connection).watch(v1::WatchEscalationsRequest::default());
    watch.next().await.unwrap().ok();
    assert_eq!(fake.awaits.deadlines()[0], None);
    assert_eq!(fake.watches.deadlines()[0], None);
}

#[test]
fn a_deadline_without_end_is_a_day() {
    let request = within(Duration::MAX, ());
    assert_eq!(request.metadata().get("grpc-timeout").unwrap(), "86400000m");
}
