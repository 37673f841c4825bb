//! The fence: what a hold keeps runs from doing.

use crate::domain::action::Action;
use crate::domain::error::{Error, HeldBy, OverrideError};
use crate::domain::ids::OverrideId;
use crate::domain::overrides::{Doing, Held, Hold, Holds, OverrideScope};
use crate::domain::resumption::Resumption;
use crate::domain::run::{Run, RunState};
use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::engine::operation::Tx;
use crate::store::keys;

impl Tx<'_> {
    /// The holds that can cover a run of an agent; the commit fails if one has changed by
    /// then.
    pub(in crate::engine) async fn holds(&mut self, run: &Run) -> Result<Holds, Error> {
        let mut above = Vec::with_capacity(run.above().len());
        for id in run.above() {
            above.push(self.hold(&OverrideScope::Run(*id)).await?);
        }
        let own = self.hold(&OverrideScope::Run(run.id)).await?;
        let (agent, fleet) = self.wide_holds(&run.agent).await?;
        Ok(Holds { own, above, agent, fleet })
    }

    /// The holds that cover every run of an agent.
    pub(in crate::engine) async fn wide_holds(
        &mut self,
        agent: &str,
    ) -> Result<(Hold, Hold), Error> {
        let agent = self.hold(&OverrideScope::Agent(agent.to_owned())).await?;
        Ok((agent, self.hold(&OverrideScope::Fleet).await?))
    }

    /// What holds one scope.
    pub(super) async fn hold(&mut self, scope: &OverrideScope) -> Result<Hold, Error> {
        Ok(self.get(keys::hold(self.tenant(), scope)).await?.unwrap_or_default())
    }

    /// Refuses what a hold stands against, and everything of a run that has ended. Returns
    /// what else holds it.
    pub(in crate::engine) async fn require_free(
        &mut self,
        run: &Run,
        doing: Doing,
    ) -> Result<Holds, Error> {
        if !matches!(run.state, RunState::Running | RunState::Stopped) {
            run.require_running()?;
        }
        let holds = self.holds(run).await?;
        match holds.against(run, doing) {
            Some(held) => Err(self.engine.held(run, held).await),
            None => run.require_running().map(|()| holds),
        }
    }

    /// Refuses a tool that a redirect has closed to the run.
    pub(in crate::engine) async fn require_open(
        &self,
        run: &Run,
        holds: &Holds,
        tool: &str,
    ) -> Result<(), Error> {
        let Some(closed) = holds.closes(tool) else { return Ok(()) };
        let held = Box::new(self.engine.told_of(&closed.held).await);
        let (tool, instead) = (tool.to_owned(), closed.closing.instead.clone());
        Err(Error::Override(OverrideError::ToolClosed { run: run.id, tool, instead, held }))
    }

    /// Refuses to let an action run that a hold stands against.
    pub(in crate::engine) async fn require_unheld(
        &mut self,
        run: &Run,
        action: &Action,
    ) -> Result<(), Error> {
        let holds = self.holds(run).await?;
        match holds.against_action(run, undoes_since(action)) {
            Some(held) => Err(self.engine.held(run, held).await),
            None => Ok(()),
        }
    }

    /// Refuses a new run of an agent while a hold lets none start. Returns how many stops
    /// of the agent and of the fleet come before it.
    pub(in crate::engine) async fn require_starts(
        &mut self,
        agent: &str,
    ) -> Result<(u64, u64), Error> {
        let (agent, fleet) = self.wide_holds(agent).await?;
        let holds = Holds { agent, fleet, ..Holds::default() };
        if let Some(held) = holds.against_starts() {
            let held = self.engine.told_of(held).await;
            return Err(Error::Override(OverrideError::StartsHeld { held }));
        }
        Ok((holds.agent.stops, holds.fleet.stops))
    }

    /// Whether a hold stands against taking up what an answer permitted.
    pub(in crate::engine) async fn is_held(&mut self, it: &Resumption) -> Result<bool, Error> {
        let Some(id) = it.action else { return Ok(false) };
        let found = self.get::<Action>(keys::action(self.tenant(), id)).await?;
        let Some(run) = self.get::<Run>(keys::run(self.tenant(), it.run)).await? else {
            return Ok(false);
        };
        let holds = self.holds(&run).await?;
        let Some(action) = found else { return Ok(false) };
        Ok(holds.against_action(&run, undoes_since(&action)).is_some())
    }
}

/// When what undoes another action was asked for; none: it undoes none.
fn undoes_since(action: &Action) -> Option<Timestamp> {
    action.compensates.map(|_| action.create_time)
}

impl Engine {
    /// The holds that can cover a run, as they are now.
    pub(in crate::engine) async fn holds_of(
        &self,
        tenant: &str,
        run: &Run,
    ) -> Result<Holds, Error> {
        let mut above = Vec::with_capacity(run.above().len());
        for id in run.above() {
            above.push(self.hold_of(tenant, &OverrideScope::Run(*id)).await?);
        }
        Ok(Holds {
            own: self.hold_of(tenant, &OverrideScope::Run(run.id)).await?,
            above,
            agent: self.hold_of(tenant, &OverrideScope::Agent(run.agent.clone())).await?,
            fleet: self.hold_of(tenant, &OverrideScope::Fleet).await?,
        })
    }

    /// Whether a hold stands against taking up what an answer permitted, as it is now.
    pub(in crate::engine) async fn is_held(
        &self,
        tenant: &str,
        it: &Resumption,
    ) -> Result<bool, Error> {
        let Some(id) = it.action else { return Ok(false) };
        let action = self.existing_action(tenant, id).await?;
        let run = self.existing_run(tenant, it.run).await?;
        let holds = self.holds_of(tenant, &run).await?;
        Ok(holds.against_action(&run, undoes_since(&action)).is_some())
    }

    async fn hold_of(&self, tenant: &str, scope: &OverrideScope) -> Result<Hold, Error> {
        Ok(self.read(&keys::hold(tenant, scope)).await?.unwrap_or_default())
    }

    /// The state in which a run is shown, and what holds it.
    pub(in crate::engine) async fn shown_state(
        &self,
        tenant: &str,
        run: &Run,
    ) -> Result<(RunState, Option<OverrideId>), Error> {
        if !matches!(run.state, RunState::Running | RunState::Stopped) {
            return Ok((run.state, None));
        }
        Ok(self.holds_of(tenant, run).await?.shown(run))
    }

    /// The refusal of a run that is held.
    async fn held(&self, run: &Run, held: &Held) -> Error {
        let is_stopped = held.kind.is_stop();
        let held = self.told_of(held).await;
        let run = run.id;
        Error::Override(match is_stopped {
            true => OverrideError::RunStopped { run, held },
            false => OverrideError::RunPaused { run, held },
        })
    }

    /// What somebody is told who is held. That the reason cannot be read does not open
    /// the fence.
    async fn told_of(&self, held: &Held) -> HeldBy {
        let why = self.text(Some(&held.reason)).await.unwrap_or_default();
        let (id, kind, at) = (held.by, held.kind.name(), held.time);
        HeldBy { id, kind, by: held.requester.clone(), at, why }
    }
}
