//! Proposals that follow a person's correction in words.

use crate::domain::action::Action;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Escalation, ResolutionKind};
use crate::domain::ids::EscalationId;
use crate::domain::run::Run;
use crate::engine::operation::Tx;
use crate::store::keys;

const FIELD: &str = "follows_escalation_id";

/// Refuses to follow what is no correction of the same run.
pub(super) async fn check(
    tx: &mut Tx<'_>,
    run: &Run,
    id: Option<EscalationId>,
) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    let found = tx.get::<Escalation>(keys::escalation(tx.tenant(), id)).await?;
    let own = found.filter(|it| it.agent == run.agent);
    let escalation = own.ok_or_else(|| Error::not_found(Resource::Escalation, id))?;
    if escalation.run != run.id {
        return Err(Error::field(FIELD, "it was asked in another run"));
    }
    match escalation.resolution.map(|resolution| resolution.kind) {
        Some(ResolutionKind::Instructed) => Ok(()),
        _ => Err(Error::field(FIELD, "nobody has corrected it in words")),
    }
}

/// Lists the action among those that follow the correction.
pub(super) fn note(tx: &mut Tx<'_>, action: &Action) {
    if let Some(followed) = action.follows {
        tx.mark(keys::followed(tx.tenant(), followed, action.id));
    }
}
