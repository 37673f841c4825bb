//! The timeline of a run: what happened in it, put together from the lists that there are
//! anyway, one row for each thing.
//!
//! Every row has a [`Place`] that is the same from both ends, so that a page begins where
//! another ended in a few short scans, however long the run is.

mod find;
mod read;
mod show;

use futures::future::try_join_all;

use self::read::{LOOKED_BACK, Row, idle_before};
use super::list::{Page, open_token, seal_token};
use super::{Engine, limits, validate};
use crate::domain::action::Action;
use crate::domain::branch::Branch;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::Override;
use crate::domain::principal::Principal;
use crate::domain::run::{Run, RunState};
use crate::domain::time::{Span, Timestamp};
use crate::store::Direction;
pub use crate::store::keys::{Place, Rank};

/// How many rows of a page are read at once.
const READ_TOGETHER: usize = 64;
/// The most rows that one page looks at for those that are shown.
const MAX_LOOKED_AT: usize = 2_048;

/// What of a timeline is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// What went wrong.
    Errors,
    /// Actions that ran, may have run, or may be running.
    Effects,
    /// Questions to people, and actions that people were asked about.
    Escalations,
    /// Overrides and new paths.
    Overrides,
}

/// Which rows of which run.
#[derive(Clone, Debug)]
pub struct ListSteps {
    /// The run.
    pub run: RunId,
    /// Which page.
    pub page: Page,
    /// Whether the newest come first.
    pub is_descending: bool,
    /// What is shown.
    pub show: Show,
}

/// A page of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct StepsPage {
    /// The rows, in the order asked for.
    pub steps: Vec<StepView>,
    /// Asks for the next page; empty at the end.
    pub next_page_token: String,
    /// Oldest first: asks for what comes behind the last row, also at the end.
    pub resume_page_token: String,
}

/// A row with its words, as safe text.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// Where it stands.
    pub place: Place,
    /// When it began.
    pub time: Timestamp,
    /// When it ended; none: it goes on, or has no length.
    pub end: Option<Timestamp>,
    /// How long nothing went on before it; none: something did.
    pub idle_before: Option<Span>,
    /// The branch that it belongs to; 0 also where it belongs to none.
    pub branch: u32,
    /// What it is.
    pub detail: StepDetail,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepDetail {
    /// The run started.
    Start {
        /// The agent.
        agent: String,
        /// What it is to reach.
        goal: String,
    },
    /// The run ended.
    End {
        /// How.
        state: RunState,
        /// What stopped it.
        held_by: Option<OverrideId>,
    },
    /// A tool call was proposed.
    Action(Box<ActionStep>),
    /// A person was asked something beside.
    Question(Box<QuestionStep>),
    /// A state was saved.
    Checkpoint(Box<Checkpoint>),
    /// An override.
    Override {
        /// The override, with how far the run is with it.
        it: Box<Override>,
        /// Why.
        reason: String,
    },
    /// A run below it.
    Child(Box<ChildStep>),
    /// A new path.
    Branch {
        /// The branch.
        branch: Box<Branch>,
        /// What the agent is to do otherwise.
        instruction: String,
    },
    /// A step of the transcript.
    Title {
        /// Its title.
        title: String,
        /// The number of its entry.
        entry: u64,
    },
}

/// A tool call, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionStep {
    /// The action.
    pub action: Action,
    /// What it acts on.
    pub target: String,
    /// The question by which a person was to permit it.
    pub question: Option<QuestionStep>,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionStep {
    /// The escalation.
    pub escalation: Escalation,
    /// What is asked, in one line.
    pub headline: String,
}

/// A run below one.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildStep {
    /// The run.
    pub run: Run,
    /// Where it is in its life, with what holds it.
    pub state: RunState,
    /// What it is to reach.
    pub goal: String,
    /// How many delegations below.
    pub depth: u32,
}

/// Beyond which place, and in which direction.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// The place; none: from the end.
    place: Option<Place>,
    direction: Direction,
}

/// Some rows beyond an edge.
struct SomeRows {
    /// The rows.
    rows: Vec<Row>,
    /// The last place that was looked at; none: there is none.
    last: Option<Place>,
    /// Whether there are more.
    has_more: bool,
}

impl StepView {
    /// About how many bytes its words take.
    fn size(&self) -> usize {
        match &self.detail {
            StepDetail::Start { goal, .. } => goal.len(),
            StepDetail::Action(it) => {
                it.target.len() + it.question.as_ref().map_or(0, |it| it.headline.len())
            }
            StepDetail::Question(it) => it.headline.len(),
            StepDetail::Override { reason, .. } => reason.len(),
            StepDetail::Child(it) => it.goal.len(),
            StepDetail::Branch { instruction, .. } => instruction.len(),
            StepDetail::Title { title, .. } => title.len(),
            StepDetail::End { .. } | StepDetail::Checkpoint(_) => 0,
        }
    }
}

impl Engine {
    /// Returns a page of the timeline of a run that the caller may see.
    pub async fn list_steps(
        &self,
        caller: &Principal,
        list: &ListSteps,
    ) -> Result<StepsPage, Error> {
        let size = validate::page_size(list.page.size)?;
        let run = self.run_record(caller, list.run).await?;
        let tenant = &caller.tenant;
        let filter = format!("steps {tenant} {} {} {:?}", run.id, list.is_descending, list.show);
        let direction =
            if list.is_descending { Direction::Descending } else { Direction::Ascending };
        let mut edge = Edge { place: None, direction };
        if !list.page.token.is_empty() {
            let place = open_token(&list.page.token, &filter);
            let place = place.and_then(|bytes| Place::from_bytes(&bytes));
            edge.place = Some(place.ok_or(Error::PageTokenInvalid)?);
        }
        let (mut steps, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        let mut has_more = true;
        while has_more && steps.len() < size && bytes < limits::PAGE_BYTES {
            if looked_at >= MAX_LOOKED_AT {
                break;
            }
            let most = READ_TOGETHER.min(size - steps.len());
            let found = self.some_rows(tenant, &run, edge, most).await?;
            looked_at += most;
            (has_more, edge.place) = (found.has_more, found.last.or(edge.place));
            let rows = found.rows.into_iter();
            let shown = rows.filter(|row| row.is_shown(list.show, &run));
            let views = try_join_all(shown.map(|row| self.show_step(tenant, &run, row))).await?;
            bytes += views.iter().map(StepView::size).sum::<usize>();
            steps.extend(views);
        }
        let token = edge.place.map(|place| seal_token(&place.to_bytes(), &filter));
        let token = token.unwrap_or_default();
        let next_page_token = if has_more { token.clone() } else { String::new() };
        let resume_page_token = if list.is_descending { String::new() } else { token };
        Ok(StepsPage { steps, next_page_token, resume_page_token })
    }

    /// The next rows beyond an edge.
    async fn some_rows(
        &self,
        tenant: &str,
        run: &Run,
        edge: Edge,
        most: usize,
    ) -> Result<SomeRows, Error> {
        let is_descending = edge.direction == Direction::Descending;
        let mut before = Vec::new();
        let mut found = if is_descending {
            self.find_steps(tenant, run, edge, most + LOOKED_BACK).await?
        } else {
            if edge.place.is_some() {
                let back = Edge { direction: Direction::Descending, ..edge };
                before = self.find_steps(tenant, run, back, LOOKED_BACK).await?.places;
            }
            self.find_steps(tenant, run, edge, most).await?
        };
        if is_descending {
            found.has_more |= found.places.len() > most;
            before = found.places.split_off(most.min(found.places.len()));
        }
        let last = found.places.last().copied();
        if is_descending {
            found.places.reverse();
        }
        before.reverse();
        before.extend(edge.place.filter(|_| !is_descending));
        let mut all = self.read_steps(tenant, run, &before).await?;
        let rows = self.read_steps(tenant, run, &found.places).await?;
        let known = all.len();
        for mut row in rows {
            row.idle_before = idle_before(&all, row.time);
            all.push(row);
        }
        let mut rows = all.split_off(known);
        if is_descending {
            rows.reverse();
        }
        Ok(SomeRows { rows, last, has_more: found.has_more })
    }
}
