//! The way down of a session: how far it is durable, what people override, decide and
//! ask, and what the model should be told of the policy, as it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;

use super::session::{Ending, SessionEvent};
use super::track::{Durable, Track};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::await_resolutions::{AwaitEvent, Awaiting};
use crate::engine::overrides::Incoming;

/// What one source says; `Ok(None)`: the session is over.
type Said = Result<Option<SessionEvent>, Error>;

/// Where what an agent is told comes from, beside the transcript itself.
pub(super) struct Sources {
    /// Answers and questions.
    pub(super) awaiting: Awaiting,
    /// What people override.
    pub(super) overrides: Incoming,
    /// What the model should be told of the policy.
    pub(super) guiding: Guiding,
}

/// Puts them together, until the agent has said all and it is durable. The agent was told
/// that everything up to `told` is.
pub(super) fn stream(
    track: Arc<Track>,
    told: u64,
    ending: Arc<Ending>,
    sources: Sources,
) -> BoxStream<'static, Result<SessionEvent, Error>> {
    let progress = Progress { durable: track.durable(), track, ending, told };
    let answers = stream::unfold(sources.awaiting, next_answer);
    let answers = answers.filter_map(|event| async move { event.transpose() });
    let all = stream::select_all([
        stream::unfold(progress, Progress::next).boxed(),
        stream::unfold(sources.overrides, next_override).boxed(),
        answers.map(|event| event.map(Some)).boxed(),
        stream::unfold(sources.guiding, Guiding::next).boxed(),
    ]);
    let all = all.take_while(|event| {
        let is_over = matches!(event, Ok(None));
        async move { !is_over }
    });
    all.filter_map(|event| async move { event.transpose() }).boxed()
}

/// Brings the next answer or question.
async fn next_answer(
    mut awaiting: Awaiting,
) -> Option<(Result<Option<SessionEvent>, Error>, Awaiting)> {
    let event = awaiting.next().await.transpose()?;
    Some((event.map(from_wait), awaiting))
}

/// What a wait says, as far as a session passes it on.
fn from_wait(event: AwaitEvent) -> Option<SessionEvent> {
    match event {
        AwaitEvent::Resumption(view) => Some(SessionEvent::Resumption(view)),
        AwaitEvent::Question(view) => Some(SessionEvent::Question(view)),
        AwaitEvent::Heartbeat(next) => Some(SessionEvent::Heartbeat(next)),
        AwaitEvent::SnapshotEnd { .. } => None,
    }
}

/// Brings the next override of a run.
async fn next_override(mut overrides: Incoming) -> Option<(Said, Incoming)> {
    let view = overrides.next().await;
    Some((view.map(|view| Some(SessionEvent::Override(Box::new(view)))), overrides))
}

/// Tells how far a transcript is durable.
struct Progress {
    track: Arc<Track>,
    durable: watch::Receiver<Durable>,
    ending: Arc<Ending>,
    told: u64,
}

impl Progress {
    /// Waits for the next commit; `Ok(None)` when the agent has said all and it is durable.
    async fn next(mut self) -> Option<(Said, Self)> {
        loop {
            let now = self.durable.borrow_and_update().clone();
            if now.through > self.told {
                self.told = now.through;
                let (through, spent) = (now.through, self.track.spent());
                return Some((Ok(Some(SessionEvent::Durable { through, spent })), self));
            }
            if let Some(error) = now.ended {
                return Some((Err(error), self));
            }
            if self.ending.is_said.load(Ordering::Acquire) && self.track.is_durable() {
                return Some((Ok(None), self));
            }
            tokio::select! {
                changed = self.durable.changed() => changed.ok()?,
                () = self.ending.rung.notified() => {}
            }
        }
    }
}

/// Brings the guidance for a run, and another when it changes.
pub(super) struct Guiding {
    engine: Engine,
    caller: Principal,
    run: RunId,
    changes: watch::Receiver<()>,
    told: Option<PolicyRevisionId>,
}

impl Guiding {
    async fn next(mut self) -> Option<(Said, Self)> {
        loop {
            self.changes.changed().await.ok()?;
            let guidance = self.engine.guidance(&self.caller, Some(self.run)).await;
            let said = match guidance {
                Ok((revision, _)) if self.told == Some(revision) => continue,
                Ok((revision, guidance)) => {
                    self.told = Some(revision);
                    Ok(Some(SessionEvent::Guidance(revision, guidance)))
                }
                Err(error) => Err(error),
            };
            return Some((said, self));
        }
    }
}

impl Engine {
    /// The guidance for a run, now and whenever another policy comes into force.
    pub(super) fn guiding(&self, caller: &Principal, run: RunId) -> Guiding {
        let mut changes = self.0.feed.policies();
        changes.mark_changed();
        Guiding { engine: self.clone(), caller: caller.clone(), run, changes, told: None }
    }
}
