//! The document's own test: cases that it must decide as they say.

use serde_json::Value;

use super::document::{CaseSource, Expected};
use super::provenance::Sources;
use super::{Facts, Inputs, PROFILED_CALLS, Policy};
use crate::domain::action::DecisionEffect;
use crate::domain::message::Speaker;
use crate::domain::time::Span;

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
        let problem = match &case.result {
            Some(answer) => self.look_at_answer(case, answer),
            None => self.look_at_call(case),
        };
        CaseResult { name: case.name.clone(), problem }
    }

    /// What is wrong with what is said of a result.
    fn look_at_answer(&self, case: &CaseSource, answer: &Value) -> Option<String> {
        if !self.checks_results_of(&case.tool) {
            return Some(format!("nothing is expected of the results of `{}`", case.tool));
        }
        let found = self.judge_case(case, |facts| self.problem_with_answer(facts, answer));
        match (case.expect, found) {
            (Expected::Allow, None) | (Expected::Escalate, Some(_)) => None,
            (Expected::Allow, Some(found)) => {
                Some(format!("expected allow, got escalate: {found}"))
            }
            (Expected::Escalate, None) => {
                Some("expected escalate, but the result is as expected".to_owned())
            }
            (Expected::Deny, _) => {
                Some("a result is not denied; want allow or escalate".to_owned())
            }
        }
    }

    /// What is wrong with what is said of a call.
    fn look_at_call(&self, case: &CaseSource) -> Option<String> {
        let verdict = self.judge_case(case, |facts| self.evaluate(facts));
        let said = match verdict.effect {
            DecisionEffect::Allow => Expected::Allow,
            DecisionEffect::Escalate => Expected::Escalate,
            DecisionEffect::Deny => Expected::Deny,
        };
        let by = verdict.rule.as_deref().unwrap_or("the default");
        match &case.rule {
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
        }
    }

    fn judge_case<T>(&self, case: &CaseSource, judge: impl FnOnce(&Facts<'_>) -> T) -> T {
        let mut sources = Sources::default();
        sources.add(Speaker::User, &case.goal);
        case.results.iter().for_each(|result| sources.add(Speaker::Tool, result));
        let inputs = Inputs {
            elapsed: case.elapsed.map_or(Span::ZERO, |it| it.0),
            windows: case.windows.clone(),
            facts: self.answered(&case.facts),
            novelty: case.novelty,
            profile_calls: if case.profiled { PROFILED_CALLS } else { 0 },
            unexpected_results: case.unexpected_results,
            ..Inputs::default()
        };
        judge(&Facts {
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
