//! Phrases of the texts of errors that depend on what is known.

use crate::domain::policy::{BoundKind, JudgedBound};

/// What may be wrong with a credential; which of it, nobody is told.
pub(super) const TOKEN_INVALID: &str = "the bearer token is missing, unknown, expired or revoked, \
    or the client certificate does not count or is somebody else's";

pub(super) fn now_in_force(settings: Option<&str>) -> String {
    match settings {
        Some(settings) => format!("the settings in force are `{settings}`"),
        None => "nobody has put settings of the queue yet".to_owned(),
    }
}

pub(super) fn put_by(name: Option<&str>) -> String {
    name.map(|name| format!(", put there by `{name}`")).unwrap_or_default()
}

pub(super) fn missed_bound(missed: &JudgedBound) -> String {
    let JudgedBound { kind, limit, gated, labels, .. } = missed;
    let figure = missed.figure().unwrap_or_default();
    let (what, side) = match kind {
        BoundKind::Recall => ("actions that people rejected or changed", "below"),
        BoundKind::RoutineRate => ("routine actions", "above"),
    };
    let name = kind.name();
    format!("gates {gated} of {labels} {what}: {figure:.3}, {side} its bound `{name}` of {limit}")
}

pub(super) fn by_whom(name: Option<&str>) -> String {
    name.map(|name| format!(" by `{name}`")).unwrap_or_default()
}

/// Who has no role, and who gives one.
pub(super) fn no_role(principal: &str) -> String {
    format!(
        "`{principal}` has no role here: an admin assigns one with `pointsman role assign \
         {principal} ROLE`, or the identity provider gives one that the configuration names"
    )
}
