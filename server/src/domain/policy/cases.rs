//! The document's own test: cases that it must decide as they say.

use super::document::{CaseSource, Expected};
use super::provenance::Sources;
use super::{FactAnswer, Facts, Inputs, PROFILED_CALLS, Policy, Verdict};
use crate::domain::action::DecisionEffect;
use crate::domain::message::Speaker;
use crate::domain::time::{Span, Timestamp};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// What the case shows.
    pub name: String,
    /// What was wrong; none: it passed.
    pub problem: Option<String>,
}

impl Policy {
    /// Runs the document's own test.
    pub fn run_cases(&self) -> Vec<CaseResult> {
        self.cases.iter().map(|case| self.run_case(case)).collect()
    }

    fn run_case(&self, case: &CaseSource) -> CaseResult {
        let verdict = self.decide_case(case);
        let said = match verdict.effect {
            DecisionEffect::Allow => Expected::Allow,
            DecisionEffect::Escalate => Expected::Escalate,
            DecisionEffect::Deny => Expected::Deny,
        };
        let by = verdict.rule.as_deref().unwrap_or("the default");
        let problem = match &case.rule {
            _ if said != case.expect => Some(format!(
                "expected {}, got {} by {by}: {}",
                case.expect.name(),
                said.name(),
                verdict.reason
            )),
            Some(rule) if verdict.rule.as_ref() != Some(rule) => {
                Some(format!("expected rule `{rule}` to decide, but {by} did"))
            }
            _ => None,
        };
        CaseResult { name: case.name.clone(), problem }
    }

    fn decide_case(&self, case: &CaseSource) -> Verdict {
        let mut sources = Sources::default();
        sources.add(Speaker::User, &case.goal);
        case.results.iter().for_each(|result| sources.add(Speaker::Tool, result));
        let known = |value: &serde_json::Value| FactAnswer::Known {
            value: value.clone(),
            time: Timestamp::default(),
        };
        let inputs = Inputs {
            elapsed: case.elapsed.map_or(Span::ZERO, |it| it.0),
            windows: case.windows.clone(),
            facts: case.facts.iter().map(|(name, value)| (name.clone(), known(value))).collect(),
            novelty: case.novelty,
            profile_calls: if case.profiled { PROFILED_CALLS } else { 0 },
            ..Inputs::default()
        };
        self.evaluate(&Facts {
            tool: &case.tool,
            tool_schema_version: "",
            target: "",
            arguments: &case.arguments,
            confidence: case.confidence,
            agent: &case.agent,
            on_behalf_of: None,
            ancestors: &[],
            constraint_sets: &case.constraint_sets,
            hop_count: case.hop_count,
            goal: &case.goal,
            sources: &sources,
            inputs: &inputs,
        })
    }
}

impl Expected {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Escalate => "escalate",
            Self::Deny => "deny",
        }
    }
}
