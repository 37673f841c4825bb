//! The watch of the queue: snapshot, changes, bookmarks, heartbeats, resuming.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::watch_escalations_response::Event;
use pointsman_api::v1::watch_part::Watch as Part;
use pointsman_api::v1::watch_response::Message;
use pointsman_api::v1::watch_runs_response::Event as RunMessage;
use tonic::Streaming;

use crate::harness::api::{AGENT, REVIEWER, called};
use crate::harness::fixture::{Fixture, another, asked, span};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};

type Watch = Streaming<v1::WatchEscalationsResponse>;

async fn open(fixture: &Fixture, cursor: &str) -> Watch {
    let request = v1::WatchEscalationsRequest {
        cursor: cursor.to_owned(),
        heartbeat: Some(span(Duration::from_secs(1))),
        view: v1::EscalationView::Full.into(),
        ..Default::default()
    };
    called(fixture.connection(REVIEWER).escalation_service().watch_escalations(request).await)
        .done()
}

async fn next(watch: &mut Watch) -> v1::WatchEscalationsResponse {
    let message = within("the watch says something", PATIENCE, watch.message()).await;
    message.unwrap().expect("the watch goes on")
}

/// The next message that is a change, with its cursor.
async fn next_change(watch: &mut Watch) -> (v1::EscalationChange, String) {
    loop {
        let message = next(watch).await;
        if let Some(Event::Change(change)) = message.event {
            return (change, message.cursor);
        }
    }
}

async fn ask(fixture: &Fixture) -> String {
    let run = fixture.run().await;
    let wait = asked(&run, another("ask_it").detached()).await;
    wait.escalation_id().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_then_every_change() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let before = [ask(&fixture).await, ask(&fixture).await];

    let mut watch = open(&fixture, "").await;
    let mut snapshot = Vec::new();
    let end = loop {
        match next(&mut watch).await.event.unwrap() {
            Event::Snapshot(escalation) => snapshot.push(escalation.escalation_id),
            Event::SnapshotEnd(end) => break end,
            other => panic!("in the snapshot: {other:?}"),
        }
    };
    let after = ask(&fixture).await;
    let (opened, _) = next_change(&mut watch).await;
    let claimed = fixture.reviewer().claim(&*after, None).await.unwrap();
    let (claim, _) = next_change(&mut watch).await;
    fixture.reviewer().approve(&claimed, "").await.unwrap();
    let (approval, _) = next_change(&mut watch).await;

    snapshot.sort();
    assert_eq!(snapshot, before);
    assert_eq!(end.count, 2);
    assert_eq!(opened.escalations[0].escalation_id, after);
    assert!(opened.events.contains(&"escalation.opened".to_owned()), "{opened:?}");
    assert_eq!(claim.events, ["escalation.claimed"]);
    assert!(approval.events.contains(&"escalation.approved".to_owned()), "{approval:?}");
    assert_eq!(approval.escalations[0].state(), v1::escalation::State::Resolved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_where_it_was() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let mut watch = open(&fixture, "").await;
    let first = ask(&fixture).await;
    let (change, cursor) = next_change(&mut watch).await;
    assert_eq!(change.escalations[0].escalation_id, first);
    drop(watch);

    let missed = [ask(&fixture).await, ask(&fixture).await];
    fixture.restart().await;

    let mut watch = open(&fixture, &cursor).await;
    for id in missed {
        let (change, _) = next_change(&mut watch).await;
        assert_eq!(change.escalations[0].escalation_id, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_watch_is_alive_and_makes_progress() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let mut watch = open(&fixture, "").await;
    while !matches!(next(&mut watch).await.event.unwrap(), Event::SnapshotEnd(_)) {}
    // Events that this watch does not show, and that no snapshot has in it.
    fixture.run().await;

    let (mut heartbeat, mut bookmark) = (false, false);
    while !(heartbeat && bookmark) {
        match next(&mut watch).await.event.unwrap() {
            Event::Heartbeat(_) => heartbeat = true,
            Event::Bookmark(_) => bookmark = true,
            other => panic!("nothing happened, but {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_cursor_is_refused() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let other = Fixture::start(policy::BY_NAME).await;
    let mut watch = open(&other, "").await;
    ask(&other).await;
    let (_, foreign) = next_change(&mut watch).await;

    for (cursor, reason) in [(&*foreign, "WATCH_COMPACTED"), ("not-a-cursor", "CURSOR_INVALID")] {
        let request =
            v1::WatchEscalationsRequest { cursor: cursor.to_owned(), ..Default::default() };
        let mut service = fixture.connection(REVIEWER).escalation_service();
        let refusal = match service.watch_escalations(request).await {
            Err(status) => status,
            Ok(answer) => answer.into_inner().message().await.unwrap_err(),
        };
        let refusal = pointsman_client::Error::from(refusal);
        assert_eq!(refusal.reason_name(), reason, "{refusal:?}");
    }
}

fn part(tag: &str, watch: Part) -> v1::WatchPart {
    v1::WatchPart { tag: tag.to_owned(), watch: Some(watch) }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_watches_one_is_refused_and_the_others_go_on() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let parts = vec![
        part("queue", Part::Escalations(v1::WatchEscalationsRequest::default())),
        part("runs", Part::Runs(v1::WatchRunsRequest::default())),
    ];
    let mut service = fixture.connection(AGENT).watch_service();
    let mut stream = called(service.watch(v1::WatchRequest { parts }).await).done();
    let run = fixture.run().await;
    let (mut refusal, mut shown) = (None, None);
    while refusal.is_none() || shown.is_none() {
        let message = within("a part says something", PATIENCE, stream.message()).await;
        let message = message.unwrap().expect("the stream goes on");
        match (&*message.tag, message.message.unwrap()) {
            ("queue", Message::End(end)) => refusal = Some(end.reason),
            ("runs", Message::Runs(told)) => match told.event.unwrap() {
                RunMessage::Snapshot(run) => shown = Some(run.run_id),
                RunMessage::Change(change) => shown = Some(change.runs[0].run_id.clone()),
                _ => {}
            },
            other => panic!("not asked for: {other:?}"),
        }
    }
    assert_eq!(refusal.unwrap(), "ROLE_REQUIRED");
    assert_eq!(shown.unwrap(), run.run_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_watches_need_tags_of_their_own() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let runs = || Part::Runs(v1::WatchRunsRequest::default());
    for parts in [vec![], vec![part("", runs())], vec![part("a", runs()), part("a", runs())]] {
        let mut service = fixture.connection(REVIEWER).watch_service();
        let answer = service.watch(v1::WatchRequest { parts }).await;
        assert_eq!(called(answer.map(|it| it.map(|_| ()))).refused(), "INVALID_FIELD");
    }
}
