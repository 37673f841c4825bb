//! What time does to an open question: due and expire times, the steps of its chain,
//! and the lapse of a claim.
//!
//! An open question has one timer: of what comes next. Firing does that one thing and
//! sets the next timer in the same commit, so that each thing is done once and in order,
//! however late. The timer only wakes: what is done is worked out from the question as
//! it stands.
//!
//! What time does leaves the etag as it is, but for the due time: who was about to
//! answer still may.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::operation::Tx;
use super::outbox::To;
use super::queue::{InForce, late};
use super::{branches, closing};
use crate::domain::action::{Action, ActionEvent};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationEvent, EscalationState, InTime, Upkeep};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::notice::NoticeKind;
use crate::domain::policy::OnExpiry;
use crate::domain::queue::{LateReason, Plan, Reach, StepAction, Target};
use crate::store::keys;

/// Does what is next in time, if it is time, and sets the timer of what comes then.
pub(super) async fn fire(tx: &mut Tx<'_>, id: EscalationId) -> Result<(), Error> {
    let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), id)).await?;
    let open = found.filter(|escalation| escalation.state == EscalationState::Open);
    let Some(mut escalation) = open else { return Ok(()) };
    let before = closing::timer(tx.tenant(), &escalation);
    let (next, time) = escalation.next_in_time();
    if time > tx.now {
        // The timer is of something that is not to be any more.
        tx.mark(before.key());
        return Ok(());
    }
    tx.remove(before.key());
    match next {
        InTime::Expire => return expire(tx, &mut escalation).await,
        InTime::Due => overdue(tx, &mut escalation).await?,
        InTime::Step => {
            if step(tx, &mut escalation)? == Some(StepAction::Fallback) {
                escalation.on_expiry = OnExpiry::Fallback;
                return expire(tx, &mut escalation).await;
            }
        }
        InTime::RemindClaim => {
            upkeep(tx, &mut escalation, Upkeep::Lapse, EventKind::EscalationClaimReminded);
        }
        InTime::LapseClaim => {
            upkeep(tx, &mut escalation, Upkeep::Nothing, EventKind::EscalationReleased);
        }
    }
    tx.put(keys::escalation(tx.tenant(), id), &escalation)?;
    tx.mark(closing::timer(tx.tenant(), &escalation).key());
    Ok(())
}

/// A question that nobody can answer as it opens says so, and goes straight up its chain
/// until somebody can; without a chain, to the supervisors. Whether all are away counts
/// in its lane's hours only.
pub(super) async fn reach_somebody(
    tx: &mut Tx<'_>,
    escalation: &mut Escalation,
    in_force: Arc<InForce>,
) -> Result<(), Error> {
    let known = tx.engine.known(tx.tenant(), in_force).await?;
    let audience = known.at(tx.now);
    let late = match audience.reach(escalation) {
        Reach::Somebody => return Ok(()),
        Reach::AllAway => LateReason::OffDuty,
        Reach::Nobody => LateReason::NobodyEligible,
    };
    escalation.late = Some(late);
    tx.event(EventKind::EscalationUnreached, closing::subjects(escalation));
    tx.notify(NoticeKind::EscalationUnreached, Some(escalation), To::Takers)?;
    let is_open_lane = |plan: &Plan| plan.duty_time.is_none_or(|began| began <= tx.now);
    if late == LateReason::OffDuty && !escalation.plan.as_ref().is_some_and(is_open_lane) {
        return Ok(());
    }
    while escalation.plan.as_ref().and_then(Plan::next_action).is_some_and(StepAction::widens) {
        step(tx, escalation)?;
        if audience.reach(escalation) == Reach::Somebody {
            return Ok(());
        }
    }
    if let Some(plan) = &mut escalation.plan {
        plan.wants_supervisor = true;
    }
    Ok(())
}

/// The due time passed: say so, and why.
async fn overdue(tx: &mut Tx<'_>, escalation: &mut Escalation) -> Result<(), Error> {
    escalation.late = Some(late::why(tx, escalation).await?);
    escalation.is_overdue = true;
    closing::touch(escalation, tx.now);
    tx.event(EventKind::EscalationOverdue, closing::subjects(escalation));
    tx.notify(NoticeKind::EscalationOverdue, Some(escalation), To::Takers)?;
    Ok(())
}

/// The next step of the chain.
fn step(tx: &mut Tx<'_>, escalation: &mut Escalation) -> Result<Option<StepAction>, Error> {
    let taken = escalation.plan.as_mut().and_then(|plan| plan.take_step(tx.now));
    escalation.update_time = tx.now;
    tx.event(EventKind::EscalationStepped, closing::subjects(escalation));
    for channel in taken.as_ref().map(|action| channels(tx, action)).unwrap_or_default() {
        let to = To::Channel(&channel);
        let told = tx.notify(NoticeKind::EscalationStep, Some(escalation), to)?;
        if let Some(plan) = &mut escalation.plan {
            plan.note_told(told.iter().map(|notice| notice.id));
        }
    }
    Ok(taken)
}

/// By which channels the people of a step are told: those that it names, and for people
/// those that take such notices.
fn channels(tx: &Tx<'_>, action: &StepAction) -> BTreeSet<String> {
    let (named, tells_people) = match action {
        StepAction::Notify { to } | StepAction::OnCall { to } => {
            (to.as_slice(), to.iter().any(|it| !matches!(it, Target::Channel(_))))
        }
        StepAction::Widen { .. } | StepAction::Supervisor => (&[][..], true),
        // Its end is told.
        StepAction::Fallback => (&[][..], false),
    };
    let named = named.iter().filter(|target| matches!(target, Target::Channel(_)));
    let named = named.map(|target| target.name().to_owned());
    let takers = tx.engine.0.channels.takers_of(NoticeKind::EscalationStep);
    let takers = takers.into_iter().filter(|_| tells_people).map(str::to_owned);
    named.chain(takers).collect()
}

/// A claim comes to its end: its holder is reminded, and then others may take it.
fn upkeep(tx: &mut Tx<'_>, escalation: &mut Escalation, next: Upkeep, event: EventKind) {
    if let Some(claim) = &mut escalation.claim {
        claim.upkeep = next;
    }
    escalation.update_time = tx.now;
    tx.event(event, closing::subjects(escalation));
}

/// Nobody answered: the action is cancelled and everybody is told.
async fn expire(tx: &mut Tx<'_>, escalation: &mut Escalation) -> Result<(), Error> {
    escalation.late = Some(late::why(tx, escalation).await?);
    let way_back = branches::way_back(tx, escalation).await?;
    closing::close(tx, escalation, EscalationEvent::Expire)?;
    let digest = Some(escalation.action_digest);
    tx.event_about(EventKind::EscalationExpired, closing::subjects(escalation), digest, &[]);
    tx.notify(NoticeKind::EscalationExpired, Some(escalation), To::Takers)?;
    closing::offer(tx, escalation, None)?;
    let waiting = escalation.action.filter(|_| escalation.question.is_about_an_action());
    let Some(id) = waiting else { return Ok(()) };
    let key = keys::action(tx.tenant(), id);
    let found = tx.get::<Action>(key.clone()).await?;
    let mut action = found.ok_or_else(|| super::views::missing(Resource::Action, &id))?;
    if action.state.after(ActionEvent::Cancelled).is_some() {
        closing::withdraw(tx, &mut action, ActionEvent::Cancelled).await?;
        tx.put(key, &action)?;
    }
    match way_back {
        Some(way_back) => way_back.go(tx, escalation).await,
        None => Ok(()),
    }
}
