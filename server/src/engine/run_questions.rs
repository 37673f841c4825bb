//! Questions about a run rather than an action of it: it has used up its time, a tool
//! answered what nobody expects, or it was redirected. The run is not stopped by one of
//! the former two. Until a person
//! says yes, the policy's triggers ask about each thing that it wants to change.

use super::operation::Tx;
use super::{closing, floods, limits, overrides};
use crate::domain::action::{Action, ActionContent};
use crate::domain::briefing::{self, Briefing};
use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, Opening, Question, ResolutionKind, ResumeMode};
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, OverrideId, RunId, WaitId};
use crate::domain::money::Stake;
use crate::domain::policy::{Ask, OnExpiry, Policy, REDIRECT_RULE, RESULTS_RULE, TIME_BUDGET_RULE};
use crate::domain::queue::Plan;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Span;
use crate::store::keys;

const QUESTION_TAG: &str = "pointsman.run_question.v1";

/// A question about a run.
struct About<'a> {
    run: &'a Run,
    question: Question,
    /// The action that raised it.
    action: Option<&'a Action>,
    /// What an answer is bound to.
    digest: Digest,
    /// The rule that asks about what the run does meanwhile.
    rule: &'static str,
    words: Briefing,
    /// The team that it goes to; none: as the settings of the queue say.
    team: Option<&'a str>,
}

/// Asks whether an overdue run is stuck, or may have as much time again.
pub(super) async fn is_it_stuck(tx: &mut Tx<'_>, run: &Run, budget: Span) -> Result<(), Error> {
    let mut hasher = FieldHasher::new(QUESTION_TAG);
    hasher.field(run.id.as_bytes()).field(b"overdue").field(&run.revision.to_be_bytes());
    let about = About {
        run,
        question: Question::RunOverdue,
        action: None,
        digest: hasher.finish(),
        rule: TIME_BUDGET_RULE,
        words: briefing::for_overdue_run(&run.agent, budget),
        team: None,
    };
    about.open(tx).await?;
    Ok(())
}

/// Asks a team whether a run that a supervisor has redirected may go on.
pub(super) async fn may_it_go_on(
    tx: &mut Tx<'_>,
    run: &Run,
    override_id: OverrideId,
    team: &str,
    why: &str,
) -> Result<EscalationId, Error> {
    let mut hasher = FieldHasher::new(QUESTION_TAG);
    hasher.field(run.id.as_bytes()).field(b"redirected").field(override_id.as_bytes());
    let about = About {
        run,
        question: Question::RunRedirected,
        action: None,
        digest: hasher.finish(),
        rule: REDIRECT_RULE,
        words: briefing::for_redirected_run(&run.agent, tx.by.name(), why),
        team: Some(team),
    };
    about.open(tx).await
}

/// Notes that a result is not as the policy expects, and asks whether the run may rely
/// on it. The caller writes the run once all results of its call are noted: a
/// transaction does not see what it has written.
pub(super) async fn may_it_rely(
    tx: &mut Tx<'_>,
    run: &mut Run,
    action: &Action,
    content: &ActionContent,
    problem: &str,
) -> Result<(), Error> {
    run.unexpected_results = run.unexpected_results.saturating_add(1);
    let subjects = closing::action_subjects(action, None);
    tx.event_about(EventKind::ResultUnexpected, subjects, Some(action.digest), &[]);
    if run.unexpected_results > limits::MAX_UNEXPECTED_ASKED {
        return Ok(());
    }
    let mut hasher = FieldHasher::new(QUESTION_TAG);
    hasher.field(run.id.as_bytes()).field(b"result").field(action.id.as_bytes());
    hasher.field(action.digest.as_bytes());
    let about = About {
        run,
        question: Question::UnexpectedResult,
        action: Some(action),
        digest: hasher.finish(),
        rule: RESULTS_RULE,
        words: briefing::for_unexpected_result(&action.tool, content, problem),
        team: None,
    };
    about.open(tx).await?;
    Ok(())
}

/// Takes a person's answer. A no leaves the run as it is: what it wants to change is
/// asked about one by one.
pub(super) async fn answer(
    tx: &mut Tx<'_>,
    escalation: &Escalation,
    kind: ResolutionKind,
) -> Result<(), Error> {
    if escalation.question == Question::AgentFlood {
        return floods::answer(tx, escalation, kind).await;
    }
    if kind != ResolutionKind::Approved {
        return Ok(());
    }
    if escalation.question == Question::RunRedirected {
        return overrides::let_go_on(tx, escalation).await;
    }
    let key = keys::run(tx.tenant(), escalation.run);
    let mut run = existing(tx, escalation.run).await?;
    match escalation.question {
        Question::RunOverdue => {
            run.overdue_time = None;
            run.clock_start = Some(tx.now);
            if let Some(budget) = tx.policy().await?.policy.time_budget {
                let next = super::runs::overdue_timer(tx.tenant(), run.id, tx.now.plus(budget));
                tx.mark(next.key());
            }
        }
        Question::UnexpectedResult => {
            run.unexpected_results = run.unexpected_results.saturating_sub(1);
        }
        Question::ApproveAction
        | Question::ExecutionUnknown
        | Question::CompensateAction
        | Question::RunRedirected
        | Question::AgentFlood => return Ok(()),
    }
    run.revision += 1;
    tx.put(key, &run)
}

async fn existing(tx: &mut Tx<'_>, id: RunId) -> Result<Run, Error> {
    let found = tx.get::<Run>(keys::run(tx.tenant(), id)).await?;
    found.ok_or_else(|| super::views::missing(Resource::Run, &id))
}

/// The run of an action whose result came, while it runs: afterwards there is nothing
/// to ask.
pub(super) async fn running(tx: &mut Tx<'_>, action: &Action) -> Result<Option<Run>, Error> {
    let run = existing(tx, action.run).await?;
    Ok(Some(run).filter(|run| run.state == RunState::Running))
}

impl About<'_> {
    async fn open(self, tx: &mut Tx<'_>) -> Result<EscalationId, Error> {
        let revision = tx.policy().await?;
        let mut escalation = self.escalation(tx, revision.id, &revision.policy)?;
        escalation.plan =
            self.team.map(|team| Plan { teams: vec![team.to_owned()], ..Plan::default() });
        closing::open(tx, &mut escalation).await?;
        Ok(escalation.id)
    }

    fn escalation(
        &self,
        tx: &mut Tx<'_>,
        revision: crate::domain::ids::PolicyRevisionId,
        policy: &Policy,
    ) -> Result<Escalation, Error> {
        let ask = policy.ask_of(self.rule);
        let ask = Ask { on_expiry: OnExpiry::Cancel, ..ask };
        let opening = Opening {
            id: EscalationId::new(tx.next_id()),
            wait: WaitId::new(tx.next_id()),
            question: self.question,
            run: self.run,
            action: self.action,
            digest: self.digest,
            ask: &ask,
            stake: Stake::Unpriced,
            rule: Some(self.rule.to_owned()),
            policy_revision: revision,
            briefing: tx.payload(&self.words, None)?,
            checkpoint: None,
            resume_mode: ResumeMode::Detached,
        };
        Ok(opening.at(tx.now))
    }
}
