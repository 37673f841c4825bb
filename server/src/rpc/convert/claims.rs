//! Claims, and how questions pass from hand to hand.

use pointsman_api::v1;
use pointsman_api::v1::claim_next_escalation_response::Next as WireNext;

use super::{drills, escalations, header, id, span, time};
use crate::domain::error::Error;
use crate::domain::escalation::Claim;
use crate::engine::Answer;
use crate::engine::queue::{How, Next, PassOn};

/// A claim; what its holder was told in the full view only.
pub(in crate::rpc) fn claim(claim: &Claim, note: Option<String>) -> v1::Claim {
    v1::Claim {
        holder: claim.holder.clone(),
        claim_epoch: claim.epoch,
        expire_time: Some(time(claim.expire_time)),
        claim_time: claim.claim_time.map(time),
        assigner: claim.assigner.clone().unwrap_or_default(),
        stands_in_for: claim.stands_in_for.clone().unwrap_or_default(),
        note: note.unwrap_or_default(),
    }
}

/// The next question, or why there is none.
pub(in crate::rpc) fn next(answer: Answer<Next>) -> v1::ClaimNextEscalationResponse {
    let (header, now) = (header(&answer), answer.time);
    let (next, why) = match answer.value {
        Next::Claimed(view, why) => {
            (WireNext::Escalation(escalations::escalation(*view, now)), why)
        }
        Next::Drill(view) => (WireNext::Drill(drills::card(*view)), String::new()),
        Next::Nothing { seen, is_full } => {
            let nothing = v1::NothingToClaim {
                open_count: seen.open,
                held_count: seen.held,
                snoozed_count: seen.snoozed,
                not_yours_count: seen.not_yours,
                at_capacity: is_full,
            };
            (WireNext::Nothing(nothing), String::new())
        }
    };
    v1::ClaimNextEscalationResponse { header, next: Some(next), why }
}

/// Reads a hand-off.
pub(in crate::rpc) fn hand_off(message: v1::HandOffEscalationRequest) -> Result<PassOn, Error> {
    Ok(PassOn {
        escalation: id("escalation_id", &message.escalation_id)?,
        request_id: message.request_id,
        how: How::HandOff { epoch: message.claim_epoch, to: message.to },
        note: message.note,
        lease: span(message.lease),
    })
}

/// Reads an assignment.
pub(in crate::rpc) fn assign(message: v1::AssignEscalationRequest) -> Result<PassOn, Error> {
    Ok(PassOn {
        escalation: id("escalation_id", &message.escalation_id)?,
        request_id: message.request_id,
        how: How::Assign { to: message.to },
        note: message.note,
        lease: span(message.lease),
    })
}

/// Reads a take-over.
pub(in crate::rpc) fn take_over(message: v1::TakeOverEscalationRequest) -> Result<PassOn, Error> {
    Ok(PassOn {
        escalation: id("escalation_id", &message.escalation_id)?,
        request_id: message.request_id,
        how: How::TakeOver,
        note: message.reason,
        lease: span(message.lease),
    })
}
