//! Who is calling: the bearer token of a call and the certificate of its connection,
//! looked up by the engine.
//!
//! A principal comes from here and from nowhere else; no message body names
//! the caller. What roles mean and who owns what is the engine's to say.

use std::future::Future;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::strangers::Acquaintance;
use crate::domain::error::Error;
use crate::domain::principal::Principal;
use crate::domain::refusal::Origin;
use crate::engine::admission::Shown;
use crate::engine::identity::Chain;
use crate::engine::{Engine, Need};

/// The scheme of the `authorization` header, compared without case.
const SCHEME: &str = "bearer";

/// What the caller of a stream showed, to be looked at again and again.
#[derive(Clone)]
pub struct Pass {
    secret: Option<String>,
    certificate: Option<Arc<Chain>>,
    origin: Origin,
    need: Need,
}

/// Turns secrets into principals. Called once for every call: a cache hit has
/// to be a hash-map lookup.
pub trait Authenticate: Send + Sync + 'static {
    /// Who a secret speaks for.
    type Principal: Clone + Send + Sync + 'static;

    /// Looks at what is shown; [`Error::TokenInvalid`] if it does not count.
    fn authenticate(
        &self,
        shown: Shown<'_>,
    ) -> impl Future<Output = Result<Self::Principal, Error>> + Send;

    /// Refuses a principal that is not what a method needs.
    fn permit(principal: &Self::Principal, need: Need) -> Result<(), Error>;

    /// The principal's tenant, for traces.
    fn tenant(principal: &Self::Principal) -> &str;
}

// === impl Pass ===

impl Pass {
    /// Keeps what is shown for a stream of which the caller must be this.
    pub(super) fn new(secret: Option<&str>, peer: &Acquaintance, need: Need) -> Self {
        let certificate = peer.certificate().cloned();
        Self { secret: secret.map(str::to_owned), certificate, origin: peer.origin(), need }
    }

    /// The same for a stream that shows what only such a caller may see: it ends when the
    /// caller is none any more.
    #[must_use]
    pub(super) fn resting_on(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    /// Finds out whether the stream may go on.
    pub(super) async fn check<A: Authenticate>(&self, authenticator: &A) -> Result<(), Error> {
        let (secret, certificate) = (self.secret.as_deref(), self.certificate.as_deref());
        let shown = Shown { secret, certificate, origin: self.origin };
        A::permit(&authenticator.authenticate(shown).await?, self.need)
    }
}

impl Authenticate for Engine {
    type Principal = Principal;

    async fn authenticate(&self, shown: Shown<'_>) -> Result<Principal, Error> {
        self.admit(shown).await
    }

    fn permit(principal: &Principal, need: Need) -> Result<(), Error> {
        need.check(principal)
    }

    fn tenant(principal: &Principal) -> &str {
        &principal.tenant
    }
}

/// The secret in `authorization: Bearer …`; none without the header.
pub(super) fn secret(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    if headers.contains_key(AUTHORIZATION) { bearer(headers).map(Some) } else { Ok(None) }
}

/// The secret in `authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = headers.get(AUTHORIZATION).ok_or(Error::TokenInvalid)?;
    let text = value.to_str().map_err(|_| Error::TokenInvalid)?;
    let (scheme, secret) = text.split_once(' ').ok_or(Error::TokenInvalid)?;
    let secret = secret.trim();
    if !scheme.eq_ignore_ascii_case(SCHEME) || secret.is_empty() {
        return Err(Error::TokenInvalid);
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_of(value: &str) -> Result<String, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_a_bearer_token_counts() {
        assert_eq!(secret_of("Bearer abc"), Ok("abc".to_owned()));
        assert_eq!(secret_of("bearer  abc "), Ok("abc".to_owned()));
        for wrong in ["abc", "Bearer", "Bearer ", "Basic abc", "Bearerabc"] {
            assert_eq!(secret_of(wrong), Err(Error::TokenInvalid), "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), Err(Error::TokenInvalid));
    }
}
