//! Whom a question may be put to, by the settings and the directory of now.

use std::sync::Arc;

use super::InForce;
use crate::domain::directory::{Answerer, Directory};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::principal::Role;
use crate::domain::queue::Audience;
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::engine::operation::Tx;

/// The settings and the directory that an [`Audience`] looks at.
pub(in crate::engine) struct Known {
    pub(in crate::engine) in_force: Arc<InForce>,
    pub(in crate::engine) people: Arc<Directory>,
    has_strangers: bool,
}

impl Known {
    pub(in crate::engine) fn at(&self, now: Timestamp) -> Audience<'_> {
        let Self { in_force, people, has_strangers } = self;
        Audience { settings: &in_force.settings, people, has_strangers: *has_strangers, now }
    }
}

impl Engine {
    /// What is known of people and the queue, as far as this server has heard: good for
    /// a proposal, and not for a decision.
    pub(in crate::engine) async fn audience_at_hand(&self, tenant: &str) -> Result<Known, Error> {
        let in_force = self.queue_now(tenant).await?;
        self.known(tenant, in_force).await
    }

    /// The same under settings at hand.
    pub(in crate::engine) async fn known(
        &self,
        tenant: &str,
        in_force: Arc<InForce>,
    ) -> Result<Known, Error> {
        let people = self.people(tenant).await?;
        Ok(Known { in_force, people, has_strangers: self.0.vouching.is_by_others() })
    }
}

impl Tx<'_> {
    /// What is known of people and the queue; the commit fails if it has changed by
    /// then.
    pub(in crate::engine) async fn audience(&mut self) -> Result<Known, Error> {
        let people = self.people().await?;
        let in_force = self.queue().await?;
        Ok(Known { in_force, people, has_strangers: self.engine.0.vouching.is_by_others() })
    }

    /// Refuses a caller to whom a question did not go; for whom it stands in otherwise.
    /// Routing binds reviewers: supervisors may take up anything within their authority.
    pub(in crate::engine) async fn require_routed(
        &mut self,
        question: &Escalation,
    ) -> Result<Option<String>, Error> {
        if question.plan.is_none() || self.by.has(Role::Supervisor) {
            return Ok(None);
        }
        let known = self.audience().await?;
        let who = Answerer { name: self.by.name(), roles: self.by.roles() };
        match known.at(self.now).require_routed(question, who) {
            Ok(stands_in_for) => Ok(stands_in_for.map(str::to_owned)),
            Err(why) => {
                Err(Error::NotRouted { escalation: question.id.to_string(), why: why.to_string() })
            }
        }
    }
}
