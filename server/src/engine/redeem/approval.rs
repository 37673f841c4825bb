//! Whether what was approved is still approved when it is about to run.

use std::collections::HashSet;

use crate::domain::action::Action;
use crate::domain::error::Error;
use crate::domain::escalation::Approver;
use crate::domain::principal::Token;
use crate::engine::escalations;
use crate::engine::operation::Tx;
use crate::store::keys;

/// Those who approved the action must still be allowed to, each for itself and as so
/// many people: what was taken from one of them since permits nothing.
pub(super) async fn require_stands(tx: &mut Tx<'_>, action: &Action) -> Result<(), Error> {
    let Some(id) = action.escalation else { return Ok(()) };
    let question = escalations::get(tx, id).await?;
    let approvers = question.resolution.as_ref().map(|it| it.approvers.clone()).unwrap_or_default();
    if approvers.is_empty() {
        return Ok(());
    }
    let people = tx.people().await?;
    let mut persons = HashSet::new();
    for approver in approvers {
        let is_revoked = is_token_revoked(tx, &approver).await?;
        let void = approver.why_void(&question, &people, is_revoked, tx.now);
        let is_counted = !persons.insert(people.person_of(&approver.name).to_owned());
        let twice = || "it is one person with another who approved".to_owned();
        if let Some(why) = void.or_else(|| is_counted.then(twice)) {
            let action = action.id.to_string();
            return Err(Error::ApprovalVoid { action, approver: approver.name, why });
        }
    }
    Ok(())
}

/// Whether the token that somebody answered with was revoked. One that merely expired
/// since was good when it was used.
async fn is_token_revoked(tx: &mut Tx<'_>, approver: &Approver) -> Result<bool, Error> {
    let Some(id) = approver.standing.as_ref().and_then(|it| it.credential.token) else {
        return Ok(false);
    };
    let token = tx.get::<Token>(keys::token(tx.tenant(), id)).await?;
    Ok(token.is_none_or(|token| token.revoke_time.is_some()))
}
