//! The queue's settings: which are in force, what they say of a question that opens,
//! and whether every open question has the timer that keeps it from being forgotten.

pub(super) mod audience;
pub(super) mod late;
mod next;
mod pass;
mod put;
mod read;
mod status;
mod watchdog;

pub(super) use next::BoardsAtHand;
pub use next::{ClaimNext, Next};
pub use pass::{How, PassOn};
pub use put::PutQueueSettings;
pub use read::SettingsView;
pub use status::{LaneStatus, QueueStatus};
pub use watchdog::{LastPass, Pass};

use std::sync::Arc;

use super::operation::Tx;
use super::{Engine, read_error, views};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::Escalation;
use crate::domain::ids::QueueSettingsId;
use crate::domain::queue::{Asked, Plan, Settings};
use crate::store::records::{self, QueueInForceRecord, QueueSettingsRecord};
use crate::store::{Versioned, keys};

/// The settings in force; without a revision those that hold where nobody put any.
#[derive(Debug, Default)]
pub struct InForce {
    /// The revision.
    pub revision: Option<QueueSettingsId>,
    /// What it says.
    pub settings: Settings,
}

impl Tx<'_> {
    /// The settings in force; the commit fails if others are by then, whichever server
    /// has put them there.
    pub(super) async fn queue(&mut self) -> Result<Arc<InForce>, Error> {
        let found = self.look(keys::queue_current(self.tenant())).await?;
        self.engine.queue_of(self.tenant(), found).await
    }
}

impl Engine {
    /// The settings in force, as they are now.
    pub(super) async fn queue_now(&self, tenant: &str) -> Result<Arc<InForce>, Error> {
        let found = self.0.store.read(&keys::queue_current(tenant)).await.map_err(read_error)?;
        self.queue_of(tenant, found).await
    }

    async fn queue_of(
        &self,
        tenant: &str,
        record: Option<Versioned>,
    ) -> Result<Arc<InForce>, Error> {
        let Some(Versioned { value, version }) = record else { return Ok(Arc::default()) };
        if let Some(known) = self.0.queue.at(tenant, Some(version)) {
            return Ok(known);
        }
        let id = records::decode::<QueueInForceRecord>(&value).map_err(read_error)?.id;
        let record = self.read::<QueueSettingsRecord>(&keys::queue_settings(tenant, id)).await?;
        let record = record.ok_or_else(|| views::missing(Resource::QueueSettings, &id))?;
        let document = self.text(Some(&record.document)).await?;
        let settings = Settings::parse(&document)
            .map_err(|error| Error::DataDamaged { cause: format!("{id}: {error}") })?;
        let read = Arc::new(InForce { revision: Some(id), settings });
        self.0.queue.keep(tenant, Some(version), Arc::clone(&read));
        Ok(read)
    }
}

/// Works out how a question waits that is about to open: by when an answer is wanted,
/// to whom it goes, and what happens meanwhile. Whoever opens it may have named the teams
/// in its plan: then it goes to those.
pub(super) async fn plan(
    tx: &mut Tx<'_>,
    escalation: &mut Escalation,
) -> Result<Arc<InForce>, Error> {
    let in_force = tx.queue().await?;
    let asked = Asked {
        lane: &escalation.lane,
        tool: &escalation.tool,
        severity: escalation.severity,
        rule: escalation.rule.as_deref(),
    };
    let now = escalation.create_time;
    let spans = [escalation.due_time.since(now), escalation.expire_time.since(now)];
    let (times, plan) = in_force.settings.plan(in_force.revision, &asked, now, spans);
    escalation.due_time = times.due;
    escalation.expire_time = times.expire;
    let named = escalation.plan.take().map(|named| named.teams);
    escalation.plan = match (plan, named) {
        (plan, None) => plan,
        (plan, Some(teams)) => Some(Plan { teams, skills: Vec::new(), ..plan.unwrap_or_default() }),
    };
    if !escalation.tool.is_empty() {
        escalation.delay_cost = tx.policy().await?.policy.tool(&escalation.tool).delay_cost.clone();
    }
    Ok(in_force)
}
