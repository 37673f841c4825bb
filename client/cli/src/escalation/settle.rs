//! Waiting for the end of an escalation; the exit code says how it ended.

use pointsman_api::v1;
use pointsman_api::v1::escalation::State;
use pointsman_api::v1::resolution::Kind;
use pointsman_client::{QueueEvent, Reviewer};

use super::OneArguments;
use crate::briefing::resolution_line;
use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::id;
use crate::output::escape::inline;
use crate::output::reflect::node_of;
use crate::output::time;

/// Waits until an escalation ends, or the caller's patience does.
pub(super) async fn wait(context: &Context, one: OneArguments) -> Result<Exit, Failure> {
    let reviewer = Reviewer::new(context.connect_to_wait(Capacity::Reviewer).await?);
    let id = id::escalation_id(&reviewer, &one.id, context.may_ask()).await?;
    let ended = match context.patience() {
        None => end_of(&reviewer, &id).await?,
        Some(patience) => match tokio::time::timeout(patience, end_of(&reviewer, &id)).await {
            Ok(ended) => ended?,
            Err(_) => {
                let what = format!("{} is still open after {patience:?}", inline(&id));
                return Err(Failure::new(Exit::TimedOut, what));
            }
        },
    };
    context.output.one(&node_of("Escalation", &ended), || {
        let line = resolution_line(&ended, &time::local_now()).unwrap_or_default();
        format!("{}  {line}", inline(&ended.escalation_id))
    });
    Ok(exit_of(&ended))
}

/// The exit code of an ended escalation: 0 only if something may run.
pub(super) fn exit_of(ended: &v1::Escalation) -> Exit {
    match ended.state() {
        State::Expired => Exit::Expired,
        State::Cancelled => Exit::Stopped,
        State::Open | State::Unspecified => Exit::Failure,
        State::Resolved => match ended.resolution.clone().unwrap_or_default().kind() {
            Kind::Approved | Kind::Modified => Exit::Ok,
            Kind::Rejected | Kind::Responded | Kind::Instructed => Exit::Rejected,
            Kind::Unspecified => Exit::Failure,
        },
    }
}

/// Watches the queue from before the first look, so that no end is missed.
async fn end_of(reviewer: &Reviewer, id: &str) -> Result<v1::Escalation, Failure> {
    let first = reviewer.get(id).await?.escalation;
    if first.state() != State::Open {
        return Ok(first);
    }
    let mut watch = reviewer.watch(v1::WatchEscalationsRequest {
        filter: Some(v1::EscalationFilter {
            run_id: first.run_id,
            ..v1::EscalationFilter::default()
        }),
        ..v1::WatchEscalationsRequest::default()
    });
    while let Some(event) = watch.next().await {
        let may_have_ended = match event? {
            // It may have ended between the look above and the snapshot.
            QueueEvent::SnapshotEnd(_) => true,
            QueueEvent::Change(change) => {
                change.escalations.iter().any(|one| one.escalation_id == id)
            }
            _ => false,
        };
        if may_have_ended {
            let now = reviewer.get(id).await?.escalation;
            if now.state() != State::Open {
                return Ok(now);
            }
        }
    }
    Err(Failure::new(Exit::Failure, "the watch ended without an answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_run_is_a_success() {
        let resolved = |kind: Kind| v1::Escalation {
            state: State::Resolved.into(),
            resolution: Some(v1::Resolution { kind: kind.into(), ..v1::Resolution::default() }),
            ..v1::Escalation::default()
        };
        let in_state =
            |state: State| v1::Escalation { state: state.into(), ..v1::Escalation::default() };
        let cases = [
            (resolved(Kind::Approved), 0),
            (resolved(Kind::Modified), 0),
            (resolved(Kind::Rejected), 10),
            (resolved(Kind::Responded), 10),
            (resolved(Kind::Instructed), 10),
            (resolved(Kind::Unspecified), 1),
            (in_state(State::Expired), 7),
            (in_state(State::Cancelled), 11),
            (in_state(State::Unspecified), 1),
        ];
        for (ended, code) in cases {
            assert_eq!(exit_of(&ended).code(), code, "{ended:?}");
        }
    }
}
