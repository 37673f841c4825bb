//! `pointsman principal`, `agent`, `role` and `authority`: who is who, who may do what, and up
//! to where.

mod agent;
mod authority;
mod principal;
mod role;

pub(crate) use agent::{AgentVerb, dispatch as agent};
pub(crate) use authority::{AuthorityVerb, Tier, dispatch as authority};
pub(crate) use principal::{PrincipalVerb, dispatch as principal, on_duty};
use prost_types::Timestamp;
pub(crate) use role::{RoleVerb, dispatch as role};

use crate::exit::Failure;
use crate::output::{Output, time};

/// How many of a list one call asks for.
const PAGE: i32 = 500;

/// Reads a point in time of the command line.
fn point(text: &str) -> Result<Timestamp, String> {
    time::parse(text).ok_or_else(|| "want a time such as 2026-12-24T18:00:00Z".to_owned())
}

/// A point in time for a table; a dash for none.
pub(crate) fn shown(output: &Output, at: Option<Timestamp>) -> String {
    match at {
        Some(at) if output.is_terminal => time::clock(&at, Some(&time::local_now())),
        Some(at) => time::rfc3339(&at).unwrap_or_default(),
        None => "–".into(),
    }
}

/// An amount such as `5000 USD`.
pub(crate) fn money(text: &str) -> Result<pointsman_api::v1::Money, String> {
    let wrong = || "want an amount such as `5000 USD` or `5000`".to_owned();
    let mut parts = text.split_whitespace();
    let units: f64 = parts.next().and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
    let currency = parts.next().unwrap_or_default().to_owned();
    match parts.next() {
        None => Ok(pointsman_api::v1::Money { units, currency }),
        Some(_) => Err(wrong()),
    }
}

/// The refusal of a command line that names nobody.
fn nobody() -> Failure {
    Failure::usage("say who: a principal, or --role")
}
