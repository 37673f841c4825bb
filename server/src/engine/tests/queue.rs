//! Time in the queue: settings, chains, claims that lapse, lateness, the watchdog.

mod chains;
mod claims;
mod fenced;
mod hands;
mod late;
mod schedules;
mod settings;
mod telling;
mod together;
mod watchdog;

use super::world::{self, World, reviewer};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::time::Span;
use crate::engine::queue::{PutQueueSettings, SettingsView};
use crate::store::keys::Timer;
use crate::store::{Direction, MAX_SCAN, TailFrom, keys};

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(60 * 60);

/// The lane of the world's policy goes through every kind of step; due after half an
/// hour, expired after a day.
const CHAIN: &str = r#"
version: 1
friction: off
lanes:
  money: {weight: 3, chain: money}
teams:
  claims: {members: [alice, bob]}
  seniors: {members: [carol]}
chains:
  money:
    - {after: 10m, do: notify, to: ["team:claims"]}
    - {after: 20m, do: widen, team: seniors}
    - {after: 40m, do: supervisor}
    - {after: 50m, do: on_call, to: ["channel:pager"]}
    - {after: 60m, do: fallback}
routing:
  - {lanes: [money], team: claims}
"#;

fn minutes(count: i64) -> Span {
    Span::from_secs(60 * count)
}

/// Puts settings in place of whichever are in force.
pub(super) async fn put(world: &World, document: &str) -> Result<SettingsView, Error> {
    let current = world.engine.get_queue_settings(&reviewer(), None).await.unwrap();
    let command = PutQueueSettings {
        request_id: String::new(),
        document: document.to_owned(),
        current: current.map(|(view, _)| view.record.id),
        reason: "for a test".to_owned(),
    };
    world.engine.put_queue_settings(&world::admin(), command).await.map(|answer| answer.value)
}

/// A world at rest under settings, and a question in it.
async fn asked(document: &str) -> (World, Escalation) {
    let world = World::new().await.at_rest();
    put(&world, document).await.unwrap();
    let escalation = world.escalate(world.run().await).await;
    (world, escalation)
}

/// The timers of a question.
pub(super) async fn timers_of(world: &World, id: EscalationId) -> Vec<Timer> {
    let found = world.store.scan(keys::timers(), Direction::Ascending, MAX_SCAN).await.unwrap();
    assert!(!found.has_more);
    let timers = found.rows.iter().filter_map(|(key, _)| Timer::from_key(key));
    timers.filter(|timer| timer.id == *id.as_bytes()).collect()
}

/// What was said of a question, in order.
async fn events_of(world: &World, id: EscalationId) -> Vec<EventKind> {
    let commits = world.store.tail(TailFrom::Commit(0), 10_000).await.unwrap();
    let events = commits.iter().flat_map(|commit| &commit.events);
    let events = events.filter(|event| event.subjects.notice.is_none());
    events.filter(|event| event.subjects.escalation == Some(id)).map(|event| event.kind).collect()
}
