//! Who may do what: the only maker of [`Authorized`] witnesses.

use crate::domain::error::Error;
use crate::domain::principal::{Principal, Role};

/// What a caller must be for a use case, whatever it asks about.
///
/// The engine checks it in every use case, before it looks at anything else.
/// Whoever stands in front of the engine may ask earlier, to spare the work on
/// a request that would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Any authenticated caller; what it sees is filtered by owner.
    Nothing,
    /// The role of an agent.
    Agent,
    /// The role of a reviewer.
    Reviewer,
    /// The role of an admin.
    Admin,
    /// What agents may not read: the whole queue, policies.
    Overseer,
}

impl Need {
    /// Refuses a caller that has none of the roles.
    pub fn check(self, caller: &Principal) -> Result<(), Error> {
        let is_met = match self {
            Self::Nothing => true,
            Self::Agent => caller.has(Role::Agent),
            Self::Reviewer => caller.has(Role::Reviewer),
            Self::Admin => caller.has(Role::Admin),
            Self::Overseer => caller.has(Role::Reviewer) || caller.has(Role::Admin),
        };
        if is_met { Ok(()) } else { Err(Error::RoleRequired { role: self.role() }) }
    }

    /// The role, or the alternatives, in words.
    const fn role(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Agent => Role::Agent.name(),
            Self::Reviewer => Role::Reviewer.name(),
            Self::Admin => Role::Admin.name(),
            Self::Overseer => "reviewer or admin",
        }
    }
}

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

fn require(caller: &Principal, need: Need) -> Result<Authorized, Error> {
    need.check(caller)?;
    Ok(Authorized { tenant: caller.tenant.clone(), name: caller.name.clone() })
}

/// A caller that may start runs, propose and redeem.
pub(super) fn agent(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Agent)
}

/// A caller that may claim and resolve.
pub(super) fn reviewer(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Reviewer)
}

/// A caller that may manage tokens, policies and backups.
pub(super) fn admin(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Admin)
}

/// Refuses an agent that is nothing else.
pub(super) fn overseer(caller: &Principal) -> Result<(), Error> {
    Need::Overseer.check(caller)
}

/// Whether the caller may see what belongs to `agent`.
pub(super) fn may_see(caller: &Principal, agent: &str) -> bool {
    caller.name == agent || caller.has(Role::Reviewer) || caller.has(Role::Admin)
}
