//! Marking what a stop ends: runs, questions to people, and grants. Nothing of it could be
//! used since the stop's own commit; this is what people and lists see. In batches, by a
//! timer that outlives restarts, so that a stop never fails for size.

use super::{existing, put, subjects, timer};
use crate::domain::action::{Action, ActionEvent, ActionState};
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{Override, OverrideScope, Settlement};
use crate::domain::run::{Run, RunState};
use crate::domain::time::Timestamp;
use crate::engine::operation::Tx;
use crate::engine::{closing, read_error};
use crate::store::keys::{self, TimerKind};
use crate::store::records::SettlingRecord;
use crate::store::{Direction, KeyRange};

/// How much one commit looks at: runs, questions and actions together.
const LOOKED_AT_TOGETHER: usize = 256;
/// The most questions that one commit cancels.
const CANCELLED_TOGETHER: usize = 64;

/// One batch.
struct Batch<'a> {
    it: &'a Override,
    at: SettlingRecord,
    done: Settlement,
    room: usize,
}

/// Marks one batch of what a stop ends, and sets the timer of the next.
pub(in crate::engine) async fn settle(tx: &mut Tx<'_>, id: OverrideId) -> Result<(), Error> {
    let mut it = existing(tx, id).await?;
    let key = keys::settling(tx.tenant(), id);
    let Some(at) = tx.get::<SettlingRecord>(key.clone()).await? else { return Ok(()) };
    let done = it.settlement.unwrap_or_default();
    let mut batch = Batch { it: &it, at, done, room: LOOKED_AT_TOGETHER };
    let is_all = batch.work(tx).await?;
    let Batch { at, mut done, .. } = batch;
    if is_all {
        done.settle_time = Some(tx.now);
        tx.remove(key);
        let about = Subjects { count: Some(done.runs), ..subjects(&it) };
        tx.event(EventKind::OverrideSettled, about);
    } else {
        tx.put(key, &at)?;
        tx.mark(timer(tx.tenant(), TimerKind::Settle, id, tx.now).key());
    }
    it.settlement = Some(done);
    it.revision += 1;
    put(tx, &it)
}

impl Batch<'_> {
    /// Works until there is no more room; whether all is done.
    async fn work(&mut self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        while self.room > 0 {
            let run = match self.at.run {
                Some(run) => run,
                None => match self.next_run(tx).await? {
                    Some(run) => run,
                    None => return Ok(true),
                },
            };
            self.at.run = Some(run);
            if self.end(tx, run).await? {
                (self.at.run, self.at.action) = (None, None);
            }
        }
        Ok(false)
    }

    /// The next run that the stop may cover.
    async fn next_run(&mut self, tx: &Tx<'_>) -> Result<Option<RunId>, Error> {
        self.room = self.room.saturating_sub(1);
        let tenant = tx.tenant();
        let mut range: KeyRange = match &self.it.scope {
            OverrideScope::Run(run) | OverrideScope::Tree(run) => {
                if !std::mem::replace(&mut self.at.is_first_done, true) {
                    return Ok(Some(*run));
                }
                keys::runs_below(tenant, *run)
            }
            OverrideScope::Agent(agent) => keys::runs_active(tenant, Some(agent)),
            OverrideScope::Fleet => keys::runs_active(tenant, None),
        };
        if let Some(done) = &self.at.done {
            range.start = keys::after(done);
        }
        let found = tx.engine.0.store.scan(range, Direction::Ascending, 1).await;
        let rows = found.map_err(read_error)?.rows;
        let Some((key, _)) = rows.first() else { return Ok(None) };
        self.at.done = Some(key.to_vec());
        Ok(keys::listed_run(key))
    }

    /// Ends one run as far as there is room; whether it is done.
    async fn end(&mut self, tx: &mut Tx<'_>, id: RunId) -> Result<bool, Error> {
        let key = keys::run(tx.tenant(), id);
        let Some(mut run) = tx.get::<Run>(key.clone()).await? else { return Ok(true) };
        let Some(stop_time) = tx.holds(&run).await?.stop_of(&run).map(|held| held.time) else {
            // It started after the stop.
            return Ok(true);
        };
        if run.state == RunState::Running {
            run.state = RunState::Stopped;
            run.finish_time = Some(tx.now);
            run.revision += 1;
            tx.put(key, &run)?;
            tx.remove(keys::run_active(tx.tenant(), &run.agent, id));
            tx.event(EventKind::RunStopped, Subjects { run: Some(id), ..subjects(self.it) });
            self.done.runs += 1;
        } else if run.state != RunState::Stopped {
            return Ok(true);
        }
        let most = CANCELLED_TOGETHER.min(self.room);
        let cancelled = closing::cancel_some_of_run(tx, id, most).await?;
        self.done.questions += cancelled.count as u64;
        self.room = self.room.saturating_sub(cancelled.count);
        if cancelled.has_more {
            self.room = 0;
        }
        if self.room == 0 {
            return Ok(false);
        }
        self.revoke(tx, id, stop_time).await
    }

    /// Marks grants of a run as revoked, from its newest action on; whether all were looked
    /// at.
    async fn revoke(
        &mut self,
        tx: &mut Tx<'_>,
        run: RunId,
        stop_time: Timestamp,
    ) -> Result<bool, Error> {
        let range = keys::run_actions_before(tx.tenant(), run, self.at.action);
        let found = tx.engine.0.store.scan(range, Direction::Descending, self.room).await;
        let found = found.map_err(read_error)?;
        for id in found.rows.iter().filter_map(|(key, _)| keys::listed_action(key)) {
            self.room = self.room.saturating_sub(1);
            self.at.action = Some(id);
            let key = keys::action(tx.tenant(), id);
            let Some(action) = tx.engine.read::<Action>(&key).await? else { continue };
            let is_later = action.compensates.is_some() && action.create_time > stop_time;
            if action.state != ActionState::Granted || is_later {
                continue;
            }
            let Some(mut action) = tx.get::<Action>(key.clone()).await? else { continue };
            if action.state != ActionState::Granted {
                continue;
            }
            let grant = action.grant.map(|grant| grant.id);
            closing::withdraw(tx, &mut action, ActionEvent::Cancelled).await?;
            let about = Subjects {
                overriding: Some(self.it.id),
                ..closing::action_subjects(&action, grant)
            };
            tx.event_about(EventKind::GrantRevoked, about, Some(action.digest), &[]);
            if let Some(escalation) = action.escalation {
                closing::take_back_offer(tx, escalation).await?;
            }
            tx.put(key, &action)?;
            self.done.grants += 1;
        }
        Ok(!found.has_more)
    }
}
