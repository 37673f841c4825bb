//! Tables as people see them, and the list that is kept up to date.

use pointsman_api::v1::SeverityTier;

use super::*;
use crate::briefing::tests::{escalation, now, terminal};

fn several() -> Vec<v1::Escalation> {
    let mut held = escalation(SeverityTier::High, 2);
    held.claim = Some(v1::Claim { holder: "bob\u{1b}[1m".into(), ..v1::Claim::default() });
    held.due_time = Some(Timestamp { seconds: now().seconds - 90, nanos: 0 });
    let mut aside = escalation(SeverityTier::Medium, 3);
    aside.snooze_until_time = Some(Timestamp { seconds: now().seconds + 720, nanos: 0 });
    vec![escalation(SeverityTier::Critical, 1), held, aside, escalation(SeverityTier::Low, 4)]
}

#[test]
fn the_inbox_on_a_wide_terminal() {
    insta::assert_snapshot!(open_table(&terminal(120), &several(), &now()));
}

#[test]
fn the_inbox_on_a_narrow_terminal_hides_nothing() {
    insta::assert_snapshot!(open_table(&terminal(72), &several(), &now()));
}

#[test]
fn the_inbox_for_a_pipe_has_whole_ids_and_times() {
    let pipe = Output { is_terminal: false, width: None, ..terminal(80) };
    insta::assert_snapshot!(open_table(&pipe, &several(), &now()));
}

#[test]
fn closed_ones_say_who_and_when() {
    let mut closed = several();
    for (escalation, kind) in closed.iter_mut().zip([1, 2, 3, 4]) {
        escalation.state = State::Resolved.into();
        escalation.resolution = Some(v1::Resolution {
            kind,
            reviewer: "alice".into(),
            resolve_time: Some(Timestamp { seconds: now().seconds - 600, nanos: 0 }),
            ..v1::Resolution::default()
        });
    }
    insta::assert_snapshot!(closed_table(&terminal(120), &closed, &now()));
}

#[test]
fn the_kept_list_follows_events_and_starts_over() {
    let mut queue = Queue::default();
    for one in several() {
        queue.take(QueueEvent::Snapshot(Box::new(one)));
    }
    queue.take(QueueEvent::SnapshotEnd(v1::SnapshotEnd { sequence: 9, count: 4 }));
    let ended = v1::Escalation { state: State::Resolved.into(), ..several().remove(0) };
    queue.take(QueueEvent::Change(v1::EscalationChange {
        escalations: vec![ended],
        ..v1::EscalationChange::default()
    }));
    let page = queue.page(&terminal(120), &now(), None, 50);
    assert!(page.starts_with("pointsman inbox  3 open  22:13 UTC  live"), "{page}");
    let marks: Vec<_> = ["▲", "■", "○"].map(|mark| page.find(mark)).into();
    assert!(marks.is_sorted() && marks.iter().all(Option::is_some), "{page}");

    let lost = pointsman_client::Error::from(tonic::Status::unavailable("away"));
    queue.take(QueueEvent::Interrupted(lost.clone()));
    assert!(queue.page(&terminal(120), &now(), None, 50).contains("not up to date: "));
    queue.take(QueueEvent::StartedOver(lost));
    assert!(queue.open.is_empty() && !queue.is_complete);
}

#[test]
fn mine_are_those_that_i_hold() {
    let mut queue = Queue::default();
    for one in several() {
        queue.put(one);
    }
    let page = queue.page(&terminal(120), &now(), Some("alice"), 50);
    assert!(page.contains("Nothing waits"), "{page}");
}
