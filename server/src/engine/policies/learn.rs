//! Learning profiles from what was recorded.
//!
//! What an agent is known for is what ran well, and what a person approved: never
//! what was denied, rejected or cancelled, what failed, or what a person changed
//! into something else. The newest of it is looked for a page of records at a time,
//! and taught from the oldest on, so that the same records teach the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::action::{Action, ActionContent, ActionState, DecisionEffect};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::payload::PayloadRef;
use crate::domain::policy::Profiles;
use crate::engine::Engine;
use crate::engine::limits::{MAX_LEARNT_ACTIONS, MAX_LOOKED_AT, MAX_PROFILED_AGENTS};

/// Profiles that are not in force yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Learnt {
    pub(in crate::engine) profiles: Profiles,
    /// From how many actions.
    pub(in crate::engine) actions: u32,
}

/// An action that shows what its agent does, with what is needed to read it.
struct Example {
    agent: String,
    tool: String,
    run: RunId,
    content: PayloadRef,
}

impl Example {
    /// The example that an action is, if it is one.
    fn of(action: Action) -> Option<Self> {
        let Action { agent, tool, run, content, .. } = action;
        is_example(action.state, action.decision.effect, action.modified_from.is_some())
            .then_some(Self { agent, tool, run, content })
    }
}

/// Whether an action ran well, or a person approved it as it is. What is behind a
/// question in its life was approved; what a person wrote has to have run.
const fn is_example(state: ActionState, decided: DecisionEffect, is_edited: bool) -> bool {
    match state {
        ActionState::Executed => true,
        ActionState::Granted | ActionState::Redeemed | ActionState::ExecutionUnknown => {
            matches!(decided, DecisionEffect::Escalate) && !is_edited
        }
        ActionState::Denied
        | ActionState::Escalated
        | ActionState::Failed
        | ActionState::Refused
        | ActionState::Cancelled => false,
    }
}

/// The agents with the most examples; of equals the first by name.
fn most_active(examples: &[Example]) -> BTreeSet<&str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for example in examples {
        *counts.entry(&example.agent).or_default() += 1;
    }
    let mut agents: Vec<_> = counts.into_iter().collect();
    agents.sort_by_key(|(agent, count)| (usize::MAX - count, *agent));
    agents.into_iter().take(MAX_PROFILED_AGENTS).map(|(agent, _)| agent).collect()
}

impl Engine {
    /// Learns what the agents of a tenant do.
    pub(in crate::engine) async fn learn(&self, tenant: &str) -> Result<Learnt, Error> {
        let examples = self.examples(tenant).await?;
        let agents = most_active(&examples);
        let (mut learnt, mut goal) = (Learnt::default(), None);
        for example in examples.iter().rev() {
            if agents.contains(example.agent.as_str()) {
                self.teach(tenant, example, &mut goal, &mut learnt).await?;
            }
            // What is in memory is read at once: others have their turn here.
            tokio::task::yield_now().await;
        }
        Ok(learnt)
    }

    /// The newest examples, the newest first.
    async fn examples(&self, tenant: &str) -> Result<Vec<Example>, Error> {
        let mut actions = self.recorded(tenant)?;
        let mut examples = Vec::new();
        for _ in 0..MAX_LOOKED_AT {
            if examples.len() >= MAX_LEARNT_ACTIONS {
                break;
            }
            let Some(action) = actions.next(self).await? else { break };
            examples.extend(Example::of(action));
        }
        Ok(examples)
    }

    /// Teaches one example. Those of one run often follow each other: `goal` is that
    /// of the last.
    async fn teach(
        &self,
        tenant: &str,
        example: &Example,
        goal: &mut Option<(RunId, Arc<str>)>,
        learnt: &mut Learnt,
    ) -> Result<(), Error> {
        let Example { agent, tool, run, content } = example;
        let words = match goal {
            Some((known, words)) if known == run => Arc::clone(words),
            _ => self.goal_of(&self.existing_run(tenant, *run).await?).await?,
        };
        let content = self.payload::<ActionContent>(content).await?;
        let call = ToolCall::read("arguments", CallFields::of(tool, &content))?;
        learnt.profiles.learn(agent, tool, call.arguments(), &words);
        learnt.actions += 1;
        *goal = Some((*run, words));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
