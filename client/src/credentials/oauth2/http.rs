//! The way to a token endpoint: encrypted, or on this machine.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::connect::system_authorities;
use crate::error::{Error, Result};

/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for these endpoints. It follows no redirects: a secret goes where the
/// program sends it and nowhere else.
pub(super) fn client<'a>(
    endpoints: impl IntoIterator<Item = &'a str>,
    tls_ca: Option<&[u8]>,
) -> Result<HttpClient> {
    let is_encrypted = endpoints.into_iter().any(|it| it.starts_with("https:"));
    let roots = match (tls_ca, is_encrypted) {
        (Some(pem), _) => authorities(pem)?,
        (None, true) => authorities(&system_authorities()?)?,
        (None, false) => RootCertStore::empty(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(|cause| Error::invalid_input(format!("TLS cannot be set up: {cause}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(plain);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_LIMIT)
        .build(connector))
}

/// The address of a token endpoint, if secrets may be sent there.
pub(super) fn endpoint(address: &str) -> Result<Uri, String> {
    if address.contains('#') {
        return Err(format!("`{address}` has a fragment"));
    }
    let uri: Uri = address.parse().map_err(|_| format!("`{address}` is not an address"))?;
    let authority = uri.authority().ok_or_else(|| format!("`{address}` names no host"))?;
    if authority.as_str().contains('@') {
        return Err("an address with a user name in it is none to write down".to_owned());
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        Some("http") => Err(format!("`{address}` is not encrypted: only loopback may be so")),
        _ => Err(format!("`{address}` does not begin with https://")),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Those of a PEM text that can be read; some that cannot are no reason to distrust
/// the others.
fn authorities(pem: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    if roots.is_empty() {
        return Err(Error::invalid_input("there is no certificate authority to trust"));
    }
    Ok(roots)
}
