//! How the queue does, lane by lane.

use std::collections::BTreeMap;

use super::watchdog::LastPass;
use crate::domain::error::Error;
use crate::domain::ids::QueueSettingsId;
use crate::domain::principal::Principal;
use crate::domain::queue::{Lane, LateReason};
use crate::domain::time::Timestamp;
use crate::engine::{Engine, authorize};

/// How one lane does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneStatus {
    /// What the settings in force say of it.
    pub lane: Lane,
    /// How many questions are open.
    pub open: u64,
    /// When the oldest of them was opened.
    pub oldest: Option<Timestamp>,
    /// How many of them are overdue.
    pub overdue: u64,
    /// Why, as of their due times.
    pub late: BTreeMap<LateReason, u64>,
}

/// How the queue does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// The lanes that the settings name, and those that something waits in, by name.
    pub lanes: BTreeMap<String, LaneStatus>,
    /// What the watchdog last saw; none: not since this server started.
    pub watchdog: Option<LastPass>,
    /// The settings in force; none: nobody put any.
    pub settings: Option<QueueSettingsId>,
}

impl Engine {
    /// Says how the queue does.
    pub async fn queue_status(&self, caller: &Principal) -> Result<QueueStatus, Error> {
        authorize::overseer(caller)?;
        let in_force = self.queue_now(&caller.tenant).await?;
        let mut lanes = self.0.stats.lanes_of(&caller.tenant);
        for (name, _) in in_force.settings.lanes() {
            lanes.entry(name.to_owned()).or_default();
        }
        for (name, status) in &mut lanes {
            status.lane = in_force.settings.lane(name);
        }
        let watchdog = self.0.stats.watchdog();
        Ok(QueueStatus { lanes, watchdog, settings: in_force.revision })
    }
}
