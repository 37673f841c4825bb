//! How a policy does by what people said, and whether that is within its bounds.

use crate::domain::error::Error;
use crate::domain::policy::{BoundState, JudgedBound, Labels, Policy};
use crate::engine::Engine;

/// How a policy does on recorded actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// What people had said, and what the policy gates of it.
    pub labels: Labels,
    /// The document's bounds; empty: it has none.
    pub bounds: Vec<JudgedBound>,
}

impl Figures {
    pub(super) fn of(policy: &Policy, labels: Labels) -> Self {
        let bounds = policy.bounds.map(|bounds| bounds.judge(&labels)).unwrap_or_default();
        Self { labels, bounds }
    }

    /// Refuses a policy that misses one of its bounds.
    fn require(&self) -> Result<(), Error> {
        let missed = self.bounds.iter().find(|bound| bound.state == BoundState::Missed);
        missed.map_or(Ok(()), |missed| Err(Error::PolicyOutOfBounds { missed: *missed }))
    }
}

impl Engine {
    /// Refuses a policy that misses one of its bounds on the newest recorded actions;
    /// none: it has no bounds.
    pub(super) async fn require_bounds(
        &self,
        tenant: &str,
        policy: &Policy,
    ) -> Result<Option<Figures>, Error> {
        let Some(bounds) = policy.bounds else { return Ok(None) };
        let most = usize::try_from(bounds.actions).unwrap_or(usize::MAX);
        let (tally, _) = self.judge_recorded(tenant, policy, most, None).await?;
        let figures = Figures::of(policy, tally.labels);
        figures.require()?;
        Ok(Some(figures))
    }
}
