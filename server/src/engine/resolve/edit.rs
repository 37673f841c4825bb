//! Edits: a person's own version of a call, which takes the place of the proposed one.

use bytes::Bytes;

use super::Resolving;
use crate::domain::action::{Action, ActionContent, ActionState, Decision, DecisionEffect};
use crate::domain::authority::Matter;
use crate::domain::call::{CallFields, ToolCall};
use crate::domain::digest::Digest;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, Key, Question, SeverityTier};
use crate::domain::event::EventKind;
use crate::domain::ids::{ActionId, PolicyRevisionId};
use crate::domain::money::Stake;
use crate::domain::policy::Verdict;
use crate::domain::principal::Role;
use crate::domain::run::Run;
use crate::engine::facts::About;
use crate::engine::operation::Tx;
use crate::engine::people::AskedAbout;
use crate::engine::situation::Gathered;
use crate::engine::{closing, views};
use crate::store::keys;
use crate::store::records::MessageForm;

/// An edited call, judged under the revision that judged the proposal.
pub(super) struct Edit {
    /// The edited call.
    pub(super) asked: AskedAbout,
    verdict: Verdict,
    gathered: Gathered,
    /// The digest of the edited action.
    pub(super) digest: Digest,
    stake: Stake,
}

impl Edit {
    /// What the editor has to have authority for.
    pub(super) fn matter<'a>(&'a self, question: &'a Escalation) -> Matter<'a> {
        let ask = self.verdict.ask.as_ref();
        Matter {
            lane: ask.map_or(&question.lane, |ask| &ask.lane),
            tool: &question.tool,
            severity: ask.map_or(question.severity, |ask| ask.severity),
            stake: &self.stake,
            called: None,
        }
    }

    /// How grave a mistake would be; of what the policy allows unasked, least.
    pub(super) fn severity(&self) -> SeverityTier {
        self.verdict.ask.as_ref().map_or(SeverityTier::Low, |ask| ask.severity)
    }

    /// The value that the edit turns on.
    pub(super) fn key(&self, question: &Escalation) -> Key {
        Key::of(&self.stake, &self.asked.content.target, &question.action_digest)
    }

    /// What the policy says of it, and why.
    pub(super) fn decision(&self, revision: PolicyRevisionId) -> (Decision, String) {
        (Decision::of(&self.verdict, revision), self.verdict.reason.clone())
    }

    /// How many people the edited call wants.
    pub(super) fn quorum(&self) -> u32 {
        self.verdict.ask.as_ref().map_or(1, |ask| ask.quorum)
    }

    /// The role that the edited call wants.
    pub(super) fn required_role(&self) -> Option<Role> {
        self.verdict.ask.as_ref().and_then(|ask| ask.required_role)
    }

    /// Refuses a caller without the role that the edited call wants.
    pub(super) fn require_role(&self, tx: &Tx<'_>) -> Result<(), Error> {
        match self.required_role().filter(|role| !tx.by.has(*role)) {
            Some(role) => Err(Error::RoleRequired { role: role.name() }),
            None => Ok(()),
        }
    }
}

impl Resolving<'_> {
    /// Judges an edited call, by the facts of now; nothing is changed by it.
    pub(super) async fn weigh_edit(
        &self,
        tx: &mut Tx<'_>,
        question: &Escalation,
        proposed: &Action,
        arguments: &Bytes,
        target: Option<&str>,
    ) -> Result<Edit, Error> {
        if question.question != Question::ApproveAction {
            return Err(Error::field("modify", "an action that may have run cannot be edited"));
        }
        let found = tx.get::<Run>(keys::run(tx.tenant(), proposed.run)).await?;
        let run = found.ok_or_else(|| views::missing(Resource::Run, &proposed.run))?;
        let mut content = tx.engine.payload::<ActionContent>(&proposed.content).await?;
        content.arguments = arguments.clone();
        if let Some(target) = target {
            target.clone_into(&mut content.target);
        }
        let call = ToolCall::read("modify.arguments", CallFields::of(&proposed.tool, &content))?;
        let revision = tx.engine.policy_of(tx.tenant(), proposed.decision.policy_revision).await?;
        let known = self.asked.of(tx.engine, &revision.policy, About::new(&call, &run)).await;
        let gathered = tx.gather(&run, &revision.policy, &call, Some(proposed.id)).await?;
        let gathered = gathered.with_facts(known);
        let verdict = revision.policy.evaluate(&gathered.facts(&call, &run, proposed.confidence));
        if verdict.effect == DecisionEffect::Deny {
            let rule = verdict.rule.unwrap_or_default();
            return Err(Error::DeniedByPolicy { rule, reason: verdict.reason });
        }
        let digest = call.digest(tx.tenant(), &run, proposed.decision.policy_revision);
        let stake = revision.policy.tool(&proposed.tool).stake(call.arguments());
        content.decided(&verdict, gathered.inputs().clone());
        let asked = AskedAbout { revision, run, tool: proposed.tool.clone(), content };
        Ok(Edit { asked, verdict, gathered, digest, stake })
    }
}

/// Makes the edited action, with a digest and a grant of its own.
pub(super) fn grant(
    tx: &mut Tx<'_>,
    question: &Escalation,
    proposed: &Action,
    edit: Edit,
) -> Result<ActionId, Error> {
    let mut edited = proposed.clone();
    edited.id = ActionId::new(tx.next_id());
    edited.state = ActionState::Granted;
    edited.digest = edit.digest;
    edited.content = tx.payload(&edit.asked.content, None)?;
    edited.decision = Decision::of(&edit.verdict, proposed.decision.policy_revision);
    edited.is_counted = false;
    edit.gathered.count(tx, &mut edited)?;
    edited.modified_from = Some(proposed.id);
    edited.grant = Some(closing::approve_grant(tx, question.resume_mode));
    edited.create_time = tx.now;
    edited.update_time = tx.now;
    tx.heard_person(edited.run, MessageForm::Arguments, edited.content)?;
    tx.put(keys::action(tx.tenant(), edited.id), &edited)?;
    tx.mark(keys::run_action(tx.tenant(), edited.run, edited.id));
    let subjects = closing::action_subjects(&edited, edited.grant.map(|grant| grant.id));
    let payloads = [edited.content];
    tx.event_about(EventKind::ActionModified, subjects, Some(edit.digest), &payloads);
    Ok(edited.id)
}
