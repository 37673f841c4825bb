//! Resumptions: an answer on its way back to the agent.
//!
//! A resumption is leased under a rising epoch. The waiting agent holds the
//! first lease without asking; after it lapses, or at once for an agent that
//! has ended, any worker of the same agent claims it. Redeeming the grant or
//! acknowledging closes it for good.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::ids::{ActionId, CheckpointId, EscalationId, RunId};
use super::time::{Span, Timestamp};

/// How long a worker holds a resumption unless it asks for another time.
pub const RESUMPTION_LEASE_DEFAULT: Span = Span::from_secs(60);
/// The shortest lease.
pub const RESUMPTION_LEASE_MIN: Span = Span::from_secs(10);
/// The longest lease.
pub const RESUMPTION_LEASE_MAX: Span = Span::from_secs(10 * 60);

/// A resumption as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The escalation that ended.
    pub escalation: EscalationId,
    /// The run to go on with.
    pub run: RunId,
    /// The agent whose workers may claim it.
    pub agent: String,
    /// The action that was proposed.
    pub proposed_action: ActionId,
    /// The action that may run.
    pub action: Option<ActionId>,
    /// The checkpoint to go on from.
    pub checkpoint: Option<CheckpointId>,
    /// The fencing number; 0: nobody has held it yet.
    pub epoch: u64,
    /// When the present lease lapses.
    pub lease_expire_time: Timestamp,
    /// When it was taken up for good.
    pub close_time: Option<Timestamp>,
    /// When the escalation ended.
    pub create_time: Timestamp,
}

impl Resumption {
    /// Whether a worker may claim it at `now`.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        self.close_time.is_none() && now >= self.lease_expire_time
    }

    /// Refuses unless it is open and held under `epoch`.
    pub fn require_held(&self, epoch: u64) -> Result<(), Error> {
        if self.close_time.is_some() {
            return Err(Error::ResumptionClosed { escalation: self.escalation.to_string() });
        }
        if self.epoch != epoch || epoch == 0 {
            return Err(Error::ResumptionLost {
                escalation: self.escalation.to_string(),
                epoch: self.epoch,
            });
        }
        Ok(())
    }
}
