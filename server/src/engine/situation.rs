//! What is known of a run when one of its calls is judged.

use std::sync::Arc;

use super::operation::Tx;
use super::{Authorized, Engine};
use crate::domain::call::{Situation, ToolCall};
use crate::domain::error::Error;
use crate::domain::message::Speaker;
use crate::domain::policy::{Facts, Inputs, Policy, Sources};
use crate::domain::run::Run;
use crate::store::CommitLane;

/// What was gathered for one judgement.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    goal: Arc<str>,
    sources: Arc<Sources>,
    inputs: Inputs,
}

impl Gathered {
    /// What is known of a run that has heard nothing but its goal.
    pub(super) fn of_goal(goal: Arc<str>, policy: &Policy) -> Self {
        let mut sources = Sources::default();
        if policy.reads_sources() {
            sources.add(Speaker::User, &goal);
        }
        Self { goal, sources: Arc::new(sources), inputs: Inputs::default() }
    }

    /// The facts of a call.
    pub(super) fn facts<'f>(
        &'f self,
        call: &'f ToolCall<'_>,
        run: &'f Run,
        confidence: Option<f64>,
    ) -> Facts<'f> {
        let Self { goal, sources, inputs } = self;
        call.facts(&Situation { run, goal, confidence, sources, inputs })
    }
}

impl Tx<'_> {
    /// Gathers what a policy judges by; the commit fails if it has changed by then.
    pub(super) async fn gather(&mut self, run: &Run, policy: &Policy) -> Result<Gathered, Error> {
        let goal = self.engine.goal_of(run).await?;
        let mut gathered = Gathered { goal, ..Gathered::default() };
        if policy.reads_sources() {
            let heard = self.engine.heard_by(self, run, &gathered.goal).await?;
            gathered.sources = Arc::clone(heard.sources());
            gathered.inputs.messages = heard.count();
        }
        Ok(gathered)
    }
}

impl Engine {
    /// Gathers what a policy would judge by now.
    pub(super) async fn gather(
        &self,
        tenant: &str,
        run: &Run,
        policy: &Policy,
    ) -> Result<Gathered, Error> {
        let by = Authorized::system(tenant, "look");
        Tx::new(self, &by, CommitLane::Normal).gather(run, policy).await
    }
}
