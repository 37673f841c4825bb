//! Opening and closing escalations inside a transaction: every index, timer and
//! resumption that hangs on one is written here and nowhere else.

use uuid::Uuid;

use super::operation::Tx;
use super::{limits, read_error};
use crate::domain::action::{APPROVAL_VALIDITY, Action, ActionEvent, GRANT_LIFETIME, Grant};
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, EscalationEvent, InTime, ResumeMode};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::{ActionId, EscalationId, GrantId, RunId};
use crate::domain::resumption::Resumption;
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Timer, TimerKind};
use crate::store::{Direction, Expectation};

/// What an event about an escalation is about.
pub(super) fn subjects(escalation: &Escalation) -> Subjects {
    Subjects {
        run: Some(escalation.run),
        action: escalation.action,
        escalation: Some(escalation.id),
        checkpoint: escalation.checkpoint,
        ..Subjects::default()
    }
}

/// What an event about an action is about.
pub(super) fn action_subjects(action: &Action, grant: Option<GrantId>) -> Subjects {
    Subjects {
        run: Some(action.run),
        action: Some(action.id),
        escalation: action.escalation,
        grant,
        ..Subjects::default()
    }
}

/// The one timer that an open escalation has now: of what time does next.
pub(super) fn timer(tenant: &str, escalation: &Escalation) -> Timer {
    let (next, time) = escalation.next_in_time();
    let kind = match next {
        InTime::Due => TimerKind::Due,
        InTime::Expire => TimerKind::Expire,
        InTime::Step => TimerKind::Step,
        InTime::RemindClaim | InTime::LapseClaim => TimerKind::Claim,
    };
    Timer { time, kind, id: *escalation.id.as_bytes(), tenant: tenant.to_owned() }
}

/// Sets the timer of a changed escalation in place of the one that it had.
pub(super) fn rearm(tx: &mut Tx<'_>, before: &Timer, escalation: &Escalation) {
    let timer = timer(tx.tenant(), escalation);
    if timer != *before {
        tx.remove(before.key());
        tx.mark(timer.key());
    }
}

/// The timer of a redeemed action.
pub(super) fn outcome_timer(tenant: &str, id: ActionId, time: Timestamp) -> Timer {
    Timer { time, kind: TimerKind::Outcome, id: *id.as_bytes(), tenant: tenant.to_owned() }
}

/// Writes a new open escalation with its place in the queue and its timer, once the
/// settings in force have said how it waits.
pub(super) async fn open(tx: &mut Tx<'_>, escalation: &mut Escalation) -> Result<(), Error> {
    let in_force = super::queue::plan(tx, escalation).await?;
    let tenant = tx.tenant();
    let (digest, opened) = (Some(escalation.action_digest), EventKind::EscalationOpened);
    tx.event_about(opened, subjects(escalation), digest, &[escalation.briefing]);
    super::chain::reach_somebody(tx, escalation, in_force).await?;
    tx.put(keys::escalation(tenant, escalation.id), escalation)?;
    tx.mark(keys::open(tenant, escalation));
    if escalation.question.ends_with_its_run() {
        tx.mark(keys::run_open(tenant, escalation.run, escalation.id));
    }
    if !escalation.question.comes_with_its_action() {
        let place = keys::question_place(escalation.id);
        tx.mark(keys::noted(tenant, escalation.run, place));
    }
    tx.mark(timer(tenant, escalation).key());
    Ok(())
}

/// Ends an open escalation: state, history, queue and timer. The caller adds
/// the event and, where somebody waits, the resumption.
pub(super) fn close(
    tx: &mut Tx<'_>,
    escalation: &mut Escalation,
    event: EscalationEvent,
) -> Result<(), Error> {
    let state = escalation.state.after(event).ok_or_else(|| Error::Internal {
        cause: format!("{} cannot take {event:?}", escalation.id),
    })?;
    let tenant = tx.tenant();
    tx.remove(keys::open(tenant, escalation));
    tx.remove(keys::run_open(tenant, escalation.run, escalation.id));
    tx.remove(timer(tenant, escalation).key());
    for question in std::mem::take(&mut escalation.conversation.open) {
        tx.remove(keys::agent_question(tenant, &escalation.agent, escalation.id, question));
    }
    escalation.state = state;
    escalation.close_time = Some(tx.now);
    touch(escalation, tx.now);
    tx.mark(keys::closed(tenant, state, tx.now, escalation.id));
    super::past::remember_end(tx, escalation);
    if escalation.question.is_about_an_action() {
        tx.mark(keys::run_waited(tenant, escalation, tx.now));
    }
    tx.put(keys::escalation(tenant, escalation.id), escalation)
}

/// Notes a change of an escalation.
pub(super) fn touch(escalation: &mut Escalation, now: Timestamp) {
    escalation.update_time = now;
    escalation.revision += 1;
}

/// Makes the grant of an approved action; dormant (epoch 0) for an agent that
/// has ended, until a worker claims the resumption.
pub(super) fn approve_grant(tx: &Tx<'_>, mode: ResumeMode) -> Grant {
    let approval_valid_until = tx.now.plus(APPROVAL_VALIDITY);
    let (epoch, expire_time) = match mode {
        ResumeMode::Attached => (1, tx.now.plus(GRANT_LIFETIME)),
        ResumeMode::Detached => (0, approval_valid_until),
    };
    Grant {
        id: GrantId::new(tx.next_id()),
        expire_time,
        approval_valid_until,
        epoch,
        redeem_time: None,
        outcome_due_time: None,
    }
}

/// Offers the end of an escalation to its agent, where an action waits for it: held at
/// once by one that waits, claimable at once for one that has ended.
pub(super) fn offer(
    tx: &mut Tx<'_>,
    escalation: &Escalation,
    action: Option<ActionId>,
) -> Result<(), Error> {
    let waiting = escalation.action.filter(|_| escalation.question.is_about_an_action());
    let Some(proposed_action) = waiting else { return Ok(()) };
    let (epoch, lease_expire_time) = match escalation.resume_mode {
        ResumeMode::Attached => (1, tx.now.plus(GRANT_LIFETIME)),
        ResumeMode::Detached => (0, tx.now),
    };
    let resumption = Resumption {
        escalation: escalation.id,
        run: escalation.run,
        agent: escalation.agent.clone(),
        proposed_action,
        action,
        checkpoint: escalation.checkpoint,
        epoch,
        lease_expire_time,
        close_time: None,
        create_time: tx.now,
    };
    let tenant = tx.tenant();
    tx.put(keys::resumption(tenant, escalation.id), &resumption)?;
    tx.mark(keys::resume(tenant, &escalation.agent, escalation.id));
    Ok(())
}

/// Takes back what an answer permitted, where nobody has taken it up yet: whoever does
/// finds that nothing may run.
pub(super) async fn take_back_offer(tx: &mut Tx<'_>, id: EscalationId) -> Result<(), Error> {
    let key = keys::resumption(tx.tenant(), id);
    let Some(mut resumption) = tx.get::<Resumption>(key.clone()).await? else { return Ok(()) };
    if resumption.close_time.is_none() {
        resumption.action = None;
        tx.put(key, &resumption)?;
    }
    Ok(())
}

/// Withdraws what was permitted and not used up. The caller writes the action.
pub(super) async fn revoke(tx: &mut Tx<'_>, action: &mut Action) -> Result<(), Error> {
    let former = action.replace_grant(None);
    let subjects = action_subjects(action, former);
    tx.event_about(EventKind::GrantRevoked, subjects, Some(action.digest), &[]);
    withdraw(tx, action, ActionEvent::Cancelled).await?;
    let Some(escalation) = action.escalation else { return Ok(()) };
    take_back_offer(tx, escalation).await
}

/// Takes a resumption up for good.
pub(super) fn finish_resumption(tx: &mut Tx<'_>, mut resumption: Resumption) -> Result<(), Error> {
    let tenant = tx.tenant();
    resumption.close_time = Some(tx.now);
    tx.put(keys::resumption(tenant, resumption.escalation), &resumption)?;
    tx.remove(keys::resume(tenant, &resumption.agent, resumption.escalation));
    let subjects = Subjects {
        run: Some(resumption.run),
        action: resumption.action,
        escalation: Some(resumption.escalation),
        ..Subjects::default()
    };
    tx.event(EventKind::ResumptionAcknowledged, subjects);
    Ok(())
}

/// Ends an action that will not run.
pub(super) async fn withdraw(
    tx: &mut Tx<'_>,
    action: &mut Action,
    event: ActionEvent,
) -> Result<(), Error> {
    advance(action, event, tx.now)?;
    tx.count_out(action).await
}

/// Moves an action along its life cycle.
pub(super) fn advance(
    action: &mut Action,
    event: ActionEvent,
    now: Timestamp,
) -> Result<(), Error> {
    action.state = action.state.after(event).ok_or_else(|| Error::Internal {
        cause: format!("{} is {} and cannot take {event:?}", action.id, action.state.name()),
    })?;
    action.update_time = now;
    Ok(())
}

/// Cancels a question nobody needs to answer any more.
pub(super) async fn cancel(tx: &mut Tx<'_>, id: EscalationId) -> Result<(), Error> {
    let key = keys::escalation(tx.tenant(), id);
    let found = tx.get::<Escalation>(key).await?;
    let mut escalation = found.ok_or_else(|| super::views::missing(Resource::Escalation, &id))?;
    close(tx, &mut escalation, EscalationEvent::Cancel)?;
    tx.event(EventKind::EscalationCancelled, subjects(&escalation));
    offer(tx, &escalation, None)
}

/// Cancels every open question of a run, with the actions it is about.
pub(super) async fn cancel_open_of_run(tx: &mut Tx<'_>, run: RunId) -> Result<(), Error> {
    let limit = limits::MAX_CANCELLED_AT_ONCE;
    if cancel_some_of_run(tx, run, limit).await?.has_more {
        return Err(Error::TooManyOpen { scope: "the run", limit: limit as u64 });
    }
    Ok(())
}

/// How many questions were cancelled.
pub(super) struct CancelledSome {
    /// How many.
    pub(super) count: usize,
    /// Whether there are more.
    pub(super) has_more: bool,
}

/// Cancels open questions of a run, so many at most.
pub(super) async fn cancel_some_of_run(
    tx: &mut Tx<'_>,
    run: RunId,
    limit: usize,
) -> Result<CancelledSome, Error> {
    let range = keys::run_opens(tx.tenant(), run);
    let store = &tx.engine.0.store;
    let found = store.scan(range.clone(), Direction::Ascending, limit).await.map_err(read_error)?;
    let has_more = found.has_more;
    let rows: Vec<_> = found.rows.into_iter().map(|(key, row)| (key, row.version)).collect();
    let ids: Vec<EscalationId> =
        rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)).collect();
    let count = ids.len();
    tx.expect(Expectation::Range { range, rows, complete: !has_more });
    for id in ids {
        cancel_with_action(tx, id).await?;
    }
    Ok(CancelledSome { count, has_more })
}

/// Cancels a question and the action that waits for it.
pub(super) async fn cancel_with_action(tx: &mut Tx<'_>, id: EscalationId) -> Result<(), Error> {
    let key = keys::escalation(tx.tenant(), id);
    let found = tx.engine.read::<Escalation>(&key).await?;
    let waiting = found.filter(|escalation| escalation.question.is_about_an_action());
    cancel(tx, id).await?;
    let Some(action_id) = waiting.and_then(|escalation| escalation.action) else { return Ok(()) };
    let key = keys::action(tx.tenant(), action_id);
    let found = tx.get::<Action>(key.clone()).await?;
    if let Some(mut action) = found
        && action.state.after(ActionEvent::Cancelled).is_some()
    {
        withdraw(tx, &mut action, ActionEvent::Cancelled).await?;
        tx.put(key, &action)?;
    }
    Ok(())
}

/// Ids for the kept answer of an operation about one resource.
pub(super) fn result(id: &[u8; 16]) -> Vec<Uuid> {
    vec![Uuid::from_bytes(*id)]
}
