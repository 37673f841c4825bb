//! A policy's own test, and what a look over it finds.

use super::asked::Subject;
use crate::domain::error::Error;
use crate::domain::policy::{CaseResult, Finding, Policy};
use crate::domain::principal::Principal;
use crate::engine::{Engine, authorize};

/// What a test of a policy showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What became of each case.
    pub results: Vec<CaseResult>,
    /// What a look over the document found.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// How many cases failed.
    pub fn failed_count(&self) -> usize {
        self.results.iter().filter(|result| result.problem.is_some()).count()
    }
}

/// Refuses a policy that fails its own test.
pub(super) fn require_tests(policy: &Policy) -> Result<(), Error> {
    let failed = policy
        .run_cases()
        .into_iter()
        .filter_map(|CaseResult { name, problem }| problem.map(|problem| (name, problem)));
    let failed: Vec<_> = failed.collect();
    match failed.first() {
        None => Ok(()),
        Some((case, problem)) => Err(Error::PolicyTestsFailed {
            failed: failed.len(),
            case: case.clone(),
            problem: problem.clone(),
        }),
    }
}

impl Engine {
    /// Looks a policy over for this server.
    pub(super) fn look_over(&self, policy: &Policy) -> Vec<Finding> {
        policy.lint_for(|provider| self.0.facts.knows(provider))
    }

    /// Runs a policy's own test cases and looks it over, without any effect.
    pub async fn test_policy(
        &self,
        caller: &Principal,
        subject: &Subject,
    ) -> Result<Checked, Error> {
        authorize::overseer(caller)?;
        let asked = self.asked(&caller.tenant, subject).await?;
        let policy = asked.policy();
        Ok(Checked { results: policy.run_cases(), findings: self.look_over(policy) })
    }
}
