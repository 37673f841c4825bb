//! The watchdog: proof that nothing open is forgotten.
//!
//! Every open question has one timer, written in the commit that opened it and replaced
//! in every commit that changes what comes next. The watchdog does not trust that: from
//! time to time it looks at every open question whether its timer is there, and writes
//! one that is not.

use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::time::{Span, Timestamp};
use crate::engine::operation::{Operation, Tx};
use crate::engine::{Authorized, DEFAULT_TENANT, Engine, closing, read_error};
use crate::store::{Direction, keys};

/// How often it looks.
const LOOK_EVERY: Span = Span::from_secs(60);
/// How many open questions one step looks at.
const LOOKED_AT_TOGETHER: usize = 256;

/// What one pass over the queue found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// How many open questions it looked at.
    pub looked_at: u64,
    /// How many of them had no timer, and have one again.
    pub repaired: u64,
}

/// The last whole pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastPass {
    /// When it ended.
    pub time: Timestamp,
    /// What it found.
    pub pass: Pass,
}

/// Writes the timer of an open question, if there is none.
struct Repair(EscalationId);

impl Operation for Repair {
    /// Whether there was none.
    type Output = bool;
    const METHOD: &'static str = "watchdog";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(bool, Vec<Uuid>), Error> {
        let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), self.0)).await?;
        let open = found.filter(|escalation| escalation.state == EscalationState::Open);
        let Some(escalation) = open else { return Ok((false, Vec::new())) };
        let key = closing::timer(tx.tenant(), &escalation).key();
        if tx.look(key.clone()).await?.is_some() {
            return Ok((false, Vec::new()));
        }
        tx.mark(key);
        tx.event(EventKind::EscalationTimerRepaired, closing::subjects(&escalation));
        Ok((true, Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<bool, Error> {
        Ok(false)
    }
}

impl Engine {
    /// Looks from time to time, until the store stops.
    pub(in crate::engine) async fn run_watchdog(&self) -> Result<(), Error> {
        loop {
            self.look_at_timers(DEFAULT_TENANT).await?;
            self.0.walls.forget_unused(self.now());
            let next = self.now().plus(LOOK_EVERY);
            self.0.clock.sleep_until(next).await;
        }
    }

    /// Looks at every open question once.
    pub(in crate::engine) async fn look_at_timers(&self, tenant: &str) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let mut range = keys::queue(tenant);
        loop {
            let store = &self.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, LOOKED_AT_TOGETHER).await;
            let found = found.map_err(read_error)?;
            for id in found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)) {
                pass.looked_at += 1;
                pass.repaired += u64::from(self.repair_timer(tenant, id).await?);
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => break,
            }
            tokio::task::yield_now().await;
        }
        self.0.stats.note_watchdog(LastPass { time: self.now(), pass });
        Ok(pass)
    }

    /// Gives an open question its timer back; whether it had none. A question that
    /// changes meanwhile is asked about again in a transaction, which knows one moment.
    async fn repair_timer(&self, tenant: &str, id: EscalationId) -> Result<bool, Error> {
        let found = self.read::<Escalation>(&keys::escalation(tenant, id)).await?;
        let open = found.filter(|escalation| escalation.state == EscalationState::Open);
        let Some(escalation) = open else { return Ok(false) };
        let key = closing::timer(tenant, &escalation).key();
        if self.0.store.read(&key).await.map_err(read_error)?.is_some() {
            return Ok(false);
        }
        let by = Authorized::system(tenant, "watchdog");
        let repaired = match self.transact(&by, "", &Repair(id)).await {
            Ok(answer) => answer.value,
            // It keeps changing: whoever changes it sets its timer.
            Err(Error::Overloaded { .. }) => false,
            Err(error) => return Err(error),
        };
        if repaired {
            tracing::error!(escalation = %id, "an open escalation had no timer; it has one again");
        }
        Ok(repaired)
    }
}
