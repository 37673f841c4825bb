//! Why a past action was decided as it was, and what other policies say of it.

use super::asked::Subject;
use super::evaluate::Evaluated;
use crate::domain::action::{Action, ActionContent, Decision};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::ActionId;
use crate::domain::policy::{Facts, Policy};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::engine::{Engine, authorize};

/// A decision, explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// What was decided then.
    pub recorded: Decision,
    /// The words of the rule that decided then.
    pub recorded_reason: String,
    /// What the policy that is asked says, and why.
    pub said: Evaluated,
}

/// A past action with what it was judged by.
pub(super) struct Recalled {
    pub(super) action: Action,
    content: ActionContent,
    run: Run,
}

impl Explained {
    /// Whether the effect is another than the recorded one.
    pub fn differs(&self) -> bool {
        self.said.verdict.effect != self.recorded.effect
    }
}

impl Engine {
    /// Explains the decision on an action: by the policy that decided, or by
    /// another.
    pub async fn explain_decision(
        &self,
        caller: &Principal,
        id: ActionId,
        subject: Option<Subject>,
    ) -> Result<Explained, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let action = self.get_action(caller, id).await?.action;
        let judged_by = Subject::Revision(action.decision.policy_revision);
        let asked = self.asked(tenant, &subject.unwrap_or(judged_by)).await?;
        let (recalled, policy) = (self.recall(tenant, action).await?, asked.policy());
        let explanation =
            self.judge(tenant, &recalled, policy, |facts| policy.explain(facts)).await?;
        Ok(Explained {
            recorded: recalled.action.decision,
            recorded_reason: recalled.content.decision_reason,
            said: Evaluated {
                verdict: explanation.verdict,
                revision: asked.revision(),
                rules: explanation.rules,
            },
        })
    }

    /// Reads what a past action was judged by.
    pub(super) async fn recall(&self, tenant: &str, action: Action) -> Result<Recalled, Error> {
        let content = self.payload::<ActionContent>(&action.content).await?;
        let run = self.existing_run(tenant, action.run).await?;
        Ok(Recalled { action, content, run })
    }

    /// Judges a past action again.
    pub(super) async fn judge<T>(
        &self,
        tenant: &str,
        recalled: &Recalled,
        policy: &Policy,
        judge: impl FnOnce(&Facts<'_>) -> T,
    ) -> Result<T, Error> {
        let Recalled { action, content, run } = recalled;
        let call = ToolCall::read("arguments", CallFields::of(&action.tool, content))?;
        let gathered = self.gather(tenant, run, policy, &call, Some(action.id)).await?;
        // By what was known then; what no policy asked for then is as it is now.
        let gathered = gathered.judged_by(&content.inputs);
        Ok(judge(&gathered.facts(&call, run, action.confidence)))
    }
}
