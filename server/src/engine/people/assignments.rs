//! Assigning roles for a time, and taking them back.

use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::directory::{Entry, MAX_ASSIGNMENTS, RoleAssignment};
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, validate};

/// Assigns a role to a principal.
#[derive(Clone, Debug)]
pub struct AssignRole {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The principal.
    pub principal: String,
    /// The role.
    pub role: Role,
    /// From when on; none: from now on.
    pub start_time: Option<Timestamp>,
    /// Until when; none: until it is taken back.
    pub end_time: Option<Timestamp>,
}

struct Assigning<'a>(&'a AssignRole);

impl Operation for Assigning<'_> {
    type Output = Entry;
    const METHOD: &'static str = "AssignRole";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let time = |time: Option<Timestamp>| time.map(|it| it.as_micros().to_be_bytes());
        hasher
            .field(self.0.principal.as_bytes())
            .field(self.0.role.name().as_bytes())
            .optional(time(self.0.start_time).as_ref().map(<[u8; 8]>::as_slice))
            .optional(time(self.0.end_time).as_ref().map(<[u8; 8]>::as_slice));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Entry, Vec<Uuid>), Error> {
        let it = self.0;
        let mut entry = tx.entry_or_new(&it.principal).await?;
        let start_time = it.start_time.unwrap_or(tx.now);
        if it.end_time.is_some_and(|end| end <= start_time.max(tx.now)) {
            return Err(Error::field("end_time", "lies before its start, or has passed"));
        }
        // One assignment of a role at a time; what has ended makes room.
        let now = tx.now;
        entry
            .assignments
            .retain(|old| old.role != it.role && old.end_time.is_none_or(|end| now < end));
        if entry.assignments.len() >= MAX_ASSIGNMENTS {
            return Err(Error::field("role", format!("more than {MAX_ASSIGNMENTS} are assigned")));
        }
        let assigner = tx.by.name().to_owned();
        entry.assignments.push(RoleAssignment {
            role: it.role,
            start_time,
            end_time: it.end_time,
            assigner,
        });
        let of_tokens = tx.token_roles(&it.principal).await?;
        entry.check_roles(&of_tokens, tx.now)?;
        let entry = tx.put_entry(entry)?;
        tx.event(EventKind::RoleAssigned, about(&entry.name));
        Ok((entry, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Entry, Error> {
        engine.known_principal(tenant, &self.0.principal).await
    }
}

struct Unassigning<'a> {
    principal: &'a str,
    role: Role,
}

impl Operation for Unassigning<'_> {
    type Output = Entry;
    const METHOD: &'static str = "UnassignRole";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.principal.as_bytes()).field(self.role.name().as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Entry, Vec<Uuid>), Error> {
        let mut entry = tx.known_entry(self.principal).await?;
        let before = entry.assignments.len();
        entry.assignments.retain(|it| it.role != self.role);
        if entry.assignments.len() == before {
            return Ok((entry, Vec::new()));
        }
        let entry = tx.put_entry(entry)?;
        tx.event(EventKind::RoleUnassigned, about(&entry.name));
        Ok((entry, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Entry, Error> {
        engine.known_principal(tenant, self.principal).await
    }
}

/// The subjects of what is done to a principal.
pub(super) fn about(principal: &str) -> Subjects {
    Subjects { principal: Some(principal.to_owned()), ..Subjects::default() }
}

pub(super) fn not_found(principal: &str) -> Error {
    Error::not_found(Resource::Principal, principal.to_owned())
}

impl Tx<'_> {
    /// What is known of a principal that has to be known.
    pub(super) async fn known_entry(&mut self, name: &str) -> Result<Entry, Error> {
        let people = self.people().await?;
        people.entry(name).cloned().ok_or_else(|| not_found(name))
    }

    /// What is known of a principal; nothing of one that nobody has heard of.
    pub(super) async fn entry_or_new(&mut self, name: &str) -> Result<Entry, Error> {
        let people = self.people().await?;
        if let Some(entry) = people.entry(name) {
            return Ok(entry.clone());
        }
        super::require_room("principal", people.entries().count(), super::MAX_PRINCIPALS)?;
        Ok(Entry::new(name, self.now))
    }
}

impl Engine {
    /// Assigns a role to a principal, in the place of an earlier assignment of it.
    pub async fn assign_role(
        &self,
        caller: &Principal,
        command: AssignRole,
    ) -> Result<Answer<Entry>, Error> {
        let by = authorize::admin(caller)?;
        validate::principal("principal", &command.principal)?;
        self.transact(&by, &command.request_id, &Assigning(&command)).await
    }

    /// Takes an assigned role back; one that is not assigned changes nothing. Roles of
    /// tokens end with their tokens.
    pub async fn unassign_role(
        &self,
        caller: &Principal,
        request_id: &str,
        principal: &str,
        role: Role,
    ) -> Result<Answer<Entry>, Error> {
        let by = authorize::admin(caller)?;
        validate::principal("principal", principal)?;
        self.transact(&by, request_id, &Unassigning { principal, role }).await
    }

    /// What is known of a principal, as far as this server has heard.
    pub(in crate::engine) async fn known_principal(
        &self,
        tenant: &str,
        name: &str,
    ) -> Result<Entry, Error> {
        let people = self.people(tenant).await?;
        people.entry(name).cloned().ok_or_else(|| not_found(name))
    }
}
