//! A provider's keys: fetched when they are needed, and again when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls::ClientConfig;
use serde_json::Value;

use crate::domain::time::{Span, Timestamp};

/// How long keys count without a look whether they have changed.
const FRESH: Span = Span::from_secs(10 * 60);
/// How long they count if none can be had.
const KEPT: Span = Span::from_secs(24 * 60 * 60);
/// How long lies between two looks at least, whatever tokens name.
const PAUSE: Span = Span::from_secs(60);
/// How long a look may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of a set of keys.
const MAX_SET_BYTES: usize = 256 * 1024;
/// The most keys of a set.
const MAX_KEYS: usize = 64;

/// A key, and the one algorithm that it is for.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) key: Arc<DecodingKey>,
    pub(super) algorithm: Algorithm,
}

type Set = HashMap<String, Key>;
type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Where keys are.
pub(super) enum Source {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address(Uri, Box<HttpClient>),
}

/// The keys of one provider.
pub(super) struct Keys {
    source: Source,
    state: Mutex<State>,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Set,
    /// When they were had.
    had: Option<Timestamp>,
    /// When it was last tried to have them.
    tried: Option<Timestamp>,
}

impl Source {
    pub(super) fn address(uri: Uri, tls: ClientConfig) -> Self {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        Self::Address(uri, Box::new(Client::builder(TokioExecutor::new()).build(connector)))
    }

    async fn keys(&self) -> Result<Set, String> {
        match self {
            Self::File(path) => read_file(path),
            Self::Address(uri, client) => {
                let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(client, uri)).await;
                parse(&fetched.map_err(|_| "it took too long".to_owned())??)
            }
        }
    }
}

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        Self { source, state: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    /// The key of a name. One that is not known is looked for, but not more often than
    /// once a minute; what nobody could confirm for a day does not count.
    pub(super) async fn find(&self, name: &str, now: Timestamp) -> Option<Key> {
        if let Some(key) = self.known(name, now, FRESH) {
            return Some(key);
        }
        if self.may_look(now) {
            let _looking = self.looking.lock().await;
            // Somebody else may have looked meanwhile.
            if self.may_look(now) {
                self.look(now).await;
            }
        }
        self.known(name, now, KEPT)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn known(&self, name: &str, now: Timestamp, age: Span) -> Option<Key> {
        self.with(|state| {
            let is_young = state.had.is_some_and(|had| now.since(had) < age);
            state.keys.get(name).filter(|_| is_young).cloned()
        })
    }

    fn may_look(&self, now: Timestamp) -> bool {
        self.with(|state| state.tried.is_none_or(|tried| now.since(tried) >= PAUSE))
    }

    async fn look(&self, now: Timestamp) {
        self.with(|state| state.tried = Some(now));
        match self.source.keys().await {
            Ok(keys) => self.with(|state| (state.keys, state.had) = (keys, Some(now))),
            Err(problem) => {
                tracing::warn!(problem, "the keys of the identity provider cannot be had");
            }
        }
    }
}

/// The keys of a file.
pub(super) fn read_file(path: &Path) -> Result<Set, String> {
    let read = std::fs::read(path).map_err(|cause| cause.to_string())?;
    parse(&read)
}

async fn fetch(client: &HttpClient, uri: &Uri) -> Result<Bytes, String> {
    let answer = client.get(uri.clone()).await.map_err(|_| "there is no connection".to_owned())?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), MAX_SET_BYTES).collect().await;
    Ok(body
        .map_err(|_| format!("its answer broke off, or is over {MAX_SET_BYTES} bytes"))?
        .to_bytes())
}

/// The keys of a set that signatures can be verified with. Others are left out: a
/// provider may have keys for other uses.
fn parse(bytes: &[u8]) -> Result<Set, String> {
    if bytes.len() > MAX_SET_BYTES {
        return Err(format!("over {MAX_SET_BYTES} bytes"));
    }
    let set: Value = serde_json::from_slice(bytes).map_err(|_| "no JSON".to_owned())?;
    let list = set.get("keys").and_then(Value::as_array);
    let list = list.ok_or_else(|| "no list `keys`".to_owned())?;
    if list.len() > MAX_KEYS {
        return Err(format!("{} keys, at most {MAX_KEYS}", list.len()));
    }
    let keys: Set = list.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err("no RS256, ES256 or EdDSA key with a `kid`".to_owned());
    }
    Ok(keys)
}

fn key(value: &Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let may_verify =
        jwk.common.key_operations.as_ref().is_none_or(|it| it.contains(&KeyOperations::Verify));
    let (algorithm, declared) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let is_its_own = jwk.common.key_algorithm.is_none_or(|it| it == declared);
    let name = jwk.common.key_id.clone().filter(|name| !name.is_empty())?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let is_fit = is_for_signatures && may_verify && is_its_own;
    is_fit.then(|| (name, Key { key: Arc::new(key), algorithm }))
}
