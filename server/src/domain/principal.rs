//! Who is calling, and what they may do.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::Error;
use super::ids::TokenId;
use super::time::Timestamp;

/// What a principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Starts runs, proposes and redeems. Excludes [`Role::Reviewer`].
    Agent,
    /// Claims and resolves escalations. Excludes [`Role::Agent`].
    Reviewer,
    /// Manages tokens, policies and backups, and reads everything of the tenant.
    Admin,
}

impl Role {
    /// The role's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Reviewer => "reviewer",
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
    /// What the caller may do.
    pub roles: Vec<Role>,
    /// The token that spoke for the caller.
    pub token: TokenId,
}

impl Principal {
    /// Whether the caller has the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
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

/// Checks a set of roles: not empty, no duplicates, agent and reviewer apart.
pub fn check_roles(roles: &[Role]) -> Result<(), Error> {
    if roles.is_empty() {
        return Err(Error::field("roles", "want at least one role"));
    }
    if roles.contains(&Role::Agent) && roles.contains(&Role::Reviewer) {
        return Err(Error::RolesConflict);
    }
    Ok(())
}
