//! Runs.

use pointsman_api::v1;
use pointsman_api::v1::run::State;
use pointsman_api::v1::run_message::Speaker;

use super::{at, known, text_of, time, unspecified};
use crate::domain::error::Error;
use crate::domain::run::RunState;
use crate::engine::messages::Told;
use crate::engine::views::RunView;

/// A run for the wire.
pub(in crate::rpc) fn run(view: RunView) -> v1::Run {
    let RunView { run, state: shown, held_by, goal } = view;
    v1::Run {
        run_id: run.id.to_string(),
        state: state(shown).into(),
        agent: run.agent,
        on_behalf_of: run.on_behalf_of.unwrap_or_default(),
        parent_run_id: text_of(run.parent),
        hop_count: run.hop_count,
        goal,
        create_time: Some(time(run.create_time)),
        finish_time: run.finish_time.map(time),
        etag: run.revision.to_string(),
        constraint_sets: run.constraint_sets,
        overdue_time: run.overdue_time.map(time),
        unexpected_result_count: run.unexpected_results,
        branch: run.branch,
        override_id: text_of(held_by),
        lineage: run.lineage.iter().map(ToString::to_string).collect(),
        standing: None,
    }
}

pub(super) const fn state(state: RunState) -> State {
    match state {
        RunState::Running => State::Running,
        RunState::Succeeded => State::Succeeded,
        RunState::Failed => State::Failed,
        RunState::Cancelled => State::Cancelled,
        RunState::Paused => State::Paused,
        RunState::Stopped => State::Stopped,
    }
}

/// The engine's word for a state; none where it is not said.
pub(in crate::rpc) const fn read_state(state: State) -> Option<RunState> {
    match state {
        State::Unspecified => None,
        State::Running => Some(RunState::Running),
        State::Succeeded => Some(RunState::Succeeded),
        State::Failed => Some(RunState::Failed),
        State::Cancelled => Some(RunState::Cancelled),
        State::Paused => Some(RunState::Paused),
        State::Stopped => Some(RunState::Stopped),
    }
}

/// Reads one message that a run has heard, at its place in the request's field `list`.
pub(in crate::rpc) fn read_message(
    list: &str,
    place: usize,
    message: v1::RunMessage,
) -> Result<Told, Error> {
    let field = |name| at(list, place, name);
    let v1::RunMessage { speaker, tool, text } = message;
    match known(&field("speaker"), speaker)? {
        Speaker::Unspecified => Err(unspecified(&field("speaker"))),
        Speaker::Tool => Ok(Told::Tool { tool, text }),
        Speaker::User if tool.is_empty() => Ok(Told::User { text }),
        Speaker::User => Err(Error::field(field("tool"), "a user is no tool; leave it empty")),
    }
}
