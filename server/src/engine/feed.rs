//! The feed: reads every commit once and tells those who wait for it.
//!
//! It is a doorbell with a hint. Whoever listens reads the truth from the store
//! at the start, and from the journal what the hints left out when they
//! overflowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, broadcast, watch};

use super::{DEFAULT_TENANT, Engine, read_error};
use crate::domain::error::Error;
use crate::domain::escalation::{AgentQuestion, Escalation, MAX_QUESTIONS};
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::principal::Token;
use crate::domain::resumption::Resumption;
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Posted, Timer};
use crate::store::{CommitRecord, Direction, MAX_SCAN, MAX_TAIL, TailFrom, records};

/// How many commits an agent's listener may lag behind before it reads them in
/// the journal.
const HINTS_KEPT: usize = 1_024;

/// How many of one wait: its answer, and the questions before it.
const WAIT_HINTS_KEPT: usize = 1 + MAX_QUESTIONS;

/// How many of one run; there may be thousands of them.
const RUN_HINTS_KEPT: usize = 16;

/// How many topics there are before the ones that nobody listens to any more are
/// looked for.
const TOPICS_UNSWEPT: usize = 64;

/// What a listener wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// Everything that is offered to an agent of a tenant.
    Agent(String, String),
    /// Everything that is offered to one run: thousands may have their sessions, and none
    /// is woken for another.
    Run(RunId),
    /// The answer to one question: thousands may be waited for one by one, and
    /// none is woken for another.
    Wait(EscalationId),
}

/// What one commit offers to whoever listens to a topic.
#[derive(Debug)]
pub(super) struct Offers {
    /// The commit.
    pub(super) commit: u64,
    /// The resumptions, as the commit left them.
    pub(super) resumptions: Vec<Resumption>,
    /// The questions to the agent that it has not answered.
    pub(super) questions: Vec<AgentQuestion>,
}

/// Who listens to what.
#[derive(Default)]
struct Listeners {
    topics: HashMap<Topic, broadcast::Sender<Arc<Offers>>>,
    /// From so many topics on, the ones without a listener are forgotten.
    sweep_at: usize,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Feed {
    listeners: Mutex<Listeners>,
    /// The last commit that everybody was told of.
    told: watch::Sender<u64>,
    /// Rings when another policy has come into force.
    policies: watch::Sender<()>,
    /// Rings when a timer has become the next one.
    pub(super) timers: Notify,
    /// What the timers wait for; none while they look, so that every timer rings.
    next_timer: Mutex<Option<Timestamp>>,
}

impl Feed {
    /// Listens to what is offered.
    pub(super) fn listen(&self, topic: Topic) -> broadcast::Receiver<Arc<Offers>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.forget_unheard();
        let kept = match topic {
            Topic::Agent(..) => HINTS_KEPT,
            Topic::Run(_) => RUN_HINTS_KEPT,
            Topic::Wait(_) => WAIT_HINTS_KEPT,
        };
        let sender = listeners.topics.entry(topic);
        sender.or_insert_with(|| broadcast::channel(kept).0).subscribe()
    }

    /// Rings when another policy has come into force.
    pub(super) fn policies(&self) -> watch::Receiver<()> {
        self.policies.subscribe()
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

    /// The last commit that everybody was told of: whoever asks first and then
    /// has no hint left has missed nothing up to it.
    pub(super) fn told(&self) -> u64 {
        *self.told.borrow()
    }

    /// Waits until everybody was told of a commit.
    pub(super) async fn heard(&self, commit: u64) {
        // An error says that the sender is gone, which lives as long as this.
        let _ = self.told.subscribe().wait_for(|told| *told >= commit).await;
    }

    fn tell(&self, commit: &CommitRecord, mut offers: Vec<Resumption>, asked: &[AgentQuestion]) {
        if offers.is_empty() && asked.is_empty() {
            return;
        }
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let commit_number = commit.commit;
        for question in asked {
            let agent = Topic::Agent(commit.tenant.clone(), question.agent.clone());
            for topic in [Topic::Wait(question.escalation), Topic::Run(question.run), agent] {
                listeners.ask(&topic, commit_number, question);
            }
        }
        for offer in &offers {
            for topic in [Topic::Wait(offer.escalation), Topic::Run(offer.run)] {
                listeners.tell(&topic, commit_number, || vec![offer.clone()]);
            }
        }
        while let Some(agent) = offers.last().map(|offer| offer.agent.clone()) {
            let of_agent: Vec<_> = offers.extract_if(.., |it| it.agent == agent).collect();
            let topic = Topic::Agent(commit.tenant.clone(), agent);
            listeners.tell(&topic, commit_number, || of_agent);
        }
    }
}

impl Listeners {
    fn tell(&self, topic: &Topic, commit: u64, resumptions: impl FnOnce() -> Vec<Resumption>) {
        if let Some(sender) = self.topics.get(topic) {
            // Nobody listens any more: the store keeps it.
            let (resumptions, questions) = (resumptions(), Vec::new());
            let _ = sender.send(Arc::new(Offers { commit, resumptions, questions }));
        }
    }

    fn ask(&self, topic: &Topic, commit: u64, question: &AgentQuestion) {
        if let Some(sender) = self.topics.get(topic) {
            let (resumptions, questions) = (Vec::new(), vec![question.clone()]);
            let _ = sender.send(Arc::new(Offers { commit, resumptions, questions }));
        }
    }

    /// Forgets topics without listeners, once there are twice as many topics as
    /// the last time: the cost of a look is spread over what came since.
    fn forget_unheard(&mut self) {
        if self.topics.len() >= self.sweep_at {
            self.topics.retain(|_, sender| sender.receiver_count() > 0);
            self.sweep_at = (2 * self.topics.len()).max(TOPICS_UNSWEPT);
        }
    }
}

/// The resumptions among a commit's writes, each with whether the commit offers
/// it: what offers one ends its escalation as well, what leases or closes one
/// does not.
pub(super) fn resumptions_in(
    commit: &CommitRecord,
) -> impl Iterator<Item = Result<(Resumption, bool), Error>> {
    let written = commit.writes.iter().filter_map(|write| {
        let value = write.value.as_ref()?;
        keys::is_resumption(&commit.tenant, &write.key).then_some(value)
    });
    written.map(|value| {
        let resumption: Resumption = records::decode(value).map_err(read_error)?;
        let ended = keys::escalation(&commit.tenant, resumption.escalation);
        let is_offer = commit.writes.iter().any(|write| write.key == ended);
        Ok((resumption, is_offer))
    })
}

/// The questions to agents among a commit's writes that are not answered.
pub(super) fn questions_in(
    commit: &CommitRecord,
) -> impl Iterator<Item = Result<AgentQuestion, Error>> {
    let written = commit.writes.iter().filter_map(|write| {
        let value = write.value.as_ref()?;
        keys::is_question(&commit.tenant, &write.key).then_some(value)
    });
    let read = written.map(|value| records::decode::<AgentQuestion>(value).map_err(read_error));
    read.filter(|it| it.as_ref().map_or(true, |question| question.answer.is_none()))
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
                    self.0.stats.note_escalation(tenant, &escalation);
                    self.0.boards.of(tenant, |board| board.note(&escalation));
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
        self.0.feed.told.send_replace(*from);
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
                self.heed(commit).await?;
                *from = commit.commit;
                self.0.feed.told.send_replace(commit.commit);
            }
        }
    }

    /// What another server has put in force or revoked counts here too.
    async fn heed(&self, commit: &CommitRecord) -> Result<(), Error> {
        let policy = keys::policy_current(&commit.tenant);
        for write in &commit.writes {
            if let Some(value) = &write.value
                && keys::is_token(&commit.tenant, &write.key)
            {
                let token: Token = records::decode(value).map_err(read_error)?;
                self.0.tokens.forget(&token.secret_digest);
            } else if write.key == policy && commit.tenant == DEFAULT_TENANT {
                self.restore_policy().await?;
                self.0.feed.policies.send_replace(());
            }
        }
        Ok(())
    }

    fn hear(&self, commit: &CommitRecord) -> Result<(), Error> {
        self.0.stats.count_events(&commit.events);
        self.hear_overrides(commit)?;
        for write in &commit.writes {
            if let Some(posted) = Posted::from_key(&write.key) {
                self.0.channels.note(&posted, write.value.is_some());
            }
            let Some(value) = &write.value else { continue };
            if keys::is_escalation(&commit.tenant, &write.key) {
                let escalation: Escalation = records::decode(value).map_err(read_error)?;
                self.0.stats.note_escalation(&commit.tenant, &escalation);
                self.0.boards.of(&commit.tenant, |board| board.note(&escalation));
            } else if keys::is_entries(&commit.tenant, &write.key)
                && let Some((run, _)) = keys::listed_entries(&write.key)
            {
                self.0.transcripts.note(run, value)?;
            } else if let Some(timer) = Timer::from_key(&write.key) {
                self.0.feed.note_timer(timer.time);
            }
        }
        let mut offers = Vec::new();
        for found in resumptions_in(commit) {
            let (resumption, is_offer) = found?;
            self.0.stats.note_resumption(&resumption);
            if is_offer {
                offers.push(resumption);
            }
        }
        let asked = questions_in(commit).collect::<Result<Vec<_>, _>>()?;
        self.0.feed.tell(commit, offers, &asked);
        Ok(())
    }
}
