//! Whether what was approved is known to be stopped by now, before anybody redeems it.

use crate::domain::action::ActionState;
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::run::Run;
use crate::engine::Engine;
use crate::engine::views::ActionView;

/// Why an action would be refused if its grant were redeemed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The rule; empty: the policy's default.
    pub rule: String,
    /// Its words.
    pub reason: String,
    /// The revision in force.
    pub policy_revision: PolicyRevisionId,
}

impl Engine {
    /// Looks at an action that may run as it will be looked at when its grant is redeemed,
    /// by the policy in force. Systems of record are not asked: what they answered when it
    /// was decided counts.
    pub(in crate::engine) async fn blocked_now(
        &self,
        tenant: &str,
        run: &Run,
        view: &ActionView,
    ) -> Result<Option<Blocked>, Error> {
        let (action, content) = (&view.action, &view.content);
        let current = self.policy(tenant)?;
        if action.state != ActionState::Granted || current.id == action.decision.policy_revision {
            return Ok(None);
        }
        let call = ToolCall::read("arguments", CallFields::of(&action.tool, content))?;
        let own = Some(action.id);
        let gathered = self.gather(tenant, run, &current.policy, &call, own).await?;
        let facts = content.inputs.facts.clone();
        let gathered = gathered.with_facts(facts);
        let facts = gathered.facts(&call, run, action.confidence);
        let blocked = current.policy.blocks(&facts, action.escalation.is_some());
        Ok(blocked.map(|verdict| Blocked {
            rule: verdict.rule.unwrap_or_default(),
            reason: verdict.reason,
            policy_revision: current.id,
        }))
    }
}
