//! Watching one override.

use super::bells::Bell;
use super::not_found;
use super::read::OverrideView;
use crate::domain::error::Error;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::Override;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::engine::watch::{HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN};
use crate::engine::{Engine, authorize, validate};
use crate::store::keys;

/// What a message of the watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideNews {
    /// The override as it is now.
    Changed(Box<OverrideView>),
    /// Nothing has changed; the next message comes by then.
    Heartbeat(Timestamp),
}

/// A running watch; ask it for the next message.
pub struct OverrideWatch {
    engine: Engine,
    tenant: String,
    id: OverrideId,
    silence: Span,
    bell: Bell,
    shown: Option<OverrideView>,
}

impl OverrideWatch {
    /// The next message: at once the override as it is, then whenever it has changed.
    pub async fn next(&mut self) -> Result<OverrideNews, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            let it = self.engine.existing_override(&self.tenant, self.id).await?;
            let view = self.engine.override_view(&self.tenant, it).await?;
            if self.shown.as_ref() != Some(&view) {
                self.shown = Some(view.clone());
                return Ok(OverrideNews::Changed(Box::new(view)));
            }
            if self.engine.now() >= silent_until {
                return Ok(OverrideNews::Heartbeat(silent_until.plus(self.silence)));
            }
            tokio::select! {
                () = self.bell.rung() => {}
                () = self.engine.0.clock.sleep_until(silent_until) => {}
            }
        }
    }
}

impl Engine {
    /// Watches one override.
    pub async fn watch_override(
        &self,
        caller: &Principal,
        id: OverrideId,
        heartbeat: Option<Span>,
    ) -> Result<OverrideWatch, Error> {
        authorize::overseer(caller)?;
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", heartbeat, HEARTBEAT_DEFAULT, bounds)?;
        let bell = self.bell_of_override(&caller.tenant, id);
        let found = self.read::<Override>(&keys::overriding(&caller.tenant, id)).await?;
        found.ok_or_else(|| not_found(id))?;
        let (engine, tenant) = (self.clone(), caller.tenant.clone());
        Ok(OverrideWatch { engine, tenant, id, silence, bell, shown: None })
    }
}
