//! The feed: reads every commit once and tells those who wait for it.
//!
//! It is a doorbell with a hint. Whoever listens reads the truth from the store
//! at the start and whenever the hints overflow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, broadcast};

use super::{Engine, read_error};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::resumption::Resumption;
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Timer};
use crate::store::{CommitRecord, Direction, MAX_SCAN, MAX_TAIL, TailFrom, records};

/// How many resumptions an agent's listener may lag behind before it reads the
/// store again.
const HINTS_KEPT: usize = 1_024;

/// A tenant and one of its agents.
type AgentOfTenant = (String, String);

/// Who waits for what.
#[derive(Default)]
pub(super) struct Feed {
    agents: Mutex<HashMap<AgentOfTenant, broadcast::Sender<Arc<Resumption>>>>,
    /// Rings when a timer has become the next one.
    pub(super) timers: Notify,
    /// What the timers wait for; none while they look, so that every timer rings.
    next_timer: Mutex<Option<Timestamp>>,
}

impl Feed {
    /// Listens to an agent's resumptions.
    pub(super) fn agent(&self, tenant: &str, agent: &str) -> broadcast::Receiver<Arc<Resumption>> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|_, sender| sender.receiver_count() > 0);
        let key = (tenant.to_owned(), agent.to_owned());
        agents.entry(key).or_insert_with(|| broadcast::channel(HINTS_KEPT).0).subscribe()
    }

    /// Notes what the timers wait for. None before they look: a timer that comes
    /// meanwhile must make them look again.
    pub(super) fn wait_for_timer(&self, next: Option<Timestamp>) {
        *self.next_timer.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Rings if the timer comes before what is waited for: nearly none does, and
    /// each look costs a scan.
    fn note_timer(&self, time: Timestamp) {
        let next = *self.next_timer.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| time < next) {
            self.timers.notify_one();
        }
    }

    fn tell(&self, tenant: &str, resumption: Resumption) {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = agents.get(&(tenant.to_owned(), resumption.agent.clone())) {
            // Nobody listens any more: the store keeps it.
            let _ = sender.send(Arc::new(resumption));
        }
    }
}

impl Engine {
    /// Counts what is open already.
    pub(super) async fn load_open(&self, tenant: &str) -> Result<(), Error> {
        let mut range = keys::queue(tenant);
        loop {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for id in found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)) {
                let escalation = self.read::<Escalation>(&keys::escalation(tenant, id)).await?;
                if let Some(escalation) = escalation {
                    self.0.stats.note_escalation(&escalation);
                }
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(()),
            }
        }
    }

    /// Follows every commit after `from`, which moves along, until the store
    /// stops.
    pub(super) async fn follow(&self, from: &mut u64) -> Result<(), Error> {
        let store = &self.0.store;
        let mut doorbell = store.doorbell();
        loop {
            doorbell.borrow_and_update();
            let commits =
                store.tail(TailFrom::Commit(*from), MAX_TAIL).await.map_err(read_error)?;
            if commits.is_empty() {
                if doorbell.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
            for commit in &commits {
                self.hear(commit)?;
                *from = commit.commit;
            }
        }
    }

    fn hear(&self, commit: &CommitRecord) -> Result<(), Error> {
        self.0.stats.count_events(&commit.events);
        for write in &commit.writes {
            let Some(value) = &write.value else { continue };
            if keys::is_escalation(&commit.tenant, &write.key) {
                let escalation: Escalation = records::decode(value).map_err(read_error)?;
                self.0.stats.note_escalation(&escalation);
            } else if keys::is_resumption(&commit.tenant, &write.key) {
                let resumption: Resumption = records::decode(value).map_err(read_error)?;
                self.0.stats.note_resumption(&resumption);
                self.0.feed.tell(&commit.tenant, resumption);
            } else if let Some(timer) = Timer::from_key(&write.key) {
                self.0.feed.note_timer(timer.time);
            }
        }
        Ok(())
    }
}
