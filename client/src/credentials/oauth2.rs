//! `oauth2-refresh:NAME` and `oauth2-client:NAME`: fresh access tokens of a real
//! token endpoint (RFC 6749, sections 6 and 4.4).
//!
//! The name stands for an [`OAuth2Client`] that the program describes: a checkpoint
//! chooses among these and can reach no other endpoint. Tokens are kept until
//! shortly before they lapse, and of one name one is fetched at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Resolver, Resolvers, Secret, Unresolved};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};

mod exchange;
mod http;
mod renewal;

use exchange::Exchange;
use renewal::Renewal;

/// How long the token endpoint may take, unless set otherwise.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// How a program shows the token endpoint who it is: RFC 6749, section 2.3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_secret_basic`: in the header.
    #[default]
    Basic,
    /// `client_secret_post`: in the form.
    Post,
}

/// One client of one token endpoint. Its own secrets are references, which the
/// program's sources resolve; no checkpoint can name those.
///
/// ```
/// use pointsman_client::{KeptInFile, OAuth2Client};
///
/// let crm = OAuth2Client::new("https://login.example.org/token", "agent-crm")
///     .client_secret("file:/run/secrets/crm-client")
///     .refresh_token("file:/var/lib/agent/crm-refresh")
///     .keeper(KeptInFile::at("/var/lib/agent/crm-refresh"))
///     .scope("contacts.write");
/// ```
#[derive(Clone, Debug)]
pub struct OAuth2Client {
    token_endpoint: String,
    client_id: String,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    scopes: Vec<String>,
    audience: Option<String>,
    authentication: ClientAuthentication,
    keeper: Option<Arc<dyn RefreshTokenKeeper>>,
}

/// Keeps the refresh token that a token endpoint gives in place of the former one,
/// which no longer counts then.
#[async_trait]
pub trait RefreshTokenKeeper: fmt::Debug + Send + Sync + 'static {
    /// Keeps the new refresh token of this name. Once it returns, it must be
    /// durable: nobody gets the access token before.
    async fn keep(&self, name: &str, token: &Secret) -> Result<(), Unresolved>;
}

/// Resolves names to access tokens. Make one per process: it holds the tokens.
#[derive(Debug)]
pub struct OAuth2 {
    renewals: BTreeMap<String, Arc<Renewal>>,
}

/// Collects what an [`OAuth2`] needs.
#[derive(Debug)]
pub struct OAuth2Builder {
    flow: Flow,
    sources: Resolvers,
    clients: BTreeMap<String, OAuth2Client>,
    clock: Arc<dyn Clock>,
    tls_ca: Option<Vec<u8>>,
    limit: Duration,
}

/// What is exchanged for an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    RefreshToken,
    ClientCredentials,
}

// === impl OAuth2Client ===

impl OAuth2Client {
    /// A client without a secret, at an `https:` endpoint; `http:` on loopback only.
    pub fn new(token_endpoint: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            token_endpoint: token_endpoint.into(),
            client_id: client_id.into(),
            client_secret: None,
            refresh_token: None,
            scopes: Vec::new(),
            audience: None,
            authentication: ClientAuthentication::default(),
            keeper: None,
        }
    }

    /// Where the client's secret is: a reference, read for each exchange.
    #[must_use]
    pub fn client_secret(mut self, reference: impl Into<String>) -> Self {
        self.client_secret = Some(reference.into());
        self
    }

    /// Where the refresh token is: a reference, read for each exchange. Endpoints that
    /// rotate refresh tokens often take all of them back if a former one comes again:
    /// give each process one of its own.
    #[must_use]
    pub fn refresh_token(mut self, reference: impl Into<String>) -> Self {
        self.refresh_token = Some(reference.into());
        self
    }

    /// Keeps the refresh token that takes the place of the former one. Without a
    /// keeper it is lost when the process ends.
    #[must_use]
    pub fn keeper(mut self, keeper: impl RefreshTokenKeeper) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// Asks for this scope, too.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Names the API that the token is for, where the endpoint wants it: `audience`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Shows who it is in this way.
    #[must_use]
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// What is missing for this kind of exchange.
    fn lacks(&self, flow: Flow) -> Option<&'static str> {
        match flow {
            _ if self.client_id.is_empty() => Some("its client id"),
            Flow::RefreshToken if self.refresh_token.is_none() => Some("a refresh token"),
            Flow::ClientCredentials if self.client_secret.is_none() => Some("a client secret"),
            Flow::RefreshToken | Flow::ClientCredentials => None,
        }
    }
}

// === impl OAuth2 ===

impl OAuth2 {
    /// Exchanges refresh tokens: register it as `oauth2-refresh`. `sources` resolve
    /// the clients' own secrets.
    pub fn by_refresh_token(sources: Resolvers) -> OAuth2Builder {
        OAuth2Builder::new(Flow::RefreshToken, sources)
    }

    /// Exchanges the clients' own credentials: register it as `oauth2-client`.
    pub fn by_client_credentials(sources: Resolvers) -> OAuth2Builder {
        OAuth2Builder::new(Flow::ClientCredentials, sources)
    }
}

#[async_trait]
impl Resolver for OAuth2 {
    async fn resolve(&self, name: &str) -> Result<Secret, Unresolved> {
        let Some(renewal) = self.renewals.get(name) else {
            let rule = "the name is none of the clients that it describes".to_owned();
            return Err(Unresolved::NotAllowed { rule });
        };
        renewal.token().await
    }
}

// === impl OAuth2Builder ===

impl OAuth2Builder {
    fn new(flow: Flow, sources: Resolvers) -> Self {
        Self {
            flow,
            sources,
            clients: BTreeMap::new(),
            clock: Arc::new(SystemClock),
            tls_ca: None,
            limit: EXCHANGE_LIMIT,
        }
    }

    /// Describes what a name stands for.
    #[must_use]
    pub fn client(mut self, name: impl Into<String>, client: OAuth2Client) -> Self {
        self.clients.insert(name.into(), client);
        self
    }

    /// Takes the time from here.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Trusts the certificate authorities of this PEM text, and no others. Without
    /// it those that the system trusts.
    #[must_use]
    pub fn tls_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls_ca = Some(pem.into());
        self
    }

    /// Gives the token endpoint this long for an answer; 10 s unless set.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Checks the clients; asks nothing of their endpoints yet.
    ///
    /// # Errors
    ///
    /// InvalidInput, naming the client: its endpoint is neither `https:` nor on
    /// loopback, it lacks what is to be exchanged, or nobody can be trusted.
    pub fn build(self) -> Result<OAuth2> {
        let endpoints = self.clients.values().map(|client| client.token_endpoint.as_str());
        let http = http::client(endpoints, self.tls_ca.as_deref())?;
        let mut renewals = BTreeMap::new();
        for (name, client) in self.clients {
            let of_client =
                |problem| Error::invalid_input(format!("the OAuth 2.0 client `{name}` {problem}"));
            if let Some(part) = client.lacks(self.flow) {
                return Err(of_client(format!("lacks {part}")));
            }
            let uri = http::endpoint(&client.token_endpoint)
                .map_err(|problem| of_client(format!("has no usable token endpoint: {problem}")))?;
            let exchange = Exchange {
                flow: self.flow,
                uri,
                client,
                sources: self.sources.clone(),
                http: http.clone(),
                limit: self.limit,
            };
            let renewal = Renewal::new(name.clone(), exchange, Arc::clone(&self.clock));
            renewals.insert(name, Arc::new(renewal));
        }
        Ok(OAuth2 { renewals })
    }
}

#[cfg(test)]
mod tests;
