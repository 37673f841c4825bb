//! The briefing of a proposed action.

use super::{Briefing, Choice, Consequence, facts, risks};
use crate::domain::action::ActionContent;
use crate::domain::policy::{
    Appraisal, EffectClass, Facts, Level, OnExpiry, Policy, Tool, Verdict,
};
use crate::domain::render::Written;

/// An action that a person is asked about, with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The policy that asks.
    pub policy: &'a Policy,
    /// What it judged by.
    pub facts: &'a Facts<'a>,
    /// What it said.
    pub verdict: &'a Verdict,
    /// What is kept of the call.
    pub content: &'a ActionContent,
}

/// Composes the briefing of a proposed action: cheap, and without reading anything.
pub fn for_action(asked: &Asked<'_>) -> Briefing {
    let Asked { policy, facts, verdict, content } = *asked;
    let appraisal = policy.appraise(facts);
    let written = Written::read(&content.arguments);
    let ask = verdict.ask.as_ref();
    let if_silent = if_silent(ask.map(|ask| ask.on_expiry));
    Briefing {
        headline: policy.headline(verdict.rule.as_deref(), facts, &written),
        target: content.target.clone(),
        why: verdict.reason.clone(),
        if_silent: if_silent.to_owned(),
        risks: risks::of(asked, &appraisal, &written),
        facts: facts::of(asked, &appraisal, &written),
        effects: effects(appraisal.tool),
        consequences: consequences(facts.tool, &appraisal, if_silent),
        link: appraisal.tool.link_to(&content.target).unwrap_or_default(),
        delay_cost: appraisal.tool.delay_cost.clone(),
        evidence: policy.evidence(verdict.rule.as_deref(), &content.target),
    }
}

const fn if_silent(on_expiry: Option<OnExpiry>) -> &'static str {
    match on_expiry {
        Some(OnExpiry::Fallback) => "cancelled: nothing runs, and the agent takes its fallback",
        Some(OnExpiry::Rollback) => "cancelled: nothing runs, the agent returns to its checkpoint",
        Some(OnExpiry::Cancel) | None => "cancelled: nothing runs, and the agent is told",
    }
}

fn effects(tool: &Tool) -> Vec<String> {
    let words = |class: &EffectClass| match class {
        EffectClass::ExternalCommunication => "words leave for somebody else",
        EffectClass::Money => "money moves, or somebody is bound to pay",
        EffectClass::Delete => "records are deleted or overwritten",
        EffectClass::Permissions => "somebody gains or loses access",
        EffectClass::Regulated => "it is an act that law or a supervisor watches",
    };
    let known: Vec<_> = tool.effects.iter().map(|class| words(class).to_owned()).collect();
    match (known.is_empty(), tool.is_known, tool.writes) {
        (false, ..) => known,
        (true, false, _) => vec!["unknown: the catalogue does not name the tool".to_owned()],
        (true, true, true) => vec!["it changes something; the catalogue says no more".to_owned()],
        (true, true, false) => vec!["it reads, and changes nothing".to_owned()],
    }
}

fn consequences(tool: &str, appraisal: &Appraisal<'_>, if_silent: &str) -> Vec<Consequence> {
    let taken_back = match (&appraisal.tool.compensation, appraisal.tool.irreversibility) {
        (Some(compensation), _) => format!("; {compensation} takes it back"),
        (None, Level::High) => "; it cannot be taken back".to_owned(),
        (None, Level::Medium) => "; it is hard to take back".to_owned(),
        (None, Level::Low) => String::new(),
    };
    let approve = format!("{tool} runs once, on exactly these arguments{taken_back}");
    [
        (Choice::Approve, approve.as_str()),
        (Choice::Modify, "the policy judges your edit, which then runs in its place"),
        (Choice::Reject, "nothing runs, and the agent is told why"),
        (Choice::Respond, "nothing runs; the agent takes your answer for the tool's"),
        (Choice::Instruct, "nothing runs; the agent reads your words and proposes anew"),
        (Choice::Silence, if_silent),
    ]
    .map(|(choice, words)| Consequence { choice, words: words.to_owned() })
    .to_vec()
}
