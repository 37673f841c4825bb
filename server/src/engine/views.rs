//! What callers are shown: records with their payloads.

use futures::future::try_join_all;

use super::branches::BranchView;
use super::briefing::{LiveBriefing, Read};
use super::checkpoints::QuestionOf;
use super::conversation::QuestionView;
use super::redeem::Blocked;
use super::{Engine, authorize};
use crate::domain::action::{Action, ActionContent};
use crate::domain::briefing::{Briefing, ShownBriefing};
use crate::domain::checkpoint::{Checkpoint, CheckpointContent};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationState, ResolutionContent, Wants};
use crate::domain::ids::{ActionId, EscalationId, OverrideId, RunId};
use crate::domain::principal::Principal;
use crate::domain::resumption::Resumption;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Timestamp;
use crate::store::keys;

/// A run with its goal.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// The run.
    pub run: Run,
    /// Where it is in its life, with what holds it.
    pub state: RunState,
    /// What pauses or stopped it.
    pub held_by: Option<OverrideId>,
    /// What it is to reach.
    pub goal: String,
}

/// An action with its content.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionView {
    /// The action.
    pub action: Action,
    /// What the client sent of it.
    pub content: ActionContent,
    /// The tool's answer, once reported.
    pub result: Vec<u8>,
}

impl ActionView {
    /// About how many bytes it takes in a message.
    pub(super) fn size(&self) -> usize {
        content_size(&self.content) + self.result.len()
    }
}

fn content_size(content: &ActionContent) -> usize {
    content.arguments.len()
        + content.preconditions.len()
        + content.reasoning.len()
        + content.target.len()
        + content.decision_reason.len()
}

/// What the full view of an escalation adds.
#[derive(Clone, Debug, PartialEq)]
pub struct EscalationDetail {
    /// What the client sent of the action.
    pub content: ActionContent,
    /// How sure the agent says it is.
    pub confidence: Option<f64>,
    /// What the run is to reach.
    pub goal: String,
    /// What the agent was asked.
    pub questions: Vec<QuestionView>,
    /// The actions that follow its correction in words.
    pub followed_by: Vec<ActionId>,
    /// What the holder of the claim was told with it.
    pub claim_note: String,
    /// What only the reader of this one escalation gets.
    pub live: Option<LiveBriefing>,
}

/// An escalation with what its view shows.
#[derive(Clone, Debug, PartialEq)]
pub struct EscalationView {
    /// The escalation.
    pub escalation: Escalation,
    /// The briefing, in safe text.
    pub briefing: Briefing,
    /// What the full view adds; absent in the basic view.
    pub detail: Option<EscalationDetail>,
    /// The words of the resolution.
    pub resolution: Option<ResolutionContent>,
    /// What the answers want; none: nothing, or it is closed.
    pub wants: Option<Wants>,
}

impl EscalationView {
    /// About how many bytes it takes in a message.
    pub(super) fn size(&self) -> usize {
        let detail = self.detail.as_ref();
        let words = self.resolution.as_ref();
        let said = |detail: &EscalationDetail| {
            detail.questions.iter().map(QuestionView::size).sum::<usize>()
        };
        detail.map_or(0, |it| content_size(&it.content) + it.goal.len() + said(it))
            + words.map_or(0, ResolutionContent::size)
            + briefing_size(&self.briefing, detail.is_some())
    }
}

fn briefing_size(briefing: &Briefing, is_full: bool) -> usize {
    let risks = briefing.risks.iter().map(|risk| risk.words.len()).sum::<usize>();
    let facts = briefing.facts.iter().map(|it| it.label.len() + it.value.len() + it.source.len());
    let facts = if is_full { facts.sum() } else { 0 };
    briefing.headline.len() + briefing.target.len() + briefing.why.len() + risks + facts
}

/// The end of a wait, with what may run now.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumptionView {
    /// The resumption.
    pub resumption: Resumption,
    /// The escalation that ended.
    pub escalation: Escalation,
    /// The words of the resolution.
    pub resolution: Option<ResolutionContent>,
    /// The action that may run.
    pub action: Option<ActionView>,
    /// Whether the lease still holds, so that the grant can be used.
    pub is_held: bool,
    /// Where to go on, if the run has left the path on which it was asked.
    pub branch: Option<BranchView>,
    /// Why the action would be refused now.
    pub blocked: Option<Blocked>,
}

/// A checkpoint with its content; the state is in it only where the caller asked for it and
/// may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointView {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// What is known of the agent's state.
    pub content: CheckpointContent,
    /// How many bytes the state has.
    pub state_bytes: u64,
    /// Why it is known to be good.
    pub note: String,
    /// The question with which it was saved.
    pub question: Option<QuestionOf>,
}

impl CheckpointView {
    /// About how many bytes it takes in a message.
    pub(super) fn size(&self) -> usize {
        let envelope = &self.content.envelope;
        let calls = envelope.pending_calls.iter().map(|call| call.arguments.len());
        envelope.planned_action.len()
            + envelope.reasoning.len()
            + calls.sum::<usize>()
            + self.note.len()
    }
}

/// How much of an escalation to load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Without arguments, statements and goal.
    #[default]
    Basic,
    /// Everything that is stored.
    Full,
    /// The same, with what changes while it waits: for one escalation.
    Live,
}

impl Engine {
    pub(super) async fn run_record(&self, caller: &Principal, id: RunId) -> Result<Run, Error> {
        self.read::<Run>(&keys::run(&caller.tenant, id))
            .await?
            .filter(|run| authorize::may_see(caller, &run.agent))
            .ok_or_else(|| Error::not_found(Resource::Run, id))
    }

    pub(super) async fn run_view(&self, tenant: &str, run: Run) -> Result<RunView, Error> {
        let goal = self.text(run.goal.as_ref()).await?;
        let (state, held_by) = self.shown_state(tenant, &run).await?;
        Ok(RunView { run, state, held_by, goal })
    }

    /// Returns one action.
    pub async fn get_action(&self, caller: &Principal, id: ActionId) -> Result<ActionView, Error> {
        let action = self
            .read::<Action>(&keys::action(&caller.tenant, id))
            .await?
            .filter(|action| authorize::may_see(caller, &action.agent))
            .ok_or_else(|| Error::not_found(Resource::Action, id))?;
        self.action_view(action).await
    }

    pub(super) async fn action_view(&self, action: Action) -> Result<ActionView, Error> {
        let content = self.payload::<ActionContent>(&action.content).await?;
        let result = match action.outcome.as_ref().and_then(|outcome| outcome.result.as_ref()) {
            Some(reference) => {
                self.0.store.payload(reference).await.map_err(super::read_error)?.to_vec()
            }
            None => Vec::new(),
        };
        Ok(ActionView { action, content, result })
    }

    /// Returns one escalation with its whole briefing.
    pub async fn get_escalation(
        &self,
        caller: &Principal,
        id: EscalationId,
    ) -> Result<EscalationView, Error> {
        let escalation = self
            .read::<Escalation>(&keys::escalation(&caller.tenant, id))
            .await?
            .filter(|escalation| authorize::may_see(caller, &escalation.agent))
            .ok_or_else(|| Error::not_found(Resource::Escalation, id))?;
        if escalation.state == EscalationState::Open && authorize::reviewer(caller).is_ok() {
            self.0.looks.note(id, &caller.name, self.now());
        }
        if authorize::overseer(caller).is_ok() {
            return self.escalation_view(&caller.tenant, escalation, Depth::Live).await;
        }
        // Others' questions are not for agents to read.
        let mut view = self.escalation_view(&caller.tenant, escalation, Depth::Full).await?;
        view.escalation.conversation.comments = 0;
        let resolution = view.resolution.map(ResolutionContent::for_agents);
        Ok(EscalationView { resolution, ..view })
    }

    pub(super) async fn escalation_view(
        &self,
        tenant: &str,
        escalation: Escalation,
        depth: Depth,
    ) -> Result<EscalationView, Error> {
        let shown = self.payload::<Briefing>(&escalation.briefing).await?.shown();
        let briefing = shown.briefing.clone();
        let resolution = self.resolution_content(&escalation).await?;
        let detail = match depth {
            Depth::Basic => None,
            Depth::Full => Some(self.escalation_detail(tenant, &escalation, None).await?),
            Depth::Live => Some(self.escalation_detail(tenant, &escalation, Some(shown)).await?),
        };
        let wants = escalation.wants(&briefing.target);
        Ok(EscalationView { escalation, briefing, detail, resolution, wants })
    }

    pub(super) async fn escalation_views(
        &self,
        tenant: &str,
        escalations: Vec<Escalation>,
        depth: Depth,
    ) -> Result<Vec<EscalationView>, Error> {
        let views = escalations.into_iter().map(|it| self.escalation_view(tenant, it, depth));
        try_join_all(views).await
    }

    async fn escalation_detail(
        &self,
        tenant: &str,
        escalation: &Escalation,
        live: Option<ShownBriefing>,
    ) -> Result<EscalationDetail, Error> {
        let run = self.existing_run(tenant, escalation.run).await?;
        let goal = self.goal_of(&run).await?.to_string();
        let (content, confidence) = match escalation.action {
            None => (ActionContent::default(), None),
            Some(action) => {
                let action = self.existing_action(tenant, action).await?;
                (self.payload::<ActionContent>(&action.content).await?, action.confidence)
            }
        };
        let live = match live {
            None => None,
            Some(shown) => {
                let (run, goal, content) = (&run, goal.as_str(), &content);
                let read = Read { tenant, escalation, run, goal, content, shown };
                Some(self.live_briefing(read).await?)
            }
        };
        let questions = self.questions_of(tenant, escalation).await?;
        let followed_by = self.followed_by(tenant, escalation).await?;
        let note = escalation.claim.as_ref().and_then(|claim| claim.note.as_ref());
        let claim_note = self.text(note).await?;
        Ok(EscalationDetail { content, confidence, goal, questions, followed_by, claim_note, live })
    }

    pub(super) async fn resolution_content(
        &self,
        escalation: &Escalation,
    ) -> Result<Option<ResolutionContent>, Error> {
        match escalation.resolution.as_ref().and_then(|resolution| resolution.content.as_ref()) {
            Some(reference) => self.payload(reference).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn resumption_view(
        &self,
        tenant: &str,
        resumption: Resumption,
        now: Timestamp,
    ) -> Result<ResumptionView, Error> {
        let escalation = self.existing_escalation(tenant, resumption.escalation).await?;
        let resolution = self.resolution_content(&escalation).await?;
        let action = match resumption.action {
            Some(id) => {
                let action = self.existing_action(tenant, id).await?;
                Some(self.action_view(action).await?)
            }
            None => None,
        };
        let is_held = resumption.close_time.is_none()
            && resumption.epoch > 0
            && now < resumption.lease_expire_time;
        let run = self.existing_run(tenant, resumption.run).await?;
        let branch = self.left_for(tenant, &run, resumption.proposed_action).await?;
        let blocked = match &action {
            Some(view) => self.blocked_now(tenant, &run, view).await?,
            None => None,
        };
        Ok(ResumptionView { resumption, escalation, resolution, action, is_held, branch, blocked })
    }

    /// An action that another record names: its absence is damage.
    pub(super) async fn existing_action(
        &self,
        tenant: &str,
        id: ActionId,
    ) -> Result<Action, Error> {
        let found = self.read(&keys::action(tenant, id)).await?;
        found.ok_or_else(|| missing(Resource::Action, &id))
    }

    /// A run that another record names.
    pub(super) async fn existing_run(&self, tenant: &str, id: RunId) -> Result<Run, Error> {
        let found = self.read(&keys::run(tenant, id)).await?;
        found.ok_or_else(|| missing(Resource::Run, &id))
    }

    /// An escalation that another record names.
    pub(super) async fn existing_escalation(
        &self,
        tenant: &str,
        id: EscalationId,
    ) -> Result<Escalation, Error> {
        let found = self.read(&keys::escalation(tenant, id)).await?;
        found.ok_or_else(|| missing(Resource::Escalation, &id))
    }
}

/// A record that must be there is not.
pub(super) fn missing(resource: Resource, id: &impl ToString) -> Error {
    Error::DataDamaged {
        cause: format!("{} {} is named but missing", resource.name(), id.to_string()),
    }
}
