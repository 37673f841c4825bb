//! The directory: what is known of each principal beside its credentials, and who
//! holds which authority.
//!
//! Several names can be one person; whoever asks, owns what asks, or is acted for, is
//! one person under all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::authority::{Authority, Breach, Matter};
use super::error::Error;
use super::ids::{AuthorityId, EscalationId};
use super::policy::CallCondition;
use super::principal::{Role, check_compatible};
use super::time::Timestamp;

/// The most roles that are assigned to one principal, ended ones included.
pub const MAX_ASSIGNMENTS: usize = 32;
/// The most skills of one principal.
pub const MAX_SKILLS: usize = 32;
/// How many of those who could are named in a refusal.
const NAMED_WHO_CAN: usize = 3;

/// A role that a principal has for a time, whichever credential speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The role.
    pub role: Role,
    /// From when on.
    pub start_time: Timestamp,
    /// Until when; none: until it is taken back.
    pub end_time: Option<Timestamp>,
    /// Who assigned it.
    pub assigner: String,
}

impl RoleAssignment {
    fn is_in_force(&self, now: Timestamp) -> bool {
        self.start_time <= now && self.end_time.is_none_or(|end| now < end)
    }
}

/// Whether somebody can be asked now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Whether the person has gone off duty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off_duty: bool,
    /// Out of office from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_from: Option<Timestamp>,
    /// Until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_until: Option<Timestamp>,
    /// Who is asked meanwhile, by the delegate's own authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<String>,
}

impl Availability {
    /// Whether the person is out of office at `now`.
    pub fn is_absent(&self, now: Timestamp) -> bool {
        self.absent_from.is_some_and(|from| from <= now)
            && self.absent_until.is_none_or(|until| now < until)
    }
}

/// What a paused agent proposes is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who paused it.
    pub by: String,
    /// When.
    pub time: Timestamp,
    /// The card about its flood, where that was answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
}

/// What is known of one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The principal's name.
    pub name: String,
    /// Which person it is, where one has several names; none: the name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Whose agent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The roles that it has beside those of its credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<RoleAssignment>,
    /// The roles that its tokens were ever made with; who signs in elsewhere has none
    /// here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_roles: Vec<Role>,
    /// Whether it can be asked now.
    #[serde(default)]
    pub availability: Availability,
    /// How much it may hold at once, in weights of questions; 0: no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub capacity: u32,
    /// What it knows: names that routing asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// Since when it is paused; none: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// When it was first heard of.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Rises with every change; the etag.
    pub revision: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Entry {
    /// A principal of which nothing else is known.
    pub fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            person: None,
            owner: None,
            assignments: Vec::new(),
            token_roles: Vec::new(),
            availability: Availability::default(),
            capacity: 0,
            skills: Vec::new(),
            pause: None,
            create_time: now,
            update_time: now,
            revision: 0,
        }
    }

    /// The etag: the revision in decimal.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// What is assigned and counts at `now`.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &RoleAssignment> {
        self.assignments.iter().filter(move |it| it.is_in_force(now))
    }

    /// The roles that are assigned at `now`.
    pub fn roles(&self, now: Timestamp) -> impl Iterator<Item = Role> {
        self.in_force(now).map(|it| it.role)
    }

    /// The roles that it is known to have at `now`, as far as anybody knows.
    pub fn known_roles(&self, now: Timestamp) -> Vec<Role> {
        self.roles(now).chain(self.token_roles.iter().copied()).collect()
    }

    /// Refuses roles that exclude each other, ended assignments aside.
    pub fn check_roles(&self, beside: &[Role], now: Timestamp) -> Result<(), Error> {
        let later = self.assignments.iter().filter(|it| it.end_time.is_none_or(|end| now < end));
        let roles: Vec<Role> = later.map(|it| it.role).chain(beside.iter().copied()).collect();
        check_compatible(&roles)
    }
}

/// Whom a question, or an action, concerns.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The agent that asks.
    pub agent: &'a str,
    /// The agents that delegated to it.
    pub ancestors: &'a [String],
    /// Whom it acts for.
    pub on_behalf_of: Option<&'a str>,
}

/// Who wants to answer.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    /// The principal.
    pub name: &'a str,
    /// Its roles.
    pub roles: &'a [Role],
}

/// Everybody, and all authority, at one moment of the store.
#[derive(Clone, Debug)]
pub struct Directory {
    entries: BTreeMap<String, Entry>,
    authorities: BTreeMap<AuthorityId, Authority>,
    /// Where authorities hold; one that cannot be read is left out and holds nowhere.
    conditions: BTreeMap<AuthorityId, Arc<CallCondition>>,
}

impl Default for Directory {
    fn default() -> Self {
        let built_in = Authority::built_in();
        let authorities = built_in.into_iter().map(|it| (it.id, it)).collect();
        Self { entries: BTreeMap::new(), authorities, conditions: BTreeMap::new() }
    }
}

impl Directory {
    /// The directory of what is stored, with what there is before anybody stored any.
    pub fn new(entries: Vec<Entry>, authorities: Vec<Authority>) -> Self {
        let mut directory = Self::default();
        directory.entries.extend(entries.into_iter().map(|it| (it.name.clone(), it)));
        directory.authorities.extend(authorities.into_iter().map(|it| (it.id, it)));
        for (id, authority) in &directory.authorities {
            let source = authority.limit.condition.as_deref();
            if let Some(Ok(condition)) = source.map(CallCondition::compile) {
                directory.conditions.insert(*id, Arc::new(condition));
            }
        }
        directory
    }

    /// What is known of a principal.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Everybody, by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// All authority, the oldest first.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.authorities.values()
    }

    /// One authority.
    pub fn authority(&self, id: AuthorityId) -> Option<&Authority> {
        self.authorities.get(&id)
    }

    /// Which person a name is.
    pub fn person_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.entries.get(name).and_then(|entry| entry.person.as_deref()).unwrap_or(name)
    }

    /// The authority by which somebody may answer, or the refusal that says what is
    /// missing and who could.
    pub fn admit<'a>(
        &'a self,
        by: Answerer<'a>,
        matter: &Matter<'_>,
        subject: &str,
        now: Timestamp,
    ) -> Result<&'a Authority, Error> {
        let mut nearest = Breach::Nothing;
        for authority in self.held(by, now) {
            match self.breach(authority, matter) {
                None => return Ok(authority),
                Some(breach) => nearest = nearest.max(breach),
            }
        }
        Err(Error::AuthorityExceeded {
            subject: subject.to_owned(),
            limit: nearest.explain(matter),
            stake: matter.stake.to_string(),
            who_can: self.who_can(matter, now),
        })
    }

    /// Whether any authority of somebody admits a matter, as far as can be said: where the
    /// call was not read, a condition may hold.
    pub fn covers(&self, by: Answerer<'_>, matter: &Matter<'_>, now: Timestamp) -> bool {
        self.held(by, now).any(|authority| self.may_admit(authority, matter))
    }

    /// Whether what anybody may answer depends on what calls say.
    pub fn reads_calls(&self, now: Timestamp) -> bool {
        self.authorities.values().any(|it| it.is_in_force(now) && it.limit.condition.is_some())
    }

    fn breach(&self, authority: &Authority, matter: &Matter<'_>) -> Option<Breach> {
        authority.limit.breach(self.conditions.get(&authority.id).map(Arc::as_ref), matter)
    }

    fn may_admit(&self, authority: &Authority, matter: &Matter<'_>) -> bool {
        matches!(self.breach(authority, matter), None | Some(Breach::Unread(_)))
    }

    /// The authorities in force that somebody holds; those of the person before those
    /// of its roles.
    fn held<'a>(&'a self, by: Answerer<'a>, now: Timestamp) -> impl Iterator<Item = &'a Authority> {
        let held = move |it: &&Authority| it.is_in_force(now) && it.holder.is(by.name, by.roles);
        self.authorities.values().filter(held)
    }

    /// Whose authority admits a matter, in words.
    fn who_can(&self, matter: &Matter<'_>, now: Timestamp) -> String {
        let admits = |it: &&Authority| it.is_in_force(now) && self.may_admit(it, matter);
        let mut holders: Vec<String> = Vec::new();
        for authority in self.authorities.values().filter(admits) {
            let holder = authority.holder.to_string();
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        let more = holders.len().saturating_sub(NAMED_WHO_CAN);
        holders.truncate(NAMED_WHO_CAN);
        match (holders.is_empty(), more) {
            (true, _) => "nobody can; an admin has to grant authority".to_owned(),
            (false, 0) => format!("{} can", holders.join(", ")),
            (false, more) => format!("{} and {more} more can", holders.join(", ")),
        }
    }

    /// Refuses a reviewer who is, under whichever name, who asked, who owns what asked,
    /// or for whom it was asked.
    pub fn require_four_eyes(
        &self,
        reviewer: &str,
        parties: Parties<'_>,
        subject: &str,
    ) -> Result<(), Error> {
        let person = self.person_of(reviewer);
        let is_same = |name: &str| self.person_of(name) == person || name == reviewer;
        let ancestors = parties.ancestors.iter().map(String::as_str);
        let agents = std::iter::once(parties.agent).chain(ancestors);
        let owners = agents.clone().filter_map(|agent| self.entries.get(agent)?.owner.as_deref());
        if agents.chain(owners).chain(parties.on_behalf_of).any(is_same) {
            return Err(Error::SelfReview { escalation: subject.to_owned() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
