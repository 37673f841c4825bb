//! The record of credentials that did not count: counted in memory, and told to the
//! journal from time to time.
//!
//! However many somebody tries, a minute brings at most one event for each reason and
//! origin, and a few for tokens that were known. What was counted when the process is
//! killed is lost, at most a minute's.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::operation::{Operation, Tx};
use super::{Authorized, DEFAULT_TENANT, Engine, read_error};
use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::TokenId;
use crate::domain::refusal::{Origin, Refusal, Refused};
use crate::domain::time::{Span, Timestamp};

/// How long refusals are counted before the journal is told.
pub(super) const TOLD_EVERY: Span = Span::from_secs(60);
/// The most tokens that are told apart within that time; of others their number counts.
pub(super) const TOKENS_APART: usize = 64;
/// How long to wait when nothing was refused.
const IDLE_SLEEP: Span = Span::from_secs(60);

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    reason: Refusal,
    origin: Origin,
    token: Option<TokenId>,
}

/// How often, and between when.
#[derive(Clone, Copy, Debug)]
struct Count {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// What was refused and is not told yet, and how much it was since the start.
#[derive(Default)]
pub(super) struct Refusals {
    counted: Mutex<Counted>,
    rung: Notify,
}

#[derive(Default)]
struct Counted {
    untold: HashMap<Key, Count>,
    total: HashMap<Refusal, u64>,
}

// === impl Refusals ===

impl Refusals {
    /// Counts one.
    pub(super) fn note(
        &self,
        reason: Refusal,
        origin: Origin,
        token: Option<TokenId>,
        now: Timestamp,
    ) {
        let mut counted = self.lock();
        *counted.total.entry(reason).or_default() += 1;
        counted.add(Key { reason, origin, token }, Count { count: 1, first: now, last: now });
        drop(counted);
        self.rung.notify_one();
    }

    /// How many there were since the start, by reason.
    pub(super) fn total(&self) -> Vec<(Refusal, u64)> {
        let counted = self.lock();
        let count = |reason: &Refusal| counted.total.get(reason).copied().unwrap_or_default();
        Refusal::ALL.iter().map(|reason| (*reason, count(reason))).collect()
    }

    /// When what is counted has to be told; none: nothing is.
    fn due(&self) -> Option<Timestamp> {
        self.lock().untold.values().map(|it| it.first).min().map(|first| first.plus(TOLD_EVERY))
    }

    fn take(&self) -> Vec<(Key, Count)> {
        let mut taken: Vec<_> = self.lock().untold.drain().collect();
        taken.sort_unstable_by_key(|(key, _)| *key);
        taken
    }

    fn put_back(&self, taken: Vec<(Key, Count)>) {
        let mut counted = self.lock();
        taken.into_iter().for_each(|(key, count)| counted.add(key, count));
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Adds to what is counted. Reasons and origins are few; tokens are kept few.
    fn add(&mut self, mut key: Key, more: Count) {
        if key.token.is_some() && !self.untold.contains_key(&key) {
            let apart = self.untold.keys().filter(|known| known.token.is_some()).count();
            key.token = key.token.filter(|_| apart < TOKENS_APART);
        }
        let count = self.untold.entry(key).or_insert(Count { count: 0, ..more });
        count.count += more.count;
        count.first = count.first.min(more.first);
        count.last = count.last.max(more.last);
    }
}

/// Tells the journal.
struct Tell<'a>(&'a [(Key, Count)]);

impl Operation for Tell<'_> {
    type Output = ();
    const METHOD: &'static str = "refusals";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.0.len().to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        for (Key { reason, origin, token }, Count { count, first, last }) in self.0.iter().copied()
        {
            let refused = Refused { reason, origin, count, first_time: first, last_time: last };
            let subjects = Subjects { token, refused: Some(refused), ..Subjects::default() };
            tx.event(EventKind::CredentialRefused, subjects);
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

impl Engine {
    /// Tells the journal what was refused, from time to time, until the store stops.
    pub(super) async fn run_refusals(&self) -> Result<(), Error> {
        loop {
            let wake = self.0.refusals.due().unwrap_or_else(|| self.now().plus(IDLE_SLEEP));
            tokio::select! {
                () = self.0.refusals.rung.notified() => {}
                () = self.0.clock.sleep_until(wake) => {}
            }
            // A server of which nobody wants anything must see that its store has stopped.
            if self.now() >= wake {
                self.0.store.sequence(DEFAULT_TENANT).await.map_err(read_error)?;
            }
            self.tell_refusals().await?;
        }
    }

    /// Tells what was counted for long enough. What cannot be told now stays counted.
    pub(super) async fn tell_refusals(&self) -> Result<(), Error> {
        if self.0.refusals.due().is_none_or(|due| self.now() < due) {
            return Ok(());
        }
        let taken = self.0.refusals.take();
        let by = Authorized::system(DEFAULT_TENANT, "refusals");
        let told = self.transact(&by, "", &Tell(&taken)).await;
        if told.is_err() {
            self.0.refusals.put_back(taken);
        }
        told.map(|_| ())
    }

    /// How many credentials were refused since the start, by reason.
    pub fn refused_credentials(&self) -> Vec<(Refusal, u64)> {
        self.0.refusals.total()
    }
}
