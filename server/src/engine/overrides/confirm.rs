//! The second person of an override that needs one.

use uuid::Uuid;

use super::enforce::enforce;
use super::read::OverrideView;
use super::{not_found, put, subjects, timer};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, OverrideError};
use crate::domain::event::EventKind;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::{Override, OverrideEvent, OverrideState};
use crate::domain::principal::Principal;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize};
use crate::store::CommitLane;
use crate::store::keys::{self, TimerKind};

struct Confirm(OverrideId);

impl Operation for Confirm {
    type Output = Override;
    const METHOD: &'static str = "ConfirmOverride";
    const LANE: CommitLane = CommitLane::Exempt;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Override, Vec<Uuid>), Error> {
        let found = tx.get::<Override>(keys::overriding(tx.tenant(), self.0)).await?;
        let mut it = found.ok_or_else(|| not_found(self.0))?;
        if it.progress.state != OverrideState::Pending || tx.now >= it.expire_time {
            return Err(it.closed());
        }
        let people = tx.people().await?;
        if people.person_of(tx.by.name()) == people.person_of(&it.requester) {
            return Err(Error::Override(OverrideError::NeedsSecond { id: it.id }));
        }
        it.advance(OverrideEvent::Confirm, tx.by.name(), tx.now)?;
        it.confirmer = Some(tx.by.name().to_owned());
        tx.remove(timer(tx.tenant(), TimerKind::Override, it.id, it.expire_time).key());
        it.expire_time = tx.now.plus(it.ttl);
        enforce(tx, &mut it).await?;
        tx.event(EventKind::OverrideConfirmed, subjects(&it));
        put(tx, &it)?;
        Ok((it, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Override, Error> {
        engine.existing_override(tenant, self.0).await
    }
}

impl Engine {
    /// Confirms an override for a calling supervisor or admin who did not ask for it.
    pub async fn confirm_override(
        &self,
        caller: &Principal,
        request_id: &str,
        id: OverrideId,
    ) -> Result<Answer<OverrideView>, Error> {
        let by = authorize::overrider(caller)?;
        let answer = self.transact(&by, request_id, &Confirm(id)).await?;
        self.ring(by.tenant(), &answer.value);
        let view = self.override_view(by.tenant(), answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }
}
