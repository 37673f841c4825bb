//! Granting, revoking and listing authority; taking it in an emergency.

use uuid::Uuid;

use super::{MAX_AUTHORITIES, require_room};
use crate::domain::authority::{Authority, BREAK_GLASS_MAX, Holder, Limit, MAX_PATTERNS};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::AuthorityId;
use crate::domain::policy::CallCondition;
use crate::domain::principal::{Principal, Role};
use crate::domain::secrets::refuse_secrets;
use crate::domain::time::{Span, Timestamp};
use crate::engine::list::{Listed, Page};
use crate::engine::operation::{Answer, Operation, Tx, result_at};
use crate::engine::{Engine, authorize, closing, read_error, validate};
use crate::store::records::decode;
use crate::store::{Direction, keys};

/// The shortest emergency.
const BREAK_GLASS_MIN: Span = Span::from_secs(60);
/// How long an emergency lasts unless its holder says otherwise.
const BREAK_GLASS_DEFAULT: Span = Span::from_secs(15 * 60);

/// Grants authority.
#[derive(Clone, Debug)]
pub struct GrantAuthority {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// Who is to hold it.
    pub holder: Holder,
    /// Up to where.
    pub limit: Limit,
    /// From when on; none: from now on.
    pub start_time: Option<Timestamp>,
    /// Until when; none: until it is revoked.
    pub end_time: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Takes authority over everything, for a short time, in one's own name.
#[derive(Clone, Debug, Default)]
pub struct BreakGlass {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// Why.
    pub reason: String,
    /// For how long.
    pub ttl: Option<Span>,
}

struct Granting<'a> {
    command: &'a GrantAuthority,
    /// Taken by its holder, for so long.
    break_glass: Option<Span>,
}

impl Operation for Granting<'_> {
    type Output = Authority;
    const METHOD: &'static str = "GrantAuthority";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        let it = self.command;
        let time = |time: Option<Timestamp>| time.map(|it| it.as_micros().to_be_bytes());
        hasher
            .field(it.holder.to_string().as_bytes())
            .field(it.reason.as_bytes())
            .optional(
                self.break_glass
                    .map(|it| it.as_micros().to_be_bytes())
                    .as_ref()
                    .map(<[u8; 8]>::as_slice),
            )
            .field(&it.limit.lanes.join("\n").into_bytes())
            .field(&it.limit.tools.join("\n").into_bytes())
            .optional(it.limit.condition.as_deref().map(str::as_bytes))
            .optional(it.limit.max_severity.map(|tier| tier.name().as_bytes()))
            .optional(
                it.limit.max_amount.as_ref().map(ToString::to_string).as_deref().map(str::as_bytes),
            )
            .optional(time(it.start_time).as_ref().map(<[u8; 8]>::as_slice))
            .optional(time(it.end_time).as_ref().map(<[u8; 8]>::as_slice));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Authority, Vec<Uuid>), Error> {
        let people = tx.people().await?;
        require_room("holder", people.authorities().count(), MAX_AUTHORITIES)?;
        let it = self.command;
        let start_time = it.start_time.unwrap_or(tx.now);
        let end_time = self.break_glass.map(|ttl| tx.now.plus(ttl)).or(it.end_time);
        if end_time.is_some_and(|end| end <= start_time.max(tx.now)) {
            return Err(Error::field("end_time", "lies before its start, or has passed"));
        }
        let authority = Authority {
            id: AuthorityId::new(tx.next_id()),
            holder: it.holder.clone(),
            limit: it.limit.clone(),
            start_time,
            end_time,
            grantor: tx.by.name().to_owned(),
            reason: Some(tx.bytes(it.reason.clone().into(), None)?),
            is_break_glass: self.break_glass.is_some(),
            create_time: tx.now,
            revoke_time: None,
        };
        let kind = match authority.is_break_glass {
            true => EventKind::AuthorityGlassBroken,
            false => EventKind::AuthorityGranted,
        };
        store(tx, &authority, kind)?;
        let results = closing::result(authority.id.as_bytes());
        Ok((authority, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Authority, Error> {
        existing(engine, tenant, AuthorityId::new(result_at(results, 0)?)).await
    }
}

struct Revoking(AuthorityId);

impl Operation for Revoking {
    type Output = Authority;
    const METHOD: &'static str = "RevokeAuthority";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Authority, Vec<Uuid>), Error> {
        let people = tx.people().await?;
        let found = people.authority(self.0).cloned();
        let mut authority = found.ok_or_else(|| not_found(self.0))?;
        if authority.revoke_time.is_none() {
            authority.revoke_time = Some(tx.now);
            store(tx, &authority, EventKind::AuthorityRevoked)?;
        }
        Ok((authority, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Authority, Error> {
        existing(engine, tenant, self.0).await
    }
}

fn store(tx: &mut Tx<'_>, authority: &Authority, kind: EventKind) -> Result<(), Error> {
    tx.put(keys::authority(tx.tenant(), authority.id), authority)?;
    tx.mark(keys::people(tx.tenant()));
    let subjects = Subjects { authority: Some(authority.id), ..Subjects::default() };
    let payloads: Vec<_> = authority.reason.into_iter().collect();
    tx.event_about(kind, subjects, None, &payloads);
    Ok(())
}

fn not_found(id: AuthorityId) -> Error {
    Error::not_found(Resource::Authority, id)
}

async fn existing(engine: &Engine, tenant: &str, id: AuthorityId) -> Result<Authority, Error> {
    let people = engine.people(tenant).await?;
    people.authority(id).cloned().ok_or_else(|| not_found(id))
}

impl GrantAuthority {
    fn check(&self) -> Result<(), Error> {
        match &self.holder {
            Holder::Principal(name) => validate::principal("principal", name)?,
            Holder::Role(role) if role.includes(Role::Reviewer) => {}
            Holder::Role(_) => {
                return Err(Error::field(
                    "role",
                    "want `reviewer` or `supervisor`: those who answer",
                ));
            }
        }
        for (field, patterns) in
            [("limit.lanes", &self.limit.lanes), ("limit.tools", &self.limit.tools)]
        {
            if patterns.len() > MAX_PATTERNS {
                return Err(Error::field(field, format!("more than {MAX_PATTERNS}")));
            }
            for pattern in patterns {
                validate::pattern(field, pattern)?;
            }
        }
        if let Some(condition) = &self.limit.condition {
            refuse_secrets("limit.condition", condition.as_bytes())?;
            let compiled = CallCondition::compile(condition);
            compiled.map_err(|it| Error::field("limit.condition", it.to_string()))?;
        }
        validate::words("reason", &self.reason)
    }
}

impl Engine {
    /// Grants authority to a principal, or to everybody of a role.
    pub async fn grant_authority(
        &self,
        caller: &Principal,
        command: GrantAuthority,
    ) -> Result<Answer<Authority>, Error> {
        let by = authorize::admin(caller)?;
        command.check()?;
        if command.holder == Holder::Principal(caller.name.clone()) {
            return Err(Error::field("principal", "nobody grants authority to themselves"));
        }
        let granting = Granting { command: &command, break_glass: None };
        self.transact(&by, &command.request_id, &granting).await
    }

    /// Takes authority over everything for a short time: for a supervisor in an
    /// emergency. It is journalled as what it is, and lifts no four eyes.
    pub async fn break_glass(
        &self,
        caller: &Principal,
        command: BreakGlass,
    ) -> Result<Answer<Authority>, Error> {
        let by = authorize::supervisor(caller)?;
        validate::words("reason", &command.reason)?;
        let bounds = BREAK_GLASS_MIN..=BREAK_GLASS_MAX;
        let ttl = validate::span("ttl", command.ttl, BREAK_GLASS_DEFAULT, bounds)?;
        let grant = GrantAuthority {
            request_id: command.request_id,
            holder: Holder::Principal(caller.name.clone()),
            limit: Limit::default(),
            start_time: None,
            end_time: None,
            reason: command.reason,
        };
        let granting = Granting { command: &grant, break_glass: Some(ttl) };
        let answer = self.transact(&by, &grant.request_id, &granting).await?;
        let authority = &answer.value;
        tracing::warn!(holder = %authority.holder, %authority.id, "somebody took authority over everything");
        Ok(answer)
    }

    /// Revokes an authority; revoking it again changes nothing.
    pub async fn revoke_authority(
        &self,
        caller: &Principal,
        request_id: &str,
        id: AuthorityId,
    ) -> Result<Answer<Authority>, Error> {
        let by = authorize::admin(caller)?;
        self.transact(&by, request_id, &Revoking(id)).await
    }

    /// Lists authority, the oldest first: what there is before anybody granted any
    /// begins the first page.
    pub async fn list_authorities(
        &self,
        caller: &Principal,
        page: Page,
    ) -> Result<Listed<(Authority, String)>, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let mut all = Vec::new();
        if page.token.is_empty() {
            let people = self.people(tenant).await?;
            let untouched = Authority::built_in().into_iter();
            let untouched = untouched.filter(|it| people.authority(it.id) == Some(it));
            all.extend(untouched.map(|it| (it, String::new())));
        }
        let range = keys::authorities(tenant);
        let mut walk = self.walk(range, Direction::Ascending, &page, "authorities")?;
        while all.len() < walk.size {
            let Some((key, value)) = walk.next(self).await? else { break };
            let authority: Authority = decode(&value).map_err(read_error)?;
            let reason = self.text(authority.reason.as_ref()).await?;
            all.push((authority, reason));
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items: all, next_page_token })
    }

    /// The reason of one authority.
    pub async fn authority_reason(&self, authority: &Authority) -> Result<String, Error> {
        self.text(authority.reason.as_ref()).await
    }
}
