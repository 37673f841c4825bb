//! By what somebody answered, and whether the answer still stands.
//!
//! Who may answer is the directory's to say, at the moment when it matters: an answer
//! that its giver could not give any more permits nothing.

use serde::{Deserialize, Serialize};

use super::{Approver, Escalation};
use crate::domain::directory::Directory;
use crate::domain::principal::{Credential, Role};
use crate::domain::time::Timestamp;

/// By what somebody answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it showed to be let in.
    pub credential: Credential,
    /// The role that its answer wanted beside what the question wants; none: no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl Approver {
    /// Why this answer does not stand at `now`; none: it does. `is_revoked`: whether the
    /// token that it was given with was revoked. Of answers from before standings were
    /// recorded only the authority and the parties are known.
    pub fn why_void(
        &self,
        question: &Escalation,
        people: &Directory,
        is_revoked: bool,
        now: Timestamp,
    ) -> Option<String> {
        let because = |why: &str| Some(why.to_owned());
        let authority = match people.authority(self.authority) {
            Some(authority) if authority.is_in_force(now) => authority,
            Some(authority) if authority.revoke_time.is_some() => {
                return because("its authority was revoked");
            }
            Some(_) => return because("its authority has ended"),
            None => return because("its authority is gone"),
        };
        if people.require_four_eyes(&self.name, question.parties(), "").is_err() {
            return because("it is the one who asked, or for whom it was asked");
        }
        let standing = self.standing.as_ref()?;
        if is_revoked {
            return because("the token that it answered with was revoked");
        }
        let assigned = people.entry(&self.name).into_iter().flat_map(|entry| entry.roles(now));
        let roles: Vec<Role> = standing.credential.roles.iter().copied().chain(assigned).collect();
        let wanted = [Some(Role::Reviewer), question.required_role, standing.role];
        let is_held = |role: Role| roles.iter().any(|own| own.includes(role));
        if let Some(role) = wanted.into_iter().flatten().find(|role| !is_held(*role)) {
            return Some(format!("it has the role `{}` no longer", role.name()));
        }
        if !authority.holder.is(&self.name, &roles) {
            return because("it has the role that holds its authority no longer");
        }
        None
    }
}
