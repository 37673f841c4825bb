//! The channels that the operator registered, and how this server finds them.
//!
//! What is counted here is of this server since its start; what waits is counted from
//! the journal, so that every server counts the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::Courier;
use crate::domain::ids::NoticeId;
use crate::domain::notice::{DeliveryProblem, NoticeKind};
use crate::domain::time::Timestamp;
use crate::store::keys::Posted;

/// How many notices one channel sends at once.
pub const MAX_SENT_AT_ONCE: usize = 4;
/// How many notices may wait for one channel, about: one more is given up at once.
pub const MAX_WAITING: usize = 10_000;

/// How a channel sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// A signed request to an address.
    Webhook,
    /// A program.
    Command,
}

/// The channels, by name.
#[derive(Default)]
pub struct Channels {
    by_name: BTreeMap<String, Arc<Channel>>,
    default: Option<String>,
    /// What waits in the store, for channels of any server.
    waiting: Mutex<BTreeMap<String, BTreeSet<NoticeId>>>,
    /// Rings when there may be something to send.
    pub(super) posted: Notify,
}

/// One channel.
pub struct Channel {
    /// How it sends.
    pub kind: ChannelKind,
    /// Which notices it gets without being named.
    pub events: Vec<NoticeKind>,
    pub(super) courier: Arc<dyn Courier>,
    pub(super) room: Arc<Semaphore>,
    is_off: AtomicBool,
    delivered: AtomicU64,
    failed: AtomicU64,
    last: Mutex<LastAttempts>,
}

/// What came of a channel's attempts of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastAttempts {
    /// When one last succeeded.
    pub success: Option<Timestamp>,
    /// When one last failed, and why.
    pub failure: Option<(Timestamp, DeliveryProblem)>,
    /// How many have failed since one succeeded.
    pub failures_in_a_row: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Channels {
    /// Registers a channel under a name, with the notices it gets without being named.
    pub fn register(
        &mut self,
        name: String,
        kind: ChannelKind,
        events: Vec<NoticeKind>,
        courier: Arc<dyn Courier>,
    ) {
        let channel = Channel {
            kind,
            events,
            courier,
            room: Arc::new(Semaphore::new(MAX_SENT_AT_ONCE)),
            is_off: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last: Mutex::default(),
        };
        self.by_name.insert(name, Arc::new(channel));
    }

    /// Names the channel of notices that no channel gets otherwise.
    pub fn set_default(&mut self, name: Option<String>) {
        self.default = name;
    }

    /// The channel of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Channel>> {
        self.by_name.get(name)
    }

    /// Every channel with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<Channel>)> {
        self.by_name.iter().map(|(name, channel)| (name.as_str(), channel))
    }

    /// Who gets notices of a kind without being named.
    pub(in crate::engine) fn takers_of(&self, kind: NoticeKind) -> Vec<&str> {
        let takers = self.all().filter(|(_, channel)| channel.events.contains(&kind));
        let takers: Vec<_> = takers.map(|(name, _)| name).collect();
        match takers.is_empty() {
            true => self.default.as_deref().into_iter().collect(),
            false => takers,
        }
    }

    /// Notes that something waits for a channel, or that it does no more.
    pub(in crate::engine) fn note(&self, posted: &Posted, is_there: bool) {
        let mut waiting = lock(&self.waiting);
        let of_channel = waiting.entry(posted.channel.clone()).or_default();
        if is_there {
            of_channel.insert(posted.id);
            self.posted.notify_one();
        } else {
            of_channel.remove(&posted.id);
        }
    }

    /// Channels that something waits for, and that this server does not have.
    pub(super) fn missing(&self) -> Vec<String> {
        let waiting = lock(&self.waiting);
        let missing = waiting
            .iter()
            .filter(|(name, waits)| !waits.is_empty() && !self.by_name.contains_key(name.as_str()));
        missing.map(|(name, _)| name.clone()).collect()
    }

    /// How many notices wait for a channel, as the journal says.
    pub fn waiting(&self, channel: &str) -> usize {
        lock(&self.waiting).get(channel).map_or(0, BTreeSet::len)
    }

    /// When the oldest notice that waits was written, of every channel with one or with
    /// none.
    pub fn oldest_waiting(&self, channel: &str) -> Option<Timestamp> {
        lock(&self.waiting).get(channel)?.first().map(|id| id.time())
    }
}

impl Channel {
    /// Whether it sends nothing more until the next start.
    pub fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    /// What came of its attempts of late.
    pub fn last(&self) -> LastAttempts {
        *lock(&self.last)
    }

    /// How many attempts have succeeded.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// How many attempts have failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Counts an attempt; one that failed for good with the receiver turns it off.
    pub(super) fn count(&self, name: &str, now: Timestamp, problem: Option<DeliveryProblem>) {
        let mut last = lock(&self.last);
        let Some(problem) = problem else {
            self.delivered.fetch_add(1, Ordering::Relaxed);
            if last.failures_in_a_row > 0 {
                tracing::info!(channel = name, "a channel of notices delivers again");
            }
            *last = LastAttempts { success: Some(now), failures_in_a_row: 0, ..*last };
            return;
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        if last.failures_in_a_row == 0 {
            tracing::warn!(channel = name, %problem, "a channel of notices does not deliver");
        }
        let failures_in_a_row = last.failures_in_a_row.saturating_add(1);
        *last = LastAttempts { failure: Some((now, problem)), failures_in_a_row, ..*last };
        if problem == DeliveryProblem::Gone && !self.is_off.swap(true, Ordering::Relaxed) {
            tracing::error!(
                channel = name,
                "the receiver wants nothing more: the channel is off until the next start"
            );
        }
    }
}
