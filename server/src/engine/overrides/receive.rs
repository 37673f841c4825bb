//! Bringing overrides to the agents: what covers a run and it has not acknowledged.

use std::collections::HashSet;

use uuid::Uuid;

use super::bells::Bell;
use super::read::OverrideView;
use super::{existing, put, subjects};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{
    Override, OverrideEvent, OverrideScope, OverrideState, Progress, Receipt,
};
use crate::domain::principal::Principal;
use crate::domain::run::Run;
use crate::domain::time::Span;
use crate::engine::operation::{Operation, Tx};
use crate::engine::{Authorized, Engine, authorize, limits, read_error, validate};
use crate::store::{CommitLane, Direction, keys};

/// The most overrides that one look brings.
const MAX_BROUGHT: usize = 16;
/// The most entries of one scope's list that are looked at: the newest.
const MAX_LISTED: usize = 64;

/// Notes that a run was told of an override.
struct Deliver<'a> {
    id: OverrideId,
    run: &'a Run,
}

impl Operation for Deliver<'_> {
    type Output = ();
    const METHOD: &'static str = "ReceiveOverrides";
    const LANE: CommitLane = CommitLane::Exempt;

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.id.as_bytes()).field(self.run.id.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<((), Vec<Uuid>), Error> {
        step(tx, self.id, self.run, OverrideEvent::Deliver, |_, _| Ok(())).await?;
        Ok(((), Vec::new()))
    }

    async fn replay(&self, _: &Engine, _: &str, _: &[Uuid]) -> Result<(), Error> {
        Ok(())
    }
}

/// Moves what a run has of an override along, with its event; whether it could. The state
/// stands in the override itself where the run is its own, else in a receipt.
pub(super) async fn step(
    tx: &mut Tx<'_>,
    id: OverrideId,
    run: &Run,
    event: OverrideEvent,
    change: impl FnOnce(&mut Tx<'_>, &mut Progress) -> Result<(), Error>,
) -> Result<Option<Override>, Error> {
    let mut it = existing(tx, id).await?;
    let (who, now) = (tx.by.name(), tx.now);
    let mut progress = match it.is_of(run.id) {
        true => it.progress.clone(),
        false => tx.receipt(&it, run).await?.progress,
    };
    if !progress.advance(event, who, now) {
        return Ok(None);
    }
    change(tx, &mut progress)?;
    let payload = progress.account.filter(|_| event != OverrideEvent::Deliver);
    let about = Subjects { run: Some(run.id), ..subjects(&it) };
    tx.event_about(event_of(event), about, None, payload.as_slice());
    if it.is_of(run.id) {
        let is_done = matches!(progress.state, OverrideState::Effective | OverrideState::Refused);
        if is_done && matches!(it.scope, OverrideScope::Run(_)) {
            tx.remove(keys::told(tx.tenant(), &it.scope, id));
        }
        it.progress = progress;
        it.revision += 1;
        put(tx, &it)?;
    } else {
        let receipt = Receipt { run: run.id, agent: run.agent.clone(), progress };
        tx.put(keys::receipt(tx.tenant(), id, run.id), &receipt)?;
    }
    Ok(Some(it))
}

/// Notes that a run has done what an override asks for, by what it does.
pub(in crate::engine) async fn take_effect(
    tx: &mut Tx<'_>,
    id: OverrideId,
    run: &Run,
) -> Result<(), Error> {
    step(tx, id, run, OverrideEvent::TakeEffect, |_, _| Ok(())).await?;
    Ok(())
}

const fn event_of(event: OverrideEvent) -> EventKind {
    match event {
        OverrideEvent::Deliver => EventKind::OverrideDelivered,
        OverrideEvent::TakeEffect => EventKind::OverrideEffective,
        OverrideEvent::Refuse => EventKind::OverrideRefused,
        OverrideEvent::TimeOut => EventKind::OverrideTimedOut,
        OverrideEvent::Supersede => EventKind::OverrideSuperseded,
        OverrideEvent::Lapse => EventKind::OverrideLapsed,
        OverrideEvent::Confirm => EventKind::OverrideConfirmed,
        OverrideEvent::Acknowledge => EventKind::OverrideAcknowledged,
    }
}

impl Tx<'_> {
    /// What a run has of an override of a wider scope.
    async fn receipt(&mut self, it: &Override, run: &Run) -> Result<Receipt, Error> {
        let found = self.get(keys::receipt(self.tenant(), it.id, run.id)).await?;
        Ok(found.unwrap_or_else(|| untouched(it, run)))
    }
}

/// What a run has of an override that it knows nothing of.
fn untouched(it: &Override, run: &Run) -> Receipt {
    let time = it.enforced_time.unwrap_or(it.create_time);
    let progress = Progress::begun(OverrideState::Requested, &it.requester, time);
    Receipt { run: run.id, agent: run.agent.clone(), progress }
}

/// The overrides of one run as they come: each is brought once, and again to whoever
/// begins anew without having acknowledged it.
pub struct Incoming {
    engine: Engine,
    by: Authorized,
    run: Run,
    bell: Bell,
    sent: HashSet<OverrideId>,
    ready: Vec<OverrideView>,
}

impl Incoming {
    /// The next override, once there is one; it counts as delivered. What was not handed
    /// out when the wait is given up is handed out by the next one.
    pub async fn next(&mut self) -> Result<OverrideView, Error> {
        loop {
            if let Some(view) = self.ready.pop() {
                return Ok(view);
            }
            self.look().await?;
            if self.ready.is_empty() {
                self.bell.rung().await;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let mut found = self.engine.untold(self.by.tenant(), &self.run).await?;
        found.retain(|it| !self.sent.contains(&it.id));
        let views = self.engine.deliver(&self.by, &self.run, found).await?;
        self.sent.extend(views.iter().map(|view| view.it.id));
        self.ready = views;
        self.ready.reverse();
        Ok(())
    }
}

impl Engine {
    /// Brings the overrides of a run of the calling agent as they come.
    pub async fn follow_overrides(
        &self,
        caller: &Principal,
        run: RunId,
    ) -> Result<Incoming, Error> {
        let by = authorize::agent(caller)?;
        let run = self.own_run(&by, run).await?;
        // Listen first, read second: nothing falls between.
        let bell = self.bell_of_run(by.tenant(), &run);
        let (sent, ready) = (HashSet::new(), Vec::new());
        Ok(Incoming { engine: self.clone(), by, run, bell, sent, ready })
    }

    /// Brings the overrides of a run of the calling agent that it has not acknowledged,
    /// the oldest first, and waits for the first if there is none.
    pub async fn receive_overrides(
        &self,
        caller: &Principal,
        run: RunId,
        wait: Option<Span>,
    ) -> Result<Vec<OverrideView>, Error> {
        let by = authorize::agent(caller)?;
        let most = Span::from_secs(limits::MAX_CLAIM_WAIT_SECONDS);
        let wait = validate::span("wait", wait, Span::ZERO, Span::ZERO..=most)?;
        let run = self.own_run(&by, run).await?;
        let give_up = self.now().plus(wait);
        let bell = self.bell_of_run(by.tenant(), &run);
        loop {
            let found = self.untold(by.tenant(), &run).await?;
            if !found.is_empty() || self.now() >= give_up {
                return self.deliver(&by, &run, found).await;
            }
            tokio::select! {
                () = bell.rung() => {}
                () = self.0.clock.sleep_until(give_up) => {}
            }
        }
    }

    async fn own_run(&self, by: &Authorized, id: RunId) -> Result<Run, Error> {
        let found = self.read::<Run>(&keys::run(by.tenant(), id)).await?;
        let own = found.filter(|run| run.agent == by.name());
        own.ok_or_else(|| Error::not_found(Resource::Run, id))
    }

    /// What covers a run and it has not acknowledged, the oldest first.
    async fn untold(&self, tenant: &str, run: &Run) -> Result<Vec<Override>, Error> {
        let mut scopes = vec![
            OverrideScope::Run(run.id),
            OverrideScope::Agent(run.agent.clone()),
            OverrideScope::Fleet,
        ];
        scopes.extend(run.above().iter().copied().map(OverrideScope::Tree));
        let mut found = Vec::new();
        for scope in scopes {
            let (range, store) = (keys::all_told(tenant, &scope), &self.0.store);
            let listed = store.scan(range, Direction::Descending, MAX_LISTED).await;
            let rows = listed.map_err(read_error)?.rows;
            for id in rows.iter().filter_map(|(key, _)| keys::listed_override(key)) {
                let it = self.existing_override(tenant, id).await?;
                if self.is_untold(tenant, &it, run).await? {
                    found.push(it);
                }
            }
        }
        found.sort_by_key(|it| it.id);
        found.truncate(MAX_BROUGHT);
        Ok(found)
    }

    async fn is_untold(&self, tenant: &str, it: &Override, run: &Run) -> Result<bool, Error> {
        if it.is_of(run.id) {
            return Ok(it.progress.state.is_untold());
        }
        if !it.scope.covers(run) || it.create_time < run.create_time {
            return Ok(false);
        }
        let found = self.read::<Receipt>(&keys::receipt(tenant, it.id, run.id)).await?;
        Ok(found.is_none_or(|receipt| receipt.progress.state.is_untold()))
    }

    /// Marks overrides as delivered to a run, and shows them.
    async fn deliver(
        &self,
        by: &Authorized,
        run: &Run,
        found: Vec<Override>,
    ) -> Result<Vec<OverrideView>, Error> {
        let mut views = Vec::with_capacity(found.len());
        for it in found {
            let id = it.id;
            if !it.is_of(run.id) || it.progress.state == OverrideState::Requested {
                self.transact(by, "", &Deliver { id, run }).await?;
            }
            let it = self.existing_override(by.tenant(), id).await?;
            views.push(self.override_for(by.tenant(), it, run).await?);
        }
        Ok(views)
    }
}
