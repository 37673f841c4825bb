//! Why a past action was decided as it was, and what other policies say of it.

use super::asked::Subject;
use super::evaluate::Evaluated;
use crate::domain::action::{ActionContent, Decision};
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::ActionId;
use crate::domain::principal::Principal;
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
        let content = self.payload::<ActionContent>(&action.content).await?;
        let judged_by = Subject::Revision(action.decision.policy_revision);
        let asked = self.asked(tenant, &subject.unwrap_or(judged_by)).await?;
        let call = ToolCall::read("arguments", CallFields::of(&action.tool, &content))?;
        let run = self.existing_run(tenant, action.run).await?;
        let gathered = self.gather(tenant, &run, asked.policy(), &call, Some(id)).await?;
        // By what was known then; what no policy asked for then is as it is now.
        let gathered = gathered.judged_by(&content.inputs);
        let explanation = asked.policy().explain(&gathered.facts(&call, &run, action.confidence));
        Ok(Explained {
            recorded: action.decision,
            recorded_reason: content.decision_reason,
            said: Evaluated {
                verdict: explanation.verdict,
                revision: asked.revision(),
                rules: explanation.rules,
            },
        })
    }
}
