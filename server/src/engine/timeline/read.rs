//! Reading the rows of a timeline: one record each, without words.

use futures::future::try_join_all;

use super::{Place, Rank, Show};
use crate::domain::action::{Action, ActionState, DecisionEffect};
use crate::domain::branch::Branch;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::{ActionId, CheckpointId, EscalationId, OverrideId, RunId};
use crate::domain::overrides::{Override, OverrideState, Receipt};
use crate::domain::run::{Run, RunState};
use crate::domain::time::{Span, Timestamp};
use crate::engine::Engine;
use crate::store::keys;

/// How many rows before one are looked at for whether something went on.
pub(super) const LOOKED_BACK: usize = 16;
/// From which length on a time without anything is said.
const IDLE_MIN: Span = Span::from_secs(1);

/// What a row is about.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Start,
    End,
    Title,
    Action(Box<Action>),
    Question(Box<Escalation>),
    Checkpoint(Box<Checkpoint>),
    Child(Box<Run>),
    Branch(Box<Branch>),
    Override(Box<Override>),
}

/// A row without its words.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) time: Timestamp,
    /// When it ended; none: it goes on, or has no length.
    pub(super) end: Option<Timestamp>,
    /// Until when something went on by it; none: it goes on.
    busy_until: Option<Timestamp>,
    /// How long nothing went on before it; none: something did, or it was not asked.
    pub(super) idle_before: Option<Span>,
    pub(super) branch: u32,
    pub(super) record: Record,
}

impl Row {
    /// What happened at one moment.
    fn moment(place: Place, time: Timestamp, branch: u32, record: Record) -> Self {
        Self { place, time, end: None, busy_until: Some(time), idle_before: None, branch, record }
    }

    /// What goes on until an end.
    fn lasting(place: Place, time: Timestamp, end: Option<Timestamp>, record: Record) -> Self {
        Self { place, time, end, busy_until: end, idle_before: None, branch: 0, record }
    }

    /// Whether it belongs to what is asked for.
    pub(super) fn is_shown(&self, show: Show, run: &Run) -> bool {
        match show {
            Show::All => true,
            Show::Errors => self.went_wrong(run),
            Show::Effects => {
                use ActionState::{Executed, ExecutionUnknown, Failed, Redeemed};
                matches!(&self.record, Record::Action(action)
                    if matches!(action.state, Redeemed | Executed | Failed | ExecutionUnknown))
            }
            Show::Escalations => match &self.record {
                Record::Question(_) => true,
                Record::Action(it) => {
                    it.escalation.is_some() || it.decision.effect == DecisionEffect::Escalate
                }
                _ => false,
            },
            Show::Overrides => matches!(self.record, Record::Override(_) | Record::Branch(_)),
        }
    }

    fn went_wrong(&self, run: &Run) -> bool {
        use ActionState::{Cancelled, Denied, ExecutionUnknown, Failed, Refused};
        match &self.record {
            Record::Action(it) => {
                matches!(it.state, Denied | Refused | Failed | Cancelled | ExecutionUnknown)
            }
            Record::Question(it) => it.state == EscalationState::Expired,
            Record::Child(it) => matches!(it.state, RunState::Failed | RunState::Stopped),
            Record::End => matches!(run.state, RunState::Failed | RunState::Stopped),
            Record::Override(it) => {
                let state = it.progress.state;
                matches!(state, OverrideState::Refused | OverrideState::TimedOut)
            }
            Record::Start | Record::Title | Record::Checkpoint(_) | Record::Branch(_) => false,
        }
    }
}

/// How long nothing went on before the last of some rows, by those before it.
pub(super) fn idle_before(before: &[Row], time: Timestamp) -> Option<Span> {
    let mut latest = None;
    for row in before.iter().rev().take(LOOKED_BACK) {
        latest = latest.max(Some(row.busy_until?.max(row.time)));
    }
    latest.map(|latest| time.since(latest)).filter(|idle| *idle >= IDLE_MIN)
}

/// Until when something went on by an action; none: it goes on.
fn end_of_action(action: &Action, now: Timestamp) -> Option<Timestamp> {
    let ended = action.update_time;
    match action.state {
        ActionState::Executed | ActionState::Failed => {
            Some(action.outcome.map_or(ended, |outcome| outcome.report_time))
        }
        ActionState::Denied => Some(action.create_time),
        ActionState::Refused | ActionState::Cancelled => Some(ended),
        // Nobody can redeem it any more.
        ActionState::Granted => {
            action.grant.map(|grant| grant.expire_time).filter(|expire| *expire <= now)
        }
        ActionState::Escalated | ActionState::Redeemed | ActionState::ExecutionUnknown => None,
    }
}

impl Engine {
    /// Reads some rows. One that is not there any more, or does not concern the run, is
    /// left out.
    pub(super) async fn read_steps(
        &self,
        tenant: &str,
        run: &Run,
        places: &[Place],
    ) -> Result<Vec<Row>, Error> {
        let reads = places.iter().map(|place| self.read_step(tenant, run, *place));
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    async fn read_step(&self, tenant: &str, run: &Run, place: Place) -> Result<Option<Row>, Error> {
        let now = self.now();
        Ok(match place.rank {
            Rank::Start => Some(Row::moment(place, run.create_time, 0, Record::Start)),
            Rank::End => {
                let time = run.finish_time.unwrap_or(now);
                Some(Row::moment(place, time, run.branch, Record::End))
            }
            Rank::Title => {
                let micros = i64::try_from(place.millis.saturating_mul(1_000)).unwrap_or(i64::MAX);
                Some(Row::moment(place, Timestamp::from_micros(micros), 0, Record::Title))
            }
            Rank::Action => {
                let key = keys::action(tenant, ActionId::from_bytes(place.id));
                self.read::<Action>(&key).await?.map(|it| {
                    let (end, branch) = (end_of_action(&it, now), it.branch);
                    let row = Row::lasting(place, it.create_time, end, Record::Action(it.into()));
                    Row { branch, ..row }
                })
            }
            Rank::Question => {
                let key = keys::escalation(tenant, EscalationId::from_bytes(place.id));
                self.read::<Escalation>(&key).await?.map(|it| {
                    let (time, end) = (it.create_time, it.close_time);
                    Row::lasting(place, time, end, Record::Question(it.into()))
                })
            }
            Rank::Checkpoint => {
                let key = keys::checkpoint(tenant, CheckpointId::from_bytes(place.id));
                self.read::<Checkpoint>(&key).await?.map(|it| {
                    Row::moment(place, it.create_time, it.branch, Record::Checkpoint(it.into()))
                })
            }
            Rank::Child => {
                let key = keys::run(tenant, RunId::from_bytes(place.id));
                self.read::<Run>(&key).await?.map(|it| {
                    let (time, end) = (it.create_time, it.finish_time);
                    Row::lasting(place, time, end, Record::Child(it.into()))
                })
            }
            Rank::Branch => {
                let number = u32::try_from(place.number()).unwrap_or(u32::MAX);
                self.read::<Branch>(&keys::branch(tenant, run.id, number)).await?.map(|it| {
                    Row::moment(place, it.create_time, it.number, Record::Branch(it.into()))
                })
            }
            Rank::Override => self.read_override_step(tenant, run, place).await?,
        })
    }

    async fn read_override_step(
        &self,
        tenant: &str,
        run: &Run,
        place: Place,
    ) -> Result<Option<Row>, Error> {
        let id = OverrideId::from_bytes(place.id);
        let found = self.read::<Override>(&keys::overriding(tenant, id)).await?;
        let Some(mut it) = found.filter(|it| it.scope.covers(run)) else { return Ok(None) };
        if !it.is_of(run.id) {
            let receipt = self.read::<Receipt>(&keys::receipt(tenant, id, run.id)).await?;
            if let Some(receipt) = receipt {
                it.progress = receipt.progress;
            }
        }
        let (time, end) = (it.create_time, it.end_time);
        let row = Row::moment(place, time, 0, Record::Override(it.into()));
        Ok(Some(Row { end, ..row }))
    }
}
