//! What a session says, by one call that waits: for agents that hold no stream.

use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::policy::Guidance;
use crate::domain::principal::Principal;
use crate::domain::time::Span;
use crate::engine::await_resolutions::{AwaitEvent, Awaiting, Scope};
use crate::engine::conversation::QuestionView;
use crate::engine::overrides::OverrideView;
use crate::engine::views::ResumptionView;
use crate::engine::{Engine, authorize, limits, validate};

/// The longest wait.
const WAIT_MAX: Span = Span::from_secs(30);
/// The most answers and questions that one call brings.
const MAX_UPDATES: usize = limits::MAX_CLAIMS;

/// Asks what is new for a run.
#[derive(Clone, Debug, Default)]
pub struct ReceiveUpdates {
    /// The run.
    pub run: Option<RunId>,
    /// How long to wait if there is nothing; none: not at all.
    pub wait: Option<Span>,
    /// The policy revision whose guidance the agent has; none: it has none.
    pub guided_by: Option<PolicyRevisionId>,
}

/// What is new for a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updates {
    /// What people override and the run has not acknowledged.
    pub overrides: Vec<OverrideView>,
    /// Answers that were not acknowledged.
    pub resumptions: Vec<ResumptionView>,
    /// Questions that were not answered.
    pub questions: Vec<QuestionView>,
    /// The guidance of the policy in force, where the agent does not have it.
    pub guidance: Option<(PolicyRevisionId, Guidance)>,
    /// How far the transcript is durable.
    pub through: u64,
}

impl Updates {
    fn len(&self) -> usize {
        self.overrides.len() + self.resumptions.len() + self.questions.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0 && self.guidance.is_none()
    }

    /// Takes an event; whether it ends what was kept.
    fn take(&mut self, event: AwaitEvent) -> bool {
        match event {
            AwaitEvent::Resumption(view) => self.resumptions.push(*view),
            AwaitEvent::Question(view) => self.questions.push(*view),
            AwaitEvent::SnapshotEnd { .. } => return true,
            AwaitEvent::Heartbeat(_) => {}
        }
        false
    }
}

impl Engine {
    /// Returns what is new for a run of the calling agent, once there is something or
    /// the wait is over. The same comes again until it is acknowledged or answered.
    pub async fn receive_updates(
        &self,
        caller: &Principal,
        command: ReceiveUpdates,
    ) -> Result<Updates, Error> {
        authorize::agent(caller)?;
        let run = command.run.ok_or_else(|| Error::field("run_id", "required"))?;
        let wait = validate::span("wait", command.wait, Span::ZERO, Span::ZERO..=WAIT_MAX)?;
        let until = self.now().plus(wait);
        let mut policies = self.0.feed.policies();
        let mut awaiting = self.await_resolutions(caller, Scope::Run(run), None).await?;
        let mut incoming = self.follow_overrides(caller, run).await?;
        let overrides = self.receive_overrides(caller, run, None).await?;
        let mut updates = Updates { overrides, ..Updates::default() };
        while updates.len() < MAX_UPDATES {
            let Some(event) = awaiting.next().await? else { break };
            if updates.take(event) {
                break;
            }
        }
        loop {
            let (revision, guidance) = self.guidance(caller, Some(run)).await?;
            updates.guidance =
                (command.guided_by != Some(revision)).then_some((revision, guidance));
            if !updates.is_empty() || self.now() >= until {
                break;
            }
            tokio::select! {
                // Nobody changes policies any more only when the engine has gone.
                changed = policies.changed() => if changed.is_err() { break },
                event = next_of(&mut awaiting) => {
                    updates.take(event?);
                }
                view = incoming.next() => updates.overrides.push(view?),
                () = self.0.clock.sleep_until(until) => {}
            }
        }
        updates.through = self.transcript_head(&caller.tenant, run).await?.last;
        Ok(updates)
    }
}

/// The wait of a run has no end by itself.
async fn next_of(awaiting: &mut Awaiting) -> Result<AwaitEvent, Error> {
    match awaiting.next().await? {
        Some(event) => Ok(event),
        None => std::future::pending().await,
    }
}
