//! Who is calling, and what they may do.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::Error;
use super::ids::TokenId;
use super::time::Timestamp;

/// What a principal may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Starts runs, proposes and redeems. Excludes those who answer, and those who
    /// write the rules.
    Agent,
    /// Claims and resolves escalations.
    Reviewer,
    /// Is a reviewer; besides, assigns and takes over what others hold.
    Supervisor,
    /// Writes policies and puts them in force.
    PolicyAuthor,
    /// Reads everything of the tenant, and changes nothing.
    Auditor,
    /// Manages people, tokens, policies, the queue and backups, and reads everything
    /// of the tenant.
    Admin,
}

impl Role {
    /// The roles, for tables and tests.
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Reviewer,
        Self::Supervisor,
        Self::PolicyAuthor,
        Self::Auditor,
        Self::Admin,
    ];

    /// Whether who has this role has the other by it.
    pub const fn includes(self, other: Self) -> bool {
        self as u8 == other as u8 || matches!((self, other), (Self::Supervisor, Self::Reviewer))
    }

    /// Whether nobody may have both: who asks does not answer, and does not write
    /// what asks.
    pub const fn excludes(self, other: Self) -> bool {
        const fn apart(one: Role, other: Role) -> bool {
            matches!(one, Role::Agent)
                && matches!(other, Role::Reviewer | Role::Supervisor | Role::PolicyAuthor)
        }
        apart(self, other) || apart(other, self)
    }

    /// The role's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Reviewer => "reviewer",
            Self::Supervisor => "supervisor",
            Self::PolicyAuthor => "policy_author",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

/// An authenticated caller. Only a verified credential makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The tenant the caller belongs to.
    pub tenant: String,
    /// The caller's name, unique in the tenant.
    pub name: String,
    /// What the caller may do: the roles of its credential, and those assigned to it.
    pub roles: Vec<Role>,
    /// What spoke for the caller.
    pub credential: Credential,
}

/// What somebody showed to be let in, and what it gave by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The server's own token; none: somebody else vouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    /// The roles that it gave, beside those that are assigned here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

impl Principal {
    /// A caller with the roles of its credential.
    pub fn new(tenant: String, name: String, credential: Credential) -> Self {
        Self { tenant, name, roles: credential.roles.clone(), credential }
    }

    /// Whether the caller has the role, by itself or by one that includes it.
    pub fn has(&self, role: Role) -> bool {
        self.roles.iter().any(|own| own.includes(role))
    }
}

/// A bearer token as stored: never its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token's id.
    pub id: TokenId,
    /// The principal it speaks for.
    pub principal: String,
    /// What the principal may do.
    pub roles: Vec<Role>,
    /// SHA-256 of the secret; 256 random bits need no slow hash.
    pub secret_digest: Digest,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it stops working.
    pub expire_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
}

impl Token {
    /// Whether the token counts at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && self.expire_time.is_none_or(|expire| now < expire)
    }
}

/// Checks a set of roles: not empty, and none that excludes another.
pub fn check_roles(roles: &[Role]) -> Result<(), Error> {
    if roles.is_empty() {
        return Err(Error::field("roles", "want at least one role"));
    }
    check_compatible(roles)
}

/// Checks that none of these roles excludes another.
pub fn check_compatible(roles: &[Role]) -> Result<(), Error> {
    let apart = |(role, others): (&Role, &[Role])| others.iter().any(|it| role.excludes(*it));
    if roles.iter().map(|role| (role, roles)).any(apart) {
        return Err(Error::RolesConflict);
    }
    Ok(())
}
