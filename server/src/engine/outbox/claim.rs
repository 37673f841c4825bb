//! Taking a notice to send it, and writing what came of it.

use uuid::Uuid;

use super::{LEASE, Undelivered, place, subjects};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::Escalation;
use crate::domain::event::EventKind;
use crate::domain::ids::NoticeId;
use crate::domain::notice::{
    DeliveryProblem, MAX_ATTEMPTS, MAX_RETRY_AFTER, Notice, NoticeEvent, NoticeState, retry_delay,
};
use crate::domain::time::{Span, Timestamp};
use crate::engine::Engine;
use crate::engine::operation::{Operation, Tx};
use crate::store::keys::{self, Posted};
use crate::store::{Expectation, Version};

/// Takes a notice whose place is due.
pub(super) struct Claim {
    pub(super) posted: Posted,
    pub(super) version: Version,
}

impl Operation for Claim {
    type Output = Option<Notice>;
    const METHOD: &'static str = "claim notice";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.posted.key());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Option<Notice>, Vec<Uuid>), Error> {
        let key = self.posted.key();
        tx.expect(Expectation::Key { key: key.clone(), version: Some(self.version) });
        let Some(mut notice) = tx.get::<Notice>(keys::notice(tx.tenant(), self.posted.id)).await?
        else {
            tx.remove(key);
            return Ok((None, Vec::new()));
        };
        let is_current =
            notice.state == NoticeState::Pending && place(tx.tenant(), &notice) == self.posted;
        if !is_current {
            tx.remove(key);
            return Ok((None, Vec::new()));
        }
        if is_pointless(tx, &notice).await? {
            close(tx, &mut notice, NoticeEvent::Cancel)?;
            return Ok((None, Vec::new()));
        }
        // Attempts of which nobody knows what came: servers that ended while sending.
        if notice.attempts >= MAX_ATTEMPTS {
            close(tx, &mut notice, NoticeEvent::GiveUp)?;
            return Ok((None, Vec::new()));
        }
        notice.attempts += 1;
        notice.epoch += 1;
        notice.attempt_time = Some(tx.now);
        let next = tx.now.plus(LEASE);
        reschedule(tx, &mut notice, next)?;
        Ok((Some(notice), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<Option<Notice>, Error> {
        Ok(None)
    }
}

async fn is_pointless(tx: &mut Tx<'_>, notice: &Notice) -> Result<bool, Error> {
    let Some(subject) = &notice.subject else { return Ok(false) };
    let key = keys::escalation(tx.tenant(), subject.escalation);
    let found = tx.engine.read::<Escalation>(&key).await?;
    Ok(found.is_some_and(|escalation| notice.is_pointless(&escalation, tx.now)))
}

/// Gives up a notice that nobody sends.
pub(super) struct Abandon {
    pub(super) posted: Posted,
    pub(super) version: Version,
}

impl Operation for Abandon {
    type Output = ();
    const METHOD: &'static str = "abandon notice";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(&self.posted.key());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let key = self.posted.key();
        tx.expect(Expectation::Key { key: key.clone(), version: Some(self.version) });
        let found = tx.get::<Notice>(keys::notice(tx.tenant(), self.posted.id)).await?;
        match found.filter(|notice| notice.state == NoticeState::Pending) {
            None => tx.remove(key),
            Some(mut notice) => {
                notice.problem = Some(DeliveryProblem::NoChannel);
                close(tx, &mut notice, NoticeEvent::GiveUp)?;
            }
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// Writes what came of an attempt.
pub(super) struct Settle {
    pub(super) id: NoticeId,
    pub(super) epoch: u64,
    pub(super) outcome: Result<(), Undelivered>,
}

impl Operation for Settle {
    type Output = ();
    const METHOD: &'static str = "settle notice";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.id.as_bytes()).field(&self.epoch.to_be_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let found = tx.get::<Notice>(keys::notice(tx.tenant(), self.id)).await?;
        let mut notice =
            found.ok_or_else(|| crate::engine::views::missing(Resource::Notice, &self.id))?;
        if notice.state != NoticeState::Pending {
            return Ok(((), Vec::new()));
        }
        match self.outcome {
            // Delivered is delivered, also if another attempt is under way by now.
            Ok(()) => close(tx, &mut notice, NoticeEvent::Deliver)?,
            Err(_) if notice.epoch != self.epoch => {}
            Err(undelivered) => fail(tx, &mut notice, undelivered)?,
        }
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// Has it tried again later, or gives it up.
fn fail(tx: &mut Tx<'_>, notice: &mut Notice, undelivered: Undelivered) -> Result<(), Error> {
    let mut chance = [0; 2];
    tx.engine.0.ids.fill(&mut chance);
    let delay = retry_delay(notice.attempts, u16::from_be_bytes(chance));
    notice.problem = Some(undelivered.problem);
    let is_over = undelivered.problem == DeliveryProblem::Gone;
    let Some(delay) = delay.filter(|_| !is_over) else {
        return close(tx, notice, NoticeEvent::GiveUp);
    };
    let asked = undelivered.retry_after.unwrap_or(Span::ZERO).min(MAX_RETRY_AFTER);
    let next = tx.now.plus(delay.max(asked));
    reschedule(tx, notice, next)
}

/// Moves a pending notice's place in the outbox.
pub(in crate::engine) fn reschedule(
    tx: &mut Tx<'_>,
    notice: &mut Notice,
    next: Timestamp,
) -> Result<(), Error> {
    if notice.next_time != next {
        tx.remove(place(tx.tenant(), notice).key());
    }
    notice.next_time = next;
    tx.mark(place(tx.tenant(), notice).key());
    tx.put(keys::notice(tx.tenant(), notice.id), notice)
}

/// Moves a delivery along: its state, its place in the list of that, and the event.
pub(in crate::engine) fn advance(
    tx: &mut Tx<'_>,
    notice: &mut Notice,
    event: NoticeEvent,
) -> Result<(), Error> {
    let state = notice.state.after(event).ok_or_else(|| Error::Internal {
        cause: format!("{} is {} and cannot take {event:?}", notice.id, notice.state.name()),
    })?;
    if state != notice.state {
        tx.remove(keys::notice_state(tx.tenant(), notice.state, notice.id));
        tx.mark(keys::notice_state(tx.tenant(), state, notice.id));
    }
    notice.state = state;
    let kind = match event {
        NoticeEvent::Deliver => EventKind::NoticeDelivered,
        NoticeEvent::GiveUp => EventKind::NoticeFailed,
        NoticeEvent::Cancel => EventKind::NoticeCancelled,
        NoticeEvent::Retry => EventKind::NoticeRetried,
    };
    tx.event(kind, subjects(notice));
    Ok(())
}

/// Ends a delivery.
fn close(tx: &mut Tx<'_>, notice: &mut Notice, event: NoticeEvent) -> Result<(), Error> {
    advance(tx, notice, event)?;
    tx.remove(place(tx.tenant(), notice).key());
    notice.close_time = Some(tx.now);
    if event == NoticeEvent::Deliver {
        notice.problem = None;
    }
    tx.put(keys::notice(tx.tenant(), notice.id), notice)
}
