//! Overrides.

use pointsman_api::v1;
use pointsman_api::v1::r#override::{AtEnd as WireAtEnd, Kind, State};
use pointsman_api::v1::override_scope::Scope;

use super::{id, known, optional_id, text_of, time, unspecified};
use crate::domain::error::Error;
use crate::domain::overrides::{
    AtEnd, Closing, OverrideKind, OverrideScope, OverrideState, Redirect, Settlement, Step,
};
use crate::engine::overrides::{OverrideView, ReceiptView, Said};

/// An override for the wire.
pub(in crate::rpc) fn overriding(view: OverrideView) -> v1::Override {
    let OverrideView { it, state: shown, reason, account, receipts, redirect } = view;
    v1::Override {
        override_id: it.id.to_string(),
        kind: kind(it.kind).into(),
        etag: it.etag(),
        scope: Some(scope(it.scope)),
        state: state(shown).into(),
        agent: it.agent.unwrap_or_default(),
        reason,
        requester: it.requester,
        confirmer: it.confirmer.unwrap_or_default(),
        create_time: Some(time(it.create_time)),
        enforced_time: it.enforced_time.map(time),
        expire_time: Some(time(it.expire_time)),
        at_end: at_end(it.at_end).into(),
        end_time: it.end_time.map(time),
        ended_by_override_id: text_of(it.ended_by),
        steps: it.progress.steps.into_iter().map(step).collect(),
        agent_words: account.words,
        still_running: account.still_running,
        receipts: receipts.into_iter().map(receipt).collect(),
        settlement: it.settlement.map(settlement),
        redirect: redirect.map(redirection),
        branch: it.branch.unwrap_or_default(),
        escalation_id: text_of(it.question),
    }
}

fn redirection(it: Redirect) -> v1::Redirect {
    let close = it.close.into_iter();
    v1::Redirect {
        instruction: it.instruction,
        close: close.map(|it| v1::ToolClosing { tool: it.tool, instead: it.instead }).collect(),
        open: it.open,
        checkpoint_id: text_of(it.checkpoint),
        team: it.team,
    }
}

/// What a run is to be told.
pub(in crate::rpc) fn read_redirect(it: v1::Redirect) -> Result<Redirect, Error> {
    let close = it.close.into_iter();
    Ok(Redirect {
        instruction: it.instruction,
        close: close.map(|it| Closing { tool: it.tool, instead: it.instead }).collect(),
        open: it.open,
        checkpoint: optional_id("redirect.checkpoint_id", &it.checkpoint_id)?,
        team: it.team,
    })
}

fn receipt(view: ReceiptView) -> v1::OverrideReceipt {
    let ReceiptView { receipt, account } = view;
    v1::OverrideReceipt {
        run_id: receipt.run.to_string(),
        agent: receipt.agent,
        state: state(receipt.progress.state).into(),
        steps: receipt.progress.steps.into_iter().map(step).collect(),
        agent_words: account.words,
        still_running: account.still_running,
    }
}

fn step(step: Step) -> v1::OverrideStep {
    v1::OverrideStep { state: state(step.state).into(), by: step.by, time: Some(time(step.time)) }
}

fn settlement(it: Settlement) -> v1::OverrideSettlement {
    v1::OverrideSettlement {
        runs: it.runs,
        questions: it.questions,
        grants: it.grants,
        settle_time: it.settle_time.map(time),
    }
}

/// Whom an override covers, for the wire.
pub(in crate::rpc) fn scope(scope: OverrideScope) -> v1::OverrideScope {
    let scope = match scope {
        OverrideScope::Run(run) => Scope::RunId(run.to_string()),
        OverrideScope::Tree(run) => Scope::TreeRunId(run.to_string()),
        OverrideScope::Agent(agent) => Scope::Agent(agent),
        OverrideScope::Fleet => Scope::Fleet(v1::OverrideFleet {}),
    };
    v1::OverrideScope { scope: Some(scope) }
}

/// To whom something is to be done.
pub(in crate::rpc) fn read_scope(scope: Option<v1::OverrideScope>) -> Result<OverrideScope, Error> {
    let scope = scope.and_then(|it| it.scope).ok_or_else(|| unspecified("scope"))?;
    Ok(match scope {
        Scope::RunId(run) => OverrideScope::Run(id("scope.run_id", &run)?),
        Scope::TreeRunId(run) => OverrideScope::Tree(id("scope.tree_run_id", &run)?),
        Scope::Agent(agent) => OverrideScope::Agent(agent),
        Scope::Fleet(v1::OverrideFleet {}) => OverrideScope::Fleet,
    })
}

pub(super) const fn kind(kind: OverrideKind) -> Kind {
    match kind {
        OverrideKind::PauseAfterStep => Kind::PauseAfterStep,
        OverrideKind::PauseNow => Kind::PauseNow,
        OverrideKind::Resume => Kind::Resume,
        OverrideKind::Redirect => Kind::Redirect,
        OverrideKind::Stop => Kind::Stop,
        OverrideKind::Kill => Kind::Kill,
    }
}

/// What is to be done.
pub(in crate::rpc) fn read_kind(value: i32) -> Result<OverrideKind, Error> {
    Ok(match known("kind", value)? {
        Kind::Unspecified => return Err(unspecified("kind")),
        Kind::PauseAfterStep => OverrideKind::PauseAfterStep,
        Kind::PauseNow => OverrideKind::PauseNow,
        Kind::Resume => OverrideKind::Resume,
        Kind::Redirect => OverrideKind::Redirect,
        Kind::Stop => OverrideKind::Stop,
        Kind::Kill => OverrideKind::Kill,
    })
}

const fn at_end(at_end: AtEnd) -> WireAtEnd {
    match at_end {
        AtEnd::Stay => WireAtEnd::Stay,
        AtEnd::Resume => WireAtEnd::Resume,
    }
}

/// What is to become of a pause; it stays unless that is said.
pub(in crate::rpc) fn read_at_end(value: i32) -> Result<AtEnd, Error> {
    Ok(match known("at_end", value)? {
        WireAtEnd::Unspecified | WireAtEnd::Stay => AtEnd::Stay,
        WireAtEnd::Resume => AtEnd::Resume,
    })
}

/// What an agent says of an override.
pub(in crate::rpc) fn read_said(value: i32) -> Result<Said, Error> {
    match known("state", value)? {
        State::Unspecified => Err(unspecified("state")),
        State::Acknowledged => Ok(Said::Acknowledged),
        State::Effective => Ok(Said::Effective),
        State::Refused => Ok(Said::Refused),
        _ => Err(Error::field("state", "want ACKNOWLEDGED, EFFECTIVE or REFUSED")),
    }
}

pub(super) const fn state(state: OverrideState) -> State {
    match state {
        OverrideState::Pending => State::Pending,
        OverrideState::Requested => State::Requested,
        OverrideState::Delivered => State::Delivered,
        OverrideState::Acknowledged => State::Acknowledged,
        OverrideState::Effective => State::Effective,
        OverrideState::Refused => State::Refused,
        OverrideState::TimedOut => State::TimedOut,
        OverrideState::Superseded => State::Superseded,
        OverrideState::Lapsed => State::Lapsed,
    }
}
