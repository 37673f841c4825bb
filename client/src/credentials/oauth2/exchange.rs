//! One exchange with a token endpoint: what is sent, and what is believed.
//!
//! Nothing that was sent or received stands in an error, but for the endpoint's
//! error code and its own words, and those only without any secret in them.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use form_urlencoded::{Serializer, byte_serialize};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::http::HttpClient;
use super::{ClientAuthentication, Flow, OAuth2Client};
use crate::credentials::{Resolvers, Secret, Unresolved};
use crate::error::deepest;

/// The most bytes of an answer that are read.
const LONGEST_ANSWER: usize = 256 << 10;
/// The longest error code that is shown, in bytes.
const LONGEST_CODE: usize = 64;
/// The most characters that are shown of the endpoint's words.
const LONGEST_DESCRIPTION: usize = 200;
/// Error codes that mean "later".
const LATER: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];

/// How to get one client's tokens.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) flow: Flow,
    pub(super) uri: Uri,
    pub(super) client: OAuth2Client,
    pub(super) sources: Resolvers,
    pub(super) http: HttpClient,
    pub(super) limit: Duration,
}

/// What an exchange gave.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: Secret,
    /// How long it lives; none if the endpoint did not say.
    pub(super) life: Option<Duration>,
    /// The refresh token that counts from now on; none: the former.
    pub(super) refresh: Option<Secret>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

// === impl Exchange ===

impl Exchange {
    /// The refresh token as its source has it now; none where none is exchanged.
    pub(super) async fn source(&self) -> Result<Option<Secret>, Unresolved> {
        match self.flow {
            Flow::RefreshToken => {
                self.needed("refresh token", self.client.refresh_token.as_deref()).await
            }
            Flow::ClientCredentials => Ok(None),
        }
    }

    /// Exchanges a refresh token, or the client's own credentials.
    pub(super) async fn run(&self, refresh: Option<&Secret>) -> Result<Tokens, Unresolved> {
        let secret = self.needed("client secret", self.client.client_secret.as_deref()).await?;
        let request = self.request(refresh, secret.as_ref())?;
        let answered = match tokio::time::timeout(self.limit, self.send(request)).await {
            Ok(answered) => answered?,
            Err(_) => return Err(unavailable(format!("no answer within {:?}", self.limit))),
        };
        let sent: Vec<&Secret> = refresh.into_iter().chain(secret.as_ref()).collect();
        let mut tokens = read(answered.0, &answered.1, &sent)?;
        // Nothing refreshes what the client's own credentials give: RFC 6749, section 4.4.3.
        tokens.refresh = tokens.refresh.filter(|_| self.flow == Flow::RefreshToken);
        Ok(tokens)
    }

    async fn needed(
        &self,
        part: &'static str,
        reference: Option<&str>,
    ) -> Result<Option<Secret>, Unresolved> {
        let Some(reference) = reference else { return Ok(None) };
        let resolved = self.sources.resolve_one(reference).await;
        let needs = |cause| Unresolved::Needs { part, cause: Box::new(cause) };
        resolved.map(Some).map_err(needs)
    }

    fn request(
        &self,
        refresh: Option<&Secret>,
        secret: Option<&Secret>,
    ) -> Result<Request<Full<Bytes>>, Unresolved> {
        let (id, authentication) = (&self.client.client_id, self.client.authentication);
        let mut form = Serializer::new(String::new());
        match (self.flow, refresh) {
            (Flow::RefreshToken, Some(token)) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", token.expose());
            }
            (Flow::RefreshToken, None) | (Flow::ClientCredentials, _) => {
                form.append_pair("grant_type", "client_credentials");
            }
        }
        if !self.client.scopes.is_empty() {
            form.append_pair("scope", &self.client.scopes.join(" "));
        }
        if let Some(audience) = &self.client.audience {
            form.append_pair("audience", audience);
        }
        let mut header = None;
        match (secret, authentication) {
            (Some(secret), ClientAuthentication::Basic) => header = Some(basic(id, secret)?),
            (Some(secret), ClientAuthentication::Post) => {
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
            }
            (None, _) => drop(form.append_pair("client_id", id)),
        }
        let body = Zeroizing::new(form.finish().into_bytes());
        let mut request = Request::new(Full::new(Bytes::from_owner(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Unresolved> {
        let answer = self.http.request(request).await;
        let answer = answer.map_err(|cause| unavailable(deepest(&cause)))?;
        let status = answer.status();
        match Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(cause) if cause.is::<http_body_util::LengthLimitError>() => {
                Err(Unresolved::Garbled { problem: "it is longer than 256 KiB" })
            }
            Err(cause) => Err(unavailable(format!("the answer broke off: {cause}"))),
        }
    }
}

/// `Basic …` of RFC 6749, section 2.3.1: both parts are encoded as in forms first.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, Unresolved> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let secret = Zeroizing::new(encoded(secret.expose()));
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), *secret));
    let header = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(&*pair)));
    let mut value = HeaderValue::from_str(&header)
        .map_err(|_| Unresolved::NoSecret { problem: "it fits into no header" })?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(status: StatusCode, body: &[u8], sent: &[&Secret]) -> Result<Tokens, Unresolved> {
    if status.is_success() {
        return tokens(body);
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(unavailable(format!("it answers with status {}", status.as_u16())));
    }
    if status.is_redirection() {
        return Err(Unresolved::Garbled { problem: "it sends elsewhere, where no secret is sent" });
    }
    Err(refusal(body, sent))
}

fn tokens(body: &[u8]) -> Result<Tokens, Unresolved> {
    let garbled = |problem| Unresolved::Garbled { problem };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| garbled("it is not a token as JSON"))?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(garbled("its token is not a bearer token"));
    }
    let life = answer.expires_in.as_ref().map(seconds).transpose()?;
    let refresh = answer.refresh_token.filter(|text| !text.is_empty());
    Ok(Tokens {
        access: token(answer.access_token)?,
        life,
        refresh: refresh.map(token).transpose()?,
    })
}

/// A token has visible characters and spaces only: RFC 6749, appendix A.12.
fn token(text: String) -> Result<Secret, Unresolved> {
    if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(Unresolved::Garbled { problem: "its token has characters that no token has" });
    }
    Secret::new(text)
}

/// `expires_in`: a number of seconds, which some endpoints write as text.
fn seconds(value: &Value) -> Result<Duration, Unresolved> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let garbled = Unresolved::Garbled { problem: "its `expires_in` is no number of seconds" };
    seconds.map(Duration::from_secs).ok_or(garbled)
}

fn refusal(body: &[u8], sent: &[&Secret]) -> Unresolved {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return Unresolved::Garbled { problem: "it refuses, and does not say why" };
    };
    let error = refusal.error;
    let is_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if error.len() > LONGEST_CODE || !error.bytes().all(is_code) || !is_clean(&error, sent) {
        return Unresolved::Garbled { problem: "it refuses, and does not say why" };
    }
    if LATER.contains(&error.as_str()) {
        return unavailable(error);
    }
    let words = refusal.error_description.filter(|words| is_clean(words, sent));
    let words = words.unwrap_or_default();
    let description = words.chars().filter(|it| !it.is_control()).take(LONGEST_DESCRIPTION);
    Unresolved::Refused { error, description: description.collect() }
}

/// Whether none of the secrets stands in the text, neither as it is nor as in forms.
fn is_clean(text: &str, secrets: &[&Secret]) -> bool {
    secrets.iter().all(|secret| {
        let encoded =
            Zeroizing::new(byte_serialize(secret.expose().as_bytes()).collect::<String>());
        !text.contains(secret.expose()) && !text.contains(encoded.as_str())
    })
}

fn unavailable(problem: impl Into<String>) -> Unresolved {
    Unresolved::Unavailable { what: "the token endpoint", problem: problem.into() }
}

/// The token with its end, if the endpoint said when that is.
pub(super) fn ending(tokens: &Tokens, since: SystemTime) -> Secret {
    match tokens.life {
        Some(life) => tokens.access.clone().living(since, life),
        None => tokens.access.clone(),
    }
}
