//! Keys of what is judged afterwards, of what that finds, and of what was taken back.

use bytes::Bytes;

use super::{key, last_id, prefixed};
use crate::domain::ids::{ActionId, IncidentId, ReviewId};
use crate::domain::incident::IncidentState;
use crate::domain::time::Timestamp;
use crate::store::KeyRange;

/// A review.
pub fn review(tenant: &str, id: ReviewId) -> Bytes {
    key(tenant, "review", &[id.as_bytes()])
}

/// All reviews, oldest first.
pub fn reviews(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "review", &[]))
}

/// The entry of an open review in the list of what waits.
pub fn open_review(tenant: &str, id: ReviewId) -> Bytes {
    key(tenant, "review-open", &[id.as_bytes()])
}

/// The reviews that wait, oldest first.
pub fn open_reviews(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "review-open", &[]))
}

/// The review that a list entry names.
pub fn listed_review(key: &[u8]) -> Option<ReviewId> {
    last_id(key).map(ReviewId::from_bytes)
}

/// An incident.
pub fn incident(tenant: &str, id: IncidentId) -> Bytes {
    key(tenant, "incident", &[id.as_bytes()])
}

/// All incidents, oldest first.
pub fn incidents(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "incident", &[]))
}

const fn incident_state(state: IncidentState) -> u8 {
    match state {
        IncidentState::Open => 0,
        IncidentState::Acknowledged => 1,
        IncidentState::Closed => 2,
    }
}

/// The entry of an incident in the list of its state.
pub fn incident_in(tenant: &str, state: IncidentState, id: IncidentId) -> Bytes {
    key(tenant, "incident-state", &[&[incident_state(state)], id.as_bytes()])
}

/// The incidents of one state, oldest first.
pub fn incidents_in(tenant: &str, state: IncidentState) -> KeyRange {
    prefixed(&key(tenant, "incident-state", &[&[incident_state(state)]]))
}

/// The incident that an entry names.
pub fn listed_incident(key: &[u8]) -> Option<IncidentId> {
    last_id(key).map(IncidentId::from_bytes)
}

/// What should have become of an action.
pub fn label(tenant: &str, id: ActionId) -> Bytes {
    key(tenant, "label", &[id.as_bytes()])
}

/// The entry of an action among those that were taken back.
pub fn reversal(tenant: &str, at: Timestamp, id: ActionId) -> Bytes {
    key(tenant, "reversed", &[&at.to_key_bytes(), id.as_bytes()])
}

/// What was taken back from then on, oldest first.
pub fn reversals(tenant: &str, since: Option<Timestamp>) -> KeyRange {
    let mut range = prefixed(&key(tenant, "reversed", &[]));
    if let Some(since) = since {
        range.start = key(tenant, "reversed", &[&since.to_key_bytes()]);
    }
    range
}
