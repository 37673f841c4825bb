//! Letting callers in: what they show, and what is kept of it that did not count.

use super::Engine;
use super::identity::Chain;
use crate::domain::error::Error;
use crate::domain::ids::TokenId;
use crate::domain::principal::Principal;
use crate::domain::refusal::{Origin, Refusal};

/// What a caller shows to be let in. It has no debug form, because it holds a secret.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The secret of a bearer token.
    pub secret: Option<&'a str>,
    /// The certificate of the connection.
    pub certificate: Option<&'a Chain>,
    /// From how far away it comes.
    pub origin: Origin,
}

/// Why a caller is not let in: what it is told, and what is recorded.
#[derive(Debug)]
pub(super) struct NotLetIn {
    pub(super) error: Error,
    why: Option<(Refusal, Option<TokenId>)>,
}

// === impl NotLetIn ===

impl NotLetIn {
    /// The token is one of the server's own.
    pub(super) const fn token(why: Refusal, token: TokenId) -> Self {
        Self { error: Error::TokenInvalid, why: Some((why, Some(token))) }
    }

    /// It counts, and gives no role.
    pub(super) const fn no_role(principal: String) -> Self {
        Self { error: Error::NoRole(principal), why: Some((Refusal::NoRole, None)) }
    }
}

impl From<Refusal> for NotLetIn {
    fn from(why: Refusal) -> Self {
        Self { error: Error::TokenInvalid, why: Some((why, None)) }
    }
}

/// What has nothing to do with the credential is not recorded.
impl From<Error> for NotLetIn {
    fn from(error: Error) -> Self {
        Self { error, why: None }
    }
}

impl Engine {
    /// Finds out who calls. What does not count is recorded, and the caller not told why.
    pub async fn admit(&self, shown: Shown<'_>) -> Result<Principal, Error> {
        match self.check_shown(shown).await {
            Ok(principal) => Ok(principal),
            Err(NotLetIn { error, why }) => {
                if let Some((reason, token)) = why {
                    self.0.refusals.note(reason, shown.origin, token, self.now());
                }
                Err(error)
            }
        }
    }

    /// A token says who calls; a certificate beside it must name the same principal, so
    /// that a token is of no use to another workload.
    async fn check_shown(&self, shown: Shown<'_>) -> Result<Principal, NotLetIn> {
        let certified = match shown.certificate {
            Some(chain) => self.certified(chain).await?,
            None => None,
        };
        match (shown.secret, certified) {
            (None, None) => Err(Error::TokenInvalid.into()),
            (None, Some(identity)) => self.vouched_for(identity, self.now()).await,
            (Some(secret), certified) => {
                let principal = self.check(secret).await?;
                match certified.filter(|it| it.name != principal.name) {
                    Some(_) => Err(Refusal::OtherPrincipal.into()),
                    None => Ok(principal),
                }
            }
        }
    }
}
