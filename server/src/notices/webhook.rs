//! A channel that is an address: one signed POST for each attempt.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::address::Reach;
use super::connect::{Resolve, dial};
use super::letter;
use super::sign::Secrets;
use crate::config::{WebhookConfig, is_loopback};
use crate::domain::notice::DeliveryProblem;
use crate::domain::time::Span;
use crate::engine::outbox::{Courier, Letter, Undelivered};
use crate::outgoing::{self, TrustError};

/// The most bytes of an answer that are looked at: its head. The rest is never read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
const AGENT: &str = concat!("pointsman/", env!("CARGO_PKG_VERSION"));

/// Posts to one address.
pub(super) struct WebhookCourier {
    host: String,
    port: u16,
    authority: HeaderValue,
    path: String,
    tls: Option<TlsConnector>,
    reach: Reach,
    secrets: Secrets,
    resolver: Arc<dyn Resolve>,
}

impl WebhookCourier {
    pub(super) fn new(
        uri: Uri,
        config: &WebhookConfig,
        secrets: Secrets,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, TrustError> {
        let is_encrypted = uri.scheme_str() == Some("https");
        let tls = match is_encrypted {
            true => Some(outgoing::trusting(config.ca_file.as_deref())?),
            false => None,
        };
        let reach = match !is_encrypted && is_loopback(&uri) {
            true => Reach::Loopback,
            false => Reach::Public { allow: config.allow.clone() },
        };
        let host = uri.host().unwrap_or_default();
        let authority = uri.authority().map(|it| it.as_str()).unwrap_or_default();
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if is_encrypted { HTTPS_PORT } else { HTTP_PORT }),
            authority: HeaderValue::from_str(authority)
                .unwrap_or_else(|_| HeaderValue::from_static("")),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            tls: tls.map(|config| TlsConnector::from(Arc::new(config))),
            reach,
            secrets,
            resolver,
        })
    }

    fn request(&self, letter: &Letter) -> Result<Request<Full<Bytes>>, DeliveryProblem> {
        let unsendable = DeliveryProblem::BrokeOff;
        let body = letter::body(letter).ok_or(unsendable)?;
        let id = letter.notice.id.to_string();
        let (timestamp, _) = letter.time.to_seconds_nanos();
        let signature = self.secrets.sign(&id, timestamp, &body);
        let signature = signature.map_err(|_| DeliveryProblem::NoSecret)?;
        let request = Request::post(&self.path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header(CONNECTION, "close")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        request.body(Full::from(body)).map_err(|_| unsendable)
    }

    async fn post(&self, request: Request<Full<Bytes>>) -> Result<StatusAndWait, DeliveryProblem> {
        let stream = dial(&*self.resolver, &self.reach, &self.host, self.port).await?;
        let Some(tls) = &self.tls else { return exchange(stream, request).await };
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|_| DeliveryProblem::NotTrusted)?;
        let stream = tls.connect(name, stream).await;
        let stream = stream.map_err(|error| match outgoing::tls_error(&error) {
            Some(_) => DeliveryProblem::NotTrusted,
            None => DeliveryProblem::BrokeOff,
        })?;
        exchange(stream, request).await
    }
}

type StatusAndWait = (StatusCode, Option<Span>);

/// Sends a request and reads the head of the answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusAndWait, DeliveryProblem> {
    let broke_off = |_: hyper::Error| DeliveryProblem::BrokeOff;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let shaken = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(broke_off)?;
    let answer = Box::pin(sender.send_request(request));
    let answer: Response<Incoming> = match select(answer, connection).await {
        Either::Left((answer, _)) => answer.map_err(broke_off)?,
        // The end of the connection may bring the answer with it.
        Either::Right((_, answer)) => answer.await.map_err(broke_off)?,
    };
    Ok((answer.status(), retry_after(answer.headers())))
}

fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Span::from_secs(i64::from(seconds)))
}

#[async_trait]
impl Courier for WebhookCourier {
    async fn deliver(&self, letter: &Letter) -> Result<(), Undelivered> {
        let (status, retry_after) = self.post(self.request(letter)?).await?;
        let problem = match status {
            status if status.is_success() => return Ok(()),
            StatusCode::GONE => DeliveryProblem::Gone,
            status if status.is_redirection() => DeliveryProblem::Redirected(status.as_u16()),
            status => DeliveryProblem::Status(status.as_u16()),
        };
        Err(Undelivered { problem, retry_after })
    }
}
