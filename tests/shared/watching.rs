//! A watch of the queue on one of the servers.

use std::collections::{BTreeMap, BTreeSet};

use pointsman_api::v1;
use pointsman_client::{QueueEvent, QueueWatch};

use crate::harness::fleet::Fleet;
use crate::harness::poll::{PATIENCE, within};

/// How often each event happened to each escalation, as one server's watch tells.
pub struct Seen {
    watch: QueueWatch,
    counts: BTreeMap<(String, String), usize>,
}

// === impl Seen ===

impl Seen {
    /// Opens a watch on a server, and waits until it shows what is open.
    pub async fn open(fleet: &Fleet, at: usize) -> Self {
        let request = v1::WatchEscalationsRequest {
            view: v1::EscalationView::Full.into(),
            ..Default::default()
        };
        let mut watch = fleet.reviewer(at).watch(request);
        while !matches!(next(&mut watch).await, QueueEvent::SnapshotEnd(_)) {}
        Self { watch, counts: BTreeMap::new() }
    }

    /// Waits for an event of an escalation; answers the escalation as it was then.
    pub async fn wait_for(&mut self, event: &str, escalation_id: &str) -> v1::Escalation {
        loop {
            let change = self.next().await;
            let is_it = change.events.iter().any(|name| name == event);
            let mut concerned = change.escalations.into_iter();
            let found = concerned.find(|one| one.escalation_id == escalation_id);
            if let Some(found) = found.filter(|_| is_it) {
                return found;
            }
        }
    }

    /// Waits for the next question; answers it as it was opened.
    pub async fn next_opened(&mut self) -> v1::Escalation {
        loop {
            let change = self.next().await;
            if change.events.iter().any(|name| name == "escalation.opened") {
                return change.escalations.into_iter().next().expect("what was opened");
            }
        }
    }

    /// Reads on until an event has happened to an escalation, if it has not yet.
    pub async fn wait_for_once(&mut self, event: &str, escalation_id: &str) {
        while self.count(escalation_id, event) == 0 {
            self.next().await;
        }
    }

    /// How often an event happened to an escalation.
    pub fn count(&self, escalation_id: &str, event: &str) -> usize {
        self.counts.get(&(escalation_id.to_owned(), event.to_owned())).copied().unwrap_or(0)
    }

    async fn next(&mut self) -> v1::EscalationChange {
        loop {
            let QueueEvent::Change(change) = next(&mut self.watch).await else { continue };
            // The timers end several in one commit, each once.
            let events: BTreeSet<_> = change.events.iter().collect();
            for escalation in &change.escalations {
                for event in &events {
                    let key = (escalation.escalation_id.clone(), (*event).clone());
                    *self.counts.entry(key).or_default() += 1;
                }
            }
            return change;
        }
    }
}

async fn next(watch: &mut QueueWatch) -> QueueEvent {
    let event = within("the watch says something", PATIENCE, watch.next()).await;
    event.expect("the watch goes on").unwrap()
}
