//! The outbox: notices that leave the server, at least once.
//!
//! A notice is written in the commit of what it tells of, together with its place in
//! the outbox. A server takes the place of one that is due for a while, sends it, and
//! writes what came of it. If it ends in between, the place comes due again, and the
//! receiver gets the notice twice with the same id. Of several servers on one store
//! the one sends whose claim is committed.

mod channels;
mod claim;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

pub use channels::{Channel, ChannelKind, Channels, LastAttempts, MAX_SENT_AT_ONCE, MAX_WAITING};

use super::operation::Tx;
use super::{Authorized, Engine, read_error};
use crate::domain::briefing::Briefing;
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::NoticeId;
use crate::domain::incident::Incident;
use crate::domain::notice::{
    Affair, DeliveryProblem, MAX_AGE_WITHOUT_CHANNEL, Notice, NoticeKind, NoticeState, Subject,
    plain_headline,
};
use crate::domain::time::{Span, Timestamp};
use crate::store::keys::{self, Posted};
use crate::store::{Direction, MAX_SCAN, ReadError, Version};
use claim::{Abandon, Claim, Settle};
pub(super) use claim::{advance, reschedule};

/// How long one attempt may take.
pub const DELIVERY_TIMEOUT: Span = Span::from_secs(20);
/// For how long a server takes a notice: long enough for the attempt and for writing
/// what came of it.
const LEASE: Span = Span::from_secs(60);
/// How long to sleep when nothing waits.
const IDLE_SLEEP: Span = Span::from_secs(60);

/// A notice with its words, to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The notice.
    pub notice: Notice,
    /// The tenant.
    pub tenant: String,
    /// The headline of its question, as one safe line; empty: none.
    pub headline: String,
    /// The time of this attempt.
    pub time: Timestamp,
}

/// Why a letter was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Why.
    pub problem: DeliveryProblem,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Span>,
}

impl From<DeliveryProblem> for Undelivered {
    fn from(problem: DeliveryProblem) -> Self {
        Self { problem, retry_after: None }
    }
}

/// Hands letters over to one receiver.
#[async_trait]
pub trait Courier: Send + Sync + 'static {
    /// Hands one over; it is delivered once this says so. Dropping the future gives up.
    async fn deliver(&self, letter: &Letter) -> Result<(), Undelivered>;
}

/// Who gets a notice.
#[derive(Clone, Copy, Debug)]
pub(super) enum To<'a> {
    /// Every channel that takes the kind, or else the default one.
    Takers,
    /// One channel.
    Channel(&'a str),
}

/// What an event about a notice is about.
pub(super) fn subjects(notice: &Notice) -> Subjects {
    let affair = notice.incident.as_ref();
    let of_affair = affair.map(|affair| affair.run);
    Subjects {
        run: notice.subject.as_ref().map(|subject| subject.run).or(of_affair),
        action: affair.map(|affair| affair.action),
        escalation: notice.subject.as_ref().map(|subject| subject.escalation),
        incident: affair.map(|affair| affair.incident),
        notice: Some(notice.id),
        ..Subjects::default()
    }
}

/// The place of a notice in the outbox.
fn place(tenant: &str, notice: &Notice) -> Posted {
    Posted {
        channel: notice.channel.clone(),
        time: notice.next_time,
        id: notice.id,
        tenant: tenant.to_owned(),
    }
}

impl Tx<'_> {
    /// Writes notices of a kind, to be sent once this transaction is committed.
    pub(super) fn notify(
        &mut self,
        kind: NoticeKind,
        about: Option<&Escalation>,
        to: To<'_>,
    ) -> Result<Vec<Notice>, Error> {
        let engine = self.engine;
        let takers = match to {
            To::Takers => engine.0.channels.takers_of(kind),
            To::Channel(name) => vec![name],
        };
        let subject = about.map(Subject::of);
        takers
            .into_iter()
            .map(|channel| self.notice(kind, subject.clone(), None, channel))
            .collect()
    }

    /// Writes notices of an incident, for every channel that takes the kind.
    pub(super) fn notify_of(&mut self, kind: NoticeKind, about: &Incident) -> Result<(), Error> {
        for channel in self.engine.0.channels.takers_of(kind) {
            self.notice(kind, None, Some(Affair::of(about)), channel)?;
        }
        Ok(())
    }

    fn notice(
        &mut self,
        kind: NoticeKind,
        subject: Option<Subject>,
        incident: Option<Affair>,
        channel: &str,
    ) -> Result<Notice, Error> {
        let mut notice = Notice {
            id: NoticeId::new(self.next_id()),
            kind,
            state: NoticeState::Pending,
            channel: channel.to_owned(),
            subject,
            incident,
            attempts: 0,
            epoch: 0,
            next_time: self.now,
            attempt_time: None,
            problem: None,
            create_time: self.now,
            close_time: None,
        };
        self.event(EventKind::NoticeCreated, subjects(&notice));
        if self.engine.0.channels.waiting(channel) >= MAX_WAITING {
            notice.state = NoticeState::Failed;
            notice.problem = Some(DeliveryProblem::QueueFull);
            notice.close_time = Some(self.now);
            self.event(EventKind::NoticeFailed, subjects(&notice));
        } else {
            self.mark(place(self.tenant(), &notice).key());
        }
        self.mark(keys::notice_state(self.tenant(), notice.state, notice.id));
        self.put(keys::notice(self.tenant(), notice.id), &notice)?;
        Ok(notice)
    }
}

/// What is to be handed over, to whom, and its place among what is sent at once.
struct Errand {
    name: String,
    channel: Arc<Channel>,
    tenant: String,
    notice: Notice,
    _place: OwnedSemaphorePermit,
}

impl Engine {
    /// Counts what waits already.
    pub(super) async fn load_outbox(&self) -> Result<(), Error> {
        let mut range = keys::outbox();
        loop {
            let found = self.0.store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for (key, _) in &found.rows {
                self.0.channels.note(&posted(key)?, true);
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(()),
            }
        }
    }

    /// Sends what is due as it comes due, until the store stops.
    pub(super) async fn run_outbox(&self) -> Result<(), Error> {
        let mut sent = JoinSet::new();
        loop {
            let next = self.hand_out(&mut sent).await?;
            let wake = next.unwrap_or_else(|| self.now().plus(IDLE_SLEEP));
            tokio::select! {
                () = self.0.channels.posted.notified() => {}
                () = self.0.clock.sleep_until(wake) => {}
                // A place is free again.
                Some(_) = sent.join_next() => {}
            }
        }
    }

    /// Sends everything that is due now, and what comes due by that; returns when the
    /// next is.
    pub async fn send_due(&self) -> Result<Option<Timestamp>, Error> {
        let mut sent = JoinSet::new();
        loop {
            let next = self.hand_out(&mut sent).await?;
            if sent.join_next().await.is_none() {
                return Ok(next);
            }
        }
    }

    /// Begins to send what is due, as far as there is room; returns when the next is.
    /// A channel that is slow or off holds up no other.
    async fn hand_out(&self, sent: &mut JoinSet<()>) -> Result<Option<Timestamp>, Error> {
        let mut next: Option<Timestamp> = None;
        for (name, channel) in self.0.channels.all() {
            while !channel.is_off() {
                let Ok(place) = Arc::clone(&channel.room).try_acquire_owned() else { break };
                match self.take_due(name).await? {
                    Taken::Notice(tenant, notice) => {
                        let errand = Errand {
                            name: name.to_owned(),
                            channel: Arc::clone(channel),
                            tenant,
                            notice: *notice,
                            _place: place,
                        };
                        let engine = self.clone();
                        sent.spawn(async move { engine.run_errand(errand).await });
                    }
                    Taken::Nothing => {}
                    Taken::NotYet(time) => {
                        next = next.into_iter().chain(time).min();
                        break;
                    }
                }
            }
        }
        for channel in self.0.channels.missing() {
            next = next.into_iter().chain(self.abandon_lost(&channel).await?).min();
        }
        Ok(next)
    }

    /// Gives up what has waited too long for a channel that this server does not have:
    /// another that has it would have sent it. Returns when the next is.
    async fn abandon_lost(&self, channel: &str) -> Result<Option<Timestamp>, Error> {
        let range = keys::outbox_of(channel);
        let found = self.0.store.scan(range, Direction::Ascending, MAX_SCAN).await;
        let mut next = None;
        for (key, row) in found.map_err(read_error)?.rows {
            let posted = posted(&key)?;
            let end = posted.id.time().plus(MAX_AGE_WITHOUT_CHANNEL);
            if end > self.now() {
                next = next.into_iter().chain([end]).min();
                continue;
            }
            let by = Authorized::system(&posted.tenant, "outbox");
            match self.transact(&by, "", &Abandon { posted, version: row.version }).await {
                Ok(_) | Err(Error::Overloaded { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(next)
    }

    /// Takes the next notice of a channel, if it is due.
    async fn take_due(&self, channel: &str) -> Result<Taken, Error> {
        let range = keys::outbox_of(channel);
        let found = self.0.store.scan(range, Direction::Ascending, 1).await.map_err(read_error)?;
        let Some((key, row)) = found.rows.into_iter().next() else {
            return Ok(Taken::NotYet(None));
        };
        let posted = posted(&key)?;
        if posted.time > self.now() {
            return Ok(Taken::NotYet(Some(posted.time)));
        }
        let tenant = posted.tenant.clone();
        match self.claim_notice(posted, row.version).await? {
            Some(notice) => Ok(Taken::Notice(tenant, Box::new(notice))),
            None => Ok(Taken::Nothing),
        }
    }

    /// Takes a notice for a while; `None`: there is nothing to send, or another server
    /// sends it.
    pub(super) async fn claim_notice(
        &self,
        posted: Posted,
        version: Version,
    ) -> Result<Option<Notice>, Error> {
        let by = Authorized::system(&posted.tenant, "outbox");
        match self.transact(&by, "", &Claim { posted, version }).await {
            Ok(answer) => Ok(answer.value),
            Err(Error::Overloaded { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn run_errand(&self, errand: Errand) {
        let Errand { name, channel, tenant, notice, _place } = errand;
        let (id, epoch) = (notice.id, notice.epoch);
        let headline = self.headline_of(&notice).await;
        let letter = Letter { notice, tenant, headline, time: self.now() };
        let outcome = tokio::select! {
            biased;
            outcome = channel.courier.deliver(&letter) => outcome,
            () = self.0.clock.sleep_until(letter.time.plus(DELIVERY_TIMEOUT)) => {
                Err(DeliveryProblem::TimedOut.into())
            }
        };
        channel.count(&name, self.now(), outcome.err().map(|it| it.problem));
        let by = Authorized::system(&letter.tenant, "outbox");
        let settled = self.transact(&by, "", &Settle { id, epoch, outcome }).await;
        if let Err(error) = settled {
            // It comes due again by itself: the receiver may get it twice.
            tracing::warn!(notice = %id, ?error, "what came of a notice was not recorded");
        }
    }

    /// The headline of the question; empty where there is none, or none any more.
    async fn headline_of(&self, notice: &Notice) -> String {
        let Some(subject) = &notice.subject else { return String::new() };
        let briefing = self.payload::<Briefing>(&subject.briefing).await;
        briefing.map(|briefing| plain_headline(&briefing.headline)).unwrap_or_default()
    }
}

/// What the next place of a channel holds.
enum Taken {
    /// A notice of a tenant that is to be sent now.
    Notice(String, Box<Notice>),
    /// Nothing to send after all.
    Nothing,
    /// Nothing that is due; when something is.
    NotYet(Option<Timestamp>),
}

fn posted(key: &[u8]) -> Result<Posted, Error> {
    let damaged = || ReadError::Damaged { what: "a place in the outbox".to_owned() };
    Posted::from_key(key).ok_or_else(|| read_error(damaged()))
}
