//! Keys of overrides, of what they hold, and of the runs that they cover.

use bytes::Bytes;

use super::{ID_LENGTH, is_kind, key, last_id, prefixed};
use crate::domain::ids::{ActionId, OverrideId, RunId};
use crate::domain::overrides::OverrideScope;
use crate::store::KeyRange;

const RUN: u8 = 0;
const AGENT: u8 = 1;
const FLEET: u8 = 2;

/// Of whom a hold or a list is: a run and its tree have one.
pub(super) fn scoped(tenant: &str, kind: &str, scope: &OverrideScope, rest: &[u8]) -> Bytes {
    match scope {
        OverrideScope::Run(run) | OverrideScope::Tree(run) => {
            key(tenant, kind, &[&[RUN], run.as_bytes(), rest])
        }
        OverrideScope::Agent(agent) => key(tenant, kind, &[&[AGENT], agent.as_bytes(), &[0], rest]),
        OverrideScope::Fleet => key(tenant, kind, &[&[FLEET], rest]),
    }
}

/// An override.
pub fn overriding(tenant: &str, id: OverrideId) -> Bytes {
    key(tenant, "override", &[id.as_bytes()])
}

/// All overrides, the oldest first.
pub fn overrides(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "override", &[]))
}

/// The override that a record's key or a list entry names.
pub fn listed_override(key: &[u8]) -> Option<OverrideId> {
    last_id(key).map(OverrideId::from_bytes)
}

/// Whether a key is an override's record.
pub fn is_override(tenant: &str, bytes: &[u8]) -> bool {
    is_kind(tenant, "override", bytes)
}

/// What holds the runs of a scope.
pub fn hold(tenant: &str, scope: &OverrideScope) -> Bytes {
    scoped(tenant, "hold", scope, &[])
}

/// The entry of an override that agents are to be told of, in the list of its scope.
pub fn told(tenant: &str, scope: &OverrideScope, id: OverrideId) -> Bytes {
    scoped(tenant, "override-told", scope, id.as_bytes())
}

/// What agents are to be told of in a scope, the oldest first.
pub fn all_told(tenant: &str, scope: &OverrideScope) -> KeyRange {
    prefixed(&scoped(tenant, "override-told", scope, &[]))
}

/// How far one run is with an override of a wider scope.
pub fn receipt(tenant: &str, id: OverrideId, run: RunId) -> Bytes {
    key(tenant, "override-receipt", &[id.as_bytes(), run.as_bytes()])
}

/// How far every run is with an override, the oldest run first.
pub fn receipts(tenant: &str, id: OverrideId) -> KeyRange {
    prefixed(&key(tenant, "override-receipt", &[id.as_bytes()]))
}

/// The override that the key of a receipt names.
pub fn receipt_of(tenant: &str, bytes: &[u8]) -> Option<OverrideId> {
    if !is_kind(tenant, "override-receipt", bytes) {
        return None;
    }
    let (rest, _) = bytes.split_last_chunk::<ID_LENGTH>()?;
    last_id(rest).map(OverrideId::from_bytes)
}

/// The entry of a run in the list of one above it, of whichever generation.
pub fn run_below(tenant: &str, above: RunId, run: RunId) -> Bytes {
    key(tenant, "run-below", &[above.as_bytes(), run.as_bytes()])
}

/// Every run below one, the oldest first.
pub fn runs_below(tenant: &str, above: RunId) -> KeyRange {
    prefixed(&key(tenant, "run-below", &[above.as_bytes()]))
}

/// The entry of a run that has not ended.
pub fn run_active(tenant: &str, agent: &str, run: RunId) -> Bytes {
    key(tenant, "run-active", &[agent.as_bytes(), &[0], run.as_bytes()])
}

/// The runs of an agent that have not ended, or of all, the oldest of each agent first.
pub fn runs_active(tenant: &str, agent: Option<&str>) -> KeyRange {
    match agent {
        Some(agent) => prefixed(&key(tenant, "run-active", &[agent.as_bytes(), &[0]])),
        None => prefixed(&key(tenant, "run-active", &[])),
    }
}

/// The run that a list entry names.
pub fn listed_run(key: &[u8]) -> Option<RunId> {
    last_id(key).map(RunId::from_bytes)
}

/// How far the settling of a stop is.
pub fn settling(tenant: &str, id: OverrideId) -> Bytes {
    key(tenant, "settling", &[id.as_bytes()])
}

/// A run's actions before one, to be walked from the newest.
pub fn run_actions_before(tenant: &str, run: RunId, before: Option<ActionId>) -> KeyRange {
    let mut range = super::run_actions(tenant, run);
    if let Some(before) = before {
        range.end = super::run_action(tenant, run, before);
    }
    range
}
