//! The call that a question is about, read for the conditions of authorities.

use std::sync::Arc;

use crate::domain::action::{Action, ActionContent};
use crate::domain::authority::{Called, Matter};
use crate::domain::call::{CallFields, Situation, ToolCall};
use crate::domain::directory::{Answerer, Directory};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::ids::AuthorityId;
use crate::domain::policy::{Inputs, Sources};
use crate::domain::run::Run;
use crate::domain::time::Timestamp;
use crate::engine::operation::Tx;
use crate::engine::policies::Revision;
use crate::store::keys;

/// A call, and what is known of it.
pub(in crate::engine) struct AskedAbout {
    /// The revision that judged it.
    pub(in crate::engine) revision: Arc<Revision>,
    /// Its run.
    pub(in crate::engine) run: Run,
    /// The tool.
    pub(in crate::engine) tool: String,
    /// What it says.
    pub(in crate::engine) content: ActionContent,
}

/// The authority by which somebody may answer a matter about a call, or the refusal.
pub(in crate::engine) fn admit(
    people: &Directory,
    by: Answerer<'_>,
    matter: &Matter<'_>,
    asked: Option<&AskedAbout>,
    subject: &str,
    now: Timestamp,
) -> Result<AuthorityId, Error> {
    let Some(AskedAbout { revision, run, tool, content }) = asked else {
        return Ok(people.admit(by, matter, subject, now)?.id);
    };
    let call = ToolCall::read("arguments", CallFields::of(tool, content))?;
    let (sources, inputs) = (Sources::default(), Inputs::default());
    let (sources, inputs) = (&sources, &inputs);
    let facts = call.facts(&Situation { run, goal: "", confidence: None, sources, inputs });
    let called = Some(Called { policy: &revision.policy, facts });
    Ok(people.admit(by, &Matter { called, ..*matter }, subject, now)?.id)
}

impl Tx<'_> {
    /// Reads the call that a question is about; none: it is about no call, or no
    /// authority asks what calls say.
    pub(in crate::engine) async fn asked_about(
        &mut self,
        question: &Escalation,
    ) -> Result<Option<AskedAbout>, Error> {
        let Some(id) = question.action else { return Ok(None) };
        if !self.people().await?.reads_calls(self.now) {
            return Ok(None);
        }
        let (action, run) =
            (keys::action(self.tenant(), id), keys::run(self.tenant(), question.run));
        let (Some(action), Some(run)) =
            (self.get::<Action>(action).await?, self.get::<Run>(run).await?)
        else {
            return Ok(None);
        };
        let content = self.engine.payload::<ActionContent>(&action.content).await?;
        let revision =
            self.engine.policy_of(self.tenant(), action.decision.policy_revision).await?;
        Ok(Some(AskedAbout { revision, run, tool: action.tool, content }))
    }
}
