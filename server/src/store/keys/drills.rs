//! Keys of drills, and of what people did with them.

use bytes::Bytes;

use super::{key, prefixed};
use crate::domain::ids::DrillId;
use crate::store::KeyRange;

/// A drill.
pub fn drill(tenant: &str, id: DrillId) -> Bytes {
    key(tenant, "drill", &[id.as_bytes()])
}

/// All drills, the oldest first.
pub fn drills(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "drill", &[]))
}

/// What one person has done.
pub fn practice(tenant: &str, person: &str) -> Bytes {
    key(tenant, "drill-person", &[person.as_bytes()])
}

/// What each person has done.
pub fn practices(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "drill-person", &[]))
}

/// What came of a drill that a person was given.
pub fn drill_given(tenant: &str, person: &str, id: DrillId) -> Bytes {
    key(tenant, "drill-given", &[person.as_bytes(), &[0], id.as_bytes()])
}
