//! Putting an override in force: the hold, and what it takes the place of.

use super::{existing, put, subjects, timer};
use crate::domain::error::{Error, OverrideError};
use crate::domain::event::EventKind;
use crate::domain::ids::OverrideId;
use crate::domain::overrides::{
    Held, Hold, Override, OverrideEvent, OverrideKind, OverrideScope, Settlement,
};
use crate::domain::time::Timestamp;
use crate::engine::operation::Tx;
use crate::store::keys::{self, TimerKind};
use crate::store::records::SettlingRecord;

/// Puts the server's part of an override in force. Reads nothing that agents write: it
/// races with other overrides of the same scope only.
pub(super) async fn enforce(tx: &mut Tx<'_>, it: &mut Override) -> Result<(), Error> {
    let mut hold = tx.hold(&it.scope).await?;
    let replaced = match it.kind {
        OverrideKind::PauseAfterStep | OverrideKind::PauseNow => {
            let former = hold.end_pause(tx.now);
            hold.pause = Some(held(it, tx.now));
            vec![former]
        }
        OverrideKind::Stop | OverrideKind::Kill => {
            let former = vec![hold.end_pause(tx.now), hold.stop.replace(held(it, tx.now))];
            hold.stops += 1;
            hold.is_shut = it.scope.run().is_none();
            it.settlement = Some(Settlement::default());
            tx.put(keys::settling(tx.tenant(), it.id), &SettlingRecord::default())?;
            tx.mark(timer(tx.tenant(), TimerKind::Settle, it.id, tx.now).key());
            former
        }
        OverrideKind::Resume => lift(tx, it, &mut hold),
        // It has words of its own: see `redirect`.
        OverrideKind::Redirect => Vec::new(),
    };
    if it.kind == OverrideKind::Resume && replaced.iter().all(Option::is_none) {
        return Err(Error::Override(OverrideError::NotHeld { scope: it.scope.name(), by: None }));
    }
    for held in replaced.into_iter().flatten() {
        supersede(tx, held.by, it.id).await?;
    }
    if it.kind == OverrideKind::Resume {
        // It is done with its commit: nothing is left that could end.
        it.end_time = Some(tx.now);
    }
    put_in_force(tx, it, &hold)
}

/// Writes the hold, tells the agents, and sets the clock.
pub(super) fn put_in_force(tx: &mut Tx<'_>, it: &mut Override, hold: &Hold) -> Result<(), Error> {
    it.enforced_time = Some(tx.now);
    tx.put(keys::hold(tx.tenant(), &it.scope), hold)?;
    tx.mark(keys::told(tx.tenant(), &it.scope, it.id));
    tx.mark(timer(tx.tenant(), TimerKind::Override, it.id, it.expire_time).key());
    Ok(())
}

/// What stands in the hold of an override.
pub(super) fn held(it: &Override, now: Timestamp) -> Held {
    Held {
        by: it.id,
        kind: it.kind,
        requester: it.requester.clone(),
        time: now,
        reason: it.reason,
        covers_below: !matches!(it.scope, OverrideScope::Run(_)),
    }
}

/// Ends the pause of a scope, and lets runs start again where a stop let none.
fn lift(tx: &Tx<'_>, it: &Override, hold: &mut Hold) -> Vec<Option<Held>> {
    let stop = hold.stop.clone().filter(|_| hold.is_shut && it.scope.run().is_none());
    hold.is_shut = false;
    vec![hold.end_pause(tx.now), stop]
}

/// Ends the server's part of an override that another one takes the place of.
pub(super) async fn supersede(
    tx: &mut Tx<'_>,
    id: OverrideId,
    by: OverrideId,
) -> Result<(), Error> {
    let mut former = existing(tx, id).await?;
    former.end_time = Some(tx.now);
    former.ended_by = Some(by);
    let who = tx.by.name();
    if former.kind != OverrideKind::Redirect
        && former.progress.advance(OverrideEvent::Supersede, who, tx.now)
    {
        tx.event(EventKind::OverrideSuperseded, subjects(&former));
    }
    former.revision += 1;
    // A redirect is still to be told: only its pause has ended.
    if former.kind != OverrideKind::Redirect {
        tx.remove(keys::told(tx.tenant(), &former.scope, id));
    }
    put(tx, &former)
}
