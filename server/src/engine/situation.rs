//! What is known of a run when one of its calls is judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::messages::Told;
use super::operation::Tx;
use super::policies::Compared;
use super::windows::{Counted, united};
use super::{Authorized, Engine};
use crate::domain::action::{Action, DecisionEffect};
use crate::domain::call::{Situation, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::ActionId;
use crate::domain::message::Speaker;
use crate::domain::policy::{FactAnswer, Facts, Inputs, Newness, Policy, Sources};
use crate::domain::run::Run;
use crate::domain::time::Span;
use crate::store::records::AgentActionsRecord;
use crate::store::{CommitLane, keys};

/// What was gathered for one judgement.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    goal: Arc<str>,
    sources: Arc<Sources>,
    inputs: Inputs,
    windows: Vec<Counted>,
    /// How many actions of its agent there are with this one, where that is asked.
    ordinal: Option<u64>,
}

impl Gathered {
    /// What is known of a run that there need not be: its goal, and what it has heard.
    pub(super) fn made_up(goal: Arc<str>, heard: &[Told], policy: &Policy) -> Self {
        let mut sources = Sources::default();
        if policy.reads_sources() {
            sources.add(Speaker::User, &goal);
            for (speaker, _, text) in heard.iter().map(Told::parts) {
                sources.add(speaker, text);
            }
        }
        Self { goal, sources: Arc::new(sources), inputs: Inputs::default(), ..Self::default() }
    }

    /// Notes how new the call is to its agent's profile.
    pub(super) fn compare(&mut self, found: &Compared) {
        let Newness { novelty, calls } = found.newness;
        self.inputs.novelty = Some(novelty);
        self.inputs.profiles = found.version;
        self.inputs.profile_calls = calls;
    }

    /// What the run is to reach.
    pub(super) fn goal(&self) -> &str {
        &self.goal
    }

    /// The facts of a call.
    pub(super) fn facts<'f>(
        &'f self,
        call: &'f ToolCall<'_>,
        run: &'f Run,
        confidence: Option<f64>,
    ) -> Facts<'f> {
        let Self { goal, sources, inputs, .. } = self;
        call.facts(&Situation { run, goal, confidence, sources, inputs })
    }
}

impl Gathered {
    /// What only the server knew.
    pub(super) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The same, with what systems of record answered.
    pub(super) fn with_facts(mut self, facts: BTreeMap<String, FactAnswer>) -> Self {
        self.inputs.facts = facts;
        self
    }

    /// The same, with what was known at an earlier decision in place of what is now.
    pub(super) fn judged_by(mut self, then: &Inputs) -> Self {
        let now = std::mem::take(&mut self.inputs);
        let Inputs { elapsed, windows, facts, ordinal, messages, unexpected_results, .. } =
            then.clone();
        let Inputs { novelty, profiles, profile_calls, .. } = *then;
        let (novelty, profiles, profile_calls) = match novelty {
            Some(_) => (novelty, profiles, profile_calls),
            None => (now.novelty, now.profiles, now.profile_calls),
        };
        self.inputs = Inputs {
            elapsed: if elapsed == Span::ZERO { now.elapsed } else { elapsed },
            windows: now.windows.into_iter().chain(windows).collect(),
            facts: now.facts.into_iter().chain(facts).collect(),
            novelty,
            profiles,
            profile_calls,
            ordinal: if ordinal == 0 { now.ordinal } else { ordinal },
            messages: if messages == 0 { now.messages } else { messages },
            unexpected_results,
        };
        self
    }

    /// The same, with what the shadow's windows count as well: they must hold it when
    /// the shadow comes into force.
    pub(super) fn and_counted_by(mut self, shadow: Self) -> Self {
        self.windows = united(self.windows, shadow.windows);
        self
    }

    /// Counts the action that was judged, unless it was denied.
    pub(super) fn count(self, tx: &mut Tx<'_>, action: &mut Action) -> Result<(), Error> {
        if let Some(count) = self.ordinal {
            let key = keys::agent_actions(tx.tenant(), &action.agent);
            tx.put(key, &AgentActionsRecord { count })?;
        }
        if action.decision.effect == DecisionEffect::Deny {
            return Ok(());
        }
        tx.count_in(action, self.windows)
    }
}

impl Tx<'_> {
    /// Gathers what a policy judges a call by; the commit fails if it has changed by
    /// then. `own` is the action that windows may count already: this one, or the one
    /// whose place it takes.
    pub(super) async fn gather(
        &mut self,
        run: &Run,
        policy: &Policy,
        call: &ToolCall<'_>,
        own: Option<ActionId>,
    ) -> Result<Gathered, Error> {
        let goal = self.engine.goal_of(run).await?;
        let mut gathered = Gathered { goal, ..Gathered::default() };
        gathered.inputs.unexpected_results = run.unexpected_results;
        if policy.reads_sources() {
            let heard = self.engine.heard_by(self, run, &gathered.goal).await?;
            gathered.sources = Arc::clone(heard.sources());
            gathered.inputs.messages = heard.count();
        }
        if policy.reads_elapsed() {
            gathered.inputs.elapsed = self.elapsed(run).await?;
        }
        if policy.reads_novelty() {
            let compared = self.compare(&run.agent, call, &gathered.goal).await?;
            gathered.compare(&compared);
        }
        if policy.may_sample() {
            let key = keys::agent_actions(self.tenant(), &run.agent);
            let before = self.get::<AgentActionsRecord>(key).await?.unwrap_or_default();
            gathered.ordinal = Some(before.count + 1);
            gathered.inputs.ordinal = before.count + 1;
        }
        gathered.windows = self.windows(policy, run, call, own).await?;
        let windows = gathered.windows.iter().map(|it| (it.name.clone(), it.count));
        gathered.inputs.windows = windows.collect();
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
        call: &ToolCall<'_>,
        own: Option<ActionId>,
    ) -> Result<Gathered, Error> {
        let by = Authorized::system(tenant, "look");
        Tx::new(self, &by, CommitLane::Normal).gather(run, policy, call, own).await
    }

    /// How new a call would be to its agent's profile.
    pub(super) async fn compare(
        &self,
        tenant: &str,
        agent: &str,
        call: &ToolCall<'_>,
        goal: &str,
    ) -> Result<Compared, Error> {
        let by = Authorized::system(tenant, "look");
        Tx::new(self, &by, CommitLane::Normal).compare(agent, call, goal).await
    }
}
