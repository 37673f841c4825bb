//! Callers whom somebody else vouches for: tokens that an identity provider signed, and
//! certificates of clients.
//!
//! What these say is asked again and again, so that they stop counting within
//! seconds when they expire or their key goes: on every call, and on open streams.

use async_trait::async_trait;
use quick_cache::sync::Cache;

use super::admission::NotLetIn;
use super::{DEFAULT_TENANT, Engine, read_error, validate};
use crate::domain::digest::{Digest, FieldHasher, sha256};
use crate::domain::principal::{Credential, Principal, Role, Token, check_compatible};
use crate::domain::refusal::Refusal;
use crate::domain::time::{Span, Timestamp};
use crate::store::{Direction, MAX_SCAN, keys};

/// The longest signed token.
pub const MAX_SIGNED_BYTES: usize = 8 * 1024;
/// How long what was verified counts without another look.
const TRUST: Span = Span::from_secs(5);
/// How many tokens and certificates stay verified.
const CACHED: usize = 10_000;

/// What somebody vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The principal's name.
    pub name: String,
    /// What it may do beside what is assigned to it here; may be empty.
    pub roles: Vec<Role>,
    /// Until when this counts.
    pub expire_time: Timestamp,
}

/// Verifies signed tokens.
#[async_trait]
pub trait Identities: Send + Sync + 'static {
    /// What a token says, or why it does not count.
    async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Refusal>;
}

/// What every principal's name begins with that a certificate names, and no other.
pub const SPIFFE_SCHEME: &str = "spiffe://";
const CHAIN_TAG: &str = "pointsman.client-certificate.v1";

/// The certificate that a client showed in the handshake, with those that lead to its
/// authority.
#[derive(Debug)]
pub struct Chain {
    leaf: Vec<u8>,
    others: Vec<Vec<u8>>,
    digest: Digest,
}

/// Verifies the certificates of clients.
pub trait Workloads: Send + Sync + 'static {
    /// Who a certificate names; none: nobody, which is no fault of it. Or why it does not
    /// count at `now`.
    fn verify(&self, chain: &Chain, now: Timestamp) -> Result<Option<Identity>, Refusal>;
}

/// Whom the operator lets vouch for callers, and what was verified of late.
pub(super) struct Vouching {
    identities: Option<Box<dyn Identities>>,
    workloads: Option<Box<dyn Workloads>>,
    verified: Cache<Digest, (Option<Identity>, Timestamp)>,
}

// === impl Chain ===

impl Chain {
    /// A certificate and the others that came with it, in the form of DER.
    pub fn new(leaf: Vec<u8>, others: Vec<Vec<u8>>) -> Self {
        let mut hasher = FieldHasher::new(CHAIN_TAG);
        hasher.field(&leaf);
        for other in &others {
            hasher.field(other);
        }
        let digest = hasher.finish();
        Self { leaf, others, digest }
    }

    /// The client's own certificate.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Those that lead to its authority.
    pub fn others(&self) -> &[Vec<u8>] {
        &self.others
    }
}

// === impl Vouching ===

impl Vouching {
    pub(super) fn new(
        identities: Option<Box<dyn Identities>>,
        workloads: Option<Box<dyn Workloads>>,
    ) -> Self {
        Self { identities, workloads, verified: Cache::new(CACHED) }
    }

    /// Whether there may be callers of whom nothing is known here.
    pub(super) const fn is_by_others(&self) -> bool {
        self.identities.is_some() || self.workloads.is_some()
    }

    /// What was verified a moment ago.
    fn fresh(&self, digest: &Digest, now: Timestamp) -> Option<Option<Identity>> {
        let known = self.verified.get(digest);
        let fresh = known.filter(|(_, seen)| now.since(*seen) < TRUST && now >= *seen);
        fresh.map(|(identity, _)| identity)
    }
}

/// Whether a secret has the form of a signed token. None of this server's own has.
pub(super) fn is_signed(secret: &str) -> bool {
    secret.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Engine {
    /// Finds out who sends a signed token.
    pub(super) async fn authenticate_signed(&self, token: &str) -> Result<Principal, NotLetIn> {
        let vouching = &self.0.vouching;
        let Some(identities) = &vouching.identities else { return Err(Refusal::Unknown.into()) };
        if token.len() > MAX_SIGNED_BYTES {
            return Err(Refusal::Malformed.into());
        }
        let (now, digest) = (self.now(), sha256(token.as_bytes()));
        let identity = match vouching.fresh(&digest, now).flatten() {
            Some(identity) => identity,
            None => {
                let identity = identities.verify(token, now).await?;
                // Only a certificate names a workload.
                if identity.name.starts_with(SPIFFE_SCHEME) {
                    return Err(Refusal::Unfit.into());
                }
                self.require_fit(&identity, now).await?;
                vouching.verified.insert(digest, (Some(identity.clone()), now));
                identity
            }
        };
        self.vouched_for(identity, now).await
    }

    /// Who a client's certificate names; none: nobody.
    pub(super) async fn certified(&self, chain: &Chain) -> Result<Option<Identity>, NotLetIn> {
        let vouching = &self.0.vouching;
        let Some(workloads) = &vouching.workloads else { return Ok(None) };
        let now = self.now();
        let identity = match vouching.fresh(&chain.digest, now) {
            Some(identity) => identity,
            None => {
                let identity = workloads.verify(chain, now)?;
                if let Some(identity) = &identity {
                    self.require_fit(identity, now).await?;
                }
                vouching.verified.insert(chain.digest, (identity.clone(), now));
                identity
            }
        };
        match identity {
            Some(identity) if now >= identity.expire_time => Err(Refusal::Expired.into()),
            identity => Ok(identity),
        }
    }

    /// The principal that somebody vouches for, with the roles that it has here.
    pub(super) async fn vouched_for(
        &self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Principal, NotLetIn> {
        if now >= identity.expire_time {
            return Err(Refusal::Expired.into());
        }
        let credential = Credential { token: None, roles: identity.roles };
        let principal = Principal::new(DEFAULT_TENANT.to_owned(), identity.name, credential);
        let mut principal = self.with_assigned(principal, now).await?;
        if principal.roles.is_empty() {
            // Whoever was given the first role a moment ago has it at once.
            self.people(DEFAULT_TENANT).await?;
            principal = self.with_assigned(principal, now).await?;
        }
        check_compatible(&principal.roles).map_err(|_| Refusal::Unfit)?;
        if principal.roles.is_empty() {
            return Err(NotLetIn::no_role(principal.name));
        }
        Ok(principal)
    }

    /// Refuses a name that no principal may have, and roles that exclude each other or
    /// those of the principal's own tokens here.
    async fn require_fit(&self, identity: &Identity, now: Timestamp) -> Result<(), NotLetIn> {
        let refused = |_| Refusal::Unfit;
        validate::principal("name", &identity.name).map_err(refused)?;
        let mut roles = identity.roles.clone();
        // What other servers have assigned, or taken back, counts from here on.
        self.people(DEFAULT_TENANT).await?;
        let mut range = keys::principal_tokens(DEFAULT_TENANT, &identity.name);
        loop {
            let found = self.0.store.scan(range.clone(), Direction::Ascending, MAX_SCAN).await;
            let found = found.map_err(read_error)?;
            for id in found.rows.iter().filter_map(|(key, _)| keys::listed_token(key)) {
                let token = self.read::<Token>(&keys::token(DEFAULT_TENANT, id)).await?;
                roles.extend(
                    token.filter(|it| it.is_valid(now)).into_iter().flat_map(|it| it.roles),
                );
            }
            match found.rows.last() {
                Some((last, _)) if found.has_more => range.start = keys::after(last),
                _ => return Ok(check_compatible(&roles).map_err(refused)?),
            }
        }
    }
}
