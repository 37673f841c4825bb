//! Guidance: what a model is told of the policy, the weakest kind of guardrail.
//! Nothing relies on it: what it says is enforced elsewhere, or not at all.

use super::rule::When;
use super::{Effect, Policy};

/// What a model is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guidance {
    /// The document's words.
    pub text: String,
    /// Tools of the catalogue that are forbidden whatever the arguments.
    pub forbidden_tools: Vec<String>,
    /// Tools of the catalogue that always wait for a person.
    pub approval_tools: Vec<String>,
}

impl Policy {
    /// What a model is told of a run that these constraint sets bind.
    pub fn guidance_for(&self, constraint_sets: &[String]) -> Guidance {
        let always = |tool: &str, effect: Effect| {
            self.rules.iter().any(|rule| {
                let is_bound = rule.set.as_ref().is_none_or(|set| constraint_sets.contains(set));
                rule.effect == effect
                    && rule.class.is_none()
                    && is_bound
                    && matches!(rule.when, When::Always)
                    && rule.is_about(tool)
            })
        };
        let names = |effects: &[Effect]| -> Vec<String> {
            let is_meant = |tool: &&String| effects.iter().any(|effect| always(tool, *effect));
            self.tools.keys().filter(is_meant).cloned().collect()
        };
        let forbidden_tools = names(&[Effect::Deny]);
        let mut approval_tools = names(&[Effect::Escalate, Effect::RequireApproval]);
        approval_tools.retain(|tool| !forbidden_tools.contains(tool));
        Guidance { text: self.guidance.clone(), forbidden_tools, approval_tools }
    }
}
