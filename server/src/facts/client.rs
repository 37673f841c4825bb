//! The HTTP client of one provider: whom it trusts, and what it shows.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::FactsError;
use crate::config::{FactProtocol, FactProviderConfig};
use crate::engine::facts::MAX_QUESTIONS_AT_ONCE;
use crate::outgoing;

/// How long a connection may take: no longer than the longest question.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of a token.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A client that sends bodies of one kind.
pub(super) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// What the client of one provider needs.
#[derive(Clone, Debug)]
pub(super) struct Access {
    tls: ClientConfig,
    token_file: Option<PathBuf>,
}

impl Access {
    /// Reads the files that the configuration names; a file that cannot be used is
    /// found at the start and not with the first question.
    pub(super) fn read(name: &str, config: &FactProviderConfig) -> Result<Self, FactsError> {
        if let Some(path) = &config.token_file {
            let read = std::fs::read(path).and_then(|bytes| bearer(&bytes));
            read.map_err(|cause| FactsError::Token {
                name: name.to_owned(),
                path: path.clone(),
                cause,
            })?;
        }
        let is_encrypted = config.address().is_ok_and(|it| it.is_encrypted());
        let tls = match is_encrypted || config.ca_file.is_some() {
            true => outgoing::trusting(config.ca_file.as_deref()),
            false => outgoing::trusting_nobody(),
        };
        let tls = tls.map_err(|problem| FactsError::Trust { name: name.to_owned(), problem })?;
        Ok(Self { tls, token_file: config.token_file.clone() })
    }

    /// A client that speaks as the protocol needs it.
    pub(super) fn client<B>(&self, protocol: FactProtocol) -> HttpClient<B>
    where
        B: Body + Send + 'static + Unpin,
        B::Data: Send,
    {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_nodelay(true);
        plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
        let builder = builder.https_or_http();
        let is_grpc = protocol == FactProtocol::Grpc;
        let connector = match is_grpc {
            true => builder.enable_http2().wrap_connector(plain),
            false => builder.enable_all_versions().wrap_connector(plain),
        };
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_QUESTIONS_AT_ONCE)
            .http2_only(is_grpc)
            .build(connector)
    }

    /// The header with the token, as the file has it now: it may be renewed.
    pub(super) async fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let read = tokio::fs::read(path).await.and_then(|bytes| bearer(&bytes));
        read.map(Some).map_err(|_| "its token cannot be read".to_owned())
    }
}

fn bearer(bytes: &[u8]) -> std::io::Result<HeaderValue> {
    let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let token = bytes.trim_ascii();
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return Err(wrong("want one token of at most 16 KiB"));
    }
    let text = [b"Bearer ", token].concat();
    let value = HeaderValue::from_bytes(&text);
    let mut value = value.map_err(|_| wrong("a token is one line of plain text"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why a request failed before there was an answer, in words that name no address.
pub(super) fn unreachable(error: &(dyn Error + 'static)) -> String {
    match outgoing::tls_error(error) {
        Some(error) => format!("its encryption cannot be trusted: {}", tls_words(error)),
        None => "there is no connection to it".to_owned(),
    }
}

fn tls_words(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => "its certificate is not one to trust",
        rustls::Error::InvalidMessage(_) => "it does not speak TLS",
        _ => "the handshake failed",
    }
}
