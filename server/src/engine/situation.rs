//! What is known of a run when one of its calls is judged.

use std::sync::Arc;

use super::Engine;
use crate::domain::call::{Situation, ToolCall};
use crate::domain::error::Error;
use crate::domain::message::Speaker;
use crate::domain::policy::{Facts, Inputs, Policy, Sources};
use crate::domain::run::Run;

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

impl Engine {
    /// Gathers what a policy judges by.
    pub(super) async fn gather(&self, run: &Run, policy: &Policy) -> Result<Gathered, Error> {
        Ok(Gathered::of_goal(self.goal_of(run).await?, policy))
    }
}
