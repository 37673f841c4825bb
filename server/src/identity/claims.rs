//! What the claims of a verified token mean here.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::OidcConfig;
use crate::domain::principal::Role;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Span, Timestamp};
use crate::engine::identity::Identity;

/// How far the provider's clock may be off.
pub(super) const LEEWAY: Span = Span::from_secs(60);

/// The claims of a token.
pub(super) type Claims = serde_json::Map<String, Value>;

/// Which claims count, and for what.
pub(super) struct Reading {
    name: String,
    roles: String,
    by_value: BTreeMap<String, Vec<Role>>,
}

impl Reading {
    pub(super) fn new(config: &OidcConfig) -> Self {
        let mut by_value: BTreeMap<String, Vec<Role>> = BTreeMap::new();
        for (role, values) in &config.roles {
            for value in values {
                by_value.entry(value.clone()).or_default().push(*role);
            }
        }
        Self { name: config.name_claim.clone(), roles: config.roles_claim.clone(), by_value }
    }

    /// Who the claims say somebody is, within the times that they give. Roles may be
    /// none: others may be assigned here.
    pub(super) fn identity(&self, claims: &Claims, now: Timestamp) -> Result<Identity, Refusal> {
        let unreadable = Refusal::Malformed;
        let expire_time = claims.get("exp").and_then(time).ok_or(unreadable)?.plus(LEEWAY);
        if now >= expire_time {
            return Err(Refusal::Expired);
        }
        // A time that cannot be read is not one that has come.
        let begins = claims.get("nbf").map(|value| time(value).ok_or(unreadable)).transpose()?;
        if begins.is_some_and(|begins| begins > now.plus(LEEWAY)) {
            return Err(Refusal::NotYetValid);
        }
        let name = at(claims, &self.name).and_then(Value::as_str).ok_or(unreadable)?.to_owned();
        let mut roles: Vec<Role> = at(claims, &self.roles)
            .into_iter()
            .flat_map(texts)
            .filter_map(|value| self.by_value.get(value))
            .flatten()
            .copied()
            .collect();
        roles.sort_unstable();
        roles.dedup();
        Ok(Identity { name, roles, expire_time })
    }
}

/// The claim of a name; where there is none, dots lead inside.
fn at<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    at(claims.get(outer)?.as_object()?, inner)
}

/// One text, a list of texts, or texts with spaces between, as `scope` has them.
fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(text.split(' ')),
        Value::Array(list) => Box::new(list.iter().filter_map(Value::as_str)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Seconds since the epoch, whole or not.
fn time(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        // Beyond this a time is none that a token may give.
        (seconds.abs() < 1e12).then_some(seconds.floor() as i64)
    })?;
    Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
}
