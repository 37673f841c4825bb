//! Asking a policy what it would say: no effect, no record.
//!
//! People may ask any revision, or a document that was never put, about any run.
//! An agent may ask the one in force about calls of its own runs: nothing that it
//! could not learn by proposing, and nothing of what is planned for it.

use std::sync::Arc;

use bytes::Bytes;

use super::asked::Subject;
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::policy::{Explanation, Policy, RuleTrace, Verdict};
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::engine::facts::{About, Asked};
use crate::engine::messages::{self, Told};
use crate::engine::situation::Gathered;
use crate::engine::{Engine, authorize, limits, validate};

/// A run that there need not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypothesis {
    /// The agent.
    pub agent: String,
    /// Whom it acts for; may be empty.
    pub on_behalf_of: String,
    /// How many delegations lead to the run.
    pub hop_count: u32,
    /// What the run is to reach; may be empty.
    pub goal: String,
    /// The constraint sets that bind the run.
    pub constraint_sets: Vec<String>,
    /// What it has heard beside its goal, oldest first.
    pub messages: Vec<Told>,
}

/// Whose action it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// One of this run.
    Run(RunId),
    /// One of a run that there need not be.
    Hypothesis(Hypothesis),
}

/// Asks about one tool call.
#[derive(Clone, Debug, Default)]
pub struct Evaluate {
    /// Which policy.
    pub subject: Subject,
    /// Whose action.
    pub context: Option<Context>,
    /// The tool.
    pub tool: String,
    /// The version of the tool's argument schema.
    pub tool_schema_version: String,
    /// What the tool acts on.
    pub target: String,
    /// The argument bytes.
    pub arguments: Bytes,
    /// How sure the agent would be.
    pub confidence: Option<f64>,
    /// Whether to say what became of each rule.
    pub explain: bool,
}

/// What a policy would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Its words.
    pub verdict: Verdict,
    /// The revision; none: a document.
    pub revision: Option<PolicyRevisionId>,
    /// What became of each rule that is about the tool, if that was asked for.
    pub rules: Vec<RuleTrace>,
}

impl Evaluate {
    fn check(&self) -> Result<(), Error> {
        validate::tool("tool", &self.tool)?;
        let schema_version = self.tool_schema_version.as_bytes();
        validate::length("tool_schema_version", schema_version, limits::MAX_SCHEMA_VERSION_BYTES)?;
        validate::length("target", self.target.as_bytes(), limits::MAX_TARGET_BYTES)?;
        validate::required("arguments", &self.arguments)?;
        validate::confidence(self.confidence)
    }
}

impl Hypothesis {
    /// Refuses constraint sets that the policy does not have, as the start of a run
    /// does.
    fn require_sets(&self, policy: &Policy) -> Result<(), Error> {
        let unknown = self.constraint_sets.iter().position(|set| !policy.has_constraint_set(set));
        unknown.map_or(Ok(()), |place| {
            let field = format!("hypothesis.constraint_sets[{place}]");
            Err(Error::field(field, "the policy has no such constraint set"))
        })
    }

    /// The run as a policy sees it, with what it is to reach.
    fn run(&self, engine: &Engine) -> Result<(Run, Arc<str>), Error> {
        let field = |name: &str| format!("hypothesis.{name}");
        validate::principal(&field("agent"), &self.agent)?;
        let on_behalf_of = self.on_behalf_of.as_bytes();
        validate::length(&field("on_behalf_of"), on_behalf_of, limits::MAX_ON_BEHALF_OF_BYTES)?;
        validate::length(&field("goal"), self.goal.as_bytes(), limits::MAX_GOAL_BYTES)?;
        if self.constraint_sets.len() > limits::MAX_CONSTRAINT_SETS {
            let problem = format!("want at most {}", limits::MAX_CONSTRAINT_SETS);
            return Err(Error::field(field("constraint_sets"), problem));
        }
        messages::check(&field("messages"), &self.messages)?;
        let run = Run {
            id: RunId::new(engine.0.ids.next()),
            agent: self.agent.clone(),
            on_behalf_of: Some(self.on_behalf_of.clone()).filter(|name| !name.is_empty()),
            parent: None,
            ancestors: Vec::new(),
            lineage: Vec::new(),
            agent_stops: 0,
            fleet_stops: 0,
            constraint_sets: self.constraint_sets.clone(),
            hop_count: self.hop_count,
            state: RunState::Running,
            goal: None,
            create_time: engine.now(),
            overdue_time: None,
            clock_start: None,
            unexpected_results: 0,
            branch: 0,
            finish_time: None,
            revision: 1,
        };
        Ok((run, self.goal.as_str().into()))
    }
}

impl Engine {
    /// Says what a policy would decide of an action, without any effect.
    pub async fn evaluate_action(
        &self,
        caller: &Principal,
        command: Evaluate,
    ) -> Result<Evaluated, Error> {
        if command.subject != Subject::InForce || command.explain {
            authorize::overseer(caller)?;
        }
        command.check()?;
        let fields = CallFields {
            tool: &command.tool,
            tool_schema_version: &command.tool_schema_version,
            target: &command.target,
            arguments: &command.arguments,
            preconditions: &[],
        };
        let call = ToolCall::read("arguments", fields)?;
        let asked = self.asked(&caller.tenant, &command.subject).await?;
        let facts = Asked::default();
        let (run, gathered) = match &command.context {
            Some(Context::Run(id)) => {
                let run = self.run_record(caller, *id).await?;
                let known = facts.of(self, asked.policy(), About::new(&call, &run)).await;
                let gathered =
                    self.gather(&caller.tenant, &run, asked.policy(), &call, None).await?;
                (run, gathered.with_facts(known))
            }
            Some(Context::Hypothesis(hypothesis)) => {
                authorize::overseer(caller)?;
                let (run, goal) = hypothesis.run(self)?;
                hypothesis.require_sets(asked.policy())?;
                let about = About::hypothetical(&call, &run);
                let known = facts.of(self, asked.policy(), about).await;
                let heard = &hypothesis.messages;
                let gathered = Gathered::made_up(goal, heard, asked.policy());
                let mut gathered = gathered.with_facts(known);
                if asked.policy().reads_novelty() {
                    let tenant = &caller.tenant;
                    let goal = gathered.goal();
                    let compared = self.compare(tenant, &run.agent, &call, goal).await?;
                    gathered.compare(&compared);
                }
                (run, gathered)
            }
            None => return Err(Error::field("run", "want `run_id` or `hypothesis`")),
        };
        let facts = gathered.facts(&call, &run, command.confidence);
        let (policy, revision) = (asked.policy(), asked.revision());
        if command.explain {
            let Explanation { verdict, rules } = policy.explain(&facts);
            return Ok(Evaluated { verdict, revision, rules });
        }
        Ok(Evaluated { verdict: policy.evaluate(&facts), revision, rules: Vec::new() })
    }
}
