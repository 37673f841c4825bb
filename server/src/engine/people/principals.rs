//! What is known of principals, and whether they can be asked now.

use uuid::Uuid;

use super::assignments::about;
use crate::domain::digest::FieldHasher;
use crate::domain::directory::{Availability, Entry, MAX_SKILLS};
use crate::domain::error::{Error, Resource};
use crate::domain::event::EventKind;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::engine::list::{Listed, Page};
use crate::engine::operation::{Answer, Operation, Tx};
use crate::engine::{Engine, authorize, limits, read_error, validate};
use crate::store::records::decode;
use crate::store::{Direction, keys};

/// The largest capacity.
const MAX_CAPACITY: u32 = 10_000;

/// Changes what is known of a principal; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UpdatePrincipal {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The principal.
    pub principal: String,
    /// The etag that the caller was shown; empty: whatever it is.
    pub etag: String,
    /// Which person it is; empty: the name itself.
    pub person: Option<String>,
    /// Whose agent it is; empty: nobody's.
    pub owner: Option<String>,
    /// How much it may hold at once; 0: no limit.
    pub capacity: Option<u32>,
    /// What it knows.
    pub skills: Option<Vec<String>>,
}

/// Says whether somebody can be asked.
#[derive(Clone, Debug, Default)]
pub struct SetAvailability {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The principal; empty: the caller.
    pub principal: String,
    /// Whether it is off duty.
    pub is_off_duty: bool,
    /// Out of office from then on.
    pub absent_from: Option<Timestamp>,
    /// Until then.
    pub absent_until: Option<Timestamp>,
    /// Who is asked meanwhile; empty: nobody in particular.
    pub delegate: String,
}

impl Operation for UpdatePrincipal {
    type Output = Entry;
    const METHOD: &'static str = "UpdatePrincipal";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher
            .field(self.principal.as_bytes())
            .field(self.etag.as_bytes())
            .optional(self.person.as_deref().map(str::as_bytes))
            .optional(self.owner.as_deref().map(str::as_bytes))
            .optional(self.capacity.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice))
            .optional(self.skills.as_ref().map(|it| it.join("\n")).as_deref().map(str::as_bytes));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Entry, Vec<Uuid>), Error> {
        let mut entry = tx.entry_or_new(&self.principal).await?;
        if !self.etag.is_empty() && entry.etag() != self.etag {
            let (resource, id) = (Resource::Principal, entry.name.clone());
            return Err(Error::EtagMismatch { resource, id, etag: entry.etag() });
        }
        let some = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
        if let Some(person) = &self.person {
            entry.person = some(person);
        }
        if let Some(owner) = &self.owner {
            entry.owner = some(owner);
        }
        entry.capacity = self.capacity.unwrap_or(entry.capacity);
        if let Some(skills) = &self.skills {
            entry.skills.clone_from(skills);
        }
        let entry = tx.put_entry(entry)?;
        tx.event(EventKind::PrincipalUpdated, about(&entry.name));
        Ok((entry, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Entry, Error> {
        engine.known_principal(tenant, &self.principal).await
    }
}

impl Operation for SetAvailability {
    type Output = Entry;
    const METHOD: &'static str = "SetAvailability";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let time = |time: Option<Timestamp>| time.map(|it| it.as_micros().to_be_bytes());
        hasher
            .field(self.principal.as_bytes())
            .field(&[u8::from(self.is_off_duty)])
            .optional(time(self.absent_from).as_ref().map(<[u8; 8]>::as_slice))
            .optional(time(self.absent_until).as_ref().map(<[u8; 8]>::as_slice))
            .field(self.delegate.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Entry, Vec<Uuid>), Error> {
        let mut entry = tx.entry_or_new(&self.principal).await?;
        let absent_from = self.absent_from.or_else(|| self.absent_until.map(|_| tx.now));
        if self.absent_until.is_some_and(|until| absent_from.is_some_and(|from| until <= from)) {
            return Err(Error::field("absent_until", "lies before the absence begins"));
        }
        if !self.delegate.is_empty() {
            tx.known_entry(&self.delegate).await?;
        }
        entry.availability = Availability {
            is_off_duty: self.is_off_duty,
            absent_from,
            absent_until: self.absent_until,
            delegate: Some(self.delegate.clone()).filter(|it| !it.is_empty()),
        };
        let entry = tx.put_entry(entry)?;
        tx.event(EventKind::PrincipalUpdated, about(&entry.name));
        Ok((entry, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Entry, Error> {
        engine.known_principal(tenant, &self.principal).await
    }
}

impl UpdatePrincipal {
    fn check(&self) -> Result<(), Error> {
        validate::principal("principal", &self.principal)?;
        validate::length("etag", self.etag.as_bytes(), limits::MAX_SCHEMA_VERSION_BYTES)?;
        for (field, name) in [("person", &self.person), ("owner", &self.owner)] {
            if let Some(name) = name.as_deref().filter(|name| !name.is_empty()) {
                validate::principal(field, name)?;
            }
        }
        if self.capacity.is_some_and(|capacity| capacity > MAX_CAPACITY) {
            return Err(Error::field("capacity", format!("want 0 to {MAX_CAPACITY}")));
        }
        let skills = self.skills.as_deref().unwrap_or_default();
        if skills.len() > MAX_SKILLS {
            return Err(Error::field("skills", format!("more than {MAX_SKILLS}")));
        }
        skills.iter().try_for_each(|skill| validate::word("skills", skill))
    }
}

impl Engine {
    /// Changes what is known of a principal.
    pub async fn update_principal(
        &self,
        caller: &Principal,
        command: UpdatePrincipal,
    ) -> Result<Answer<Entry>, Error> {
        let by = authorize::admin(caller)?;
        command.check()?;
        self.transact(&by, &command.request_id, &command).await
    }

    /// Says whether somebody can be asked: a reviewer of itself, a supervisor of
    /// everybody.
    pub async fn set_availability(
        &self,
        caller: &Principal,
        mut command: SetAvailability,
    ) -> Result<Answer<Entry>, Error> {
        if command.principal.is_empty() {
            command.principal.clone_from(&caller.name);
        }
        let by = match command.principal == caller.name {
            true => authorize::reviewer(caller)?,
            false => authorize::supervisor(caller)?,
        };
        validate::principal("principal", &command.principal)?;
        if command.delegate == command.principal {
            return Err(Error::field("delegate", "must be somebody else"));
        }
        self.transact(&by, &command.request_id, &command).await
    }

    /// Lists everybody, by name.
    pub async fn list_principals(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<Entry>, Error> {
        authorize::overseer(caller)?;
        let range = keys::principals(&caller.tenant);
        let mut walk = self.walk(range, Direction::Ascending, &page, "principals")?;
        let mut items = Vec::new();
        while items.len() < walk.size {
            let Some((key, value)) = walk.next(self).await? else { break };
            items.push(decode(&value).map_err(read_error)?);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }
}
