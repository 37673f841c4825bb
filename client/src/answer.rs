//! What a person said, turned into what the agent may do.

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::resolution::Kind;

use crate::connect::{Connection, promised};
use crate::credentials::References;
use crate::error::{Error, Result};
use crate::permit::Permit;
use crate::proposal::ExactCall;

/// The end of a wait.
#[derive(Debug)]
pub enum Answer {
    /// The action may run as proposed.
    Approved(Permit),
    /// An edited action may run in its place: see the permit's arguments.
    Modified(Permit),
    /// The action must not run; the note says why.
    Rejected(v1::Resolution),
    /// Nothing runs; `response` stands in the place of the tool's answer.
    Responded(v1::Resolution),
    /// Nothing runs; `instruction` says how to propose anew. Name the escalation with
    /// [`Proposal::follows`](crate::Proposal::follows) then.
    Instructed(v1::Resolution),
    /// Nobody answered in time. What the policy wants of the agent then: to go on
    /// without, to take its fallback, or to go on from the checkpoint to which its run was
    /// taken back.
    Expired(v1::OnExpiry),
    /// The run ended before anybody answered.
    Cancelled,
    /// It was approved or modified, its grant has lapsed, and no new one is to be
    /// had here: a worker holds the resumption, or the approval is too old.
    Lapsed(v1::Resolution),
}

impl Answer {
    /// What the person said; none if nobody did.
    pub fn resolution(&self) -> Option<&v1::Resolution> {
        match self {
            Self::Approved(permit) | Self::Modified(permit) => permit.resolution(),
            Self::Rejected(said)
            | Self::Responded(said)
            | Self::Instructed(said)
            | Self::Lapsed(said) => Some(said),
            Self::Expired(_) | Self::Cancelled => None,
        }
    }

    /// Whether something may run, so that redeeming closes the resumption.
    pub fn is_permitted(&self) -> bool {
        matches!(self, Self::Approved(_) | Self::Modified(_))
    }
}

/// Reads a resumption. `proposed` is the call that this process proposed itself:
/// an approval then permits those bytes and no others.
pub(crate) fn answer_of(
    connection: &Connection,
    resumption: v1::Resumption,
    proposed: Option<ExactCall>,
) -> Result<Answer> {
    match resumption.state() {
        State::Expired => return Ok(Answer::Expired(resumption.on_expiry())),
        State::Cancelled => return Ok(Answer::Cancelled),
        State::Resolved => {}
        State::Open | State::Unspecified => {
            return Err(Error::protocol("the server sent an answer to an open question"));
        }
    }
    let said = promised(resumption.resolution.clone(), "resolution")?;
    let kind = said.kind();
    match kind {
        Kind::Rejected => return Ok(Answer::Rejected(said)),
        Kind::Responded => return Ok(Answer::Responded(said)),
        Kind::Instructed => return Ok(Answer::Instructed(said)),
        Kind::Approved | Kind::Modified => {}
        Kind::Unspecified => {
            return Err(Error::protocol("the answer is not one that this client knows"));
        }
    }
    let Some(grant) = resumption.grant else {
        return Ok(Answer::Lapsed(said));
    };
    let call = match proposed {
        Some(call) if kind == Kind::Approved => call,
        _ => ExactCall::from_action(promised(resumption.action, "action")?),
    };
    if call.action_id != said.action_id {
        return Err(Error::protocol("the answer permits another action than it names"));
    }
    let references = References::of_checkpoint(resumption.checkpoint_id);
    let permit = Permit::new(connection.clone(), call, grant);
    let permit = permit.resolved_by(said).referring_to(references);
    Ok(if kind == Kind::Approved { Answer::Approved(permit) } else { Answer::Modified(permit) })
}
