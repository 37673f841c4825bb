//! What time does to overrides: nobody has confirmed one, an agent has not acknowledged
//! one, or a pause ends by itself.

use super::enforce::enforce;
use super::{existing, put, subjects};
use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::{
    AtEnd, Override, OverrideEvent, OverrideKind, OverrideState, Progress,
};
use crate::engine::operation::Tx;
use crate::store::keys;

/// The time of an override is over. The server's part of a stop stays in any case.
pub(in crate::engine) async fn expire(tx: &mut Tx<'_>, id: OverrideId) -> Result<(), Error> {
    let mut it = existing(tx, id).await?;
    let (event, kind) = match it.progress.state {
        OverrideState::Pending => (OverrideEvent::Lapse, EventKind::OverrideLapsed),
        _ => (OverrideEvent::TimeOut, EventKind::OverrideTimedOut),
    };
    let who = tx.by.name();
    // Of an agent or the fleet nobody says how many have to answer.
    let is_awaited = it.scope.run().is_some() || event == OverrideEvent::Lapse;
    if is_awaited && it.progress.advance(event, who, tx.now) {
        it.revision += 1;
        tx.event(kind, subjects(&it));
    }
    if it.kind == OverrideKind::Resume {
        // Who has not heard by now finds out when it asks for something.
        tx.remove(keys::told(tx.tenant(), &it.scope, id));
    }
    put(tx, &it)?;
    if it.kind.is_pause() && it.at_end == AtEnd::Resume && it.is_in_force() {
        tx.event(EventKind::OverrideEnded, subjects(&it));
        return resume(tx, &it).await;
    }
    Ok(())
}

/// Ends a pause in the place of a person: its agents are told as of any other end.
pub(super) async fn resume(tx: &mut Tx<'_>, pause: &Override) -> Result<(), Error> {
    let who = tx.by.name().to_owned();
    let mut it = Override {
        id: OverrideId::new(tx.next_id()),
        kind: OverrideKind::Resume,
        scope: pause.scope.clone(),
        agent: pause.agent.clone(),
        reason: pause.reason,
        requester: who.clone(),
        confirmer: None,
        create_time: tx.now,
        ttl: pause.ttl,
        expire_time: tx.now.plus(pause.ttl),
        at_end: AtEnd::Stay,
        enforced_time: None,
        end_time: None,
        ended_by: None,
        progress: Progress::begun(OverrideState::Requested, &who, tx.now),
        settlement: None,
        redirect: None,
        branch: None,
        question: None,
        revision: 1,
    };
    enforce(tx, &mut it).await?;
    tx.event(EventKind::OverrideRequested, subjects(&it));
    put(tx, &it)
}
