//! Why nobody has answered by now.

use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::notice::{Notice, NoticeState};
use crate::domain::queue::{LateReason, Lateness, Plan, Reach};
use crate::engine::operation::Tx;
use crate::store::keys;

/// Why nobody has answered, as far as the settings, the directory and the notices of now
/// can tell.
pub(in crate::engine) async fn why(
    tx: &mut Tx<'_>,
    escalation: &Escalation,
) -> Result<LateReason, Error> {
    let mut known = Lateness {
        has_eligible: true,
        was_on_duty: true,
        was_claimed: escalation.claim.is_some(),
        is_undelivered: false,
    };
    let in_force = tx.queue().await?;
    let reach = tx.engine.known(tx.tenant(), in_force).await?.at(tx.now).reach(escalation);
    known.has_eligible = reach != Reach::Nobody;
    known.was_on_duty = reach == Reach::Somebody;
    if let Some(plan) = &escalation.plan {
        known.was_on_duty &= plan.was_on_duty(tx.now);
        known.is_undelivered = is_undelivered(tx, plan).await?;
    }
    Ok(known.reason())
}

/// Whether people were to be told, and nobody was.
async fn is_undelivered(tx: &Tx<'_>, plan: &Plan) -> Result<bool, Error> {
    for id in &plan.told {
        let notice = tx.engine.read::<Notice>(&keys::notice(tx.tenant(), *id)).await?;
        if notice.is_some_and(|notice| notice.state == NoticeState::Delivered) {
            return Ok(false);
        }
    }
    Ok(!plan.told.is_empty())
}
