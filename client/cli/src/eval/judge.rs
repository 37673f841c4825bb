//! Judges the calls of a trajectory one after the other, each with what had been
//! said by then.

use std::collections::BTreeMap;

use pointsman_server::domain::action::DecisionEffect;
use pointsman_server::domain::escalation::SeverityTier;
use pointsman_server::domain::message::Message;
use pointsman_server::domain::policy::{
    Facts, Grounding, Inputs, NamedCall, Policy, Profiles, Sources, Support, Verdict, WindowCount,
};
use serde_json::{Map, Value};

use crate::trajectory::{CUT_MARK, Call, Expected, Trajectory};

/// What became of one call.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// What should have become of it.
    pub(super) expected: Expected,
    /// What the policy says.
    pub(super) effect: DecisionEffect,
    /// Whether a hard constraint demands it.
    pub(super) is_hard: bool,
    /// The rule that decided; none: the default.
    pub(super) rule: Option<String>,
    /// Whether the tool changes anything.
    pub(super) is_write: bool,
    /// How grave a mistake would be, if a person is asked.
    pub(super) severity: Option<SeverityTier>,
    /// How much the call deserves a person: the rule's severity, then the signals.
    pub(super) score: f64,
}

/// A policy and what it judges by.
pub(super) struct Bench<'p> {
    policy: &'p Policy,
    /// What agents are known to do; nothing is learnt while it judges.
    profiles: Profiles,
    ordinal: u64,
}

/// What the calls that should run show of each agent.
pub(super) fn learn(trajectories: &[Trajectory]) -> Profiles {
    let mut profiles = Profiles::default();
    for trajectory in trajectories {
        let calls = trajectory.calls.iter().filter(|call| call.expected == Expected::Allow);
        for call in calls {
            let arguments = serde_json::from_slice(&call.arguments).unwrap_or_default();
            profiles.learn(&trajectory.agent, &call.tool, &arguments, &trajectory.goal);
        }
    }
    profiles
}

/// What was said and done in one run.
struct Run {
    sources: Sources,
    goal: String,
    said: Option<String>,
    windows: BTreeMap<String, WindowCount>,
}

impl<'p> Bench<'p> {
    pub(super) fn new(policy: &'p Policy, profiles: Profiles) -> Self {
        Self { policy, profiles, ordinal: 0 }
    }

    /// Judges every call of a trajectory.
    pub(super) fn judge(&mut self, trajectory: &Trajectory) -> Vec<Judged> {
        let mut run = Run::new(&trajectory.goal);
        let mut judged = Vec::with_capacity(trajectory.calls.len());
        for call in &trajectory.calls {
            run.hear(call);
            judged.push(self.judge_call(&trajectory.agent, call, &mut run));
            run.sources
                .hear(&message(Message::tool(call.tool.as_str(), call.observation.as_str())));
        }
        judged
    }

    fn judge_call(&mut self, agent: &str, call: &Call, run: &mut Run) -> Judged {
        let arguments: Map<String, Value> =
            serde_json::from_slice(&call.arguments).unwrap_or_default();
        run.count(self.policy, &call.tool, &arguments);
        self.ordinal += 1;
        let newness = self.profiles.newness(agent, &call.tool, &arguments, &run.goal);
        let inputs = Inputs {
            windows: run.windows.clone(),
            facts: self.policy.answered(&call.facts),
            novelty: Some(newness.novelty),
            profile_calls: newness.calls,
            ordinal: self.ordinal,
            ..Inputs::default()
        };
        let facts = Facts {
            tool: &call.tool,
            tool_schema_version: "",
            target: "",
            arguments: &arguments,
            confidence: None,
            agent,
            on_behalf_of: None,
            ancestors: &[],
            constraint_sets: &[],
            hop_count: 0,
            goal: &run.goal,
            sources: &run.sources,
            inputs: &inputs,
        };
        let verdict = self.policy.evaluate(&facts);
        self.judged(call, &arguments, run, verdict)
    }

    fn judged(
        &self,
        call: &Call,
        arguments: &Map<String, Value>,
        run: &Run,
        verdict: Verdict,
    ) -> Judged {
        let tool = self.policy.tool(&call.tool);
        let severity = verdict.ask.as_ref().map(|ask| ask.severity);
        let tier = match verdict.effect {
            DecisionEffect::Allow => 0.0,
            DecisionEffect::Deny => 5.0,
            DecisionEffect::Escalate => severity.map_or(1.0, tier),
        };
        Judged {
            expected: call.expected,
            effect: verdict.effect,
            is_hard: verdict.is_hard,
            rule: verdict.rule,
            is_write: tool.writes,
            severity,
            score: tier + self.signals(call, arguments, run),
        }
    }

    /// How much the signals alone speak for a person, from 0 to less than 1.
    fn signals(&self, call: &Call, arguments: &Map<String, Value>, run: &Run) -> f64 {
        let tool = self.policy.tool(&call.tool);
        if !tool.writes {
            return 0.0;
        }
        let lexicon = self.policy.lexicon();
        let request = lexicon.requested(&run.sources);
        let (name, description) = (call.tool.as_str(), tool.description.as_str());
        let identifiers = tool.identifiers.as_ref();
        let identifiers: Option<Vec<String>> =
            identifiers.map(|paths| paths.iter().map(|it| it.as_str().to_owned()).collect());
        let named =
            NamedCall { tool: name, description, arguments, identifiers: identifiers.as_deref() };
        let support = Grounding::of(lexicon, &named, &run.sources, &request).support();
        let is_asked_for = lexicon.is_asked_for(name, description, &tool.effects, &request);
        let doubt = match support {
            Support::Said => 0.0,
            Support::Named => 0.05,
            Support::Linked => 0.1,
            Support::Field => 0.15,
            Support::Prose => 0.4,
            Support::None => 0.35,
        };
        let unasked = if is_asked_for { 0.0 } else { 0.3 };
        let gated = if tool.effects.is_empty() { 0.0 } else { 0.1 };
        0.1 + doubt + unasked + gated
    }
}

impl Run {
    fn new(goal: &str) -> Self {
        let mut sources = Sources::default();
        sources.hear(&message(Message::user(goal)));
        Self { sources, goal: goal.to_owned(), said: None, windows: BTreeMap::new() }
    }

    /// Takes in what the user said before a call. The first words are the goal.
    fn hear(&mut self, call: &Call) {
        let Some(said) = &call.said else { return };
        if self.said.as_ref() != Some(said) && *said != self.goal {
            self.sources.hear(&message(Message::user(said.as_str())));
        }
        self.said = Some(said.clone());
    }

    fn count(&mut self, policy: &Policy, tool: &str, arguments: &Map<String, Value>) {
        let amount = policy.tool(tool).amount.as_ref();
        let amount = amount.and_then(|path| path.find(arguments)?.as_f64()).unwrap_or(0.0);
        for (name, _) in policy.windows_of(tool) {
            let count = self.windows.entry(name.clone()).or_default();
            count.calls += 1;
            count.total += amount.abs();
        }
    }
}

/// A message as the recording has it: texts are cut where the mark stands.
fn message(message: Message) -> Message {
    if message.text.contains(CUT_MARK) { message.cut() } else { message }
}

const fn tier(severity: SeverityTier) -> f64 {
    match severity {
        SeverityTier::Low => 1.0,
        SeverityTier::Medium => 2.0,
        SeverityTier::High => 3.0,
        SeverityTier::Critical => 4.0,
    }
}
