//! What of a briefing is composed when it is read: the payload laid out, what was
//! answered before, and what it costs to wait.

use super::operation::Tx;
use super::past::PastCase;
use super::{Authorized, Engine, read_error};
use crate::domain::action::ActionContent;
use crate::domain::arguments;
use crate::domain::briefing::{self, BriefFact, Detail, Quote, STATEMENT_CHARS, ShownBriefing};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, ResolutionKind};
use crate::domain::money::Money;
use crate::domain::policy::DelayCost;
use crate::domain::render::{self, Rendered};
use crate::domain::run::Run;
use crate::domain::time::{Span, Timestamp};
use crate::store::{CommitLane, Direction, keys};

/// The most waiting questions of a run that are counted.
const MOST_WAITING: usize = 100;

/// What a briefing has only where one escalation is read.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveBriefing {
    /// The arguments, laid out.
    pub payload: Rendered,
    /// The arguments as a person changed them, laid out.
    pub edited: Option<Rendered>,
    /// The agent's own words, laid out.
    pub statement: Rendered,
    /// What the run is to reach, laid out.
    pub goal: Rendered,
    /// Facts that found no room among the first.
    pub more_facts: Vec<BriefFact>,
    /// What was cut, in full.
    pub details: Vec<Detail>,
    /// Where the values of the action were said before.
    pub quotes: Vec<Quote>,
    /// The last answers on the same tool and target.
    pub history: Vec<PastCase>,
    /// The last answers to the same rule on the same tool.
    pub similar: Vec<PastCase>,
    /// What waits; none: nothing, it is closed.
    pub delay: Option<Delay>,
}

/// What waits for an answer, and what that costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// Since when.
    pub since: Timestamp,
    /// How many questions of its run wait, this one included; at most 100 are counted.
    pub of_run: u64,
    /// How many questions of its agent wait, this one included.
    pub of_agent: u64,
    /// What the policy says that it costs.
    pub cost: Option<DelayCost>,
    /// What it has cost so far.
    pub spent: Option<Money>,
}

/// What a live briefing is about.
pub(super) struct Read<'a> {
    pub(super) tenant: &'a str,
    pub(super) escalation: &'a Escalation,
    pub(super) run: &'a Run,
    pub(super) goal: &'a str,
    pub(super) content: &'a ActionContent,
    pub(super) shown: ShownBriefing,
}

impl Engine {
    pub(super) async fn live_briefing(&self, read: Read<'_>) -> Result<LiveBriefing, Error> {
        let Read { tenant, escalation, run, goal, content, shown } = read;
        let quotes = match escalation.question.is_about_an_action() {
            true => self.quotes(tenant, run, goal, content).await?,
            false => Vec::new(),
        };
        Ok(LiveBriefing {
            payload: render::payload(&content.arguments),
            edited: self.edited(tenant, escalation).await?,
            statement: render::text(&content.reasoning, STATEMENT_CHARS),
            goal: render::text(goal, STATEMENT_CHARS),
            more_facts: shown.more_facts,
            details: shown.details,
            quotes,
            history: self.past_on_target(tenant, escalation, &content.target).await?,
            similar: self.past_by_rule(tenant, escalation).await?,
            delay: self.delay(tenant, escalation, shown.briefing.delay_cost).await?,
        })
    }

    /// What a person made of the arguments.
    async fn edited(
        &self,
        tenant: &str,
        escalation: &Escalation,
    ) -> Result<Option<Rendered>, Error> {
        let resolution = escalation.resolution.as_ref();
        let modified = resolution.filter(|it| it.kind == ResolutionKind::Modified);
        let Some(id) = modified.and_then(|it| it.action) else { return Ok(None) };
        let action = self.existing_action(tenant, id).await?;
        let content = self.payload::<ActionContent>(&action.content).await?;
        Ok(Some(render::payload(&content.arguments)))
    }

    /// Where the values of an action were said before.
    async fn quotes(
        &self,
        tenant: &str,
        run: &Run,
        goal: &str,
        content: &ActionContent,
    ) -> Result<Vec<Quote>, Error> {
        let by = Authorized::system(tenant, "look");
        let mut tx = Tx::new(self, &by, CommitLane::Normal);
        let heard = self.heard_by(&mut tx, run, goal).await?;
        let arguments = arguments::parse("arguments", &content.arguments)?;
        Ok(briefing::quotes(&arguments, heard.messages()))
    }

    async fn delay(
        &self,
        tenant: &str,
        escalation: &Escalation,
        cost: Option<DelayCost>,
    ) -> Result<Option<Delay>, Error> {
        if escalation.state != EscalationState::Open {
            return Ok(None);
        }
        let range = keys::run_opens(tenant, escalation.run);
        let found = self.0.store.scan(range, Direction::Ascending, MOST_WAITING).await;
        let of_run = found.map_err(read_error)?.rows.len() as u64;
        let (of_agent, _) = self.0.stats.open_counts(tenant, &escalation.agent);
        let waited = self.now().since(escalation.create_time).max(Span::ZERO);
        Ok(Some(Delay {
            since: escalation.create_time,
            of_run: of_run.max(1),
            of_agent: of_agent.max(1),
            spent: cost.as_ref().map(|cost| cost.of(waited)),
            cost,
        }))
    }
}
