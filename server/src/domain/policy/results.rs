//! What a tool's result should be: its schema, and what must hold of it.

use serde_json::Value;

use super::condition::{Scope, on_deep_stack};
use super::{Facts, Policy};

impl Policy {
    /// Whether the catalogue expects anything of a tool's results.
    pub fn checks_results_of(&self, tool: &str) -> bool {
        self.tool(tool).result.is_some() || self.expectations.contains_key(tool)
    }

    /// What is wrong with a result: nothing, or what and where. A result that is no
    /// JSON is a text; what cannot be judged is wrong.
    pub fn problem_with_result(&self, facts: &Facts<'_>, result: &[u8]) -> Option<String> {
        let Ok(text) = std::str::from_utf8(result) else {
            return Some("it is neither JSON nor text".to_owned());
        };
        let answer = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        self.problem_with_answer(facts, &answer)
    }

    /// The same of a result that was read.
    pub(super) fn problem_with_answer(&self, facts: &Facts<'_>, answer: &Value) -> Option<String> {
        let tool = self.tool(facts.tool);
        let findings = tool.result.as_ref().map(|schema| schema.findings(answer));
        if let Some(findings) = findings.filter(|findings| !findings.is_empty()) {
            return Some(findings.join("; "));
        }
        let expected = self.expectations.get(facts.tool)?;
        let scope = Scope::new(self, facts, tool).with_answer(answer);
        match on_deep_stack(|| expected.holds(&scope)) {
            Ok(true) => None,
            Ok(false) => Some(format!("`{}` does not hold", expected.source())),
            Err(error) => Some(format!("`{}` could not be evaluated: {error}", expected.source())),
        }
    }
}
