//! Overrides: people's hands on the switch.
//!
//! What an override forbids is one small record, the hold of its scope, and every use case
//! that it stands against reads the holds that can cover its run in its own transaction
//! ([`fence`]). So a stop costs the same for one run and for the fleet, does not fail for
//! size, and of a stop and a redemption one wins. What it ends is marked afterwards, in
//! batches ([`mod@settle`]). Agents are told and answer ([`receive`], [`acknowledge`]), which
//! changes nothing of what is forbidden.

mod acknowledge;
mod bells;
mod confirm;
mod enforce;
mod expire;
mod fence;
mod read;
mod receive;
mod redirect;
mod request;
mod settle;
mod watch;

pub use acknowledge::{Acknowledge, Said};
pub(super) use bells::Bells;
pub(super) use expire::expire;
pub use read::{Filter, OverrideView, ReceiptView};
pub use receive::Incoming;
pub(super) use receive::take_effect;
pub(super) use redirect::let_go_on;
pub use request::RequestOverride;
pub(super) use settle::settle;
pub use watch::{OverrideNews, OverrideWatch};

use super::operation::Tx;
use super::{Engine, views};
use crate::domain::error::{Error, Resource};
use crate::domain::event::Subjects;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::{Override, OverrideScope};
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Timer, TimerKind};

/// What an event about an override is about.
fn subjects(it: &Override) -> Subjects {
    let principal = match &it.scope {
        OverrideScope::Agent(agent) => Some(agent.clone()),
        OverrideScope::Run(_) | OverrideScope::Tree(_) | OverrideScope::Fleet => None,
    };
    Subjects { run: it.scope.run(), overriding: Some(it.id), principal, ..Subjects::default() }
}

fn not_found(id: OverrideId) -> Error {
    Error::not_found(Resource::Override, id)
}

/// When something happens to an override by itself.
fn timer(tenant: &str, kind: TimerKind, id: OverrideId, time: Timestamp) -> Timer {
    Timer { time, kind, id: *id.as_bytes(), tenant: tenant.to_owned() }
}

/// An override that another record names.
async fn existing(tx: &mut Tx<'_>, id: OverrideId) -> Result<Override, Error> {
    let found = tx.get(keys::overriding(tx.tenant(), id)).await?;
    found.ok_or_else(|| views::missing(Resource::Override, &id))
}

fn put(tx: &mut Tx<'_>, it: &Override) -> Result<(), Error> {
    tx.put(keys::overriding(tx.tenant(), it.id), it)
}

impl Engine {
    async fn existing_override(&self, tenant: &str, id: OverrideId) -> Result<Override, Error> {
        let found = self.read(&keys::overriding(tenant, id)).await?;
        found.ok_or_else(|| views::missing(Resource::Override, &id))
    }
}
