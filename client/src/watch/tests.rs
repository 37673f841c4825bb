//! The watch goes on where it was, and says when it could not.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::watch_escalations_response::Event;
use tonic::{Code, Status};

use super::*;
use crate::Reviewer;
use crate::testing::{Fake, refusal};

fn message(cursor: &str, event: Event) -> Result<v1::WatchEscalationsResponse, Status> {
    Ok(v1::WatchEscalationsResponse {
        cursor: cursor.into(),
        event: Some(event),
        ..v1::WatchEscalationsResponse::default()
    })
}

fn snapshot(id: &str) -> Event {
    Event::Snapshot(v1::Escalation { escalation_id: id.into(), ..v1::Escalation::default() })
}

fn change() -> Event {
    Event::Change(v1::EscalationChange::default())
}

async fn watch() -> (std::sync::Arc<Fake>, QueueWatch) {
    let (fake, connection) = Fake::start().await;
    let watch = Reviewer::new(connection).watch(v1::WatchEscalationsRequest::default());
    (fake, watch)
}

#[tokio::test]
async fn it_goes_on_with_the_cursor_after_an_end_and_after_a_break() {
    let (fake, mut watch) = watch().await;
    let (first, second, third) = (fake.will_show(), fake.will_show(), fake.will_show());
    first.send(message("c1", snapshot("esc_1"))).await.unwrap();
    drop(first);
    second.send(message("c2", change())).await.unwrap();
    second.send(Err(Status::unavailable("restart"))).await.unwrap();
    third.send(message("c3", change())).await.unwrap();

    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Snapshot(_)))));
    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Change(_)))));
    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Interrupted(_)))));
    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Change(_)))));
    assert_eq!(watch.cursor(), "c3");
    let cursors: Vec<_> = fake.watches().into_iter().map(|one| one.cursor).collect();
    assert_eq!(cursors, ["", "c1", "c2"]);
}

#[tokio::test]
async fn lost_history_starts_over_and_says_so() {
    let (fake, mut watch) = watch().await;
    let first = fake.will_show();
    first.send(message("c1", change())).await.unwrap();
    drop(first);
    fake.will_refuse_watching(refusal(Code::OutOfRange, "WATCH_COMPACTED", &[("effect", "none")]));
    let second = fake.will_show();
    second.send(message("c9", snapshot("esc_1"))).await.unwrap();

    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Change(_)))));
    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::StartedOver(_)))));
    assert!(matches!(watch.next().await, Some(Ok(QueueEvent::Snapshot(_)))));
    let cursors: Vec<_> = fake.watches().into_iter().map(|one| one.cursor).collect();
    assert_eq!(cursors, ["", "c1", ""]);
}

#[tokio::test]
async fn a_damaged_cursor_of_the_caller_is_refused() {
    let (fake, connection) = Fake::start().await;
    fake.will_refuse_watching(refusal(
        Code::InvalidArgument,
        "CURSOR_INVALID",
        &[("effect", "none")],
    ));
    let request = v1::WatchEscalationsRequest { cursor: "x".into(), ..Default::default() };
    let mut watch = Reviewer::new(connection).watch(request);
    assert!(matches!(watch.next().await, Some(Err(_))));
}

#[tokio::test]
async fn a_refusal_for_good_ends_it() {
    let (fake, mut watch) = watch().await;
    fake.will_refuse_watching(refusal(
        Code::PermissionDenied,
        "ROLE_REQUIRED",
        &[("effect", "none")],
    ));
    assert!(matches!(watch.next().await, Some(Err(_))));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn dropping_it_ends_the_stream() {
    let (fake, mut watch) = watch().await;
    let script = fake.will_show();
    script.send(message("c1", snapshot("esc_1"))).await.unwrap();
    watch.next().await.unwrap().unwrap();
    drop(watch);
    tokio::time::timeout(Duration::from_secs(5), script.closed()).await.unwrap();
}
