//! Agents that ask too much: what this server has let through and refused lately, and
//! how that is told to people.
//!
//! Buckets and counts are in memory: they limit, and are no truth. What people see of
//! it is stored, at most once per second, however much is refused meanwhile: a refused
//! question costs no commit.

mod card;
mod repeats;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) use card::answer;
use tokio::sync::Notify;

use super::{Authorized, DEFAULT_TENANT, Engine, read_error};
use crate::domain::error::Error;
use crate::domain::escalation::Repeats;
use crate::domain::flood::{Bucket, Rate, Refused, Scope};
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::time::{Span, Timestamp};

/// How often what was counted is stored.
const STORE_EVERY: Span = Span::from_secs(1);
/// How many cards change each time: whoever watches can read so many.
const CARDS_TOGETHER: usize = 20;
/// How long to sleep when nothing is counted.
const IDLE_SLEEP: Span = Span::from_secs(60);
/// How many buckets there are before the full ones are looked for.
const BUCKETS_UNSWEPT: usize = 1_024;

/// What is counted.
#[derive(Default)]
pub(super) struct Floods {
    counted: Mutex<Counted>,
    /// Rings when there is something to store.
    rung: Notify,
}

#[derive(Default)]
struct Counted {
    buckets: HashMap<(Scope, String), Bucket>,
    /// From so many buckets on, the full ones are forgotten.
    sweep_at: usize,
    /// Repeats that no card says yet: of open questions, which are limited.
    repeats: HashMap<EscalationId, Repeats>,
    /// Refused questions that no card says yet, by agent.
    refused: HashMap<String, Refused>,
}

impl Counted {
    fn bucket(&mut self, scope: Scope, whose: &str, now: Timestamp) -> &mut Bucket {
        if self.buckets.len() >= self.sweep_at.max(BUCKETS_UNSWEPT) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.sweep_at = 2 * self.buckets.len();
        }
        self.buckets.entry((scope, whose.to_owned())).or_default()
    }
}

impl Floods {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token, or says when there will be one.
    pub(super) fn take(
        &self,
        (scope, whose): (Scope, &str),
        rate: Rate,
        now: Timestamp,
    ) -> Result<(), Span> {
        self.counted().bucket(scope, whose, now).take(rate, now)
    }

    /// Puts a token back that was not used.
    pub(super) fn give_back(&self, (scope, whose): (Scope, &str), rate: Rate, now: Timestamp) {
        self.counted().bucket(scope, whose, now).give_back(rate);
    }

    /// Counts a question that is open already.
    pub(super) fn note_repeat(&self, escalation: EscalationId, now: Timestamp) {
        let one = Repeats { count: 1, last_time: Some(now) };
        self.counted().repeats.entry(escalation).or_default().add(one);
        self.rung.notify_one();
    }

    /// Counts a question that was refused because there were too many.
    pub(super) fn note_refused(&self, agent: &str, run: RunId, what: [&str; 2], now: Timestamp) {
        let [tool, rule] = what;
        let mut counted = self.counted();
        let new = || Refused::new(run, now);
        counted.refused.entry(agent.to_owned()).or_insert_with(new).add(run, tool, rule, now);
        drop(counted);
        self.rung.notify_one();
    }

    fn take_refused(&self) -> Vec<(String, Refused)> {
        let mut counted = self.counted();
        let agents: Vec<String> = counted.refused.keys().take(CARDS_TOGETHER).cloned().collect();
        agents.into_iter().filter_map(|agent| counted.refused.remove_entry(&agent)).collect()
    }

    /// Those that wait longest come first.
    fn take_repeats(&self, most: usize) -> Vec<(EscalationId, Repeats)> {
        let mut counted = self.counted();
        let mut all: Vec<_> = counted.repeats.iter().map(|(id, it)| (it.last_time, *id)).collect();
        all.sort_unstable();
        let taken = all.into_iter().take(most);
        taken.filter_map(|(_, id)| counted.repeats.remove_entry(&id)).collect()
    }

    fn has_more(&self) -> bool {
        let counted = self.counted();
        !counted.repeats.is_empty() || !counted.refused.is_empty()
    }
}

impl Engine {
    /// Stores what is counted, from time to time, until the store stops.
    pub(super) async fn run_floods(&self) -> Result<(), Error> {
        let clock = &self.0.clock;
        loop {
            tokio::select! {
                () = self.0.floods.rung.notified() => {}
                () = clock.sleep_until(self.now().plus(IDLE_SLEEP)) => {}
            }
            self.store_floods().await?;
            clock.sleep_until(self.now().plus(STORE_EVERY)).await;
        }
    }

    /// Stores what is counted, of so many cards as change at once.
    pub(super) async fn store_floods(&self) -> Result<(), Error> {
        // A server that stores nothing must see all the same that its store has stopped.
        self.0.store.sequence(DEFAULT_TENANT).await.map_err(read_error)?;
        let by = Authorized::system(DEFAULT_TENANT, "floods");
        let refused = self.0.floods.take_refused();
        let repeats = self.0.floods.take_repeats(CARDS_TOGETHER - refused.len());
        for (agent, refused) in refused {
            settled(self.transact(&by, "", &card::Tell { agent, refused }).await)?;
        }
        for (escalation, repeats) in repeats {
            settled(self.transact(&by, "", &repeats::Tell { escalation, repeats }).await)?;
        }
        if self.0.floods.has_more() {
            self.0.floods.rung.notify_one();
        }
        Ok(())
    }
}

/// What cannot be stored because the card keeps changing is lost: the counts are for
/// reading, and the next ones come.
fn settled<T>(told: Result<T, Error>) -> Result<(), Error> {
    match told {
        Ok(_) | Err(Error::Overloaded { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
