//! The words of a timeline's rows: short, in one line each, as safe text.

use super::read::{Record, Row};
use super::{ActionStep, ChildStep, QuestionStep, StepDetail, StepView};
use crate::domain::action::{Action, ActionContent};
use crate::domain::branch::Branch;
use crate::domain::briefing::Briefing;
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::overrides::Override;
use crate::domain::render;
use crate::domain::run::Run;
use crate::domain::transcript::Content;
use crate::engine::transcripts::Shown;
use crate::engine::{Engine, read_error};
use crate::store::{Direction, keys};

/// The most characters of a text in a row, before marks take the place of some.
const MAX_CHARS: usize = 160;
/// How many questions that began with one action are looked at.
const QUESTIONS_LOOKED_AT: usize = 8;

/// The beginning of a text as one safe line.
fn line(words: &str) -> String {
    match words.char_indices().nth(MAX_CHARS) {
        None => render::line(words),
        Some((end, _)) => render::line(words.get(..end).unwrap_or_default()) + "…",
    }
}

impl Engine {
    /// A row with its words.
    pub(super) async fn show_step(
        &self,
        tenant: &str,
        run: &Run,
        row: Row,
    ) -> Result<StepView, Error> {
        let Row { place, time, end, idle_before, branch, record, .. } = row;
        let detail = match record {
            Record::Start => StepDetail::Start {
                agent: run.agent.clone(),
                goal: line(&self.text(run.goal.as_ref()).await?),
            },
            Record::End => {
                let (state, held_by) = self.shown_state(tenant, run).await?;
                StepDetail::End { state, held_by }
            }
            Record::Title => self.title_step(tenant, run, place.number()).await?,
            Record::Action(action) => self.action_step(tenant, *action).await?,
            Record::Question(it) => StepDetail::Question(Box::new(self.question_step(*it).await?)),
            Record::Checkpoint(it) => StepDetail::Checkpoint(it),
            Record::Child(child) => self.child_step(tenant, run, *child).await?,
            Record::Branch(branch) => self.branch_step(branch).await?,
            Record::Override(it) => self.override_step(it).await?,
        };
        Ok(StepView { place, time, end, idle_before, branch, detail })
    }

    async fn action_step(&self, tenant: &str, action: Action) -> Result<StepDetail, Error> {
        let content = self.payload::<ActionContent>(&action.content).await?;
        let target = match content.target.as_str() {
            "" => line(&String::from_utf8_lossy(&content.arguments)),
            target => line(target),
        };
        let question = match self.question_of(tenant, &action).await? {
            Some(it) => Some(self.question_step(it).await?),
            None => None,
        };
        Ok(StepDetail::Action(Box::new(ActionStep { action, target, question })))
    }

    /// The question by which a person was to permit an action. What is asked about it
    /// later has a row of its own.
    async fn question_of(
        &self,
        tenant: &str,
        action: &Action,
    ) -> Result<Option<Escalation>, Error> {
        let Some(id) = action.escalation else { return Ok(None) };
        let last = self.existing_escalation(tenant, id).await?;
        if last.question.comes_with_its_action() {
            return Ok(Some(last));
        }
        let range = keys::run_waits_from(tenant, action.run, action.create_time);
        let store = &self.0.store;
        let found = store.scan(range, Direction::Ascending, QUESTIONS_LOOKED_AT).await;
        for (key, _) in found.map_err(read_error)?.rows {
            let Some(id) = keys::listed_escalation(&key) else { continue };
            let asked = self.existing_escalation(tenant, id).await?;
            if asked.action == Some(action.id) && asked.question.comes_with_its_action() {
                return Ok(Some(asked));
            }
        }
        Ok(None)
    }

    async fn question_step(&self, escalation: Escalation) -> Result<QuestionStep, Error> {
        let briefing = self.payload::<Briefing>(&escalation.briefing).await?.shown().briefing;
        Ok(QuestionStep { escalation, headline: briefing.headline })
    }

    async fn title_step(&self, tenant: &str, run: &Run, entry: u64) -> Result<StepDetail, Error> {
        let found = self.read_entries(tenant, run.id, entry, 1).await?;
        let title = match found.first() {
            Some(Shown::Entry(found)) => match &found.content {
                Content::Step { title } if found.number == entry => line(title),
                _ => String::new(),
            },
            Some(Shown::Erased { .. }) => "erased".to_owned(),
            None => String::new(),
        };
        Ok(StepDetail::Title { title, entry })
    }

    async fn child_step(&self, tenant: &str, run: &Run, child: Run) -> Result<StepDetail, Error> {
        let (state, _) = self.shown_state(tenant, &child).await?;
        let goal = line(&self.goal_of(&child).await?);
        let depth = child.hop_count.saturating_sub(run.hop_count);
        Ok(StepDetail::Child(Box::new(ChildStep { run: child, state, goal, depth })))
    }

    async fn branch_step(&self, branch: Box<Branch>) -> Result<StepDetail, Error> {
        let instruction = line(&self.text(branch.instruction.as_ref()).await?);
        Ok(StepDetail::Branch { branch, instruction })
    }

    async fn override_step(&self, it: Box<Override>) -> Result<StepDetail, Error> {
        let reason = line(&self.text(Some(&it.reason)).await?);
        Ok(StepDetail::Override { it, reason })
    }
}
