//! People: who is known, with which roles, and up to where each may answer.
//!
//! The directory is kept in memory as a whole. One key changes with every change of
//! it, so that a commit which rests on the directory fails if any server has changed
//! it meanwhile.

mod assignments;
mod authorities;
mod called;
mod pauses;
mod principals;

use std::sync::Arc;

pub use assignments::AssignRole;
pub use authorities::{BreakGlass, GrantAuthority};
pub use pauses::SetPause;
pub use principals::{SetAvailability, UpdatePrincipal};

use super::operation::Tx;
pub(super) use called::{AskedAbout, admit};

use super::{Engine, read_error};
use crate::domain::authority::{Authority, Matter};
use crate::domain::directory::{Answerer, Directory, Entry};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, Standing};
use crate::domain::ids::AuthorityId;
use crate::domain::principal::Role;
use crate::store::records::{self, Record};
use crate::store::{Direction, KeyRange, MAX_SCAN, Version, keys};

/// The most principals of a tenant.
pub const MAX_PRINCIPALS: usize = 10_000;
/// The most authorities of a tenant, ended and revoked ones included.
pub const MAX_AUTHORITIES: usize = 10_000;

impl Tx<'_> {
    /// The directory; the commit fails if any server has changed it by then.
    pub(super) async fn people(&mut self) -> Result<Arc<Directory>, Error> {
        let key = keys::people(self.tenant());
        let version = self.look(key).await?.map(|found| found.version);
        self.engine.directory_at(self.tenant(), version).await
    }

    /// Refuses a caller who may not answer a question: of its own, without the role
    /// that is wanted, beyond its authority, or one that went to others. Returns the
    /// authority by which it may.
    pub(super) async fn admit(&mut self, question: &Escalation) -> Result<AuthorityId, Error> {
        let asked = self.asked_about(question).await?;
        self.admit_call(question, &question.matter(), asked.as_ref()).await
    }

    /// The same of a matter about another call than was proposed.
    pub(super) async fn admit_call(
        &mut self,
        question: &Escalation,
        matter: &Matter<'_>,
        asked: Option<&AskedAbout>,
    ) -> Result<AuthorityId, Error> {
        let people = self.people().await?;
        let by = self.by;
        let subject = question.id.to_string();
        people.require_four_eyes(by.name(), question.parties(), &subject)?;
        if let Some(role) = question.required_role.filter(|role| !by.has(*role)) {
            return Err(Error::RoleRequired { role: role.name() });
        }
        let answerer = Answerer { name: by.name(), roles: by.roles() };
        let admitted = admit(&people, answerer, matter, asked, &subject, self.now)?;
        self.require_routed(question).await?;
        Ok(admitted)
    }

    /// Refuses a caller who could not have permitted what a run has done: of its own,
    /// or beyond its authority. Returns the authority by which it could.
    pub(super) async fn admit_over(
        &mut self,
        subject: &str,
        matter: &Matter<'_>,
        asked: &AskedAbout,
    ) -> Result<AuthorityId, Error> {
        let people = self.people().await?;
        people.require_four_eyes(self.by.name(), asked.run.parties(), subject)?;
        let answerer = Answerer { name: self.by.name(), roles: self.by.roles() };
        admit(&people, answerer, matter, Some(asked), subject, self.now)
    }

    /// By what the caller answers; `role`: what the answer wants beside the question.
    pub(super) fn standing(&self, role: Option<Role>) -> Option<Standing> {
        self.by.credential().map(|it| Standing { credential: it.clone(), role })
    }

    /// Refuses a caller who asked, under whichever name.
    pub(super) async fn require_four_eyes(&mut self, question: &Escalation) -> Result<(), Error> {
        let (people, subject) = (self.people().await?, question.id.to_string());
        people.require_four_eyes(self.by.name(), question.parties(), &subject)
    }

    /// Refuses a caller who has answered, under whichever name.
    pub(super) async fn require_no_vote(&mut self, question: &Escalation) -> Result<(), Error> {
        if question.votes.is_empty() {
            return Ok(());
        }
        let people = self.people().await?;
        question.require_no_vote(people.person_of(self.by.name()))
    }

    /// Writes an entry of the directory.
    fn put_entry(&mut self, mut entry: Entry) -> Result<Entry, Error> {
        entry.revision += 1;
        entry.update_time = self.now;
        self.put(keys::principal(self.tenant(), &entry.name), &entry)?;
        self.mark(keys::people(self.tenant()));
        Ok(entry)
    }

    /// Notes a principal that gets a token, and the roles that it gets by it.
    pub(super) async fn introduce(&mut self, name: &str, roles: &[Role]) -> Result<(), Error> {
        let people = self.people().await?;
        let mut entry = match people.entry(name) {
            Some(entry) => entry.clone(),
            None => {
                require_room("principal", people.entries().count(), MAX_PRINCIPALS)?;
                Entry::new(name, self.now)
            }
        };
        entry.check_roles(roles, self.now)?;
        let is_known = entry.revision > 0 && roles.iter().all(|it| entry.token_roles.contains(it));
        if is_known {
            return Ok(());
        }
        entry.token_roles.extend(roles);
        entry.token_roles.sort_unstable();
        entry.token_roles.dedup();
        self.put_entry(entry).map(|_| ())
    }
}

fn require_room(field: &str, count: usize, limit: usize) -> Result<(), Error> {
    if count < limit {
        return Ok(());
    }
    Err(Error::field(field, format!("there are {limit} already, the most there may be")))
}

impl Engine {
    /// The directory as far as this server has heard.
    pub(super) async fn people(&self, tenant: &str) -> Result<Arc<Directory>, Error> {
        let found = self.0.store.read(&keys::people(tenant)).await.map_err(read_error)?;
        self.directory_at(tenant, found.map(|found| found.version)).await
    }

    /// The directory at hand: not older than the last look at any credential.
    pub(super) async fn people_at_hand(&self, tenant: &str) -> Result<Arc<Directory>, Error> {
        match self.0.people.newest(tenant) {
            Some(people) => Ok(people),
            None => self.people(tenant).await,
        }
    }

    /// The directory under a version of its key. What is read may be newer: then the
    /// key has another version by the time that anything is committed.
    async fn directory_at(
        &self,
        tenant: &str,
        version: Option<Version>,
    ) -> Result<Arc<Directory>, Error> {
        if let Some(people) = self.0.people.at(tenant, version) {
            return Ok(people);
        }
        let entries = self.everything::<Entry>(keys::principals(tenant)).await?;
        let authorities = self.everything::<Authority>(keys::authorities(tenant)).await?;
        let people = Arc::new(Directory::new(entries, authorities));
        self.0.people.keep(tenant, version, Arc::clone(&people));
        Ok(people)
    }

    async fn everything<R: Record>(&self, mut range: KeyRange) -> Result<Vec<R>, Error> {
        let mut all = Vec::new();
        loop {
            let found = self.0.store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for (_, row) in &found.rows {
                all.push(records::decode(&row.value).map_err(read_error)?);
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(all),
            }
        }
    }
}
