//! Watches: snapshot, end, changes in order, marks, resuming.

mod runs;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::escalation::EscalationState;
use crate::domain::event::EventKind;
use crate::domain::time::Span;
use crate::engine::escalations::Filter;
use crate::engine::resolve::Verb;
use crate::engine::watch::{EscalationWatch, Watch, WatchEvent};

async fn watch(world: &World, cursor: &str) -> EscalationWatch {
    let watch = Watch { cursor: cursor.to_owned(), ..Watch::default() };
    world.engine.watch_escalations(&reviewer(), watch).await.unwrap()
}

#[tokio::test]
async fn a_watch_shows_what_is_open_and_then_every_change() {
    let world = World::new().await;
    let run = world.run().await;
    let first = world.escalate(run).await;
    let mut watch = watch(&world, "").await;
    let WatchEvent::Snapshot(view) = watch.next().await.unwrap().event else { panic!() };
    assert_eq!(view.escalation, first);
    assert_eq!(view.briefing.headline, "Refund 600 to Anna");
    assert!(view.detail.is_none());
    let end = watch.next().await.unwrap();
    assert!(matches!(end.event, WatchEvent::SnapshotEnd { count: 1, .. }));
    let second = world.escalate(run).await;
    world.approve(&first).await;
    let WatchEvent::Change(change) = watch.next().await.unwrap().event else { panic!() };
    assert_eq!(change.escalations[0].escalation, second);
    assert!(change.events.contains(&EventKind::EscalationOpened));
    let WatchEvent::Change(change) = watch.next().await.unwrap().event else { panic!() };
    assert_eq!(change.escalations[0].escalation.state, EscalationState::Resolved);
    assert_eq!(change.principal, "alice");
}

#[tokio::test]
async fn a_watch_goes_on_from_its_cursor_even_after_a_restart() {
    let world = World::new().await;
    let run = world.run().await;
    let mut first_watch = watch(&world, "").await;
    let end = first_watch.next().await.unwrap();
    assert!(matches!(end.event, WatchEvent::SnapshotEnd { count: 0, .. }));
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(world.escalate(run).await.id);
    }
    drop(first_watch);
    let world = world.restarted().await;
    let mut cursor = end.cursor;
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        // A new watch for every message: each cursor must be enough.
        let item = watch(&world, &cursor).await.next().await.unwrap();
        if let WatchEvent::Change(change) = item.event {
            seen.extend(change.escalations.iter().map(|view| view.escalation.id));
        }
        cursor = item.cursor;
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats_and_bookmarks() {
    let world = World::new().await;
    let run = world.run().await;
    let mut watch = watch(&world, "").await;
    assert!(matches!(watch.next().await.unwrap().event, WatchEvent::SnapshotEnd { .. }));
    let clock = world.clock.clone();
    let tick = async |span| {
        tokio::task::yield_now().await;
        clock.advance(span);
    };
    let (item, ()) = tokio::join!(watch.next(), tick(Span::from_secs(10)));
    assert!(matches!(item.unwrap().event, WatchEvent::Heartbeat(_)));
    world.propose(run, "lookup", serde_json::json!({})).await;
    let sequence = world.engine.server_info(&reviewer()).await.unwrap().sequence;
    let mut item = None;
    while item.is_none() {
        let (next, ()) = tokio::join!(watch.next(), tick(Span::from_secs(10)));
        item = Some(next.unwrap()).filter(|it| matches!(it.event, WatchEvent::Bookmark(_)));
    }
    assert_eq!(item.unwrap().event, WatchEvent::Bookmark(sequence));
}

#[tokio::test]
async fn a_filter_shows_its_own_and_cursors_fit_their_filter() {
    let world = World::new().await;
    let run = world.run().await;
    world.escalate(run).await;
    let filter = Filter { lane: "general".to_owned(), ..Filter::default() };
    let asked = Watch { filter: filter.clone(), ..Watch::default() };
    let mut watch = world.engine.watch_escalations(&reviewer(), asked).await.unwrap();
    let end = watch.next().await.unwrap();
    assert!(matches!(end.event, WatchEvent::SnapshotEnd { count: 0, .. }));
    let other = Watch { cursor: end.cursor, ..Watch::default() };
    let refused = world.engine.watch_escalations(&reviewer(), other).await;
    assert!(matches!(refused.err(), Some(Error::CursorInvalid { .. })));
    let refused = world.engine.watch_escalations(&agent(), Watch::default()).await;
    assert!(matches!(refused.err(), Some(Error::RoleRequired { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watch_that_begins_amid_changes_ends_with_the_truth() {
    let world = World::new().await;
    let run = world.run().await;
    for _ in 0..50 {
        world.escalate(run).await;
    }
    let engine = world.engine.clone();
    let churn = tokio::spawn(async move {
        let page = crate::engine::list::Page { size: 500, ..Default::default() };
        let open = engine
            .list_escalations(
                &reviewer(),
                page,
                EscalationState::Open,
                &Filter::default(),
                Default::default(),
            )
            .await
            .unwrap();
        for view in open.listed.items.iter().step_by(2) {
            let approve = resolution(&view.escalation, Verb::Approve);
            engine.resolve(&reviewer(), approve).await.unwrap();
        }
    });
    let mut open = std::collections::BTreeMap::new();
    let mut watch = watch(&world, "").await;
    let mut is_live = false;
    let mut closed = 0;
    while !is_live || open.len() != 25 {
        match watch.next().await.unwrap().event {
            WatchEvent::Snapshot(view) => {
                _ = open.insert(view.escalation.id, view.escalation.revision)
            }
            WatchEvent::SnapshotEnd { .. } => is_live = true,
            WatchEvent::Change(change) => {
                for view in change.escalations {
                    let before = open.remove(&view.escalation.id);
                    assert!(before.is_none_or(|before| before < view.escalation.revision));
                    if view.escalation.state == EscalationState::Open {
                        open.insert(view.escalation.id, view.escalation.revision);
                    } else {
                        closed += 1;
                    }
                }
            }
            WatchEvent::Bookmark(_) | WatchEvent::Heartbeat(_) => {}
        }
    }
    churn.await.unwrap();
    assert!(closed <= 25);
}
