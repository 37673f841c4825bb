//! Credentials: a checkpoint names them, and whoever resumes resolves them.
//!
//! A token does not outlive the hours that a person may think, and none is ever
//! stored: an agent puts references such as `oauth2-refresh:crm` into its
//! checkpoint. Whoever takes the answer up exchanges each for a fresh secret,
//! before the grant is redeemed. If one cannot be had nothing is redeemed.
//!
//! What a reference may reach is decided by the program that resolves, never by
//! the reference: a scheme without a resolver, a name that was not allowed and a
//! file outside the folder are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;
use pointsman_api::v1;

use crate::clock::{Clock, SystemClock};

mod environment;
mod files;
mod oauth2;
mod permit;
mod secret;
mod unresolved;

pub use environment::Environment;
pub use files::{Files, KeptInFile};
pub use oauth2::{ClientAuthentication, OAuth2, OAuth2Builder, OAuth2Client, RefreshTokenKeeper};
pub use permit::CredentialedPermit;
pub(crate) use permit::References;
pub use secret::{LONGEST_SECRET, RENEWAL_MARGIN, Secret};
pub use unresolved::{CredentialError, Unresolved};

/// The most references that are resolved for one action: as many as a checkpoint
/// may have.
pub const MOST_CREDENTIALS: usize = 32;
/// How long one reference may take, unless set otherwise.
const RESOLVE_LIMIT: Duration = Duration::from_secs(30);
/// How often all are resolved again because one lapsed meanwhile.
const MOST_ROUNDS: usize = 3;
/// The shortest secret that results are searched for, in bytes: a shorter one stands in
/// many a text by chance.
const SHORTEST_LOOKED_FOR: usize = 8;

/// Exchanges references of one scheme for secrets.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Returns what `name` stands for: the reference without its scheme. It comes
    /// from a checkpoint, which is no reason to trust it. A secret that lapses
    /// says when; one that lapses soon is not returned from a cache.
    ///
    /// May be dropped at any time.
    async fn resolve(&self, name: &str) -> Result<Secret, Unresolved>;
}

/// The resolvers of a program, by the scheme of the reference. Clones share them.
///
/// ```
/// use pointsman_client::{Environment, Files, Resolvers};
///
/// let resolvers = Resolvers::new()
///     .with("env", Environment::allowing(["CRM_TOKEN"]))
///     .with("file", Files::below("/run/secrets"));
/// ```
#[derive(Clone, Debug)]
pub struct Resolvers {
    by_scheme: BTreeMap<String, Arc<dyn Resolver>>,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

/// The secrets of one action, by the names that the agent gave them.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Vec<(String, Secret)>);

// === impl Resolvers ===

impl Resolvers {
    /// Resolves nothing yet.
    pub fn new() -> Self {
        Self { by_scheme: BTreeMap::new(), clock: Arc::new(SystemClock), limit: RESOLVE_LIMIT }
    }

    /// Resolves references `scheme:…` by this resolver, in place of an earlier one.
    #[must_use]
    pub fn with(mut self, scheme: impl Into<String>, resolver: impl Resolver) -> Self {
        self.by_scheme.insert(scheme.into(), Arc::new(resolver));
        self
    }

    /// Takes the time from here.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Gives each reference this long; 30 s unless set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Resolves one reference.
    ///
    /// # Errors
    ///
    /// There is no secret: see [`Unresolved`].
    pub async fn resolve_one(&self, reference: &str) -> Result<Secret, Unresolved> {
        let (scheme, name) = reference.split_once(':').ok_or(Unresolved::Malformed)?;
        if scheme.is_empty() || name.is_empty() {
            return Err(Unresolved::Malformed);
        }
        let resolver = self.by_scheme.get(scheme);
        let resolver =
            resolver.ok_or_else(|| Unresolved::NoResolver { scheme: scheme.to_owned() })?;
        match tokio::time::timeout(self.limit, resolver.resolve(name)).await {
            Ok(resolved) => resolved,
            Err(_) => Err(Unresolved::TooSlow { limit: self.limit }),
        }
    }

    /// Resolves all references, at once. What lapses while others are resolved is
    /// resolved again.
    ///
    /// # Errors
    ///
    /// The first that cannot be resolved. Then none is returned.
    pub async fn resolve(
        &self,
        references: &[v1::CredentialRef],
    ) -> Result<Credentials, CredentialError> {
        refuse_odd(references)?;
        let mut lapsed = None;
        for _ in 0..MOST_ROUNDS {
            let all = references.iter().map(|reference| self.resolve_named(reference));
            let credentials = Credentials(try_join_all(all).await?);
            lapsed = credentials.first_lapsed(self.clock.now());
            if lapsed.is_none() {
                return Ok(credentials);
            }
        }
        let lapsed = lapsed.and_then(|at| references.get(at)).cloned().unwrap_or_default();
        Err(CredentialError::new(&lapsed, Unresolved::Lapsed))
    }

    async fn resolve_named(
        &self,
        reference: &v1::CredentialRef,
    ) -> Result<(String, Secret), CredentialError> {
        match self.resolve_one(&reference.reference).await {
            Ok(secret) => Ok((reference.name.clone(), secret)),
            Err(cause) => Err(CredentialError::new(reference, cause)),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

impl Default for Resolvers {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Credentials ===

impl Credentials {
    /// The secret that the agent gave this name.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether none lapses within [`RENEWAL_MARGIN`].
    pub fn are_fresh(&self, now: SystemTime) -> bool {
        self.first_lapsed(now).is_none()
    }

    /// What may be told of what a tool said: all of it, unless one of the secrets
    /// stands in it word for word.
    pub(crate) fn withheld_from(&self, said: Bytes) -> Bytes {
        let is_told = |secret: &Secret| {
            let text = secret.expose().as_bytes();
            text.len() >= SHORTEST_LOOKED_FOR && said.windows(text.len()).any(|it| it == text)
        };
        match self.0.iter().find(|(_, secret)| is_told(secret)) {
            Some((name, _)) => {
                format!("result withheld: the credential `{name}` stands in it").into()
            }
            None => said,
        }
    }

    fn first_lapsed(&self, now: SystemTime) -> Option<usize> {
        self.0.iter().position(|(_, secret)| !secret.is_fresh(now))
    }
}

/// Refuses what no server lets into a checkpoint, and what could not be told apart.
fn refuse_odd(references: &[v1::CredentialRef]) -> Result<(), CredentialError> {
    for (at, reference) in references.iter().enumerate() {
        if at >= MOST_CREDENTIALS {
            return Err(CredentialError::new(reference, Unresolved::TooMany));
        }
        if references.iter().take(at).any(|earlier| earlier.name == reference.name) {
            return Err(CredentialError::new(reference, Unresolved::SameName));
        }
    }
    Ok(())
}

/// The page of the documentation: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/credentials.md")]
struct Page;

#[cfg(test)]
mod tests;
