//! Who may do what: the only maker of [`Authorized`] witnesses.

use crate::domain::error::Error;
use crate::domain::principal::{Principal, Role};

/// Proof that a caller was checked. Every mutating operation takes one, and
/// only this module makes them.
#[derive(Clone, Debug)]
pub struct Authorized {
    tenant: String,
    name: String,
}

impl Authorized {
    /// The tenant to act in.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The principal, as the journal records it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server itself, for the reason given; the only way round a caller.
    pub fn system(tenant: &str, reason: &'static str) -> Self {
        Self { tenant: tenant.to_owned(), name: format!("system/{reason}") }
    }
}

fn require(caller: &Principal, role: Role) -> Result<Authorized, Error> {
    if caller.has(role) {
        return Ok(Authorized { tenant: caller.tenant.clone(), name: caller.name.clone() });
    }
    Err(Error::RoleRequired { role: role.name() })
}

/// A caller that may start runs, propose and redeem.
pub(super) fn agent(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Role::Agent)
}

/// A caller that may claim and resolve.
pub(super) fn reviewer(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Role::Reviewer)
}

/// A caller that may manage tokens and backups.
pub(super) fn admin(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Role::Admin)
}

/// Refuses a caller who may not see the whole queue.
pub(super) fn see_queue(caller: &Principal) -> Result<(), Error> {
    if caller.has(Role::Reviewer) || caller.has(Role::Admin) {
        return Ok(());
    }
    Err(Error::RoleRequired { role: "reviewer or admin" })
}

/// Whether the caller may see what belongs to `agent`.
pub(super) fn may_see(caller: &Principal, agent: &str) -> bool {
    caller.name == agent || caller.has(Role::Reviewer) || caller.has(Role::Admin)
}
