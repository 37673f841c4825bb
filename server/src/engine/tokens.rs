//! Bearer tokens: made once, stored as digests, looked up on every call.

use quick_cache::sync::Cache;
use uuid::Uuid;

use super::admission::NotLetIn;
use super::operation::{Answer, Operation, Tx, result_at};
use super::{Authorized, DEFAULT_TENANT, Engine, authorize, identity, list, validate};
use crate::domain::digest::{Digest, FieldHasher, sha256};
use crate::domain::error::{Error, Resource};
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::TokenId;
use crate::domain::principal::{Credential, Principal, Role, Token, check_roles};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Span, Timestamp};
use crate::store::records::{SecretRecord, decode};
use crate::store::{Direction, Expectation, MAX_SCAN, keys};

/// What a token's secret begins with, so that scanners know it.
const SECRET_PREFIX: &str = "pmt_";
/// How many random bytes a secret has.
const SECRET_BYTES: usize = 32;
/// How many tokens stay looked up.
const CACHED_TOKENS: usize = 10_000;
/// How long a looked-up token is trusted without another look, so that another
/// server's revocation counts soon; this server's own counts at once.
const TRUST: Span = Span::from_secs(5);
/// The longest secret that is looked at.
const MAX_SECRET_BYTES: usize = 256;
/// The shortest life of a token.
const MIN_TTL: Span = Span::from_secs(60);
/// The longest life of a token: ten years.
const MAX_TTL: Span = Span::from_secs(10 * 366 * 24 * 60 * 60);

/// Makes a token.
#[derive(Clone, Debug)]
pub struct CreateToken {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The principal it speaks for.
    pub principal: String,
    /// What the principal may do.
    pub roles: Vec<Role>,
    /// How long it works.
    pub ttl: Option<Span>,
}

/// A new token with its secret, which is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// The secret; empty in a replayed answer.
    pub secret: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A secret must not reach a log by way of a debug print.
        f.debug_struct("NewToken").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Tokens by the digest of their secret.
pub(super) struct TokenCache(Cache<Digest, (Token, String, Timestamp)>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(Cache::new(CACHED_TOKENS))
    }
}

impl TokenCache {
    /// Forgets a token, so that its next use is looked up.
    pub(super) fn forget(&self, secret: &Digest) {
        self.0.remove(secret);
    }
}

struct Create<'a> {
    command: &'a CreateToken,
    secret: &'a str,
}

impl Operation for Create<'_> {
    type Output = Token;
    const METHOD: &'static str = "CreateToken";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.command.principal.as_bytes());
        for role in &self.command.roles {
            hasher.field(role.name().as_bytes());
        }
        let ttl = self.command.ttl.map(|ttl| ttl.as_micros().to_be_bytes());
        hasher.optional(ttl.as_ref().map(<[u8; 8]>::as_slice));
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Token, Vec<Uuid>), Error> {
        self.require_compatible(tx).await?;
        tx.introduce(&self.command.principal, &self.command.roles).await?;
        let id = tx.next_id();
        let token = Token {
            id: TokenId::new(id),
            principal: self.command.principal.clone(),
            roles: self.command.roles.clone(),
            secret_digest: sha256(self.secret.as_bytes()),
            create_time: tx.now,
            expire_time: self.command.ttl.map(|ttl| tx.now.plus(ttl)),
            revoke_time: None,
        };
        tx.put(keys::token(tx.tenant(), token.id), &token)?;
        tx.mark(keys::principal_token(tx.tenant(), &token.principal, token.id));
        let way = SecretRecord { tenant: tx.tenant().to_owned(), token: token.id };
        tx.put(keys::secret(&token.secret_digest), &way)?;
        let subjects = Subjects { token: Some(token.id), ..Subjects::default() };
        tx.event(EventKind::TokenCreated, subjects);
        Ok((token, vec![id]))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Token, Error> {
        engine.existing_token(tenant, TokenId::new(result_at(results, 0)?)).await
    }
}

impl Create<'_> {
    /// Roles exclude each other over all of a principal's tokens, not in one of them
    /// only.
    async fn require_compatible(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let mut roles = tx.token_roles(&self.command.principal).await?;
        roles.extend(&self.command.roles);
        check_roles(&roles)
    }
}

impl Tx<'_> {
    /// The roles of a principal's valid tokens. The whole list is expected to be as it
    /// was read: of two tokens that exclude each other and are made at once, one is
    /// made.
    pub(super) async fn token_roles(&mut self, principal: &str) -> Result<Vec<Role>, Error> {
        let tx = self;
        let mut roles = Vec::new();
        let mut range = keys::principal_tokens(tx.tenant(), principal);
        loop {
            let store = &tx.engine.0.store;
            let found = store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(super::read_error)?;
            for id in found.rows.iter().filter_map(|(key, _)| keys::listed_token(key)) {
                let token = tx.engine.existing_token(tx.tenant(), id).await?;
                if token.is_valid(tx.now) {
                    roles.extend(token.roles);
                }
            }
            let next = found.rows.last().map(|(last, _)| keys::after(last));
            let rows = found.rows.into_iter().map(|(key, row)| (key, row.version)).collect();
            let complete = !found.has_more;
            tx.expect(Expectation::Range { range: range.clone(), rows, complete });
            match next {
                Some(next) if !complete => range.start = next,
                _ => return Ok(roles),
            }
        }
    }
}

struct Revoke(TokenId);

impl Operation for Revoke {
    type Output = Token;
    const METHOD: &'static str = "RevokeToken";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Token, Vec<Uuid>), Error> {
        let key = keys::token(tx.tenant(), self.0);
        let mut token = tx.get::<Token>(key.clone()).await?.ok_or_else(|| not_found(self.0))?;
        if token.revoke_time.is_none() {
            token.revoke_time = Some(tx.now);
            tx.put(key, &token)?;
            tx.remove(keys::principal_token(tx.tenant(), &token.principal, token.id));
            let subjects = Subjects { token: Some(self.0), ..Subjects::default() };
            tx.event(EventKind::TokenRevoked, subjects);
        }
        Ok((token, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Token, Error> {
        engine.existing_token(tenant, self.0).await
    }
}

fn not_found(id: TokenId) -> Error {
    Error::not_found(Resource::Token, id)
}

impl Engine {
    /// Finds out who sends a secret; nothing is recorded.
    pub async fn authenticate(&self, secret: &str) -> Result<Principal, Error> {
        self.check(secret).await.map_err(|refused| refused.error)
    }

    /// Finds out who sends a secret.
    pub(super) async fn check(&self, secret: &str) -> Result<Principal, NotLetIn> {
        if identity::is_signed(secret) {
            return self.authenticate_signed(secret).await;
        }
        if secret.is_empty() || secret.len() > MAX_SECRET_BYTES {
            return Err(Refusal::Malformed.into());
        }
        let now = self.now();
        let digest = sha256(secret.as_bytes());
        let cached = self.0.tokens.0.get(&digest);
        let fresh = cached.filter(|(_, _, seen)| now.since(*seen) < TRUST && now >= *seen);
        let (token, tenant) = match fresh {
            Some((token, tenant, _)) => (token, tenant),
            None => self.look_up(digest, now).await?,
        };
        if !token.is_valid(now) {
            let is_revoked = token.revoke_time.is_some();
            let why = if is_revoked { Refusal::Revoked } else { Refusal::Expired };
            return Err(NotLetIn::token(why, token.id));
        }
        let credential = Credential { token: Some(token.id), roles: token.roles };
        Ok(self.with_assigned(Principal::new(tenant, token.principal, credential), now).await?)
    }

    /// Adds the roles that are assigned to a principal.
    pub(super) async fn with_assigned(
        &self,
        mut principal: Principal,
        now: Timestamp,
    ) -> Result<Principal, Error> {
        let people = self.people_at_hand(&principal.tenant).await?;
        if let Some(entry) = people.entry(&principal.name) {
            principal.roles.extend(entry.roles(now));
        }
        Ok(principal)
    }

    async fn look_up(&self, digest: Digest, now: Timestamp) -> Result<(Token, String), NotLetIn> {
        let way = self.read::<SecretRecord>(&keys::secret(&digest)).await?;
        let way = way.ok_or(Refusal::Unknown)?;
        let token = self.existing_token(&way.tenant, way.token).await?;
        // Roles that another server has assigned, or taken back, count as soon as its
        // tokens do.
        self.people(&way.tenant).await?;
        self.0.tokens.0.insert(digest, (token.clone(), way.tenant.clone(), now));
        Ok((token, way.tenant))
    }

    pub(super) async fn existing_token(&self, tenant: &str, id: TokenId) -> Result<Token, Error> {
        self.read(&keys::token(tenant, id))
            .await?
            .ok_or_else(|| super::views::missing(Resource::Token, &id))
    }

    /// Makes a token for a principal.
    pub async fn create_token(
        &self,
        caller: &Principal,
        command: CreateToken,
    ) -> Result<Answer<NewToken>, Error> {
        let by = authorize::admin(caller)?;
        self.create_token_as(&by, &command).await
    }

    async fn create_token_as(
        &self,
        by: &Authorized,
        command: &CreateToken,
    ) -> Result<Answer<NewToken>, Error> {
        validate::principal("principal", &command.principal)?;
        check_roles(&command.roles)?;
        if let Some(ttl) = command.ttl {
            validate::span("ttl", Some(ttl), ttl, MIN_TTL..=MAX_TTL)?;
        }
        let mut random = [0; SECRET_BYTES];
        self.0.ids.fill(&mut random);
        let secret = format!("{SECRET_PREFIX}{}", hex::encode(random));
        let answer =
            self.transact(by, &command.request_id, &Create { command, secret: &secret }).await?;
        let secret = if answer.is_replayed { String::new() } else { secret };
        Ok(answer.map(|token| NewToken { token, secret }))
    }

    /// Makes the first admin token of a store that has none; `None` otherwise.
    pub async fn bootstrap_admin(&self) -> Result<Option<NewToken>, Error> {
        let range = keys::tokens(DEFAULT_TENANT);
        let found = self.0.store.scan(range, Direction::Ascending, 1).await;
        if !found.map_err(super::read_error)?.rows.is_empty() {
            return Ok(None);
        }
        let command = CreateToken {
            request_id: String::new(),
            principal: "admin".to_owned(),
            roles: vec![Role::Admin],
            ttl: None,
        };
        let by = Authorized::system(DEFAULT_TENANT, "bootstrap");
        Ok(Some(self.create_token_as(&by, &command).await?.value))
    }

    /// Makes a token with a secret that everybody knows: for `dev` mode alone.
    pub async fn ensure_dev_token(
        &self,
        secret: &str,
        principal: &str,
        roles: &[Role],
    ) -> Result<(), Error> {
        if self.authenticate(secret).await.is_ok() {
            return Ok(());
        }
        let command = CreateToken {
            request_id: String::new(),
            principal: principal.to_owned(),
            roles: roles.to_vec(),
            ttl: None,
        };
        let by = Authorized::system(DEFAULT_TENANT, "dev");
        self.transact(&by, "", &Create { command: &command, secret }).await?;
        Ok(())
    }

    /// Revokes a token; revoking it again changes nothing.
    pub async fn revoke_token(
        &self,
        caller: &Principal,
        request_id: &str,
        id: TokenId,
    ) -> Result<Answer<Token>, Error> {
        let by = authorize::admin(caller)?;
        let answer = self.transact(&by, request_id, &Revoke(id)).await?;
        self.0.tokens.forget(&answer.value.secret_digest);
        Ok(answer)
    }

    /// Lists tokens, oldest first.
    pub async fn list_tokens(
        &self,
        caller: &Principal,
        page: list::Page,
    ) -> Result<list::Listed<Token>, Error> {
        authorize::admin(caller)?;
        let mut walk =
            self.walk(keys::tokens(&caller.tenant), Direction::Ascending, &page, "tokens")?;
        let mut tokens = Vec::new();
        while tokens.len() < walk.size {
            let Some((key, value)) = walk.next(self).await? else { break };
            tokens.push(decode(&value).map_err(super::read_error)?);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(list::Listed { items: tokens, next_page_token })
    }
}
