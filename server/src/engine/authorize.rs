//! Who may do what: the only maker of [`Authorized`] witnesses.

use crate::domain::error::Error;
use crate::domain::principal::{Credential, Principal, Role};

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
    /// The role of a reviewer, or one that includes it.
    Reviewer,
    /// The role of a supervisor.
    Supervisor,
    /// Who may write policies: a policy author or an admin.
    PolicyAuthor,
    /// Who sees to what went wrong: a supervisor, a policy author or an admin.
    IncidentHandler,
    /// Who may pause, redirect and stop runs: a supervisor or an admin.
    Overrider,
    /// Who may take what is recorded out of the server: an auditor or an admin.
    Auditor,
    /// The role of an admin.
    Admin,
    /// What agents may not read: the whole queue, policies. Every other role.
    Overseer,
}

impl Need {
    /// Refuses a caller that has none of the roles.
    pub fn check(self, caller: &Principal) -> Result<(), Error> {
        let is_met = match self {
            Self::Nothing => true,
            Self::Agent => caller.has(Role::Agent),
            Self::Reviewer => caller.has(Role::Reviewer),
            Self::Supervisor => caller.has(Role::Supervisor),
            Self::PolicyAuthor => caller.has(Role::PolicyAuthor) || caller.has(Role::Admin),
            Self::IncidentHandler => {
                [Role::Supervisor, Role::PolicyAuthor, Role::Admin].iter().any(|it| caller.has(*it))
            }
            Self::Overrider => caller.has(Role::Supervisor) || caller.has(Role::Admin),
            Self::Auditor => caller.has(Role::Auditor) || caller.has(Role::Admin),
            Self::Admin => caller.has(Role::Admin),
            Self::Overseer => oversees(caller),
        };
        if is_met { Ok(()) } else { Err(Error::RoleRequired { role: self.role() }) }
    }

    /// What a caller must stay who is shown more than its own.
    pub fn to_see_others(caller: &Principal) -> Self {
        if oversees(caller) { Self::Overseer } else { Self::Nothing }
    }

    /// The role, or the alternatives, in words.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Agent => Role::Agent.name(),
            Self::Reviewer => Role::Reviewer.name(),
            Self::Supervisor => Role::Supervisor.name(),
            Self::PolicyAuthor => "policy_author or admin",
            Self::IncidentHandler => "supervisor, policy_author or admin",
            Self::Overrider => "supervisor or admin",
            Self::Auditor => "auditor or admin",
            Self::Admin => Role::Admin.name(),
            Self::Overseer => "any but agent",
        }
    }
}

/// Whether the caller has a role besides that of an agent.
fn oversees(caller: &Principal) -> bool {
    caller.roles.iter().any(|role| *role != Role::Agent)
}

/// Proof that a caller was checked. Every mutating operation takes one, and
/// only this module makes them.
#[derive(Clone, Debug)]
pub struct Authorized {
    tenant: String,
    name: String,
    roles: Vec<Role>,
    credential: Option<Credential>,
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

    /// What the caller may do; nothing for the server itself.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// What spoke for the caller; none: it is the server itself.
    pub const fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// Whether the caller has the role, by itself or by one that includes it.
    pub fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|own| own.includes(role))
    }

    /// The server itself, for the reason given; the only way round a caller.
    pub fn system(tenant: &str, reason: &'static str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            name: format!("system/{reason}"),
            roles: Vec::new(),
            credential: None,
        }
    }
}

fn require(caller: &Principal, need: Need) -> Result<Authorized, Error> {
    need.check(caller)?;
    let Principal { tenant, name, roles, credential } = caller.clone();
    Ok(Authorized { tenant, name, roles, credential: Some(credential) })
}

/// A caller that may start runs, propose and redeem.
pub(super) fn agent(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Agent)
}

/// A caller that may claim and resolve.
pub(super) fn reviewer(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Reviewer)
}

/// A caller that may assign and take over what others hold.
pub(super) fn supervisor(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Supervisor)
}

/// A caller that may write policies and put them in force.
pub(super) fn policy_author(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::PolicyAuthor)
}

/// A caller that may see to incidents.
pub(super) fn incident_handler(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::IncidentHandler)
}

/// A caller that may pause, redirect and stop runs.
pub(super) fn overrider(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Overrider)
}

/// A caller that may take what is recorded out of the server.
pub(super) fn auditor(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Auditor)
}

/// A caller that may manage people, tokens, the queue and backups.
pub(super) fn admin(caller: &Principal) -> Result<Authorized, Error> {
    require(caller, Need::Admin)
}

/// Refuses an agent that is nothing else.
pub(super) fn overseer(caller: &Principal) -> Result<(), Error> {
    Need::Overseer.check(caller)
}

/// The agent whose own things are all that the caller sees; none: it sees the tenant's.
pub(super) fn sees_only(caller: &Principal) -> Option<&str> {
    if oversees(caller) { None } else { Some(&caller.name) }
}

/// Whether the caller may see what belongs to `agent`.
pub(super) fn may_see(caller: &Principal, agent: &str) -> bool {
    sees_only(caller).is_none_or(|own| own == agent)
}
