//! The same question again: counted on the card that is open.

use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, Repeats};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::engine::operation::{Operation, Tx};
use crate::engine::{Engine, closing};
use crate::store::keys;

/// Says on a card how often the same was asked again.
pub(super) struct Tell {
    pub(super) escalation: EscalationId,
    pub(super) repeats: Repeats,
}

impl Operation for Tell {
    type Output = ();
    const METHOD: &'static str = "repeats";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.escalation.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        let key = keys::escalation(tx.tenant(), self.escalation);
        let found = tx.get::<Escalation>(key.clone()).await?;
        let open = found.filter(|escalation| escalation.state == EscalationState::Open);
        // Nobody reads the card of an answered one for this.
        let Some(mut escalation) = open else { return Ok(((), Vec::new())) };
        escalation.repeats.add(self.repeats);
        escalation.update_time = tx.now;
        tx.put(key, &escalation)?;
        tx.event(EventKind::EscalationRepeated, closing::subjects(&escalation));
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}
